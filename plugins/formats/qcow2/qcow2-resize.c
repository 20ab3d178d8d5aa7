/* qcow2-resize.c - disks of another length, and clusters that get a place beforehand
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The header's length is what counts: it is changed last, in both directions. */

#include "qcow2-resize.h"

#include "qcow2-cluster.h"
#include "qcow2-encryption.h"
#include "qcow2-io.h"
#include "qcow2-order.h"
#include "qcow2-refcount.h"
#include "qcow2-space.h"
#include "qcow2-zero.h"

#include <errno.h>
#include <string.h>

static gboolean BANYAN_COROUTINE
write_header (Qcow2Image *image, guint64 size, guint64 l1_offset, guint l1_size, GError **error)
{
  Qcow2Header old;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  old = image->header;
  __atomic_store_n (&image->header.size, size, __ATOMIC_RELAXED);
  image->header.l1_offset = l1_offset;
  image->header.l1_size = l1_size;
  done = qcow2_header_write_fields (&image->header, image->file, error)
         && banyan_child_flush (image->file, error);
  if (!done)
    {
      __atomic_store_n (&image->header.size, old.size, __ATOMIC_RELAXED);
      image->header.l1_offset = old.l1_offset;
      image->header.l1_size = old.l1_size;
      qcow2_image_put_back_header (image);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

static gboolean BANYAN_COROUTINE
publish_size (Qcow2Image *image, guint64 size, GError **error)
{
  return qcow2_order_flush (image, error)
         && write_header (image, size, image->header.l1_offset, image->header.l1_size, error);
}

/* -- A larger L1 table. Under l1_mutex: no entry changes. -- */

static gboolean BANYAN_COROUTINE
write_l1_copy (Qcow2Image *image, guint64 offset, guint64 n_clusters, GError **error)
{
  gsize bytes = n_clusters << image->cluster_bits;
  g_autofree guint64 *entries = g_malloc0 (bytes);

  for (guint i = 0; i < image->l1_size; i++)
    entries[i] = GUINT64_TO_BE (image->l1[i]);
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L1_GROW_WRITE_TABLE);
  return qcow2_image_write_table (image, QCOW2_META_ACTIVE_L1, offset, entries, bytes, error)
         && banyan_child_flush (image->file, error);
}

static guint64
l1_clusters (const Qcow2Image *image, guint64 entries)
{
  return (entries * 8 + image->cluster_size - 1) >> image->cluster_bits;
}

static gboolean BANYAN_COROUTINE
switch_l1 (Qcow2Image *image, guint64 offset, guint entries, GError **error)
{
  guint64 old_offset = image->header.l1_offset;
  guint64 old_clusters = l1_clusters (image, image->header.l1_size);
  gboolean done;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L1_GROW_ACTIVATE_TABLE);
  banyan_co_mutex_lock (&image->order_mutex);
  done = write_header (image, image->header.size, offset, entries, error);
  if (done)
    __atomic_store_n (&image->l1_size, entries, __ATOMIC_RELEASE);
  banyan_co_mutex_unlock (&image->order_mutex);
  if (!done || old_clusters == 0)
    return done;

  qcow2_overlap_remove (&image->overlap, old_offset >> image->cluster_bits, old_clusters);
  return qcow2_space_drop (image, old_offset, old_clusters << image->cluster_bits,
                           QCOW2_DISCARD_OTHER, error);
}

static gboolean BANYAN_COROUTINE
grow_l1_locked (Qcow2Image *image, guint64 entries, GError **error)
{
  guint64 n_clusters = l1_clusters (image, entries);
  guint64 offset;

  if (entries <= image->l1_size)
    return TRUE;
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L1_GROW_ALLOC_TABLE);
  if (!qcow2_space_allocate_table (image, n_clusters, QCOW2_META_ACTIVE_L1, &offset, error))
    return FALSE;
  /* What leads to the new table has to be counted, and what the table leads to, be there. */
  if (qcow2_refcount_write (image, error) && qcow2_order_flush (image, error)
      && write_l1_copy (image, offset, n_clusters, error)
      && switch_l1 (image, offset, entries, error))
    return TRUE;

  if (image->header.l1_offset != offset)
    {
      qcow2_overlap_remove (&image->overlap, offset >> image->cluster_bits, n_clusters);
      qcow2_space_drop (image, offset, n_clusters << image->cluster_bits, QCOW2_DISCARD_NEVER,
                        NULL);
    }
  return FALSE;
}

static gboolean BANYAN_COROUTINE
grow_l1 (Qcow2Image *image, guint64 size, GError **error)
{
  guint64 entries = qcow2_image_l1_entries (image, size);
  gboolean done;

  if (entries > QCOW2_MAX_L1_BYTES / 8)
    return banyan_throw_errno (error, EFBIG,
                               "%s: a disk of %" G_GUINT64_FORMAT
                               " bytes needs an L1 table beyond the limit; larger clusters help",
                               image->name, size);

  banyan_co_mutex_lock (&image->l1_mutex);
  done = grow_l1_locked (image, entries, error);
  banyan_co_mutex_unlock (&image->l1_mutex);
  return done;
}

/* -- Longer. What comes reads as zeroes, whatever is in the last cluster, or below. -- */

static gboolean BANYAN_COROUTINE
zero_data (Qcow2Image *image, guint64 start, guint64 end, GError **error)
{
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (MIN (end - start, 65536));
  guint64 step;

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to write zeroes", image->name);

  memset (buffer->data, 0, MIN (end - start, 65536));
  for (; start < end; start += step)
    {
      struct iovec iov = { buffer->data, step = MIN (end - start, 65536) };
      BanyanRequest request = BANYAN_REQUEST (start, step, &iov, 1);

      if (!qcow2_io_write (image, &request, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
zero_last_cluster (Qcow2Image *image, guint64 old, guint64 size, GError **error)
{
  guint64 end = MIN (qcow2_round_up (old, image->cluster_size), size);
  Qcow2Mapping mapping;

  while (old < end)
    {
      gboolean shows_below;

      if (!qcow2_map (image, old, end - old, &mapping, error))
        return FALSE;
      shows_below = (mapping.kind == QCOW2_UNALLOCATED || mapping.kind == QCOW2_PLACED)
                    && image->backing != NULL && old < banyan_child_get_length (image->backing);
      if ((mapping.kind == QCOW2_DATA || mapping.kind == QCOW2_PACKED || shows_below)
          && !zero_data (image, old, old + mapping.length, error))
        return FALSE;
      old += mapping.length;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
hide_backing (Qcow2Image *image, guint64 old, guint64 size, GError **error)
{
  guint64 start = qcow2_round_up (old, image->cluster_size);
  guint64 end = image->backing != NULL ? MIN (banyan_child_get_length (image->backing), size) : 0;

  if (start >= end)
    return TRUE;
  if (image->header.version == 2)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: an image of version 2 cannot become longer over what lies "
                               "below it there",
                               image->name);
  return qcow2_zero_clusters (image, start, end, FALSE, error);
}

/* Where somebody made the disk shorter and was interrupted, there is something behind its end. */
static gboolean BANYAN_COROUTINE
clear_leftovers (Qcow2Image *image, guint64 old, guint64 size, GError **error)
{
  guint64 start = qcow2_round_up (old, image->cluster_size);
  guint64 covered = (guint64) image->l1_size << (image->cluster_bits + image->l2_bits);
  guint64 end = MIN (qcow2_round_up (size, image->cluster_size), covered);

  return start >= end || qcow2_zero_clusters (image, start, end, TRUE, error);
}

static gboolean BANYAN_COROUTINE
grow (Qcow2Image *image, guint64 old, const BanyanResize *resize, GError **error)
{
  return clear_leftovers (image, old, resize->length, error)
         && grow_l1 (image, resize->length, error)
         && zero_last_cluster (image, old, resize->length, error)
         && hide_backing (image, old, resize->length, error)
         && qcow2_preallocate (image, qcow2_round_up (old, image->cluster_size), resize->length,
                               resize->preallocation, error)
         && publish_size (image, resize->length, error);
}

/* -- Shorter. -- */

/* Tables that lead nowhere any more. */
static void BANYAN_COROUTINE
drop_tables (Qcow2Image *image, guint64 size)
{
  guint first = qcow2_image_l1_entries (image, size);

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L1_SHRINK_FREE_L2_CLUSTERS);
  banyan_co_mutex_lock (&image->l1_mutex);
  for (guint i = first; i < image->l1_size; i++)
    {
      guint64 table = image->l1[i] & QCOW2_OFFSET_MASK;

      if (table == 0)
        continue;
      banyan_co_rwlock_read_lock (&image->links);
      __atomic_store_n (&image->l1[i], 0, __ATOMIC_RELEASE);
      qcow2_order_note_l1 (image, i);
      banyan_co_rwlock_unlock (&image->links);
      qcow2_overlap_remove (&image->overlap, table >> image->cluster_bits, 1);
      qcow2_order_free (image, table, image->cluster_size, QCOW2_DISCARD_OTHER);
    }
  banyan_co_mutex_unlock (&image->l1_mutex);
}

static gboolean BANYAN_COROUTINE
shrink (Qcow2Image *image, guint64 old, guint64 size, GError **error)
{
  guint64 start = qcow2_round_up (size, image->cluster_size);

  if (image->header.version == 2 && image->snapshots->len > 0)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: an image of version 2 with snapshots cannot become shorter",
                               image->name);
  if (!publish_size (image, size, error))
    return FALSE;

  /* The disk is shorter. What cannot be given up behind its end takes space, and is given up when
   * it grows. Slices in memory are written while their tables still have a place. */
  if ((start >= old || qcow2_zero_clusters (image, start, old, TRUE, NULL))
      && qcow2_order_flush (image, NULL))
    drop_tables (image, size);
  return TRUE;
}

static gboolean
check_encrypted (Qcow2Image *image, const BanyanResize *resize, GError **error)
{
  if (resize->length % ENCRYPTION_SECTOR != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: an encrypted disk has whole sectors, and %" G_GUINT64_FORMAT
                               " bytes are no multiple of %d",
                               image->name, resize->length, ENCRYPTION_SECTOR);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_resize (Qcow2Image *image, const BanyanResize *resize, GError **error)
{
  guint64 old = qcow2_io_length (image);

  if (resize->length == old)
    return TRUE;
  if (image->encryption != NULL && !check_encrypted (image, resize, error))
    return FALSE;
  if (image->bitmaps->len > 0)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: an image with bitmaps keeps its length; take them out first",
                               image->name);
  if (!qcow2_image_begin_writing (image, error))
    return FALSE;
  if (resize->length > old)
    return grow (image, old, resize, error);
  return shrink (image, old, resize->length, error);
}

/* -- Places beforehand. -- */

typedef struct
{
  guint64 first;
  guint64 host;
  gboolean says_zero; /* zeroes that lie there are none of the guest's */
} Placing;

static Qcow2Entry
lead_to_place (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, gconstpointer data)
{
  const Placing *placing = data;
  Qcow2Entry entry = { .entry = (placing->host + (offset - placing->first)) | QCOW2_COPIED };

  if (image->entry_words == 1 && placing->says_zero)
    entry.entry |= QCOW2_ZERO;
  if (image->entry_words == 2 && image->header.backing_file == NULL)
    entry.bitmap = placing->says_zero ? (guint64) G_MAXUINT32 << 32 : G_MAXUINT32;
  return entry;
}

static gboolean BANYAN_COROUTINE
zero_places (Qcow2Image *image, guint64 host, guint64 length, gboolean is_fresh, GError **error)
{
  BanyanRequest zeroes = BANYAN_REQUEST (host, length, NULL, 0);

  return is_fresh || banyan_child_write_zeroes (image->file, &zeroes, error) == BANYAN_DONE;
}

/* Clusters that have something already keep it. */
static gboolean BANYAN_COROUTINE
place_some (Qcow2Image *image, guint64 start, guint64 *n, GError **error)
{
  Placing placing = { .first = start, .host = start, .says_zero = image->encryption != NULL };
  gboolean is_fresh = TRUE;
  Qcow2Mapping mapping;

  if (!qcow2_map (image, start, *n << image->cluster_bits, &mapping, error))
    return FALSE;
  if (mapping.kind != QCOW2_UNALLOCATED)
    {
      *n = 1;
      return TRUE;
    }

  *n = MIN (*n, (mapping.length + image->cluster_size - 1) >> image->cluster_bits);
  if (!image->has_data_file
      && (!qcow2_space_allocate (image, 1, *n, &placing.host, n, &is_fresh, error)
          || !zero_places (image, placing.host, *n << image->cluster_bits, is_fresh, error)))
    return FALSE;
  return qcow2_link (image, start, *n, lead_to_place, &placing, QCOW2_DISCARD_OTHER, error);
}

/* What the clusters and their tables will need, at once and in one piece. */
static gboolean BANYAN_COROUTINE
reserve (Qcow2Image *image, guint64 start, guint64 end, BanyanPreallocation mode, GError **error)
{
  BanyanChild *child = qcow2_image_data (image);
  guint64 data = qcow2_round_up (end - start, image->cluster_size);
  guint64 tables = (data >> (image->cluster_bits + image->l2_bits)) + 2;
  BanyanResize resize = { .size = sizeof resize, .preallocation = mode };

  tables += (data >> (image->cluster_bits * 2 + 3 - image->refcount_order)) + 2;
  if (mode == BANYAN_PREALLOCATION_METADATA && !image->has_data_file)
    return TRUE;
  resize.length
      = image->has_data_file ? end : ((image->high_water + tables) << image->cluster_bits) + data;
  if (child == NULL || resize.length <= banyan_child_get_length (child))
    return TRUE;
  if (mode == BANYAN_PREALLOCATION_METADATA)
    resize.preallocation = BANYAN_PREALLOCATION_OFF;
  return banyan_child_resize (child, &resize, error) != BANYAN_FAILED;
}

/* Encrypted, zeroes are written as data where that is asked for, or no entry can say what they are.
 */
static gboolean
needs_data (Qcow2Image *image, BanyanPreallocation mode)
{
  return image->encryption != NULL && qcow2_image_data (image) != NULL
         && (mode == BANYAN_PREALLOCATION_FULL || image->header.version == 2)
         && (image->entry_words == 1 || image->header.backing_file == NULL);
}

gboolean BANYAN_COROUTINE
qcow2_preallocate (Qcow2Image *image, guint64 start, guint64 end, BanyanPreallocation mode,
                   GError **error)
{
  guint64 n;

  if (mode == BANYAN_PREALLOCATION_OFF || start >= end)
    return TRUE;
  if (!qcow2_image_begin_writing (image, error) || !reserve (image, start, end, mode, error))
    return FALSE;
  if (needs_data (image, mode))
    return zero_data (image, start, end, error);

  for (; start < end; start += n << image->cluster_bits)
    {
      n = MIN (qcow2_clusters_to_slice_end (image, start),
               (end - start + image->cluster_size - 1) >> image->cluster_bits);
      if (!place_some (image, start, &n, error))
        return FALSE;
    }
  return TRUE;
}
