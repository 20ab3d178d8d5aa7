/* banyan-registry.c - which types there are, and which plugin provides them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Three tables. `plugins` has every plugin file on the search path in its order, the broken and the
 * shadowed ones too. `builtins` are the library's own types. `types` is made from both: what can be
 * asked for by name. All is for the main thread. */

#include "banyan-registry-private.h"

struct _BanyanRegistry
{
  GObject parent_instance;

  GPtrArray *builtins; /* (owned) (element-type BanyanTypeInfo) */
  GPtrArray *plugins;  /* (owned) (element-type BanyanPluginInfo) */
  GPtrArray *types;    /* (owned) (element-type BanyanTypeInfo): by kind and name */
  GHashTable *names;   /* (owned): GType to BanyanTypeInfo, of those that are loaded */
  gboolean known;      /* the search path has been read */
  gboolean sealed;

  /* What others have, and we have not. */
  guint foreign_kinds;
  const char *const *foreign; /* (nullable) */
  const char *foreign_owner;
};

/* Path to BanyanPlugin, of what this process has loaded, for ever: the table of GTypes is one a
 * process, too. */
static GHashTable *loaded;

G_DEFINE_FINAL_TYPE (BanyanRegistry, banyan_registry, G_TYPE_OBJECT)

static void
index_types (BanyanRegistry *self)
{
  banyan_registry_index_types (self->types, self->builtins, self->plugins);
}

/* -- Knowing what there is. -- */

/* Those of self->plugins about which @records do not tell. (transfer full) */
static GPtrArray *
list_unknown (BanyanRegistry *self, GHashTable *records)
{
  GPtrArray *unknown = g_ptr_array_new ();

  for (guint i = 0; i < self->plugins->len; i++)
    {
      BanyanPluginInfo *info = self->plugins->pdata[i];
      GVariant *record = g_hash_table_lookup (records, info->path);

      if (info->shadowed_by != NULL)
        continue;

      banyan_file_key_read (&info->key, info->path);
      if (record != NULL && banyan_plugin_record_has_key (record, &info->key))
        banyan_plugin_info_take_record (info, record);
      else
        g_ptr_array_add (unknown, info);
    }

  return unknown;
}

static void
save_cache (BanyanRegistry *self)
{
  g_autofree char *path = banyan_registry_cache_get_path ();

  if (path != NULL)
    banyan_registry_cache_save (path, self->plugins);
}

static void
take_plugin (BanyanRegistry *self, BanyanPluginInfo *info, BanyanPlugin *plugin)
{
  banyan_plugin_info_fill (info, plugin);
  info->unscanned = FALSE;

  for (guint i = 0; info->broken == NULL && i < info->types->len; i++)
    {
      BanyanTypeInfo *type = info->types->pdata[i];

      g_hash_table_insert (self->names, GSIZE_TO_POINTER (type->type), banyan_type_info_ref (type));
    }
}

/* What was loaded stays loaded, whatever is in the file now. */
static void
mark_loaded (BanyanRegistry *self)
{
  for (guint i = 0; i < self->plugins->len; i++)
    {
      BanyanPluginInfo *info = self->plugins->pdata[i];
      BanyanPlugin *plugin = g_hash_table_lookup (loaded, info->path);

      if (plugin != NULL && banyan_plugin_is_final (plugin))
        take_plugin (self, info, plugin);
    }
}

static void
learn (BanyanRegistry *self, gboolean use_cache)
{
  g_autofree char *path = use_cache ? banyan_registry_cache_get_path () : NULL;
  g_autoptr (GHashTable) records = banyan_registry_cache_load (path);
  g_autoptr (GPtrArray) unknown = NULL;

  g_ptr_array_unref (self->plugins);
  self->plugins = banyan_search_path_list ();
  self->known = TRUE;

  unknown = list_unknown (self, records);
  if (unknown->len > 0)
    {
      banyan_scanner_run (unknown);
      save_cache (self);
    }

  mark_loaded (self);
  index_types (self);
}

static void
ensure_known (BanyanRegistry *self)
{
  if (!self->known)
    learn (self, TRUE);
}

void
banyan_registry_be_empty (BanyanRegistry *self)
{
  self->known = TRUE;
  self->sealed = TRUE;
}

/* -- Finding. -- */

static BanyanTypeInfo *
find_type (BanyanRegistry *self, guint kinds, const char *name)
{
  ensure_known (self);

  for (guint i = 0; i < self->types->len; i++)
    {
      BanyanTypeInfo *info = self->types->pdata[i];

      if ((kinds & (1u << info->kind)) != 0 && banyan_type_info_is_called (info, name))
        return info;
    }

  return NULL;
}

static BanyanPluginInfo *
find_plugin (BanyanRegistry *self, const char *path)
{
  for (guint i = 0; i < self->plugins->len; i++)
    if (g_strcmp0 (((BanyanPluginInfo *) self->plugins->pdata[i])->path, path) == 0)
      return self->plugins->pdata[i];

  return NULL;
}

static gboolean
may_provide (BanyanPluginInfo *plugin, const char *name)
{
  g_autofree char *promised = banyan_plugin_name_from_path (plugin->path);

  if (g_strcmp0 (plugin->name, name) == 0 || g_str_equal (promised, name))
    return TRUE;

  for (guint i = 0; i < plugin->types->len; i++)
    if (banyan_type_info_is_called (plugin->types->pdata[i], name))
      return TRUE;

  return FALSE;
}

/* The plugin that would provide the type @name if it were not broken. */
static BanyanPluginInfo *
find_broken (BanyanRegistry *self, const char *name)
{
  for (guint i = 0; i < self->plugins->len; i++)
    {
      BanyanPluginInfo *plugin = self->plugins->pdata[i];

      if (plugin->shadowed_by == NULL && banyan_plugin_info_get_broken (plugin) != NULL
          && may_provide (plugin, name))
        return plugin;
    }

  return NULL;
}

/* -- Loading. -- */

static BanyanPlugin *
get_plugin (const char *path)
{
  BanyanPlugin *plugin = g_hash_table_lookup (loaded, path);

  if (plugin != NULL && banyan_plugin_is_final (plugin))
    return plugin;

  if (plugin != NULL)
    {
      g_hash_table_remove (loaded, path);
      g_object_unref (plugin);
    }

  plugin = banyan_plugin_new (path);
  g_hash_table_insert (loaded, plugin->path, plugin);
  return plugin;
}

static void
load_plugin (BanyanRegistry *self, BanyanPluginInfo *info)
{
  BanyanPlugin *plugin = get_plugin (info->path);

  banyan_plugin_load (plugin, NULL);
  take_plugin (self, info, plugin);
  index_types (self);
}

/* Whether the file is still the one that was scanned. */
static gboolean
is_as_scanned (BanyanPluginInfo *info)
{
  BanyanFileKey now = { 0 };
  gboolean equal;

  banyan_file_key_read (&now, info->path);
  equal = banyan_file_key_equal (&now, &info->key);
  g_free (now.build_id);
  return equal;
}

/* Scans the file that is there now. FALSE with @reason if the scanner cannot do that: then all that
 * was known stays. */
static gboolean
scan_again (BanyanRegistry *self, BanyanPluginInfo *info, char **reason)
{
  g_autoptr (BanyanPluginInfo) now = banyan_plugin_info_new (info->path);
  g_autoptr (GPtrArray) one = g_ptr_array_new ();
  g_autoptr (GVariant) record = NULL;

  banyan_file_key_read (&now->key, now->path);
  g_ptr_array_add (one, now);
  banyan_scanner_run (one);
  if (now->unscanned)
    {
      *reason = g_steal_pointer (&now->broken);
      return FALSE;
    }

  record = g_variant_ref_sink (banyan_plugin_info_to_record (now));
  banyan_plugin_info_take_record (info, record);
  g_free (info->key.build_id);
  info->key = now->key;
  now->key.build_id = NULL;
  info->unscanned = FALSE;
  index_types (self);
  save_cache (self);
  return TRUE;
}

/* Without a scan only those are loaded of which nothing was ever known, or which have failed in
 * this process and left it alive. */
static gboolean
may_load_unscanned (BanyanPluginInfo *info)
{
  return info->unscanned || (info->plugin != NULL && is_as_scanned (info));
}

/* Looks again at a plugin that was broken: what it lacked may be there by now. */
static void
retry (BanyanRegistry *self, BanyanPluginInfo *info)
{
  g_autofree char *reason = NULL;

  if (self->sealed || info->conflict != NULL
      || (info->plugin != NULL && banyan_plugin_is_final (info->plugin))
      || (info->hung && is_as_scanned (info)))
    return;

  if (!scan_again (self, info, &reason) && may_load_unscanned (info))
    {
      banyan_file_key_read (&info->key, info->path);
      load_plugin (self, info);
      save_cache (self);
    }
}

/* -- Refusing. -- */

static GType
refuse_broken (BanyanPluginInfo *plugin, const char *name, GError **error)
{
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
               "no type \"%s\": plugin %s, which should have it, is broken: %s", name, plugin->path,
               banyan_plugin_info_get_broken (plugin));
  return G_TYPE_INVALID;
}

static const char *
find_similar (BanyanRegistry *self, guint kinds, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < self->types->len; i++)
    {
      BanyanTypeInfo *info = self->types->pdata[i];

      if ((kinds & (1u << info->kind)) == 0)
        continue;
      g_ptr_array_add (names, info->name);
      for (char **alias = info->aliases; *alias != NULL; alias++)
        g_ptr_array_add (names, *alias);
    }
  g_ptr_array_add (names, NULL);

  return banyan_did_you_mean (name, (const char *const *) names->pdata);
}

/* For those who know it from elsewhere: it is no spelling mistake. */
static gboolean
is_foreign (BanyanRegistry *self, guint kinds, const char *name)
{
  return self->foreign != NULL && (kinds & self->foreign_kinds) != 0
         && g_strv_contains (self->foreign, name);
}

void
banyan_registry_set_foreign (BanyanRegistry *self, guint kinds, const char *const *names,
                             const char *owner)
{
  self->foreign_kinds = kinds;
  self->foreign = names;
  self->foreign_owner = owner;
}

static GType
refuse_unknown (BanyanRegistry *self, guint kinds, const char *name, GError **error)
{
  BanyanTypeInfo *other = find_type (self, G_MAXUINT, name);
  const char *similar = find_similar (self, kinds, name);

  if (other != NULL)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                 "\"%s\" is of kind %s, which cannot be used here", name,
                 banyan_plugin_kind_to_string (other->kind));
  else if (is_foreign (self, kinds, name))
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                 "%s is %s, and not there yet; `banyan inspect --types` lists those there are",
                 name, self->foreign_owner);
  else if (similar != NULL)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                 "no type is called \"%s\"; did you mean \"%s\"?", name, similar);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                 "no type is called \"%s\"; `banyan inspect --types` lists those there are", name);

  return G_TYPE_INVALID;
}

static GType
refuse_changed (BanyanPluginInfo *plugin, const char *name, const char *what, GError **error)
{
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN,
               "type \"%s\": plugin %s was changed since it was scanned, and %s", name,
               plugin->path, what);
  return G_TYPE_INVALID;
}

/* Whoever replaced the file since it was scanned may have put anything there, so it is scanned
 * again before it is loaded. @info may be gone after that: its type is to be looked up again. */
static gboolean
follow_change (BanyanRegistry *self, BanyanTypeInfo *info, const char *name, GError **error)
{
  BanyanPluginInfo *plugin = find_plugin (self, info->plugin_path);
  g_autofree char *reason = NULL;
  g_autofree char *what = NULL;

  if (self->sealed || info->type != G_TYPE_INVALID || plugin == NULL || is_as_scanned (plugin)
      || scan_again (self, plugin, &reason))
    return TRUE;

  what = g_strdup_printf ("is %s; put the old file back, or restart", reason);
  refuse_changed (plugin, name, what, error);
  return FALSE;
}

/* A type that is not known may have come to, or back to, a file that was replaced. */
static gboolean
follow_changes (BanyanRegistry *self)
{
  gboolean has_scanned = FALSE;

  for (guint i = 0; !self->sealed && i < self->plugins->len; i++)
    {
      BanyanPluginInfo *plugin = self->plugins->pdata[i];
      g_autofree char *reason = NULL;

      if (plugin->plugin == NULL && plugin->shadowed_by == NULL && !is_as_scanned (plugin))
        has_scanned |= scan_again (self, plugin, &reason);
    }
  return has_scanned;
}

static GType
load_type (BanyanRegistry *self, BanyanTypeInfo *info, GError **error)
{
  BanyanPluginInfo *plugin = find_plugin (self, info->plugin_path);
  g_autoptr (BanyanTypeInfo) type = banyan_type_info_ref (info);

  if (info->type != G_TYPE_INVALID || plugin == NULL)
    return info->type;

  if (self->sealed)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                   "type \"%s\" is in %s, and this process loads no more plugins: name it under "
                   "`plugins:`",
                   info->name, plugin->path);
      return G_TYPE_INVALID;
    }

  /* The last look before dlopen(): a scan takes long enough for another change. */
  if (!is_as_scanned (plugin))
    return refuse_changed (plugin, type->name, "again meanwhile: ask again once it is whole",
                           error);

  load_plugin (self, plugin);
  if (type->type == G_TYPE_INVALID || plugin->broken != NULL)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN,
                   "type \"%s\": plugin %s does not load: %s", type->name, plugin->path,
                   plugin->broken != NULL ? plugin->broken : "it has that type no longer");
      return G_TYPE_INVALID;
    }

  return type->type;
}

/* -- The registry. -- */

static void
banyan_registry_finalize (GObject *object)
{
  BanyanRegistry *self = BANYAN_REGISTRY (object);

  g_ptr_array_unref (self->builtins);
  g_ptr_array_unref (self->plugins);
  g_ptr_array_unref (self->types);
  g_hash_table_unref (self->names);
  G_OBJECT_CLASS (banyan_registry_parent_class)->finalize (object);
}

static void
banyan_registry_class_init (BanyanRegistryClass *klass)
{
  loaded = g_hash_table_new (g_str_hash, g_str_equal);
  G_OBJECT_CLASS (klass)->finalize = banyan_registry_finalize;
}

static void
banyan_registry_init (BanyanRegistry *self)
{
  GDestroyNotify free_type = (GDestroyNotify) banyan_type_info_unref;

  self->builtins = g_ptr_array_new_with_free_func (free_type);
  self->plugins = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_plugin_info_unref);
  self->types = g_ptr_array_new_with_free_func (free_type);
  self->names = g_hash_table_new_full (NULL, NULL, NULL, free_type);
}

/**
 * banyan_registry_get_default:
 *
 * There is one registry in a process, as there is one table of GTypes. It belongs to the main
 * thread. The search path is read when something is first asked for.
 *
 * Returns: (transfer none): the registry
 */
BanyanRegistry *
banyan_registry_get_default (void)
{
  static BanyanRegistry *registry;

  if (registry == NULL)
    registry = g_object_new (BANYAN_TYPE_REGISTRY, NULL);

  return registry;
}

/**
 * banyan_registry_add_builtin:
 * @self: the registry
 * @name: its name in documents
 * @kind: what kind of object it makes
 * @type: the class
 * @summary: what it is for, in one line
 *
 * Adds a type that the library or the program itself has. It takes precedence over plugins' types.
 * Adding the same class again does nothing.
 */
void
banyan_registry_add_builtin (BanyanRegistry *self, const char *name, BanyanPluginKind kind,
                             GType type, const char *summary)
{
  BanyanTypeInfo *info;

  g_return_if_fail (BANYAN_IS_REGISTRY (self));
  g_return_if_fail (name != NULL && summary != NULL);
  g_return_if_fail (g_type_is_a (type, G_TYPE_OBJECT));

  if (g_hash_table_contains (self->names, GSIZE_TO_POINTER (type)))
    return;

  g_return_if_fail (banyan_registry_find_taker (self->builtins, kind, name) == NULL);

  info = banyan_type_info_new (name, kind, summary, NULL, NULL, g_type_name (type));
  info->type = type;
  g_ptr_array_add (self->builtins, info);
  g_hash_table_insert (self->names, GSIZE_TO_POINTER (type), banyan_type_info_ref (info));
  if (self->known)
    index_types (self);
}

/**
 * banyan_registry_list_types:
 * @self: the registry
 *
 * Lists what objects can be made. No plugin is loaded for that.
 *
 * Returns: (transfer full) (array zero-terminated=1): the types by kind and name
 */
BanyanTypeInfo **
banyan_registry_list_types (BanyanRegistry *self)
{
  BanyanTypeInfo **list;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), NULL);

  ensure_known (self);
  list = g_new0 (BanyanTypeInfo *, self->types->len + 1);
  for (guint i = 0; i < self->types->len; i++)
    list[i] = banyan_type_info_ref (self->types->pdata[i]);

  return list;
}

/**
 * banyan_registry_list_plugins:
 * @self: the registry
 *
 * Lists the plugin files on the search path, with those that are broken or shadowed.
 *
 * Returns: (transfer full) (array zero-terminated=1): the plugins in the order of the search path
 */
BanyanPluginInfo **
banyan_registry_list_plugins (BanyanRegistry *self)
{
  BanyanPluginInfo **list;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), NULL);

  ensure_known (self);
  list = g_new0 (BanyanPluginInfo *, self->plugins->len + 1);
  for (guint i = 0; i < self->plugins->len; i++)
    list[i] = banyan_plugin_info_ref (self->plugins->pdata[i]);

  return list;
}

/**
 * banyan_registry_lookup:
 * @self: the registry
 * @kinds: a mask of 1 << #BanyanPluginKind
 * @name: a name or an alias
 *
 * Finds a type without loading it.
 *
 * Returns: (transfer full) (nullable): the type, or %NULL if there is none of that name and those
 * kinds
 */
BanyanTypeInfo *
banyan_registry_lookup (BanyanRegistry *self, guint kinds, const char *name)
{
  BanyanTypeInfo *info;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  info = find_type (self, kinds, name);
  return info != NULL ? banyan_type_info_ref (info) : NULL;
}

/**
 * banyan_registry_get_type_by_name:
 * @self: the registry
 * @kinds: a mask of 1 << #BanyanPluginKind
 * @name: a name or an alias
 * @error: where to put the error, or NULL
 *
 * Finds a class by its name in documents, and loads the plugin that has it, and no other. A file
 * that was changed since it was scanned is scanned again first.
 *
 * Returns: the class, or %G_TYPE_INVALID
 */
GType
banyan_registry_get_type_by_name (BanyanRegistry *self, guint kinds, const char *name,
                                  GError **error)
{
  BanyanTypeInfo *info;
  BanyanPluginInfo *broken;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), G_TYPE_INVALID);
  g_return_val_if_fail (name != NULL, G_TYPE_INVALID);

  info = find_type (self, kinds, name);
  if (info != NULL && !follow_change (self, info, name, error))
    return G_TYPE_INVALID;

  info = find_type (self, kinds, name);
  if (info == NULL && follow_changes (self))
    info = find_type (self, kinds, name);
  broken = info == NULL ? find_broken (self, name) : NULL;
  if (broken != NULL)
    {
      retry (self, broken);
      info = find_type (self, kinds, name);
    }

  if (info != NULL)
    return load_type (self, info, error);
  if (broken != NULL && banyan_plugin_info_get_broken (broken) != NULL)
    return refuse_broken (broken, name, error);

  return refuse_unknown (self, kinds, name, error);
}

/**
 * banyan_registry_get_name_of_type:
 * @self: the registry
 * @type: a class
 *
 * Returns: (transfer none) (nullable): the name that documents have for @type, or %NULL if it does
 * not come from the registry
 */
const char *
banyan_registry_get_name_of_type (BanyanRegistry *self, GType type)
{
  BanyanTypeInfo *info;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), NULL);

  info = g_hash_table_lookup (self->names, GSIZE_TO_POINTER (type));
  return info != NULL ? info->name : NULL;
}

/**
 * banyan_registry_seal:
 * @self: the registry
 *
 * From now on no plugin is loaded or scanned: a process does this before it gives up the right to
 * open files. What is known stays known, so a type that is not loaded is refused by name.
 */
void
banyan_registry_seal (BanyanRegistry *self)
{
  g_return_if_fail (BANYAN_IS_REGISTRY (self));

  ensure_known (self);
  self->sealed = TRUE;
}

/**
 * banyan_registry_rescan:
 * @self: the registry
 *
 * Forgets what is known about the plugins, the cache included, and looks at all of them again.
 * Plugins that are loaded stay as they are. A sealed registry does not change.
 */
void
banyan_registry_rescan (BanyanRegistry *self)
{
  g_return_if_fail (BANYAN_IS_REGISTRY (self));

  if (!self->sealed)
    learn (self, FALSE);
}

/**
 * banyan_object_new:
 * @type_name: a type's name in documents
 * @id: (nullable): the object's id
 * @error: where to put the error, or NULL
 *
 * Makes an object by the name of its type, of any kind: what bindings use, since classes in plugins
 * have no functions of their own there.
 *
 * Returns: (transfer full): the object, whose properties may now be set
 */
BanyanObject *
banyan_object_new (const char *type_name, const char *id, GError **error)
{
  GType type;

  g_return_val_if_fail (type_name != NULL, NULL);

  type = banyan_registry_get_type_by_name (banyan_registry_get_default (), G_MAXUINT, type_name,
                                           error);
  return type != G_TYPE_INVALID ? g_object_new (type, "id", id, NULL) : NULL;
}
