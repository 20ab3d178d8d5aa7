/* banyan-graph-view.c - the graph as a transaction would leave it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-view-private.h"

static void
free_setting (gpointer data)
{
  BanyanViewSetting *self = data;

  g_value_unset (&self->value);
  banyan_spec_unref (self->spec);
  g_free (self);
}

static void
free_edge (gpointer data)
{
  BanyanViewEdge *self = data;

  if (self->is_new)
    banyan_child_unref (self->child);
  g_free (self->statistics);
  g_clear_pointer (&self->implied, banyan_spec_unref);
  g_free (self);
}

static void
free_object (gpointer data)
{
  BanyanViewObject *self = data;

  g_ptr_array_unref (self->edges);
  g_ptr_array_unref (self->users);
  g_ptr_array_unref (self->parts);
  g_ptr_array_unref (self->resets);
  g_free (self->new_id);
  g_free (self->identity);
  g_ptr_array_unref (self->settings);
  g_clear_pointer (&self->proposal, banyan_proposal_free);
  g_object_unref (self->object);
  g_free (self);
}

void
banyan_graph_view_free (BanyanGraphView *self)
{
  g_hash_table_unref (self->by_object);
  g_clear_pointer (&self->names, g_hash_table_unref);
  g_hash_table_unref (self->by_child);
  g_ptr_array_unref (self->order);
  g_ptr_array_unref (self->backends);
  g_ptr_array_unref (self->drained);
  g_ptr_array_unref (self->writers);
  g_ptr_array_unref (self->program_edges);
  g_ptr_array_unref (self->objects);
  banyan_problems_unref (self->problems);
  g_free (self);
}

BanyanViewObject *
banyan_graph_view_find (BanyanGraphView *self, gpointer object)
{
  return g_hash_table_lookup (self->by_object, object);
}

BanyanViewEdge *
banyan_graph_view_find_edge (BanyanGraphView *self, BanyanChild *child)
{
  return g_hash_table_lookup (self->by_child, child);
}

BanyanProposal *
banyan_view_object_get_proposal (BanyanViewObject *self)
{
  if (self->proposal == NULL)
    self->proposal = banyan_proposal_new (self->object);

  return self->proposal;
}

const char *
banyan_view_object_get_id (BanyanViewObject *self)
{
  return self->new_id != NULL ? self->new_id : banyan_object_get_id (self->object);
}

/* What has gone is not to be found, nor its id taken; one that comes may have it. */
static void
note_lost_names (BanyanGraphView *self)
{
  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];
      char *path = NULL;

      if (!object->is_added && (object->is_removed || object->new_id != NULL))
        path = banyan_object_dup_path (object->object);
      if (path != NULL)
        g_hash_table_insert (self->names, g_strdup (path + 1), NULL);
      g_free (path);
    }
}

GHashTable *
banyan_graph_view_get_names (BanyanGraphView *self)
{
  if (self->names == NULL)
    {
      self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      note_lost_names (self);
      self->n_named = 0;
    }

  for (; self->n_named < self->objects->len; self->n_named++)
    {
      BanyanViewObject *object = self->objects->pdata[self->n_named];

      if ((object->is_added || object->new_id != NULL) && !object->is_removed
          && BANYAN_IS_COLLECTION (object->parent))
        g_hash_table_insert (self->names,
                             g_strdup_printf ("%s/%s", banyan_object_get_id (object->parent),
                                              banyan_view_object_get_id (object)),
                             object->object);
    }
  return self->names;
}

char *
banyan_view_object_dup_new_path (BanyanViewObject *self)
{
  BanyanViewObject *parent = banyan_graph_view_find (self->view, self->parent);
  g_autofree char *above = parent != NULL ? banyan_view_object_dup_new_path (parent)
                                          : banyan_object_dup_name (self->parent);

  return g_strdup_printf ("%s/%s", above, banyan_view_object_get_id (self));
}

char *
banyan_view_object_dup_path (BanyanViewObject *self)
{
  char *path = banyan_object_dup_path (self->object);

  if (path == NULL && self->parent != NULL)
    {
      BanyanViewObject *known = banyan_graph_view_find (self->view, self->parent);
      g_autofree char *parent = known != NULL ? banyan_view_object_dup_path (known)
                                              : banyan_object_dup_name (self->parent);

      path = g_strdup_printf ("%s/%s", parent, banyan_object_get_id (self->object));
    }

  return path != NULL ? path : g_strdup (banyan_object_get_id (self->object));
}

char *
banyan_view_edge_dup_path (BanyanViewEdge *self)
{
  g_autofree char *parent = NULL;

  if (self->parent == NULL)
    return banyan_child_dup_path (self->child);

  parent = banyan_view_object_dup_path (self->parent);
  return g_strdup_printf ("%s:%s", parent, self->child->role);
}

gboolean
banyan_view_object_is_read_only (BanyanViewObject *self)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (self->object), "read-only");

  return pspec != NULL && G_IS_PARAM_SPEC_BOOLEAN (pspec)
         && g_value_get_boolean (
             banyan_proposal_get (banyan_view_object_get_proposal (self), "read-only"));
}

gboolean
banyan_view_object_is_kept (BanyanViewObject *self)
{
  return !self->is_added && !self->is_removed;
}

gboolean
banyan_graph_view_is_right (BanyanGraphView *self)
{
  return banyan_problems_get_length (self->problems) == self->n_problems_before;
}

/* Each stage relies on the one before, so the first that finds something wrong is the last; in
 * itself it finds all that it can. */
static void
build (BanyanGraphView *self)
{
  banyan_graph_view_drop_orphans (self);
  if (!banyan_graph_view_is_right (self))
    return;

  banyan_graph_view_complete (self);
  if (!banyan_graph_view_is_right (self))
    return;

  banyan_graph_view_check_ids (self);
  banyan_graph_view_check (self);
  if (!banyan_graph_view_sort (self))
    return;

  banyan_graph_view_permit (self);
  if (!banyan_graph_view_is_right (self))
    return;

  banyan_graph_view_hand_over (self);
  banyan_graph_view_find_changes (self);
}

static BanyanGraphView *
view_new (BanyanGraph *graph, BanyanProblems *problems)
{
  BanyanGraphView *self = g_new0 (BanyanGraphView, 1);

  self->graph = graph;
  self->problems = banyan_problems_ref (problems);
  self->n_problems_before = banyan_problems_get_length (problems);
  self->objects = g_ptr_array_new_with_free_func (free_object);
  self->by_object = g_hash_table_new (NULL, NULL);
  self->by_child = g_hash_table_new (NULL, NULL);
  self->program_edges = g_ptr_array_new_with_free_func (free_edge);
  self->order = g_ptr_array_new ();
  self->backends = g_ptr_array_new_with_free_func (g_object_unref);
  self->drained = g_ptr_array_new_with_free_func (g_object_unref);
  self->writers = g_ptr_array_new ();
  return self;
}

BanyanGraphView *
banyan_graph_view_new_draft (BanyanGraph *graph, BanyanProblems *problems)
{
  BanyanGraphView *self = view_new (graph, problems);

  banyan_graph_view_load (self);
  return self;
}

BanyanGraphView *
banyan_graph_view_new (BanyanGraph *graph, GPtrArray *steps, BanyanProblems *problems)
{
  BanyanGraphView *self = banyan_graph_view_new_draft (graph, problems);

  for (guint i = 0; i < steps->len; i++)
    banyan_graph_view_apply (self, steps->pdata[i]);
  build (self);

  return self;
}

static void
add_part (BanyanGraphView *self, BanyanObject *object)
{
  BanyanObject *parent = banyan_object_get_parent (object);

  if (parent == NULL)
    parent = BANYAN_OBJECT (
        banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph), G_OBJECT_TYPE (object)));
  if (parent != NULL && banyan_object_get_id (object) != NULL)
    banyan_graph_view_add (self, object, parent);
}

static void
stand_in (BanyanViewObject *self)
{
  self->is_stand_in = TRUE;
  for (guint i = 0; i < self->edges->len; i++)
    ((BanyanViewEdge *) self->edges->pdata[i])->is_removed = TRUE;
}

BanyanGraphView *
banyan_graph_view_new_part (BanyanGraph *graph, GPtrArray *objects, GHashTable *stand_ins,
                            gboolean is_alone, BanyanProblems *problems)
{
  BanyanGraphView *self
      = is_alone ? view_new (graph, problems) : banyan_graph_view_new_draft (graph, problems);

  self->is_part = TRUE;
  for (guint i = 0; i < objects->len; i++)
    add_part (self, objects->pdata[i]);
  for (guint i = 0; i < self->objects->len; i++)
    if (g_hash_table_contains (stand_ins, ((BanyanViewObject *) self->objects->pdata[i])->object))
      stand_in (self->objects->pdata[i]);

  banyan_graph_view_connect (self);
  if (banyan_graph_view_sort (self))
    banyan_graph_view_permit (self);
  return self;
}

/* What a walk has filled from below. */
void
banyan_graph_view_reverse (GPtrArray *objects)
{
  for (guint i = 0; i < objects->len / 2; i++)
    {
      gpointer first = objects->pdata[i];

      objects->pdata[i] = objects->pdata[objects->len - 1 - i];
      objects->pdata[objects->len - 1 - i] = first;
    }
}

/* -- The present graph. -- */

BanyanViewEdge *
banyan_view_edge_new (BanyanGraphView *view, BanyanViewObject *parent, BanyanChild *child)
{
  BanyanViewEdge *edge = g_new0 (BanyanViewEdge, 1);

  edge->child = child;
  edge->parent = parent;
  edge->node = child->node != NULL ? child->node : child->target;
  edge->used = child->used;
  edge->shared = child->shared;
  g_hash_table_insert (view->by_child, child, edge);
  g_ptr_array_add (parent != NULL ? parent->edges : view->program_edges, edge);
  return edge;
}

BanyanViewObject *
banyan_view_object_new (BanyanGraphView *view, BanyanObject *object, BanyanObject *parent)
{
  BanyanViewObject *owner = banyan_graph_view_find (view, parent);
  BanyanViewObject *self = g_new0 (BanyanViewObject, 1);

  self->view = view;
  self->object = g_object_ref (object);
  self->parent = parent;
  self->edges = g_ptr_array_new_with_free_func (free_edge);
  self->users = g_ptr_array_new ();
  self->parts = g_ptr_array_new ();
  if (owner != NULL)
    g_ptr_array_add (owner->parts, self);
  self->settings = g_ptr_array_new_with_free_func (free_setting);
  self->resets = g_ptr_array_new ();
  self->is_implicit = banyan_object_is_implicit (object);
  self->shared = BANYAN_PERMISSIONS_ALL;
  self->resize_to = G_MAXUINT64;
  g_ptr_array_add (view->objects, self);
  g_hash_table_insert (view->by_object, object, self);

  if (BANYAN_IS_ELEMENT (object))
    {
      GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (object));

      for (guint i = 0; i < edges->len; i++)
        banyan_view_edge_new (view, self, edges->pdata[i]);
    }

  return self;
}

static void
load_program_edges (BanyanGraphView *self, BanyanNode *node)
{
  GPtrArray *parents = banyan_node_get_parents (node);

  for (guint i = 0; i < parents->len; i++)
    if (((BanyanChild *) parents->pdata[i])->parent == NULL)
      banyan_view_edge_new (self, NULL, parents->pdata[i]);
}

/* What is in the tree and not open is not in the graph yet: a program put it there, and will open
 * it with a transaction of its own. */
static void
load_below (BanyanGraphView *self, BanyanObject *parent)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (parent);

  for (guint i = 0; i < children->len; i++)
    {
      BanyanObject *child = children->pdata[i];

      if (banyan_object_get_state (child) == BANYAN_OBJECT_OPEN)
        {
          banyan_view_object_new (self, child, parent);
          if (BANYAN_IS_NODE (child))
            load_program_edges (self, BANYAN_NODE (child));
        }
      load_below (self, child);
    }
}

void
banyan_graph_view_load (BanyanGraphView *self)
{
  g_autoptr (GPtrArray) collections = banyan_object_list_children (BANYAN_OBJECT (self->graph));

  for (guint i = 0; i < collections->len; i++)
    load_below (self, collections->pdata[i]);
}

/* -- Who leads where, once all steps are done. -- */

void
banyan_graph_view_connect_edge (BanyanGraphView *self, BanyanViewEdge *edge)
{
  BanyanViewObject *target;
  g_autofree char *path = NULL;

  if (edge->node == NULL || edge->is_removed || (edge->parent && edge->parent->is_removed))
    return;

  target = banyan_graph_view_find (self, edge->node);
  if (target != NULL)
    {
      g_ptr_array_add (target->users, edge);
      return;
    }
  if (self->is_part)
    {
      edge->is_removed = TRUE;
      return;
    }

  path = banyan_view_edge_dup_path (edge);
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_REFERENCE, NULL, NULL,
                       "%s would lead to %s, which is not open in this graph; add it in the same "
                       "transaction",
                       path, banyan_object_get_id (BANYAN_OBJECT (edge->node)));
}

void
banyan_graph_view_connect (BanyanGraphView *self)
{
  for (guint i = 0; i < self->objects->len; i++)
    g_ptr_array_set_size (((BanyanViewObject *) self->objects->pdata[i])->users, 0);

  for (guint i = 0; i < self->objects->len; i++)
    {
      GPtrArray *edges = ((BanyanViewObject *) self->objects->pdata[i])->edges;

      for (guint j = 0; j < edges->len; j++)
        banyan_graph_view_connect_edge (self, edges->pdata[j]);
    }

  for (guint i = 0; i < self->program_edges->len; i++)
    banyan_graph_view_connect_edge (self, self->program_edges->pdata[i]);
}

static gboolean
has_parents_now (BanyanViewObject *object)
{
  return banyan_node_get_parents (BANYAN_NODE (object->object))->len > 0;
}

/* Born inline, and without users from now on. */
static gboolean
is_orphan (BanyanGraphView *self, BanyanViewObject *object)
{
  self->n_visits++;
  return BANYAN_IS_NODE (object->object) && banyan_view_object_is_kept (object)
         && object->is_implicit && object->n_users == 0 && has_parents_now (object);
}

static void
drop_orphan (BanyanGraphView *self, BanyanViewObject *object, GPtrArray *orphans)
{
  object->is_removed = TRUE;
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      BanyanViewObject *below = edge->node != NULL && !edge->is_removed
                                    ? banyan_graph_view_find (self, edge->node)
                                    : NULL;

      if (below == NULL)
        continue;
      below->n_users--;
      if (is_orphan (self, below))
        g_ptr_array_add (orphans, below);
    }
}

/* A node that was born inline goes with its last user; then those below may have lost theirs. */
void
banyan_graph_view_drop_orphans (BanyanGraphView *self)
{
  g_autoptr (GPtrArray) orphans = g_ptr_array_new ();

  banyan_graph_view_connect (self);
  if (!banyan_graph_view_is_right (self))
    return;

  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      object->n_users = object->users->len;
      if (is_orphan (self, object))
        g_ptr_array_add (orphans, object);
    }
  if (orphans->len == 0)
    return;

  while (orphans->len > 0)
    drop_orphan (self, g_ptr_array_steal_index (orphans, orphans->len - 1), orphans);
  banyan_graph_view_connect (self);
}
