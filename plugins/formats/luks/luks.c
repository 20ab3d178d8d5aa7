/* luks.c - format of encrypted disks: the node
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sectors are decrypted where they were read to, and encrypted on their way into a buffer of ours,
 * as a write's data is its sender's. A node without a passphrase opens for those who ask what the
 * image is, and for nobody who reads it. */

#include "luks.h"

#include "luks-info.h"
#include "luks-options.h"

#include <errno.h>
#include <string.h>

/* In what pieces data is written. */
#define PIECE_SIZE (1u << 20)

G_DECLARE_FINAL_TYPE (BanyanLuks, banyan_luks, BANYAN, LUKS, BanyanFormat)

struct _BanyanLuks
{
  BanyanFormat parent_instance;

  BanyanChild *file;        /* (unowned): bound to role "file" while the node is open */
  BanyanChild *header;      /* (unowned) (nullable): likewise, to "header" */
  BanyanSecret *key_secret; /* (owned) (nullable) */

  LuksVolume volume;
  EncryptionSectors *sectors; /* (owned) (nullable): while the node is open with a passphrase */
  gint is_resizing;           /* atomic: the length is not what storage has */
};

enum
{
  PROP_0,
  PROP_KEY_SECRET,
  PROP_ENCRYPTED,
  PROP_CIPHER_ALG,
  PROP_CIPHER_MODE,
  PROP_HASH_ALG,
  PROP_IVGEN_ALG,
  PROP_IVGEN_HASH_ALG,
  PROP_DETACHED_HEADER,
  PROP_MASTER_KEY_ITERS,
  PROP_PAYLOAD_OFFSET,
  PROP_SLOTS,
  PROP_UUID,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanLuks, banyan_luks, BANYAN_TYPE_FORMAT)

LuksVolume *
luks_node_get_volume (gpointer node)
{
  return &BANYAN_NODE_SELF (BanyanLuks, node)->volume;
}

EncryptionSectors *
luks_node_get_sectors (gpointer node)
{
  return BANYAN_NODE_SELF (BanyanLuks, node)->sectors;
}

/* -- Operations. -- */

static guint64
payload_offset (BanyanLuks *self)
{
  return self->volume.header.payload_offset;
}

static gboolean
throw_locked (BanyanLuks *self, GError **error)
{
  return banyan_throw_errno (error, EACCES,
                             "%s: the image is encrypted; set key-secret to the id of a secret "
                             "object with its passphrase",
                             self->volume.name);
}

static gboolean BANYAN_COROUTINE
banyan_luks_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  BanyanRequest below
      = banyan_request_slice (request, 0, request->length, request->offset + payload_offset (self));

  if (G_UNLIKELY (self->sectors == NULL))
    return throw_locked (self, error);

  return banyan_child_read (self->file, &below, error)
         && (request->iov == NULL
             || encryption_sectors_decrypt_request (
                 self->sectors, request->offset / ENCRYPTION_SECTOR, request, error));
}

static gboolean BANYAN_COROUTINE
write_piece (BanyanLuks *self, const BanyanRequest *request, guint64 done, BanyanBuffer *buffer,
             gsize length, GError **error)
{
  guint64 offset = request->offset + done;
  struct iovec iov = { buffer->data, length };
  BanyanRequest below = BANYAN_REQUEST (offset + payload_offset (self), length, &iov, 1);

  below.flags = request->flags;
  return encryption_sectors_encrypt_request (self->sectors, offset / ENCRYPTION_SECTOR, request,
                                             done, buffer->data, length, error)
         && banyan_child_write (self->file, &below, error);
}

static gboolean BANYAN_COROUTINE
banyan_luks_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  g_autoptr (BanyanBuffer) buffer = NULL;

  if (G_UNLIKELY (self->sectors == NULL))
    return throw_locked (self, error);

  buffer = banyan_buffer_new (MIN (request->length, PIECE_SIZE));
  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to encrypt", self->volume.name);

  for (guint64 done = 0; done < request->length; done += PIECE_SIZE)
    if (!write_piece (self, request, done, buffer, MIN (request->length - done, PIECE_SIZE), error))
      return FALSE;
  return TRUE;
}

/* What is discarded reads as anything, and shows whoever has the file where nothing is. Only who
 * set discard: unmap gets here. */
static BanyanAnswer BANYAN_COROUTINE
banyan_luks_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  BanyanRequest below
      = banyan_request_slice (request, 0, request->length, request->offset + payload_offset (self));

  return banyan_child_discard (self->file, &below, error);
}

/* -- Resizing. -- */

static guint64
length_in (BanyanLuks *self)
{
  guint64 length = banyan_child_get_length (self->file);

  length -= MIN (length, payload_offset (self));
  return length - length % ENCRYPTION_SECTOR;
}

/* Zeroes of storage are no zeroes of ours: they are written. */
static gboolean BANYAN_COROUTINE
write_zeroes (BanyanLuks *self, guint64 offset, guint64 end, GError **error)
{
  g_autofree guint8 *zeroes = NULL;

  if (self->sectors == NULL)
    return throw_locked (self, error);

  zeroes = g_malloc0 (MIN (MAX (end, offset) - offset, PIECE_SIZE));
  while (offset < end)
    {
      gsize here = MIN (end - offset, PIECE_SIZE);
      struct iovec iov = { zeroes, here };
      BanyanRequest request = BANYAN_REQUEST (offset, here, &iov, 1);

      if (!banyan_luks_write (BANYAN_NODE (self), &request, error))
        return FALSE;
      offset += here;
    }
  return TRUE;
}

static BanyanAnswer BANYAN_COROUTINE
resize_storage (BanyanLuks *self, const BanyanResize *resize, guint64 length, GError **error)
{
  BanyanResize below = *resize;

  below.size = sizeof below;
  below.length = length + payload_offset (self);
  return banyan_child_resize (self->file, &below, error);
}

/* If the zeroes cannot be written, what came without them goes again. */
static BanyanAnswer BANYAN_COROUTINE
change_length (BanyanLuks *self, const BanyanResize *resize, guint64 length, GError **error)
{
  guint64 before = banyan_node_get_length (BANYAN_NODE (self));
  BanyanAnswer answer = resize_storage (self, resize, length, error);

  if (answer != BANYAN_DONE || write_zeroes (self, before, length_in (self), error))
    return answer;

  resize_storage (self, &(BanyanResize){ .exact = TRUE }, before, NULL);
  return BANYAN_FAILED;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_luks_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  guint64 length = resize->length;
  BanyanAnswer answer;

  if (length % ENCRYPTION_SECTOR != 0 && resize->exact)
    {
      banyan_throw_errno (error, EINVAL,
                          "%s: an encrypted disk has whole sectors, and %" G_GUINT64_FORMAT
                          " bytes are no multiple of %d",
                          self->volume.name, length, ENCRYPTION_SECTOR);
      return BANYAN_FAILED;
    }
  length += -length % ENCRYPTION_SECTOR;
  if (length > G_MAXINT64 - payload_offset (self))
    {
      banyan_throw_errno (error, EFBIG, "%s: resizing to %" G_GUINT64_FORMAT " bytes",
                          self->volume.name, length);
      return BANYAN_FAILED;
    }

  g_atomic_int_set (&self->is_resizing, TRUE);
  answer = change_length (self, resize, length, error);
  g_atomic_int_set (&self->is_resizing, FALSE);
  banyan_node_publish_length (node, length_in (self));
  return answer;
}

static void
banyan_luks_child_length_changed (BanyanNode *node, BanyanChild *child)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);

  if (child == self->file && !g_atomic_int_get (&self->is_resizing))
    banyan_node_publish_length (node, length_in (self));
}

static const BanyanNodeOps banyan_luks_ops = {
  .size = sizeof banyan_luks_ops,
  .read = banyan_luks_read,
  .write = banyan_luks_write,
  .discard = banyan_luks_discard,
  .resize = banyan_luks_resize,
};

static guint
banyan_luks_get_capabilities (BanyanNode *node, guint inherited)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  guint below = banyan_node_get_capabilities (banyan_child_get_node (self->file));

  return below & (BANYAN_CAN_FUA | BANYAN_CAN_DISCARD | BANYAN_CAN_RESIZE | BANYAN_CAN_MULTI_CONN);
}

static void
banyan_luks_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, node);
  const BanyanLimits *below = banyan_node_get_limits (banyan_child_get_node (self->file));

  limits->request_alignment = ENCRYPTION_SECTOR;
  limits->preferred_size = below->preferred_size;
  if (below->discard_alignment != 0 && payload_offset (self) % below->discard_alignment == 0)
    limits->discard_alignment = below->discard_alignment;
}

/* -- Opening. -- */

static gboolean BANYAN_COROUTINE
read_header (BanyanLuks *self, LuksVolume *volume, GError **error)
{
  gboolean is_detached = self->header != NULL;
  guint64 end = banyan_child_get_length (self->file);

  *volume = (LuksVolume){ .name = banyan_object_get_id (BANYAN_OBJECT (self)),
                          .file = is_detached ? self->header : self->file,
                          .is_detached = is_detached };
  volume->space = banyan_child_get_length (volume->file);
  if (!luks_volume_read (volume, error))
    return FALSE;
  return volume->header.payload_offset <= end
         || banyan_throw_errno (error, EINVAL,
                                "%s: the header has the payload from byte %" G_GUINT64_FORMAT
                                " on, and file ends at byte %" G_GUINT64_FORMAT,
                                volume->name, volume->header.payload_offset, end);
}

static gboolean BANYAN_COROUTINE
unlock (BanyanLuks *self, GError **error)
{
  LuksPassphrase passphrase;

  if (self->key_secret == NULL)
    return TRUE;
  if (!luks_options_peek_secret (self->key_secret, &passphrase, error))
    return FALSE;

  g_clear_pointer (&self->sectors, encryption_sectors_free);
  self->sectors = luks_volume_unlock (&self->volume, &passphrase, NULL, error);
  return self->sectors != NULL;
}

static gboolean
check_users (BanyanLuks *self, guint used, GError **error)
{
  return self->key_secret != NULL || used == 0 || throw_locked (self, error);
}

static gboolean BANYAN_COROUTINE
banyan_luks_open (BanyanElement *element, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, element);

  if (!encryption_init (error) || !read_header (self, &self->volume, error)
      || !check_users (self, banyan_element_get_used (element), error) || !unlock (self, error))
    return FALSE;

  banyan_node_publish_length (BANYAN_NODE (self), length_in (self));
  return TRUE;
}

static void
banyan_luks_close (BanyanElement *element)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanLuks, element)->sectors, encryption_sectors_free);
}

static gboolean
banyan_luks_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  return check_users (BANYAN_NODE_SELF (BanyanLuks, element), banyan_change_get_used (change),
                      error);
}

/* Everything is in storage already. */
static gboolean BANYAN_COROUTINE
banyan_luks_inactivate (BanyanElement *element, GError **error)
{
  return TRUE;
}

/* Others may have written to the image meanwhile. That it is the same volume still, the digest of
 * its key tells; passphrases take their time, and the gates are closed. */
static gboolean BANYAN_COROUTINE
banyan_luks_reactivate (BanyanElement *element, GError **error)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, element);
  const LuksHeader before = self->volume.header;

  return read_header (self, &self->volume, error)
         && (luks_header_is_same_key (&before, &self->volume.header) || unlock (self, error));
}

/* -- The class. -- */

static void
banyan_luks_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanLuks *self = BANYAN_NODE_SELF (BanyanLuks, object);

  switch (id)
    {
    case PROP_ENCRYPTED:
      g_value_set_boolean (value, TRUE);
      break;
    case PROP_IVGEN_HASH_ALG:
      if (self->volume.header.scheme.iv == ENCRYPTION_ESSIV)
        g_value_set_static_string (value,
                                   encryption_name_hash (self->volume.header.scheme.iv_hash));
      break;
    case PROP_SLOTS:
      g_value_take_boxed (value, luks_info_list_slots (&self->volume.header));
      break;
    case PROP_UUID:
      g_value_set_string (value, self->volume.header.uuid);
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

#define HEADER(field) G_STRUCT_OFFSET (BanyanLuks, volume.header.field)

static void
install_scheme (void)
{
  properties[PROP_CIPHER_ALG] = banyan_param_state (
      banyan_param_enum ("cipher-alg", "Cipher", "What data is encrypted with",
                         encryption_cipher_get_type (), 0, HEADER (scheme.cipher)));
  properties[PROP_CIPHER_MODE] = banyan_param_state (banyan_param_enum (
      "cipher-mode", "Cipher mode", "How that goes from block to block of a sector",
      encryption_mode_get_type (), 0, HEADER (scheme.mode)));
  properties[PROP_IVGEN_ALG] = banyan_param_state (
      banyan_param_enum ("ivgen-alg", "IV generator", "What makes sectors differ",
                         encryption_iv_get_type (), 0, HEADER (scheme.iv)));
  properties[PROP_IVGEN_HASH_ALG] = banyan_param_state (
      banyan_param_string ("ivgen-hash-alg", "IV generator's hash",
                           "What essiv hashes the key with", NULL, BANYAN_NO_FIELD));
  properties[PROP_HASH_ALG] = banyan_param_state (
      banyan_param_enum ("hash-alg", "Hash", "What passphrases are hashed with",
                         encryption_hash_get_type (), 0, HEADER (hash)));
}

static void
install_header (void)
{
  properties[PROP_DETACHED_HEADER] = banyan_param_state (banyan_param_boolean (
      "detached-header", "Detached header", "Whether the header is in a node of its own", FALSE,
      G_STRUCT_OFFSET (BanyanLuks, volume.is_detached)));
  properties[PROP_MASTER_KEY_ITERS] = banyan_param_state (
      banyan_param_uint ("master-key-iters", "Master key's iterations",
                         "How often the key is hashed to tell whether it is right",
                         BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, HEADER (iterations)));
  properties[PROP_PAYLOAD_OFFSET] = banyan_param_state (
      banyan_param_uint64 ("payload-offset", "Payload offset", "Where in file the disk begins",
                           BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0, HEADER (payload_offset)));
  properties[PROP_SLOTS] = banyan_param_state (banyan_param_list (
      "slots", "Slots", "What is known of each of the eight passphrases",
      banyan_param_struct ("slot", "Slot", "One slot", luks_slot_info_get_type (), BANYAN_NO_FIELD),
      BANYAN_NO_FIELD));
  properties[PROP_UUID] = banyan_param_state (banyan_param_string (
      "uuid", "UUID", "What the image is called by others", NULL, BANYAN_NO_FIELD));
}

static void
install_children (BanyanNodeClass *node_class)
{
  banyan_node_class_add_child_role (
      node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
      "Node that the image is in", G_STRUCT_OFFSET (BanyanLuks, file));
  banyan_node_class_add_child_role (
      node_class, "header", BANYAN_CHILD_METADATA | BANYAN_CHILD_OPTIONAL,
      "Node that the header is in, where it is not in file", G_STRUCT_OFFSET (BanyanLuks, header));
}

static void
banyan_luks_class_init (BanyanLuksClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_luks_get_property;

  element_class->open = banyan_luks_open;
  element_class->close = banyan_luks_close;
  element_class->prepare = banyan_luks_prepare;
  element_class->inactivate = banyan_luks_inactivate;
  element_class->reactivate = banyan_luks_reactivate;
  node_class->get_capabilities = banyan_luks_get_capabilities;
  node_class->get_limits = banyan_luks_get_limits;
  node_class->child_length_changed = banyan_luks_child_length_changed;
  BANYAN_FORMAT_CLASS (klass)->probe = luks_header_probe;
  banyan_node_class_set_ops (node_class, &banyan_luks_ops);
  install_children (node_class);

  properties[PROP_KEY_SECRET]
      = banyan_param_link ("key-secret", "Key secret",
                           "The passphrase; without it, the image can be looked at, and not read",
                           "BanyanSecret", G_STRUCT_OFFSET (BanyanLuks, key_secret));
  properties[PROP_ENCRYPTED] = banyan_param_state (
      banyan_param_boolean ("encrypted", "Encrypted", "Whether what the image holds is kept secret",
                            FALSE, BANYAN_NO_FIELD));
  install_scheme ();
  install_header ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_luks_init (BanyanLuks *self)
{
}

static const BanyanPluginType types[] = {
  { "luks", BANYAN_PLUGIN_FORMAT, banyan_luks_register_type, "Encrypted disks, as Linux has them" },
  { "luks", BANYAN_PLUGIN_IMAGE, luks_image_register, "A disk that is encrypted" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (luks, .types = types, .summary = "Encrypted disks, as Linux has them")
