/* qcow2-rebuild.c - new refcounts for an image whose old ones cannot be used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-rebuild.h"

#include "qcow2-refcount.h"

#include <errno.h>
#include <string.h>

typedef struct
{
  Qcow2Image *image;
  Qcow2Counts *counts;
  GHashTable *blocks;      /* (owned): numbers of those that are needed, + 1 */
  guint64 first;           /* cluster: blocks begin here, the table follows */
  guint64 n_table;         /* clusters */
  const Qcow2Roots *roots; /* (nullable): what else the header is to lead to */
} Rebuild;

static void
need_block (Rebuild *self, guint64 cluster)
{
  g_hash_table_add (self->blocks,
                    GSIZE_TO_POINTER ((cluster >> qcow2_image_block_bits (self->image)) + 1));
}

static void
need_blocks_of_counts (Rebuild *self)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->counts->chunks);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      guint64 cluster = (guint64) (GPOINTER_TO_SIZE (key) - 1) * QCOW2_COUNTS_CHUNK;

      for (guint64 i = 0; i < QCOW2_COUNTS_CHUNK; i++)
        if (i == 0
            || ((cluster + i)
                & ((G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (self->image)) - 1))
                   == 0)
          need_block (self, cluster + i);
    }
}

/* What is new has to be counted, too, which may need another block, and so on. */
static gboolean
plan (Rebuild *self, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 end, before;

  need_blocks_of_counts (self);
  do
    {
      before = g_hash_table_size (self->blocks) + self->n_table;
      end = self->first + before + 1;
      for (guint64 cluster = self->first; cluster < end; cluster++)
        need_block (self, cluster);
      self->n_table
          = ((((end - 1) >> qcow2_image_block_bits (image)) + 1) * 8 + image->cluster_size - 1)
            >> image->cluster_bits;
      if (self->n_table << image->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
        return banyan_throw_errno (error, EFBIG, "%s: the image is too large to be counted again",
                                   image->name);
    }
  while (g_hash_table_size (self->blocks) + self->n_table != before);
  return TRUE;
}

static gboolean
fill_block (Rebuild *self, guint64 block, guint64 *words, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 first = block << qcow2_image_block_bits (image);

  memset (words, 0, image->cluster_size);
  for (guint64 i = 0; i < G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (image); i++)
    {
      guint64 count = qcow2_counts_get (self->counts, first + i);
      guint64 *word = &words[(i << image->refcount_order) / 64];
      guint64 counts;

      if (count == 0)
        continue;
      if (count > qcow2_refcount_max (image))
        return banyan_throw_errno (error, EOVERFLOW,
                                   "%s: a cluster has more users than its refcount can count",
                                   image->name);
      counts = qcow2_refcount_write_word (image, GUINT64_FROM_BE (*word), i, count);
      *word = GUINT64_TO_BE (counts);
    }
  return TRUE;
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  const guint64 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static GArray *
sort_blocks (Rebuild *self)
{
  GArray *sorted = g_array_new (FALSE, FALSE, sizeof (guint64));
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->blocks);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      guint64 block = GPOINTER_TO_SIZE (key) - 1;

      g_array_append_val (sorted, block);
    }
  g_array_sort (sorted, compare_numbers);
  return sorted;
}

static gboolean BANYAN_COROUTINE
write_blocks (Rebuild *self, GArray *sorted, guint64 *table, GError **error)
{
  Qcow2Image *image = self->image;
  g_autofree guint64 *words = g_malloc (image->cluster_size);

  for (guint i = 0; i < sorted->len; i++)
    {
      guint64 block = g_array_index (sorted, guint64, i);
      guint64 offset = (self->first + i) << image->cluster_bits;

      if (block >= self->n_table << (image->cluster_bits - 3))
        return banyan_throw_errno (error, EIO, "%s: the plan for new refcounts is wrong",
                                   image->name);
      table[block] = GUINT64_TO_BE (offset);
      if (!fill_block (self, block, words, error)
          || !qcow2_image_write_table (image, QCOW2_META_REFCOUNT_BLOCK, offset, words,
                                       image->cluster_size, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
lead_there (Rebuild *self, guint64 offset, GError **error)
{
  Qcow2Image *image = self->image;
  Qcow2Roots old_roots;
  guint64 old_offset;
  guint32 old_clusters;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  old_roots = qcow2_header_get_roots (&image->header);
  old_offset = image->header.reftable_offset;
  old_clusters = image->header.reftable_clusters;
  if (self->roots != NULL)
    qcow2_header_set_roots (&image->header, self->roots);
  image->header.reftable_offset = offset;
  image->header.reftable_clusters = self->n_table;
  done = qcow2_header_write_fields (&image->header, image->file, error)
         && banyan_child_flush (image->file, error);
  if (!done)
    {
      image->header.reftable_offset = old_offset;
      image->header.reftable_clusters = old_clusters;
      qcow2_header_set_roots (&image->header, &old_roots);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

/* In memory, as if the image had been opened just now. */
static void
adopt (Rebuild *self, const guint64 *table, guint n_blocks)
{
  Qcow2Image *image = self->image;
  guint size = self->n_table << (image->cluster_bits - 3);

  qcow2_overlap_remove_kinds (&image->overlap,
                              1u << QCOW2_META_REFCOUNT_BLOCK | 1u << QCOW2_META_REFCOUNT_TABLE);
  if (image->crossed_kinds & (1u << QCOW2_META_REFCOUNT_BLOCK | 1u << QCOW2_META_REFCOUNT_TABLE))
    g_clear_pointer (&image->crossed, g_free);
  memset (image->reftable, 0, QCOW2_MAX_REFTABLE_BYTES);
  for (guint i = 0; i < size; i++)
    image->reftable[i] = GUINT64_FROM_BE (table[i]);
  image->reftable_size = size;
  image->reftable_dirty_from = G_MAXUINT;
  image->reftable_dirty_to = 0;
  image->reftable_is_dirty = FALSE;
  qcow2_cache_forget_all (&image->refs);
  qcow2_overlap_add (&image->overlap, self->first, n_blocks, QCOW2_META_REFCOUNT_BLOCK);
  qcow2_overlap_add (&image->overlap, self->first + n_blocks, self->n_table,
                     QCOW2_META_REFCOUNT_TABLE);
  image->first_free = 0;
  image->packing = 0;
  image->high_water = MAX (image->high_water, self->first + n_blocks + self->n_table);
}

static gboolean BANYAN_COROUTINE
write_all (Rebuild *self, GError **error)
{
  Qcow2Image *image = self->image;
  g_autoptr (GArray) sorted = sort_blocks (self);
  guint64 end = self->first + sorted->len + self->n_table;
  gsize bytes = self->n_table << image->cluster_bits;
  g_autofree guint64 *table = g_malloc0 (bytes);
  guint64 offset = (self->first + sorted->len) << image->cluster_bits;

  for (guint64 cluster = self->first; cluster < end; cluster++)
    qcow2_counts_add (self->counts, cluster);
  if (!qcow2_image_grow_child (image, image->file, end << image->cluster_bits, error)
      || !write_blocks (self, sorted, table, error)
      || !qcow2_image_write_table (image, QCOW2_META_REFCOUNT_TABLE, offset, table, bytes, error)
      || !banyan_child_flush (image->file, error) || !lead_there (self, offset, error))
    return FALSE;

  adopt (self, table, sorted->len);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_rebuild (Qcow2Image *image, Qcow2Counts *counts, const Qcow2Roots *roots, GError **error)
{
  Rebuild self = { .image = image, .counts = counts, .first = image->high_water, .roots = roots };
  gboolean done;

  self.blocks = g_hash_table_new (NULL, NULL);
  done = plan (&self, error) && write_all (&self, error);
  g_hash_table_unref (self.blocks);
  return done;
}
