/* throttle.c - filter that keeps requests within the limits of a group
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "throttle-group.h"

G_DECLARE_FINAL_TYPE (BanyanThrottle, banyan_throttle, BANYAN, THROTTLE, BanyanFilter)

struct _BanyanThrottle
{
  BanyanFilter parent_instance;

  BanyanChild *file;          /* (unowned): bound to role "file" while the node is open */
  BanyanThrottleGroup *group; /* (owned): changed in a switch only */
  ThrottleMember member;      /* the group's: empty when no request is inside */
};

enum
{
  PROP_0,
  PROP_THROTTLE_GROUP,
  PROP_THROTTLED,
  PROP_WAITED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanThrottle, banyan_throttle, BANYAN_TYPE_FILTER)

static inline gboolean BANYAN_COROUTINE
admit (BanyanThrottle *self, ThrottleDirection direction, const BanyanRequest *request,
       GError **error)
{
  return throttle_group_admit (self->group, &self->member, direction, request->length, error);
}

static gboolean BANYAN_COROUTINE
banyan_throttle_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, node);

  return admit (self, THROTTLE_READ, request, error)
         && banyan_child_read (self->file, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_throttle_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, node);

  return admit (self, THROTTLE_WRITE, request, error)
         && banyan_child_write (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_throttle_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, node);

  if (!admit (self, THROTTLE_WRITE, request, error))
    return BANYAN_FAILED;

  return banyan_child_discard (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_throttle_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, node);

  if (!admit (self, THROTTLE_WRITE, request, error))
    return BANYAN_FAILED;

  return banyan_child_write_zeroes (self->file, request, error);
}

/* Data that does not pass through here is written all the same. */
static BanyanAnswer BANYAN_COROUTINE
banyan_throttle_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                            guint64 source_offset, GError **error)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, node);

  if (!admit (self, THROTTLE_WRITE, target, error))
    return BANYAN_FAILED;

  return banyan_child_copy_range (self->file, target, source, source_offset, error);
}

static const BanyanNodeOps banyan_throttle_ops = {
  .size = sizeof banyan_throttle_ops,
  .read = banyan_throttle_read,
  .write = banyan_throttle_write,
  .discard = banyan_throttle_discard,
  .write_zeroes = banyan_throttle_write_zeroes,
  .copy_range = banyan_throttle_copy_range,
};

static void
banyan_throttle_check (BanyanObject *object, const BanyanProposal *proposal,
                       BanyanProblems *problems)
{
  if (g_value_get_object (banyan_proposal_get (proposal, "throttle-group")) == NULL)
    banyan_proposal_problem (proposal, problems, "throttle-group",
                             "needs to be set: a throttle-group with the limits");
}

static void
banyan_throttle_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanThrottle *self = BANYAN_NODE_SELF (BanyanThrottle, object);
  guint64 throttled = 0;
  guint64 waited_ns = 0;

  if (id != PROP_THROTTLED && id != PROP_WAITED)
    {
      banyan_node_get_field (object, id, value, pspec);
      return;
    }

  if (self->group != NULL)
    throttle_group_get_counts (self->group, &self->member, &throttled, &waited_ns);
  g_value_set_uint64 (value, id == PROP_THROTTLED ? throttled : waited_ns);
}

static void
banyan_throttle_class_init (BanyanThrottleClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_throttle_get_property;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_throttle_check;
  banyan_node_class_set_ops (node_class, &banyan_throttle_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that gets what the limits let through",
                                    G_STRUCT_OFFSET (BanyanThrottle, file));

  properties[PROP_THROTTLE_GROUP] = banyan_param_mutable (
      banyan_param_required (banyan_param_link (
          "throttle-group", "Throttle group", "Limits that this node shares with all others of it",
          "BanyanThrottleGroup", G_STRUCT_OFFSET (BanyanThrottle, group))),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_THROTTLED]
      = banyan_param_counter ("throttled", "Throttled", "How many requests had to wait here",
                              BANYAN_UNIT_OPERATIONS, BANYAN_NO_FIELD);
  properties[PROP_WAITED]
      = banyan_param_counter ("waited", "Waited", "How long they waited, all of them together",
                              BANYAN_UNIT_NS, BANYAN_NO_FIELD);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_throttle_init (BanyanThrottle *self)
{
}

static const BanyanPluginType types[] = {
  { "throttle", BANYAN_PLUGIN_FILTER, banyan_throttle_register_type,
    "Keep requests within the limits of a group", NULL },
  { "throttle-group", BANYAN_PLUGIN_OBJECT, banyan_throttle_group_register,
    "Limits of bytes and operations that nodes share", NULL },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (throttle, .summary = "Limit bytes and operations", .types = types)
