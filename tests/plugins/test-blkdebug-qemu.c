/* test-blkdebug-qemu.c - QEMU's rules: events, states, errors that wait
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define SHAKY(more) \
  "shaky: { driver: blkdebug, image: disk, " more " }\n" \
  "disk: { driver: memory, size: 1MiB }\n"

static int
code_of (gboolean done, GError *error)
{
  if (done)
    return 0;

  g_assert_cmpuint (error->domain, ==, BANYAN_ERRNO);
  return error->code;
}

static int
write_errno (BanyanTestGraph *graph, guint64 offset)
{
  g_autoptr (GError) error = NULL;
  guint8 sector[512] = { 1 };
  gboolean done = banyan_test_write (graph, "shaky", offset, sector, sizeof sector, &error);

  return code_of (done, error);
}

static int
read_errno (BanyanTestGraph *graph, guint64 offset)
{
  g_autoptr (GError) error = NULL;
  guint8 sector[512];
  gboolean done = banyan_test_read (graph, "shaky", offset, sector, sizeof sector, &error);

  return code_of (done, error);
}

/* The flush when a node closes is a request like others. */
static void
calm (BanyanTestGraph *graph)
{
  g_autoptr (GError) error = NULL;

  banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, "shaky")), "inject-error", "[]",
                     &error);
  g_assert_no_error (error);
}

static void
test_once (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("inject-error: [{ event: read_aio, errno: 28, "
                                            "once: true }]"));
  guint64 triggered;

  g_test_summary ("An error that waits for a read strikes the first request after that, once");

  g_assert_cmpint (write_errno (graph, 0), ==, 0);
  g_assert_cmpint (read_errno (graph, 0), ==, ENOSPC);
  g_assert_cmpint (read_errno (graph, 0), ==, 0);
  g_object_get (banyan_test_get_node (graph, "shaky"), "triggered", &triggered, NULL);
  g_assert_cmpuint (triggered, ==, 1);
}

static void
test_stays_awake (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("inject-error: [{ event: read_aio, iotype: write, immediately: true }]"));

  g_test_summary ("An error that is awake strikes request after request of its type, and no other");

  g_assert_cmpint (write_errno (graph, 0), ==, 0);
  g_assert_cmpint (read_errno (graph, 0), ==, 0);
  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  g_assert_cmpint (read_errno (graph, 0), ==, 0);
}

static void
test_sector (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("inject-error: [{ sector: 8 }]"));

  g_test_summary ("Without an event an error is awake at once; its sector is 512 bytes");

  g_assert_cmpint (write_errno (graph, 7 * 512), ==, 0);
  g_assert_cmpint (write_errno (graph, 7 * 512 + 1), ==, EIO);
  g_assert_cmpint (write_errno (graph, 8 * 512), ==, EIO);
  g_assert_cmpint (write_errno (graph, 9 * 512), ==, 0);
}

static void
test_states (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("set-state: [{ event: write_aio, state: 1, new-state: 2 }, "
             "{ event: write_aio, state: 2, new-state: 3 }], "
             "inject-error: [{ event: write_aio, state: 3, errno: 12, once: true }]"));

  g_test_summary ("States count: the third write fails, and a state is left at one event");

  g_assert_cmpint (write_errno (graph, 0), ==, 0);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);
  g_assert_cmpint (write_errno (graph, 0), ==, ENOMEM);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);
}

static void
test_takes_turns (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("inject-error: [{ event: read_aio, errno: 5 }, { event: write_aio, errno: 28 }]"));

  g_test_summary ("What an event wakes takes the place of what another woke");

  g_assert_cmpint (read_errno (graph, 0), ==, EIO);
  g_assert_cmpint (write_errno (graph, 0), ==, ENOSPC);
  g_assert_cmpint (read_errno (graph, 0), ==, EIO);
  calm (graph);
}

static void
test_changed_live (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("inject-error: [{ errno: 28 }]"));
  BanyanObject *shaky = BANYAN_OBJECT (banyan_test_get_node (graph, "shaky"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Errors are exchanged while the node is used, and the state begins anew");

  g_assert_cmpint (write_errno (graph, 0), ==, ENOSPC);
  banyan_object_set (shaky, "inject-error", "[]", &error);
  g_assert_no_error (error);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);
  banyan_object_set (shaky, "inject-error", "[{ event: write_aio, state: 1 }]", &error);
  g_assert_no_error (error);
  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  calm (graph);
}

/* -- The file of rules. -- */

static BanyanTestGraph *
load_config (Image *image, const char *text, GError **error)
{
  g_autofree char *nodes = g_strdup_printf (SHAKY ("config: %s"), image->other);
  gboolean written = g_file_set_contents (image->other, text, -1, NULL);

  g_assert_true (written);
  return banyan_test_graph_new (nodes, error);
}

static void
test_config (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanTestGraph) graph = load_config (image,
                                                   "# as in QEMU's tests\n"
                                                   "[inject-error]\n"
                                                   "event = \"write_aio\"\n"
                                                   "errno = \"28\"\n"
                                                   "once = \"on\"\n"
                                                   "\n"
                                                   "[set-state]\n"
                                                   "event = \"write_aio\"\n"
                                                   "new_state = \"2\"\n"
                                                   "[inject-error]\n"
                                                   "event = \"read_aio\"\n"
                                                   "iotype = \"read\"\n"
                                                   "state = \"2\"\n",
                                                   &error);

  g_test_summary ("A file of rules, as QEMU's, adds to those of the document");

  g_assert_no_error (error);
  g_assert_cmpint (read_errno (graph, 0), ==, 0);
  g_assert_cmpint (write_errno (graph, 0), ==, ENOSPC);
  g_assert_cmpint (read_errno (graph, 0), ==, EIO);
}

static void
test_bad_config (void)
{
  static const struct
  {
    const char *text;
    const char *says;
  } bad[] = {
    { "event = \"none\"\n", ":1:1: a key stands in a section" },
    { "[inject-error\n", ":1:1: a section begins" },
    { "\n[injekt]\n", ":2:1: the sections are" },
    { "[inject-error]\nerrno = 5\n", ":2:1: a line is" },
    { "[inject-error]\nerrno = \"5\"\nerrno = \"6\"\n", ":3:1: the section has this key" },
    { "[inject-error]\nerrno = \"many\"\n", "many" },
    { "[inject-error]\nevent = \"l1_upgrade\"\n", "l1_upgrade" },
    { "[set-state]\nevent = \"read_aio\"\n", "new-state" },
  };
  g_autoptr (Image) image = image_new ();

  g_test_summary ("A file of rules that is wrong is refused by file and line");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load_config (image, bad[i].text, &error));
      if (strstr (error->message, bad[i].says) == NULL
          || strstr (error->message, image->other) == NULL)
        g_error ("\"%s\" does not say \"%s\"", error->message, bad[i].says);
    }
}

static void
test_no_config (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("A file of rules that is not there is an error");

  g_assert_null (banyan_test_graph_new (SHAKY ("config: /nonexistent/rules"), &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_nonnull (strstr (error->message, "/nonexistent/rules"));
}

/* -- Breakpoints. -- */

static void
write_ended (GObject *backend, GAsyncResult *result, gpointer done)
{
  g_autoptr (GError) error = NULL;

  banyan_backend_write_finish (BANYAN_BACKEND (backend), result, &error);
  g_assert_no_error (error);
  *(gboolean *) done = TRUE;
}

static gboolean
is_held (BanyanBreakpoints *shaky, const char *tag)
{
  g_auto (GStrv) held = banyan_breakpoints_list_suspended (shaky);

  return g_strv_contains ((const char *const *) held, tag);
}

/* A write that is held as "A" where it is done. */
static void
begin_held_write (BanyanBreakpoints *shaky, BanyanBackend *backend, gboolean *done)
{
  g_autoptr (GBytes) byte = g_bytes_new_static ("\1", 1);

  banyan_breakpoints_add (shaky, BANYAN_DEBUG_EVENT_PWRITEV_DONE, "A");
  banyan_backend_write_async (backend, 0, byte, 0, NULL, write_ended, done);
  while (!is_held (shaky, "A"))
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (*done);
}

static void
test_breakpoints (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (SHAKY ("rules: []"));
  BanyanNode *node = banyan_test_get_node (graph, "shaky");
  BanyanBreakpoints *shaky = BANYAN_BREAKPOINTS (node);
  g_autoptr (BanyanBackend) backend
      = banyan_backend_new (node, "test", BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, NULL);
  g_autoptr (GBytes) byte = g_bytes_new_static ("\2", 1);
  gboolean done = FALSE, other_done = FALSE;

  g_test_summary ("A breakpoint holds one request until it is resumed, and is gone; others pass");

  begin_held_write (shaky, backend, &done);
  banyan_backend_write_async (backend, 0, byte, 0, NULL, write_ended, &other_done);
  while (!other_done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (done);
  g_assert_false (banyan_breakpoints_resume (shaky, "B"));
  g_assert_true (banyan_breakpoints_resume (shaky, "A"));
  g_assert_false (banyan_breakpoints_resume (shaky, "A"));
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (banyan_breakpoints_remove (shaky, "A"));
  banyan_backend_close (backend);
}

static void
test_breakpoints_drained (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (SHAKY ("rules: []"));
  BanyanNode *node = banyan_test_get_node (graph, "shaky");
  BanyanBreakpoints *shaky = BANYAN_BREAKPOINTS (node);
  g_autoptr (BanyanBackend) backend
      = banyan_backend_new (node, "test", BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, NULL);
  gboolean done = FALSE;

  g_test_summary ("No change of the graph waits for a request that is held, nor does its end for "
                  "one that would be");

  begin_held_write (shaky, backend, &done);
  calm (graph);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  banyan_breakpoints_add (shaky, BANYAN_DEBUG_EVENT_FLUSH_TO_DISK, "B");
  banyan_backend_close (backend);
}

/* -- Permissions. -- */

static void
test_permissions (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("take-child-perms: [write]"));
  BanyanObject *shaky = BANYAN_OBJECT (banyan_test_get_node (graph, "shaky"));
  BanyanChild *edge = banyan_test_get_edge (graph, "shaky:image");
  g_autoptr (GError) error = NULL;
  guint8 byte = 1;

  g_test_summary ("Permissions are taken and not shared as told, whatever users need");

  g_assert_cmpuint (banyan_child_get_used (edge) & BANYAN_PERMISSION_WRITE, !=, 0);
  banyan_test_write (graph, "disk", 0, &byte, 1, &error);
  g_assert_no_error (error);

  banyan_object_set (shaky, "unshare-child-perms", "[write]", &error);
  g_assert_no_error (error);
  g_assert_false (banyan_test_write (graph, "disk", 0, &byte, 1, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/blkdebug/inject/once", test_once);
  g_test_add_func ("/filter/blkdebug/inject/stays-awake", test_stays_awake);
  g_test_add_func ("/filter/blkdebug/inject/sector", test_sector);
  g_test_add_func ("/filter/blkdebug/inject/states", test_states);
  g_test_add_func ("/filter/blkdebug/inject/takes-turns", test_takes_turns);
  g_test_add_func ("/filter/blkdebug/inject/changed-live", test_changed_live);
  g_test_add_func ("/filter/blkdebug/config/read", test_config);
  g_test_add_func ("/filter/blkdebug/config/wrong", test_bad_config);
  g_test_add_func ("/filter/blkdebug/config/missing", test_no_config);
  g_test_add_func ("/filter/blkdebug/breakpoints/hold-one", test_breakpoints);
  g_test_add_func ("/filter/blkdebug/breakpoints/let-drains-through", test_breakpoints_drained);
  g_test_add_func ("/filter/blkdebug/permissions", test_permissions);
  return g_test_run ();
}
