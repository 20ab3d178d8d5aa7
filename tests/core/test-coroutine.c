/* test-coroutine.c - starting, suspending, waking and gathering
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Letters say who ran when. */
static void
note (gpointer log, char what)
{
  g_string_append_c (log, what);
}

static void
inner (gpointer log)
{
  note (log, 'b');
  banyan_co_yield ();
  note (log, 'd');
}

static void
outer (gpointer log)
{
  note (log, 'a');
  banyan_coroutine_start (inner, log);
  note (log, 'c');
  banyan_co_yield ();
  note (log, 'e');
}

static void
test_nested_start (gconstpointer backend)
{
  g_autoptr (GString) log = g_string_new (NULL);

  g_test_summary ("A started coroutine runs at once until it suspends; then its starter goes on");

  run_alone (backend, outer, log);
  g_assert_cmpstr (log->str, ==, "abcde");
}

static void
nest (gpointer data)
{
  guint *depth = data;

  if (++*depth < 500)
    banyan_coroutine_start (nest, data);
  banyan_co_yield ();
  --*depth;
}

static void
nest_and_wait (gpointer data)
{
  guint *depth = data;

  banyan_coroutine_start (nest, depth);
  g_assert_cmpuint (*depth, ==, 500);
  while (*depth > 0)
    banyan_co_yield ();
}

static void
test_deep_nesting (gconstpointer backend)
{
  guint depth = 0;

  g_test_summary ("Coroutines can start coroutines 500 deep, each on a stack of its own");

  run_alone (backend, nest_and_wait, &depth);
  g_assert_cmpuint (depth, ==, 0);
}

static void
wake_before_suspend (gpointer data)
{
  banyan_coroutine_wake (banyan_coroutine_self ());
  banyan_co_suspend ();

  banyan_coroutine_wake (banyan_coroutine_self ());
  banyan_co_yield ();
  banyan_co_suspend ();
}

static void
test_early_wake (gconstpointer backend)
{
  g_test_summary ("A wake that comes before the suspension is not lost, not even by a yield");

  run_alone (backend, wake_before_suspend, NULL);
}

typedef struct
{
  GString *log;
  BanyanCoroutine *sleeper;
} WakeOrder;

static void
sleeper (gpointer data)
{
  WakeOrder *order = data;

  order->sleeper = banyan_coroutine_self ();
  note (order->log, 'a');
  banyan_co_suspend ();
  note (order->log, 'd');
}

static void
waker (gpointer data)
{
  WakeOrder *order = data;

  banyan_coroutine_start (sleeper, order);
  note (order->log, 'b');
  banyan_coroutine_wake (order->sleeper);
  note (order->log, 'c');
  banyan_co_yield ();
  note (order->log, 'e');
}

static void
test_wake_is_no_call (gconstpointer backend)
{
  WakeOrder order = { g_string_new (NULL), NULL };

  g_test_summary ("A wake puts the coroutine into the queue, behind nobody who comes later");

  run_alone (backend, waker, &order);
  g_assert_cmpstr (order.log->str, ==, "abcde");
  g_string_free (order.log, TRUE);
}

typedef struct
{
  BanyanCoroutine *coroutine;
  guint n_tokens; /* atomic */
  guint n_taken;
} Storm;

#define STORM 20000

static void
storm_taker (gpointer data)
{
  Storm *storm = data;

  __atomic_store_n (&storm->coroutine, banyan_coroutine_self (), __ATOMIC_RELEASE);
  while (storm->n_taken < 2 * STORM)
    {
      guint n = __atomic_exchange_n (&storm->n_tokens, 0, __ATOMIC_ACQ_REL);

      storm->n_taken += n;
      if (n == 0)
        banyan_co_suspend ();
    }
}

static void *
storm_thread (void *data)
{
  Storm *storm = data;
  BanyanCoroutine *coroutine;

  while ((coroutine = __atomic_load_n (&storm->coroutine, __ATOMIC_ACQUIRE)) == NULL)
    g_thread_yield ();

  for (guint i = 0; i < STORM; i++)
    {
      __atomic_fetch_add (&storm->n_tokens, 1, __ATOMIC_ACQ_REL);
      banyan_coroutine_wake (coroutine);
    }
  return NULL;
}

static void
test_wake_storm (gconstpointer backend)
{
  BanyanLoop *loop = start_loop (backend);
  Storm storm = { NULL, 0, 0 };
  pthread_t threads[2];

  g_test_summary ("Two threads wake a coroutine as fast as they can, and no wake is lost");

  if (loop == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_create (&threads[i], NULL, storm_thread, &storm);
  run_on (loop, storm_taker, &storm);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);

  g_assert_cmpuint (storm.n_taken, ==, 2 * STORM);
  banyan_loop_stop (loop);
}

static void
pool_user (gpointer data)
{
}

static void
use_pool (gpointer data)
{
  BanyanCoroutineStats *stats = data;

  for (guint i = 0; i < 1000; i++)
    banyan_coroutine_start (pool_user, NULL);
  banyan_coroutine_get_stats (stats);
}

static void
test_pool_reuse (gconstpointer backend)
{
  BanyanCoroutineStats stats = { 0 };

  g_test_summary ("A thousand coroutines, one after the other, share one stack");

  run_alone (backend, use_pool, &stats);
  if (stats.allocated == 0)
    return;
  g_assert_cmpuint (stats.allocated, ==, 2);
  g_assert_cmpuint (stats.in_use, ==, 1);
  g_assert_cmpuint (stats.peak, ==, 2);
  g_assert_cmpuint (stats.stack_size_bytes, >=, 64 * 1024);
}

static void
hook (gpointer data, gpointer user_data)
{
  note (data, GPOINTER_TO_INT (user_data));
}

static void
use_hook (gpointer log)
{
  g_assert_false (banyan_co_on_suspend (hook, log, GINT_TO_POINTER ('x')));
  g_assert_true (banyan_co_on_suspend (NULL, NULL, NULL));
  banyan_co_yield ();

  g_assert_false (banyan_co_on_suspend (hook, log, GINT_TO_POINTER ('h')));
  banyan_coroutine_start (inner, log); /* suspends, but is another */
  note (log, 'c');
  banyan_coroutine_wake (banyan_coroutine_self ());
  banyan_co_suspend (); /* returns at once */
  note (log, 'w');
  banyan_co_yield ();
  g_assert_false (banyan_co_on_suspend (NULL, NULL, NULL));
}

static void
test_on_suspend (gconstpointer backend)
{
  g_autoptr (GString) log = g_string_new (NULL);

  g_test_summary ("A hook is called once, just before its own coroutine really suspends");

  run_alone (backend, use_hook, log);
  g_assert_true (g_str_has_prefix (log->str, "bcwh") || log->len == 0);
}

static void
check_pass (gpointer data)
{
  g_assert_true (banyan_co_get_pass () == data);
}

static void
use_pass (gpointer data)
{
  int pass;

  g_assert_null (banyan_co_swap_pass (&pass));
  banyan_coroutine_start (check_pass, &pass);
  banyan_coroutine_start_on (banyan_loop_current (), check_pass, NULL);
  banyan_co_yield ();
  g_assert_true (banyan_co_swap_pass (NULL) == &pass);
}

static void
test_pass (gconstpointer backend)
{
  g_test_summary ("A coroutine inherits its starter's pass, unless it was started by a message");

  run_alone (backend, use_pass, NULL);
}

static gboolean
branch (gpointer data, GError **error)
{
  int how = GPOINTER_TO_INT (data);

  for (int i = 0; i < how % 10; i++)
    banyan_co_yield ();
  if (how < 10)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%d", how);
  return FALSE;
}

static void
gather_branches (gpointer data)
{
  static const int hows[] = { 0, 15, 13, 3, 9, 14 };
  BanyanGather gather = BANYAN_GATHER_INIT;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (hows); i++)
    banyan_gather_start (&gather, branch, GINT_TO_POINTER (hows[i]));
  g_assert_false (banyan_co_gather (&gather, &error));
  g_assert_cmpstr (error->message, ==, "13");

  banyan_gather_start (&gather, branch, GINT_TO_POINTER (1));
  banyan_gather_start (&gather, branch, GINT_TO_POINTER (0));
  g_assert_true (banyan_co_gather (&gather, NULL));
}

static void
test_gather (gconstpointer backend)
{
  g_test_summary ("A gather waits for all branches, and reports the one that failed first");

  run_alone (backend, gather_branches, NULL);
}

static guint
overflow_by (volatile guint *above)
{
  volatile guint frame[256] = { *above + 1 };

  return frame[0] < 1000000 ? overflow_by (frame) + frame[0] : frame[0];
}

static void
tell_where (int number, siginfo_t *info, void *context)
{
  static const char guard[] = "the guard of the running coroutine";
  const char *stack = banyan_thread.current->stack;
  const char *address = info->si_addr;

  if (address < stack && address >= stack - BANYAN_STACK_GUARD_BYTES)
    g_assert_cmpint (write (STDOUT_FILENO, guard, sizeof guard - 1), >, 0);
  signal (number, SIG_DFL);
}

/* There is no room for a handler on the stack that has overflown. */
static void
overflow (gpointer data)
{
  static char other_stack[65536];
  stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
  struct sigaction action = { .sa_sigaction = tell_where, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  guint nothing = 0;

  sigaltstack (&stack, NULL);
  sigaction (SIGSEGV, &action, NULL);
  overflow_by (&nothing);
}

static void
test_stack_guard (void)
{
  g_test_summary ("Who overflows the stack of a coroutine hits the guard, not someone's memory");

  if (g_test_subprocess ())
    {
      run_alone ("epoll", overflow, NULL);
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stdout ("*the guard of the running coroutine*");
}

typedef struct
{
  GString *log;
  guint n_waiting;
  gboolean may_go;
} Shortage;

static void
wait_for_leave (gpointer data)
{
  Shortage *self = data;

  self->n_waiting++;
  while (!self->may_go)
    banyan_co_yield ();
  self->n_waiting--;
}

static gboolean
note_twice (gpointer log, GError **error)
{
  note (log, 'a');
  banyan_co_yield ();
  note (log, 'b');
  return TRUE;
}

static void
gather_two (Shortage *self)
{
  BanyanGather gather = BANYAN_GATHER_INIT;

  banyan_gather_start (&gather, note_twice, self->log);
  banyan_gather_start (&gather, note_twice, self->log);
  g_assert_true (banyan_co_gather (&gather, NULL));
}

static void
use_most (gpointer data)
{
  Shortage *self = data;
  guint n_half = 0;

  gather_two (self);
  while (banyan_coroutine_may_use (80))
    {
      n_half += banyan_coroutine_may_use (40);
      banyan_coroutine_start (wait_for_leave, self);
    }
  g_assert_cmpuint (n_half, >, 0);
  g_assert_cmpuint (n_half, <, self->n_waiting);
  gather_two (self);

  self->may_go = TRUE;
  while (self->n_waiting > 0)
    banyan_co_yield ();
  g_assert_true (banyan_coroutine_may_use (40));
}

static void
run_in_little_space (void)
{
  struct rlimit space = { 1ull << 30, RLIM_INFINITY };
  Shortage shortage = { .log = g_string_new (NULL) };

  g_assert_cmpint (setrlimit (RLIMIT_AS, &space), ==, 0);
  run_alone ("epoll", use_most, &shortage);
  g_assert_cmpstr (shortage.log->str, ==, "aabbabab");
  g_string_free (shortage.log, TRUE);
}

static void
test_shortage (void)
{
  g_test_summary ("Who asks learns that stacks run out, and branches then run one after the other");

  if (BANYAN_ASAN || BANYAN_TSAN)
    {
      g_test_skip ("sanitizers want all address space there is");
      return;
    }
  if (g_test_subprocess ())
    {
      run_in_little_space ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  add_for_each_loop ("coroutine/nested-start-runs-at-once", test_nested_start);
  add_for_each_loop ("coroutine/nests-deeply", test_deep_nesting);
  add_for_each_loop ("coroutine/early-wake-is-kept", test_early_wake);
  add_for_each_loop ("coroutine/wake-never-runs-on-callers-stack", test_wake_is_no_call);
  add_for_each_loop ("coroutine/no-wake-is-lost", test_wake_storm);
  add_for_each_loop ("coroutine/pool-reuses-stacks", test_pool_reuse);
  add_for_each_loop ("coroutine/hook-runs-once-before-suspending", test_on_suspend);
  add_for_each_loop ("coroutine/pass-is-inherited", test_pass);
  add_for_each_loop ("coroutine/gather-reports-first-failure", test_gather);
  g_test_add_func ("/engine/coroutine/stack-has-a-guard", test_stack_guard);
  g_test_add_func ("/engine/coroutine/tells-of-shortage", test_shortage);
  return g_test_run ();
}
