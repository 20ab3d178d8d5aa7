/* banyan-range-lock.c - locks on ranges of bytes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-wait.h"

/* One list in order of arrival holds those who have their range and those who wait. Each waits for
 * the earlier ones that it conflicts with, counted when it comes; who leaves tells the later ones.
 * That is linear in the number of requests in flight on one node, which is tens: a tree would cost
 * more. */

static gboolean
conflicts (const BanyanRangeGuard *a, const BanyanRangeGuard *b)
{
  return (a->exclusive || b->exclusive) && MAX (a->offset, b->offset) < MIN (a->end, b->end);
}

/**
 * banyan_range_lock_init: (skip)
 * @lock: memory for a lock; zeroes are as good
 */
void
banyan_range_lock_init (BanyanRangeLock *lock)
{
  *lock = (BanyanRangeLock){ 0 };
}

/**
 * banyan_range_lock_acquire: (skip)
 * @lock: a lock
 * @guard: memory that stays until the release
 * @offset: first byte
 * @length: number of bytes; 0 conflicts with nothing
 * @exclusive: whether nobody else may hold any of them
 *
 * Waits until no earlier guard conflicts.
 */
void
banyan_range_lock_acquire (BanyanRangeLock *lock, BanyanRangeGuard *guard, guint64 offset,
                           guint64 length, gboolean exclusive)
{
  guint blockers = 0;

  *guard = (BanyanRangeGuard){
    .offset = offset,
    .end = offset + MIN (length, G_MAXUINT64 - offset),
    .exclusive = exclusive,
    .waiter = banyan_thread.current,
  };
  g_assert (guard->waiter != NULL);

  banyan_spin_lock (&lock->lock);
  for (BanyanRangeGuard *i = lock->held; i != NULL; i = i->next)
    blockers += conflicts (i, guard) ? 1 : 0;
  __atomic_store_n (&guard->blockers, blockers, __ATOMIC_RELAXED);

  guard->previous = lock->last;
  if (guard->previous != NULL)
    guard->previous->next = guard;
  else
    lock->held = guard;
  lock->last = guard;
  banyan_spin_unlock (&lock->lock);

  while (__atomic_load_n (&guard->blockers, __ATOMIC_ACQUIRE) > 0)
    banyan_co_suspend ();
}

static void
unlink_guard (BanyanRangeLock *lock, BanyanRangeGuard *guard)
{
  if (guard->previous != NULL)
    guard->previous->next = guard->next;
  else
    lock->held = guard->next;

  if (guard->next != NULL)
    guard->next->previous = guard->previous;
  else
    lock->last = guard->previous;
}

/* Counts the leaver down in those who wait for it. Who has no other blocker is chained up but not
 * told yet: once told, its guard is no more ours to read. */
static BanyanRangeGuard *
unblock_later (BanyanRangeGuard *leaver)
{
  BanyanRangeGuard *free_now = NULL;

  for (BanyanRangeGuard *i = leaver->next; i != NULL; i = i->next)
    if (conflicts (leaver, i))
      {
        if (i->blockers > 1)
          {
            __atomic_store_n (&i->blockers, i->blockers - 1, __ATOMIC_RELAXED);
            continue;
          }
        i->granted_next = free_now;
        free_now = i;
      }

  return free_now;
}

/**
 * banyan_range_lock_release: (skip)
 * @lock: a lock
 * @guard: what holds a range of it
 *
 * Gives the range up; may be called from another coroutine than the one that acquired it.
 */
void
banyan_range_lock_release (BanyanRangeLock *lock, BanyanRangeGuard *guard)
{
  BanyanRangeGuard *free_now;

  banyan_spin_lock (&lock->lock);
  free_now = unblock_later (guard);
  unlink_guard (lock, guard);
  banyan_spin_unlock (&lock->lock);

  while (free_now != NULL)
    {
      BanyanRangeGuard *next = free_now->granted_next;
      BanyanCoroutine *waiter = free_now->waiter;

      __atomic_store_n (&free_now->blockers, 0, __ATOMIC_RELEASE);
      banyan_coroutine_wake (waiter);
      free_now = next;
    }
}
