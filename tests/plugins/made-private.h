/* made-private.h - what makes images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "made.h"

G_BEGIN_DECLS

/* A file that grows, from its beginning. */
typedef struct
{
  GByteArray *bytes; /* (owned) */
} Made;

Made *made_new (void);
/* At any place; what was not put is zero. */
void made_put (Made *self, gsize offset, gconstpointer bytes, gsize length);
void made_put_le (Made *self, gsize offset, guint width, guint64 value);
void made_put_be (Made *self, gsize offset, guint width, guint64 value);
/* What the disk has in @length bytes from @start on. */
void made_put_data (Made *self, gsize offset, guint64 start, gsize length);
/* Up to @alignment; returns where that is. */
gsize made_align (Made *self, gsize alignment);
void made_save (Made *self, const char *path);
/* By zlib. (transfer full) */
GBytes *made_pack (gconstpointer bytes, gsize length);

static inline guint
made_n_pieces (guint64 size)
{
  return (size + MADE_PIECE - 1) / MADE_PIECE;
}

static inline gboolean
made_has_data (guint piece)
{
  return piece % 2 == 0;
}

G_END_DECLS
