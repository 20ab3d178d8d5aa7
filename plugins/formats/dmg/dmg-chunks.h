/* dmg-chunks.h - which part of the disk is where in the image, and how it is packed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* What a chunk has at most, packed or not. */
#define DMG_MAX_CHUNK (64u << 20)

typedef enum
{
  DMG_ZERO,
  DMG_RAW,
  DMG_ZLIB,
  DMG_BZIP2,
} DmgKind;

typedef struct
{
  DmgKind kind;
  guint64 start;  /* bytes, in the disk */
  guint64 length; /* bytes, there */
  guint64 place;  /* bytes, in the image */
  guint64 packed; /* bytes, there */
} DmgChunk;

/* A table of chunks as the image has it, if that is what @bytes are; others are passed over.
 * @base: bytes: where in the image its data begins. */
gboolean dmg_chunks_add (GArray *chunks, const guint8 *bytes, gsize length, guint64 base,
                         const char *name, GError **error);
/* All tables that the property list @text has. */
gboolean dmg_chunks_add_list (GArray *chunks, const char *text, gsize length, guint64 base,
                              const char *name, GError **error);
/* All that lie in a resource fork. */
gboolean dmg_chunks_add_fork (GArray *chunks, const guint8 *fork, gsize length, guint64 base,
                              const char *name, GError **error);
/* Brings them into the order of the disk, and sees that none overlaps another. */
gboolean dmg_chunks_sort (GArray *chunks, const char *name, GError **error);
/* The chunk that @offset of the disk is in. (nullable) */
const DmgChunk *dmg_chunks_find (GArray *chunks, guint64 offset);
