/* qcow.c - QEMU's first format of its own, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A header of 48 bytes, big-endian, and tables of two levels. A cluster lies there as it is, or
 * packed by deflate without zlib's header. */

#include "mapped-inflate.h"
#include "mapped.h"

#include <errno.h>

#define MAGIC 0x514649fbu
#define HEADER_SIZE 48
#define AT_VERSION 4
#define AT_BACKING_OFFSET 8
#define AT_BACKING_SIZE 16
#define AT_SIZE 24
#define AT_CLUSTER_BITS 32
#define AT_L2_BITS 33
#define AT_CRYPT 36
#define AT_L1 40

#define MIN_CLUSTER_BITS 9
#define MAX_CLUSTER_BITS 16
#define MIN_L2_BITS 6
#define MAX_L2_BITS 13
#define MAX_BACKING_NAME 1023u

#define PACKED (G_GUINT64_CONSTANT (1) << 63)

G_DECLARE_FINAL_TYPE (BanyanQcow, banyan_qcow, BANYAN, QCOW, BanyanFormat)

struct _BanyanQcow
{
  Mapped mapped;

  MappedInflater *inflater; /* (owned) */
  guint64 l1_offset;        /* bytes */
  guint64 n_tables;         /* that it has entries for */
  guint cluster_bits;
  guint l2_bits;
};

BANYAN_DEFINE_DRIVER (BanyanQcow, banyan_qcow, BANYAN_TYPE_FORMAT)

/* -- The header. -- */

static gboolean
check_kind (BanyanQcow *self, const guint8 *header, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint32 version = banyan_get_be32 (header + AT_VERSION),
          crypt = banyan_get_be32 (header + AT_CRYPT);

  if (banyan_get_be32 (header) != MAGIC)
    return mapped_throw_field (mapped, error, "signature", banyan_get_be32 (header), 0,
                               "this is no qcow image, which has %u there", MAGIC);
  if (version != 1)
    return mapped_throw_field (mapped, error, "version", version, AT_VERSION,
                               "it can be 1; the driver qcow2 reads 2 and 3");
  if (self->cluster_bits < MIN_CLUSTER_BITS || self->cluster_bits > MAX_CLUSTER_BITS)
    return mapped_throw_field (mapped, error, "number of bits in a cluster", self->cluster_bits,
                               AT_CLUSTER_BITS, "it can be %d to %d", MIN_CLUSTER_BITS,
                               MAX_CLUSTER_BITS);
  if (self->l2_bits < MIN_L2_BITS || self->l2_bits > MAX_L2_BITS)
    return mapped_throw_field (mapped, error, "number of bits in an L2 table", self->l2_bits,
                               AT_L2_BITS, "it can be %d to %d", MIN_L2_BITS, MAX_L2_BITS);
  if (crypt != 0)
    return mapped_throw_unsupported (
        mapped, error,
        "the image is encrypted (method %u, at byte %d), by a scheme that is broken and is not "
        "read; decrypt it with qemu-img convert",
        crypt, AT_CRYPT);
  return TRUE;
}

static gboolean
check_table (BanyanQcow *self, guint64 length, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint bits = self->cluster_bits + self->l2_bits;

  if (length > G_MAXINT64)
    return mapped_throw_field (mapped, error, "size", length, AT_SIZE,
                               "it can be %" G_GINT64_FORMAT " at most", G_MAXINT64);

  self->n_tables = (length >> bits) + ((length & ((G_GUINT64_CONSTANT (1) << bits) - 1)) != 0);
  return mapped_check_inside (mapped, mapped->file, self->l1_offset, self->n_tables * 8, "L1 table",
                              error);
}

/* The header has no place for the backing's format. */
static gboolean BANYAN_COROUTINE
read_backing (Mapped *mapped, const guint8 *header, GError **error)
{
  guint64 offset = banyan_get_be64 (header + AT_BACKING_OFFSET);
  guint32 length = banyan_get_be32 (header + AT_BACKING_SIZE);
  char name[MAX_BACKING_NAME + 1] = { 0 };

  if (offset == 0)
    {
      mapped_set_backing (mapped, NULL, NULL);
      return TRUE;
    }
  if (length == 0 || length > MAX_BACKING_NAME)
    return mapped_throw_field (mapped, error, "length of the backing's name", length,
                               AT_BACKING_SIZE, "it can be 1 to %u", MAX_BACKING_NAME);
  if (!mapped_read_bytes (mapped, mapped->file, offset, name, length, "backing's name", error))
    return FALSE;

  mapped_set_backing (mapped, name, NULL);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_qcow_open (Mapped *mapped, GError **error)
{
  BanyanQcow *self = BANYAN_NODE_SELF (BanyanQcow, mapped);
  guint8 header[HEADER_SIZE];
  guint64 length;

  self->inflater = mapped_inflater_new (TRUE);
  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error))
    return FALSE;

  self->cluster_bits = header[AT_CLUSTER_BITS];
  self->l2_bits = header[AT_L2_BITS];
  self->l1_offset = banyan_get_be64 (header + AT_L1);
  length = banyan_get_be64 (header + AT_SIZE);
  if (!check_kind (self, header, error) || !check_table (self, length, error)
      || !read_backing (mapped, header, error))
    return FALSE;

  mapped->cluster_size = G_GUINT64_CONSTANT (1) << self->cluster_bits;
  return mapped_set_unit_size (mapped, mapped->cluster_size, error)
         && mapped_set_length (mapped, length, AT_SIZE, error);
}

static void
banyan_qcow_close (Mapped *mapped)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanQcow, mapped)->inflater, mapped_inflater_free);
}

/* -- Requests. -- */

static gboolean
throw_entry (Mapped *mapped, guint64 entry, guint64 at, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: the L1 entry at byte %" G_GUINT64_FORMAT
                             " of the image is %" G_GUINT64_FORMAT ", and no table is there",
                             mapped->name, at, entry);
}

/* 0 in @l2: there is none. */
static gboolean BANYAN_COROUTINE
find_l2 (BanyanQcow *self, guint64 offset, guint64 length, Mapping *mapping, guint64 *l2,
         GError **error)
{
  Mapped *mapped = &self->mapped;
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_BE64,
                              .offset = self->l1_offset,
                              .n_entries = self->n_tables,
                              .unit = mapped->cluster_size << self->l2_bits };
  guint64 end = banyan_child_get_length (mapped->file);

  if (!mapped_read_entry (mapped, &table, offset, mapping, l2, error))
    return FALSE;
  if (*l2 == 0)
    {
      mapping->kind = MAPPED_BELOW;
      mapped_set_run (mapped, &table, offset, length, 0, 0, mapping);
      return TRUE;
    }
  return (*l2 <= end && (G_GUINT64_CONSTANT (8) << self->l2_bits) <= end - *l2)
         || throw_entry (mapped, *l2, self->l1_offset + offset / table.unit * 8, error);
}

/* A packed cluster's size stands above its place. */
static void
take_packed (BanyanQcow *self, guint64 entry, guint64 skip, Mapping *mapping)
{
  guint shift = 63 - self->cluster_bits;

  mapping->kind = MAPPED_PACKED;
  mapping->length = self->mapped.cluster_size - skip;
  mapping->place = entry & ((G_GUINT64_CONSTANT (1) << shift) - 1);
  mapping->packed_size = entry >> shift & (self->mapped.cluster_size - 1);
  mapping->unit_size = self->mapped.cluster_size;
  mapping->skip = skip;
}

static gboolean BANYAN_COROUTINE
banyan_qcow_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanQcow *self = BANYAN_NODE_SELF (BanyanQcow, mapped);
  MappedTable table = { .child = mapped->file,
                        .entries = MAPPED_BE64,
                        .n_entries = G_GUINT64_CONSTANT (1) << self->l2_bits,
                        .unit = mapped->cluster_size };
  guint64 inside = offset % (mapped->cluster_size << self->l2_bits);
  guint64 skip = offset % mapped->cluster_size, entry;

  if (!find_l2 (self, offset, length, mapping, &table.offset, error))
    return FALSE;
  if (table.offset == 0)
    return TRUE;
  if (!mapped_read_entry (mapped, &table, inside, mapping, &entry, error))
    return FALSE;

  mapping->child = mapped->file;
  if (entry & PACKED)
    {
      take_packed (self, entry, skip, mapping);
      return TRUE;
    }
  mapping->kind = entry == 0 ? MAPPED_BELOW : MAPPED_DATA;
  mapping->place = entry + skip;
  mapped_set_run (mapped, &table, inside, length, entry, entry != 0 ? mapped->cluster_size : 0,
                  mapping);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_qcow_unpack (Mapped *mapped, guint64 offset, const Mapping *mapping, guint8 *unit,
                    GError **error)
{
  g_autoptr (BanyanBuffer) packed = mapped_read_packed (mapped, mapping, error);

  if (packed == NULL)
    return FALSE;

  return mapped_inflate (BANYAN_NODE_SELF (BanyanQcow, mapped)->inflater, packed->data,
                         mapping->packed_size, unit, mapping->unit_size)
             == (gssize) mapping->unit_size
         || mapped_throw_damaged (mapped, mapping, error);
}

static guint
banyan_qcow_probe (const guint8 *head, gsize length)
{
  return length >= HEADER_SIZE && banyan_get_be32 (head) == MAGIC
                 && banyan_get_be32 (head + AT_VERSION) == 1
             ? 100
             : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_HAS_BACKING,
  .probe = banyan_qcow_probe,
  .open = banyan_qcow_open,
  .close = banyan_qcow_close,
  .map = banyan_qcow_map,
  .unpack = banyan_qcow_unpack,
};

static void
banyan_qcow_class_init (BanyanQcowClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_qcow_init (BanyanQcow *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (qcow, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_qcow_register_type,
                      .summary = "QEMU's first format of its own (qcow 1), read")
