/* banyan-members.c - parts that come to an open object and leave it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-element-private.h"

static GParamSpec *
find_members (BanyanObject *owner, BanyanObject *member)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (owner), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      GParamSpec *element = banyan_param_get_element (pspecs[i]);
      GType type;

      if (!banyan_param_has_members (pspecs[i]))
        continue;
      type = g_type_from_name (banyan_param_get_link_target (element));
      if (type != G_TYPE_INVALID && g_type_is_a (G_OBJECT_TYPE (member), type))
        return pspecs[i];
    }

  return NULL;
}

/* One that comes takes the place of the one with its id, which is about to close. */
static gboolean
stays (BanyanMap *map, guint i, BanyanObject *member, gboolean is_there)
{
  return g_value_get_object (banyan_map_get_value (map, i)) != (gpointer) member
         && !(is_there && g_str_equal (banyan_map_get_key (map, i), banyan_object_get_id (member)));
}

/* Maps are values, so a new one takes the place of the old. */
static BanyanMap *
map_with (BanyanMap *old, BanyanObject *member, gboolean is_there)
{
  guint n = banyan_map_get_length (old);
  g_autofree const char **keys = g_new0 (const char *, n + 1);
  g_autofree GValue *values = g_new0 (GValue, n + 1);
  BanyanMap *map;
  guint n_kept = 0;

  for (guint i = 0; i < n; i++)
    {
      if (!stays (old, i, member, is_there))
        continue;
      keys[n_kept] = banyan_map_get_key (old, i);
      g_value_init (&values[n_kept], BANYAN_TYPE_OBJECT);
      g_value_set_object (&values[n_kept++], g_value_get_object (banyan_map_get_value (old, i)));
    }
  if (is_there)
    {
      keys[n_kept] = banyan_object_get_id (member);
      g_value_init (&values[n_kept], BANYAN_TYPE_OBJECT);
      g_value_set_object (&values[n_kept++], member);
    }

  map = banyan_map_new (BANYAN_TYPE_OBJECT, keys, values, n_kept);
  for (guint i = 0; i < n_kept; i++)
    g_value_unset (&values[i]);
  return map;
}

static gboolean
has_member (BanyanMap *map, BanyanObject *member)
{
  for (guint i = 0; i < banyan_map_get_length (map); i++)
    if (g_value_get_object (banyan_map_get_value (map, i)) == (gpointer) member)
      return TRUE;

  return FALSE;
}

/* What the properties of @owner say its parts are. The mapper makes them its children, too; those
 * that a program has set become that when they are opened. (transfer container) */
GPtrArray *
banyan_object_list_members (BanyanObject *owner)
{
  GPtrArray *members = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (owner), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;
      BanyanMap *map;

      if (!banyan_param_has_members (pspecs[i]))
        continue;

      g_value_init (&value, pspecs[i]->value_type);
      g_object_get_property (G_OBJECT (owner), pspecs[i]->name, &value);
      map = g_value_get_boxed (&value);
      for (guint j = 0; j < banyan_map_get_length (map); j++)
        g_ptr_array_add (members, g_value_dup_object (banyan_map_get_value (map, j)));
    }

  return members;
}

/* The owner's property tells which members it has; one that it was made with is there already. */
void
banyan_object_note_member (BanyanObject *owner, BanyanObject *member, gboolean is_there)
{
  GParamSpec *pspec = find_members (owner, member);
  g_auto (GValue) value = G_VALUE_INIT;
  BanyanMap *map;

  if (pspec == NULL)
    return;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (owner), pspec->name, &value);
  if (has_member (g_value_get_boxed (&value), member) == is_there)
    return;

  map = map_with (g_value_get_boxed (&value), member, is_there);
  g_value_take_boxed (&value, map);
  banyan_object_put (owner, pspec, &value, NULL);
}
