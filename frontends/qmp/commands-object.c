/* commands-object.c - commands about objects of any kind, by path: QEMU's qom-* and object-*
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <string.h>

/* -- object-add, object-del: what is neither node nor frontend. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *qom_type;      /* (owned) */
  BanyanSpec *options; /* (owned) (nullable) */
} QmpObjectAdd;

QMP_DEFINE_COMMAND (QmpObjectAdd, object_add)

static gboolean
object_add_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                  GError **error)
{
  QmpObjectAdd *self = (QmpObjectAdd *) command;
  g_autoptr (BanyanSpec) type = banyan_spec_new_scalar (BANYAN_SPEC_STRING, self->qom_type,
                                                        banyan_monitor_get_origin (monitor));
  g_autoptr (BanyanSpec) spec = banyan_spec_with (self->options, "type", type);

  return qmp_add_declared (monitor, "objects", spec, transaction, error);
}

static void
object_add_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = object_add_steps;
  banyan_command_class_describe (klass, "object-add", 0, "{}");
  qmp_require_string (klass, "qom-type", "Type", "What the new object is",
                      G_STRUCT_OFFSET (QmpObjectAdd, qom_type));
  qmp_require_declaration (klass, "options", "Options", "Id and properties of the object",
                           "BanyanObject", G_STRUCT_OFFSET (QmpObjectAdd, options));
  banyan_command_class_set_flat (klass, "options");
}

typedef struct
{
  BanyanCommand parent_instance;
  char *id; /* (owned) */
} QmpObjectDel;

QMP_DEFINE_COMMAND (QmpObjectDel, object_del)

static gboolean
object_del_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                  GError **error)
{
  QmpObjectDel *self = (QmpObjectDel *) command;
  g_autofree char *path = g_strconcat ("/objects/", self->id, NULL);
  BanyanObject *object = banyan_transaction_resolve (transaction, path, NULL);

  if (object == NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                   "object '%s' not found", self->id);
      return FALSE;
    }

  banyan_transaction_remove (transaction, object);
  return TRUE;
}

static void
object_del_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = object_del_steps;
  banyan_command_class_describe (klass, "object-del", 0, "{}");
  qmp_require_string (klass, "id", "Id", "Which object to close; nobody may use it",
                      G_STRUCT_OFFSET (QmpObjectDel, id));
}

/* -- qom-list. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path; /* (owned) */
} QmpQomList;

QMP_DEFINE_COMMAND (QmpQomList, qom_list)

static void
list_child (BanyanSpecBuilder *list, BanyanObject *child)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *type = qmp_name_type (child);
  g_autofree char *kind = g_strdup_printf ("child<%s>", type);

  banyan_spec_builder_add_string (map, "name", banyan_object_get_id (child));
  banyan_spec_builder_add_string (map, "type", kind);
  banyan_spec_builder_take_built (list, NULL, map);
}

/* Words of QEMU's where it has them, as clients tell strings from numbers by them. */
static char *
name_property_type (GParamSpec *pspec)
{
  if (banyan_param_get_link_target (pspec) != NULL)
    return g_strdup_printf ("link<%s>", banyan_param_get_link_target (pspec));

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      return g_strdup ("bool");
    case G_TYPE_INT:
    case G_TYPE_INT64:
      return g_strdup ("int");
    case G_TYPE_UINT:
    case G_TYPE_UINT64:
      return g_strdup ("uint64");
    case G_TYPE_DOUBLE:
      return g_strdup ("number");
    case G_TYPE_STRING:
      return g_strdup ("string");
    default:
      return banyan_param_describe_type (pspec);
    }
}

static GParamSpec **
list_pspecs (BanyanObject *object, guint *n_pspecs)
{
  return g_object_class_list_properties (G_OBJECT_GET_CLASS (object), n_pspecs);
}

static BanyanSpecBuilder *
name_property (GParamSpec *pspec)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *type = name_property_type (pspec);

  banyan_spec_builder_add_string (map, "name", pspec->name);
  banyan_spec_builder_add_string (map, "type", type);
  banyan_spec_builder_add_string (map, "description", g_param_spec_get_blurb (pspec));
  return map;
}

static BanyanSpec *
qom_list_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanObject *object = qmp_find_object (monitor, ((QmpQomList *) command)->path, error);
  g_autoptr (GPtrArray) children = NULL;
  g_autofree GParamSpec **pspecs = NULL;
  BanyanSpecBuilder *list;
  guint n_pspecs;

  if (object == NULL)
    return NULL;

  list = banyan_spec_builder_new_list ();
  children = banyan_object_list_children (object);
  for (guint i = 0; i < children->len; i++)
    list_child (list, children->pdata[i]);
  pspecs = list_pspecs (object, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    banyan_spec_builder_take_built (list, NULL, name_property (pspecs[i]));
  return banyan_spec_builder_end (list);
}

#define PROPERTY_INFO "name: str, type: str, '*description': str"

static void
qom_list_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_list_run;
  banyan_command_class_describe (klass, "qom-list", 0, "[{ " PROPERTY_INFO " }]");
  qmp_require_string (klass, "path", "Path", "Object to look into: its children and properties",
                      G_STRUCT_OFFSET (QmpQomList, path));
}

/* -- qom-get, qom-set. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path;     /* (owned) */
  char *property; /* (owned) */
} QmpQomGet;

QMP_DEFINE_COMMAND (QmpQomGet, qom_get)

/* A part of a struct is asked for by a dotted name. */
static BanyanSpec *
pick (BanyanSpec *value, const char *rest, GError **error)
{
  g_auto (GStrv) keys = g_strsplit (rest, ".", -1);

  for (guint i = 0; keys[i] != NULL && value != NULL; i++)
    value = banyan_spec_get_kind (value) == BANYAN_SPEC_MAP ? banyan_spec_lookup (value, keys[i])
                                                            : NULL;
  if (value != NULL)
    return banyan_spec_ref (value);

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
               "There is no \"%s\" in it", rest);
  return NULL;
}

static BanyanSpec *
qom_get_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpQomGet *self = (QmpQomGet *) command;
  BanyanObject *object = qmp_find_object (monitor, self->path, error);
  g_autofree char *first = g_strndup (self->property, strcspn (self->property, "."));
  GParamSpec *pspec = object != NULL ? qmp_find_property (object, first, error) : NULL;
  g_autoptr (BanyanSpec) value = NULL;

  if (pspec == NULL)
    return NULL;

  value = qmp_describe_value (object, pspec);
  if (self->property[strlen (first)] == '.')
    return pick (value, self->property + strlen (first) + 1, error);
  return g_steal_pointer (&value);
}

static void
qom_get_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_get_run;
  banyan_command_class_describe (klass, "qom-get", 0, "any");
  qmp_require_string (klass, "path", "Path", "Object that has the property",
                      G_STRUCT_OFFSET (QmpQomGet, path));
  qmp_require_string (klass, "property", "Property", "Name, or what is inside: cache.direct",
                      G_STRUCT_OFFSET (QmpQomGet, property));
}

typedef struct
{
  BanyanCommand parent_instance;
  char *path;        /* (owned) */
  char *property;    /* (owned) */
  BanyanSpec *value; /* (owned) */
} QmpQomSet;

QMP_DEFINE_COMMAND (QmpQomSet, qom_set)

static gboolean
qom_set_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
               GError **error)
{
  QmpQomSet *self = (QmpQomSet *) command;
  BanyanObject *object = qmp_draft_object (transaction, self->path, error);

  if (object == NULL)
    return FALSE;

  banyan_transaction_set (transaction, object, self->property, self->value);
  return TRUE;
}

static void
qom_set_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = qom_set_steps;
  banyan_command_class_describe (klass, "qom-set", 0, "{}");
  qmp_require_string (klass, "path", "Path", "Object that has the property",
                      G_STRUCT_OFFSET (QmpQomSet, path));
  qmp_require_string (klass, "property", "Property", "Name, or what is inside: cache.direct",
                      G_STRUCT_OFFSET (QmpQomSet, property));
  qmp_require_declaration (klass, "value", "Value", "What to set it to, as a document would", NULL,
                           G_STRUCT_OFFSET (QmpQomSet, value));
}

/* -- qom-list-get: many objects with all values in one answer. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanList *paths; /* (owned) (element-type utf8) */
} QmpQomListGet;

QMP_DEFINE_COMMAND (QmpQomListGet, qom_list_get)

/* What all objects of a class have in common is made once for an answer; most values are those of
 * the object before, and so is the entry then, which is also written once. */
typedef struct
{
  GParamSpec *pspec; /* (unowned) */
  BanyanSpec *entry; /* (owned): name, type, and null for the value */
  GValue value;      /* the last object's */
  BanyanSpec *last;  /* (owned) (nullable): its entry */
} NamedProperty;

static void
clear_named (gpointer data)
{
  NamedProperty *self = data;

  banyan_spec_unref (self->entry);
  g_value_unset (&self->value);
  g_clear_pointer (&self->last, banyan_spec_unref);
}

static BanyanSpec *
make_entry (GParamSpec *pspec)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_autofree char *type = name_property_type (pspec);
  BanyanSpecBuilder *entry = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (entry, "name", pspec->name);
  banyan_spec_builder_add_string (entry, "type", type);
  banyan_spec_builder_take (entry, "value", banyan_spec_new_null (&origin));
  return banyan_spec_builder_end (entry);
}

static GArray *
name_properties (BanyanObject *object)
{
  GArray *named = g_array_new (FALSE, FALSE, sizeof (NamedProperty));
  guint n_pspecs;
  g_autofree GParamSpec **pspecs = list_pspecs (object, &n_pspecs);

  g_array_set_clear_func (named, clear_named);
  for (guint i = 0; i < n_pspecs; i++)
    {
      NamedProperty property = { .pspec = pspecs[i], .entry = make_entry (pspecs[i]) };

      g_value_init (&property.value, pspecs[i]->value_type);
      g_array_append_val (named, property);
    }
  return named;
}

/* @classes: (element-type GArray): by class */
static GArray *
get_named (GHashTable *classes, BanyanObject *object)
{
  gpointer klass = G_OBJECT_GET_CLASS (object);
  GArray *named = g_hash_table_lookup (classes, klass);

  if (named == NULL)
    {
      named = name_properties (object);
      g_hash_table_insert (classes, klass, named);
    }
  return named;
}

/* (transfer none): the property's */
static BanyanSpec *
describe_entry (BanyanObject *object, NamedProperty *self)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) spec = NULL;

  qmp_get_value (object, self->pspec, &value);
  if (self->last != NULL && g_param_values_cmp (self->pspec, &value, &self->value) == 0)
    return self->last;

  g_value_copy (&value, &self->value);
  spec = qmp_write_value (self->pspec, &value);
  g_clear_pointer (&self->last, banyan_spec_unref);
  self->last = banyan_spec_with (self->entry, "value", spec);
  return self->last;
}

static BanyanSpecBuilder *
describe_values (BanyanObject *object, GArray *named)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < named->len; i++)
    banyan_spec_builder_add (list, NULL, NULL,
                             describe_entry (object, &g_array_index (named, NamedProperty, i)));
  banyan_spec_builder_take_built (map, "properties", list);
  return map;
}

static BanyanSpec *
qom_list_get_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpQomListGet *self = (QmpQomListGet *) command;
  g_autoptr (GHashTable) classes
      = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_list_get_length (self->paths); i++)
    {
      BanyanObject *object
          = qmp_find_object (monitor, banyan_list_get_string (self->paths, i), error);

      if (object == NULL)
        {
          banyan_spec_builder_free (list);
          return NULL;
        }
      banyan_spec_builder_take_built (list, NULL,
                                      describe_values (object, get_named (classes, object)));
    }
  return banyan_spec_builder_end (list);
}

static void
qom_list_get_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_list_get_run;
  banyan_command_class_describe (klass, "qom-list-get", 0,
                                 "[{ properties: [{ name: str, type: str, '*value': any }] }]");
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_list (
                 "paths", "Paths", "Objects to tell everything about",
                 banyan_param_string ("path", "Path", "One of the list", NULL, BANYAN_NO_FIELD),
                 G_STRUCT_OFFSET (QmpQomListGet, paths))));
}

/* -- qom-list-types, qom-list-properties. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *implements; /* (owned) (nullable) */
  gboolean abstract;
} QmpQomListTypes;

QMP_DEFINE_COMMAND (QmpQomListTypes, qom_list_types)

static const char *
get_parent_of (BanyanSpec *description)
{
  BanyanSpec *chain = banyan_spec_lookup (description, "chain");

  return chain != NULL && banyan_spec_get_length (chain) > 1
             ? banyan_spec_get_text (banyan_spec_get_item (chain, 1))
             : NULL;
}

static gboolean
implements (BanyanSpec *description, const char *name)
{
  BanyanSpec *chain = banyan_spec_lookup (description, "chain");

  for (guint i = 0; chain != NULL && i < banyan_spec_get_length (chain); i++)
    if (strcmp (banyan_spec_get_text (banyan_spec_get_item (chain, i)), name) == 0)
      return TRUE;
  return strcmp (banyan_spec_lookup_text (description, "kind"), name) == 0;
}

static void
add_type (BanyanSpecBuilder *list, BanyanTypeInfo *type, const char *wanted)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  BanyanSpecBuilder *map;

  if (wanted != NULL && !implements (description, wanted))
    return;

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "name", banyan_type_info_get_name (type));
  banyan_spec_builder_add_string (map, "parent", get_parent_of (description));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
qom_list_types_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; types[i] != NULL; i++)
    {
      add_type (list, types[i], ((QmpQomListTypes *) command)->implements);
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
  return banyan_spec_builder_end (list);
}

static void
qom_list_types_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_list_types_run;
  banyan_command_class_describe (klass, "qom-list-types", 0,
                                 "[{ name: str, '*abstract': bool, '*parent': str }]");
  qmp_add_string (klass, "implements", "Implements",
                  "Only those of this class or kind: BanyanFilter, filter",
                  G_STRUCT_OFFSET (QmpQomListTypes, implements));
  qmp_add_boolean (klass, "abstract", "Abstract",
                   "Whether to tell of classes that cannot be made, too; no type is one", FALSE,
                   G_STRUCT_OFFSET (QmpQomListTypes, abstract));
}

typedef struct
{
  BanyanCommand parent_instance;
  char *type_name; /* (owned) */
} QmpQomListProperties;

QMP_DEFINE_COMMAND (QmpQomListProperties, qom_list_properties)

static void
add_declared (BanyanSpecBuilder *list, BanyanSpec *property)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpec *standard = banyan_spec_lookup (property, "default");

  banyan_spec_builder_add_string (map, "name", banyan_spec_lookup_text (property, "name"));
  banyan_spec_builder_add_string (map, "type", banyan_spec_lookup_text (property, "type-text"));
  banyan_spec_builder_add_string (map, "description", banyan_spec_lookup_text (property, "blurb"));
  if (standard != NULL)
    banyan_spec_builder_take (map, "default-value", banyan_spec_ref (standard));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
qom_list_properties_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpQomListProperties *self = (QmpQomListProperties *) command;
  g_autoptr (BanyanTypeInfo) type
      = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, self->type_name);
  BanyanSpecBuilder *list = NULL;
  g_autoptr (BanyanSpec) description = NULL;
  BanyanSpec *properties;

  if (type == NULL)
    {
      g_set_error (error, QMP_PATH_ERROR, QMP_PATH_ERROR_NOT_FOUND, "Class '%s' not found",
                   self->type_name);
      return NULL;
    }

  list = banyan_spec_builder_new_list ();
  description = banyan_type_info_describe (type);
  properties = banyan_spec_lookup (description, "properties");
  for (guint i = 0; properties != NULL && i < banyan_spec_get_length (properties); i++)
    add_declared (list, banyan_spec_get_item (properties, i));
  return banyan_spec_builder_end (list);
}

static void
qom_list_properties_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_list_properties_run;
  banyan_command_class_describe (klass, "qom-list-properties", 0,
                                 "[{ " PROPERTY_INFO ", '*default-value': any }]");
  qmp_require_string (klass, "typename", "Type", "Which one to tell the properties of",
                      G_STRUCT_OFFSET (QmpQomListProperties, type_name));
}
