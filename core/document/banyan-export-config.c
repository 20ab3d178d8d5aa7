/* banyan-export-config.c - the running graph as a document
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

static BanyanSpec *export_object (BanyanObject *object, const char *directory,
                                  const char *type_key);

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

/* A word that a person would write without quotes; the writer adds them where they are needed. */
static BanyanSpec *
plain (const char *text)
{
  return text != NULL ? banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin) : NULL;
}

/* The node that was declared inside of @object's property, and belongs to it. */
static BanyanObject *
find_inline (BanyanObject *object, GParamSpec *pspec, const char *id)
{
  g_autofree char *birth_name
      = g_strdup_printf ("%s.%s", banyan_object_get_id (object), pspec->name);
  BanyanObject *found = banyan_object_get_child (banyan_object_get_parent (object), id);

  return found != NULL && banyan_object_is_implicit (found) && g_str_has_prefix (id, birth_name)
             ? found
             : NULL;
}

static BanyanSpec *
export_link (BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared, const char *directory)
{
  const char *id = banyan_spec_get_kind (declared) == BANYAN_SPEC_NULL
                       ? NULL
                       : banyan_spec_get_text (declared);
  BanyanObject *child = id != NULL ? find_inline (object, pspec, id) : NULL;

  if (child != NULL)
    return export_object (child, directory, "driver");
  return id != NULL ? plain (id) : banyan_spec_ref (declared);
}

static BanyanSpec *
export_links (BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared, const char *directory)
{
  BanyanSpecKind kind = banyan_spec_get_kind (declared);
  BanyanSpecBuilder *builder;

  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    return export_link (object, pspec, declared, directory);

  builder = banyan_spec_builder_new (kind, banyan_spec_get_origin (declared));
  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    banyan_spec_builder_take (
        builder, kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (declared, i) : NULL,
        export_links (object, pspec, banyan_spec_get_item (declared, i), directory));
  return banyan_spec_builder_end (builder);
}

/* -- File names: absolute, or relative to a folder that is given. -- */

static char *
make_relative (const char *path, const char *directory)
{
  g_autoptr (GFile) base = g_file_new_for_path (directory);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  char *relative = g_file_get_relative_path (base, file);

  return relative != NULL ? relative : g_strdup (path);
}

static BanyanSpec *
export_path (const char *path, const char *directory)
{
  g_autofree char *relative
      = path != NULL && directory != NULL ? make_relative (path, directory) : g_strdup (path);

  return path != NULL ? plain (relative) : banyan_spec_new_null (&origin);
}

/* @spec is what @instance is written as. */
static BanyanSpec *
export_struct (BanyanStruct *instance, BanyanSpec *spec, const char *directory)
{
  BanyanStructClass *klass = BANYAN_STRUCT_GET_CLASS (instance);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      const char *key = banyan_spec_get_key (spec, i);
      BanyanSpec *value = banyan_spec_get_item (spec, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_CLASS (klass), key);

      if (pspec != NULL && banyan_param_is_path (pspec)
          && (klass->is_file_name == NULL || klass->is_file_name (instance, key)))
        banyan_spec_builder_take (map, key, export_path (banyan_spec_get_text (value), directory));
      else
        banyan_spec_builder_take (map, key,
                                  banyan_spec_get_kind (value) == BANYAN_SPEC_STRING
                                      ? plain (banyan_spec_get_text (value))
                                      : banyan_spec_ref (value));
    }
  return banyan_spec_builder_end (map);
}

/* A name that was relative to its document is so no more. */
static BanyanSpec *
export_value (BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared, const char *directory)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) whole = NULL;

  if (banyan_param_has_links (pspec))
    return export_links (object, pspec, declared, directory);
  if (banyan_param_is_secret (pspec) || !(pspec->flags & G_PARAM_READABLE))
    return NULL;
  if (!banyan_param_is_path (pspec) && !banyan_param_is_struct (pspec))
    return banyan_spec_ref (declared);

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (object), pspec->name, &value);
  if (banyan_param_is_path (pspec))
    return export_path (g_value_get_string (&value), directory);

  whole = banyan_param_value_to_spec (pspec, &value, &origin);
  return g_value_get_object (&value) != NULL
             ? export_struct (g_value_get_object (&value), whole, directory)
             : g_steal_pointer (&whole);
}

/* -- Objects. -- */

static void
export_properties (BanyanSpecBuilder *map, BanyanObject *object, const char *directory)
{
  BanyanSpec *declared = banyan_object_get_declaration (object);

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      BanyanSpec *value = banyan_spec_get_item (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      /* What an inline child has from its parent it will have again. */
      if (pspec == NULL || banyan_param_has_members (pspec)
          || banyan_spec_get_origin (value)->kind == BANYAN_ORIGIN_INHERITED)
        continue;
      banyan_spec_builder_take (map, key, export_value (object, pspec, value, directory));
    }
}

static void
export_members (BanyanSpecBuilder *map, BanyanObject *object, const char *directory)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);
  g_autofree GParamSpec **pspecs = NULL;
  BanyanSpecBuilder *members;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      if (!banyan_param_has_members (pspecs[i]) || children->len == 0)
        continue;

      members = banyan_spec_builder_new_map ();
      for (guint j = 0; j < children->len; j++)
        banyan_spec_builder_take (members, banyan_object_get_id (children->pdata[j]),
                                  export_object (children->pdata[j], directory, NULL));
      banyan_spec_builder_take_built (map, pspecs[i]->name, members);
    }
}

static BanyanSpec *
export_object (BanyanObject *object, const char *directory, const char *type_key)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  if (type_key != NULL)
    banyan_spec_builder_take (map, type_key,
                              plain (banyan_registry_get_name_of_type (
                                  banyan_registry_get_default (), G_OBJECT_TYPE (object))));
  export_properties (map, object, directory);
  export_members (map, object, directory);
  return banyan_spec_builder_end (map);
}

/* One that was born inline, but is nobody's own any more, gets a declaration of its own. */
static gboolean
has_own_declaration (BanyanObject *object)
{
  const char *id = banyan_object_get_id (object);
  g_autofree char *parent_id = g_strndup (id, strcspn (id, "."));
  BanyanObject *parent;

  if (!banyan_object_is_implicit (object))
    return TRUE;

  parent = banyan_object_get_child (banyan_object_get_parent (object), parent_id);
  return parent == NULL || !BANYAN_IS_NODE (object);
}

static BanyanSpecBuilder *
export_collection (BanyanObject *collection, const char *directory)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (collection);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  const char *type_key = banyan_collection_get_type_key (BANYAN_COLLECTION (collection));

  for (guint i = 0; i < children->len; i++)
    if (has_own_declaration (children->pdata[i]))
      banyan_spec_builder_take (map, banyan_object_get_id (children->pdata[i]),
                                export_object (children->pdata[i], directory, type_key));
  return map;
}

/**
 * banyan_graph_export:
 * @self: a graph
 * @directory: (nullable): what file names are to be relative to; %NULL: they are absolute
 *
 * Writes the graph as a document that, applied to it, changes nothing: what was declared, by a
 * document or by whoever changed it since, but no defaults, and no secrets.
 *
 * Returns: (transfer full): the document
 */
BanyanSpec *
banyan_graph_export (BanyanGraph *self, const char *directory)
{
  static const char *const sections[] = { "objects", "nodes", "frontends", "jobs" };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  banyan_spec_builder_add_uint (map, "version", 1);
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (self), sections[i]);

      if (banyan_object_get_n_children (collection) > 0)
        banyan_spec_builder_take_built (map, sections[i],
                                        export_collection (collection, directory));
    }
  return banyan_spec_builder_end (map);
}
