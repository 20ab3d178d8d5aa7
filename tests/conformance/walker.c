/* walker.c - random requests to a part of a disk, compared with an array of bytes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model knows a byte from when it was zeroed or written until it is discarded, or something
 * left it half done: a discarded byte may read as anything, but as the same thing twice, and from
 * no one else's memory. */

#include "walker.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH 20000
#define MAX_VECTORS 5

/* One request: where, and memory for it in odd pieces. */
typedef struct
{
  Walker *walker;
  BanyanChannel *channel;
  guint64 start; /* in the part */
  gsize length;
  guint8 *memory; /* (owned) */
  struct iovec iov[MAX_VECTORS];
  BanyanRequest request;
} Step;

void
walker_init (Walker *self, BanyanBackend *backend, guint64 base, guint64 length,
             const Recipe *recipe)
{
  *self = (Walker){ .backend = backend, .base = base, .length = length, .recipe = recipe };
  self->rand = g_rand_new_with_seed (g_test_rand_int ());
  self->model = g_malloc0 (length);
  self->known = g_malloc (length);
  memset (self->known, 1, length);
  if (recipe->only_reads)
    made_fill (self->model, base, length);
}

void
walker_clear (Walker *self)
{
  g_rand_free (self->rand);
  g_free (self->model);
  g_free (self->known);
}

/* -- Requests. -- */

static guint64
below (Walker *self, guint64 end)
{
  return (guint64) g_rand_int (self->rand) % end;
}

static void
place (Step *step, guint64 start, gsize length)
{
  Walker *self = step->walker;

  step->start = start;
  step->length = length;
  step->request = BANYAN_REQUEST (self->base + start, length, NULL, 0);
}

/* Often whole blocks, often anything; often up to the end. */
static void
place_anywhere (Step *step)
{
  Walker *self = step->walker;
  guint64 start = below (self, self->length);
  guint64 length = 1 + below (self, MAX_LENGTH);

  if (below (self, 2) == 0)
    {
      start -= MIN (start, (self->base + start) % 4096);
      length = (length + 4095) / 4096 * 4096;
    }
  if (below (self, 8) == 0)
    start = self->length - MIN (length, self->length);
  place (step, start, MIN (length, self->length - start));
}

/* Up to MAX_VECTORS pieces that begin anywhere, and a window that skips some of the first. */
static void
give_memory (Step *step)
{
  guint n = 1 + below (step->walker, MAX_VECTORS);
  gsize skip = below (step->walker, 3) * 7;
  gsize total = step->length + skip;
  gsize piece = total / n;
  guint8 *next;

  g_assert_cmpint (posix_memalign ((void **) &step->memory, 4096, total + 32 * n), ==, 0);
  next = step->memory;
  for (guint i = 0; i < n; i++)
    {
      gsize size = i + 1 < n ? piece : total - piece * i;

      step->iov[i] = (struct iovec){ next, size };
      next += size + below (step->walker, 3) * 16;
    }
  step->request.iov = step->iov;
  step->request.n_iov = n;
  step->request.skip = skip;
  step->request = banyan_request_slice (&step->request, 0, step->length, step->request.offset);
}

static void
read_into (Step *step, guint8 *bytes, guint8 poison)
{
  g_autoptr (GError) error = NULL;

  banyan_request_fill (&step->request, 0, poison, step->length);
  banyan_channel_read (step->channel, &step->request, &error);
  g_assert_no_error (error);
  banyan_request_copy_out (&step->request, 0, bytes, step->length);
}

/* -- The model. -- */

static void
set_zero (Step *step)
{
  memset (step->walker->model + step->start, 0, step->length);
  memset (step->walker->known + step->start, 1, step->length);
}

static void
set_unknown (Step *step)
{
  memset (step->walker->known + step->start, step->walker->recipe->forgets, step->length);
}

static void
compare (Step *step, const guint8 *bytes)
{
  Walker *self = step->walker;

  for (gsize i = 0; i < step->length; i++)
    if (self->known[step->start + i] && bytes[i] != self->model[step->start + i])
      g_error ("byte %" G_GUINT64_FORMAT " is %#x, and should be %#x", self->base + step->start + i,
               bytes[i], self->model[step->start + i]);
}

/* -- Steps. -- */

static void
do_read (Step *step)
{
  g_autofree guint8 *bytes = g_malloc (step->length);
  g_autofree guint8 *again = g_malloc (step->length);

  give_memory (step);
  read_into (step, bytes, 0xee);
  compare (step, bytes);

  /* What the first one left undefined would now be another poison. */
  read_into (step, again, 0x11);
  g_assert_cmpmem (bytes, step->length, again, step->length);
}

static void
do_write (Step *step)
{
  Walker *self = step->walker;
  g_autofree guint8 *bytes = g_malloc (step->length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, step->request.offset, step->length, g_rand_int (self->rand));
  if (below (self, 8) == 0)
    memset (bytes, 0, step->length);
  give_memory (step);
  banyan_request_copy_in (&step->request, 0, bytes, step->length);
  if (below (self, 16) == 0)
    step->request.flags = BANYAN_REQUEST_FUA;

  banyan_channel_write (step->channel, &step->request, &error);
  g_assert_no_error (error);
  if (!self->recipe->forgets)
    memcpy (self->model + step->start, bytes, step->length);
  memset (self->known + step->start, 1, step->length);
}

/* Rare: storage takes its time. */
static void
do_flush (Step *step)
{
  g_autoptr (GError) error = NULL;

  if (below (step->walker, 3) != 0)
    return;

  banyan_channel_flush (step->channel, &error);
  g_assert_no_error (error);
}

static void
do_discard (Step *step)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_channel_discard (step->channel, &step->request, &error), !=,
                   BANYAN_FAILED);
  g_assert_no_error (error);
  set_unknown (step);
}

static void
do_zeroes (Step *step)
{
  static const guint flags[]
      = { 0, BANYAN_REQUEST_MAY_UNMAP, BANYAN_REQUEST_NO_FALLBACK, 0, BANYAN_REQUEST_FUA };
  g_autoptr (GError) error = NULL;
  BanyanAnswer answer;

  step->request.flags = flags[below (step->walker, 5)] | flags[below (step->walker, 5)];
  answer = banyan_channel_write_zeroes (step->channel, &step->request, &error);
  g_assert_no_error (error);
  if (answer == BANYAN_UNSUPPORTED && (step->request.flags & BANYAN_REQUEST_NO_FALLBACK))
    {
      set_unknown (step);
      return;
    }
  g_assert_cmpint (answer, ==, BANYAN_DONE);
  set_zero (step);
}

/* What is said to be zero has to read as zeroes. */
static void
check_extent (Step *step, const BanyanBlockStatus *status)
{
  g_autofree guint8 *bytes = g_malloc (status->length);
  Step part = *step;

  g_assert_cmpuint (status->length, >, 0);
  g_assert_cmpuint (status->length, <=, step->length);
  g_assert_cmpint ((status->flags & BANYAN_BLOCK_END) != 0, ==,
                   step->request.offset + status->length
                       == banyan_channel_get_length (step->channel));
  if (status->flags & BANYAN_BLOCK_LOCATED)
    g_assert_cmpuint (status->leaf_offset + status->length, <=,
                      banyan_node_get_length (status->leaf));

  place (&part, step->start, status->length);
  give_memory (&part);
  read_into (&part, bytes, 0xee);
  compare (&part, bytes);
  for (gsize i = 0; (status->flags & BANYAN_BLOCK_ZERO) && i < status->length; i++)
    g_assert_cmphex (bytes[i], ==, 0);
  free (part.memory);
}

/* The whole part, extent by extent. */
static void
do_status (Step *step)
{
  Walker *self = step->walker;

  for (guint64 start = step->start; start < self->length;)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      g_autoptr (GError) error = NULL;

      place (step, start, self->length - start);
      g_assert_cmpint (banyan_channel_block_status (step->channel, step->request.offset,
                                                    step->length, &status, &error),
                       ==, BANYAN_DONE);
      g_assert_no_error (error);
      check_extent (step, &status);
      start += status.length;
    }
}

/* From where the data lies to here, past this process's memory. */
static void
do_copy (Step *step)
{
  Walker *self = step->walker;
  BanyanChild *edge = banyan_backend_get_child (self->backend);
  guint64 from = below (self, self->length - step->length + 1);
  BanyanBlockStatus status = { .size = sizeof status };
  g_autoptr (GError) error = NULL;
  BanyanAnswer answer;

  banyan_channel_enter (step->channel);
  g_assert_cmpint (
      banyan_child_block_status (edge, self->base + from, step->length, &status, &error), ==,
      BANYAN_DONE);
  place (step, step->start, status.length);
  if (!(status.flags & BANYAN_BLOCK_LOCATED)
      || MAX (from, step->start) - MIN (from, step->start) < step->length)
    {
      banyan_channel_leave (step->channel);
      return;
    }
  answer = banyan_child_copy_range (edge, &step->request, status.leaf, status.leaf_offset, &error);
  banyan_channel_leave (step->channel);
  g_assert_no_error (error);

  if (answer == BANYAN_UNSUPPORTED)
    {
      set_unknown (step);
      return;
    }
  g_assert_cmpint (answer, ==, BANYAN_DONE);
  memcpy (self->model + step->start, self->model + from, step->length);
  memcpy (self->known + step->start, self->known + from, step->length);
}

static void
do_step (Walker *self, BanyanChannel *channel)
{
  static void (*const kinds[]) (Step *)
      = { do_read,  do_read,    do_read,   do_write,  do_write, do_write, do_write,
          do_flush, do_discard, do_zeroes, do_zeroes, do_copy,  do_status };
  static void (*const reading[]) (Step *) = { do_read, do_read, do_read, do_flush, do_status };
  Step step = { .walker = self, .channel = channel };

  self->n_started++;
  place_anywhere (&step);
  if (self->recipe->only_reads)
    reading[below (self, G_N_ELEMENTS (reading))](&step);
  else
    kinds[below (self, G_N_ELEMENTS (kinds))](&step);
  free (step.memory);
  self->n_ended++;
}

/* -- Walks. -- */

static void
compare_all (Walker *self, BanyanChannel *channel)
{
  Step step = { .walker = self, .channel = channel };
  g_autofree guint8 *bytes = g_malloc (self->length);

  place (&step, 0, self->length);
  give_memory (&step);
  read_into (&step, bytes, 0xee);
  compare (&step, bytes);
  free (step.memory);
}

typedef struct
{
  Walker *walker;
  guint n_steps;
} Walk;

static gboolean
co_walk (BanyanChannel *channel, gpointer data, GError **error)
{
  Walk *walk = data;

  for (guint i = 0; i < walk->n_steps; i++)
    do_step (walk->walker, channel);
  compare_all (walk->walker, channel);
  return TRUE;
}

void
walker_walk (Walker *self, guint n_steps)
{
  Walk walk = { self, n_steps };
  g_autoptr (GError) error = NULL;

  banyan_backend_run (self->backend, co_walk, &walk, &error);
  g_assert_no_error (error);
}

void
walker_compare (Walker *self)
{
  walker_walk (self, 0);
}

static void
walk_until_stopped (gpointer data)
{
  Walker *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  do
    {
      do_step (self, channel);
      banyan_co_yield ();
    }
  while (!g_atomic_int_get (&self->stop));
  compare_all (self, channel);
  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

void
walker_start (Walker *self)
{
  banyan_coroutine_start_on (self->loop, walk_until_stopped, self);
}

void
walker_stop (Walker *self)
{
  g_atomic_int_set (&self->stop, TRUE);
  while (!g_atomic_int_get (&self->is_done))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (self->n_ended, ==, self->n_started);
  g_assert_cmpuint (self->n_ended, >, 0);
}
