/* banyan-plugin.c - loads one plugin file and registers its types
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-plugin-private.h"
#include "banyan-registry-private.h"

#include <banyan/banyan-struct.h>

#include <dlfcn.h>
#include <string.h>

G_DEFINE_FINAL_TYPE (BanyanPlugin, banyan_plugin, G_TYPE_TYPE_MODULE)

/* What a descriptor must have ends here. */
#define SMALLEST_DESCRIPTOR G_STRUCT_OFFSET (BanyanPluginDescriptor, aliases)

static gboolean G_GNUC_PRINTF (2, 3) fail (BanyanPlugin *self, const char *format, ...)
{
  va_list arguments;

  /* The first reason is the cause, what follows are its effects. */
  if (self->error != NULL)
    return FALSE;

  va_start (arguments, format);
  self->error
      = g_error_new_valist (BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN, format, arguments);
  va_end (arguments);
  return FALSE;
}

static const BanyanPluginDescriptor *
find_descriptor (BanyanPlugin *self)
{
  const BanyanPluginDescriptor *descriptor;
  void *library = dlopen (self->path, RTLD_NOW | RTLD_LOCAL);

  if (library == NULL)
    {
      g_autofree char *reason = g_utf8_make_valid (dlerror (), -1);

      fail (self, "%s", reason);
      return NULL;
    }

  descriptor = dlsym (library, "banyan_plugin_descriptor");
  if (descriptor == NULL)
    fail (self, "it has no symbol banyan_plugin_descriptor, which BANYAN_PLUGIN_DEFINE makes: "
                "is it a plugin of Banyan?");

  return descriptor;
}

/* Reads what @theirs covers and no more: it may be older and shorter, or newer and longer, than
 * ours. */
static gboolean
read_descriptor (BanyanPlugin *self, const BanyanPluginDescriptor *theirs,
                 BanyanPluginDescriptor *ours)
{
  if (theirs->abi != BANYAN_PLUGIN_ABI)
    return fail (self, "it was built for plugin ABI %u, and this library has ABI %u: %s",
                 theirs->abi, BANYAN_PLUGIN_ABI,
                 theirs->abi < BANYAN_PLUGIN_ABI ? "build the plugin against this library"
                                                 : "install the library that it was built for");
  if (theirs->size < SMALLEST_DESCRIPTOR)
    return fail (self, "its descriptor has %u bytes, and the smallest has %zu: set .size",
                 theirs->size, (gsize) SMALLEST_DESCRIPTOR);

  memset (ours, 0, sizeof *ours);
  memcpy (ours, theirs, MIN (theirs->size, sizeof *ours));
  return TRUE;
}

/* In C a name is a token, so that '_' stands for '-'. NULL unless it can be a type's name in
 * documents. */
static const char *
intern_name (const char *token)
{
  g_autofree char *name = g_strdelimit (g_strdup (token), "_", '-');

  if (name == NULL || !g_ascii_islower (name[0]))
    return NULL;

  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_islower (*c) && !g_ascii_isdigit (*c) && *c != '-' && *c != '.')
      return NULL;

  return g_intern_string (name);
}

static gboolean
is_same_name (const BanyanPluginEntry *one, const BanyanPluginEntry *other)
{
  return one->name == other->name
         && banyan_plugin_kind_get_name_space (one->kind)
                == banyan_plugin_kind_get_name_space (other->kind);
}

static gboolean
add_entry (BanyanPlugin *self, const BanyanPluginType *type)
{
  BanyanPluginEntry entry = { .kind = type->kind, .aliases = type->aliases };

  entry.name = intern_name (type->name);
  if (entry.name == NULL)
    return fail (self,
                 "\"%s\" cannot be the name of a type: a name is a lower-case letter, then "
                 "such letters, digits, '-' and '.'",
                 type->name != NULL ? type->name : "");
  if (type->kind >= BANYAN_N_PLUGIN_KINDS)
    return fail (self, "type \"%s\" is of kind %d, which this library does not know", entry.name,
                 type->kind);
  if (type->register_type == NULL)
    return fail (self, "type \"%s\" has no function that registers it: set .register_type",
                 entry.name);
  if (type->summary == NULL || type->summary[0] == '\0')
    return fail (self, "type \"%s\" does not say what it is for: set .summary", entry.name);

  for (guint i = 0; i < self->entries->len; i++)
    if (is_same_name (&g_array_index (self->entries, BanyanPluginEntry, i), &entry))
      return fail (self, "it has two types called \"%s\"", entry.name);

  entry.summary = type->summary;
  g_array_append_val (self->entries, entry);
  return TRUE;
}

/* The types are in @types, or the descriptor itself is the one type. */
static const BanyanPluginType *
list_types (const BanyanPluginDescriptor *descriptor, BanyanPluginType single[2])
{
  if (descriptor->types != NULL)
    return descriptor->types;

  single[0] = (BanyanPluginType){ descriptor->name, descriptor->kind, descriptor->register_type,
                                  descriptor->summary, descriptor->aliases };
  single[1] = (BanyanPluginType){ NULL };
  return single;
}

/* By name: the graph's classes are above this layer, and may not have been used yet. */
static const char *
base_of_kind (BanyanPluginKind kind)
{
  switch (kind)
    {
    case BANYAN_PLUGIN_PROTOCOL:
    case BANYAN_PLUGIN_FORMAT:
    case BANYAN_PLUGIN_FILTER:
      return "BanyanNode";
    case BANYAN_PLUGIN_FRONTEND:
      return "BanyanFrontend";
    case BANYAN_PLUGIN_JOB:
      return "BanyanJob";
    case BANYAN_PLUGIN_COMMAND:
    case BANYAN_PLUGIN_IMAGE:
      return "BanyanStruct";
    default:
      return "BanyanObject";
    }
}

static gboolean
register_entry (BanyanPlugin *self, const BanyanPluginType *type)
{
  BanyanPluginEntry *entry = &g_array_index (self->entries, BanyanPluginEntry, self->n_done);
  g_autoptr (GError) error = NULL;

  type->register_type (G_TYPE_MODULE (self));
  if (self->error != NULL)
    return FALSE;
  if (entry->type == G_TYPE_INVALID)
    return fail (self,
                 "its function for type \"%s\" registered nothing: define the class with "
                 "BANYAN_DEFINE_DRIVER, or call banyan_plugin_add_type ()",
                 entry->name);
  if (!g_type_is_a (entry->type, g_type_from_name (base_of_kind (type->kind)))
      || G_TYPE_IS_ABSTRACT (entry->type))
    return fail (self, "type \"%s\" is class %s, which is %s%s", entry->name,
                 g_type_name (entry->type),
                 G_TYPE_IS_ABSTRACT (entry->type) ? "abstract" : "not derived from ",
                 G_TYPE_IS_ABSTRACT (entry->type) ? "" : base_of_kind (type->kind));
  if (!banyan_object_class_check (entry->type, &error))
    return fail (self, "type \"%s\": %s", entry->name, error->message);

  self->n_done++;
  return TRUE;
}

static gboolean
banyan_plugin_module_load (GTypeModule *module)
{
  BanyanPlugin *self = BANYAN_PLUGIN (module);
  const BanyanPluginDescriptor *theirs = find_descriptor (self);
  BanyanPluginDescriptor descriptor;
  BanyanPluginType single[2];
  const BanyanPluginType *types;

  if (theirs == NULL || !read_descriptor (self, theirs, &descriptor))
    return FALSE;

  self->name = intern_name (descriptor.name);
  self->version = descriptor.version;
  self->licence = descriptor.licence;
  self->summary = descriptor.summary;
  if (self->name == NULL)
    return fail (self, "\"%s\" cannot be the name of a plugin",
                 descriptor.name != NULL ? descriptor.name : "");

  /* All of it is looked at before any of it is registered: that cannot be undone. */
  types = list_types (&descriptor, single);
  for (guint i = 0; types[i].name != NULL; i++)
    if (!add_entry (self, &types[i]))
      return FALSE;
  if (self->entries->len == 0)
    return fail (self, "it has no types");

  for (guint i = 0; i < self->entries->len; i++)
    if (!register_entry (self, &types[i]))
      return FALSE;

  return TRUE;
}

static void
banyan_plugin_module_unload (GTypeModule *module)
{
  /* Never: banyan_plugin_load () keeps a use for ever. */
}

static void
banyan_plugin_finalize (GObject *object)
{
  BanyanPlugin *self = BANYAN_PLUGIN (object);

  g_free (self->path);
  g_array_unref (self->entries);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (banyan_plugin_parent_class)->finalize (object);
}

static void
banyan_plugin_class_init (BanyanPluginClass *klass)
{
  GTypeModuleClass *module_class = G_TYPE_MODULE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = banyan_plugin_finalize;
  module_class->load = banyan_plugin_module_load;
  module_class->unload = banyan_plugin_module_unload;
}

static void
banyan_plugin_init (BanyanPlugin *self)
{
  self->entries = g_array_new (FALSE, TRUE, sizeof (BanyanPluginEntry));
}

BanyanPlugin *
banyan_plugin_new (const char *path)
{
  BanyanPlugin *self = g_object_new (BANYAN_TYPE_PLUGIN, NULL);

  self->path = g_strdup (path);
  g_type_module_set_name (G_TYPE_MODULE (self), path);
  return self;
}

/* Loads the file and registers its types; a second call only tells how the first one ended. */
gboolean
banyan_plugin_load (BanyanPlugin *self, GError **error)
{
  if (self->error == NULL && self->n_done == 0)
    g_type_module_use (G_TYPE_MODULE (self));

  if (self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return FALSE;
    }

  return TRUE;
}

/* Whether another attempt to load the file is of no use: a class that is registered stays, and so
 * must we. */
gboolean
banyan_plugin_is_final (BanyanPlugin *self)
{
  return self->error == NULL || self->entries->len > 0;
}

/* Who registered @type, in words for a refusal. */
static const char *
describe_owner (GType type)
{
  GTypePlugin *owner = g_type_get_plugin (type);

  return BANYAN_IS_PLUGIN (owner) ? BANYAN_PLUGIN (owner)->path : "the program or a library";
}

/**
 * banyan_plugin_register_type: (skip)
 * @module: what a plugin's function that registers types was given
 * @parent: the parent class
 * @name: the name of the class in GObject
 * @info: sizes and functions of the class
 *
 * Registers a class of a plugin, and notes it as the type of the descriptor's entry that is being
 * registered. Where the name is taken, nothing is registered and the plugin is refused with that
 * reason; g_type_module_register_type() would log a critical.
 *
 * BANYAN_DEFINE_DRIVER() calls this.
 *
 * Returns: the class, or G_TYPE_INVALID
 */
GType
banyan_plugin_register_type (GTypeModule *module, GType parent, const char *name,
                             const GTypeInfo *info)
{
  GType taken = g_type_from_name (name);
  GType type;

  g_return_val_if_fail (BANYAN_IS_PLUGIN (module), G_TYPE_INVALID);

  if (taken != G_TYPE_INVALID && g_type_get_plugin (taken) != G_TYPE_PLUGIN (module))
    {
      fail (BANYAN_PLUGIN (module), "the class name %s is taken by %s", name,
            describe_owner (taken));
      return G_TYPE_INVALID;
    }

  type = g_type_module_register_type (module, parent, name, info, 0);
  banyan_plugin_add_type (module, type);
  return type;
}

/**
 * banyan_plugin_add_type: (skip)
 * @module: what a plugin's function that registers types was given
 * @type: the class that it has registered
 *
 * Tells which class belongs to the descriptor's entry that is being registered. If a function
 * registers several, for instance a base class before its driver, the last one counts.
 */
void
banyan_plugin_add_type (GTypeModule *module, GType type)
{
  BanyanPlugin *self;

  g_return_if_fail (BANYAN_IS_PLUGIN (module));

  self = BANYAN_PLUGIN (module);
  g_return_if_fail (self->n_done < self->entries->len);

  g_array_index (self->entries, BanyanPluginEntry, self->n_done).type = type;
}
