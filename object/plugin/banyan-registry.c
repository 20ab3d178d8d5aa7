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
};

G_DEFINE_FINAL_TYPE (BanyanRegistry, banyan_registry, G_TYPE_OBJECT)

/* -- The table of types. -- */

/* Nodes share one name space, whatever their kind; frontends, jobs and other objects have their
 * own. */
static guint
name_space (BanyanPluginKind kind)
{
  return kind <= BANYAN_PLUGIN_FILTER ? BANYAN_PLUGIN_PROTOCOL : kind;
}

static BanyanTypeInfo *
find_taker (GPtrArray *types, BanyanPluginKind kind, const char *name)
{
  for (guint i = 0; i < types->len; i++)
    {
      BanyanTypeInfo *info = types->pdata[i];

      if (name_space (info->kind) == name_space (kind) && banyan_type_info_is_called (info, name))
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
  BanyanTypeInfo *taker = find_taker (types, info->kind, info->name);

  if (taker != NULL)
    return g_strdup_printf ("type \"%s\" is taken by %s", info->name, describe_provider (taker));

  for (guint i = 0; info->aliases[i] != NULL; i++)
    {
      taker = find_taker (types, info->kind, info->aliases[i]);
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

/* Conflicts go by the order of the search path, so the table is sorted when all are in it. */
static void
index_types (BanyanRegistry *self)
{
  g_ptr_array_set_size (self->types, 0);

  for (guint i = 0; i < self->builtins->len; i++)
    g_ptr_array_add (self->types, banyan_type_info_ref (self->builtins->pdata[i]));
  for (guint i = 0; i < self->plugins->len; i++)
    index_plugin (self->types, self->plugins->pdata[i]);

  g_ptr_array_sort (self->types, compare_types);
}

/* -- Knowing what there is. -- */

static void
load_plugin (BanyanRegistry *self, BanyanPluginInfo *info)
{
  BanyanPlugin *plugin = banyan_plugin_new (info->path);

  banyan_plugin_load (plugin, NULL);
  banyan_plugin_info_fill (info, plugin);

  for (guint i = 0; info->broken == NULL && i < info->types->len; i++)
    {
      BanyanTypeInfo *type = info->types->pdata[i];

      g_hash_table_insert (self->names, GSIZE_TO_POINTER (type->type), banyan_type_info_ref (type));
    }
}

static void
ensure_known (BanyanRegistry *self)
{
  if (self->known)
    return;

  self->known = TRUE;
  g_clear_pointer (&self->plugins, g_ptr_array_unref);
  self->plugins = banyan_search_path_list ();
  for (guint i = 0; i < self->plugins->len; i++)
    {
      BanyanPluginInfo *info = self->plugins->pdata[i];

      if (info->shadowed_by == NULL)
        load_plugin (self, info);
    }
  index_types (self);
}

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

  g_return_if_fail (find_taker (self->builtins, kind, name) == NULL);

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
 * Finds a class by its name in documents, and loads the plugin that has it, and no other.
 *
 * Returns: the class, or %G_TYPE_INVALID
 */
GType
banyan_registry_get_type_by_name (BanyanRegistry *self, guint kinds, const char *name,
                                  GError **error)
{
  BanyanTypeInfo *info;

  g_return_val_if_fail (BANYAN_IS_REGISTRY (self), G_TYPE_INVALID);
  g_return_val_if_fail (name != NULL, G_TYPE_INVALID);

  info = find_type (self, kinds, name);
  if (info == NULL)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                   "no type is called \"%s\"", name);
      return G_TYPE_INVALID;
    }

  return info->type;
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
