/* nbd-client.c - a node's connections to its server, and what they share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-client.h"

#include <errno.h>

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
#define ATTEMPT_NS (30 * NS_PER_S)
#define FIRST_PAUSE_NS (NS_PER_S / 50)
#define LONGEST_PAUSE_NS (NS_PER_S / 2)

void
nbd_client_init (NbdClient *self, BanyanNode *node)
{
  self->node = node;
  g_mutex_init (&self->mutex);
}

static void
clear_target (NbdTarget *target)
{
  g_clear_object (&target->server);
  g_clear_pointer (&target->export, g_free);
  g_clear_pointer (&target->context, g_free);
}

void
nbd_client_clear (NbdClient *self)
{
  clear_target (&self->target);
  g_free (self->last_error);
  g_mutex_clear (&self->mutex);
}

/* -- Opening and closing. -- */

/* That the last attempt had not the time to fail tells less than why the one before it did. */
static void
note_attempt (GError **told, GError *failed)
{
  if (*told != NULL && g_error_matches (failed, BANYAN_ERRNO, ETIMEDOUT))
    {
      g_error_free (failed);
      return;
    }
  g_clear_error (told);
  *told = failed;
}

/* A server that is yet to come may come with what is not there now, so no error is final. */
static NbdLink *BANYAN_COROUTINE
connect_until (NbdClient *self, guint64 open_timeout_ns, GError **error)
{
  BanyanLoop *loop = banyan_loop_current ();
  gint64 until_ns = banyan_loop_now_ns (loop) + open_timeout_ns;
  guint64 pause_ns = FIRST_PAUSE_NS;
  g_autoptr (GError) told = NULL;

  for (;;)
    {
      gint64 left_ns = until_ns - banyan_loop_now_ns (loop);
      GError *failed = NULL;
      NbdLink *link = nbd_link_open (&self->target,
                                     open_timeout_ns > 0 ? (guint64) MAX (left_ns, 0) : ATTEMPT_NS,
                                     &self->info, &failed);

      if (link != NULL)
        return link;
      note_attempt (&told, failed);
      left_ns = until_ns - banyan_loop_now_ns (loop);
      if (left_ns <= 0 || !self->can_reconnect || banyan_co_is_cancelled ())
        {
          g_propagate_error (error, g_steal_pointer (&told));
          return NULL;
        }
      banyan_co_sleep_ns (MIN (pause_ns, (guint64) left_ns), NULL);
      pause_ns = MIN (pause_ns * 2, LONGEST_PAUSE_NS);
    }
}

gboolean
nbd_client_open (NbdClient *self, guint64 open_timeout_ns, GError **error)
{
  NbdLink *link;

  self->can_reconnect = banyan_socket_address_can_reconnect (self->target.server);
  link = connect_until (self, open_timeout_ns, error);
  if (link == NULL)
    {
      clear_target (&self->target);
      return FALSE;
    }

  self->closer = NULL;
  self->n_places = 1;
  self->home = nbd_connection_start (self, link);
  return TRUE;
}

void
nbd_client_close (NbdClient *self)
{
  __atomic_store_n (&self->closer, banyan_coroutine_self (), __ATOMIC_RELEASE);
  nbd_connection_stop (self->home);
  self->home = NULL;
  while (__atomic_load_n (&self->n_keepers, __ATOMIC_ACQUIRE) > 0)
    banyan_co_suspend ();
  clear_target (&self->target);
}

static gboolean
take_place (NbdClient *self)
{
  if (__atomic_fetch_add (&self->n_places, 1, __ATOMIC_RELAXED) < (gint) self->max_connections)
    return TRUE;

  __atomic_fetch_sub (&self->n_places, 1, __ATOMIC_RELAXED);
  return FALSE;
}

void
nbd_client_attach (NbdClient *self, BanyanLoop *loop)
{
  guint index = banyan_loop_get_index (loop);

  if (self->home == NULL || loop == self->home->loop || !self->can_reconnect
      || !(self->info.abilities & NBD_CAN_MULTI_CONN) || !take_place (self))
    return;

  self->places[index] = nbd_connection_start (self, NULL);
}

/* What its writes have left unflushed is for the next flush of the others. */
void
nbd_client_detach (NbdClient *self, BanyanLoop *loop)
{
  guint index = banyan_loop_get_index (loop);

  if (self->places[index] == NULL)
    return;

  nbd_connection_stop (g_steal_pointer (&self->places[index]));
  __atomic_fetch_sub (&self->n_places, 1, __ATOMIC_RELAXED);
}

/* -- What was found out. -- */

void
nbd_client_note_error (NbdClient *self, const GError *error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_free (self->last_error);
  self->last_error = g_strdup (error->message);
}

char *
nbd_client_dup_last_error (NbdClient *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return g_strdup (self->last_error);
}

NbdInfo
nbd_client_get_info (NbdClient *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return self->info;
}

void
nbd_client_note_length (NbdClient *self, guint64 length)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  if (length <= self->info.length)
    return;
  self->info.length = length;
  banyan_node_publish_length (self->node, length);
}

guint64
nbd_client_count_answers (NbdClient *self)
{
  guint64 n = 0;

  for (guint i = 0; i < BANYAN_LOOP_MAX; i++)
    n += __atomic_load_n (&self->answers[i * NBD_ANSWERS_STRIDE], __ATOMIC_RELAXED);
  return n;
}

/* -- What a server may have forgotten. -- */

void
nbd_client_lose_writes (NbdClient *self, BanyanLoop *loop)
{
  if (__atomic_exchange_n (&self->dirty[banyan_loop_get_index (loop)], FALSE, __ATOMIC_ACQ_REL))
    __atomic_store_n (&self->lost_writes, TRUE, __ATOMIC_RELEASE);
}

gboolean
nbd_client_take_dirty (NbdClient *self)
{
  gboolean is_dirty = FALSE;

  for (guint i = 0; i < BANYAN_LOOP_MAX; i++)
    if (__atomic_load_n (&self->dirty[i], __ATOMIC_RELAXED))
      is_dirty |= __atomic_exchange_n (&self->dirty[i], FALSE, __ATOMIC_ACQ_REL);
  return is_dirty;
}

static gboolean
is_dirty (NbdClient *self)
{
  for (guint i = 0; i < BANYAN_LOOP_MAX; i++)
    if (__atomic_load_n (&self->dirty[i], __ATOMIC_SEQ_CST))
      return TRUE;
  return FALSE;
}

/* A flush is counted before it takes what is dirty, and gives that back before it has failed: so
 * the second look finds it, unless the next flush has come, which the serial tells. */
gboolean
nbd_client_needs_flush (NbdClient *self)
{
  guint64 serial = __atomic_load_n (&self->flush_serial, __ATOMIC_SEQ_CST);

  return is_dirty (self) || __atomic_load_n (&self->n_flushes, __ATOMIC_SEQ_CST) > 0
         || __atomic_load_n (&self->lost_writes, __ATOMIC_SEQ_CST) || is_dirty (self)
         || __atomic_load_n (&self->flush_serial, __ATOMIC_SEQ_CST) != serial;
}

/* -- Drains. -- */

static void
let_go (gpointer data)
{
  NbdClient *self = data;

  if (self->home != NULL)
    nbd_connection_wake_waiters (self->home);
}

/* Who waits is on the home's thread, where the backend that is drained need not have a channel. */
void
nbd_client_drain_begin (NbdClient *self)
{
  if (self->home == NULL)
    return;

  __atomic_fetch_add (&self->n_drains, 1, __ATOMIC_SEQ_CST);
  banyan_coroutine_start_on (self->home->loop, let_go, self);
}

void
nbd_client_drain_end (NbdClient *self)
{
  if (__atomic_load_n (&self->n_drains, __ATOMIC_SEQ_CST) > 0)
    __atomic_fetch_sub (&self->n_drains, 1, __ATOMIC_SEQ_CST);
}
