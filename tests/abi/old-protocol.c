/* old-protocol.c - protocol of an earlier Banyan: bytes in memory, to read and to write
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-1.0.h"

#define LENGTH 65536

typedef struct
{
  BanyanKind parent_instance;

  guint8 *bytes; /* (owned) (nullable): while open */
  guint first;
} OldProtocol;

static gboolean
old_protocol_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  OldProtocol *self = (OldProtocol *) node;

  banyan_request_copy_in (request, 0, self->bytes + request->offset, request->length);
  return TRUE;
}

static gboolean
old_protocol_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  OldProtocol *self = (OldProtocol *) node;

  banyan_request_copy_out (request, 0, self->bytes + request->offset, request->length);
  return TRUE;
}

static gboolean
old_protocol_open (BanyanElement *element, GError **error)
{
  OldProtocol *self = (OldProtocol *) element;

  self->bytes = g_malloc0 (LENGTH);
  self->bytes[0] = (guint8) self->first;
  banyan_node_publish_length ((BanyanNode *) element, LENGTH);
  return TRUE;
}

static void
old_protocol_close (BanyanElement *element)
{
  g_clear_pointer (&((OldProtocol *) element)->bytes, g_free);
}

static const BanyanNodeOps old_protocol_ops = {
  .size = sizeof old_protocol_ops,
  .read = old_protocol_read,
  .write = old_protocol_write,
};

static void
old_protocol_class_init (gpointer klass, gpointer data)
{
  GObjectClass *object_class = klass;
  BanyanElementClass *element_class = klass;

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;
  element_class->open = old_protocol_open;
  element_class->close = old_protocol_close;

  banyan_node_class_set_ops (klass, &old_protocol_ops);
  g_object_class_install_property (object_class, 1,
                                   banyan_param_uint ("first", "First", "What byte 0 is at first",
                                                      BANYAN_UNIT_NONE, 0, 255, 0,
                                                      G_STRUCT_OFFSET (OldProtocol, first)));
}

static void
register_type (GTypeModule *module)
{
  static const GTypeInfo info = { .class_size = sizeof (BanyanKindClass),
                                  .class_init = old_protocol_class_init,
                                  .instance_size = sizeof (OldProtocol) };

  banyan_plugin_register_type (module, banyan_protocol_get_type (), "OldProtocol", &info);
}

const BanyanPluginDescriptor banyan_plugin_descriptor = {
  .abi = 1,
  .size = sizeof banyan_plugin_descriptor,
  .name = "old_protocol",
  .version = "1.0",
  .licence = "LGPL-2.1-or-later",
  .kind = BANYAN_PLUGIN_PROTOCOL,
  .register_type = register_type,
  .summary = "Keep 64 KiB in memory",
};
