/* banyan-co-mutex.c - one coroutine at a time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-wait.h"

/* Free and taken without anyone waiting is one compare-and-swap each. With waiters, the list is
 * guarded by a bit of the same word, and the mutex is never free: unlocking makes the first waiter
 * the owner, so nobody overtakes. */
#define LOCKED 1
#define CONTENDED 2 /* the list is not empty */
#define SPIN 4      /* somebody changes the list */

static gboolean
swap (gint *state, gint before, gint after, int order)
{
  return __atomic_compare_exchange_n (state, &before, after, FALSE, order, __ATOMIC_RELAXED);
}

/* Returns the state without the bit. */
static gint
spin (BanyanCoMutex *mutex)
{
  guint rounds = 0;
  gint before;

  while (((before = __atomic_fetch_or (&mutex->state, SPIN, __ATOMIC_ACQUIRE)) & SPIN) != 0)
    while ((__atomic_load_n (&mutex->state, __ATOMIC_RELAXED) & SPIN) != 0)
      banyan_spin_pause (&rounds);
  return before;
}

static void
set_owner (BanyanCoMutex *mutex, BanyanCoroutine *owner)
{
  __atomic_store_n (&mutex->owner, owner, __ATOMIC_RELAXED);
}

static BanyanCoroutine *
get_owner (BanyanCoMutex *mutex)
{
  return __atomic_load_n (&mutex->owner, __ATOMIC_RELAXED);
}

/**
 * banyan_co_mutex_init: (skip)
 * @mutex: memory for a mutex; zeroes are as good
 */
void
banyan_co_mutex_init (BanyanCoMutex *mutex)
{
  *mutex = (BanyanCoMutex){ 0 };
}

/**
 * banyan_co_mutex_clear: (skip)
 * @mutex: a mutex that nobody holds or waits for
 */
void
banyan_co_mutex_clear (BanyanCoMutex *mutex)
{
  g_assert (__atomic_load_n (&mutex->state, __ATOMIC_ACQUIRE) == 0);
}

/**
 * banyan_co_mutex_trylock: (skip)
 * @mutex: a mutex
 *
 * Returns: whether the running coroutine now holds @mutex
 */
gboolean
banyan_co_mutex_trylock (BanyanCoMutex *mutex)
{
  if (!swap (&mutex->state, 0, LOCKED, __ATOMIC_ACQUIRE))
    return FALSE;

  set_owner (mutex, banyan_thread.current);
  return TRUE;
}

static __attribute__ ((noinline)) void BANYAN_COROUTINE
lock_slowly (BanyanCoMutex *mutex)
{
  BanyanWaiter waiter = { .coroutine = banyan_thread.current };

  g_assert (get_owner (mutex) != waiter.coroutine);

  if ((spin (mutex) & LOCKED) == 0)
    {
      __atomic_store_n (&mutex->state, LOCKED, __ATOMIC_RELEASE);
      set_owner (mutex, waiter.coroutine);
      return;
    }

  banyan_waiter_append (&mutex->waiters, &mutex->last, &waiter);
  __atomic_store_n (&mutex->state, LOCKED | CONTENDED, __ATOMIC_RELEASE);
  banyan_waiter_wait (&waiter);
}

/**
 * banyan_co_mutex_lock: (skip)
 * @mutex: a mutex that the running coroutine does not hold
 *
 * Waits until @mutex is the running coroutine's. First come, first served.
 */
void
banyan_co_mutex_lock (BanyanCoMutex *mutex)
{
  g_assert (banyan_thread.current != NULL);

  if (!banyan_co_mutex_trylock (mutex))
    lock_slowly (mutex);
}

static __attribute__ ((noinline)) void
unlock_slowly (BanyanCoMutex *mutex)
{
  BanyanWaiter *waiter;

  spin (mutex);
  waiter = banyan_waiter_pop (&mutex->waiters);
  if (waiter == NULL)
    {
      /* Whoever spun came to see that it was locked, and has not queued yet. */
      __atomic_store_n (&mutex->state, 0, __ATOMIC_RELEASE);
      return;
    }

  set_owner (mutex, waiter->coroutine);
  __atomic_store_n (&mutex->state, mutex->waiters != NULL ? LOCKED | CONTENDED : LOCKED,
                    __ATOMIC_RELEASE);
  banyan_waiter_grant (waiter);
}

/**
 * banyan_co_mutex_unlock: (skip)
 * @mutex: a mutex that the running coroutine holds
 *
 * Hands @mutex to whoever has waited longest.
 */
void
banyan_co_mutex_unlock (BanyanCoMutex *mutex)
{
  g_assert (get_owner (mutex) == banyan_thread.current);

  set_owner (mutex, NULL);
  if (!swap (&mutex->state, LOCKED, 0, __ATOMIC_RELEASE))
    unlock_slowly (mutex);
}
