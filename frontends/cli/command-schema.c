/* command-schema.c - banyan schema: the JSON Schema of the YAML format, for editors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One definition a type, named "KIND.TYPE"; a node's "driver", and the others' "type", say which
 * one holds. */

#include "schema.h"

static guint
mask_of_section (const char *section)
{
  guint mask = 0;

  for (guint kind = BANYAN_PLUGIN_PROTOCOL; kind <= BANYAN_PLUGIN_OBJECT; kind++)
    if (g_str_equal (cli_kind_to_section (kind), section))
      mask |= 1u << kind;

  return mask;
}

static gboolean
belongs (BanyanTypeInfo *type, guint mask)
{
  return mask & (1u << banyan_type_info_get_kind (type));
}

static char *
name_definition (BanyanTypeInfo *type)
{
  return g_strdup_printf ("%s.%s", cli_kind_to_string (banyan_type_info_get_kind (type)),
                          banyan_type_info_get_name (type));
}

/* YAML reads the name of one driver as null. */
static void
add_type_name (BanyanSpecBuilder *list, const char *name)
{
  banyan_spec_builder_add_string (list, NULL, name);
  if (g_str_equal (name, "null"))
    cli_add_null (list, NULL);
}

static void
add_type_names (BanyanSpecBuilder *list, BanyanTypeInfo *type)
{
  const char *const *aliases = banyan_type_info_get_aliases (type);

  add_type_name (list, banyan_type_info_get_name (type));
  for (guint i = 0; aliases != NULL && aliases[i] != NULL; i++)
    add_type_name (list, aliases[i]);
}

static void
add_key (BanyanSpecBuilder *properties, const char *key, BanyanSpecBuilder *names,
         const char *description)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (schema, "description", description);
  banyan_spec_builder_take_built (schema, "enum", names);
  banyan_spec_builder_take_built (properties, key, schema);
}

/* What the mapper reads besides the properties. */
static void
add_id (BanyanSpecBuilder *properties, const char *key)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (schema, "type", "string");
  banyan_spec_builder_add_string (schema, "pattern", "^[A-Za-z][A-Za-z0-9._-]*$");
  banyan_spec_builder_add_string (schema, "description",
                                  "What documents and other objects call this object by");
  banyan_spec_builder_take_built (properties, key, schema);
}

static void
add_definition (BanyanSpecBuilder *definitions, BanyanTypeInfo *type, const char *key)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  g_autofree char *name = name_definition (type);
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *fixed = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *names = banyan_spec_builder_new_list ();

  add_type_names (names, type);
  add_key (fixed, key, names, banyan_type_info_get_summary (type));
  add_id (fixed, "id");
  if (g_str_equal (key, "driver"))
    add_id (fixed, "node-name");

  banyan_spec_builder_add_string (schema, "description", banyan_type_info_get_summary (type));
  schema_add_properties (schema, cli_spec_get (description, "properties"), fixed, required);
  banyan_spec_builder_take_built (definitions, name, schema);
}

static void
add_rule (BanyanSpecBuilder *rules, BanyanTypeInfo *type, const char *key)
{
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *rule = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *condition = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *properties = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *choice = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *names = banyan_spec_builder_new_list ();
  g_autofree char *name = name_definition (type);
  g_autoptr (BanyanSpec) reference = schema_reference (name);

  add_type_names (names, type);
  banyan_spec_builder_take_built (choice, "enum", names);
  banyan_spec_builder_take_built (properties, key, choice);
  banyan_spec_builder_take_built (condition, "properties", properties);
  banyan_spec_builder_add_strings (condition, "required", required);
  banyan_spec_builder_take_built (rule, "if", condition);
  cli_add (rule, "then", reference);
  banyan_spec_builder_take_built (rules, NULL, rule);
}

/* "node", "frontend", ...: any type of a section. */
static void
add_choice (BanyanSpecBuilder *definitions, const char *name, CliTypes *types, guint mask,
            const char *key)
{
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *properties = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *names = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *rules = banyan_spec_builder_new_list ();
  gboolean has_any = FALSE;

  for (guint i = 0; types[i] != NULL; i++)
    if (belongs (types[i], mask))
      {
        add_type_names (names, types[i]);
        add_rule (rules, types[i], key);
        has_any = TRUE;
      }

  add_key (properties, key, names, "What it is");
  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "properties", properties);
  banyan_spec_builder_add_strings (schema, "required", required);
  /* An empty list is no schema. */
  if (has_any)
    banyan_spec_builder_take_built (schema, "allOf", rules);
  else
    banyan_spec_builder_free (rules);
  banyan_spec_builder_take_built (definitions, name, schema);
}

static const struct
{
  const char *section;
  const char *choice;
  const char *key;
  const char *description;
} sections[] = {
  { "objects", "object", "type", "Whatever is neither node, frontend nor job" },
  { "nodes", "node", "driver", "The block graph: drivers and filters by node-name" },
  { "frontends", "frontend", "type", "What clients reach the graph through" },
  { "jobs", "job", "type", "Long-running operations on the graph" },
};

static void
add_section (BanyanSpecBuilder *properties, guint index)
{
  static const char *const types[] = { "object", "null", NULL };
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *names = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) reference = schema_reference (sections[index].choice);

  banyan_spec_builder_add_string (names, "pattern", "^[A-Za-z][A-Za-z0-9._-]*$");
  banyan_spec_builder_add_string (schema, "description", sections[index].description);
  banyan_spec_builder_add_strings (schema, "type", types);
  banyan_spec_builder_take_built (schema, "propertyNames", names);
  cli_add (schema, "additionalProperties", reference);
  banyan_spec_builder_take_built (properties, sections[index].section, schema);
}

static void
add_head (BanyanSpecBuilder *properties)
{
  BanyanSpecBuilder *version = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *plugins = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *item = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (version, "description", "The version of the format");
  banyan_spec_builder_add_uint (version, "const", 1);
  banyan_spec_builder_take_built (properties, "version", version);

  banyan_spec_builder_add_string (item, "type", "string");
  banyan_spec_builder_add_string (
      plugins, "description",
      "Types to load that the document does not use, for a sandboxed process");
  banyan_spec_builder_add_string (plugins, "type", "array");
  banyan_spec_builder_take_built (plugins, "items", item);
  banyan_spec_builder_take_built (properties, "plugins", plugins);
}

static BanyanSpec *
build_schema (void)
{
  static const char *const required[] = { "version", NULL };
  g_autoptr (CliTypes) types = cli_types_list ();
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *properties = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *definitions = banyan_spec_builder_new_map ();

  add_head (properties);
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      guint mask = mask_of_section (sections[i].section);

      add_section (properties, i);
      add_choice (definitions, sections[i].choice, types, mask, sections[i].key);
      for (guint j = 0; types[j] != NULL; j++)
        if (belongs (types[j], mask))
          add_definition (definitions, types[j], sections[i].key);
    }

  banyan_spec_builder_add_string (schema, "$schema",
                                  "https://json-schema.org/draft/2020-12/schema");
  banyan_spec_builder_add_string (schema, "title", "Banyan document");
  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "properties", properties);
  banyan_spec_builder_add_strings (schema, "required", required);
  banyan_spec_builder_add_boolean (schema, "additionalProperties", FALSE);
  banyan_spec_builder_take_built (schema, "$defs", definitions);
  return banyan_spec_builder_end (schema);
}

static gboolean as_json; /* which it is anyway, but a script may say it with every command */

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON, as it does anyway", NULL },
  { NULL },
};

static CliStatus
run (char **arguments)
{
  g_autoptr (BanyanSpec) schema = build_schema ();

  return cli_print_json (schema);
}

const CliCommand cli_schema = {
  .name = "schema",
  .arguments = "",
  .summary = "Print the JSON Schema of the YAML format, for editors",
  .description = "Made from the types that the plugins found here provide. An editor that has it "
                 "completes and checks documents: see banyan.yaml(5).",
  .options = options,
  .run = run,
};
