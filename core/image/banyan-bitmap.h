/* banyan-bitmap.h - which parts of a disk something holds for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-macros.h>

#include <glib-object.h>

G_BEGIN_DECLS

/* A disk in granules, each of which is set or not. It takes memory where granules are set, and
 * 1/512 of a bit for each that is not. Not for several threads at once. */
typedef struct _BanyanBitmap BanyanBitmap;

/* What a bitmap holds in one piece: 32,768 granules, the first in the lowest bit of the first
 * byte. */
#define BANYAN_BITMAP_CHUNK_BYTES 4096

/* More granules than that there are not. */
#define BANYAN_BITMAP_MAX_GRANULES (G_GUINT64_CONSTANT (1) << 32)

BANYAN_API
BanyanBitmap *banyan_bitmap_new (guint64 length, guint64 granularity, GError **error);
BANYAN_API
void banyan_bitmap_free (BanyanBitmap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanBitmap, banyan_bitmap_free)

BANYAN_API
guint64 banyan_bitmap_get_granularity (BanyanBitmap *self);
BANYAN_API
guint64 banyan_bitmap_count_granules (BanyanBitmap *self);

BANYAN_API
void banyan_bitmap_set (BanyanBitmap *self, guint64 offset, guint64 length);
BANYAN_API
gboolean banyan_bitmap_find (BanyanBitmap *self, guint64 *offset, guint64 *length);
BANYAN_API
void banyan_bitmap_merge (BanyanBitmap *self, BanyanBitmap *other);

BANYAN_API
const guint8 *banyan_bitmap_get_chunk (BanyanBitmap *self, guint64 index);
BANYAN_API
void banyan_bitmap_set_bytes (BanyanBitmap *self, guint64 at, const guint8 *bytes, gsize n);

G_END_DECLS
