/* test-timer.c - the heap of timers, and sleeping
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#define N 500

static void
unused_func (BanyanTimer *timer)
{
}

static void
test_heap_against_model (void)
{
  BanyanTimer timers[N] = { 0 };
  BanyanTimerHeap heap = { 0 };
  guint n_pending = 0;

  g_test_summary ("Whatever is added and removed, the first timer is the earliest, oldest first");

  for (guint round = 0; round < 20000; round++)
    {
      BanyanTimer *timer = &timers[g_random_int_range (0, N)];
      const BanyanTimer *earliest = NULL;

      if (banyan_timer_is_pending (timer))
        {
          banyan_timer_heap_remove (&heap, timer);
          n_pending--;
        }
      else
        {
          timer->func = unused_func;
          banyan_timer_heap_add (&heap, timer, g_random_int_range (0, 50));
          n_pending++;
        }

      if (round % 16 != 0)
        continue;
      for (guint i = 0; i < N; i++)
        if (banyan_timer_is_pending (&timers[i])
            && (earliest == NULL || timers[i].time_ns < earliest->time_ns
                || (timers[i].time_ns == earliest->time_ns && timers[i].serial < earliest->serial)))
          earliest = &timers[i];
      g_assert_true (heap.first == earliest);
    }

  while (heap.first != NULL)
    {
      banyan_timer_heap_remove (&heap, heap.first);
      n_pending--;
    }
  g_assert_cmpuint (n_pending, ==, 0);
}

typedef struct
{
  GString *log;
  guint64 ms;
  char letter;
} Nap;

static void
nap (gpointer data)
{
  Nap *self = data;

  g_assert_true (banyan_co_sleep_ms (self->ms, NULL));
  g_string_append_c (self->log, self->letter);
}

static void
naps (gpointer log)
{
  static const guint64 times[] = { 3, 1, 2, 1, 0 };
  Nap all[G_N_ELEMENTS (times)];

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      all[i] = (Nap){ log, times[i], (char) ('a' + i) };
      banyan_coroutine_start (nap, &all[i]);
    }
  g_assert_true (banyan_co_sleep_ms (4, NULL));
}

static void
measure_sleep (gpointer data)
{
  BanyanLoop *loop = banyan_loop_current ();
  gint64 begun_ns = banyan_loop_now_ns (loop);

  g_assert_true (banyan_co_sleep_ns (1500000, NULL));
  g_assert_cmpint (banyan_loop_now_ns (loop) - begun_ns, >=, 1500000);
}

static void
test_real_clock (gconstpointer backend)
{
  g_test_summary ("A sleep is never shorter than asked for");

  run_alone (backend, measure_sleep, NULL);
}

#define HOUR_MS (G_GUINT64_CONSTANT (3600) * 1000)

static void
sleep_virtually (gpointer data)
{
  BanyanLoop *loop = banyan_loop_current ();

  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 0);
  for (guint i = 0; i < 1000; i++)
    banyan_co_yield ();
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 0);

  naps (data);
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 4000000);
  g_assert_true (banyan_co_sleep_ms (24 * HOUR_MS, NULL));
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, (gint64) (24 * HOUR_MS + 4) * 1000000);
}

static void
test_virtual_clock (gconstpointer backend)
{
  BanyanLoop *loop = start_loop (backend);
  g_autoptr (GString) log = g_string_new (NULL);

  g_test_summary (
      "Virtual time stands still while there is work, then jumps from timer to timer in order");

  if (loop == NULL)
    return;
  banyan_loop_set_virtual_clock (loop, TRUE);
  run_on (loop, sleep_virtually, log);
  g_assert_cmpstr (log->str, ==, "ebdca");
  banyan_loop_stop (loop);
}

static gssize
take_time (gpointer data)
{
  while (!__atomic_load_n ((gint *) data, __ATOMIC_ACQUIRE))
    g_thread_yield ();
  return 0;
}

static void
release_later (gpointer data)
{
  for (guint i = 0; i < 50; i++)
    banyan_co_yield ();
  __atomic_store_n ((gint *) data, 1, __ATOMIC_RELEASE);
}

static void
offload_virtually (gpointer data)
{
  BanyanLoop *loop = banyan_loop_current ();
  Nap distant = { g_string_new (NULL), HOUR_MS, 'x' };
  gint released = 0;

  banyan_coroutine_start (nap, &distant);
  banyan_coroutine_start (release_later, &released);
  banyan_co_offload (take_time, &released);
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 0);

  g_assert_true (banyan_co_sleep_ms (2 * HOUR_MS, NULL));
  g_assert_cmpstr (distant.log->str, ==, "x");
  g_string_free (distant.log, TRUE);
}

static void
test_virtual_in_flight (gconstpointer backend)
{
  g_test_summary ("No virtual time passes while a call is with the pool");

  run_virtually (backend, offload_virtually, NULL);
}

static gboolean
has_pass (gpointer pass, gpointer data)
{
  return pass == data;
}

static void
sleep_with_pass (gpointer data)
{
  banyan_co_swap_pass (data);
  g_assert_true (banyan_co_sleep_ms (HOUR_MS, NULL));
  *(gboolean *) data = TRUE;
}

static void
cut_some (gpointer data)
{
  gboolean woke[2] = { FALSE, FALSE };

  for (guint i = 0; i < 2; i++)
    banyan_coroutine_start (sleep_with_pass, &woke[i]);
  banyan_loop_cut_sleeps (banyan_loop_current (), has_pass, &woke[1]);
  banyan_co_yield ();
  g_assert_false (woke[0]);
  g_assert_true (woke[1]);

  banyan_loop_cut_sleeps (banyan_loop_current (), has_pass, &woke[0]);
  banyan_co_yield ();
  g_assert_true (woke[0]);
}

static void
test_cut (gconstpointer backend)
{
  g_test_summary ("A drain ends the sleeps of its own passes, with success, and no others");

  run_alone (backend, cut_some, NULL);
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  g_test_add_func ("/engine/timer/heap-agrees-with-model", test_heap_against_model);
  add_for_each_loop ("timer/sleeps-long-enough", test_real_clock);
  add_for_each_loop ("timer/virtual-clock-jumps", test_virtual_clock);
  add_for_each_loop ("timer/virtual-clock-waits-for-calls", test_virtual_in_flight);
  add_for_each_loop ("timer/cut-wakes-those-with-the-pass", test_cut);
  return g_test_run ();
}
