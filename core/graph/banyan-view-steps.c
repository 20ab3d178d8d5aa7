/* banyan-view-steps.c - what each step of a transaction does to the view
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-view-private.h"

#include "banyan-node-private.h"

static void refuse (BanyanGraphView *self, BanyanConfigError code, BanyanObject *object,
                    const char *format, ...) G_GNUC_PRINTF (4, 5);

static void
refuse (BanyanGraphView *self, BanyanConfigError code, BanyanObject *object, const char *format,
        ...)
{
  BanyanViewObject *known = object != NULL ? banyan_graph_view_find (self, object) : NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  path = known != NULL ? banyan_view_object_dup_path (known) : banyan_object_dup_name (object);
  banyan_problems_add (self->problems, code, NULL, NULL, "%s %s", path, text);
}

/* The object as the view has it; a problem where it is not in the graph, or leaves it. */
static BanyanViewObject *
find_kept (BanyanGraphView *self, gpointer object)
{
  BanyanViewObject *found = banyan_graph_view_find (self, object);

  if (found != NULL && !found->is_removed)
    return found;

  refuse (self, BANYAN_CONFIG_ERROR_STATE, object,
          found != NULL ? "is removed by the same transaction" : "is not open in this graph");
  return NULL;
}

static BanyanViewEdge *
find_edge (BanyanGraphView *self, BanyanChild *child)
{
  BanyanViewEdge *edge = banyan_graph_view_find_edge (self, child);

  /* A program's edge that leads nowhere yet is known to nobody. */
  if (edge == NULL && child->parent == NULL)
    return banyan_view_edge_new (self, NULL, child);
  if (edge != NULL && !edge->is_removed && (edge->parent == NULL || !edge->parent->is_removed))
    return edge;

  if (child->parent != NULL && banyan_graph_view_find (self, child->parent) != NULL)
    refuse (self, BANYAN_CONFIG_ERROR_STATE, BANYAN_OBJECT (child->parent),
            "has no edge \"%s\" any more", child->role);
  else if (child->parent != NULL)
    refuse (self, BANYAN_CONFIG_ERROR_STATE, BANYAN_OBJECT (child->parent),
            "is not open in this graph, so its edge \"%s\" cannot change", child->role);
  return NULL;
}

/* -- Adding and removing. -- */

static void
add_members (BanyanGraphView *self, BanyanObject *owner)
{
  g_autoptr (GPtrArray) members = banyan_object_list_members (owner);

  for (guint i = 0; i < members->len; i++)
    {
      BanyanObject *parent = banyan_object_get_parent (members->pdata[i]);

      if (parent == NULL || parent == owner)
        banyan_graph_view_add (self, members->pdata[i], owner);
      else
        refuse (self, BANYAN_CONFIG_ERROR_STATE, members->pdata[i],
                "belongs to another object already");
    }
}

void
banyan_graph_view_add (BanyanGraphView *self, BanyanObject *object, BanyanObject *parent)
{
  g_autoptr (GPtrArray) children = NULL;

  if (banyan_graph_view_find (self, object) != NULL)
    {
      if (!banyan_graph_view_find (self, object)->is_added)
        refuse (self, BANYAN_CONFIG_ERROR_STATE, object, "is open already");
      return;
    }
  if (banyan_object_get_state (object) != BANYAN_OBJECT_CONSTRUCTED)
    {
      refuse (self, BANYAN_CONFIG_ERROR_STATE, object, "is closed and stays so; make a new one");
      return;
    }
  if (banyan_object_get_id (object) == NULL)
    {
      refuse (self, BANYAN_CONFIG_ERROR_MISSING, object, "has no id; make it with one");
      return;
    }

  banyan_view_object_new (self, object, parent)->is_added = TRUE;
  children = banyan_object_list_children (object);
  for (guint i = 0; i < children->len; i++)
    banyan_graph_view_add (self, children->pdata[i], object);
  add_members (self, object);
}

static void
apply_add (BanyanGraphView *self, BanyanStep *step)
{
  BanyanObject *parent = step->other;

  if (parent == NULL)
    parent = banyan_object_get_parent (step->object);
  if (parent == NULL)
    parent = BANYAN_OBJECT (banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph),
                                                                 G_OBJECT_TYPE (step->object)));
  if (parent == NULL)
    {
      refuse (self, BANYAN_CONFIG_ERROR_TYPE, step->object,
              "is of a type that no collection takes");
      return;
    }

  banyan_graph_view_add (self, step->object, parent);
}

static void
remove_whole (BanyanGraphView *self, BanyanViewObject *object)
{
  object->is_removed = TRUE;
  g_clear_pointer (&self->names, g_hash_table_unref);

  for (guint i = 0; i < object->parts->len; i++)
    {
      BanyanViewObject *part = object->parts->pdata[i];

      self->n_visits++;
      if (!part->is_removed)
        remove_whole (self, part);
    }
}

/* A graph that closes closes its programs' backends, too. */
static void
remove_everything (BanyanGraphView *self)
{
  for (guint i = 0; i < self->objects->len; i++)
    ((BanyanViewObject *) self->objects->pdata[i])->is_removed = TRUE;
  for (guint i = 0; i < self->program_edges->len; i++)
    ((BanyanViewEdge *) self->program_edges->pdata[i])->is_removed = TRUE;
}

static void
apply_remove (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *object;

  if (step->object == BANYAN_OBJECT (self->graph))
    {
      remove_everything (self);
      return;
    }

  object = find_kept (self, step->object);
  if (object != NULL)
    remove_whole (self, object);
}

static void
apply_rename (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *object = find_kept (self, step->object);

  if (object == NULL)
    return;
  if (!BANYAN_IS_COLLECTION (object->parent))
    refuse (self, BANYAN_CONFIG_ERROR_STATE, step->object,
            "is a part of another object, and keeps its id");
  else if (!banyan_id_is_well_formed (step->key))
    refuse (self, BANYAN_CONFIG_ERROR_SYNTAX, step->object,
            "cannot be called \"%s\": an id is a letter, then letters, digits, '-', '.' and '_'",
            step->key);

  g_clear_pointer (&object->new_id, g_free);
  if (!g_str_equal (step->key, banyan_object_get_id (step->object)))
    object->new_id = g_strdup (step->key);
  object->is_implicit = step->is_on;
  g_clear_pointer (&self->names, g_hash_table_unref);
}

/* -- Edges. -- */

static gboolean
is_member_of (BanyanViewEdge *edge, const char *role)
{
  gsize length = strlen (role);

  return strncmp (edge->child->role, role, length) == 0 && edge->child->role[length] == '.'
         && !edge->is_removed && edge->node != NULL;
}

/* Rules of the class see the list as it will be. */
static void
note_members (BanyanViewObject *parent, const char *role)
{
  g_autofree GValue *members = g_new0 (GValue, parent->edges->len + 1);
  g_auto (GValue) value = G_VALUE_INIT;
  guint n = 0;

  for (guint i = 0; i < parent->edges->len; i++)
    {
      BanyanViewEdge *edge = parent->edges->pdata[i];

      if (!is_member_of (edge, role))
        continue;
      g_value_init (&members[n], BANYAN_TYPE_OBJECT);
      g_value_set_object (&members[n++], edge->node);
    }

  g_value_init (&value, BANYAN_TYPE_LIST);
  g_value_take_boxed (&value, banyan_list_new (BANYAN_TYPE_OBJECT, members, n));
  banyan_proposal_set (banyan_view_object_get_proposal (parent), role, &value, NULL);
  for (guint i = 0; i < n; i++)
    g_value_unset (&members[i]);
}

static void
note_role (BanyanGraphView *self, BanyanViewEdge *edge)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (edge->parent == NULL)
    return;
  if (edge->child->role_flags & BANYAN_CHILD_MANY)
    {
      g_autofree char *role = g_strndup (edge->child->role, strcspn (edge->child->role, "."));

      note_members (edge->parent, role);
      return;
    }

  g_value_init (&value, BANYAN_TYPE_OBJECT);
  g_value_set_object (&value, edge->node);
  banyan_proposal_set (banyan_view_object_get_proposal (edge->parent), edge->child->role, &value,
                       NULL);
}

static void
lead (BanyanGraphView *self, BanyanViewEdge *edge, BanyanNode *node)
{
  edge->node = node;
  note_role (self, edge);
}

static void
apply_replace (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewEdge *edge = find_edge (self, step->edge);

  if (edge != NULL && (step->other == NULL || find_kept (self, step->other) != NULL))
    lead (self, edge, (BanyanNode *) step->other);
}

/* The edge by which @node shows another node's data. */
static BanyanViewEdge *
find_filtered (BanyanGraphView *self, gpointer node)
{
  BanyanViewObject *object = find_kept (self, node);

  if (object == NULL)
    return NULL;

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (edge->child->role_flags & BANYAN_CHILD_FILTERED)
        return edge;
    }

  refuse (self, BANYAN_CONFIG_ERROR_TYPE, object->object, "is no filter");
  return NULL;
}

static BanyanViewEdge *
find_free_filtered (BanyanGraphView *self, gpointer filter, BanyanNode *below)
{
  BanyanViewEdge *edge = find_filtered (self, filter);

  if (edge == NULL || edge->node == NULL || edge->node == below)
    return edge;

  refuse (self, BANYAN_CONFIG_ERROR_CONFLICT, BANYAN_OBJECT (filter),
          "filters %s already, so it cannot be inserted elsewhere",
          banyan_object_get_id (BANYAN_OBJECT (edge->node)));
  return NULL;
}

static void
apply_insert_on_edge (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewEdge *edge = find_edge (self, step->edge);
  BanyanViewEdge *filtered;

  if (edge == NULL)
    return;

  filtered = find_free_filtered (self, step->other, edge->node);
  if (filtered == NULL)
    return;

  lead (self, filtered, edge->node);
  lead (self, edge, (BanyanNode *) step->other);
}

static void
lead_all (BanyanGraphView *self, GPtrArray *edges, BanyanNode *from, BanyanNode *to)
{
  for (guint i = 0; i < edges->len; i++)
    {
      BanyanViewEdge *edge = edges->pdata[i];

      if (edge->node == from && !edge->is_removed)
        lead (self, edge, to);
    }
}

/* All edges that lead to @from, but those of @except. */
static void
redirect (BanyanGraphView *self, BanyanNode *from, BanyanNode *to, BanyanObject *except)
{
  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      if (object->object != except && !object->is_removed)
        lead_all (self, object->edges, from, to);
    }

  lead_all (self, self->program_edges, from, to);
}

static void
apply_insert_above (BanyanGraphView *self, BanyanStep *step)
{
  BanyanNode *node = (BanyanNode *) step->other;
  BanyanNode *filter = (BanyanNode *) step->object;
  BanyanViewEdge *filtered;

  if (find_kept (self, node) == NULL)
    return;
  filtered = find_free_filtered (self, filter, node);
  if (filtered == NULL)
    return;

  redirect (self, node, filter, BANYAN_OBJECT (filter));
  lead (self, filtered, node);
}

static void
apply_remove_filter (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewEdge *filtered = find_filtered (self, step->object);

  if (filtered == NULL)
    return;

  redirect (self, (BanyanNode *) step->object, filtered->node, step->object);
  remove_whole (self, banyan_graph_view_find (self, step->object));
}

/* The edge belongs to the step, whose successors may have been given it. The name that it had when
 * they were may have been taken since, by another change. */
static void
add_member (BanyanGraphView *self, BanyanViewObject *parent, const char *role, BanyanStep *step)
{
  BanyanViewEdge *edge;
  g_autofree char *name = NULL;
  guint next = 0;

  /* A name is not used again while others may mean the old one. */
  for (guint i = 0; i < parent->edges->len; i++)
    {
      BanyanChild *child = ((BanyanViewEdge *) parent->edges->pdata[i])->child;

      if (g_str_has_prefix (child->role, role) && child->role[strlen (role)] == '.')
        next = MAX (next, 1 + (guint) g_ascii_strtoull (child->role + strlen (role) + 1, NULL, 10));
    }

  name = g_strdup_printf ("%s.%u", role, next);
  if (step->edge == NULL)
    step->edge = banyan_element_make_edge (BANYAN_ELEMENT (parent->object), name);
  else
    banyan_child_set_role (step->edge, name);
  edge = banyan_view_edge_new (self, parent, banyan_child_ref (step->edge));
  edge->is_new = TRUE;
  lead (self, edge, (BanyanNode *) step->other);
}

static void
apply_add_child (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *parent = find_kept (self, step->object);
  const BanyanRole *role;

  if (parent == NULL || find_kept (self, step->other) == NULL)
    return;

  role = banyan_element_class_find_role (BANYAN_ELEMENT_GET_CLASS (parent->object), step->key);
  if (role == NULL || !(role->flags & BANYAN_CHILD_MANY))
    refuse (self, BANYAN_CONFIG_ERROR_UNKNOWN_KEY, step->object,
            "has no role \"%s\" that takes many children", step->key);
  else
    add_member (self, parent, role->name, step);
}

static void
apply_remove_child (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewEdge *edge = find_edge (self, step->edge);

  if (edge != NULL && edge->child->role_flags & BANYAN_CHILD_MANY)
    {
      edge->is_removed = TRUE;
      note_role (self, edge);
    }
  else if (edge != NULL)
    lead (self, edge, NULL);
}

GParamSpec *
banyan_node_find_length_property (BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_get_mutability (pspecs[i]) == BANYAN_MUTABLE_RESIZE)
      return pspecs[i];
  return NULL;
}

/* Who asks for its length afterwards, or starts from an export, sees the new one. */
static void
apply_resize (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *node = find_kept (self, step->object);
  GParamSpec *property;

  if (node == NULL)
    return;

  property = banyan_node_find_length_property (step->object);
  if (property == NULL)
    {
      node->resize_to = step->length;
      return;
    }

  BanyanStep set = { .kind = BANYAN_STEP_SET,
                     .object = step->object,
                     .key = (char *) property->name,
                     .value = step->value };
  banyan_graph_view_apply (self, &set);
}

/* A node that has gone has no limits any more. */
static void
apply_refresh (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *node = banyan_graph_view_find (self, step->object);

  if (node != NULL)
    node->is_refreshed = TRUE;
}

static void
apply_count (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewEdge *edge = find_edge (self, step->edge);

  if (edge == NULL)
    return;
  if (edge->child->backend != NULL)
    {
      g_autofree char *path = banyan_view_edge_dup_path (edge);

      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_STATE, NULL, NULL,
                           "%s is a backend, which always counts", path);
      return;
    }

  edge->is_recounted = step->is_on != (edge->child->statistics != NULL);
  g_clear_pointer (&edge->statistics, g_free);
  if (edge->is_recounted && step->is_on)
    edge->statistics = g_new0 (BanyanStatistics, 1);
}

void
banyan_graph_view_apply (BanyanGraphView *self, BanyanStep *step)
{
  static void (*const apply[]) (BanyanGraphView *, BanyanStep *) = {
    [BANYAN_STEP_ADD] = apply_add,
    [BANYAN_STEP_REMOVE] = apply_remove,
    [BANYAN_STEP_RENAME] = apply_rename,
    [BANYAN_STEP_REPLACE_CHILD] = apply_replace,
    [BANYAN_STEP_INSERT_ON_EDGE] = apply_insert_on_edge,
    [BANYAN_STEP_INSERT_ABOVE] = apply_insert_above,
    [BANYAN_STEP_REMOVE_FILTER] = apply_remove_filter,
    [BANYAN_STEP_SET] = banyan_graph_view_apply_set,
    [BANYAN_STEP_ADD_CHILD] = apply_add_child,
    [BANYAN_STEP_REMOVE_CHILD] = apply_remove_child,
    [BANYAN_STEP_RESIZE] = apply_resize,
    [BANYAN_STEP_REFRESH] = apply_refresh,
    [BANYAN_STEP_COUNT] = apply_count,
  };

  apply[step->kind](self, step);
}
