/* banyan-loop.c - messages, runnable coroutines, time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The inbox is a stack that any thread pushes to and the loop takes whole, which needs no tags
 * against reuse; reversed, it is in order. That a loop sleeps is written in the same word, so
 * exactly one of all who post to a sleeping loop enters the kernel to wake it. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static BanyanLoop slots[BANYAN_LOOP_MAX];

/**
 * banyan_loop_current: (skip)
 *
 * Returns: (nullable): the calling thread's loop
 */
BanyanLoop *
banyan_loop_current (void)
{
  return banyan_thread.loop;
}

/**
 * banyan_loop_get_backend: (skip)
 * @loop: a loop
 *
 * Returns: "uring", "epoll" or "main"
 */
const char *
banyan_loop_get_backend (BanyanLoop *loop)
{
  return loop->ops->name;
}

/**
 * banyan_loop_get_index: (skip)
 * @loop: a loop
 *
 * Returns: the index of @loop among those alive, less than %BANYAN_LOOP_MAX
 */
guint
banyan_loop_get_index (BanyanLoop *loop)
{
  return loop->index;
}

BanyanLoop *
banyan_loop_claim (const char *name)
{
  BanyanLoop *loop = NULL;

  pthread_mutex_lock (&lock);
  for (guint i = 0; i < BANYAN_LOOP_MAX && loop == NULL; i++)
    if (slots[i].state == BANYAN_LOOP_FREE)
      {
        loop = &slots[i];
        loop->state = BANYAN_LOOP_RUNNING;
        loop->index = i;
      }
  pthread_mutex_unlock (&lock);

  if (loop == NULL)
    return NULL;

  loop->name = g_strdup (name);
  loop->ready_first = NULL;
  loop->timers = (BanyanTimerHeap){ 0 };
  loop->sleeps = NULL;
  loop->in_flight = 0;
  loop->budget = 128;
  loop->inline_left = loop->budget;
  __atomic_store_n (&loop->is_virtual, FALSE, __ATOMIC_RELAXED);
  __atomic_store_n (&loop->poll_max_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&loop->inbox, NULL, __ATOMIC_RELEASE);
  return loop;
}

void
banyan_loop_release (BanyanLoop *loop)
{
  g_clear_pointer (&loop->name, g_free);

  pthread_mutex_lock (&lock);
  loop->state = BANYAN_LOOP_FREE;
  pthread_mutex_unlock (&lock);
}

/**
 * banyan_loop_post: (skip)
 * @loop: where to
 * @task: the message, which is the loop's until its function runs
 *
 * Runs a function on the thread of @loop. May be called from any thread, the loop's own included.
 */
void
banyan_loop_post (BanyanLoop *loop, BanyanTask *task)
{
  BanyanTask *before = __atomic_load_n (&loop->inbox, __ATOMIC_RELAXED);
  void (*kick) (BanyanLoop *) = loop->ops->kick;

  do
    {
      if (G_UNLIKELY (before == BANYAN_INBOX_CLOSED))
        {
          g_critical ("a message to a loop that has ended");
          return;
        }
      task->next = before == BANYAN_INBOX_ASLEEP ? NULL : before;
    }
  while (!__atomic_compare_exchange_n (&loop->inbox, &before, task, TRUE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED));

  /* Nothing but the descriptor of the slot may be used from here on. */
  if (before == BANYAN_INBOX_ASLEEP)
    kick (loop);
}

gboolean
banyan_loop_open_kick_fd (BanyanLoop *loop, GError **error)
{
  if (loop->kick_fd == 0)
    loop->kick_fd = eventfd (0, EFD_CLOEXEC);
  if (loop->kick_fd > 0)
    return TRUE;

  loop->kick_fd = 0;
  return banyan_throw_errno (error, errno, "opening an eventfd for loop %s", loop->name);
}

void
banyan_loop_write_kick_fd (BanyanLoop *loop)
{
  guint64 one = 1;

  while (write (loop->kick_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

gboolean
banyan_loop_has_mail (BanyanLoop *loop)
{
  return __atomic_load_n (&loop->inbox, __ATOMIC_RELAXED) > BANYAN_INBOX_CLOSED;
}

gboolean
banyan_loop_fall_asleep (BanyanLoop *loop)
{
  BanyanTask *empty = NULL;

  return __atomic_compare_exchange_n (&loop->inbox, &empty, BANYAN_INBOX_ASLEEP, FALSE,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void
banyan_loop_awake (BanyanLoop *loop)
{
  BanyanTask *asleep = BANYAN_INBOX_ASLEEP;

  __atomic_compare_exchange_n (&loop->inbox, &asleep, NULL, FALSE, __ATOMIC_ACQ_REL,
                               __ATOMIC_RELAXED);
}

static void
run_inbox (BanyanLoop *loop)
{
  BanyanTask *newest;
  BanyanTask *oldest = NULL;

  if (!banyan_loop_has_mail (loop))
    return;

  newest = __atomic_exchange_n (&loop->inbox, NULL, __ATOMIC_ACQ_REL);
  while (newest != NULL)
    {
      BanyanTask *next = newest->next;

      newest->next = oldest;
      oldest = newest;
      newest = next;
    }

  while (oldest != NULL)
    {
      BanyanTask *task = oldest;

      oldest = task->next; /* the task is its owner's again */
      task->func (task);
    }
}

static void
run_timers (BanyanLoop *loop)
{
  gint64 now_ns;

  if (loop->timers.first == NULL)
    return;

  now_ns = banyan_loop_now_ns (loop);
  while (loop->timers.first != NULL && loop->timers.first->time_ns <= now_ns)
    {
      BanyanTimer *timer = loop->timers.first;

      banyan_timer_heap_remove (&loop->timers, timer);
      timer->func (timer);
    }
}

gboolean
banyan_loop_run_once (BanyanLoop *loop)
{
  run_inbox (loop);
  loop->inline_left = loop->budget;
  banyan_coroutines_run (loop);
  run_timers (loop);
  return loop->ready_first != NULL || banyan_loop_has_mail (loop);
}

/**
 * banyan_loop_now_ns: (skip)
 * @loop: a loop
 *
 * Returns: nanoseconds on the clock of @loop
 */
gint64
banyan_loop_now_ns (BanyanLoop *loop)
{
  struct timespec now;

  if (__atomic_load_n (&loop->is_virtual, __ATOMIC_ACQUIRE))
    return __atomic_load_n (&loop->virtual_now_ns, __ATOMIC_RELAXED);

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/**
 * banyan_loop_set_virtual_clock: (skip)
 * @loop: a loop on which nobody sleeps yet
 * @is_virtual: whether its time stands still while there is something to do
 *
 * For tests. A virtual clock starts at 0, and jumps to the next timer when nothing is runnable and
 * nothing is in flight that ends by itself: file I/O, offloaded calls, calls on other loops. What
 * waits for a peer (a socket, a lock held on another loop) does not hold time up.
 */
void
banyan_loop_set_virtual_clock (BanyanLoop *loop, gboolean is_virtual)
{
  __atomic_store_n (&loop->virtual_now_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&loop->is_virtual, is_virtual, __ATOMIC_RELEASE);
}

gint64
banyan_loop_next_timer_ns (BanyanLoop *loop)
{
  gint64 left_ns;

  if (loop->timers.first == NULL)
    return -1;

  /* Not within MAX (), which would look at the clock twice: between, the timer may become due, and
   * a negative answer would mean that there is none. */
  left_ns = loop->timers.first->time_ns - banyan_loop_now_ns (loop);
  return MAX (left_ns, 0);
}

gboolean
banyan_loop_jump (BanyanLoop *loop)
{
  if (!__atomic_load_n (&loop->is_virtual, __ATOMIC_RELAXED) || loop->in_flight > 0
      || loop->timers.first == NULL)
    return FALSE;

  __atomic_store_n (&loop->virtual_now_ns, MAX (loop->timers.first->time_ns, loop->virtual_now_ns),
                    __ATOMIC_RELAXED);
  run_timers (loop);
  return TRUE;
}

/**
 * banyan_loop_set_poll_max_ns: (skip)
 * @loop: a loop
 * @poll_max_ns: how long to look for work before sleeping
 */
void
banyan_loop_set_poll_max_ns (BanyanLoop *loop, guint64 poll_max_ns)
{
  __atomic_store_n (&loop->poll_max_ns, poll_max_ns, __ATOMIC_RELAXED);
}
