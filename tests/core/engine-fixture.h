/* engine-fixture.h - loops for the tests of the engine
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-loop-core.h"

#include <semaphore.h>

/* Tests take the kind of loop as their data, and are registered once for each kind. */
static inline BanyanLoop *
start_loop (gconstpointer backend)
{
  BanyanLoopConfig config = { .backend = backend };
  g_autoptr (GError) error = NULL;
  BanyanLoop *loop = banyan_loop_start ("test", &config, &error);

  if (loop == NULL)
    g_test_skip (error->message);
  return loop;
}

typedef struct
{
  BanyanCoroutineFunc func;
  gpointer data;
  sem_t ended;
} Visit;

static inline void
visit_main (gpointer data)
{
  Visit *visit = data;

  visit->func (visit->data);
  sem_post (&visit->ended);
}

/* Runs @func as a coroutine on @loop, and returns when it has ended. */
static inline void
run_on (BanyanLoop *loop, BanyanCoroutineFunc func, gpointer data)
{
  Visit visit = { .func = func, .data = data };

  sem_init (&visit.ended, 0, 0);
  banyan_coroutine_start_on (loop, visit_main, &visit);
  while (sem_wait (&visit.ended) < 0)
    ;
  sem_destroy (&visit.ended);
}

/* Starts a loop, runs @func on it, and stops it. */
static inline void
run_alone (gconstpointer backend, BanyanCoroutineFunc func, gpointer data)
{
  BanyanLoop *loop = start_loop (backend);

  if (loop == NULL)
    return;

  run_on (loop, func, data);
  banyan_loop_stop (loop);
}

/* The same, with a clock that goes on only where nothing else is to be done. */
static inline void
run_virtually (gconstpointer backend, BanyanCoroutineFunc func, gpointer data)
{
  BanyanLoop *loop = start_loop (backend);

  if (loop == NULL)
    return;
  banyan_loop_set_virtual_clock (loop, TRUE);
  run_on (loop, func, data);
  banyan_loop_stop (loop);
}

static inline void
add_for_each_loop (const char *path, GTestDataFunc func)
{
  static const char *const backends[] = { "uring", "epoll" };

  for (gsize i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autofree char *full = g_strdup_printf ("/engine/%s/%s", backends[i], path);

      g_test_add_data_func (full, backends[i], func);
    }
}

/* The tests choose their loops themselves, whatever the run is set to. */
static inline void
engine_test_init (int *argc, char ***argv)
{
  g_unsetenv ("BANYAN_LOOP");
  g_test_init (argc, argv, NULL);
}
