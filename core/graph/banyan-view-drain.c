/* banyan-view-drain.c - what differs, and what must stand still while that is put in force
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request that is inside an edge or node that changes came from above: so the gates of all
 * backends are closed from which one gets there, in the graph as it is or as it will be. To let
 * those requests end, everything below those backends is told, since it may be what they wait
 * for. */

#include "banyan-graph-view.h"

static gboolean
leads_elsewhere (BanyanViewEdge *edge)
{
  edge->is_moved = edge->is_new || edge->is_removed || edge->node != edge->child->node;
  return edge->is_moved;
}

static gboolean
has_other_permissions (BanyanViewEdge *edge)
{
  return edge->used != edge->child->used || edge->shared != edge->child->shared;
}

static gboolean
needs_reopening (BanyanViewObject *object)
{
  for (guint i = 0; i < object->settings->len; i++)
    {
      BanyanViewSetting *setting = object->settings->pdata[i];

      if (banyan_param_get_mutability (setting->pspec) != BANYAN_MUTABLE_LIVE)
        return TRUE;
    }

  return object->resize_to != G_MAXUINT64;
}

/* -- Upwards. -- */

static void
add_backend (BanyanGraphView *self, BanyanChild *edge)
{
  if (edge->backend != NULL && edge->node != NULL
      && !g_ptr_array_find (self->backends, edge->backend, NULL))
    g_ptr_array_add (self->backends, g_object_ref (edge->backend));
}

static void
stop (GPtrArray *pending, BanyanViewObject *object)
{
  if (object->is_drained)
    return;

  object->is_drained = TRUE;
  g_ptr_array_add (pending, object);
}

static void
stop_parent (BanyanGraphView *self, GPtrArray *pending, BanyanChild *edge)
{
  add_backend (self, edge);
  if (edge->parent != NULL && banyan_graph_view_find (self, edge->parent) != NULL)
    stop (pending, banyan_graph_view_find (self, edge->parent));
}

static void
stop_above (BanyanGraphView *self, GPtrArray *pending, BanyanViewObject *object)
{
  for (guint i = 0; i < object->edges->len; i++)
    if (((BanyanViewEdge *) object->edges->pdata[i])->child->backend != NULL)
      add_backend (self, ((BanyanViewEdge *) object->edges->pdata[i])->child);

  if (BANYAN_IS_NODE (object->object))
    {
      GPtrArray *parents = banyan_node_get_parents (BANYAN_NODE (object->object));

      for (guint i = 0; i < parents->len; i++)
        stop_parent (self, pending, parents->pdata[i]);
    }

  for (guint i = 0; i < object->users->len; i++)
    stop_parent (self, pending, ((BanyanViewEdge *) object->users->pdata[i])->child);
}

/* -- Downwards, in the graph as it is. -- */

static void
note_below (BanyanElement *element, GHashTable *seen, GPtrArray *found)
{
  g_autoptr (GPtrArray) way = g_ptr_array_new ();
  GPtrArray *edges;

  /* Twice on the way: first to look at what is below, then, all of that done, to be noted. */
  g_ptr_array_add (way, element);
  while (way->len > 0)
    {
      BanyanElement *last = way->pdata[way->len - 1];
      guint state = GPOINTER_TO_UINT (g_hash_table_lookup (seen, last));

      if (state != 0)
        {
          g_ptr_array_set_size (way, way->len - 1);
          if (state == 1)
            g_ptr_array_add (found, g_object_ref (last));
          g_hash_table_insert (seen, last, GUINT_TO_POINTER (2));
          continue;
        }

      g_hash_table_insert (seen, last, GUINT_TO_POINTER (1));
      edges = banyan_element_get_edges (last);
      for (guint i = 0; i < edges->len; i++)
        {
          BanyanNode *node = ((BanyanChild *) edges->pdata[i])->node;

          if (node != NULL && !g_hash_table_contains (seen, node))
            g_ptr_array_add (way, node);
        }
    }
}

static void
note_drained (BanyanGraphView *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < self->backends->len; i++)
    {
      BanyanChild *edge = banyan_backend_get_child (self->backends->pdata[i]);

      if (edge->parent != NULL)
        note_below (edge->parent, seen, self->drained);
      else if (edge->node != NULL)
        note_below (BANYAN_ELEMENT (edge->node), seen, self->drained);
    }

  banyan_graph_view_reverse (self->drained);
}

/* -- Together. -- */

static void
find_change (GPtrArray *pending, BanyanViewObject *object)
{
  BanyanElement *element = BANYAN_ELEMENT (object->object);
  gboolean must_stop = FALSE;

  for (guint i = 0; i < object->edges->len; i++)
    {
      object->is_changed |= leads_elsewhere (object->edges->pdata[i]);
      must_stop |= has_other_permissions (object->edges->pdata[i]);
      must_stop |= ((BanyanViewEdge *) object->edges->pdata[i])->is_recounted;
    }

  object->is_changed |= object->is_reordered || object->is_told_length || needs_reopening (object)
                        || object->used != banyan_element_get_used (element)
                        || object->shared != banyan_element_get_shared (element);
  if (object->is_changed || must_stop || object->is_refreshed)
    stop (pending, object);
}

/* Nodes above one that is resized have their say on their new lengths. */
static void
change_above (BanyanViewObject *node)
{
  for (guint i = 0; i < node->users->len; i++)
    {
      BanyanViewObject *parent = ((BanyanViewEdge *) node->users->pdata[i])->parent;

      if (parent == NULL || !BANYAN_IS_NODE (parent->object) || parent->is_told_length)
        continue;
      parent->is_told_length = TRUE;
      change_above (parent);
    }
}

void
banyan_graph_view_find_changes (BanyanGraphView *self)
{
  g_autoptr (GPtrArray) pending = g_ptr_array_new ();

  for (guint i = 0; i < self->order->len; i++)
    if (((BanyanViewObject *) self->order->pdata[i])->resize_to != G_MAXUINT64)
      change_above (self->order->pdata[i]);
  for (guint i = 0; i < self->order->len; i++)
    {
      BanyanViewObject *object = self->order->pdata[i];

      if (banyan_view_object_is_kept (object) && BANYAN_IS_ELEMENT (object->object))
        find_change (pending, object);
    }
  for (guint i = 0; i < self->program_edges->len; i++)
    if (!((BanyanViewEdge *) self->program_edges->pdata[i])->is_removed
        && leads_elsewhere (self->program_edges->pdata[i]))
      add_backend (self, ((BanyanViewEdge *) self->program_edges->pdata[i])->child);

  for (guint i = 0; i < self->writers->len; i++)
    stop (pending, self->writers->pdata[i]);

  while (pending->len > 0)
    stop_above (self, pending, g_ptr_array_steal_index (pending, pending->len - 1));

  note_drained (self);
}
