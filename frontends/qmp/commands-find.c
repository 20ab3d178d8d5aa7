/* commands-find.c - objects by the names that clients give, and objects that they declare
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

G_DEFINE_QUARK (qmp - path - error - quark, qmp_path_error)

/* -- Finding. -- */

BanyanNode *
qmp_draft_node (BanyanTransaction *transaction, const char *name, GError **error)
{
  BanyanNode *node = banyan_transaction_get_node (transaction, name);

  if (node == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                 "Cannot find node-name='%s'", name);
  return node;
}

/* What is said about a path that leads nowhere is right; that the object is what is missing is what
 * clients look for. */
static void
mark_missing (GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (error == NULL || *error == NULL || (*error)->domain != BANYAN_CONFIG_ERROR)
    return;

  reason = g_steal_pointer (error);
  g_set_error_literal (error, QMP_PATH_ERROR, QMP_PATH_ERROR_NOT_FOUND, reason->message);
}

BanyanObject *
qmp_find_object (BanyanMonitor *monitor, const char *path, GError **error)
{
  BanyanObject *object
      = banyan_object_resolve (BANYAN_OBJECT (banyan_monitor_get_graph (monitor)), path, error);

  if (object == NULL)
    mark_missing (error);
  return object;
}

GParamSpec *
qmp_find_property (BanyanObject *object, const char *name, GError **error)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), name);
  g_autofree char *path = pspec == NULL ? banyan_object_dup_path (object) : NULL;

  if (pspec == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                 "%s has no property \"%s\"", path, name);
  return pspec;
}

BanyanObject *
qmp_draft_object (BanyanTransaction *transaction, const char *path, GError **error)
{
  BanyanObject *object = banyan_transaction_resolve (transaction, path, error);

  if (object == NULL)
    mark_missing (error);
  return object;
}

BanyanChild *
qmp_draft_edge (BanyanTransaction *transaction, const char *path, GError **error)
{
  BanyanChild *edge = banyan_transaction_resolve_edge (transaction, path, error);

  if (edge == NULL)
    mark_missing (error);
  return edge;
}

/* And of what belongs to it: a server's exports. */
static void
foreach_edge_of (BanyanObject *object, QmpEdgeFunc func, gpointer data)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);
  g_autoptr (GPtrArray) edges = NULL;

  if (BANYAN_IS_ELEMENT (object))
    {
      edges = banyan_element_list_children (BANYAN_ELEMENT (object));
      for (guint i = 0; i < edges->len; i++)
        if (banyan_child_get_node (edges->pdata[i]) != NULL)
          func (edges->pdata[i], data);
    }
  for (guint i = 0; i < children->len; i++)
    foreach_edge_of (children->pdata[i], func, data);
}

void
qmp_foreach_edge (BanyanMonitor *monitor, QmpEdgeFunc func, gpointer data)
{
  foreach_edge_of (BANYAN_OBJECT (banyan_monitor_get_graph (monitor)), func, data);
}

BanyanObject *
qmp_get_collection (BanyanMonitor *monitor, const char *name)
{
  return banyan_object_get_child (BANYAN_OBJECT (banyan_monitor_get_graph (monitor)), name);
}

char *
qmp_name_type (gpointer object)
{
  const char *name
      = banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (object));

  return g_strdup (name != NULL ? name : G_OBJECT_TYPE_NAME (object));
}

/* -- Declaring. -- */

static gboolean
add_built (BanyanMapper *mapper, BanyanProblems *problems, BanyanObject *owner,
           BanyanTransaction *transaction, GError **error)
{
  g_autoptr (GPtrArray) objects = banyan_mapper_build (mapper);

  if (!banyan_problems_check (problems, error))
    return FALSE;

  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], owner);
  return TRUE;
}

gboolean
qmp_add_declared (BanyanMonitor *monitor, const char *collection, BanyanSpec *spec,
                  BanyanTransaction *transaction, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanMapper) mapper = banyan_transaction_new_mapper (transaction, problems);

  banyan_mapper_declare (mapper, BANYAN_COLLECTION (qmp_get_collection (monitor, collection)), NULL,
                         NULL, spec);
  return add_built (mapper, problems, NULL, transaction, error);
}

gboolean
qmp_add_member (BanyanObject *owner, const char *property, const char *id, BanyanSpec *spec,
                BanyanTransaction *transaction, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanMapper) mapper = banyan_transaction_new_mapper (transaction, problems);

  banyan_mapper_declare_member (mapper, owner, property, id, spec);
  return add_built (mapper, problems, owner, transaction, error);
}

/* -- Values. -- */

void
qmp_get_value (BanyanObject *object, GParamSpec *pspec, GValue *value)
{
  g_value_init (value, pspec->value_type);
  if (pspec->flags & G_PARAM_READABLE) /* a secret is not */
    g_object_get_property (G_OBJECT (object), pspec->name, value);
}

BanyanSpec *
qmp_write_value (GParamSpec *pspec, const GValue *value)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

  return banyan_param_value_to_spec (pspec, value, &origin);
}

BanyanSpec *
qmp_describe_value (BanyanObject *object, GParamSpec *pspec)
{
  g_auto (GValue) value = G_VALUE_INIT;

  qmp_get_value (object, pspec, &value);
  return qmp_write_value (pspec, &value);
}
