/* nbd-queue.c - who waits for others to be through, where there are too many coroutines
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The queue is one for the process, as stacks are. Only the first is woken, and stays the first
 * until it has found room: those behind it never overtake. Then it wakes the next, since the end of
 * one request may make room for many. */

#include "nbd-connection.h"

guint nbd_queue_length;

static GMutex mutex;
static GQueue queue = G_QUEUE_INIT;

void
nbd_queue_join (NbdPlace *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  if (self->is_queued)
    return;
  self->is_queued = TRUE;
  self->link = (GList){ .data = banyan_coroutine_self () };
  g_queue_push_tail_link (&queue, &self->link);
  BANYAN_LIVE_SET (nbd_queue_length, queue.length);
}

static void
wake_first (void)
{
  if (queue.head != NULL)
    banyan_coroutine_wake (queue.head->data);
}

void
nbd_queue_leave (NbdPlace *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  if (!self->is_queued)
    return;
  self->is_queued = FALSE;
  g_queue_unlink (&queue, &self->link);
  BANYAN_LIVE_SET (nbd_queue_length, queue.length);
  wake_first ();
}

void
nbd_queue_wake (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  wake_first ();
}
