/* test-file-names.c - what can be opened by which name, and what cannot
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens @path in a graph of its own, as a program does that has more bytes than YAML. */
static gboolean
open_path (const char *path, gboolean read_only, GError **error)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load ("other: { driver: \"null\" }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) file = banyan_object_new ("file", "disk", error);

  g_object_set (file, "filename", path, "read-only", read_only, NULL);
  banyan_transaction_add (transaction, file, NULL);
  g_clear_object (&file);
  return banyan_transaction_commit (transaction, error);
}

static void
test_takes_any_name (void)
{
  static const char *const names[]
      = { "nbd:host:10809", "json:{}", "a\nb", "caf\xe9.raw", "-n", "%s", "with space" };
  g_autoptr (Image) image = image_new ();

  g_test_summary ("A colon, a newline, bytes that are no text: a name is what the system takes");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (image->folder, names[i], NULL);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (rename (image->other, path), ==, 0);
      open_path (path, FALSE, &error);
      g_assert_no_error (error);
      g_assert_cmpint (rename (path, image->other), ==, 0);
    }
}

static void
test_names_in_errors (void)
{
  static const struct
  {
    const char *path;
    const char *shown;
  } names[] = {
    { "/nonexistent/a:b", "/nonexistent/a:b: No such" },
    { "/nonexistent/a\nb", "\"/nonexistent/a\\nb\"" },
    { "/nonexistent/caf\xe9", "\"/nonexistent/caf\\351\"" },
  };

  g_test_summary ("A message names the path on one line of text, whatever is in it");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (open_path (names[i].path, FALSE, &error));
      g_assert_error (error, BANYAN_ERRNO, ENOENT);
      g_assert_nonnull (strstr (error->message, names[i].shown));
      g_assert_nonnull (strstr (error->message, "banyan img create"));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_null (strchr (error->message, '\n'));
    }
}

/* One that nobody writes to or reads from: to wait for them would take for ever. */
static void
test_refuses_what_is_no_image (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *pipe_path = g_build_filename (image->folder, "pipe", NULL);
  const struct
  {
    const char *path;
    int number;
    const char *kind;
  } bad[] = {
    { image->folder, EISDIR, "a folder" },
    { "/dev/null", EINVAL, "a character device" },
    { pipe_path, EINVAL, "a pipe" },
  };

  g_test_summary ("A folder, a character device and a pipe are refused by what they are");

  g_assert_cmpint (mkfifo (pipe_path, 0600), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (open_path (bad[i].path, TRUE, &error));
      g_assert_error (error, BANYAN_ERRNO, bad[i].number);
      g_assert_nonnull (strstr (error->message, bad[i].path));
      g_assert_nonnull (strstr (error->message, bad[i].kind));
    }
  g_unlink (pipe_path);
}

/* A user who may do everything becomes one who may not; the kernel asks each thread. */
static void
test_permission_denied (void)
{
  g_autoptr (Image) image = image_new ();
  gboolean is_root = geteuid () == 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) read_error = NULL;
  g_autoptr (GError) no_error = NULL;

  g_test_summary ("Who may not open an image is told as whom he tried, and what would do");

  g_assert_cmpint (chmod (image->folder, 0755), ==, 0);
  g_assert_cmpint (chmod (image->path, is_root ? 0644 : 0444), ==, 0);
  g_assert_cmpint (chmod (image->other, 0), ==, 0);
  g_assert_cmpint (seteuid (is_root ? 65534 : geteuid ()), ==, 0);

  g_assert_false (open_path (image->path, FALSE, &error));
  g_assert_error (error, BANYAN_ERRNO, EACCES);
  g_assert_nonnull (strstr (error->message, " as user "));
  g_assert_nonnull (strstr (error->message, "read-only: true would do"));

  open_path (image->path, TRUE, &no_error);
  g_assert_no_error (no_error);
  g_assert_false (open_path (image->other, TRUE, &read_error));
  g_assert_error (read_error, BANYAN_ERRNO, EACCES);
  g_assert_null (strstr (read_error->message, "would do"));

  g_assert_cmpint (seteuid (getuid ()), ==, 0);
}

static void
test_auto_read_only (void)
{
  g_autoptr (Image) image = image_new ();
  gboolean is_root = geteuid () == 0;
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "auto-read-only goes on with an image that it may not write, and refuses writers");

  g_assert_cmpint (chmod (image->folder, 0755), ==, 0);
  g_assert_cmpint (chmod (image->path, is_root ? 0644 : 0444), ==, 0);
  g_assert_cmpint (seteuid (is_root ? 65534 : geteuid ()), ==, 0);
  image_open (image, ", auto-read-only: true");
  g_assert_cmpint (seteuid (getuid ()), ==, 0);

  banyan_test_write (image->graph, "disk", 0, "x", 1, &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "its storage takes no writes"));
}

static void
test_not_inherited (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A program that we start does not get our images");

  image_open (image, "");
  g_spawn_command_line_sync ("ls -l /proc/self/fd", &output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (output, image->path));
}

static void
test_refused_options (void)
{
  static const struct
  {
    const char *options;
    const char *says;
  } bad[] = {
    { ", pr-manager: helper0", "not supported" },
    { ", x-check-cache-dropped: true", "drop-cache" },
    { ", force-share: true", "read-only" },
    { ", aio: posix", "threads" },
    { ", locking: maybe", "auto" },
  };
  g_autoptr (Image) image = image_new ();

  g_test_summary ("Options that mean nothing are refused, and what would be right is told");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *nodes = g_strdup_printf ("disk: { driver: file, filename: %s%s }\n",
                                                image->path, bad[i].options);
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (nodes, &error));
      g_assert_cmpuint (error->domain, ==, BANYAN_CONFIG_ERROR);
      g_assert_nonnull (strstr (error->message, bad[i].says));
    }
}

static void
test_drop_cache (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *nodes = g_strdup_printf ("disk: { driver: file, filename: %s, drop-cache: true, "
                                            "x-check-cache-dropped: true }\n",
                                            image->path);
  g_autoptr (GError) error = NULL;

  g_test_summary ("drop-cache leaves nothing of the image in the page cache, or says so");

  image_open (image, "");
  image_must_write (image, "disk", 0, IMAGE_SIZE, 1);
  g_clear_pointer (&image->graph, banyan_test_graph_free);
  image->graph = banyan_test_graph_new (nodes, &error);
  if (error != NULL)
    {
      g_assert_error (error, BANYAN_ERRNO, EBUSY);
      g_test_skip ("the file system of the temporary folder keeps its pages");
      return;
    }
  image_must_read (image, "disk", 0, IMAGE_SIZE, 1);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/names/takes-any", test_takes_any_name);
  g_test_add_func ("/protocol/file/names/in-errors", test_names_in_errors);
  g_test_add_func ("/protocol/file/names/refuses-what-is-no-image", test_refuses_what_is_no_image);
  g_test_add_func ("/protocol/file/names/permission-denied", test_permission_denied);
  g_test_add_func ("/protocol/file/names/auto-read-only", test_auto_read_only);
  g_test_add_func ("/protocol/file/names/not-inherited", test_not_inherited);
  g_test_add_func ("/protocol/file/options/refused", test_refused_options);
  g_test_add_func ("/protocol/file/options/drop-cache", test_drop_cache);
  return g_test_run ();
}
