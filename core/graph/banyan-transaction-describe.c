/* banyan-transaction-describe.c - a change as people see it while it is under way
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

static void
add_text (BanyanSpecBuilder *map, const char *key, BanyanSpecKind kind, const char *text)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_new_scalar (kind, text, &origin);

  banyan_spec_builder_add (map, key, &origin, spec);
}

static void
add_drained (BanyanSpecBuilder *map, GPtrArray *backends)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
  g_autoptr (BanyanSpec) drained = NULL;

  for (guint i = 0; i < backends->len; i++)
    {
      g_autoptr (BanyanSpec) gate = banyan_backend_describe_gate (backends->pdata[i]);

      banyan_spec_builder_add (list, NULL, NULL, gate);
    }

  drained = banyan_spec_builder_end (list);
  banyan_spec_builder_add (map, "drained", &origin, drained);
}

BanyanSpec *
banyan_transaction_describe (BanyanTransaction *self)
{
  static const char *const phases[]
      = { "queued", "prepare", "close-gates", "settle", "switch", "open-gates", "finish", "done" };
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  g_autofree char *manager = banyan_origin_to_string (&self->manager);
  g_autofree char *steps = g_strdup_printf ("%u", self->steps->len);
  g_autofree char *age
      = g_strdup_printf ("%" G_GINT64_FORMAT, (g_get_monotonic_time () - self->queued_us) / 1000);

  add_text (map, "owner", BANYAN_SPEC_STRING, manager);
  add_text (map, "phase", BANYAN_SPEC_STRING, phases[self->phase]);
  add_text (map, "age-ms", BANYAN_SPEC_NUMBER, age);
  add_text (map, "steps", BANYAN_SPEC_NUMBER, steps);
  if (self->view != NULL && self->phase >= BANYAN_PHASE_CLOSE_GATES
      && self->phase <= BANYAN_PHASE_OPEN_GATES)
    add_drained (map, self->view->backends);

  return banyan_spec_builder_end (map);
}

/* -- The graph as it would be. -- */

static void
add_built (BanyanSpecBuilder *map, const char *key, BanyanSpecBuilder *inner)
{
  g_autoptr (BanyanSpec) built = banyan_spec_builder_end (inner);

  banyan_spec_builder_add (map, key, &origin, built);
}

static void
add_permissions (BanyanSpecBuilder *map, const char *key, guint permissions)
{
  static const char *const names[] = { "consistent-read", "write", "write-unchanged", "resize" };
  BanyanSpecBuilder *list = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (permissions & (1u << i))
      add_text (list, NULL, BANYAN_SPEC_STRING, names[i]);

  add_built (map, key, list);
}

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
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  g_autofree char *path = banyan_view_edge_dup_path (edge);
  g_autofree char *node = dup_node_path (view, edge->node);

  add_text (map, "path", BANYAN_SPEC_STRING, path);
  add_text (map, "role", BANYAN_SPEC_STRING, edge->child->role);
  add_text (map, "node", BANYAN_SPEC_STRING, node);
  add_permissions (map, "used", edge->used);
  add_permissions (map, "shared", edge->shared);
  add_built (list, NULL, map);
}

/* What was declared of @object itself: its children are told as edges, its members as objects, and
 * secrets not at all. */
static void
add_declared (BanyanSpecBuilder *map, BanyanObject *object)
{
  BanyanSpecBuilder *properties = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  BanyanSpec *declaration = banyan_object_get_declaration (object);

  for (guint i = 0; declaration != NULL && i < banyan_spec_get_length (declaration); i++)
    {
      const char *key = banyan_spec_get_key (declaration, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      if (pspec != NULL && !banyan_param_is_secret (pspec) && !banyan_param_has_members (pspec)
          && banyan_param_get_role (pspec) == NULL)
        banyan_spec_builder_add (properties, key, &origin, banyan_spec_get_item (declaration, i));
    }

  add_built (map, "properties", properties);
}

static void
add_object (BanyanSpecBuilder *list, BanyanGraphView *view, BanyanViewObject *object)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  BanyanSpecBuilder *edges = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
  g_autofree char *path = banyan_view_object_dup_path (object);
  const char *type = banyan_registry_get_name_of_type (banyan_registry_get_default (),
                                                       G_OBJECT_TYPE (object->object));

  add_text (map, "path", BANYAN_SPEC_STRING, path);
  add_text (map, "id", BANYAN_SPEC_STRING, banyan_object_get_id (object->object));
  if (type != NULL)
    add_text (map, "type", BANYAN_SPEC_STRING, type);
  add_text (map, "gtype", BANYAN_SPEC_STRING, G_OBJECT_TYPE_NAME (object->object));
  if (banyan_object_is_implicit (object->object))
    add_text (map, "implicit", BANYAN_SPEC_BOOLEAN, "true");
  add_declared (map, object->object);

  for (guint i = 0; i < object->edges->len; i++)
    if (((BanyanViewEdge *) object->edges->pdata[i])->node != NULL)
      add_edge (edges, view, object->edges->pdata[i]);
  add_built (map, "edges", edges);
  add_built (list, NULL, map);
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

  list = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
  for (guint i = 0; i < view->objects->len; i++)
    {
      BanyanViewObject *object = view->objects->pdata[i];

      if (!object->is_removed)
        add_object (list, view, object);
    }

  return banyan_spec_builder_end (list);
}
