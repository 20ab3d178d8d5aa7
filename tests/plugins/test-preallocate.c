/* test-preallocate.c - the child grows ahead of the node, and is cut when that closes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-io.h"

#include <errno.h>

#define GRAPH(options, file) \
  "p: { driver: preallocate, file: " file options " }\n" \
  "debug: { driver: blkdebug, image: disk }\n" \
  "disk: { driver: memory, size: 1MiB }\n"

#define MIB (G_GUINT64_CONSTANT (1) << 20)

static guint64
get_length (BanyanTestGraph *graph, const char *id)
{
  return banyan_node_get_length (banyan_test_get_node (graph, id));
}

static void
must_resize (BanyanTestGraph *graph, guint64 length)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_test_resize (graph, "p", length, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_length (graph, "p"), ==, length);
}

static void
test_grows_ahead (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (GRAPH (", prealloc-size: 10M, prealloc-align: 4M", "disk"));
  guint64 preallocated;

  g_test_summary ("The child grows by more than was asked for, and then not until that is used up");

  g_assert_cmpuint (get_length (graph, "p"), ==, MIB);
  must_resize (graph, MIB + 1000);
  g_assert_cmpuint (get_length (graph, "disk"), ==, 12 * MIB);
  g_object_get (banyan_test_get_node (graph, "p"), "preallocated", &preallocated, NULL);
  g_assert_cmpuint (preallocated, ==, 11 * MIB - 1000);
  must_resize (graph, 5 * MIB);
  must_resize (graph, 12 * MIB);
  g_assert_cmpuint (get_length (graph, "disk"), ==, 12 * MIB);
  must_resize (graph, 12 * MIB + 1);
  g_assert_cmpuint (get_length (graph, "disk"), ==, 24 * MIB);
}

static void
test_cuts_on_close (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("", "disk"));
  BanyanBackend *backend;
  g_autoptr (GError) error = NULL;

  g_test_summary ("What was not used is cut off when the node closes");

  backend = banyan_backend_new (banyan_test_get_node (graph, "p"), "user",
                                BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE
                                    | BANYAN_PERMISSION_CONSISTENT_READ,
                                BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  must_resize (graph, 2 * MIB);
  g_assert_cmpuint (get_length (graph, "disk"), >, 2 * MIB);
  {
    g_autoptr (BanyanTransaction) transaction
        = banyan_transaction_new (banyan_test_graph_get (graph));

    banyan_transaction_remove_filter (transaction, banyan_test_get_node (graph, "p"));
    banyan_transaction_commit (transaction, &error);
    g_assert_no_error (error);
  }
  g_assert_cmpuint (get_length (graph, "disk"), ==, 2 * MIB);
  banyan_test_close_backend (backend);
}

static void
test_growth_is_zero (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("", "disk"));
  static const guint8 zeroes[4096];
  guint8 data[4096];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A node that was cut and grows again shows zeroes");

  must_resize (graph, 2 * MIB);
  banyan_test_fill (data, MIB, sizeof data, 1);
  banyan_test_write (graph, "p", MIB, data, sizeof data, &error);
  g_assert_no_error (error);
  {
    g_autoptr (BanyanTransaction) transaction
        = banyan_transaction_new (banyan_test_graph_get (graph));

    banyan_transaction_resize (transaction, banyan_test_get_node (graph, "p"), MIB);
    banyan_transaction_commit (transaction, &error);
    g_assert_no_error (error);
  }
  must_resize (graph, 2 * MIB);
  banyan_test_read (graph, "p", MIB, data, sizeof data, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, sizeof data, zeroes, sizeof zeroes);
}

static void
test_failing_child (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("", "debug"));
  BanyanObject *debug = BANYAN_OBJECT (banyan_test_get_node (graph, "debug"));
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "Where there is no room for more, what was asked for is tried; its error is ours");

  banyan_object_set (debug, "rules", "[{ operations: [resize], count: 2, error: enospc }]", &error);
  g_assert_no_error (error);
  must_resize (graph, 2 * MIB);
  g_assert_cmpuint (get_length (graph, "disk"), ==, 2 * MIB);

  banyan_object_set (debug, "rules", "[{ operations: [resize], error: enospc }]", &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_resize (graph, "p", 3 * MIB, &error), ==, BANYAN_FAILED);
  g_assert_error (error, BANYAN_ERRNO, ENOSPC);
  g_assert_cmpuint (get_length (graph, "p"), ==, 2 * MIB);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/preallocate/grows-ahead", test_grows_ahead);
  g_test_add_func ("/filter/preallocate/cuts-on-close", test_cuts_on_close);
  g_test_add_func ("/filter/preallocate/growth-is-zero", test_growth_is_zero);
  g_test_add_func ("/filter/preallocate/failing-child", test_failing_child);
  return g_test_run ();
}
