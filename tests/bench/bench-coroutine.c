/* bench-coroutine.c - what the engine's primitives cost
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-co-sync.h>
#include <banyan/banyan-loop.h>

#include "banyan-loop-core.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 5

typedef void (*Measured) (guint n);

static void
report (const char *what, guint n, Measured measured)
{
  gint64 best_ns = G_MAXINT64;

  for (guint i = 0; i < ROUNDS; i++)
    {
      gint64 begun_ns = banyan_loop_now_ns (banyan_loop_current ());
      gint64 took_ns;

      measured (n);
      took_ns = banyan_loop_now_ns (banyan_loop_current ()) - begun_ns;
      best_ns = MIN (best_ns, took_ns);
    }

  printf ("%-44s %8.1f ns\n", what, (double) best_ns / n);
}

static void
nothing (gpointer data)
{
}

static void
measure_start (guint n)
{
  for (guint i = 0; i < n; i++)
    banyan_coroutine_start (nothing, NULL);
}

static void
measure_self (guint n)
{
  for (guint i = 0; i < n; i++)
    g_assert (banyan_coroutine_self () != NULL);
}

static void
measure_yield (guint n)
{
  for (guint i = 0; i < n; i++)
    banyan_co_yield ();
}

static void
measure_mutex (guint n)
{
  BanyanCoMutex mutex = { 0 };

  for (guint i = 0; i < n; i++)
    {
      banyan_co_mutex_lock (&mutex);
      banyan_co_mutex_unlock (&mutex);
    }
}

static void
measure_range_lock (guint n)
{
  BanyanRangeLock lock = { 0 };
  BanyanRangeGuard guard;

  for (guint i = 0; i < n; i++)
    {
      banyan_range_lock_acquire (&lock, &guard, i, 512, TRUE);
      banyan_range_lock_release (&lock, &guard);
    }
}

static gboolean
branch (gpointer data, GError **error)
{
  return TRUE;
}

static void
measure_gather (guint n)
{
  for (guint i = 0; i < n; i++)
    {
      BanyanGather gather = BANYAN_GATHER_INIT;

      banyan_gather_start (&gather, branch, NULL);
      banyan_co_gather (&gather, NULL);
    }
}

static BanyanLoop *other;

static void
measure_run_on (guint n)
{
  for (guint i = 0; i < n; i++)
    banyan_co_run_on (other, branch, NULL, NULL);
}

static gssize
blocking (gpointer data)
{
  return 0;
}

static void
measure_offload (guint n)
{
  for (guint i = 0; i < n; i++)
    banyan_co_offload (blocking, NULL);
}

static int pair[2];

static void
echo (gpointer data)
{
  guint8 byte;
  struct iovec iov = { &byte, 1 };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

  while (banyan_co_recv (pair[1], &byte, 1, 0) == 1)
    banyan_co_sendmsg (pair[1], &message, 0);
}

static void
measure_socket (guint n)
{
  guint8 byte = 0;
  struct iovec iov = { &byte, 1 };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

  for (guint i = 0; i < n; i++)
    {
      banyan_co_sendmsg (pair[0], &message, 0);
      banyan_co_recv (pair[0], &byte, 1, 0);
    }
}

/* What a function leaves behind on a stack that was all zeroes tells how deep it went. */
static gsize
touched_bytes (BanyanCoroutine *coroutine)
{
  const guint8 *bottom = coroutine->stack;

  while (bottom < (const guint8 *) coroutine && *bottom == 0)
    bottom++;
  return (gsize) ((const guint8 *) coroutine - bottom);
}

static void
format_error (gpointer data)
{
  g_autoptr (GError) error = NULL;

  banyan_throw_errno (&error, EIO, "reading %s at %" G_GUINT64_FORMAT, "/some/file", G_MAXUINT64);
}

static void
print_float (gpointer data)
{
  g_autofree char *text = g_strdup_printf ("%.60f", 1e300);
}

static void
warn (gpointer data)
{
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "MESSAGE", "%s: %d", "a message", 1);
}

static void
resolve (gpointer data)
{
  struct addrinfo *addresses = NULL;

  if (getaddrinfo ("localhost", "nbd", NULL, &addresses) == 0)
    freeaddrinfo (addresses);
}

static void
match (gpointer data)
{
  g_regex_match_simple ("^(a|b)*c$", "abababababababababababababababababc", 0, 0);
}

static gboolean
visit (gpointer data, GError **error)
{
  return banyan_co_sleep_ns (1, error);
}

static void
visit_others (gpointer data)
{
  banyan_co_run_on (other, visit, NULL, NULL);
}

static void
report_depth (const char *what, BanyanCoroutineFunc func)
{
  BanyanCoroutine *next;

  /* The stack that the next coroutine gets, blank. */
  banyan_coroutine_start (nothing, NULL);
  next = banyan_loop_current ()->stacks.pool;
  memset (next->stack, 0, (gsize) ((char *) next - (char *) next->stack) - 1024);
  banyan_coroutine_start (func, NULL);
  while (next->state != BANYAN_COROUTINE_POOLED)
    banyan_co_yield ();
  printf ("%-44s %8zu bytes of stack\n", what, touched_bytes (next));
}

static void
report_depths (void)
{
  report_depth ("sleeping on another loop", visit_others);
  report_depth ("formatting an error", format_error);
  report_depth ("printing a large number", print_float);
  report_depth ("logging", warn);
  report_depth ("matching a regular expression", match);
  report_depth ("resolving a name", resolve);
}

static void
measure_all (gpointer ended)
{
  printf ("on %s:\n", banyan_loop_get_backend (banyan_loop_current ()));
  report ("self", 1000000, measure_self);
  report ("create, enter and return", 1000000, measure_start);
  report ("yield (a pair of switches, through the queue)", 1000000, measure_yield);
  report ("gather of one", 1000000, measure_gather);
  report ("mutex, uncontended", 1000000, measure_mutex);
  report ("range lock, uncontended", 1000000, measure_range_lock);
  report ("run on another loop and back", 20000, measure_run_on);
  report ("offload and back", 20000, measure_offload);

  socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
  banyan_coroutine_start (echo, NULL);
  report ("socket: send, wait; other end likewise", 50000, measure_socket);
  shutdown (pair[0], SHUT_RDWR);
  report_depths ();
  sem_post (ended);
}

static void
measure_backend (const char *backend)
{
  BanyanLoopConfig config = { .backend = backend };
  g_autoptr (GError) error = NULL;
  BanyanLoop *loop = banyan_loop_start ("bench", &config, &error);
  sem_t ended;

  if (loop == NULL)
    {
      printf ("%s: %s\n", backend, error->message);
      return;
    }

  other = banyan_loop_start ("other", &config, NULL);
  sem_init (&ended, 0, 0);
  banyan_coroutine_start_on (loop, measure_all, &ended);
  sem_wait (&ended);
  banyan_loop_stop (loop);
  banyan_loop_stop (other);
}

int
main (int argc, char **argv)
{
  measure_backend ("uring");
  measure_backend ("epoll");
  return 0;
}
