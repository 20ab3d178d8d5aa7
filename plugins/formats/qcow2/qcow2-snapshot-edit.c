/* qcow2-snapshot-edit.c - snapshots are made, taken up again, and thrown away
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each of these changes who uses the image's clusters. Counts that go up are on storage before
 * anybody new leads there, those that go down are lowered when nobody old does any more; between
 * them stands one write of the header. The counting itself is that of a check: it goes through all
 * that the image, as it is in memory, leads to. */

#include "qcow2-check.h"
#include "qcow2-order.h"
#include "qcow2-refcount.h"
#include "qcow2-space.h"
#include "qcow2-snapshot.h"
#include "qcow2-walk.h"

#include <errno.h>
#include <string.h>

#define EXTRA_BYTES 24

/* -- The table. -- */

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

static guint64
table_clusters (Qcow2Image *image)
{
  return (qcow2_snapshots_size (image) + image->cluster_size - 1) >> image->cluster_bits;
}

static gboolean BANYAN_COROUTINE
write_table (Qcow2Image *image, guint64 offset, GError **error)
{
  gsize size = table_clusters (image) << image->cluster_bits;
  g_autofree guint8 *bytes = g_malloc0 (size);
  gsize at = 0;

  for (guint i = 0; i < image->snapshots->len; i++)
    {
      const Qcow2Snapshot *snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, i);

      format_entry (snapshot, bytes + at);
      at += qcow2_round_up (QCOW2_SNAPSHOT_ENTRY_BYTES + g_bytes_get_size (snapshot->extra)
                                + strlen (snapshot->id) + strlen (snapshot->name),
                            8);
    }
  return banyan_child_pwrite (image->file, offset, bytes, size, 0, error)
         && banyan_child_flush (image->file, error);
}

static gboolean BANYAN_COROUTINE
write_header (Qcow2Image *image, guint64 offset, guint n, GError **error)
{
  guint64 old_offset = image->header.snapshots_offset;
  guint old_n = image->header.n_snapshots;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  image->header.snapshots_offset = offset;
  image->header.n_snapshots = n;
  done = qcow2_header_write_fields (&image->header, image->file, error)
         && banyan_child_flush (image->file, error);
  if (!done)
    {
      image->header.snapshots_offset = old_offset;
      image->header.n_snapshots = old_n;
      qcow2_image_put_back_header (image);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

/* As it is in memory; the old one is counted no more by the check that follows. */
static gboolean BANYAN_COROUTINE
put_table (Qcow2Image *image, GError **error)
{
  guint64 n_clusters = table_clusters (image);
  guint64 offset = 0;

  if (n_clusters > 0
      && (!qcow2_space_allocate_table (image, n_clusters, QCOW2_META_SNAPSHOT_TABLE, &offset, error)
          || !qcow2_refcount_write (image, error) || !write_table (image, offset, error)))
    return FALSE;
  if (!write_header (image, offset, image->snapshots->len, error))
    return FALSE;

  qcow2_overlap_remove_kinds (&image->overlap, 1u << QCOW2_META_SNAPSHOT_TABLE);
  if (n_clusters > 0)
    qcow2_overlap_add (&image->overlap, offset >> image->cluster_bits, n_clusters,
                       QCOW2_META_SNAPSHOT_TABLE);
  return TRUE;
}

/* -- Counting. -- */

/* All counts as what is in memory wants them, those that go down to nothing in @freed; and tables
 * that are no longer are not protected. */
static gboolean BANYAN_COROUTINE
count_and_note (Qcow2Image *image, GArray *freed, GError **error)
{
  Qcow2CheckResult result = { .freed = freed };

  if (!qcow2_check (image, QCOW2_FIX_ALL, &result, error)
      || !qcow2_snapshots_note_tables (image, error))
    return FALSE;
  if (result.corruptions == 0)
    return TRUE;
  return banyan_throw_errno (
      error, EIO, "%s: the image has %" G_GUINT64_FORMAT " errors that have to be repaired before",
      image->name, result.corruptions);
}

static gboolean BANYAN_COROUTINE
count_again (Qcow2Image *image, GError **error)
{
  return count_and_note (image, NULL, error);
}

static gboolean BANYAN_COROUTINE
begin (Qcow2Image *image, gboolean changes_data, GError **error)
{
  if (image->has_data_file)
    return banyan_throw_errno (error, ENOTSUP, "%s: an image with a data file has no snapshots",
                               image->name);

  return (changes_data ? qcow2_image_begin_writing (image, error)
                       : qcow2_image_begin_editing (image, error))
         && qcow2_order_settle (image, error);
}

/* -- Making one. -- */

static char *
dup_next_id (Qcow2Image *image)
{
  guint64 highest = 0;

  for (guint i = 0; i < image->snapshots->len; i++)
    highest = MAX (highest, g_ascii_strtoull (g_array_index (image->snapshots, Qcow2Snapshot, i).id,
                                              NULL, 10));
  return g_strdup_printf ("%" G_GUINT64_FORMAT, highest + 1);
}

static guint64
l1_clusters (Qcow2Image *image, guint n)
{
  return ((guint64) n * 8 + image->cluster_size - 1) >> image->cluster_bits;
}

static gboolean BANYAN_COROUTINE
copy_l1 (Qcow2Image *image, guint64 *offset, GError **error)
{
  guint64 n_clusters = l1_clusters (image, image->l1_size);
  g_autofree guint64 *entries = g_malloc0 (n_clusters << image->cluster_bits);

  if (!qcow2_space_allocate_table (image, n_clusters, QCOW2_META_INACTIVE_L1, offset, error))
    return FALSE;
  for (guint i = 0; i < image->l1_size; i++)
    entries[i] = GUINT64_TO_BE (image->l1[i]);
  return banyan_child_pwrite (image->file, *offset, entries, n_clusters << image->cluster_bits, 0,
                              error);
}

static GBytes *
make_extra (Qcow2Image *image, guint64 icount)
{
  guint8 extra[EXTRA_BYTES] = { 0 };

  qcow2_put64 (extra + 8, image->header.size);
  qcow2_put64 (extra + 16, icount);
  return g_bytes_new (extra, sizeof extra);
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_create (Qcow2Image *image, const Qcow2NewSnapshot *wanted, GError **error)
{
  Qcow2Snapshot snapshot = {
    .l1_size = image->l1_size,
    .date_s = wanted->date_us / G_USEC_PER_SEC,
    .date_ns = wanted->date_us % G_USEC_PER_SEC * 1000,
    .clock_ns = wanted->clock_ns,
    .disk_size = image->header.size,
    .icount = wanted->icount,
  };

  if (image->snapshots->len >= QCOW2_MAX_SNAPSHOTS || strlen (wanted->name) > G_MAXUINT16)
    return banyan_throw_errno (error, EFBIG, "%s: there is no room for another snapshot",
                               image->name);
  if (!begin (image, FALSE, error))
    return FALSE;
  if (!qcow2_walk_share_all (image, error) || !copy_l1 (image, &snapshot.l1_offset, error))
    {
      /* Entries say again what is used once: that would be found out by copying it. */
      count_again (image, NULL);
      return FALSE;
    }

  snapshot.id = wanted->id != NULL ? g_strdup (wanted->id) : dup_next_id (image);
  snapshot.name = g_strdup (wanted->name);
  snapshot.extra = make_extra (image, wanted->icount);
  g_array_append_val (image->snapshots, snapshot);
  if (count_again (image, error) && put_table (image, error) && count_again (image, error))
    return TRUE;

  if (image->header.n_snapshots < image->snapshots->len)
    g_array_set_size (image->snapshots, image->snapshots->len - 1);
  return FALSE;
}

/* -- Throwing one away. -- */

/* What cannot be discarded is space that stays taken, and no more. */
static void BANYAN_COROUTINE
discard (Qcow2Image *image, GArray *freed)
{
  guint64 end = banyan_child_get_length (image->file);

  for (guint i = 0; i < freed->len; i++)
    {
      const Qcow2Freed *run = &g_array_index (freed, Qcow2Freed, i);
      guint64 to = MIN (run->offset + run->length, end);
      BanyanRequest request = BANYAN_REQUEST (run->offset, to - MIN (run->offset, to), NULL, 0);

      if (request.length > 0)
        banyan_child_discard (image->file, &request, NULL);
    }
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_remove (Qcow2Image *image, const char *key, GError **error)
{
  gint index = qcow2_snapshots_find (image, key, error);
  g_autoptr (GArray) freed = NULL;
  Qcow2Snapshot snapshot;

  if (index < 0 || !begin (image, FALSE, error))
    return FALSE;

  snapshot = g_array_index (image->snapshots, Qcow2Snapshot, index);
  g_array_set_clear_func (image->snapshots, NULL);
  g_array_remove_index (image->snapshots, index);
  if (!put_table (image, error))
    {
      g_array_insert_val (image->snapshots, index, snapshot);
      g_array_set_clear_func (image->snapshots, qcow2_snapshot_clear);
      return FALSE;
    }
  g_array_set_clear_func (image->snapshots, qcow2_snapshot_clear);
  qcow2_overlap_remove (&image->overlap, snapshot.l1_offset >> image->cluster_bits,
                        l1_clusters (image, snapshot.l1_size));
  qcow2_snapshot_clear (&snapshot);
  freed = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  if (!count_and_note (image, freed, error))
    return FALSE;
  if (BANYAN_LIVE (image->pass_discard[QCOW2_DISCARD_SNAPSHOT]))
    discard (image, freed);
  return TRUE;
}

/* -- Taking one up. -- */

/* What the image was until now, in memory. */
static void
adopt_l1 (Qcow2Image *image, const guint64 *entries, guint n)
{
  guint old_n = image->l1_size;

  for (guint i = 0; i < MAX (n, old_n); i++)
    __atomic_store_n (&image->l1[i], i < n ? entries[i] : 0, __ATOMIC_RELEASE);
  __atomic_store_n (&image->l1_size, n, __ATOMIC_RELEASE);
  qcow2_cache_drop (&image->l2);
}

static gboolean BANYAN_COROUTINE
lead_to_l1 (Qcow2Image *image, guint64 offset, guint n, guint64 disk_size, GError **error)
{
  Qcow2Header *header = &image->header;
  guint64 old_offset = header->l1_offset, old_size = header->size;
  guint old_n = header->l1_size;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  header->l1_offset = offset;
  header->l1_size = n;
  __atomic_store_n (&header->size, disk_size, __ATOMIC_RELAXED);
  done = qcow2_header_write_fields (header, image->file, error)
         && banyan_child_flush (image->file, error);
  if (!done)
    {
      header->l1_offset = old_offset;
      header->l1_size = old_n;
      __atomic_store_n (&header->size, old_size, __ATOMIC_RELAXED);
      qcow2_image_put_back_header (image);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

static gboolean BANYAN_COROUTINE
write_l1 (Qcow2Image *image, guint64 offset, const guint64 *entries, guint n, GError **error)
{
  gsize size = l1_clusters (image, n) << image->cluster_bits;
  g_autofree guint64 *bytes = g_malloc0 (size);

  for (guint i = 0; i < n; i++)
    bytes[i] = GUINT64_TO_BE (entries[i]);
  return banyan_child_pwrite (image->file, offset, bytes, size, 0, error)
         && qcow2_refcount_write (image, error) && banyan_child_flush (image->file, error);
}

/* Both trees are counted until the header leads to a new table, in one write with the length that
 * the disk had. */
static gboolean BANYAN_COROUTINE
switch_to (Qcow2Image *image, const guint64 *entries, guint n, guint64 disk_size, GError **error)
{
  guint64 n_clusters = l1_clusters (image, n);
  guint64 offset = 0;

  if (n_clusters > 0
      && (!qcow2_space_allocate_table (image, n_clusters, QCOW2_META_ACTIVE_L1, &offset, error)
          || !write_l1 (image, offset, entries, n, error)))
    return FALSE;
  if (!lead_to_l1 (image, offset, n, disk_size, error))
    return FALSE;

  qcow2_overlap_remove_kinds (&image->overlap, 1u << QCOW2_META_ACTIVE_L1);
  qcow2_overlap_add (&image->overlap, offset >> image->cluster_bits, n_clusters,
                     QCOW2_META_ACTIVE_L1);
  adopt_l1 (image, entries, n);
  return TRUE;
}

/* Once more in memory, so that it is counted twice. */
static void
append_again (Qcow2Image *image, const Qcow2Snapshot *snapshot)
{
  Qcow2Snapshot again = *snapshot;

  again.id = g_strdup (snapshot->id);
  again.name = g_strdup (snapshot->name);
  again.extra = g_bytes_ref (snapshot->extra);
  g_array_append_val (image->snapshots, again);
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_apply (Qcow2Image *image, const char *key, GError **error)
{
  gint index = qcow2_snapshots_find (image, key, error);
  g_autofree guint64 *entries = g_new0 (guint64, QCOW2_MAX_L1_BYTES / 8);
  const Qcow2Snapshot *snapshot;
  guint64 disk_size;
  gboolean done;
  guint n;

  if (index < 0 || !begin (image, TRUE, error))
    return FALSE;

  snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, index);
  disk_size = snapshot->disk_size;
  n = MAX (snapshot->l1_size, image->l1_size);
  if (!qcow2_snapshots_read_l1 (image, snapshot, entries, error))
    return FALSE;

  append_again (image, snapshot);
  done = count_again (image, error);
  g_array_set_size (image->snapshots, image->snapshots->len - 1);
  return done && switch_to (image, entries, n, disk_size, error) && count_again (image, error);
}
