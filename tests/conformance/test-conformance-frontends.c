/* test-conformance-frontends.c - every frontend is opened, changed, closed and opened again
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "conformance.h"

static char *
document_of (Stage *stage)
{
  g_autofree char *declaration = stage_dup_declaration (stage);

  return g_strdup_printf ("version: 1\n"
                          "nodes:\n"
                          "  disk: { driver: memory, size: 1MiB }\n"
                          "frontends:\n"
                          "  top: { %s }\n",
                          declaration);
}

static void
test_reopens (const Case *the_case)
{
  Stage stage;
  g_autofree char *document = NULL;
  guint n_descriptors;

  g_test_summary ("A frontend that was closed leaves nothing behind, and opens again as before");

  stage_init (&stage, the_case);
  document = document_of (&stage);
  banyan_test_graph_free (stage_load (&stage, document));
  n_descriptors = stage_count_descriptors (&stage);

  for (guint i = 0; i < 3; i++)
    {
      banyan_test_graph_free (stage_load (&stage, document));
      g_assert_cmpuint (stage_count_descriptors (&stage), ==, n_descriptors);
    }
  stage_clear (&stage);
}

static void
test_follows_its_node (const Case *the_case)
{
  Stage stage;
  g_autofree char *document = NULL;
  BanyanTestGraph *graph;

  g_test_summary ("What a frontend serves can be put behind a filter and come out again; the "
                  "frontend can be removed from a running graph");

  stage_init (&stage, the_case);
  document = document_of (&stage);
  graph = stage_load (&stage, document);
  {
    g_autoptr (BanyanTransaction) put = banyan_transaction_new (banyan_test_graph_get (graph));
    g_autoptr (BanyanTransaction) take = banyan_transaction_new (banyan_test_graph_get (graph));
    g_autoptr (BanyanTransaction) remove = banyan_transaction_new (banyan_test_graph_get (graph));
    g_autoptr (BanyanObject) filter = banyan_object_new ("delay", "above", NULL);
    BanyanObject *frontends
        = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "frontends");

    banyan_transaction_add (put, filter, NULL);
    banyan_transaction_insert_above (put, BANYAN_NODE (filter),
                                     banyan_test_get_node (graph, "disk"));
    banyan_test_commit (put);
    banyan_transaction_remove_filter (take, BANYAN_NODE (filter));
    banyan_test_commit (take);
    banyan_transaction_remove (remove, banyan_object_get_child (frontends, "top"));
    banyan_test_commit (remove);
    g_assert_null (banyan_object_get_child (frontends, "top"));
  }
  banyan_test_graph_free (graph);
  stage_clear (&stage);
}

/* A graph that fails to open beside it must not keep the frontend's place. */
static void
test_fails_whole (const Case *the_case)
{
  Stage stage;
  g_autofree char *document = NULL;
  g_autofree char *broken = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A frontend in a graph that cannot be opened leaves nothing behind");

  stage_init (&stage, the_case);
  document = document_of (&stage);
  broken = g_strdup_printf ("%s  other: { %s }\n", document,
                            "type: nbd-server, listen: { type: unix, path: /nowhere/at/all }, "
                            "exports: { e: { node: disk } }");
  g_assert_null (banyan_test_graph_new (broken, &error));
  g_assert_nonnull (error);
  banyan_test_graph_free (stage_load (&stage, document));
  stage_clear (&stage);
}

int
main (int argc, char **argv)
{
  const guint kinds = 1u << BANYAN_PLUGIN_FRONTEND;

  banyan_test_init (&argc, &argv);
  conformance_add (kinds, "opens-again", test_reopens);
  conformance_add (kinds, "follows-its-node", test_follows_its_node);
  conformance_add (kinds, "fails-whole", test_fails_whole);
  return g_test_run ();
}
