/* raw.c - format without a header: a window of its child
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw-image.h"

#include <errno.h>

#define SIZE_TO_THE_END G_MAXUINT64

G_DECLARE_FINAL_TYPE (BanyanRaw, banyan_raw, BANYAN, RAW, BanyanFormat)

struct _BanyanRaw
{
  BanyanFormat parent_instance;

  BanyanChild *file; /* (unowned): bound to role "file" while the node is open */
  guint64 offset;    /* written in a switch only */
  guint64 size_bytes;
};

enum
{
  PROP_0,
  PROP_OFFSET,
  PROP_SIZE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanRaw, banyan_raw, BANYAN_TYPE_FORMAT)

/* No sum overflows: raw's own length keeps every request inside the child's. */
static BanyanRequest
shifted (BanyanRaw *self, const BanyanRequest *request)
{
  return banyan_request_slice (request, 0, request->length, request->offset + self->offset);
}

static gboolean BANYAN_COROUTINE
banyan_raw_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanRequest below;

  if (self->offset == 0)
    return banyan_child_read (self->file, request, error);

  below = shifted (self, request);
  return banyan_child_read (self->file, &below, error);
}

static gboolean BANYAN_COROUTINE
banyan_raw_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanRequest below;

  if (self->offset == 0)
    return banyan_child_write (self->file, request, error);

  below = shifted (self, request);
  return banyan_child_write (self->file, &below, error);
}

static gboolean BANYAN_COROUTINE
banyan_raw_flush (BanyanNode *node, GError **error)
{
  return banyan_child_flush (BANYAN_NODE_SELF (BanyanRaw, node)->file, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_raw_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanRequest below = shifted (self, request);

  return banyan_child_discard (self->file, &below, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_raw_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanRequest below = shifted (self, request);

  return banyan_child_write_zeroes (self->file, &below, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_raw_block_status (BanyanNode *node, guint64 offset, guint64 length,
                         BanyanBlockStatus *status, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);

  return banyan_child_block_status (self->file, offset + self->offset, length, status, error);
}

static BanyanAnswer
banyan_raw_send (BanyanNode *node, guint64 offset, gsize length, int socket, gsize *sent)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);

  return banyan_child_send (self->file, offset + self->offset, length, socket, sent);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_raw_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                       guint64 source_offset, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanRequest below = shifted (self, target);

  return banyan_child_copy_range (self->file, &below, source, source_offset, error);
}

/* The length of the window over a child of @child_length bytes. FALSE: it does not fit. */
static gboolean
window_length (BanyanRaw *self, guint64 offset, guint64 size, guint64 *length, GError **error)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self));
  guint64 child_length = banyan_child_get_length (self->file);

  if (offset > child_length)
    return banyan_throw_errno (error, EINVAL,
                               "%s: offset is %" G_GUINT64_FORMAT
                               ", but file has only %" G_GUINT64_FORMAT " bytes",
                               id, offset, child_length);
  if (size != SIZE_TO_THE_END && size > child_length - offset)
    return banyan_throw_errno (error, EINVAL,
                               "%s: size is %" G_GUINT64_FORMAT ", but only %" G_GUINT64_FORMAT
                               " bytes of file lie behind offset %" G_GUINT64_FORMAT,
                               id, size, child_length - offset, offset);

  *length = size != SIZE_TO_THE_END ? size : child_length - offset;
  return TRUE;
}

static gboolean
may_resize (BanyanRaw *self, const BanyanResize *resize, GError **error)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self));

  if (self->size_bytes != SIZE_TO_THE_END)
    return banyan_throw_errno (
        error, ENOTSUP, "%s: has a fixed size of %" G_GUINT64_FORMAT " bytes; change size instead",
        id, self->size_bytes);
  if (resize->length > G_MAXINT64 - self->offset)
    return banyan_throw_errno (error, EFBIG, "%s: resizing to %" G_GUINT64_FORMAT " bytes", id,
                               resize->length);
  return TRUE;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_raw_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  BanyanResize below = *resize;
  BanyanAnswer answer;

  if (!may_resize (self, resize, error))
    return BANYAN_FAILED;

  below.size = sizeof below;
  below.length = resize->length + self->offset;
  answer = banyan_child_resize (self->file, &below, error);
  if (answer == BANYAN_DONE)
    banyan_node_publish_length (node, banyan_child_get_length (self->file) - self->offset);
  return answer;
}

static const BanyanNodeOps banyan_raw_ops = {
  .size = sizeof banyan_raw_ops,
  .read = banyan_raw_read,
  .write = banyan_raw_write,
  .flush = banyan_raw_flush,
  .discard = banyan_raw_discard,
  .write_zeroes = banyan_raw_write_zeroes,
  .block_status = banyan_raw_block_status,
  .resize = banyan_raw_resize,
  .copy_range = banyan_raw_copy_range,
  .send = banyan_raw_send,
};

static guint
banyan_raw_get_capabilities (BanyanNode *node, guint inherited)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  guint below = banyan_node_get_capabilities (banyan_child_get_node (self->file));

  return self->size_bytes == SIZE_TO_THE_END ? below : below & ~BANYAN_CAN_RESIZE;
}

/* Any offset may be asked for here: the edge below widens what its node cannot take. So only what
 * makes requests faster is passed on. */
static void
banyan_raw_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  const BanyanLimits *below = banyan_node_get_limits (banyan_child_get_node (self->file));

  limits->preferred_size = below->preferred_size;
  if (self->offset != 0)
    return;
  limits->discard_alignment = below->discard_alignment;
  limits->zeroes_alignment = below->zeroes_alignment;
}

/* A child that somebody cut below the window leaves an empty one. */
static void
banyan_raw_child_length_changed (BanyanNode *node, BanyanChild *child)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, node);
  guint64 length = banyan_child_get_length (child);

  if (self->size_bytes == SIZE_TO_THE_END)
    banyan_node_publish_length (node, length - MIN (length, self->offset));
}

/* Who writes to a window of a fixed size never moves the child's end, so several may lie side by
 * side in one disk. One that reaches to the end may. */
static void
banyan_raw_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                              const BanyanProposal *proposal, guint used, guint shared,
                              guint *child_used, guint *child_shared)
{
  const GValue *size = banyan_proposal_get (proposal, "size");

  *child_used = used;
  if (g_value_get_uint64 (size) != SIZE_TO_THE_END)
    *child_used &= ~BANYAN_PERMISSION_RESIZE;
  else if (used & BANYAN_PERMISSION_WRITE)
    *child_used |= BANYAN_PERMISSION_RESIZE;

  *child_shared = shared & ~BANYAN_PERMISSION_RESIZE;
}

static gboolean
banyan_raw_open (BanyanElement *element, GError **error)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, element);
  guint64 length;

  if (!window_length (self, self->offset, self->size_bytes, &length, error))
    return FALSE;

  banyan_node_publish_length (BANYAN_NODE (self), length);
  return TRUE;
}

/* The window moves while requests run elsewhere in the graph: under drain, and only when the child,
 * which nobody can resize then, is long enough. */

static gboolean
moves_window (BanyanChange *change)
{
  return banyan_change_touches (change, "offset") || banyan_change_touches (change, "size");
}

static guint64
proposed (BanyanChange *change, const char *property)
{
  return g_value_get_uint64 (banyan_proposal_get (banyan_change_get_proposal (change), property));
}

static gboolean
banyan_raw_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  guint64 length;

  return !moves_window (change)
         || window_length (BANYAN_NODE_SELF (BanyanRaw, element), proposed (change, "offset"),
                           proposed (change, "size"), &length, error);
}

static void
banyan_raw_commit (BanyanElement *element, BanyanChange *change)
{
  BanyanRaw *self = BANYAN_NODE_SELF (BanyanRaw, element);
  guint64 child_length = banyan_child_get_length (self->file);

  if (!moves_window (change))
    return;

  self->offset = proposed (change, "offset");
  self->size_bytes = proposed (change, "size");
  banyan_node_publish_length (BANYAN_NODE (self), self->size_bytes != SIZE_TO_THE_END
                                                      ? self->size_bytes
                                                      : child_length - self->offset);
}

/* There is no header to look at: it is whatever nothing else is. */
static guint
banyan_raw_probe (const guint8 *head, gsize length)
{
  return BANYAN_PROBE_ANYTHING;
}

static void
banyan_raw_class_init (BanyanRawClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  element_class->open = banyan_raw_open;
  element_class->settle = banyan_raw_settle;
  element_class->commit = banyan_raw_commit;
  element_class->child_permissions = banyan_raw_child_permissions;
  node_class->get_capabilities = banyan_raw_get_capabilities;
  node_class->get_limits = banyan_raw_get_limits;
  node_class->child_length_changed = banyan_raw_child_length_changed;
  BANYAN_FORMAT_CLASS (klass)->probe = banyan_raw_probe;
  banyan_node_class_set_ops (node_class, &banyan_raw_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_PRIMARY,
                                    "Node that the window lies in",
                                    G_STRUCT_OFFSET (BanyanRaw, file));

  properties[PROP_OFFSET] = banyan_param_mutable (
      banyan_param_uint64 ("offset", "Offset", "Where in file the window begins", BANYAN_UNIT_BYTES,
                           0, G_MAXINT64, 0, G_STRUCT_OFFSET (BanyanRaw, offset)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_SIZE] = banyan_param_mutable (
      banyan_param_computed (
          banyan_param_uint64 ("size", "Size", "How many bytes of file the window shows",
                               BANYAN_UNIT_BYTES, 0, G_MAXUINT64, SIZE_TO_THE_END,
                               G_STRUCT_OFFSET (BanyanRaw, size_bytes)),
          "all from offset to the end of file, following its length"),
      BANYAN_MUTABLE_REOPEN);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_raw_init (BanyanRaw *self)
{
  self->size_bytes = SIZE_TO_THE_END;
}

static const BanyanPluginType types[] = {
  { "raw", BANYAN_PLUGIN_FORMAT, banyan_raw_register_type, "A window of a node, without a header" },
  { "raw", BANYAN_PLUGIN_IMAGE, raw_image_register, "A disk as it is, in a file" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (raw, .types = types, .summary = "A window of a node, without a header")
