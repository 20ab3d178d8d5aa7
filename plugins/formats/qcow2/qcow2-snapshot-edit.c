/* qcow2-snapshot-edit.c - snapshots are made, taken up again, and thrown away
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-exchange.h"
#include "qcow2-order.h"

#include <errno.h>
#include <string.h>

#define EXTRA_BYTES 24
#define EXTRA_NEEDED 16

/* @changes_data: of the disk. */
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

static gboolean BANYAN_COROUTINE
exchange (Qcow2Exchange *wanted, Qcow2Image *image, GError **error)
{
  gboolean done = qcow2_exchange_run (wanted, image, error);

  qcow2_exchange_clear (wanted);
  return done;
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
  Qcow2Exchange change;

  if (image->snapshots->len >= QCOW2_MAX_SNAPSHOTS || strlen (wanted->name) > G_MAXUINT16)
    return banyan_throw_errno (error, EFBIG, "%s: there is no room for another snapshot",
                               image->name);
  if (!begin (image, FALSE, error))
    return FALSE;

  snapshot.id = wanted->id != NULL ? g_strdup (wanted->id) : dup_next_id (image);
  snapshot.name = g_strdup (wanted->name);
  snapshot.extra = make_extra (image, wanted->icount);
  qcow2_exchange_init (&change, image);
  change.made = &snapshot;
  if (!exchange (&change, image, error))
    {
      qcow2_snapshot_clear (&snapshot);
      return FALSE;
    }

  g_array_append_val (image->snapshots, snapshot);
  return qcow2_snapshots_note_tables (image, error);
}

/* -- Throwing one away. -- */

gboolean BANYAN_COROUTINE
qcow2_snapshots_remove (Qcow2Image *image, const char *key, GError **error)
{
  gint index = qcow2_snapshots_find (image, key, error);
  Qcow2Exchange change;

  if (index < 0 || !begin (image, FALSE, error))
    return FALSE;

  qcow2_exchange_init (&change, image);
  g_array_remove_index (change.kept, index);
  if (!exchange (&change, image, error))
    return FALSE;

  g_array_remove_index (image->snapshots, index);
  return qcow2_snapshots_note_tables (image, error);
}

/* -- Taking one up. -- */

static gboolean
check_length (Qcow2Image *image, const Qcow2Snapshot *snapshot, GError **error)
{
  return snapshot->disk_size == image->header.size || image->bitmaps->len == 0
         || banyan_throw_errno (error, ENOTSUP,
                                "%s: an image with bitmaps keeps its length, and snapshot \"%s\" "
                                "is of another one; take them out first",
                                image->name, snapshot->name);
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_apply (Qcow2Image *image, const char *key, GError **error)
{
  gint index = qcow2_snapshots_find (image, key, error);
  const Qcow2Snapshot *snapshot;
  Qcow2Exchange change;

  if (index < 0)
    return FALSE;

  snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, index);
  if (!check_length (image, snapshot, error) || !begin (image, TRUE, error))
    return FALSE;

  qcow2_exchange_init (&change, image);
  memset (change.l1, 0, image->l1_size * sizeof *change.l1);
  change.n_l1 = MAX (snapshot->l1_size, image->l1_size);
  change.disk_size = snapshot->disk_size;
  if (!qcow2_snapshots_read_l1 (image, snapshot, change.l1, error))
    {
      qcow2_exchange_clear (&change);
      return FALSE;
    }
  return exchange (&change, image, error) && qcow2_snapshots_note_tables (image, error);
}

/* -- What version 3 wants to be said. -- */

static GBytes *
complete_extra (const Qcow2Snapshot *snapshot)
{
  guint8 extra[EXTRA_NEEDED];

  qcow2_put64 (extra, snapshot->state_size);
  qcow2_put64 (extra + 8, snapshot->disk_size);
  return g_bytes_new (extra, sizeof extra);
}

/* FALSE: nothing is missing. */
static gboolean
complete_all (GArray *snapshots)
{
  gboolean has_changed = FALSE;

  for (guint i = 0; i < snapshots->len; i++)
    {
      Qcow2Snapshot *snapshot = &g_array_index (snapshots, Qcow2Snapshot, i);

      if (g_bytes_get_size (snapshot->extra) >= EXTRA_NEEDED)
        continue;
      g_bytes_unref (snapshot->extra);
      snapshot->extra = complete_extra (snapshot);
      has_changed = TRUE;
    }
  return has_changed;
}

gboolean BANYAN_COROUTINE
qcow2_snapshots_complete (Qcow2Image *image, GError **error)
{
  Qcow2Exchange change;

  if (!complete_all (image->snapshots))
    return TRUE;
  if (!qcow2_order_settle (image, error))
    return FALSE;

  qcow2_exchange_init (&change, image);
  return exchange (&change, image, error) && qcow2_snapshots_note_tables (image, error);
}
