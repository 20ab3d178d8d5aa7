/* banyan-search-path.c - where plugins are looked for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

#include <stdlib.h>

static void
add_folder (GPtrArray *folders, const char *folder)
{
  g_autofree char *path = NULL;

  if (folder[0] == '\0')
    return;

  path = g_canonicalize_filename (folder, NULL);
  /* A folder that is named twice would shadow itself. */
  if (!g_ptr_array_find_with_equal_func (folders, path, g_str_equal, NULL))
    g_ptr_array_add (folders, g_steal_pointer (&path));
}

/* (transfer full) (element-type filename): the first wins. */
GPtrArray *
banyan_search_path_get (void)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  /* In a setuid program the environment is someone else's. */
  const char *path = secure_getenv ("BANYAN_PLUGIN_PATH");
  g_auto (GStrv) parts = path != NULL ? g_strsplit (path, G_SEARCHPATH_SEPARATOR_S, -1) : NULL;

  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    add_folder (folders, parts[i]);
  add_folder (folders, BANYAN_PLUGIN_DIR);

  return folders;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(char *const *) a, *(char *const *) b);
}

/* Sorted, since the order decides which of two plugins has a name. */
static GPtrArray *
list_folder (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".so"))
      g_ptr_array_add (names, g_strdup (name));

  g_ptr_array_sort (names, compare_names);
  return names;
}

/* (transfer full) (element-type BanyanPluginInfo): all plugin files, with nothing known yet but
 * which ones are shadowed. */
GPtrArray *
banyan_search_path_list (void)
{
  GPtrArray *plugins = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_plugin_info_unref);
  g_autoptr (GPtrArray) folders = banyan_search_path_get ();
  g_autoptr (GHashTable) first = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < folders->len; i++)
    {
      g_autoptr (GPtrArray) names = list_folder (folders->pdata[i]);

      for (guint j = 0; j < names->len; j++)
        {
          g_autofree char *path = g_build_filename (folders->pdata[i], names->pdata[j], NULL);
          BanyanPluginInfo *info = banyan_plugin_info_new (path);
          BanyanPluginInfo *shadow = g_hash_table_lookup (first, names->pdata[j]);

          g_ptr_array_add (plugins, info);
          if (shadow != NULL)
            info->shadowed_by = g_strdup (shadow->path);
          else
            g_hash_table_insert (first, g_strdup (names->pdata[j]), info);
        }
    }

  return plugins;
}
