/* qcow2-overlap.h - which clusters hold the image's own tables
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

typedef enum
{
  QCOW2_META_HEADER,
  QCOW2_META_ACTIVE_L1,
  QCOW2_META_ACTIVE_L2,
  QCOW2_META_REFCOUNT_BLOCK,
  QCOW2_META_REFCOUNT_TABLE,
  QCOW2_META_SNAPSHOT_TABLE,
  QCOW2_META_INACTIVE_L1,
  QCOW2_META_INACTIVE_L2,
  QCOW2_META_BITMAP_DIRECTORY,
  QCOW2_N_METAS,
  QCOW2_META_BITMAP = QCOW2_N_METAS /* its bits or table, as in QEMU none that is protected */
} Qcow2Meta;

/* A set of cluster numbers, each with the kinds that are there. Any thread. */
typedef struct
{
  GMutex mutex;
  guint64 *keys; /* (owned): number and kinds; 0 is nothing */
  guint size;    /* a power of 2 */
  guint used;    /* slots that are not empty, those of clusters that left included */
} Qcow2Overlap;

void qcow2_overlap_init (Qcow2Overlap *self);
void qcow2_overlap_clear (Qcow2Overlap *self);
void qcow2_overlap_add (Qcow2Overlap *self, guint64 cluster, guint64 count, Qcow2Meta kind);
/* The same; FALSE where one of the clusters was known as something else, and what, in @found. */
gboolean qcow2_overlap_claim (Qcow2Overlap *self, guint64 cluster, guint64 count, Qcow2Meta kind,
                              Qcow2Meta *found);
void qcow2_overlap_remove (Qcow2Overlap *self, guint64 cluster, guint64 count);
/* All that hold something of the @kinds, a mask. */
void qcow2_overlap_remove_kinds (Qcow2Overlap *self, guint kinds);
/* Whether one of the clusters holds something of the @kinds, a mask; which, in @found. */
gboolean qcow2_overlap_find (Qcow2Overlap *self, guint64 cluster, guint64 count, guint kinds,
                             Qcow2Meta *found);
/* The same of @n clusters, each anywhere. */
gboolean qcow2_overlap_find_any (Qcow2Overlap *self, const guint64 *clusters, guint n, guint kinds,
                                 Qcow2Meta *found);
/* A mask of what must not be where a table of the @kind is. A snapshot's L2 table is the disk's,
 * too, until somebody writes there. */
guint qcow2_meta_others (Qcow2Meta kind);
const char *qcow2_meta_to_string (Qcow2Meta kind);
