/* banyan-view-check.c - what every graph must keep to: rules, roles, users, no cycles
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-view-private.h"

/* -- Ids: what is removed leaves its own to what is added. -- */

static void
refuse_id (BanyanGraphView *self, BanyanViewObject *object)
{
  g_autofree char *path = banyan_view_object_dup_path (object);

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE, NULL, NULL,
                       "%s exists already; choose another id, or remove it in the same transaction",
                       path);
}

gboolean
banyan_graph_view_has_free_id (BanyanGraphView *self, BanyanViewObject *object)
{
  BanyanObject *holder
      = banyan_object_get_child (object->parent, banyan_view_object_get_id (object));
  BanyanViewObject *known = holder != NULL ? banyan_graph_view_find (self, holder) : NULL;

  return holder == NULL || holder == object->object
         || (known != NULL && (known->is_removed || known->new_id != NULL));
}

void
banyan_graph_view_check_ids (BanyanGraphView *self)
{
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      if ((object->is_added || object->new_id != NULL) && !object->is_removed
          && (!g_hash_table_add (taken, g_strdup_printf ("%p/%s", (gpointer) object->parent,
                                                         banyan_view_object_get_id (object)))
              || !banyan_graph_view_has_free_id (self, object)))
        refuse_id (self, object);
    }
}

/* -- Rules of classes, and roles that have to be filled. -- */

static gboolean
is_touched (BanyanViewObject *object)
{
  return object->is_added || object->proposal != NULL;
}

static gboolean
is_filled (BanyanViewObject *object, const char *role)
{
  gsize length = strlen (role);

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (strncmp (edge->child->role, role, length) == 0
          && (edge->child->role[length] == '\0' || edge->child->role[length] == '.')
          && edge->node != NULL && !edge->is_removed)
        return TRUE;
    }

  return FALSE;
}

static void
check_roles (BanyanGraphView *self, BanyanViewObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      const BanyanRole *role = banyan_param_get_role (pspecs[i]);
      g_autofree char *path = NULL;

      if (role == NULL || role->flags & BANYAN_CHILD_OPTIONAL || is_filled (object, role->name)
          || (object->is_partial && role->flags & BANYAN_CHILD_PRIMARY))
        continue;

      path = banyan_view_object_dup_path (object);
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, NULL, NULL,
                           "%s:%s leads to no node, and %s cannot do without", path, role->name,
                           banyan_object_get_id (object->object));
    }
}

/* -- Who is removed has no users left. -- */

static void
refuse_removal (BanyanGraphView *self, BanyanViewObject *removed, const char *user)
{
  g_autofree char *path = banyan_view_object_dup_path (removed);

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_BUSY, NULL, NULL,
                       "%s is in use by %s; remove that too, or make it lead elsewhere", path,
                       user);
}

static void
check_target (BanyanGraphView *self, BanyanViewObject *user, GParamSpec *pspec, gpointer target)
{
  BanyanViewObject *removed = target != NULL ? banyan_graph_view_find (self, target) : NULL;
  g_autofree char *path = NULL;
  g_autofree char *name = NULL;

  if (removed == NULL || !removed->is_removed)
    return;

  path = banyan_view_object_dup_path (user);
  name = g_strdup_printf ("%s (%s)", path, pspec->name);
  refuse_removal (self, removed, name);
}

static void
check_targets (BanyanGraphView *self, BanyanViewObject *user, GParamSpec *pspec,
               const GValue *value)
{
  if (G_VALUE_HOLDS (value, BANYAN_TYPE_LIST))
    {
      BanyanList *list = g_value_get_boxed (value);

      for (guint i = 0; i < banyan_list_get_length (list); i++)
        check_targets (self, user, pspec, banyan_list_get_value (list, i));
    }
  else if (G_VALUE_HOLDS (value, BANYAN_TYPE_MAP))
    {
      BanyanMap *map = g_value_get_boxed (value);

      for (guint i = 0; i < banyan_map_get_length (map); i++)
        check_targets (self, user, pspec, banyan_map_get_value (map, i));
    }
  else if (G_VALUE_HOLDS (value, G_TYPE_OBJECT))
    check_target (self, user, pspec, g_value_get_object (value));
}

/* Members go with their owner or on their own, so they are no users' targets. */
static gboolean
is_link (GParamSpec *pspec)
{
  GParamSpec *element = banyan_param_get_element (pspec);

  return banyan_param_get_role (pspec) == NULL && pspec->flags & G_PARAM_READABLE
         && !banyan_param_has_members (pspec)
         && (banyan_param_get_link_target (pspec) != NULL
             || (element != NULL && banyan_param_get_link_target (element) != NULL));
}

static void
check_links (BanyanGraphView *self, BanyanViewObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (is_link (pspecs[i]))
      check_targets (
          self, object, pspecs[i],
          banyan_proposal_get (banyan_view_object_get_proposal (object), pspecs[i]->name));
}

static void
check_removed (BanyanGraphView *self, BanyanViewObject *object)
{
  for (guint i = 0; i < object->users->len; i++)
    {
      g_autofree char *user = banyan_view_edge_dup_path (object->users->pdata[i]);

      refuse_removal (self, object, user);
    }
}

/* Each object, once the steps have been done. */
void
banyan_graph_view_check (BanyanGraphView *self)
{
  gboolean has_removed = FALSE;

  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      has_removed |= object->is_removed;
      if (object->is_removed)
        {
          check_removed (self, object);
          continue;
        }

      if (is_touched (object))
        banyan_object_check (object->object, banyan_view_object_get_proposal (object),
                             self->problems);
      if (BANYAN_IS_ELEMENT (object->object))
        check_roles (self, object);
    }

  for (guint i = 0; has_removed && i < self->objects->len; i++)
    if (!((BanyanViewObject *) self->objects->pdata[i])->is_removed)
      check_links (self, self->objects->pdata[i]);
}

/* -- Order, and with it cycles. -- */

enum
{
  UNSEEN,
  ON_THE_WAY,
  DONE,
};

typedef struct
{
  BanyanViewObject *object;
  guint next; /* edge to follow */
} Place;

/* More than anybody would mend at once. */
#define MAX_CYCLES 8

static void
refuse_cycle (BanyanGraphView *self, GArray *way, BanyanViewObject *object)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *end = banyan_view_object_dup_path (object);
  guint i = 0;

  if (self->n_cycles++ >= MAX_CYCLES)
    return;

  while (g_array_index (way, Place, i).object != object)
    i++;
  for (; i < way->len; i++)
    {
      Place *place = &g_array_index (way, Place, i);
      g_autofree char *path
          = banyan_view_edge_dup_path (place->object->edges->pdata[place->next - 1]);

      g_string_append_printf (text, "%s -> ", path);
    }

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT, NULL, NULL,
                       "%s%s is a cycle; no node can be below itself", text->str, end);
}

/* The next object below the last place of @way, or NULL when all have been seen. */
static BanyanViewObject *
follow (BanyanGraphView *self, Place *place)
{
  while (place->next < place->object->edges->len)
    {
      BanyanViewEdge *edge = place->object->edges->pdata[place->next++];

      if (edge->node != NULL && !edge->is_removed)
        return banyan_graph_view_find (self, edge->node);
    }

  return NULL;
}

/* Chains can be as long as a document likes, so the way is an array and no recursion. */
static gboolean
walk_down (BanyanGraphView *self, BanyanViewObject *object)
{
  g_autoptr (GArray) way = g_array_new (FALSE, FALSE, sizeof (Place));
  gboolean is_right = TRUE;
  Place place = { object, 0 };

  object->mark = ON_THE_WAY;
  g_array_append_val (way, place);
  while (way->len > 0)
    {
      Place *last = &g_array_index (way, Place, way->len - 1);

      place = (Place){ follow (self, last), 0 };
      if (place.object == NULL)
        {
          last->object->mark = DONE;
          g_ptr_array_add (self->order, last->object);
          g_array_set_size (way, way->len - 1);
        }
      else if (place.object->mark == ON_THE_WAY)
        {
          refuse_cycle (self, way, place.object);
          is_right = FALSE;
        }
      else if (place.object->mark == UNSEEN)
        {
          place.object->mark = ON_THE_WAY;
          g_array_append_val (way, place);
        }
    }

  return is_right;
}

/* -- Depth. -- */

/* A request goes through all layers on one stack of 256 KiB. Measured with chains of 20 to 600
 * nodes until they overflowed: 220 bytes for a filter that hands a request on, 290 to 380 where the
 * edge has to look after it, at most 670 (an unaligned write that every layer widens). So 300 take
 * up to 200 KiB, and the rest is for what the lowest one does. */
#define MAX_DEPTH 300

gboolean
banyan_graph_view_check_depth (BanyanGraphView *self, BanyanViewObject *object)
{
  g_autofree char *path = NULL;

  if (BANYAN_IS_NODE (object->object))
    object->depth++;
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      BanyanViewObject *below = edge->node != NULL && !edge->is_removed
                                    ? banyan_graph_view_find (self, edge->node)
                                    : NULL;

      if (below != NULL)
        below->depth = MAX (below->depth, object->depth);
    }
  if (object->depth <= MAX_DEPTH)
    return TRUE;

  path = banyan_view_object_dup_path (object);
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_RANGE, NULL, NULL,
                       "%s has %u nodes above it, one on the other; a request can go through %u at "
                       "most",
                       path, object->depth - 1, MAX_DEPTH);
  return FALSE;
}

/* Puts what stays and what comes into an order in which users are before what they use. FALSE:
 * there is none, as one is below itself. */
gboolean
banyan_graph_view_sort (BanyanGraphView *self)
{
  gboolean is_right = TRUE;

  for (guint i = 0; i < self->objects->len; i++)
    ((BanyanViewObject *) self->objects->pdata[i])->mark = UNSEEN;

  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *object = self->objects->pdata[i];

      if (object->mark == UNSEEN && !object->is_removed)
        is_right &= walk_down (self, object);
    }
  if (!is_right)
    return FALSE;

  banyan_graph_view_reverse (self->order);

  /* All below one that is too deep would be, too. */
  for (guint i = 0; i < self->order->len; i++)
    if (!banyan_graph_view_check_depth (self, self->order->pdata[i]))
      break;

  return TRUE;
}
