/* banyan-loop-private.h - making and ending loops; used by banyan-iothread.c and the tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-loop.h>

G_BEGIN_DECLS

typedef struct
{
  const char *backend; /* (nullable): "uring", "epoll" or NULL for the best there is */
  guint64 poll_max_ns; /* busy-poll window before sleeping */
  guint budget;        /* runnable coroutines served before the ring is looked at again */
} BanyanLoopConfig;

/* Starts a thread that runs a loop. NULL with @error when the kernel refuses what was forced. */
BanyanLoop *banyan_loop_start (const char *name, const BanyanLoopConfig *config, GError **error);

/* Asks the loop to end when its last coroutine has, waits for the thread, and frees it. Aborts in
 * debug builds, naming the coroutines' functions, if some are still suspended without a timer. */
void banyan_loop_stop (BanyanLoop *loop);

/* Live setting, any thread. */
void banyan_loop_set_poll_max_ns (BanyanLoop *loop, guint64 poll_max_ns);

/* Sleeps that begin while @cut says so, given the sleeper's pass, do not last: what
 * banyan_loop_cut_sleeps() did to those who slept before. One for the process; called on the
 * sleeper's thread. */
void banyan_loop_set_sleep_cutter (gboolean (*cut) (gpointer pass));

G_END_DECLS
