/* image.c - image files for tests, and what others see of them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

static char *
make_file (const char *folder, const char *name)
{
  char *path = g_build_filename (folder, name, NULL);
  int fd = g_open (path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, IMAGE_SIZE), ==, 0);
  close (fd);
  return path;
}

Image *
image_new (void)
{
  Image *image = g_new0 (Image, 1);
  g_autoptr (GError) error = NULL;

  image->folder = g_dir_make_tmp ("banyan-file-XXXXXX", &error);
  g_assert_no_error (error);
  image->path = make_file (image->folder, "image.raw");
  image->other = make_file (image->folder, "other.raw");
  return image;
}

void
image_free (Image *image)
{
  g_clear_pointer (&image->graph, banyan_test_graph_free);
  g_unlink (image->path);
  g_unlink (image->other);
  g_rmdir (image->folder);
  g_free (image->path);
  g_free (image->other);
  g_free (image->folder);
  g_free (image);
}

void
image_load (Image *image, const char *nodes)
{
  GString *text = g_string_new (nodes);
  g_autofree char *document = NULL;

  g_string_replace (text, "IMAGE", image->path, 0);
  g_string_replace (text, "OTHER", image->other, 0);
  document = g_string_free (text, FALSE);
  image->graph = banyan_test_graph_must_load (document);
}

void
image_open (Image *image, const char *more)
{
  g_autofree char *text
      = g_strdup_printf ("disk: { driver: file, filename: %s%s }\n", image->path, more);

  image->graph = banyan_test_graph_must_load (text);
}

void
image_must_write (Image *image, const char *node, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, offset, length, seed);
  banyan_test_write (image->graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
}

void
image_must_read (Image *image, const char *node, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (image->graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, offset, length, seed);
}

guint8 *
image_contents (const Image *image, gsize *length)
{
  g_autoptr (GError) error = NULL;
  char *contents;

  g_file_get_contents (image->path, &contents, length, &error);
  g_assert_no_error (error);
  return (guint8 *) contents;
}

void
image_assert_zero (const guint8 *bytes, gsize length)
{
  g_autofree guint8 *zeroes = g_malloc0 (length);

  g_assert_cmpmem (bytes, length, zeroes, length);
}

gboolean
image_has_direct_io (const Image *image)
{
  int fd = g_open (image->path, O_RDONLY | O_DIRECT | O_CLOEXEC, 0);

  if (fd >= 0)
    close (fd);
  else
    g_test_skip ("the file system of the temporary folder has no O_DIRECT");
  return fd >= 0;
}

/* -- Who uses it. -- */

BanyanBackend *
image_hold (Image *image, const char *node, guint used, GError **error)
{
  return banyan_backend_new (banyan_test_get_node (image->graph, node), "holder", used,
                             BANYAN_PERMISSIONS_ALL, error);
}

void
image_let_go (BanyanBackend *backend)
{
  banyan_backend_close (backend);
  g_object_unref (backend);
}

gboolean
image_run_qemu (const char *const *argv, char **said)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, said, &status,
                &error);
  g_assert_no_error (error);
  return g_spawn_check_wait_status (status, NULL);
}

gboolean
image_qemu_io (const char *path, const char *command, gboolean read_only, char **said)
{
  const char *const argv[]
      = { "qemu-io", "-f", "raw", "-c", command, path, read_only ? "-r" : NULL, NULL };

  return image_run_qemu (argv, said);
}

gboolean
image_has_qemu (void)
{
  g_autofree char *qemu_io = g_find_program_in_path ("qemu-io");

  if (qemu_io == NULL)
    g_test_skip ("there is no qemu-io");
  return qemu_io != NULL;
}
