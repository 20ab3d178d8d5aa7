/* qcow2.c - QEMU's own image format: the node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-abilities.h"
#include "qcow2-io.h"
#include "qcow2-node.h"
#include "qcow2-options.h"
#include "qcow2-order.h"
#include "qcow2-refit.h"
#include "qcow2-resize.h"
#include "qcow2-snapshot.h"

#include "luks-options.h"

#include <errno.h>

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

  if (is_open && !image->has_data_file && image->encryption == NULL)
    capabilities |= BANYAN_CAN_COMPRESS;
  if (is_open
      && (image->header.version == 2
          || (BANYAN_LIVE (image->header.autoclear) & QCOW2_AUTOCLEAR_RAW_DATA)))
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

  qcow2_image_watch (image);

  if (image->encryption != NULL)
    limits->request_alignment = ENCRYPTION_SECTOR;
  limits->preferred_size = 1u << image->subcluster_bits;
  limits->zeroes_alignment = 1u << image->subcluster_bits;
  limits->discard_alignment = image->cluster_size;
}

/* -- Opening. -- */

/* { driver: file, filename: NAME }: that alone is what the header can mean. Unlike the name of a
 * backing it is relative to where the process works, as in QEMU. (nullable) */
static BanyanSpec *
declare_data_file (const Qcow2Header *header)
{
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *path = NULL;
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_IMAGE };
  g_autoptr (BanyanSpec) driver = banyan_spec_new_scalar (BANYAN_SPEC_STRING, "file", &origin);
  g_autoptr (BanyanSpec) name = NULL;
  BanyanSpecBuilder *map;

  if (header->data_file == NULL || *header->data_file == '\0'
      || !g_utf8_validate (header->data_file, -1, NULL))
    return NULL;

  path = g_path_is_absolute (header->data_file) ? g_strdup (header->data_file)
                                                : g_build_filename (here, header->data_file, NULL);
  name = banyan_spec_new_scalar (BANYAN_SPEC_STRING, path, &origin);
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
  BanyanSpec *declared = qcow2_properties_find_declared (self, "data-file");
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

/* And which tables there are, of whatever is shown. */
static gboolean BANYAN_COROUTINE
show_snapshot (BanyanQcow2 *self, GError **error)
{
  return (self->snapshot == NULL || qcow2_snapshots_show (&self->image, self->snapshot, error))
         && qcow2_snapshots_note_tables (&self->image, error);
}

/* -- Encryption. -- */

static gboolean
check_users (BanyanQcow2 *self, guint used, GError **error)
{
  return self->image.encryption == NULL || self->key_secret != NULL || used == 0
         || qcow2_encryption_throw_locked (&self->image, error);
}

static gboolean
check_format (BanyanQcow2 *self, GError **error)
{
  static const char *const names[] = { "not encrypted", "encrypted by aes", "encrypted by luks" };
  guint is = self->image.header.crypt_method;
  guint wanted = self->encrypt_format == QCOW2_ENCRYPTION_NONE && is != QCOW2_ENCRYPTION_NONE
                     ? is
                     : (guint) self->encrypt_format;

  if (is == QCOW2_ENCRYPTION_NONE && self->key_secret != NULL && wanted == is)
    return banyan_throw_errno (error, EINVAL,
                               "%s: encrypt.key-secret is set, and the image is not encrypted",
                               self->image.name);
  return wanted == is
         || banyan_throw_errno (error, EINVAL, "%s: the image is %s; encrypt.format wants it %s",
                                self->image.name, names[is], names[wanted]);
}

static gboolean BANYAN_COROUTINE
unlock (BanyanQcow2 *self, GError **error)
{
  LuksPassphrase passphrase;

  return self->image.encryption == NULL || self->key_secret == NULL
         || (luks_options_peek_secret (self->key_secret, &passphrase, error)
             && qcow2_encryption_unlock (&self->image, &passphrase, error));
}

static gboolean BANYAN_COROUTINE
open_encryption (BanyanQcow2 *self, GError **error)
{
  return check_format (self, error) && qcow2_encryption_open (&self->image, error)
         && check_users (self, banyan_element_get_used (BANYAN_ELEMENT (self)), error)
         && unlock (self, error);
}

static gboolean BANYAN_COROUTINE
reopen_encryption (BanyanQcow2 *self, GError **error)
{
  gboolean is_same;

  return qcow2_encryption_reopen (&self->image, &is_same, error)
         && (is_same || unlock (self, error));
}

static gboolean BANYAN_COROUTINE
banyan_qcow2_open (BanyanElement *element, GError **error)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, element);

  self->image.name = banyan_object_get_id (BANYAN_OBJECT (self));
  if (!qcow2_image_open (&self->image, &self->sizes, error))
    return FALSE;
  qcow2_properties_follow_all (self);
  if (!check_data_file (self, error) || !show_snapshot (self, error)
      || !open_encryption (self, error))
    {
      qcow2_encryption_close (&self->image);
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
  qcow2_encryption_close (&self->image);
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
    {
      qcow2_encryption_close (&self->image);
      return self->is_open = FALSE;
    }
  if (!show_snapshot (self, error) || !reopen_encryption (self, error))
    {
      qcow2_encryption_close (&self->image);
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

static gboolean BANYAN_COROUTINE
refit (BanyanQcow2 *self, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);
  Qcow2CacheSizes sizes;
  gboolean resizes_caches = qcow2_properties_resize_caches (change, &sizes);
  Qcow2Refit *refit;

  if (!resizes_caches && !banyan_change_touches (change, "overlap-check"))
    return TRUE;

  refit = qcow2_refit_new (&self->image);
  banyan_change_set_data (change, refit, (GDestroyNotify) qcow2_refit_free);
  if (resizes_caches && !qcow2_refit_caches (refit, &sizes, error))
    return FALSE;
  return !banyan_change_touches (change, "overlap-check")
         || qcow2_refit_overlap (refit,
                                 qcow2_overlap_checks_get_kinds (g_value_get_object (
                                     banyan_proposal_get (proposal, "overlap-check"))),
                                 error);
}

static gboolean
banyan_qcow2_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  return check_users (BANYAN_NODE_SELF (BanyanQcow2, element), banyan_change_get_used (change),
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
  qcow2_properties_follow_header (BANYAN_NODE_SELF (BanyanQcow2, element));
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
  qcow2_properties_note_change (BANYAN_NODE_SELF (BanyanQcow2, object), pspec);

  if (G_OBJECT_CLASS (banyan_qcow2_parent_class)->notify != NULL)
    G_OBJECT_CLASS (banyan_qcow2_parent_class)->notify (object, pspec);
}

static void
banyan_qcow2_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  BANYAN_OBJECT_CLASS (banyan_qcow2_parent_class)->check (object, proposal, problems);
  qcow2_properties_check (proposal, problems);
}

static void
banyan_qcow2_finalize (GObject *object)
{
  BanyanQcow2 *self = BANYAN_NODE_SELF (BanyanQcow2, object);

  qcow2_image_clear (&self->image);
  g_clear_object (&self->overlap_checks);

  G_OBJECT_CLASS (banyan_qcow2_parent_class)->finalize (object);
}

static void
add_roles (BanyanNodeClass *node_class)
{
  banyan_node_class_add_child_role (
      node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
      "Node that the image is in", QCOW2_IMAGE_FIELD (file));
  banyan_node_class_add_child_role (node_class, "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
                                    "Node that shows through where the image has nothing",
                                    QCOW2_IMAGE_FIELD (backing));
  banyan_node_class_add_child_role (
      node_class, "data-file", BANYAN_CHILD_DATA | BANYAN_CHILD_OPTIONAL,
      "Node that the guest's data is in, where the image says so", QCOW2_IMAGE_FIELD (data_file));
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

  object_class->notify = banyan_qcow2_notify;
  object_class->finalize = banyan_qcow2_finalize;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_qcow2_check;
  element_class->open = banyan_qcow2_open;
  element_class->close = banyan_qcow2_close;
  element_class->prepare = banyan_qcow2_prepare;
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
  qcow2_properties_install (object_class);
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
