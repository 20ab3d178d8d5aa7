/* vmdk-extent.c - a part of a disk, in a file of its own or in the only one
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Three layouts of the same idea: a directory whose entries lead to tables, whose entries lead to
 * grains. Sectors have 512 bytes, numbers are little-endian. VMware's "Virtual Disk Format 5.0" has
 * the first two; the third was never published, and what is known of it is in QEMU. */

#include "vmdk-extent.h"

#include <errno.h>

/* -- Hosted sparse extents. -- */

#define SPARSE_VERSION 4
#define SPARSE_FLAGS 8
#define SPARSE_CAPACITY 12
#define SPARSE_GRAIN_SIZE 20
#define SPARSE_TABLE_ENTRIES 44
#define SPARSE_DIRECTORY 56
#define SPARSE_NEWLINES 73
#define SPARSE_COMPRESSION 77

#define FLAG_NEWLINES (1u << 0)
#define FLAG_ZERO_GRAINS (1u << 2)
#define FLAG_MARKERS (1u << 17)

#define COMPRESSION_NONE 0
#define COMPRESSION_DEFLATE 1

#define MAX_VERSION 3
#define MAX_GRAIN_SECTORS 0x200000u
#define MAX_PACKED_GRAIN_SECTORS (32u << 11) /* 32 MiB */
#define MAX_TABLE_ENTRIES 512u
#define MAX_SECTORS (G_MAXINT64 / VMDK_SECTOR)

/* The directory is found by the footer: behind it there is a marker for the end. */
#define DIRECTORY_AT_END G_MAXUINT64
#define FOOTER_SIZE (3 * VMDK_SECTOR)
#define MARKER_SIZE 12
#define MARKER_TYPE 12
#define MARKER_END_OF_STREAM 0
#define MARKER_FOOTER 3

#define GRAIN_ZERO 1u

/* -- ESX's sparse extents. -- */

#define COWD_VERSION 4
#define COWD_SECTORS 12
#define COWD_GRAIN_SIZE 16
#define COWD_DIRECTORY 20
#define COWD_DIRECTORY_ENTRIES 24
#define COWD_TABLE_ENTRIES 4096u

/* -- Space-efficient sparse extents. -- */

#define SE_VERSION 8
#define SE_CAPACITY 16
#define SE_GRAIN_SIZE 24
#define SE_TABLE_SIZE 32
#define SE_FLAGS 40
#define SE_VOLATILE 80
#define SE_DIRECTORY 128
#define SE_DIRECTORY_SIZE 136
#define SE_TABLES 144
#define SE_GRAINS 192

#define SE_VERSION_2_1 G_GUINT64_CONSTANT (0x0000000200000001)
#define SE_VOLATILE_MAGIC 0xcafecafeu
#define SE_VOLATILE_REPLAY 24
#define SE_GRAIN_SECTORS 8u
#define SE_TABLE_SECTORS 64u
#define SE_TABLE_BYTES (SE_TABLE_SECTORS * VMDK_SECTOR)

#define SE_ENTRY_THERE G_GUINT64_CONSTANT (0x1000000000000000)
#define SE_KIND_SHIFT 60
enum
{
  SE_FREE,
  SE_UNMAPPED,
  SE_ZERO,
  SE_ALLOCATED,
};

static guint
entry_size (const VmdkExtent *self)
{
  return self->kind == VMDK_SESPARSE ? 8 : 4;
}

/* -- Headers. -- */

static gboolean
check_geometry (VmdkExtent *self, Mapped *mapped, BanyanChild *child, guint64 sectors,
                guint64 grain_sectors, guint64 at, guint64 grain_at, GError **error)
{
  guint64 reach, n_tables;

  if (sectors > (guint64) MAX_SECTORS)
    return mapped_throw_field (mapped, error, "capacity in sectors", sectors, at,
                               "it can be %" G_GINT64_FORMAT " at most", (gint64) MAX_SECTORS);
  if (grain_sectors == 0 || grain_sectors > MAX_GRAIN_SECTORS)
    return mapped_throw_field (mapped, error, "grain size in sectors", grain_sectors, grain_at,
                               "it can be 1 to %u", MAX_GRAIN_SECTORS);
  if (self->length > sectors * VMDK_SECTOR)
    return mapped_throw_field (mapped, error, "capacity in sectors", sectors, at,
                               "the descriptor gives the extent %" G_GUINT64_FORMAT " sectors",
                               self->length / VMDK_SECTOR);

  if (self->length == 0)
    self->length = sectors * VMDK_SECTOR;
  self->grain_size = grain_sectors * VMDK_SECTOR;
  reach = self->grain_size * self->table_entries;
  n_tables = self->length / reach + (self->length % reach != 0);
  if (self->directory_length == 0)
    self->directory_length = n_tables * entry_size (self);
  if (n_tables > self->directory_length / entry_size (self))
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's grain directory has %" G_GUINT64_FORMAT
                               " entries, and its disk needs %" G_GUINT64_FORMAT,
                               mapped->name, self->directory_length / entry_size (self), n_tables);
  return mapped_check_inside (mapped, child, self->directory_offset, self->directory_length,
                              "grain directory", error);
}

/* A sector number that has been read, in bytes. */
static gboolean
take_place (Mapped *mapped, const char *field, guint64 sector, guint64 at, guint64 *place,
            GError **error)
{
  if (sector > (guint64) MAX_SECTORS)
    return mapped_throw_field (mapped, error, field, sector, at,
                               "it can be %" G_GINT64_FORMAT " at most", (gint64) MAX_SECTORS);

  *place = sector * VMDK_SECTOR;
  return TRUE;
}

static gboolean
check_newlines (Mapped *mapped, const guint8 *header, GError **error)
{
  if (!(banyan_get_le32 (header + SPARSE_FLAGS) & FLAG_NEWLINES)
      || memcmp (header + SPARSE_NEWLINES, "\n \r\n", 4) == 0)
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: the ends of lines in the image's header, at byte %u, were "
                             "changed: it was copied as if it were text; copy it again",
                             mapped->name, SPARSE_NEWLINES);
}

/* The footer is a copy of the header that was written when all was known. */
static gboolean BANYAN_COROUTINE
read_footer (Mapped *mapped, BanyanChild *child, guint8 *header, GError **error)
{
  guint64 end = banyan_child_get_length (child) / VMDK_SECTOR * VMDK_SECTOR;
  guint8 footer[FOOTER_SIZE];
  const guint8 *copy = footer + VMDK_SECTOR, *last = footer + 2 * VMDK_SECTOR;

  if (end < FOOTER_SIZE + VMDK_SECTOR)
    return mapped_check_inside (mapped, child, 0, FOOTER_SIZE + VMDK_SECTOR, "header and footer",
                                error);
  if (!banyan_child_pread (child, end - FOOTER_SIZE, footer, sizeof footer, error))
    return FALSE;
  if (banyan_get_le32 (footer + MARKER_TYPE) != MARKER_FOOTER
      || banyan_get_le32 (copy) != VMDK_MAGIC_SPARSE
      || banyan_get_le32 (last + MARKER_SIZE - 4) != 0
      || banyan_get_le32 (last + MARKER_TYPE) != MARKER_END_OF_STREAM)
    return banyan_throw_errno (
        error, EINVAL,
        "%s: the image has its tables at the end, and there is no footer at byte %" G_GUINT64_FORMAT
        ": the file is cut short, or has something behind it",
        mapped->name, end - FOOTER_SIZE);

  memcpy (header, copy, VMDK_SECTOR);
  return TRUE;
}

static gboolean
check_kind (VmdkExtent *self, Mapped *mapped, const guint8 *header, guint64 grain_sectors,
            GError **error)
{
  guint32 version = banyan_get_le32 (header + SPARSE_VERSION);
  guint16 compression = banyan_get_le16 (header + SPARSE_COMPRESSION);

  if (version == 0 || version > MAX_VERSION)
    return mapped_throw_field (mapped, error, "version", version, SPARSE_VERSION,
                               "1 to %d are read", MAX_VERSION);
  if (compression > COMPRESSION_DEFLATE)
    return mapped_throw_field (mapped, error, "compression", compression, SPARSE_COMPRESSION,
                               "it can be 0 (none) or 1 (deflate)");
  if (self->table_entries == 0 || self->table_entries > MAX_TABLE_ENTRIES)
    return mapped_throw_field (mapped, error, "number of entries in a grain table",
                               self->table_entries, SPARSE_TABLE_ENTRIES, "it can be 1 to %u",
                               MAX_TABLE_ENTRIES);

  self->is_packed = compression == COMPRESSION_DEFLATE;
  if (self->is_packed && grain_sectors > MAX_PACKED_GRAIN_SECTORS)
    return mapped_throw_field (mapped, error, "grain size in sectors", grain_sectors,
                               SPARSE_GRAIN_SIZE, "where grains are packed it can be %u at most",
                               MAX_PACKED_GRAIN_SECTORS);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
open_sparse (VmdkExtent *self, Mapped *mapped, BanyanChild *child, guint8 *header, GError **error)
{
  guint64 grain_sectors;

  if (!check_newlines (mapped, header, error))
    return FALSE;
  if (banyan_get_le64 (header + SPARSE_DIRECTORY) == DIRECTORY_AT_END
      && !read_footer (mapped, child, header, error))
    return FALSE;

  grain_sectors = banyan_get_le64 (header + SPARSE_GRAIN_SIZE);
  self->table_entries = banyan_get_le32 (header + SPARSE_TABLE_ENTRIES);
  self->has_markers = (banyan_get_le32 (header + SPARSE_FLAGS) & FLAG_MARKERS) != 0;
  self->has_zero_grains = (banyan_get_le32 (header + SPARSE_FLAGS) & FLAG_ZERO_GRAINS) != 0;
  return check_kind (self, mapped, header, grain_sectors, error)
         && take_place (mapped, "grain directory's sector",
                        banyan_get_le64 (header + SPARSE_DIRECTORY), SPARSE_DIRECTORY,
                        &self->directory_offset, error)
         && check_geometry (self, mapped, child, banyan_get_le64 (header + SPARSE_CAPACITY),
                            grain_sectors, SPARSE_CAPACITY, SPARSE_GRAIN_SIZE, error);
}

static gboolean
open_cowd (VmdkExtent *self, Mapped *mapped, BanyanChild *child, const guint8 *header,
           GError **error)
{
  guint32 version = banyan_get_le32 (header + COWD_VERSION);

  if (version != 1)
    return mapped_throw_field (mapped, error, "version", version, COWD_VERSION, "it can be 1");

  self->table_entries = COWD_TABLE_ENTRIES;
  self->directory_offset = (guint64) banyan_get_le32 (header + COWD_DIRECTORY) * VMDK_SECTOR;
  self->directory_length = (guint64) banyan_get_le32 (header + COWD_DIRECTORY_ENTRIES) * 4;
  return check_geometry (self, mapped, child, banyan_get_le32 (header + COWD_SECTORS),
                         banyan_get_le32 (header + COWD_GRAIN_SIZE), COWD_SECTORS, COWD_GRAIN_SIZE,
                         error);
}

static gboolean BANYAN_COROUTINE
check_journal (Mapped *mapped, BanyanChild *child, const guint8 *header, GError **error)
{
  guint8 changing[VMDK_SECTOR];
  guint64 place = 0;

  if (!take_place (mapped, "volatile header's sector", banyan_get_le64 (header + SE_VOLATILE),
                   SE_VOLATILE, &place, error)
      || !mapped_read_bytes (mapped, child, place, changing, sizeof changing, "volatile header",
                             error))
    return FALSE;
  if (banyan_get_le64 (changing) != SE_VOLATILE_MAGIC)
    return mapped_throw_field (mapped, error, "volatile header's signature",
                               banyan_get_le64 (changing), place, "it can be %u",
                               SE_VOLATILE_MAGIC);
  if (banyan_get_le64 (changing + SE_VOLATILE_REPLAY) != 0)
    return mapped_throw_unsupported (
        mapped, error,
        "the image was not closed in order, and has a journal, which only VMware can replay; open "
        "it there once");
  return TRUE;
}

static gboolean
check_se_kind (Mapped *mapped, const guint8 *header, GError **error)
{
  guint64 version = banyan_get_le64 (header + SE_VERSION);
  guint64 grain = banyan_get_le64 (header + SE_GRAIN_SIZE),
          table = banyan_get_le64 (header + SE_TABLE_SIZE);
  guint64 flags = banyan_get_le64 (header + SE_FLAGS);

  if (version != SE_VERSION_2_1)
    return mapped_throw_field (mapped, error, "version", version, SE_VERSION,
                               "only %" G_GUINT64_FORMAT " is known", SE_VERSION_2_1);
  if (grain != SE_GRAIN_SECTORS)
    return mapped_throw_field (mapped, error, "grain size in sectors", grain, SE_GRAIN_SIZE,
                               "only %u is known", SE_GRAIN_SECTORS);
  if (table != SE_TABLE_SECTORS)
    return mapped_throw_field (mapped, error, "grain table size in sectors", table, SE_TABLE_SIZE,
                               "only %u is known", SE_TABLE_SECTORS);
  if (flags != 0)
    return mapped_throw_field (mapped, error, "flags", flags, SE_FLAGS, "none is known");
  return TRUE;
}

static gboolean BANYAN_COROUTINE
open_sesparse (VmdkExtent *self, Mapped *mapped, BanyanChild *child, const guint8 *header,
               GError **error)
{
  self->kind = VMDK_SESPARSE;
  self->table_entries = SE_TABLE_BYTES / 8;
  return check_se_kind (mapped, header, error) && check_journal (mapped, child, header, error)
         && take_place (mapped, "grain directory's sector", banyan_get_le64 (header + SE_DIRECTORY),
                        SE_DIRECTORY, &self->directory_offset, error)
         && take_place (mapped, "grain directory's size in sectors",
                        banyan_get_le64 (header + SE_DIRECTORY_SIZE), SE_DIRECTORY_SIZE,
                        &self->directory_length, error)
         && take_place (mapped, "grain tables' sector", banyan_get_le64 (header + SE_TABLES),
                        SE_TABLES, &self->tables_offset, error)
         && take_place (mapped, "grains' sector", banyan_get_le64 (header + SE_GRAINS), SE_GRAINS,
                        &self->grains_offset, error)
         && check_geometry (self, mapped, child, banyan_get_le64 (header + SE_CAPACITY),
                            SE_GRAIN_SECTORS, SE_CAPACITY, SE_GRAIN_SIZE, error);
}

gboolean BANYAN_COROUTINE
vmdk_extent_open (VmdkExtent *self, Mapped *mapped, BanyanChild *child, GError **error)
{
  guint8 header[VMDK_SECTOR];

  if (self->kind == VMDK_ZERO)
    return TRUE;
  if (self->kind == VMDK_FLAT)
    return mapped_check_inside (mapped, child, self->flat_offset, self->length, "flat extent",
                                error);
  if (!mapped_read_bytes (mapped, child, 0, header, sizeof header, "header", error))
    return FALSE;

  switch (banyan_get_le32 (header))
    {
    case VMDK_MAGIC_SPARSE:
      return open_sparse (self, mapped, child, header, error);
    case VMDK_MAGIC_COWD:
      return open_cowd (self, mapped, child, header, error);
    case VMDK_MAGIC_SESPARSE:
      return open_sesparse (self, mapped, child, header, error);
    default:
      return mapped_throw_field (mapped, error, "signature", banyan_get_le32 (header), 0,
                                 "no kind of sparse extent begins so");
    }
}

/* -- Where grains are. -- */

static gboolean
throw_entry (Mapped *mapped, const char *what, guint64 entry, guint64 at, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: the %s at byte %" G_GUINT64_FORMAT
                             " of the image is %" G_GUINT64_FORMAT ", which leads nowhere",
                             mapped->name, what, at, entry);
}

static MappedEntries
get_entries (const VmdkExtent *self)
{
  return self->kind == VMDK_SESPARSE ? MAPPED_LE64 : MAPPED_LE32;
}

/* Where the table for what is @here bytes behind the extent's beginning is, in @table; 0: there is
 * none. */
static gboolean BANYAN_COROUTINE
find_table (const VmdkExtent *self, Mapped *mapped, BanyanChild *child, guint64 here,
            guint64 length, Mapping *mapping, guint64 *table, GError **error)
{
  const MappedTable directory = { .child = child,
                                  .number = self->number,
                                  .entries = get_entries (self),
                                  .offset = self->directory_offset,
                                  .n_entries = self->directory_length / entry_size (self),
                                  .unit = self->grain_size * self->table_entries };
  guint64 end = banyan_child_get_length (child), at = here / directory.unit * entry_size (self);
  guint64 size = (guint64) self->table_entries * entry_size (self), entry;

  if (!mapped_read_entry (mapped, &directory, here, mapping, &entry, error))
    return FALSE;

  *table = entry * VMDK_SECTOR;
  if (entry == 0)
    {
      mapping->kind = MAPPED_BELOW;
      mapped_set_run (mapped, &directory, here, length, 0, 0, mapping);
      return TRUE;
    }
  if (self->kind == VMDK_SESPARSE)
    {
      if (entry >> 32 != SE_ENTRY_THERE >> 32)
        return throw_entry (mapped, "grain directory's entry", entry, self->directory_offset + at,
                            error);
      *table = self->tables_offset + (entry & G_MAXUINT32) * SE_TABLE_BYTES;
    }
  return (*table <= end && size <= end - *table)
         || throw_entry (mapped, "grain directory's entry", entry, self->directory_offset + at,
                         error);
}

static gboolean
take_grain (const VmdkExtent *self, Mapping *mapping, guint64 entry)
{
  if (self->kind != VMDK_SESPARSE)
    {
      mapping->kind = entry == 0                                     ? MAPPED_BELOW
                      : entry == GRAIN_ZERO && self->has_zero_grains ? MAPPED_ZERO
                                                                     : MAPPED_DATA;
      mapping->place = entry * VMDK_SECTOR;
      return TRUE;
    }

  switch (entry >> SE_KIND_SHIFT)
    {
    case SE_FREE:
      mapping->kind = MAPPED_BELOW;
      return entry == 0;
    case SE_UNMAPPED:
    case SE_ZERO:
      mapping->kind = MAPPED_ZERO;
      return TRUE;
    case SE_ALLOCATED:
      /* The number's low 12 bits stand above the other 48. */
      entry = (entry >> 48 & 0xfff) | (entry & G_GUINT64_CONSTANT (0xffffffffffff)) << 12;
      mapping->kind = MAPPED_DATA;
      mapping->place = self->grains_offset + entry * self->grain_size;
      return entry < (G_MAXINT64 - self->grains_offset) / self->grain_size;
    default:
      return FALSE;
    }
}

/* How much more the entry of the grain is that lies behind another. */
static guint64
get_step (const VmdkExtent *self, MappedKind kind)
{
  return kind != MAPPED_DATA           ? 0
         : self->kind == VMDK_SESPARSE ? G_GUINT64_CONSTANT (1) << 48
                                       : self->grain_size / VMDK_SECTOR;
}

static void
take_packed (const VmdkExtent *self, guint64 here, Mapping *mapping)
{
  guint64 left = self->length - here;

  mapping->kind = MAPPED_PACKED;
  mapping->unit_size = self->grain_size;
  mapping->skip = here % self->grain_size;
  mapping->length = MIN (self->grain_size - mapping->skip, left);
  /* Of the last grain, no more than the disk has need be there. */
  mapping->codec = MIN (self->grain_size, left + mapping->skip);
}

static gboolean BANYAN_COROUTINE
map_sparse (const VmdkExtent *self, Mapped *mapped, BanyanChild *child, guint64 here,
            guint64 length, Mapping *mapping, GError **error)
{
  MappedTable table = { .child = child,
                        .number = self->number,
                        .entries = get_entries (self),
                        .n_entries = self->table_entries,
                        .unit = self->grain_size };
  guint64 inside = here % (self->grain_size * self->table_entries), entry;

  if (!find_table (self, mapped, child, here, length, mapping, &table.offset, error))
    return FALSE;
  if (table.offset == 0)
    return TRUE;
  if (!mapped_read_entry (mapped, &table, inside, mapping, &entry, error))
    return FALSE;
  if (!take_grain (self, mapping, entry))
    return throw_entry (mapped, "grain table's entry", entry,
                        table.offset + inside / self->grain_size * entry_size (self), error);
  if (mapping->kind == MAPPED_DATA && self->is_packed)
    {
      take_packed (self, here, mapping);
      return TRUE;
    }

  mapping->place += here % self->grain_size;
  mapped_set_run (mapped, &table, inside, length, entry, get_step (self, mapping->kind), mapping);
  return TRUE;
}

gboolean BANYAN_COROUTINE
vmdk_extent_map (const VmdkExtent *self, Mapped *mapped, BanyanChild *child, guint64 offset,
                 guint64 length, Mapping *mapping, GError **error)
{
  guint64 here = offset - self->start, left = self->length - here;

  mapping->length = left;
  mapping->child = child;
  mapping->kind = self->kind == VMDK_ZERO ? MAPPED_ZERO : MAPPED_DATA;
  mapping->place = self->flat_offset + here;
  if (self->kind == VMDK_ZERO || self->kind == VMDK_FLAT)
    return TRUE;
  if (!map_sparse (self, mapped, child, here, MIN (length, left), mapping, error))
    return FALSE;

  mapping->length = MIN (mapping->length, left);
  return TRUE;
}

/* -- Packed grains. -- */

/* Where the packed data is, and how much. */
static gboolean BANYAN_COROUTINE
find_packed (const VmdkExtent *self, Mapped *mapped, const Mapping *mapping, Mapping *packed,
             GError **error)
{
  guint64 end = banyan_child_get_length (mapping->child);
  guint8 marker[MARKER_SIZE];

  *packed = *mapping;
  if (!self->has_markers)
    {
      packed->packed_size
          = mapping->place < end ? MIN (2 * self->grain_size, end - mapping->place) : 1;
      return TRUE;
    }
  if (!mapped_check_there (mapped, mapping->child, mapping->place, sizeof marker, "grain marker",
                           error)
      || !banyan_child_pread (mapping->child, mapping->place, marker, sizeof marker, error))
    return FALSE;

  packed->place += MARKER_SIZE;
  packed->packed_size = banyan_get_le32 (marker + 8);
  if (packed->packed_size == 0 || packed->packed_size > 2 * self->grain_size)
    return mapped_throw_field (mapped, error, "packed grain's size", packed->packed_size,
                               mapping->place + 8, "it can be 1 to %" G_GUINT64_FORMAT,
                               2 * self->grain_size);
  return TRUE;
}

gboolean BANYAN_COROUTINE
vmdk_extent_unpack (const VmdkExtent *self, Mapped *mapped, MappedInflater *inflater,
                    const Mapping *mapping, guint8 *unit, GError **error)
{
  g_autoptr (BanyanBuffer) buffer = NULL;
  Mapping packed;
  gssize size;

  if (!find_packed (self, mapped, mapping, &packed, error)
      || (buffer = mapped_read_packed (mapped, &packed, error)) == NULL)
    return FALSE;

  size = mapped_inflate (inflater, buffer->data, packed.packed_size, unit, mapping->unit_size);
  if (size < (gssize) mapping->codec)
    return mapped_throw_damaged (mapped, &packed, error);

  memset (unit + size, 0, mapping->unit_size - size);
  return TRUE;
}
