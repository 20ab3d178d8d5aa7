/* commands-node.c - commands that make nodes and close them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

/* -- blockdev-add: its arguments are the node's declaration. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanSpec *options; /* (owned) */
} QmpBlockdevAdd;

QMP_DEFINE_COMMAND (QmpBlockdevAdd, blockdev_add)

static gboolean
blockdev_add_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                    GError **error)
{
  QmpBlockdevAdd *self = (QmpBlockdevAdd *) command;

  return qmp_add_declared (monitor, "nodes", self->options, transaction, error);
}

static void
blockdev_add_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = blockdev_add_steps;
  banyan_command_class_describe (klass, "blockdev-add", 0, "{}");
  banyan_command_class_add_argument (klass,
                                     banyan_param_required (banyan_param_declaration (
                                         "options", "Options",
                                         "Driver, node-name and properties of the node, and its "
                                         "children inline or by name",
                                         "BanyanNode", G_STRUCT_OFFSET (QmpBlockdevAdd, options))));
  banyan_command_class_set_flat (klass, "options");
}

/* -- blockdev-del. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *node_name; /* (owned) */
} QmpBlockdevDel;

QMP_DEFINE_COMMAND (QmpBlockdevDel, blockdev_del)

static gboolean
blockdev_del_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                    GError **error)
{
  QmpBlockdevDel *self = (QmpBlockdevDel *) command;
  BanyanNode *node = qmp_find_node (monitor, self->node_name, error);

  if (node == NULL)
    return FALSE;

  banyan_transaction_remove (transaction, BANYAN_OBJECT (node));
  return TRUE;
}

static void
blockdev_del_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = blockdev_del_steps;
  banyan_command_class_describe (klass, "blockdev-del", 0, "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_string (
                 "node-name", "Node", "Which one to close; whoever uses it makes this fail", NULL,
                 G_STRUCT_OFFSET (QmpBlockdevDel, node_name))));
}
