/* dmg-chunks.h - which part of the disk is where in the image, and how it is packed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* What a chunk has at most, packed or not. */
#define DMG_MAX_CHUNK (64u << 20)

typedef enum
{
  DMG_UNUSED, /* read as zeroes; no checksum counts them */
  DMG_ZERO,
  DMG_RAW,
  DMG_ADC,
  DMG_ZLIB,
  DMG_BZIP2,
  DMG_LZMA,
} DmgKind;

typedef struct
{
  DmgKind kind;
  guint32 table;  /* in which it stands */
  guint64 start;  /* bytes, in the disk */
  guint64 length; /* bytes, there */
  guint64 place;  /* bytes, in the image */
  guint64 packed; /* bytes, there */
} DmgChunk;

#define DMG_SUM_SIZE 136

/* A checksum, of any kind. */
typedef struct
{
  guint32 type;
  guint32 n_bytes;
  guint8 bytes[DMG_SUM_SIZE - 8];
} DmgSum;

typedef struct
{
  guint64 start; /* bytes, in the disk */
  DmgSum sum;    /* of what its chunks unpack to */
} DmgTable;

typedef struct
{
  GArray *list;   /* (owned) (element-type DmgChunk) */
  GArray *tables; /* (owned) (element-type DmgTable) */
} DmgChunks;

DmgChunks *dmg_chunks_new (void);
void dmg_chunks_free (DmgChunks *self);

/* All tables that the property list @text has. @base: bytes: where in the image their data begins.
 */
gboolean dmg_chunks_add_list (DmgChunks *self, const char *text, gsize length, guint64 base,
                              const char *name, GError **error);
/* All that lie in a resource fork. */
gboolean dmg_chunks_add_fork (DmgChunks *self, const guint8 *fork, gsize length, guint64 base,
                              const char *name, GError **error);
/* Brings them into the order of the disk, and sees that none overlaps another. */
gboolean dmg_chunks_sort (DmgChunks *self, const char *name, GError **error);
/* The chunk that @offset of the disk is in. (nullable) */
const DmgChunk *dmg_chunks_find (const DmgChunks *self, guint64 offset);
gboolean dmg_chunk_is_packed (const DmgChunk *chunk);

/* As it stands in a table or the trailer. */
void dmg_sum_take (DmgSum *self, const guint8 *bytes);
/* The one kind that is known: zlib's CRC-32. */
gboolean dmg_sum_is_crc (const DmgSum *self);
guint32 dmg_sum_get_crc (const DmgSum *self);
