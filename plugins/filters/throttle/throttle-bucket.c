/* throttle-bucket.c - a leaky bucket: what has been done fills it, time empties it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "throttle-bucket.h"

#include <math.h>

#define NS_PER_S 1e9

/* Without this much room, every other request of a client that keeps to its rate would wait. */
#define SLACK_S 0.1

/* Lower limits must not make a debt of what was no debt before. */
void
throttle_bucket_configure (ThrottleBucket *self, guint64 average, guint64 max, guint64 length)
{
  self->average = (double) average;
  self->size = max != 0 ? (double) max * (double) length : self->average * SLACK_S;
  self->max = max != 0 && length > 1 ? (double) max : 0;
  self->level = MIN (self->level, self->size);
  self->burst_level = MIN (self->burst_level, self->max * SLACK_S);
}

/* Clocks of several loops may be a little apart: no time passes backwards. */
void
throttle_bucket_leak (ThrottleBucket *self, gint64 now_ns)
{
  double seconds = (double) (now_ns - self->leaked_ns) / NS_PER_S;

  if (now_ns <= self->leaked_ns)
    return;

  self->leaked_ns = now_ns;
  self->level = MAX (self->level - self->average * seconds, 0);
  self->burst_level = MAX (self->burst_level - self->max * seconds, 0);
}

static gint64
wait_for (double level, double size, double rate)
{
  double wait_ns = level > size ? ceil ((level - size) / rate * NS_PER_S) : 0;

  return wait_ns < (double) G_MAXINT32 * NS_PER_S ? (gint64) wait_ns
                                                  : G_MAXINT32 * (gint64) NS_PER_S;
}

gint64
throttle_bucket_get_wait_ns (const ThrottleBucket *self)
{
  gint64 wait_ns;

  if (self->average == 0)
    return 0;

  wait_ns = wait_for (self->level, self->size, self->average);
  if (self->max > 0)
    wait_ns = MAX (wait_ns, wait_for (self->burst_level, self->max * SLACK_S, self->max));
  return wait_ns;
}

void
throttle_bucket_add (ThrottleBucket *self, double units)
{
  self->level += units;
  self->burst_level += units;
}
