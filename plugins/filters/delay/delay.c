/* delay.c - filter that holds each request for a fixed time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

#define MAX_DELAY_MS 600000

G_DECLARE_FINAL_TYPE (BanyanDelay, banyan_delay, BANYAN, DELAY, BanyanFilter)

struct _BanyanDelay
{
  BanyanFilter parent_instance;

  BanyanChild *file;      /* (unowned): bound to role "file" while the node is open */
  guint read_delay_ms;    /* live */
  guint write_delay_ms;   /* live */
  guint flush_delay_ms;   /* live */
  guint discard_delay_ms; /* live */
  guint zeroes_delay_ms;  /* live */
};

enum
{
  PROP_0,
  PROP_READ_DELAY,
  PROP_WRITE_DELAY,
  PROP_FLUSH_DELAY,
  PROP_DISCARD_DELAY,
  PROP_ZEROES_DELAY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanDelay, banyan_delay, BANYAN_TYPE_FILTER)

/* A request keeps the delay it started with. Waking sleepers when the property changes would let
 * them overtake requests that arrived before them. */
static gboolean BANYAN_COROUTINE
hold (guint delay_ms, GError **error)
{
  return delay_ms == 0 || banyan_co_sleep_ms (delay_ms, error);
}

static gboolean BANYAN_COROUTINE
banyan_delay_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanDelay *self = BANYAN_NODE_SELF (BanyanDelay, node);

  return hold (BANYAN_LIVE (self->read_delay_ms), error)
         && banyan_child_read (self->file, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_delay_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanDelay *self = BANYAN_NODE_SELF (BanyanDelay, node);

  return hold (BANYAN_LIVE (self->write_delay_ms), error)
         && banyan_child_write (self->file, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_delay_flush (BanyanNode *node, GError **error)
{
  BanyanDelay *self = BANYAN_NODE_SELF (BanyanDelay, node);

  return hold (BANYAN_LIVE (self->flush_delay_ms), error) && banyan_child_flush (self->file, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_delay_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanDelay *self = BANYAN_NODE_SELF (BanyanDelay, node);

  if (!hold (BANYAN_LIVE (self->discard_delay_ms), error))
    return BANYAN_FAILED;

  return banyan_child_discard (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_delay_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanDelay *self = BANYAN_NODE_SELF (BanyanDelay, node);

  if (!hold (BANYAN_LIVE (self->zeroes_delay_ms), error))
    return BANYAN_FAILED;

  return banyan_child_write_zeroes (self->file, request, error);
}

static const BanyanNodeOps banyan_delay_ops = {
  .size = sizeof banyan_delay_ops,
  .read = banyan_delay_read,
  .write = banyan_delay_write,
  .flush = banyan_delay_flush,
  .discard = banyan_delay_discard,
  .write_zeroes = banyan_delay_write_zeroes,
};

static GParamSpec *
delay_param (const char *name, const char *nick, const char *blurb, guint offset)
{
  return banyan_param_uint (name, nick, blurb, BANYAN_UNIT_MS, 0, MAX_DELAY_MS, 0, offset);
}

static void
banyan_delay_class_init (BanyanDelayClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  banyan_node_class_set_ops (node_class, &banyan_delay_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that serves the request once the delay is over",
                                    G_STRUCT_OFFSET (BanyanDelay, file));

  properties[PROP_READ_DELAY] = delay_param ("read-delay", "Read delay", "Time to hold each read",
                                             G_STRUCT_OFFSET (BanyanDelay, read_delay_ms));
  properties[PROP_WRITE_DELAY]
      = delay_param ("write-delay", "Write delay", "Time to hold each write",
                     G_STRUCT_OFFSET (BanyanDelay, write_delay_ms));
  properties[PROP_FLUSH_DELAY]
      = delay_param ("flush-delay", "Flush delay", "Time to hold each flush",
                     G_STRUCT_OFFSET (BanyanDelay, flush_delay_ms));
  properties[PROP_DISCARD_DELAY]
      = delay_param ("discard-delay", "Discard delay", "Time to hold each discard",
                     G_STRUCT_OFFSET (BanyanDelay, discard_delay_ms));
  properties[PROP_ZEROES_DELAY] = delay_param ("write-zeroes-delay", "Write zeroes delay",
                                               "Time to hold each request to write zeroes",
                                               G_STRUCT_OFFSET (BanyanDelay, zeroes_delay_ms));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_delay_init (BanyanDelay *self)
{
}

BANYAN_PLUGIN_DEFINE (delay, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_delay_register_type,
                      .summary = "Hold requests for a fixed time")
