/* throttle-bucket.h - a leaky bucket: what has been done fills it, time empties it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Two levels of one stream of units. The first leaks at the average rate, and its size is what may
 * be done in a burst; the second leaks at the burst's own rate and is small, so that a burst is not
 * over in a moment. Owned by a group, under its mutex. */
typedef struct
{
  double average; /* units per second; 0: no limit */
  double size;    /* units */
  double max;     /* units per second during a burst; 0: no second level */
  double level;
  double burst_level;
  gint64 leaked_ns; /* when it was last looked at */
} ThrottleBucket;

/* Sets the limits; what has been done before still counts. @length: of a burst, in seconds. */
void throttle_bucket_configure (ThrottleBucket *self, guint64 average, guint64 max, guint64 length);

/* Lets time pass up to @now_ns. */
void throttle_bucket_leak (ThrottleBucket *self, gint64 now_ns);
/* How long until it has room, as of the last leak; 0: it has. */
gint64 throttle_bucket_get_wait_ns (const ThrottleBucket *self);
/* However much it is: a full bucket goes over, and takes longer to have room again. */
void throttle_bucket_add (ThrottleBucket *self, double units);

G_END_DECLS
