/* file-pace.c - whether buffered writes are quick enough to be made on the spot
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-pace.h"

#include <banyan/banyan-plugin.h>

/* What a copy to the page cache takes no part of. */
#define LONG_US 1000
/* Longer than a scheduler lets a thread wait for others. */
#define CERTAIN_US (20 * 1000)
/* The thread stands still for less than a twentieth of its time, however slow the disk is: so it is
 * watched for as long again, too. */
#define SLOW_TIMES 20
#define SLOW_MAX_US (10 * 1000 * 1000)

gboolean
file_pace_is_slow (const FilePace *self, gint64 now_us)
{
  return now_us < BANYAN_LIVE (self->slow_until_us);
}

gboolean
file_pace_is_watched (const FilePace *self, gint64 now_us)
{
  return now_us < BANYAN_LIVE (self->watched_until_us);
}

gboolean
file_pace_is_long (gint64 took_us)
{
  return took_us >= LONG_US;
}

void
file_pace_note (FilePace *self, gint64 ended_us, gint64 took_us, FilePaceRest rest)
{
  gboolean blocked
      = rest == FILE_PACE_SLEPT || (rest == FILE_PACE_UNKNOWN && took_us >= CERTAIN_US);
  gint64 times_us = MIN (took_us * SLOW_TIMES, SLOW_MAX_US);
  gint64 slow_us = blocked ? times_us : 0;

  if (G_LIKELY (!file_pace_is_long (took_us)))
    return;

  if (blocked)
    BANYAN_LIVE_SET (self->slow_until_us, ended_us + slow_us);
  BANYAN_LIVE_SET (self->watched_until_us, ended_us + slow_us + times_us);
}
