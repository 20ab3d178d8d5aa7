/* test-compress.c - writes are marked where that means something
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

/* -- A leaf that could compress, and remembers whether it was to. -- */

G_DECLARE_FINAL_TYPE (TestZip, test_zip, TEST, ZIP, BanyanProtocol)

struct _TestZip
{
  BanyanProtocol parent_instance;

  guint flags; /* atomic: of the last write */
};

G_DEFINE_FINAL_TYPE (TestZip, test_zip, BANYAN_TYPE_PROTOCOL)

static gboolean
test_zip_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  banyan_request_fill (request, 0, 0, request->length);
  return TRUE;
}

static gboolean
test_zip_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BANYAN_LIVE_SET (TEST_ZIP (node)->flags, request->flags);
  return TRUE;
}

static const BanyanNodeOps test_zip_ops = {
  .size = sizeof test_zip_ops,
  .read = test_zip_read,
  .write = test_zip_write,
};

static guint
test_zip_get_capabilities (BanyanNode *node, guint inherited)
{
  return BANYAN_CAN_COMPRESS | BANYAN_CAN_FUA;
}

static gboolean
test_zip_open (BanyanElement *element, GError **error)
{
  banyan_node_publish_length (BANYAN_NODE (element), 1 << 20);
  return TRUE;
}

static void
test_zip_class_init (TestZipClass *klass)
{
  BANYAN_ELEMENT_CLASS (klass)->open = test_zip_open;
  BANYAN_NODE_CLASS (klass)->get_capabilities = test_zip_get_capabilities;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_zip_ops);
}

static void
test_zip_init (TestZip *self)
{
}

/* -- Tests. -- */

static void
must_write (BanyanTestGraph *graph, guint flags)
{
  g_autoptr (GError) error = NULL;
  guint8 data[1000] = { 1 };

  banyan_test_write_flags (graph, "c", 77, data, sizeof data, flags, &error);
  g_assert_no_error (error);
}

static gboolean
is_compressing (BanyanTestGraph *graph)
{
  gboolean compressing;

  g_object_get (banyan_test_get_node (graph, "c"), "compressing", &compressing, NULL);
  return compressing;
}

static void
test_marks_writes (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("c: { driver: compress, file: slow }\n"
                                     "slow: { driver: delay, file: zip }\n"
                                     "zip: { driver: test-zip }\n");
  TestZip *zip = TEST_ZIP (banyan_test_get_node (graph, "zip"));

  g_test_summary ("A write is to be compressed, through other filters too, and keeps its flags");

  g_assert_true (is_compressing (graph));
  must_write (graph, 0);
  g_assert_cmpuint (BANYAN_LIVE (zip->flags), ==, BANYAN_REQUEST_COMPRESSED);
  must_write (graph, BANYAN_REQUEST_FUA);
  g_assert_cmpuint (BANYAN_LIVE (zip->flags), ==, BANYAN_REQUEST_COMPRESSED | BANYAN_REQUEST_FUA);
}

static void
test_passes_on (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "c: { driver: compress, file: disk }\ndisk: { driver: memory, size: 1MiB }\n");

  g_test_summary ("Where nobody can compress, data is written as it is");

  g_assert_false (is_compressing (graph));
  must_write (graph, 0);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-zip", BANYAN_PLUGIN_PROTOCOL,
                               test_zip_get_type (), "Remember whether to compress");
  g_test_add_func ("/filter/compress/marks-writes", test_marks_writes);
  g_test_add_func ("/filter/compress/passes-on-elsewhere", test_passes_on);
  return g_test_run ();
}
