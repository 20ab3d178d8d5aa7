/* qcow2-reftable.c - clusters that no refcount block counts yet
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * They get a block, and where the table has no entry for that, a larger table. All under
 * refs_mutex. */

#include "qcow2-reftable.h"

#include "qcow2-refcount.h"

#include <errno.h>
#include <string.h>

static guint64
max_cluster (const Qcow2Image *image)
{
  return G_GUINT64_CONSTANT (1) << (QCOW2_MAX_HOST_BITS - image->cluster_bits);
}

/* -- Blocks. -- */

static gboolean BANYAN_COROUTINE
zero_clusters (Qcow2Image *image, guint64 cluster, guint64 count, GError **error)
{
  guint64 offset = cluster << image->cluster_bits, length = count << image->cluster_bits;

  return qcow2_image_grow_child (image, image->file, offset + length, error)
         && (cluster >= image->high_water
             || qcow2_image_zero_table (image, QCOW2_META_REFCOUNT_BLOCK, offset, length, error));
}

static gboolean
has_block (Qcow2Image *image, guint64 block)
{
  return block < image->reftable_size && image->reftable[block] != 0;
}

/* How many blocks are missing in a row from that of @cluster on, at most as many as count @n
 * clusters besides themselves: a table that lies in one piece may need more than one block counts.
 */
static guint64
count_missing (Qcow2Image *image, guint64 cluster, guint64 n)
{
  guint bits = qcow2_image_block_bits (image);
  guint64 first = cluster >> bits;
  guint64 missing = 1;

  while (((first + missing) << bits) - cluster < missing + n
         && first + missing < image->reftable_size && !has_block (image, first + missing))
    missing++;
  return missing;
}

/* A block that does not count itself would be given to somebody else. */
static void
forget_blocks (Qcow2Image *image, guint64 cluster, guint64 n)
{
  guint64 first = cluster >> qcow2_image_block_bits (image);

  qcow2_overlap_remove (&image->overlap, cluster, n);
  for (guint64 i = 0; i < n; i++)
    __atomic_store_n (&image->reftable[first + i], 0, __ATOMIC_RELEASE);
}

/* Puts the blocks that count @n clusters from @cluster on, or some of them, there. Their entries in
 * the table wait for them to be on storage. */
static gboolean BANYAN_COROUTINE
add_blocks (Qcow2Image *image, guint64 cluster, guint64 n, GError **error)
{
  guint64 first = cluster >> qcow2_image_block_bits (image);
  guint64 n_blocks = count_missing (image, cluster, n);
  gboolean done = TRUE;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC);
  if (!qcow2_refcount_check_free (image, cluster, n_blocks, error))
    return FALSE;
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE);
  if (!zero_clusters (image, cluster, n_blocks, error))
    return FALSE;

  image->high_water = MAX (image->high_water, cluster + n_blocks);
  for (guint64 i = 0; i < n_blocks; i++)
    qcow2_refcount_lead_to_block (image, first + i, (cluster + i) << image->cluster_bits);
  qcow2_overlap_add (&image->overlap, cluster, n_blocks, QCOW2_META_REFCOUNT_BLOCK);
  for (guint64 i = 0; i < n_blocks && done; i++)
    done = qcow2_refcount_set (image, cluster + i, 1, error);
  if (!done)
    forget_blocks (image, cluster, n_blocks);
  return done;
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
  guint64 per_block = G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (image);
  guint64 entries = image->reftable_size + image->reftable_size / 2;
  guint64 before = 0;

  plan->first = MAX (cluster, (guint64) image->reftable_size << qcow2_image_block_bits (image));
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

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE_BLOCKS);
  for (guint64 i = 0; i < plan->n_blocks && written; i++)
    {
      guint64 here = MIN (left, G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (image));

      memset (words, 0, image->cluster_size);
      for (guint64 j = 0; j < here; j++)
        {
          guint64 *word = &words[(j << image->refcount_order) / 64];
          guint64 counts = GUINT64_FROM_BE (*word);

          counts = qcow2_refcount_write_word (image, counts, j, 1);
          *word = GUINT64_TO_BE (counts);
        }
      left -= here;
      written = qcow2_image_write_table (image, QCOW2_META_REFCOUNT_BLOCK,
                                         (plan->first + i) << image->cluster_bits, words,
                                         image->cluster_size, error);
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
    table[(plan->first >> qcow2_image_block_bits (image)) + i]
        = GUINT64_TO_BE ((plan->first + i) << image->cluster_bits);
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE_TABLE);
  return qcow2_image_write_table (image, QCOW2_META_REFCOUNT_TABLE,
                                  (plan->first + plan->n_blocks) << image->cluster_bits, table,
                                  bytes, error);
}

static gboolean BANYAN_COROUTINE
switch_table (Qcow2Image *image, const NewTable *plan, GError **error)
{
  Qcow2Header old;
  gboolean done;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_SWITCH_TABLE);
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
    __atomic_store_n (&image->reftable[(plan->first >> qcow2_image_block_bits (image)) + i],
                      (plan->first + i) << image->cluster_bits, __ATOMIC_RELEASE);
  image->reftable_size = (plan->n_table << image->cluster_bits) / 8;
  qcow2_refcount_forget_table (image);
  image->high_water = MAX (image->high_water, plan->first + plan->n_blocks + plan->n_table);
  qcow2_overlap_add (&image->overlap, plan->first, plan->n_blocks, QCOW2_META_REFCOUNT_BLOCK);
  qcow2_overlap_add (&image->overlap, plan->first + plan->n_blocks, plan->n_table,
                     QCOW2_META_REFCOUNT_TABLE);
}

/* The header leads to the new table only when that, and the blocks that it leads to, are there. */
static gboolean BANYAN_COROUTINE
grow_table (Qcow2Image *image, guint64 cluster, GError **error)
{
  guint64 old_offset = image->header.reftable_offset;
  guint64 old_bytes = (guint64) image->header.reftable_clusters << image->cluster_bits;
  NewTable plan;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_REFTABLE_GROW);
  plan_table (image, cluster, &plan);
  if (plan.n_table << image->cluster_bits > QCOW2_MAX_REFTABLE_BYTES
      || plan.first + plan.n_blocks + plan.n_table > max_cluster (image))
    return banyan_throw_errno (error, EFBIG, "%s: the image cannot become larger", image->name);
  if (!qcow2_refcount_check_free (image, plan.first, plan.n_blocks + plan.n_table, error)
      || !qcow2_image_grow_child (
          image, image->file, (plan.first + plan.n_blocks + plan.n_table) << image->cluster_bits,
          error)
      || !qcow2_cache_write_all (&image->refs, error) || !write_new_blocks (image, &plan, error)
      || !write_new_table (image, &plan, error) || !banyan_child_flush (image->file, error)
      || !switch_table (image, &plan, error))
    return FALSE;

  adopt_table (image, &plan);
  qcow2_overlap_remove (&image->overlap, old_offset >> image->cluster_bits,
                        old_bytes >> image->cluster_bits);
  return qcow2_refcount_change (image, old_offset >> image->cluster_bits,
                                old_bytes >> image->cluster_bits, -1, error);
}

gboolean BANYAN_COROUTINE
qcow2_reftable_make_countable (Qcow2Image *image, guint64 cluster, guint64 n, GError **error)
{
  if (cluster >= max_cluster (image))
    return banyan_throw_errno (error, EFBIG, "%s: the image cannot become larger", image->name);
  if (cluster >> qcow2_image_block_bits (image) >= image->reftable_size)
    return grow_table (image, cluster, error);
  return add_blocks (image, cluster, n, error);
}
