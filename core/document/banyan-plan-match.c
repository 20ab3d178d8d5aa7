/* banyan-plan-match.c - which running object each one of a document is
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * First by id. Then by place: what an edge leads to of a pair that is found already, where both are
 * of one type, whatever they are called. Then what is left: the one object of a type that has the
 * same identifying properties (a file's name), or, where a type has none, that belongs to the same
 * declaration; so a node that moves stays open, while data is never handed to a disk that has
 * nothing to do with the one before. What has been found gives more places to look at. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

typedef struct
{
  BanyanPlan *plan;
  GHashTable *objects; /* (unowned): twin to object */
  GHashTable *twins;   /* (unowned): object to twin */
  GPtrArray *running;  /* (owned) (element-type BanyanObject): nodes */
} Match;

static gboolean
pair (Match *self, BanyanObject *twin, BanyanObject *object)
{
  if (twin == NULL || object == NULL || G_OBJECT_TYPE (twin) != G_OBJECT_TYPE (object)
      || g_hash_table_contains (self->objects, twin) || g_hash_table_contains (self->twins, object))
    return FALSE;

  g_hash_table_insert (self->objects, twin, object);
  g_hash_table_insert (self->twins, object, twin);
  return TRUE;
}

/* -- By id. -- */

static void
match_ids (Match *self, BanyanObject *twin, BanyanObject *object)
{
  g_autoptr (GPtrArray) members = banyan_object_list_children (twin);

  if (!pair (self, twin, object))
    return;
  for (guint i = 0; i < members->len; i++)
    match_ids (self, members->pdata[i],
               banyan_object_get_child (object, banyan_object_get_id (members->pdata[i])));
}

/* -- Identity. -- */

static gboolean
has_equal_value (BanyanObject *one, BanyanObject *other, GParamSpec *pspec)
{
  g_auto (GValue) first = G_VALUE_INIT;
  g_auto (GValue) second = G_VALUE_INIT;

  g_value_init (&first, pspec->value_type);
  g_value_init (&second, pspec->value_type);
  g_object_get_property (G_OBJECT (one), pspec->name, &first);
  g_object_get_property (G_OBJECT (other), pspec->name, &second);
  return banyan_value_equal (&first, &second);
}

/* @has_identity: whether the type has properties that identify. */
static gboolean
is_identical (BanyanObject *twin, BanyanObject *object, gboolean *has_identity)
{
  g_autofree GParamSpec **pspecs = NULL;
  gboolean same = TRUE;
  guint n_pspecs;

  *has_identity = FALSE;
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (twin), &n_pspecs);
  for (guint i = 0; i < n_pspecs && same; i++)
    if (banyan_param_is_identifying (pspecs[i]))
      {
        *has_identity = TRUE;
        same = has_equal_value (twin, object, pspecs[i]);
      }
  return same;
}

/* -- By place. -- */

static BanyanChild *
find_edge (BanyanElement *element, const char *role)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    if (g_str_equal (((BanyanChild *) edges->pdata[i])->role, role))
      return edges->pdata[i];
  return NULL;
}

static gboolean
match_children (Match *self, BanyanElement *twin, BanyanElement *object)
{
  GPtrArray *edges = banyan_element_get_edges (object);
  gboolean found = FALSE;

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];
      BanyanChild *other = find_edge (twin, edge->role);
      BanyanObject *below = other != NULL ? BANYAN_OBJECT (other->target) : NULL;
      gboolean has_identity;

      if (below != NULL && edge->node != NULL && !g_hash_table_contains (self->objects, below)
          && !g_hash_table_contains (self->twins, edge->node)
          && G_OBJECT_TYPE (below) == G_OBJECT_TYPE (edge->node)
          && is_identical (below, BANYAN_OBJECT (edge->node), &has_identity))
        found |= pair (self, below, BANYAN_OBJECT (edge->node));
    }
  return found;
}

static void
match_places (Match *self)
{
  gboolean again = TRUE;

  while (again)
    {
      g_autoptr (GList) twins = g_hash_table_get_keys (self->objects);

      again = FALSE;
      for (GList *each = twins; each != NULL; each = each->next)
        if (BANYAN_IS_ELEMENT (each->data))
          again
              |= match_children (self, each->data, g_hash_table_lookup (self->objects, each->data));
    }
}

/* -- What is left. -- */

/* The nearest object above that has been found; as an object that runs. */
static BanyanObject *
find_top (Match *self, BanyanObject *object, gboolean is_twin)
{
  BanyanObject *user = object;

  while ((user = banyan_object_get_first_user (user)) != NULL)
    {
      BanyanObject *found = is_twin ? g_hash_table_lookup (self->objects, user)
                            : g_hash_table_contains (self->twins, user) ? user
                                                                        : NULL;

      if (found != NULL)
        return found;
    }
  return NULL;
}

/* A disk of another length somewhere else is another disk. */
static gboolean
is_as_long (BanyanObject *twin, BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  gboolean same = TRUE;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (twin), &n_pspecs);
  for (guint i = 0; i < n_pspecs && same; i++)
    if (banyan_param_get_mutability (pspecs[i]) == BANYAN_MUTABLE_RESIZE)
      same = has_equal_value (twin, object, pspecs[i]);
  return same;
}

static gboolean
may_be (Match *self, BanyanObject *twin, BanyanObject *object)
{
  gboolean has_identity;
  BanyanObject *top;

  if (G_OBJECT_TYPE (twin) != G_OBJECT_TYPE (object) || !is_identical (twin, object, &has_identity))
    return FALSE;
  if (has_identity)
    return TRUE;
  if (!is_as_long (twin, object))
    return FALSE;

  top = find_top (self, twin, TRUE);
  return top != NULL && top == find_top (self, object, FALSE);
}

static BanyanObject *
find_only_object (Match *self, BanyanObject *twin)
{
  BanyanObject *found = NULL;

  for (guint i = 0; i < self->running->len; i++)
    {
      BanyanObject *object = self->running->pdata[i];

      if (g_hash_table_contains (self->twins, object) || !may_be (self, twin, object))
        continue;
      if (found != NULL)
        return NULL;
      found = object;
    }
  return found;
}

static gboolean
is_only_twin (Match *self, BanyanObject *twin, BanyanObject *object)
{
  for (guint i = 0; i < self->plan->twins->len; i++)
    {
      BanyanObject *other = self->plan->twins->pdata[i];

      if (other != twin && !g_hash_table_contains (self->objects, other)
          && may_be (self, other, object))
        return FALSE;
    }
  return TRUE;
}

static gboolean
match_rest (Match *self)
{
  gboolean found = FALSE;

  for (guint i = 0; i < self->plan->twins->len; i++)
    {
      BanyanObject *twin = self->plan->twins->pdata[i];
      BanyanObject *object;

      if (!BANYAN_IS_NODE (twin) || g_hash_table_contains (self->objects, twin))
        continue;

      object = find_only_object (self, twin);
      if (object != NULL && is_only_twin (self, twin, object))
        found |= pair (self, twin, object);
    }
  return found;
}

/* -- Together. -- */

static BanyanObject *
find_by_id (BanyanPlan *self, BanyanObject *twin)
{
  BanyanCollection *collection
      = banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph), G_OBJECT_TYPE (twin));

  return banyan_object_get_child (BANYAN_OBJECT (collection), banyan_object_get_id (twin));
}

BanyanObject *
banyan_plan_find_target (BanyanPlan *self, GParamSpec *pspec, const char *id)
{
  GType type = g_type_from_name (banyan_param_get_link_target (pspec));
  BanyanCollection *collection
      = type != G_TYPE_INVALID
            ? banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph), type)
            : NULL;

  return collection != NULL ? banyan_object_get_child (BANYAN_OBJECT (collection), id) : NULL;
}

/* What another manager made is no document's to take over. */
static GPtrArray *
list_running (BanyanPlan *self)
{
  GPtrArray *running = banyan_object_list_children (
      banyan_object_get_child (BANYAN_OBJECT (self->graph), "nodes"));

  for (guint i = running->len; i-- > 0;)
    if (banyan_element_get_manager (running->pdata[i])->kind != BANYAN_ORIGIN_DOCUMENT)
      g_ptr_array_remove_index (running, i);
  return running;
}

void
banyan_plan_match (BanyanPlan *self)
{
  g_autoptr (GPtrArray) running = list_running (self);
  Match match = { self, self->objects, self->twins_of, running };

  for (guint i = 0; i < self->twins->len; i++)
    g_hash_table_add (self->twin_ids, (gpointer) banyan_object_get_id (self->twins->pdata[i]));
  for (guint i = 0; i < self->twins->len; i++)
    if (banyan_object_get_parent (self->twins->pdata[i]) == NULL)
      match_ids (&match, self->twins->pdata[i], find_by_id (self, self->twins->pdata[i]));

  do
    match_places (&match);
  while (match_rest (&match));
}
