/* qcow2-counts.c - how often clusters were met while going through an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-counts.h"

void
qcow2_counts_init (Qcow2Counts *self)
{
  self->chunks = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->last_key = NULL;
}

void
qcow2_counts_clear (Qcow2Counts *self)
{
  g_clear_pointer (&self->chunks, g_hash_table_unref);
}

static gpointer
key_of (guint64 cluster)
{
  return GSIZE_TO_POINTER (cluster / QCOW2_COUNTS_CHUNK + 1);
}

/* (nullable) */
static guint32 *
find_chunk (Qcow2Counts *self, guint64 cluster)
{
  gpointer key = key_of (cluster);

  if (key != self->last_key)
    {
      guint32 *chunk = g_hash_table_lookup (self->chunks, key);

      if (chunk == NULL)
        return NULL;
      self->last = chunk;
      self->last_key = key;
    }
  return self->last;
}

static guint32 *
get_count (Qcow2Counts *self, guint64 cluster)
{
  guint32 *chunk = find_chunk (self, cluster);

  if (chunk == NULL)
    {
      chunk = g_new0 (guint32, QCOW2_COUNTS_CHUNK);
      g_hash_table_insert (self->chunks, key_of (cluster), chunk);
    }
  return &chunk[cluster % QCOW2_COUNTS_CHUNK];
}

void
qcow2_counts_add (Qcow2Counts *self, guint64 cluster)
{
  guint32 *count = get_count (self, cluster);

  *count += *count < G_MAXUINT32;
}

void
qcow2_counts_set (Qcow2Counts *self, guint64 cluster, guint32 count)
{
  *get_count (self, cluster) = count;
}

guint32
qcow2_counts_get (Qcow2Counts *self, guint64 cluster)
{
  const guint32 *chunk = find_chunk (self, cluster);

  return chunk != NULL ? chunk[cluster % QCOW2_COUNTS_CHUNK] : 0;
}
