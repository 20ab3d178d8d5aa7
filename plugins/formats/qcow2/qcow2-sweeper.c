/* qcow2-sweeper.c - forgets what the caches hold and nobody asks for: cache-clean-interval
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * It does no I/O, so it is no request and needs no pass. It ends when there is nothing left to
 * forget, and begins with the next slice that is read. */

#include "qcow2-sweeper.h"

#include "qcow2-image.h"

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)

void
qcow2_sweeper_init (Qcow2Sweeper *self)
{
  g_mutex_init (&self->mutex);
  banyan_co_mutex_init (&self->sweeping);
  banyan_co_cond_init (&self->ended);
}

void
qcow2_sweeper_clear (Qcow2Sweeper *self)
{
  g_mutex_clear (&self->mutex);
}

static void
set_coroutine (Qcow2Sweeper *self, BanyanCoroutine *coroutine)
{
  g_mutex_lock (&self->mutex);
  self->coroutine = coroutine;
  g_mutex_unlock (&self->mutex);
}

/* FALSE: nothing is left. */
static gboolean BANYAN_COROUTINE
sweep_once (Qcow2Image *image)
{
  Qcow2Sweeper *self = &image->sweeper;
  gboolean holds_some = TRUE;

  banyan_co_mutex_lock (&self->sweeping);
  if (!__atomic_load_n (&self->is_held, __ATOMIC_ACQUIRE))
    {
      qcow2_cache_forget_idle (&image->l2);
      qcow2_cache_forget_idle (&image->refs);
      holds_some = qcow2_cache_get_held (&image->l2) + qcow2_cache_get_held (&image->refs) > 0;
    }
  banyan_co_mutex_unlock (&self->sweeping);
  return holds_some;
}

static gboolean
must_end (Qcow2Sweeper *self)
{
  return __atomic_load_n (&self->must_end, __ATOMIC_ACQUIRE) || BANYAN_LIVE (self->interval_s) == 0;
}

/* Cut short by a drain, it sweeps a little early. */
static void BANYAN_COROUTINE
sweep (gpointer data)
{
  Qcow2Image *image = data;
  Qcow2Sweeper *self = &image->sweeper;

  set_coroutine (self, banyan_coroutine_self ());
  while (!must_end (self))
    if (banyan_co_wait_ns (BANYAN_LIVE (self->interval_s) * NS_PER_S) == BANYAN_WAIT_OVER
        && !sweep_once (image))
      break;

  set_coroutine (self, NULL);
  banyan_co_mutex_lock (&self->sweeping);
  __atomic_store_n (&self->is_running, FALSE, __ATOMIC_RELEASE);
  banyan_co_cond_broadcast (&self->ended);
  banyan_co_mutex_unlock (&self->sweeping);
}

void
qcow2_sweeper_begin (Qcow2Sweeper *self)
{
  self->home = banyan_loop_current ();
  self->must_end = FALSE;
}

void
qcow2_sweeper_wake (Qcow2Image *image)
{
  Qcow2Sweeper *self = &image->sweeper;

  g_mutex_lock (&self->mutex);
  if (self->coroutine != NULL)
    banyan_coroutine_wake (self->coroutine);
  g_mutex_unlock (&self->mutex);
  qcow2_sweeper_note (image);
}

void BANYAN_COROUTINE
qcow2_sweeper_end (Qcow2Image *image)
{
  Qcow2Sweeper *self = &image->sweeper;

  if (self->home == NULL)
    return;

  __atomic_store_n (&self->must_end, TRUE, __ATOMIC_RELEASE);
  qcow2_sweeper_wake (image);
  banyan_co_mutex_lock (&self->sweeping);
  while (__atomic_load_n (&self->is_running, __ATOMIC_ACQUIRE))
    banyan_co_cond_wait (&self->ended, &self->sweeping);
  banyan_co_mutex_unlock (&self->sweeping);
  self->home = NULL;
}

void
qcow2_sweeper_note (Qcow2Image *image)
{
  Qcow2Sweeper *self = &image->sweeper;

  if (self->home == NULL || must_end (self) || __atomic_load_n (&self->is_running, __ATOMIC_RELAXED)
      || __atomic_exchange_n (&self->is_running, TRUE, __ATOMIC_ACQ_REL))
    return;

  banyan_coroutine_start_on (self->home, sweep, image);
}

void BANYAN_COROUTINE
qcow2_sweeper_hold (Qcow2Sweeper *self)
{
  banyan_co_mutex_lock (&self->sweeping);
  __atomic_store_n (&self->is_held, TRUE, __ATOMIC_RELEASE);
  banyan_co_mutex_unlock (&self->sweeping);
}

void
qcow2_sweeper_let_go (Qcow2Sweeper *self)
{
  __atomic_store_n (&self->is_held, FALSE, __ATOMIC_RELEASE);
}
