/* test-file.c - images in files, and the locks that QEMU understands
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE (1 << 20)

typedef struct
{
  char *folder;
  char *path;
  BanyanTestGraph *graph;
} Image;

static char *
nodes_for (const Image *image, const char *more)
{
  return g_strdup_printf ("disk: { driver: file, filename: %s%s }\n", image->path, more);
}

/* A sparse file, not opened yet. */
static Image *
image_new (void)
{
  Image *image = g_new0 (Image, 1);
  g_autoptr (GError) error = NULL;
  int fd;

  image->folder = g_dir_make_tmp ("banyan-file-XXXXXX", &error);
  g_assert_no_error (error);
  image->path = g_build_filename (image->folder, "image.raw", NULL);
  fd = g_open (image->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, IMAGE_SIZE), ==, 0);
  close (fd);
  return image;
}

static void
image_open (Image *image, const char *more)
{
  g_autofree char *nodes = nodes_for (image, more);

  image->graph = banyan_test_graph_must_load (nodes);
}

static void
image_free (Image *image)
{
  g_clear_pointer (&image->graph, banyan_test_graph_free);
  g_unlink (image->path);
  g_rmdir (image->folder);
  g_free (image->path);
  g_free (image->folder);
  g_free (image);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Image, image_free)

static void
must_write (Image *image, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, offset, length, 3);
  banyan_test_write (image->graph, "disk", offset, bytes, length, &error);
  g_assert_no_error (error);
}

/* What the file itself holds, asked past the library. */
static guint8 *
contents_of (const Image *image, gsize *length)
{
  g_autoptr (GError) error = NULL;
  char *contents;

  g_file_get_contents (image->path, &contents, length, &error);
  g_assert_no_error (error);
  return (guint8 *) contents;
}

static void
assert_zero (const guint8 *bytes, gsize length)
{
  g_autofree guint8 *zeroes = g_malloc0 (length);

  g_assert_cmpmem (bytes, length, zeroes, length);
}

static void
check_reads_back (const char *more)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = g_malloc (300000);
  g_autofree guint8 *contents = NULL;
  gsize length;

  image_open (image, more);
  must_write (image, 1001, 300000);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  banyan_test_read (image->graph, "disk", 1001, bytes, 300000, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 1001, 300000, 3);

  contents = contents_of (image, &length);
  g_assert_cmpuint (length, ==, IMAGE_SIZE);
  assert_zero (contents, 1001);
  banyan_test_assert_filled (contents + 1001, 1001, 300000, 3);
  assert_zero (contents + 301001, IMAGE_SIZE - 301001);
}

static void
test_reads_back (void)
{
  g_test_summary ("What is written lies in the file at its place, through the ring and threads");

  check_reads_back ("");
  check_reads_back (", aio: threads");
}

static void
test_zeroes_and_discard (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *contents = NULL;
  gsize length;

  g_test_summary ("Zeroes are zeroes and spare what is around them; a discard keeps the length");

  image_open (image, "");
  must_write (image, 0, 256 << 10);
  g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 1000, 100000, 0, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_discard (image->graph, "disk", 128 << 10, 64 << 10, &error), !=,
                   BANYAN_FAILED);
  g_assert_no_error (error);

  contents = contents_of (image, &length);
  g_assert_cmpuint (length, ==, IMAGE_SIZE);
  banyan_test_assert_filled (contents, 0, 1000, 3);
  assert_zero (contents + 1000, 100000);
  banyan_test_assert_filled (contents + 101000, 101000, (128 << 10) - 101000, 3);
  banyan_test_assert_filled (contents + (192 << 10), 192 << 10, 64 << 10, 3);
}

static void
test_resize (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *contents = NULL;
  gsize length;

  g_test_summary ("To resize the node resizes the file");

  image_open (image, "");
  g_assert_cmpint (banyan_test_resize (image->graph, "disk", 12345, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  contents = contents_of (image, &length);
  g_assert_cmpuint (length, ==, 12345);
}

static void
test_refuses_what_is_no_image (void)
{
  static const struct
  {
    const char *path;
    int number;
  } bad[] = {
    { "/nonexistent/image.raw", ENOENT },
    { "/", EISDIR },
    { "/dev/null", EINVAL },
  };

  g_test_summary ("A missing file, a folder and a character device are refused");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *nodes = g_strdup_printf (
          "disk: { driver: file, filename: %s, read-only: true }\n", bad[i].path);
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (nodes, &error));
      g_assert_error (error, BANYAN_ERRNO, bad[i].number);
    }
}

/* -- Locks. -- */

static BanyanBackend *
hold_write (Image *image, GError **error)
{
  return banyan_backend_new (banyan_test_get_node (image->graph, "disk"), "writer",
                             BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                             BANYAN_PERMISSION_CONSISTENT_READ, error);
}

static gboolean
qemu_io_writes (const Image *image, char **said)
{
  const char *const argv[] = { "qemu-io", "-f", "raw", "-c", "write 0 512", image->path, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, said, &status,
                &error);
  g_assert_no_error (error);
  return g_spawn_check_wait_status (status, NULL);
}

static void
test_keeps_qemu_out (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *qemu_io = g_find_program_in_path ("qemu-io");
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  g_autofree char *said_later = NULL;
  BanyanBackend *writer;

  g_test_summary ("While we write an image qemu-io cannot, and afterwards it can");

  if (qemu_io == NULL)
    {
      g_test_skip ("there is no qemu-io");
      return;
    }

  image_open (image, "");
  writer = hold_write (image, &error);
  g_assert_no_error (error);
  g_assert_false (qemu_io_writes (image, &said));
  g_assert_nonnull (strstr (said, "lock"));

  banyan_backend_close (writer);
  g_object_unref (writer);
  g_assert_true (qemu_io_writes (image, &said_later));
}

/* Byte 201 is what QEMU holds when it shares its image with no other writer. */
static void
test_kept_out (void)
{
  g_autoptr (Image) image = image_new ();
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1 };
  g_autoptr (GError) error = NULL;
  BanyanBackend *writer;
  int fd = g_open (image->path, O_RDWR | O_CLOEXEC, 0);

  g_test_summary ("Where another does not share writing we are refused, until it lets go");

  image_open (image, "");
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
  g_assert_null (hold_write (image, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  g_clear_error (&error);

  close (fd);
  writer = hold_write (image, &error);
  g_assert_no_error (error);
  banyan_backend_close (writer);
  g_object_unref (writer);
}

/* -- Past the page cache. -- */

#define LONGEST 5000

static gboolean
has_direct_io (const char *path)
{
  int fd = g_open (path, O_RDONLY | O_DIRECT | O_CLOEXEC, 0);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

static void
assert_on_disk (const Image *image, gsize length, guint seed)
{
  g_autofree char *contents = NULL;
  gsize found = 0;

  g_assert_true (g_file_get_contents (image->path, &contents, &found, NULL));
  g_assert_cmpuint (found, ==, length);
  banyan_test_assert_filled (contents, 0, length, seed);
}

/* All of it, its last byte, and across the last boundary. */
static void
use_odd_image (Image *image, gsize length)
{
  guint8 data[LONGEST];
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (truncate (image->path, length), ==, 0);
  image_open (image, ", cache: { direct: true }");

  banyan_test_fill (data, 0, length, 1);
  banyan_test_write (image->graph, "disk", 0, data, length, &error);
  g_assert_no_error (error);
  banyan_test_fill (data, length - 1, 1, 1);
  banyan_test_write_flags (image->graph, "disk", length - 1, data, 1, BANYAN_REQUEST_FUA, &error);
  g_assert_no_error (error);

  memset (data, 0xee, sizeof data);
  banyan_test_read (image->graph, "disk", 0, data, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, length, 1);
  banyan_test_read (image->graph, "disk", length / 2, data, length - length / 2, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, length / 2, length - length / 2, 1);

  g_clear_pointer (&image->graph, banyan_test_graph_free);
  assert_on_disk (image, length, 1);
}

static void
test_odd_direct (void)
{
  static const gsize lengths[] = { 1, 511, 512, 513, 1023, 4095, 4096, 4097, LONGEST };
  g_autoptr (Image) image = image_new ();

  g_test_summary ("With cache.direct a file of any length is read and written to its last byte");

  if (!has_direct_io (image->path))
    {
      g_test_skip ("the file system of the temporary folder has no O_DIRECT");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    use_odd_image (image, lengths[i]);
}

static void
test_one_writer (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *linked = g_strconcat (image->path, ".link", NULL);
  g_autofree char *nodes = NULL;
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (BanyanBackend) first = NULL;
  g_autoptr (BanyanBackend) second = NULL;
  g_autoptr (GError) error = NULL;
  const guint writes = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE;

  g_test_summary ("Two nodes on one image, by whatever name, do not both write to it");

  g_assert_cmpint (link (image->path, linked), ==, 0);
  nodes = g_strdup_printf ("a: { driver: file, filename: %s }\n"
                           "b: { driver: file, filename: %s }\n",
                           image->path, linked);
  graph = banyan_test_graph_must_load (nodes);
  first = banyan_backend_new (banyan_test_get_node (graph, "a"), "first", writes,
                              BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  second = banyan_backend_new (banyan_test_get_node (graph, "b"), "second", writes,
                               BANYAN_PERMISSIONS_ALL, &error);
  g_assert_null (second);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);

  banyan_backend_close (first);
  g_clear_error (&error);
  second = banyan_backend_new (banyan_test_get_node (graph, "b"), "second", writes,
                               BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  banyan_backend_close (second);
  g_unlink (linked);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/reads-back", test_reads_back);
  g_test_add_func ("/protocol/file/zeroes-and-discard", test_zeroes_and_discard);
  g_test_add_func ("/protocol/file/resizes", test_resize);
  g_test_add_func ("/protocol/file/refuses-what-is-no-image", test_refuses_what_is_no_image);
  g_test_add_func ("/protocol/file/keeps-qemu-out", test_keeps_qemu_out);
  g_test_add_func ("/protocol/file/is-kept-out", test_kept_out);
  g_test_add_func ("/protocol/file/odd-length-past-the-cache", test_odd_direct);
  g_test_add_func ("/protocol/file/one-writer", test_one_writer);
  return g_test_run ();
}
