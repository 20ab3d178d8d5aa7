/* banyan-view-set.c - a transaction's step that sets one property
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-view-private.h"

#include "banyan-object-private.h"
#include "banyan-param-private.h"

#include <string.h>

static BanyanViewSetting *
find_setting (BanyanViewObject *object, const char *property)
{
  for (guint i = 0; i < object->settings->len; i++)
    {
      BanyanViewSetting *setting = object->settings->pdata[i];

      if (g_str_equal (setting->pspec->name, property))
        return setting;
    }

  return NULL;
}

/* Two steps may each set a field of the same struct: the second goes on top of the first. NULL
 * where there was no first. */
static BanyanSpec *
whole_value (BanyanViewObject *object, const char *first, BanyanStep *step)
{
  BanyanViewSetting *setting = find_setting (object, first);

  if (setting == NULL || step->key[strlen (first)] == '\0'
      || banyan_spec_get_kind (setting->spec) != BANYAN_SPEC_MAP)
    return NULL;

  return banyan_spec_with_nested (setting->spec, step->key + strlen (first) + 1, step->value);
}

static gboolean
may_set (BanyanGraphView *self, BanyanViewObject *object, GParamSpec *pspec, BanyanSpec *spec)
{
  g_autofree char *path = NULL;

  if (banyan_param_get_kind (pspec) == BANYAN_PARAM_CONFIGURATION
      && (object->is_added || banyan_param_get_mutability (pspec) != BANYAN_MUTABLE_BEFORE_OPEN))
    return TRUE;

  path = banyan_view_object_dup_path (object);
  if (banyan_param_get_kind (pspec) != BANYAN_PARAM_CONFIGURATION)
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_STATE, banyan_spec_get_origin (spec),
                         NULL, "%s: %s tells how things are and cannot be set", path, pspec->name);
  else
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_STATE, banyan_spec_get_origin (spec),
                         NULL,
                         "%s: %s can be set before opening only; add a new object with the value "
                         "that you want, and put it in the place of this one",
                         path, pspec->name);
  return FALSE;
}

static void
keep_members (BanyanViewObject *object, const BanyanRole *role, BanyanList *wanted, gboolean *taken)
{
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      gboolean is_kept = FALSE;

      if (!g_str_has_prefix (edge->child->role, role->name)
          || edge->child->role[strlen (role->name)] != '.' || edge->is_removed)
        continue;

      for (guint j = 0; j < banyan_list_get_length (wanted) && !is_kept; j++)
        if (!taken[j] && banyan_list_get_object (wanted, j) == (gpointer) edge->node)
          is_kept = taken[j] = TRUE;
      edge->is_removed = !is_kept;
    }
}

static gboolean
is_member_of (BanyanViewEdge *edge, const BanyanRole *role)
{
  gsize length = strlen (role->name);

  return strncmp (edge->child->role, role->name, length) == 0 && edge->child->role[length] == '.'
         && !edge->is_removed;
}

/* The place of the first member behind @from that leads to @node. */
static guint
find_member (BanyanViewObject *object, const BanyanRole *role, guint from, gpointer node)
{
  while (from < object->edges->len
         && (!is_member_of (object->edges->pdata[from], role)
             || ((BanyanViewEdge *) object->edges->pdata[from])->node != node))
    from++;
  return from;
}

/* Who is asked first, for instance, is for the list to say. */
static void
sort_members (BanyanViewObject *object, const BanyanRole *role, BanyanList *wanted)
{
  GPtrArray *edges = object->edges;
  guint place = 0;

  for (guint i = 0; i < banyan_list_get_length (wanted); i++, place++)
    {
      guint found;
      gpointer edge;

      while (place < edges->len && !is_member_of (edges->pdata[place], role))
        place++;
      found = find_member (object, role, place, banyan_list_get_object (wanted, i));
      if (found >= edges->len || found == place)
        continue;

      edge = edges->pdata[found];
      memmove (&edges->pdata[place + 1], &edges->pdata[place],
               (found - place) * sizeof edges->pdata[0]);
      edges->pdata[place] = edge;
      object->is_reordered = TRUE;
    }
}

/* A list of children given anew keeps the edges of those that stay. */
static void
set_members (BanyanGraphView *self, BanyanViewObject *object, const BanyanRole *role,
             BanyanList *wanted)
{
  g_autofree gboolean *taken = g_new0 (gboolean, banyan_list_get_length (wanted) + 1);

  keep_members (object, role, wanted, taken);
  for (guint i = 0; i < banyan_list_get_length (wanted); i++)
    if (!taken[i])
      {
        BanyanStep step = { .kind = BANYAN_STEP_ADD_CHILD,
                            .object = object->object,
                            .other = banyan_list_get_object (wanted, i),
                            .key = (char *) role->name };

        banyan_graph_view_apply (self, &step);
        g_clear_pointer (&step.edge, banyan_child_unref);
      }
  sort_members (object, role, wanted);
}

static void
set_role (BanyanGraphView *self, BanyanViewObject *object, const BanyanRole *role,
          const GValue *value)
{
  if (role->flags & BANYAN_CHILD_MANY)
    {
      set_members (self, object, role, g_value_get_boxed (value));
      banyan_proposal_set (banyan_view_object_get_proposal (object), role->name, value, NULL);
      return;
    }

  BanyanStep step
      = { .kind = BANYAN_STEP_REPLACE_CHILD,
          .object = object->object,
          .other = g_value_get_object (value),
          .edge = banyan_element_get_child (BANYAN_ELEMENT (object->object), role->name) };
  banyan_graph_view_apply (self, &step);
}

static void
set_value (BanyanViewObject *object, GParamSpec *pspec, const GValue *value, BanyanSpec *spec)
{
  BanyanViewSetting *setting = find_setting (object, pspec->name);

  if (setting == NULL)
    {
      setting = g_new0 (BanyanViewSetting, 1);
      setting->pspec = pspec;
      g_value_init (&setting->value, pspec->value_type);
      setting->spec = banyan_spec_ref (spec);
      g_ptr_array_add (object->settings, setting);
    }

  g_value_copy (value, &setting->value);
  banyan_spec_ref (spec);
  banyan_spec_unref (setting->spec);
  setting->spec = spec;
  banyan_proposal_set (banyan_view_object_get_proposal (object), pspec->name, value,
                       banyan_spec_get_origin (spec));
}

/* What opens has its length from the start. */
static void
note_length (BanyanViewObject *object, GParamSpec *pspec, const GValue *value)
{
  if (banyan_param_get_mutability (pspec) == BANYAN_MUTABLE_RESIZE && !object->is_added)
    object->resize_to = g_value_get_uint64 (value);
}

/* A name that is handed on in the same transaction means who gets it. */
static void
follow_name (BanyanGraphView *self, GValue *value)
{
  BanyanObject *target = G_VALUE_HOLDS_OBJECT (value) ? g_value_get_object (value) : NULL;
  BanyanViewObject *old = target != NULL ? banyan_graph_view_find (self, target) : NULL;

  if (old == NULL || !old->is_removed)
    return;

  for (guint i = 0; i < self->objects->len; i++)
    {
      BanyanViewObject *other = self->objects->pdata[i];

      if (other->is_added && other->parent == old->parent
          && g_str_equal (banyan_object_get_id (other->object), banyan_object_get_id (target)))
        g_value_set_object (value, other->object);
    }
}

/* Where nobody declares it any more, it is what the open image says; of a list, only what it said
 * when it was opened. */
static gboolean
is_implied (BanyanViewObject *object, GParamSpec *pspec)
{
  const BanyanRole *role = banyan_param_get_role (pspec);

  return role != NULL && !(role->flags & BANYAN_CHILD_MANY) && !object->is_added
         && banyan_element_implies (BANYAN_ELEMENT (object->object), pspec->name);
}

/* The file of a backing, taken back, is what the image names that shows it; see
 * banyan_graph_view_complete(). (nullable) */
static GParamSpec *
find_completed (BanyanViewObject *object, BanyanStep *step)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object->object), step->key);

  return step->is_on && pspec != NULL && banyan_param_is_completable (pspec) && object->is_implicit
             ? pspec
             : NULL;
}

/* What has to be given has no default to be converted. Whether another step gives it is seen when
 * all of them are done. */
static gboolean
is_taken_back (BanyanViewObject *object, GParamSpec *pspec, BanyanStep *step)
{
  return step->is_on && banyan_param_is_required (pspec) && !is_implied (object, pspec);
}

/* @whole: (nullable): instead of the step's, for all of the property @first. */
static gboolean
convert (BanyanGraphView *self, BanyanViewObject *object, BanyanStep *step, const char *first,
         BanyanSpec *whole, GParamSpec **pspec, GValue *value)
{
  *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object->object), step->key);
  if (*pspec != NULL && is_taken_back (object, *pspec, step))
    {
      g_value_init (value, (*pspec)->value_type);
      g_param_value_set_default (*pspec, value);
      return TRUE;
    }

  return banyan_mapper_convert (BANYAN_ROOT (self->graph), banyan_graph_view_get_names (self),
                                object->object, whole != NULL ? first : step->key,
                                whole != NULL ? whole : step->value, pspec, value, self->problems);
}

void
banyan_graph_view_apply_set (BanyanGraphView *self, BanyanStep *step)
{
  BanyanViewObject *object = banyan_graph_view_find (self, step->object);
  g_autofree char *first = g_strndup (step->key, strcspn (step->key, "."));
  g_autoptr (BanyanSpec) whole = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GPtrArray) news = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  GParamSpec *pspec;

  if (object == NULL || object->is_removed)
    {
      g_autofree char *name = banyan_object_dup_name (step->object);

      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_STATE,
                           banyan_spec_get_origin (step->value), NULL,
                           "%s is not open in this graph, so %s cannot be set", name, step->key);
      return;
    }

  pspec = find_completed (object, step);
  if (pspec != NULL)
    {
      g_value_init (&value, pspec->value_type);
      set_role (self, object, banyan_param_get_role (pspec), &value);
      return;
    }

  whole = whole_value (object, first, step);
  if (!convert (self, object, step, first, whole, &pspec, &value)
      || !may_set (self, object, pspec, step->value))
    return;

  g_ptr_array_remove (object->resets, (gpointer) pspec->name);
  if (step->is_on && !is_implied (object, pspec))
    g_ptr_array_add (object->resets, (gpointer) pspec->name);
  follow_name (self, &value);
  spec = whole != NULL ? g_steal_pointer (&whole)
                       : banyan_object_declare_nested (object->object, step->key, step->value);

  if (banyan_param_get_role (pspec) == NULL)
    {
      set_value (object, pspec, &value, spec);
      if (step->is_on)
        banyan_proposal_withdraw (banyan_view_object_get_proposal (object), pspec->name);
      note_length (object, pspec, &value);
      return;
    }

  set_role (self, object, banyan_param_get_role (pspec), &value);
  if (step->is_on && is_implied (object, pspec))
    news = banyan_graph_view_imply (self, object, pspec->name);
}
