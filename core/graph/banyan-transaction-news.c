/* banyan-transaction-news.c - what a change is seen to do by those who watch the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What will be other is read off the view before the switch, which may not allocate, and told once
 * all is in force. Nothing is gathered while nobody listens. */

#include "banyan-transaction-private.h"

#include <banyan/banyan-frontend.h>
#include <banyan/banyan-node.h>

typedef struct
{
  const char *name; /* static */
  BanyanSpec *data; /* (owned) */
} News;

void
banyan_news_free (gpointer data)
{
  News *self = data;

  banyan_spec_unref (self->data);
  g_free (self);
}

static void
take_news (BanyanTransaction *self, const char *name, BanyanSpecBuilder *data)
{
  News *news = g_new0 (News, 1);

  news->name = name;
  news->data = banyan_spec_builder_end (data);
  g_ptr_array_add (self->news, news);
}

static const char *
name_type (BanyanObject *object)
{
  const char *name
      = banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (object));

  return name != NULL ? name : G_OBJECT_TYPE_NAME (object);
}

/* -- Objects that come and go. -- */

static void
gather_object (BanyanTransaction *self, BanyanViewObject *object)
{
  gboolean is_node = BANYAN_IS_NODE (object->object);
  const char *id = banyan_object_get_id (object->object);
  BanyanSpecBuilder *data = banyan_spec_builder_new_map ();
  g_autofree char *path = banyan_view_object_dup_path (object);
  g_autofree char *owner
      = banyan_origin_to_string (BANYAN_IS_ELEMENT (object->object) && object->is_added
                                     ? banyan_element_get_manager (BANYAN_ELEMENT (object->object))
                                     : &self->manager);

  banyan_spec_builder_add_string (data, "path", path);
  banyan_spec_builder_add_string (data, is_node ? "node-name" : "id", id);
  banyan_spec_builder_add_string (data, is_node ? "driver" : "type", name_type (object->object));
  banyan_spec_builder_add_string (data, "owner", owner);
  if (object->is_added)
    take_news (self, is_node ? "NODE_ADDED" : "OBJECT_ADDED", data);
  else
    take_news (self, is_node ? "NODE_REMOVED" : "OBJECT_REMOVED", data);

  /* As QEMU says it, too. */
  if (object->is_removed && BANYAN_IS_EXPORT (object->object))
    {
      data = banyan_spec_builder_new_map ();
      banyan_spec_builder_add_string (data, "id", id);
      take_news (self, "BLOCK_EXPORT_DELETED", data);
    }
}

/* -- Edges that lead elsewhere. -- */

static void
add_node (BanyanSpecBuilder *data, const char *key, BanyanGraphView *view, BanyanNode *node)
{
  BanyanViewObject *object = node != NULL ? banyan_graph_view_find (view, node) : NULL;
  g_autofree char *path = object != NULL ? banyan_view_object_dup_path (object) : NULL;

  banyan_spec_builder_add_string (data, key, path);
}

static gboolean
is_worth_telling (BanyanViewEdge *edge)
{
  if (edge->parent != NULL && edge->parent->is_removed)
    return FALSE;
  if (edge->parent != NULL && edge->parent->is_added)
    return edge->node != NULL;

  return edge->is_moved || edge->is_new || edge->is_removed;
}

/* An edge of something new led nowhere before, though it is bound by now. */
static void
gather_edge (BanyanTransaction *self, BanyanViewEdge *edge)
{
  gboolean is_fresh = edge->is_new || (edge->parent != NULL && edge->parent->is_added);
  g_autofree char *path = NULL;
  BanyanSpecBuilder *data;

  if (!is_worth_telling (edge))
    return;

  path = banyan_view_edge_dup_path (edge);
  data = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (data, "path", path);
  if (!is_fresh)
    add_node (data, "from", self->view, banyan_child_get_node (edge->child));
  if (!edge->is_removed)
    add_node (data, "to", self->view, edge->node);
  take_news (self, "EDGE_CHANGED", data);
  self->n_edges_changed++;
}

static void
gather_edges (BanyanTransaction *self, GPtrArray *edges)
{
  for (guint i = 0; i < edges->len; i++)
    gather_edge (self, edges->pdata[i]);
}

/* -- The whole. -- */

void
banyan_transaction_gather_news (BanyanTransaction *self)
{
  if (self->closes_graph || self->is_in_force || !banyan_graph_is_watched (self->graph))
    return;

  for (guint i = 0; i < self->view->objects->len; i++)
    {
      BanyanViewObject *object = self->view->objects->pdata[i];

      self->n_added += object->is_added;
      self->n_removed += object->is_removed;
      if (object->is_added != object->is_removed)
        gather_object (self, object);
      gather_edges (self, object->edges);
    }
  gather_edges (self, self->view->program_edges);
}

static void
tell_summary (BanyanTransaction *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *owner = banyan_origin_to_string (&self->manager);
  g_autoptr (BanyanSpec) data = NULL;

  banyan_spec_builder_add_string (map, "owner", owner);
  banyan_spec_builder_add_uint (map, "steps", self->steps->len);
  banyan_spec_builder_add_uint (map, "added", self->n_added);
  banyan_spec_builder_add_uint (map, "removed", self->n_removed);
  banyan_spec_builder_add_uint (map, "edges", self->n_edges_changed);
  banyan_spec_builder_add_int (map, "drained-us", self->drained_us);
  banyan_spec_builder_add_int (map, "duration-us", g_get_monotonic_time () - self->began_us);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (self->graph, "GRAPH_CHANGED", data);
}

void
banyan_transaction_tell_news (BanyanTransaction *self)
{
  if (self->closes_graph || !banyan_graph_is_watched (self->graph))
    return;

  for (guint i = 0; i < self->news->len; i++)
    {
      News *news = self->news->pdata[i];

      banyan_graph_emit_event (self->graph, news->name, news->data);
    }
  g_ptr_array_set_size (self->news, 0);
  tell_summary (self);
}

/* -- Drains. -- */

void
banyan_transaction_tell_drain (BanyanTransaction *self, gboolean begins)
{
  GPtrArray *backends = self->view->backends;
  BanyanSpecBuilder *map, *list;
  g_autofree char *owner = NULL;
  g_autoptr (BanyanSpec) data = NULL;

  if (self->closes_graph || !banyan_graph_is_watched (self->graph))
    return;

  map = banyan_spec_builder_new_map ();
  list = banyan_spec_builder_new_list ();
  owner = banyan_origin_to_string (&self->manager);
  for (guint i = 0; i < backends->len; i++)
    {
      g_autofree char *path = banyan_backend_dup_path (backends->pdata[i]);

      banyan_spec_builder_add_string (list, NULL, path);
    }
  banyan_spec_builder_add_string (map, "owner", owner);
  banyan_spec_builder_take_built (map, "gates", list);
  if (!begins)
    banyan_spec_builder_add_int (map, "drained-us", self->drained_us);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (self->graph, begins ? "DRAIN_BEGIN" : "DRAIN_END", data);
}
