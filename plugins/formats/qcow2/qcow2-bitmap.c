/* qcow2-bitmap.c - dirty bitmaps that are kept in the image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-bitmap.h"

#include <errno.h>

#define PIECE 65536

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

  qcow2_overlap_add (&image->overlap, image->header.bitmaps_offset >> image->cluster_bits,
                     (size + image->cluster_size - 1) >> image->cluster_bits,
                     QCOW2_META_BITMAP_DIRECTORY);
  return at == size || throw_bad (image, "it is longer than its entries", error);
}

gboolean BANYAN_COROUTINE
qcow2_bitmaps_mark_in_use (Qcow2Image *image, GError **error)
{
  for (guint i = 0; i < image->bitmaps->len; i++)
    {
      Qcow2Bitmap *bitmap = &g_array_index (image->bitmaps, Qcow2Bitmap, i);
      guint8 flags[4];

      if (!(bitmap->flags & QCOW2_BITMAP_AUTO) || (bitmap->flags & QCOW2_BITMAP_IN_USE))
        continue;
      qcow2_put32 (flags, bitmap->flags | QCOW2_BITMAP_IN_USE);
      if (!banyan_child_pwrite (image->file, image->header.bitmaps_offset + bitmap->flags_at, flags,
                                sizeof flags, 0, error))
        return FALSE;
      bitmap->flags |= QCOW2_BITMAP_IN_USE;
    }
  return TRUE;
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
qcow2_bitmaps_visit (Qcow2Image *image, Qcow2BitmapVisit func, gpointer data, GError **error)
{
  if (image->bitmaps->len > 0
      && !func (image->header.bitmaps_offset, image->header.bitmaps_bytes, data, error))
    return FALSE;

  for (guint i = 0; i < image->bitmaps->len; i++)
    {
      const Qcow2Bitmap *bitmap = &g_array_index (image->bitmaps, Qcow2Bitmap, i);

      if (bitmap->table_size == 0)
        continue;
      if (!func (bitmap->table_offset, bitmap->table_size * sizeof (guint64), data, error)
          || !visit_table (image, bitmap, func, data, error))
        return FALSE;
    }
  return TRUE;
}
