/* test-loop.c - messages, calls elsewhere, beginning and ending
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

typedef struct
{
  BanyanTask task;
  guint sender;
  guint number;
} Letter;

#define LETTERS 5000

static guint last_number[2]; /* the loop's thread only */
static sem_t all_read;

static void
read_letter (BanyanTask *task)
{
  Letter *letter = (Letter *) task;

  g_assert_cmpuint (letter->number, ==, last_number[letter->sender] + 1);
  last_number[letter->sender] = letter->number;
  g_free (letter);
  if (last_number[0] == LETTERS && last_number[1] == LETTERS)
    sem_post (&all_read);
}

typedef struct
{
  BanyanLoop *loop;
  guint sender;
} Sender;

static void *
send_letters (void *data)
{
  Sender *sender = data;

  for (guint i = 1; i <= LETTERS; i++)
    {
      Letter *letter = g_new0 (Letter, 1);

      letter->task.func = read_letter;
      letter->sender = sender->sender;
      letter->number = i;
      banyan_loop_post (sender->loop, &letter->task);
    }
  return NULL;
}

static void
test_post_order (gconstpointer backend)
{
  BanyanLoop *loop = start_loop (backend);
  Sender senders[2] = { { loop, 0 }, { loop, 1 } };
  pthread_t threads[2];

  g_test_summary ("Messages of two threads all arrive, those of each in order");

  if (loop == NULL)
    return;

  sem_init (&all_read, 0, 0);
  last_number[0] = last_number[1] = 0;
  for (guint i = 0; i < 2; i++)
    pthread_create (&threads[i], NULL, send_letters, &senders[i]);
  while (sem_wait (&all_read) < 0)
    ;
  for (guint i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  sem_destroy (&all_read);
  banyan_loop_stop (loop);
}

static gboolean
fail_there (gpointer data, GError **error)
{
  g_assert_true (banyan_loop_current () == ((BanyanLoop **) data)[1]);
  g_assert_true (banyan_co_get_pass () == data);
  banyan_co_yield ();
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "elsewhere");
  return FALSE;
}

static void
go_elsewhere (gpointer data)
{
  BanyanLoop **loops = data;
  g_autoptr (GError) error = NULL;

  banyan_co_swap_pass (data);
  g_assert_false (banyan_co_run_on (loops[1], fail_there, data, &error));
  g_assert_cmpstr (error->message, ==, "elsewhere");
  g_assert_true (banyan_loop_current () == loops[0]);
}

static void
test_run_on (gconstpointer backend)
{
  BanyanLoop *loops[2] = { start_loop (backend), start_loop (backend) };

  g_test_summary ("A call on another loop has the caller's pass, and brings its error home");

  if (loops[0] == NULL || loops[1] == NULL)
    return;
  run_on (loops[0], go_elsewhere, loops);
  banyan_loop_stop (loops[0]);
  banyan_loop_stop (loops[1]);
}

static gssize
add_one (gpointer data)
{
  g_assert_null (banyan_loop_current ());
  return GPOINTER_TO_INT (data) + 1;
}

static gboolean
offload_branch (gpointer data, GError **error)
{
  g_assert_cmpint (banyan_co_offload (add_one, data), ==, GPOINTER_TO_INT (data) + 1);
  return TRUE;
}

static void
offload_many (gpointer data)
{
  BanyanGather gather = BANYAN_GATHER_INIT;

  for (int i = 0; i < 300; i++)
    banyan_gather_start (&gather, offload_branch, GINT_TO_POINTER (i));
  g_assert_true (banyan_co_gather (&gather, NULL));
}

static void
test_offload (gconstpointer backend)
{
  g_test_summary ("More calls than the pool has threads all come back, each with its own result");

  run_alone (backend, offload_many, NULL);
}

static void
spin_until (gpointer data)
{
  while (!*(gboolean *) data)
    banyan_co_yield ();
}

static void
set_after_sleep (gpointer data)
{
  g_assert_true (banyan_co_sleep_ms (1, NULL));
  *(gboolean *) data = TRUE;
}

static void
spin_against_timer (gpointer data)
{
  gboolean over = FALSE;

  banyan_coroutine_start (set_after_sleep, &over);
  spin_until (&over);
}

static void
test_no_starvation (gconstpointer backend)
{
  g_test_summary ("Coroutines that are always runnable hold up neither timers nor messages");

  run_alone (backend, spin_against_timer, NULL);
}

static void
sleep_shortly (gpointer data)
{
  for (guint i = 0; i < 10000; i++)
    g_assert_true (banyan_co_sleep_ns (i % 5000, NULL));
}

static void
test_short_sleeps (gconstpointer backend)
{
  g_test_summary (
      "A timer that becomes due while the loop looks how long it may sleep is not lost");

  run_alone (backend, sleep_shortly, NULL);
}

static void
test_indexes (gconstpointer backend)
{
  BanyanLoop *loops[3];
  guint freed;

  g_test_summary ("Loops have different small indexes, and a new one takes a free one");

  for (guint i = 0; i < 3; i++)
    if ((loops[i] = start_loop (backend)) == NULL)
      return;

  g_assert_cmpuint (banyan_loop_get_index (loops[0]), !=, banyan_loop_get_index (loops[1]));
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (banyan_loop_get_index (loops[i]), <, 4);

  freed = banyan_loop_get_index (loops[1]);
  banyan_loop_stop (loops[1]);
  loops[1] = start_loop (backend);
  g_assert_cmpuint (banyan_loop_get_index (loops[1]), ==, freed);

  for (guint i = 0; i < 3; i++)
    banyan_loop_stop (loops[i]);
}

static void
linger (gpointer data)
{
  for (guint i = 0; i < 100; i++)
    banyan_co_yield ();
  g_assert_true (banyan_co_sleep_ms (2, NULL));
  *(gboolean *) data = TRUE;
}

static void
test_stop_waits (gconstpointer backend)
{
  BanyanLoop *loop = start_loop (backend);
  gboolean ended = FALSE;

  g_test_summary ("Stopping a loop waits for its coroutines");

  if (loop == NULL)
    return;
  banyan_coroutine_start_on (loop, linger, &ended);
  banyan_loop_stop (loop);
  g_assert_true (ended);
}

static void
test_busy_poll (gconstpointer backend)
{
  BanyanLoopConfig config = { .backend = backend, .poll_max_ns = 1000000 };
  BanyanLoop *loop = banyan_loop_start ("poller", &config, NULL);

  g_test_summary ("A loop that polls before it sleeps gets messages, awake or asleep");

  if (loop == NULL)
    {
      g_test_skip ("the kernel has no such loop");
      return;
    }
  for (guint i = 0; i < 200; i++)
    run_on (loop, spin_against_timer, NULL);
  banyan_loop_set_poll_max_ns (loop, 0);
  run_on (loop, spin_against_timer, NULL);
  banyan_loop_stop (loop);
}

static void
test_unknown_backend (void)
{
  BanyanLoopConfig config = { .backend = "kqueue" };
  g_autoptr (GError) error = NULL;

  g_test_summary ("A kind of loop that does not exist is refused");

  g_assert_null (banyan_loop_start ("none", &config, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE);
}

/* -- Kernels and sandboxes that refuse io_uring. -- */

typedef struct
{
  guint32 call;
  int number;
} Refusal;

static void
refuse (const Refusal *refusal)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, G_STRUCT_OFFSET (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, refusal->call, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (guint32) refusal->number),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static void
sleep_and_offload (gpointer data)
{
  g_assert_true (banyan_co_sleep_ns (1000, NULL));
  g_assert_cmpint (banyan_co_offload (add_one, data), ==, 22);
}

static void
test_refused_uring (gconstpointer data)
{
  const Refusal *refusal = data;
  g_autofree char *said = NULL;

  g_test_summary ("Where the kernel refuses io_uring, the other loop is taken, and said why once");

  if (g_test_subprocess ())
    {
      BanyanLoop *loops[2];

      refuse (refusal);
      for (guint i = 0; i < 2; i++)
        {
          loops[i] = banyan_loop_start ("test", NULL, NULL);
          g_assert_cmpstr (banyan_loop_get_backend (loops[i]), ==, "epoll");
          run_on (loops[i], sleep_and_offload, GINT_TO_POINTER (21));
        }
      banyan_loop_stop (loops[0]);
      banyan_loop_stop (loops[1]);
      return;
    }

  said = g_strdup_printf ("*there is no io_uring*epoll*%s*", g_strerror (refusal->number));
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr (said);
  g_test_trap_assert_stderr_unmatched ("*no io_uring*no io_uring*");
}

static gssize
length_of_name (gpointer data)
{
  return strlen (data);
}

/* A filter is its thread's own: the loop's. */
static void
offload_without_threads (gpointer data)
{
  static const Refusal refusal = { SYS_clone3, EAGAIN };

  refuse (&refusal);
  g_assert_cmpint (banyan_co_offload (length_of_name, data), ==, strlen ("bare"));
}

static void
test_no_threads (gconstpointer backend)
{
  g_test_summary ("A call is made on the spot where the system has no thread for it");

  if (g_test_subprocess ())
    {
      run_alone (backend, offload_without_threads, (gpointer) "bare");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

static void
add_refusals (void)
{
  static const Refusal refusals[] = {
    { SYS_io_uring_setup, EPERM },
    { SYS_io_uring_setup, ENOSYS },
    { SYS_io_uring_setup, ENOMEM },
    { SYS_io_uring_enter, EPERM },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *path = g_strdup_printf (
          "/engine/loop/does-without-io-uring/%s-%d",
          refusals[i].call == SYS_io_uring_setup ? "setup" : "enter", refusals[i].number);

      g_test_add_data_func (path, &refusals[i], test_refused_uring);
    }
}

static void
test_forced_backend (void)
{
  BanyanLoopConfig config = { .backend = "uring" };
  BanyanLoop *loop;

  g_test_summary ("BANYAN_LOOP=epoll decides for all loops");

  g_setenv ("BANYAN_LOOP", "epoll", TRUE);
  loop = banyan_loop_start ("forced", &config, NULL);
  g_unsetenv ("BANYAN_LOOP");
  g_assert_cmpstr (banyan_loop_get_backend (loop), ==, "epoll");
  banyan_loop_stop (loop);
}

static void
check_signals (gpointer data)
{
  sigset_t mask;

  pthread_sigmask (SIG_SETMASK, NULL, &mask);
  g_assert_cmpint (sigismember (&mask, SIGTERM), ==, 1);
  g_assert_cmpint (sigismember (&mask, SIGSEGV), ==, 0);
  g_assert_cmpint (sigismember (&mask, SIGBUS), ==, 0);
}

static void
test_signals_blocked (gconstpointer backend)
{
  g_test_summary ("Loops leave signals to the program's own threads, but for their own faults");

  run_alone (backend, check_signals, NULL);
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  add_for_each_loop ("loop/posts-arrive-in-order", test_post_order);
  add_for_each_loop ("loop/run-on-brings-error-home", test_run_on);
  add_for_each_loop ("loop/offload-takes-any-number", test_offload);
  add_for_each_loop ("loop/busy-coroutines-starve-nobody", test_no_starvation);
  add_for_each_loop ("loop/short-sleeps-all-end", test_short_sleeps);
  add_for_each_loop ("loop/indexes-are-reused", test_indexes);
  add_for_each_loop ("loop/stop-waits-for-coroutines", test_stop_waits);
  add_for_each_loop ("loop/busy-poll-misses-nothing", test_busy_poll);
  add_for_each_loop ("loop/signals-are-blocked", test_signals_blocked);
  add_for_each_loop ("loop/offload-does-without-threads", test_no_threads);
  g_test_add_func ("/engine/loop/unknown-kind-is-refused", test_unknown_backend);
  g_test_add_func ("/engine/loop/environment-decides", test_forced_backend);
  add_refusals ();
  return g_test_run ();
}
