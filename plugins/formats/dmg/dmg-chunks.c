/* dmg-chunks.c - which part of the disk is where in the image, and how it is packed
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table begins with "mish", and has 40 bytes for each chunk, big-endian. Tables stand in a
 * property list, in base 64, one for each partition; or, in old images, in a resource fork, each
 * behind its length. */

#include "dmg-chunks.h"

#include <banyan/banyan-plugin.h>
#include <errno.h>

#define TABLE_MAGIC "mish"
#define TABLE_START 8
#define TABLE_DATA_OFFSET 24
#define TABLE_SUM 64
#define TABLE_CHUNKS 204

#define CHUNK_SIZE 40
#define CHUNK_START 8
#define CHUNK_LENGTH 16
#define CHUNK_OFFSET 24
#define CHUNK_PACKED 32

enum
{
  TYPE_ZERO = 0,
  TYPE_RAW = 1,
  TYPE_IGNORED = 2,
  TYPE_ADC = 0x80000004,
  TYPE_ZLIB = 0x80000005,
  TYPE_BZIP2 = 0x80000006,
  TYPE_LZFSE = 0x80000007,
  TYPE_LZMA = 0x80000008,
  TYPE_COMMENT = 0x7ffffffe,
  TYPE_LAST = 0xffffffff,
};

#define SECTOR 512
#define MAX_SECTORS (G_MAXINT64 / SECTOR)

#define SUM_CRC 2

DmgChunks *
dmg_chunks_new (void)
{
  DmgChunks *self = g_new0 (DmgChunks, 1);

  self->list = g_array_new (FALSE, FALSE, sizeof (DmgChunk));
  self->tables = g_array_new (FALSE, FALSE, sizeof (DmgTable));
  return self;
}

void
dmg_chunks_free (DmgChunks *self)
{
  g_array_unref (self->list);
  g_array_unref (self->tables);
  g_free (self);
}

/* -- Checksums. -- */

void
dmg_sum_take (DmgSum *self, const guint8 *bytes)
{
  self->type = banyan_get_be32 (bytes);
  self->n_bytes = MIN (banyan_get_be32 (bytes + 4) / 8, sizeof self->bytes);
  memcpy (self->bytes, bytes + 8, sizeof self->bytes);
}

gboolean
dmg_sum_is_crc (const DmgSum *self)
{
  return self->type == SUM_CRC && self->n_bytes == 4;
}

guint32
dmg_sum_get_crc (const DmgSum *self)
{
  return banyan_get_be32 (self->bytes);
}

/* -- Chunks. -- */

static gboolean
throw_type (guint32 type, const char *name, GError **error)
{
  const char *method = type == TYPE_LZFSE ? "lzfse" : "an unknown method";

  return banyan_throw_errno (error, ENOTSUP,
                             "%s: the image has chunks packed by %s (type %u), which is not read; "
                             "pack it anew on macOS: hdiutil convert OLD -format UDZO -o NEW",
                             name, method, type);
}

static gboolean
find_kind (guint32 type, DmgKind *kind, const char *name, GError **error)
{
  switch (type)
    {
    case TYPE_ZERO:
      *kind = DMG_ZERO;
      return TRUE;
    case TYPE_IGNORED:
      *kind = DMG_UNUSED;
      return TRUE;
    case TYPE_RAW:
      *kind = DMG_RAW;
      return TRUE;
    case TYPE_ADC:
      *kind = DMG_ADC;
      return TRUE;
    case TYPE_ZLIB:
      *kind = DMG_ZLIB;
      return TRUE;
    case TYPE_BZIP2:
      *kind = DMG_BZIP2;
      return TRUE;
    case TYPE_LZMA:
      *kind = DMG_LZMA;
      return TRUE;
    default:
      return throw_type (type, name, error);
    }
}

gboolean
dmg_chunk_is_packed (const DmgChunk *chunk)
{
  return chunk->kind > DMG_RAW;
}

static gboolean
throw_chunk (guint index, const char *what, guint64 value, const char *rule, const char *name,
             GError **error)
{
  return banyan_throw_errno (
      error, EINVAL, "%s: chunk %u of a table of the image has %s %" G_GUINT64_FORMAT "; %s", name,
      index, what, value, rule);
}

/* Sums of what is checked here stay far from overflowing. */
static gboolean
check_chunk (const DmgChunk *chunk, guint index, const char *name, GError **error)
{
  gboolean is_packed = dmg_chunk_is_packed (chunk);

  if (chunk->kind > DMG_ZERO && (chunk->place > G_MAXINT64 || chunk->packed > G_MAXINT64))
    return throw_chunk (index, "an offset or length of", MAX (chunk->place, chunk->packed),
                        "no file is that long", name, error);
  if (is_packed && chunk->length > DMG_MAX_CHUNK)
    return throw_chunk (index, "a length of", chunk->length, "it can be 67108864 bytes at most",
                        name, error);
  if (is_packed && (chunk->packed > DMG_MAX_CHUNK || chunk->packed == 0))
    return throw_chunk (index, "a packed length of", chunk->packed, "it can be 1 to 67108864 bytes",
                        name, error);
  if (chunk->kind == DMG_RAW && chunk->packed < chunk->length)
    return throw_chunk (index, "a stored length of", chunk->packed, "its sectors need more", name,
                        error);
  return TRUE;
}

static gboolean
take_chunk (DmgChunks *self, const guint8 *bytes, guint index, guint64 first_sector, guint64 base,
            const char *name, GError **error)
{
  guint64 start = banyan_get_be64 (bytes + CHUNK_START), n = banyan_get_be64 (bytes + CHUNK_LENGTH);
  guint64 offset = banyan_get_be64 (bytes + CHUNK_OFFSET);
  DmgChunk chunk = { .table = self->tables->len - 1 };

  if (n == 0)
    return TRUE;
  if (!find_kind (banyan_get_be32 (bytes), &chunk.kind, name, error))
    return FALSE;
  if (start > (guint64) MAX_SECTORS || n > (guint64) MAX_SECTORS - start
      || first_sector > (guint64) MAX_SECTORS - start - n)
    return throw_chunk (index, "a first or last sector of", MAX (start, n), "no disk has that many",
                        name, error);
  if (chunk.kind > DMG_ZERO && offset > G_MAXUINT64 - base)
    return throw_chunk (index, "an offset of", offset, "no file is that long", name, error);

  chunk.start = (first_sector + start) * SECTOR;
  chunk.length = n * SECTOR;
  if (chunk.kind > DMG_ZERO)
    {
      chunk.place = base + offset;
      chunk.packed = banyan_get_be64 (bytes + CHUNK_PACKED);
    }
  if (!check_chunk (&chunk, index, name, error))
    return FALSE;

  g_array_append_val (self->list, chunk);
  return TRUE;
}

/* A table of chunks as the image has it, if that is what @bytes are; others are passed over. */
static gboolean
add_table (DmgChunks *self, const guint8 *bytes, gsize length, guint64 base, const char *name,
           GError **error)
{
  DmgTable table = { 0 };
  guint64 first_sector, offset;

  if (length < TABLE_CHUNKS || memcmp (bytes, TABLE_MAGIC, 4) != 0)
    return TRUE;

  first_sector = banyan_get_be64 (bytes + TABLE_START);
  offset = banyan_get_be64 (bytes + TABLE_DATA_OFFSET);
  if (first_sector > (guint64) MAX_SECTORS)
    return banyan_throw_errno (error, EINVAL,
                               "%s: a table of the image begins at sector %" G_GUINT64_FORMAT
                               "; no disk has that many",
                               name, first_sector);
  if (offset > G_MAXUINT64 - base)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the data of a table of the image begins at byte "
                               "%" G_GUINT64_FORMAT "; no file is that long",
                               name, offset);

  table.start = first_sector * SECTOR;
  dmg_sum_take (&table.sum, bytes + TABLE_SUM);
  g_array_append_val (self->tables, table);
  for (guint i = 0; i < (length - TABLE_CHUNKS) / CHUNK_SIZE; i++)
    {
      const guint8 *chunk = bytes + TABLE_CHUNKS + i * CHUNK_SIZE;
      guint32 type = banyan_get_be32 (chunk);

      if (type != TYPE_COMMENT && type != TYPE_LAST
          && !take_chunk (self, chunk, i, first_sector, base + offset, name, error))
        return FALSE;
    }
  return TRUE;
}

/* -- The property list. -- */

typedef struct
{
  DmgChunks *chunks;
  guint64 base;
  const char *name;
  GString *text; /* (owned): of the element that is read */
} List;

static void
begin_element (GMarkupParseContext *context, const char *element, const char **keys,
               const char **values, gpointer data, GError **error)
{
  g_string_truncate (((List *) data)->text, 0);
}

static void
take_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data,
           GError **error)
{
  g_string_append_len (((List *) data)->text, text, length);
}

static void
end_element (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  List *list = data;
  g_autofree guint8 *bytes = NULL;
  gsize length;

  if (strcmp (element, "data") != 0)
    return;

  bytes = g_base64_decode (list->text->str, &length);
  add_table (list->chunks, bytes, length, list->base, list->name, error);
}

gboolean
dmg_chunks_add_list (DmgChunks *self, const char *text, gsize length, guint64 base,
                     const char *name, GError **error)
{
  static const GMarkupParser parser
      = { .start_element = begin_element, .end_element = end_element, .text = take_text };
  List list = { self, base, name, g_string_new (NULL) };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &list, NULL);
  g_autoptr (GError) own = NULL;
  gboolean parsed = g_markup_parse_context_parse (context, text, length, &own)
                    && g_markup_parse_context_end_parse (context, &own);

  g_string_free (list.text, TRUE);
  if (parsed)
    return TRUE;
  if (own->domain != G_MARKUP_ERROR)
    {
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }
  return banyan_throw_errno (error, EINVAL, "%s: the image's property list is no XML: %s", name,
                             own->message);
}

/* -- The resource fork. -- */

gboolean
dmg_chunks_add_fork (DmgChunks *self, const guint8 *fork, gsize length, guint64 base,
                     const char *name, GError **error)
{
  guint64 at, end;

  if (length < 16)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's resource fork has %" G_GSIZE_FORMAT
                               " bytes; its header alone has 16",
                               name, length);
  at = banyan_get_be32 (fork);
  end = at + banyan_get_be32 (fork + 8);
  if (end > length)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the data of the image's resource fork ends at byte "
                               "%" G_GUINT64_FORMAT " of %" G_GSIZE_FORMAT,
                               name, end, length);

  while (end - at >= 4)
    {
      guint32 size = banyan_get_be32 (fork + at);

      at += 4;
      if (size == 0 || size > end - at)
        return banyan_throw_errno (
            error, EINVAL,
            "%s: a resource of the image has %u bytes, and %" G_GUINT64_FORMAT " are left", name,
            size, end - at);
      if (!add_table (self, fork + at, size, base, name, error))
        return FALSE;
      at += size;
    }
  return TRUE;
}

/* -- Order. -- */

static int
compare (gconstpointer one, gconstpointer other)
{
  guint64 first = ((const DmgChunk *) one)->start, second = ((const DmgChunk *) other)->start;

  return first < second ? -1 : first > second;
}

gboolean
dmg_chunks_sort (DmgChunks *self, const char *name, GError **error)
{
  GArray *chunks = self->list;

  g_array_sort (chunks, compare);
  for (guint i = 1; i < chunks->len; i++)
    {
      const DmgChunk *before = &g_array_index (chunks, DmgChunk, i - 1);
      const DmgChunk *chunk = &g_array_index (chunks, DmgChunk, i);

      if (chunk->start - before->start < before->length)
        return banyan_throw_errno (error, EINVAL,
                                   "%s: two chunks of the image have byte %" G_GUINT64_FORMAT
                                   " of the disk",
                                   name, chunk->start);
    }
  return TRUE;
}

const DmgChunk *
dmg_chunks_find (const DmgChunks *self, guint64 offset)
{
  GArray *chunks = self->list;
  guint first = 0, end = chunks->len;
  const DmgChunk *chunk;

  while (end - first > 1)
    {
      guint middle = first + (end - first) / 2;

      if (g_array_index (chunks, DmgChunk, middle).start <= offset)
        first = middle;
      else
        end = middle;
    }
  if (chunks->len == 0)
    return NULL;

  chunk = &g_array_index (chunks, DmgChunk, first);
  return offset >= chunk->start && offset - chunk->start < chunk->length ? chunk : NULL;
}
