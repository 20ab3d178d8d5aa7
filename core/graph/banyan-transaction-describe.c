/* banyan-transaction-describe.c - a change as people see it while it is under way
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

static BanyanSpecBuilder *
describe_drained (GPtrArray *backends)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < backends->len; i++)
    banyan_spec_builder_take (list, NULL, banyan_backend_describe_gate (backends->pdata[i]));
  return list;
}

/* Which part the phase is at. */
static void
add_part (BanyanSpecBuilder *map, BanyanTransaction *self)
{
  BanyanPart *part;
  g_autofree char *path = NULL;

  if (self->parts == NULL || self->n_parts_done >= self->parts->len
      || (self->phase != BANYAN_PHASE_PREPARE && self->phase != BANYAN_PHASE_SETTLE))
    return;

  part = self->parts->pdata[self->n_parts_done];
  path = banyan_view_object_dup_path (part->object);
  banyan_spec_builder_add_string (map, "object", path);
  banyan_spec_builder_add_uint (map, "object-number", self->n_parts_done + 1);
  banyan_spec_builder_add_uint (map, "objects", self->parts->len);
}

BanyanSpec *
banyan_transaction_describe (BanyanTransaction *self)
{
  static const char *const phases[]
      = { "queued", "prepare", "close-gates", "settle", "switch", "open-gates", "finish", "done" };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *manager = banyan_origin_to_string (&self->manager);

  banyan_spec_builder_add_string (map, "owner", manager);
  banyan_spec_builder_add_string (map, "phase", phases[self->phase]);
  banyan_spec_builder_add_int (map, "age-ms", (g_get_monotonic_time () - self->queued_us) / 1000);
  banyan_spec_builder_add_uint (map, "timeout-ms", self->drain_timeout_ms);
  banyan_spec_builder_add_uint (map, "steps", self->steps->len);
  banyan_spec_builder_add_uint (map, "drain-timeout-ms", self->drain_timeout_ms);
  add_part (map, self);
  if (self->view == NULL || self->phase < BANYAN_PHASE_CLOSE_GATES
      || self->phase > BANYAN_PHASE_OPEN_GATES)
    return banyan_spec_builder_end (map);

  banyan_spec_builder_take_built (map, "drained", describe_drained (self->view->backends));
  if (self->gates_closed_us != 0)
    banyan_spec_builder_add_int (map, "drained-us",
                                 g_get_monotonic_time () - self->gates_closed_us);

  return banyan_spec_builder_end (map);
}

/* -- The graph as it would be. -- */

/* By path, as every object would have it. */
static char *
dup_node_path (BanyanGraphView *view, BanyanNode *node)
{
  BanyanViewObject *object = banyan_graph_view_find (view, node);

  return object != NULL ? banyan_view_object_dup_path (object)
                        : banyan_object_dup_path (BANYAN_OBJECT (node));
}

static void
add_edge (BanyanSpecBuilder *list, BanyanGraphView *view, BanyanViewEdge *edge)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *path = banyan_view_edge_dup_path (edge);
  g_autofree char *node = dup_node_path (view, edge->node);

  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "role", edge->child->role);
  banyan_spec_builder_add_string (map, "node", node);
  banyan_spec_builder_take (map, "used", banyan_permissions_to_spec (edge->used));
  banyan_spec_builder_take (map, "shared", banyan_permissions_to_spec (edge->shared));
  banyan_spec_builder_take_built (list, NULL, map);
}

/* What was declared of @object itself: its children are told as edges, its members as objects, and
 * secrets not at all. */
static void
add_declared (BanyanSpecBuilder *map, BanyanObject *object)
{
  BanyanSpecBuilder *properties = banyan_spec_builder_new_map ();
  BanyanSpec *declaration = banyan_object_get_declaration (object);

  for (guint i = 0; declaration != NULL && i < banyan_spec_get_length (declaration); i++)
    {
      const char *key = banyan_spec_get_key (declaration, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      if (pspec != NULL && !banyan_param_is_secret (pspec) && !banyan_param_has_members (pspec)
          && banyan_param_get_role (pspec) == NULL)
        banyan_spec_builder_add (properties, key, NULL, banyan_spec_get_item (declaration, i));
    }

  banyan_spec_builder_take_built (map, "properties", properties);
}

static void
add_object (BanyanSpecBuilder *list, BanyanGraphView *view, BanyanViewObject *object)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *edges = banyan_spec_builder_new_list ();
  g_autofree char *path = banyan_view_object_dup_path (object);
  const char *type = banyan_registry_get_name_of_type (banyan_registry_get_default (),
                                                       G_OBJECT_TYPE (object->object));

  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "id", banyan_object_get_id (object->object));
  banyan_spec_builder_add_string (map, "type", type);
  banyan_spec_builder_add_string (map, "gtype", G_OBJECT_TYPE_NAME (object->object));
  if (banyan_object_is_implicit (object->object))
    banyan_spec_builder_add_boolean (map, "implicit", TRUE);
  add_declared (map, object->object);

  for (guint i = 0; i < object->edges->len; i++)
    if (((BanyanViewEdge *) object->edges->pdata[i])->node != NULL)
      add_edge (edges, view, object->edges->pdata[i]);
  banyan_spec_builder_take_built (map, "edges", edges);
  banyan_spec_builder_take_built (list, NULL, map);
}

/**
 * banyan_transaction_describe_graph:
 * @self: a transaction that has not been committed
 * @problems: where to report what is wrong with it
 *
 * Tells what the graph would be like after @self, touching nothing: a list of objects, each with
 * its "path", "id", "type", "properties" (as declared) and "edges", each of which has a "path",
 * "role" and "node", and the permissions "used" and "shared".
 *
 * Returns: (transfer full) (nullable): the list; %NULL where something is wrong
 */
BanyanSpec *
banyan_transaction_describe_graph (BanyanTransaction *self, BanyanProblems *problems)
{
  g_autoptr (BanyanGraphView) view = NULL;
  BanyanSpecBuilder *list;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  view = banyan_graph_view_new (self->graph, self->steps, problems);
  if (!banyan_graph_view_is_right (view))
    return NULL;

  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < view->objects->len; i++)
    {
      BanyanViewObject *object = view->objects->pdata[i];

      if (!object->is_removed)
        add_object (list, view, object);
    }

  return banyan_spec_builder_end (list);
}
