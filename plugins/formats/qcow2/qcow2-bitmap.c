/* qcow2-bitmap.c - dirty bitmaps that are kept in the image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-bitmap.h"

#include <errno.h>
#include <string.h>

#define PIECE 65536

void
qcow2_bitmap_clear (gpointer data)
{
  Qcow2Bitmap *self = data;

  g_free (self->name);
  g_clear_pointer (&self->extra, g_bytes_unref);
}

static gboolean
throw_bad (Qcow2Image *image, const char *what, GError **error)
{
  return banyan_throw_errno (error, EINVAL, "%s: the image's bitmap directory is damaged: %s",
                             image->name, what);
}

/* FALSE: it does not fit. */
static gboolean
parse_entry (Qcow2Image *image, const guint8 *bytes, gsize size, gsize *at, GError **error)
{
  const guint8 *entry = bytes + *at;
  Qcow2Bitmap bitmap = { 0 };
  guint32 extra, name_size;
  gsize length;

  if (size - *at < QCOW2_BITMAP_ENTRY_BYTES)
    return throw_bad (image, "it ends too early", error);

  bitmap.table_offset = qcow2_get64 (entry);
  bitmap.table_size = qcow2_get32 (entry + 8);
  bitmap.flags = qcow2_get32 (entry + 12);
  bitmap.type = entry[16];
  bitmap.granularity_bits = entry[17];
  bitmap.flags_at = *at + 12;
  name_size = qcow2_get16 (entry + 18);
  extra = qcow2_get32 (entry + 20);

  length = (QCOW2_BITMAP_ENTRY_BYTES + (gsize) extra + name_size + 7) & ~(gsize) 7;
  if (length > size - *at)
    return throw_bad (image, "an entry is too long", error);
  if (name_size == 0 || bitmap.granularity_bits > 63
      || (bitmap.table_offset & (image->cluster_size - 1)) != 0
      || bitmap.table_offset > G_MAXINT64 / 2
      || bitmap.table_size > QCOW2_MAX_BITMAP_BYTES / sizeof (guint64))
    return throw_bad (image, "an entry makes no sense", error);

  bitmap.name = g_strndup ((const char *) entry + QCOW2_BITMAP_ENTRY_BYTES + extra, name_size);
  if (extra > 0)
    bitmap.extra = g_bytes_new (entry + QCOW2_BITMAP_ENTRY_BYTES, extra);
  g_array_append_val (image->bitmaps, bitmap);
  *at += length;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_read (Qcow2Image *image, GError **error)
{
  gsize size = image->header.bitmaps_bytes;
  g_autofree guint8 *bytes = NULL;
  gsize at = 0;

  if (!(image->header.autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    return TRUE;

  bytes = g_malloc (size);
  if (!banyan_child_pread (image->file, image->header.bitmaps_offset, bytes, size, error))
    return FALSE;
  for (guint i = 0; i < image->header.n_bitmaps; i++)
    if (!parse_entry (image, bytes, size, &at, error))
      return FALSE;

  qcow2_image_claim (image, image->header.bitmaps_offset,
                     (size + image->cluster_size - 1) >> image->cluster_bits,
                     QCOW2_META_BITMAP_DIRECTORY);
  return at == size || throw_bad (image, "it is longer than its entries", error);
}

gboolean BANYAN_COROUTINE
qcow2_bitmap_write_flags (Qcow2Image *image, Qcow2Bitmap *bitmap, guint32 flags, GError **error)
{
  guint8 bytes[4];

  qcow2_put32 (bytes, flags);
  if (!qcow2_image_write_table (image, QCOW2_META_BITMAP_DIRECTORY,
                                image->header.bitmaps_offset + bitmap->flags_at, bytes,
                                sizeof bytes, error))
    return FALSE;

  bitmap->flags = flags;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_mark_in_use (Qcow2Image *image, GError **error)
{
  gboolean is_marked = FALSE;

  for (guint i = 0; i < image->bitmaps->len; i++)
    {
      Qcow2Bitmap *bitmap = &g_array_index (image->bitmaps, Qcow2Bitmap, i);

      if (!(bitmap->flags & QCOW2_BITMAP_AUTO) || (bitmap->flags & QCOW2_BITMAP_IN_USE))
        continue;
      if (!qcow2_bitmap_write_flags (image, bitmap, bitmap->flags | QCOW2_BITMAP_IN_USE, error))
        return FALSE;
      is_marked = TRUE;
    }
  return !is_marked || banyan_child_flush (image->file, error);
}

/* -- What is set. -- */

gint
qcow2_bitmaps_find (Qcow2Image *image, const char *name, GError **error)
{
  for (guint i = 0; i < image->bitmaps->len; i++)
    if (strcmp (g_array_index (image->bitmaps, Qcow2Bitmap, i).name, name) == 0)
      return i;

  banyan_throw_errno (error, ENOENT, "%s: no bitmap is called \"%s\"", image->name, name);
  return -1;
}

gboolean
qcow2_bitmaps_check_usable (Qcow2Image *image, const Qcow2Bitmap *bitmap, GError **error)
{
  if (bitmap->flags & QCOW2_BITMAP_IN_USE)
    return banyan_throw_errno (error, EINVAL,
                               "%s: bitmap \"%s\" is marked as in use, so nobody knows what is "
                               "missing in it; it can only be removed",
                               image->name, bitmap->name);
  if (bitmap->type != QCOW2_BITMAP_TYPE_DIRTY)
    return banyan_throw_errno (error, ENOTSUP, "%s: bitmap \"%s\" is of type %u; only 1 is known",
                               image->name, bitmap->name, bitmap->type);
  if (bitmap->flags & ~(guint32) QCOW2_BITMAP_KNOWN)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: bitmap \"%s\" has flags that are not known here: %#x",
                               image->name, bitmap->name, bitmap->flags);
  return bitmap->extra == NULL || (bitmap->flags & QCOW2_BITMAP_EXTRA_COMPATIBLE)
         || banyan_throw_errno (error, ENOTSUP,
                                "%s: bitmap \"%s\" has data that are not known here", image->name,
                                bitmap->name);
}

/* @entry: of the bitmap's table, which covers the bytes from @at on. */
static gboolean BANYAN_COROUTINE
load_cluster (Qcow2Image *image, BanyanBitmap *bitmap, guint64 entry, guint64 at, guint8 *bytes,
              GError **error)
{
  guint64 offset = entry & QCOW2_OFFSET_MASK;

  if ((entry & ~(QCOW2_OFFSET_MASK | 1)) != 0 || (offset != 0 && (entry & 1))
      || (offset & (image->cluster_size - 1)) != 0)
    return throw_bad (image, "a table has an entry that makes no sense", error);
  if (offset != 0)
    {
      if (!banyan_child_pread (image->file, offset, bytes, image->cluster_size, error))
        return FALSE;
    }
  else if (entry & 1)
    memset (bytes, 0xff, image->cluster_size);
  else
    return TRUE;

  banyan_bitmap_set_bytes (bitmap, at, bytes, image->cluster_size);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
load_clusters (Qcow2Image *image, BanyanBitmap *bitmap, const Qcow2Bitmap *kept, GError **error)
{
  gsize table_bytes = kept->table_size * sizeof (guint64);
  g_autofree guint64 *entries = g_malloc (table_bytes + 1);
  g_autofree guint8 *bytes = g_malloc (image->cluster_size);

  if (table_bytes > 0
      && !banyan_child_pread (image->file, kept->table_offset, entries, table_bytes, error))
    return FALSE;
  for (guint32 i = 0; i < kept->table_size; i++)
    if (!load_cluster (image, bitmap, GUINT64_FROM_BE (entries[i]), i * image->cluster_size, bytes,
                       error))
      return FALSE;
  return TRUE;
}

guint64
qcow2_bitmaps_table_size (Qcow2Image *image, BanyanBitmap *bitmap)
{
  guint64 n_bytes = (banyan_bitmap_count_granules (bitmap) + 7) / 8;

  return (n_bytes + image->cluster_size - 1) >> image->cluster_bits;
}

BanyanBitmap *BANYAN_COROUTINE
qcow2_bitmaps_load (Qcow2Image *image, guint index, GError **error)
{
  const Qcow2Bitmap *kept = &g_array_index (image->bitmaps, Qcow2Bitmap, index);
  g_autoptr (BanyanBitmap) bitmap = NULL;

  if (!qcow2_bitmaps_check_usable (image, kept, error))
    return NULL;

  bitmap = banyan_bitmap_new (image->header.size, G_GUINT64_CONSTANT (1) << kept->granularity_bits,
                              error);
  if (bitmap == NULL)
    return NULL;
  if (kept->table_size != qcow2_bitmaps_table_size (image, bitmap))
    {
      throw_bad (image, "a table is not as long as the disk wants it", error);
      return NULL;
    }
  return load_clusters (image, bitmap, kept, error) ? g_steal_pointer (&bitmap) : NULL;
}

/* -- What they occupy. -- */

static gboolean BANYAN_COROUTINE
visit_table (Qcow2Image *image, const Qcow2Bitmap *bitmap, Qcow2BitmapVisit func, gpointer data,
             GError **error)
{
  g_autofree guint64 *entries = g_malloc (PIECE);

  for (guint32 done = 0; done < bitmap->table_size;)
    {
      guint32 here = MIN (bitmap->table_size - done, PIECE / sizeof *entries);

      if (!banyan_child_pread (image->file, bitmap->table_offset + done * sizeof *entries, entries,
                               here * sizeof *entries, error))
        return FALSE;
      for (guint32 i = 0; i < here; i++)
        {
          guint64 offset = GUINT64_FROM_BE (entries[i]) & QCOW2_OFFSET_MASK;

          if (offset != 0 && !func (offset, image->cluster_size, data, error))
            return FALSE;
        }
      done += here;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_bitmap_visit (Qcow2Image *image, const Qcow2Bitmap *bitmap, Qcow2BitmapVisit func,
                    gpointer data, GError **error)
{
  return bitmap->table_size == 0
         || (func (bitmap->table_offset, bitmap->table_size * sizeof (guint64), data, error)
             && visit_table (image, bitmap, func, data, error));
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_visit (Qcow2Image *image, Qcow2BitmapVisit func, gpointer data, GError **error)
{
  if (image->bitmaps->len > 0
      && !func (image->header.bitmaps_offset, image->header.bitmaps_bytes, data, error))
    return FALSE;

  for (guint i = 0; i < image->bitmaps->len; i++)
    if (!qcow2_bitmap_visit (image, &g_array_index (image->bitmaps, Qcow2Bitmap, i), func, data,
                             error))
      return FALSE;
  return TRUE;
}
