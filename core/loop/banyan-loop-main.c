/* banyan-loop-main.c - the main thread's loop, a guest of GLib's default main context
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-blocking-private.h"
#include "banyan-loop-core.h"

#include <unistd.h>

typedef struct
{
  GSource source;
  BanyanLoop *loop;
} MainSource;

/* The loop belongs to the process's first thread, or to whoever runs the default context first. */
static void
settle_here (BanyanLoop *loop)
{
  if (banyan_thread.loop == loop)
    return;
  if (banyan_thread.loop != NULL || !banyan_claim_main_context ())
    g_error ("GLib's default main context is run by more than one thread");

  banyan_thread.loop = loop;
  banyan_stacks_init (&loop->stacks);
}

static gboolean
has_work (BanyanLoop *loop)
{
  return loop->ready_first != NULL || banyan_loop_has_mail (loop)
         || banyan_loop_next_timer_ns (loop) == 0;
}

static gboolean
wants_jump (BanyanLoop *loop)
{
  return __atomic_load_n (&loop->is_virtual, __ATOMIC_RELAXED) && loop->in_flight == 0
         && loop->timers.first != NULL;
}

static gboolean
main_prepare (GSource *source, int *timeout)
{
  BanyanLoop *loop = ((MainSource *) source)->loop;
  gint64 next_ns;

  settle_here (loop);
  *timeout = -1;
  if (has_work (loop) || wants_jump (loop) || !banyan_loop_fall_asleep (loop))
    return TRUE;

  next_ns = banyan_loop_next_timer_ns (loop);
  if (next_ns < 0 || __atomic_load_n (&loop->is_virtual, __ATOMIC_RELAXED))
    g_source_set_ready_time (source, -1);
  else
    g_source_set_ready_time (source, g_get_monotonic_time () + next_ns / 1000 + 1);
  return FALSE;
}

static gboolean
main_check (GSource *source)
{
  BanyanLoop *loop = ((MainSource *) source)->loop;

  banyan_loop_awake (loop);
  return has_work (loop) || wants_jump (loop);
}

static gboolean
main_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  BanyanLoop *loop = ((MainSource *) source)->loop;

  banyan_loop_awake (loop);
  if (!banyan_loop_run_once (loop) && loop->ready_first == NULL)
    {
      banyan_stacks_trim (&loop->stacks);
      banyan_loop_jump (loop);
    }
  return G_SOURCE_CONTINUE;
}

static void
main_kick (BanyanLoop *loop)
{
  g_main_context_wakeup (NULL);
}

static const BanyanLoopOps main_ops = { .name = "main", .kick = main_kick };

static GSourceFuncs main_source_funcs
    = { .prepare = main_prepare, .check = main_check, .dispatch = main_dispatch };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BanyanLoop *main_loop;

static void
make_main_loop (void)
{
  GSource *source = g_source_new (&main_source_funcs, sizeof (MainSource));

  main_loop = banyan_loop_claim ("main");
  if (main_loop == NULL)
    g_error ("there are %d loops already, and none is left for the main thread", BANYAN_LOOP_MAX);
  main_loop->ops = &main_ops;

  ((MainSource *) source)->loop = main_loop;
  g_source_set_name (source, "banyan");
  g_source_attach (source, NULL);
  g_source_unref (source);
}

/**
 * banyan_loop_get_main: (skip)
 *
 * The loop of the thread that runs GLib's default main context. It takes messages, coroutines and
 * timers, offloads calls and runs them on other loops; it has no descriptors.
 *
 * Returns: (transfer none): the main thread's loop, made when first asked for
 */
BanyanLoop *
banyan_loop_get_main (void)
{
  pthread_once (&once, make_main_loop);

  if (G_UNLIKELY (banyan_thread.loop == NULL) && getpid () == gettid ())
    settle_here (main_loop);
  return main_loop;
}
