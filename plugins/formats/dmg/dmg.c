/* dmg.c - Apple's disk images, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A trailer of 512 bytes, big-endian, says where the property list is, or the resource fork, with
 * the tables of chunks. They are all in memory: the list, and so they, are bounded. */

#include "dmg.h"

#include <errno.h>

#define TRAILER_SIZE 512
#define MAGIC "koly"
#define VERSION 4
#define AT_VERSION 4
#define AT_HEADER_SIZE 8
#define AT_DATA_FORK 24
#define AT_DATA_LENGTH 32
#define AT_FORK_OFFSET 40
#define AT_FORK_LENGTH 48
#define AT_N_SEGMENTS 60
#define AT_DATA_SUM 80
#define AT_LIST_OFFSET 216
#define AT_LIST_LENGTH 224
#define AT_TABLES_SUM 352
#define AT_SECTORS 492

#define ENCRYPTED_HEAD "encrcdsa"
#define ENCRYPTED_TAIL "cdsaencr"
#define ENCRYPTED_SIZE 8

#define SECTOR 512
#define MAX_TABLES (16u << 20)

BANYAN_DEFINE_DRIVER_WITH_CODE (BanyanDmg, banyan_dmg, BANYAN_TYPE_FORMAT,
                                { G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_CHECKABLE,
                                                                 dmg_checkable_init) })

/* -- Opening. -- */

static gboolean
is_trailer (const guint8 *bytes)
{
  return memcmp (bytes, MAGIC, 4) == 0 && banyan_get_be32 (bytes + AT_VERSION) == VERSION
         && banyan_get_be32 (bytes + AT_HEADER_SIZE) == TRAILER_SIZE;
}

/* Within @size bytes that the image ends with. (nullable) */
static const guint8 *
find_trailer (const guint8 *last, gsize size)
{
  for (gsize i = size < TRAILER_SIZE ? 0 : size - TRAILER_SIZE + 1; i-- > 0;)
    if (is_trailer (last + i))
      return last + i;
  return NULL;
}

/* The older kind of encryption has its header at the end. */
static gboolean BANYAN_COROUTINE
throw_kind (Mapped *mapped, const guint8 *last, gsize size, GError **error)
{
  guint64 end = banyan_child_get_length (mapped->file);
  guint8 head[ENCRYPTED_SIZE];

  if (!banyan_child_pread (mapped->file, 0, head, sizeof head, error))
    return FALSE;
  if (memcmp (head, ENCRYPTED_HEAD, sizeof head) == 0
      || memcmp (last + size - ENCRYPTED_SIZE, ENCRYPTED_TAIL, ENCRYPTED_SIZE) == 0)
    return mapped_throw_unsupported (mapped, error,
                                     "the image is encrypted, which is not read; decrypt it on "
                                     "macOS: hdiutil convert OLD -format UDZO -o NEW");
  return banyan_throw_errno (error, EINVAL,
                             "%s: this is no disk image of Apple's, or it is cut short: \"%s\" "
                             "stands nowhere in its last bytes, up to byte %" G_GUINT64_FORMAT,
                             mapped->name, MAGIC, end);
}

/* The last 512 bytes, unless somebody has rounded the file up to whole sectors. */
static gboolean BANYAN_COROUTINE
read_trailer (Mapped *mapped, guint8 *trailer, guint64 *at, GError **error)
{
  guint64 end = banyan_child_get_length (mapped->file);
  guint8 last[2 * TRAILER_SIZE];
  gsize size = MIN (end, sizeof last);
  const guint8 *found;

  if (end < TRAILER_SIZE)
    return mapped_check_inside (mapped, mapped->file, 0, TRAILER_SIZE, "trailer", error);
  if (!banyan_child_pread (mapped->file, end - size, last, size, error))
    return FALSE;

  found = find_trailer (last, size);
  if (found != NULL)
    {
      memcpy (trailer, found, TRAILER_SIZE);
      *at = end - size + (found - last);
      return TRUE;
    }
  return throw_kind (mapped, last, size, error);
}

static guint8 *BANYAN_COROUTINE
read_tables (Mapped *mapped, guint64 offset, guint64 length, const char *what, GError **error)
{
  g_autofree guint8 *bytes = NULL;

  if (length > MAX_TABLES)
    {
      banyan_throw_errno (error, EFBIG,
                          "%s: the image's %s has %" G_GUINT64_FORMAT
                          " bytes; it can have %u at most",
                          mapped->name, what, length, MAX_TABLES);
      return NULL;
    }
  bytes = g_malloc (length);
  return mapped_read_bytes (mapped, mapped->file, offset, bytes, length, what, error)
             ? g_steal_pointer (&bytes)
             : NULL;
}

static gboolean BANYAN_COROUTINE
read_chunks (BanyanDmg *self, const guint8 *trailer, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 base = banyan_get_be64 (trailer + AT_DATA_FORK);
  guint64 fork_length = banyan_get_be64 (trailer + AT_FORK_LENGTH);
  guint64 list_length = banyan_get_be64 (trailer + AT_LIST_LENGTH);
  g_autofree guint8 *bytes = NULL;

  if (fork_length != 0)
    {
      bytes = read_tables (mapped, banyan_get_be64 (trailer + AT_FORK_OFFSET), fork_length,
                           "resource fork", error);
      return bytes != NULL
             && dmg_chunks_add_fork (self->chunks, bytes, fork_length, base, mapped->name, error);
    }
  if (list_length == 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image has neither a property list nor a resource fork",
                               mapped->name);

  bytes = read_tables (mapped, banyan_get_be64 (trailer + AT_LIST_OFFSET), list_length,
                       "property list", error);
  return bytes != NULL
         && dmg_chunks_add_list (self->chunks, (const char *) bytes, list_length, base,
                                 mapped->name, error);
}

/* So much memory is used as the largest of them needs. */
static gboolean
set_unit_size (BanyanDmg *self, GError **error)
{
  guint64 largest = 0;

  for (guint i = 0; i < self->chunks->list->len; i++)
    {
      const DmgChunk *chunk = &g_array_index (self->chunks->list, DmgChunk, i);

      if (dmg_chunk_is_packed (chunk))
        largest = MAX (largest, chunk->length);
    }
  self->mapped.cluster_size = largest;
  return largest == 0 || mapped_set_unit_size (&self->mapped, largest, error);
}

static void
take_sums (BanyanDmg *self, const guint8 *trailer)
{
  self->has_list = banyan_get_be64 (trailer + AT_FORK_LENGTH) == 0;
  self->data_offset = banyan_get_be64 (trailer + AT_DATA_FORK);
  self->data_length = banyan_get_be64 (trailer + AT_DATA_LENGTH);
  dmg_sum_take (&self->data_sum, trailer + AT_DATA_SUM);
  dmg_sum_take (&self->tables_sum, trailer + AT_TABLES_SUM);
}

static gboolean BANYAN_COROUTINE
banyan_dmg_open (Mapped *mapped, GError **error)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);
  guint8 trailer[TRAILER_SIZE] = { 0 };
  guint64 at = 0, sectors;

  self->chunks = dmg_chunks_new ();
  self->inflater = mapped_inflater_new (FALSE);
  if (!read_trailer (mapped, trailer, &at, error))
    return FALSE;

  if (banyan_get_be32 (trailer + AT_N_SEGMENTS) > 1)
    return mapped_throw_unsupported (mapped, error,
                                     "this is one of the %u files that the image has, which is not "
                                     "read; make one of them on macOS: hdiutil convert OLD -format "
                                     "UDZO -o NEW",
                                     banyan_get_be32 (trailer + AT_N_SEGMENTS));
  take_sums (self, trailer);
  sectors = banyan_get_be64 (trailer + AT_SECTORS);
  if (sectors > G_MAXINT64 / SECTOR)
    return mapped_throw_field (mapped, error, "number of sectors", sectors, at + AT_SECTORS,
                               "it can be %" G_GINT64_FORMAT " at most", G_MAXINT64 / SECTOR);
  return read_chunks (self, trailer, error) && dmg_chunks_sort (self->chunks, mapped->name, error)
         && set_unit_size (self, error)
         && mapped_set_length (mapped, sectors * SECTOR, at + AT_SECTORS, error);
}

static void
banyan_dmg_close (Mapped *mapped)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);

  g_clear_pointer (&self->chunks, dmg_chunks_free);
  g_clear_pointer (&self->inflater, mapped_inflater_free);
}

/* -- Requests. -- */

void
dmg_map_chunk (BanyanDmg *self, const DmgChunk *chunk, guint64 skip, Mapping *mapping)
{
  mapping->length = chunk->length - skip;
  mapping->child = self->mapped.file;
  mapping->place = chunk->place;
  mapping->skip = skip;
  switch (chunk->kind)
    {
    case DMG_UNUSED:
    case DMG_ZERO:
      mapping->kind = MAPPED_ZERO;
      break;
    case DMG_RAW:
      mapping->kind = MAPPED_DATA;
      mapping->place += skip;
      break;
    default:
      mapping->kind = MAPPED_PACKED;
      mapping->codec = chunk->kind;
      mapping->packed_size = chunk->packed;
      mapping->unit_size = chunk->length;
    }
}

/* A chunk is there as a whole, or damaged. */
static gboolean BANYAN_COROUTINE
banyan_dmg_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);
  const DmgChunk *chunk = dmg_chunks_find (self->chunks, offset);

  if (chunk == NULL)
    return banyan_throw_errno (
        error, EIO, "%s: no chunk of the image has byte %" G_GUINT64_FORMAT " of the disk",
        mapped->name, offset);

  dmg_map_chunk (self, chunk, offset - chunk->start, mapping);
  return chunk->kind != DMG_RAW
         || mapped_check_there (mapped, mapped->file, chunk->place, chunk->length, "chunk", error);
}

static gboolean BANYAN_COROUTINE
banyan_dmg_unpack (Mapped *mapped, guint64 offset, const Mapping *mapping, guint8 *unit,
                   GError **error)
{
  g_autoptr (BanyanBuffer) packed = mapped_read_packed (mapped, mapping, error);

  if (packed == NULL)
    return FALSE;

  return dmg_unpack (BANYAN_NODE_SELF (BanyanDmg, mapped), mapping, packed->data, unit)
         || mapped_throw_damaged (mapped, mapping, error);
}

/* The list or fork lies before the trailer. */
static guint
banyan_dmg_probe_end (const guint8 *tail, gsize length, guint64 image_length)
{
  const guint8 *trailer = find_trailer (tail, length);
  guint64 before, offset, n;

  if (trailer == NULL)
    return 0;

  before = image_length - length + (trailer - tail);
  n = banyan_get_be64 (trailer + AT_FORK_LENGTH);
  offset = banyan_get_be64 (trailer + (n != 0 ? AT_FORK_OFFSET : AT_LIST_OFFSET));
  if (n == 0)
    n = banyan_get_be64 (trailer + AT_LIST_LENGTH);
  return n != 0 && offset <= before && n <= before - offset ? BANYAN_PROBE_END : 0;
}

static const MappedDriver driver = {
  .probe_end = banyan_dmg_probe_end,
  .open = banyan_dmg_open,
  .close = banyan_dmg_close,
  .map = banyan_dmg_map,
  .unpack = banyan_dmg_unpack,
};

static void
banyan_dmg_class_init (BanyanDmgClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_dmg_init (BanyanDmg *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (dmg, .kind = BANYAN_PLUGIN_FORMAT, .register_type = banyan_dmg_register_type,
                      .summary = "Apple's disk images, read")
