/* test-abi.c - what was built against an earlier header loads as it is, and serves
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <string.h>

#define OLD_OVER_MEMORY \
  "old: { driver: old-filter, file: disk, discard: unmap }\n" \
  "disk: { driver: memory, size: 1MiB, discard: unmap }\n"
#define OLD_OVER_OLD \
  "top: { driver: old-filter, file: { driver: old-protocol, node-name: disk, first: 7 } }\n"

/* Asserts that each of the @length bytes at @offset is @byte. */
static void
assert_reads (BanyanTestGraph *graph, const char *node, guint64 offset, gsize length, guint8 byte)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < length; i++)
    g_assert_cmphex (bytes[i], ==, byte);
}

static void
write_bytes (BanyanTestGraph *graph, const char *node, guint64 offset, gsize length, guint8 byte)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  memset (bytes, byte, length);
  banyan_test_write (graph, node, offset, bytes, length, &error);
  g_assert_no_error (error);
}

static void
test_known (void)
{
  static const char *const names[] = { "old-filter", "old-protocol", "later-filter" };
  g_autofree BanyanPluginInfo **plugins
      = banyan_registry_list_plugins (banyan_registry_get_default ());

  g_test_summary ("Plugins of other times are as good as ours");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (BanyanTypeInfo) type
          = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, names[i]);

      g_assert_nonnull (type);
    }
  for (guint i = 0; plugins[i] != NULL; i++)
    {
      g_assert_cmpstr (banyan_plugin_info_get_broken (plugins[i]), ==, NULL);
      banyan_plugin_info_unref (plugins[i]);
    }
}

static void
test_serves (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (OLD_OVER_MEMORY);

  g_test_summary ("An old filter does what it was written for");

  write_bytes (graph, "old", 1000, 5000, 0x0f);
  assert_reads (graph, "disk", 1000, 5000, 0x0f);
  assert_reads (graph, "old", 1000, 5000, 0xf0);
  assert_reads (graph, "old", 0, 1000, 0xff);
}

static void
test_passes_on (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (OLD_OVER_MEMORY);
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  g_test_summary ("What an old filter had not heard of goes to its child");

  write_bytes (graph, "disk", 0, 1 << 20, 0x55);
  g_assert_cmpint (banyan_test_zeroes (graph, "old", 0, 65536, BANYAN_REQUEST_MAY_UNMAP, &error),
                   ==, BANYAN_DONE);
  assert_reads (graph, "disk", 0, 65536, 0);
  g_assert_cmpint (banyan_test_discard (graph, "old", 65536, 65536, &error), ==, BANYAN_DONE);
  assert_reads (graph, "disk", 65536, 65536, 0);

  g_assert_cmpint (banyan_test_block_status (graph, "old", 0, 1 << 20, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_cmpuint (status.length, ==, 131072);
  g_assert_true (status.flags & BANYAN_BLOCK_ZERO);

  g_assert_cmpint (banyan_test_resize (graph, "old", 2 << 20, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "disk")), ==, 2 << 20);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "old")), ==, 2 << 20);
  g_assert_true (banyan_test_flush (graph, "old", &error));
}

static void
test_protocol (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (OLD_OVER_OLD);
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  g_test_summary ("What an old protocol had not heard of is unsupported, or done without it");

  assert_reads (graph, "disk", 0, 1, 7);
  write_bytes (graph, "top", 0, 65536, 0x55);
  assert_reads (graph, "top", 0, 65536, 0xaa);
  g_assert_cmpint (banyan_test_zeroes (graph, "top", 4096, 4096, 0, &error), ==, BANYAN_DONE);
  assert_reads (graph, "disk", 4096, 4096, 0);
  g_assert_cmpint (banyan_test_zeroes (graph, "top", 0, 4096, BANYAN_REQUEST_NO_FALLBACK, &error),
                   ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (banyan_test_discard (graph, "top", 0, 4096, &error), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (banyan_test_resize (graph, "top", 4096, &error), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (banyan_test_block_status (graph, "top", 0, 65536, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_true (status.flags & BANYAN_BLOCK_DATA);
  g_assert_true (banyan_test_flush (graph, "top", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_capabilities (banyan_test_get_node (graph, "disk")), ==, 0);
}

static void
test_new_properties (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "old: { driver: old-filter, file: disk, detect-zeroes: on, discard: unmap }\n"
      "disk: { driver: old-protocol, read-only: true, cache: { direct: true } }\n");
  g_autoptr (GError) error = NULL;
  guint8 byte = 0;

  g_test_summary ("Old nodes have the properties that their base classes have gained");

  g_assert_false (banyan_test_write (graph, "disk", 0, &byte, 1, &error));
  g_assert_nonnull (strstr (error->message, "read-only"));
  assert_reads (graph, "old", 0, 65536, 0xff);
}

static BanyanTransaction *
new_transaction (BanyanTestGraph *graph)
{
  return banyan_transaction_new (banyan_test_graph_get (graph));
}

static void
test_changes (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("slow: { driver: delay, file: disk }\n"
                                     "disk: { driver: memory, size: 64KiB }\n");
  g_autoptr (BanyanTransaction) insert = new_transaction (graph);
  g_autoptr (BanyanTransaction) removal = new_transaction (graph);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) old = banyan_object_new ("old-filter", "old", &error);

  g_test_summary ("An old filter is inserted, changed and removed while the graph is open");

  banyan_transaction_add (insert, old, NULL);
  banyan_transaction_insert_on_edge (insert, BANYAN_NODE (old),
                                     banyan_test_get_edge (graph, "slow:file"));
  banyan_transaction_commit (insert, &error);
  g_assert_no_error (error);
  assert_reads (graph, "slow", 0, 65536, 0xff);

  banyan_object_set (old, "mask", "0x0f", &error);
  g_assert_no_error (error);
  assert_reads (graph, "slow", 0, 65536, 0x0f);
  banyan_object_set (old, "read-only", "true", &error);
  g_assert_no_error (error);

  banyan_transaction_remove_filter (removal, BANYAN_NODE (old));
  banyan_transaction_commit (removal, &error);
  g_assert_no_error (error);
  assert_reads (graph, "slow", 0, 65536, 0);
}

static void
test_later (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("later: { driver: later-filter, file: disk }\n"
                                     "disk: { driver: memory, size: 64KiB }\n");
  g_autoptr (GError) error = NULL;

  g_test_summary ("Of a table that is longer than ours, what we know is used");

  assert_reads (graph, "later", 0, 1, 'l');
  assert_reads (graph, "disk", 0, 1, 0);
  write_bytes (graph, "later", 0, 4096, 0x55);
  assert_reads (graph, "disk", 0, 4096, 0x55);
  g_assert_cmpint (banyan_test_resize (graph, "later", 4096, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_autofree char *ours = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests", "abi", NULL);
  g_autofree char *path = g_strconcat (ours, ":", g_getenv ("BANYAN_PLUGIN_PATH"), NULL);

  g_setenv ("BANYAN_PLUGIN_PATH", path, TRUE);
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/abi/plugins-of-other-times-are-known", test_known);
  g_test_add_func ("/abi/old-filter-serves", test_serves);
  g_test_add_func ("/abi/old-filter-passes-on", test_passes_on);
  g_test_add_func ("/abi/old-protocol-does-without", test_protocol);
  g_test_add_func ("/abi/old-nodes-have-new-properties", test_new_properties);
  g_test_add_func ("/abi/old-filter-is-changed", test_changes);
  g_test_add_func ("/abi/later-operations-are-left-out", test_later);
  return g_test_run ();
}
