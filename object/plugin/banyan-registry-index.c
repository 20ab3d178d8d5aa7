/* banyan-registry-index.c - which plugin gets which name
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

guint
banyan_plugin_kind_get_name_space (BanyanPluginKind kind)
{
  return kind <= BANYAN_PLUGIN_FILTER ? BANYAN_PLUGIN_PROTOCOL : kind;
}

/* Who has @name among @types, in the name space of @kind. (transfer none) (nullable) */
BanyanTypeInfo *
banyan_registry_find_taker (GPtrArray *types, BanyanPluginKind kind, const char *name)
{
  for (guint i = 0; i < types->len; i++)
    {
      BanyanTypeInfo *info = types->pdata[i];

      if (banyan_plugin_kind_get_name_space (info->kind) == banyan_plugin_kind_get_name_space (kind)
          && banyan_type_info_is_called (info, name))
        return info;
    }

  return NULL;
}

static BanyanTypeInfo *
find_class_taker (GPtrArray *types, const char *class_name)
{
  for (guint i = 0; i < types->len; i++)
    if (g_str_equal (((BanyanTypeInfo *) types->pdata[i])->class_name, class_name))
      return types->pdata[i];

  return NULL;
}

static const char *
describe_provider (BanyanTypeInfo *info)
{
  return info->plugin_path != NULL ? info->plugin_path : "the library itself";
}

/* Why @info cannot stand beside @types; NULL if it can. */
static char *
find_conflict (GPtrArray *types, BanyanTypeInfo *info)
{
  BanyanTypeInfo *taker = banyan_registry_find_taker (types, info->kind, info->name);

  if (taker != NULL)
    return g_strdup_printf ("type \"%s\" is taken by %s", info->name, describe_provider (taker));

  for (guint i = 0; info->aliases[i] != NULL; i++)
    {
      taker = banyan_registry_find_taker (types, info->kind, info->aliases[i]);
      if (taker != NULL)
        return g_strdup_printf ("the other name \"%s\" of type \"%s\" is taken by %s",
                                info->aliases[i], info->name, describe_provider (taker));
    }

  taker = find_class_taker (types, info->class_name);
  if (taker != NULL)
    return g_strdup_printf ("the class name %s is taken by %s", info->class_name,
                            describe_provider (taker));

  return NULL;
}

/* A plugin's types are all usable or none is: half a plugin is harder to understand than a broken
 * one. */
static void
index_plugin (GPtrArray *types, BanyanPluginInfo *plugin)
{
  g_clear_pointer (&plugin->conflict, g_free);
  if (plugin->broken != NULL || plugin->shadowed_by != NULL)
    return;

  for (guint i = 0; plugin->conflict == NULL && i < plugin->types->len; i++)
    plugin->conflict = find_conflict (types, plugin->types->pdata[i]);
  for (guint i = 0; plugin->conflict == NULL && i < plugin->types->len; i++)
    g_ptr_array_add (types, banyan_type_info_ref (plugin->types->pdata[i]));
}

static int
compare_types (gconstpointer a, gconstpointer b)
{
  const BanyanTypeInfo *first = *(BanyanTypeInfo *const *) a;
  const BanyanTypeInfo *second = *(BanyanTypeInfo *const *) b;

  return first->kind != second->kind ? (int) first->kind - (int) second->kind
                                     : g_strcmp0 (first->name, second->name);
}

/* Fills @types, the empty table. Conflicts go by the order of the search path, so it is sorted once
 * all are in it. */
void
banyan_registry_index_types (GPtrArray *types, GPtrArray *builtins, GPtrArray *plugins)
{
  g_ptr_array_set_size (types, 0);

  for (guint i = 0; i < builtins->len; i++)
    g_ptr_array_add (types, banyan_type_info_ref (builtins->pdata[i]));
  for (guint i = 0; i < plugins->len; i++)
    index_plugin (types, plugins->pdata[i]);

  g_ptr_array_sort (types, compare_types);
}
