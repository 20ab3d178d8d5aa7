/* banyan-co-sync.c - conditions, semaphores, read-write locks
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-wait.h"

/* Whoever is granted something owns it before it wakes; nobody can come in between. */

/**
 * banyan_co_cond_init: (skip)
 * @cond: memory for a condition; zeroes are as good
 */
void
banyan_co_cond_init (BanyanCoCond *cond)
{
  *cond = (BanyanCoCond){ 0 };
}

/**
 * banyan_co_cond_wait: (skip)
 * @cond: a condition
 * @mutex: a mutex that the running coroutine holds
 *
 * Gives @mutex up, waits for a signal, and takes @mutex again.
 */
void
banyan_co_cond_wait (BanyanCoCond *cond, BanyanCoMutex *mutex)
{
  BanyanWaiter waiter = { .coroutine = banyan_thread.current };

  banyan_spin_lock (&cond->lock);
  banyan_waiter_append (&cond->waiters, &cond->last, &waiter);
  banyan_spin_unlock (&cond->lock);

  banyan_co_mutex_unlock (mutex);
  banyan_waiter_wait (&waiter);
  banyan_co_mutex_lock (mutex);
}

/**
 * banyan_co_cond_signal: (skip)
 * @cond: a condition
 *
 * Wakes whoever has waited longest, if anyone waits.
 */
void
banyan_co_cond_signal (BanyanCoCond *cond)
{
  BanyanWaiter *waiter;

  banyan_spin_lock (&cond->lock);
  waiter = banyan_waiter_pop (&cond->waiters);
  banyan_spin_unlock (&cond->lock);

  if (waiter != NULL)
    banyan_waiter_grant (waiter);
}

/**
 * banyan_co_cond_broadcast: (skip)
 * @cond: a condition
 *
 * Wakes all who wait now.
 */
void
banyan_co_cond_broadcast (BanyanCoCond *cond)
{
  BanyanWaiter *waiter;

  banyan_spin_lock (&cond->lock);
  waiter = cond->waiters;
  cond->waiters = NULL;
  banyan_spin_unlock (&cond->lock);

  while (waiter != NULL)
    {
      BanyanWaiter *next = waiter->next;

      banyan_waiter_grant (waiter);
      waiter = next;
    }
}

/**
 * banyan_co_semaphore_init: (skip)
 * @semaphore: memory for a semaphore
 * @available: how many can be acquired without waiting
 */
void
banyan_co_semaphore_init (BanyanCoSemaphore *semaphore, guint available)
{
  *semaphore = (BanyanCoSemaphore){ .available = available };
}

/**
 * banyan_co_semaphore_acquire: (skip)
 * @semaphore: a semaphore
 *
 * Waits until one is available, and takes it. First come, first served.
 */
void
banyan_co_semaphore_acquire (BanyanCoSemaphore *semaphore)
{
  BanyanWaiter waiter = { .coroutine = banyan_thread.current };

  g_assert (waiter.coroutine != NULL);

  banyan_spin_lock (&semaphore->lock);
  if (semaphore->available > 0)
    {
      semaphore->available--;
      banyan_spin_unlock (&semaphore->lock);
      return;
    }
  banyan_waiter_append (&semaphore->waiters, &semaphore->last, &waiter);
  banyan_spin_unlock (&semaphore->lock);

  banyan_waiter_wait (&waiter);
}

/**
 * banyan_co_semaphore_release: (skip)
 * @semaphore: a semaphore
 *
 * Gives one back, from any thread.
 */
void
banyan_co_semaphore_release (BanyanCoSemaphore *semaphore)
{
  BanyanWaiter *waiter;

  banyan_spin_lock (&semaphore->lock);
  waiter = banyan_waiter_pop (&semaphore->waiters);
  if (waiter == NULL)
    semaphore->available++;
  banyan_spin_unlock (&semaphore->lock);

  if (waiter != NULL)
    banyan_waiter_grant (waiter);
}

/**
 * banyan_co_rwlock_init: (skip)
 * @rwlock: memory for a lock; zeroes are as good
 */
void
banyan_co_rwlock_init (BanyanCoRwlock *rwlock)
{
  *rwlock = (BanyanCoRwlock){ 0 };
}

static gboolean
admit (BanyanCoRwlock *rwlock, gboolean is_writer)
{
  if (is_writer ? rwlock->holders != 0 : rwlock->holders < 0)
    return FALSE;

  rwlock->holders = is_writer ? -1 : rwlock->holders + 1;
  return TRUE;
}

static void BANYAN_COROUTINE
lock (BanyanCoRwlock *rwlock, gboolean is_writer)
{
  BanyanWaiter waiter = { .coroutine = banyan_thread.current, .is_writer = is_writer };

  g_assert (waiter.coroutine != NULL);

  banyan_spin_lock (&rwlock->lock);
  /* A reader does not pass a writer that waits. */
  if (rwlock->waiters == NULL && admit (rwlock, is_writer))
    {
      banyan_spin_unlock (&rwlock->lock);
      return;
    }
  banyan_waiter_append (&rwlock->waiters, &rwlock->last, &waiter);
  banyan_spin_unlock (&rwlock->lock);

  banyan_waiter_wait (&waiter);
}

/**
 * banyan_co_rwlock_read_lock: (skip)
 * @rwlock: a lock that the running coroutine does not hold
 *
 * Waits until no writer holds @rwlock or came before.
 */
void
banyan_co_rwlock_read_lock (BanyanCoRwlock *rwlock)
{
  lock (rwlock, FALSE);
}

/**
 * banyan_co_rwlock_write_lock: (skip)
 * @rwlock: a lock that the running coroutine does not hold
 *
 * Waits until nobody holds @rwlock or came before.
 */
void
banyan_co_rwlock_write_lock (BanyanCoRwlock *rwlock)
{
  lock (rwlock, TRUE);
}

/**
 * banyan_co_rwlock_unlock: (skip)
 * @rwlock: a lock that the running coroutine holds, for reading or writing
 *
 * Gives @rwlock up.
 */
void
banyan_co_rwlock_unlock (BanyanCoRwlock *rwlock)
{
  BanyanWaiter *granted;
  BanyanWaiter *end;

  banyan_spin_lock (&rwlock->lock);
  g_assert (rwlock->holders != 0);
  rwlock->holders = rwlock->holders < 0 ? 0 : rwlock->holders - 1;

  /* All at the head of the list that can hold it together. */
  granted = rwlock->waiters;
  for (end = granted; end != NULL && admit (rwlock, end->is_writer); end = end->next)
    ;
  rwlock->waiters = end;
  banyan_spin_unlock (&rwlock->lock);

  while (granted != end)
    {
      BanyanWaiter *next = granted->next;

      banyan_waiter_grant (granted);
      granted = next;
    }
}
