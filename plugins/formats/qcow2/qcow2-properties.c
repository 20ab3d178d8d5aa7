/* qcow2-properties.c - QEMU's own image format: what can be set, and what is shown
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-node.h"
#include "qcow2-options.h"

enum
{
  PROP_0,
  PROP_SNAPSHOT,
  PROP_LAZY_REFCOUNTS,
  PROP_PASS_DISCARD_REQUEST,
  PROP_PASS_DISCARD_SNAPSHOT,
  PROP_PASS_DISCARD_OTHER,
  PROP_DISCARD_NO_UNREF,
  PROP_OVERLAP_CHECK,
  PROP_ENCRYPT_FORMAT,
  PROP_ENCRYPT_KEY_SECRET,
  PROP_CACHE_SIZE,
  PROP_L2_CACHE_SIZE,
  PROP_L2_CACHE_ENTRY_SIZE,
  PROP_REFCOUNT_CACHE_SIZE,
  PROP_CACHE_CLEAN_INTERVAL,
  PROP_L2_CACHE_HELD,
  PROP_REFCOUNT_CACHE_HELD,
  PROP_BACKING_FILE,
  PROP_BACKING_FORMAT,
  PROP_DATA_FILE_NAME,
  PROP_VERSION,
  PROP_CLUSTER_SIZE,
  PROP_COMPRESSION_TYPE,
  PROP_REFCOUNT_BITS,
  PROP_EXTENDED_L2,
  PROP_DATA_FILE_RAW,
  PROP_CORRUPT,
  PROP_ENCRYPTED,
  PROP_ENCRYPTION,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BanyanSpec *
qcow2_properties_find_declared (BanyanQcow2 *self, const char *key)
{
  return banyan_spec_lookup (banyan_object_get_declaration (BANYAN_OBJECT (self)), key);
}

/* -- What was not declared follows from the image, or from how the node treats discards. -- */

void
qcow2_properties_follow_header (BanyanQcow2 *self)
{
  Qcow2Image *image = &self->image;

  if (qcow2_properties_find_declared (self, "lazy-refcounts") == NULL)
    BANYAN_LIVE_SET (image->lazy_refcounts,
                     (image->header.compatible & QCOW2_COMPATIBLE_LAZY_REFCOUNTS) != 0);
}

static void
follow_discard (BanyanQcow2 *self, gint discard)
{
  if (qcow2_properties_find_declared (self, "pass-discard-request") == NULL)
    BANYAN_LIVE_SET (self->image.pass_discard[QCOW2_DISCARD_REQUEST],
                     discard == BANYAN_DISCARD_UNMAP);
}

void
qcow2_properties_follow_all (BanyanQcow2 *self)
{
  Qcow2Image *image = &self->image;
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (BANYAN_OBJECT (self));

  qcow2_properties_follow_header (self);
  follow_discard (self, g_value_get_enum (banyan_proposal_get (proposal, "discard")));
  BANYAN_LIVE_SET (image->overlap_check, qcow2_overlap_checks_get_kinds (self->overlap_checks));
}

/* -- How large the caches are. -- */

static guint64
proposed_size (const BanyanProposal *proposal, const char *property)
{
  return g_value_get_uint64 (banyan_proposal_get (proposal, property));
}

/* Of three figures, where one is the sum of the others, two are enough. */
static void
check_sizes (const BanyanProposal *proposal, BanyanProblems *problems)
{
  static const char *const parts[] = { "l2-cache-size", "refcount-cache-size" };
  guint64 total = proposed_size (proposal, "cache-size");
  guint n_set = 0;

  if (total == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      guint64 size = proposed_size (proposal, parts[i]);

      n_set += size != 0;
      if (size > total)
        banyan_proposal_problem (
            proposal, problems, parts[i],
            "is %" G_GUINT64_FORMAT ", more than cache-size, %" G_GUINT64_FORMAT, size, total);
    }
  if (n_set == G_N_ELEMENTS (parts))
    banyan_proposal_problem (proposal, problems, "cache-size",
                             "is the sum of l2-cache-size and refcount-cache-size: give two of "
                             "the three");
}

void
qcow2_properties_check (const BanyanProposal *proposal, BanyanProblems *problems)
{
  guint64 entry = g_value_get_uint64 (banyan_proposal_get (proposal, "l2-cache-entry-size"));

  check_sizes (proposal, problems);
  if (entry != 0 && (entry < 512 || (entry & (entry - 1)) != 0))
    banyan_proposal_problem (proposal, problems, "l2-cache-entry-size",
                             "is %" G_GUINT64_FORMAT ", which is no power of 2 from 512 up", entry);
}

static gboolean
resizes_caches (BanyanChange *change)
{
  static const char *const sizes[]
      = { "cache-size", "l2-cache-size", "l2-cache-entry-size", "refcount-cache-size" };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (banyan_change_touches (change, sizes[i]))
      return TRUE;
  return FALSE;
}

gboolean
qcow2_properties_resize_caches (BanyanChange *change, Qcow2CacheSizes *sizes)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);

  if (!resizes_caches (change))
    return FALSE;

  *sizes = (Qcow2CacheSizes){
    .total = proposed_size (proposal, "cache-size"),
    .l2 = proposed_size (proposal, "l2-cache-size"),
    .l2_entry = proposed_size (proposal, "l2-cache-entry-size"),
    .refcounts = proposed_size (proposal, "refcount-cache-size"),
  };
  return TRUE;
}

/* -- Reading and setting. -- */

void
qcow2_properties_note_change (BanyanQcow2 *self, const GParamSpec *pspec)
{
  gint discard;

  if (pspec == properties[PROP_CACHE_CLEAN_INTERVAL])
    qcow2_sweeper_wake (&self->image);
  if (self->is_open
      && (pspec == properties[PROP_PASS_DISCARD_REQUEST] || g_str_equal (pspec->name, "discard")))
    {
      g_object_get (self, "discard", &discard, NULL);
      follow_discard (self, discard);
    }
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, object);
  const Qcow2Header *header = &self->image.header;

  switch (id)
    {
    case PROP_BACKING_FILE:
      g_value_set_string (value, header->backing_file);
      break;
    case PROP_BACKING_FORMAT:
      g_value_set_string (value, header->backing_format);
      break;
    case PROP_DATA_FILE_NAME:
      g_value_set_string (value, header->data_file);
      break;
    case PROP_VERSION:
      g_value_set_uint (value, header->version);
      break;
    case PROP_CLUSTER_SIZE:
      g_value_set_uint64 (value, self->image.cluster_size);
      break;
    case PROP_L2_CACHE_HELD:
      g_value_set_uint64 (value, qcow2_cache_get_held (&self->image.l2));
      break;
    case PROP_REFCOUNT_CACHE_HELD:
      g_value_set_uint64 (value, qcow2_cache_get_held (&self->image.refs));
      break;
    case PROP_COMPRESSION_TYPE:
      g_value_set_enum (value, header->compression);
      break;
    case PROP_REFCOUNT_BITS:
      g_value_set_uint (value, self->image.cluster_size > 0 ? 1u << header->refcount_order : 0);
      break;
    case PROP_EXTENDED_L2:
      g_value_set_boolean (value, (header->incompatible & QCOW2_INCOMPATIBLE_EXTENDED) != 0);
      break;
    case PROP_DATA_FILE_RAW:
      g_value_set_boolean (value, (header->autoclear & QCOW2_AUTOCLEAR_RAW_DATA) != 0);
      break;
    case PROP_ENCRYPTED:
      g_value_set_boolean (value, self->image.encryption != NULL);
      break;
    case PROP_ENCRYPTION:
      g_value_take_object (value, qcow2_encryption_describe (self->image.encryption));
      break;
    case PROP_CORRUPT:
      g_value_set_boolean (value, __atomic_load_n (&self->image.is_corrupt, __ATOMIC_ACQUIRE));
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

/* -- What there is. -- */

static void
install_discard_properties (void)
{
  properties[PROP_PASS_DISCARD_REQUEST] = banyan_param_computed (
      banyan_param_boolean ("pass-discard-request", "Pass discard of requests",
                            "Whether clusters that a client discarded are discarded in file", FALSE,
                            QCOW2_IMAGE_FIELD (pass_discard[QCOW2_DISCARD_REQUEST])),
      "true where discard is unmap");
  properties[PROP_PASS_DISCARD_SNAPSHOT] = banyan_param_boolean (
      "pass-discard-snapshot", "Pass discard of snapshots",
      "Whether clusters that only a deleted snapshot had are discarded in file", TRUE,
      QCOW2_IMAGE_FIELD (pass_discard[QCOW2_DISCARD_SNAPSHOT]));
  properties[PROP_PASS_DISCARD_OTHER] = banyan_param_boolean (
      "pass-discard-other", "Pass other discards",
      "Whether clusters that became free for another reason are discarded in file", FALSE,
      QCOW2_IMAGE_FIELD (pass_discard[QCOW2_DISCARD_OTHER]));
  properties[PROP_DISCARD_NO_UNREF] = banyan_param_boolean (
      "discard-no-unref", "Keep discarded clusters",
      "Whether a discarded cluster keeps its place, so that the image does not fragment", FALSE,
      QCOW2_IMAGE_FIELD (keep_discarded));
}

static GParamSpec *
size_param (const char *name, const char *nick, const char *blurb, guint64 maximum,
            const char *computed, guint offset)
{
  return banyan_param_mutable (
      banyan_param_computed (
          banyan_param_uint64 (name, nick, blurb, BANYAN_UNIT_BYTES, 0, maximum, 0, offset),
          computed),
      BANYAN_MUTABLE_REOPEN);
}

static void
install_cache_properties (void)
{
  properties[PROP_CACHE_SIZE] = size_param (
      "cache-size", "Cache size", "Memory for both caches together", G_GUINT64_CONSTANT (1) << 40,
      "the sum of both", G_STRUCT_OFFSET (BanyanQcow2, sizes.total));
  properties[PROP_L2_CACHE_SIZE] = size_param (
      "l2-cache-size", "L2 cache size", "Memory for tables that say where clusters are",
      G_GUINT64_CONSTANT (1) << 40, "as much as the disk's tables have, at most 32 MiB",
      G_STRUCT_OFFSET (BanyanQcow2, sizes.l2));
  properties[PROP_L2_CACHE_ENTRY_SIZE]
      = size_param ("l2-cache-entry-size", "L2 cache entry size",
                    "How much of such a table is read at once: a power of 2, from 512 up", 2 << 20,
                    "4 KiB, or the size of a cluster where that is less",
                    G_STRUCT_OFFSET (BanyanQcow2, sizes.l2_entry));
  properties[PROP_REFCOUNT_CACHE_SIZE] = size_param (
      "refcount-cache-size", "Refcount cache size",
      "Memory for tables that say which clusters are used", G_GUINT64_CONSTANT (1) << 40,
      "four clusters", G_STRUCT_OFFSET (BanyanQcow2, sizes.refcounts));
  properties[PROP_CACHE_CLEAN_INTERVAL] = banyan_param_uint (
      "cache-clean-interval", "Cache clean interval",
      "How long the caches keep what nobody asks for; 0: for ever", BANYAN_UNIT_S, 0, G_MAXUINT,
      600, QCOW2_IMAGE_FIELD (sweeper.interval_s));
  properties[PROP_L2_CACHE_HELD] = banyan_param_statistic (
      banyan_param_uint64 ("l2-cache-held", "L2 cache held", "How much the L2 cache holds",
                           BANYAN_UNIT_BYTES, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
  properties[PROP_REFCOUNT_CACHE_HELD] = banyan_param_statistic (banyan_param_uint64 (
      "refcount-cache-held", "Refcount cache held", "How much the refcount cache holds",
      BANYAN_UNIT_BYTES, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
}

static void
install_state_properties (void)
{
  properties[PROP_BACKING_FILE] = banyan_param_state (
      banyan_param_string ("backing-file", "Backing file", "What the image says that it lies on",
                           NULL, BANYAN_NO_FIELD));
  properties[PROP_BACKING_FORMAT] = banyan_param_state (banyan_param_string (
      "backing-format", "Backing format", "The format of that file, according to the image", NULL,
      BANYAN_NO_FIELD));
  properties[PROP_DATA_FILE_NAME] = banyan_param_state (banyan_param_string (
      "data-file-name", "Data file name", "Where the image says that its data is, if not in itself",
      NULL, BANYAN_NO_FIELD));
  properties[PROP_VERSION] = banyan_param_state (banyan_param_uint (
      "version", "Version", "Of the format: 2 or 3", BANYAN_UNIT_NONE, 0, 3, 0, BANYAN_NO_FIELD));
  properties[PROP_CLUSTER_SIZE] = banyan_param_state (banyan_param_uint64 (
      "cluster-size", "Cluster size", "In what units the image gives out space", BANYAN_UNIT_BYTES,
      0, 2 << 20, 0, BANYAN_NO_FIELD));
  properties[PROP_COMPRESSION_TYPE] = banyan_param_state (banyan_param_enum (
      "compression-type", "Compression", "How clusters that are compressed are compressed",
      qcow2_compression_get_type (), QCOW2_COMPRESSION_ZLIB, BANYAN_NO_FIELD));
  properties[PROP_REFCOUNT_BITS] = banyan_param_state (banyan_param_uint (
      "refcount-bits", "Refcount bits", "Width of the counts of a cluster's users",
      BANYAN_UNIT_NONE, 0, 64, 0, BANYAN_NO_FIELD));
  properties[PROP_EXTENDED_L2] = banyan_param_state (
      banyan_param_boolean ("extended-l2", "Subclusters",
                            "Whether parts of a cluster can be allocated", FALSE, BANYAN_NO_FIELD));
  properties[PROP_DATA_FILE_RAW] = banyan_param_state (banyan_param_boolean (
      "data-file-raw", "Raw data file",
      "Whether the file for data shows the disk by itself, as raw does", FALSE, BANYAN_NO_FIELD));
  properties[PROP_CORRUPT] = banyan_param_state (banyan_param_boolean (
      "corrupt", "Corrupt", "Whether damage was found, so that nothing is written any more", FALSE,
      BANYAN_NO_FIELD));
}

static void
install_encryption_properties (void)
{
  properties[PROP_ENCRYPT_FORMAT] = banyan_param_mutable (
      banyan_param_computed (
          banyan_param_alias (banyan_param_enum ("encrypt-format", "Encryption format",
                                                 "How the image must be encrypted: aes or luks",
                                                 qcow2_encryption_method_get_type (),
                                                 QCOW2_ENCRYPTION_NONE,
                                                 G_STRUCT_OFFSET (BanyanQcow2, encrypt_format)),
                              "encrypt.format"),
          "what the image says"),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_ENCRYPT_KEY_SECRET] = banyan_param_alias (
      banyan_param_link ("encrypt-key-secret", "Encryption key secret",
                         "The passphrase of an encrypted image; without it, that can be looked at, "
                         "and not read",
                         "BanyanSecret", G_STRUCT_OFFSET (BanyanQcow2, key_secret)),
      "encrypt.key-secret");
  properties[PROP_ENCRYPTED] = banyan_param_state (
      banyan_param_boolean ("encrypted", "Encrypted", "Whether what the image holds is kept secret",
                            FALSE, BANYAN_NO_FIELD));
  properties[PROP_ENCRYPTION] = banyan_param_state (
      banyan_param_struct ("encryption", "Encryption", "How data is encrypted",
                           qcow2_encryption_info_get_type (), BANYAN_NO_FIELD));
}

static void
install_behaviour_properties (void)
{
  properties[PROP_SNAPSHOT] = banyan_param_string (
      "snapshot", "Snapshot",
      "Which snapshot of the image is shown, by id or name, in place of the disk as it is now; "
      "it is only read",
      NULL, G_STRUCT_OFFSET (BanyanQcow2, snapshot));
  properties[PROP_LAZY_REFCOUNTS] = banyan_param_mutable (
      banyan_param_computed (
          banyan_param_boolean ("lazy-refcounts", "Lazy refcounts",
                                "Whether refcounts are written late: faster where there are many "
                                "flushes, and after a crash they are counted again",
                                FALSE, QCOW2_IMAGE_FIELD (lazy_refcounts)),
          "what the image says"),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_OVERLAP_CHECK] = banyan_param_mutable (
      banyan_param_computed (
          banyan_param_struct ("overlap-check", "Overlap check",
                               "Which of the image's own tables are protected from what is written",
                               QCOW2_TYPE_OVERLAP_CHECKS,
                               G_STRUCT_OFFSET (BanyanQcow2, overlap_checks)),
          "cached"),
      BANYAN_MUTABLE_REOPEN);
}

void
qcow2_properties_install (GObjectClass *klass)
{
  klass->set_property = banyan_node_set_field;
  klass->get_property = get_property;

  install_behaviour_properties ();
  install_discard_properties ();
  install_cache_properties ();
  install_state_properties ();
  install_encryption_properties ();
  g_object_class_install_properties (klass, N_PROPS, properties);
}
