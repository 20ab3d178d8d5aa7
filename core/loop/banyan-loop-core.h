/* banyan-loop-core.h - what the parts of a loop share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-coroutine-private.h"
#include "banyan-loop-private.h"
#include "banyan-timer.h"

#include <signal.h>

/* An operation that the backend carries out for a coroutine, on the coroutine's stack. */
typedef struct _BanyanWait BanyanWait;
struct _BanyanWait
{
  BanyanCoroutine *coroutine;
  gboolean done;
  gssize result; /* count, events or 0, or a negative errno */

  /* A poll's. */
  gboolean is_poll;     /* on a ring, which has other operations */
  gboolean is_given_up; /* there: a cancellation is on its way */
  int fd;
  short events;
  BanyanWait *next; /* in a BanyanPollSet: who else waits for this descriptor */
};

typedef enum
{
  BANYAN_FILE_READ,
  BANYAN_FILE_WRITE,
  BANYAN_FILE_SYNC,
  BANYAN_FILE_ALLOCATE,
} BanyanFileKind;

typedef struct
{
  BanyanFileKind kind;
  int fd;
  const struct iovec *iov;
  guint n_iov;
  guint64 offset;
  int rwf_flags;
  gboolean data_only;
  int mode;
  guint64 length;
} BanyanFileOp;

/* What differs between the kinds of loops. All but kick() are called on the loop's thread. */
typedef struct
{
  const char *name;
  gboolean (*open) (BanyanLoop *loop, GError **error);
  void (*close) (BanyanLoop *loop);

  /* Submits what was queued and completes what is done. Waits for something to happen until
   * @timeout_ns has passed; 0: only looks, without a system call if it can; -1: no limit. */
  void (*wait) (BanyanLoop *loop, gint64 timeout_ns);

  /* Ends a wait that sleeps, from any thread. */
  void (*kick) (BanyanLoop *loop);

  /* Begin an operation that ends by banyan_loop_complete(). NULL where there are no descriptors. */
  void (*poll) (BanyanLoop *loop, BanyanWait *wait, int fd, short events);
  void (*recv) (BanyanLoop *loop, BanyanWait *wait, int fd, gpointer buffer, gsize length,
                int flags); /* (nullable): poll, then try again */
  void (*file) (BanyanLoop *loop, BanyanWait *wait,
                const BanyanFileOp *op); /* (nullable): offload */

  /* Ends a poll or receive early, if it can, with -ECANCELED. */
  void (*cancel) (BanyanLoop *loop, BanyanWait *wait);
} BanyanLoopOps;

extern const BanyanLoopOps banyan_loop_uring_ops;
extern const BanyanLoopOps banyan_loop_epoll_ops;

/* A sleep is kept in a list as well, so that a drain can look for those it may cut. */
typedef struct _BanyanSleep BanyanSleep;
struct _BanyanSleep
{
  BanyanTimer timer;
  BanyanCoroutine *coroutine;
  gboolean over;
  BanyanSleep *previous;
  BanyanSleep *next;
};

typedef enum
{
  BANYAN_LOOP_FREE,
  BANYAN_LOOP_RUNNING,
  BANYAN_LOOP_STOPPING,
} BanyanLoopState;

/* Loops live in slots that are never freed, for the sake of late wakes. */
struct _BanyanLoop
{
  /* The loop's thread only. */
  const BanyanLoopOps *ops;
  BanyanStacks stacks;
  BanyanCoroutine *ready_first;
  BanyanCoroutine *ready_last;
  BanyanTimerHeap timers;
  BanyanSleep *sleeps;
  guint in_flight;   /* operations that end by themselves: no time passes virtually meanwhile */
  guint inline_left; /* calls, or pages, on the spot before others have a turn */
  guint budget;
  gpointer backend;
  BanyanLoopState state;

  /* Any thread, atomically. */
  BanyanTask *inbox __attribute__ ((aligned (64))); /* newest first; or one of the marks below */
  gboolean is_virtual;
  gint64 virtual_now_ns;
  guint64 poll_max_ns;

  /* Set while starting. The descriptor stays with the slot: whoever posts the last message may kick
   * when the loop has already read it and ended. */
  int kick_fd; /* (owned): an eventfd; 0 before first use */
  guint index;
  char *name; /* (owned) */
  pthread_t thread;
};

/* Marks in an inbox: the loop sleeps and wants a kick; there is no loop. */
#define BANYAN_INBOX_ASLEEP ((BanyanTask *) 1)
#define BANYAN_INBOX_CLOSED ((BanyanTask *) 2)

/* When the thread ends: its pool of BanyanBuffer. */
void banyan_buffers_clear (void);

static inline void
banyan_loop_push_ready (BanyanLoop *loop, BanyanCoroutine *coroutine)
{
  coroutine->next = NULL;
  if (loop->ready_first == NULL)
    loop->ready_first = coroutine;
  else
    loop->ready_last->next = coroutine;
  loop->ready_last = coroutine;
}

static inline void
banyan_loop_complete (BanyanWait *wait, gssize result)
{
  wait->result = result;
  wait->done = TRUE;
  banyan_coroutine_wake_here (wait->coroutine);
}

/* Slots; the caller sets ops afterwards. */
BanyanLoop *banyan_loop_claim (const char *name);
void banyan_loop_release (BanyanLoop *loop);

/* One round: messages, coroutines up to the budget, timers. Returns whether there is more to do. */
gboolean banyan_loop_run_once (BanyanLoop *loop);

gboolean banyan_loop_has_mail (BanyanLoop *loop);

/* FALSE when there is mail. */
gboolean banyan_loop_fall_asleep (BanyanLoop *loop);
void banyan_loop_awake (BanyanLoop *loop);

/* The kick of loops that wait for their kick_fd. */
gboolean banyan_loop_open_kick_fd (BanyanLoop *loop, GError **error);
void banyan_loop_write_kick_fd (BanyanLoop *loop);

/* For threads about to be made, which inherit it. */
void banyan_loop_block_signals (sigset_t *before);

/* Time until the first timer, 0 if it is due, -1 if there is none. */
gint64 banyan_loop_next_timer_ns (BanyanLoop *loop);

/* On an idle loop with a virtual clock: goes to the first timer. FALSE if there is no such thing.
 */
gboolean banyan_loop_jump (BanyanLoop *loop);
