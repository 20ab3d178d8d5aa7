/* qcow2-header.c - the first cluster of an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-header.h"

#include <errno.h>
#include <string.h>

static void
extension_clear (gpointer data)
{
  g_clear_pointer (&((Qcow2Extension *) data)->data, g_bytes_unref);
}

void
qcow2_header_init (Qcow2Header *self)
{
  *self = (Qcow2Header){ 0 };
  self->extensions = g_array_new (FALSE, FALSE, sizeof (Qcow2Extension));
  g_array_set_clear_func (self->extensions, extension_clear);
}

void
qcow2_header_clear (Qcow2Header *self)
{
  g_clear_pointer (&self->extensions, g_array_unref);
  g_clear_pointer (&self->unknown, g_bytes_unref);
  g_clear_pointer (&self->backing_file, g_free);
  g_clear_pointer (&self->backing_format, g_free);
  g_clear_pointer (&self->data_file, g_free);
}

gboolean
qcow2_header_is_magic (const guint8 *bytes, gsize length)
{
  return length >= 8 && qcow2_get32 (bytes) == QCOW2_MAGIC
         && (qcow2_get32 (bytes + 4) == 2 || qcow2_get32 (bytes + 4) == 3);
}

/* -- Fields. -- */

static void
parse_fields (Qcow2Header *self, const guint8 *bytes)
{
  self->version = qcow2_get32 (bytes + 4);
  self->backing_offset = qcow2_get64 (bytes + 8);
  self->cluster_bits = qcow2_get32 (bytes + 20);
  self->size = qcow2_get64 (bytes + 24);
  self->crypt_method = qcow2_get32 (bytes + 32);
  self->l1_size = qcow2_get32 (bytes + 36);
  self->l1_offset = qcow2_get64 (bytes + 40);
  self->reftable_offset = qcow2_get64 (bytes + 48);
  self->reftable_clusters = qcow2_get32 (bytes + 56);
  self->n_snapshots = qcow2_get32 (bytes + 60);
  self->snapshots_offset = qcow2_get64 (bytes + 64);
  self->refcount_order = 4;
  self->length = QCOW2_V2_LENGTH;
  if (self->version == 2)
    return;

  self->incompatible = qcow2_get64 (bytes + 72);
  self->compatible = qcow2_get64 (bytes + 80);
  self->autoclear = qcow2_get64 (bytes + 88);
  self->refcount_order = qcow2_get32 (bytes + 96);
  self->length = qcow2_get32 (bytes + 100);
  if (self->length <= QCOW2_V3_LENGTH)
    return;

  self->compression = bytes[104];
  memcpy (self->more, bytes + 105, sizeof self->more);
}

static void
format_fields (const Qcow2Header *self, guint8 *bytes)
{
  qcow2_put32 (bytes, QCOW2_MAGIC);
  qcow2_put32 (bytes + 4, self->version);
  qcow2_put64 (bytes + 8, self->backing_offset);
  qcow2_put32 (bytes + 16, self->backing_file != NULL ? strlen (self->backing_file) : 0);
  qcow2_put32 (bytes + 20, self->cluster_bits);
  qcow2_put64 (bytes + 24, self->size);
  qcow2_put32 (bytes + 32, self->crypt_method);
  qcow2_put32 (bytes + 36, self->l1_size);
  qcow2_put64 (bytes + 40, self->l1_offset);
  qcow2_put64 (bytes + 48, self->reftable_offset);
  qcow2_put32 (bytes + 56, self->reftable_clusters);
  qcow2_put32 (bytes + 60, self->n_snapshots);
  qcow2_put64 (bytes + 64, self->snapshots_offset);
  if (self->version == 2)
    return;

  qcow2_put64 (bytes + 72, self->incompatible);
  qcow2_put64 (bytes + 80, self->compatible);
  qcow2_put64 (bytes + 88, self->autoclear);
  qcow2_put32 (bytes + 96, self->refcount_order);
  qcow2_put32 (bytes + 100, self->length);
  bytes[104] = self->compression;
  memcpy (bytes + 105, self->more, sizeof self->more);
}

Qcow2Roots
qcow2_header_get_roots (const Qcow2Header *self)
{
  return (Qcow2Roots){ .size = self->size,
                       .l1_offset = self->l1_offset,
                       .l1_size = self->l1_size,
                       .n_snapshots = self->n_snapshots,
                       .snapshots_offset = self->snapshots_offset };
}

void
qcow2_header_set_roots (Qcow2Header *self, const Qcow2Roots *roots)
{
  __atomic_store_n (&self->size, roots->size, __ATOMIC_RELAXED);
  self->l1_offset = roots->l1_offset;
  self->l1_size = roots->l1_size;
  self->n_snapshots = roots->n_snapshots;
  self->snapshots_offset = roots->snapshots_offset;
}

static gboolean
is_aligned (const Qcow2Header *self, guint64 offset)
{
  return (offset & ((G_GUINT64_CONSTANT (1) << self->cluster_bits) - 1)) == 0
         && offset <= G_MAXINT64 / 2;
}

static gboolean
throw_bad (GError **error, const char *name, const char *what, guint64 value)
{
  return banyan_throw_errno (error, EINVAL, "%s: the image's %s is %" G_GUINT64_FORMAT, name, what,
                             value);
}

static gboolean
check_sizes (const Qcow2Header *self, const char *name, GError **error)
{
  if (self->cluster_bits < QCOW2_MIN_CLUSTER_BITS || self->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
    return throw_bad (error, name, "number of bits in a cluster, which can be 9 to 21,",
                      self->cluster_bits);
  if (self->refcount_order > QCOW2_MAX_REFCOUNT_ORDER)
    return throw_bad (error, name, "refcount order, which can be 0 to 6,", self->refcount_order);
  if (self->length < (self->version == 2 ? QCOW2_V2_LENGTH : QCOW2_V3_LENGTH)
      || self->length > 1u << self->cluster_bits || self->length % 8 != 0)
    return throw_bad (error, name, "header length", self->length);
  if ((self->incompatible & QCOW2_INCOMPATIBLE_EXTENDED)
      && self->cluster_bits < QCOW2_MIN_EXTENDED_BITS)
    return throw_bad (error, name, "number of bits in a cluster, with subclusters at least 14,",
                      self->cluster_bits);
  if (self->size > G_MAXINT64)
    return throw_bad (error, name, "size", self->size);
  if ((self->autoclear & QCOW2_AUTOCLEAR_RAW_DATA)
      && !(self->incompatible & QCOW2_INCOMPATIBLE_DATA_FILE))
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image says that its data file is raw (bit 1 at byte 88), "
                               "and that it has none (bit 2 at byte 72)",
                               name);
  return TRUE;
}

/* How many L1 entries the guest's bytes need. */
static guint64
needed_l1 (const Qcow2Header *self)
{
  guint entry_order = self->incompatible & QCOW2_INCOMPATIBLE_EXTENDED ? 4 : 3;
  guint bits = self->cluster_bits * 2 - entry_order;

  return (self->size >> bits) + ((self->size & ((G_GUINT64_CONSTANT (1) << bits) - 1)) != 0);
}

static gboolean
check_tables (const Qcow2Header *self, const char *name, GError **error)
{
  guint64 reftable_bytes = (guint64) self->reftable_clusters << self->cluster_bits;

  if (self->l1_size > QCOW2_MAX_L1_BYTES / 8)
    return banyan_throw_errno (error, EFBIG,
                               "%s: the image's L1 table has %u entries; the limit is %u", name,
                               self->l1_size, QCOW2_MAX_L1_BYTES / 8);
  if (needed_l1 (self) > self->l1_size)
    return throw_bad (error, name, "L1 table too small for its size: the number of entries",
                      self->l1_size);
  if (!is_aligned (self, self->l1_offset) || (self->l1_offset == 0 && self->l1_size > 0))
    return throw_bad (error, name, "L1 table offset", self->l1_offset);
  if (reftable_bytes > QCOW2_MAX_REFTABLE_BYTES)
    return banyan_throw_errno (error, EFBIG,
                               "%s: the image's refcount table has %" G_GUINT64_FORMAT
                               " bytes; the limit is %u",
                               name, reftable_bytes, QCOW2_MAX_REFTABLE_BYTES);
  if (!is_aligned (self, self->reftable_offset) || self->reftable_offset == 0
      || self->reftable_clusters == 0)
    return throw_bad (error, name, "refcount table offset", self->reftable_offset);
  if (!is_aligned (self, self->snapshots_offset)
      || (self->snapshots_offset == 0 && self->n_snapshots > 0))
    return throw_bad (error, name, "snapshot table offset", self->snapshots_offset);
  if (self->n_snapshots > QCOW2_MAX_SNAPSHOTS)
    return throw_bad (error, name, "number of snapshots", self->n_snapshots);
  return TRUE;
}

/* -- Extensions. -- */

static char *
dup_string (const guint8 *bytes, gsize length)
{
  return g_strndup ((const char *) bytes, length);
}

static gboolean
parse_bitmaps (Qcow2Header *self, const guint8 *bytes, gsize length, const char *name,
               GError **error)
{
  if (length != QCOW2_BITMAP_ENTRY_BYTES)
    return throw_bad (error, name, "bitmaps extension's length", length);

  self->n_bitmaps = qcow2_get32 (bytes);
  self->bitmaps_bytes = qcow2_get64 (bytes + 8);
  self->bitmaps_offset = qcow2_get64 (bytes + 16);
  if (self->n_bitmaps == 0 || self->n_bitmaps > QCOW2_MAX_BITMAPS)
    return throw_bad (error, name, "number of bitmaps", self->n_bitmaps);
  if (self->bitmaps_bytes > QCOW2_MAX_BITMAP_BYTES
      || self->bitmaps_bytes < (guint64) self->n_bitmaps * QCOW2_BITMAP_ENTRY_BYTES)
    return throw_bad (error, name, "bitmap directory's size", self->bitmaps_bytes);
  if (!is_aligned (self, self->bitmaps_offset) || self->bitmaps_offset == 0)
    return throw_bad (error, name, "bitmap directory's offset", self->bitmaps_offset);
  return TRUE;
}

static gboolean
parse_encryption (Qcow2Header *self, const guint8 *bytes, gsize length, const char *name,
                  GError **error)
{
  if (length != 16)
    return throw_bad (error, name, "encryption extension's length", length);

  self->crypto_offset = qcow2_get64 (bytes);
  self->crypto_bytes = qcow2_get64 (bytes + 8);
  if (!is_aligned (self, self->crypto_offset) || self->crypto_offset == 0)
    return throw_bad (error, name, "encryption header's offset", self->crypto_offset);
  if (self->crypto_bytes > QCOW2_MAX_CRYPTO_BYTES)
    return throw_bad (error, name, "encryption header's size", self->crypto_bytes);
  return TRUE;
}

/* What the extension says beyond being there. */
static gboolean
understand (Qcow2Header *self, guint32 type, const guint8 *bytes, gsize length, const char *name,
            GError **error)
{
  switch (type)
    {
    case QCOW2_EXTENSION_BACKING_FORMAT:
      g_free (self->backing_format);
      self->backing_format = dup_string (bytes, length);
      return TRUE;
    case QCOW2_EXTENSION_DATA_FILE:
      g_free (self->data_file);
      self->data_file = dup_string (bytes, length);
      return TRUE;
    case QCOW2_EXTENSION_ENCRYPTION:
      return self->crypt_method != 2 || parse_encryption (self, bytes, length, name, error);
    case QCOW2_EXTENSION_BITMAPS:
      /* Without the bit, what it says may be long out of date. */
      return !(self->autoclear & QCOW2_AUTOCLEAR_BITMAPS)
             || parse_bitmaps (self, bytes, length, name, error);
    default:
      return TRUE;
    }
}

static gboolean
parse_extensions (Qcow2Header *self, const guint8 *bytes, gsize end, const char *name,
                  GError **error)
{
  gsize at = self->length;

  while (end >= 8 && at <= end - 8)
    {
      Qcow2Extension extension = { .type = qcow2_get32 (bytes + at) };
      guint32 length = qcow2_get32 (bytes + at + 4);

      if (extension.type == QCOW2_EXTENSION_END)
        break;
      at += 8;
      if (length > end - at)
        return throw_bad (error, name, "length of a header extension", length);
      if (!understand (self, extension.type, bytes + at, length, name, error))
        return FALSE;
      extension.data = g_bytes_new (bytes + at, length);
      g_array_append_val (self->extensions, extension);
      at += MIN ((length + 7u) & ~7u, end - at);
    }

  if ((self->autoclear & QCOW2_AUTOCLEAR_BITMAPS) && self->n_bitmaps == 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image says that it has bitmaps, and not where", name);
  return TRUE;
}

static gboolean
parse_backing (Qcow2Header *self, const guint8 *bytes, gsize available, const char *name,
               GError **error)
{
  guint32 length = qcow2_get32 (bytes + 16);

  if (self->backing_offset == 0)
    return TRUE;
  if (length > QCOW2_MAX_BACKING_NAME)
    return throw_bad (error, name, "length of the backing file's name", length);
  if (self->backing_offset > available || length > available - self->backing_offset)
    return throw_bad (error, name, "place of the backing file's name", self->backing_offset);
  if (length > 0)
    self->backing_file = dup_string (bytes + self->backing_offset, length);
  return TRUE;
}

static gboolean
parse_rest (Qcow2Header *self, const guint8 *bytes, gsize available, const char *name,
            GError **error)
{
  gsize end = available;

  if (self->backing_offset != 0)
    end = MIN (end, self->backing_offset);
  if (self->length > available)
    return throw_bad (error, name, "header length", self->length);
  if (self->length > QCOW2_KNOWN_LENGTH)
    self->unknown = g_bytes_new (bytes + QCOW2_KNOWN_LENGTH, self->length - QCOW2_KNOWN_LENGTH);

  return parse_extensions (self, bytes, end, name, error)
         && parse_backing (self, bytes, available, name, error);
}

gboolean BANYAN_COROUTINE
qcow2_header_read (Qcow2Header *self, BanyanChild *file, const char *name, GError **error)
{
  guint64 length = banyan_child_get_length (file);
  guint8 first[QCOW2_KNOWN_LENGTH] = { 0 };
  g_autofree guint8 *bytes = NULL;
  gsize available;

  if (!banyan_child_pread (file, 0, first, MIN (length, sizeof first), error))
    return FALSE;
  if (length < QCOW2_V2_LENGTH || qcow2_get32 (first) != QCOW2_MAGIC)
    return banyan_throw_errno (
        error, EINVAL, "%s: file holds no qcow2 image; driver: raw shows what it holds", name);
  if (!qcow2_header_is_magic (first, sizeof first))
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: the image is of qcow2 version %u; versions 2 and 3 are known",
                               name, qcow2_get32 (first + 4));

  parse_fields (self, first);
  if (!check_sizes (self, name, error))
    return FALSE;

  available = MIN (length, G_GUINT64_CONSTANT (1) << self->cluster_bits);
  bytes = g_malloc (available);
  return banyan_child_pread (file, 0, bytes, available, error)
         && parse_rest (self, bytes, available, name, error) && check_tables (self, name, error);
}

/* -- Features. -- */

static const guint8 *
find_feature_names (const Qcow2Header *self, gsize *length)
{
  for (guint i = 0; i < self->extensions->len; i++)
    {
      Qcow2Extension *extension = &g_array_index (self->extensions, Qcow2Extension, i);

      if (extension->type == QCOW2_EXTENSION_FEATURE_NAMES)
        return g_bytes_get_data (extension->data, length);
    }
  *length = 0;
  return NULL;
}

/* The image brings the names of features that were invented after us. */
static char *
dup_feature_name (const Qcow2Header *self, guint bit)
{
  gsize length;
  const guint8 *names = find_feature_names (self, &length);

  for (gsize at = 0; at + QCOW2_FEATURE_NAME_BYTES <= length; at += QCOW2_FEATURE_NAME_BYTES)
    if (names[at] == 0 && names[at + 1] == bit)
      {
        g_autofree char *name = dup_string (names + at + 2, QCOW2_FEATURE_NAME_BYTES - 2);

        return g_strescape (name, NULL);
      }
  return g_strdup_printf ("number %u", bit);
}

gboolean
qcow2_header_check_features (const Qcow2Header *self, const char *name, GError **error)
{
  guint64 unknown = self->incompatible & ~(guint64) QCOW2_INCOMPATIBLE_KNOWN;
  gboolean is_other = (self->incompatible & QCOW2_INCOMPATIBLE_COMPRESSION) != 0;

  if (unknown != 0)
    {
      g_autofree char *feature = dup_feature_name (self, g_bit_nth_lsf (unknown, -1));

      return banyan_throw_errno (error, ENOTSUP,
                                 "%s: the image needs a feature that is not known here: %s", name,
                                 feature);
    }
  if (self->crypt_method > 2)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: the image is encrypted in way number %u, at byte 32; known are "
                               "1, AES, and 2, LUKS",
                               name, self->crypt_method);
  if (self->crypt_method == 2 && self->crypto_offset == 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image says that it is encrypted by LUKS, and not where the "
                               "key slots are",
                               name);
  if (is_other != (self->compression != QCOW2_COMPRESSION_ZLIB)
      || self->compression > QCOW2_COMPRESSION_ZSTD)
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: the image's compression is number %u; known are 0, zlib, and "
                               "1, zstd",
                               name, self->compression);
  return TRUE;
}

/* -- Writing. -- */

gboolean BANYAN_COROUTINE
qcow2_header_write_fields (const Qcow2Header *self, BanyanChild *file, GError **error)
{
  guint8 bytes[QCOW2_KNOWN_LENGTH] = { 0 };

  format_fields (self, bytes);
  return banyan_child_pwrite (file, 0, bytes, MIN (self->length, sizeof bytes), 0, error);
}

void
qcow2_header_set_extension (Qcow2Header *self, guint32 type, gconstpointer data, gsize length)
{
  Qcow2Extension extension = { .type = type };

  for (guint i = self->extensions->len; i-- > 0;)
    if (g_array_index (self->extensions, Qcow2Extension, i).type == type)
      g_array_remove_index (self->extensions, i);
  if (data == NULL)
    return;

  extension.data = g_bytes_new (data, length);
  g_array_append_val (self->extensions, extension);
}

void
qcow2_header_add_feature_names (Qcow2Header *self)
{
  static const struct
  {
    guint8 kind;
    guint8 bit;
    const char *name;
  } features[] = {
    { 0, 0, "dirty bit" },        { 0, 1, "corrupt bit" },         { 0, 2, "external data file" },
    { 0, 3, "compression type" }, { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
    { 2, 0, "bitmaps" },          { 2, 1, "raw external data" },
  };
  guint8 table[G_N_ELEMENTS (features)][QCOW2_FEATURE_NAME_BYTES] = { { 0 } };

  for (gsize i = 0; i < G_N_ELEMENTS (features); i++)
    {
      table[i][0] = features[i].kind;
      table[i][1] = features[i].bit;
      memcpy (&table[i][2], features[i].name, strlen (features[i].name));
    }
  qcow2_header_set_extension (self, QCOW2_EXTENSION_FEATURE_NAMES, table, sizeof table);
}

static gsize
put_extension (guint8 *at, guint32 type, gconstpointer data, gsize length)
{
  qcow2_put32 (at, type);
  qcow2_put32 (at + 4, length);
  if (length > 0)
    memcpy (at + 8, data, length);
  return 8 + ((length + 7) & ~(gsize) 7);
}

static gsize
measure_all (const Qcow2Header *self)
{
  gsize needed = self->length + 8;

  for (guint i = 0; i < self->extensions->len; i++)
    needed += 8
              + ((g_bytes_get_size (g_array_index (self->extensions, Qcow2Extension, i).data) + 7)
                 & ~(gsize) 7);
  return needed + (self->backing_file != NULL ? strlen (self->backing_file) : 0);
}

static void
format_all (Qcow2Header *self, guint8 *bytes)
{
  gsize at = self->length;

  if (self->unknown != NULL)
    memcpy (bytes + QCOW2_KNOWN_LENGTH, g_bytes_get_data (self->unknown, NULL),
            g_bytes_get_size (self->unknown));
  for (guint i = 0; i < self->extensions->len; i++)
    {
      Qcow2Extension *extension = &g_array_index (self->extensions, Qcow2Extension, i);
      gsize length;
      gconstpointer data = g_bytes_get_data (extension->data, &length);

      at += put_extension (bytes + at, extension->type, data, length);
    }
  at += put_extension (bytes + at, QCOW2_EXTENSION_END, NULL, 0);

  self->backing_offset = self->backing_file != NULL ? at : 0;
  if (self->backing_file != NULL)
    memcpy (bytes + at, self->backing_file, strlen (self->backing_file));
}

static void
format_cluster (Qcow2Header *self, guint8 *bytes)
{
  guint8 fields[QCOW2_KNOWN_LENGTH];

  format_all (self, bytes);
  format_fields (self, fields);
  memcpy (bytes, fields, MIN (self->length, sizeof fields));
}

static gboolean
check_room (const Qcow2Header *self, const char *name, GError **error)
{
  gsize cluster_size = (gsize) 1 << self->cluster_bits;
  gsize needed = measure_all (self);

  if (needed <= cluster_size)
    return TRUE;
  return banyan_throw_errno (error, ENOSPC,
                             "%s: the header needs %" G_GSIZE_FORMAT
                             " bytes, and a cluster has %" G_GSIZE_FORMAT,
                             name, needed, cluster_size);
}

gboolean BANYAN_COROUTINE
qcow2_header_write_all (Qcow2Header *self, BanyanChild *file, const char *name, GError **error)
{
  gsize cluster_size = (gsize) 1 << self->cluster_bits;
  g_autofree guint8 *bytes = g_malloc0 (cluster_size + QCOW2_KNOWN_LENGTH);

  if (!check_room (self, name, error))
    return FALSE;

  format_cluster (self, bytes);
  return banyan_child_pwrite (file, 0, bytes, cluster_size, 0, error);
}

/* What a disk writes at once, or not at all. */
#define SECTOR 512

/* Without what is for people only, a header mostly fits a sector. FALSE: this one does not. */
static gboolean
format_short (Qcow2Header *self, guint8 *bytes)
{
  GBytes *names = NULL;
  gboolean fits;

  for (guint i = 0; i < self->extensions->len; i++)
    {
      Qcow2Extension *extension = &g_array_index (self->extensions, Qcow2Extension, i);

      if (extension->type == QCOW2_EXTENSION_FEATURE_NAMES)
        names = g_bytes_ref (extension->data);
    }
  qcow2_header_set_extension (self, QCOW2_EXTENSION_FEATURE_NAMES, NULL, 0);
  fits = measure_all (self) <= SECTOR;
  if (fits)
    format_cluster (self, bytes);
  if (names != NULL)
    {
      gsize length;
      gconstpointer data = g_bytes_get_data (names, &length);

      qcow2_header_set_extension (self, QCOW2_EXTENSION_FEATURE_NAMES, data, length);
      g_bytes_unref (names);
    }
  return fits;
}

gboolean BANYAN_COROUTINE
qcow2_header_replace (Qcow2Header *self, BanyanChild *file, const char *name, GError **error)
{
  gsize cluster_size = (gsize) 1 << self->cluster_bits;
  g_autofree guint8 *bytes = g_malloc0 (cluster_size + QCOW2_KNOWN_LENGTH);
  g_autofree guint8 *first = g_malloc0 (cluster_size + QCOW2_KNOWN_LENGTH);

  if (!check_room (self, name, error))
    return FALSE;

  /* First a header that needs one sector, then what the rest of the new one has, then that. */
  if (format_short (self, first)
      && (!banyan_child_pwrite (file, 0, first, SECTOR, 0, error)
          || !banyan_child_flush (file, error)))
    return FALSE;

  format_cluster (self, bytes);
  if (cluster_size > SECTOR
      && (!banyan_child_pwrite (file, SECTOR, bytes + SECTOR, cluster_size - SECTOR, 0, error)
          || !banyan_child_flush (file, error)))
    return FALSE;
  return banyan_child_pwrite (file, 0, bytes, SECTOR, 0, error) && banyan_child_flush (file, error);
}
