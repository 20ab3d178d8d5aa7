/* test-transaction.c - a change of the graph is put together, checked and put in force
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include <string.h>

#define DISK "disk: { driver: test-memory, size: 1MiB }\n"
#define STACK "top: { driver: test-pass, file: disk }\n" DISK

static void
assert_leads (BanyanTestGraph *graph, const char *edge, const char *node)
{
  BanyanNode *found = banyan_child_get_node (banyan_test_get_edge (graph, edge));

  g_assert_cmpstr (found != NULL ? banyan_object_get_id (BANYAN_OBJECT (found)) : NULL, ==, node);
}

static void
assert_data_passes (BanyanTestGraph *graph, const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;
  guint8 data[512];

  banyan_test_fill (data, 4096, sizeof data, 1);
  banyan_test_write (graph, from, 4096, data, sizeof data, &error);
  g_assert_no_error (error);
  memset (data, 0, sizeof data);
  banyan_test_read (graph, to, 4096, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 4096, sizeof data, 1);
}

static void
test_flush_default (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("fmt: { driver: test-format, file: f, backing: b }\n"
                                     "f: { driver: test-memory, size: 1MiB }\n"
                                     "b: { driver: test-memory, size: 1MiB }\n");
  g_autoptr (GError) error = NULL;
  g_autofree char *before = control_take_log ();
  g_autofree char *log = NULL;

  g_test_summary ("A format without a flush of its own flushes what it writes to, and no more");

  g_assert_true (banyan_test_flush (graph, "fmt", &error));
  g_assert_no_error (error);
  log = control_take_log ();
  g_assert_nonnull (strstr (log, "flush f\n"));
  g_assert_null (strstr (log, "flush b\n"));
}

static void
test_loads (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);

  g_test_summary ("What a document declares is open and can be used");

  assert_data_passes (graph, "top", "disk");
}

static void
test_order (void)
{
  g_autofree char *opened = NULL;
  g_autofree char *closed = NULL;
  BanyanTestGraph *graph;

  g_test_summary ("Nodes open from below and close from above, flushed; servers last and first");

  g_free (control_take_log ());
  graph
      = banyan_test_graph_must_load ("version: 1\n"
                                     "frontends:\n"
                                     "  s0: { type: test-server, exports: { e: { node: top } } }\n"
                                     "nodes:\n"
                                     "  top: { driver: test-pass, file: disk }\n"
                                     "  disk: { driver: test-memory }\n");
  opened = control_take_log ();
  banyan_test_graph_free (graph);
  closed = control_take_log ();

  g_assert_cmpstr (opened, ==,
                   "open disk\nopen top\nopen e\nopen s0\n"
                   "settle disk\nsettle top\nsettle e\nsettle s0\n"
                   "start disk\nstart top\nstart e\nstart s0\n");
  g_assert_cmpstr (closed, ==, "close s0\nclose e\nclose top\nflush disk\nclose disk\n");
  g_assert_cmpint (control_get_balance (), ==, 0);
}

static void
test_flushed_once (void)
{
  g_autofree char *log = NULL;
  BanyanTestGraph *graph;

  g_test_summary ("What is closed is flushed once, however many flush through to it");

  graph = banyan_test_graph_must_load ("top: { driver: test-flushing, file: below }\n"
                                       "below: { driver: test-flushing, file: disk }\n" DISK);
  assert_data_passes (graph, "top", "disk");
  g_free (control_take_log ());
  banyan_test_graph_free (graph);
  log = control_take_log ();
  g_assert_cmpstr (log, ==,
                   "flush top\nflush below\nflush disk\nclose top\nclose below\nclose disk\n");
}

static void
test_flushed_apart (void)
{
  g_autofree char *log = NULL;
  BanyanTestGraph *graph;

  g_test_summary ("What a failing flush did not reach is flushed by itself");

  graph = banyan_test_graph_must_load (
      "version: 1\n"
      "frontends:\n"
      "  s0: { type: test-server, exports: { e: { node: top, writable: true } } }\n"
      "nodes:\n"
      "  top: { driver: test-flushing, file: below, fail: true }\n"
      "  below: { driver: test-flushing, file: disk }\n"
      "  " DISK);
  g_free (control_take_log ());
  g_test_expect_message ("Banyan", G_LOG_LEVEL_WARNING, "*flushing it as told*");
  g_assert_false (banyan_graph_close (banyan_test_graph_get (graph), NULL));
  g_test_assert_expected_messages ();
  log = control_take_log ();
  g_assert_cmpstr (log, ==,
                   "close s0\nclose e\nflush top\nclose top\nflush below\nflush disk\n"
                   "close below\nclose disk\n");
  banyan_test_graph_free (graph);
}

static void
test_insert_above (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) filter = banyan_test_make ("test-pass", "filter");

  g_test_summary ("A filter goes between a node and all who use it");

  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, "disk"));
  banyan_test_commit (transaction);

  assert_leads (graph, "top:file", "filter");
  assert_leads (graph, "filter:file", "disk");
  assert_data_passes (graph, "top", "disk");
  g_clear_object (&transaction);
  g_clear_object (&filter);
}

static void
test_insert_on_edge (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("other: { driver: test-pass, file: disk }\n" STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) first = banyan_test_make ("test-pass", "first");
  g_autoptr (BanyanObject) second = banyan_test_make ("test-pass", "second");
  BanyanChild *edge = banyan_test_get_edge (graph, "/nodes/top:file");

  g_test_summary ("Filters go onto one edge, the second above the first, and others stay");

  banyan_transaction_add (transaction, first, NULL);
  banyan_transaction_add (transaction, second, NULL);
  banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (first), edge);
  banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (second), edge);
  banyan_test_commit (transaction);

  assert_leads (graph, "top:file", "second");
  assert_leads (graph, "second:file", "first");
  assert_leads (graph, "first:file", "disk");
  assert_leads (graph, "other:file", "disk");
  assert_data_passes (graph, "top", "disk");
  g_clear_object (&transaction);
  g_clear_object (&first);
  g_clear_object (&second);
}

static void
test_remove_filter (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("user: { driver: test-pass, file: top }\n" STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  g_test_summary ("A filter is taken out, and its users use what it filtered");

  banyan_transaction_remove_filter (transaction, banyan_test_get_node (graph, "top"));
  banyan_test_commit (transaction);

  assert_leads (graph, "user:file", "disk");
  g_assert_null (banyan_graph_get_node (banyan_test_graph_get (graph), "top"));
  assert_data_passes (graph, "user", "disk");
}

static void
test_replace (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("other: { driver: test-memory }\n"
                                     "top: { driver: test-pass, file: { driver: test-memory } }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  g_test_summary ("An edge leads elsewhere, and a node that was born on it goes");

  g_assert_nonnull (banyan_graph_get_node (banyan_test_graph_get (graph), "top.file"));
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "top:file"),
                                    banyan_test_get_node (graph, "other"));
  banyan_test_commit (transaction);

  assert_leads (graph, "top:file", "other");
  g_assert_null (banyan_graph_get_node (banyan_test_graph_get (graph), "top.file"));
  assert_data_passes (graph, "top", "other");
}

static void
test_same_id (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  BanyanObject *root = BANYAN_OBJECT (banyan_test_graph_get (graph));
  BanyanObject *nodes = banyan_object_get_child (root, "nodes");
  g_autoptr (BanyanObject) old
      = g_object_ref (BANYAN_OBJECT (banyan_test_get_node (graph, "disk")));
  g_autoptr (BanyanObject) disk = banyan_test_make ("test-memory", "disk");
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "An id goes from what is removed to what is added; who fails to take it leaves it");

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (BanyanTransaction) transaction
          = banyan_transaction_new (banyan_test_graph_get (graph));

      banyan_transaction_add (transaction, disk, NULL);
      banyan_transaction_remove (transaction, old);
      banyan_test_add_set (transaction, banyan_test_get_node (graph, "top"), "file", "disk");
      if (i == 0)
        banyan_transaction_fail_at (transaction, BANYAN_PHASE_SWITCH, 0);
      g_assert_cmpint (banyan_transaction_commit (transaction, &error), ==, i == 1);
      g_clear_error (&error);

      g_assert_true (banyan_object_get_child (nodes, "disk") == (i == 0 ? old : disk));
      g_assert_true (banyan_object_resolve (root, "disk", NULL) == (i == 0 ? old : disk));
      g_assert_cmpuint (banyan_object_get_n_children (nodes), ==, 2);
      g_assert_cmpint (banyan_object_get_state (old), ==,
                       i == 0 ? BANYAN_OBJECT_OPEN : BANYAN_OBJECT_CLOSED);
    }
  assert_data_passes (graph, "top", "disk");
  g_clear_object (&old);
  g_clear_object (&disk);
}

static void
test_id_is_taken (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) one = banyan_test_make ("test-memory", "one");
  g_autoptr (BanyanObject) again = banyan_test_make ("test-memory", "one");
  g_autoptr (BanyanObject) disk = banyan_test_make ("test-memory", "disk");
  g_autoptr (GError) error = NULL;

  g_test_summary ("An id that somebody has or gets is refused");

  banyan_transaction_add (transaction, one, NULL);
  banyan_transaction_add (transaction, again, NULL);
  banyan_transaction_add (transaction, disk, NULL);
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE);
  g_assert_cmpstr (error->message, ==,
                   "/nodes/one exists already; choose another id, or remove it in the same "
                   "transaction\n"
                   "/nodes/disk exists already; choose another id, or remove it in the same "
                   "transaction");
}

static void
test_set_role (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("other: { driver: test-memory }\n" STACK);
  BanyanObject *top = BANYAN_OBJECT (banyan_test_get_node (graph, "top"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A role is set by a reference, and the declaration tells of it");

  banyan_object_set (top, "file", "other", &error);
  g_assert_no_error (error);
  assert_leads (graph, "top:file", "other");
  g_assert_cmpstr (
      banyan_spec_get_text (banyan_spec_lookup (banyan_object_get_declaration (top), "file")), ==,
      "other");

  banyan_object_set (top, "file", NULL, &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TYPE);
  assert_leads (graph, "top:file", "other");
}

static void
test_many (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("m: { driver: test-mirror, children: [a, b] }\n"
                                     "a: { driver: test-memory }\n"
                                     "b: { driver: test-memory }\n"
                                     "c: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  BanyanElement *mirror = BANYAN_ELEMENT (banyan_test_get_node (graph, "m"));

  g_test_summary ("Children come and go in a role that takes many; the others keep their names");

  banyan_transaction_add_child (transaction, mirror, "children", banyan_test_get_node (graph, "c"));
  banyan_transaction_remove_child (transaction, banyan_test_get_edge (graph, "m:children.0"));
  banyan_test_commit (transaction);

  g_assert_null (banyan_element_get_child (mirror, "children.0"));
  assert_leads (graph, "m:children.1", "b");
  assert_leads (graph, "m:children.2", "c");
  assert_data_passes (graph, "m", "b");
  assert_data_passes (graph, "m", "c");
}

/* As when two clients remove it at the same time: one waits in the queue meanwhile. */
static void
test_edge_gone (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("m: { driver: test-mirror, children: [a, b] }\n"
                                     "a: { driver: test-memory }\n"
                                     "b: { driver: test-memory }\n");
  BanyanTransaction *first = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanTransaction) second = banyan_transaction_new (banyan_test_graph_get (graph));
  BanyanChild *edge = banyan_test_get_edge (graph, "m:children.1");
  g_autoptr (GError) error = NULL;

  g_test_summary ("A step about an edge that went meanwhile is refused, and tells so");

  banyan_transaction_remove_child (first, edge);
  banyan_transaction_remove_child (second, edge);
  banyan_test_commit (first);
  g_object_unref (first);

  g_assert_false (banyan_transaction_commit (second, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  g_assert_cmpstr (error->message, ==, "/nodes/m has no edge \"children.1\" any more");
}

static void
test_properties (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  BanyanNode *top = banyan_test_get_node (graph, "top");
  g_autoptr (GError) error = NULL;
  g_autofree char *reopened = NULL;
  g_autofree char *live = NULL;
  guint level;

  g_test_summary ("A property that needs reopening goes through the phases; a live one does not");

  g_free (control_take_log ());
  banyan_object_set (BANYAN_OBJECT (top), "label", "good", &error);
  g_assert_no_error (error);
  reopened = control_take_log ();
  banyan_object_set (BANYAN_OBJECT (top), "level", "7", &error);
  g_assert_no_error (error);
  live = control_take_log ();
  g_object_get (top, "level", &level, NULL);

  g_assert_cmpstr (control_get_label (top), ==, "good");
  g_assert_cmpuint (level, ==, 7);
  g_assert_cmpstr (reopened, ==, "prepare top\nsettle top\ncommit top\nfinish top\n");
  g_assert_cmpstr (live, ==, "");
}

static void
test_refuses_values (void)
{
  static const struct
  {
    const char *object;
    const char *key;
    const char *value;
    BanyanConfigError code;
  } bad[] = {
    { "top", "label", "bad", BANYAN_CONFIG_ERROR_CONFLICT },
    { "top", "level", "101", BANYAN_CONFIG_ERROR_RANGE },
    { "top", "levle", "1", BANYAN_CONFIG_ERROR_UNKNOWN_KEY },
    { "top", "file", "nobody", BANYAN_CONFIG_ERROR_REFERENCE },
    { "top", "file", "top", BANYAN_CONFIG_ERROR_CONFLICT },
    { "disk", "size", "1M", BANYAN_CONFIG_ERROR_STATE },
  };
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);

  g_test_summary ("A value that cannot be is refused, and the old one stays");

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      BanyanNode *node = banyan_test_get_node (graph, bad[i].object);

      g_assert_false (banyan_object_set (BANYAN_OBJECT (node), bad[i].key, bad[i].value, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, (int) bad[i].code);
    }
  g_assert_null (control_get_label (banyan_test_get_node (graph, "top")));
  assert_leads (graph, "top:file", "disk");
}

static void
test_cycle (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("user: { driver: test-pass, file: top }\n" STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A cycle is refused, and the message goes round it");

  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "top:file"),
                                    banyan_test_get_node (graph, "user"));
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_cmpstr (error->message, ==,
                   "/nodes/top:file -> /nodes/user:file -> /nodes/top is a cycle; no node can be "
                   "below itself");
}

static void
test_cycles (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("a: { driver: test-pass, file: b }\n"
                                     "b: { driver: test-pass, file: disk }\n"
                                     "c: { driver: test-pass, file: d }\n"
                                     "d: { driver: test-pass, file: disk }\n"
                                     "disk: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  g_test_summary ("All cycles that a change would make are told, each by its way");

  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "b:file"),
                                    banyan_test_get_node (graph, "a"));
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "d:file"),
                                    banyan_test_get_node (graph, "c"));
  g_assert_false (banyan_transaction_check (transaction, problems));
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      const char *text = banyan_problems_get_text (problems, i);

      g_assert_nonnull (strstr (text, "is a cycle"));
      g_assert_nonnull (strstr (text, i == 0 ? "/nodes/a:file -> " : "/nodes/c:file -> "));
    }
}

static void
test_final_graph (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("user: { driver: test-pass, file: top }\n" STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  g_test_summary ("Only the final graph counts: two nodes change places by way of a cycle");

  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "top:file"),
                                    banyan_test_get_node (graph, "user"));
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "user:file"),
                                    banyan_test_get_node (graph, "disk"));
  banyan_test_commit (transaction);

  assert_leads (graph, "top:file", "user");
  assert_data_passes (graph, "top", "disk");
}

static void
test_in_use (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  g_autoptr (GError) error = NULL;

  g_test_summary ("What is in use is not removed, and the message says by whom");

  g_assert_false (
      banyan_object_close (BANYAN_OBJECT (banyan_test_get_node (graph, "disk")), &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  g_assert_cmpstr (error->message, ==,
                   "/nodes/disk is in use by /nodes/top:file; remove that too, or make it lead "
                   "elsewhere");
}

static void
test_resize (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  g_test_summary ("A node gets shorter as a change of the graph, and its filters with it");

  banyan_transaction_resize (transaction, banyan_test_get_node (graph, "top"), 65536);
  banyan_test_commit (transaction);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "disk")), ==, 65536);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "top")), ==, 65536);
}

static void
test_edge_candidates (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  BanyanGraph *of = banyan_test_graph_get (graph);
  g_autoptr (GError) unlike = NULL;
  g_autoptr (GError) alike = NULL;

  g_test_summary ("An edge that is not there is answered with those that are");

  g_assert_null (banyan_graph_resolve_edge (of, "/nodes/top:data", &unlike));
  g_assert_cmpstr (unlike->message, ==, "/nodes/top has no edge \"data\"; there are: file");
  g_assert_null (banyan_graph_resolve_edge (of, "/nodes/top:fiel", &alike));
  g_assert_cmpstr (alike->message, ==, "/nodes/top has no edge \"fiel\"; did you mean \"file\"?");
}

/* The server has one export "a", then one of the id @id in its place. */
static void
replace_export (const char *id)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("version: 1\n"
                                     "frontends:\n"
                                     "  s0: { type: test-server, exports: { a: { node: disk } } }\n"
                                     "nodes:\n"
                                     "  disk: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanMap) exports = NULL;
  BanyanObject *server;
  BanyanObject *export;

  server = banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (graph)), "/frontends/s0",
                                  &error);
  g_assert_no_error (error);
  export = g_object_new (g_type_from_name ("TestExport"), "id", id, "node",
                         banyan_test_get_node (graph, "disk"), NULL);
  banyan_transaction_add (transaction, export, server);
  banyan_transaction_remove (transaction, banyan_object_get_child (server, "a"));
  banyan_test_commit (transaction);

  g_object_get (server, "exports", &exports, NULL);
  g_assert_cmpuint (banyan_map_get_length (exports), ==, 1);
  g_assert_cmpstr (banyan_map_get_key (exports, 0), ==, id);
  g_assert_true (g_value_get_object (banyan_map_get_value (exports, 0)) == (gpointer) export);
  g_assert_true (banyan_object_get_child (server, id) == export);
  g_assert_cmpint (banyan_object_get_state (export), ==, BANYAN_OBJECT_OPEN);
  g_object_unref (export);
  g_clear_object (&transaction);
}

static void
test_exports (void)
{
  g_test_summary ("An export comes to a server that is open, another leaves, and the server knows");

  replace_export ("b");
  replace_export ("a");
}

static void
rename_to (BanyanTransaction *transaction, BanyanTestGraph *graph, const char *from, const char *to)
{
  banyan_transaction_rename (transaction, BANYAN_OBJECT (banyan_test_get_node (graph, from)), to,
                             FALSE);
}

static void
test_renames (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("a: { driver: test-pass, file: b }\n"
                                     "b: { driver: test-memory, size: 1MiB }\n"
                                     "c: { driver: test-memory, size: 1MiB }\n");
  BanyanNode *a = banyan_test_get_node (graph, "a");
  BanyanNode *b = banyan_test_get_node (graph, "b");
  BanyanNode *c = banyan_test_get_node (graph, "c");
  g_autoptr (BanyanTransaction) swap = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanTransaction) taken = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) drained = NULL;

  g_test_summary ("Nodes change their ids with each other, stay open, and who uses them says so");

  rename_to (swap, graph, "b", "c");
  rename_to (swap, graph, "c", "b");
  drained = banyan_transaction_plan (swap, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (drained), ==, 0);
  banyan_transaction_commit (swap, &error);
  g_assert_no_error (error);
  g_assert_true (banyan_test_get_node (graph, "c") == b && banyan_test_get_node (graph, "b") == c);
  g_assert_cmpstr (
      banyan_spec_lookup_text (banyan_object_get_declaration (BANYAN_OBJECT (a)), "file"), ==, "c");
  assert_data_passes (graph, "a", "c");

  rename_to (taken, graph, "a", "b");
  g_assert_false (banyan_transaction_commit (taken, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE);
  g_assert_true (banyan_test_get_node (graph, "a") == a);
}

static void
test_describes (void)
{
  g_autoptr (BanyanTypeInfo) info = banyan_registry_lookup (
      banyan_registry_get_default (), 1u << BANYAN_PLUGIN_FORMAT, "test-format");
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (info);
  g_autofree char *roles = banyan_spec_to_json (banyan_spec_lookup (description, "roles"), FALSE);
  g_autofree char *operations
      = banyan_spec_to_json (banyan_spec_lookup (description, "operations"), FALSE);

  g_test_summary ("A type's description has its roles and its operations");

  g_assert_cmpstr (
      roles, ==,
      "[{\"name\": \"file\", \"blurb\": \"Node with the image\", \"flags\": [\"data\", "
      "\"metadata\", \"primary\"]}, {\"name\": \"backing\", \"blurb\": \"Node with what "
      "is not in the image\", \"flags\": [\"cow\", \"optional\"], \"inline-defaults\": "
      "{\"read-only\": true, \"auto-read-only\": false}}]");
  g_assert_cmpstr (operations, ==, "[\"read\", \"write\"]");
}

static void
test_plan (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "frontends:\n"
      "  s0: { type: test-server, exports: { a: { node: top }, b: { node: other } } }\n"
      "nodes:\n"
      "  top: { driver: test-pass, file: disk }\n"
      "  disk: { driver: test-memory }\n"
      "  other: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) filter = banyan_test_make ("test-pass", "filter");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) drained = NULL;

  g_test_summary ("A plan tells where requests will wait, and touches nothing");

  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, "disk"));
  drained = banyan_transaction_plan (transaction, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (drained), ==, 1);
  g_assert_cmpstr (drained[0], ==, "/frontends/s0/a:node");
  assert_leads (graph, "top:file", "disk");
  g_clear_object (&transaction);
  g_clear_object (&filter);
}

static void
note_reason (BanyanGraph *graph, const char *name, BanyanSpec *data, const char **reason)
{
  if (strcmp (name, "SHUTDOWN") == 0)
    *reason = g_intern_string (banyan_spec_lookup_text (data, "reason"));
}

static void
test_end_cause (void)
{
  static const struct
  {
    int cause; /* -1: none is given */
    const char *reason;
  } cases[] = {
    { -1, "host-ui" },
    { BANYAN_END_BY_CLIENT, "host-qmp-quit" },
    { BANYAN_END_BY_SIGNAL, "host-signal" },
    { BANYAN_END_BY_ERROR, "host-error" },
  };

  g_test_summary ("Who watches a graph that is closed is told why, in QEMU's words");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanGraph) graph = banyan_graph_new ();
      g_autoptr (GError) error = NULL;
      const char *reason = NULL;

      g_signal_connect (graph, "event", G_CALLBACK (note_reason), &reason);
      if (cases[i].cause >= 0)
        banyan_graph_set_end_cause (graph, cases[i].cause);
      g_assert_true (banyan_graph_close (graph, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (reason, ==, cases[i].reason);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/transaction/tells-why-it-is-closed", test_end_cause);
  g_test_add_func ("/transaction/loads-a-document", test_loads);
  g_test_add_func ("/transaction/opens-and-closes-in-order", test_order);
  g_test_add_func ("/transaction/inserts-above-a-node", test_insert_above);
  g_test_add_func ("/transaction/inserts-on-an-edge", test_insert_on_edge);
  g_test_add_func ("/transaction/removes-a-filter", test_remove_filter);
  g_test_add_func ("/transaction/replaces-a-child", test_replace);
  g_test_add_func ("/transaction/sets-a-role", test_set_role);
  g_test_add_func ("/transaction/adds-and-removes-members", test_many);
  g_test_add_func ("/transaction/refuses-an-edge-that-went", test_edge_gone);
  g_test_add_func ("/transaction/sets-properties", test_properties);
  g_test_add_func ("/transaction/refuses-bad-values", test_refuses_values);
  g_test_add_func ("/transaction/refuses-cycles", test_cycle);
  g_test_add_func ("/transaction/all-cycles-are-told", test_cycles);
  g_test_add_func ("/transaction/checks-the-final-graph", test_final_graph);
  g_test_add_func ("/transaction/names-who-is-in-the-way", test_in_use);
  g_test_add_func ("/transaction/flushes-once", test_flushed_once);
  g_test_add_func ("/transaction/flushes-what-was-not-reached", test_flushed_apart);
  g_test_add_func ("/transaction/an-id-is-handed-on", test_same_id);
  g_test_add_func ("/transaction/an-id-is-taken", test_id_is_taken);
  g_test_add_func ("/transaction/resizes", test_resize);
  g_test_add_func ("/transaction/edges-have-candidates", test_edge_candidates);
  g_test_add_func ("/transaction/exports-come-and-go", test_exports);
  g_test_add_func ("/transaction/renames", test_renames);
  g_test_add_func ("/transaction/types-are-described", test_describes);
  g_test_add_func ("/transaction/plans-and-touches-nothing", test_plan);
  g_test_add_func ("/graph/flushes-what-it-writes-to", test_flush_default);
  return g_test_run ();
}
