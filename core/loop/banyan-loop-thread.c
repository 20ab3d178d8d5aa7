/* banyan-loop-thread.c - the thread of a loop: beginning, turning, ending
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

#include <dlfcn.h>
#include <semaphore.h>

/* A loop that is told to stop, and whose coroutines neither run nor wait for a timer, is given this
 * long before that counts as a mistake: another loop may be about to hand a lock over. */
#define PATIENCE_NS G_GINT64_CONSTANT (5000000000)

typedef struct
{
  BanyanLoop *loop;
  sem_t answered;
  gboolean opened;
  GError *error;
} StartUp;

typedef struct
{
  BanyanTask task;
  BanyanLoop *loop;
} StopMessage;

static gint64
real_now_ns (void)
{
  return g_get_monotonic_time () * 1000;
}

/* Looks for work without sleeping for the time that was configured. */
static gboolean
poll_for_work (BanyanLoop *loop)
{
  guint64 window_ns = __atomic_load_n (&loop->poll_max_ns, __ATOMIC_RELAXED);
  gint64 until_ns;

  if (window_ns == 0)
    return FALSE;

  until_ns = real_now_ns () + (gint64) MIN (window_ns, (guint64) G_MAXINT32);
  do
    {
      loop->ops->wait (loop, 0);
      if (loop->ready_first != NULL || banyan_loop_has_mail (loop)
          || banyan_loop_next_timer_ns (loop) == 0)
        return TRUE;
    }
  while (real_now_ns () < until_ns);

  return FALSE;
}

static void
name_function (BanyanCoroutine *coroutine, gpointer data)
{
  GString *names = data;
  Dl_info info = { 0 };

  if (dladdr ((void *) coroutine->func, &info) != 0 && info.dli_sname != NULL)
    g_string_append_printf (names, " %s", info.dli_sname);
  else if (info.dli_fname != NULL)
    g_string_append_printf (names, " %s+0x%zx", info.dli_fname,
                            (gsize) ((char *) coroutine->func - (char *) info.dli_fbase));
  else
    g_string_append_printf (names, " %p", (void *) coroutine->func);
}

static void
complain (BanyanLoop *loop)
{
  g_autoptr (GString) names = g_string_new (NULL);

  banyan_stacks_foreach (loop, name_function, names);
#ifdef NDEBUG
  g_warning ("loop %s cannot stop, %u coroutines wait for nothing:%s", loop->name,
             loop->stacks.in_use, names->str);
#else
  g_error ("loop %s cannot stop, %u coroutines wait for nothing:%s", loop->name,
           loop->stacks.in_use, names->str);
#endif
}

static void
sleep_until_work (BanyanLoop *loop)
{
  gint64 timeout_ns;
  gboolean is_stuck;

  if (poll_for_work (loop))
    return;

  banyan_stacks_trim (&loop->stacks);
  timeout_ns = __atomic_load_n (&loop->is_virtual, __ATOMIC_RELAXED)
                   ? -1
                   : banyan_loop_next_timer_ns (loop);
  is_stuck
      = loop->state == BANYAN_LOOP_STOPPING && loop->timers.first == NULL && loop->in_flight == 0;

  if (!banyan_loop_fall_asleep (loop))
    return;

  if (is_stuck)
    {
      gint64 begun_ns = real_now_ns ();

      loop->ops->wait (loop, PATIENCE_NS);
      if (loop->ready_first == NULL && real_now_ns () - begun_ns >= PATIENCE_NS)
        complain (loop);
    }
  else
    {
      loop->ops->wait (loop, timeout_ns);
    }
  banyan_loop_awake (loop);
}

/* Nobody may post any more once the inbox is closed; whatever came before is run. */
static gboolean
is_finished (BanyanLoop *loop)
{
  BanyanTask *empty = NULL;

  return loop->state == BANYAN_LOOP_STOPPING && loop->stacks.in_use == 0
         && __atomic_compare_exchange_n (&loop->inbox, &empty, BANYAN_INBOX_CLOSED, FALSE,
                                         __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* With nothing to do, what was queued is submitted by the same system call that waits. A virtual
 * clock is looked after first: it may only jump when nothing has happened. */
static void
turn (BanyanLoop *loop)
{
  while (!is_finished (loop))
    {
      gboolean is_busy = banyan_loop_run_once (loop);

      if (is_busy || __atomic_load_n (&loop->is_virtual, __ATOMIC_RELAXED))
        loop->ops->wait (loop, 0);
      if (is_busy || loop->ready_first != NULL)
        continue;
      if (loop->state == BANYAN_LOOP_STOPPING && loop->stacks.in_use == 0)
        continue;
      if (!banyan_loop_jump (loop))
        sleep_until_work (loop);
    }
}

static void *
thread_main (void *data)
{
  StartUp *start = data;
  BanyanLoop *loop = start->loop;
  gboolean opened;

  pthread_setname_np (pthread_self (), loop->name);
  banyan_thread.loop = loop;
  banyan_stacks_init (&loop->stacks);

  opened = loop->ops->open (loop, &start->error);
  start->opened = opened;
  sem_post (&start->answered); /* start is the starter's again */

  if (opened)
    {
      turn (loop);
      banyan_stacks_clear (&loop->stacks);
      banyan_buffers_clear ();
      loop->ops->close (loop);
    }

  banyan_thread.loop = NULL;
  return NULL;
}

/* Signals are for the program's own threads, but for those that a thread gets for what it did
 * itself: a handler, a sanitizer's for instance, is told of them where they are not blocked. */
void
banyan_loop_block_signals (sigset_t *before)
{
  static const int own[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
  sigset_t others;

  sigfillset (&others);
  for (gsize i = 0; i < G_N_ELEMENTS (own); i++)
    sigdelset (&others, own[i]);
  pthread_sigmask (SIG_SETMASK, &others, before);
}

static int
create_thread (pthread_t *thread, void *data)
{
  sigset_t before;
  int result;

  banyan_loop_block_signals (&before);
  result = pthread_create (thread, NULL, thread_main, data);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return result;
}

static gboolean
run_thread (BanyanLoop *loop, GError **error)
{
  StartUp start = { .loop = loop };
  int result;

  sem_init (&start.answered, 0, 0);
  result = create_thread (&loop->thread, &start);
  if (result != 0)
    {
      sem_destroy (&start.answered);
      return banyan_throw_errno (error, result, "starting thread %s", loop->name);
    }

  while (sem_wait (&start.answered) < 0)
    ;
  sem_destroy (&start.answered);
  if (start.opened)
    return TRUE;

  pthread_join (loop->thread, NULL);
  g_propagate_error (error, start.error);
  return FALSE;
}

static BanyanLoop *
start_with (const char *name, const BanyanLoopOps *ops, const BanyanLoopConfig *config,
            GError **error)
{
  BanyanLoop *loop = banyan_loop_claim (name);

  if (loop == NULL)
    {
      banyan_throw_errno (error, EAGAIN, "starting loop %s: there are %d already", name,
                          BANYAN_LOOP_MAX);
      return NULL;
    }

  loop->ops = ops;
  if (config != NULL && config->budget > 0)
    loop->budget = config->budget;
  if (config != NULL)
    banyan_loop_set_poll_max_ns (loop, config->poll_max_ns);

  if (run_thread (loop, error))
    return loop;

  banyan_loop_release (loop);
  return NULL;
}

/* Who runs this may wonder about the speed. */
static void
tell_once (const GError *refusal)
{
  static gint is_told; /* atomic */

  if (!__atomic_exchange_n (&is_told, 1, __ATOMIC_RELAXED))
    g_message ("there is no io_uring, loops run on epoll and a pool of threads: %s",
               refusal->message);
}

BanyanLoop *
banyan_loop_start (const char *name, const BanyanLoopConfig *config, GError **error)
{
  const char *backend = g_getenv ("BANYAN_LOOP");
  g_autoptr (GError) refusal = NULL;
  BanyanLoop *loop;

  if (backend == NULL && config != NULL)
    backend = config->backend;

  if (g_strcmp0 (backend, "epoll") == 0)
    return start_with (name, &banyan_loop_epoll_ops, config, error);
  if (g_strcmp0 (backend, "uring") == 0)
    return start_with (name, &banyan_loop_uring_ops, config, error);
  if (backend != NULL)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
                   "there is no kind of loop called \"%s\": use uring or epoll", backend);
      return NULL;
    }

  loop = start_with (name, &banyan_loop_uring_ops, config, &refusal);
  if (loop != NULL)
    return loop;

  loop = start_with (name, &banyan_loop_epoll_ops, config, error);
  if (loop != NULL)
    tell_once (refusal);
  return loop;
}

static void
stop_posted (BanyanTask *task)
{
  ((StopMessage *) task)->loop->state = BANYAN_LOOP_STOPPING;
}

void
banyan_loop_stop (BanyanLoop *loop)
{
  StopMessage message = { .task.func = stop_posted, .loop = loop };

  g_assert (loop != banyan_thread.loop);

  banyan_loop_post (loop, &message.task);
  pthread_join (loop->thread, NULL);
  banyan_loop_release (loop);
}
