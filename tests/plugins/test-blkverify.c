/* test-blkverify.c - a difference between two nodes is found, and told where it is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-io.h"

#include <errno.h>
#include <string.h>

#define GRAPH(rules) \
  "version: 1\n" \
  "objects: { io0: { type: iothread }, io1: { type: iothread } }\n" \
  "nodes:\n" \
  "  v: { driver: blkverify, test: t, raw: r }\n" \
  "  t: { driver: blkdebug, image: { driver: memory, size: 1MiB }, rules: [" rules "] }\n" \
  "  r: { driver: blkdebug, image: { driver: memory, size: 1MiB } }\n"

static void
test_mismatch (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH (""));
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = g_malloc (700000);
  guint64 mismatches;

  g_test_summary ("A read of what differs fails and names the first byte, others do not");

  banyan_test_fill (data, 0, 700000, 3);
  banyan_test_write (graph, "v", 0, data, 700000, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "v", 0, data, 700000, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, 700000, 3);

  banyan_test_write_unseen (graph, "r.image", 500001, 1, 9);
  banyan_test_write_unseen (graph, "t.image", 600001, 1, 9);
  g_assert_false (banyan_test_read (graph, "v", 100, data, 690000, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "contents mismatch at offset 500001"));
  g_clear_error (&error);
  banyan_test_read (graph, "v", 500002, data, 1000, &error);
  g_assert_no_error (error);
  g_object_get (banyan_test_get_node (graph, "v"), "mismatches", &mismatches, NULL);
  g_assert_cmpuint (mismatches, ==, 1);
}

static void
test_failing_child (void)
{
  static const char *const ids[] = { "t", "r" };

  g_test_summary ("What fails in either child fails the request, with that error");

  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH (""));
      g_autoptr (GError) error = NULL;
      guint8 data[512] = { 1 };

      banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, ids[i])), "rules",
                         "[{ operations: [read, write, write-zeroes], error: enodev }]", &error);
      g_assert_no_error (error);
      g_assert_false (banyan_test_write (graph, "v", 0, data, sizeof data, &error));
      g_assert_error (error, BANYAN_ERRNO, ENODEV);
      g_clear_error (&error);
      g_assert_false (banyan_test_read (graph, "v", 0, data, sizeof data, &error));
      g_assert_error (error, BANYAN_ERRNO, ENODEV);
      g_clear_error (&error);
      g_assert_cmpint (banyan_test_zeroes (graph, "v", 0, 512, 0, &error), ==, BANYAN_FAILED);
      g_assert_error (error, BANYAN_ERRNO, ENODEV);
    }
}

static void
test_short_raw (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("A node to compare with that is too short is refused");

  g_assert_null (
      banyan_test_graph_new ("v: { driver: blkverify, test: { driver: memory, size: 8192 },"
                             " raw: { driver: memory, size: 4096 } }\n",
                             &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

static void
test_no_discard (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH (""));
  BanyanBlockStatus status;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Nothing is discarded, or read from where it would not be compared");

  g_assert_cmpint (banyan_test_discard (graph, "v", 0, 65536, &error), ==, BANYAN_UNSUPPORTED);
  g_assert_no_error (error);
  banyan_test_block_status (graph, "v", 0, 65536, &status, &error);
  g_assert_no_error (error);
  g_assert_false (status.flags & BANYAN_BLOCK_LOCATED);
}

static void
test_overlapping (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      GRAPH ("{ operations: [read, write], probability: 30, delay: 1ms }"));

  g_test_summary ("Requests for one place from two iothreads at once make no difference");

  banyan_test_contend (graph, "v");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/blkverify/names-the-first-difference", test_mismatch);
  g_test_add_func ("/filter/blkverify/either-failure-fails", test_failing_child);
  g_test_add_func ("/filter/blkverify/refuses-short-raw", test_short_raw);
  g_test_add_func ("/filter/blkverify/discards-nothing", test_no_discard);
  g_test_add_func ("/filter/blkverify/overlapping-requests-agree", test_overlapping);
  return g_test_run ();
}
