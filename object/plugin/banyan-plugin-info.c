/* banyan-plugin-info.c - what is known about a plugin file, loaded or not
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

#include <string.h>

G_DEFINE_BOXED_TYPE (BanyanPluginInfo, banyan_plugin_info, banyan_plugin_info_ref,
                     banyan_plugin_info_unref)

char *
banyan_plugin_name_from_path (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  const char *name = g_str_has_prefix (base, "banyan-") ? base + strlen ("banyan-") : base;

  return g_str_has_suffix (name, ".so") ? g_strndup (name, strlen (name) - strlen (".so"))
                                        : g_strdup (name);
}

BanyanPluginInfo *
banyan_plugin_info_new (const char *path)
{
  BanyanPluginInfo *self = g_new0 (BanyanPluginInfo, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (path);
  self->name = banyan_plugin_name_from_path (path);
  self->types = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_type_info_unref);
  return self;
}

static BanyanTypeInfo *
make_type (BanyanPluginInfo *self, const BanyanPluginEntry *entry)
{
  g_auto (GStrv) aliases
      = entry->aliases != NULL ? g_strsplit_set (entry->aliases, ", ", -1) : NULL;
  const char *class_name = entry->type != G_TYPE_INVALID ? g_type_name (entry->type) : "";

  return banyan_type_info_new (entry->name, entry->kind, entry->summary,
                               (const char *const *) aliases, self->path, class_name);
}

/* The type that was known before loading, if it is the same. (transfer full) (nullable) */
static BanyanTypeInfo *
find_same_type (BanyanPluginInfo *self, const BanyanPluginEntry *entry)
{
  for (guint i = 0; i < self->types->len; i++)
    {
      BanyanTypeInfo *type = self->types->pdata[i];

      if (g_str_equal (type->name, entry->name) && type->kind == entry->kind
          && g_strcmp0 (type->class_name, g_type_name (entry->type)) == 0)
        return banyan_type_info_ref (type);
    }

  return NULL;
}

/* Who holds a type from before sees that it is loaded now. */
static void
take_types (BanyanPluginInfo *self, GArray *entries)
{
  GPtrArray *types = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_type_info_unref);

  for (guint i = 0; i < entries->len; i++)
    {
      BanyanPluginEntry *entry = &g_array_index (entries, BanyanPluginEntry, i);
      BanyanTypeInfo *type = find_same_type (self, entry);

      if (type == NULL)
        type = make_type (self, entry);
      type->type = entry->type;
      g_ptr_array_add (types, type);
    }

  g_ptr_array_unref (self->types);
  self->types = types;
}

/* g_set_str() is newer than the oldest GLib that we build with. */
static void
set_text (char **field, const char *text)
{
  g_free (*field);
  *field = g_strdup (text);
}

void
banyan_plugin_info_fill (BanyanPluginInfo *self, BanyanPlugin *plugin)
{
  if (plugin->name != NULL && plugin->name[0] != '\0')
    set_text (&self->name, plugin->name);
  set_text (&self->version, plugin->version);
  set_text (&self->licence, plugin->licence);
  set_text (&self->summary, plugin->summary);
  set_text (&self->broken, plugin->error != NULL ? plugin->error->message : NULL);

  take_types (self, plugin->entries);
  self->plugin = plugin;
}

/**
 * banyan_plugin_info_ref:
 * @self: a plugin
 *
 * Returns: (transfer full): @self, with one more reference
 */
BanyanPluginInfo *
banyan_plugin_info_ref (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->references);
  return self;
}

/**
 * banyan_plugin_info_unref:
 * @self: (transfer full): a plugin
 *
 * Gives a reference back. The plugin itself, once loaded, stays loaded.
 */
void
banyan_plugin_info_unref (BanyanPluginInfo *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_free (self->path);
  g_free (self->name);
  g_free (self->version);
  g_free (self->licence);
  g_free (self->summary);
  g_free (self->broken);
  g_free (self->conflict);
  g_free (self->shadowed_by);
  g_free (self->key.build_id);
  g_ptr_array_unref (self->types);
  g_free (self);
}

/**
 * banyan_plugin_info_get_path:
 * @self: a plugin
 *
 * Returns: (type filename) (transfer none): its file
 */
const char *
banyan_plugin_info_get_path (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->path;
}

/**
 * banyan_plugin_info_get_name:
 * @self: a plugin
 *
 * Returns: (transfer none): its name as its descriptor has it; as the file's name has it, where the
 * descriptor could not be read
 */
const char *
banyan_plugin_info_get_name (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->name;
}

/**
 * banyan_plugin_info_get_version:
 * @self: a plugin
 *
 * Returns: (transfer none) (nullable): its version, or %NULL if that is not known
 */
const char *
banyan_plugin_info_get_version (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->version;
}

/**
 * banyan_plugin_info_get_licence:
 * @self: a plugin
 *
 * Returns: (transfer none) (nullable): its licence as an SPDX expression, or %NULL if that is not
 * known
 */
const char *
banyan_plugin_info_get_licence (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->licence;
}

/**
 * banyan_plugin_info_get_summary:
 * @self: a plugin
 *
 * Returns: (transfer none) (nullable): what it is for, in one line, or %NULL if that is not known
 */
const char *
banyan_plugin_info_get_summary (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->summary;
}

/**
 * banyan_plugin_info_get_broken:
 * @self: a plugin
 *
 * Tells why the types of a plugin cannot be used: a library that it needs is missing, it crashed
 * while it was scanned, another plugin has a type of that name, ...
 *
 * Returns: (transfer none) (nullable): the reason, or %NULL if there is nothing wrong with it
 */
const char *
banyan_plugin_info_get_broken (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->broken != NULL ? self->broken : self->conflict;
}

/**
 * banyan_plugin_info_get_shadowed_by:
 * @self: a plugin
 *
 * Returns: (type filename) (transfer none) (nullable): the file of the same name, in an earlier
 * folder of the search path, that is used instead; or %NULL
 */
const char *
banyan_plugin_info_get_shadowed_by (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->shadowed_by;
}

/**
 * banyan_plugin_info_is_loaded:
 * @self: a plugin
 *
 * Returns: whether its code is in this process; listing and describing types does not load it
 */
gboolean
banyan_plugin_info_is_loaded (BanyanPluginInfo *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->plugin != NULL && self->plugin->error == NULL;
}
