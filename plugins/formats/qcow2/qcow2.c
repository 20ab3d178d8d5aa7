/* qcow2.c - QEMU's own image format: the node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-abilities.h"
#include "qcow2-io.h"
#include "qcow2-options.h"
#include "qcow2-order.h"
#include "qcow2-overlap-checks.h"
#include "qcow2-refit.h"
#include "qcow2-resize.h"
#include "qcow2-snapshot.h"

#include <errno.h>

G_DECLARE_FINAL_TYPE (BanyanQcow2, banyan_qcow2, BANYAN, QCOW2, BanyanFormat)

struct _BanyanQcow2
{
  BanyanFormat parent_instance;

  Qcow2Image image;
  Qcow2OverlapChecks *overlap_checks; /* (owned) (nullable) */
  Qcow2CacheSizes sizes;
  gboolean lazy_refcounts;
  gboolean pass_discard_request;
  char *snapshot; /* (owned) (nullable) */
  gboolean is_open;
};

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
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER_WITH_CODE (
    BanyanQcow2, banyan_qcow2, BANYAN_TYPE_FORMAT,
    { G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_CHECKABLE, qcow2_checkable_init)
          G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_SNAPSHOTS, qcow2_snapshots_init)
              G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_BITMAPS, qcow2_bitmaps_init)
                  G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_EMPTIABLE, qcow2_emptiable_init) })

/* -- Operations. -- */

static Qcow2Image *
image_of (BanyanNode *node)
{
  return &BANYAN_NODE_SELF (BanyanQcow2, node)->image;
}

Qcow2Image *
qcow2_node_get_image (gpointer node)
{
  return image_of (node);
}

void
qcow2_node_publish_length (gpointer node)
{
  banyan_node_publish_length (node, qcow2_io_length (image_of (node)));
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return qcow2_io_read (image_of (node), request, error);
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return qcow2_io_write (image_of (node), request, error);
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_flush (BanyanNode *node, GError **error)
{
  return banyan_node_is_read_only (node) || qcow2_order_flush (image_of (node), error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_qcow2_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return qcow2_io_discard (image_of (node), request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_qcow2_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return qcow2_io_write_zeroes (image_of (node), request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_qcow2_block_status (BanyanNode *node, guint64 offset, guint64 length,
                           BanyanBlockStatus *status, GError **error)
{
  return qcow2_io_block_status (image_of (node), offset, length, status, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_qcow2_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  if (!qcow2_resize (image_of (node), resize, error))
    return BANYAN_FAILED;

  banyan_node_publish_length (node, qcow2_io_length (image_of (node)));
  return BANYAN_DONE;
}

static BanyanAnswer
banyan_qcow2_send (BanyanNode *node, guint64 offset, gsize length, int socket, gsize *sent)
{
  return qcow2_io_send (image_of (node), offset, length, socket, sent);
}

static const BanyanNodeOps banyan_qcow2_ops = {
  .size = sizeof banyan_qcow2_ops,
  .read = banyan_qcow2_read,
  .write = banyan_qcow2_write,
  .flush = banyan_qcow2_flush,
  .discard = banyan_qcow2_discard,
  .write_zeroes = banyan_qcow2_write_zeroes,
  .block_status = banyan_qcow2_block_status,
  .resize = banyan_qcow2_resize,
  .send = banyan_qcow2_send,
};

static guint
banyan_qcow2_get_capabilities (BanyanNode *node, guint inherited)
{
  Qcow2Image *image = image_of (node);
  gboolean is_open = BANYAN_NODE_SELF (BanyanQcow2, node)->is_open;
  guint capabilities = inherited | BANYAN_CAN_FUA | BANYAN_CAN_FAST_ZERO | BANYAN_CAN_MULTI_CONN;

  if (is_open && !image->has_data_file)
    capabilities |= BANYAN_CAN_COMPRESS;
  if (is_open
      && (image->header.version == 2 || (image->header.autoclear & QCOW2_AUTOCLEAR_RAW_DATA)))
    capabilities &= ~BANYAN_CAN_FAST_ZERO;
  return capabilities;
}

static void
banyan_qcow2_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  Qcow2Image *image = image_of (node);

  limits->max_vectors = QCOW2_MAX_VECTORS;
  if (!BANYAN_NODE_SELF (BanyanQcow2, node)->is_open)
    return;

  limits->preferred_size = 1u << image->subcluster_bits;
  limits->zeroes_alignment = 1u << image->subcluster_bits;
  limits->discard_alignment = image->cluster_size;
}

/* -- Opening. -- */

static BanyanSpec *
find_declared (BanyanQcow2 *self, const char *key)
{
  return banyan_spec_lookup (banyan_object_get_declaration (BANYAN_OBJECT (self)), key);
}

/* { driver: file, filename: NAME }: that alone is what the header can mean. (nullable) */
static BanyanSpec *
declare_data_file (const Qcow2Header *header)
{
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_IMAGE };
  g_autoptr (BanyanSpec) driver = banyan_spec_new_scalar (BANYAN_SPEC_STRING, "file", &origin);
  g_autoptr (BanyanSpec) name = NULL;
  BanyanSpecBuilder *map;

  if (header->data_file == NULL || *header->data_file == '\0'
      || !g_utf8_validate (header->data_file, -1, NULL))
    return NULL;

  name = banyan_spec_new_scalar (BANYAN_SPEC_STRING, header->data_file, &origin);
  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  banyan_spec_builder_add (map, "driver", &origin, driver);
  banyan_spec_builder_add (map, "filename", &origin, name);
  return banyan_spec_builder_end (map);
}

/* Whether they are opened is for the declaration to say, and for the graph to do. */
static void
publish_children (BanyanQcow2 *self)
{
  const Qcow2Header *header = &self->image.header;
  g_autoptr (BanyanSpec) data_file = NULL;

  banyan_node_publish_backing (BANYAN_NODE (self), "backing", header->backing_file,
                               header->backing_format);
  if (self->image.has_data_file)
    data_file = declare_data_file (header);
  banyan_element_imply_child (BANYAN_ELEMENT (self), "data-file", data_file);
}

/* Of an image that needs one, or must not have one. */
static gboolean
check_data_file (BanyanQcow2 *self, GError **error)
{
  const Qcow2Image *image = &self->image;
  g_autoptr (BanyanSpec) implied = declare_data_file (&image->header);
  BanyanSpec *declared = find_declared (self, "data-file");
  gboolean is_declared = declared != NULL && banyan_spec_get_kind (declared) != BANYAN_SPEC_NULL;

  if (!image->has_data_file && is_declared)
    return banyan_throw_errno (error, EINVAL,
                               "%s: data-file is declared, and the image keeps its data itself",
                               image->name);
  if (!image->has_data_file || is_declared || (declared == NULL && implied != NULL))
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: the image keeps its data in %s, and data-file %s; write "
                             "data-file: { driver: file, filename: ... }",
                             image->name,
                             implied != NULL ? image->header.data_file : "another file",
                             declared != NULL ? "is null" : "is not declared");
}

/* -- What was not declared follows from the image, or from how the node treats discards. -- */

static void
follow_header (BanyanQcow2 *self)
{
  Qcow2Image *image = &self->image;

  if (find_declared (self, "lazy-refcounts") == NULL)
    BANYAN_LIVE_SET (image->lazy_refcounts,
                     (image->header.compatible & QCOW2_COMPATIBLE_LAZY_REFCOUNTS) != 0);
}

static void
follow_discard (BanyanQcow2 *self, gint discard)
{
  if (find_declared (self, "pass-discard-request") == NULL)
    BANYAN_LIVE_SET (self->image.pass_discard[QCOW2_DISCARD_REQUEST],
                     discard == BANYAN_DISCARD_UNMAP);
}

static void
set_defaults (BanyanQcow2 *self)
{
  Qcow2Image *image = &self->image;
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (BANYAN_OBJECT (self));

  follow_header (self);
  follow_discard (self, g_value_get_enum (banyan_proposal_get (proposal, "discard")));
  BANYAN_LIVE_SET (image->overlap_check, qcow2_overlap_checks_get_kinds (self->overlap_checks));
}

/* And which tables there are, of whatever is shown. */
static gboolean BANYAN_COROUTINE
show_snapshot (BanyanQcow2 *self, GError **error)
{
  return (self->snapshot == NULL || qcow2_snapshots_show (&self->image, self->snapshot, error))
         && qcow2_snapshots_note_tables (&self->image, error);
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_open (BanyanElement *element, GError **error)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, element);

  self->image.name = banyan_object_get_id (BANYAN_OBJECT (self));
  if (!qcow2_image_open (&self->image, &self->sizes, error))
    return FALSE;
  set_defaults (self);
  if (!check_data_file (self, error) || !show_snapshot (self, error))
    {
      qcow2_image_close (&self->image);
      return FALSE;
    }

  publish_children (self);
  self->is_open = TRUE;
  if (self->image.is_corrupt || self->image.is_past)
    banyan_node_publish_read_only (BANYAN_NODE (self), TRUE);
  banyan_node_publish_length (BANYAN_NODE (self), self->image.header.size);
  return TRUE;
}

static void
banyan_qcow2_close (BanyanElement *element)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, element);

  self->is_open = FALSE;
  qcow2_image_close (&self->image);
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_inactivate (BanyanElement *element, GError **error)
{
  return qcow2_image_finish_writing (&BANYAN_NODE_SELF (BanyanQcow2, element)->image, error);
}

/* Others may have written to the image meanwhile: everything is read again. */
static gboolean BANYAN_COROUTINE
banyan_qcow2_reactivate (BanyanElement *element, GError **error)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, element);

  qcow2_image_close (&self->image);
  if (!qcow2_image_open (&self->image, &self->sizes, error))
    return self->is_open = FALSE;
  if (!show_snapshot (self, error))
    {
      qcow2_image_close (&self->image);
      return self->is_open = FALSE;
    }

  publish_children (self);
  return TRUE;
}

/* -- Changing. -- */

/* Taken back, its declaration leaves what the header names. */
static gboolean
check_new_data_file (BanyanQcow2 *self, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);

  if (!banyan_change_touches (change, "data-file") || !self->image.has_data_file
      || g_value_get_object (banyan_proposal_get (proposal, "data-file")) != NULL)
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: data-file cannot be null, as the image keeps its data there",
                             self->image.name);
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

static guint64
proposed_size (const BanyanProposal *proposal, const char *property)
{
  return g_value_get_uint64 (banyan_proposal_get (proposal, property));
}

static gboolean BANYAN_COROUTINE
refit_caches (Qcow2Refit *refit, const BanyanProposal *proposal, GError **error)
{
  Qcow2CacheSizes sizes = {
    .total = proposed_size (proposal, "cache-size"),
    .l2 = proposed_size (proposal, "l2-cache-size"),
    .l2_entry = proposed_size (proposal, "l2-cache-entry-size"),
    .refcounts = proposed_size (proposal, "refcount-cache-size"),
  };

  return qcow2_refit_caches (refit, &sizes, error);
}

static gboolean BANYAN_COROUTINE
refit (BanyanQcow2 *self, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);
  Qcow2Refit *refit;

  if (!resizes_caches (change) && !banyan_change_touches (change, "overlap-check"))
    return TRUE;

  refit = qcow2_refit_new (&self->image);
  banyan_change_set_data (change, refit, (GDestroyNotify) qcow2_refit_free);
  if (resizes_caches (change) && !refit_caches (refit, proposal, error))
    return FALSE;
  return !banyan_change_touches (change, "overlap-check")
         || qcow2_refit_overlap (refit,
                                 qcow2_overlap_checks_get_kinds (g_value_get_object (
                                     banyan_proposal_get (proposal, "overlap-check"))),
                                 error);
}

/* A node that is not written to any more leaves an image that is in order. */
static gboolean BANYAN_COROUTINE
banyan_qcow2_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, element);
  const BanyanProposal *proposal = banyan_change_get_proposal (change);

  if (!check_new_data_file (self, change, error) || !refit (self, change, error))
    return FALSE;

  /* The next write says how refcounts are written from then on. */
  if (banyan_change_touches (change, "lazy-refcounts")
      || (banyan_change_touches (change, "read-only")
          && g_value_get_boolean (banyan_proposal_get (proposal, "read-only"))))
    return qcow2_image_finish_writing (&self->image, error);
  return TRUE;
}

static void
banyan_qcow2_commit (BanyanElement *element, BanyanChange *change)
{
  Qcow2Refit *refit = banyan_change_get_data (change);

  if (refit != NULL)
    qcow2_refit_commit (refit);
  follow_header (BANYAN_NODE_SELF (BanyanQcow2, element));
}

static void
banyan_qcow2_abort (BanyanElement *element, BanyanChange *change)
{
  Qcow2Refit *refit = banyan_change_get_data (change);

  if (refit != NULL)
    qcow2_refit_abort (refit);
}

static void
banyan_qcow2_finish (BanyanElement *element, BanyanChange *change)
{
  Qcow2Refit *refit = banyan_change_get_data (change);

  if (refit != NULL)
    qcow2_refit_finish (refit);
}

/* -- The class. -- */

static void
banyan_qcow2_notify (GObject *object, GParamSpec *pspec)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, object);
  gint discard;

  if (pspec == properties[PROP_CACHE_CLEAN_INTERVAL])
    qcow2_sweeper_wake (&self->image);
  if (self->is_open
      && (pspec == properties[PROP_PASS_DISCARD_REQUEST] || g_str_equal (pspec->name, "discard")))
    {
      g_object_get (object, "discard", &discard, NULL);
      follow_discard (self, discard);
    }

  if (G_OBJECT_CLASS (banyan_qcow2_parent_class)->notify != NULL)
    G_OBJECT_CLASS (banyan_qcow2_parent_class)->notify (object, pspec);
}

static void
banyan_qcow2_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
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
    case PROP_CORRUPT:
      g_value_set_boolean (value, __atomic_load_n (&self->image.is_corrupt, __ATOMIC_ACQUIRE));
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

static void
banyan_qcow2_finalize (GObject *object)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, object);

  qcow2_image_clear (&self->image);
  g_clear_object (&self->overlap_checks);

  G_OBJECT_CLASS (banyan_qcow2_parent_class)->finalize (object);
}

#define IMAGE_FIELD(field) G_STRUCT_OFFSET (BanyanQcow2, image.field)

static void
install_discard_properties (void)
{
  properties[PROP_PASS_DISCARD_REQUEST] = banyan_param_computed (
      banyan_param_boolean ("pass-discard-request", "Pass discard of requests",
                            "Whether clusters that a client discarded are discarded in file", FALSE,
                            IMAGE_FIELD (pass_discard[QCOW2_DISCARD_REQUEST])),
      "true where discard is unmap");
  properties[PROP_PASS_DISCARD_SNAPSHOT] = banyan_param_boolean (
      "pass-discard-snapshot", "Pass discard of snapshots",
      "Whether clusters that only a deleted snapshot had are discarded in file", TRUE,
      IMAGE_FIELD (pass_discard[QCOW2_DISCARD_SNAPSHOT]));
  properties[PROP_PASS_DISCARD_OTHER] = banyan_param_boolean (
      "pass-discard-other", "Pass other discards",
      "Whether clusters that became free for another reason are discarded in file", FALSE,
      IMAGE_FIELD (pass_discard[QCOW2_DISCARD_OTHER]));
  properties[PROP_DISCARD_NO_UNREF] = banyan_param_boolean (
      "discard-no-unref", "Keep discarded clusters",
      "Whether a discarded cluster keeps its place, so that the image does not fragment", FALSE,
      IMAGE_FIELD (keep_discarded));
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
  properties[PROP_CACHE_CLEAN_INTERVAL]
      = banyan_param_uint ("cache-clean-interval", "Cache clean interval",
                           "How long the caches keep what nobody asks for; 0: for ever",
                           BANYAN_UNIT_S, 0, G_MAXUINT, 600, IMAGE_FIELD (sweeper.interval_s));
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

static void
banyan_qcow2_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  guint64 entry = g_value_get_uint64 (banyan_proposal_get (proposal, "l2-cache-entry-size"));

  BANYAN_OBJECT_CLASS (banyan_qcow2_parent_class)->check (object, proposal, problems);
  check_sizes (proposal, problems);
  if (entry != 0 && (entry < 512 || (entry & (entry - 1)) != 0))
    banyan_proposal_problem (proposal, problems, "l2-cache-entry-size",
                             "is %" G_GUINT64_FORMAT ", which is no power of 2 from 512 up", entry);
}

static void
add_roles (BanyanNodeClass *node_class)
{
  banyan_node_class_add_child_role (
      node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
      "Node that the image is in", IMAGE_FIELD (file));
  banyan_node_class_add_child_role (node_class, "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
                                    "Node that shows through where the image has nothing",
                                    IMAGE_FIELD (backing));
  banyan_node_class_add_child_role (
      node_class, "data-file", BANYAN_CHILD_DATA | BANYAN_CHILD_OPTIONAL,
      "Node that the guest's data is in, where the image says so", IMAGE_FIELD (data_file));
}

static guint
banyan_qcow2_probe (const guint8 *head, gsize length)
{
  return length >= QCOW2_V2_LENGTH && qcow2_header_is_magic (head, length) ? 100 : 0;
}

static void
banyan_qcow2_class_init (BanyanQcow2Class *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->notify = banyan_qcow2_notify;
  object_class->get_property = banyan_qcow2_get_property;
  object_class->finalize = banyan_qcow2_finalize;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_qcow2_check;
  element_class->open = banyan_qcow2_open;
  element_class->close = banyan_qcow2_close;
  element_class->settle = banyan_qcow2_settle;
  element_class->commit = banyan_qcow2_commit;
  element_class->abort = banyan_qcow2_abort;
  element_class->finish = banyan_qcow2_finish;
  element_class->inactivate = banyan_qcow2_inactivate;
  element_class->reactivate = banyan_qcow2_reactivate;
  BANYAN_FORMAT_CLASS (klass)->probe = banyan_qcow2_probe;
  node_class->get_capabilities = banyan_qcow2_get_capabilities;
  node_class->get_limits = banyan_qcow2_get_limits;
  banyan_node_class_set_ops (node_class, &banyan_qcow2_ops);
  add_roles (node_class);

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
                                FALSE, IMAGE_FIELD (lazy_refcounts)),
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
  install_discard_properties ();
  install_cache_properties ();
  install_state_properties ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_qcow2_init (BanyanQcow2 *self)
{
  self->image.pass_discard[QCOW2_DISCARD_SNAPSHOT] = TRUE;
  qcow2_image_init (&self->image);
}

static const BanyanPluginType types[] = {
  { "qcow2", BANYAN_PLUGIN_FORMAT, banyan_qcow2_register_type,
    "QEMU's image format: thin, with backings and snapshots" },
  { "qcow2", BANYAN_PLUGIN_IMAGE, qcow2_options_register, "An image of QEMU's own format" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (qcow2, .types = types,
                      .summary = "QEMU's image format: thin, with backings and snapshots")
