/* banyan-co-wait.h - lists of coroutines that wait, for what is in banyan-co-sync.h
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-coroutine-private.h"

#include <banyan/banyan-co-sync.h>
#include <sched.h>

#if defined(__x86_64__) || defined(__i386__)
#define banyan_pause() __builtin_ia32_pause ()
#elif defined(__aarch64__)
#define banyan_pause() __asm__ volatile("isb" ::: "memory")
#else
#define banyan_pause() ((void) 0)
#endif

/* The holder of a spin word only moves a few pointers; if it takes longer it was preempted. */
static inline void
banyan_spin_pause (guint *rounds)
{
  if (++*rounds % 64 != 0)
    banyan_pause ();
  else
    sched_yield ();
}

static inline void
banyan_spin_lock (gint *word)
{
  guint rounds = 0;

  while (__atomic_exchange_n (word, 1, __ATOMIC_ACQUIRE) != 0)
    while (__atomic_load_n (word, __ATOMIC_RELAXED) != 0)
      banyan_spin_pause (&rounds);
}

static inline void
banyan_spin_unlock (gint *word)
{
  __atomic_store_n (word, 0, __ATOMIC_RELEASE);
}

/* On the stack of the one who waits, which is gone as soon as it sees that it was granted. */
typedef struct _BanyanWaiter BanyanWaiter;
struct _BanyanWaiter
{
  BanyanWaiter *next;
  BanyanCoroutine *coroutine;
  gboolean is_writer; /* rwlock only */
  gint granted;       /* atomic */
};

static inline void
banyan_waiter_append (gpointer *first, gpointer *last, BanyanWaiter *waiter)
{
  waiter->next = NULL;
  if (*first == NULL)
    *first = waiter;
  else
    ((BanyanWaiter *) *last)->next = waiter;
  *last = waiter;
}

static inline BanyanWaiter *
banyan_waiter_pop (gpointer *first)
{
  BanyanWaiter *waiter = *first;

  if (waiter != NULL)
    *first = waiter->next;
  return waiter;
}

static inline void
banyan_waiter_grant (BanyanWaiter *waiter)
{
  BanyanCoroutine *coroutine = waiter->coroutine;

  __atomic_store_n (&waiter->granted, 1, __ATOMIC_RELEASE);
  banyan_coroutine_wake (coroutine);
}

static inline void BANYAN_COROUTINE
banyan_waiter_wait (BanyanWaiter *waiter)
{
  while (!__atomic_load_n (&waiter->granted, __ATOMIC_ACQUIRE))
    banyan_co_suspend ();
}
