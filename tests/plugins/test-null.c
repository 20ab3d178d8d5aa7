/* test-null.c - a disk that forgets
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <string.h>

static void
test_forgets (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: null, size: 1MiB }\n");
  g_autoptr (GError) error = NULL;
  guint8 bytes[1024];
  guint8 zeroes[sizeof bytes] = { 0 };

  g_test_summary ("A read fills the whole buffer with zeroes, whatever was written");

  memset (bytes, 0xa5, sizeof bytes);
  banyan_test_write (graph, "disk", 512, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "disk", 512, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (bytes, sizeof bytes, zeroes, sizeof zeroes);
}

static void
test_latency (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: null, latency-ns: 3000000 }\n");
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("Reads and flushes take latency-ns each");

  banyan_test_read (graph, "disk", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 3);
  banyan_test_flush (graph, "disk", &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 6);
}

static void
test_status (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("data: { driver: null, size: 1MiB }\n"
                                     "zero: { driver: null, size: 1MiB, read-zeroes: true }\n");
  g_autoptr (GError) error = NULL;
  const guint kinds = BANYAN_BLOCK_ZERO | BANYAN_BLOCK_DATA;
  BanyanBlockStatus status;

  g_test_summary ("Block status calls the disk data, or with read-zeroes zeroes");

  banyan_test_block_status (graph, "data", 0, 1 << 20, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.flags & kinds, ==, BANYAN_BLOCK_DATA);
  banyan_test_block_status (graph, "zero", 0, 1 << 20, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.flags & kinds, ==, BANYAN_BLOCK_ZERO);
  g_assert_cmpuint (status.length, ==, 1 << 20);
}

static void
check_end (BanyanTestGraph *graph, guint64 length)
{
  BanyanBlockStatus status;
  g_autoptr (GError) error = NULL;
  guint8 bytes[5000] = { 0xa5 };

  banyan_test_write (graph, "top", length - sizeof bytes, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "top", length - 1, bytes, 1, &error);
  g_assert_no_error (error);
  g_assert_cmphex (bytes[0], ==, 0);
  g_assert_cmpint (banyan_test_zeroes (graph, "top", 1, length - 1, 0, &error), ==, BANYAN_DONE);
  g_assert_cmpint (banyan_test_discard (graph, "top", 1, length - 1, &error), ==, BANYAN_DONE);
  g_assert_cmpint (banyan_test_block_status (graph, "top", 1, length - 1, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (status.length, ==, length - 1);

  g_assert_false (banyan_test_read (graph, "top", length - 1, bytes, 2, &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

static void
test_largest (void)
{
  static const char *const alignments[] = { "1", "512", "4096", "1MiB" };

  g_test_summary ("The largest disk there can be is used up to its last byte, whatever the "
                  "alignment");

  for (gsize i = 0; i < G_N_ELEMENTS (alignments); i++)
    {
      g_autofree char *nodes
          = g_strdup_printf ("top: { driver: blkdebug, align: %s, image: disk }\n"
                             "disk: { driver: null, size: %" G_GINT64_FORMAT ", discard: unmap }\n",
                             alignments[i], G_MAXINT64);
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (nodes);

      check_end (graph, G_MAXINT64);
    }
}

static void
test_as_qemu (void)
{
  static const char *const names[] = { "null-co", "null-aio" };

  g_test_summary ("QEMU's names and options make the disk that they make there");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *nodes
          = g_strdup_printf ("plain: { driver: %s }\n"
                             "disk: { driver: %s, size: 4096, latency-ns: 1000000, "
                             "read-zeroes: true }\n",
                             names[i], names[i]);
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (nodes);

      g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "plain")), ==,
                        1 << 30);
      g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "disk")), ==, 4096);
    }
}

static void
test_latency_changes (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: null, latency-ns: 3000000 }\n");
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("Latency is changed while the disk is used, for requests that come after");

  banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, "disk")), "latency-ns", "5ms",
                     &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "disk", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 5);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/null/forgets", test_forgets);
  g_test_add_func ("/protocol/null/takes-its-latency", test_latency);
  g_test_add_func ("/protocol/null/status-as-asked", test_status);
  g_test_add_func ("/protocol/null/largest-disk", test_largest);
  g_test_add_func ("/protocol/null/as-qemu", test_as_qemu);
  g_test_add_func ("/protocol/null/latency-changes", test_latency_changes);
  return g_test_run ();
}
