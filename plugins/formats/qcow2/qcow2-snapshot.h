/* qcow2-snapshot.h - snapshots within the image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

typedef struct
{
  guint64 l1_offset;
  guint32 l1_size; /* entries */
  char *id;        /* (owned) */
  char *name;      /* (owned) */
  guint32 date_s;
  guint32 date_ns;
  guint64 clock_ns;
  guint64 state_size;
  guint64 disk_size;
  guint64 icount;
  GBytes *extra; /* (owned): all of it, known parts included */
} Qcow2Snapshot;

void qcow2_snapshot_clear (gpointer snapshot);

gboolean BANYAN_COROUTINE qcow2_snapshots_read (Qcow2Image *image, GError **error);

typedef struct
{
  const char *id; /* (nullable): the next number */
  const char *name;
  gint64 date_us;
  guint64 clock_ns;
  guint64 icount;
} Qcow2NewSnapshot;

/* Nobody else is inside. A @key is an id or a name; an id goes before. */
gboolean BANYAN_COROUTINE qcow2_snapshots_create (Qcow2Image *image, const Qcow2NewSnapshot *wanted,
                                                  GError **error);
gboolean BANYAN_COROUTINE qcow2_snapshots_apply (Qcow2Image *image, const char *key,
                                                 GError **error);
gboolean BANYAN_COROUTINE qcow2_snapshots_remove (Qcow2Image *image, const char *key,
                                                  GError **error);

/* All say what version 3 wants of them. Nobody else is inside. */
gboolean BANYAN_COROUTINE qcow2_snapshots_complete (Qcow2Image *image, GError **error);

/* What the guest sees becomes what it saw then, in memory: nothing is written any more. Before
 * anybody is inside. */
gboolean BANYAN_COROUTINE qcow2_snapshots_show (Qcow2Image *image, const char *key, GError **error);
/* The one of that id, or else of that name; -1 with @error. */
gint qcow2_snapshots_find (Qcow2Image *image, const char *key, GError **error);
/* Reads its L1 table, in host order, without the bits that say that nobody else uses a table. */
gboolean BANYAN_COROUTINE qcow2_snapshots_read_l1 (Qcow2Image *image, const Qcow2Snapshot *snapshot,
                                                   guint64 *entries, GError **error);

/* Tells overlap checks which L2 tables there are, as snapshots, or who may look for theirs, have
 * changed. Nobody else is inside. */
gboolean BANYAN_COROUTINE qcow2_snapshots_note_tables (Qcow2Image *image, GError **error);

/* Bytes that an entry of the table has, and a table of all @snapshots. */
gsize qcow2_snapshot_size (const Qcow2Snapshot *snapshot);
gsize qcow2_snapshots_size (GArray *snapshots);
