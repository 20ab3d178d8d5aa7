/* test-live.c - the graph changes while several iothreads use it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include <errno.h>

#define N_WORKERS 4
#define REGION_BYTES 65536
#define BLOCK_BYTES 512

#define GRAPH \
  "version: 1\n" \
  "objects:\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "nodes:\n" \
  "  top: { driver: test-pass, file: m }\n" \
  "  m: { driver: test-mirror, children: [a, b] }\n" \
  "  a: { driver: test-memory }\n" \
  "  b: { driver: test-memory }\n"

/* -- Workers: each writes and reads a region of its own, and knows what has to be there. -- */

typedef struct
{
  BanyanBackend *backend;
  guint index;
  guint seeds[REGION_BYTES / BLOCK_BYTES]; /* of each block; 0: never written */
  guint64 n_started;
  guint64 n_completed;
  guint64 n_writes;
  gint stop;    /* atomic */
  gint is_done; /* atomic */
} Worker;

static void
do_block (Worker *self, BanyanChannel *channel, guint block, gboolean write)
{
  guint64 offset = (guint64) self->index * REGION_BYTES + block * BLOCK_BYTES;
  guint8 data[BLOCK_BYTES];
  struct iovec iov = { data, sizeof data };
  BanyanRequest request = BANYAN_REQUEST (offset, sizeof data, &iov, 1);
  g_autoptr (GError) error = NULL;

  if (write)
    {
      self->seeds[block]++;
      self->n_writes++;
      banyan_test_fill (data, offset, sizeof data, self->seeds[block]);
    }

  self->n_started++;
  if (write)
    banyan_channel_write (channel, &request, &error);
  else
    banyan_channel_read (channel, &request, &error);
  self->n_completed++;
  g_assert_no_error (error);

  if (!write && self->seeds[block] != 0)
    banyan_test_assert_filled (data, offset, sizeof data, self->seeds[block]);
}

static void
work (gpointer data)
{
  Worker *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  for (guint i = 0; !g_atomic_int_get (&self->stop); i++)
    {
      do_block (self, channel, (i * 7 + i / 64) % G_N_ELEMENTS (self->seeds), i % 3 == 0);
      if (i % 8 == 0)
        banyan_co_yield ();
    }
  for (guint block = 0; block < G_N_ELEMENTS (self->seeds); block++)
    do_block (self, channel, block, FALSE);

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static void
start_workers (BanyanTestGraph *graph, Worker *workers, BanyanBackend *backend)
{
  BanyanObject *objects
      = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects");

  for (guint i = 0; i < N_WORKERS; i++)
    {
      BanyanObject *thread = banyan_object_get_child (objects, i % 2 == 0 ? "io0" : "io1");

      workers[i].backend = backend;
      workers[i].index = i;
      banyan_coroutine_start_on (banyan_iothread_get_loop (BANYAN_IOTHREAD (thread)), work,
                                 &workers[i]);
    }
}

static void
stop_workers (Worker *workers)
{
  for (guint i = 0; i < N_WORKERS; i++)
    g_atomic_int_set (&workers[i].stop, TRUE);

  for (guint i = 0; i < N_WORKERS; i++)
    {
      while (!g_atomic_int_get (&workers[i].is_done))
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (workers[i].n_completed, ==, workers[i].n_started);
      g_assert_cmpuint (workers[i].n_completed, >, G_N_ELEMENTS (workers[i].seeds));
    }
}

/* -- Changes. -- */

/* A child that is taken out has old data when it comes back, so a third takes turns on writes only:
 * the first one, which is read, stays. */
static void
change_members (BanyanTestGraph *graph, gboolean add)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  BanyanElement *mirror = BANYAN_ELEMENT (banyan_test_get_node (graph, "m"));

  if (add)
    banyan_transaction_add_child (transaction, mirror, "children",
                                  banyan_test_get_node (graph, "b"));
  else
    {
      g_autoptr (GPtrArray) edges = banyan_element_list_children (mirror);

      banyan_transaction_remove_child (transaction, edges->pdata[1]);
    }
  banyan_test_commit (transaction);
}

/* Rolled back at the last moment. */
static void
try_and_fail (BanyanTestGraph *graph, guint round)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) filter = banyan_object_new ("test-pass", "never", &error);

  g_assert_no_error (error);
  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, "m"));
  banyan_transaction_fail_at (transaction,
                              round % 2 == 0 ? BANYAN_PHASE_SWITCH : BANYAN_PHASE_SETTLE, 0);
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
}

static void
change_round (BanyanTestGraph *graph, guint round)
{
  g_autofree char *label = g_strdup_printf ("label-%u", round);
  g_autoptr (GError) error = NULL;

  banyan_test_insert (graph, "test-pass", "above", banyan_test_get_edge (graph, "top:file"));
  banyan_test_insert (graph, "test-pass", "below", banyan_test_get_edge (graph, "m:children.0"));
  banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, "top")), "label", label, &error);
  g_assert_no_error (error);
  change_members (graph, FALSE);
  try_and_fail (graph, round);
  banyan_test_take_out (graph, "above");
  change_members (graph, TRUE);
  banyan_test_take_out (graph, "below");
}

static void
test_under_io (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  guint n_rounds = g_test_slow () ? 1000 : 30;
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary (
      "Each request completes once, with the right data, whatever the graph goes through");

  backend = banyan_backend_new (banyan_test_get_node (graph, "top"), "workers",
                                BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  start_workers (graph, workers, backend);
  for (guint i = 0; i < n_rounds; i++)
    change_round (graph, i);
  stop_workers (workers);

  banyan_backend_close (backend);
  g_object_unref (backend);
}

/* -- Images that hand the disk on to each other. -- */

#define IMAGE \
  "version: 1\n" \
  "objects:\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "nodes:\n" \
  "  image: { driver: test-cached, file: disk }\n" \
  "  disk: { driver: test-memory }\n"

static gboolean
replace_image (BanyanTestGraph *graph, BanyanBackend *backend, guint round)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) image = banyan_object_new ("test-cached", "image", &error);

  g_assert_no_error (error);
  g_object_set (image, "file", banyan_test_get_node (graph, "disk"), NULL);
  banyan_transaction_add (transaction, image, NULL);
  banyan_transaction_replace_child (transaction, banyan_backend_get_child (backend),
                                    BANYAN_NODE (image));
  banyan_transaction_remove (transaction, BANYAN_OBJECT (banyan_test_get_node (graph, "image")));
  if (round % 3 != 0)
    banyan_transaction_fail_at (
        transaction, round % 3 == 1 ? BANYAN_PHASE_SWITCH : BANYAN_PHASE_SETTLE, round % 4);

  return banyan_transaction_commit (transaction, &error);
}

static void
test_handed_over (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (IMAGE);
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  guint n_rounds = g_test_slow () ? 1000 : 30;
  guint n_replaced = 0;
  guint64 n_writes = 0;
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("Each image that takes over under I/O knows of all writes to those before it");

  backend = banyan_backend_new (banyan_test_get_node (graph, "image"), "workers",
                                BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  start_workers (graph, workers, backend);
  for (guint i = 0; i < n_rounds; i++)
    n_replaced += replace_image (graph, backend, i);
  stop_workers (workers);

  for (guint i = 0; i < N_WORKERS; i++)
    n_writes += workers[i].n_writes;
  g_assert_cmpuint (control_get_count (banyan_test_get_node (graph, "image")), ==, n_writes);
  g_assert_cmpuint (n_replaced, >=, n_rounds / 3);
  g_assert_cmpuint (n_replaced, <, n_rounds);
  banyan_backend_close (backend);
  g_object_unref (backend);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/live/changes-under-io", test_under_io);
  g_test_add_func ("/live/handed-over-under-io", test_handed_over);
  return g_test_run ();
}
