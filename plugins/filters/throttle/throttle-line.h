/* throttle-line.h - who waits, in which order, and whose turn it is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* On the stack of the one who waits. */
typedef struct _ThrottleWaiter ThrottleWaiter;
struct _ThrottleWaiter
{
  ThrottleWaiter *previous;
  ThrottleWaiter *next;
  BanyanCoroutine *coroutine;
};

/* The requests of one node in one direction that wait, in order of arrival; and the lines before
 * and after it in a ring, while any do. Zeroes to begin with. The caller has a lock on all of the
 * ring. */
typedef struct _ThrottleLine ThrottleLine;
struct _ThrottleLine
{
  ThrottleWaiter *first;
  ThrottleWaiter *last;
  ThrottleLine *previous;
  ThrottleLine *next;
};

/* @turn: the line of the ring whose first waiter is next; NULL where nobody waits. A line that was
 * empty becomes the last of the round. */
void throttle_line_append (ThrottleLine *self, ThrottleLine **turn, ThrottleWaiter *waiter);
/* Whoever had the turn gives it to the next line. */
void throttle_line_remove (ThrottleLine *self, ThrottleLine **turn, ThrottleWaiter *waiter);

G_END_DECLS
