/* qcow2-create.c - new images
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In this order: the header, the refcount table, its blocks, the L1 table, and where data is
 * encrypted, the key slots. */

#include "qcow2-create.h"

#include "qcow2-refcount.h"
#include "qcow2-resize.h"

#include <errno.h>
#include <string.h>

typedef struct
{
  guint cluster_bits;
  guint block_bits; /* clusters that a refcount block counts, as a power of 2 */
  guint64 l1_entries;
  guint64 n_l1; /* clusters, as all below */
  guint64 n_blocks;
  guint64 n_table;
  guint64 n_crypto;
  guint64 n_all;
} Layout;

static guint64
divide_up (guint64 value, guint bits)
{
  return (value >> bits) + ((value & ((G_GUINT64_CONSTANT (1) << bits) - 1)) != 0);
}

static guint
order_of (guint64 power)
{
  return g_bit_nth_lsf (power, -1);
}

/* Blocks count themselves, and the table that leads to them. */
static void
count_refcounts (Layout *layout, guint64 others)
{
  guint64 before;

  layout->n_blocks = layout->n_table = 1;
  do
    {
      before = layout->n_blocks + layout->n_table;
      layout->n_blocks = divide_up (others + before, layout->block_bits);
      layout->n_table = divide_up (layout->n_blocks * 8, layout->cluster_bits);
    }
  while (layout->n_blocks + layout->n_table != before);
}

static void
make_layout (Layout *layout, const Qcow2CreateOptions *options)
{
  guint cluster_bits = order_of (options->cluster_size);

  layout->cluster_bits = cluster_bits;
  layout->block_bits = cluster_bits + 3 - order_of (options->refcount_bits);
  layout->l1_entries = divide_up (options->size, cluster_bits * 2 - (options->extended_l2 ? 4 : 3));
  layout->n_l1 = MAX (divide_up (layout->l1_entries * 8, cluster_bits), 1);
  layout->n_crypto = options->is_encrypted
                         ? divide_up (luks_header_measure (&options->scheme), cluster_bits)
                         : 0;
  count_refcounts (layout, 1 + layout->n_l1 + layout->n_crypto);
  layout->n_all = 1 + layout->n_table + layout->n_blocks + layout->n_l1 + layout->n_crypto;
}

/* -- What goes together. -- */

static gboolean
is_power_between (guint64 value, guint64 least, guint64 most)
{
  return value >= least && value <= most && (value & (value - 1)) == 0;
}

static gboolean
needs_version_3 (const Qcow2CreateOptions *options)
{
  return options->refcount_bits != 16 || options->lazy_refcounts || options->extended_l2
         || options->compression != QCOW2_COMPRESSION_ZLIB || options->data_file != NULL;
}

static gboolean
check_encrypted (const Qcow2CreateOptions *options, GError **error)
{
  if (options->data_file_raw)
    return banyan_throw_errno (error, EINVAL, "a data file that is encrypted is not a raw one");
  if (options->size % ENCRYPTION_SECTOR != 0)
    return banyan_throw_errno (error, EINVAL,
                               "an encrypted disk has whole sectors, and %" G_GUINT64_FORMAT
                               " bytes are no multiple of %d",
                               options->size, ENCRYPTION_SECTOR);
  return encryption_scheme_check (&options->scheme, error);
}

gboolean
qcow2_create_check (const Qcow2CreateOptions *options, GError **error)
{
  guint64 least = options->extended_l2 ? 1u << QCOW2_MIN_EXTENDED_BITS : 512;
  Layout layout;

  if (!is_power_between (options->cluster_size, least, 2 << 20))
    return banyan_throw_errno (error, EINVAL,
                               "cluster-size is %" G_GUINT64_FORMAT
                               "; it can be a power of 2 from %" G_GUINT64_FORMAT " to 2 MiB",
                               options->cluster_size, least);
  if (!is_power_between (options->refcount_bits, 1, 64))
    return banyan_throw_errno (error, EINVAL,
                               "refcount-bits is %u; it can be a power of 2 from 1 to 64",
                               options->refcount_bits);
  if (options->version == 2 && needs_version_3 (options))
    return banyan_throw_errno (error, EINVAL,
                               "version 2 has 16 refcount-bits, zlib, and neither lazy-refcounts, "
                               "extended-l2 nor a data-file");
  if (options->data_file_raw && (options->data_file == NULL || options->backing_file != NULL))
    return banyan_throw_errno (error, EINVAL,
                               "data-file-raw is for images with a data-file and no backing-file");
  if (options->backing_format != NULL && options->backing_file == NULL)
    return banyan_throw_errno (error, EINVAL, "backing-fmt is for images with a backing-file");

  /* A place without data that lets what is below through is one for subclusters only. */
  if (options->preallocation != BANYAN_PREALLOCATION_OFF && options->backing_file != NULL
      && !options->extended_l2)
    return banyan_throw_errno (error, EINVAL,
                               "preallocation would hide the backing-file, but with extended-l2");

  if (options->is_encrypted && !check_encrypted (options, error))
    return FALSE;

  make_layout (&layout, options);
  if (options->size > G_MAXINT64 || layout.l1_entries > QCOW2_MAX_L1_BYTES / 8)
    return banyan_throw_errno (error, EFBIG,
                               "a disk of %" G_GUINT64_FORMAT
                               " bytes needs larger clusters than %" G_GUINT64_FORMAT,
                               options->size, options->cluster_size);
  return TRUE;
}

guint64
qcow2_create_measure (const Qcow2CreateOptions *options, guint64 data_bytes)
{
  guint64 n_data, n_l2;
  Layout layout;

  make_layout (&layout, options);
  n_data = options->data_file != NULL ? 0 : divide_up (data_bytes, layout.cluster_bits);
  n_l2 = divide_up (data_bytes, layout.cluster_bits * 2 - (options->extended_l2 ? 4 : 3));
  count_refcounts (&layout, 1 + layout.n_l1 + layout.n_crypto + n_l2 + n_data);
  return (1 + layout.n_table + layout.n_blocks + layout.n_l1 + layout.n_crypto + n_l2 + n_data)
         << layout.cluster_bits;
}

/* -- Writing. -- */

static guint64
crypto_offset (const Layout *layout)
{
  return (layout->n_all - layout->n_crypto) << layout->cluster_bits;
}

static void
fill_encryption (Qcow2Header *header, const Qcow2CreateOptions *options, const Layout *layout)
{
  guint64 place[2] = { GUINT64_TO_BE (crypto_offset (layout)),
                       GUINT64_TO_BE (luks_header_measure (&options->scheme)) };

  header->crypt_method = QCOW2_ENCRYPTION_LUKS;
  qcow2_header_set_extension (header, QCOW2_EXTENSION_ENCRYPTION, place, sizeof place);
}

static gboolean BANYAN_COROUTINE
write_volume (BanyanChild *file, const Qcow2CreateOptions *options, const Layout *layout,
              EncryptionSectors **sectors, GError **error)
{
  LuksVolume volume = { .name = "the image",
                        .file = file,
                        .offset = crypto_offset (layout),
                        .space = luks_header_measure (&options->scheme) };

  if (!options->is_encrypted)
    return TRUE;

  *sectors = luks_volume_create (&volume, options->volume, error);
  return *sectors != NULL;
}

static void
fill_header (Qcow2Header *header, const Qcow2CreateOptions *options, const Layout *layout)
{
  gboolean is_other = options->compression != QCOW2_COMPRESSION_ZLIB;

  header->version = options->version;
  header->cluster_bits = layout->cluster_bits;
  header->size = options->size;
  header->reftable_offset = G_GUINT64_CONSTANT (1) << layout->cluster_bits;
  header->reftable_clusters = layout->n_table;
  header->l1_size = layout->l1_entries;
  header->l1_offset = (1 + layout->n_table + layout->n_blocks) << layout->cluster_bits;
  header->refcount_order = order_of (options->refcount_bits);
  header->length = options->version == 2 ? QCOW2_V2_LENGTH
                   : is_other            ? QCOW2_KNOWN_LENGTH
                                         : QCOW2_V3_LENGTH;
  header->compression = options->compression;
  header->incompatible = (is_other ? QCOW2_INCOMPATIBLE_COMPRESSION : 0)
                         | (options->extended_l2 ? QCOW2_INCOMPATIBLE_EXTENDED : 0)
                         | (options->data_file != NULL ? QCOW2_INCOMPATIBLE_DATA_FILE : 0);
  header->compatible = options->lazy_refcounts ? QCOW2_COMPATIBLE_LAZY_REFCOUNTS : 0;
  header->autoclear = options->data_file_raw ? QCOW2_AUTOCLEAR_RAW_DATA : 0;
  header->backing_file = g_strdup (options->backing_file);
  if (options->backing_format != NULL)
    qcow2_header_set_extension (header, QCOW2_EXTENSION_BACKING_FORMAT, options->backing_format,
                                strlen (options->backing_format));
  if (options->data_file != NULL)
    qcow2_header_set_extension (header, QCOW2_EXTENSION_DATA_FILE, options->data_file,
                                strlen (options->data_file));
  if (options->is_encrypted)
    fill_encryption (header, options, layout);
  /* Small clusters have better things to hold. */
  if (options->version > 2 && options->cluster_size >= 4096)
    qcow2_header_add_feature_names (header);
}

static gboolean BANYAN_COROUTINE
write_refcount_table (BanyanChild *file, const Layout *layout, GError **error)
{
  gsize bytes = layout->n_table << layout->cluster_bits;
  g_autofree guint64 *table = g_malloc0 (bytes);

  for (guint64 i = 0; i < layout->n_blocks; i++)
    table[i] = GUINT64_TO_BE ((1 + layout->n_table + i) << layout->cluster_bits);
  return banyan_child_pwrite (file, G_GUINT64_CONSTANT (1) << layout->cluster_bits, table, bytes, 0,
                              error);
}

static gboolean BANYAN_COROUTINE
write_blocks (BanyanChild *file, const Layout *layout, guint refcount_order, GError **error)
{
  /* What knows how counts lie in words asks an image. */
  const Qcow2Image image = { .refcount_order = refcount_order };
  gsize cluster_size = (gsize) 1 << layout->cluster_bits;
  g_autofree guint64 *words = g_malloc (cluster_size);

  for (guint64 i = 0; i < layout->n_blocks; i++)
    {
      guint64 first = i << layout->block_bits;
      guint64 here = MIN (layout->n_all - first, G_GUINT64_CONSTANT (1) << layout->block_bits);

      memset (words, 0, cluster_size);
      for (guint64 j = 0; j < here; j++)
        {
          guint64 *word = &words[(j << refcount_order) / 64];
          guint64 counts = GUINT64_FROM_BE (*word);

          counts = qcow2_refcount_write_word (&image, counts, j, 1);
          *word = GUINT64_TO_BE (counts);
        }
      if (!banyan_child_pwrite (file, (1 + layout->n_table + i) << layout->cluster_bits, words,
                                cluster_size, 0, error))
        return FALSE;
    }
  return TRUE;
}

/* Cut to nothing first, so that all of it is zero. */
static gboolean BANYAN_COROUTINE
clear_file (BanyanChild *file, guint64 length, GError **error)
{
  BanyanResize resize = { .size = sizeof resize };
  BanyanRequest zeroes = BANYAN_REQUEST (0, length, NULL, 0);

  if (banyan_child_resize (file, &resize, NULL) == BANYAN_DONE)
    {
      resize.length = length;
      return banyan_child_resize (file, &resize, error) == BANYAN_DONE;
    }
  if (banyan_child_get_length (file) < length)
    return banyan_throw_errno (error, ENOSPC,
                               "the image needs %" G_GUINT64_FORMAT " bytes at least", length);
  return banyan_child_write_zeroes (file, &zeroes, error) == BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
write_image (BanyanChild *file, const Qcow2CreateOptions *options, Qcow2Header *header,
             EncryptionSectors **sectors, GError **error)
{
  Layout layout;

  make_layout (&layout, options);
  fill_header (header, options, &layout);
  return clear_file (file, layout.n_all << layout.cluster_bits, error)
         && write_refcount_table (file, &layout, error)
         && write_blocks (file, &layout, header->refcount_order, error)
         && write_volume (file, options, &layout, sectors, error)
         && banyan_child_flush (file, error)
         && qcow2_header_write_all (header, file, "the image", error)
         && banyan_child_flush (file, error);
}

/* What was made is unlocked by what made it. */
static gboolean BANYAN_COROUTINE
place_clusters (Qcow2Image *image, const Qcow2CreateOptions *options, EncryptionSectors **sectors,
                GError **error)
{
  if (!qcow2_encryption_open (image, error))
    return FALSE;
  if (image->encryption != NULL)
    image->encryption->sectors = g_steal_pointer (sectors);
  return qcow2_preallocate (image, 0, options->size, options->preallocation, error)
         && qcow2_image_finish_writing (image, error);
}

/* The space in a data-file is for whoever makes that to take. */
static gboolean BANYAN_COROUTINE
preallocate (BanyanChild *file, const Qcow2CreateOptions *options, EncryptionSectors **sectors,
             GError **error)
{
  const Qcow2CacheSizes sizes = { 0 };
  Qcow2Image image = { .name = "the image", .file = file };
  gboolean done;

  if (options->preallocation == BANYAN_PREALLOCATION_OFF)
    return TRUE;

  qcow2_image_init (&image);
  done = qcow2_image_open (&image, &sizes, error);
  if (done)
    {
      done = place_clusters (&image, options, sectors, error);
      qcow2_encryption_close (&image);
      qcow2_image_close (&image);
    }
  qcow2_image_clear (&image);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_create (BanyanChild *file, const Qcow2CreateOptions *options, GError **error)
{
  g_autoptr (EncryptionSectors) sectors = NULL;
  Qcow2Header header;
  gboolean done;

  if (!qcow2_create_check (options, error))
    return FALSE;

  qcow2_header_init (&header);
  done = write_image (file, options, &header, &sectors, error);
  qcow2_header_clear (&header);
  return done && preallocate (file, options, &sectors, error);
}
