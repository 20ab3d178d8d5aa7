/* qed.c - QEMU's enhanced disks, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A header, little-endian; tables of two levels, of a size that the header gives; and clusters
 * (QEMU's docs/interop/qed_spec.rst). */

#include "mapped.h"

#include <errno.h>

#define MAGIC 0x00444551u /* "QED" */
#define HEADER_SIZE 64
#define AT_CLUSTER_SIZE 4
#define AT_TABLE_SIZE 8
#define AT_HEADER_SIZE 12
#define AT_FEATURES 16
#define AT_L1 40
#define AT_SIZE 48
#define AT_BACKING_OFFSET 56
#define AT_BACKING_SIZE 60

#define FEATURE_BACKING (1u << 0)
#define FEATURE_NEEDS_CHECK (1u << 1)
#define FEATURE_BACKING_IS_RAW (1u << 2)
#define FEATURES_KNOWN 7u

#define MIN_CLUSTER_SIZE (4u << 10)
#define MAX_CLUSTER_SIZE (64u << 20)
#define MAX_TABLE_CLUSTERS 16u
#define MAX_BACKING_NAME 1023u

/* In tables of the second level. */
#define CLUSTER_FREE 0
#define CLUSTER_ZERO 1

G_DECLARE_FINAL_TYPE (BanyanQed, banyan_qed, BANYAN, QED, BanyanFormat)

struct _BanyanQed
{
  Mapped mapped;

  guint64 features;
  guint64 l1_offset;    /* bytes */
  guint64 n_entries;    /* in each table */
  guint64 table_length; /* bytes */
  guint32 cluster_size; /* bytes */
};

BANYAN_DEFINE_DRIVER (BanyanQed, banyan_qed, BANYAN_TYPE_FORMAT)

static gboolean
is_power_of_2 (guint64 number)
{
  return number != 0 && (number & (number - 1)) == 0;
}

/* -- The header. -- */

static gboolean
check_kind (BanyanQed *self, const guint8 *header, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint32 table_size = banyan_get_le32 (header + AT_TABLE_SIZE);

  if (banyan_get_le32 (header) != MAGIC)
    return mapped_throw_field (mapped, error, "signature", banyan_get_le32 (header), 0,
                               "this is no QED image, which has %u there", MAGIC);
  if (self->features & ~(guint64) FEATURES_KNOWN)
    return mapped_throw_field (mapped, error, "features", self->features, AT_FEATURES,
                               "only the lowest three are known");
  if (!is_power_of_2 (self->cluster_size) || self->cluster_size < MIN_CLUSTER_SIZE
      || self->cluster_size > MAX_CLUSTER_SIZE)
    return mapped_throw_field (mapped, error, "cluster size", self->cluster_size, AT_CLUSTER_SIZE,
                               "it can be a power of 2 from %u to %u", MIN_CLUSTER_SIZE,
                               MAX_CLUSTER_SIZE);
  if (!is_power_of_2 (table_size) || table_size > MAX_TABLE_CLUSTERS)
    return mapped_throw_field (mapped, error, "table size in clusters", table_size, AT_TABLE_SIZE,
                               "it can be 1, 2, 4, 8 or %u", MAX_TABLE_CLUSTERS);
  return TRUE;
}

static gboolean
check_tables (BanyanQed *self, guint64 length, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 n_clusters = length / self->cluster_size + (length % self->cluster_size != 0);

  if (length % 512 != 0 || length > G_MAXINT64 || n_clusters > self->n_entries * self->n_entries)
    return mapped_throw_field (mapped, error, "size", length, AT_SIZE,
                               "it can be a multiple of 512 that its tables, of %" G_GUINT64_FORMAT
                               " entries each, reach over",
                               self->n_entries);
  if (self->l1_offset % self->cluster_size != 0 || self->l1_offset == 0)
    return mapped_throw_field (mapped, error, "L1 table's offset", self->l1_offset, AT_L1,
                               "it can be a multiple of %u", self->cluster_size);
  return mapped_check_inside (mapped, mapped->file, self->l1_offset, self->table_length, "L1 table",
                              error);
}

static gboolean BANYAN_COROUTINE
read_backing (BanyanQed *self, const guint8 *header, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint32 offset = banyan_get_le32 (header + AT_BACKING_OFFSET);
  guint32 length = banyan_get_le32 (header + AT_BACKING_SIZE);
  char name[MAX_BACKING_NAME + 1] = { 0 };

  if (!(self->features & FEATURE_BACKING))
    {
      mapped_set_backing (mapped, NULL, NULL);
      return TRUE;
    }
  if (length == 0 || length > MAX_BACKING_NAME)
    return mapped_throw_field (mapped, error, "length of the backing's name", length,
                               AT_BACKING_SIZE, "it can be 1 to %u", MAX_BACKING_NAME);
  if (!mapped_read_bytes (mapped, mapped->file, offset, name, length, "backing's name", error))
    return FALSE;

  mapped_set_backing (mapped, name, self->features & FEATURE_BACKING_IS_RAW ? "raw" : NULL);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_qed_open (Mapped *mapped, GError **error)
{
  BanyanQed *self = BANYAN_NODE_SELF (BanyanQed, mapped);
  guint8 header[HEADER_SIZE];
  guint64 length;

  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error))
    return FALSE;

  self->cluster_size = banyan_get_le32 (header + AT_CLUSTER_SIZE);
  self->features = banyan_get_le64 (header + AT_FEATURES);
  self->l1_offset = banyan_get_le64 (header + AT_L1);
  length = banyan_get_le64 (header + AT_SIZE);
  if (!check_kind (self, header, error))
    return FALSE;

  self->table_length = (guint64) banyan_get_le32 (header + AT_TABLE_SIZE) * self->cluster_size;
  self->n_entries = self->table_length / 8;
  mapped->cluster_size = self->cluster_size;
  mapped->is_dirty = (self->features & FEATURE_NEEDS_CHECK) != 0;
  return check_tables (self, length, error) && read_backing (self, header, error)
         && mapped_set_length (mapped, length, AT_SIZE, error);
}

/* -- Requests. -- */

static gboolean
throw_entry (Mapped *mapped, const char *what, guint64 entry, guint64 at, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: the %s entry at byte %" G_GUINT64_FORMAT
                             " of the image is %" G_GUINT64_FORMAT ", which is no cluster of it",
                             mapped->name, what, at, entry);
}

/* 0 in @l2: there is none. */
static gboolean BANYAN_COROUTINE
find_l2 (BanyanQed *self, guint64 offset, guint64 length, Mapping *mapping, guint64 *l2,
         GError **error)
{
  Mapped *mapped = &self->mapped;
  const MappedTable table = { .child = mapped->file,
                              .entries = MAPPED_LE64,
                              .offset = self->l1_offset,
                              .n_entries = self->n_entries,
                              .unit = self->n_entries * self->cluster_size };
  guint64 end = banyan_child_get_length (mapped->file);

  if (!mapped_read_entry (mapped, &table, offset, mapping, l2, error))
    return FALSE;
  if (*l2 == 0)
    {
      mapping->kind = MAPPED_BELOW;
      mapped_set_run (mapped, &table, offset, length, 0, 0, mapping);
      return TRUE;
    }
  return (*l2 % self->cluster_size == 0 && *l2 <= end && self->table_length <= end - *l2)
         || throw_entry (mapped, "L1", *l2, self->l1_offset + offset / table.unit * 8, error);
}

static gboolean BANYAN_COROUTINE
banyan_qed_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanQed *self = BANYAN_NODE_SELF (BanyanQed, mapped);
  MappedTable table = { .child = mapped->file,
                        .entries = MAPPED_LE64,
                        .n_entries = self->n_entries,
                        .unit = self->cluster_size };
  guint64 inside = offset % (self->n_entries * self->cluster_size), entry;

  if (!find_l2 (self, offset, length, mapping, &table.offset, error))
    return FALSE;
  if (table.offset == 0)
    return TRUE;
  if (!mapped_read_entry (mapped, &table, inside, mapping, &entry, error))
    return FALSE;

  mapping->kind = entry == CLUSTER_FREE   ? MAPPED_BELOW
                  : entry == CLUSTER_ZERO ? MAPPED_ZERO
                                          : MAPPED_DATA;
  mapping->child = mapped->file;
  mapping->place = entry + offset % self->cluster_size;
  if (mapping->kind == MAPPED_DATA && (entry % self->cluster_size != 0 || entry > G_MAXINT64))
    return throw_entry (mapped, "L2", entry, table.offset + inside / self->cluster_size * 8, error);
  mapped_set_run (mapped, &table, inside, length, entry,
                  mapping->kind == MAPPED_DATA ? self->cluster_size : 0, mapping);
  return TRUE;
}

static guint
banyan_qed_probe (const guint8 *head, gsize length)
{
  return length >= HEADER_SIZE && banyan_get_le32 (head) == MAGIC ? 100 : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_HAS_BACKING | MAPPED_CAN_BE_DIRTY,
  .probe = banyan_qed_probe,
  .open = banyan_qed_open,
  .map = banyan_qed_map,
};

static void
banyan_qed_class_init (BanyanQedClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_qed_init (BanyanQed *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (qed, .kind = BANYAN_PLUGIN_FORMAT, .register_type = banyan_qed_register_type,
                      .summary = "QEMU's enhanced disks, read")
