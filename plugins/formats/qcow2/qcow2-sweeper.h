/* qcow2-sweeper.h - forgets what the caches hold and nobody asks for: cache-clean-interval
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

typedef struct _Qcow2Image Qcow2Image;

/* A coroutine that lives as long as the caches hold something. */
typedef struct
{
  BanyanLoop *home;           /* (unowned): where it runs; NULL: not set up */
  guint interval_s;           /* live; 0: never */
  gint is_running;            /* atomic */
  GMutex mutex;               /* never held across a suspension */
  BanyanCoroutine *coroutine; /* (unowned) (nullable): under mutex */
  gint must_end;              /* atomic */
  gboolean is_held;           /* under sweeping: the caches are being exchanged */
  BanyanCoMutex sweeping;
  BanyanCoCond ended;
} Qcow2Sweeper;

void qcow2_sweeper_init (Qcow2Sweeper *self);
void qcow2_sweeper_clear (Qcow2Sweeper *self);

/* On the graph's own iothread, as is end, after which nobody sweeps. */
void qcow2_sweeper_begin (Qcow2Sweeper *self);
void BANYAN_COROUTINE qcow2_sweeper_end (Qcow2Image *image);

/* There is something to sweep. Any thread. */
void qcow2_sweeper_note (Qcow2Image *image);
/* The interval has changed. */
void qcow2_sweeper_wake (Qcow2Image *image);

/* Nobody looks at the caches until it is let go. */
void BANYAN_COROUTINE qcow2_sweeper_hold (Qcow2Sweeper *self);
void qcow2_sweeper_let_go (Qcow2Sweeper *self);
