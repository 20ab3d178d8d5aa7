/* test-life.c - what is born inline, who keeps it, and what is left of what did not open
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define INLINE "slow: { driver: delay, file: { driver: memory, size: 64KiB } }\n"

static BanyanTransaction *
new_transaction (BanyanTestGraph *graph)
{
  return banyan_transaction_new (banyan_test_graph_get (graph));
}

static void
remove_node (BanyanTestGraph *graph, const char *id)
{
  g_autoptr (BanyanTransaction) transaction = new_transaction (graph);

  banyan_transaction_remove (transaction, BANYAN_OBJECT (banyan_test_get_node (graph, id)));
  banyan_test_commit (transaction);
}

static gboolean
has_node (BanyanTestGraph *graph, const char *id)
{
  return banyan_graph_get_node (banyan_test_graph_get (graph), id) != NULL;
}

static void
assert_edge (BanyanTestGraph *graph, const char *partial, const char *path, const char *node)
{
  BanyanChild *edge = banyan_test_get_edge (graph, partial);
  g_autofree char *whole = banyan_child_dup_path (edge);

  g_assert_cmpstr (whole, ==, path);
  g_assert_true (banyan_child_get_node (edge) == banyan_test_get_node (graph, node));
}

static void
test_birth_name (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (INLINE);
  g_autoptr (BanyanTransaction) transaction = new_transaction (graph);
  g_autoptr (BanyanObject) watch = banyan_object_new ("blkdebug", "watch", NULL);
  g_autofree char *path
      = banyan_object_dup_path (BANYAN_OBJECT (banyan_test_get_node (graph, "slow.file")));

  g_test_summary ("What is born on an edge keeps its name, and the edge its own, whatever comes "
                  "between them");

  g_assert_cmpstr (path, ==, "/nodes/slow.file");
  assert_edge (graph, "slow:file", "/nodes/slow:file", "slow.file");

  banyan_transaction_add (transaction, watch, NULL);
  banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (watch),
                                     banyan_test_get_edge (graph, "slow:file"));
  banyan_test_commit (transaction);
  assert_edge (graph, "nodes/slow:file", "/nodes/slow:file", "watch");
  assert_edge (graph, "/nodes/watch:image", "/nodes/watch:image", "slow.file");
}

static void
test_ambiguous_edge (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("version: 1\n"
                                     "nodes:\n"
                                     "  slow: { driver: delay, file: disk }\n"
                                     "  disk: { driver: memory, size: 64KiB }\n"
                                     "objects: { slow: { type: iothread } }\n");
  g_autoptr (GError) error = NULL;

  g_test_summary ("The edge of what has its name twice is refused, with both");

  g_assert_null (banyan_graph_resolve_edge (banyan_test_graph_get (graph), "slow:file", &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_cmpstr (error->message, ==, "\"slow\" could be any of: /objects/slow, /nodes/slow");
  assert_edge (graph, "nodes/slow:file", "/nodes/slow:file", "disk");
}

static void
test_last_user (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (INLINE);
  g_autoptr (GError) error = NULL;

  g_test_summary ("What was born inline goes with its last user, be that another than the first");

  banyan_graph_load (banyan_test_graph_get (graph),
                     "version: 1\nnodes: { other: { driver: delay, file: slow.file } }\n", -1,
                     "second.yaml", NULL, &error);
  g_assert_no_error (error);

  remove_node (graph, "slow");
  g_assert_true (has_node (graph, "slow.file"));
  g_assert_true (
      banyan_object_is_implicit (BANYAN_OBJECT (banyan_test_get_node (graph, "slow.file"))));
  remove_node (graph, "other");
  g_assert_false (has_node (graph, "slow.file"));
}

static void
count (guint *counter)
{
  ++*counter;
}

static void
test_adopted (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (INLINE);
  BanyanObject *disk = BANYAN_OBJECT (banyan_test_get_node (graph, "slow.file"));
  guint n_told = 0;

  g_test_summary (
      "What was adopted stays when its last user goes, under the name it was born with");

  g_signal_connect_swapped (disk, "notify::implicit", G_CALLBACK (count), &n_told);
  banyan_object_adopt (disk);
  banyan_object_adopt (disk);
  g_assert_cmpuint (n_told, ==, 1);

  remove_node (graph, "slow");
  g_assert_true (has_node (graph, "slow.file"));
  g_assert_false (banyan_object_is_implicit (disk));
  g_assert_cmpint (banyan_object_get_state (disk), ==, BANYAN_OBJECT_OPEN);
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
test_failed_open (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load ("first: { driver: null }\n");
  BanyanGraph *of = banyan_test_graph_get (graph);
  BanyanObject *nodes = banyan_object_resolve (BANYAN_OBJECT (of), "/nodes", NULL);
  g_autofree char *folder = g_dir_make_tmp ("banyan-life-XXXXXX", NULL);
  g_autofree char *here = g_build_filename (folder, "here", NULL);
  g_autofree char *document
      = g_strdup_printf ("version: 1\n"
                         "nodes:\n"
                         "  a: { driver: file, filename: %s/here }\n"
                         "  b: { driver: raw, file: a }\n"
                         "  c: { driver: file, filename: %s/gone }\n"
                         "frontends:\n"
                         "  s: { type: nbd-server, listen: { type: unix, path: %s/sock },\n"
                         "       exports: { b: { node: b } } }\n",
                         folder, folder, folder);
  guint before = count_descriptors ();

  g_test_summary ("A document that does not open leaves no object, no descriptor and no socket");

  g_assert_true (g_file_set_contents (here, "bytes", -1, NULL));
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (banyan_graph_load (of, document, -1, "d.yaml", NULL, &error));
      g_assert_error (error, BANYAN_ERRNO, ENOENT);
      g_assert_cmpuint (count_descriptors (), ==, before);
      g_assert_cmpuint (banyan_object_get_n_children (nodes), ==, 1);
    }

  g_assert_cmpint (g_unlink (here), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
has_opened (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (banyan_object_open_finish (BANYAN_OBJECT (object), result, &error));
  g_assert_no_error (error);
  g_main_loop_quit (data);
}

static void
test_opens_in_background (void)
{
  g_autoptr (BanyanObject) iothread = banyan_object_new ("iothread", "io0", NULL);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_test_summary ("Opening returns at once, and tells in the main loop when it is done");

  banyan_object_open_async (iothread, NULL, has_opened, loop);
  g_assert_cmpint (banyan_object_get_state (iothread), !=, BANYAN_OBJECT_CLOSED);
  g_main_loop_run (loop);
  g_assert_cmpint (banyan_object_get_state (iothread), ==, BANYAN_OBJECT_OPEN);
  g_assert_true (banyan_object_close (iothread, NULL));
}

static void
test_sealed (void)
{
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A sealed process makes what its document named, and refuses the rest by name");

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  graph = banyan_test_graph_must_load ("version: 1\n"
                                       "plugins: [delay]\n"
                                       "nodes: { disk: { driver: memory, size: 64KiB } }\n");
  banyan_registry_seal (banyan_registry_get_default ());
  banyan_graph_load (banyan_test_graph_get (graph),
                     "version: 1\nnodes: { slow: { driver: delay, file: disk } }\n", -1,
                     "second.yaml", NULL, &error);
  g_assert_no_error (error);
  g_assert_false (
      banyan_graph_load (banyan_test_graph_get (graph),
                         "version: 1\nnodes: { odd: { driver: blkdebug, image: disk } }\n", -1,
                         "third.yaml", NULL, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  g_assert_nonnull (strstr (error->message, "nodes.odd: type \"blkdebug\" is in "));
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/life/born-with-a-name", test_birth_name);
  g_test_add_func ("/life/edges-may-be-ambiguous", test_ambiguous_edge);
  g_test_add_func ("/life/goes-with-last-user", test_last_user);
  g_test_add_func ("/life/adopted-stays", test_adopted);
  g_test_add_func ("/life/failed-open-leaves-nothing", test_failed_open);
  g_test_add_func ("/life/opens-in-background", test_opens_in_background);
  g_test_add_func ("/life/sealed-process-knows-its-types", test_sealed);
  return g_test_run ();
}
