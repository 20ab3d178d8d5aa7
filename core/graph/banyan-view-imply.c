/* banyan-view-imply.c - children that storage names, in the graph as a transaction would leave it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Either a step takes back what was declared for a role of a node that is open: then its children
 * are made like those that other steps add. Or something has just been opened, and a view that was
 * complete grows below it. All that is new has one user, so nobody else's permissions, place or
 * gate depend on it, and only the new ones are looked at: a long chain costs what its nodes do. */

#include "banyan-view-private.h"

#include "banyan-mapper-private.h"

#include "banyan-param-private.h"

#include <banyan/banyan-node.h>

/* -- A loop of names. -- */

/* What the image is in. */
static BanyanViewObject *
find_leaf (BanyanGraphView *self, BanyanViewObject *object)
{
again:
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      BanyanViewObject *below
          = edge->node != NULL
                    && edge->child->role_flags & (BANYAN_CHILD_PRIMARY | BANYAN_CHILD_FILTERED)
                ? banyan_graph_view_find (self, edge->node)
                : NULL;

      if (below == NULL)
        continue;
      object = below;
      goto again;
    }
  return object;
}

static void
append_value (GString *text, BanyanObject *object, GParamSpec *pspec)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autofree char *plain = NULL;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (object), pspec->name, &value);
  if (banyan_param_is_path (pspec) && g_value_get_string (&value) != NULL)
    plain = g_canonicalize_filename (g_value_get_string (&value), NULL);
  else
    {
      BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
      g_autoptr (BanyanSpec) spec = banyan_param_value_to_spec (pspec, &value, &origin);

      plain = banyan_spec_to_json (spec, FALSE);
    }
  g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", plain);
}

/* What tells it from others of its type; "" where nothing does. */
static const char *
identify (BanyanViewObject *object)
{
  GString *text;
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  if (object->identity != NULL)
    return object->identity;

  text = g_string_new (NULL);
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_identifying (pspecs[i]))
      append_value (text, object->object, pspecs[i]);
  return object->identity = g_string_free (text, FALSE);
}

/* Who shows what is in @object where it has nothing itself. (nullable) */
static BanyanViewObject *
find_overlay (BanyanViewObject *object)
{
  for (guint i = 0; i < object->users->len; i++)
    {
      BanyanViewEdge *user = object->users->pdata[i];

      if (user->parent != NULL && BANYAN_IS_NODE (user->parent->object)
          && user->child->role_flags & (BANYAN_CHILD_COW | BANYAN_CHILD_FILTERED))
        return user->parent;
    }
  return NULL;
}

/* "a.img -> b.img -> a.img", from the first time on. */
static char *
spell_loop (BanyanGraphView *self, BanyanViewObject *first, BanyanViewObject *last,
            const char *identity)
{
  GString *text = g_string_new (identity);

  for (BanyanViewObject *each = last; each != NULL && each != first; each = find_overlay (each))
    if (!BANYAN_IS_FILTER (each->object))
      {
        g_string_prepend (text, " -> ");
        g_string_prepend (text, identify (find_leaf (self, each)));
      }
  g_string_prepend (text, " -> ");
  g_string_prepend (text, identity);
  return g_string_free (text, FALSE);
}

static gboolean
check_loop (BanyanGraphView *self, BanyanViewObject *parent, BanyanViewObject *child,
            const char *role)
{
  BanyanViewObject *leaf = find_leaf (self, child);
  const char *identity = identify (leaf);

  for (BanyanViewObject *each = parent; *identity != '\0' && each != NULL;
       each = find_overlay (each))
    {
      BanyanViewObject *other = find_leaf (self, each);
      g_autofree char *path = NULL;
      g_autofree char *loop = NULL;

      if (G_OBJECT_TYPE (other->object) != G_OBJECT_TYPE (leaf->object)
          || !g_str_equal (identify (other), identity))
        continue;

      path = banyan_view_object_dup_path (parent);
      loop = spell_loop (self, each, parent, identity);
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT, NULL, NULL,
                           "%s: the images name one another in a loop: %s; declare %s of one of "
                           "them otherwise, or make it null",
                           path, loop, role);
      return FALSE;
    }
  return TRUE;
}

/* -- Making what is named. -- */

/* @directory: (nullable): where relative names are found. (transfer container) */
static GPtrArray *
make (BanyanGraphView *self, BanyanViewObject *parent, const char *role, BanyanSpec *spec,
      const char *directory, BanyanProblems *problems)
{
  g_autoptr (BanyanMapper) mapper
      = banyan_mapper_new (BANYAN_ROOT (self->graph), directory, problems);

  banyan_mapper_set_replaces (mapper, TRUE);
  banyan_mapper_declare_inline (mapper, parent->object, role, spec);
  return banyan_mapper_build (mapper);
}

/* An image cannot know the nodes and objects of this process, and must not reach for them. */
static gboolean
check_strangers (BanyanGraphView *self, BanyanViewObject *object, BanyanProblems *problems)
{
  BanyanSpec *declared = banyan_object_get_declaration (object->object);

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object->object), key);

      if (pspec == NULL || !banyan_param_has_links (pspec) || banyan_param_get_role (pspec) != NULL
          || banyan_spec_get_kind (banyan_spec_get_item (declared, i)) == BANYAN_SPEC_NULL)
        continue;
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_REFERENCE, NULL, NULL,
                           "an image may not name objects of this process, and it gives %s", key);
      return FALSE;
    }
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanNode *node = ((BanyanViewEdge *) object->edges->pdata[i])->node;
      BanyanViewObject *target = node != NULL ? banyan_graph_view_find (self, node) : NULL;

      if (node == NULL || (target != NULL && target->implied_by == object->implied_by))
        continue;
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_REFERENCE, NULL, NULL,
                           "an image may not name nodes of this graph, and it names \"%s\"",
                           banyan_object_get_id (BANYAN_OBJECT (node)));
      return FALSE;
    }
  return TRUE;
}

/* (transfer container): as the view has them. */
static GPtrArray *
add_all (BanyanGraphView *self, GPtrArray *objects, BanyanViewObject *parent, const char *role)
{
  GPtrArray *news = g_ptr_array_new ();

  for (guint i = 0; i < objects->len; i++)
    {
      BanyanObject *collection = BANYAN_OBJECT (banyan_root_get_collection_for_type (
          BANYAN_ROOT (self->graph), G_OBJECT_TYPE (objects->pdata[i])));
      BanyanViewObject *object;

      banyan_graph_view_add (self, objects->pdata[i], collection);
      object = banyan_graph_view_find (self, objects->pdata[i]);
      object->implied_by = parent;
      object->implied_role = g_intern_string (role);
      object->is_above_handover = parent->is_above_handover;
      g_ptr_array_add (news, object);
    }
  return news;
}

/* One more of a role that takes many is made: nobody uses its parent yet. */
static BanyanViewEdge *
take_edge (BanyanGraphView *self, BanyanViewObject *parent, const char *role)
{
  BanyanElement *element = BANYAN_ELEMENT (parent->object);
  BanyanChild *child = banyan_element_get_child (element, role);

  if (child != NULL)
    return banyan_graph_view_find_edge (self, child);

  child = banyan_element_make_edge (element, role);
  banyan_element_adopt_edge (element, child);
  return banyan_view_edge_new (self, parent, child);
}

static void
lead_there (BanyanGraphView *self, BanyanViewObject *parent, const char *role,
            BanyanViewObject *child, BanyanSpec *spec)
{
  BanyanViewEdge *edge = take_edge (self, parent, role);

  edge->node = BANYAN_NODE (child->object);
  g_clear_pointer (&edge->implied, banyan_spec_unref);
  edge->implied = banyan_spec_new_scalar (BANYAN_SPEC_STRING, banyan_object_get_id (child->object),
                                          banyan_spec_get_origin (spec));
}

static void
explain (BanyanViewObject *parent, const char *role, GError *error)
{
  g_autofree char *path = banyan_view_object_dup_path (parent);
  g_autofree char *image = banyan_element_dup_image_name (BANYAN_ELEMENT (parent->object));
  g_autofree char *name = banyan_element_dup_implied_name (BANYAN_ELEMENT (parent->object), role);

  banyan_problems_add (parent->view->problems, error->code, NULL, NULL,
                       "%s: the image %s names %s%s%s as its %s: %s; or make %s null", path, image,
                       name != NULL ? "\"" : "", name != NULL ? name : "a node",
                       name != NULL ? "\"" : "", role, error->message, role);
}

/* What @spec declares for the role of @object. (transfer container) */
static GPtrArray *
make_all (BanyanGraphView *self, BanyanViewObject *object, const char *role, BanyanSpec *spec,
          const char *directory, GError **error)
{
  g_autoptr (BanyanProblems) own = banyan_problems_new ();
  g_autoptr (GPtrArray) objects = make (self, object, role, spec, directory, own);
  g_autoptr (GPtrArray) news = objects != NULL ? add_all (self, objects, object, role) : NULL;

  for (guint i = 0; news != NULL && i < news->len; i++)
    if (!check_strangers (self, news->pdata[i], own))
      break;
  if (!banyan_problems_check (own, error))
    return NULL;

  lead_there (self, object, role, news->pdata[news->len - 1], spec);
  return g_steal_pointer (&news);
}

GPtrArray *
banyan_graph_view_imply (BanyanGraphView *self, BanyanViewObject *object, const char *role)
{
  BanyanElement *image = BANYAN_ELEMENT (object->object);
  g_autofree char *directory = banyan_element_dup_implied_directory (image, role);
  g_autoptr (GPtrArray) news = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;

  spec = banyan_element_declare_implied (image, role, &error);
  if (spec != NULL)
    news = make_all (self, object, role, spec, directory, &error);
  if (news == NULL)
    {
      if (error != NULL)
        explain (object, role, error);
      return NULL;
    }

  return check_loop (self, object, news->pdata[news->len - 1], role) ? g_steal_pointer (&news)
                                                                     : NULL;
}

/* -- Completing what is declared without its file. -- */

/* Where its file would be, and is not. (nullable) */
static BanyanViewEdge *
find_lack (BanyanViewObject *object)
{
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      guint flags = edge->child->role_flags;

      if (flags & BANYAN_CHILD_PRIMARY && !(flags & BANYAN_CHILD_OPTIONAL) && edge->node == NULL)
        return edge;
    }
  return NULL;
}

/* Another image may name another file, and who is no image would be opened before it is there. */
static gboolean
check_sole_user (BanyanViewObject *object)
{
  g_autofree char *path = banyan_view_object_dup_path (object);

  if (object->users->len == 1)
    return TRUE;

  banyan_problems_add (object->view->problems, BANYAN_CONFIG_ERROR_MISSING, NULL, NULL,
                       "%s: its %s is not declared, and %u objects use it, so that it is nobody's "
                       "image that names it; declare it",
                       path, find_lack (object)->child->role, object->users->len);
  return FALSE;
}

/* The edge of the image that shows it. (nullable) */
static BanyanViewEdge *
find_image (BanyanViewObject *object)
{
  for (guint i = 0; i < object->users->len; i++)
    {
      BanyanViewEdge *user = object->users->pdata[i];

      if (user->parent != NULL && user->child->role_flags & BANYAN_CHILD_COW)
        return user;
    }
  return NULL;
}

static void
explain_lack (BanyanViewObject *object)
{
  BanyanViewObject *image = object->completed_by;
  g_autofree char *path = banyan_view_object_dup_path (object);
  g_autofree char *name = banyan_element_dup_image_name (BANYAN_ELEMENT (image->object));

  banyan_problems_add (object->view->problems, BANYAN_CONFIG_ERROR_MISSING, NULL, NULL,
                       "%s: its %s is not declared, and the image %s names no %s; declare it, or "
                       "make %s null",
                       path, find_lack (object)->child->role, name, object->completed_role,
                       object->completed_role);
}

/* (transfer container) (nullable) */
static GPtrArray *
complete (BanyanGraphView *self, BanyanViewObject *object)
{
  BanyanViewObject *image = object->completed_by;
  const char *role = object->completed_role;
  g_autofree char *directory
      = banyan_element_dup_implied_directory (BANYAN_ELEMENT (image->object), role);
  g_autoptr (GPtrArray) news = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;

  object->is_above_handover |= image->is_above_handover;
  spec = banyan_element_declare_implied_file (BANYAN_ELEMENT (image->object), role,
                                              BANYAN_ELEMENT (object->object), &error);
  if (spec != NULL)
    news = make_all (self, object, find_lack (object)->child->role, spec, directory, &error);
  if (error != NULL)
    explain (image, role, error);
  else if (news == NULL)
    explain_lack (object);

  return news != NULL && check_loop (self, image, object, role) ? g_steal_pointer (&news) : NULL;
}

/* An image that is open tells at once; one that is to be opened is asked then. */
static gboolean
complete_object (BanyanGraphView *self, BanyanViewObject *object)
{
  BanyanViewEdge *user = find_image (object);
  g_autoptr (GPtrArray) news = NULL;

  if (user == NULL || !check_sole_user (object))
    return FALSE;

  object->completed_by = user->parent;
  object->completed_role = user->child->role;
  object->is_partial = object->is_added && user->parent->is_added;
  if (user->parent->is_added)
    return FALSE;

  news = complete (self, object);
  return news != NULL;
}

void
banyan_graph_view_complete (BanyanGraphView *self)
{
  gboolean is_completed = FALSE;

  for (guint i = 0, n = self->objects->len; i < n; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      if (BANYAN_IS_NODE (object->object) && object->is_implicit && !object->is_removed
          && find_lack (object) != NULL)
        is_completed |= complete_object (self, object);
    }
  if (is_completed)
    banyan_graph_view_connect (self);
}

/* -- Growing a view that was complete. -- */

/* @names: of the view, which knows nothing of the new ones yet. */
static gboolean
take_id (BanyanGraphView *self, BanyanViewObject *object, GHashTable *names)
{
  g_autofree char *path = banyan_view_object_dup_path (object);
  char *key = g_strdup_printf ("%s/%s", banyan_object_get_id (object->parent),
                               banyan_object_get_id (object->object));
  g_autofree char *user = NULL;

  if (banyan_graph_view_has_free_id (self, object) && g_hash_table_lookup (names, key) == NULL)
    {
      g_hash_table_insert (names, key, object->object);
      return TRUE;
    }

  g_free (key);
  user = banyan_view_object_dup_path (object->implied_by);
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE, NULL, NULL,
                       "%s exists already, so what the image of %s names cannot be called that; "
                       "declare %s there, or rename the other",
                       path, user, object->implied_role);
  return FALSE;
}

/* Users are connected with what they use, and come before it. */
static gboolean
take_place (BanyanGraphView *self, GPtrArray *news)
{
  BanyanViewObject *top = news->pdata[news->len - 1];

  for (guint i = 0; i < news->len; i++)
    {
      BanyanViewObject *object = news->pdata[i];

      for (guint j = 0; j < object->edges->len; j++)
        banyan_graph_view_connect_edge (self, object->edges->pdata[j]);
    }
  banyan_graph_view_connect_edge (
      self, banyan_graph_view_find_edge (
                self, banyan_element_get_child (BANYAN_ELEMENT (top->implied_by->object),
                                                top->implied_role)));

  top->depth = top->implied_by->depth;
  for (guint i = news->len; i-- > 0;)
    {
      g_ptr_array_add (self->order, news->pdata[i]);
      if (!banyan_graph_view_check_depth (self, news->pdata[i]))
        break;
      banyan_graph_view_permit_below (news->pdata[i]);
    }
  return banyan_graph_view_is_right (self);
}

static gboolean
join (BanyanGraphView *self, GPtrArray *news, GHashTable *names)
{
  for (guint i = 0; i < news->len; i++)
    if (!take_id (self, news->pdata[i], names))
      return FALSE;

  return take_place (self, news);
}

GPtrArray *
banyan_graph_view_grow (BanyanGraphView *self, BanyanViewObject *object, const char *role)
{
  GHashTable *names = banyan_graph_view_get_names (self);
  GPtrArray *news = banyan_graph_view_imply (self, object, role);

  if (news != NULL && !join (self, news, names))
    g_clear_pointer (&news, g_ptr_array_unref);
  return news;
}

GPtrArray *
banyan_graph_view_complete_late (BanyanGraphView *self, BanyanViewObject *object)
{
  GHashTable *names = banyan_graph_view_get_names (self);
  GPtrArray *news = complete (self, object);

  if (news != NULL && !join (self, news, names))
    g_clear_pointer (&news, g_ptr_array_unref);
  if (news != NULL)
    object->is_partial = FALSE;
  return news;
}
