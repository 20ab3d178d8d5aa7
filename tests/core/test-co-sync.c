/* test-co-sync.c - mutexes, conditions, semaphores, read-write and range locks
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#include <banyan/banyan-co-sync.h>

/* Many coroutines on two loops; main waits for them all. */
typedef struct _Crowd Crowd;
struct _Crowd
{
  void (*turn) (Crowd *crowd, guint number);
  guint next_number; /* atomic */
  sem_t ended;

  BanyanCoMutex mutex;
  BanyanCoCond cond;
  BanyanCoSemaphore semaphore;
  BanyanCoRwlock rwlock;
  BanyanRangeLock range_lock;

  guint counter; /* unprotected but by the lock under test */
  gint inside;   /* atomic */
  gint most;     /* atomic */
  gint n_writes; /* atomic */
  gint owners[64];
};

#define MEMBERS 40
#define TURNS 200

static void
member (gpointer data)
{
  Crowd *crowd = data;
  guint number = __atomic_fetch_add (&crowd->next_number, 1, __ATOMIC_RELAXED);

  for (guint i = 0; i < TURNS; i++)
    crowd->turn (crowd, number);
  sem_post (&crowd->ended);
}

static gboolean
run_crowd (gconstpointer backend, Crowd *crowd)
{
  BanyanLoop *loops[2] = { start_loop (backend), start_loop (backend) };

  if (loops[0] == NULL || loops[1] == NULL)
    return FALSE;

  sem_init (&crowd->ended, 0, 0);
  for (guint i = 0; i < MEMBERS; i++)
    banyan_coroutine_start_on (loops[i % 2], member, crowd);
  for (guint i = 0; i < MEMBERS; i++)
    while (sem_wait (&crowd->ended) < 0)
      ;

  banyan_loop_stop (loops[0]);
  banyan_loop_stop (loops[1]);
  sem_destroy (&crowd->ended);
  return TRUE;
}

static void
mutex_turn (Crowd *crowd, guint number)
{
  guint before;

  banyan_co_mutex_lock (&crowd->mutex);
  before = crowd->counter;
  if (before % 3 == 0)
    banyan_co_yield ();
  crowd->counter = before + 1;
  banyan_co_mutex_unlock (&crowd->mutex);
}

static void
test_mutex_excludes (gconstpointer backend)
{
  Crowd crowd = { .turn = mutex_turn };

  g_test_summary ("Forty coroutines on two loops, suspending inside, never meet in a mutex");

  if (!run_crowd (backend, &crowd))
    return;
  g_assert_cmpuint (crowd.counter, ==, MEMBERS * TURNS);
  banyan_co_mutex_clear (&crowd.mutex);
}

typedef struct
{
  BanyanCoMutex mutex;
  GString *log;
  guint n_waiting;
} Queue;

static void
queue_member (gpointer data)
{
  Queue *queue = data;
  char letter = (char) ('a' + queue->n_waiting++);

  banyan_co_mutex_lock (&queue->mutex);
  g_string_append_c (queue->log, letter);
  banyan_co_yield ();
  banyan_co_mutex_unlock (&queue->mutex);
}

static void
queue_up (gpointer data)
{
  Queue *queue = data;

  banyan_co_mutex_lock (&queue->mutex);
  for (guint i = 0; i < 8; i++)
    banyan_coroutine_start (queue_member, queue);
  banyan_co_mutex_unlock (&queue->mutex);

  g_assert_false (banyan_co_mutex_trylock (&queue->mutex));
  banyan_co_mutex_lock (&queue->mutex); /* behind them all */
  g_string_append_c (queue->log, '.');
  banyan_co_mutex_unlock (&queue->mutex);
}

static void
test_mutex_is_fair (gconstpointer backend)
{
  Queue queue = { .log = g_string_new (NULL) };

  g_test_summary ("A mutex goes to its waiters in the order they came, and nobody overtakes");

  run_alone (backend, queue_up, &queue);
  g_assert_true (g_str_equal (queue.log->str, "abcdefgh.") || queue.log->len == 0);
  g_string_free (queue.log, TRUE);
}

/* Producers fill one slot, consumers empty it. */
static void
cond_turn (Crowd *crowd, guint number)
{
  gboolean is_producer = number % 4 < 2;

  banyan_co_mutex_lock (&crowd->mutex);
  while (crowd->counter != (is_producer ? 0 : 1))
    banyan_co_cond_wait (&crowd->cond, &crowd->mutex);
  crowd->counter = is_producer ? 1 : 0;
  __atomic_fetch_add (&crowd->n_writes, 1, __ATOMIC_RELAXED);
  banyan_co_cond_broadcast (&crowd->cond);
  banyan_co_mutex_unlock (&crowd->mutex);
}

static void
test_cond (gconstpointer backend)
{
  Crowd crowd = { .turn = cond_turn };

  g_test_summary ("Producers and consumers on two loops hand over through a condition");

  if (run_crowd (backend, &crowd))
    {
      g_assert_cmpuint (crowd.counter, ==, 0);
      g_assert_cmpint (crowd.n_writes, ==, MEMBERS * TURNS);
    }
}

typedef struct
{
  BanyanCoMutex mutex;
  BanyanCoCond cond;
  GString *log;
} Signals;

static void
signal_waiter (gpointer data)
{
  Signals *signals = data;
  char letter = (char) ('a' + signals->log->len);

  g_string_append_c (signals->log, letter);
  banyan_co_mutex_lock (&signals->mutex);
  banyan_co_cond_wait (&signals->cond, &signals->mutex);
  g_string_append_c (signals->log, g_ascii_toupper (letter));
  banyan_co_mutex_unlock (&signals->mutex);
}

static void
signal_in_order (gpointer data)
{
  Signals *signals = data;

  for (guint i = 0; i < 4; i++)
    banyan_coroutine_start (signal_waiter, signals);
  banyan_co_cond_signal (&signals->cond);
  while (signals->log->len < 5)
    banyan_co_yield ();
  g_assert_cmpstr (signals->log->str, ==, "abcdA");
  banyan_co_cond_broadcast (&signals->cond);
  while (signals->log->len < 8)
    banyan_co_yield ();
  g_assert_cmpstr (signals->log->str, ==, "abcdABCD");
}

static void
test_cond_order (gconstpointer backend)
{
  Signals signals = { .log = g_string_new (NULL) };

  g_test_summary ("A signal wakes whoever waited longest, a broadcast the others in order");

  run_alone (backend, signal_in_order, &signals);
  g_string_free (signals.log, TRUE);
}

static void
note_most (Crowd *crowd, gint inside)
{
  gint most = __atomic_load_n (&crowd->most, __ATOMIC_RELAXED);

  while (inside > most
         && !__atomic_compare_exchange_n (&crowd->most, &most, inside, TRUE, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED))
    ;
}

static void
semaphore_turn (Crowd *crowd, guint number)
{
  banyan_co_semaphore_acquire (&crowd->semaphore);
  note_most (crowd, __atomic_add_fetch (&crowd->inside, 1, __ATOMIC_RELAXED));
  banyan_co_yield ();
  __atomic_sub_fetch (&crowd->inside, 1, __ATOMIC_RELAXED);
  banyan_co_semaphore_release (&crowd->semaphore);
}

static void
test_semaphore (gconstpointer backend)
{
  Crowd crowd = { .turn = semaphore_turn };

  g_test_summary ("A semaphore of three lets three in, from two loops, and never more");

  banyan_co_semaphore_init (&crowd.semaphore, 3);
  if (!run_crowd (backend, &crowd))
    return;
  g_assert_cmpint (crowd.most, ==, 3);
  g_assert_cmpuint (crowd.semaphore.available, ==, 3);
}

static void
rwlock_turn (Crowd *crowd, guint number)
{
  gboolean is_writer = number % 5 == 0;

  if (is_writer)
    banyan_co_rwlock_write_lock (&crowd->rwlock);
  else
    banyan_co_rwlock_read_lock (&crowd->rwlock);

  if (is_writer)
    {
      guint before = crowd->counter;

      g_assert_cmpint (__atomic_load_n (&crowd->inside, __ATOMIC_RELAXED), ==, 0);
      banyan_co_yield ();
      crowd->counter = before + 1;
    }
  else
    {
      guint before = crowd->counter;

      note_most (crowd, __atomic_add_fetch (&crowd->inside, 1, __ATOMIC_RELAXED));
      banyan_co_yield ();
      g_assert_cmpuint (crowd->counter, ==, before);
      __atomic_sub_fetch (&crowd->inside, 1, __ATOMIC_RELAXED);
    }

  banyan_co_rwlock_unlock (&crowd->rwlock);
}

static void
test_rwlock (gconstpointer backend)
{
  Crowd crowd = { .turn = rwlock_turn };

  g_test_summary ("Readers meet each other and no writer; writers meet nobody and are not starved");

  if (!run_crowd (backend, &crowd))
    return;
  g_assert_cmpuint (crowd.counter, ==, MEMBERS / 5 * TURNS);
  g_assert_cmpint (crowd.most, >, 1);
}

typedef struct
{
  BanyanRangeLock lock;
  GString *log;
} Ranges;

typedef struct
{
  Ranges *ranges;
  guint64 offset;
  guint64 length;
  gboolean exclusive;
  char letter;
} Claim;

static void
claim_range (gpointer data)
{
  Claim *claim = data;
  BanyanRangeGuard guard;

  banyan_range_lock_acquire (&claim->ranges->lock, &guard, claim->offset, claim->length,
                             claim->exclusive);
  g_string_append_c (claim->ranges->log, claim->letter);
  banyan_co_yield ();
  g_string_append_c (claim->ranges->log, g_ascii_toupper (claim->letter));
  banyan_range_lock_release (&claim->ranges->lock, &guard);
}

static void
claim_ranges (gpointer data)
{
  Ranges *ranges = data;
  Claim claims[] = {
    { ranges, 0, 10, TRUE, 'a' },
    { ranges, 5, 10, TRUE, 'b' },                        /* waits for a */
    { ranges, 12, 1, TRUE, 'c' },                        /* waits for b, though it is free */
    { ranges, 20, 5, FALSE, 'd' },                       /* free */
    { ranges, 22, 9, FALSE, 'e' },                       /* shares with d */
    { ranges, 3, 0, TRUE, 'f' },                         /* nothing conflicts with nothing */
    { ranges, G_MAXUINT64 - 1, G_MAXUINT64, TRUE, 'g' }, /* does not wrap around */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (claims); i++)
    banyan_coroutine_start (claim_range, &claims[i]);
  while (ranges->log->len < 2 * G_N_ELEMENTS (claims))
    banyan_co_yield ();
  g_assert_cmpstr (ranges->log->str, ==, "adefgADEFGbBcC");
  g_assert_null (ranges->lock.held);
}

static void
test_range_order (gconstpointer backend)
{
  Ranges ranges = { .log = g_string_new (NULL) };

  g_test_summary ("A range waits for the earlier ones that it conflicts with, and for no others");

  run_alone (backend, claim_ranges, &ranges);
  g_string_free (ranges.log, TRUE);
}

/* The model: an array with the number of shared holders of each block, or -1. */
static void
range_turn (Crowd *crowd, guint number)
{
  static guint seed = 1; /* atomic */
  guint random = __atomic_add_fetch (&seed, 0x9e3779b9u, __ATOMIC_RELAXED) * 2654435761u;
  guint first = (random >> 8) % 64;
  guint n = MIN (1 + (random >> 16) % 16, 64 - first);
  gboolean exclusive = (random >> 24) % 2;
  BanyanRangeGuard guard;

  banyan_range_lock_acquire (&crowd->range_lock, &guard, first, n, exclusive);
  for (guint i = first; i < first + n; i++)
    if (exclusive)
      g_assert_cmpint (__atomic_exchange_n (&crowd->owners[i], -1, __ATOMIC_RELAXED), ==, 0);
    else
      g_assert_cmpint (__atomic_fetch_add (&crowd->owners[i], 1, __ATOMIC_RELAXED), >=, 0);

  banyan_co_yield ();

  for (guint i = first; i < first + n; i++)
    if (exclusive)
      g_assert_cmpint (__atomic_exchange_n (&crowd->owners[i], 0, __ATOMIC_RELAXED), ==, -1);
    else
      g_assert_cmpint (__atomic_fetch_sub (&crowd->owners[i], 1, __ATOMIC_RELAXED), >, 0);
  banyan_range_lock_release (&crowd->range_lock, &guard);
}

static void
test_range_model (gconstpointer backend)
{
  Crowd crowd = { .turn = range_turn };

  g_test_summary ("Random ranges from two loops never break what shared and exclusive mean");

  if (run_crowd (backend, &crowd))
    g_assert_null (crowd.range_lock.held);
}

/* -- Cancelled while waiting. -- */

static void
take_mutex (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_mutex_lock (&crowd->mutex);
}

static void
give_mutex (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_mutex_unlock (&crowd->mutex);
}

static void
take_cond (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_mutex_lock (&crowd->mutex);
  if (crowd->counter > 0)
    banyan_co_cond_wait (&crowd->cond, &crowd->mutex);
  crowd->counter++;
  banyan_co_mutex_unlock (&crowd->mutex);
}

static void
give_cond (Crowd *crowd, BanyanRangeGuard *guard)
{
  crowd->counter--;
  banyan_co_cond_signal (&crowd->cond);
}

static void
take_semaphore (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_semaphore_acquire (&crowd->semaphore);
}

static void
give_semaphore (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_semaphore_release (&crowd->semaphore);
}

static void
take_rwlock (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_rwlock_write_lock (&crowd->rwlock);
}

static void
give_rwlock (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_co_rwlock_unlock (&crowd->rwlock);
}

static void
take_range (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_range_lock_acquire (&crowd->range_lock, guard, 0, 1, TRUE);
}

static void
give_range (Crowd *crowd, BanyanRangeGuard *guard)
{
  banyan_range_lock_release (&crowd->range_lock, guard);
}

static const struct
{
  void (*take) (Crowd *crowd, BanyanRangeGuard *guard);
  void (*give) (Crowd *crowd, BanyanRangeGuard *guard);
} locks[] = {
  { take_mutex, give_mutex },   { take_cond, give_cond },   { take_semaphore, give_semaphore },
  { take_rwlock, give_rwlock }, { take_range, give_range },
};

typedef struct
{
  Crowd crowd;
  gsize lock;
  BanyanCoroutine *candidate;
  gboolean is_in;
} Line;

static void
stand_in_line (gpointer data)
{
  Line *line = data;
  BanyanRangeGuard guard;

  line->candidate = banyan_coroutine_self ();
  locks[line->lock].take (&line->crowd, &guard);
  g_assert_true (banyan_co_is_cancelled ());
  line->is_in = TRUE;
  locks[line->lock].give (&line->crowd, &guard);
}

static void
cancel_who_stands_in_line (gpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (locks); i++)
    {
      Line line = { .lock = i, .crowd.semaphore.available = 1 };
      BanyanRangeGuard guard;

      locks[i].take (&line.crowd, &guard);
      banyan_coroutine_start (stand_in_line, &line);
      banyan_coroutine_cancel (line.candidate);
      for (guint j = 0; j < 4; j++)
        banyan_co_yield ();
      g_assert_false (line.is_in);

      locks[i].give (&line.crowd, &guard);
      while (!line.is_in)
        banyan_co_yield ();
    }
}

static void
test_cancelled_waiters (gconstpointer backend)
{
  g_test_summary ("Who is cancelled while waiting for a lock waits on, gets it, and then knows");

  run_alone (backend, cancel_who_stands_in_line, NULL);
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  add_for_each_loop ("mutex/excludes-over-two-loops", test_mutex_excludes);
  add_for_each_loop ("mutex/is-fair", test_mutex_is_fair);
  add_for_each_loop ("cond/hands-over-between-loops", test_cond);
  add_for_each_loop ("cond/wakes-in-order", test_cond_order);
  add_for_each_loop ("semaphore/lets-so-many-in", test_semaphore);
  add_for_each_loop ("rwlock/keeps-readers-from-writers", test_rwlock);
  add_for_each_loop ("range-lock/waits-for-earlier-conflicts-only", test_range_order);
  add_for_each_loop ("range-lock/agrees-with-model", test_range_model);
  add_for_each_loop ("sync/cancelled-waiters-stay-in-line", test_cancelled_waiters);
  return g_test_run ();
}
