/* program.cpp - program in C++ that knows an installed Banyan only
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan.h>

int
main ()
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (GError) error = nullptr;
  guint8 byte = 1;
  struct iovec iov = { &byte, 1 };
  BanyanRequest request = BANYAN_REQUEST (0, 1, &iov, 1);
  BanyanRequest slice = banyan_request_slice (&request, 0, 1, 0);
  BanyanNode *node;

  if (!banyan_graph_load (graph, "version: 1\nnodes: { disk: { driver: memory, size: 1MiB } }", -1,
                          "test.yaml", nullptr, &error))
    g_error ("%s", error->message);

  node = banyan_graph_get_node (graph, "disk");
  g_assert_true (BANYAN_IS_NODE (node) && BANYAN_IS_OBJECT (node));
  g_assert_cmpuint (banyan_node_get_length (node), ==, 1 << 20);
  g_assert_cmpuint (slice.length, ==, 1);
  return banyan_object_close (BANYAN_OBJECT (graph), &error) ? 0 : 1;
}
