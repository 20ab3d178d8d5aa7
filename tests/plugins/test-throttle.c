/* test-throttle.c - requests keep to the limits, share them, and wait no longer than they must
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "banyan-test-io.h"

#include <string.h>

#define NS_PER_S G_GINT64_CONSTANT (1000000000)

#define GRAPH(limits) \
  "version: 1\n" \
  "objects:\n" \
  "  group: { type: throttle-group, " limits " }\n" \
  "  other: { type: throttle-group }\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "nodes:\n" \
  "  a: { driver: throttle, throttle-group: group, file: disk }\n" \
  "  b: { driver: throttle, throttle-group: group, file: disk }\n" \
  "  disk: { driver: memory, size: 1MiB }\n"

/* -- Rates, on the virtual clock. -- */

typedef struct
{
  BanyanChannel *channel;
  guint length;
  gboolean is_write;
  gint64 end_ns;
  guint64 *n_done;
} Client;

static gboolean
client_main (gpointer data, GError **error)
{
  Client client = *(Client *) data;
  g_autofree guint8 *bytes = g_malloc0 (client.length);
  struct iovec iov = { bytes, client.length };
  BanyanRequest request = BANYAN_REQUEST (0, client.length, &iov, 1);
  BanyanLoop *loop = banyan_loop_current ();

  while (banyan_loop_now_ns (loop) < client.end_ns)
    {
      gboolean done = client.is_write ? banyan_channel_write (client.channel, &request, error)
                                      : banyan_channel_read (client.channel, &request, error);

      if (!done)
        return FALSE;
      if (banyan_loop_now_ns (loop) <= client.end_ns)
        ++*client.n_done;
    }
  return TRUE;
}

typedef struct
{
  guint n_clients;
  guint length;
  gboolean is_write;
  guint seconds;
  guint64 n_done;
} Load;

static gboolean
run_load (BanyanChannel *channel, gpointer data, GError **error)
{
  Load *load = data;
  BanyanGather gather = BANYAN_GATHER_INIT;
  Client client
      = { channel, load->length, load->is_write,
          banyan_loop_now_ns (banyan_loop_current ()) + load->seconds * NS_PER_S, &load->n_done };

  for (guint i = 0; i < load->n_clients; i++)
    banyan_gather_start (&gather, client_main, &client);
  return banyan_co_gather (&gather, error);
}

static guint64
measure (BanyanTestGraph *graph, guint length, gboolean is_write, guint seconds)
{
  Load load = { 8, length, is_write, seconds, 0 };
  g_autoptr (GError) error = NULL;

  banyan_test_run (graph, "a", run_load, &load, &error);
  g_assert_no_error (error);
  return load.n_done;
}

static void
assert_near (guint64 measured, guint64 expected)
{
  g_test_message ("%" G_GUINT64_FORMAT " requests, expected %" G_GUINT64_FORMAT, measured,
                  expected);
  g_assert_cmpuint (measured * 100, >=, expected * 95);
  g_assert_cmpuint (measured * 100, <=, expected * 105);
}

static void
test_rates (void)
{
  static const struct
  {
    const char *graph;
    guint length;
    gboolean is_write;
    guint64 in_ten_seconds;
  } rates[] = {
    { GRAPH ("iops-total: 500"), 4096, FALSE, 5000 },
    { GRAPH ("iops-total: 500"), 4096, TRUE, 5000 },
    { GRAPH ("iops-read: 700"), 4096, FALSE, 7000 },
    { GRAPH ("iops-write: 30"), 4096, TRUE, 300 },
    { GRAPH ("bps-total: 1M"), 16384, FALSE, 640 },
    { GRAPH ("bps-read: 10M"), 65536, FALSE, 1600 },
    { GRAPH ("bps-write: 3M"), 4096, TRUE, 7680 },
    { GRAPH ("bps-write: 3M, iops-write: 50"), 4096, TRUE, 500 },
    { GRAPH ("bps-write: 1M, iops-write: 5000"), 16384, TRUE, 640 },
    { GRAPH ("iops-total: 100, iops-size: 4096"), 8192, FALSE, 500 },
    { GRAPH ("iops-total: 100, iops-size: 4096"), 6144, FALSE, 667 },
    { GRAPH ("iops-total: 100, iops-size: 4096"), 512, FALSE, 1000 },
    { GRAPH ("iops-total: 100, iops-total-max: 2000"), 512, FALSE, 3000 },
    { GRAPH ("iops-total: 100, iops-total-max: 1000, iops-total-max-length: 3"), 512, FALSE, 4000 },
    { GRAPH ("bps-write: 1M, bps-write-max: 4M, bps-write-max-length: 2"), 16384, TRUE, 1152 },
  };

  g_test_summary ("Ten seconds hold what each kind of limit allows, bursts included, within 5 %");

  for (gsize i = 0; i < G_N_ELEMENTS (rates); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (rates[i].graph);

      assert_near (measure (graph, rates[i].length, rates[i].is_write, 10),
                   rates[i].in_ten_seconds);
    }
}

static void
test_burst_rate (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      GRAPH ("iops-total: 100, iops-total-max: 1000, iops-total-max-length: 20"));

  g_test_summary (
      "A burst goes on at its own rate, falls back, and comes again after a quiet time");

  assert_near (measure (graph, 512, FALSE, 10), 10100);
  /* 20000 fit in, 9100 are in, and 900 more come each second. */
  assert_near (measure (graph, 512, FALSE, 30), 10900 + 30 * 100);
}

static void
test_other_direction_is_free (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("bps-write: 1"));
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("Reads do not wait where writes are limited");

  for (guint i = 0; i < 100; i++)
    banyan_test_read (graph, "a", 0, sector, sizeof sector, &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 0);
}

static void
test_zeroes_count_as_writes (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("bps-write: 64K"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Zeroes and discards count as writes of their length, flushes do not count");

  for (guint i = 0; i < 5; i++)
    {
      banyan_test_zeroes (graph, "a", 0, 65536, 0, &error);
      g_assert_no_error (error);
      banyan_test_discard (graph, "a", 0, 65536, &error);
      g_assert_no_error (error);
      banyan_test_flush (graph, "a", &error);
      g_assert_no_error (error);
    }
  g_assert_cmpint (banyan_test_elapsed_ms (graph), >=, 8800);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), <=, 9000);
}

/* -- Members. -- */

typedef struct
{
  BanyanBackend *second;
  guint64 n_first;
  guint64 n_second;
} Rivals;

/* Sixteen clients on one node, one on the other. */
static gboolean
run_rivals (BanyanChannel *channel, gpointer data, GError **error)
{
  Rivals *rivals = data;
  BanyanChannel *other = banyan_backend_open_channel (rivals->second);
  gint64 end_ns = banyan_loop_now_ns (banyan_loop_current ()) + 10 * NS_PER_S;
  BanyanGather gather = BANYAN_GATHER_INIT;
  Client first = { channel, 512, FALSE, end_ns, &rivals->n_first };
  Client second = { other, 512, FALSE, end_ns, &rivals->n_second };
  gboolean done;

  for (guint i = 0; i < 16; i++)
    banyan_gather_start (&gather, client_main, &first);
  banyan_gather_start (&gather, client_main, &second);
  done = banyan_co_gather (&gather, error);
  banyan_channel_close (other);
  return done;
}

static void
test_fair (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("iops-total: 200"));
  Rivals rivals = { banyan_test_open_backend (graph, "b"), 0, 0 };
  g_autoptr (GError) error = NULL;

  g_test_summary ("A node with one client gets as much as one with sixteen");

  banyan_test_run (graph, "a", run_rivals, &rivals, &error);
  g_assert_no_error (error);
  assert_near (rivals.n_first, 1000);
  assert_near (rivals.n_second, 1000);
  banyan_test_close_backend (rivals.second);
}

static BanyanObject *
get_object (BanyanTestGraph *graph, const char *id)
{
  return banyan_object_get_child (
      banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects"), id);
}

static guint
count_queued (BanyanTestGraph *graph)
{
  guint queued;

  g_object_get (get_object (graph, "group"), "queued", &queued, NULL);
  return queued;
}

typedef struct
{
  BanyanTestGraph *graph;
  guint queued;
} Queue;

static gboolean
has_queued (gpointer data)
{
  Queue *queue = data;

  return count_queued (queue->graph) == queue->queued;
}

static void
wait_for_queued (BanyanTestGraph *graph, guint queued)
{
  Queue queue = { graph, queued };

  banyan_test_wait_until (has_queued, &queue);
}

/* At a byte a second these wait for longer than any test, once the first has gone. */
#define STUCK GRAPH ("bps-total: 1")
#define N_STUCK 4

typedef struct
{
  BanyanTestGraph *graph;
  BanyanBackend *a;
  BanyanBackend *b;
  BanyanTestRequest *requests[N_STUCK]; /* two on each node, on both iothreads */
} Stuck;

static Stuck
get_stuck (void)
{
  BanyanTestGraph *graph = banyan_test_graph_must_load (STUCK);
  Stuck stuck = {
    graph, banyan_test_open_backend (graph, "a"), banyan_test_open_backend (graph, "b"), { NULL }
  };
  g_autoptr (GError) error = banyan_test_request_end (
      banyan_test_request_start (stuck.a, banyan_test_get_loop (graph, "io0"), 0, 65536, 0));

  g_assert_no_error (error);
  for (guint i = 0; i < N_STUCK; i++)
    {
      stuck.requests[i] = banyan_test_request_start (
          i < 2 ? stuck.a : stuck.b, banyan_test_get_loop (graph, i % 2 == 0 ? "io0" : "io1"),
          4096 * i, 4096, i + 1);
      wait_for_queued (graph, i + 1);
    }
  return stuck;
}

static void
must_end (Stuck *stuck, guint index)
{
  g_autoptr (GError) error = banyan_test_request_end (stuck->requests[index]);

  g_assert_no_error (error);
}

static void
stuck_clear (Stuck *stuck)
{
  banyan_test_close_backend (stuck->a);
  banyan_test_close_backend (stuck->b);
  banyan_test_graph_free (stuck->graph);
}

static void
test_live_limit (void)
{
  Stuck stuck = get_stuck ();

  g_test_summary ("Those who wait go on when the limit is taken away");

  banyan_test_set (get_object (stuck.graph, "group"), "bps-total", "0");
  for (guint i = 0; i < N_STUCK; i++)
    must_end (&stuck, i);
  g_assert_cmpuint (count_queued (stuck.graph), ==, 0);
  stuck_clear (&stuck);
}

static gboolean
are_done (gpointer data)
{
  Stuck *stuck = data;

  for (guint i = 0; i < N_STUCK; i++)
    if (!banyan_test_request_is_done (stuck->requests[i]))
      return FALSE;
  return TRUE;
}

static void
test_turns (void)
{
  static const guint order[N_STUCK] = { 0, 2, 1, 3 };
  Stuck stuck = get_stuck ();

  g_test_summary (
      "Nodes take turns, and within a node who came first goes first, on two iothreads");

  /* 4096 bytes take a tenth of a second. */
  banyan_test_set (get_object (stuck.graph, "group"), "bps-total", "40960");
  banyan_test_wait_until (are_done, &stuck);
  for (guint i = 1; i < N_STUCK; i++)
    g_assert_cmpuint (banyan_test_request_get_order (stuck.requests[order[i]]), >,
                      banyan_test_request_get_order (stuck.requests[order[i - 1]]));
  for (guint i = 0; i < N_STUCK; i++)
    must_end (&stuck, i);
  stuck_clear (&stuck);
}

static void
insert_above (BanyanTestGraph *graph, const char *node, const char *driver)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) filter = banyan_object_new (driver, driver, &error);

  g_assert_no_error (error);
  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, node));
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

static void
test_drain (void)
{
  Stuck stuck = get_stuck ();
  BanyanTestRequest *late;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A change of the graph lets through who waits below it, others wait on; and what "
                  "went through counts");

  insert_above (stuck.graph, "a", "delay");
  must_end (&stuck, 0);
  must_end (&stuck, 1);
  g_assert_cmpuint (count_queued (stuck.graph), ==, 2);
  g_assert_false (banyan_test_request_is_done (stuck.requests[2]));

  insert_above (stuck.graph, "disk", "blkdebug");
  must_end (&stuck, 2);
  must_end (&stuck, 3);
  late = banyan_test_request_start (stuck.a, banyan_test_get_loop (stuck.graph, "io1"), 0, 1, 0);
  wait_for_queued (stuck.graph, 1);
  banyan_test_set (get_object (stuck.graph, "group"), "bps-total", "0");
  error = banyan_test_request_end (late);
  g_assert_no_error (error);
  stuck_clear (&stuck);
}

static void
test_cancel (void)
{
  Stuck stuck = get_stuck ();
  static const guint order[] = { 1, 0, 3, 2 };

  g_test_summary ("A request that waits can be cancelled, first in its line or not");

  for (guint i = 0; i < N_STUCK; i++)
    {
      g_autoptr (GError) error = NULL;

      banyan_test_request_cancel (stuck.requests[order[i]]);
      error = banyan_test_request_end (stuck.requests[order[i]]);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (count_queued (stuck.graph), ==, N_STUCK - 1 - i);
    }
  stuck_clear (&stuck);
}

static void
test_member_leaves (void)
{
  Stuck stuck = get_stuck ();
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (stuck.graph));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A node whose requests wait is taken out, and those of the other wait on");

  banyan_transaction_remove_filter (transaction, banyan_test_get_node (stuck.graph, "a"));
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  g_clear_object (&transaction);
  must_end (&stuck, 0);
  must_end (&stuck, 1);
  g_assert_cmpuint (count_queued (stuck.graph), ==, 2);

  banyan_test_set (get_object (stuck.graph, "group"), "bps-total", "1G");
  must_end (&stuck, 2);
  must_end (&stuck, 3);
  stuck_clear (&stuck);
}

static void
test_group_changes (void)
{
  Stuck stuck = get_stuck ();
  g_autoptr (GError) error = NULL;
  guint64 throttled;

  g_test_summary ("A node whose requests wait goes over to another group");

  banyan_test_set (BANYAN_OBJECT (banyan_test_get_node (stuck.graph, "a")), "throttle-group",
                   "other");
  must_end (&stuck, 0);
  must_end (&stuck, 1);
  error = banyan_test_request_end (
      banyan_test_request_start (stuck.a, banyan_test_get_loop (stuck.graph, "io0"), 0, 65536, 1));
  g_assert_no_error (error);
  g_object_get (banyan_test_get_node (stuck.graph, "a"), "throttled", &throttled, NULL);
  g_assert_cmpuint (throttled, ==, 2);

  banyan_test_set (get_object (stuck.graph, "group"), "bps-total", "0");
  must_end (&stuck, 2);
  must_end (&stuck, 3);
  stuck_clear (&stuck);
}

static void
test_group_in_use (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("iops-total: 5"));
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A group that nodes use is not removed, and the refusal names them");

  banyan_transaction_remove (transaction, get_object (graph, "group"));
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "/nodes/a (throttle-group)"));
  g_assert_nonnull (strstr (error->message, "/nodes/b (throttle-group)"));
}

/* -- Under load. -- */

static void
test_under_load (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("iops-total: 20000"));
  BanyanBackend *backend = banyan_test_open_backend (graph, "a");
  BanyanTestWorkers *workers = banyan_test_workers_start (graph, backend, 8);
  static const char *const limits[] = { "5000", "0", "20000", "100000" };

  g_test_summary ("Data is right while limits change, on two iothreads at once");

  for (guint i = 0; i < 20; i++)
    {
      banyan_test_workers_wait (workers, 200);
      banyan_test_set (get_object (graph, "group"), "iops-total",
                       limits[i % G_N_ELEMENTS (limits)]);
      banyan_test_set (BANYAN_OBJECT (banyan_test_get_node (graph, "a")), "throttle-group",
                       i % 5 == 0 ? "other" : "group");
    }
  banyan_test_set (get_object (graph, "group"), "iops-total", "0");
  banyan_test_workers_stop (workers);
  g_assert_cmpuint (count_queued (graph), ==, 0);
  banyan_test_close_backend (backend);
}

/* -- Declarations. -- */

static void
test_refusals (void)
{
  static const struct
  {
    const char *graph;
    const char *says[3];
  } bad[] = {
    { GRAPH ("iops-total: 5, iops-read: 5, iops-write: 3"), { "iops-read:", "iops-write:" } },
    { GRAPH ("bps-total: 5, bps-write: 5"), { "bps-write: cannot be combined with bps-total" } },
    { GRAPH ("iops-read-max: 5"), { "iops-read-max: needs iops-read" } },
    { GRAPH ("iops-read: 10, iops-read-max: 5"), { "iops-read-max: 5 is below iops-read" } },
    { GRAPH ("bps-read: 10, bps-read-max-length: 5"),
      { "bps-read-max-length: needs bps-read-max" } },
    { GRAPH ("bps-read: 10, bps-read-max: 1000000000000, bps-read-max-length: 5000"),
      { "bps-read-max-length:" } },
    { GRAPH ("iops-size: 4096"), { "iops-size: needs a limit" } },
    { GRAPH ("iops-size: 4096, bps-total: 5, bps-read: 5, iops-write-max: 3"),
      { "iops-size:", "bps-read:", "iops-write-max:" } },
  };

  g_test_summary ("Limits that contradict each other are refused, all of them at once");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (bad[i].graph, &error));
      g_assert_cmpuint (error->domain, ==, BANYAN_CONFIG_ERROR);
      for (guint j = 0; j < G_N_ELEMENTS (bad[i].says) && bad[i].says[j] != NULL; j++)
        if (strstr (error->message, bad[i].says[j]) == NULL)
          g_error ("\"%s\" does not say \"%s\"", error->message, bad[i].says[j]);
    }
}

static void
test_live_refusal (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("iops-total: 5"));
  g_autoptr (GError) error = NULL;
  guint64 value;

  g_test_summary ("A change that contradicts what is in force is refused and changes nothing");

  g_assert_false (banyan_object_set (get_object (graph, "group"), "iops-read", "7", &error));
  g_assert_nonnull (error);
  g_object_get (get_object (graph, "group"), "iops-read", &value, NULL);
  g_assert_cmpuint (value, ==, 0);
}

static void
test_spellings (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      GRAPH ("x-iops-total: 5, limits: { bps-read: 7, bps-read-max: 9 }"));
  guint64 iops, read, max;
  g_autoptr (GError) error = NULL;

  g_test_summary ("QEMU's spellings of the limits mean the same");

  banyan_test_set (get_object (graph, "group"), "limits.bps-read", "8");
  g_object_get (get_object (graph, "group"), "iops-total", &iops, "bps-read", &read, "bps-read-max",
                &max, NULL);
  g_assert_cmpuint (iops, ==, 5);
  g_assert_cmpuint (read, ==, 8);
  g_assert_cmpuint (max, ==, 9);

  g_assert_null (banyan_test_graph_new (GRAPH ("limits: { iops-totl: 5 }"), &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_KEY);
  g_clear_error (&error);
  g_assert_null (
      banyan_test_graph_new (GRAPH ("iops-total: 5, limits: { iops-total: 5 }"), &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/throttle/keeps-to-rates", test_rates);
  g_test_add_func ("/filter/throttle/burst-has-its-own-rate", test_burst_rate);
  g_test_add_func ("/filter/throttle/other-direction-is-free", test_other_direction_is_free);
  g_test_add_func ("/filter/throttle/zeroes-count-as-writes", test_zeroes_count_as_writes);
  g_test_add_func ("/filter/throttle/members-get-equal-parts", test_fair);
  g_test_add_func ("/filter/throttle/limit-changes-while-requests-wait", test_live_limit);
  g_test_add_func ("/filter/throttle/nodes-take-turns", test_turns);
  g_test_add_func ("/filter/throttle/drain-lets-through-and-counts", test_drain);
  g_test_add_func ("/filter/throttle/waiting-can-be-cancelled", test_cancel);
  g_test_add_func ("/filter/throttle/member-leaves-while-others-wait", test_member_leaves);
  g_test_add_func ("/filter/throttle/node-changes-its-group", test_group_changes);
  g_test_add_func ("/filter/throttle/group-in-use-stays", test_group_in_use);
  g_test_add_func ("/filter/throttle/data-is-right-under-load", test_under_load);
  g_test_add_func ("/filter/throttle/refuses-contradictions-at-once", test_refusals);
  g_test_add_func ("/filter/throttle/refuses-live-contradiction", test_live_refusal);
  g_test_add_func ("/filter/throttle/understands-other-spellings", test_spellings);
  return g_test_run ();
}
