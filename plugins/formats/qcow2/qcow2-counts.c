/* qcow2-counts.c - how often clusters were met while going through an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-counts.h"

/* So many that a slab comes from the system, zeroed, page by page as it is used. */
#define CHUNKS_PER_SLAB 512

#define MANY G_MAXUINT8

void
qcow2_counts_init (Qcow2Counts *self)
{
  *self = (Qcow2Counts){ .chunks = g_hash_table_new (NULL, NULL),
                         .slabs = g_ptr_array_new_with_free_func (g_free),
                         .n_in_last = CHUNKS_PER_SLAB,
                         .many = g_hash_table_new (NULL, NULL) };
}

void
qcow2_counts_clear (Qcow2Counts *self)
{
  g_clear_pointer (&self->chunks, g_hash_table_unref);
  g_clear_pointer (&self->slabs, g_ptr_array_unref);
  g_clear_pointer (&self->many, g_hash_table_unref);
}

static guint8 *
take_chunk (Qcow2Counts *self)
{
  if (self->n_in_last == CHUNKS_PER_SLAB)
    {
      g_ptr_array_add (self->slabs, g_malloc0 (QCOW2_COUNTS_CHUNK * CHUNKS_PER_SLAB));
      self->n_in_last = 0;
    }
  return (guint8 *) self->slabs->pdata[self->slabs->len - 1]
         + QCOW2_COUNTS_CHUNK * self->n_in_last++;
}

static gpointer
key_of (guint64 cluster)
{
  return GSIZE_TO_POINTER (cluster / QCOW2_COUNTS_CHUNK + 1);
}

/* (nullable) */
static guint8 *
find_chunk (Qcow2Counts *self, guint64 cluster)
{
  gpointer key = key_of (cluster);

  if (key != self->last_key)
    {
      guint8 *chunk = g_hash_table_lookup (self->chunks, key);

      if (chunk == NULL)
        return NULL;
      self->last = chunk;
      self->last_key = key;
    }
  return self->last;
}

static guint8 *
get_count (Qcow2Counts *self, guint64 cluster)
{
  guint8 *chunk = find_chunk (self, cluster);

  if (chunk == NULL)
    {
      chunk = take_chunk (self);
      g_hash_table_insert (self->chunks, key_of (cluster), chunk);
    }
  return &chunk[cluster % QCOW2_COUNTS_CHUNK];
}

static void
set_many (Qcow2Counts *self, guint64 cluster, guint32 count)
{
  g_hash_table_insert (self->many, GSIZE_TO_POINTER (cluster + 1), GUINT_TO_POINTER (count));
}

static guint32
get_many (Qcow2Counts *self, guint64 cluster)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->many, GSIZE_TO_POINTER (cluster + 1)));
}

void
qcow2_counts_add (Qcow2Counts *self, guint64 cluster)
{
  guint8 *count = get_count (self, cluster);
  guint32 many;

  if (G_LIKELY (*count < MANY - 1))
    {
      ++*count;
      return;
    }

  many = *count < MANY ? *count : get_many (self, cluster);
  *count = MANY;
  set_many (self, cluster, many + (many < G_MAXUINT32));
}

void
qcow2_counts_set (Qcow2Counts *self, guint64 cluster, guint32 count)
{
  *get_count (self, cluster) = MIN (count, MANY);
  if (count >= MANY)
    set_many (self, cluster, count);
}

guint32
qcow2_counts_get (Qcow2Counts *self, guint64 cluster)
{
  const guint8 *chunk = find_chunk (self, cluster);
  guint8 count = chunk != NULL ? chunk[cluster % QCOW2_COUNTS_CHUNK] : 0;

  return G_LIKELY (count < MANY) ? count : get_many (self, cluster);
}
