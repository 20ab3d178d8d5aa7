/* qcow2-exchange.c - another disk, and other snapshots, by one write of the header
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who uses a cluster is said twice, by its count and by a bit of the entry that leads there, and no
 * order of changing them would be right at each instant. So neither is changed: tables whose bits
 * are to be others are copied, all counts are written anew, and then one sector of the header leads
 * to new L1 entries, new snapshots and new counts at once. Until then the new tables lie where
 * clusters are free; from then on, the old ones do. */

#include "qcow2-exchange.h"

#include "qcow2-rebuild.h"
#include "qcow2-refcount.h"
#include "qcow2-space.h"
#include "qcow2-walk.h"

#include <errno.h>
#include <string.h>

typedef struct
{
  Qcow2Exchange *wanted;
  Qcow2Image *image;
  Qcow2Walk walk;
  Qcow2CheckResult result;
  Qcow2Roots roots;
  GArray *fresh; /* (owned) (element-type Qcow2Freed): given out for what is new */
  GArray *freed; /* (owned) (element-type Qcow2Freed): what nothing leads to afterwards */
} Work;

void
qcow2_exchange_init (Qcow2Exchange *self, Qcow2Image *image)
{
  *self = (Qcow2Exchange){ .n_l1 = image->l1_size, .disk_size = image->header.size };
  self->l1 = g_new0 (guint64, QCOW2_MAX_L1_BYTES / 8);
  memcpy (self->l1, image->l1, image->l1_size * sizeof *self->l1);
  self->kept = g_array_new (FALSE, FALSE, sizeof (Qcow2Snapshot));
  if (image->snapshots->len > 0)
    g_array_append_vals (self->kept, image->snapshots->data, image->snapshots->len);
}

void
qcow2_exchange_clear (Qcow2Exchange *self)
{
  g_clear_pointer (&self->l1, g_free);
  g_clear_pointer (&self->kept, g_array_unref);
}

/* -- Counting. -- */

static gboolean BANYAN_COROUTINE
count_all (Work *self, GError **error)
{
  const Qcow2Exchange *wanted = self->wanted;

  if (!qcow2_walk_trees (&self->walk, wanted->l1, wanted->n_l1, wanted->kept, error)
      || (wanted->made != NULL && !qcow2_walk_again (&self->walk, wanted->l1, wanted->n_l1, error)))
    return FALSE;
  return self->result.corruptions == 0
         || banyan_throw_errno (error, EIO,
                                "%s: the image has %" G_GUINT64_FORMAT
                                " errors that have to be repaired before",
                                self->image->name, self->result.corruptions);
}

static guint32
count_of (Work *self, guint64 place)
{
  return qcow2_counts_get (&self->walk.counts, place >> self->image->cluster_bits);
}

/* -- New places. -- */

/* @n_users: of each of the clusters. */
static gboolean BANYAN_COROUTINE
allocate (Work *self, gsize bytes, guint32 n_users, guint64 *offset, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 n = (bytes + image->cluster_size - 1) >> image->cluster_bits;
  Qcow2Freed fresh = { .length = n << image->cluster_bits };
  gboolean is_fresh;
  guint64 count;

  *offset = 0;
  if (n == 0)
    return TRUE;
  if (!qcow2_space_allocate (image, n, n, offset, &count, &is_fresh, error))
    return FALSE;

  fresh.offset = *offset;
  g_array_append_val (self->fresh, fresh);
  for (guint64 i = 0; i < n; i++)
    {
      guint64 cluster = (*offset >> image->cluster_bits) + i;

      if (qcow2_counts_get (&self->walk.counts, cluster) != 0)
        return qcow2_image_throw_corrupt (
            image, error, "a cluster at %#" G_GINT64_MODIFIER "x is used, and counted as free",
            cluster << image->cluster_bits);
      qcow2_counts_set (&self->walk.counts, cluster, n_users);
    }
  return TRUE;
}

/* @bytes has room for whole clusters. */
static gboolean BANYAN_COROUTINE
write_new (Work *self, Qcow2Meta kind, gconstpointer bytes, gsize length, guint64 *offset,
           GError **error)
{
  return allocate (self, length, 1, offset, error)
         && (length == 0
             || qcow2_image_write_table (self->image, kind, *offset, bytes,
                                         qcow2_round_up (length, self->image->cluster_size),
                                         error));
}

/* -- L2 tables. -- */

/* Whether one of the bits was wrong. */
static gboolean
correct_bits (Work *self, guint64 *words)
{
  Qcow2Image *image = self->image;
  gboolean has_changed = FALSE;

  for (gsize i = 0; i < image->cluster_size / 8; i += image->entry_words)
    {
      guint64 value = GUINT64_FROM_BE (words[i]);
      guint64 place = value & QCOW2_OFFSET_MASK;
      guint64 right;

      if ((value & QCOW2_COMPRESSED) || place == 0)
        continue;
      right = count_of (self, place) == 1 ? value | QCOW2_COPIED : value & ~QCOW2_COPIED;
      has_changed |= right != value;
      words[i] = GUINT64_TO_BE (right);
    }
  return has_changed;
}

/* Only the disk, and a snapshot of it that is made now, lead to a table whose clusters were, or
 * will be, used once. In one that others have, too, a bit that is set was wrong before. */
static gboolean BANYAN_COROUTINE
copy_table (Work *self, guint64 *table, const guint64 *words, GError **error)
{
  Qcow2Image *image = self->image;
  guint32 n_own = self->wanted->made != NULL ? 2 : 1;
  guint64 old = *table;

  if (count_of (self, old) <= n_own)
    {
      if (!allocate (self, image->cluster_size, n_own, table, error))
        return FALSE;
      qcow2_counts_set (&self->walk.counts, old >> image->cluster_bits, 0);
    }
  return qcow2_image_write_table (image, QCOW2_META_INACTIVE_L2, *table, words, image->cluster_size,
                                  error);
}

static gboolean BANYAN_COROUTINE
correct_tables (Work *self, GError **error)
{
  Qcow2Image *image = self->image;
  g_autofree guint64 *words = g_malloc (image->cluster_size);

  for (guint i = 0; i < self->wanted->n_l1; i++)
    {
      guint64 table = self->wanted->l1[i] & QCOW2_OFFSET_MASK;

      if (table == 0)
        continue;
      if (!banyan_child_pread (image->file, table, words, image->cluster_size, error)
          || (correct_bits (self, words) && !copy_table (self, &table, words, error)))
        return FALSE;
      self->wanted->l1[i] = table | (count_of (self, table) == 1 ? QCOW2_COPIED : 0);
    }
  return TRUE;
}

/* -- L1 tables. -- */

static gboolean BANYAN_COROUTINE
write_l1 (Work *self, Qcow2Meta kind, guint64 *offset, GError **error)
{
  const Qcow2Exchange *wanted = self->wanted;
  gsize bytes = (gsize) wanted->n_l1 * 8;
  g_autofree guint64 *entries = g_malloc0 (qcow2_round_up (bytes, self->image->cluster_size));

  for (guint i = 0; i < wanted->n_l1; i++)
    entries[i] = GUINT64_TO_BE (wanted->l1[i]);
  return write_new (self, kind, entries, bytes, offset, error);
}

/* -- The list of snapshots. -- */

static void
format_entry (const Qcow2Snapshot *snapshot, guint8 *bytes)
{
  gsize extra_size;
  const guint8 *extra = g_bytes_get_data (snapshot->extra, &extra_size);
  gsize id_size = strlen (snapshot->id), name_size = strlen (snapshot->name);

  qcow2_put64 (bytes, snapshot->l1_offset);
  qcow2_put32 (bytes + 8, snapshot->l1_size);
  qcow2_put16 (bytes + 12, id_size);
  qcow2_put16 (bytes + 14, name_size);
  qcow2_put32 (bytes + 16, snapshot->date_s);
  qcow2_put32 (bytes + 20, snapshot->date_ns);
  qcow2_put64 (bytes + 24, snapshot->clock_ns);
  qcow2_put32 (bytes + 32, snapshot->state_size <= G_MAXUINT32 ? snapshot->state_size : 0);
  qcow2_put32 (bytes + 36, extra_size);
  bytes += QCOW2_SNAPSHOT_ENTRY_BYTES;
  if (extra_size > 0)
    memcpy (bytes, extra, extra_size);
  memcpy (bytes + extra_size, snapshot->id, id_size);
  memcpy (bytes + extra_size + id_size, snapshot->name, name_size);
}

static gboolean BANYAN_COROUTINE
write_list (Work *self, GError **error)
{
  const Qcow2Exchange *wanted = self->wanted;
  gsize size = qcow2_snapshots_size (wanted->kept)
               + (wanted->made != NULL ? qcow2_snapshot_size (wanted->made) : 0);
  g_autofree guint8 *bytes = g_malloc0 (qcow2_round_up (size, self->image->cluster_size));
  gsize at = 0;

  for (guint i = 0; i < wanted->kept->len; i++)
    {
      const Qcow2Snapshot *snapshot = &g_array_index (wanted->kept, Qcow2Snapshot, i);

      format_entry (snapshot, bytes + at);
      at += qcow2_snapshot_size (snapshot);
    }
  if (wanted->made != NULL)
    format_entry (wanted->made, bytes + at);
  self->roots.n_snapshots = wanted->kept->len + (wanted->made != NULL);
  return write_new (self, QCOW2_META_SNAPSHOT_TABLE, bytes, size, &self->roots.snapshots_offset,
                    error);
}

/* -- What becomes free. -- */

static void
note_freed (Work *self, guint64 cluster)
{
  Qcow2Image *image = self->image;
  Qcow2Freed run = { cluster << image->cluster_bits, image->cluster_size, QCOW2_DISCARD_SNAPSHOT };
  Qcow2Freed *last = self->freed->len > 0
                         ? &g_array_index (self->freed, Qcow2Freed, self->freed->len - 1)
                         : NULL;

  if (last != NULL && last->offset + last->length == run.offset)
    last->length += run.length;
  else
    g_array_append_val (self->freed, run);
}

static gboolean BANYAN_COROUTINE
find_freed_of_block (Work *self, guint64 block, GError **error)
{
  guint64 per_block = G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (self->image);
  guint64 counts[QCOW2_COUNTS_CHUNK];

  for (guint64 i = 0; i < per_block; i += QCOW2_COUNTS_CHUNK)
    {
      guint64 first = block * per_block + i;
      guint n = MIN (per_block - i, QCOW2_COUNTS_CHUNK);

      if (!qcow2_refcount_get_many (self->image, first, n, counts, error))
        return FALSE;
      /* From there on, new counts will lie. */
      for (guint j = 0; j < n && first + j < self->image->high_water; j++)
        if (counts[j] != 0 && qcow2_counts_get (&self->walk.counts, first + j) == 0)
          note_freed (self, first + j);
    }
  return TRUE;
}

/* While the old counts are there to be compared with. */
static gboolean BANYAN_COROUTINE
find_freed (Work *self, GError **error)
{
  Qcow2Image *image = self->image;

  if (!BANYAN_LIVE (image->pass_discard[QCOW2_DISCARD_SNAPSHOT]))
    return TRUE;

  for (guint64 block = 0; block < image->reftable_size; block++)
    if ((image->reftable[block] & QCOW2_OFFSET_MASK) != 0
        && !find_freed_of_block (self, block, error))
      return FALSE;
  return TRUE;
}

/* What cannot be discarded is space that stays taken, and no more. */
static void BANYAN_COROUTINE
discard_freed (Work *self)
{
  Qcow2Image *image = self->image;
  guint64 end = banyan_child_get_length (image->file);

  for (guint i = 0; i < self->freed->len; i++)
    {
      const Qcow2Freed *run = &g_array_index (self->freed, Qcow2Freed, i);
      guint64 to = MIN (run->offset + run->length, end);
      BanyanRequest request = BANYAN_REQUEST (run->offset, to - MIN (run->offset, to), NULL, 0);

      if (request.length > 0)
        banyan_child_discard (image->file, &request, NULL);
    }
}

/* -- All of it. -- */

static guint64
l1_clusters (Qcow2Image *image, guint n)
{
  return ((guint64) n * 8 + image->cluster_size - 1) >> image->cluster_bits;
}

static void
note_l1 (Qcow2Image *image, const Qcow2Snapshot *snapshot)
{
  qcow2_overlap_add (&image->overlap, snapshot->l1_offset >> image->cluster_bits,
                     l1_clusters (image, snapshot->l1_size), QCOW2_META_INACTIVE_L1);
}

static void
note_tables (Work *self)
{
  Qcow2Image *image = self->image;
  const Qcow2Exchange *wanted = self->wanted;
  gsize list_size = qcow2_snapshots_size (wanted->kept)
                    + (wanted->made != NULL ? qcow2_snapshot_size (wanted->made) : 0);

  qcow2_overlap_remove_kinds (&image->overlap, 1u << QCOW2_META_ACTIVE_L1
                                                   | 1u << QCOW2_META_INACTIVE_L1
                                                   | 1u << QCOW2_META_SNAPSHOT_TABLE);
  for (guint i = 0; i < wanted->kept->len; i++)
    note_l1 (image, &g_array_index (wanted->kept, Qcow2Snapshot, i));
  if (wanted->made != NULL)
    note_l1 (image, wanted->made);
  qcow2_overlap_add (&image->overlap, self->roots.l1_offset >> image->cluster_bits,
                     l1_clusters (image, wanted->n_l1), QCOW2_META_ACTIVE_L1);
  qcow2_overlap_add (&image->overlap, self->roots.snapshots_offset >> image->cluster_bits,
                     (list_size + image->cluster_size - 1) >> image->cluster_bits,
                     QCOW2_META_SNAPSHOT_TABLE);
}

/* In memory, what the header leads to by now. */
static void BANYAN_COROUTINE
adopt (Work *self)
{
  Qcow2Image *image = self->image;
  const Qcow2Exchange *wanted = self->wanted;
  guint old_n = image->l1_size;

  for (guint i = 0; i < MAX (wanted->n_l1, old_n); i++)
    __atomic_store_n (&image->l1[i], i < wanted->n_l1 ? wanted->l1[i] : 0, __ATOMIC_RELEASE);
  __atomic_store_n (&image->l1_size, wanted->n_l1, __ATOMIC_RELEASE);
  qcow2_cache_drop (&image->l2);
  note_tables (self);
  discard_freed (self);
}

static gboolean BANYAN_COROUTINE
switch_over (Work *self, GError **error)
{
  Qcow2Image *image = self->image;

  if (qcow2_rebuild (image, &self->walk.counts, &self->roots, error))
    return TRUE;

  banyan_co_mutex_lock (&image->header_mutex);
  qcow2_image_put_back_header (image);
  banyan_co_mutex_unlock (&image->header_mutex);
  return FALSE;
}

static gboolean BANYAN_COROUTINE
write_all (Work *self, GError **error)
{
  Qcow2Exchange *wanted = self->wanted;

  return count_all (self, error) && correct_tables (self, error)
         && (wanted->made == NULL
             || write_l1 (self, QCOW2_META_INACTIVE_L1, &wanted->made->l1_offset, error))
         && write_l1 (self, QCOW2_META_ACTIVE_L1, &self->roots.l1_offset, error)
         && write_list (self, error) && find_freed (self, error) && switch_over (self, error);
}

static void BANYAN_COROUTINE
give_back (Work *self)
{
  for (guint i = 0; i < self->fresh->len; i++)
    {
      const Qcow2Freed *fresh = &g_array_index (self->fresh, Qcow2Freed, i);

      qcow2_space_drop (self->image, fresh->offset, fresh->length, QCOW2_DISCARD_NEVER, NULL);
    }
}

gboolean BANYAN_COROUTINE
qcow2_exchange_run (Qcow2Exchange *self, Qcow2Image *image, GError **error)
{
  Work work = { .wanted = self, .image = image };
  gboolean done;

  work.roots.size = self->disk_size;
  work.roots.l1_size = self->n_l1;
  work.fresh = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  work.freed = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  qcow2_walk_init (&work.walk, image, &work.result);
  done = write_all (&work, error);
  if (done)
    adopt (&work);
  else
    give_back (&work);
  qcow2_walk_clear (&work.walk);
  g_array_unref (work.freed);
  g_array_unref (work.fresh);
  return done;
}
