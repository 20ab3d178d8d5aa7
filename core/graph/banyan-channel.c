/* banyan-channel.c - a backend's presence on one loop: entering, leaving, counting
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request takes a pass when it enters: the coroutine carries it, and gives it to whatever it
 * starts. Who has a pass never meets a gate. It is a pointer into the channel, to a level that is
 * one higher each time the same request enters again, so that leaving needs to remember nothing:
 * the outermost level is the one at which the pass is given back. Work that has another channel's
 * pass is counted here, but keeps the pass it has.
 *
 * Counters are written by the loop's thread and read by the main thread. Atomic stores without a
 * lock prefix are all that takes. */

#include "banyan-channel-private.h"

#include <errno.h>

/* One in so many operations of a kind is timed. A clock costs as much as a layer of the graph. */
#define SAMPLE_EVERY 8

static inline void
count (guint64 *counter, guint64 amount)
{
  __atomic_store_n (counter, *counter + amount, __ATOMIC_RELAXED);
}

static inline void
set_in_flight (BanyanChannel *self, guint in_flight)
{
  __atomic_store_n (&self->in_flight, in_flight, __ATOMIC_RELAXED);
}

/* -- Entering and leaving. -- */

/* Those who wait go in one after the other, each letting in the next, before anyone who comes
 * later. */
static __attribute__ ((noinline)) void
wait_at_gate (BanyanChannel *self)
{
  BanyanGateWaiter waiter = { .coroutine = banyan_coroutine_self () };

  if (self->first_waiter == NULL)
    self->first_waiter = &waiter;
  else
    self->last_waiter->next = &waiter;
  self->last_waiter = &waiter;
  self->is_blocked = TRUE;

  while (self->is_closed || self->first_waiter != &waiter)
    banyan_co_suspend ();

  self->first_waiter = waiter.next;
  if (waiter.next != NULL)
    banyan_coroutine_wake (waiter.next->coroutine);
  else
    self->is_blocked = FALSE;
}

/* With a pass: no gate, and what is entered last is left first. */
static __attribute__ ((noinline)) void
enter_again (BanyanChannel *self, BanyanPass *pass)
{
  if (pass->channel == self)
    {
      g_assert (pass + 1 < self->levels + BANYAN_PASS_LEVELS);
      banyan_co_swap_pass (pass + 1);
    }
  else if (pass->channel != NULL && pass->channel->loop == self->loop)
    pass->channel->outward++;
}

static __attribute__ ((noinline)) void
leave_again (BanyanChannel *self, BanyanPass *pass)
{
  if (pass->channel == self)
    banyan_co_swap_pass (pass - 1);
  else if (pass->channel != NULL && pass->channel->loop == self->loop)
    pass->channel->outward--;
}

static inline void
enter (BanyanChannel *self)
{
  BanyanPass *pass = banyan_co_get_pass ();

  if (G_LIKELY (pass == NULL))
    {
      if (G_UNLIKELY (self->is_blocked))
        wait_at_gate (self);
      banyan_co_swap_pass (&self->levels[0]);
    }
  else
    enter_again (self, pass);

  set_in_flight (self, self->in_flight + 1);
}

static inline void
leave (BanyanChannel *self)
{
  BanyanPass *pass = banyan_co_get_pass ();

  if (G_LIKELY (pass == &self->levels[0]))
    banyan_co_swap_pass (NULL);
  else
    leave_again (self, pass);

  set_in_flight (self, self->in_flight - 1);
  if (G_UNLIKELY (self->is_closed) && self->in_flight == 0)
    banyan_channel_report_idle (self);
}

/**
 * banyan_channel_enter: (skip)
 * @self: a channel of the calling loop
 *
 * Takes a pass, so that what follows, up to banyan_channel_leave(), is one request: the graph does
 * not change meanwhile. Waits while the gate is closed, first come, first served, unless the
 * coroutine has a pass already.
 */
void
banyan_channel_enter (BanyanChannel *self)
{
  enter (self);
}

/**
 * banyan_channel_leave: (skip)
 * @self: a channel that was entered
 *
 * Gives the pass back.
 */
void
banyan_channel_leave (BanyanChannel *self)
{
  g_assert (banyan_co_get_pass () != NULL && self->in_flight > 0);

  leave (self);
}

/* -- Operations. -- */

static inline gint64
begin (BanyanChannel *self, BanyanStatisticKind kind)
{
  enter (self);
  return G_LIKELY (self->ticks[kind]++ % SAMPLE_EVERY != 0) ? -1 : banyan_loop_now_ns (self->loop);
}

static __attribute__ ((noinline)) void
end_failed (BanyanChannel *self, BanyanStatisticKind kind, const BanyanRequest *request,
            GError **error)
{
  count (&self->statistics.failed[kind], 1);
  if (kind != BANYAN_STATISTIC_BLOCK_STATUS)
    banyan_channel_note_failure (self, kind != BANYAN_STATISTIC_READ, request,
                                 error != NULL ? *error : NULL);
}

/* @request: (nullable): of those that move bytes */
static inline void
end (BanyanChannel *self, BanyanStatisticKind kind, const BanyanRequest *request,
     gboolean succeeded, GError **error, gint64 started_ns)
{
  BanyanStatistics *statistics = &self->statistics;

  count (&statistics->operations[kind], 1);
  if (G_LIKELY (succeeded))
    count (&statistics->bytes[kind], request != NULL ? request->length : 0);
  else
    end_failed (self, kind, request, error);

  if (G_UNLIKELY (started_ns >= 0))
    {
      gint64 took_ns = banyan_loop_now_ns (self->loop) - started_ns;

      count (&statistics->latency[kind][banyan_latency_bucket (MAX (took_ns, 0))], 1);
    }
  leave (self);
}

static __attribute__ ((noinline)) gboolean
throw_refused (BanyanChannel *self, const char *what, GError **error)
{
  const char *node;

  if (self->edge->node == NULL)
    return banyan_throw_errno (error, ENOMEDIUM, "%s leads to no node", self->edge->role);

  node = banyan_node_get_name (self->edge->node);
  if (self->edge->read_only)
    return banyan_throw_errno (error, EROFS, "%s is read-only", node);
  return banyan_throw_errno (error, EPERM, "%s uses %s without the permission to %s it",
                             self->edge->role, node, what);
}

/* Others of the node were promised what this backend took, and no more. */
static gboolean
may_write (BanyanChannel *self, GError **error)
{
  return G_LIKELY (banyan_child_is_writable (self->edge))
         || throw_refused (self, "write to", error);
}

static gboolean
may_resize (BanyanChannel *self, GError **error)
{
  return (!self->edge->read_only && (self->edge->used & BANYAN_PERMISSION_RESIZE))
         || throw_refused (self, "resize", error);
}

/**
 * banyan_channel_read: (skip)
 * @self: a channel of the calling loop
 * @request: what to read and where to
 * @error: where to put the error
 *
 * Reads.
 *
 * Returns: FALSE on failure: EINVAL beyond the node's length
 */
gboolean
banyan_channel_read (BanyanChannel *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_READ);
  gboolean succeeded = banyan_child_read (self->edge, request, error);

  end (self, BANYAN_STATISTIC_READ, request, succeeded, error, started_ns);
  return succeeded;
}

/**
 * banyan_channel_write: (skip)
 * @self: a channel of the calling loop
 * @request: what to write and where to
 * @error: where to put the error
 *
 * Writes.
 *
 * Returns: FALSE on failure: EINVAL beyond the node's length, EROFS if it is read-only, EPERM
 *   without the permission
 */
gboolean
banyan_channel_write (BanyanChannel *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_WRITE);
  gboolean succeeded = may_write (self, error) && banyan_child_write (self->edge, request, error);

  end (self, BANYAN_STATISTIC_WRITE, request, succeeded, error, started_ns);
  return succeeded;
}

/**
 * banyan_channel_flush: (skip)
 * @self: a channel of the calling loop
 * @error: where to put the error
 *
 * Puts on stable storage what was written before.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_channel_flush (BanyanChannel *self, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_FLUSH);
  gboolean succeeded = banyan_child_flush (self->edge, error);

  end (self, BANYAN_STATISTIC_FLUSH, NULL, succeeded, error, started_ns);
  return succeeded;
}

/**
 * banyan_channel_discard: (skip)
 * @self: a channel of the calling loop
 * @request: what is not needed any more
 * @error: where to put the error
 *
 * As banyan_child_discard().
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_channel_discard (BanyanChannel *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_DISCARD);
  BanyanAnswer answer = BANYAN_FAILED;

  if (may_write (self, error))
    answer = banyan_child_discard (self->edge, request, error);

  end (self, BANYAN_STATISTIC_DISCARD, request, answer != BANYAN_FAILED, error, started_ns);
  return answer;
}

/**
 * banyan_channel_write_zeroes: (skip)
 * @self: a channel of the calling loop
 * @request: where zeroes shall be
 * @error: where to put the error
 *
 * As banyan_child_write_zeroes().
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_channel_write_zeroes (BanyanChannel *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_WRITE_ZEROES);
  BanyanAnswer answer = BANYAN_FAILED;

  if (may_write (self, error))
    answer = banyan_child_write_zeroes (self->edge, request, error);

  end (self, BANYAN_STATISTIC_WRITE_ZEROES, request, answer != BANYAN_FAILED, error, started_ns);
  return answer;
}

/**
 * banyan_channel_block_status: (skip)
 * @self: a channel of the calling loop
 * @offset: where to begin
 * @length: how many bytes to tell about; above 0
 * @status: (out): what is there
 * @error: where to put the error
 *
 * As banyan_child_block_status().
 *
 * Returns: done or failed
 */
BanyanAnswer
banyan_channel_block_status (BanyanChannel *self, guint64 offset, guint64 length,
                             BanyanBlockStatus *status, GError **error)
{
  gint64 started_ns = begin (self, BANYAN_STATISTIC_BLOCK_STATUS);
  BanyanAnswer answer = banyan_child_block_status (self->edge, offset, length, status, error);

  end (self, BANYAN_STATISTIC_BLOCK_STATUS, NULL, answer != BANYAN_FAILED, error, started_ns);
  return answer;
}

/**
 * banyan_channel_send: (skip)
 * @self: a channel of the calling loop
 * @offset: where to begin
 * @length: how many bytes to send; above 0
 * @socket: a socket that does not block, or -1 to ask whether all of it could be sent
 * @sent: (out): how many bytes went
 *
 * As banyan_child_send(). Waits at the gate, and nowhere else.
 *
 * Returns: done, or unsupported
 */
BanyanAnswer
banyan_channel_send (BanyanChannel *self, guint64 offset, gsize length, int socket, gsize *sent)
{
  BanyanAnswer answer;

  enter (self);
  answer = banyan_child_send (self->edge, offset, length, socket, sent);
  if (*sent > 0)
    {
      count (&self->statistics.operations[BANYAN_STATISTIC_READ], 1);
      count (&self->statistics.bytes[BANYAN_STATISTIC_READ], *sent);
    }
  leave (self);
  return answer;
}

/**
 * banyan_channel_resize: (skip)
 * @self: a channel of the calling loop
 * @resize: how large the node shall be
 * @error: where to put the error
 *
 * As banyan_child_resize().
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_channel_resize (BanyanChannel *self, const BanyanResize *resize, GError **error)
{
  BanyanAnswer answer = BANYAN_FAILED;

  enter (self);
  if (may_resize (self, error))
    answer = banyan_child_resize (self->edge, resize, error);
  leave (self);
  return answer;
}

/**
 * banyan_channel_get_length: (skip)
 * @self: a channel of the calling loop
 *
 * Callable outside of requests, too. The edge cannot be moved while the gate is open here.
 *
 * Returns: the node's length, in bytes
 */
guint64
banyan_channel_get_length (BanyanChannel *self)
{
  if (G_UNLIKELY (self->is_closed) && banyan_co_get_pass () == NULL)
    return __atomic_load_n (&self->backend->length, __ATOMIC_RELAXED);

  return banyan_child_get_length (self->edge);
}

/**
 * banyan_channel_get_node: (skip)
 * @self: a channel that was entered
 *
 * Returns: (transfer none) (nullable): the node that requests go to; %NULL when the backend is
 * about to close
 */
BanyanNode *
banyan_channel_get_node (BanyanChannel *self)
{
  return self->edge->node;
}

/**
 * banyan_channel_get_child: (skip)
 * @self: a channel that was entered
 *
 * For what works on edges, as making an image does. What goes this way is not counted.
 *
 * Returns: (transfer none): the edge through which requests go
 */
BanyanChild *
banyan_channel_get_child (BanyanChannel *self)
{
  return self->edge;
}

/* -- Opening and closing. -- */

static void
enlist (BanyanChannel *self)
{
  BanyanPresence *presence = banyan_presence_here ();

  self->next = presence->first;
  if (self->next != NULL)
    self->next->previous = self;
  presence->first = self;
}

static void
delist (BanyanChannel *self)
{
  BanyanPresence *presence = banyan_presence_here ();

  if (self->previous != NULL)
    self->previous->next = self->next;
  else
    presence->first = self->next;
  if (self->next != NULL)
    self->next->previous = self->previous;
}

static BanyanChannel *
channel_new (BanyanBackend *backend, BanyanLoop *loop)
{
  BanyanChannel *self = g_new0 (BanyanChannel, 1);

  self->backend = g_object_ref (backend);
  self->edge = backend->edge;
  self->loop = loop;
  for (guint i = 0; i < BANYAN_PASS_LEVELS; i++)
    self->levels[i].channel = self;
  return self;
}

static void
channel_free (BanyanChannel *self)
{
  g_object_unref (self->backend);
  g_free (self);
}

/* From here on the main thread knows of the channel, and asks it before it changes anything. */
static gboolean
register_channel (BanyanChannel *self, gboolean *is_closed)
{
  BanyanBackend *backend = self->backend;
  guint index = banyan_loop_get_index (self->loop);
  gboolean accepted;

  banyan_backends_lock ();
  accepted = !backend->is_shut;
  *is_closed = backend->gates > 0;
  if (accepted)
    {
      g_ptr_array_add (backend->channels, self);
      backend->n_here[index]++;
      backend->loops[index] = self->loop;
    }
  banyan_backends_unlock ();
  return accepted;
}

static void
unregister_channel (BanyanChannel *self)
{
  BanyanBackend *backend = self->backend;
  guint index = banyan_loop_get_index (self->loop);

  banyan_backends_lock ();
  g_ptr_array_remove_fast (backend->channels, self);
  if (--backend->n_here[index] == 0)
    backend->loops[index] = NULL;
  banyan_statistics_add (&backend->past, &self->statistics);
  if (backend->channels->len == 0 && backend->shutter != NULL)
    banyan_coroutine_wake (backend->shutter);
  banyan_backends_unlock ();
}

/**
 * banyan_backend_open_channel: (skip)
 * @self: a backend
 *
 * Makes the backend present on the calling loop, once more for each call. It may not suspend.
 *
 * Returns: (transfer full) (nullable): a channel, to be closed with banyan_channel_close(); NULL
 *   once the backend closes
 */
BanyanChannel *
banyan_backend_open_channel (BanyanBackend *self)
{
  BanyanLoop *loop = banyan_loop_current ();
  BanyanChannel *channel;
  gboolean is_closed;

  g_return_val_if_fail (BANYAN_IS_BACKEND (self), NULL);
  g_return_val_if_fail (loop != NULL, NULL);

  channel = channel_new (self, loop);
  if (!register_channel (channel, &is_closed))
    {
      channel_free (channel);
      return NULL;
    }

  enlist (channel);
  /* Behind a closed gate the graph may be changing: nodes are attached when it opens. */
  if (is_closed)
    banyan_channel_close_gate (channel);
  else
    banyan_channel_attach (channel);
  return channel;
}

/**
 * banyan_channel_close: (skip)
 * @self: (transfer full): a channel of the calling loop, with nothing in flight
 *
 * Ends the backend's presence here.
 */
void
banyan_channel_close (BanyanChannel *self)
{
  g_assert (self->loop == banyan_loop_current ());
  g_assert (self->in_flight == 0 && self->first_waiter == NULL);

  if (self->is_closed)
    banyan_presence_here ()->n_closed--;
  delist (self);
  banyan_channel_detach (self);
  unregister_channel (self);
  channel_free (self);
}
