/* old-filter.c - filter of an earlier Banyan: what is read comes with its bits flipped
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-1.0.h"

typedef struct
{
  BanyanKind parent_instance;

  BanyanChild *file;
  guint mask;
} OldFilter;

static gboolean
old_filter_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  OldFilter *self = (OldFilter *) node;
  guint mask = __atomic_load_n (&self->mask, __ATOMIC_RELAXED);

  if (!banyan_child_read (self->file, request, error))
    return FALSE;

  for (guint64 i = 0; i < request->length; i++)
    {
      guint8 byte;

      banyan_request_copy_out (request, i, &byte, 1);
      byte ^= mask;
      banyan_request_copy_in (request, i, &byte, 1);
    }
  return TRUE;
}

/* Makes a request of its own, as large as requests were then. */
static gboolean
old_filter_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRequest own = { .size = BANYAN_REQUEST_SIZE,
                        .flags = request->flags,
                        .offset = request->offset,
                        .length = request->length,
                        .iov = request->iov,
                        .skip = request->skip,
                        .n_iov = request->n_iov };

  return banyan_child_write (((OldFilter *) node)->file, &own, error);
}

static const BanyanNodeOps old_filter_ops = {
  .size = sizeof old_filter_ops,
  .read = old_filter_read,
  .write = old_filter_write,
};

static void
old_filter_class_init (gpointer klass, gpointer data)
{
  GObjectClass *object_class = klass;

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  banyan_node_class_set_ops (klass, &old_filter_ops);
  banyan_node_class_add_child_role (klass, "file", BANYAN_CHILD_FILTERED,
                                    "Node whose data is shown flipped",
                                    G_STRUCT_OFFSET (OldFilter, file));
  g_object_class_install_property (object_class, 1,
                                   banyan_param_uint ("mask", "Mask", "Which bits are flipped",
                                                      BANYAN_UNIT_NONE, 0, 255, 255,
                                                      G_STRUCT_OFFSET (OldFilter, mask)));
}

static void
register_type (GTypeModule *module)
{
  static const GTypeInfo info = { .class_size = sizeof (BanyanKindClass),
                                  .class_init = old_filter_class_init,
                                  .instance_size = sizeof (OldFilter) };

  banyan_plugin_register_type (module, banyan_filter_get_type (), "OldFilter", &info);
}

const BanyanPluginDescriptor banyan_plugin_descriptor = {
  .abi = 1,
  .size = sizeof banyan_plugin_descriptor,
  .name = "old_filter",
  .version = "1.0",
  .licence = "LGPL-2.1-or-later",
  .kind = BANYAN_PLUGIN_FILTER,
  .register_type = register_type,
  .summary = "Flip the bits of what is read",
};
