/* test-rollback.c - a change that fails leaves exactly what was; changes wait for each other
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include <errno.h>

#include <string.h>

#define GRAPH \
  "version: 1\n" \
  "frontends:\n" \
  "  s0: { type: test-server, exports: { e: { node: top } } }\n" \
  "nodes:\n" \
  "  top: { driver: test-pass, file: old }\n" \
  "  old: { driver: test-pass, file: disk }\n" \
  "  m: { driver: test-mirror, children: [a, b] }\n" \
  "  a: { driver: test-memory }\n" \
  "  b: { driver: test-memory }\n" \
  "  x: { driver: test-pass, file: y }\n" \
  "  y: { driver: test-memory }\n" \
  "  z: { driver: test-memory }\n" \
  "  disk: { driver: test-memory }\n"

/* -- The graph in words. -- */

static void
describe_edges (GString *text, BanyanElement *element)
{
  g_autoptr (GPtrArray) edges = banyan_element_list_children (element);

  for (guint i = 0; i < edges->len; i++)
    {
      g_autofree char *path = banyan_child_dup_path (edges->pdata[i]);
      BanyanNode *node = banyan_child_get_node (edges->pdata[i]);

      g_string_append_printf (
          text, "%s -> %s used %x shared %x\n", path,
          node != NULL ? banyan_object_get_id (BANYAN_OBJECT (node)) : "nothing",
          banyan_child_get_used (edges->pdata[i]), banyan_child_get_shared (edges->pdata[i]));
    }
}

static void
describe_below (GString *text, BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);

  for (guint i = 0; i < children->len; i++)
    {
      BanyanObject *child = children->pdata[i];
      g_autofree char *path = banyan_object_dup_path (child);
      g_autofree char *declared
          = banyan_spec_to_json (banyan_object_get_declaration (child), FALSE);

      g_string_append_printf (text, "%s %d %s\n", path, banyan_object_get_state (child), declared);
      if (BANYAN_IS_ELEMENT (child))
        {
          g_string_append_printf (text, "used %x shared %x\n",
                                  banyan_element_get_used (BANYAN_ELEMENT (child)),
                                  banyan_element_get_shared (BANYAN_ELEMENT (child)));
          describe_edges (text, BANYAN_ELEMENT (child));
        }
      describe_below (text, child);
    }
}

static char *
describe (BanyanTestGraph *graph)
{
  GString *text = g_string_new (NULL);

  describe_below (text, BANYAN_OBJECT (banyan_test_graph_get (graph)));
  return g_string_free (text, FALSE);
}

/* -- One of everything. -- */

/* A place is taken, an edge led elsewhere, another one given a filter, a third one counts. */
static void
change_more (BanyanTestGraph *graph, BanyanTransaction *transaction)
{
  g_autoptr (BanyanObject) again = banyan_test_make ("test-memory", "a");
  g_autoptr (BanyanObject) between = banyan_test_make ("test-pass", "between");

  banyan_transaction_add (transaction, again, NULL);
  banyan_transaction_add (transaction, between, NULL);
  banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (between),
                                     banyan_test_get_edge (graph, "m:children.1"));
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (graph, "x:file"),
                                    banyan_test_get_node (graph, "z"));
  banyan_transaction_set_statistics (transaction, banyan_test_get_edge (graph, "top:file"), TRUE);
}

static BanyanTransaction *
change_everything (BanyanTestGraph *graph)
{
  BanyanTransaction *transaction = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) filter = banyan_test_make ("test-pass", "filter");
  g_autoptr (BanyanObject) disk = banyan_test_make ("test-memory", "new-disk");
  g_autoptr (BanyanObject) thread = banyan_test_make ("iothread", "io0");
  BanyanElement *mirror = BANYAN_ELEMENT (banyan_test_get_node (graph, "m"));

  banyan_transaction_add (transaction, thread, NULL);
  banyan_transaction_add (transaction, disk, NULL);
  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, "disk"));
  banyan_transaction_remove_filter (transaction, banyan_test_get_node (graph, "old"));
  banyan_transaction_add_child (transaction, mirror, "children", BANYAN_NODE (disk));
  banyan_transaction_remove_child (transaction, banyan_test_get_edge (graph, "m:children.0"));
  banyan_transaction_remove (transaction, BANYAN_OBJECT (banyan_test_get_node (graph, "a")));
  banyan_test_add_set (transaction, banyan_test_get_node (graph, "top"), "label", "changed");
  banyan_test_add_set (transaction, banyan_test_get_node (graph, "top"), "level", "9");
  banyan_test_add_set (
      transaction,
      banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (graph)), "s0/e", NULL),
      "writable", "true");
  change_more (graph, transaction);
  return transaction;
}

/* Fails step after step of @phase until there is none left to fail. Returns how many there were. */
static guint
fail_each (BanyanTestGraph *graph, BanyanTransactionPhase phase)
{
  g_autofree char *before = describe (graph);
  gint balance = control_get_balance ();
  guint n = 0;

  for (;; n++)
    {
      g_autoptr (BanyanTransaction) transaction = change_everything (graph);
      g_autofree char *after = NULL;
      g_autoptr (GError) error = NULL;

      banyan_transaction_fail_at (transaction, phase, n);
      if (banyan_transaction_commit (transaction, &error))
        return n;

      g_assert_error (error, BANYAN_ERRNO, EIO);
      after = describe (graph);
      g_assert_cmpstr (after, ==, before);
      g_assert_cmpint (control_get_balance (), ==, balance);
      g_assert_cmpint (banyan_transaction_get_phase (transaction), ==, BANYAN_PHASE_DONE);
    }
}

static void
test_every_step (void)
{
  static const struct
  {
    BanyanTransactionPhase phase;
    guint least;
  } phases[] = {
    { BANYAN_PHASE_PREPARE, 10 },
    { BANYAN_PHASE_CLOSE_GATES, 1 },
    { BANYAN_PHASE_SETTLE, 9 },
    { BANYAN_PHASE_SWITCH, 1 },
  };

  g_test_summary (
      "Whatever step of whatever phase fails, the graph is what it was, and still works");

  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
      g_autoptr (GError) error = NULL;
      guint8 data[512];

      g_assert_cmpuint (fail_each (graph, phases[i].phase), >=, phases[i].least);
      g_assert_cmpstr (control_get_label (banyan_test_get_node (graph, "top")), ==, "changed");
      banyan_test_fill (data, 0, sizeof data, 3);
      banyan_test_write (graph, "top", 0, data, sizeof data, &error);
      g_assert_no_error (error);
      banyan_test_read (graph, "disk", 0, data, sizeof data, &error);
      g_assert_no_error (error);
      banyan_test_assert_filled (data, 0, sizeof data, 3);
    }
  g_assert_cmpint (control_get_balance (), ==, 0);
}

/* -- Lengths. -- */

#define LONG_BYTES 1048576
#define SHORT_BYTES 65536

static BanyanTransaction *
change_lengths (BanyanTestGraph *graph)
{
  BanyanTransaction *transaction = banyan_transaction_new (banyan_test_graph_get (graph));

  banyan_transaction_resize (transaction, banyan_test_get_node (graph, "long"), SHORT_BYTES);
  banyan_transaction_resize (transaction, banyan_test_get_node (graph, "short"), LONG_BYTES);
  banyan_test_add_set (transaction, banyan_test_get_node (graph, "last"), "label", "changed");
  return transaction;
}

static void
assert_untouched (BanyanTestGraph *graph)
{
  g_autoptr (GError) error = NULL;
  guint8 data[512];

  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "long")), ==, LONG_BYTES);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "short")), ==,
                    SHORT_BYTES);
  banyan_test_read (graph, "long", LONG_BYTES - sizeof data, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, LONG_BYTES - sizeof data, sizeof data, 5);
}

static void
fail_lengths (BanyanTestGraph *graph, BanyanTransactionPhase phase, guint least)
{
  for (guint n = 0;; n++)
    {
      g_autoptr (BanyanTransaction) transaction = change_lengths (graph);
      g_autoptr (GError) error = NULL;

      banyan_transaction_fail_at (transaction, phase, n);
      if (banyan_transaction_commit (transaction, &error))
        {
          g_assert_cmpuint (n, >=, least);
          return;
        }
      assert_untouched (graph);
    }
}

static void
test_lengths (void)
{
  static const struct
  {
    BanyanTransactionPhase phase;
    guint least;
  } phases[] = { { BANYAN_PHASE_PREPARE, 3 },
                 { BANYAN_PHASE_CLOSE_GATES, 1 },
                 { BANYAN_PHASE_SETTLE, 5 },
                 { BANYAN_PHASE_SWITCH, 1 } };

  g_test_summary ("Whatever fails, nothing is cut off, and what has grown is as short as before");

  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr (BanyanTestGraph) graph
          = banyan_test_graph_must_load ("last: { driver: test-pass, file: disk }\n"
                                         "disk: { driver: test-memory }\n"
                                         "long: { driver: test-memory }\n"
                                         "short: { driver: test-memory }\n");
      g_autoptr (GError) error = NULL;
      guint8 data[512];

      banyan_test_resize (graph, "short", SHORT_BYTES, &error);
      g_assert_no_error (error);
      banyan_test_fill (data, LONG_BYTES - sizeof data, sizeof data, 5);
      banyan_test_write (graph, "long", LONG_BYTES - sizeof data, data, sizeof data, &error);
      g_assert_no_error (error);

      fail_lengths (graph, phases[i].phase, phases[i].least);
      g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "long")), ==,
                        SHORT_BYTES);
      g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "short")), ==,
                        LONG_BYTES);
    }
}

#define THREE(last) \
  "a: { driver: test-memory }\nb: { driver: test-memory }\n" \
  "c: { driver: test-memory" last " }\n"
#define SHORTER_BYTES 512

static const char *const three[] = { "a", "b", "c" };

static gboolean
shorten_all (BanyanTestGraph *graph, guint fail_at, GError **error)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  for (guint i = 0; i < G_N_ELEMENTS (three); i++)
    banyan_transaction_resize (transaction, banyan_test_get_node (graph, three[i]), SHORTER_BYTES);
  if (fail_at != G_MAXUINT)
    banyan_transaction_fail_at (transaction, BANYAN_PHASE_SETTLE, fail_at);
  return banyan_transaction_commit (transaction, error);
}

static void
assert_lengths (BanyanTestGraph *graph, guint64 length)
{
  for (guint i = 0; i < G_N_ELEMENTS (three); i++)
    g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, three[i])), ==, length);
}

static void
test_several_shrink (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (THREE (""));
  guint64 before = banyan_node_get_length (banyan_test_get_node (graph, "a"));
  g_autoptr (GError) error = NULL;
  guint8 data[512];
  guint n;

  g_test_summary ("Several nodes shrink at once, and whatever fails before, nothing is cut off");

  banyan_test_fill (data, before - sizeof data, sizeof data, 5);
  banyan_test_write (graph, "a", before - sizeof data, data, sizeof data, &error);
  g_assert_no_error (error);
  for (n = 0; !shorten_all (graph, n, &error); n++)
    {
      assert_lengths (graph, before);
      g_clear_error (&error);
      banyan_test_read (graph, "a", before - sizeof data, data, sizeof data, &error);
      g_assert_no_error (error);
      banyan_test_assert_filled (data, before - sizeof data, sizeof data, 5);
    }
  g_assert_cmpuint (n, >=, 3);
  assert_lengths (graph, SHORTER_BYTES);
}

static void
test_one_does_not_shrink (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (THREE (", fail-resize: true"));
  guint64 before = banyan_node_get_length (banyan_test_get_node (graph, "a"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Where the last does not, the others get their length again, and it is told "
                  "what they have lost");

  g_assert_false (shorten_all (graph, G_MAXUINT, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "/nodes/a had been shortened to 512 bytes"));
  g_assert_nonnull (strstr (error->message, "/nodes/b had been shortened to 512 bytes"));
  g_assert_nonnull (strstr (error->message, "/nodes/c: resizing it as told"));
  assert_lengths (graph, before);
}

static void
test_driver_fails (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  g_autofree char *before = describe (graph);
  g_autofree char *after = NULL;
  g_autoptr (BanyanTransaction) transaction = change_everything (graph);
  g_autoptr (BanyanObject) bad = banyan_test_make ("test-memory", "bad");
  g_autoptr (GError) error = NULL;

  g_test_summary ("A driver that does not open fails the change, by its path and its reason");

  g_object_set (bad, "fail-open", TRUE, NULL);
  banyan_transaction_add (transaction, bad, NULL);
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_cmpstr (error->message, ==, "/nodes/bad: opening it as told: Input/output error");
  after = describe (graph);
  g_assert_cmpstr (after, ==, before);
  g_clear_object (&transaction);
}

static void
test_tried_again (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  g_autoptr (BanyanObject) disk = banyan_test_make ("test-memory", "new-disk");
  g_autoptr (GError) error = NULL;

  g_test_summary ("What could not be added can be added again");

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (BanyanTransaction) transaction
          = banyan_transaction_new (banyan_test_graph_get (graph));

      g_clear_error (&error);
      banyan_transaction_add (transaction, disk, NULL);
      if (i == 0)
        banyan_transaction_fail_at (transaction, BANYAN_PHASE_SETTLE, 0);
      g_assert_cmpint (banyan_transaction_commit (transaction, &error), ==, i == 1);
    }
  g_assert_no_error (error);
  g_assert_cmpint (banyan_object_get_state (disk), ==, BANYAN_OBJECT_OPEN);
  g_clear_object (&disk);
}

/* -- The queue. -- */

typedef struct
{
  GString *order;
  const char *name;
  GError *error;
  gboolean is_done;
} Commit;

static void
committed (GObject *object, GAsyncResult *result, gpointer data)
{
  Commit *commit = data;

  banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &commit->error);
  g_string_append (commit->order, commit->name);
  commit->is_done = TRUE;
}

static void
wait_until (gboolean *done)
{
  while (!*done)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_queue (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  BanyanNode *top = banyan_test_get_node (graph, "top");
  g_autoptr (GString) order = g_string_new (NULL);
  Commit commits[] = { { order, "a" }, { order, "b" }, { order, "c" } };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (BanyanSpec) queue = NULL;

  g_test_summary ("Changes wait visibly for each other, in order; one that waits can be cancelled");

  for (guint i = 0; i < G_N_ELEMENTS (commits); i++)
    {
      g_autoptr (BanyanTransaction) transaction
          = banyan_transaction_new (banyan_test_graph_get (graph));

      banyan_test_add_set (transaction, top, "label", commits[i].name);
      banyan_transaction_commit_async (transaction, i == 1 ? cancellable : NULL, committed,
                                       &commits[i]);
    }
  queue = banyan_graph_describe_changes (banyan_test_graph_get (graph));
  g_assert_cmpuint (banyan_spec_get_length (queue), ==, 3);
  g_assert_cmpstr (
      banyan_spec_get_text (banyan_spec_lookup (banyan_spec_get_item (queue, 2), "phase")), ==,
      "queued");

  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < G_N_ELEMENTS (commits); i++)
    wait_until (&commits[i].is_done);

  g_assert_cmpstr (control_get_label (top), ==, "c");
  g_assert_no_error (commits[0].error);
  g_assert_error (commits[1].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_no_error (commits[2].error);
  /* When the cancelled one is told of it is nobody's promise. */
  g_assert_cmpint (strcspn (order->str, "a"), <, strcspn (order->str, "c"));
  g_clear_error (&commits[1].error);
}

static void
test_cancel_open (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  BanyanLoop *loop = banyan_graph_get_loop (banyan_test_graph_get (graph));
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GString) order = g_string_new (NULL);
  g_autoptr (BanyanObject) slow = banyan_test_make ("test-memory", "slow");
  g_autofree char *before = describe (graph);
  g_autofree char *after = NULL;
  Commit commit = { order, "a" };

  g_test_summary ("An open that takes an hour is cancelled, and nothing stays");

  banyan_loop_set_virtual_clock (loop, FALSE);
  g_object_set (slow, "open-delay", 3600 * 1000, NULL);
  banyan_transaction_add (transaction, slow, NULL);
  banyan_transaction_commit_async (transaction, cancellable, committed, &commit);
  while (banyan_object_get_state (slow) != BANYAN_OBJECT_CONFIGURED)
    g_main_context_iteration (NULL, TRUE);
  g_cancellable_cancel (cancellable);
  wait_until (&commit.is_done);

  g_assert_error (commit.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&commit.error);
  after = describe (graph);
  g_assert_cmpstr (after, ==, before);
}

/* -- Drains. -- */

typedef struct
{
  BanyanBackend *backend;
  GBytes *bytes;
  gboolean is_done;
} Read;

static void
read_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Read *read = data;
  g_autoptr (GError) error = NULL;

  read->bytes = banyan_backend_read_finish (BANYAN_BACKEND (object), result, &error);
  g_assert_no_error (error);
  read->is_done = TRUE;
}

static void
test_drain_timeout (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("top: { driver: test-pass, file: stuck }\n"
                                     "stuck: { driver: test-stuck, file: disk }\n"
                                     "disk: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  Read read = { 0 };

  g_test_summary ("A drain that takes too long ends the change, and the request still ends");

  read.backend
      = banyan_backend_new (banyan_test_get_node (graph, "top"), "reader",
                            BANYAN_PERMISSION_CONSISTENT_READ, BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  before = describe (graph);
  banyan_backend_read_async (read.backend, 0, 512, NULL, read_done, &read);
  while (control_count_stuck () == 0)
    g_main_context_iteration (NULL, FALSE);

  banyan_test_add_set (transaction, banyan_test_get_node (graph, "top"), "label", "later");
  banyan_transaction_set_drain_timeout_ms (transaction, 20);
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "reader"));
  after = describe (graph);
  g_assert_cmpstr (after, ==, before);

  control_let_go ();
  wait_until (&read.is_done);
  g_assert_cmpuint (g_bytes_get_size (read.bytes), ==, 512);
  g_bytes_unref (read.bytes);
  banyan_backend_close (read.backend);
  g_object_unref (read.backend);
}

static void
test_limits (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("top: { driver: test-pass, file: stuck }\n"
                                     "stuck: { driver: test-stuck, file: disk }\n"
                                     "disk: { driver: test-memory }\n");
  BanyanNode *top = banyan_test_get_node (graph, "top");
  g_autoptr (BanyanSpec) queue = NULL;
  g_autoptr (GError) error = NULL;
  Read read = { 0 };
  BanyanSpec *change;

  g_test_summary ("Limits that storage changes wait, visibly, for what is in flight");

  read.backend = banyan_backend_new (top, "reader", BANYAN_PERMISSION_CONSISTENT_READ,
                                     BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  banyan_backend_read_async (read.backend, 0, 512, NULL, read_done, &read);
  while (control_count_stuck () == 0)
    g_main_context_iteration (NULL, FALSE);

  control_set_alignment (banyan_test_get_node (graph, "disk"), 4096);
  do
    {
      g_main_context_iteration (NULL, FALSE);
      g_clear_pointer (&queue, banyan_spec_unref);
      queue = banyan_graph_describe_changes (banyan_test_graph_get (graph));
    }
  while (banyan_spec_get_length (queue) == 0);
  change = banyan_spec_get_item (queue, 0);
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (change, "owner")), ==, "disk");
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (change, "timeout-ms")), ==, "30000");
  g_assert_cmpuint (banyan_node_get_limits (top)->request_alignment, ==, 1);

  control_let_go ();
  wait_until (&read.is_done);
  while (banyan_node_get_limits (top)->request_alignment != 4096)
    g_main_context_iteration (NULL, TRUE);
  g_bytes_unref (read.bytes);
  banyan_backend_close (read.backend);
  g_object_unref (read.backend);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/rollback/every-step-of-every-phase", test_every_step);
  g_test_add_func ("/rollback/keeps-lengths", test_lengths);
  g_test_add_func ("/rollback/several-shrink", test_several_shrink);
  g_test_add_func ("/rollback/one-does-not-shrink", test_one_does_not_shrink);
  g_test_add_func ("/rollback/a-driver-does-not-open", test_driver_fails);
  g_test_add_func ("/rollback/can-be-tried-again", test_tried_again);
  g_test_add_func ("/rollback/changes-wait-in-order", test_queue);
  g_test_add_func ("/rollback/opening-is-cancelled", test_cancel_open);
  g_test_add_func ("/rollback/limits-wait-like-others", test_limits);
  g_test_add_func ("/rollback/drain-takes-too-long", test_drain_timeout);
  return g_test_run ();
}
