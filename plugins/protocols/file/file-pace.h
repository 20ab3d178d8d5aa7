/* file-pace.h - whether buffered writes are quick enough to be made on the spot
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A buffered write copies to the page cache, and no flag makes it give up where the kernel lets
 * writers wait for the disk. So it is judged by those before it. One that took long was made to
 * wait, or its thread had to wait for a processor: busy neighbours say nothing about the disk. The
 * thread's own count of sleeps tells which, but costs a system call, so it is looked at only for a
 * while after a write that took long.
 *
 * Microseconds on the monotonic clock. Shared by iothreads. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gint64 slow_until_us;    /* atomic */
  gint64 watched_until_us; /* atomic */
} FilePace;

typedef enum
{
  FILE_PACE_UNKNOWN, /* nobody looked */
  FILE_PACE_RAN,     /* the thread had no processor at most */
  FILE_PACE_SLEPT,   /* the kernel made it wait */
} FilePaceRest;

/* Whether a write may block its thread for long. */
gboolean file_pace_is_slow (const FilePace *self, gint64 now_us);
/* Whether to find out if the thread sleeps. */
gboolean file_pace_is_watched (const FilePace *self, gint64 now_us);
/* Whether a write took long enough for it to matter. */
gboolean file_pace_is_long (gint64 took_us);
/* A write on the spot has ended. */
void file_pace_note (FilePace *self, gint64 ended_us, gint64 took_us, FilePaceRest rest);

G_END_DECLS
