/* bench-graph.c - what a request costs between a channel and a leaf
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Drivers and programs see the public interface only, as plugins do. The leaf does nothing, so all
 * that is measured is the way there and back. At depth 1, one coroutine makes request after
 * request; at depth 32, each request has a coroutine of its own, and 32 are waited for together. */

#include <banyan/banyan.h>

#include "banyan-test-allocations.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 7
#define REQUESTS 1000000
#define DEPTH 32
#define MAX_LAYERS 8

/* -- Drivers. -- */

#define BENCH_TYPE_NULL (bench_null_get_type ())
G_DECLARE_FINAL_TYPE (BenchNull, bench_null, BENCH, NULL, BanyanProtocol)

struct _BenchNull
{
  BanyanProtocol parent_instance;
};

G_DEFINE_FINAL_TYPE (BenchNull, bench_null, BANYAN_TYPE_PROTOCOL)

static gboolean
bench_null_transfer (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return TRUE;
}

static const BanyanNodeOps bench_null_ops = {
  .size = sizeof bench_null_ops,
  .read = bench_null_transfer,
  .write = bench_null_transfer,
};

static gboolean
bench_null_open (BanyanElement *element, GError **error)
{
  banyan_node_publish_length (BANYAN_NODE (element), G_GUINT64_CONSTANT (1) << 40);
  return TRUE;
}

static void
bench_null_class_init (BenchNullClass *klass)
{
  BANYAN_ELEMENT_CLASS (klass)->open = bench_null_open;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &bench_null_ops);
}

static void
bench_null_init (BenchNull *self)
{
}

#define BENCH_TYPE_PASS (bench_pass_get_type ())
G_DECLARE_FINAL_TYPE (BenchPass, bench_pass, BENCH, PASS, BanyanFilter)

struct _BenchPass
{
  BanyanFilter parent_instance;

  BanyanChild *file;
};

G_DEFINE_FINAL_TYPE (BenchPass, bench_pass, BANYAN_TYPE_FILTER)

static gboolean
bench_pass_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_read (BANYAN_NODE_SELF (BenchPass, node)->file, request, error);
}

static gboolean
bench_pass_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_write (BANYAN_NODE_SELF (BenchPass, node)->file, request, error);
}

static const BanyanNodeOps bench_pass_ops = {
  .size = sizeof bench_pass_ops,
  .read = bench_pass_read,
  .write = bench_pass_write,
};

static void
bench_pass_class_init (BenchPassClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;
  banyan_node_class_set_ops (node_class, &bench_pass_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED, "Node below",
                                    G_STRUCT_OFFSET (BenchPass, file));
}

static void
bench_pass_init (BenchPass *self)
{
}

#define BENCH_TYPE_HOLLOW (bench_hollow_get_type ())
G_DECLARE_FINAL_TYPE (BenchHollow, bench_hollow, BENCH, HOLLOW, BanyanFilter)

struct _BenchHollow
{
  BanyanFilter parent_instance;

  BanyanChild *file;
};

G_DEFINE_FINAL_TYPE (BenchHollow, bench_hollow, BANYAN_TYPE_FILTER)

static void
bench_hollow_class_init (BenchHollowClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node below", G_STRUCT_OFFSET (BenchHollow, file));
}

static void
bench_hollow_init (BenchHollow *self)
{
}

/* -- Graphs. -- */

static void
must (gboolean succeeded, GError **error)
{
  if (succeeded)
    return;

  fprintf (stderr, "bench-graph: %s\n", (*error)->message);
  exit (1);
}

static BanyanNode *
add (BanyanTransaction *transaction, GType type, const char *id, BanyanNode *below)
{
  BanyanNode *node = below != NULL ? g_object_new (type, "id", id, "file", below, NULL)
                                   : g_object_new (type, "id", id, NULL);

  banyan_transaction_add (transaction, BANYAN_OBJECT (node), NULL);
  g_object_unref (node);
  return node;
}

/* A leaf, and filters on it; returns the top. */
static BanyanNode *
build (BanyanGraph *graph, GType type, guint n_layers)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (graph);
  BanyanNode *top = add (transaction, BENCH_TYPE_NULL, "leaf", NULL);
  GError *error = NULL;

  for (guint i = 0; i < n_layers; i++)
    {
      g_autofree char *id = g_strdup_printf ("layer%u", i);

      top = add (transaction, type, id, top);
    }
  must (banyan_transaction_commit (transaction, &error), &error);
  return top;
}

/* -- Measuring. -- */

typedef struct
{
  BanyanChannel *channel;
  guint n;
  double best_ns; /* per request */
  guint64 allocations;
  gboolean is_write;
} Run;

static guint8 sector[4096];
static const struct iovec sector_iov = { sector, sizeof sector };

static gboolean
transfer (gpointer data, GError **error)
{
  Run *run = data;
  BanyanRequest request = BANYAN_REQUEST (4096, sizeof sector, &sector_iov, 1);

  return run->is_write ? banyan_channel_write (run->channel, &request, error)
                       : banyan_channel_read (run->channel, &request, error);
}

static void
one_by_one (Run *run)
{
  for (guint i = 0; i < run->n; i++)
    transfer (run, NULL);
}

static void
in_bunches (Run *run)
{
  for (guint i = 0; i < run->n; i += DEPTH)
    {
      BanyanGather gather = BANYAN_GATHER_INIT;

      for (guint j = 0; j < DEPTH; j++)
        banyan_gather_start (&gather, transfer, run);
      banyan_co_gather (&gather, NULL);
    }
}

static void
measure (Run *run, BanyanChannel *channel, void (*func) (Run *run))
{
  BanyanLoop *loop = banyan_loop_current ();

  run->channel = channel;
  run->n = REQUESTS;
  run->best_ns = G_MAXDOUBLE;
  func (run);

  for (guint i = 0; i < ROUNDS; i++)
    {
      guint64 allocated = banyan_test_get_allocations ();
      gint64 begun_ns = banyan_loop_now_ns (loop);

      double took_ns;

      func (run);
      took_ns = banyan_loop_now_ns (loop) - begun_ns;
      run->best_ns = MIN (run->best_ns, took_ns / run->n);
      run->allocations += banyan_test_get_allocations () - allocated;
    }
}

static gboolean
measure_one_by_one (BanyanChannel *channel, gpointer data, GError **error)
{
  measure (data, channel, one_by_one);
  return TRUE;
}

static gboolean
measure_in_bunches (BanyanChannel *channel, gpointer data, GError **error)
{
  measure (data, channel, in_bunches);
  return TRUE;
}

static Run
run_layers (GType type, guint n_layers, gboolean is_write, BanyanChannelFunc func)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (BanyanBackend) backend = NULL;
  Run run = { .is_write = is_write };
  GError *error = NULL;

  backend = banyan_backend_new (build (graph, type, n_layers), "bench",
                                BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                BANYAN_PERMISSIONS_ALL, &error);
  must (backend != NULL, &error);
  must (banyan_backend_run (backend, func, &run, &error), &error);
  banyan_backend_close (backend);
  must (banyan_graph_close (graph, &error), &error);
  return run;
}

/* What was found about one depth. */
typedef struct
{
  double request_ns[2]; /* without layers: to read, to write */
  double layer_ns;      /* the most, of any number of layers */
  guint64 allocations;
} Findings;

static void
note (Findings *self, const Run *run, guint n_layers)
{
  self->allocations += run->allocations;
  if (n_layers == 0)
    self->request_ns[run->is_write] = run->best_ns;
  else
    self->layer_ns
        = MAX (self->layer_ns, (run->best_ns - self->request_ns[run->is_write]) / n_layers);
}

static const char *
judge (gboolean met)
{
  return met ? "met" : "not met";
}

static void
print_goals (const Findings *self, guint depth)
{
  double request_ns = MAX (self->request_ns[0], self->request_ns[1]);

  printf ("depth %u: no layers %.1f ns, goal <= 200: %s; a layer %.1f ns, goal <= 25: %s; "
          "no allocation: %s\n",
          depth, request_ns, judge (request_ns <= 200), self->layer_ns,
          judge (self->layer_ns <= 25), judge (self->allocations == 0));
}

static void
print_run (const char *kind, const Run *run, guint n_layers, guint depth)
{
  printf ("%-14s %-6s %6u %6u %10.1f %12.0f %12.6f\n", kind, run->is_write ? "write" : "read",
          n_layers, depth, run->best_ns, 1e9 / run->best_ns,
          (double) run->allocations / ((double) REQUESTS * ROUNDS));
}

/* @layers: from none on */
static void
print_layers (const char *kind, GType type, const guint *layers, gsize n)
{
  static const struct
  {
    guint depth;
    BanyanChannelFunc func;
  } depths[] = { { 1, measure_one_by_one }, { DEPTH, measure_in_bunches } };
  Findings findings[G_N_ELEMENTS (depths)] = { 0 };

  for (gsize d = 0; d < G_N_ELEMENTS (depths); d++)
    for (gsize i = 0; i < n; i++)
      for (guint is_write = 0; is_write < 2; is_write++)
        {
          Run run = run_layers (type, layers[i], is_write, depths[d].func);

          note (&findings[d], &run, layers[i]);
          print_run (kind, &run, layers[i], depths[d].depth);
        }
  for (gsize d = 0; d < G_N_ELEMENTS (depths); d++)
    print_goals (&findings[d], depths[d].depth);
}

int
main (int argc, char **argv)
{
  static const guint passing[] = { 0, 1, 2, 4, MAX_LAYERS };
  static const guint hollow[] = { 0, 1, MAX_LAYERS };

  printf ("%-14s %-6s %6s %6s %10s %12s %12s\n", "layers of", "", "layers", "depth", "ns/request",
          "requests/s", "allocations");
  print_layers ("passing on", BENCH_TYPE_PASS, passing, G_N_ELEMENTS (passing));
  print_layers ("leaving out", BENCH_TYPE_HOLLOW, hollow, G_N_ELEMENTS (hollow));
  return 0;
}
