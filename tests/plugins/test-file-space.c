/* test-file-space.c - holes, full disks, and files that others change
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024

/* File systems of this process alone, from before it has threads: a full one, and one that has
 * nothing but files. NULL: the system does not let us. */
static char *small_folder;
static char *plain_folder;

static char *
mount_at_new_folder (const char *type, const char *options)
{
  char *folder = g_dir_make_tmp ("banyan-mount-XXXXXX", NULL);

  if (folder != NULL && mount ("none", folder, type, 0, options) == 0)
    return folder;

  g_rmdir (folder);
  g_free (folder);
  return NULL;
}

static void
mount_all (void)
{
  if (unshare (CLONE_NEWNS) < 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return;

  small_folder = mount_at_new_folder ("tmpfs", "size=256k");
  plain_folder = mount_at_new_folder ("ramfs", NULL);
}

static void
unmount (char *folder)
{
  if (folder == NULL)
    return;

  umount2 (folder, MNT_DETACH);
  g_rmdir (folder);
  g_free (folder);
}

/* The image of a test, on another file system. */
static Image *
image_new_in (const char *folder, const char *options)
{
  Image *image = image_new ();
  int fd;

  g_unlink (image->path);
  g_free (image->path);
  image->path = g_build_filename (folder, "image.raw", NULL);
  fd = g_open (image->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  g_assert_cmpint (ftruncate (fd, IMAGE_SIZE), ==, 0);
  close (fd);
  image_open (image, options);
  return image;
}

static guint64
blocks_of (const Image *image)
{
  struct stat status;

  g_assert_cmpint (stat (image->path, &status), ==, 0);
  return status.st_blocks * 512;
}

/* -- Holes. -- */

static void
assert_extent (Image *image, guint64 offset, guint flag, guint64 length)
{
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  g_assert_cmpint (
      banyan_test_block_status (image->graph, "disk", offset,
                                banyan_node_get_length (banyan_test_get_node (image->graph, "disk"))
                                    - offset,
                                &status, &error),
      ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (status.flags & (BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO), ==, flag);
  g_assert_cmpuint (status.length, ==, length);
}

static void
test_holes (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Data and holes are told apart, up to a hole that ends with the file");

  g_assert_cmpint (truncate (image->path, IMAGE_SIZE + 100), ==, 0);
  image_open (image, "");
  image_must_write (image, "disk", 0, 64 * KIB, 1);
  image_must_write (image, "disk", 512 * KIB, 64 * KIB, 1);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);

  assert_extent (image, 0, BANYAN_BLOCK_DATA, 64 * KIB);
  assert_extent (image, 64 * KIB, BANYAN_BLOCK_ZERO, 448 * KIB);
  assert_extent (image, 100 * KIB + 1, BANYAN_BLOCK_ZERO, 412 * KIB - 1);
  assert_extent (image, 512 * KIB, BANYAN_BLOCK_DATA, 64 * KIB);
  assert_extent (image, 576 * KIB, BANYAN_BLOCK_ZERO, 448 * KIB + 100);
  assert_extent (image, IMAGE_SIZE + 99, BANYAN_BLOCK_ZERO, 1);
}

static void
test_gives_space_back (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  guint64 full;

  g_test_summary ("Discards, and zeroes that may unmap, give space back and keep the length");

  image_open (image, ", discard: unmap");
  image_must_write (image, "disk", 0, IMAGE_SIZE, 1);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  full = blocks_of (image);
  if (banyan_test_discard (image->graph, "disk", 512 * KIB, 512 * KIB, &error)
      == BANYAN_UNSUPPORTED)
    {
      g_test_skip ("the file system of the temporary folder has no holes");
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpuint (blocks_of (image), <=, full - 512 * KIB);

  g_assert_cmpint (
      banyan_test_zeroes (image->graph, "disk", 0, 512 * KIB, BANYAN_REQUEST_MAY_UNMAP, &error), ==,
      BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (blocks_of (image), <=, full - 1024 * KIB);
  assert_extent (image, 0, BANYAN_BLOCK_ZERO, IMAGE_SIZE);
}

/* -- A file system that has nothing but files. -- */

static void
test_plain_files (void)
{
  g_autoptr (Image) image = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Without holes discards are unsupported, zeroes are written, and all is data");

  if (plain_folder == NULL)
    {
      g_test_skip ("nothing may be mounted here");
      return;
    }

  image = image_new_in (plain_folder, ", discard: unmap");
  image_must_write (image, "disk", 0, IMAGE_SIZE, 1);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (banyan_test_discard (image->graph, "disk", 0, 64 * KIB, &error), ==,
                       BANYAN_UNSUPPORTED);
      g_assert_no_error (error);
      g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 64 * KIB, 64 * KIB,
                                           BANYAN_REQUEST_NO_FALLBACK, &error),
                       ==, BANYAN_UNSUPPORTED);
      g_assert_no_error (error);
      g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 64 * KIB, 64 * KIB, 0, &error), ==,
                       BANYAN_DONE);
      g_assert_no_error (error);
    }
  image_must_read (image, "disk", 0, 64 * KIB, 1);
  image_must_read (image, "disk", 128 * KIB, 64 * KIB, 1);
  assert_extent (image, 0, BANYAN_BLOCK_DATA, IMAGE_SIZE);
}

/* -- A full one. -- */

static void
test_full (void)
{
  g_autoptr (Image) image = NULL;
  g_autofree guint8 *bytes = g_malloc0 (512 * KIB);
  g_autoptr (GError) error = NULL;

  g_test_summary ("On a full disk a write fails with ENOSPC, and works once there is space again");

  if (small_folder == NULL)
    {
      g_test_skip ("nothing may be mounted here");
      return;
    }

  image = image_new_in (small_folder, ", discard: unmap");
  image_must_write (image, "disk", 0, 64 * KIB, 1);
  g_assert_false (banyan_test_write (image->graph, "disk", 64 * KIB, bytes, 512 * KIB, &error));
  g_assert_error (error, BANYAN_ERRNO, ENOSPC);
  g_assert_nonnull (strstr (error->message, "disk"));
  g_clear_error (&error);
  image_must_read (image, "disk", 0, 64 * KIB, 1);

  g_assert_cmpint (banyan_test_discard (image->graph, "disk", 64 * KIB, 960 * KIB, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  image_must_write (image, "disk", 512 * KIB, 64 * KIB, 2);
  image_must_read (image, "disk", 512 * KIB, 64 * KIB, 2);
}

static gboolean
co_grow (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanResize *resize = data;

  return banyan_channel_resize (channel, resize, error) == BANYAN_DONE;
}

static void
test_preallocates_or_not (void)
{
  static const BanyanPreallocation kinds[]
      = { BANYAN_PREALLOCATION_FALLOC, BANYAN_PREALLOCATION_FULL };
  g_autoptr (Image) image = NULL;

  g_test_summary ("To grow by space that is not there fails, and leaves the length as it was");

  if (small_folder == NULL)
    {
      g_test_skip ("nothing may be mounted here");
      return;
    }

  image = image_new_in (small_folder, "");
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      BanyanResize resize = {
        .size = sizeof resize, .length = 2 * IMAGE_SIZE, .exact = TRUE, .preallocation = kinds[i]
      };
      g_autoptr (GError) error = NULL;
      BanyanBackend *backend = image_hold (image, "disk", BANYAN_PERMISSION_RESIZE, &error);
      struct stat status;

      g_assert_no_error (error);
      g_assert_false (banyan_backend_run (backend, co_grow, &resize, &error));
      g_assert_error (error, BANYAN_ERRNO, ENOSPC);
      image_let_go (backend);
      g_assert_cmpint (stat (image->path, &status), ==, 0);
      g_assert_cmpint (status.st_size, ==, IMAGE_SIZE);
      g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (image->graph, "disk")), ==,
                        IMAGE_SIZE);
    }
}

/* -- Behind our back. -- */

static void
test_cut_by_others (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree guint8 *bytes = g_malloc (IMAGE_SIZE);
  g_autofree guint8 *contents = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_test_summary ("What another program cut off reads as zeroes, and can be written again");

  image_open (image, "");
  image_must_write (image, "disk", 0, IMAGE_SIZE, 1);
  g_assert_cmpint (truncate (image->path, 1000), ==, 0);
  memset (bytes, 0xee, IMAGE_SIZE);
  banyan_test_read (image->graph, "disk", 0, bytes, IMAGE_SIZE, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 0, 1000, 1);
  image_assert_zero (bytes + 1000, IMAGE_SIZE - 1000);
  assert_extent (image, 4096, BANYAN_BLOCK_ZERO, IMAGE_SIZE - 4096);

  image_must_write (image, "disk", 5000, 512, 2);
  contents = image_contents (image, &length);
  g_assert_cmpuint (length, ==, 5512);
  image_assert_zero (contents + 1000, 4000);
}

static void
test_grown_by_others (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  BanyanNode *disk;
  guint8 byte;

  g_test_summary ("What another program added is seen when the image is opened anew");

  image_open (image, "");
  disk = banyan_test_get_node (image->graph, "disk");
  g_assert_cmpint (truncate (image->path, 2 * IMAGE_SIZE), ==, 0);
  g_assert_false (banyan_test_read (image->graph, "disk", IMAGE_SIZE, &byte, 1, &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  g_clear_error (&error);

  banyan_object_set (BANYAN_OBJECT (disk), "aio", "threads", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (disk), ==, 2 * IMAGE_SIZE);
  banyan_test_read (image->graph, "disk", 2 * IMAGE_SIZE - 1, &byte, 1, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  int result;

  mount_all ();
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/space/holes-are-told", test_holes);
  g_test_add_func ("/protocol/file/space/given-back", test_gives_space_back);
  g_test_add_func ("/protocol/file/space/plain-files", test_plain_files);
  g_test_add_func ("/protocol/file/space/full-disk-fails-and-recovers", test_full);
  g_test_add_func ("/protocol/file/space/preallocated-or-not", test_preallocates_or_not);
  g_test_add_func ("/protocol/file/space/cut-by-others", test_cut_by_others);
  g_test_add_func ("/protocol/file/space/grown-by-others", test_grown_by_others);
  result = g_test_run ();
  unmount (small_folder);
  unmount (plain_folder);
  return result;
}
