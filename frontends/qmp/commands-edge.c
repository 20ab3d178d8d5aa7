/* commands-edge.c - commands that change where edges lead: what QEMU has no words for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

/* -- edge-replace. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *edge; /* (owned) */
  char *node; /* (owned) (nullable) */
} QmpEdgeReplace;

QMP_DEFINE_COMMAND (QmpEdgeReplace, edge_replace)

static gboolean
edge_replace_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                    GError **error)
{
  QmpEdgeReplace *self = (QmpEdgeReplace *) command;
  BanyanChild *edge = qmp_draft_edge (transaction, self->edge, error);
  BanyanNode *node = NULL;

  if (edge == NULL)
    return FALSE;
  if (self->node != NULL && (node = qmp_draft_node (transaction, self->node, error)) == NULL)
    return FALSE;

  banyan_transaction_replace_child (transaction, edge, node);
  return TRUE;
}

static void
edge_replace_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = edge_replace_steps;
  banyan_command_class_describe (klass, "edge-replace", 0, "{}");
  qmp_require_string (klass, "edge", "Edge", "Path of the one to change: /nodes/disk0:file",
                      G_STRUCT_OFFSET (QmpEdgeReplace, edge));
  qmp_add_string (klass, "node", "Node",
                  "Where it is to lead; without one it is detached, if its role is optional",
                  G_STRUCT_OFFSET (QmpEdgeReplace, node));
}

/* -- filter-insert. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanSpec *filter; /* (owned) */
  char *edge;         /* (owned) (nullable) */
  char *above;        /* (owned) (nullable) */
} QmpFilterInsert;

QMP_DEFINE_COMMAND (QmpFilterInsert, filter_insert)

static gboolean
is_filtered (BanyanSpec *role)
{
  BanyanSpec *flags = banyan_spec_lookup (role, "flags");

  for (guint i = 0; i < banyan_spec_get_length (flags); i++)
    if (g_str_equal (banyan_spec_get_text (banyan_spec_get_item (flags, i)), "filtered"))
      return TRUE;

  return FALSE;
}

/* "file" for most, "image" for blkdebug. What is no filter is refused later on. */
static char *
dup_filtered_role (BanyanSpec *filter)
{
  const char *type = banyan_spec_lookup_text (filter, "driver");
  g_autoptr (BanyanTypeInfo) info = NULL;
  g_autoptr (BanyanSpec) description = NULL;
  BanyanSpec *roles;

  if (type != NULL)
    info
        = banyan_registry_lookup (banyan_registry_get_default (), 1u << BANYAN_PLUGIN_FILTER, type);
  if (info == NULL)
    return g_strdup ("file");

  description = banyan_type_info_describe (info);
  roles = banyan_spec_lookup (description, "roles");
  for (guint i = 0; roles != NULL && i < banyan_spec_get_length (roles); i++)
    if (is_filtered (banyan_spec_get_item (roles, i)))
      return g_strdup (
          banyan_spec_get_text (banyan_spec_lookup (banyan_spec_get_item (roles, i), "name")));

  return g_strdup ("file");
}

/* Its child is whatever the edge leads to, so the declaration has none: the mapper is given one. */
static BanyanSpec *
complete_filter (BanyanSpec *filter, BanyanNode *below)
{
  g_autofree char *role = dup_filtered_role (filter);
  g_autoptr (BanyanSpec) name = NULL;

  if (banyan_spec_lookup (filter, role) != NULL)
    return banyan_spec_ref (filter);

  name = banyan_spec_new_scalar (BANYAN_SPEC_STRING, banyan_object_get_id (BANYAN_OBJECT (below)),
                                 banyan_spec_get_origin (filter));
  return banyan_spec_with (filter, role, name);
}

static gboolean
find_place (QmpFilterInsert *self, BanyanTransaction *transaction, BanyanChild **edge,
            BanyanNode **below, GError **error)
{
  if ((self->edge == NULL) == (self->above == NULL))
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Need exactly one of 'edge' and 'above'");
      return FALSE;
    }
  if (self->above != NULL)
    return (*below = qmp_draft_node (transaction, self->above, error)) != NULL;

  *edge = qmp_draft_edge (transaction, self->edge, error);
  if (*edge == NULL)
    return FALSE;
  *below = banyan_transaction_get_edge_node (transaction, *edge);
  if (*below == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_ACTIVE,
                 "%s leads nowhere, so nothing can be inserted on it", self->edge);
  return *below != NULL;
}

static BanyanNode *
make_filter (BanyanMonitor *monitor, BanyanSpec *spec, BanyanTransaction *transaction,
             GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanMapper) mapper = banyan_transaction_new_mapper (transaction, problems);
  g_autoptr (GPtrArray) objects = NULL;

  banyan_mapper_declare (mapper, BANYAN_COLLECTION (qmp_get_collection (monitor, "nodes")), NULL,
                         NULL, spec);
  objects = banyan_mapper_build (mapper);
  if (!banyan_problems_check (problems, error))
    return NULL;

  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], NULL);
  /* What it links to comes before it; the transaction keeps it. */
  return BANYAN_NODE (objects->pdata[objects->len - 1]);
}

static gboolean
filter_insert_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                     GError **error)
{
  QmpFilterInsert *self = (QmpFilterInsert *) command;
  BanyanChild *edge = NULL;
  BanyanNode *below = NULL;
  BanyanNode *filter;
  g_autoptr (BanyanSpec) spec = NULL;

  if (!find_place (self, transaction, &edge, &below, error))
    return FALSE;

  spec = complete_filter (self->filter, below);
  filter = make_filter (monitor, spec, transaction, error);
  if (filter == NULL)
    return FALSE;

  if (edge != NULL)
    banyan_transaction_insert_on_edge (transaction, filter, edge);
  else
    banyan_transaction_insert_above (transaction, filter, below);
  return TRUE;
}

static void
filter_insert_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = filter_insert_steps;
  banyan_command_class_describe (klass, "filter-insert", 0, "{}");
  qmp_require_declaration (klass, "filter", "Filter",
                           "Declaration of the node to insert; it may leave its child out",
                           "BanyanFilter", G_STRUCT_OFFSET (QmpFilterInsert, filter));
  qmp_add_string (klass, "edge", "Edge",
                  "Path of the one to insert it on: /frontends/nbd/disk:node",
                  G_STRUCT_OFFSET (QmpFilterInsert, edge));
  qmp_add_string (klass, "above", "Above", "Node to insert it above, for all who use that",
                  G_STRUCT_OFFSET (QmpFilterInsert, above));
}

/* -- filter-remove. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *node; /* (owned) */
} QmpFilterRemove;

QMP_DEFINE_COMMAND (QmpFilterRemove, filter_remove)

static gboolean
filter_remove_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                     GError **error)
{
  BanyanNode *node = qmp_draft_node (transaction, ((QmpFilterRemove *) command)->node, error);

  if (node == NULL)
    return FALSE;

  banyan_transaction_remove_filter (transaction, node);
  return TRUE;
}

static void
filter_remove_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = filter_remove_steps;
  banyan_command_class_describe (klass, "filter-remove", 0, "{}");
  qmp_require_string (klass, "node", "Node",
                      "Which filter to take out; who used it uses its child then",
                      G_STRUCT_OFFSET (QmpFilterRemove, node));
}

/* -- child-add, child-remove: of roles that take many. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *parent; /* (owned) */
  char *role;   /* (owned) */
  char *node;   /* (owned) */
} QmpChildAdd;

QMP_DEFINE_COMMAND (QmpChildAdd, child_add)

static gboolean
child_add_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                 GError **error)
{
  QmpChildAdd *self = (QmpChildAdd *) command;
  BanyanNode *parent = qmp_draft_node (transaction, self->parent, error);
  BanyanNode *node = parent != NULL ? qmp_draft_node (transaction, self->node, error) : NULL;

  if (node == NULL)
    return FALSE;

  banyan_transaction_add_child (transaction, BANYAN_ELEMENT (parent),
                                self->role != NULL ? self->role : "children", node);
  return TRUE;
}

static void
child_add_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = child_add_steps;
  banyan_command_class_describe (klass, "child-add", 0, "{}");
  qmp_require_string (klass, "parent", "Parent", "Node that gets one more child",
                      G_STRUCT_OFFSET (QmpChildAdd, parent));
  qmp_add_string (klass, "role", "Role", "What the child is to it; without one \"children\"",
                  G_STRUCT_OFFSET (QmpChildAdd, role));
  qmp_require_string (klass, "node", "Node", "Who becomes the child",
                      G_STRUCT_OFFSET (QmpChildAdd, node));
}

typedef struct
{
  BanyanCommand parent_instance;
  char *edge; /* (owned) */
} QmpChildRemove;

QMP_DEFINE_COMMAND (QmpChildRemove, child_remove)

static gboolean
child_remove_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                    GError **error)
{
  BanyanChild *edge = qmp_draft_edge (transaction, ((QmpChildRemove *) command)->edge, error);

  if (edge == NULL)
    return FALSE;

  banyan_transaction_remove_child (transaction, edge);
  return TRUE;
}

static void
child_remove_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = child_remove_steps;
  banyan_command_class_describe (klass, "child-remove", 0, "{}");
  qmp_require_string (klass, "edge", "Edge", "Path of the one to drop: /nodes/mirror:children.1",
                      G_STRUCT_OFFSET (QmpChildRemove, edge));
}

/* -- query-changes. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryChanges;

QMP_DEFINE_COMMAND (QmpQueryChanges, query_changes)

static BanyanSpec *
query_changes_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  return banyan_graph_describe_changes (banyan_monitor_get_graph (monitor));
}

static void
query_changes_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_changes_run;
  banyan_command_class_describe (klass, "query-changes", BANYAN_COMMAND_OUT_OF_BAND, "[any]");
}
