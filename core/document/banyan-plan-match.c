/* banyan-plan-match.c - which running object each one of a document is
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * First by id. Then by place: what an edge leads to of a pair that is found already, where both are
 * of one type and what identifies them is the same; whatever they are called, and wherever in a
 * list they stand (banyan-plan-lists.c). Then by place alone. Then what is left: the one object of
 * a type that has the same identifying properties (a file's name), or, where a type has none, that
 * belongs to the same declaration, or else is below the same export; so a node that moves stays
 * open, while data is never handed to a disk that has nothing to do with the one before. What has
 * been found gives more places to look at. */

#include "banyan-plan-match.h"

#include "banyan-object-private.h"
#include "banyan-param-private.h"

gboolean
banyan_match_is_free (BanyanMatch *self, BanyanObject *twin, BanyanObject *object)
{
  self->plan->n_visits++;
  return G_OBJECT_TYPE (twin) == G_OBJECT_TYPE (object)
         && !g_hash_table_contains (self->objects, twin)
         && !g_hash_table_contains (self->twins, object);
}

gboolean
banyan_match_pair (BanyanMatch *self, BanyanObject *twin, BanyanObject *object)
{
  if (twin == NULL || object == NULL || !banyan_match_is_free (self, twin, object))
    return FALSE;

  g_hash_table_insert (self->objects, twin, object);
  g_hash_table_insert (self->twins, object, twin);
  g_ptr_array_add (self->found, twin);
  return TRUE;
}

/* -- By id. -- */

/* Names of what is declared in a list say where it stands, and mean something else when another
 * goes from there. */
static void
match_ids (BanyanMatch *self, BanyanObject *twin, BanyanObject *object)
{
  g_autoptr (GPtrArray) members = banyan_object_list_children (twin);

  if (banyan_births_is_in_list (self->plan->births, twin)
      || !banyan_match_pair (self, twin, object))
    return;
  for (guint i = 0; i < members->len; i++)
    match_ids (self, members->pdata[i],
               banyan_object_get_child (object, banyan_object_get_id (members->pdata[i])));
}

/* -- Identity. -- */

static void
append_value (GString *key, BanyanObject *object, GParamSpec *pspec)
{
  static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autofree char *text = NULL;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (object), pspec->name, &value);
  spec = banyan_param_value_to_spec (pspec, &value, &origin);
  text = spec != NULL ? banyan_spec_to_json (spec, FALSE) : NULL;
  g_string_append_printf (key, " %s=%s", pspec->name, text != NULL ? text : "");
}

gboolean
banyan_match_append_identity (GString *key, BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  gboolean has_identity = FALSE;
  guint n_pspecs;

  g_string_append (key, G_OBJECT_TYPE_NAME (object));
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_identifying (pspecs[i]))
      {
        has_identity = TRUE;
        append_value (key, object, pspecs[i]);
      }
  return has_identity;
}

static gboolean
is_identical (BanyanObject *twin, BanyanObject *object)
{
  g_autoptr (GString) one = g_string_new (NULL);
  g_autoptr (GString) other = g_string_new (NULL);

  banyan_match_append_identity (one, twin);
  banyan_match_append_identity (other, object);
  return g_string_equal (one, other);
}

/* -- By place. -- */

/* Past what others have put between. A twin has nothing of that. */
BanyanNode *
banyan_match_look_through (BanyanNode *node)
{
  while (node != NULL && banyan_object_get_parent (BANYAN_OBJECT (node)) != NULL
         && banyan_element_get_manager (BANYAN_ELEMENT (node))->kind != BANYAN_ORIGIN_DOCUMENT)
    {
      GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (node));
      BanyanNode *below = NULL;

      for (guint i = 0; i < edges->len; i++)
        if (((BanyanChild *) edges->pdata[i])->role_flags & BANYAN_CHILD_FILTERED)
          below = ((BanyanChild *) edges->pdata[i])->target;
      if (below == NULL)
        break;
      node = below;
    }
  return node;
}

static BanyanChild *
find_edge (BanyanMatch *self, BanyanElement *element, const char *role)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    {
      self->plan->n_visits++;
      if (g_str_equal (((BanyanChild *) edges->pdata[i])->role, role))
        return edges->pdata[i];
    }
  return NULL;
}

/* @in_any_case: whatever identifies them. So it is with all that is found by its id, as what was
 * declared in a list is not. */
static void
match_child (BanyanMatch *self, BanyanElement *twin, BanyanChild *edge, gboolean in_any_case)
{
  BanyanChild *other = find_edge (self, twin, edge->role);
  BanyanObject *below = other != NULL ? BANYAN_OBJECT (other->target) : NULL;
  BanyanObject *object = (BanyanObject *) edge->target;
  BanyanObject *behind = (BanyanObject *) banyan_match_look_through (edge->target);

  if (below == NULL || object == NULL)
    return;
  if (behind != object && banyan_match_is_free (self, below, behind)
      && !banyan_match_is_free (self, below, object))
    object = behind;
  if (banyan_match_is_free (self, below, object)
      && (in_any_case ? banyan_births_is_in_list (self->plan->births, below)
                            && banyan_object_is_implicit (object)
                      : is_identical (below, object)))
    banyan_match_pair (self, below, object);
}

static void
match_children (BanyanMatch *self, BanyanObject *twin, gboolean in_any_case)
{
  BanyanObject *object = g_hash_table_lookup (self->objects, twin);
  GPtrArray *edges;

  if (!BANYAN_IS_ELEMENT (twin))
    return;

  edges = banyan_element_get_edges (BANYAN_ELEMENT (object));
  for (guint i = 0; i < edges->len; i++)
    if (!(((BanyanChild *) edges->pdata[i])->role_flags & BANYAN_CHILD_MANY))
      match_child (self, BANYAN_ELEMENT (twin), edges->pdata[i], in_any_case);
  banyan_match_lists (self, BANYAN_ELEMENT (twin), BANYAN_ELEMENT (object), in_any_case);
}

/* Each pair's children are looked at twice: what was not to be paired then is not later, as what is
 * free only gets less. */
static void
match_places (BanyanMatch *self)
{
  while (self->n_seen < self->found->len || self->n_done < self->found->len)
    if (self->n_seen < self->found->len)
      match_children (self, self->found->pdata[self->n_seen++], FALSE);
    else
      match_children (self, self->found->pdata[self->n_done++], TRUE);
}

/* -- What is left. -- */

/* As an object that runs; NULL: it has not been found. */
static BanyanObject *
find_running (BanyanMatch *self, BanyanObject *object, gboolean is_twin)
{
  if (is_twin)
    return g_hash_table_lookup (self->objects, object);
  return g_hash_table_contains (self->twins, object) ? object : NULL;
}

/* The object above that has been found, the nearest or only the uppermost; as one that runs. */
static BanyanObject *
find_top (BanyanMatch *self, GHashTable *tops, BanyanObject *object, BanyanMatchTop which,
          gboolean is_twin)
{
  BanyanObject *first = banyan_object_get_first_user (object);
  BanyanObject *user = first;
  gpointer top = NULL;

  while (user != NULL && top == NULL && !g_hash_table_lookup_extended (tops, user, NULL, &top))
    {
      BanyanObject *next = banyan_object_get_first_user (user);

      self->plan->n_visits++;
      if (which == BANYAN_MATCH_NEAREST || next == NULL)
        top = find_running (self, user, is_twin);
      user = next;
    }

  /* Who asks from further below need not go the same way again. */
  for (; first != user; first = banyan_object_get_first_user (first))
    g_hash_table_insert (tops, first, top);
  return top;
}

/* A disk of another length somewhere else is another disk. */
static void
append_length (GString *key, BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_get_mutability (pspecs[i]) == BANYAN_MUTABLE_RESIZE)
      append_value (key, object, pspecs[i]);
}

/* What have the same may be the same. NULL: it has nothing to be found by. */
static char *
describe (BanyanMatch *self, GHashTable *tops, BanyanObject *object, BanyanMatchTop which,
          gboolean is_twin)
{
  g_autoptr (GString) key = g_string_new (NULL);
  BanyanObject *top;

  self->plan->n_visits++;
  if (banyan_match_append_identity (key, object))
    return g_string_free (g_steal_pointer (&key), FALSE);

  top = find_top (self, tops, object, which, is_twin);
  if (top == NULL)
    return NULL;
  append_length (key, object);
  g_string_append_printf (key, " %p", top);
  return g_string_free (g_steal_pointer (&key), FALSE);
}

/* By what they have; NULL where there are several. */
static GHashTable *
index_free (BanyanMatch *self, GPtrArray *all, GHashTable *taken, BanyanMatchTop which,
            gboolean is_twin)
{
  GHashTable *index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) tops = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < all->len; i++)
    {
      BanyanObject *object = all->pdata[i];
      char *key = !BANYAN_IS_NODE (object) || g_hash_table_contains (taken, object)
                      ? NULL
                      : describe (self, tops, object, which, is_twin);

      if (key != NULL)
        g_hash_table_replace (index, key, g_hash_table_contains (index, key) ? NULL : object);
    }
  return index;
}

static gboolean
match_rest (BanyanMatch *self, BanyanMatchTop which)
{
  g_autoptr (GHashTable) twins = index_free (self, self->plan->twins, self->objects, which, TRUE);
  g_autoptr (GHashTable) objects = index_free (self, self->running, self->twins, which, FALSE);
  gboolean found = FALSE;
  GHashTableIter iter;
  gpointer key, twin;

  g_hash_table_iter_init (&iter, twins);
  while (g_hash_table_iter_next (&iter, &key, &twin))
    found |= banyan_match_pair (self, twin, g_hash_table_lookup (objects, key));
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
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  g_autoptr (GHashTable) numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) by_value = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) by_identity = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) by_itself = g_hash_table_new (NULL, NULL);
  BanyanMatch match = { .plan = self,
                        .objects = self->objects,
                        .twins = self->twins_of,
                        .running = running,
                        .found = found,
                        .numbers = numbers,
                        .described = { by_value, by_identity, by_itself } };

  for (guint i = 0; i < self->twins->len; i++)
    if (banyan_object_get_parent (self->twins->pdata[i]) == NULL)
      match_ids (&match, self->twins->pdata[i], find_by_id (self, self->twins->pdata[i]));

  do
    match_places (&match);
  while (match_rest (&match, BANYAN_MATCH_NEAREST) || match_rest (&match, BANYAN_MATCH_UPPERMOST));

  banyan_births_keep_names (self->births);
  for (guint i = 0; i < self->twins->len; i++)
    g_hash_table_add (self->twin_ids, (gpointer) banyan_object_get_id (self->twins->pdata[i]));
}
