/* test-quorum.c - several copies, of which some fail and some lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "banyan-test-io.h"

#include <errno.h>
#include <string.h>

/* Three disks that can fail and be written to behind the quorum's back, each below a window. */
#define GRAPH(options) \
  "version: 1\n" \
  "objects:\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "nodes:\n" \
  "  q: { driver: quorum, " options " }\n" \
  "  a: { driver: blkdebug, image: { driver: memory, size: 1MiB } }\n" \
  "  b: { driver: blkdebug, image: { driver: memory, size: 1MiB } }\n" \
  "  c: { driver: blkdebug, image: { driver: memory, size: 1MiB } }\n" \
  "  short: { driver: memory, size: 512KiB }\n"

#define TWO_OF_THREE GRAPH ("vote-threshold: 2, children: [a, b, c]")
#define REWRITING GRAPH ("vote-threshold: 2, children: [a, b, c], rewrite-corrupted: true")
#define FIFO GRAPH ("vote-threshold: 1, children: [a, b, c], read-pattern: fifo")
#define VERIFYING GRAPH ("vote-threshold: 2, children: [a, b], blkverify: true")

static BanyanObject *
get_node (BanyanTestGraph *graph, const char *id)
{
  return BANYAN_OBJECT (banyan_test_get_node (graph, id));
}

static void
fail_all (BanyanTestGraph *graph, const char *id, const char *operations, const char *number)
{
  g_autofree char *rules
      = g_strdup_printf ("[{ operations: [%s], error: %s }]", operations, number);

  banyan_test_set (get_node (graph, id), "rules", rules);
}

static int
try_write (BanyanTestGraph *graph, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (data, offset, length, seed);
  if (banyan_test_write (graph, "q", offset, data, length, &error))
    return 0;
  g_assert_cmpuint (error->domain, ==, BANYAN_ERRNO);
  return error->code;
}

static int
try_read (BanyanTestGraph *graph, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  if (banyan_test_read (graph, "q", offset, data, length, &error))
    {
      banyan_test_assert_filled (data, offset, length, seed);
      return 0;
    }
  g_assert_cmpuint (error->domain, ==, BANYAN_ERRNO);
  return error->code;
}

/* Past the quorum: into what @id filters. */
static void
corrupt (BanyanTestGraph *graph, const char *id, guint64 offset, gsize length, guint seed)
{
  g_autofree char *name = g_strconcat (id, ".image", NULL);

  banyan_test_write_unseen (graph, name, offset, length, seed);
}

static guint64
get_count (BanyanTestGraph *graph, const char *property)
{
  guint64 n;

  g_object_get (get_node (graph, "q"), property, &n, NULL);
  return n;
}

/* -- Votes. -- */

static void
test_writes_all (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);

  g_test_summary ("What is written is in every child, at any offset and longer than a vote");

  g_assert_cmpint (try_write (graph, 1000, 600000, 1), ==, 0);
  banyan_test_must_read (graph, "a", 1000, 600000, 1);
  banyan_test_must_read (graph, "b", 1000, 600000, 1);
  banyan_test_must_read (graph, "c", 1000, 600000, 1);
  g_assert_cmpint (try_read (graph, 1000, 600000, 1), ==, 0);
}

static void
test_outvotes (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);

  g_test_summary ("A child with other data is outvoted, whichever it is, and stays as it is");

  g_assert_cmpint (try_write (graph, 0, 8192, 1), ==, 0);
  corrupt (graph, "a", 104, 1, 9);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  corrupt (graph, "c", 5000, 1, 9);
  g_assert_cmpint (try_read (graph, 4096, 4096, 1), ==, 0);
  g_assert_cmpuint (get_count (graph, "bad-votes"), ==, 2);
  g_assert_cmpuint (get_count (graph, "rewritten"), ==, 0);
  banyan_test_must_read (graph, "a", 104, 1, 9);
}

static void
test_no_majority (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);

  g_test_summary ("A read fails when no version has the votes");

  g_assert_cmpint (try_write (graph, 0, 512, 1), ==, 0);
  corrupt (graph, "a", 0, 512, 8);
  corrupt (graph, "b", 0, 512, 9);
  g_assert_cmpint (try_read (graph, 0, 512, 1), ==, EIO);
  g_assert_cmpuint (get_count (graph, "failures"), ==, 1);
}

static void
test_rewrites (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (REWRITING);

  g_test_summary ("With rewrite-corrupted, a child that was outvoted gets the right data");

  g_assert_cmpint (try_write (graph, 0, 8192, 1), ==, 0);
  corrupt (graph, "b", 1000, 50, 9);
  g_assert_cmpint (try_read (graph, 0, 8192, 1), ==, 0);
  banyan_test_must_read (graph, "b", 0, 8192, 1);
  g_assert_cmpint (try_read (graph, 0, 8192, 1), ==, 0);
  g_assert_cmpuint (get_count (graph, "bad-votes"), ==, 1);
  g_assert_cmpuint (get_count (graph, "rewritten"), ==, 1);
}

static void
test_verifies (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (VERIFYING);
  g_autoptr (GError) error = NULL;
  guint8 data[8192];

  g_test_summary ("With blkverify, a difference fails the read and its offset is told");

  g_assert_cmpint (try_write (graph, 0, 8192, 1), ==, 0);
  g_assert_cmpint (try_read (graph, 0, 8192, 1), ==, 0);
  corrupt (graph, "b", 5000, 1, 9);
  g_assert_false (banyan_test_read (graph, "q", 512, data, 6000, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "contents mismatch at offset 5000"));
}

/* -- Failures. -- */

static void
test_failing_children (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);
  g_autoptr (GError) error = NULL;

  g_test_summary ("One child may fail anything; when two do, the error is the one that most have");

  fail_all (graph, "a", "read, write, flush, write-zeroes", "enospc");
  g_assert_cmpint (try_write (graph, 0, 4096, 1), ==, 0);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  banyan_test_flush (graph, "q", &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_zeroes (graph, "q", 65536, 65536, 0, &error), ==, BANYAN_DONE);
  g_assert_cmpuint (get_count (graph, "child-failures"), ==, 4);
  g_assert_cmpuint (get_count (graph, "failures"), ==, 0);

  fail_all (graph, "b", "read, write, flush, write-zeroes", "enodev");
  fail_all (graph, "c", "read, write, flush, write-zeroes", "enodev");
  g_assert_cmpint (try_write (graph, 0, 4096, 1), ==, ENODEV);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, ENODEV);
  g_assert_false (banyan_test_flush (graph, "q", &error));
  g_assert_error (error, BANYAN_ERRNO, ENODEV);
  g_clear_error (&error);
  g_assert_cmpint (banyan_test_zeroes (graph, "q", 65536, 65536, 0, &error), ==, BANYAN_FAILED);
  g_assert_cmpuint (get_count (graph, "failures"), ==, 4);

  banyan_test_set (get_node (graph, "a"), "rules", "[]");
  banyan_test_set (get_node (graph, "b"), "rules", "[]");
  banyan_test_set (get_node (graph, "c"), "rules", "[]");
}

static void
test_fifo (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (FIFO);

  g_test_summary ("With read-pattern fifo the first child that does not fail is believed");

  g_assert_cmpint (try_write (graph, 0, 4096, 1), ==, 0);
  corrupt (graph, "b", 0, 4096, 2);
  corrupt (graph, "c", 0, 4096, 3);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  fail_all (graph, "a", "read", "eio");
  g_assert_cmpint (try_read (graph, 0, 4096, 2), ==, 0);
  fail_all (graph, "b", "read", "eio");
  g_assert_cmpint (try_read (graph, 0, 4096, 3), ==, 0);
  fail_all (graph, "c", "read", "enodev");
  g_assert_cmpint (try_read (graph, 0, 4096, 3), ==, ENODEV);
  g_assert_cmpuint (get_count (graph, "child-failures"), ==, 1 + 2 + 3);
}

typedef struct
{
  GString *text;
  guint n;
} Log;

static void
on_report (BanyanNode *node, const char *child, const char *operation, const char *error,
           guint64 offset, guint64 length, guint64 count, gpointer data)
{
  Log *log = data;

  g_string_append_printf (
      log->text, "%s %s %s %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " x%" G_GUINT64_FORMAT "\n",
      child, operation, error != NULL ? "failed" : "outvoted", offset, length, count);
  log->n++;
}

static void
on_failure (BanyanNode *node, const char *operation, guint64 offset, guint64 length, guint64 count,
            gpointer data)
{
  Log *log = data;

  g_string_append_printf (log->text, "%s x%" G_GUINT64_FORMAT "\n", operation, count);
  log->n++;
}

/* The main loop does not run meanwhile. */
static void
read_often (BanyanTestGraph *graph, BanyanBackend *backend, BanyanTestRequest **requests, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      requests[i] = banyan_test_request_start (backend, banyan_test_get_loop (graph, "io0"),
                                               4096 * i, 512, 0);
      while (!banyan_test_request_is_done (requests[i]))
        g_thread_yield ();
    }
}

static void
test_signals (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);
  g_autoptr (GString) text = g_string_new (NULL);
  BanyanTestRequest *requests[5];
  Log log = { text, 0 };
  BanyanBackend *backend = banyan_test_open_backend (graph, "q");

  g_test_summary ("Whatever a child has done wrong is told on the main thread, many times as one");

  fail_all (graph, "a", "read", "eio");
  corrupt (graph, "c", 0, 4096, 7);
  g_signal_connect (get_node (graph, "q"), "report-bad", G_CALLBACK (on_report), &log);
  g_signal_connect (get_node (graph, "q"), "failure", G_CALLBACK (on_failure), &log);
  read_often (graph, backend, requests, G_N_ELEMENTS (requests));
  g_assert_cmpuint (log.n, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GError) error = banyan_test_request_end (requests[i]);

      if (i == 0)
        g_assert_error (error, BANYAN_ERRNO, EIO);
      else
        g_assert_no_error (error);
    }
  while (log.n < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (text->str, ==, "a read failed 0+512 x5\nread x1\n");
  banyan_test_close_backend (backend);
}

/* -- Status and size. -- */

static void
test_status (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_OF_THREE);
  BanyanBlockStatus status;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Zeroes are where all children have them");

  corrupt (graph, "b", 65536, 512, 1);
  g_assert_cmpint (banyan_test_block_status (graph, "q", 0, 1 << 20, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_cmpuint (status.length, ==, 65536);
  g_assert_true (status.flags & BANYAN_BLOCK_ZERO);
  g_assert_cmpint (banyan_test_block_status (graph, "q", 65536, 65536, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_true (status.flags & BANYAN_BLOCK_DATA);
  fail_all (graph, "c", "block-status", "eio");
  banyan_test_block_status (graph, "q", 0, 65536, &status, &error);
  g_assert_no_error (error);
  g_assert_true (status.flags & BANYAN_BLOCK_DATA);
}

/* -- Children that come and go. -- */

static gboolean
change_children (BanyanTestGraph *graph, const char *add, const char *edge, GError **error)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  BanyanElement *quorum = BANYAN_ELEMENT (get_node (graph, "q"));

  if (edge != NULL)
    banyan_transaction_remove_child (transaction, banyan_test_get_edge (graph, edge));
  if (add != NULL)
    banyan_transaction_add_child (transaction, quorum, "children",
                                  banyan_test_get_node (graph, add));
  return banyan_transaction_commit (transaction, error);
}

static void
test_children_change (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (GRAPH ("vote-threshold: 2, children: [a, b]"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Children come and go as far as the threshold and the length allow");

  g_assert_cmpint (try_write (graph, 0, 4096, 1), ==, 0);
  g_assert_false (change_children (graph, NULL, "q:children.0", &error));
  g_assert_nonnull (strstr (error->message, "vote-threshold"));
  g_clear_error (&error);
  g_assert_false (change_children (graph, "short", NULL, &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  g_clear_error (&error);

  change_children (graph, "c", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  g_assert_cmpuint (get_count (graph, "bad-votes"), ==, 1);
  banyan_test_set (get_node (graph, "q"), "rewrite-corrupted", "true");
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);

  change_children (graph, NULL, "q:children.0", &error);
  g_assert_no_error (error);
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  g_assert_cmpuint (get_count (graph, "bad-votes"), ==, 2);
  banyan_test_set (get_node (graph, "q"), "children", "[a, b, c]");
  banyan_test_set (get_node (graph, "q"), "vote-threshold", "3");
  g_assert_cmpint (try_read (graph, 0, 4096, 1), ==, 0);
  g_assert_false (banyan_object_set (get_node (graph, "q"), "children", "[a, b]", &error));
  g_assert_nonnull (strstr (error->message, "vote-threshold"));
}

static void
test_lengths_change (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (GRAPH ("vote-threshold: 2, children: [a, b]"));
  g_autoptr (BanyanTransaction) one = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanTransaction) both = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;

  g_test_summary ("All children get another length at once, or none does");

  banyan_transaction_resize (one, banyan_test_get_node (graph, "a"), 4 << 20);
  g_assert_false (banyan_transaction_commit (one, &error));
  g_assert_nonnull (strstr (error->message, "one length"));
  g_clear_error (&error);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "a")), ==,
                    banyan_node_get_length (banyan_test_get_node (graph, "b")));

  banyan_transaction_resize (both, banyan_test_get_node (graph, "a"), 4 << 20);
  banyan_transaction_resize (both, banyan_test_get_node (graph, "b"), 4 << 20);
  banyan_test_commit (both);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "q")), ==, 4 << 20);

  banyan_test_set (get_node (graph, "q"), "vote-threshold", "1");
  banyan_test_set (get_node (graph, "q"), "children", "[short]");
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "q")), ==,
                    banyan_node_get_length (banyan_test_get_node (graph, "short")));
}

static void
test_changes_under_load (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (REWRITING);
  BanyanBackend *backend = banyan_test_open_backend (graph, "q");
  BanyanTestWorkers *workers = banyan_test_workers_start (graph, backend, 6);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Two iothreads find their data while children come, go and fail");

  for (guint i = 0; i < 8; i++)
    {
      g_autoptr (GPtrArray) edges
          = banyan_element_list_children (BANYAN_ELEMENT (get_node (graph, "q")));
      g_autofree char *path
          = g_strdup_printf ("q:%s", banyan_child_get_role (edges->pdata[edges->len - 1]));

      change_children (graph, NULL, path, &error);
      g_assert_no_error (error);
      banyan_test_workers_wait (workers, 100);
      change_children (graph, "c", NULL, &error);
      g_assert_no_error (error);
      banyan_test_workers_wait (workers, 100);
    }
  banyan_test_workers_stop (workers);
  banyan_test_close_backend (backend);
}

/* -- Order. -- */

static void
test_order (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "objects: { io0: { type: iothread }, io1: { type: iothread } }\n"
      "nodes:\n"
      "  q: { driver: quorum, vote-threshold: 2, blkverify: true, children: [a, b] }\n"
      "  a: { driver: blkdebug, seed: 1, image: { driver: memory, size: 1MiB },"
      " rules: [{ operations: [write], probability: 30, delay: 1ms }] }\n"
      "  b: { driver: blkdebug, seed: 2, image: { driver: memory, size: 1MiB },"
      " rules: [{ operations: [write, read], probability: 30, delay: 1ms }] }\n");

  g_test_summary ("Whoever writes to one place at once, the children have the same, at all times");

  banyan_test_contend (graph, "q");
}

/* -- Declarations. -- */

static void
test_refusals (void)
{
  static const struct
  {
    const char *graph;
    const char *says[2];
  } bad[] = {
    { GRAPH ("vote-threshold: 3, children: [a, b]"), { "vote-threshold: is 3" } },
    { GRAPH ("vote-threshold: 0, children: [a, b]"), { "vote-threshold" } },
    { GRAPH ("children: [a, b]"), { "vote-threshold" } },
    { GRAPH ("vote-threshold: 1"), { "children" } },
    { GRAPH ("vote-threshold: 2, children: [a, b, c], blkverify: true"), { "blkverify:" } },
    { GRAPH ("vote-threshold: 1, children: [a, b], blkverify: true, rewrite-corrupted: true"),
      { "blkverify:", "rewrite-corrupted:" } },
    { GRAPH ("vote-threshold: 1, children: [a, b], read-pattern: fifo, rewrite-corrupted: true"),
      { "rewrite-corrupted:" } },
    { GRAPH ("vote-threshold: 1, children: [a, short]"), { "one length" } },
  };

  g_test_summary ("What cannot be voted on is refused");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (bad[i].graph, &error));
      for (guint j = 0; j < G_N_ELEMENTS (bad[i].says) && bad[i].says[j] != NULL; j++)
        if (strstr (error->message, bad[i].says[j]) == NULL)
          g_error ("\"%s\" does not say \"%s\"", error->message, bad[i].says[j]);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/format/quorum/writes-to-all", test_writes_all);
  g_test_add_func ("/format/quorum/outvotes-one", test_outvotes);
  g_test_add_func ("/format/quorum/fails-without-majority", test_no_majority);
  g_test_add_func ("/format/quorum/rewrites-what-was-outvoted", test_rewrites);
  g_test_add_func ("/format/quorum/verify-names-the-offset", test_verifies);
  g_test_add_func ("/format/quorum/as-many-fail-as-may", test_failing_children);
  g_test_add_func ("/format/quorum/fifo-believes-the-first", test_fifo);
  g_test_add_func ("/format/quorum/tells-what-went-wrong", test_signals);
  g_test_add_func ("/format/quorum/zeroes-are-common-zeroes", test_status);
  g_test_add_func ("/format/quorum/children-change", test_children_change);
  g_test_add_func ("/format/quorum/lengths-change-together", test_lengths_change);
  g_test_add_func ("/format/quorum/children-change-under-load", test_changes_under_load);
  g_test_add_func ("/format/quorum/children-stay-alike", test_order);
  g_test_add_func ("/format/quorum/refuses-impossible-votes", test_refusals);
  return g_test_run ();
}
