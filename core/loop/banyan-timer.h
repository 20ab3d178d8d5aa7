/* banyan-timer.h - what is to happen at a time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* A pairing heap whose nodes are their users': nothing is allocated, adding takes constant time,
 * taking out O(log n) amortised. Timers of the same time go off in the order they were added. */
typedef struct _BanyanTimer BanyanTimer;
struct _BanyanTimer
{
  gint64 time_ns;
  guint64 serial;
  void (*func) (BanyanTimer *timer); /* called after the timer was taken out; must not suspend */

  BanyanTimer *child;
  BanyanTimer *next;  /* sibling */
  BanyanTimer **link; /* (nullable): what points to this one; NULL while not in a heap */
};

typedef struct
{
  BanyanTimer *first;
  guint64 serial;
} BanyanTimerHeap;

void banyan_timer_heap_add (BanyanTimerHeap *heap, BanyanTimer *timer, gint64 time_ns);
void banyan_timer_heap_remove (BanyanTimerHeap *heap, BanyanTimer *timer);

static inline gboolean
banyan_timer_is_pending (const BanyanTimer *timer)
{
  return timer->link != NULL;
}
