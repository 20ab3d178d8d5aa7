/* test-transaction.c - a change of the graph is done whole, or not at all
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"
#include "control-drivers.h"

#define DISK "disk: { driver: test-memory, size: 1MiB }\n"
#define STACK "top: { driver: test-pass, file: disk }\n" DISK

static void
test_loads (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (STACK);
  g_autoptr (GError) error = NULL;
  guint8 data[512];

  g_test_summary ("What a document declares is open and can be used");

  banyan_test_fill (data, 4096, sizeof data, 1);
  banyan_test_write (graph, "top", 4096, data, sizeof data, &error);
  g_assert_no_error (error);
  memset (data, 0, sizeof data);
  banyan_test_read (graph, "disk", 4096, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 4096, sizeof data, 1);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/transaction/loads", test_loads);
  return g_test_run ();
}
