/* vpc.c - Virtual PC's and Hyper-V's older images (.vhd), read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A footer of 512 bytes, big-endian, stands at the end of the file. A fixed disk is what lies
 * before it. A dynamic one has a copy of the footer at the beginning, a second header, and a table
 * of blocks, each of which begins with a bitmap of the sectors that were written. */

#include "mapped.h"

#include <errno.h>

#define FOOTER_SIZE 512
#define AT_COOKIE 0
#define AT_HEADER_OFFSET 16
#define AT_CREATOR 28
#define AT_SIZE 48
#define AT_CYLINDERS 56
#define AT_HEADS 58
#define AT_SECTORS 59
#define AT_TYPE 60
#define AT_CHECKSUM 64
#define COOKIE "conectix"

#define HEADER_SIZE 1024
#define AT_TABLE_OFFSET 16
#define AT_N_BLOCKS 28
#define AT_BLOCK_SIZE 32
#define AT_HEADER_CHECKSUM 36
#define AT_PARENT_NAME 64
#define PARENT_NAME_SIZE 512
#define HEADER_COOKIE "cxsparse"

#define TYPE_FIXED 2
#define TYPE_DYNAMIC 3
#define TYPE_DIFFERENCING 4

#define SECTOR 512
#define MIN_BLOCK_SIZE 512u
#define MAX_BLOCK_SIZE (1u << 30)
/* 2040 GiB, which Hyper-V allows. */
#define MAX_SECTORS G_GUINT64_CONSTANT (0xff000000)
/* A disk of more sectors has this geometry, too. */
#define MAX_CHS_SECTORS (65535u * 16 * 255)

#define BLOCK_FREE 0xffffffffu

G_DECLARE_FINAL_TYPE (BanyanVpc, banyan_vpc, BANYAN, VPC, BanyanFormat)

typedef enum
{
  VPC_SIZE_AUTO,
  VPC_SIZE_CHS,
  VPC_SIZE_CURRENT,
} VpcSizeCalc;

struct _BanyanVpc
{
  Mapped mapped;

  VpcSizeCalc size_calc;
  guint64 footer_offset; /* bytes */
  guint64 table_offset;  /* bytes */
  guint32 n_blocks;
  guint32 block_size;  /* bytes */
  guint32 bitmap_size; /* bytes before each block's data */
};

enum
{
  PROP_FORCE_SIZE_CALC = MAPPED_N_PROPS,
};

BANYAN_DEFINE_DRIVER (BanyanVpc, banyan_vpc, BANYAN_TYPE_FORMAT)

static GType
size_calc_get_type (void)
{
  static const GEnumValue values[] = {
    { VPC_SIZE_AUTO, "VPC_SIZE_AUTO", "auto" },
    { VPC_SIZE_CHS, "VPC_SIZE_CHS", "chs" },
    { VPC_SIZE_CURRENT, "VPC_SIZE_CURRENT", "current-size" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanVpcSizeCalc", values));
  return type;
}

/* -- Checksums: the complement of the sum of all other bytes. -- */

static guint32
sum_up (const guint8 *bytes, gsize length, gsize at_checksum)
{
  guint32 sum = 0;

  for (gsize i = 0; i < length; i++)
    if (i < at_checksum || i >= at_checksum + 4)
      sum += bytes[i];
  return ~sum;
}

static gboolean
is_footer (const guint8 *bytes)
{
  return memcmp (bytes + AT_COOKIE, COOKIE, strlen (COOKIE)) == 0;
}

static gboolean
is_right (const guint8 *footer)
{
  return is_footer (footer)
         && sum_up (footer, FOOTER_SIZE, AT_CHECKSUM) == banyan_get_be32 (footer + AT_CHECKSUM);
}

static guint32
get_type (const guint8 *footer)
{
  return banyan_get_be32 (footer + AT_TYPE);
}

static gboolean
throw_footer (BanyanVpc *self, gboolean is_there, GError **error)
{
  if (is_there)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the checksum of the image's footer is wrong, at byte "
                               "%d and at byte %" G_GUINT64_FORMAT,
                               self->mapped.name, AT_CHECKSUM, self->footer_offset + AT_CHECKSUM);
  return banyan_throw_errno (error, EINVAL,
                             "%s: this is no image of Virtual PC: \"%s\" stands neither at byte 0 "
                             "nor at byte %" G_GUINT64_FORMAT,
                             self->mapped.name, COOKIE, self->footer_offset);
}

/* The copy at the beginning will do, or what is at the end. But the beginning of a fixed disk is
 * the guest's, who may have put there what looks like a copy. */
static gboolean BANYAN_COROUTINE
read_footer (BanyanVpc *self, guint8 *footer, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 end = banyan_child_get_length (mapped->file);
  guint8 first[FOOTER_SIZE];

  if (!mapped_read_bytes (mapped, mapped->file, 0, first, sizeof first, "footer", error)
      || !banyan_child_pread (mapped->file, end - FOOTER_SIZE, footer, FOOTER_SIZE, error))
    return FALSE;

  self->footer_offset = end - FOOTER_SIZE;
  if (is_right (footer) && (get_type (footer) == TYPE_FIXED || !is_right (first)))
    return TRUE;
  if (!is_right (first))
    return throw_footer (self, is_footer (first) || is_footer (footer), error);

  self->footer_offset = 0;
  memcpy (footer, first, FOOTER_SIZE);
  return TRUE;
}

/* -- How long the disk is. -- */

/* Virtual PC goes by the geometry, as QEMU's qemu-img does where its name tells so; Hyper-V and
 * whatever came later go by the size. */
static gboolean
goes_by_geometry (BanyanVpc *self, const guint8 *footer, guint64 sectors)
{
  const guint8 *creator = footer + AT_CREATOR;

  if (sectors == MAX_CHS_SECTORS || self->size_calc == VPC_SIZE_CURRENT)
    return FALSE;
  return self->size_calc == VPC_SIZE_CHS || memcmp (creator, "vpc ", 4) == 0
         || memcmp (creator, "qemu", 4) == 0;
}

static gboolean
find_length (BanyanVpc *self, const guint8 *footer, guint64 *length, GError **error)
{
  guint64 size = banyan_get_be64 (footer + AT_SIZE);
  guint64 sectors
      = (guint64) banyan_get_be16 (footer + AT_CYLINDERS) * footer[AT_HEADS] * footer[AT_SECTORS];

  if (!goes_by_geometry (self, footer, sectors))
    sectors = size / SECTOR;
  if (sectors > MAX_SECTORS)
    return mapped_throw_field (&self->mapped, error, "size in bytes", size,
                               self->footer_offset + AT_SIZE,
                               "it can be %" G_GUINT64_FORMAT " at most", MAX_SECTORS * SECTOR);

  *length = sectors * SECTOR;
  return TRUE;
}

/* -- Dynamic disks. -- */

static gboolean
throw_differencing (BanyanVpc *self, const guint8 *header, GError **error)
{
  guint16 name[PARENT_NAME_SIZE / 2 + 1] = { 0 };
  g_autofree char *parent = NULL;

  for (guint i = 0; i < PARENT_NAME_SIZE / 2; i++)
    name[i] = banyan_get_be16 (header + AT_PARENT_NAME + 2 * i);
  parent = g_utf16_to_utf8 (name, -1, NULL, NULL, NULL);
  return mapped_throw_unsupported (
      &self->mapped, error,
      "this is a differencing image, which has only what differs from \"%s\", and that is not "
      "read; make a whole image of both: Merge-VHD in Hyper-V",
      parent != NULL ? parent : "");
}

static gboolean
check_header (BanyanVpc *self, const guint8 *header, guint64 at, guint64 length, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint32 checksum = banyan_get_be32 (header + AT_HEADER_CHECKSUM);

  if (memcmp (header, HEADER_COOKIE, strlen (HEADER_COOKIE)) != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's second header, at byte %" G_GUINT64_FORMAT
                               ", does not begin with \"%s\"",
                               mapped->name, at, HEADER_COOKIE);
  if (sum_up (header, HEADER_SIZE, AT_HEADER_CHECKSUM) != checksum)
    return mapped_throw_field (mapped, error, "second header's checksum", checksum,
                               at + AT_HEADER_CHECKSUM, "it should be %u",
                               sum_up (header, HEADER_SIZE, AT_HEADER_CHECKSUM));
  if (self->block_size < MIN_BLOCK_SIZE || self->block_size > MAX_BLOCK_SIZE
      || (self->block_size & (self->block_size - 1)) != 0)
    return mapped_throw_field (mapped, error, "block size", self->block_size, at + AT_BLOCK_SIZE,
                               "it can be a power of 2 from %u to %u", MIN_BLOCK_SIZE,
                               MAX_BLOCK_SIZE);
  if ((guint64) self->n_blocks * self->block_size < length)
    return mapped_throw_field (mapped, error, "number of blocks", self->n_blocks, at + AT_N_BLOCKS,
                               "its disk of %" G_GUINT64_FORMAT " bytes needs more of %u bytes",
                               length, self->block_size);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
open_dynamic (BanyanVpc *self, const guint8 *footer, guint64 length, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 at = banyan_get_be64 (footer + AT_HEADER_OFFSET);
  guint8 header[HEADER_SIZE];

  if (!mapped_read_bytes (mapped, mapped->file, at, header, sizeof header, "second header", error))
    return FALSE;

  self->table_offset = banyan_get_be64 (header + AT_TABLE_OFFSET);
  self->n_blocks = banyan_get_be32 (header + AT_N_BLOCKS);
  self->block_size = banyan_get_be32 (header + AT_BLOCK_SIZE);
  if (!check_header (self, header, at, length, error))
    return FALSE;
  if (get_type (footer) == TYPE_DIFFERENCING)
    return throw_differencing (self, header, error);

  self->bitmap_size = (self->block_size / SECTOR + 8 * SECTOR - 1) / (8 * SECTOR) * SECTOR;
  mapped->cluster_size = self->block_size;
  return mapped_check_inside (mapped, mapped->file, self->table_offset,
                              (guint64) self->n_blocks * 4, "block table", error);
}

static gboolean BANYAN_COROUTINE
banyan_vpc_open (Mapped *mapped, GError **error)
{
  BanyanVpc *self = BANYAN_NODE_SELF (BanyanVpc, mapped);
  guint8 footer[FOOTER_SIZE];
  guint64 length = 0;
  guint32 type;

  if (!read_footer (self, footer, error) || !find_length (self, footer, &length, error))
    return FALSE;

  type = get_type (footer);
  if (type < TYPE_FIXED || type > TYPE_DIFFERENCING)
    return mapped_throw_field (mapped, error, "type", type, self->footer_offset + AT_TYPE,
                               "it can be 2 (fixed), 3 (dynamic) or 4 (differencing)");
  mapped->is_fixed = type == TYPE_FIXED;
  if (mapped->is_fixed ? !mapped_check_inside (mapped, mapped->file, 0, length + FOOTER_SIZE,
                                               "disk and footer", error)
                       : !open_dynamic (self, footer, length, error))
    return FALSE;
  return mapped_set_length (mapped, length, self->footer_offset + AT_SIZE, error);
}

/* The bitmaps are not looked at: a sector that was never written is zero in the file, too. */
static gboolean BANYAN_COROUTINE
banyan_vpc_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanVpc *self = BANYAN_NODE_SELF (BanyanVpc, mapped);
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_BE32,
                              .offset = self->table_offset,
                              .n_entries = self->n_blocks,
                              .unit = self->block_size };
  guint64 skip, block;

  mapping->kind = MAPPED_DATA;
  mapping->child = mapped->file;
  mapping->place = offset;
  mapping->length = length;
  if (mapped->is_fixed)
    return TRUE;
  if (!mapped_read_entry (mapped, &table, offset, mapping, &block, error))
    return FALSE;

  skip = offset % self->block_size;
  mapping->skip = skip;
  mapping->length = self->block_size - skip;
  mapping->place = block * SECTOR + self->bitmap_size + skip;
  if (block == BLOCK_FREE)
    {
      mapping->kind = MAPPED_BELOW;
      mapped_set_run (mapped, &table, offset, length, block, 0, mapping);
    }
  return TRUE;
}

/* A fixed disk begins with what the guest has written, and that tells nothing. */
static guint
banyan_vpc_probe (const guint8 *head, gsize length)
{
  return length >= strlen (COOKIE) && is_footer (head) ? 100 : 0;
}

/* Nothing but the disk lies before its footer. */
static guint
banyan_vpc_probe_end (const guint8 *tail, gsize length, guint64 image_length)
{
  const guint8 *footer;

  if (length < FOOTER_SIZE)
    return 0;

  footer = tail + length - FOOTER_SIZE;
  return is_right (footer) && get_type (footer) == TYPE_FIXED
                 && banyan_get_be64 (footer + AT_SIZE) == image_length - FOOTER_SIZE
             ? BANYAN_PROBE_END
             : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_CAN_BE_FIXED,
  .probe = banyan_vpc_probe,
  .probe_end = banyan_vpc_probe_end,
  .open = banyan_vpc_open,
  .map = banyan_vpc_map,
};

static void
banyan_vpc_class_init (BanyanVpcClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);

  g_object_class_install_property (
      object_class, PROP_FORCE_SIZE_CALC,
      banyan_param_mutable (
          banyan_param_enum ("force-size-calc", "Force size calculation",
                             "Whether the disk is as long as its geometry says, or its size; auto "
                             "goes by the program that made it",
                             size_calc_get_type (), VPC_SIZE_AUTO,
                             G_STRUCT_OFFSET (BanyanVpc, size_calc)),
          BANYAN_MUTABLE_BEFORE_OPEN));
}

static void
banyan_vpc_init (BanyanVpc *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (vpc, .kind = BANYAN_PLUGIN_FORMAT, .register_type = banyan_vpc_register_type,
                      .summary = "Virtual PC's and Hyper-V's older images (VHD), read")
