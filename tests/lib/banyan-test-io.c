/* banyan-test-io.c - requests from iothreads: single ones to watch, and many that verify
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-io.h"

#include <string.h>

BanyanLoop *
banyan_test_get_loop (BanyanTestGraph *self, const char *id)
{
  BanyanGraph *graph = banyan_test_graph_get (self);
  BanyanObject *objects = banyan_object_get_child (BANYAN_OBJECT (graph), "objects");

  if (id == NULL)
    return banyan_graph_get_loop (graph);

  return banyan_iothread_get_loop (BANYAN_IOTHREAD (banyan_object_get_child (objects, id)));
}

BanyanBackend *
banyan_test_open_backend (BanyanTestGraph *self, const char *node)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend = banyan_backend_new (
      banyan_test_get_node (self, node), "clients",
      BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error);

  g_assert_no_error (error);
  return backend;
}

void
banyan_test_close_backend (BanyanBackend *backend)
{
  banyan_backend_close (backend);
  g_object_unref (backend);
}

void
banyan_test_must_read (BanyanTestGraph *self, const char *node, guint64 offset, gsize length,
                       guint seed)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (self, node, offset, data, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, offset, length, seed);
}

void
banyan_test_write_unseen (BanyanTestGraph *self, const char *node, guint64 offset, gsize length,
                          guint seed)
{
  guint8 *data = g_malloc (length);
  g_autoptr (GBytes) bytes = g_bytes_new_take (data, length);
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend
      = banyan_backend_new (banyan_test_get_node (self, node), "gremlin",
                            BANYAN_PERMISSION_WRITE_UNCHANGED, BANYAN_PERMISSIONS_ALL, &error);

  g_assert_no_error (error);
  banyan_test_fill (data, offset, length, seed);
  banyan_backend_write (backend, offset, bytes, 0, &error);
  g_assert_no_error (error);
  banyan_test_close_backend (backend);
}

/* The clock of the iothreads is the real one: somebody wakes the main context, or it looks again
 * soon. */
static gboolean
look_again (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

void
banyan_test_wait_until (gboolean (*is_true) (gpointer data), gpointer data)
{
  guint source = g_timeout_add (2, look_again, NULL);

  while (!is_true (data))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
}

/* -- One request. -- */

static gint n_ended; /* atomic */

struct _BanyanTestRequest
{
  BanyanBackend *backend;
  guint64 offset;
  gsize length;
  guint seed;
  guint8 *data;               /* (owned) */
  BanyanCoroutine *coroutine; /* (nullable): under the mutex, until it has ended */
  gboolean is_cancelled;
  GMutex mutex;
  GError *error; /* (owned) (nullable) */
  gint order;
  gint is_done; /* atomic */
};

static void
note_coroutine (BanyanTestRequest *self, BanyanCoroutine *coroutine)
{
  g_mutex_lock (&self->mutex);
  self->coroutine = coroutine;
  if (coroutine != NULL && self->is_cancelled)
    banyan_coroutine_cancel (coroutine);
  g_mutex_unlock (&self->mutex);
}

static void
request_main (gpointer data)
{
  BanyanTestRequest *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);
  struct iovec iov = { self->data, self->length };
  BanyanRequest request = BANYAN_REQUEST (self->offset, self->length, &iov, 1);

  note_coroutine (self, banyan_coroutine_self ());
  if (self->seed != 0)
    banyan_channel_write (channel, &request, &self->error);
  else
    banyan_channel_read (channel, &request, &self->error);
  self->order = g_atomic_int_add (&n_ended, 1);
  note_coroutine (self, NULL);

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

BanyanTestRequest *
banyan_test_request_start (BanyanBackend *backend, BanyanLoop *loop, guint64 offset, gsize length,
                           guint seed)
{
  BanyanTestRequest *self = g_new0 (BanyanTestRequest, 1);

  self->backend = backend;
  self->offset = offset;
  self->length = length;
  self->seed = seed;
  self->data = g_malloc0 (length);
  g_mutex_init (&self->mutex);
  if (seed != 0)
    banyan_test_fill (self->data, offset, length, seed);
  banyan_coroutine_start_on (loop, request_main, self);
  return self;
}

gboolean
banyan_test_request_is_done (BanyanTestRequest *self)
{
  return g_atomic_int_get (&self->is_done);
}

guint
banyan_test_request_get_order (BanyanTestRequest *self)
{
  g_assert_true (banyan_test_request_is_done (self));

  return self->order;
}

void
banyan_test_request_cancel (BanyanTestRequest *self)
{
  g_mutex_lock (&self->mutex);
  self->is_cancelled = TRUE;
  if (self->coroutine != NULL)
    banyan_coroutine_cancel (self->coroutine);
  g_mutex_unlock (&self->mutex);
}

static gboolean
is_done (gpointer data)
{
  return banyan_test_request_is_done (data);
}

GError *
banyan_test_request_end (BanyanTestRequest *self)
{
  GError *error;

  banyan_test_wait_until (is_done, self);
  error = self->error;
  g_mutex_clear (&self->mutex);
  g_free (self->data);
  g_free (self);
  return error;
}

void
banyan_test_contend (BanyanTestGraph *self, const char *node)
{
  BanyanBackend *backend = banyan_test_open_backend (self, node);
  BanyanTestRequest *requests[64];

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    requests[i]
        = banyan_test_request_start (backend, banyan_test_get_loop (self, i % 2 ? "io0" : "io1"),
                                     i % 4 * 512, 2048, i % 3 == 0 ? 0 : i);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GError) error = banyan_test_request_end (requests[i]);

      g_assert_no_error (error);
    }
  banyan_test_close_backend (backend);
}

/* -- Workers. -- */

#define BLOCK_BYTES 512
#define N_BLOCKS (BANYAN_TEST_REGION_BYTES / BLOCK_BYTES)

typedef struct
{
  BanyanBackend *backend;
  guint index;
  guint seeds[N_BLOCKS]; /* of what each block holds; 0: zeroes, or never written */
  guint64 n_completed;   /* atomic */
  gint stop;             /* atomic */
  gint is_done;          /* atomic */
} Worker;

struct _BanyanTestWorkers
{
  guint n_workers;
  guint64 awaited;
  Worker workers[];
};

static void
check_block (Worker *self, const guint8 *data, guint64 offset, guint seed)
{
  static const guint8 zeroes[BLOCK_BYTES];

  if (seed != 0)
    banyan_test_assert_filled (data, offset, BLOCK_BYTES, seed);
  else
    g_assert_cmpmem (data, BLOCK_BYTES, zeroes, BLOCK_BYTES);
}

static void
do_block (Worker *self, BanyanChannel *channel, guint block, guint kind)
{
  guint64 offset = (guint64) self->index * BANYAN_TEST_REGION_BYTES + block * BLOCK_BYTES;
  guint8 data[BLOCK_BYTES];
  struct iovec iov = { data, sizeof data };
  BanyanRequest request = BANYAN_REQUEST (offset, sizeof data, &iov, 1);
  g_autoptr (GError) error = NULL;

  if (kind == 0)
    {
      self->seeds[block] = 1 + (guint) self->n_completed;
      banyan_test_fill (data, offset, sizeof data, self->seeds[block]);
      banyan_channel_write (channel, &request, &error);
    }
  else if (kind == 1)
    {
      BanyanRequest zeroes = BANYAN_REQUEST (offset, sizeof data, NULL, 0);

      self->seeds[block] = 0;
      banyan_channel_write_zeroes (channel, &zeroes, &error);
    }
  else
    banyan_channel_read (channel, &request, &error);

  g_assert_no_error (error);
  if (kind > 1)
    check_block (self, data, offset, self->seeds[block]);
  __atomic_fetch_add (&self->n_completed, 1, __ATOMIC_RELAXED);
}

static void
work (gpointer data)
{
  static const guint kinds[] = { 0, 2, 0, 2, 2, 1, 2 };
  Worker *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  for (guint i = 0; !g_atomic_int_get (&self->stop); i++)
    {
      do_block (self, channel, (i * 5 + i / 64) % N_BLOCKS, kinds[i % G_N_ELEMENTS (kinds)]);
      if (i % 8 == 0)
        banyan_co_yield ();
    }
  for (guint block = 0; block < N_BLOCKS; block++)
    do_block (self, channel, block, 2);

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

BanyanTestWorkers *
banyan_test_workers_start (BanyanTestGraph *graph, BanyanBackend *backend, guint n_workers)
{
  BanyanTestWorkers *self = g_malloc0 (sizeof *self + n_workers * sizeof self->workers[0]);

  self->n_workers = n_workers;
  for (guint i = 0; i < n_workers; i++)
    {
      self->workers[i].backend = backend;
      self->workers[i].index = i;
      banyan_coroutine_start_on (banyan_test_get_loop (graph, i % 2 == 0 ? "io0" : "io1"), work,
                                 &self->workers[i]);
    }
  return self;
}

static guint64
count_completed (BanyanTestWorkers *self)
{
  guint64 sum = 0;

  for (guint i = 0; i < self->n_workers; i++)
    sum += __atomic_load_n (&self->workers[i].n_completed, __ATOMIC_RELAXED);
  return sum;
}

static gboolean
have_done_enough (gpointer data)
{
  BanyanTestWorkers *self = data;

  return count_completed (self) >= self->awaited;
}

void
banyan_test_workers_wait (BanyanTestWorkers *self, guint64 count)
{
  self->awaited = count_completed (self) + count;
  banyan_test_wait_until (have_done_enough, self);
}

static gboolean
have_ended (gpointer data)
{
  BanyanTestWorkers *self = data;
  gboolean ended = TRUE;

  for (guint i = 0; i < self->n_workers; i++)
    ended = ended && g_atomic_int_get (&self->workers[i].is_done);
  return ended;
}

void
banyan_test_workers_stop (BanyanTestWorkers *self)
{
  for (guint i = 0; i < self->n_workers; i++)
    g_atomic_int_set (&self->workers[i].stop, TRUE);

  banyan_test_wait_until (have_ended, self);
  g_free (self);
}
