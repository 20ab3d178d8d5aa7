/* bench-nbd-client.c - what a request through the node "nbd" costs its process
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * usage: bench-nbd-client SOCKET EXPORT [DEPTH [BYTES [REQUESTS [write]]]]: random reads or writes
 * of BYTES (4096), DEPTH (32) at once, from a server in another process. `./dev bench nbd-client`
 * runs it beside QEMU's client and tests/bench/nbd-load, which does the same without library and
 * says what is to be had. */

#include <banyan/banyan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_DEPTH 256
#define MAX_BYTES (32u << 20)

typedef struct
{
  guint depth;
  gsize bytes;
  guint64 n_requests;
  gboolean (*run) (BanyanChannel *channel, const BanyanRequest *request, GError **error);

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
run_requests (gpointer data, GError **error)
{
  Work *work = data;
  g_autofree guint8 *block = g_malloc0 (work->bytes);
  struct iovec iov = { block, work->bytes };

  while (work->left > 0)
    {
      BanyanRequest request = BANYAN_REQUEST (0, work->bytes, &iov, 1);

      work->left--;
      work->random = work->random * 1664525 + 1013904223;
      request.offset = work->random % work->n_blocks * work->bytes;
      if (!work->run (work->channel, &request, error))
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
  for (guint i = 0; i < work->depth; i++)
    banyan_gather_start (&gather, run_requests, work);
  return banyan_co_gather (&gather, error);
}

/* Pools and caches fill first. */
static gboolean
measure (BanyanBackend *backend, Work *work, GError **error)
{
  gint64 begun_us;
  guint64 before_ns;
  double seconds;

  work->left = work->n_requests / 10;
  if (!banyan_backend_run (backend, run_all, work, error))
    return FALSE;

  begun_us = g_get_monotonic_time ();
  before_ns = cpu_ns ();
  work->left = work->n_requests;
  if (!banyan_backend_run (backend, run_all, work, error))
    return FALSE;

  seconds = (g_get_monotonic_time () - begun_us) / 1e6;
  printf ("{\"client_cpu_us\": %.4f, \"requests_per_second\": %.1f}\n",
          (double) (cpu_ns () - before_ns) / 1000 / work->n_requests, work->n_requests / seconds);
  return TRUE;
}

static gboolean
take_number (const char *text, guint64 most, guint64 *number)
{
  return g_ascii_string_to_unsigned (text, 10, 1, most, number, NULL);
}

static gboolean
take_arguments (int argc, char **argv, Work *work)
{
  guint64 depth = 32, bytes = 4096, n_requests = 200000;

  if (argc < 3 || argc > 7 || (argc > 3 && !take_number (argv[3], MAX_DEPTH, &depth))
      || (argc > 4 && !take_number (argv[4], MAX_BYTES, &bytes))
      || (argc > 5 && !take_number (argv[5], G_MAXINT64, &n_requests))
      || (argc > 6 && strcmp (argv[6], "write") != 0))
    return FALSE;

  *work = (Work){ .depth = depth,
                  .bytes = bytes,
                  .n_requests = n_requests,
                  .run = argc > 6 ? banyan_channel_write : banyan_channel_read,
                  .random = 1 };
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autofree char *document = NULL;
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend = NULL;
  Work work;

  if (!take_arguments (argc, argv, &work))
    {
      fprintf (stderr,
               "usage: bench-nbd-client SOCKET EXPORT [DEPTH [BYTES [REQUESTS [write]]]]\n");
      return 2;
    }
  document = g_strdup_printf ("version: 1\nnodes: { disk: { driver: nbd, export: %s,"
                              " server: { type: unix, path: %s } } }\n",
                              argv[2], argv[1]);
  if (banyan_graph_load (graph, document, -1, "bench.yaml", g_get_tmp_dir (), &error))
    backend = banyan_backend_new (banyan_graph_get_node (graph, "disk"), "bench",
                                  BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                  BANYAN_PERMISSIONS_ALL, &error);
  if (backend != NULL)
    {
      work.n_blocks = banyan_node_get_length (banyan_graph_get_node (graph, "disk")) / work.bytes;
      measure (backend, &work, &error);
      banyan_backend_close (backend);
      g_object_unref (backend);
    }
  if (error == NULL && banyan_graph_close (graph, &error))
    return 0;
  fprintf (stderr, "bench-nbd-client: %s\n", error->message);
  return 1;
}
