/* banyan-co-sleep.c - coroutines that wait for time to pass
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

static gboolean (*sleep_cutter) (gpointer pass); /* atomic */

void
banyan_loop_set_sleep_cutter (gboolean (*cut) (gpointer pass))
{
  __atomic_store_n (&sleep_cutter, cut, __ATOMIC_RELEASE);
}

/* Others go first all the same: who sleeps in a loop of its own must not keep the thread. */
static gboolean
is_cut_short (BanyanCoroutine *self)
{
  gboolean (*cut) (gpointer pass) = __atomic_load_n (&sleep_cutter, __ATOMIC_ACQUIRE);

  if (self->pass == NULL || cut == NULL || !cut (self->pass))
    return FALSE;

  banyan_co_yield ();
  return !banyan_coroutine_is_cancelled (self);
}

static void
enlist (BanyanLoop *loop, BanyanSleep *sleep)
{
  sleep->previous = NULL;
  sleep->next = loop->sleeps;
  if (sleep->next != NULL)
    sleep->next->previous = sleep;
  loop->sleeps = sleep;
}

static void
delist (BanyanLoop *loop, BanyanSleep *sleep)
{
  if (sleep->previous != NULL)
    sleep->previous->next = sleep->next;
  else
    loop->sleeps = sleep->next;
  if (sleep->next != NULL)
    sleep->next->previous = sleep->previous;
}

/* A wait without a limit was in no heap. */
static void
leave_heap (BanyanLoop *loop, BanyanSleep *sleep)
{
  if (banyan_timer_is_pending (&sleep->timer))
    banyan_timer_heap_remove (&loop->timers, &sleep->timer);
}

static void
sleep_over (BanyanTimer *timer)
{
  BanyanSleep *sleep = (BanyanSleep *) timer;

  sleep->over = TRUE;
  banyan_coroutine_wake_here (sleep->coroutine);
}

/**
 * banyan_co_sleep_ns: (skip)
 * @ns: how long, on the loop's clock
 * @error: where to put the error
 *
 * Waits. A drain can end it early, with success.
 *
 * Returns: FALSE with %G_IO_ERROR_CANCELLED when the coroutine was cancelled
 */
gboolean
banyan_co_sleep_ns (guint64 ns, GError **error)
{
  BanyanLoop *loop = banyan_thread.loop;
  BanyanSleep sleep = { .timer.func = sleep_over, .coroutine = banyan_thread.current };
  gint64 now_ns = banyan_loop_now_ns (loop);

  if (is_cut_short (sleep.coroutine))
    return TRUE;

  banyan_timer_heap_add (&loop->timers, &sleep.timer,
                         now_ns + (gint64) MIN (ns, (guint64) (G_MAXINT64 - now_ns)));
  enlist (loop, &sleep);
  while (!sleep.over && !banyan_coroutine_is_cancelled (sleep.coroutine))
    banyan_co_suspend ();
  delist (loop, &sleep);

  if (sleep.over)
    return TRUE;

  banyan_timer_heap_remove (&loop->timers, &sleep.timer);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
  return FALSE;
}

/**
 * banyan_co_wait_ns: (skip)
 * @ns: how long at most, on the loop's clock; %G_MAXUINT64: no limit
 *
 * Waits until someone calls banyan_coroutine_wake(), the time has passed, or a drain cuts the wait
 * short. A wake that comes first is not lost. Callers look what has become of their condition, as
 * wakes may be spurious.
 *
 * Returns: what ended it
 */
BanyanWaitResult
banyan_co_wait_ns (guint64 ns)
{
  BanyanLoop *loop = banyan_thread.loop;
  BanyanSleep sleep = { .timer.func = sleep_over, .coroutine = banyan_thread.current };
  gint64 now_ns = banyan_loop_now_ns (loop);

  if (is_cut_short (sleep.coroutine))
    return BANYAN_WAIT_OVER;

  if (ns != G_MAXUINT64)
    banyan_timer_heap_add (&loop->timers, &sleep.timer,
                           now_ns + (gint64) MIN (ns, (guint64) (G_MAXINT64 - now_ns)));
  enlist (loop, &sleep);
  if (!banyan_coroutine_is_cancelled (sleep.coroutine))
    banyan_co_suspend ();
  delist (loop, &sleep);

  if (sleep.over)
    return BANYAN_WAIT_OVER;

  leave_heap (loop, &sleep);
  return banyan_coroutine_is_cancelled (sleep.coroutine) ? BANYAN_WAIT_CANCELLED
                                                         : BANYAN_WAIT_WOKEN;
}

/**
 * banyan_co_sleep_ms: (skip)
 * @ms: how long, on the loop's clock
 * @error: where to put the error
 *
 * As banyan_co_sleep_ns().
 *
 * Returns: FALSE with %G_IO_ERROR_CANCELLED when the coroutine was cancelled
 */
gboolean
banyan_co_sleep_ms (guint64 ms, GError **error)
{
  return banyan_co_sleep_ns (ms > G_MAXUINT64 / 1000000 ? G_MAXUINT64 : ms * 1000000, error);
}

/**
 * banyan_loop_cut_sleeps: (skip)
 * @loop: the calling thread's loop
 * @cut: (scope call): says from a sleeper's pass whether it is to be woken
 * @data: given to @cut
 *
 * Ends sleeps early, with success.
 */
void
banyan_loop_cut_sleeps (BanyanLoop *loop, gboolean (*cut) (gpointer pass, gpointer data),
                        gpointer data)
{
  g_assert (loop == banyan_thread.loop);

  for (BanyanSleep *i = loop->sleeps; i != NULL; i = i->next)
    if (!i->over && cut (i->coroutine->pass, data))
      {
        leave_heap (loop, i);
        sleep_over (&i->timer);
      }
}
