/* banyan-co-sync.h - waiting for each other, between coroutines of any loop
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-coroutine.h>

G_BEGIN_DECLS

/* All of these are embedded in their users, need no memory while uncontended, are fair (first come,
 * first served), and hand over to a waiter on another loop through its home. None is cancellable
 * unless it says so. The waiters' lists are protected by a spin word that is never held across a
 * suspension. */

typedef struct
{
  gint state;       /* atomic */
  gpointer waiters; /* (nullable) */
  gpointer last;
  BanyanCoroutine *owner; /* for assertions */
} BanyanCoMutex;

BANYAN_API
void banyan_co_mutex_init (BanyanCoMutex *mutex);
BANYAN_API
void banyan_co_mutex_clear (BanyanCoMutex *mutex);
BANYAN_API
void BANYAN_COROUTINE banyan_co_mutex_lock (BanyanCoMutex *mutex);
BANYAN_API
gboolean banyan_co_mutex_trylock (BanyanCoMutex *mutex);
BANYAN_API
void banyan_co_mutex_unlock (BanyanCoMutex *mutex);

typedef struct
{
  gint lock;
  gpointer waiters;
  gpointer last;
} BanyanCoCond;

BANYAN_API
void banyan_co_cond_init (BanyanCoCond *cond);
BANYAN_API
void BANYAN_COROUTINE banyan_co_cond_wait (BanyanCoCond *cond, BanyanCoMutex *mutex);
BANYAN_API
void banyan_co_cond_signal (BanyanCoCond *cond);
BANYAN_API
void banyan_co_cond_broadcast (BanyanCoCond *cond);

typedef struct
{
  gint lock;
  guint available;
  gpointer waiters;
  gpointer last;
} BanyanCoSemaphore;

BANYAN_API
void banyan_co_semaphore_init (BanyanCoSemaphore *semaphore, guint available);
BANYAN_API
void BANYAN_COROUTINE banyan_co_semaphore_acquire (BanyanCoSemaphore *semaphore);
BANYAN_API
void banyan_co_semaphore_release (BanyanCoSemaphore *semaphore);

/* Read-write lock: any number of readers, or one writer; writers are not starved. */
typedef struct
{
  gint lock;
  gint holders; /* readers, or -1 for a writer */
  gpointer waiters;
  gpointer last;
} BanyanCoRwlock;

BANYAN_API
void banyan_co_rwlock_init (BanyanCoRwlock *rwlock);
BANYAN_API
void BANYAN_COROUTINE banyan_co_rwlock_read_lock (BanyanCoRwlock *rwlock);
BANYAN_API
void BANYAN_COROUTINE banyan_co_rwlock_write_lock (BanyanCoRwlock *rwlock);
BANYAN_API
void banyan_co_rwlock_unlock (BanyanCoRwlock *rwlock);

/* Locks byte ranges. Shared holders may overlap each other, an exclusive one overlaps nobody; who
 * comes first goes first, so a stream of small requests cannot starve a large one. The guard is the
 * caller's, on its stack. */
typedef struct _BanyanRangeGuard BanyanRangeGuard;
typedef struct
{
  gint lock;
  gpointer held; /* list of guards, waiting ones included, in order of arrival */
  gpointer last;
} BanyanRangeLock;

struct _BanyanRangeGuard
{
  guint64 offset;
  guint64 end;
  gboolean exclusive;
  guint blockers; /* atomic: earlier guards that it still waits for */
  BanyanCoroutine *waiter;
  BanyanRangeGuard *previous;
  BanyanRangeGuard *next;
  BanyanRangeGuard *granted_next; /* private to a release */
};

BANYAN_API
void banyan_range_lock_init (BanyanRangeLock *lock);
BANYAN_API
void BANYAN_COROUTINE banyan_range_lock_acquire (BanyanRangeLock *lock, BanyanRangeGuard *guard,
                                                 guint64 offset, guint64 length,
                                                 gboolean exclusive);
BANYAN_API
void banyan_range_lock_release (BanyanRangeLock *lock, BanyanRangeGuard *guard);

typedef struct
{
  BanyanRangeLock *lock; /* (unowned) */
  BanyanRangeGuard guard;
} BanyanRangeHold;

static inline BanyanRangeHold *BANYAN_COROUTINE
banyan_range_hold_begin (BanyanRangeHold *hold, BanyanRangeLock *lock, guint64 offset,
                         guint64 length, gboolean exclusive)
{
  hold->lock = lock;
  banyan_range_lock_acquire (lock, &hold->guard, offset, length, exclusive);
  return hold;
}

static inline void
banyan_range_hold_end (BanyanRangeHold **hold)
{
  banyan_range_lock_release ((*hold)->lock, &(*hold)->guard);
}

/* The last declaration of a block: acquires a range until the block is left, by whatever way. */
#define BANYAN_HOLD_RANGE(lock, offset, length, exclusive) \
  BanyanRangeHold range_hold; \
  G_GNUC_UNUSED __attribute__ ((cleanup (banyan_range_hold_end))) BanyanRangeHold *range_held \
      = banyan_range_hold_begin (&range_hold, (lock), (offset), (length), (exclusive))

G_END_DECLS
