/* banyan-coroutine-private.h - what a coroutine is made of
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <pthread.h>
#include <errno.h>

#include "banyan-context.h"
#include "banyan-fiber.h"

#include <banyan/banyan-loop.h>

/* Below each stack, a multiple of every page size: no frame of a library's steps over it. It costs
 * address space only. */
#define BANYAN_STACK_GUARD_BYTES (64 * 1024)

/* tools/banyan-gdb.py knows these names. */
typedef enum
{
  BANYAN_COROUTINE_POOLED,
  BANYAN_COROUTINE_RUNNING, /* or the starter of the one that runs */
  BANYAN_COROUTINE_SUSPENDED,
  BANYAN_COROUTINE_READY, /* in its loop's queue */
} BanyanCoroutineState;

/* Lives at the top of its own stack, so that a new one touches as few pages as it can. All fields
 * but the last group belong to the home thread. Memory of coroutines is never given back: a wake
 * that comes late finds a coroutine all the same, if another one, and wakes may be spurious. */
struct _BanyanCoroutine
{
  BanyanContext context;
  BanyanCoroutine *back; /* (nullable): who runs when this one suspends; NULL is the loop */
  BanyanCoroutineState state;
  gboolean woken;        /* the next suspend returns at once */
  BanyanCoroutine *next; /* in the pool, in the queue of its loop, or among the spare ones */
  BanyanLoop *loop;

  BanyanCoroutineFunc func;
  gpointer data;
  gpointer pass;
  GFunc hook; /* (nullable): see banyan_co_on_suspend() */
  gpointer hook_data;
  gpointer hook_user_data;
  BanyanFiber fiber;

  gboolean cancelled; /* atomic */
  gint posted;        /* atomic: @wake is on its way home */
  BanyanTask wake;

  BanyanCoroutine *registered; /* next of all that were ever made, for debuggers */
  gpointer stack;
};

/* What a thread needs to have coroutines; part of its loop. */
typedef struct
{
  BanyanContext base; /* the thread's own stack */
  BanyanFiber fiber;
  BanyanCoroutine *pool; /* last in, first out: the warmest stack is used next */
  guint allocated;
  guint in_use;
  guint peak;
} BanyanStacks;

typedef struct
{
  BanyanCoroutine *current; /* (nullable) */
  BanyanLoop *loop;         /* (nullable) */
} BanyanThread;

/* Small enough for the room that libc keeps for libraries opened late. Coroutines do not migrate,
 * so its address may be kept over a suspension. */
extern __thread BanyanThread banyan_thread
    __attribute__ ((tls_model ("initial-exec"), visibility ("hidden")));

void banyan_stacks_init (BanyanStacks *stacks);
void banyan_stacks_clear (BanyanStacks *stacks);
void banyan_stacks_trim (BanyanStacks *stacks);
BanyanCoroutine *banyan_stacks_grow (BanyanStacks *stacks, void (*entry) (void));
/* Whether fewer than @percent of the stacks that the process can have are in use. What other
 * threads keep in their pools counts as if it were. */
gboolean banyan_stacks_have_room (const BanyanStacks *stacks, guint percent);

/* Calls @func for all coroutines at home on @loop that have not ended; its thread only. */
void banyan_stacks_foreach (BanyanLoop *loop, void (*func) (BanyanCoroutine *, gpointer),
                            gpointer data);

/* The loop's turn of coroutines: those who are ready, up to its budget. */
void banyan_coroutines_run (BanyanLoop *loop);

/* A wake on the home thread. */
void banyan_coroutine_wake_here (BanyanCoroutine *coroutine);

static inline gboolean
banyan_coroutine_is_cancelled (BanyanCoroutine *coroutine)
{
  return __atomic_load_n (&coroutine->cancelled, __ATOMIC_ACQUIRE);
}
