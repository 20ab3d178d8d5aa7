/* bochs.c - Bochs' growing disks, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A header of 512 bytes, little-endian; a catalog with a number for each extent; and extents, in
 * the order in which they were first written to, each behind a bitmap of its sectors. */

#include "mapped.h"

#define HEADER_SIZE 512
#define AT_MAGIC 0
#define AT_TYPE 32
#define AT_SUBTYPE 48
#define AT_VERSION 64
#define AT_HEADER_SIZE 68
#define AT_N_EXTENTS 72
#define AT_BITMAP_SIZE 76
#define AT_EXTENT_SIZE 80
#define AT_SIZE_V1 84
#define AT_SIZE_V2 88

#define MAGIC "Bochs Virtual HD Image"
#define TYPE "Redolog"
#define SUBTYPE "Growing"
#define VERSION_1 0x00010000u
#define VERSION_2 0x00020000u

#define SECTOR 512
#define MIN_EXTENT_SIZE 512u
#define MAX_EXTENT_SIZE (8u << 20)
#define MAX_EXTENTS (1u << 20)
#define EXTENT_FREE 0xffffffffu

/* What is looked at for one answer: that many sectors. */
#define BITMAP_PIECE 64

G_DECLARE_FINAL_TYPE (BanyanBochs, banyan_bochs, BANYAN, BOCHS, BanyanFormat)

struct _BanyanBochs
{
  Mapped mapped;

  guint32 catalog_offset; /* bytes */
  guint32 n_extents;
  guint32 bitmap_length; /* bytes that it takes */
  guint32 extent_size;   /* bytes */
  guint64 data_offset;   /* bytes */
};

BANYAN_DEFINE_DRIVER (BanyanBochs, banyan_bochs, BANYAN_TYPE_FORMAT)

static gboolean
has_text (const guint8 *header, gsize at, const char *text)
{
  return memcmp (header + at, text, strlen (text) + 1) == 0;
}

static gboolean
is_known (const guint8 *header)
{
  guint32 version = banyan_get_le32 (header + AT_VERSION);

  return has_text (header, AT_MAGIC, MAGIC) && has_text (header, AT_TYPE, TYPE)
         && has_text (header, AT_SUBTYPE, SUBTYPE)
         && (version == VERSION_1 || version == VERSION_2);
}

static guint32
round_up (guint32 bytes)
{
  return (bytes + SECTOR - 1) / SECTOR * SECTOR;
}

/* -- The header. -- */

static gboolean
check_kind (Mapped *mapped, const guint8 *header, GError **error)
{
  if (is_known (header))
    return TRUE;
  if (!has_text (header, AT_MAGIC, MAGIC))
    return mapped_throw_field (mapped, error, "signature", banyan_get_le64 (header), 0,
                               "this is no image of Bochs, which has \"%s\" there", MAGIC);
  if (!has_text (header, AT_TYPE, TYPE) || !has_text (header, AT_SUBTYPE, SUBTYPE))
    return mapped_throw_unsupported (
        mapped, error,
        "the image is a \"%.15s\" of the kind \"%.15s\", and only a \"%s\" of the kind \"%s\" is "
        "read; those of other kinds belong to another image: commit them with bximage",
        header + AT_TYPE, header + AT_SUBTYPE, TYPE, SUBTYPE);
  return mapped_throw_field (mapped, error, "version", banyan_get_le32 (header + AT_VERSION),
                             AT_VERSION, "it can be %u or %u", VERSION_1, VERSION_2);
}

static gboolean
check_sizes (BanyanBochs *self, guint32 bitmap_size, guint64 length, guint32 length_at,
             GError **error)
{
  Mapped *mapped = &self->mapped;

  if (self->catalog_offset < HEADER_SIZE || self->catalog_offset > MAX_EXTENT_SIZE)
    return mapped_throw_field (mapped, error, "header size", self->catalog_offset, AT_HEADER_SIZE,
                               "it can be %d to %u", HEADER_SIZE, MAX_EXTENT_SIZE);
  if (self->extent_size < MIN_EXTENT_SIZE || self->extent_size > MAX_EXTENT_SIZE
      || (self->extent_size & (self->extent_size - 1)) != 0)
    return mapped_throw_field (mapped, error, "extent size", self->extent_size, AT_EXTENT_SIZE,
                               "it can be a power of 2 from %u to %u", MIN_EXTENT_SIZE,
                               MAX_EXTENT_SIZE);
  if (bitmap_size < (self->extent_size / SECTOR + 7) / 8 || bitmap_size > MAX_EXTENT_SIZE)
    return mapped_throw_field (mapped, error, "bitmap size", bitmap_size, AT_BITMAP_SIZE,
                               "an extent has %u sectors, with a bit each",
                               self->extent_size / SECTOR);
  if (self->n_extents > MAX_EXTENTS)
    return mapped_throw_field (mapped, error, "number of extents", self->n_extents, AT_N_EXTENTS,
                               "it can be %u at most", MAX_EXTENTS);
  if (length > (guint64) self->n_extents * self->extent_size)
    return mapped_throw_field (mapped, error, "size", length, length_at,
                               "its %u extents of %u bytes have less", self->n_extents,
                               self->extent_size);
  return mapped_check_inside (mapped, mapped->file, self->catalog_offset,
                              (guint64) self->n_extents * 4, "catalog", error);
}

static gboolean BANYAN_COROUTINE
banyan_bochs_open (Mapped *mapped, GError **error)
{
  BanyanBochs *self = BANYAN_NODE_SELF (BanyanBochs, mapped);
  guint8 header[HEADER_SIZE];
  guint32 length_at;
  guint64 length;

  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error)
      || !check_kind (mapped, header, error))
    return FALSE;

  self->catalog_offset = banyan_get_le32 (header + AT_HEADER_SIZE);
  self->n_extents = banyan_get_le32 (header + AT_N_EXTENTS);
  self->extent_size = banyan_get_le32 (header + AT_EXTENT_SIZE);
  length_at = banyan_get_le32 (header + AT_VERSION) == VERSION_1 ? AT_SIZE_V1 : AT_SIZE_V2;
  length = banyan_get_le64 (header + length_at) / SECTOR * SECTOR;
  if (!check_sizes (self, banyan_get_le32 (header + AT_BITMAP_SIZE), length, length_at, error))
    return FALSE;

  self->bitmap_length = round_up (banyan_get_le32 (header + AT_BITMAP_SIZE));
  self->data_offset = self->catalog_offset + (guint64) self->n_extents * 4;
  mapped->cluster_size = self->extent_size;
  return mapped_set_length (mapped, length, length_at, error);
}

/* -- Requests. -- */

static gboolean
get_bit (const guint8 *bitmap, guint index)
{
  return bitmap[index / 8] >> index % 8 & 1;
}

/* As far as sectors are of one kind, and the piece goes. */
static gboolean BANYAN_COROUTINE
map_sectors (BanyanBochs *self, guint64 place, guint32 skip, Mapping *mapping, GError **error)
{
  guint first = skip / SECTOR % 8, sector = skip / SECTOR;
  guint left = self->extent_size / SECTOR - sector;
  guint n = MIN (left, BITMAP_PIECE * 8 - first), run = 1;
  guint8 bitmap[BITMAP_PIECE];

  if (!mapped_check_there (&self->mapped, self->mapped.file, place, self->bitmap_length, "bitmap",
                           error)
      || !mapped_read_table (&self->mapped, self->mapped.file, 0, place + sector / 8, bitmap,
                             (first + n + 7) / 8, mapping, error))
    return FALSE;

  while (run < n && get_bit (bitmap, first + run) == get_bit (bitmap, first))
    run++;
  mapping->kind = get_bit (bitmap, first) ? MAPPED_DATA : MAPPED_BELOW;
  mapping->length = (guint64) run * SECTOR - skip % SECTOR;
  mapping->skip = skip;
  mapping->place = place + self->bitmap_length + skip;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_bochs_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanBochs *self = BANYAN_NODE_SELF (BanyanBochs, mapped);
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_LE32,
                              .offset = self->catalog_offset,
                              .n_entries = self->n_extents,
                              .unit = self->extent_size };
  guint64 extent;

  if (!mapped_read_entry (mapped, &table, offset, mapping, &extent, error))
    return FALSE;

  mapping->child = mapped->file;
  if (extent != EXTENT_FREE)
    return map_sectors (self,
                        self->data_offset + extent * (self->bitmap_length + self->extent_size),
                        offset % self->extent_size, mapping, error);
  mapping->kind = MAPPED_BELOW;
  mapped_set_run (mapped, &table, offset, length, extent, 0, mapping);
  return TRUE;
}

static guint
banyan_bochs_probe (const guint8 *head, gsize length)
{
  return length >= HEADER_SIZE && is_known (head) ? 100 : 0;
}

static const MappedDriver driver = {
  .probe = banyan_bochs_probe,
  .open = banyan_bochs_open,
  .map = banyan_bochs_map,
};

static void
banyan_bochs_class_init (BanyanBochsClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_bochs_init (BanyanBochs *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (bochs, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_bochs_register_type,
                      .summary = "Bochs' growing disks, read")
