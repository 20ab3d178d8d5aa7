/* test-conformance-allocations.c - what runs for each request asks for no memory
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "conformance.h"

#include "banyan-test-allocations.h"

#include <sys/mman.h>

#define BLOCK 4096
#define N_REQUESTS 40
/* The first fills pools, and stores: it may allocate. So may a later one, where the pool of threads
 * needs another since the machine was slow; what allocates for each request does so in all. */
#define MAX_ROUNDS 20

typedef struct
{
  const Recipe *recipe;
  guint8 *block; /* as aligned as any driver asks for */
  guint64 allocated;
} Work;

static gboolean BANYAN_COROUTINE
run_request (BanyanChannel *channel, guint i, Work *work, GError **error)
{
  struct iovec iov = { work->block, BLOCK };
  BanyanRequest request = BANYAN_REQUEST (i / 4 * BLOCK, BLOCK, &iov, 1);
  BanyanBlockStatus status = { .size = sizeof status };

  switch (i % 4)
    {
    case 0:
      return work->recipe->only_reads ? banyan_channel_read (channel, &request, error)
                                      : banyan_channel_write (channel, &request, error);
    case 1:
      return banyan_channel_read (channel, &request, error);
    case 2:
      return banyan_channel_block_status (channel, request.offset, BLOCK, &status, error)
             == BANYAN_DONE;
    default:
      return banyan_channel_flush (channel, error);
    }
}

static gboolean BANYAN_COROUTINE
run_requests (BanyanChannel *channel, gpointer data, GError **error)
{
  Work *work = data;

  work->allocated = 1;
  for (guint round = 0; round < MAX_ROUNDS && work->allocated > 0; round++)
    {
      guint64 before = banyan_test_get_allocations ();

      for (guint i = 0; i < N_REQUESTS; i++)
        if (!run_request (channel, i, work, error))
          return FALSE;
      work->allocated = banyan_test_get_allocations () - before;
    }
  return TRUE;
}

static void
test_allocates_nothing (const Case *the_case)
{
  Work work = { the_case->recipe,
                mmap (NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *document = NULL;
  BanyanTestGraph *graph;
  Stage stage;

  g_test_summary ("Once the pools are full, reading, writing, flushing and asking for status "
                  "allocate nothing");

  if (!banyan_test_counts_allocations ())
    {
      g_test_skip ("memory is the sanitizer's to give");
      return;
    }

  stage_init (&stage, the_case);
  document = stage_dup_document (&stage, "");
  graph = stage_load (&stage, document);
  banyan_test_run_as (graph, "top", recipe_get_used (the_case->recipe), run_requests, &work,
                      &error);
  g_assert_no_error (error);
  g_assert_cmpuint (work.allocated, ==, 0);
  banyan_test_graph_free (graph);
  stage_clear (&stage);
  munmap (work.block, BLOCK);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  conformance_add (DRIVER_KINDS, "allocates-nothing", test_allocates_nothing);
  return g_test_run ();
}
