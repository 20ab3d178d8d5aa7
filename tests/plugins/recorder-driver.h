/* recorder-driver.h - a protocol that remembers each write and each flush, for power cuts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

#define RECORDER_MAX_LENGTH (24 << 20)

typedef enum
{
  RECORDER_WRITE,
  RECORDER_RESIZE,
  RECORDER_FLUSH,
} RecorderKind;

typedef enum
{
  RECORDER_EIO,
  RECORDER_ENOSPC,
  RECORDER_SHORT, /* a write has written the sectors of its first half */
  RECORDER_N_FAILURES,
} RecorderFailure;

typedef struct
{
  RecorderKind kind;
  guint step; /* which step of the test it was part of */
  guint64 offset;
  gsize length;
  guint8 *data; /* (owned) (nullable): of a write */
} RecorderEntry;

/* Registers the driver "recorder"; the next one that is opened holds @bytes at first. */
void recorder_register (void);
void recorder_prepare (const guint8 *bytes, gsize length);

/* What has been written since, by entries that are in order. */
GPtrArray *recorder_get_log (void);
/* Entries to come belong to this step. */
void recorder_set_step (guint step);
/* From now on, the operation that comes after so many fails once; -1: none. */
void recorder_fail_after (gint operations);
/* How the next one does; RECORDER_EIO without it. */
void recorder_fail_as (RecorderFailure how);
/* How many there were since recorder_fail_after(). */
guint recorder_get_n_operations (void);
gboolean recorder_has_failed (void);

G_END_DECLS
