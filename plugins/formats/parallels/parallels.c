/* parallels.c - Parallels' expandable disks, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A header of 64 bytes, little-endian, and behind it a table with a number for each cluster
 * (QEMU's docs/interop/parallels.txt). Extensions, of which only dirty bitmaps are known, do not
 * change what is read. */

#include "mapped.h"

#define HEADER_SIZE 64
#define MAGIC_SIZE 16
#define MAGIC_OLD "WithoutFreeSpace"
#define MAGIC_EXTENDED "WithouFreSpacExt"
#define AT_VERSION 16
#define AT_CLUSTER_SECTORS 28
#define AT_N_CLUSTERS 32
#define AT_SECTORS 36
#define AT_IN_USE 44
#define AT_FLAGS 52

#define VERSION 2
#define IN_USE 0x746f6e59u
#define FLAG_EMPTY (1u << 0)

#define SECTOR 512
#define MAX_CLUSTER_SECTORS (1u << 21) /* 1 GiB */

G_DECLARE_FINAL_TYPE (BanyanParallels, banyan_parallels, BANYAN, PARALLELS, BanyanFormat)

struct _BanyanParallels
{
  Mapped mapped;

  guint64 entry_unit; /* bytes that 1 in the table stands for */
  guint32 n_clusters;
  gboolean is_empty;
};

BANYAN_DEFINE_DRIVER (BanyanParallels, banyan_parallels, BANYAN_TYPE_FORMAT)

static gboolean
has_magic (const guint8 *header, const char *magic)
{
  return memcmp (header, magic, MAGIC_SIZE) == 0;
}

static gboolean
check_header (BanyanParallels *self, const guint8 *header, guint64 sectors, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint32 version = banyan_get_le32 (header + AT_VERSION);
  guint32 cluster_sectors = banyan_get_le32 (header + AT_CLUSTER_SECTORS);

  if (!has_magic (header, MAGIC_OLD) && !has_magic (header, MAGIC_EXTENDED))
    return mapped_throw_field (mapped, error, "signature", banyan_get_le64 (header), 0,
                               "this is no image of Parallels, which has \"%s\" or \"%s\" there",
                               MAGIC_OLD, MAGIC_EXTENDED);
  if (version != VERSION)
    return mapped_throw_field (mapped, error, "version", version, AT_VERSION, "it can be %d",
                               VERSION);
  if (cluster_sectors == 0 || cluster_sectors > MAX_CLUSTER_SECTORS)
    return mapped_throw_field (mapped, error, "cluster size in sectors", cluster_sectors,
                               AT_CLUSTER_SECTORS, "it can be 1 to %u", MAX_CLUSTER_SECTORS);
  if (sectors > G_MAXINT64 / SECTOR)
    return mapped_throw_field (mapped, error, "size in sectors", sectors, AT_SECTORS,
                               "it can be %" G_GINT64_FORMAT " at most", G_MAXINT64 / SECTOR);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_parallels_open (Mapped *mapped, GError **error)
{
  BanyanParallels *self = BANYAN_NODE_SELF (BanyanParallels, mapped);
  guint8 header[HEADER_SIZE];
  gboolean is_extended;
  guint64 sectors;

  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error))
    return FALSE;

  /* Of the older kind, the upper half is for nobody. */
  is_extended = has_magic (header, MAGIC_EXTENDED);
  sectors
      = is_extended ? banyan_get_le64 (header + AT_SECTORS) : banyan_get_le32 (header + AT_SECTORS);
  if (!check_header (self, header, sectors, error))
    return FALSE;

  mapped->cluster_size = (guint64) banyan_get_le32 (header + AT_CLUSTER_SECTORS) * SECTOR;
  self->entry_unit = is_extended ? mapped->cluster_size : SECTOR;
  self->n_clusters = banyan_get_le32 (header + AT_N_CLUSTERS);
  self->is_empty = (banyan_get_le32 (header + AT_FLAGS) & FLAG_EMPTY) != 0;
  mapped->is_dirty = banyan_get_le32 (header + AT_IN_USE) == IN_USE;
  return mapped_check_inside (mapped, mapped->file, HEADER_SIZE, (guint64) self->n_clusters * 4,
                              "block table", error)
         && mapped_set_length (mapped, sectors * SECTOR, AT_SECTORS, error);
}

/* The table need not reach to the end of the disk. */
static gboolean BANYAN_COROUTINE
banyan_parallels_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping,
                      GError **error)
{
  BanyanParallels *self = BANYAN_NODE_SELF (BanyanParallels, mapped);
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_LE32,
                              .offset = HEADER_SIZE,
                              .n_entries = self->n_clusters,
                              .unit = mapped->cluster_size };
  guint64 entry;

  mapping->kind = MAPPED_BELOW;
  mapping->length = length;
  if (self->is_empty || offset / mapped->cluster_size >= self->n_clusters)
    return TRUE;
  if (!mapped_read_entry (mapped, &table, offset, mapping, &entry, error))
    return FALSE;

  mapping->child = mapped->file;
  mapping->place = entry * self->entry_unit + offset % mapped->cluster_size;
  if (entry != 0)
    mapping->kind = MAPPED_DATA;
  mapped_set_run (mapped, &table, offset, length, entry,
                  entry != 0 ? mapped->cluster_size / self->entry_unit : 0, mapping);
  return TRUE;
}

static guint
banyan_parallels_probe (const guint8 *head, gsize length)
{
  return length >= HEADER_SIZE && (has_magic (head, MAGIC_OLD) || has_magic (head, MAGIC_EXTENDED))
                 && banyan_get_le32 (head + AT_VERSION) == VERSION
             ? 100
             : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_CAN_BE_DIRTY,
  .probe = banyan_parallels_probe,
  .open = banyan_parallels_open,
  .map = banyan_parallels_map,
};

static void
banyan_parallels_class_init (BanyanParallelsClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_parallels_init (BanyanParallels *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (parallels, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_parallels_register_type,
                      .summary = "Parallels' expandable disks, read")
