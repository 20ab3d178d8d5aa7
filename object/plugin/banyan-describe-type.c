/* banyan-describe-type.c - describes a class as a spec
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `banyan inspect`, the JSON Schema, QMP's introspection and the reference pages read this and
 * nothing else. Keys are stable: new ones may come, none changes its meaning or goes. A key whose
 * value would be false, empty or null is left out. */

#include "banyan-describe-private.h"

typedef struct
{
  GType base;
  BanyanDescribeFunc describe;
} Describer;

static GArray *describers; /* (element-type Describer): in the order added */

/* -- What is not so is left out. -- */

void
banyan_describe_true (BanyanSpecBuilder *map, const char *key, gboolean value)
{
  if (value)
    banyan_spec_builder_add_boolean (map, key, TRUE);
}

void
banyan_describe_built (BanyanSpecBuilder *map, const char *key, BanyanSpecBuilder *builder)
{
  BanyanSpec *built = banyan_spec_builder_end (builder);

  if (banyan_spec_get_length (built) > 0 || banyan_spec_get_kind (built) == BANYAN_SPEC_MAP)
    banyan_spec_builder_take (map, key, built);
  else
    banyan_spec_unref (built);
}

void
banyan_describe_strings (BanyanSpecBuilder *map, const char *key, const char *const *strings)
{
  if (strings != NULL && strings[0] != NULL)
    banyan_spec_builder_add_strings (map, key, strings);
}

/* -- The parts of a description. -- */

/* From the class itself up to GObject. */
static void
describe_chain (BanyanSpecBuilder *map, GType type)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (; type != G_TYPE_INVALID; type = g_type_parent (type))
    banyan_spec_builder_add_string (list, NULL, g_type_name (type));

  banyan_describe_built (map, "chain", list);
}

/* Abilities: what of the optional interfaces the class has, its parents' included. */
static void
describe_interfaces (BanyanSpecBuilder *map, GType type)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  guint n;
  g_autofree GType *interfaces = g_type_interfaces (type, &n);

  for (guint i = 0; i < n; i++)
    banyan_spec_builder_add_string (list, NULL, g_type_name (interfaces[i]));

  banyan_describe_built (map, "interfaces", list);
}

static void
describe_signal (BanyanSpecBuilder *list, guint id)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *parameters = banyan_spec_builder_new_list ();
  GSignalQuery query;

  g_signal_query (id, &query);
  banyan_spec_builder_add_string (map, "name", query.signal_name);
  for (guint i = 0; i < query.n_params; i++)
    banyan_spec_builder_add_string (
        parameters, NULL, g_type_name (query.param_types[i] & ~G_SIGNAL_TYPE_STATIC_SCOPE));
  banyan_describe_built (map, "parameters", parameters);
  banyan_describe_true (map, "detailed", (query.signal_flags & G_SIGNAL_DETAILED) != 0);
  banyan_spec_builder_add_string (map, "defined-by", g_type_name (query.itype));
  banyan_describe_built (list, NULL, map);
}

/* GObject's own "notify" goes without saying. */
static void
describe_signals (BanyanSpecBuilder *map, GType type)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (; type != G_TYPE_OBJECT && type != G_TYPE_INVALID; type = g_type_parent (type))
    {
      guint n;
      g_autofree guint *ids = g_signal_list_ids (type, &n);

      for (guint i = 0; i < n; i++)
        describe_signal (list, ids[i]);
    }

  banyan_describe_built (map, "signals", list);
}

static void
ask_describers (BanyanSpecBuilder *map, GObjectClass *klass)
{
  for (guint i = 0; describers != NULL && i < describers->len; i++)
    {
      Describer *describer = &g_array_index (describers, Describer, i);

      if (g_type_is_a (G_OBJECT_CLASS_TYPE (klass), describer->base))
        describer->describe (klass, map);
    }
}

BanyanSpec *
banyan_describe_type (BanyanTypeInfo *info)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  GObjectClass *klass = g_type_class_ref (info->type);

  banyan_spec_builder_add_string (map, "name", info->name);
  banyan_spec_builder_add_string (map, "kind", banyan_plugin_kind_to_string (info->kind));
  banyan_spec_builder_add_string (map, "summary", info->summary);
  banyan_describe_strings (map, "aliases", (const char *const *) info->aliases);
  banyan_spec_builder_add_string (map, "gtype", info->class_name);
  banyan_describe_true (map, "abstract", G_TYPE_IS_ABSTRACT (info->type));
  describe_chain (map, info->type);
  describe_interfaces (map, info->type);
  banyan_describe_properties (map, "properties", klass);
  describe_signals (map, info->type);
  ask_describers (map, klass);

  g_type_class_unref (klass);
  return banyan_spec_builder_end (map);
}

void
banyan_plugin_info_describe_types (BanyanPluginInfo *self)
{
  for (guint i = 0; i < self->types->len; i++)
    {
      BanyanTypeInfo *type = self->types->pdata[i];

      if (type->description == NULL)
        type->description = banyan_describe_type (type);
    }
}

/**
 * banyan_registry_add_describer: (skip)
 * @self: the registry
 * @base: a class
 * @describe: adds to descriptions
 *
 * Lets a base class add what it knows about its subclasses, such as a node's roles, to their
 * descriptions. Called in the class_init of @base, it is there in the scanner too. Keys that are
 * taken stay as they are.
 */
void
banyan_registry_add_describer (BanyanRegistry *self, GType base, BanyanDescribeFunc describe)
{
  Describer describer = { base, describe };

  g_return_if_fail (BANYAN_IS_REGISTRY (self));
  g_return_if_fail (describe != NULL);

  if (describers == NULL)
    describers = g_array_new (FALSE, FALSE, sizeof (Describer));
  g_array_append_val (describers, describer);
}
