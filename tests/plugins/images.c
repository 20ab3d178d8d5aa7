/* images.c - images for tests of formats, made by QEMU's qemu-img and looked at by it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Images *
images_new (void)
{
  Images *self = g_new0 (Images, 1);
  g_autoptr (GError) error = NULL;

  self->folder = g_dir_make_tmp ("banyan-images-XXXXXX", &error);
  g_assert_no_error (error);
  return self;
}

static void
remove_all (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

void
images_enter (Images *self)
{
  g_assert_null (self->before);
  self->before = g_get_current_dir ();
  g_assert_cmpint (g_chdir (self->folder), ==, 0);
}

void
images_free (Images *self)
{
  images_close (self);
  if (self->before != NULL)
    g_assert_cmpint (g_chdir (self->before), ==, 0);
  g_free (self->before);
  remove_all (self->folder);
  g_free (self->folder);
  g_free (self);
}

gboolean
images_have_qemu (void)
{
  g_autofree char *found = g_find_program_in_path ("qemu-img");

  if (found == NULL)
    g_test_skip ("there is no qemu-img");
  return found != NULL;
}

gboolean
images_try (Images *self, const char *line, char **said)
{
  g_auto (GStrv) argv = NULL;
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_shell_parse_argv (line, NULL, &argv, &error);
  g_assert_no_error (error);
  g_spawn_sync (self->folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, said, &status,
                &error);
  g_assert_no_error (error);
  return g_spawn_check_wait_status (status, NULL);
}

void
images_run (Images *self, const char *line)
{
  g_autofree char *said = NULL;

  if (!images_try (self, line, &said))
    g_error ("%s: %s", line, said);
}

static char *
in_folder (Images *self, const char *text)
{
  GString *string = g_string_new (text);

  g_string_replace (string, "DIR", self->folder, 0);
  return g_string_free (string, FALSE);
}

void
images_load (Images *self, const char *nodes)
{
  g_autofree char *document = in_folder (self, nodes);

  images_close (self);
  self->graph = banyan_test_graph_must_load (document);
}

void
images_must_refuse (Images *self, const char *nodes, const char *says)
{
  g_autofree char *document = in_folder (self, nodes);
  g_autoptr (GError) error = NULL;

  images_close (self);
  self->graph = banyan_test_graph_new (document, &error);
  g_assert_null (self->graph);
  g_assert_nonnull (error);
  if (strstr (error->message, says) == NULL)
    g_error ("not \"%s\" but: %s", says, error->message);
}

void
images_close (Images *self)
{
  g_clear_pointer (&self->graph, banyan_test_graph_free);
}

void
images_must_write (Images *self, const char *node, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, offset, length, seed);
  banyan_test_write (self->graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
}

void
images_must_read (Images *self, const char *node, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (self->graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, offset, length, seed);
}

void
images_must_be_zero (Images *self, const char *node, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autofree guint8 *zeroes = g_malloc0 (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (self->graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (bytes, length, zeroes, length);
}

void
images_must_be_clean (Images *self, const char *name)
{
  g_autofree char *line = g_strdup_printf ("qemu-img check %s", name);

  images_run (self, line);
}

gboolean
images_is_consistent (Images *self, const char *name, char **said)
{
  const char *const argv[] = { "qemu-img", "check", "-q", name, NULL };
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (self->folder, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, said,
                &status, &error);
  g_assert_no_error (error);
  /* 3 says that there are leaks and nothing else. */
  return WIFEXITED (status) && (WEXITSTATUS (status) == 0 || WEXITSTATUS (status) == 3);
}

static void
note_finding (BanyanCheck *check, const char *finding)
{
  g_string_append_printf (check->data, "%s\n", finding);
}

static gboolean BANYAN_COROUTINE
check (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), data, error);
}

char *
images_dup_findings (Images *self, const char *node, guint64 *corruptions, GError **error)
{
  GString *findings = g_string_new (NULL);
  BanyanCheck result = BANYAN_CHECK_INIT;

  result.found = note_finding;
  result.data = findings;
  if (!banyan_test_run_as (self->graph, node, BANYAN_PERMISSION_CONSISTENT_READ, check, &result,
                           error))
    {
      g_string_free (findings, TRUE);
      return NULL;
    }

  *corruptions = result.corruptions;
  return g_string_free (findings, FALSE);
}

gboolean
images_is_in_order (Images *self, const char *name, char **said)
{
  g_autofree char *nodes = g_strdup_printf (
      "image: { driver: qcow2, read-only: true, file: { driver: file, filename: DIR/%s } }\n",
      name);
  guint64 corruptions = 0;
  g_autoptr (GError) error = NULL;

  images_load (self, nodes);
  *said = images_dup_findings (self, "image", &corruptions, &error);
  images_close (self);
  if (*said != NULL)
    return corruptions == 0;

  *said = g_strdup (error->message);
  return FALSE;
}

gboolean
images_ask_qemu (GRand *rand)
{
  return g_test_slow () || g_rand_int_range (rand, 0, 8) == 0;
}

/* -- Damage. -- */

static int
open_image (Images *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  int fd = g_open (path, O_RDWR | O_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

void
images_patch (Images *self, const char *name, guint64 offset, gconstpointer bytes, gsize length)
{
  int fd = open_image (self, name);

  g_assert_cmpint (pwrite (fd, bytes, length, offset), ==, length);
  close (fd);
}

void
images_patch64 (Images *self, const char *name, guint64 offset, guint64 value)
{
  guint64 bytes = GUINT64_TO_BE (value);

  images_patch (self, name, offset, &bytes, sizeof bytes);
}

guint64
images_get64 (Images *self, const char *name, guint64 offset)
{
  int fd = open_image (self, name);
  guint64 bytes;

  g_assert_cmpint (pread (fd, &bytes, sizeof bytes, offset), ==, sizeof bytes);
  close (fd);
  return GUINT64_FROM_BE (bytes);
}

guint64
images_get_length (Images *self, const char *name)
{
  int fd = open_image (self, name);
  off_t length = lseek (fd, 0, SEEK_END);

  g_assert_cmpint (length, >=, 0);
  close (fd);
  return length;
}
