/* test-edge-statistics.c - edges count on request, and cost nothing otherwise
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-graph-private.h"
#include "banyan-test.h"
#include "control-drivers.h"

#include <errno.h>

#define GRAPH \
  "top: { driver: test-pass, file: middle }\n" \
  "middle: { driver: test-pass, file: disk }\n" \
  "disk: { driver: test-memory }\n"

static gboolean
count (BanyanTestGraph *graph, gboolean enabled, gboolean fails)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;

  banyan_transaction_set_statistics (transaction, banyan_test_get_edge (graph, "middle:file"),
                                     enabled);
  if (fails)
    banyan_transaction_fail_at (transaction, BANYAN_PHASE_SWITCH, 0);
  return banyan_transaction_commit (transaction, &error);
}

static void
use_all (BanyanTestGraph *graph)
{
  guint8 data[512] = { 1 };
  BanyanBlockStatus status;
  g_autoptr (GError) error = NULL;

  g_assert_true (banyan_test_write (graph, "top", 0, data, sizeof data, &error));
  g_assert_true (banyan_test_read (graph, "top", 0, data, sizeof data, &error));
  g_assert_true (banyan_test_read (graph, "top", 512, data, 100, &error));
  g_assert_true (banyan_test_flush (graph, "top", &error));
  banyan_test_discard (graph, "top", 0, 4096, &error);
  banyan_test_block_status (graph, "top", 0, 4096, &status, &error);
  g_assert_no_error (error);
}

/* Filters that leave a read out are passed by on the way from the top. */
static gboolean
passes_by (BanyanTestGraph *graph)
{
  return banyan_test_get_edge (graph, "top:file")->route[BANYAN_OP_READ].node
         == banyan_test_get_node (graph, "disk");
}

static void
test_counts (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  BanyanChild *edge = banyan_test_get_edge (graph, "middle:file");
  BanyanStatistics statistics;
  guint64 timed = 0;

  g_test_summary ("An edge counts what goes along it, as soon as and as long as it is told to");

  use_all (graph);
  g_assert_false (banyan_child_get_statistics (edge, &statistics));
  g_assert_true (passes_by (graph));

  g_assert_false (count (graph, TRUE, TRUE));
  g_assert_false (banyan_child_get_statistics (edge, &statistics));
  g_assert_true (passes_by (graph));

  g_assert_true (count (graph, TRUE, FALSE));
  use_all (graph);
  g_assert_true (banyan_child_get_statistics (edge, &statistics));
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_READ], ==, 2);
  g_assert_cmpuint (statistics.bytes[BANYAN_STATISTIC_READ], ==, 612);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_WRITE], ==, 1);
  g_assert_cmpuint (statistics.bytes[BANYAN_STATISTIC_WRITE], ==, 512);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_FLUSH], ==, 1);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_DISCARD], ==, 1);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_BLOCK_STATUS], ==, 1);
  g_assert_cmpuint (statistics.in_flight, ==, 0);
  for (guint i = 0; i < BANYAN_LATENCY_BUCKETS; i++)
    timed += statistics.latency[BANYAN_STATISTIC_READ][i];
  g_assert_cmpuint (timed, ==, 2);

  g_assert_true (count (graph, FALSE, FALSE));
  g_assert_false (banyan_child_get_statistics (edge, &statistics));
  g_assert_true (passes_by (graph));
}

static void
test_backend (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("A backend has statistics of its own");

  backend = banyan_backend_new (banyan_test_get_node (graph, "top"), "reader",
                                BANYAN_PERMISSION_CONSISTENT_READ, BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  banyan_transaction_set_statistics (transaction, banyan_backend_get_child (backend), TRUE);
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_cmpstr (error->message, ==, "reader is a backend, which always counts");
  banyan_backend_close (backend);
  g_object_unref (backend);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/edge-statistics/count-on-request", test_counts);
  g_test_add_func ("/edge-statistics/backends-have-their-own", test_backend);
  return g_test_run ();
}
