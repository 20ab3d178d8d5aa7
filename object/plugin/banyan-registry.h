/* banyan-registry.h - which types there are, and which plugin provides them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-object.h>

G_BEGIN_DECLS

#define BANYAN_PLUGIN_ABI 1

typedef enum
{
  BANYAN_PLUGIN_PROTOCOL,
  BANYAN_PLUGIN_FORMAT,
  BANYAN_PLUGIN_FILTER,
  BANYAN_PLUGIN_FRONTEND,
  BANYAN_PLUGIN_JOB,
  BANYAN_PLUGIN_OBJECT,  /* whatever goes under objects: */
  BANYAN_PLUGIN_COMMAND, /* a struct of arguments that can be run */
  BANYAN_PLUGIN_IMAGE,   /* a struct of options that an image of the driver of that name has */
} BanyanPluginKind;

#define BANYAN_N_PLUGIN_KINDS (BANYAN_PLUGIN_IMAGE + 1)

/* One type of a plugin that has several. */
typedef struct
{
  const char *name; /* as in documents: '_' stands for '-' */
  BanyanPluginKind kind;
  void (*register_type) (GTypeModule *module);
  const char *summary;
  const char *aliases; /* (nullable): comma-separated other names */
} BanyanPluginType;

/* The one symbol that a module exports, banyan_plugin_descriptor. Grows at its end; @size tells
 * what it was built with. */
typedef struct
{
  guint32 abi;
  guint32 size;
  const char *name;
  const char *version;
  const char *licence;
  BanyanPluginKind kind;
  void (*register_type) (GTypeModule *module);
  const char *summary;
  const char *aliases;
  const BanyanPluginType *types; /* (nullable): ends with a NULL name; instead of register_type */
} BanyanPluginDescriptor;

#define BANYAN_PLUGIN_DEFINE(plugin_name, ...) \
  __attribute__ (( \
      visibility ("default"))) extern const BanyanPluginDescriptor banyan_plugin_descriptor; \
  const BanyanPluginDescriptor banyan_plugin_descriptor \
      = { .abi = BANYAN_PLUGIN_ABI, \
          .size = sizeof (BanyanPluginDescriptor), \
          .name = #plugin_name, \
          .version = BANYAN_PLUGIN_VERSION, \
          .licence = BANYAN_PLUGIN_LICENCE, \
          __VA_ARGS__ };

#ifndef BANYAN_PLUGIN_VERSION
#define BANYAN_PLUGIN_VERSION "0.1.0"
#endif
#ifndef BANYAN_PLUGIN_LICENCE
#define BANYAN_PLUGIN_LICENCE "LGPL-2.1-or-later"
#endif

/* For a plugin that registers a class by itself: which one belongs to the entry being registered.
 */
BANYAN_API
void banyan_plugin_add_type (GTypeModule *module, GType type);
/* What BANYAN_DEFINE_DRIVER calls: registers a class, unless its name is taken, and adds it. */
BANYAN_API
GType banyan_plugin_register_type (GTypeModule *module, GType parent, const char *name,
                                   const GTypeInfo *info);

/* As G_DEFINE_DYNAMIC_TYPE, but a class name that is taken makes a refusal instead of a critical,
 * and there is no class_finalize, as plugins stay. CODE sees type_module and g_define_type_id. */
#define BANYAN_DEFINE_DRIVER(TypeName, type_name, PARENT_TYPE) \
  BANYAN_DEFINE_DRIVER_WITH_CODE (TypeName, type_name, PARENT_TYPE, {})
#define BANYAN_DEFINE_DRIVER_WITH_CODE(TypeName, type_name, PARENT_TYPE, CODE) \
  static void type_name##_init (TypeName *self); \
  static void type_name##_class_init (TypeName##Class *klass); \
  static GType type_name##_type_id; \
  static gpointer type_name##_parent_class; \
  static gint TypeName##_private_offset; \
  static void type_name##_class_intern_init (gpointer klass, gpointer data) \
  { \
    type_name##_parent_class = g_type_class_peek_parent (klass); \
    if (TypeName##_private_offset != 0) \
      g_type_class_adjust_private_offset (klass, &TypeName##_private_offset); \
    type_name##_class_init ((TypeName##Class *) klass); \
  } \
  G_GNUC_UNUSED static inline gpointer type_name##_get_instance_private (TypeName *self) \
  { \
    return G_STRUCT_MEMBER_P (self, TypeName##_private_offset); \
  } \
  GType type_name##_get_type (void) { return type_name##_type_id; } \
  static void type_name##_register_type (GTypeModule *type_module) \
  { \
    const GTypeInfo type_info \
        = { .class_size = sizeof (TypeName##Class), \
            .class_init = type_name##_class_intern_init, \
            .instance_size = sizeof (TypeName), \
            .instance_init = (GInstanceInitFunc) (GCallback) type_name##_init }; \
    GType g_define_type_id \
        = banyan_plugin_register_type (type_module, PARENT_TYPE, #TypeName, &type_info); \
    type_name##_type_id = g_define_type_id; \
    if (g_define_type_id != G_TYPE_INVALID) \
      { \
        CODE; \
      } \
  }

/* -- One type, as the registry's cache knows it: nothing needs to be loaded to ask. -- */

#define BANYAN_TYPE_TYPE_INFO (banyan_type_info_get_type ())
typedef struct _BanyanTypeInfo BanyanTypeInfo; /* boxed, reference counted */
BANYAN_API
GType banyan_type_info_get_type (void);
BANYAN_API
BanyanTypeInfo *banyan_type_info_ref (BanyanTypeInfo *self);
BANYAN_API
void banyan_type_info_unref (BanyanTypeInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanTypeInfo, banyan_type_info_unref)
BANYAN_API
const char *banyan_type_info_get_name (BanyanTypeInfo *self); /* "qcow2" */
BANYAN_API
BanyanPluginKind banyan_type_info_get_kind (BanyanTypeInfo *self);
BANYAN_API
const char *banyan_type_info_get_summary (BanyanTypeInfo *self);
BANYAN_API
const char *const *banyan_type_info_get_aliases (BanyanTypeInfo *self);
BANYAN_API
const char *banyan_type_info_get_plugin_path (BanyanTypeInfo *self); /* (nullable): built in */
/* Everything about the type as a spec (the shape that `banyan inspect TYPE --json` prints): class
 * chain, properties with type, unit, range, default, mutability, kind, blurb, aliases; roles. */
BANYAN_API
BanyanSpec *banyan_type_info_describe (BanyanTypeInfo *self);

/* -- One plugin file. -- */

#define BANYAN_TYPE_PLUGIN_INFO (banyan_plugin_info_get_type ())
typedef struct _BanyanPluginInfo BanyanPluginInfo; /* boxed, reference counted */
BANYAN_API
GType banyan_plugin_info_get_type (void);
BANYAN_API
BanyanPluginInfo *banyan_plugin_info_ref (BanyanPluginInfo *self);
BANYAN_API
void banyan_plugin_info_unref (BanyanPluginInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanPluginInfo, banyan_plugin_info_unref)
BANYAN_API
const char *banyan_plugin_info_get_path (BanyanPluginInfo *self);
BANYAN_API
const char *banyan_plugin_info_get_name (BanyanPluginInfo *self);
BANYAN_API
const char *banyan_plugin_info_get_version (BanyanPluginInfo *self);
BANYAN_API
const char *banyan_plugin_info_get_licence (BanyanPluginInfo *self);
BANYAN_API
const char *banyan_plugin_info_get_summary (BanyanPluginInfo *self);
/* Why it is not usable: "libfoo.so.1: cannot open shared object file", "crashed while scanning
 * (SIGSEGV)", ...; NULL when it is. */
BANYAN_API
const char *banyan_plugin_info_get_broken (BanyanPluginInfo *self);
/* The file of the same name, earlier on the search path, that is used instead; or NULL. */
BANYAN_API
const char *banyan_plugin_info_get_shadowed_by (BanyanPluginInfo *self);
BANYAN_API
gboolean banyan_plugin_info_is_loaded (BanyanPluginInfo *self);

/* -- The registry: one a process. -- */

#define BANYAN_TYPE_REGISTRY (banyan_registry_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanRegistry, banyan_registry, BANYAN, REGISTRY, GObject)

BANYAN_API
BanyanRegistry *banyan_registry_get_default (void); /* (transfer none) */
/* Types that the library itself has: iothread, ... */
BANYAN_API
void banyan_registry_add_builtin (BanyanRegistry *self, const char *name, BanyanPluginKind kind,
                                  GType type, const char *summary);
/* (transfer full) (array zero-terminated=1): by kind and name */
BANYAN_API
BanyanTypeInfo **banyan_registry_list_types (BanyanRegistry *self);
BANYAN_API
BanyanPluginInfo **banyan_registry_list_plugins (BanyanRegistry *self);
/* By name or alias, of any of the kinds in @kinds (a mask of 1 << BanyanPluginKind). */
BANYAN_API
BanyanTypeInfo *banyan_registry_lookup (BanyanRegistry *self, guint kinds, const char *name);
/* Loads what is needed. G_TYPE_INVALID with BANYAN_CONFIG_ERROR_UNKNOWN_TYPE (with did-you-mean and
 * why a plugin that would have it is broken). */
BANYAN_API
GType banyan_registry_get_type_by_name (BanyanRegistry *self, guint kinds, const char *name,
                                        GError **error);
/* The document's name of a class that came from the registry, or NULL. */
BANYAN_API
const char *banyan_registry_get_name_of_type (BanyanRegistry *self, GType type);
/* From now on nothing is loaded: a sandbox refuses other types by name. */
BANYAN_API
void banyan_registry_seal (BanyanRegistry *self);
/* Drops what is known and scans again. */
BANYAN_API
void banyan_registry_rescan (BanyanRegistry *self);

/* Adds what a base class knows about @klass, a class derived from it, to the map that describes it.
 */
typedef void (*BanyanDescribeFunc) (GObjectClass *klass, BanyanSpecBuilder *description);
BANYAN_API
void banyan_registry_add_describer (BanyanRegistry *self, GType base, BanyanDescribeFunc describe);

/* Makes an object by its document name: what bindings use instead of a C type.
 * (transfer full) */
BANYAN_API
BanyanObject *banyan_object_new (const char *type_name, const char *id, GError **error);

G_END_DECLS
