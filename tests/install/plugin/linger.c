/* linger.c - filter that holds each request for a fixed time; a plugin outside the tree
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (ExampleLinger, example_linger, EXAMPLE, LINGER, BanyanFilter)

struct _ExampleLinger
{
  BanyanFilter parent_instance;

  BanyanChild *file;    /* (unowned): bound to role "file" while the node is open */
  guint read_delay_ms;  /* live */
  guint write_delay_ms; /* live */
};

enum
{
  PROP_0,
  PROP_READ_DELAY,
  PROP_WRITE_DELAY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (ExampleLinger, example_linger, BANYAN_TYPE_FILTER)

/* A request keeps the delay it started with. Waking sleepers when the property changes would let
 * them overtake requests that arrived before them. */
static gboolean BANYAN_COROUTINE
example_linger_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  ExampleLinger *self = BANYAN_NODE_SELF (ExampleLinger, node);

  if (!banyan_co_sleep_ms (BANYAN_LIVE (self->read_delay_ms), error))
    return FALSE;

  return banyan_child_read (self->file, request, error);
}

static gboolean BANYAN_COROUTINE
example_linger_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  ExampleLinger *self = BANYAN_NODE_SELF (ExampleLinger, node);

  if (!banyan_co_sleep_ms (BANYAN_LIVE (self->write_delay_ms), error))
    return FALSE;

  return banyan_child_write (self->file, request, error);
}

static const BanyanNodeOps example_linger_ops = {
  .size = sizeof example_linger_ops,
  .read = example_linger_read,
  .write = example_linger_write,
};

static void
example_linger_class_init (ExampleLingerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  banyan_node_class_set_ops (node_class, &example_linger_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that serves the request once the delay is over",
                                    G_STRUCT_OFFSET (ExampleLinger, file));

  properties[PROP_READ_DELAY]
      = banyan_param_uint ("read-delay", "Read delay", "Time to hold each read", BANYAN_UNIT_MS, 0,
                           600000, 0, G_STRUCT_OFFSET (ExampleLinger, read_delay_ms));
  properties[PROP_WRITE_DELAY]
      = banyan_param_uint ("write-delay", "Write delay", "Time to hold each write", BANYAN_UNIT_MS,
                           0, 600000, 0, G_STRUCT_OFFSET (ExampleLinger, write_delay_ms));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
example_linger_init (ExampleLinger *self)
{
}

BANYAN_PLUGIN_DEFINE (linger, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = example_linger_register_type,
                      .summary = "Hold reads and writes for a fixed time")
