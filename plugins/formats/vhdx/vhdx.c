/* vhdx.c - Hyper-V's images, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two headers, of which the one with the higher number counts; a table of regions; a region with
 * the disk's parameters; and one with an entry for each block, and behind as many as a bitmap of
 * sectors reaches over one for that, which only differencing disks have. All of it but the entries
 * has a checksum. What a log says is done to tables as they are read. */

#include "vhdx-crc.h"
#include "vhdx-log.h"
#include "vhdx-parent.h"

#include <errno.h>

#define FILE_SIGNATURE "vhdxfile"

#define HEADER_1 (64u << 10)
#define HEADER_2 (128u << 10)
#define HEADER_SIZE 4096
#define HEADER_SIGNATURE "head"
#define HEADER_CHECKSUM 4
#define HEADER_SEQUENCE 8
#define HEADER_LOG_GUID 48
#define HEADER_LOG_VERSION 64
#define HEADER_VERSION 66
#define HEADER_LOG_LENGTH 68
#define HEADER_LOG_OFFSET 72

#define REGIONS_1 (192u << 10)
#define REGIONS_2 (256u << 10)
#define REGIONS_SIZE (64u << 10)
#define REGIONS_SIGNATURE "regi"
#define REGIONS_CHECKSUM 4
#define REGIONS_COUNT 8
#define REGIONS_FIRST 16
#define REGION_SIZE 32
#define REGION_OFFSET 16
#define REGION_LENGTH 24
#define REGION_REQUIRED 28

#define METADATA_SIZE (64u << 10)
#define METADATA_SIGNATURE "metadata"
#define METADATA_COUNT 10
#define METADATA_FIRST 32
#define ITEM_SIZE 32
#define ITEM_OFFSET 16
#define ITEM_LENGTH 20
#define ITEM_FLAGS 24
#define ITEM_IS_REQUIRED (1u << 2)
#define MAX_ENTRIES 2047

#define PARAMETER_FIXED (1u << 0)
#define PARAMETER_HAS_PARENT (1u << 1)

#define MIB (1u << 20)
#define MIN_BLOCK_SIZE MIB
#define MAX_BLOCK_SIZE (256u << 20)
#define MAX_LENGTH (G_GUINT64_CONSTANT (64) << 40)
/* Sectors that one bitmap reaches over. */
#define BITMAP_SECTORS (1u << 23)

#define BLOCK_STATE 7u
#define BLOCK_PLACE (~G_GUINT64_CONSTANT (0xfffff))
#define BLOCK_NOT_THERE 0
#define BLOCK_UNDEFINED 1
#define BLOCK_ZERO 2
#define BLOCK_UNMAPPED 3
#define BLOCK_UNMAPPED_EARLY 5 /* by a draft of the specification, as in QEMU */
#define BLOCK_THERE 6
#define BLOCK_PARTLY_THERE 7

typedef guint8 Guid[VHDX_GUID_SIZE];

/* As they stand in the file: the first three groups of digits little-endian. */
static const Guid blocks_guid = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                  0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
static const Guid metadata_guid = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                    0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };

enum
{
  ITEM_PARAMETERS,
  ITEM_DISK_SIZE,
  ITEM_SECTOR_SIZE,
  ITEM_PHYSICAL_SECTOR_SIZE,
  ITEM_PAGE_83,
  ITEM_PARENT,
  N_ITEMS
};

static const struct
{
  Guid guid;
  const char *name;
  guint32 length; /* bytes; 0: any, and it is not read */
} items[N_ITEMS] = {
  [ITEM_PARAMETERS] = { { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0,
                          0xaa, 0x44, 0xe7, 0x6b },
                        "file parameters",
                        8 },
  [ITEM_DISK_SIZE] = { { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe,
                         0xd8, 0x3b, 0xf4, 0xb8 },
                       "virtual disk size",
                       8 },
  [ITEM_SECTOR_SIZE] = { { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33,
                           0xa8, 0xfa, 0xab, 0x5f },
                         "logical sector size",
                         4 },
  [ITEM_PHYSICAL_SECTOR_SIZE] = { { 0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9,
                                    0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56 },
                                  "physical sector size",
                                  0 },
  [ITEM_PAGE_83] = { { 0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0,
                       0x00, 0xc7, 0x46 },
                     "disk ID",
                     0 },
  [ITEM_PARENT] = { { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48,
                      0x34, 0xab, 0x0c },
                    "parent locator",
                    0 },
};

G_DECLARE_FINAL_TYPE (BanyanVhdx, banyan_vhdx, BANYAN, VHDX, BanyanFormat)

struct _BanyanVhdx
{
  Mapped mapped;

  VhdxLog *log;             /* (owned) (nullable): the image was not closed in order */
  guint64 blocks_offset;    /* bytes: the table of blocks */
  guint64 blocks_length;    /* bytes */
  guint64 metadata_offset;  /* bytes */
  guint64 metadata_length;  /* bytes */
  guint64 items[N_ITEMS];   /* bytes: where they are; 0: nowhere */
  guint32 locator_length;   /* bytes of the parent's locator */
  guint32 block_size;       /* bytes */
  guint32 blocks_per_chunk; /* before the entry of a bitmap */
};

BANYAN_DEFINE_DRIVER (BanyanVhdx, banyan_vhdx, BANYAN_TYPE_FORMAT)

/* -- Headers. -- */

static gboolean
is_header (const guint8 *header)
{
  return memcmp (header, HEADER_SIGNATURE, 4) == 0 && banyan_get_le16 (header + HEADER_VERSION) == 1
         && vhdx_crc_is_right (header, HEADER_SIZE, HEADER_CHECKSUM);
}

/* Microsoft's Disk2vhd writes two that are the same. */
static gboolean BANYAN_COROUTINE
read_header (Mapped *mapped, guint8 *header, guint64 *at, GError **error)
{
  g_autofree guint8 *other = g_malloc (HEADER_SIZE);
  guint8 signature[8];

  if (!mapped_read_bytes (mapped, mapped->file, 0, signature, sizeof signature, "signature", error))
    return FALSE;
  if (memcmp (signature, FILE_SIGNATURE, sizeof signature) != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: this is no image of Hyper-V's newer kind, which begins with "
                               "\"%s\"",
                               mapped->name, FILE_SIGNATURE);
  if (!mapped_read_bytes (mapped, mapped->file, HEADER_1, header, HEADER_SIZE, "header", error)
      || !mapped_read_bytes (mapped, mapped->file, HEADER_2, other, HEADER_SIZE, "second header",
                             error))
    return FALSE;

  *at = HEADER_1;
  if (is_header (other)
      && (!is_header (header)
          || banyan_get_le64 (other + HEADER_SEQUENCE)
                 > banyan_get_le64 (header + HEADER_SEQUENCE)))
    {
      memcpy (header, other, HEADER_SIZE);
      *at = HEADER_2;
    }
  return is_header (header)
         || banyan_throw_errno (error, EINVAL,
                                "%s: neither of the image's headers, at bytes %u and %u, is right: "
                                "checksum, version or signature is wrong",
                                mapped->name, HEADER_1, HEADER_2);
}

static gboolean BANYAN_COROUTINE
read_log (BanyanVhdx *self, const guint8 *header, guint64 at, GError **error)
{
  static const Guid none;
  const guint8 *guid = header + HEADER_LOG_GUID;
  guint32 length = banyan_get_le32 (header + HEADER_LOG_LENGTH);
  guint64 offset = banyan_get_le64 (header + HEADER_LOG_OFFSET);

  if (memcmp (guid, none, sizeof none) == 0)
    return TRUE;
  if (banyan_get_le16 (header + HEADER_LOG_VERSION) != 0)
    return mapped_throw_field (&self->mapped, error, "log version",
                               banyan_get_le16 (header + HEADER_LOG_VERSION),
                               at + HEADER_LOG_VERSION, "it can be 0");
  if (length == 0 || length % MIB != 0)
    return mapped_throw_field (&self->mapped, error, "log length", length, at + HEADER_LOG_LENGTH,
                               "it can be a multiple of %u", MIB);
  if (offset < MIB || offset % MIB != 0)
    return mapped_throw_field (&self->mapped, error, "log offset", offset, at + HEADER_LOG_OFFSET,
                               "it can be a multiple of %u", MIB);

  self->log = vhdx_log_read (&self->mapped, offset, length, guid, error);
  self->mapped.is_dirty = self->log != NULL;
  return self->log != NULL;
}

/* -- Regions. -- */

/* What the log has for it included. */
static gboolean BANYAN_COROUTINE
read_metadata (BanyanVhdx *self, guint64 offset, gpointer bytes, gsize length, const char *what,
               GError **error)
{
  Mapped *mapped = &self->mapped;

  if ((self->log == NULL || offset > self->log->file_end || length > self->log->file_end - offset)
      && !mapped_check_inside (mapped, mapped->file, offset, length, what, error))
    return FALSE;

  return mapped_read_table (mapped, mapped->file, 0, offset, bytes, length, NULL, error);
}

static gboolean
is_region_table (const guint8 *table)
{
  return memcmp (table, REGIONS_SIGNATURE, 4) == 0
         && banyan_get_le32 (table + REGIONS_COUNT) <= MAX_ENTRIES
         && vhdx_crc_is_right (table, REGIONS_SIZE, REGIONS_CHECKSUM);
}

static gboolean
take_region (BanyanVhdx *self, const guint8 *region, guint64 at, GError **error)
{
  guint64 offset = banyan_get_le64 (region + REGION_OFFSET);
  guint32 length = banyan_get_le32 (region + REGION_LENGTH);
  gboolean is_blocks = memcmp (region, blocks_guid, VHDX_GUID_SIZE) == 0;
  gboolean is_metadata = memcmp (region, metadata_guid, VHDX_GUID_SIZE) == 0;

  if (!is_blocks && !is_metadata)
    return !(banyan_get_le32 (region + REGION_REQUIRED) & 1)
           || mapped_throw_unsupported (&self->mapped, error,
                                        "the image has a region that is not known, at byte "
                                        "%" G_GUINT64_FORMAT " of its table, and cannot be read "
                                        "without",
                                        at);
  if (offset < MIB || offset % MIB != 0 || offset > G_MAXINT64)
    return mapped_throw_field (&self->mapped, error, "region's offset", offset, at + REGION_OFFSET,
                               "it can be a multiple of %u", MIB);

  if ((is_blocks ? self->blocks_offset : self->metadata_offset) != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's region table has a second %s, at byte "
                               "%" G_GUINT64_FORMAT,
                               self->mapped.name, is_blocks ? "table of blocks" : "metadata", at);

  *(is_blocks ? &self->blocks_offset : &self->metadata_offset) = offset;
  *(is_blocks ? &self->blocks_length : &self->metadata_length) = length;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
read_regions (BanyanVhdx *self, GError **error)
{
  g_autofree guint8 *table = g_malloc (REGIONS_SIZE);
  guint64 at = REGIONS_1;

  if (!read_metadata (self, at, table, REGIONS_SIZE, "region table", error))
    return FALSE;
  if (!is_region_table (table)
      && !read_metadata (self, at = REGIONS_2, table, REGIONS_SIZE, "second region table", error))
    return FALSE;
  if (!is_region_table (table))
    return banyan_throw_errno (error, EINVAL,
                               "%s: neither of the image's region tables, at bytes %u and %u, is "
                               "right: checksum, signature or number of entries is wrong",
                               self->mapped.name, REGIONS_1, REGIONS_2);

  for (guint32 i = 0; i < banyan_get_le32 (table + REGIONS_COUNT); i++)
    {
      gsize skip = REGIONS_FIRST + i * REGION_SIZE;

      if (!take_region (self, table + skip, at + skip, error))
        return FALSE;
    }
  if (self->blocks_offset == 0 || self->metadata_offset == 0)
    return banyan_throw_errno (error, EINVAL, "%s: the image's region table has no %s",
                               self->mapped.name,
                               self->blocks_offset == 0 ? "table of blocks" : "metadata");
  return TRUE;
}

/* -- Metadata. -- */

static gboolean
take_item (BanyanVhdx *self, const guint8 *entry, guint64 at, GError **error)
{
  guint32 offset = banyan_get_le32 (entry + ITEM_OFFSET),
          length = banyan_get_le32 (entry + ITEM_LENGTH);

  for (guint i = 0; i < N_ITEMS; i++)
    {
      if (memcmp (entry, items[i].guid, VHDX_GUID_SIZE) != 0)
        continue;
      if (items[i].length != 0
          && (length < items[i].length || offset < METADATA_SIZE || offset > self->metadata_length
              || length > self->metadata_length - offset))
        return mapped_throw_field (
            &self->mapped, error, "metadata item's offset", offset, at + ITEM_OFFSET,
            "%s has %u bytes, somewhere from %u on in the %" G_GUINT64_FORMAT " bytes of metadata",
            items[i].name, items[i].length, METADATA_SIZE, self->metadata_length);
      self->items[i] = self->metadata_offset + offset;
      if (i == ITEM_PARENT)
        self->locator_length = length;
      return TRUE;
    }
  return !(banyan_get_le32 (entry + ITEM_FLAGS) & ITEM_IS_REQUIRED)
         || mapped_throw_unsupported (&self->mapped, error,
                                      "the image has metadata that is not known, at byte "
                                      "%" G_GUINT64_FORMAT ", and cannot be read without",
                                      at);
}

static gboolean BANYAN_COROUTINE
find_items (BanyanVhdx *self, GError **error)
{
  g_autofree guint8 *table = g_malloc (METADATA_SIZE);
  guint64 at = self->metadata_offset;

  if (!read_metadata (self, at, table, METADATA_SIZE, "metadata", error))
    return FALSE;
  if (memcmp (table, METADATA_SIGNATURE, 8) != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's metadata, at byte %" G_GUINT64_FORMAT
                               ", does not begin with \"%s\"",
                               self->mapped.name, at, METADATA_SIGNATURE);
  if (banyan_get_le16 (table + METADATA_COUNT) > MAX_ENTRIES)
    return mapped_throw_field (&self->mapped, error, "number of metadata items",
                               banyan_get_le16 (table + METADATA_COUNT), at + METADATA_COUNT,
                               "it can be %d at most", MAX_ENTRIES);

  for (guint i = 0; i < banyan_get_le16 (table + METADATA_COUNT); i++)
    {
      gsize skip = METADATA_FIRST + i * ITEM_SIZE;

      if (!take_item (self, table + skip, at + skip, error))
        return FALSE;
    }
  for (guint i = 0; i < N_ITEMS; i++)
    if (items[i].length != 0 && self->items[i] == 0)
      return banyan_throw_errno (error, EINVAL, "%s: the image's metadata has no %s",
                                 self->mapped.name, items[i].name);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
throw_differencing (BanyanVhdx *self, GError **error)
{
  guint32 length = MIN (self->locator_length, VHDX_MAX_LOCATOR);
  g_autofree guint8 *locator = g_malloc (length);
  g_autofree char *parent = NULL;

  if (length > 0
      && !read_metadata (self, self->items[ITEM_PARENT], locator, length, "parent locator", error))
    return FALSE;

  parent = vhdx_parent_dup_name (locator, length);
  return mapped_throw_unsupported (
      &self->mapped, error,
      "this is a differencing image, which has only what differs from \"%s\", and that is not "
      "read; make a whole image of both: Merge-VHD in Hyper-V",
      parent != NULL ? parent : "");
}

static gboolean
check_parameters (BanyanVhdx *self, guint64 length, guint32 sector_size, GError **error)
{
  Mapped *mapped = &self->mapped;

  if (self->block_size < MIN_BLOCK_SIZE || self->block_size > MAX_BLOCK_SIZE
      || (self->block_size & (self->block_size - 1)) != 0)
    return mapped_throw_field (mapped, error, "block size", self->block_size,
                               self->items[ITEM_PARAMETERS], "it can be a power of 2 from %u to %u",
                               MIN_BLOCK_SIZE, MAX_BLOCK_SIZE);
  if (sector_size != 512 && sector_size != 4096)
    return mapped_throw_field (mapped, error, "logical sector size", sector_size,
                               self->items[ITEM_SECTOR_SIZE], "it can be 512 or 4096");
  if (length > MAX_LENGTH || length % sector_size != 0)
    return mapped_throw_field (
        mapped, error, "virtual disk size", length, self->items[ITEM_DISK_SIZE],
        "it can be a multiple of %u up to %" G_GUINT64_FORMAT, sector_size, MAX_LENGTH);
  return TRUE;
}

/* -- The table of blocks. -- */

static guint64
find_entry (BanyanVhdx *self, guint64 block)
{
  return self->blocks_offset + (block + block / self->blocks_per_chunk) * 8;
}

static gboolean
check_blocks (BanyanVhdx *self, guint64 length, GError **error)
{
  guint64 n_blocks = (length + self->block_size - 1) / self->block_size;
  guint64 size = n_blocks > 0 ? find_entry (self, n_blocks - 1) + 8 - self->blocks_offset : 0;

  if (size > self->blocks_length)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's table of blocks, at byte %" G_GUINT64_FORMAT
                               ", has %" G_GUINT64_FORMAT " bytes, and its disk of "
                               "%" G_GUINT64_FORMAT " bytes needs %" G_GUINT64_FORMAT,
                               self->mapped.name, self->blocks_offset, self->blocks_length, length,
                               size);
  return (self->log != NULL && self->blocks_offset <= self->log->file_end
          && size <= self->log->file_end - self->blocks_offset)
         || mapped_check_inside (&self->mapped, self->mapped.file, self->blocks_offset, size,
                                 "table of blocks", error);
}

static gboolean BANYAN_COROUTINE
read_parameters (BanyanVhdx *self, GError **error)
{
  guint8 parameters[8], size[8], sector[4];
  guint64 length;
  guint32 flags;

  if (!find_items (self, error)
      || !read_metadata (self, self->items[ITEM_PARAMETERS], parameters, sizeof parameters,
                         "file parameters", error)
      || !read_metadata (self, self->items[ITEM_DISK_SIZE], size, sizeof size, "disk size", error)
      || !read_metadata (self, self->items[ITEM_SECTOR_SIZE], sector, sizeof sector, "sector size",
                         error))
    return FALSE;

  self->block_size = banyan_get_le32 (parameters);
  flags = banyan_get_le32 (parameters + 4);
  length = banyan_get_le64 (size);
  if (flags & PARAMETER_HAS_PARENT)
    return throw_differencing (self, error);
  if (!check_parameters (self, length, banyan_get_le32 (sector), error))
    return FALSE;

  self->blocks_per_chunk = (guint64) BITMAP_SECTORS * banyan_get_le32 (sector) / self->block_size;
  self->mapped.cluster_size = self->block_size;
  self->mapped.is_fixed = (flags & PARAMETER_FIXED) != 0;
  return check_blocks (self, length, error)
         && mapped_set_length (&self->mapped, length, self->items[ITEM_DISK_SIZE], error);
}

static gboolean BANYAN_COROUTINE
banyan_vhdx_open (Mapped *mapped, GError **error)
{
  BanyanVhdx *self = BANYAN_NODE_SELF (BanyanVhdx, mapped);
  g_autofree guint8 *header = g_malloc (HEADER_SIZE);
  guint64 at = 0;

  mapped->is_dirty = FALSE;
  self->blocks_offset = self->metadata_offset = 0;
  self->locator_length = 0;
  memset (self->items, 0, sizeof self->items);
  return read_header (mapped, header, &at, error) && read_log (self, header, at, error)
         && read_regions (self, error) && read_parameters (self, error);
}

static void
banyan_vhdx_close (Mapped *mapped)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanVhdx, mapped)->log, vhdx_log_free);
}

/* -- Requests. -- */

static gboolean BANYAN_COROUTINE
banyan_vhdx_mend (Mapped *mapped, guint64 offset, guint8 *slice, GError **error)
{
  BanyanVhdx *self = BANYAN_NODE_SELF (BanyanVhdx, mapped);

  G_STATIC_ASSERT (MAPPED_SLICE_SIZE == VHDX_LOG_SECTOR);
  return self->log == NULL || vhdx_log_apply (self->log, mapped, offset, slice, error);
}

static gboolean
throw_entry (BanyanVhdx *self, guint64 entry, guint64 at, const char *what, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: the entry at byte %" G_GUINT64_FORMAT
                             " of the image is %" G_GUINT64_FORMAT ", %s",
                             self->mapped.name, at, entry, what);
}

static gboolean
take_entry (BanyanVhdx *self, guint64 entry, guint64 at, Mapping *mapping, GError **error)
{
  switch (entry & BLOCK_STATE)
    {
    case BLOCK_THERE:
      mapping->kind = MAPPED_DATA;
      return entry <= G_MAXINT64
             || throw_entry (self, entry, at, "which leads behind the end of any file", error);
    case BLOCK_ZERO:
      mapping->kind = MAPPED_ZERO;
      return TRUE;
    case BLOCK_NOT_THERE:
    case BLOCK_UNDEFINED:
    case BLOCK_UNMAPPED:
    case BLOCK_UNMAPPED_EARLY:
      mapping->kind = MAPPED_BELOW;
      return TRUE;
    case BLOCK_PARTLY_THERE:
      return throw_entry (
          self, entry, at,
          "which says that a block is partly there; that is for differencing images", error);
    default:
      return throw_entry (self, entry, at, "whose lowest three bits stand for nothing known",
                          error);
    }
}

static gboolean
is_changed (BanyanVhdx *self, const Mapping *mapping)
{
  return G_UNLIKELY (self->log != NULL) && mapping->kind == MAPPED_DATA
         && vhdx_log_touches (self->log, mapping->place, mapping->length);
}

/* By the specification, the log changes tables only: a block that it changes fails, alone. */
static gboolean
check_data (BanyanVhdx *self, Mapping *mapping, guint64 left, GError **error)
{
  if (!is_changed (self, mapping))
    return TRUE;
  mapping->length = left;
  if (!is_changed (self, mapping))
    return TRUE;

  return banyan_throw_errno (error, EIO,
                             "%s: the image's log changes data of the guest, at byte "
                             "%" G_GUINT64_FORMAT " or behind it",
                             self->mapped.name, mapping->place);
}

static gboolean BANYAN_COROUTINE
banyan_vhdx_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanVhdx *self = BANYAN_NODE_SELF (BanyanVhdx, mapped);
  guint64 reach = (guint64) self->blocks_per_chunk * self->block_size, inside = offset % reach;
  guint64 skip = inside % self->block_size, entry;
  const MappedTable chunk = { .child = mapped->file,
                              .entries = MAPPED_LE64,
                              .offset = find_entry (self, offset / reach * self->blocks_per_chunk),
                              .n_entries = self->blocks_per_chunk,
                              .unit = self->block_size };

  if (!mapped_read_entry (mapped, &chunk, inside, mapping, &entry, error)
      || !take_entry (self, entry, chunk.offset + inside / self->block_size * 8, mapping, error))
    return FALSE;

  mapping->child = mapped->file;
  mapping->place = (entry & BLOCK_PLACE) + skip;
  mapped_set_run (mapped, &chunk, inside, length, entry,
                  mapping->kind == MAPPED_DATA ? self->block_size : 0, mapping);
  return check_data (self, mapping, MIN (self->block_size - skip, length), error);
}

/* -- The class. -- */

static guint
banyan_vhdx_probe (const guint8 *head, gsize length)
{
  return length >= 8 && memcmp (head, FILE_SIGNATURE, 8) == 0 ? 100 : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_CAN_BE_FIXED | MAPPED_CAN_BE_DIRTY,
  .probe = banyan_vhdx_probe,
  .open = banyan_vhdx_open,
  .close = banyan_vhdx_close,
  .map = banyan_vhdx_map,
  .mend = banyan_vhdx_mend,
};

static void
banyan_vhdx_class_init (BanyanVhdxClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_vhdx_init (BanyanVhdx *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (vhdx, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_vhdx_register_type,
                      .summary = "Hyper-V's images (VHDX), read")
