/* qcow2-counts.h - how often clusters were met while going through an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* Memory is taken for what was met only, however large the image says that it is. */
#define QCOW2_COUNTS_CHUNK 512

typedef struct
{
  GHashTable *chunks; /* (owned): number of the chunk + 1 to guint8[QCOW2_COUNTS_CHUNK] (unowned) */
  GPtrArray *slabs;   /* (owned) (element-type guint8*): chunks lie in them one after the other */
  guint n_in_last;    /* chunks taken of the last slab */
  GHashTable *many;   /* (owned): number of the cluster + 1 to what a byte has no room for */
  gpointer last_key;  /* most are asked for again at once */
  guint8 *last;       /* (unowned) */
} Qcow2Counts;

void qcow2_counts_init (Qcow2Counts *self);
void qcow2_counts_clear (Qcow2Counts *self);
/* Saturates. */
void qcow2_counts_add (Qcow2Counts *self, guint64 cluster);
void qcow2_counts_set (Qcow2Counts *self, guint64 cluster, guint32 count);
guint32 qcow2_counts_get (Qcow2Counts *self, guint64 cluster);
