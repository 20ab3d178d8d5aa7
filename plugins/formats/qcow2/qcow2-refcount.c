/* qcow2-refcount.c - how many users each host cluster has, and which are free
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counts lie in blocks of one cluster, found through the refcount table. In memory are slices of
 * them. A block describes itself: it lies in the first free cluster of those that it counts. */

#include "qcow2-refcount.h"

#include <errno.h>
#include <string.h>

#define WORD_BITS 64

guint64
qcow2_refcount_max (const Qcow2Image *image)
{
  return image->refcount_order == 6 ? G_MAXUINT64
                                    : (G_GUINT64_CONSTANT (1) << (1u << image->refcount_order)) - 1;
}

static guint64
block_offset (Qcow2Image *image, guint64 block)
{
  return block < image->reftable_size ? __atomic_load_n (&image->reftable[block], __ATOMIC_ACQUIRE)
                                            & ~G_GUINT64_CONSTANT (511)
                                      : 0;
}

guint64
qcow2_refcount_locate (Qcow2Image *image, guint64 key)
{
  guint bits = qcow2_image_block_bits (image) - image->refs_slice_bits;
  guint64 offset = block_offset (image, key >> bits);
  guint64 within = key & ((G_GUINT64_CONSTANT (1) << bits) - 1);

  return offset != 0 ? offset + within * image->refs.slice_size : 0;
}

/* -- Counts in words. Within a byte, the first is the least significant; wider ones are big endian,
 * as is the word. -- */

static guint
shift_of (const Qcow2Image *image, guint index)
{
  guint width = 1u << image->refcount_order;
  guint bit = index * width % WORD_BITS;

  if (width >= 8)
    return WORD_BITS - width - bit;
  return WORD_BITS - 8 - bit / 8 * 8 + bit % 8;
}

guint64
qcow2_refcount_read_word (const Qcow2Image *image, guint64 word, guint index)
{
  return (word >> shift_of (image, index)) & qcow2_refcount_max (image);
}

guint64
qcow2_refcount_write_word (const Qcow2Image *image, guint64 word, guint index, guint64 count)
{
  guint shift = shift_of (image, index);

  return (word & ~(qcow2_refcount_max (image) << shift)) | count << shift;
}

static guint
word_of (const Qcow2Image *image, guint index)
{
  return (guint) (((guint64) index << image->refcount_order) / WORD_BITS);
}

static guint
index_of (const Qcow2Image *image, guint64 cluster)
{
  return cluster & ((1u << image->refs_slice_bits) - 1);
}

static guint64
load_count (const Qcow2Image *image, const Qcow2Slot *slot, guint index)
{
  return qcow2_refcount_read_word (image, qcow2_slot_load (slot, word_of (image, index)), index);
}

static void
store_count (Qcow2Image *image, Qcow2Slot *slot, guint index, guint64 count)
{
  guint word = word_of (image, index);

  qcow2_slot_store (slot, word,
                    qcow2_refcount_write_word (image, qcow2_slot_load (slot, word), index, count));
  qcow2_cache_mark_dirty (&image->refs, slot);
}

/* The slice that has the count of @cluster; none, without an error, where no block is. */
static gboolean BANYAN_COROUTINE
get_slice (Qcow2Image *image, guint64 cluster, Qcow2Slot **slot, GError **error)
{
  guint64 key = cluster >> image->refs_slice_bits;
  guint64 offset = block_offset (image, cluster >> qcow2_image_block_bits (image));

  *slot = NULL;
  if (offset == 0)
    return TRUE;
  if (offset & (image->cluster_size - 1))
    return qcow2_image_throw_corrupt (
        image, error, "a refcount block lies at %#" G_GINT64_MODIFIER "x, where no cluster begins",
        offset);

  *slot = qcow2_cache_get (&image->refs, key, error);
  return *slot != NULL;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_get (Qcow2Image *image, guint64 cluster, guint64 *count, GError **error)
{
  Qcow2Slot *slot;

  *count = 0;
  if (!get_slice (image, cluster, &slot, error))
    return FALSE;
  if (slot == NULL)
    return TRUE;

  *count = load_count (image, slot, index_of (image, cluster));
  qcow2_cache_put (&image->refs, slot);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_get_many (Qcow2Image *image, guint64 cluster, guint n, guint64 *counts,
                         GError **error)
{
  guint per_slice = 1u << image->refs_slice_bits;

  while (n > 0)
    {
      guint first = index_of (image, cluster);
      guint here = MIN (n, per_slice - first);
      Qcow2Slot *slot;

      if (!get_slice (image, cluster, &slot, error))
        return FALSE;
      for (guint i = 0; i < here; i++)
        counts[i] = slot != NULL ? load_count (image, slot, first + i) : 0;
      if (slot != NULL)
        qcow2_cache_put (&image->refs, slot);

      cluster += here;
      counts += here;
      n -= here;
    }
  return TRUE;
}

static void
search_slice (Qcow2Image *image, const Qcow2Slot *slot, guint64 cluster, guint64 end,
              Qcow2FreeRun *found)
{
  for (; cluster < end && found->n < found->max; cluster++)
    if (load_count (image, slot, index_of (image, cluster)) != 0)
      found->n = 0;
    else
      {
        if (found->n == 0)
          found->first = cluster;
        found->n++;
      }
}

gboolean BANYAN_COROUTINE
qcow2_refcount_search (Qcow2Image *image, guint64 *cluster, Qcow2FreeRun *found,
                       gboolean *is_counted, GError **error)
{
  guint64 end = (*cluster | ((G_GUINT64_CONSTANT (1) << image->refs_slice_bits) - 1)) + 1;
  Qcow2Slot *slot;

  if (!get_slice (image, *cluster, &slot, error))
    return FALSE;

  *is_counted = slot != NULL;
  if (slot == NULL)
    return TRUE;

  search_slice (image, slot, *cluster, end, found);
  qcow2_cache_put (&image->refs, slot);
  *cluster = end;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_set (Qcow2Image *image, guint64 cluster, guint64 count, GError **error)
{
  Qcow2Slot *slot;

  if (!get_slice (image, cluster, &slot, error))
    return FALSE;
  if (slot == NULL)
    return banyan_throw_errno (error, EIO, "%s: a refcount block lost its place", image->name);

  store_count (image, slot, index_of (image, cluster), count);
  qcow2_cache_put (&image->refs, slot);
  if (count == 0)
    image->first_free = MIN (image->first_free, cluster);
  return TRUE;
}

/* -- Counting. -- */

static gboolean BANYAN_COROUTINE
change_slice (Qcow2Image *image, Qcow2Slot *slot, guint64 first, guint64 end, gint change,
              GError **error)
{
  for (guint64 cluster = first; cluster < end; cluster++)
    {
      guint index = index_of (image, cluster);
      guint64 count = load_count (image, slot, index);

      if (change < 0 && count == 0)
        return qcow2_image_throw_corrupt (
            image, error, "a cluster at %#" G_GINT64_MODIFIER "x is used, and counted as free",
            cluster << image->cluster_bits);
      if (change > 0 && count == qcow2_refcount_max (image))
        return banyan_throw_errno (error, EOVERFLOW,
                                   "%s: a cluster has as many users as its refcount can count",
                                   image->name);
      store_count (image, slot, index, count + change);
      if (count + change > 0)
        continue;
      image->first_free = MIN (image->first_free, cluster);
      /* Whoever gets it next is not the one to share it with compressed data. */
      if (cluster == image->packing >> image->cluster_bits)
        image->packing = 0;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_change (Qcow2Image *image, guint64 first, guint64 count, gint change, GError **error)
{
  guint64 end = first + count;
  gboolean done = TRUE;

  while (first < end && done)
    {
      guint64 slice_end = (first | ((G_GUINT64_CONSTANT (1) << image->refs_slice_bits) - 1)) + 1;
      Qcow2Slot *slot;

      if (!get_slice (image, first, &slot, error))
        return FALSE;
      if (slot == NULL)
        return qcow2_image_throw_corrupt (image, error,
                                          "a cluster at %#" G_GINT64_MODIFIER
                                          "x is used, and no refcount block counts it",
                                          first << image->cluster_bits);
      done = change_slice (image, slot, first, MIN (end, slice_end), change, error);
      qcow2_cache_put (&image->refs, slot);
      first = slice_end;
    }
  return done;
}

/* Free by its count, and yet one of our tables: the count is wrong, and writing there would destroy
 * the image. */
gboolean BANYAN_COROUTINE
qcow2_refcount_check_free (Qcow2Image *image, guint64 first, guint64 count, GError **error)
{
  Qcow2Meta found;

  if (!qcow2_overlap_find (&image->overlap, first, count, BANYAN_LIVE (image->overlap_check),
                           &found))
    return TRUE;

  return qcow2_image_throw_corrupt (image, error, "a cluster counted as free holds %s",
                                    qcow2_meta_to_string (found));
}

/* -- Writing. -- */

void
qcow2_refcount_lead_to_block (Qcow2Image *image, guint64 block, guint64 offset)
{
  __atomic_store_n (&image->reftable[block], offset, __ATOMIC_RELEASE);
  image->reftable_dirty_from = MIN (image->reftable_dirty_from, block);
  image->reftable_dirty_to = MAX (image->reftable_dirty_to, block + 1);
  __atomic_store_n (&image->reftable_is_dirty, TRUE, __ATOMIC_RELEASE);
}

void
qcow2_refcount_forget_table (Qcow2Image *image)
{
  image->reftable_dirty_from = G_MAXUINT;
  image->reftable_dirty_to = 0;
  __atomic_store_n (&image->reftable_is_dirty, FALSE, __ATOMIC_RELEASE);
}

gboolean
qcow2_refcount_is_dirty (Qcow2Image *image)
{
  return __atomic_load_n (&image->reftable_is_dirty, __ATOMIC_ACQUIRE)
         || qcow2_cache_is_dirty (&image->refs);
}

static gboolean BANYAN_COROUTINE
write_table_entries (Qcow2Image *image, GError **error)
{
  guint from = image->reftable_dirty_from & ~63u;
  guint to = MIN ((image->reftable_dirty_to + 63) & ~63u, image->reftable_size);
  g_autofree guint64 *entries = g_new (guint64, to - from);
  guint64 offset = image->header.reftable_offset + from * sizeof *entries;

  for (guint i = from; i < to; i++)
    entries[i - from] = GUINT64_TO_BE (image->reftable[i]);
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_HOOKUP);
  if (!qcow2_image_write_table (image, QCOW2_META_REFCOUNT_TABLE, offset, entries,
                                (to - from) * sizeof *entries, error))
    return FALSE;

  qcow2_refcount_forget_table (image);
  return TRUE;
}

/* A new block has to be there before the table leads to it. That is rare, and worth keeping
 * everyone out who might add another one. */
static gboolean BANYAN_COROUTINE
write_table (Qcow2Image *image, GError **error)
{
  gboolean done;

  banyan_co_mutex_lock (&image->refs_mutex);
  done = !image->reftable_is_dirty
         || (qcow2_cache_write_all (&image->refs, error) && banyan_child_flush (image->file, error)
             && write_table_entries (image, error));
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_write (Qcow2Image *image, GError **error)
{
  return qcow2_cache_write_all (&image->refs, error)
         && (!__atomic_load_n (&image->reftable_is_dirty, __ATOMIC_ACQUIRE)
             || write_table (image, error));
}

/* For the cache, which may need room while refs_mutex is held. */
gboolean BANYAN_COROUTINE
qcow2_refcount_clean (Qcow2Image *image, GError **error)
{
  return qcow2_cache_write_all (&image->refs, error);
}
