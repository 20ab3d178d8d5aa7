/* qcow2-snapshot.c - snapshots within the image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-snapshot.h"

#include <errno.h>
#include <string.h>

#define EXTRA_MAX 1024
#define EXTRA_KNOWN 24

void
qcow2_snapshot_clear (gpointer snapshot)
{
  Qcow2Snapshot *self = snapshot;

  g_clear_pointer (&self->id, g_free);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->extra, g_bytes_unref);
}

static gboolean
throw_bad (Qcow2Image *image, const char *what, GError **error)
{
  return banyan_throw_errno (error, EINVAL, "%s: the image's snapshot table is damaged: %s",
                             image->name, what);
}

static void
parse_fixed (Qcow2Snapshot *snapshot, const guint8 *bytes)
{
  snapshot->l1_offset = qcow2_get64 (bytes);
  snapshot->l1_size = qcow2_get32 (bytes + 8);
  snapshot->date_s = qcow2_get32 (bytes + 16);
  snapshot->date_ns = qcow2_get32 (bytes + 20);
  snapshot->clock_ns = qcow2_get64 (bytes + 24);
  snapshot->state_size = qcow2_get32 (bytes + 32);
}

/* Bytes of the guest. */
static guint64
covered_by (Qcow2Image *image, guint l1_size)
{
  return (guint64) MIN (l1_size, QCOW2_MAX_L1_BYTES / 8) << (image->cluster_bits + image->l2_bits);
}

/* Old programs did not say how long the disk was: as long as it is now, which it could not change.
 */
static void
parse_extra (Qcow2Image *image, Qcow2Snapshot *snapshot, const guint8 *bytes, gsize length)
{
  snapshot->extra = g_bytes_new (bytes, length);
  snapshot->disk_size = MIN (image->header.size, covered_by (image, snapshot->l1_size));
  snapshot->icount = G_MAXUINT64;
  if (length >= 8)
    snapshot->state_size = qcow2_get64 (bytes);
  if (length >= 16)
    snapshot->disk_size = qcow2_get64 (bytes + 8);
  if (length >= EXTRA_KNOWN)
    snapshot->icount = qcow2_get64 (bytes + 16);
}

static gboolean
check_place (Qcow2Image *image, const Qcow2Snapshot *snapshot, GError **error)
{
  if (snapshot->l1_size > QCOW2_MAX_L1_BYTES / 8)
    return throw_bad (image, "an L1 table is too large", error);
  if ((snapshot->l1_offset & (image->cluster_size - 1)) != 0 || snapshot->l1_offset > G_MAXINT64 / 2
      || (snapshot->l1_offset == 0 && snapshot->l1_size > 0))
    return throw_bad (image, "an L1 table lies where no cluster begins", error);
  if (qcow2_image_l1_entries (image, snapshot->disk_size) > snapshot->l1_size)
    return throw_bad (image, "an L1 table is too small for its disk", error);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
read_entry (Qcow2Image *image, guint64 *offset, GError **error)
{
  guint8 fixed[QCOW2_SNAPSHOT_ENTRY_BYTES];
  g_autofree guint8 *rest = NULL;
  Qcow2Snapshot snapshot = { 0 };
  guint32 id_size, name_size, extra;
  gsize length;

  if (!banyan_child_pread (image->file, *offset, fixed, sizeof fixed, error))
    return FALSE;
  id_size = qcow2_get16 (fixed + 12);
  name_size = qcow2_get16 (fixed + 14);
  extra = qcow2_get32 (fixed + 36);
  if (extra > EXTRA_MAX)
    return throw_bad (image, "an entry has too much extra data", error);

  length = (gsize) extra + id_size + name_size;
  rest = g_malloc (length + 1);
  if (length > 0 && !banyan_child_pread (image->file, *offset + sizeof fixed, rest, length, error))
    return FALSE;

  parse_fixed (&snapshot, fixed);
  parse_extra (image, &snapshot, rest, extra);
  snapshot.id = g_strndup ((const char *) rest + extra, id_size);
  snapshot.name = g_strndup ((const char *) rest + extra + id_size, name_size);
  g_array_append_val (image->snapshots, snapshot);
  *offset += qcow2_round_up (sizeof fixed + length, 8);
  return check_place (image, &snapshot, error);
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_read (Qcow2Image *image, GError **error)
{
  guint64 start = image->header.snapshots_offset;
  guint64 offset = start;

  for (guint i = 0; i < image->header.n_snapshots; i++)
    {
      if (!read_entry (image, &offset, error))
        return FALSE;
      if (offset - start > QCOW2_MAX_SNAPSHOT_BYTES)
        return throw_bad (image, "it is too long", error);
    }
  if (offset == start)
    return TRUE;

  qcow2_image_claim (image, start,
                     (offset - start + image->cluster_size - 1) >> image->cluster_bits,
                     QCOW2_META_SNAPSHOT_TABLE);
  for (guint i = 0; i < image->snapshots->len; i++)
    {
      const Qcow2Snapshot *snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, i);

      qcow2_image_claim (image, snapshot->l1_offset,
                         ((guint64) snapshot->l1_size * 8 + image->cluster_size - 1)
                             >> image->cluster_bits,
                         QCOW2_META_INACTIVE_L1);
    }
  return TRUE;
}

/* -- Using one. -- */

gint
qcow2_snapshots_find (Qcow2Image *image, const char *key, GError **error)
{
  for (guint i = 0; i < image->snapshots->len; i++)
    if (strcmp (g_array_index (image->snapshots, Qcow2Snapshot, i).id, key) == 0)
      return i;
  for (guint i = 0; i < image->snapshots->len; i++)
    if (strcmp (g_array_index (image->snapshots, Qcow2Snapshot, i).name, key) == 0)
      return i;

  banyan_throw_errno (error, ENOENT, "%s: no snapshot is called \"%s\"", image->name, key);
  return -1;
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_read_l1 (Qcow2Image *image, const Qcow2Snapshot *snapshot, guint64 *entries,
                         GError **error)
{
  if (snapshot->l1_size > 0
      && !banyan_child_pread (image->file, snapshot->l1_offset, entries,
                              (gsize) snapshot->l1_size * 8, error))
    return FALSE;
  for (guint i = 0; i < snapshot->l1_size; i++)
    entries[i] = GUINT64_FROM_BE (entries[i]) & ~QCOW2_COPIED;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_show (Qcow2Image *image, const char *key, GError **error)
{
  gint index = qcow2_snapshots_find (image, key, error);
  const Qcow2Snapshot *snapshot;

  if (index < 0)
    return FALSE;

  snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, index);
  if (!qcow2_snapshots_read_l1 (image, snapshot, image->l1, error))
    return FALSE;
  image->l1_size = snapshot->l1_size;
  image->header.size = snapshot->disk_size;
  image->is_past = TRUE;
  return TRUE;
}

/* -- L2 tables, for overlap checks. -- */

/* In pieces: an L1 table may have 32 MiB. */
#define L1_PIECE 8192

static void
note_inactive (Qcow2Image *image, const guint64 *entries, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint64 table = GUINT64_FROM_BE (entries[i]) & QCOW2_OFFSET_MASK;

      if (table != 0)
        qcow2_image_claim (image, table, 1, QCOW2_META_INACTIVE_L2);
    }
}

static gboolean BANYAN_COROUTINE
note_tables_of (Qcow2Image *image, const Qcow2Snapshot *snapshot, GError **error)
{
  g_autofree guint64 *entries = g_new (guint64, L1_PIECE);
  guint64 end = banyan_child_get_length (image->file);

  for (guint64 done = 0; done < snapshot->l1_size; done += L1_PIECE)
    {
      guint n = MIN (snapshot->l1_size - done, L1_PIECE);
      guint64 offset = snapshot->l1_offset + done * sizeof *entries;

      if (offset >= end)
        break;
      n = MIN (n, (end - offset) / sizeof *entries);
      if (n > 0 && !banyan_child_pread (image->file, offset, entries, n * sizeof *entries, error))
        return FALSE;
      note_inactive (image, entries, n);
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_note_tables (Qcow2Image *image, GError **error)
{
  const guint inactive = 1u << QCOW2_META_INACTIVE_L2;

  qcow2_overlap_remove_kinds (&image->overlap, inactive | 1u << QCOW2_META_ACTIVE_L2);
  for (guint i = 0; i < image->l1_size; i++)
    if ((image->l1[i] & QCOW2_OFFSET_MASK) != 0)
      qcow2_overlap_add (&image->overlap, (image->l1[i] & QCOW2_OFFSET_MASK) >> image->cluster_bits,
                         1, QCOW2_META_ACTIVE_L2);
  if (!(BANYAN_LIVE (image->overlap_check) & inactive))
    return TRUE;

  for (guint i = 0; i < image->snapshots->len; i++)
    if (!note_tables_of (image, &g_array_index (image->snapshots, Qcow2Snapshot, i), error))
      return FALSE;
  return TRUE;
}

gsize
qcow2_snapshot_size (const Qcow2Snapshot *snapshot)
{
  return qcow2_round_up (QCOW2_SNAPSHOT_ENTRY_BYTES + g_bytes_get_size (snapshot->extra)
                             + strlen (snapshot->id) + strlen (snapshot->name),
                         8);
}

gsize
qcow2_snapshots_size (GArray *snapshots)
{
  gsize size = 0;

  for (guint i = 0; i < snapshots->len; i++)
    size += qcow2_snapshot_size (&g_array_index (snapshots, Qcow2Snapshot, i));
  return size;
}
