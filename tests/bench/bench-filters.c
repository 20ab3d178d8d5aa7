/* bench-filters.c - what filters and quorums cost a request, on one iothread and on two
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each graph stands on the driver "null"; one coroutine on each iothread makes request after
 * request. The first graph is null alone, and the others are told by what they add to that. Run it
 * in the environment of `./dev exec`, for the plugins. */

#include <banyan/banyan.h>

#include <stdio.h>
#include <string.h>

#define ROUNDS 5
#define REQUESTS 400000
#define LENGTH 4096

typedef struct
{
  const char *name;
  const char *nodes; /* with a node "top" */
} Bench;

#define NULL_NODE "{ driver: null, size: 1G }"

static const Bench benches[] = {
  { "null", "top: " NULL_NODE },
  { "throttle, no limits",
    "top: { driver: throttle, throttle-group: { type: throttle-group }, file: " NULL_NODE " }" },
  { "throttle, iops limit that never binds",
    "top: { driver: throttle, throttle-group: { type: throttle-group, iops-total: 1000000000000 }, "
    "file: " NULL_NODE " }" },
  { "throttle, iops and bps limits with bursts",
    "top: { driver: throttle, throttle-group: { type: throttle-group, iops-total: 1000000000000, "
    "bps-total: 1000000000000, bps-total-max: 2000000000000, bps-total-max-length: 2 }, "
    "file: " NULL_NODE " }" },
  { "copy-on-read", "top: { driver: copy-on-read, file: " NULL_NODE " }" },
  { "quorum of 3, by vote", "top: { driver: quorum, vote-threshold: 2, children: [" NULL_NODE
                            ", " NULL_NODE ", " NULL_NODE "] }" },
  { "quorum of 3, fifo",
    "top: { driver: quorum, vote-threshold: 2, read-pattern: fifo, children: [" NULL_NODE
    ", " NULL_NODE ", " NULL_NODE "] }" },
};

typedef struct
{
  BanyanBackend *backend;
  gboolean is_write;
  gint64 took_ns;
  gint is_done; /* atomic */
} Client;

static void
client_main (gpointer data)
{
  static guint8 memory[LENGTH];
  static const struct iovec iov = { memory, LENGTH };
  Client *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);
  gint64 start_ns = banyan_loop_now_ns (banyan_loop_current ());

  for (guint i = 0; i < REQUESTS; i++)
    {
      BanyanRequest request = BANYAN_REQUEST ((guint64) (i % 1024) * LENGTH, LENGTH, &iov, 1);
      gboolean done = self->is_write ? banyan_channel_write (channel, &request, NULL)
                                     : banyan_channel_read (channel, &request, NULL);

      g_assert (done);
      if (i % 64 == 0)
        banyan_co_yield ();
    }
  self->took_ns = banyan_loop_now_ns (banyan_loop_current ()) - start_ns;
  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static BanyanLoop *
get_loop (BanyanGraph *graph, const char *id)
{
  BanyanObject *objects = banyan_object_get_child (BANYAN_OBJECT (graph), "objects");

  return banyan_iothread_get_loop (BANYAN_IOTHREAD (banyan_object_get_child (objects, id)));
}

/* Nanoseconds per request and iothread. */
static double
run_round (BanyanGraph *graph, BanyanBackend *backend, guint n_threads, gboolean is_write)
{
  Client clients[2] = { { backend, is_write, 0, FALSE }, { backend, is_write, 0, FALSE } };
  double sum = 0;

  for (guint i = 0; i < n_threads; i++)
    banyan_coroutine_start_on (get_loop (graph, i == 0 ? "io0" : "io1"), client_main, &clients[i]);
  for (guint i = 0; i < n_threads; i++)
    {
      while (!g_atomic_int_get (&clients[i].is_done))
        g_main_context_iteration (NULL, TRUE);
      sum += (double) clients[i].took_ns / REQUESTS;
    }
  return sum / n_threads;
}

static double
measure (BanyanGraph *graph, guint n_threads, gboolean is_write)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend = banyan_backend_new (
      banyan_graph_get_node (graph, "top"), "bench",
      BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error);
  double best = G_MAXDOUBLE;

  if (backend == NULL)
    g_error ("%s", error->message);
  for (guint i = 0; i < ROUNDS; i++)
    best = MIN (best, run_round (graph, backend, n_threads, is_write));
  banyan_backend_close (backend);
  g_object_unref (backend);
  return best;
}

static BanyanGraph *
load (const Bench *bench)
{
  g_autofree char *document = g_strdup_printf (
      "version: 1\nobjects: { io0: { type: iothread }, io1: { type: iothread } }\n"
      "nodes:\n  %s\n",
      bench->nodes);
  BanyanGraph *graph = banyan_graph_new ();
  g_autoptr (GError) error = NULL;

  if (!banyan_graph_load (graph, document, -1, "bench", NULL, &error))
    g_error ("%s", error->message);
  return graph;
}

int
main (int argc, char **argv)
{
  double base[4];

  printf ("%-44s %9s %9s %9s %9s\n", "ns per request of 4 KiB, best of 5", "read", "write",
          "read x2", "write x2");
  for (gsize i = 0; i < G_N_ELEMENTS (benches); i++)
    {
      g_autoptr (BanyanGraph) graph = load (&benches[i]);

      printf ("%-44s", benches[i].name);
      for (guint j = 0; j < 4; j++)
        {
          double ns = measure (graph, 1 + j / 2, j % 2);

          printf (i == 0 ? " %9.1f" : " %+9.1f", i == 0 ? ns : ns - base[j]);
          base[j] = i == 0 ? ns : base[j];
        }
      printf ("\n");
      banyan_graph_close (graph, NULL);
    }
  return 0;
}
