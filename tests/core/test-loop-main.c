/* test-loop-main.c - the loop on GLib's default main context
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

static void
finish (gpointer data)
{
  g_main_loop_quit (data);
}

typedef struct
{
  GMainLoop *glib_loop;
  BanyanLoop *other;
  GString *log;
  BanyanTask task;
  BanyanCoroutine *sleeper;
} Stage;

static void
run_stage (Stage *stage, BanyanCoroutineFunc func)
{
  stage->glib_loop = g_main_loop_new (NULL, FALSE);
  banyan_coroutine_start_on (banyan_loop_get_main (), func, stage);
  g_main_loop_run (stage->glib_loop);
  g_clear_pointer (&stage->glib_loop, g_main_loop_unref);
}

static gboolean
ask_back (gpointer data, GError **error)
{
  g_assert_true (banyan_loop_current () == banyan_loop_get_main ());
  return banyan_co_sleep_ms (1, error);
}

static gboolean
visit_other (gpointer data, GError **error)
{
  g_assert_cmpstr (banyan_loop_get_backend (banyan_loop_current ()), !=, "main");
  return banyan_co_run_on (banyan_loop_get_main (), ask_back, data, error);
}

static gssize
add_one (gpointer data)
{
  return GPOINTER_TO_INT (data) + 1;
}

static void
wait_in_all_ways (gpointer data)
{
  Stage *stage = data;

  g_assert_true (banyan_loop_current () == banyan_loop_get_main ());
  g_assert_cmpstr (banyan_loop_get_backend (banyan_loop_current ()), ==, "main");
  banyan_co_yield ();
  g_assert_true (banyan_co_sleep_ms (2, NULL));
  g_assert_cmpint (banyan_co_offload (add_one, GINT_TO_POINTER (41)), ==, 42);
  g_assert_true (banyan_co_run_on (stage->other, visit_other, NULL, NULL));
  finish (stage->glib_loop);
}

static void
test_waits (gconstpointer backend)
{
  Stage stage = { .other = start_loop (backend) };

  g_test_summary ("The main thread's coroutines sleep, offload, and visit other loops and back");

  if (stage.other == NULL)
    return;
  run_stage (&stage, wait_in_all_ways);
  banyan_loop_stop (stage.other);
}

static void
wake_main (gpointer data)
{
  banyan_coroutine_wake (((Stage *) data)->sleeper);
}

static void
sleep_for_wakes (gpointer data)
{
  Stage *stage = data;

  stage->sleeper = banyan_coroutine_self ();
  for (guint i = 0; i < 500; i++)
    {
      banyan_coroutine_start_on (stage->other, wake_main, stage);
      banyan_co_suspend ();
    }
  finish (stage->glib_loop);
}

static void
test_wakes (gconstpointer backend)
{
  Stage stage = { .other = start_loop (backend) };

  g_test_summary ("A wake from another loop reaches the main thread, even while it sleeps");

  if (stage.other == NULL)
    return;
  run_stage (&stage, sleep_for_wakes);
  banyan_loop_stop (stage.other);
}

static void
sleep_for_a_day (gpointer data)
{
  Stage *stage = data;
  BanyanLoop *loop = banyan_loop_current ();

  g_assert_true (banyan_co_sleep_ms (24 * 3600 * 1000, NULL));
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, G_GINT64_CONSTANT (86400000000000));
  g_assert_cmpint (banyan_co_offload (add_one, GINT_TO_POINTER (1)), ==, 2);
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, G_GINT64_CONSTANT (86400000000000));
  finish (stage->glib_loop);
}

static void
test_virtual_clock (void)
{
  Stage stage = { 0 };

  g_test_summary ("The main thread's clock can be virtual too");

  banyan_loop_set_virtual_clock (banyan_loop_get_main (), TRUE);
  run_stage (&stage, sleep_for_a_day);
  banyan_loop_set_virtual_clock (banyan_loop_get_main (), FALSE);
}

static gboolean
idle_source (gpointer data)
{
  guint *n = data;

  ++*n;
  return G_SOURCE_CONTINUE;
}

static void
spin (gpointer data)
{
  Stage *stage = data;

  while (stage->log->len == 0)
    banyan_co_yield ();
  finish (stage->glib_loop);
}

static gboolean
write_log (gpointer data)
{
  g_string_append_c (data, 'x');
  return G_SOURCE_REMOVE;
}

static void
test_shares_context (void)
{
  Stage stage = { .log = g_string_new (NULL) };

  g_test_summary ("Coroutines that are always runnable let GLib's other sources have their turn");

  g_timeout_add (1, write_log, stage.log);
  run_stage (&stage, spin);
  g_string_free (stage.log, TRUE);
}

static void
sleep_a_little (gpointer data)
{
  g_assert_true (banyan_co_sleep_ms (5, NULL));
  finish (((Stage *) data)->glib_loop);
}

static void
test_lets_idle_run (void)
{
  Stage stage = { 0 };
  guint n = 0;
  guint id = g_idle_add (idle_source, &n);

  g_test_summary ("A main thread whose coroutines sleep runs idle sources");

  run_stage (&stage, sleep_a_little);
  g_assert_cmpuint (n, >, 0);
  g_source_remove (id);
}

static void
read_file (gpointer data)
{
  struct iovec iov = { NULL, 0 };

  banyan_co_preadv (0, &iov, 1, 0, 0, 0);
}

static void
test_refuses_io (void)
{
  g_test_summary ("Block I/O on the main thread is a mistake that stops the program");

  if (g_test_subprocess ())
    {
      banyan_loop_get_main ();
      banyan_coroutine_start (read_file, NULL);
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*assertion failed*");
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  add_for_each_loop ("main/waits-in-all-ways", test_waits);
  add_for_each_loop ("main/wakes-reach-it", test_wakes);
  g_test_add_func ("/engine/main/clock-can-be-virtual", test_virtual_clock);
  g_test_add_func ("/engine/main/shares-the-context", test_shares_context);
  g_test_add_func ("/engine/main/lets-idle-sources-run", test_lets_idle_run);
  g_test_add_func ("/engine/main/refuses-block-io", test_refuses_io);
  return g_test_run ();
}
