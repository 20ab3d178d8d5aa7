/* qcow2-bitmap-edit.c - dirty bitmaps are put into the image, and taken out
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A bitmap, its table and the directory go to new clusters, then the header leads there, then the
 * old ones are given up: a power cut leaves all of the old ones or all of the new ones. */

#include "qcow2-bitmap.h"
#include "qcow2-order.h"
#include "qcow2-refcount.h"
#include "qcow2-space.h"

#include <errno.h>
#include <string.h>

/* Clusters to be given up: new ones where it fails, old ones where it does not. */
typedef struct
{
  GArray *runs; /* (owned) (element-type Qcow2Freed) */
} Clusters;

static void
clusters_init (Clusters *self)
{
  self->runs = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
}

static gboolean
clusters_note (guint64 offset, guint64 length, gpointer data, GError **error)
{
  Qcow2Freed run = { offset, length, QCOW2_DISCARD_OTHER };

  g_array_append_val (((Clusters *) data)->runs, run);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
clusters_drop (Clusters *self, Qcow2Image *image, GError **error)
{
  for (guint i = 0; i < self->runs->len; i++)
    {
      Qcow2Freed *run = &g_array_index (self->runs, Qcow2Freed, i);
      guint64 n = qcow2_round_up (run->length, image->cluster_size) >> image->cluster_bits;

      qcow2_overlap_remove (&image->overlap, run->offset >> image->cluster_bits, n);
      if (!qcow2_space_drop (image, run->offset, run->length, run->why, error))
        return FALSE;
    }
  g_array_set_size (self->runs, 0);
  return qcow2_refcount_write (image, error);
}

static void
clusters_clear (Clusters *self)
{
  g_array_unref (self->runs);
}

static gboolean BANYAN_COROUTINE
allocate (Qcow2Image *image, guint64 length, Clusters *fresh, guint64 *offset, GError **error)
{
  guint64 n = qcow2_round_up (length, image->cluster_size) >> image->cluster_bits;
  guint64 count;
  gboolean is_fresh;

  return qcow2_space_allocate (image, n, n, offset, &count, &is_fresh, error)
         && clusters_note (*offset, n << image->cluster_bits, fresh, error);
}

/* -- A bitmap. -- */

/* The cluster of bits that the table's entry @index stands for; FALSE: none of them is set. */
static gboolean
gather (Qcow2Image *image, BanyanBitmap *bitmap, guint64 index, guint8 *bytes)
{
  gboolean is_set = FALSE;

  memset (bytes, 0, image->cluster_size);
  for (gsize done = 0; done < image->cluster_size;)
    {
      guint64 at = (index << image->cluster_bits) + done;
      const guint8 *chunk = banyan_bitmap_get_chunk (bitmap, at / BANYAN_BITMAP_CHUNK_BYTES);
      gsize here = MIN (image->cluster_size - done, BANYAN_BITMAP_CHUNK_BYTES);

      if (chunk != NULL)
        memcpy (bytes + done, chunk + at % BANYAN_BITMAP_CHUNK_BYTES, here);
      is_set |= chunk != NULL;
      done += here;
    }
  return is_set;
}

static gboolean BANYAN_COROUTINE
write_clusters (Qcow2Image *image, BanyanBitmap *bitmap, guint64 *entries, guint64 n,
                Clusters *fresh, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (image->cluster_size);

  for (guint64 i = 0; i < n; i++)
    {
      guint64 offset;

      if (!gather (image, bitmap, i, bytes))
        continue;
      if (!allocate (image, image->cluster_size, fresh, &offset, error)
          || !qcow2_image_write_table (image, QCOW2_META_BITMAP, offset, bytes, image->cluster_size,
                                       error))
        return FALSE;
      entries[i] = GUINT64_TO_BE (offset);
    }
  return TRUE;
}

/* All that the entry leads to. */
static gboolean BANYAN_COROUTINE
write_bitmap (Qcow2Image *image, BanyanBitmap *bitmap, Qcow2Bitmap *kept, Clusters *fresh,
              GError **error)
{
  guint64 n = qcow2_bitmaps_table_size (image, bitmap);
  gsize length = qcow2_round_up (n * sizeof (guint64), image->cluster_size);
  g_autofree guint64 *entries = NULL;

  kept->table_size = n;
  if (n == 0)
    return TRUE;
  if (length > QCOW2_MAX_BITMAP_BYTES)
    return banyan_throw_errno (error, EFBIG,
                               "%s: bitmap \"%s\" needs a larger granularity, or the image larger "
                               "clusters",
                               image->name, kept->name);

  entries = g_malloc0 (length);
  return write_clusters (image, bitmap, entries, n, fresh, error)
         && allocate (image, length, fresh, &kept->table_offset, error)
         && qcow2_image_write_table (image, QCOW2_META_BITMAP, kept->table_offset, entries, length,
                                     error);
}

/* -- The directory. -- */

static gsize
entry_size (const Qcow2Bitmap *bitmap)
{
  gsize extra = bitmap->extra != NULL ? g_bytes_get_size (bitmap->extra) : 0;

  return qcow2_round_up (QCOW2_BITMAP_ENTRY_BYTES + extra + strlen (bitmap->name), 8);
}

static void
format_entry (Qcow2Bitmap *bitmap, guint8 *bytes)
{
  gsize name_size = strlen (bitmap->name), extra_size = 0;
  gconstpointer extra = bitmap->extra != NULL ? g_bytes_get_data (bitmap->extra, &extra_size) : "";

  qcow2_put64 (bytes, bitmap->table_offset);
  qcow2_put32 (bytes + 8, bitmap->table_size);
  qcow2_put32 (bytes + 12, bitmap->flags);
  bytes[16] = bitmap->type;
  bytes[17] = bitmap->granularity_bits;
  qcow2_put16 (bytes + 18, name_size);
  qcow2_put32 (bytes + 20, extra_size);
  memcpy (bytes + QCOW2_BITMAP_ENTRY_BYTES, extra, extra_size);
  memcpy (bytes + QCOW2_BITMAP_ENTRY_BYTES + extra_size, bitmap->name, name_size);
}

static gboolean BANYAN_COROUTINE
write_directory (Qcow2Image *image, GArray *bitmaps, gsize size, Clusters *fresh, guint64 *offset,
                 GError **error)
{
  gsize length = qcow2_round_up (size, image->cluster_size);
  g_autofree guint8 *bytes = g_malloc0 (length);
  gsize at = 0;

  if (size > QCOW2_MAX_BITMAP_BYTES)
    return banyan_throw_errno (error, EFBIG, "%s: there is no room for another bitmap",
                               image->name);

  for (guint i = 0; i < bitmaps->len; i++)
    {
      Qcow2Bitmap *bitmap = &g_array_index (bitmaps, Qcow2Bitmap, i);

      format_entry (bitmap, bytes + at);
      bitmap->flags_at = at + 12;
      at += entry_size (bitmap);
    }
  return allocate (image, length, fresh, offset, error)
         && qcow2_image_write_table (image, QCOW2_META_BITMAP_DIRECTORY, *offset, bytes, length,
                                     error);
}

static void
describe (Qcow2Header *header, guint32 n, guint64 offset, guint64 size)
{
  guint8 extension[QCOW2_BITMAP_ENTRY_BYTES] = { 0 };

  header->n_bitmaps = n;
  header->bitmaps_offset = offset;
  header->bitmaps_bytes = size;
  header->autoclear &= ~(guint64) QCOW2_AUTOCLEAR_BITMAPS;
  if (n > 0)
    header->autoclear |= QCOW2_AUTOCLEAR_BITMAPS;

  qcow2_put32 (extension, n);
  qcow2_put64 (extension + 8, size);
  qcow2_put64 (extension + 16, offset);
  qcow2_header_set_extension (header, QCOW2_EXTENSION_BITMAPS, n > 0 ? extension : NULL,
                              sizeof extension);
}

static gboolean BANYAN_COROUTINE
write_header (Qcow2Image *image, guint32 n, guint64 offset, guint64 size, GError **error)
{
  Qcow2Header *header = &image->header;
  guint32 old_n = header->n_bitmaps;
  guint64 old_offset = header->bitmaps_offset, old_size = header->bitmaps_bytes;
  gboolean done;

  banyan_co_mutex_lock (&image->header_mutex);
  describe (header, n, offset, size);
  done = qcow2_header_replace (header, image->file, image->name, error);
  if (!done)
    {
      describe (header, old_n, old_offset, old_size);
      /* As qcow2_image_put_back_header() does. */
      if (!qcow2_header_replace (header, image->file, image->name, NULL))
        __atomic_store_n (&image->is_corrupt, TRUE, __ATOMIC_RELEASE);
    }
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

/* From here on, @bitmaps are the image's. */
static gboolean BANYAN_COROUTINE
put_directory (Qcow2Image *image, GArray *bitmaps, Clusters *fresh, GError **error)
{
  guint64 offset = 0;
  gsize size = 0;

  for (guint i = 0; i < bitmaps->len; i++)
    size += entry_size (&g_array_index (bitmaps, Qcow2Bitmap, i));

  if (size > 0 && !write_directory (image, bitmaps, size, fresh, &offset, error))
    return FALSE;
  if (!qcow2_refcount_write (image, error) || !banyan_child_flush (image->file, error)
      || !write_header (image, bitmaps->len, offset, size, error))
    return FALSE;
  if (size > 0)
    qcow2_overlap_add (&image->overlap, offset >> image->cluster_bits,
                       qcow2_round_up (size, image->cluster_size) >> image->cluster_bits,
                       QCOW2_META_BITMAP_DIRECTORY);
  return TRUE;
}

/* -- One of them is another. -- */

static Qcow2Bitmap
copy_of (const Qcow2Bitmap *bitmap)
{
  Qcow2Bitmap copy = *bitmap;

  copy.name = g_strdup (bitmap->name);
  copy.extra = bitmap->extra != NULL ? g_bytes_ref (bitmap->extra) : NULL;
  return copy;
}

/* All but the one at @index. */
static GArray *
copy_others (Qcow2Image *image, gint index)
{
  GArray *copies = g_array_new (FALSE, FALSE, sizeof (Qcow2Bitmap));

  g_array_set_clear_func (copies, qcow2_bitmap_clear);
  for (gint i = 0; i < (gint) image->bitmaps->len; i++)
    {
      Qcow2Bitmap copy;

      if (i == index)
        continue;
      copy = copy_of (&g_array_index (image->bitmaps, Qcow2Bitmap, i));
      g_array_append_val (copies, copy);
    }
  return copies;
}

/* What the directory, and the one at @index, occupy. */
static gboolean BANYAN_COROUTINE
note_old (Qcow2Image *image, gint index, Clusters *old, GError **error)
{
  if (image->header.bitmaps_bytes > 0
      && !clusters_note (image->header.bitmaps_offset, image->header.bitmaps_bytes, old, error))
    return FALSE;
  return index < 0
         || qcow2_bitmap_visit (image, &g_array_index (image->bitmaps, Qcow2Bitmap, index),
                                clusters_note, old, error);
}

/* @bitmaps: (transfer full): what the image is to have instead. */
static gboolean BANYAN_COROUTINE
exchange (Qcow2Image *image, gint index, GArray *bitmaps, Clusters *fresh, GError **error)
{
  Clusters old;
  gboolean done;

  clusters_init (&old);
  done = note_old (image, index, &old, error) && put_directory (image, bitmaps, fresh, error);
  if (done)
    {
      g_array_unref (image->bitmaps);
      image->bitmaps = bitmaps;
      done = clusters_drop (&old, image, error);
    }
  else
    {
      clusters_drop (fresh, image, NULL);
      g_array_unref (bitmaps);
    }
  clusters_clear (&old);
  return done;
}

static gboolean
check (Qcow2Image *image, const BanyanBitmapInfo *info, GError **error)
{
  gsize length = strlen (info->name);

  if (image->header.version < 3)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: an image of version 2 has no bitmaps; amend it to version 3",
                               image->name);
  if (length == 0 || length > QCOW2_BITMAP_MAX_NAME)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the name of a bitmap has %" G_GSIZE_FORMAT
                               " bytes; it can have 1 to %u",
                               image->name, length, QCOW2_BITMAP_MAX_NAME);
  return image->bitmaps->len < QCOW2_MAX_BITMAPS
         || banyan_throw_errno (error, EFBIG, "%s: there is no room for another bitmap",
                                image->name);
}

/* Nobody else writes: the next write marks bitmaps that record as in use, also those that did not
 * record when the last one was written. */
static void
await_next_write (Qcow2Image *image)
{
  if (image->writing == QCOW2_WRITES)
    __atomic_store_n (&image->writing, QCOW2_EDITS, __ATOMIC_RELEASE);
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_store (Qcow2Image *image, const BanyanBitmapInfo *info, BanyanBitmap *bitmap,
                     GError **error)
{
  gint index = qcow2_bitmaps_find (image, info->name, NULL);
  g_autoptr (BanyanBitmap) none = NULL;
  Qcow2Bitmap kept = {
    .flags = info->is_recording ? QCOW2_BITMAP_AUTO : 0,
    .type = QCOW2_BITMAP_TYPE_DIRTY,
    .granularity_bits = g_bit_nth_lsf (info->granularity, -1),
  };
  Clusters fresh;
  GArray *bitmaps;
  gboolean done;

  none = bitmap == NULL ? banyan_bitmap_new (image->header.size, info->granularity, error) : NULL;
  if (bitmap == NULL && none == NULL)
    return FALSE;
  if (!check (image, info, error) || !qcow2_image_begin_editing (image, error)
      || !qcow2_order_settle (image, error))
    return FALSE;

  clusters_init (&fresh);
  kept.name = g_strdup (info->name);
  done = write_bitmap (image, bitmap != NULL ? bitmap : none, &kept, &fresh, error);
  if (done)
    {
      bitmaps = copy_others (image, index);
      g_array_append_val (bitmaps, kept);
      done = exchange (image, index, bitmaps, &fresh, error);
      await_next_write (image);
    }
  else
    {
      clusters_drop (&fresh, image, NULL);
      qcow2_bitmap_clear (&kept);
    }
  clusters_clear (&fresh);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_remove (Qcow2Image *image, const char *name, GError **error)
{
  gint index = qcow2_bitmaps_find (image, name, error);
  Clusters fresh;
  gboolean done;

  if (index < 0 || !qcow2_image_begin_editing (image, error) || !qcow2_order_settle (image, error))
    return FALSE;

  clusters_init (&fresh);
  done = exchange (image, index, copy_others (image, index), &fresh, error);
  clusters_clear (&fresh);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_set_recording (Qcow2Image *image, const char *name, gboolean is_recording,
                             GError **error)
{
  gint index = qcow2_bitmaps_find (image, name, error);
  Qcow2Bitmap *bitmap;
  guint32 flags;

  if (index < 0)
    return FALSE;

  bitmap = &g_array_index (image->bitmaps, Qcow2Bitmap, index);
  flags = bitmap->flags & ~QCOW2_BITMAP_AUTO;
  if (is_recording)
    flags |= QCOW2_BITMAP_AUTO;
  if (!qcow2_bitmaps_check_usable (image, bitmap, error)
      || !qcow2_image_begin_editing (image, error)
      || !qcow2_bitmap_write_flags (image, bitmap, flags, error))
    return FALSE;

  await_next_write (image);
  return banyan_child_flush (image->file, error);
}
