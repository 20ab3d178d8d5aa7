/* banyan-drain.c - messages from the main thread to all loops that have channels of some backends
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-channel-private.h"

void
banyan_drain_init (BanyanDrain *self, GPtrArray *backends)
{
  *self = (BanyanDrain){ .backends = backends };
  self->set = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < backends->len; i++)
    g_hash_table_add (self->set, backends->pdata[i]);
}

void
banyan_drain_clear (BanyanDrain *self)
{
  g_assert (__atomic_load_n (&self->pending, __ATOMIC_ACQUIRE) == 0);

  g_clear_pointer (&self->set, g_hash_table_unref);
}

static guint
find_loops (BanyanDrain *self, BanyanLoop **loops)
{
  guint n = 0;

  for (guint i = 0; i < BANYAN_LOOP_MAX; i++)
    for (guint j = 0; j < self->backends->len; j++)
      {
        BanyanBackend *backend = self->backends->pdata[j];

        if (backend->loops[i] == NULL)
          continue;
        loops[n++] = backend->loops[i];
        break;
      }

  return n;
}

/* Under the lock: a loop that was found has a channel, and so cannot end before it has mail. */
BanyanDrainMessage *
banyan_drain_post (BanyanDrain *self, void (*func) (BanyanTask *task))
{
  BanyanLoop *loops[BANYAN_LOOP_MAX];
  guint n = find_loops (self, loops);
  BanyanDrainMessage *messages = g_new0 (BanyanDrainMessage, n);

  self->waiter = banyan_coroutine_self ();
  __atomic_fetch_add (&self->pending, n, __ATOMIC_RELAXED);
  for (guint i = 0; i < n; i++)
    {
      messages[i].task.func = func;
      messages[i].drain = self;
      banyan_loop_post (loops[i], &messages[i].task);
    }

  return messages;
}

/* The message, and the drain, may be gone as soon as the count is down. */
void
banyan_drain_answer (BanyanDrainMessage *message)
{
  BanyanDrain *self = message->drain;
  BanyanCoroutine *waiter = self->waiter;

  if (__atomic_sub_fetch (&self->pending, 1, __ATOMIC_ACQ_REL) == 0)
    banyan_coroutine_wake (waiter);
}

void
banyan_co_drain_round (BanyanDrain *self, void (*func) (BanyanTask *task))
{
  g_autofree BanyanDrainMessage *messages = NULL;

  banyan_backends_lock ();
  messages = banyan_drain_post (self, func);
  banyan_backends_unlock ();

  while (__atomic_load_n (&self->pending, __ATOMIC_ACQUIRE) > 0)
    banyan_co_suspend ();
}

void
banyan_drain_foreach_here (BanyanDrain *self, void (*func) (BanyanChannel *))
{
  for (BanyanChannel *channel = banyan_presence_here ()->first; channel != NULL;
       channel = channel->next)
    if (g_hash_table_contains (self->set, channel->backend))
      func (channel);
}
