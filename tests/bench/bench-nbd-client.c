/* bench-nbd-client.c - what a read through the node "nbd" costs its process
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * usage: bench-nbd-client SOCKET EXPORT [REQUESTS]: random reads of 4 KiB, 32 at once, from a
 * server in another process. tests/bench/nbd-load does the same to the same server without library,
 * and says what is to be had. */

#include <banyan/banyan.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH 32
#define BLOCK 4096
#define ROUNDS 5

typedef struct
{
  BanyanChannel *channel;
  guint64 n_blocks;
  guint64 left;
  guint32 random;
} Work;

static guint64
cpu_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * G_GUINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static gboolean BANYAN_COROUTINE
read_blocks (gpointer data, GError **error)
{
  Work *work = data;
  guint8 block[BLOCK];
  struct iovec iov = { block, BLOCK };

  while (work->left > 0)
    {
      BanyanRequest request = BANYAN_REQUEST (0, BLOCK, &iov, 1);

      work->left--;
      work->random = work->random * 1664525 + 1013904223;
      request.offset = work->random % work->n_blocks * BLOCK;
      if (!banyan_channel_read (work->channel, &request, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
run_all (BanyanChannel *channel, gpointer data, GError **error)
{
  Work *work = data;
  BanyanGather gather = BANYAN_GATHER_INIT;

  work->channel = channel;
  for (guint i = 0; i < DEPTH; i++)
    banyan_gather_start (&gather, read_blocks, work);
  return banyan_co_gather (&gather, error);
}

static gboolean
measure (BanyanBackend *backend, Work *work, guint64 n_requests, GError **error)
{
  gint64 begun_us = g_get_monotonic_time ();
  guint64 before_ns = cpu_ns ();

  work->left = n_requests;
  if (!banyan_backend_run (backend, run_all, work, error))
    return FALSE;

  printf ("{\"client_cpu_us\": %.3f, \"iops\": %.0f}\n",
          (double) (cpu_ns () - before_ns) / 1000 / n_requests,
          n_requests * 1e6 / (g_get_monotonic_time () - begun_us));
  return TRUE;
}

int
main (int argc, char **argv)
{
  guint64 n_requests = argc > 3 ? g_ascii_strtoull (argv[3], NULL, 10) : 200000;
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autofree char *document = NULL;
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend = NULL;
  Work work = { .random = 1 };

  if (argc < 3)
    {
      fprintf (stderr, "usage: bench-nbd-client SOCKET EXPORT [REQUESTS]\n");
      return 2;
    }
  document
      = g_strdup_printf ("version: 1\nnodes: { disk: { driver: nbd, read-only: true, export: %s,"
                         " server: { type: unix, path: %s } } }\n",
                         argv[2], argv[1]);
  if (banyan_graph_load (graph, document, -1, "bench.yaml", g_get_tmp_dir (), &error))
    backend
        = banyan_backend_new (banyan_graph_get_node (graph, "disk"), "bench",
                              BANYAN_PERMISSION_CONSISTENT_READ, BANYAN_PERMISSIONS_ALL, &error);
  if (backend != NULL)
    {
      work.n_blocks = banyan_node_get_length (banyan_graph_get_node (graph, "disk")) / BLOCK;
      for (guint i = 0; i < ROUNDS && measure (backend, &work, n_requests, &error); i++)
        ;
      banyan_backend_close (backend);
      g_object_unref (backend);
    }
  if (error == NULL && banyan_graph_close (graph, &error))
    return 0;
  fprintf (stderr, "bench-nbd-client: %s\n", error->message);
  return 1;
}
