/* qcow2-options.c - images that are to be made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-options.h"

#include "qcow2-amend.h"
#include "qcow2-create.h"
#include "qcow2-node.h"
#include "qcow2-resize.h"

#include "luks-options.h"

#include <errno.h>

typedef struct
{
  BanyanImageOptions parent_instance;

  gint version;
  guint64 cluster_size;
  guint refcount_bits;
  gboolean lazy_refcounts;
  gboolean extended_l2;
  gint compression;
  gint preallocation;
  char *backing_file;   /* (owned) (nullable) */
  char *backing_format; /* (owned) (nullable) */
  char *data_file;      /* (owned) (nullable) */
  gboolean data_file_raw;
  gint encrypt_format; /* Qcow2EncryptionMethod */
  LuksOptions luks;
} BanyanQcow2Image;

/* Before what names of encryption have in common. */
#define ENCRYPT "encrypt-"

enum
{
  PROP_0,
  PROP_VERSION,
  PROP_CLUSTER_SIZE,
  PROP_REFCOUNT_BITS,
  PROP_LAZY_REFCOUNTS,
  PROP_EXTENDED_L2,
  PROP_COMPRESSION_TYPE,
  PROP_PREALLOCATION,
  PROP_BACKING_FILE,
  PROP_BACKING_FORMAT,
  PROP_DATA_FILE,
  PROP_DATA_FILE_RAW,
  PROP_ENCRYPT_FORMAT,
  N_PROPS,
  PROP_FIRST_OF_LUKS = N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_IMAGE_OPTIONS (BanyanQcow2Image, banyan_qcow2_image)

void
qcow2_options_register (GTypeModule *module)
{
  banyan_qcow2_image_register_type (module);
}

static GType
version_get_type (void)
{
  static const GEnumValue values[] = {
    { 2, "QCOW2_VERSION_2", "v2" },
    { 3, "QCOW2_VERSION_3", "v3" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanQcow2Version", values));
  return type;
}

GType
qcow2_compression_get_type (void)
{
  static const GEnumValue values[] = {
    { QCOW2_COMPRESSION_ZLIB, "QCOW2_COMPRESSION_ZLIB", "zlib" },
    { QCOW2_COMPRESSION_ZSTD, "QCOW2_COMPRESSION_ZSTD", "zstd" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanQcow2Compression", values));
  return type;
}

static Qcow2CreateOptions
collect (BanyanQcow2Image *self)
{
  return (Qcow2CreateOptions){
    .size = banyan_image_options_get_length (&self->parent_instance),
    .version = self->version,
    .cluster_size = self->cluster_size,
    .refcount_bits = self->refcount_bits,
    .lazy_refcounts = self->lazy_refcounts,
    .extended_l2 = self->extended_l2,
    .compression = self->compression,
    .preallocation = self->preallocation,
    .backing_file = self->backing_file,
    .backing_format = self->backing_format,
    .data_file = self->data_file,
    .data_file_raw = self->data_file_raw,
    .is_encrypted = self->encrypt_format == QCOW2_ENCRYPTION_LUKS,
    .scheme = luks_options_get_scheme (&self->luks),
  };
}

/* What is said of encryption, and of none. */
static gboolean
check_encryption (BanyanQcow2Image *self, GError **error)
{
  BanyanImageOptions *options = &self->parent_instance;

  if (self->encrypt_format == QCOW2_ENCRYPTION_AES)
    return banyan_throw_errno (error, ENOTSUP,
                               "encrypt.format aes keeps nothing secret, and such images are only "
                               "used as they are; make it luks");
  if (self->encrypt_format == QCOW2_ENCRYPTION_NONE
      && (luks_options_has_creation (options, ENCRYPT)
          || luks_options_has_amendment (options, ENCRYPT)))
    return banyan_throw_errno (error, EINVAL,
                               "options of encryption are for images with encrypt.format=luks");
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_image_create (BanyanImageOptions *options, BanyanChild *file, GError **error)
{
  BanyanQcow2Image *self = (BanyanQcow2Image *) options;
  Qcow2CreateOptions wanted = collect (self);
  LuksCreation volume;

  if (!check_encryption (self, error))
    return FALSE;
  if (wanted.is_encrypted
      && (!encryption_init (error)
          || !luks_options_read_creation (&self->luks, options, ENCRYPT, &volume, error)))
    return FALSE;

  wanted.volume = wanted.is_encrypted ? &volume : NULL;
  return qcow2_create (file, &wanted, error);
}

/* How much of @source is data, in whole clusters. */
static gboolean BANYAN_COROUTINE
measure_data (BanyanChild *source, guint64 cluster_size, guint64 *data, GError **error)
{
  guint64 end = banyan_child_get_length (source);
  guint64 counted = 0; /* up to where */
  BanyanBlockStatus status;

  *data = 0;
  for (guint64 offset = 0; offset < end; offset += status.length)
    {
      guint64 first, stop;

      if (banyan_child_block_status (source, offset, end - offset, &status, error) == BANYAN_FAILED)
        return FALSE;
      if ((status.flags & BANYAN_BLOCK_ZERO) || !(status.flags & BANYAN_BLOCK_ALLOCATED))
        continue;
      first = MAX (qcow2_round_down (offset, cluster_size), counted);
      stop = qcow2_round_up (offset + status.length, cluster_size);
      *data += stop - MIN (first, stop);
      counted = MAX (counted, stop);
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_image_measure (BanyanImageOptions *options, BanyanChild *source, BanyanImageSize *size,
                            GError **error)
{
  Qcow2CreateOptions wanted = collect ((BanyanQcow2Image *) options);
  guint64 data = 0;

  if (source != NULL)
    wanted.size = banyan_child_get_length (source);
  if (!check_encryption ((BanyanQcow2Image *) options, error)
      || !qcow2_create_check (&wanted, error)
      || (source != NULL && !measure_data (source, wanted.cluster_size, &data, error)))
    return FALSE;

  size->fully_allocated = qcow2_create_measure (&wanted, wanted.size);
  size->required = wanted.preallocation != BANYAN_PREALLOCATION_OFF
                       ? size->fully_allocated
                       : qcow2_create_measure (&wanted, data);
  return TRUE;
}

/* -- Amending. -- */

/* What would mean to write the whole image anew may only be said as it is. */
static gboolean
can_be_amended (BanyanImageOptions *options, Qcow2Image *image, GError **error)
{
  const BanyanQcow2Image *self = (BanyanQcow2Image *) options;
  const struct
  {
    const char *name;
    gboolean is_same;
  } fixed[] = {
    { "cluster-size", self->cluster_size == image->cluster_size },
    { "extended-l2", self->extended_l2 == (image->entry_words == 2) },
    { "compression-type", self->compression == image->header.compression },
    { "preallocation", FALSE },
    { "encrypt-format", self->encrypt_format == (gint) image->header.crypt_method },
    { "data-file-raw",
      !self->data_file_raw || (image->header.autoclear & QCOW2_AUTOCLEAR_RAW_DATA) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    if (banyan_image_options_is_given (options, fixed[i].name) && !fixed[i].is_same)
      return banyan_throw_errno (error, ENOTSUP, "%s: %s cannot be changed; write another image",
                                 image->name, fixed[i].name);
  return TRUE;
}

/* (nullable) */
static const char *
name_or_none (const char *name)
{
  return name != NULL && *name != '\0' ? name : NULL;
}

static Qcow2Amendment
collect_changes (BanyanImageOptions *options)
{
  const BanyanQcow2Image *self = (BanyanQcow2Image *) options;

  return (Qcow2Amendment){
    .version = banyan_image_options_is_given (options, "version") ? self->version : 0,
    .refcount_bits
    = banyan_image_options_is_given (options, "refcount-bits") ? self->refcount_bits : 0,
    .sets_lazy_refcounts = banyan_image_options_is_given (options, "lazy-refcounts"),
    .lazy_refcounts = self->lazy_refcounts,
    .sets_backing = banyan_image_options_is_given (options, "backing-file"),
    .backing_file = name_or_none (self->backing_file),
    .backing_format = self->backing_format,
    .sets_data_file = banyan_image_options_is_given (options, "data-file"),
    .data_file = name_or_none (self->data_file),
    .clears_raw = banyan_image_options_is_given (options, "data-file-raw") && !self->data_file_raw,
  };
}

static gboolean BANYAN_COROUTINE
resize (BanyanImageOptions *options, BanyanNode *node, Qcow2Image *image, GError **error)
{
  BanyanResize resize = { .size = sizeof resize,
                          .length = banyan_image_options_get_length (options),
                          .exact = TRUE };

  if (!banyan_image_options_is_given (options, "size"))
    return TRUE;
  if (!qcow2_resize (image, &resize, error))
    return FALSE;

  qcow2_node_publish_length (node);
  return TRUE;
}

/* Key slots are changed first: that may be refused. */
static gboolean BANYAN_COROUTINE
amend_slots (BanyanImageOptions *options, Qcow2Image *image, GError **error)
{
  const BanyanQcow2Image *self = (BanyanQcow2Image *) options;
  LuksAmendment amendment;

  if (!luks_options_has_amendment (options, ENCRYPT)
      && !luks_options_has_creation (options, ENCRYPT))
    return TRUE;
  if (image->encryption == NULL || image->encryption->method != QCOW2_ENCRYPTION_LUKS)
    return banyan_throw_errno (error, EINVAL, "%s: the image is not encrypted by luks",
                               image->name);
  return luks_options_read_amendment (&self->luks, options, ENCRYPT, image->name, &amendment, error)
         && luks_volume_amend (&image->encryption->volume, image->encryption->sectors, &amendment,
                               error);
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_image_amend (BanyanImageOptions *options, BanyanNode *node, BanyanAmend *amend,
                          GError **error)
{
  Qcow2Image *image = qcow2_node_get_image (node);
  const Qcow2Amendment amendment = collect_changes (options);

  return can_be_amended (options, image, error) && amend_slots (options, image, error)
         && resize (options, node, image, error) && qcow2_amend (image, &amendment, amend, error);
}

#define FIELD(field) G_STRUCT_OFFSET (BanyanQcow2Image, field)

static void
install_layout (void)
{
  properties[PROP_VERSION] = banyan_param_value_alias (
      banyan_param_value_alias (
          banyan_param_alias (banyan_param_enum ("version", "Version",
                                                 "Of the format; v2 is for old programs",
                                                 version_get_type (), 3, FIELD (version)),
                              "compat"),
          "0.10", "v2"),
      "1.1", "v3");
  properties[PROP_CLUSTER_SIZE] = banyan_param_uint64 (
      "cluster-size", "Cluster size", "In what units space is given out: a power of 2",
      BANYAN_UNIT_BYTES, 512, 2 << 20, 65536, FIELD (cluster_size));
  properties[PROP_REFCOUNT_BITS] = banyan_param_uint (
      "refcount-bits", "Refcount bits", "Width of the counts of a cluster's users: a power of 2",
      BANYAN_UNIT_BITS, 1, 64, 16, FIELD (refcount_bits));
  properties[PROP_EXTENDED_L2] = banyan_param_boolean (
      "extended-l2", "Extended L2", "Whether a cluster's 32 parts can be allocated one by one",
      FALSE, FIELD (extended_l2));
  properties[PROP_LAZY_REFCOUNTS]
      = banyan_param_boolean ("lazy-refcounts", "Lazy refcounts",
                              "Whether counts are written late, and counted again "
                              "after a crash",
                              FALSE, FIELD (lazy_refcounts));
  properties[PROP_COMPRESSION_TYPE] = banyan_param_enum (
      "compression-type", "Compression", "How clusters that are to be compressed are compressed",
      qcow2_compression_get_type (), QCOW2_COMPRESSION_ZLIB, FIELD (compression));
  properties[PROP_PREALLOCATION] = banyan_param_enum (
      "preallocation", "Preallocation",
      "Whether clusters get their places at once, and space is reserved, or filled with zeroes",
      BANYAN_TYPE_PREALLOCATION, BANYAN_PREALLOCATION_OFF, FIELD (preallocation));
}

static void
install_others (void)
{
  properties[PROP_BACKING_FILE]
      = banyan_param_string ("backing-file", "Backing file",
                             "What shows through where nothing was written, as it stands in the "
                             "header",
                             NULL, FIELD (backing_file));
  properties[PROP_BACKING_FORMAT] = banyan_param_string (
      "backing-fmt", "Backing format", "The format of that", NULL, FIELD (backing_format));
  properties[PROP_DATA_FILE] = banyan_param_string (
      "data-file", "Data file", "Where the guest's data is kept, as it stands in the header", NULL,
      FIELD (data_file));
  properties[PROP_DATA_FILE_RAW] = banyan_param_boolean (
      "data-file-raw", "Raw data file", "Whether the data file can be read by itself", FALSE,
      FIELD (data_file_raw));
  properties[PROP_ENCRYPT_FORMAT] = banyan_param_alias (
      banyan_param_enum ("encrypt-format", "Encryption format",
                         "How data is encrypted: luks; encrypt.key-secret names the passphrase",
                         qcow2_encryption_method_get_type (), QCOW2_ENCRYPTION_NONE,
                         FIELD (encrypt_format)),
      "encrypt.format");
}

static void
banyan_qcow2_image_class_init (BanyanQcow2ImageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  klass->create = banyan_qcow2_image_create;
  klass->measure = banyan_qcow2_image_measure;
  klass->amend = banyan_qcow2_image_amend;

  install_layout ();
  install_others ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
  luks_options_install (object_class, PROP_FIRST_OF_LUKS, ENCRYPT, FIELD (luks));
}

static void
banyan_qcow2_image_init (BanyanQcow2Image *self)
{
  self->version = 3;
  self->cluster_size = 65536;
  self->refcount_bits = 16;
  luks_options_init (&self->luks);
}
