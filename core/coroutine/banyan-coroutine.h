/* banyan-coroutine.h - straight-line code that may wait
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-macros.h>

G_BEGIN_DECLS

/* A coroutine belongs to the loop it was started on, for life. Whoever wakes it from elsewhere
 * posts it home. */
typedef struct _BanyanCoroutine BanyanCoroutine;
typedef struct _BanyanLoop BanyanLoop;

typedef void (*BanyanCoroutineFunc) (gpointer data);

/* Runs @func on the calling loop at once, until it first suspends; then returns. The coroutine
 * inherits the caller's pass. Callable inside or outside a coroutine, on a loop's thread only. */
BANYAN_API
void banyan_coroutine_start (BanyanCoroutineFunc func, gpointer data);

/* The same on another loop (or this one, later), from any thread. Inherits no pass. */
BANYAN_API
void banyan_coroutine_start_on (BanyanLoop *loop, BanyanCoroutineFunc func, gpointer data);

/* The running coroutine, or NULL outside one. */
BANYAN_API
BanyanCoroutine *banyan_coroutine_self (void);

/* Waits until someone calls banyan_coroutine_wake(). A wake that comes first is not lost: the next
 * suspend returns at once. Callers loop over their condition, as wakes may be spurious. */
BANYAN_API
void BANYAN_COROUTINE banyan_co_suspend (void);

/* Makes @coroutine runnable, from any thread. Never runs it on the caller's stack. */
BANYAN_API
void banyan_coroutine_wake (BanyanCoroutine *coroutine);

/* Goes to the end of the loop's queue of runnable coroutines. */
BANYAN_API
void BANYAN_COROUTINE banyan_co_yield (void);

/* Asks @coroutine to give up cancellable waits (sleeps, polls, receives) with
 * G_IO_ERROR_CANCELLED, now and from now on. Any thread; the caller makes sure that it lives. */
BANYAN_API
void banyan_coroutine_cancel (BanyanCoroutine *coroutine);

BANYAN_API
gboolean banyan_co_is_cancelled (void);

/* Calls @func once, on the coroutine's own stack, just before the running coroutine next suspends,
 * and forgets it. A reader that serves requests inline uses it to pass its role on only when a
 * request has to wait. NULL takes it back; returns whether one was still set. @func must not
 * suspend; it usually calls banyan_coroutine_start_on() for its own loop. */
BANYAN_API
gboolean banyan_co_on_suspend (GFunc func, gpointer data, gpointer user_data);

/* The right of the running coroutine, and of what it starts, to be inside backends: opaque here,
 * see core/graph/banyan-channel.c. */
BANYAN_API
gpointer banyan_co_get_pass (void);
BANYAN_API
gpointer banyan_co_swap_pass (gpointer pass);

/* Structured concurrency: wait returns when every branch has ended, with the first branch's error
 * by order of failure. Branches run on the caller's loop, start at once and inherit its pass. The
 * struct is the caller's, on its stack. */
typedef struct _BanyanGather BanyanGather;
typedef gboolean (*BanyanGatherFunc) (gpointer data, GError **error);

struct _BanyanGather
{
  BanyanCoroutine *waiter;
  GError *error;
  guint running;
};

#define BANYAN_GATHER_INIT \
  { \
    NULL, NULL, 0 \
  }

BANYAN_API
void banyan_gather_start (BanyanGather *gather, BanyanGatherFunc func, gpointer data);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_co_gather (BanyanGather *gather, GError **error);

/* Whether less than @percent of all the stacks that the process can have are in use, and there is
 * one for the next coroutine on this loop. */
BANYAN_API
gboolean banyan_coroutine_may_use (guint percent);

/* Counters for tests and `banyan inspect`: stacks allocated, in use, peak, by thread. */
typedef struct
{
  guint allocated;
  guint in_use;
  guint peak;
  gsize stack_size_bytes;
} BanyanCoroutineStats;

BANYAN_API
void banyan_coroutine_get_stats (BanyanCoroutineStats *stats);

G_END_DECLS
