/* banyan-bitmaps.h - drivers whose images keep which parts of the disk were written to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-bitmap.h>
#include <banyan/banyan-node.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_BITMAPS (banyan_bitmaps_get_type ())
BANYAN_API
G_DECLARE_INTERFACE (BanyanBitmaps, banyan_bitmaps, BANYAN, BITMAPS, BanyanNode)

/* One bitmap that is kept. */
typedef struct
{
  char *name;            /* (owned): unique in its image */
  guint64 granularity;   /* bytes: a power of 2 */
  gboolean is_recording; /* what is written to the disk is set in it */
  gboolean is_in_use; /* somebody had it, and did not put it back: nobody knows what is missing */
} BanyanBitmapInfo;

BANYAN_API
BanyanBitmapInfo *banyan_bitmap_info_new (const char *name, guint64 granularity);
BANYAN_API
void banyan_bitmap_info_free (BanyanBitmapInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanBitmapInfo, banyan_bitmap_info_free)

/* All of these run in a coroutine, within a request, with nobody else writing. */
struct _BanyanBitmapsInterface
{
  GTypeInterface parent_iface;

  GPtrArray *(*list) (BanyanBitmaps *self, GError **error);
  BanyanBitmap *(*load) (BanyanBitmaps *self, const char *name, GError **error);
  gboolean (*store) (BanyanBitmaps *self, const BanyanBitmapInfo *info, BanyanBitmap *bitmap,
                     GError **error);
  gboolean (*remove) (BanyanBitmaps *self, const char *name, GError **error);
  gboolean (*set_recording) (BanyanBitmaps *self, const char *name, gboolean is_recording,
                             GError **error);

  BANYAN_RESERVED (3);
};

BANYAN_API
GPtrArray *BANYAN_COROUTINE banyan_bitmaps_list (BanyanBitmaps *self, GError **error);
BANYAN_API
BanyanBitmap *BANYAN_COROUTINE banyan_bitmaps_load (BanyanBitmaps *self, const char *name,
                                                    GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_bitmaps_store (BanyanBitmaps *self, const BanyanBitmapInfo *info,
                                                BanyanBitmap *bitmap, GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_bitmaps_remove (BanyanBitmaps *self, const char *name,
                                                 GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_bitmaps_set_recording (BanyanBitmaps *self, const char *name,
                                                        gboolean is_recording, GError **error);

G_END_DECLS
