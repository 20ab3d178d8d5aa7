/* banyan-export-config.c - the running graph as a document
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-graph-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

#include <string.h>

typedef struct
{
  const char *directory; /* (nullable) */
  GHashTable *written;   /* (owned): inline objects that have been */
} Export;

static BanyanSpec *export_object (Export *self, BanyanObject *object, const char *type_key,
                                  const char *id);

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

/* A word that a person would write without quotes; the writer adds them where they are needed. */
static BanyanSpec *
plain (const char *text)
{
  return text != NULL ? banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin) : NULL;
}

/* -- Who is declared inside of whom. -- */

static gboolean
is_born_in (BanyanObject *object, BanyanObject *user)
{
  const char *id = banyan_object_get_id (user);

  return g_str_has_prefix (banyan_object_get_id (object), id)
         && banyan_object_get_id (object)[strlen (id)] == '.';
}

/* The user of an inline node in which it is declared: where it was born, if that still uses it. */
static BanyanObject *
find_owner (BanyanObject *object)
{
  GPtrArray *parents
      = BANYAN_IS_NODE (object) ? banyan_node_get_parents (BANYAN_NODE (object)) : NULL;
  BanyanObject *owner = NULL;

  for (guint i = 0; parents != NULL && i < parents->len; i++)
    {
      BanyanObject *parent = (BanyanObject *) ((BanyanChild *) parents->pdata[i])->parent;

      if (parent != NULL && (owner == NULL || is_born_in (object, parent)))
        owner = parent;
    }
  return owner;
}

static gboolean
is_declared_in (Export *self, BanyanObject *object, BanyanObject *user)
{
  if (!banyan_object_is_implicit (object) || g_hash_table_contains (self->written, object))
    return FALSE;

  return BANYAN_IS_NODE (object) ? find_owner (object) == user : is_born_in (object, user);
}

/* -- Links. -- */

static BanyanObject *
find_target (BanyanObject *object, GParamSpec *pspec, const char *id)
{
  GType type = g_type_from_name (banyan_param_get_link_target (pspec));
  BanyanObject *root = banyan_object_get_root (object);
  BanyanCollection *collection
      = type != G_TYPE_INVALID ? banyan_root_get_collection_for_type (BANYAN_ROOT (root), type)
                               : NULL;

  return collection != NULL ? banyan_object_get_child (BANYAN_OBJECT (collection), id) : NULL;
}

/* Drafts of changes link to it, too, so edges are counted. */
static gboolean
has_other_users (BanyanObject *target)
{
  GPtrArray *parents
      = BANYAN_IS_NODE (target) ? banyan_node_get_parents (BANYAN_NODE (target)) : NULL;
  guint n = 0;

  for (guint i = 0; parents != NULL && i < parents->len; i++)
    n += ((BanyanChild *) parents->pdata[i])->parent != NULL;
  return parents == NULL || n > 1;
}

/* "q.children.7" is what the second in the list is called, too, when others have gone. Whoever else
 * leads there needs the name. */
static gboolean
is_birth_name (BanyanObject *target, const char *birth_name, gboolean is_in_list)
{
  const char *id = banyan_object_get_id (target);
  const char *end = strrchr (birth_name, '.');

  if (!is_in_list || g_str_equal (id, birth_name))
    return g_str_equal (id, birth_name);

  return !has_other_users (target) && strncmp (id, birth_name, end - birth_name) == 0
         && id[end - birth_name] == '.'
         && g_ascii_string_to_unsigned (id + (end - birth_name) + 1, 10, 0, G_MAXINT32, NULL, NULL);
}

/* What is called as it would be by itself need not say so. */
static BanyanSpec *
export_inline (Export *self, BanyanObject *target, const char *birth_name, gboolean is_in_list)
{
  BanyanCollection *collection = BANYAN_COLLECTION (banyan_object_get_parent (target));

  g_hash_table_add (self->written, target);
  return export_object (
      self, target, banyan_collection_get_type_key (collection),
      is_birth_name (target, birth_name, is_in_list) ? NULL : banyan_object_get_id (target));
}

static BanyanSpec *
export_link (Export *self, BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared,
             const char *birth_name, gboolean is_in_list)
{
  const char *id = banyan_spec_get_kind (declared) == BANYAN_SPEC_NULL
                       ? NULL
                       : banyan_spec_get_text (declared);
  BanyanObject *target = id != NULL ? find_target (object, pspec, id) : NULL;

  if (target != NULL && is_declared_in (self, target, object))
    return export_inline (self, target, birth_name, is_in_list);
  return id != NULL ? plain (id) : banyan_spec_ref (declared);
}

static BanyanSpec *
export_links (Export *self, BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared,
              const char *birth_name, gboolean is_in_list)
{
  BanyanSpecKind kind = banyan_spec_get_kind (declared);
  BanyanSpecBuilder *builder;

  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    return export_link (self, object, pspec, declared, birth_name, is_in_list);

  builder = banyan_spec_builder_new (kind, banyan_spec_get_origin (declared));
  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      g_autofree char *number = g_strdup_printf ("%u", i);
      const char *key = kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (declared, i) : NULL;
      g_autofree char *name = g_strconcat (birth_name, ".", key != NULL ? key : number, NULL);

      banyan_spec_builder_take (builder, key,
                                export_links (self, object, banyan_param_get_element (pspec),
                                              banyan_spec_get_item (declared, i), name,
                                              key == NULL));
    }
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

static gboolean
has_paths (GType type)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_CLASS (klass), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_path (pspecs[i]))
      return TRUE;

  /* Which of its kinds it is, and so what is in it, tells the value only. */
  return G_TYPE_IS_ABSTRACT (type);
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
export_value (Export *self, BanyanObject *object, GParamSpec *pspec, BanyanSpec *declared)
{
  const char *directory = self->directory;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) whole = NULL;

  if (banyan_param_has_links (pspec))
    {
      g_autofree char *name = g_strconcat (banyan_object_get_id (object), ".", pspec->name, NULL);

      return export_links (self, object, pspec, declared, name, FALSE);
    }
  if (banyan_param_is_secret (pspec) || !(pspec->flags & G_PARAM_READABLE))
    return NULL;
  if (!banyan_param_is_path (pspec)
      && (!banyan_param_is_struct (pspec) || !has_paths (pspec->value_type)))
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

/* All that is declared of it comes from the image that names it, whatever that is based on, too. */
static gboolean
is_untouched (BanyanElement *element)
{
  BanyanSpec *declared = banyan_object_get_declaration (BANYAN_OBJECT (element));
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      BanyanOriginKind kind = banyan_spec_get_origin (banyan_spec_get_item (declared, i))->kind;

      if (kind != BANYAN_ORIGIN_IMAGE && kind != BANYAN_ORIGIN_INHERITED)
        return FALSE;
    }

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanNode *node = ((BanyanChild *) edges->pdata[i])->node;

      if (node != NULL && !is_untouched (BANYAN_ELEMENT (node)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_edge_as_named (BanyanChild *edge)
{
  BanyanNode *node = banyan_child_get_node (edge);

  return node == NULL
         || (banyan_object_is_implicit (BANYAN_OBJECT (node))
             && is_untouched (BANYAN_ELEMENT (node)));
}

/* What an image names need not be written, unless somebody has changed it since. */
static gboolean
is_as_named (BanyanObject *object, const char *role)
{
  gsize length = strlen (role);
  GPtrArray *edges;

  if (!BANYAN_IS_ELEMENT (object) || !banyan_element_is_implied (BANYAN_ELEMENT (object), role))
    return FALSE;

  edges = banyan_element_get_edges (BANYAN_ELEMENT (object));
  for (guint i = 0; i < edges->len; i++)
    {
      const char *name = banyan_child_get_role (edges->pdata[i]);

      if (strncmp (name, role, length) == 0 && (name[length] == '\0' || name[length] == '.')
          && !is_edge_as_named (edges->pdata[i]))
        return FALSE;
    }
  return TRUE;
}

static void
export_properties (Export *self, BanyanSpecBuilder *map, BanyanObject *object)
{
  BanyanSpec *declared = banyan_object_get_declaration (object);

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      BanyanSpec *value = banyan_spec_get_item (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      /* What an inline child has from its parent it will have again, and what an image names. */
      if (pspec == NULL || banyan_param_has_members (pspec)
          || banyan_spec_get_origin (value)->kind == BANYAN_ORIGIN_INHERITED
          || is_as_named (object, key))
        continue;
      banyan_spec_builder_take (map, key, export_value (self, object, pspec, value));
    }
}

static void
export_members (Export *self, BanyanSpecBuilder *map, BanyanObject *object)
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
                                  export_object (self, children->pdata[j], NULL, NULL));
      banyan_spec_builder_take_built (map, pspecs[i]->name, members);
    }
}

/* @id: (nullable): where it has to be said. */
static BanyanSpec *
export_object (Export *self, BanyanObject *object, const char *type_key, const char *id)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  if (type_key != NULL)
    banyan_spec_builder_take (map, type_key,
                              plain (banyan_registry_get_name_of_type (
                                  banyan_registry_get_default (), G_OBJECT_TYPE (object))));
  if (id != NULL)
    banyan_spec_builder_take (map, BANYAN_IS_NODE (object) ? "node-name" : "id", plain (id));
  export_properties (self, map, object);
  export_members (self, map, object);
  return banyan_spec_builder_end (map);
}

/* One that was declared inline, but is nobody's own any more, gets a declaration of its own. */
static gboolean
has_own_declaration (BanyanObject *object)
{
  return !banyan_object_is_implicit (object)
         || (BANYAN_IS_NODE (object) && find_owner (object) == NULL);
}

static BanyanSpecBuilder *
export_collection (Export *self, BanyanObject *collection)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (collection);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  const char *type_key = banyan_collection_get_type_key (BANYAN_COLLECTION (collection));

  for (guint i = 0; i < children->len; i++)
    if (has_own_declaration (children->pdata[i]))
      banyan_spec_builder_take (map, banyan_object_get_id (children->pdata[i]),
                                export_object (self, children->pdata[i], type_key, NULL));
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
  g_autoptr (GHashTable) written = g_hash_table_new (NULL, NULL);
  Export export = { directory, written };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  banyan_spec_builder_add_uint (map, "version", 1);
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (self), sections[i]);

      if (banyan_object_get_n_children (collection) > 0)
        banyan_spec_builder_take_built (map, sections[i], export_collection (&export, collection));
    }
  return banyan_spec_builder_end (map);
}
