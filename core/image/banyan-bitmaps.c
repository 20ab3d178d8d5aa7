/* banyan-bitmaps.c - drivers whose images keep which parts of the disk were written to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-bitmaps.h>

G_DEFINE_INTERFACE (BanyanBitmaps, banyan_bitmaps, BANYAN_TYPE_NODE)

static void
banyan_bitmaps_default_init (BanyanBitmapsInterface *iface)
{
}

/**
 * banyan_bitmap_info_new: (skip)
 * @name: what it is called
 * @granularity: bytes of a granule, a power of 2
 *
 * Returns: (transfer full): a bitmap that records, and is in order
 */
BanyanBitmapInfo *
banyan_bitmap_info_new (const char *name, guint64 granularity)
{
  BanyanBitmapInfo *self = g_new0 (BanyanBitmapInfo, 1);

  self->name = g_strdup (name);
  self->granularity = granularity;
  self->is_recording = TRUE;
  return self;
}

/**
 * banyan_bitmap_info_free: (skip)
 * @self: (transfer full): what is known of a bitmap
 */
void
banyan_bitmap_info_free (BanyanBitmapInfo *self)
{
  g_free (self->name);
  g_free (self);
}

/**
 * banyan_bitmaps_list: (skip)
 * @self: an image
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full) (element-type BanyanBitmapInfo): its bitmaps; %NULL with @error
 */
GPtrArray *
banyan_bitmaps_list (BanyanBitmaps *self, GError **error)
{
  return BANYAN_BITMAPS_GET_IFACE (self)->list (self, error);
}

/**
 * banyan_bitmaps_load: (skip)
 * @self: an image
 * @name: a bitmap's
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full): what is set in it; %NULL with @error: ENOENT where there is none of
 * that name, EINVAL where it is in use
 */
BanyanBitmap *
banyan_bitmaps_load (BanyanBitmaps *self, const char *name, GError **error)
{
  return BANYAN_BITMAPS_GET_IFACE (self)->load (self, name, error);
}

/**
 * banyan_bitmaps_store: (skip)
 * @self: an image
 * @info: the bitmap's name and granularity, and whether it is to record
 * @bitmap: (nullable): what is set in it; nothing without it
 * @error: where to put the error, or %NULL
 *
 * Keeps a bitmap in the image, in the place of one of the same name. A power cut leaves the old one
 * or the new one.
 *
 * Returns: whether it is kept
 */
gboolean
banyan_bitmaps_store (BanyanBitmaps *self, const BanyanBitmapInfo *info, BanyanBitmap *bitmap,
                      GError **error)
{
  return BANYAN_BITMAPS_GET_IFACE (self)->store (self, info, bitmap, error);
}

/**
 * banyan_bitmaps_remove: (skip)
 * @self: an image
 * @name: a bitmap's
 * @error: where to put the error, or %NULL
 *
 * Takes a bitmap out of the image, in use or not.
 *
 * Returns: whether it is gone; %FALSE with @error, ENOENT where there is none of that name
 */
gboolean
banyan_bitmaps_remove (BanyanBitmaps *self, const char *name, GError **error)
{
  return BANYAN_BITMAPS_GET_IFACE (self)->remove (self, name, error);
}

/**
 * banyan_bitmaps_set_recording: (skip)
 * @self: an image
 * @name: a bitmap's
 * @is_recording: whether what is written from now on is set in it
 * @error: where to put the error, or %NULL
 *
 * What is set in it stays as it is.
 *
 * Returns: whether it is so; %FALSE with @error: ENOENT where there is none of that name, EINVAL
 * where it is in use
 */
gboolean
banyan_bitmaps_set_recording (BanyanBitmaps *self, const char *name, gboolean is_recording,
                              GError **error)
{
  return BANYAN_BITMAPS_GET_IFACE (self)->set_recording (self, name, is_recording, error);
}
