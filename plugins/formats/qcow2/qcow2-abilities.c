/* qcow2-abilities.c - checks, snapshots, bitmaps and emptying, as the library asks for them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-abilities.h"

#include "qcow2-bitmap.h"
#include "qcow2-check.h"
#include "qcow2-io.h"
#include "qcow2-node.h"
#include "qcow2-snapshot.h"
#include "qcow2-zero.h"

/* -- Checks. -- */

static gboolean BANYAN_COROUTINE
check (BanyanCheckable *node, BanyanCheck *wanted, GError **error)
{
  Qcow2Fix fix = wanted->fix & BANYAN_CHECK_FIX_ERRORS  ? QCOW2_FIX_ALL
                 : wanted->fix & BANYAN_CHECK_FIX_LEAKS ? QCOW2_FIX_LEAKS
                                                        : QCOW2_FIX_NOTHING;
  Qcow2CheckResult result = { .report = wanted };

  if (!qcow2_check (qcow2_node_get_image (node), fix, &result, error))
    return FALSE;

  wanted->corruptions = result.corruptions + result.corruptions_fixed;
  wanted->leaks = result.leaks + result.leaks_fixed;
  wanted->check_errors = result.check_errors;
  wanted->corruptions_fixed = result.corruptions_fixed;
  wanted->leaks_fixed = result.leaks_fixed;
  wanted->image_end_offset = result.image_end_offset;
  wanted->total_clusters = result.total_clusters;
  wanted->allocated_clusters = result.allocated_clusters;
  wanted->fragmented_clusters = result.fragmented_clusters;
  wanted->compressed_clusters = result.compressed_clusters;
  return TRUE;
}

void
qcow2_checkable_init (gpointer iface, gpointer data)
{
  ((BanyanCheckableInterface *) iface)->check = check;
}

/* -- Snapshots. -- */

static GPtrArray *
list (BanyanSnapshots *node, GError **error)
{
  Qcow2Image *image = qcow2_node_get_image (node);
  GPtrArray *found = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_snapshot_info_free);

  for (guint i = 0; i < image->snapshots->len; i++)
    {
      const Qcow2Snapshot *snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, i);
      BanyanSnapshotInfo *info = banyan_snapshot_info_new ();

      info->id = g_strdup (snapshot->id);
      info->name = g_strdup (snapshot->name);
      info->disk_length = snapshot->disk_size;
      info->state_length = snapshot->state_size;
      info->date_us = (gint64) snapshot->date_s * G_USEC_PER_SEC + snapshot->date_ns / 1000;
      info->clock_ns = snapshot->clock_ns;
      info->n_instructions = snapshot->icount;
      g_ptr_array_add (found, info);
    }
  return found;
}

static gboolean BANYAN_COROUTINE
create (BanyanSnapshots *node, const BanyanSnapshotInfo *info, GError **error)
{
  const Qcow2NewSnapshot wanted = {
    .name = info->name != NULL ? info->name : "",
    .date_us = info->date_us,
    .clock_ns = info->clock_ns,
    .icount = info->n_instructions,
  };

  return qcow2_snapshots_create (qcow2_node_get_image (node), &wanted, error);
}

static gboolean BANYAN_COROUTINE
apply (BanyanSnapshots *node, const char *key, GError **error)
{
  if (!qcow2_snapshots_apply (qcow2_node_get_image (node), key, error))
    return FALSE;

  qcow2_node_publish_length (node);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
remove_one (BanyanSnapshots *node, const char *key, GError **error)
{
  return qcow2_snapshots_remove (qcow2_node_get_image (node), key, error);
}

void
qcow2_snapshots_init (gpointer iface, gpointer data)
{
  BanyanSnapshotsInterface *snapshots = iface;

  snapshots->list = list;
  snapshots->create = create;
  snapshots->apply = apply;
  snapshots->remove = remove_one;
}

/* -- Bitmaps. -- */

static GPtrArray *
list_bitmaps (BanyanBitmaps *node, GError **error)
{
  Qcow2Image *image = qcow2_node_get_image (node);
  GPtrArray *found = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_bitmap_info_free);

  for (guint i = 0; i < image->bitmaps->len; i++)
    {
      const Qcow2Bitmap *bitmap = &g_array_index (image->bitmaps, Qcow2Bitmap, i);
      BanyanBitmapInfo *info = banyan_bitmap_info_new (
          bitmap->name, G_GUINT64_CONSTANT (1) << bitmap->granularity_bits);

      info->is_recording = (bitmap->flags & QCOW2_BITMAP_AUTO) != 0;
      info->is_in_use = (bitmap->flags & QCOW2_BITMAP_IN_USE) != 0;
      g_ptr_array_add (found, info);
    }
  return found;
}

static BanyanBitmap *BANYAN_COROUTINE
load_bitmap (BanyanBitmaps *node, const char *name, GError **error)
{
  Qcow2Image *image = qcow2_node_get_image (node);
  gint index = qcow2_bitmaps_find (image, name, error);

  return index >= 0 ? qcow2_bitmaps_load (image, index, error) : NULL;
}

static gboolean BANYAN_COROUTINE
store_bitmap (BanyanBitmaps *node, const BanyanBitmapInfo *info, BanyanBitmap *bitmap,
              GError **error)
{
  return qcow2_bitmaps_store (qcow2_node_get_image (node), info, bitmap, error);
}

static gboolean BANYAN_COROUTINE
remove_bitmap (BanyanBitmaps *node, const char *name, GError **error)
{
  return qcow2_bitmaps_remove (qcow2_node_get_image (node), name, error);
}

static gboolean BANYAN_COROUTINE
set_recording (BanyanBitmaps *node, const char *name, gboolean is_recording, GError **error)
{
  return qcow2_bitmaps_set_recording (qcow2_node_get_image (node), name, is_recording, error);
}

void
qcow2_bitmaps_init (gpointer iface, gpointer data)
{
  BanyanBitmapsInterface *bitmaps = iface;

  bitmaps->list = list_bitmaps;
  bitmaps->load = load_bitmap;
  bitmaps->store = store_bitmap;
  bitmaps->remove = remove_bitmap;
  bitmaps->set_recording = set_recording;
}

/* -- Emptying. -- */

static gboolean BANYAN_COROUTINE
make_empty (BanyanEmptiable *node, GError **error)
{
  Qcow2Image *image = qcow2_node_get_image (node);

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_EMPTY_IMAGE_PREPARE);
  return qcow2_image_begin_writing (image, error)
         && qcow2_zero_clusters (image, 0, qcow2_io_length (image), TRUE, error);
}

void
qcow2_emptiable_init (gpointer iface, gpointer data)
{
  ((BanyanEmptiableInterface *) iface)->make_empty = make_empty;
}
