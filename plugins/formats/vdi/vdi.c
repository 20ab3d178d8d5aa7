/* vdi.c - VirtualBox's images, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A header of 512 bytes, little-endian; a table with a number for each block of the disk; and the
 * blocks, in the order in which they were first written to. */

#include "mapped.h"

#define HEADER_SIZE 512
#define AT_SIGNATURE 64
#define AT_VERSION 68
#define AT_TYPE 76
#define AT_TABLE_OFFSET 340
#define AT_DATA_OFFSET 344
#define AT_SECTOR_SIZE 360
#define AT_DISK_SIZE 368
#define AT_BLOCK_SIZE 376
#define AT_BLOCK_EXTRA 380
#define AT_N_BLOCKS 384
#define AT_LINK_UUID 424
#define AT_PARENT_UUID 440
#define UUID_SIZE 16

#define SIGNATURE 0xbeda107fu
#define VERSION 0x00010001u

#define TYPE_DYNAMIC 1
#define TYPE_STATIC 2
#define TYPE_UNDO 3
#define TYPE_DIFFERENCING 4

#define MIN_BLOCK_SIZE 512u
#define MAX_BLOCK_SIZE (1u << 30)
/* A table of 2 GiB, which lets a disk of blocks of 1 MiB have 512 TiB; as in QEMU. */
#define MAX_BLOCKS 0x20000000u

/* In the table. */
#define BLOCK_ZERO 0xfffffffeu
#define BLOCK_FREE 0xffffffffu

G_DECLARE_FINAL_TYPE (BanyanVdi, banyan_vdi, BANYAN, VDI, BanyanFormat)

struct _BanyanVdi
{
  Mapped mapped;

  guint32 table_offset; /* bytes */
  guint32 data_offset;  /* bytes */
  guint32 block_size;   /* bytes */
  guint32 block_extra;  /* bytes before each block's data */
  guint32 n_blocks;
};

BANYAN_DEFINE_DRIVER (BanyanVdi, banyan_vdi, BANYAN_TYPE_FORMAT)

static gboolean
is_null (const guint8 *uuid)
{
  static const guint8 null[UUID_SIZE];

  return memcmp (uuid, null, UUID_SIZE) == 0;
}

/* The first three groups of digits are little-endian. */
static char *
dup_uuid (const guint8 *uuid)
{
  return g_strdup_printf ("%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                          banyan_get_le32 (uuid), banyan_get_le16 (uuid + 4),
                          banyan_get_le16 (uuid + 6), uuid[8], uuid[9], uuid[10], uuid[11],
                          uuid[12], uuid[13], uuid[14], uuid[15]);
}

static gboolean
throw_differencing (Mapped *self, const guint8 *header, GError **error)
{
  g_autofree char *parent = dup_uuid (header + AT_LINK_UUID);

  return mapped_throw_unsupported (
      self, error,
      "this is a differencing image, which has only what differs from the one with the UUID %s, "
      "and that is found by VirtualBox alone; make a whole image of both: VBoxManage clonemedium "
      "OLD NEW",
      parent);
}

static gboolean
check_kind (Mapped *self, const guint8 *header, GError **error)
{
  guint32 signature = banyan_get_le32 (header + AT_SIGNATURE);
  guint32 version = banyan_get_le32 (header + AT_VERSION);
  guint32 type = banyan_get_le32 (header + AT_TYPE);

  if (signature != SIGNATURE)
    return mapped_throw_field (self, error, "signature", signature, AT_SIGNATURE,
                               "this is no image of VirtualBox, which has %u there", SIGNATURE);
  if (version != VERSION)
    return mapped_throw_unsupported (self, error,
                                     "the image has version %u.%u of the format; only 1.1 is read",
                                     version >> 16, version & 0xffff);
  if (type == TYPE_DIFFERENCING || type == TYPE_UNDO || !is_null (header + AT_LINK_UUID)
      || !is_null (header + AT_PARENT_UUID))
    return throw_differencing (self, header, error);
  if (type != TYPE_DYNAMIC && type != TYPE_STATIC)
    return mapped_throw_field (self, error, "type", type, AT_TYPE,
                               "it can be 1 (dynamic) or 2 (static)");
  return TRUE;
}

static gboolean
check_sizes (BanyanVdi *self, guint64 length, guint32 sector_size, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 capacity = (guint64) self->n_blocks * self->block_size;

  if (sector_size != 512)
    return mapped_throw_field (mapped, error, "sector size", sector_size, AT_SECTOR_SIZE,
                               "it can be 512");
  if (self->block_size < MIN_BLOCK_SIZE || self->block_size > MAX_BLOCK_SIZE
      || (self->block_size & (self->block_size - 1)) != 0)
    return mapped_throw_field (mapped, error, "block size", self->block_size, AT_BLOCK_SIZE,
                               "it can be a power of 2 from %u to %u", MIN_BLOCK_SIZE,
                               MAX_BLOCK_SIZE);
  if (self->block_extra > MAX_BLOCK_SIZE)
    return mapped_throw_field (mapped, error, "extra size of a block", self->block_extra,
                               AT_BLOCK_EXTRA, "it can be %u at most", MAX_BLOCK_SIZE);
  if (self->n_blocks > MAX_BLOCKS)
    return mapped_throw_field (mapped, error, "number of blocks", self->n_blocks, AT_N_BLOCKS,
                               "it can be %u at most", MAX_BLOCKS);
  if (length > capacity)
    return mapped_throw_field (mapped, error, "disk size", length, AT_DISK_SIZE,
                               "its %u blocks of %u bytes have only %" G_GUINT64_FORMAT,
                               self->n_blocks, self->block_size, capacity);
  return TRUE;
}

static gboolean
check_offsets (BanyanVdi *self, GError **error)
{
  Mapped *mapped = &self->mapped;

  if (self->table_offset < HEADER_SIZE)
    return mapped_throw_field (mapped, error, "block table's offset", self->table_offset,
                               AT_TABLE_OFFSET, "the header reaches to byte %u", HEADER_SIZE);
  if (self->data_offset < HEADER_SIZE)
    return mapped_throw_field (mapped, error, "data offset", self->data_offset, AT_DATA_OFFSET,
                               "the header reaches to byte %u", HEADER_SIZE);
  return mapped_check_inside (mapped, mapped->file, self->table_offset,
                              (guint64) self->n_blocks * 4, "block table", error);
}

static gboolean BANYAN_COROUTINE
banyan_vdi_open (Mapped *mapped, GError **error)
{
  BanyanVdi *self = BANYAN_NODE_SELF (BanyanVdi, mapped);
  guint8 header[HEADER_SIZE];
  guint64 length;

  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error)
      || !check_kind (mapped, header, error))
    return FALSE;

  self->table_offset = banyan_get_le32 (header + AT_TABLE_OFFSET);
  self->data_offset = banyan_get_le32 (header + AT_DATA_OFFSET);
  self->block_size = banyan_get_le32 (header + AT_BLOCK_SIZE);
  self->block_extra = banyan_get_le32 (header + AT_BLOCK_EXTRA);
  self->n_blocks = banyan_get_le32 (header + AT_N_BLOCKS);
  length = banyan_get_le64 (header + AT_DISK_SIZE);
  if (!check_sizes (self, length, banyan_get_le32 (header + AT_SECTOR_SIZE), error)
      || !check_offsets (self, error))
    return FALSE;

  mapped->cluster_size = self->block_size;
  mapped->is_fixed = banyan_get_le32 (header + AT_TYPE) == TYPE_STATIC;
  /* A guest sees sectors; QEMU rounds up, too. */
  return mapped_set_length (mapped, (length + 511) & ~G_GUINT64_CONSTANT (511), AT_DISK_SIZE,
                            error);
}

static gboolean BANYAN_COROUTINE
banyan_vdi_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanVdi *self = BANYAN_NODE_SELF (BanyanVdi, mapped);
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_LE32,
                              .offset = self->table_offset,
                              .n_entries = self->n_blocks,
                              .unit = self->block_size };
  guint64 skip = offset % self->block_size, block;

  if (!mapped_read_entry (mapped, &table, offset, mapping, &block, error))
    return FALSE;

  mapping->kind = block == BLOCK_FREE   ? MAPPED_BELOW
                  : block == BLOCK_ZERO ? MAPPED_ZERO
                                        : MAPPED_DATA;
  mapping->child = mapped->file;
  mapping->place = self->data_offset + block * ((guint64) self->block_size + self->block_extra)
                   + self->block_extra + skip;
  /* Numbers of blocks end where their marks begin. */
  if (mapping->kind != MAPPED_DATA)
    mapped_set_run (mapped, &table, offset, length, block, 0, mapping);
  else if (self->block_extra == 0)
    mapped_set_run (mapped, &table, offset,
                    MIN (length, (BLOCK_ZERO - block) * self->block_size - skip), block, 1,
                    mapping);
  else
    {
      mapping->skip = skip;
      mapping->length = self->block_size - skip;
    }
  return TRUE;
}

static guint
banyan_vdi_probe (const guint8 *head, gsize length)
{
  return length >= AT_VERSION && banyan_get_le32 (head + AT_SIGNATURE) == SIGNATURE ? 100 : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_CAN_BE_FIXED,
  .probe = banyan_vdi_probe,
  .open = banyan_vdi_open,
  .map = banyan_vdi_map,
};

static void
banyan_vdi_class_init (BanyanVdiClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_vdi_init (BanyanVdi *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (vdi, .kind = BANYAN_PLUGIN_FORMAT, .register_type = banyan_vdi_register_type,
                      .summary = "VirtualBox's images, read")
