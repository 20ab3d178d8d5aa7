/* banyan-transaction-draft.c - names as the steps of a transaction so far would leave them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who puts a transaction together step by step names what earlier steps made, and does not find
 * what they took away. Steps refer to objects and edges themselves, so what a name means is settled
 * when the step is added; whether the whole is right is for the view of the commit. */

#include "banyan-transaction-private.h"

#include "banyan-mapper-private.h"

#include <string.h>

void
banyan_transaction_drop_draft (BanyanTransaction *self)
{
  g_clear_pointer (&self->draft, banyan_graph_view_free);
  self->n_drafted = 0;
}

/* NULL where the graph is all that there is. */
static BanyanGraphView *
get_draft (BanyanTransaction *self)
{
  g_return_val_if_fail (self->graph != NULL, NULL);

  if (self->draft != NULL && self->draft_age != banyan_graph_get_age (self->graph))
    banyan_transaction_drop_draft (self);
  if (self->steps->len == 0)
    return NULL;

  if (self->draft == NULL)
    {
      /* What is wrong with a step is told when all are there. */
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();

      self->draft = banyan_graph_view_new_draft (self->graph, problems);
      self->draft_age = banyan_graph_get_age (self->graph);
    }
  for (; self->n_drafted < self->steps->len; self->n_drafted++)
    banyan_graph_view_apply (self->draft, self->steps->pdata[self->n_drafted]);
  return self->draft;
}

/**
 * banyan_transaction_list_children:
 * @self: a transaction
 * @parent: an object
 *
 * Returns: (transfer container) (element-type BanyanObject): the children that @parent has once the
 *   steps so far are done
 */
GPtrArray *
banyan_transaction_list_children (BanyanTransaction *self, BanyanObject *parent)
{
  BanyanGraphView *draft;
  GPtrArray *children;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (BANYAN_IS_OBJECT (parent), NULL);

  draft = get_draft (self);
  if (draft == NULL)
    return banyan_object_list_children (parent);

  children = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < draft->objects->len; i++)
    {
      BanyanViewObject *child = draft->objects->pdata[i];

      if (child->parent == parent && !child->is_removed)
        g_ptr_array_add (children, g_object_ref (child->object));
    }
  return children;
}

/* -- Objects. -- */

/* Whether @path is that of the object, or the end of it. */
static gboolean
is_meant (const char *whole, const char *path)
{
  gsize length = strlen (whole), wanted = strlen (path);

  if (path[0] == '/' || wanted >= length)
    return strcmp (whole, path) == 0;

  return strcmp (whole + length - wanted, path) == 0 && whole[length - wanted - 1] == '/';
}

/* What is new, or has another name: the rest is the graph's to find. */
static BanyanObject *
find_new (BanyanGraphView *draft, const char *path)
{
  for (guint i = 0; i < draft->objects->len; i++)
    {
      BanyanViewObject *object = draft->objects->pdata[i];
      g_autofree char *whole = NULL;

      if (object->is_removed || (!object->is_added && object->new_id == NULL))
        continue;
      whole = banyan_view_object_dup_new_path (object);
      if (is_meant (whole, path))
        return object->object;
    }
  return NULL;
}

static gboolean
is_gone (BanyanGraphView *draft, BanyanObject *object)
{
  BanyanViewObject *known = banyan_graph_view_find (draft, object);

  return known != NULL && (known->is_removed || known->new_id != NULL);
}

/**
 * banyan_transaction_resolve:
 * @self: a transaction
 * @path: a path ("/nodes/disk0"), or the end of one ("disk0", "nodes/disk0")
 * @error: where to put the error, or %NULL
 *
 * Finds an object by what it is called once the steps so far are done.
 *
 * Returns: (transfer none): the object, or %NULL with @error
 */
BanyanObject *
banyan_transaction_resolve (BanyanTransaction *self, const char *path, GError **error)
{
  BanyanGraphView *draft;
  BanyanObject *object;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  draft = get_draft (self);
  object = draft != NULL ? find_new (draft, path) : NULL;
  if (object != NULL)
    return object;

  object = banyan_object_resolve (BANYAN_OBJECT (self->graph), path, error);
  if (object == NULL || draft == NULL || !is_gone (draft, object))
    return object;

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
               "there is no \"%s\" any more once the steps before are done", path);
  return NULL;
}

/**
 * banyan_transaction_get_node:
 * @self: a transaction
 * @id: a node's id, or its path
 *
 * Returns: (transfer none) (nullable): what is called so once the steps so far are done
 */
BanyanNode *
banyan_transaction_get_node (BanyanTransaction *self, const char *id)
{
  g_autofree char *path = NULL;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  path = g_str_has_prefix (id, "/nodes/") ? g_strdup (id) : g_strconcat ("/nodes/", id, NULL);
  return (BanyanNode *) banyan_transaction_resolve (self, path, NULL);
}

/* -- Edges. -- */

static BanyanChild *
find_new_edge (BanyanTransaction *self, BanyanObject *object, const char *role)
{
  BanyanGraphView *draft = get_draft (self);
  BanyanViewObject *known = draft != NULL ? banyan_graph_view_find (draft, object) : NULL;

  for (guint i = 0; known != NULL && i < known->edges->len; i++)
    {
      BanyanViewEdge *edge = known->edges->pdata[i];

      if (edge->is_new && !edge->is_removed && g_str_equal (edge->child->role, role))
        return edge->child;
    }
  return NULL;
}

/**
 * banyan_transaction_resolve_edge:
 * @self: a transaction
 * @path: "/nodes/disk0:file", "disk0:file"
 * @error: where to put the error, or %NULL
 *
 * Finds an edge, of what there is once the steps so far are done. An edge that a step adds to a
 * role that takes many has the number after the highest that the others have ("children.3"); where
 * another change comes before this one's commit, it is still the one that is meant.
 *
 * Returns: (transfer none): the edge, or %NULL with @error
 */
BanyanChild *
banyan_transaction_resolve_edge (BanyanTransaction *self, const char *path, GError **error)
{
  const char *colon = path != NULL ? strrchr (path, ':') : NULL;
  g_autofree char *object_path = NULL;
  BanyanObject *object;
  BanyanChild *edge;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  object_path = colon != NULL ? g_strndup (path, colon - path) : g_strdup (path);
  object = banyan_transaction_resolve (self, object_path, error);
  if (object == NULL)
    return NULL;

  edge = colon != NULL ? find_new_edge (self, object, colon + 1) : NULL;
  return edge != NULL ? edge
                      : banyan_graph_pick_edge (object, colon != NULL ? colon + 1 : NULL, error);
}

/**
 * banyan_transaction_get_edge_node:
 * @self: a transaction
 * @edge: an edge
 *
 * Returns: (transfer none) (nullable): where @edge leads to once the steps so far are done
 */
BanyanNode *
banyan_transaction_get_edge_node (BanyanTransaction *self, BanyanChild *edge)
{
  BanyanGraphView *draft;
  BanyanViewEdge *known;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (edge != NULL, NULL);

  draft = get_draft (self);
  known = draft != NULL ? banyan_graph_view_find_edge (draft, edge) : NULL;
  return known != NULL ? known->node : edge->node;
}

/* -- Declarations. -- */

/**
 * banyan_transaction_new_mapper:
 * @self: a transaction, to which no step is added while the mapper is used
 * @problems: where to report what is wrong
 *
 * Makes a mapper for declarations that become steps of @self: links lead to what there is once the
 * steps so far are done, and ids are free that they gave up.
 *
 * Returns: (transfer full): a mapper
 */
BanyanMapper *
banyan_transaction_new_mapper (BanyanTransaction *self, BanyanProblems *problems)
{
  BanyanGraphView *draft;
  BanyanMapper *mapper;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  draft = get_draft (self);
  mapper = banyan_mapper_new (BANYAN_ROOT (self->graph), NULL, problems);
  if (draft != NULL)
    banyan_mapper_set_candidates (mapper, banyan_graph_view_get_names (draft));
  return mapper;
}
