/* test-delay.c - requests are held for as long as was asked
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>

#define SLOW_DISK(ms) \
  "slow: { driver: delay, read-delay: " ms ", write-delay: 40, flush-delay: 7, file: disk }\n" \
  "disk: { driver: memory, size: 1MiB }\n"

static void
test_read_waits (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (SLOW_DISK ("250"));
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A read takes exactly read-delay on the virtual clock, whatever the host does");

  banyan_test_read (graph, "slow", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 250);
}

static void
test_each_has_its_own (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (SLOW_DISK ("250"));
  g_autoptr (GError) error = NULL;
  guint8 sector[512] = { 1 };

  g_test_summary ("Writes and flushes are held for their own delays, discards not at all");

  banyan_test_write (graph, "slow", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 40);
  banyan_test_flush (graph, "slow", &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 47);
  g_assert_cmpint (banyan_test_discard (graph, "slow", 0, 65536, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 47);
}

static void
test_live (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (SLOW_DISK ("250"));
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A delay that was changed while the node is open holds the next read");

  banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, "slow")), "read-delay", "3",
                     &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "slow", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 3);
}

static void
test_passes_errors_on (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "slow: { driver: delay, read-delay: 5, file: bad }\n"
      "bad: { driver: blkdebug, image: disk, rules: [{ operations: [read], error: enodev }] }\n"
      "disk: { driver: memory, size: 1MiB }\n");
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A read that the child fails is failed with the child's error, after the delay");

  g_assert_false (banyan_test_read (graph, "slow", 0, sector, sizeof sector, &error));
  g_assert_error (error, BANYAN_ERRNO, ENODEV);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 5);
}

/* -- Closing, on the real clock: a virtual one would have jumped by then. -- */

static void
note_read (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = banyan_backend_read_finish (BANYAN_BACKEND (object), result, &error);

  g_assert_no_error (error);
  *(gboolean *) data = bytes != NULL;
}

static BanyanBackend *
start_reading (BanyanGraph *graph, const char *node, gboolean *is_done)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend
      = banyan_backend_new (banyan_graph_get_node (graph, node), node,
                            BANYAN_PERMISSION_CONSISTENT_READ, BANYAN_PERMISSIONS_ALL, &error);

  g_assert_no_error (error);
  banyan_backend_read_async (backend, 0, 512, NULL, note_read, is_done);
  return backend;
}

static void
test_close (gconstpointer closes_backend)
{
  static const char document[] = "version: 1\n"
                                 "nodes:\n"
                                 "  slow: { driver: delay, read-delay: 600000, file: disk }\n"
                                 "  disk: { driver: memory, size: 1MiB }\n";
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (BanyanBackend) slow = NULL;
  g_autoptr (BanyanBackend) fast = NULL;
  g_autoptr (GError) error = NULL;
  gboolean is_read[2] = { FALSE };

  g_test_summary ("What is held goes on when its user or the graph closes");

  banyan_graph_load (graph, document, -1, "test.yaml", NULL, &error);
  g_assert_no_error (error);
  slow = start_reading (graph, "slow", &is_read[0]);
  fast = start_reading (graph, "disk", &is_read[1]);
  /* It is the same thread's, and came later: the slow one is inside. */
  while (!is_read[1])
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (is_read[0]);

  if (closes_backend != NULL)
    {
      banyan_backend_close (slow);
      banyan_backend_close (fast);
    }
  banyan_graph_close (graph, &error);
  g_assert_no_error (error);
  while (!is_read[0])
    g_main_context_iteration (NULL, TRUE);
}

static void
test_refuses_bad_delay (void)
{
  static const struct
  {
    const char *nodes;
    int code;
  } bad[] = {
    { SLOW_DISK ("-1"), BANYAN_CONFIG_ERROR_RANGE },
    { SLOW_DISK ("600001"), BANYAN_CONFIG_ERROR_RANGE },
    { SLOW_DISK ("fast"), BANYAN_CONFIG_ERROR_TYPE },
  };

  g_test_summary ("A delay that is negative, too long or no number is refused");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (bad[i].nodes, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, bad[i].code);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/delay/read-waits", test_read_waits);
  g_test_add_func ("/filter/delay/each-has-its-own", test_each_has_its_own);
  g_test_add_func ("/filter/delay/change-holds-next-read", test_live);
  g_test_add_func ("/filter/delay/passes-errors-on", test_passes_errors_on);
  g_test_add_data_func ("/filter/delay/closing-backend-waits-for-none", "", test_close);
  g_test_add_data_func ("/filter/delay/closing-graph-waits-for-none", NULL, test_close);
  g_test_add_func ("/filter/delay/refuses-bad-delay", test_refuses_bad_delay);
  return g_test_run ();
}
