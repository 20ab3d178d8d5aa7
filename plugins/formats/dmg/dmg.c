/* dmg.c - Apple's disk images, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A trailer of 512 bytes, big-endian, says where the property list is, or the resource fork, with
 * the tables of chunks. They are all in memory: the list, and so they, are bounded. */

#include "dmg-chunks.h"
#include "mapped-inflate.h"
#include "mapped.h"

#include <bzlib.h>
#include <errno.h>

#define TRAILER_SIZE 512
#define MAGIC "koly"
#define AT_DATA_FORK 24
#define AT_FORK_OFFSET 40
#define AT_FORK_LENGTH 48
#define AT_LIST_OFFSET 216
#define AT_LIST_LENGTH 224
#define AT_SECTORS 492

#define SECTOR 512
#define MAX_TABLES (16u << 20)

G_DECLARE_FINAL_TYPE (BanyanDmg, banyan_dmg, BANYAN, DMG, BanyanFormat)

struct _BanyanDmg
{
  Mapped mapped;

  GArray *chunks;           /* (owned) (element-type DmgChunk): in the order of the disk */
  MappedInflater *inflater; /* (owned) */
};

BANYAN_DEFINE_DRIVER (BanyanDmg, banyan_dmg, BANYAN_TYPE_FORMAT)

/* -- Opening. -- */

/* The last 512 bytes, unless somebody has rounded the file up to whole sectors. */
static gboolean BANYAN_COROUTINE
read_trailer (Mapped *mapped, guint8 *trailer, guint64 *at, GError **error)
{
  guint64 end = banyan_child_get_length (mapped->file);
  guint8 last[2 * TRAILER_SIZE];
  gsize size = MIN (end, sizeof last);

  if (end < TRAILER_SIZE)
    return mapped_check_inside (mapped, mapped->file, 0, TRAILER_SIZE, "trailer", error);
  if (!banyan_child_pread (mapped->file, end - size, last, size, error))
    return FALSE;

  for (gsize i = size - TRAILER_SIZE + 1; i-- > 0;)
    if (memcmp (last + i, MAGIC, 4) == 0)
      {
        memcpy (trailer, last + i, TRAILER_SIZE);
        *at = end - size + i;
        return TRUE;
      }
  return banyan_throw_errno (error, EINVAL,
                             "%s: this is no disk image of Apple's, or it is cut short: \"%s\" "
                             "stands nowhere in its last bytes, up to byte %" G_GUINT64_FORMAT,
                             mapped->name, MAGIC, end);
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

  for (guint i = 0; i < self->chunks->len; i++)
    {
      const DmgChunk *chunk = &g_array_index (self->chunks, DmgChunk, i);

      if (chunk->kind == DMG_ZLIB || chunk->kind == DMG_BZIP2)
        largest = MAX (largest, chunk->length);
    }
  self->mapped.cluster_size = largest;
  return largest == 0 || mapped_set_unit_size (&self->mapped, largest, error);
}

static gboolean BANYAN_COROUTINE
banyan_dmg_open (Mapped *mapped, GError **error)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);
  guint8 trailer[TRAILER_SIZE] = { 0 };
  guint64 at = 0, sectors;

  self->chunks = g_array_new (FALSE, FALSE, sizeof (DmgChunk));
  self->inflater = mapped_inflater_new (FALSE);
  if (!read_trailer (mapped, trailer, &at, error))
    return FALSE;

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

  g_clear_pointer (&self->chunks, g_array_unref);
  g_clear_pointer (&self->inflater, mapped_inflater_free);
}

/* -- Requests. -- */

static gboolean BANYAN_COROUTINE
banyan_dmg_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);
  const DmgChunk *chunk = dmg_chunks_find (self->chunks, offset);
  guint64 skip;

  if (chunk == NULL)
    return banyan_throw_errno (
        error, EIO, "%s: no chunk of the image has byte %" G_GUINT64_FORMAT " of the disk",
        mapped->name, offset);

  skip = offset - chunk->start;
  mapping->length = chunk->length - skip;
  mapping->child = mapped->file;
  mapping->place = chunk->place;
  switch (chunk->kind)
    {
    case DMG_ZERO:
      mapping->kind = MAPPED_ZERO;
      return TRUE;
    case DMG_RAW:
      mapping->kind = MAPPED_DATA;
      mapping->place += skip;
      return TRUE;
    default:
      mapping->kind = MAPPED_PACKED;
      mapping->codec = chunk->kind;
      mapping->packed_size = chunk->packed;
      mapping->unit_size = chunk->length;
      mapping->skip = skip;
      return TRUE;
    }
}

typedef struct
{
  const guint8 *packed;
  guint packed_size;
  guint8 *unit;
  guint unit_size;
} Work;

static gssize
unpack_bzip2 (gpointer data)
{
  const Work *work = data;
  guint size = work->unit_size;

  return BZ2_bzBuffToBuffDecompress ((char *) work->unit, &size, (char *) work->packed,
                                     work->packed_size, 0, 0)
                 == BZ_OK
             ? (gssize) size
             : -1;
}

static gboolean BANYAN_COROUTINE
banyan_dmg_unpack (Mapped *mapped, guint64 offset, const Mapping *mapping, guint8 *unit,
                   GError **error)
{
  BanyanDmg *self = BANYAN_NODE_SELF (BanyanDmg, mapped);
  g_autoptr (BanyanBuffer) packed = mapped_read_packed (mapped, mapping, error);
  Work work = { NULL, mapping->packed_size, unit, mapping->unit_size };
  gssize size;

  if (packed == NULL)
    return FALSE;

  work.packed = packed->data;
  if (mapping->codec == DMG_BZIP2)
    size = banyan_co_offload (unpack_bzip2, &work);
  else
    size = mapped_inflate (self->inflater, packed->data, mapping->packed_size, unit,
                           mapping->unit_size);
  return size == (gssize) mapping->unit_size || mapped_throw_damaged (mapped, mapping, error);
}

static const MappedDriver driver = {
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
