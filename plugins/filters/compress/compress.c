/* compress.c - filter that asks for what is written to be stored compressed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (BanyanCompress, banyan_compress, BANYAN, COMPRESS, BanyanFilter)

struct _BanyanCompress
{
  BanyanFilter parent_instance;

  BanyanChild *file; /* (unowned): bound to role "file" while the node is open */
};

enum
{
  PROP_0,
  PROP_COMPRESSING,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanCompress, banyan_compress, BANYAN_TYPE_FILTER)

static gboolean
can_compress (BanyanCompress *self)
{
  BanyanNode *below = self->file != NULL ? banyan_child_get_node (self->file) : NULL;

  return below != NULL && (banyan_node_get_capabilities (below) & BANYAN_CAN_COMPRESS);
}

static gboolean BANYAN_COROUTINE
banyan_compress_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanCompress *self = BANYAN_NODE_SELF (BanyanCompress, node);
  BanyanRequest below;

  if (!can_compress (self))
    return banyan_child_write (self->file, request, error);

  below = banyan_request_slice (request, 0, request->length, request->offset);
  below.flags |= BANYAN_REQUEST_COMPRESSED;
  return banyan_child_write (self->file, &below, error);
}

static const BanyanNodeOps banyan_compress_ops = {
  .size = sizeof banyan_compress_ops,
  .write = banyan_compress_write,
};

/* What is copied below is not compressed. */
static guint
banyan_compress_get_capabilities (BanyanNode *node, guint inherited)
{
  return inherited & BANYAN_CAN_COMPRESS ? inherited & ~BANYAN_CAN_COPY_RANGE : inherited;
}

static void
banyan_compress_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_COMPRESSING)
    g_value_set_boolean (value, can_compress (BANYAN_NODE_SELF (BanyanCompress, object)));
  else
    banyan_node_get_field (object, id, value, pspec);
}

static void
banyan_compress_class_init (BanyanCompressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_compress_get_property;

  node_class->get_capabilities = banyan_compress_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_compress_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that stores what is written",
                                    G_STRUCT_OFFSET (BanyanCompress, file));

  properties[PROP_COMPRESSING] = banyan_param_state (
      banyan_param_boolean ("compressing", "Compressing",
                            "Whether the child stores data compressed", FALSE, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_compress_init (BanyanCompress *self)
{
}

BANYAN_PLUGIN_DEFINE (compress, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_compress_register_type,
                      .summary = "Ask for what is written to be stored compressed")
