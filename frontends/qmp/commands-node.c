/* commands-node.c - commands that make, change and close nodes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <string.h>

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
  qmp_require_declaration (klass, "options", "Options",
                           "Driver, node-name and properties of the node, and its children inline "
                           "or by name",
                           "BanyanNode", G_STRUCT_OFFSET (QmpBlockdevAdd, options));
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
  BanyanNode *node = qmp_draft_node (transaction, self->node_name, error);

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
  qmp_require_string (klass, "node-name", "Node",
                      "Which one to close; whoever uses it makes this fail",
                      G_STRUCT_OFFSET (QmpBlockdevDel, node_name));
}

/* -- blockdev-reopen: each node's options as blockdev-add has them; what is left out goes back to
 * its default. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanList *options; /* (owned) (element-type BanyanSpec) */
} QmpBlockdevReopen;

QMP_DEFINE_COMMAND (QmpBlockdevReopen, blockdev_reopen)

static gboolean reopen_node (BanyanMonitor *monitor, BanyanNode *node, BanyanSpec *options,
                             BanyanTransaction *transaction, GError **error);

static gboolean
check_driver (BanyanNode *node, BanyanSpec *options, GError **error)
{
  g_autofree char *driver = qmp_name_type (node);
  const char *wanted = banyan_spec_lookup_text (options, "driver");
  g_autoptr (BanyanTypeInfo) type = NULL;

  if (wanted == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "Parameter 'driver' is missing");
  else if ((type = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, wanted))
               == NULL
           || strcmp (banyan_type_info_get_name (type), driver) != 0)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "Cannot change the option 'driver': %s is a %s; add another node, and put it in "
                 "the place of this one",
                 banyan_object_get_id (BANYAN_OBJECT (node)), driver);
  else
    return TRUE;

  return FALSE;
}

/* Options of a child stand where its parent names it; it is not replaced by them. */
static gboolean
reopen_inline (BanyanMonitor *monitor, BanyanNode *node, const char *role, BanyanSpec *options,
               BanyanTransaction *transaction, GError **error)
{
  BanyanChild *edge = banyan_element_get_child (BANYAN_ELEMENT (node), role);
  BanyanNode *child = edge != NULL ? banyan_transaction_get_edge_node (transaction, edge) : NULL;

  if (child != NULL && banyan_object_is_implicit (BANYAN_OBJECT (child)))
    return reopen_node (monitor, child, options, transaction, error);

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
               "%s: '%s' was not declared inline, so it is not reopened here; name it, and reopen "
               "it by itself",
               banyan_object_get_id (BANYAN_OBJECT (node)), role);
  return FALSE;
}

static gboolean
is_mapper_key (const char *key)
{
  return strcmp (key, "driver") == 0 || strcmp (key, "node-name") == 0 || strcmp (key, "id") == 0;
}

static gboolean
set_given (BanyanMonitor *monitor, BanyanNode *node, BanyanSpec *options,
           BanyanTransaction *transaction, GError **error)
{
  for (guint i = 0; i < banyan_spec_get_length (options); i++)
    {
      const char *key = banyan_spec_get_key (options, i);
      BanyanSpec *value = banyan_spec_get_item (options, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), key);
      gboolean is_child = pspec != NULL && banyan_param_get_link_target (pspec) != NULL;

      if (is_mapper_key (key))
        continue;
      if (is_child && banyan_spec_get_kind (value) == BANYAN_SPEC_MAP)
        {
          if (!reopen_inline (monitor, node, key, value, transaction, error))
            return FALSE;
          continue;
        }
      banyan_transaction_set (transaction, BANYAN_OBJECT (node), key, value);
    }
  return TRUE;
}

static gboolean
may_be_reset (GParamSpec *pspec)
{
  return banyan_param_get_kind (pspec) == BANYAN_PARAM_CONFIGURATION
         && banyan_param_get_mutability (pspec) != BANYAN_MUTABLE_BEFORE_OPEN
         && !banyan_param_is_required (pspec) && banyan_param_get_link_target (pspec) == NULL
         && banyan_param_get_element (pspec) == NULL;
}

/* By the node that it is inside of, or by an image: that is the default there. */
static gboolean
is_given_by_place (BanyanSpec *value)
{
  BanyanOriginKind kind = banyan_spec_get_origin (value)->kind;

  return kind == BANYAN_ORIGIN_INHERITED || kind == BANYAN_ORIGIN_IMAGE;
}

static void
reset_others (BanyanMonitor *monitor, BanyanNode *node, BanyanSpec *options,
              BanyanTransaction *transaction)
{
  BanyanSpec *declared = banyan_object_get_declaration (BANYAN_OBJECT (node));

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), key);
      g_autoptr (BanyanSpec) value = NULL;

      if (pspec == NULL || banyan_spec_lookup (options, key) != NULL || !may_be_reset (pspec)
          || is_given_by_place (banyan_spec_get_item (declared, i)))
        continue;

      value = banyan_param_value_to_spec (pspec, g_param_spec_get_default_value (pspec),
                                          banyan_monitor_get_origin (monitor));
      banyan_transaction_set (transaction, BANYAN_OBJECT (node), key, value);
    }
}

/* As in QEMU, where nobody could tell whether to keep it or to go back to what the image says. */
static gboolean
check_backing (BanyanNode *node, BanyanSpec *options, GError **error)
{
  g_autoptr (GPtrArray) edges = banyan_element_list_children (BANYAN_ELEMENT (node));

  for (guint i = 0; i < edges->len; i++)
    {
      const char *role = banyan_child_get_role (edges->pdata[i]);
      g_autofree char *named = NULL;

      if (!(banyan_child_get_role_flags (edges->pdata[i]) & BANYAN_CHILD_COW)
          || banyan_spec_lookup (options, role) != NULL)
        continue;
      named = banyan_node_dup_backing_name (node);
      if (banyan_child_get_node (edges->pdata[i]) == NULL && named == NULL)
        continue;

      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "%s is missing for '%s': give the name of a node, or null", role,
                   banyan_object_get_id (BANYAN_OBJECT (node)));
      return FALSE;
    }
  return TRUE;
}

/* What has no default to go back to has to be given. */
static gboolean
check_required (BanyanNode *node, BanyanSpec *options, GError **error)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (node), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_required (pspecs[i])
        && banyan_spec_lookup (options, pspecs[i]->name) == NULL)
      {
        g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                     "Parameter '%s' is missing: '%s' is reopened with all its options, and this "
                     "one has no default",
                     pspecs[i]->name, banyan_object_get_id (BANYAN_OBJECT (node)));
        return FALSE;
      }
  return TRUE;
}

static gboolean
reopen_node (BanyanMonitor *monitor, BanyanNode *node, BanyanSpec *options,
             BanyanTransaction *transaction, GError **error)
{
  if (!check_driver (node, options, error) || !check_required (node, options, error)
      || !check_backing (node, options, error)
      || !set_given (monitor, node, options, transaction, error))
    return FALSE;

  reset_others (monitor, node, options, transaction);
  return TRUE;
}

static gboolean
blockdev_reopen_steps (BanyanCommand *command, BanyanMonitor *monitor,
                       BanyanTransaction *transaction, GError **error)
{
  QmpBlockdevReopen *self = (QmpBlockdevReopen *) command;

  for (guint i = 0; i < banyan_list_get_length (self->options); i++)
    {
      BanyanSpec *options = g_value_get_boxed (banyan_list_get_value (self->options, i));
      const char *name = banyan_spec_lookup_text (options, "node-name");
      BanyanNode *node;

      if (name == NULL)
        {
          g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                       "node-name not specified");
          return FALSE;
        }
      node = qmp_draft_node (transaction, name, error);
      if (node == NULL || !reopen_node (monitor, node, options, transaction, error))
        return FALSE;
    }
  return TRUE;
}

static void
blockdev_reopen_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = blockdev_reopen_steps;
  banyan_command_class_describe (klass, "blockdev-reopen", 0, "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_list (
                 "options", "Options",
                 "Nodes with all their options as they are to be; what is left out "
                 "goes back to its default",
                 banyan_param_declaration ("node", "Node", "One of the list", "BanyanNode",
                                           BANYAN_NO_FIELD),
                 G_STRUCT_OFFSET (QmpBlockdevReopen, options))));
}

/* -- block_resize. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *node_name; /* (owned) (nullable) */
  char *device;    /* (owned) (nullable) */
  guint64 size;
} QmpBlockResize;

QMP_DEFINE_COMMAND (QmpBlockResize, block_resize)

static gboolean
block_resize_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                    GError **error)
{
  QmpBlockResize *self = (QmpBlockResize *) command;
  const char *name = self->node_name != NULL ? self->node_name : self->device;
  BanyanNode *node;

  if (name == NULL || (self->node_name != NULL && self->device != NULL))
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Need exactly one of 'device' and 'node-name'");
      return FALSE;
    }

  node = qmp_draft_node (transaction, name, error);
  if (node == NULL)
    return FALSE;

  banyan_transaction_resize (transaction, node, self->size);
  return TRUE;
}

static void
block_resize_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = block_resize_steps;
  banyan_command_class_describe (klass, "block_resize", 0, "{}");
  qmp_add_string (klass, "node-name", "Node", "Which one to make longer or shorter",
                  G_STRUCT_OFFSET (QmpBlockResize, node_name));
  qmp_add_string (klass, "device", "Device", "The same, as old clients say it",
                  G_STRUCT_OFFSET (QmpBlockResize, device));
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_uint64 ("size", "Size", "New length",
                                                         BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0,
                                                         G_STRUCT_OFFSET (QmpBlockResize, size))));
}
