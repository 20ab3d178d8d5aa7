/* qcow2-refcount.c - how many users each host cluster has, and which are free
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counts lie in blocks of one cluster, found through the refcount table. In memory are slices of
 * them. A block describes itself: it lies in the first free cluster of those that it counts. */

#include "qcow2-refcount.h"

#include <errno.h>
#include <string.h>

#define WORD_BITS 64

/* Block and slice of a cluster. */
static guint
block_bits (const Qcow2Image *image)
{
  return image->cluster_bits + 3 - image->refcount_order;
}

static guint64
max_cluster (const Qcow2Image *image)
{
  return G_GUINT64_CONSTANT (1) << (QCOW2_MAX_HOST_BITS - image->cluster_bits);
}

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
  guint bits = block_bits (image) - image->refs_slice_bits;
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
  guint64 offset = block_offset (image, cluster >> block_bits (image));

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

/* -- Blocks. Under refs_mutex. -- */

static gboolean BANYAN_COROUTINE
zero_clusters (Qcow2Image *image, guint64 cluster, guint64 count, GError **error)
{
  BanyanRequest zeroes
      = BANYAN_REQUEST (cluster << image->cluster_bits, count << image->cluster_bits, NULL, 0);

  return qcow2_image_grow_child (image, image->file, zeroes.offset + zeroes.length, error)
         && (cluster >= image->high_water
             || banyan_child_write_zeroes (image->file, &zeroes, error) == BANYAN_DONE);
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

static void
forget_table_changes (Qcow2Image *image)
{
  image->reftable_dirty_from = G_MAXUINT;
  image->reftable_dirty_to = 0;
  __atomic_store_n (&image->reftable_is_dirty, FALSE, __ATOMIC_RELEASE);
}

/* Free by its count, and yet one of our tables: the count is wrong, and writing there would destroy
 * the image. */
static gboolean BANYAN_COROUTINE
check_free (Qcow2Image *image, guint64 first, guint64 count, GError **error)
{
  Qcow2Meta found;

  if (!qcow2_overlap_find (&image->overlap, first, count, BANYAN_LIVE (image->overlap_check),
                           &found))
    return TRUE;

  return qcow2_image_throw_corrupt (image, error, "a cluster counted as free holds %s",
                                    qcow2_meta_to_string (found));
}

/* Puts the block that counts @cluster, and has none yet, there. Its entry in the table waits for
 * the block to be on storage. */
static gboolean BANYAN_COROUTINE
add_block (Qcow2Image *image, guint64 cluster, GError **error)
{
  guint64 block = cluster >> block_bits (image);

  if (!check_free (image, cluster, 1, error) || !zero_clusters (image, cluster, 1, error))
    return FALSE;

  image->high_water = MAX (image->high_water, cluster + 1);
  __atomic_store_n (&image->reftable[block], cluster << image->cluster_bits, __ATOMIC_RELEASE);
  image->reftable_dirty_from = MIN (image->reftable_dirty_from, block);
  image->reftable_dirty_to = MAX (image->reftable_dirty_to, block + 1);
  __atomic_store_n (&image->reftable_is_dirty, TRUE, __ATOMIC_RELEASE);
  qcow2_overlap_add (&image->overlap, cluster, 1, QCOW2_META_REFCOUNT_BLOCK);
  if (qcow2_refcount_set (image, cluster, 1, error))
    return TRUE;

  /* A block that does not count itself would be given to somebody else. */
  qcow2_overlap_remove (&image->overlap, cluster, 1);
  __atomic_store_n (&image->reftable[block], 0, __ATOMIC_RELEASE);
  return FALSE;
}

/* -- A larger table. -- */

typedef struct
{
  guint64 first;    /* cluster: blocks begin here, the table follows */
  guint64 n_blocks; /* new ones: they count themselves and the table */
  guint64 n_table;  /* clusters */
} NewTable;

/* At least half as large again, so that this does not happen often. */
static void
plan_table (Qcow2Image *image, guint64 cluster, NewTable *plan)
{
  guint64 per_block = G_GUINT64_CONSTANT (1) << block_bits (image);
  guint64 entries = image->reftable_size + image->reftable_size / 2;
  guint64 before = 0;

  plan->first = MAX (cluster, (guint64) image->reftable_size << block_bits (image));
  plan->first = qcow2_round_up (plan->first, per_block);
  plan->n_blocks = 1;
  while (plan->n_blocks != before)
    {
      guint64 last_block = (plan->first / per_block) + plan->n_blocks;

      before = plan->n_blocks;
      plan->n_table
          = (MAX (entries, last_block + 1) * 8 + image->cluster_size - 1) >> image->cluster_bits;
      plan->n_blocks = (plan->n_blocks + plan->n_table + per_block - 1) / per_block;
      plan->n_blocks = MAX (plan->n_blocks, before);
    }
}

static gboolean BANYAN_COROUTINE
write_new_blocks (Qcow2Image *image, const NewTable *plan, GError **error)
{
  guint64 left = plan->n_blocks + plan->n_table;
  g_autofree guint64 *words = g_malloc (image->cluster_size);
  gboolean written = TRUE;

  for (guint64 i = 0; i < plan->n_blocks && written; i++)
    {
      guint64 here = MIN (left, G_GUINT64_CONSTANT (1) << block_bits (image));

      memset (words, 0, image->cluster_size);
      for (guint64 j = 0; j < here; j++)
        {
          guint64 *word = &words[word_of (image, j)];
          guint64 counts = GUINT64_FROM_BE (*word);

          counts = qcow2_refcount_write_word (image, counts, j, 1);
          *word = GUINT64_TO_BE (counts);
        }
      left -= here;
      written = banyan_child_pwrite (image->file, (plan->first + i) << image->cluster_bits, words,
                                     image->cluster_size, 0, error);
    }
  return written;
}

static gboolean BANYAN_COROUTINE
write_new_table (Qcow2Image *image, const NewTable *plan, GError **error)
{
  gsize bytes = plan->n_table << image->cluster_bits;
  g_autofree guint64 *table = g_malloc0 (bytes);

  for (guint i = 0; i < image->reftable_size; i++)
    table[i] = GUINT64_TO_BE (image->reftable[i]);
  for (guint64 i = 0; i < plan->n_blocks; i++)
    table[(plan->first >> block_bits (image)) + i]
        = GUINT64_TO_BE ((plan->first + i) << image->cluster_bits);
  return banyan_child_pwrite (image->file, (plan->first + plan->n_blocks) << image->cluster_bits,
                              table, bytes, 0, error);
}

static gboolean BANYAN_COROUTINE
switch_table (Qcow2Image *image, const NewTable *plan, GError **error)
{
  Qcow2Header old;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  old = image->header;
  image->header.reftable_offset = (plan->first + plan->n_blocks) << image->cluster_bits;
  image->header.reftable_clusters = plan->n_table;
  done = qcow2_header_write_fields (&image->header, image->file, error)
         && banyan_child_flush (image->file, error);
  if (!done)
    {
      image->header.reftable_offset = old.reftable_offset;
      image->header.reftable_clusters = old.reftable_clusters;
      qcow2_image_put_back_header (image);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

static void
adopt_table (Qcow2Image *image, const NewTable *plan)
{
  for (guint64 i = 0; i < plan->n_blocks; i++)
    __atomic_store_n (&image->reftable[(plan->first >> block_bits (image)) + i],
                      (plan->first + i) << image->cluster_bits, __ATOMIC_RELEASE);
  image->reftable_size = (plan->n_table << image->cluster_bits) / 8;
  forget_table_changes (image);
  image->high_water = MAX (image->high_water, plan->first + plan->n_blocks + plan->n_table);
  qcow2_overlap_add (&image->overlap, plan->first, plan->n_blocks, QCOW2_META_REFCOUNT_BLOCK);
  qcow2_overlap_add (&image->overlap, plan->first + plan->n_blocks, plan->n_table,
                     QCOW2_META_REFCOUNT_TABLE);
}

static gboolean BANYAN_COROUTINE drop_locked (Qcow2Image *image, guint64 offset, guint64 length,
                                              GError **error);

/* The header leads to the new table only when that, and the blocks that it leads to, are there. */
static gboolean BANYAN_COROUTINE
grow_table (Qcow2Image *image, guint64 cluster, GError **error)
{
  guint64 old_offset = image->header.reftable_offset;
  guint64 old_bytes = (guint64) image->header.reftable_clusters << image->cluster_bits;
  NewTable plan;

  plan_table (image, cluster, &plan);
  if (plan.n_table << image->cluster_bits > QCOW2_MAX_REFTABLE_BYTES
      || plan.first + plan.n_blocks + plan.n_table > max_cluster (image))
    return banyan_throw_errno (error, EFBIG, "%s: the image cannot become larger", image->name);
  if (!qcow2_image_grow_child (image, image->file,
                               (plan.first + plan.n_blocks + plan.n_table) << image->cluster_bits,
                               error)
      || !qcow2_cache_write_all (&image->refs, error) || !write_new_blocks (image, &plan, error)
      || !write_new_table (image, &plan, error) || !banyan_child_flush (image->file, error)
      || !switch_table (image, &plan, error))
    return FALSE;

  adopt_table (image, &plan);
  qcow2_overlap_remove (&image->overlap, old_offset >> image->cluster_bits,
                        old_bytes >> image->cluster_bits);
  return drop_locked (image, old_offset, old_bytes, error);
}

/* -- Searching. Under refs_mutex. -- */

/* Looks for free clusters from @cluster to the end of its slice. @run: how many of them in a row,
 * counted on from before; it may begin in an earlier slice. */
typedef struct
{
  guint64 first;
  guint64 run;
  guint64 max;
} Search;

static void
search_slice (Qcow2Image *image, const Qcow2Slot *slot, guint64 cluster, Search *search)
{
  guint64 end = (cluster | ((G_GUINT64_CONSTANT (1) << image->refs_slice_bits) - 1)) + 1;

  for (; cluster < end && search->run < search->max; cluster++)
    if (load_count (image, slot, index_of (image, cluster)) != 0)
      search->run = 0;
    else
      {
        if (search->run == 0)
          search->first = cluster;
        search->run++;
      }
}

static gboolean BANYAN_COROUTINE
make_countable (Qcow2Image *image, guint64 cluster, GError **error)
{
  if (cluster >= max_cluster (image))
    return banyan_throw_errno (error, EFBIG, "%s: the image cannot become larger", image->name);
  if (cluster >> block_bits (image) >= image->reftable_size)
    return grow_table (image, cluster, error);
  return add_block (image, cluster, error);
}

static gboolean BANYAN_COROUTINE
find_free (Qcow2Image *image, guint64 min, Search *search, GError **error)
{
  guint64 cluster = image->first_free;

  while (search->run < min)
    {
      Qcow2Slot *slot;

      if (!get_slice (image, cluster, &slot, error))
        return FALSE;
      if (slot == NULL)
        {
          if (!make_countable (image, cluster, error))
            return FALSE;
          search->run = 0;
          continue;
        }
      search_slice (image, slot, cluster, search);
      qcow2_cache_put (&image->refs, slot);
      cluster = (cluster | ((G_GUINT64_CONSTANT (1) << image->refs_slice_bits) - 1)) + 1;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE change_range (Qcow2Image *image, guint64 first, guint64 count,
                                               gint change, GError **error);

static gboolean BANYAN_COROUTINE
allocate_locked (Qcow2Image *image, guint64 min, Search *search, gboolean *is_fresh, GError **error)
{
  if (!find_free (image, min, search, error)
      || !check_free (image, search->first, search->run, error)
      || !change_range (image, search->first, search->run, 1, error))
    return FALSE;

  *is_fresh = search->first >= image->high_water;
  image->high_water = MAX (image->high_water, search->first + search->run);
  if (min == 1)
    image->first_free = search->first + search->run;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_allocate (Qcow2Image *image, guint64 min, guint64 max, guint64 *offset,
                         guint64 *count, gboolean *is_fresh, GError **error)
{
  Search search = { .max = max };
  gboolean done;

  banyan_co_mutex_lock (&image->refs_mutex);
  done = allocate_locked (image, min, &search, is_fresh, error);
  banyan_co_mutex_unlock (&image->refs_mutex);
  if (!done)
    return FALSE;

  *offset = search.first << image->cluster_bits;
  *count = search.run;
  if (qcow2_image_grow_child (image, image->file, *offset + (search.run << image->cluster_bits),
                              error))
    return TRUE;

  qcow2_refcount_drop (image, *offset, search.run << image->cluster_bits, QCOW2_DISCARD_NEVER,
                       NULL);
  return FALSE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_allocate_table (Qcow2Image *image, guint64 n_clusters, Qcow2Meta kind,
                               guint64 *offset, GError **error)
{
  gboolean is_fresh;
  guint64 count;

  if (!qcow2_refcount_allocate (image, n_clusters, n_clusters, offset, &count, &is_fresh, error))
    return FALSE;

  qcow2_overlap_add (&image->overlap, *offset >> image->cluster_bits, count, kind);
  return TRUE;
}

/* -- Compressed data: several to a cluster, which counts each. -- */

/* What is left of the cluster that was packed last, and, where the next one is free, into that. */
static gboolean BANYAN_COROUTINE
pack (Qcow2Image *image, guint64 length, guint64 *offset, GError **error)
{
  guint64 left = qcow2_round_up (image->packing, image->cluster_size) - image->packing;
  guint64 count = 0;
  Search search = { .max = 1 };
  gboolean is_fresh;

  if (left > 0 && !qcow2_refcount_get (image, image->packing >> image->cluster_bits, &count, error))
    return FALSE;
  if (count == 0 || count >= qcow2_refcount_max (image))
    left = 0;

  if (left < length)
    {
      if (!allocate_locked (image, 1, &search, &is_fresh, error))
        return FALSE;
      if (left == 0
          || search.first << image->cluster_bits
                 != qcow2_round_up (image->packing, image->cluster_size))
        {
          *offset = search.first << image->cluster_bits;
          image->packing = *offset + length;
          return TRUE;
        }
    }

  *offset = image->packing;
  if (!change_range (image, *offset >> image->cluster_bits, 1, 1, error))
    return FALSE;
  image->packing = *offset + length;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refcount_allocate_bytes (Qcow2Image *image, guint64 length, guint64 *offset, GError **error)
{
  gboolean done;

  banyan_co_mutex_lock (&image->refs_mutex);
  done = pack (image, length, offset, error);
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done
         && qcow2_image_grow_child (image, image->file,
                                    qcow2_round_up (*offset + length, image->cluster_size), error);
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

static gboolean BANYAN_COROUTINE
change_range (Qcow2Image *image, guint64 first, guint64 count, gint change, GError **error)
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

static guint64
count_clusters (const Qcow2Image *image, guint64 offset, guint64 length)
{
  return ((offset + length - 1) >> image->cluster_bits) - (offset >> image->cluster_bits) + 1;
}

static gboolean BANYAN_COROUTINE
drop_locked (Qcow2Image *image, guint64 offset, guint64 length, GError **error)
{
  return change_range (image, offset >> image->cluster_bits, count_clusters (image, offset, length),
                       -1, error);
}

gboolean BANYAN_COROUTINE
qcow2_refcount_add (Qcow2Image *image, guint64 offset, guint64 length, GError **error)
{
  gboolean done;

  banyan_co_mutex_lock (&image->refs_mutex);
  done = change_range (image, offset >> image->cluster_bits, count_clusters (image, offset, length),
                       1, error);
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done;
}

/* Under refs_mutex: whoever gets them next writes there only afterwards. */
static void BANYAN_COROUTINE
discard_free (Qcow2Image *image, guint64 offset, guint64 length)
{
  guint64 first = offset >> image->cluster_bits;
  guint64 end = first + count_clusters (image, offset, length);
  guint64 start = first;

  for (guint64 cluster = first; cluster <= end; cluster++)
    {
      guint64 count = 1;

      if (cluster < end && !qcow2_refcount_get (image, cluster, &count, NULL))
        count = 1;
      if (count == 0)
        continue;
      if (cluster > start)
        {
          guint64 to = MIN (cluster << image->cluster_bits, banyan_child_get_length (image->file));
          guint64 from = MIN (start << image->cluster_bits, to);
          BanyanRequest request = BANYAN_REQUEST (from, to - from, NULL, 0);

          if (request.length > 0)
            banyan_child_discard (image->file, &request, NULL);
        }
      start = cluster + 1;
    }
}

gboolean BANYAN_COROUTINE
qcow2_refcount_drop (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Discard why,
                     GError **error)
{
  gboolean done;

  /* Of a damaged image nobody knows what leads there. */
  if (__atomic_load_n (&image->is_corrupt, __ATOMIC_ACQUIRE))
    return TRUE;

  banyan_co_mutex_lock (&image->refs_mutex);
  done = drop_locked (image, offset, length, error);
  if (done && why != QCOW2_DISCARD_NEVER && BANYAN_LIVE (image->pass_discard[why]))
    discard_free (image, offset, length);
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done;
}

/* -- Writing. -- */

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
  if (!banyan_child_pwrite (image->file, offset, entries, (to - from) * sizeof *entries, 0, error))
    return FALSE;

  forget_table_changes (image);
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
