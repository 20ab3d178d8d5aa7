/* test-copy-on-read.c - what was read stays in the child, and nothing newer is lost
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-io.h"
#include "cow-driver.h"

#include <errno.h>
#include <string.h>

#define SIZE (1 << 20)

#define GRAPH(cor, top) \
  "version: 1\n" \
  "objects:\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "nodes:\n" \
  "  cor: { driver: copy-on-read, file: top" cor " }\n" \
  "  top: { driver: test-cow, file: " top ", backing: pass }\n" \
  "  pass: { driver: delay, file: middle }\n" \
  "  middle: { driver: test-cow, file: { driver: memory, size: 1MiB }, backing: base }\n" \
  "  base: { driver: memory, size: 768KiB }\n"

#define MEMORY "{ driver: memory, size: 1MiB }"

static guint
count_blocks (BanyanTestGraph *graph, const char *node)
{
  guint n = 0;

  for (guint64 offset = 0; offset < SIZE; offset += COW_BLOCK)
    n += cow_driver_has_block (banyan_test_get_node (graph, node), offset) ? 1 : 0;
  return n;
}

/* The lowest layer has data up to 768 KiB; the middle one has its own in the second block. */
static BanyanTestGraph *
load (const char *document)
{
  BanyanTestGraph *graph = banyan_test_graph_must_load (document);

  banyan_test_write_unseen (graph, "base", 0, 768 << 10, 1);
  banyan_test_write_unseen (graph, "middle", COW_BLOCK, COW_BLOCK, 2);
  return graph;
}

static guint64
get_copied (BanyanTestGraph *graph)
{
  guint64 copied;

  g_object_get (banyan_test_get_node (graph, "cor"), "copied", &copied, NULL);
  return copied;
}

static void
test_keeps (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH ("", MEMORY));

  g_test_summary ("What was read is in the child, and the second read copies nothing");

  banyan_test_must_read (graph, "cor", 100, 2000, 1);
  banyan_test_must_read (graph, "cor", COW_BLOCK, 10, 2);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 2);
  g_assert_cmpuint (count_blocks (graph, "middle"), ==, 1);
  g_assert_cmpuint (get_copied (graph), ==, 2010);

  banyan_test_write_unseen (graph, "base", 0, COW_BLOCK, 9);
  banyan_test_write_unseen (graph, "middle", COW_BLOCK, COW_BLOCK, 9);
  banyan_test_must_read (graph, "cor", 0, COW_BLOCK, 1);
  banyan_test_must_read (graph, "cor", COW_BLOCK, COW_BLOCK, 2);
  g_assert_cmpuint (get_copied (graph), ==, 2010);
}

static void
test_zeroes (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH ("", MEMORY));
  static const guint8 zeroes[COW_BLOCK];
  g_autoptr (GError) error = NULL;
  guint8 data[COW_BLOCK];
  guint64 allocated;

  g_test_summary ("What lies beyond a shorter backing is copied as zeroes");

  banyan_test_read (graph, "cor", 900 << 10, data, sizeof data, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, sizeof data, zeroes, sizeof zeroes);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 1);
  g_object_get (banyan_child_get_node (banyan_test_get_edge (graph, "top:file")), "allocated",
                &allocated, NULL);
  g_assert_cmpuint (allocated, <=, 65536);
}

static void
test_bottom (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH (", bottom: middle", MEMORY));

  g_test_summary ("What only a layer below the bottom has is read and stays there");

  banyan_test_must_read (graph, "cor", 0, COW_BLOCK, 1);
  banyan_test_must_read (graph, "cor", COW_BLOCK, COW_BLOCK, 2);
  banyan_test_must_read (graph, "cor", 2 * COW_BLOCK, 65536, 1);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 1);
  g_assert_true (cow_driver_has_block (banyan_test_get_node (graph, "top"), COW_BLOCK));
}

static void
test_bad_bottom (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("A bottom that is not below the node is refused");

  g_assert_null (banyan_test_graph_new ("cor: { driver: copy-on-read, file: disk, bottom: other }\n"
                                        "disk: { driver: memory, size: 1MiB }\n"
                                        "other: { driver: memory, size: 1MiB }\n",
                                        &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

static gboolean
co_prefetch (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanRequest request = BANYAN_REQUEST (0, 768 << 10, NULL, 0);

  request.flags = BANYAN_REQUEST_PREFETCH;
  return banyan_channel_read (channel, &request, error);
}

static void
test_prefetch (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH ("", MEMORY));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A prefetch copies, and needs no memory");

  banyan_test_write_unseen (graph, "cor", 3 * COW_BLOCK, COW_BLOCK, 3);
  banyan_test_run (graph, "cor", co_prefetch, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, (768 << 10) / COW_BLOCK);
  banyan_test_must_read (graph, "top", 0, COW_BLOCK, 1);
  banyan_test_must_read (graph, "top", COW_BLOCK, COW_BLOCK, 2);
  banyan_test_must_read (graph, "top", 3 * COW_BLOCK, COW_BLOCK, 3);
}

#define FULL \
  "{ driver: blkdebug, image: " MEMORY ", rules: [{ operations: [write], error: enospc }] }"

static void
test_full (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH ("", FULL));
  g_autoptr (GError) error = NULL;
  guint64 failed;

  g_test_summary ("A read whose data cannot be kept succeeds, a prefetch does not");

  banyan_test_must_read (graph, "cor", 0, COW_BLOCK, 1);
  g_object_get (banyan_test_get_node (graph, "cor"), "failed", &failed, NULL);
  g_assert_cmpuint (failed, ==, 1);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 0);

  g_assert_false (banyan_test_run (graph, "cor", co_prefetch, NULL, &error));
  g_assert_error (error, BANYAN_ERRNO, ENOSPC);
}

static void
test_failing_source (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "cor: { driver: copy-on-read, file: top }\n"
      "top: { driver: test-cow, file: " MEMORY ", backing: bad }\n"
      "bad: { driver: blkdebug, image: disk, rules: [{ operations: [read], error: enodev }] }\n"
      "disk: { driver: memory, size: 1MiB }\n");
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A read that fails below fails, and nothing is kept");

  g_assert_false (banyan_test_read (graph, "cor", 0, sector, sizeof sector, &error));
  g_assert_error (error, BANYAN_ERRNO, ENODEV);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 0);
}

static void
test_read_only (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH (", read-only: true", MEMORY));

  g_test_summary ("A read-only node copies nothing");

  banyan_test_must_read (graph, "cor", 0, COW_BLOCK, 1);
  g_assert_cmpuint (count_blocks (graph, "top"), ==, 0);
}

static void
test_shares_no_writes (void)
{
  g_autoptr (BanyanTestGraph) graph = load (GRAPH ("", MEMORY));
  g_autoptr (GError) error = NULL;
  guint8 sector[512] = { 1 };

  g_test_summary ("Nobody else writes to the child, whose writes might be lost");

  g_assert_false (banyan_test_write (graph, "top", 0, sector, sizeof sector, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "/nodes/cor:file"));
}

static void
end_all (gpointer data)
{
  BanyanTestRequest **requests = data;

  for (guint i = 0; i < 16; i++)
    {
      g_autoptr (GError) error = banyan_test_request_end (requests[i]);

      g_assert_no_error (error);
    }
}

static void
test_nothing_lost (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "objects: { io0: { type: iothread }, io1: { type: iothread } }\n"
      "nodes:\n"
      "  cor: { driver: copy-on-read, file: top }\n"
      "  top: { driver: test-cow, file: slow, backing: " MEMORY " }\n"
      "  slow: { driver: delay, write-delay: 1, file: " MEMORY " }\n");
  BanyanBackend *backend = banyan_test_open_backend (graph, "cor");
  BanyanTestWorkers *workers = banyan_test_workers_start (graph, backend, 6);
  BanyanTestRequest *requests[16];

  g_test_summary ("Copies by reads on one iothread never overwrite what another has written");

  for (guint round = 0; round < 4; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
        requests[i] = banyan_test_request_start (
            backend, banyan_test_get_loop (graph, i % 2 == 0 ? "io1" : "io0"), i * 24576, 24576, 0);
      end_all (requests);
    }
  banyan_test_workers_stop (workers);
  banyan_test_close_backend (backend);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  cow_driver_register ();
  g_test_add_func ("/filter/copy-on-read/keeps-what-was-read", test_keeps);
  g_test_add_func ("/filter/copy-on-read/zeroes-stay-zeroes", test_zeroes);
  g_test_add_func ("/filter/copy-on-read/leaves-what-is-below-bottom", test_bottom);
  g_test_add_func ("/filter/copy-on-read/refuses-bad-bottom", test_bad_bottom);
  g_test_add_func ("/filter/copy-on-read/prefetch-copies", test_prefetch);
  g_test_add_func ("/filter/copy-on-read/full-child-fails-no-read", test_full);
  g_test_add_func ("/filter/copy-on-read/failed-read-keeps-nothing", test_failing_source);
  g_test_add_func ("/filter/copy-on-read/read-only-copies-nothing", test_read_only);
  g_test_add_func ("/filter/copy-on-read/shares-no-writes", test_shares_no_writes);
  g_test_add_func ("/filter/copy-on-read/loses-no-write", test_nothing_lost);
  return g_test_run ();
}
