/* schema-value.c - banyan schema: what a property takes, as JSON Schema
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A document's plain scalars are read by the property's type, while a validator sees what a YAML
 * parser makes of them: 512 is a number, 4K a string. So numbers with a unit, and words such as
 * "off", have alternatives. Patterns say what banyan-scalar.c reads. */

#include "schema.h"

#include <string.h>

#define DECIMAL_PATTERN "^[-+]?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?$"

BanyanSpec *
schema_reference (const char *name)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  g_autofree char *target = g_strconcat ("#/$defs/", name, NULL);

  banyan_spec_builder_add_string (schema, "$ref", target);
  return banyan_spec_builder_end (schema);
}

static void
add_alternative (BanyanSpecBuilder *list, const char *type, const char *pattern)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (schema, "type", type);
  banyan_spec_builder_add_string (schema, "pattern", pattern);
  banyan_spec_builder_take_built (list, NULL, schema);
}

static void
add_boolean (BanyanSpecBuilder *schema)
{
  static const char *const words[] = { "true", "false", "yes", "no", "on", "off", NULL };
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *choice = banyan_spec_builder_new_map ();

  add_alternative (list, "boolean", NULL);
  banyan_spec_builder_add_strings (choice, "enum", words);
  banyan_spec_builder_take_built (list, NULL, choice);
  banyan_spec_builder_take_built (schema, "anyOf", list);
}

static void
add_number (BanyanSpecBuilder *schema, BanyanSpec *facts, const char *type)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *number = banyan_spec_builder_new_map ();
  g_autofree char *pattern
      = g_str_equal (type, "integer") ? schema_make_pattern (facts) : g_strdup (DECIMAL_PATTERN);

  banyan_spec_builder_add_string (number, "type", type);
  cli_add_number (number, "minimum", banyan_spec_lookup_text (facts, "minimum"));
  cli_add_number (number, "maximum", banyan_spec_lookup_text (facts, "maximum"));
  banyan_spec_builder_take_built (list, NULL, number);
  add_alternative (list, "string", pattern);
  banyan_spec_builder_take_built (schema, "anyOf", list);
}

/* Any plain scalar is a string where a string is wanted: `serial: 007`. */
static void
add_string (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  static const char *const types[] = { "string", "number", "boolean", "null", NULL };
  static const char *const required[] = { "string", "number", "boolean", NULL };

  banyan_spec_builder_add_strings (schema, "type",
                                   cli_spec_flag (facts, "required") ? required : types);
}

static void
add_nick (BanyanSpecBuilder *list, const char *nick)
{
  banyan_spec_builder_add_string (list, NULL, nick);
  /* What YAML 1.1's parsers make of these words. */
  if (g_str_equal (nick, "on") || g_str_equal (nick, "yes") || g_str_equal (nick, "true"))
    banyan_spec_builder_add_boolean (list, NULL, TRUE);
  if (g_str_equal (nick, "off") || g_str_equal (nick, "no") || g_str_equal (nick, "false"))
    banyan_spec_builder_add_boolean (list, NULL, FALSE);
}

static void
add_enum (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpec *values = cli_spec_get (facts, "values");
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < cli_spec_count (values); i++)
    {
      BanyanSpec *value = banyan_spec_get_item (values, i);
      BanyanSpec *aliases = cli_spec_get (value, "aliases");

      add_nick (list, banyan_spec_lookup_text (value, "nick"));
      for (guint j = 0; j < cli_spec_count (aliases); j++)
        add_nick (list, banyan_spec_get_text (banyan_spec_get_item (aliases, j)));
    }

  banyan_spec_builder_take_built (schema, "enum", list);
}

static void
add_flags (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *one = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *many = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *items = banyan_spec_builder_new_map ();

  add_enum (one, facts);
  add_enum (items, facts);
  banyan_spec_builder_add_string (many, "type", "array");
  banyan_spec_builder_take_built (many, "items", items);
  banyan_spec_builder_take_built (list, NULL, one);
  banyan_spec_builder_take_built (list, NULL, many);
  banyan_spec_builder_take_built (schema, "anyOf", list);
}

/* -- Structs. -- */

static void
add_variant_rule (BanyanSpecBuilder *rules, const char *key, BanyanSpec *variant)
{
  const char *name = banyan_spec_lookup_text (variant, "name");
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *rule = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *condition = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *matched = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *constant = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *consequence = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *fixed = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *fixed_key = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (constant, "const", name);
  banyan_spec_builder_take_built (matched, key, constant);
  banyan_spec_builder_take_built (condition, "properties", matched);
  banyan_spec_builder_add_strings (condition, "required", required);
  banyan_spec_builder_take_built (rule, "if", condition);

  banyan_spec_builder_add_string (fixed_key, "const", name);
  banyan_spec_builder_take_built (fixed, key, fixed_key);
  schema_add_properties (consequence, cli_spec_get (variant, "fields"), fixed, required);
  banyan_spec_builder_take_built (rule, "then", consequence);
  banyan_spec_builder_take_built (rules, NULL, rule);
}

static void
add_variants (BanyanSpecBuilder *schema, BanyanSpec *structure)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  const char *key = banyan_spec_lookup_text (structure, "discriminator");
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *names = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *choice = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *properties = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *rules = banyan_spec_builder_new_list ();

  for (guint i = 0; i < cli_spec_count (variants); i++)
    {
      banyan_spec_builder_add_string (
          names, NULL, banyan_spec_lookup_text (banyan_spec_get_item (variants, i), "name"));
      add_variant_rule (rules, key, banyan_spec_get_item (variants, i));
    }

  banyan_spec_builder_take_built (choice, "enum", names);
  banyan_spec_builder_take_built (properties, key, choice);
  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "properties", properties);
  banyan_spec_builder_add_strings (schema, "required", required);
  banyan_spec_builder_take_built (schema, "allOf", rules);
}

static BanyanSpec *
schema_of_struct (BanyanSpec *structure)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();

  if (cli_spec_get (structure, "variants") != NULL)
    add_variants (schema, structure);
  else if (!cli_spec_flag (structure, "recursive"))
    schema_add_properties (schema, cli_spec_get (structure, "fields"),
                           banyan_spec_builder_new_map (), NULL);

  return banyan_spec_builder_end (schema);
}

static void
add_struct (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  static const char *const scalars[] = { "string", "number", "boolean", NULL };
  BanyanSpec *structure = cli_spec_get (facts, "struct");
  g_autoptr (BanyanSpec) whole = schema_of_struct (structure);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *null = banyan_spec_builder_new_map ();

  cli_add (list, NULL, whole);
  if (banyan_spec_lookup_text (structure, "short-form") != NULL)
    {
      BanyanSpecBuilder *scalar = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_strings (scalar, "type", scalars);
      banyan_spec_builder_take_built (list, NULL, scalar);
    }
  if (!cli_spec_flag (facts, "required"))
    {
      banyan_spec_builder_add_string (null, "type", "null");
      banyan_spec_builder_take_built (list, NULL, null);
    }
  else
    banyan_spec_builder_free (null);
  banyan_spec_builder_take_built (schema, "anyOf", list);
}

/* -- Containers and links. -- */

static void
add_list (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  g_autoptr (BanyanSpec) element = schema_of_value (cli_spec_get (facts, "element"));

  banyan_spec_builder_add_string (schema, "type", "array");
  cli_add (schema, "items", element);
}

static void
add_map (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  g_autoptr (BanyanSpec) element = schema_of_value (cli_spec_get (facts, "element"));

  banyan_spec_builder_add_string (schema, "type", "object");
  cli_add (schema, "additionalProperties", element);
}

static void
add_members (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpec *properties = cli_spec_get (cli_spec_get (facts, "element"), "properties");
  BanyanSpecBuilder *member = banyan_spec_builder_new_map ();

  schema_add_properties (member, properties, banyan_spec_builder_new_map (), NULL);
  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "additionalProperties", member);
}

static void
add_link (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  const char *target = banyan_spec_lookup_text (facts, "target");
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) declared
      = schema_reference (g_strcmp0 (target, "BanyanNode") == 0 ? "node" : "object");

  add_alternative (list, "string", NULL);
  cli_add (list, NULL, declared);
  if (!cli_spec_flag (facts, "required"))
    add_alternative (list, "null", NULL);
  banyan_spec_builder_take_built (schema, "anyOf", list);
}

static void
add_type (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  const char *type = banyan_spec_lookup_text (facts, "type");

  if (g_strcmp0 (type, "boolean") == 0)
    add_boolean (schema);
  else if (g_strcmp0 (type, "integer") == 0 || g_strcmp0 (type, "number") == 0)
    add_number (schema, facts, type);
  else if (g_strcmp0 (type, "string") == 0)
    add_string (schema, facts);
  else if (g_strcmp0 (type, "enum") == 0)
    add_enum (schema, facts);
  else if (g_strcmp0 (type, "flags") == 0)
    add_flags (schema, facts);
  else if (g_strcmp0 (type, "struct") == 0)
    add_struct (schema, facts);
  else if (g_strcmp0 (type, "list") == 0)
    add_list (schema, facts);
  else if (g_strcmp0 (type, "map") == 0)
    add_map (schema, facts);
  else if (g_strcmp0 (type, "members") == 0)
    add_members (schema, facts);
  else if (g_strcmp0 (type, "link") == 0)
    add_link (schema, facts);
}

BanyanSpec *
schema_of_value (BanyanSpec *facts)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpec *standard = cli_spec_get (facts, "default");

  banyan_spec_builder_add_string (schema, "description", banyan_spec_lookup_text (facts, "blurb"));
  add_type (schema, facts);
  if (standard != NULL)
    cli_add (schema, "default", standard);

  return banyan_spec_builder_end (schema);
}

/* -- Properties. -- */

static gboolean
is_declarable (BanyanSpec *facts)
{
  const char *kind = banyan_spec_lookup_text (facts, "kind");

  return (kind == NULL || g_str_equal (kind, "configuration"))
         && g_strcmp0 (banyan_spec_lookup_text (facts, "name"), "id") != 0;
}

static void
add_names (BanyanSpecBuilder *properties, BanyanSpec *facts)
{
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");
  g_autoptr (BanyanSpec) value = schema_of_value (facts);

  cli_add (properties, banyan_spec_lookup_text (facts, "name"), value);
  for (guint i = 0; i < cli_spec_count (aliases); i++)
    {
      const char *alias = banyan_spec_get_text (banyan_spec_get_item (aliases, i));

      if (strchr (alias, '.') == NULL)
        cli_add (properties, alias, value);
    }
}

/* -- Aliases with a dot stand for keys in a map. -- */

static void
add_inner_names (BanyanSpecBuilder *properties, BanyanSpec *facts, const char *outer)
{
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");
  gsize length = strlen (outer);

  for (guint i = 0; i < cli_spec_count (aliases); i++)
    {
      const char *alias = banyan_spec_get_text (banyan_spec_get_item (aliases, i));
      g_autoptr (BanyanSpec) value = NULL;

      if (strncmp (alias, outer, length) != 0 || alias[length] != '.')
        continue;
      value = schema_of_value (facts);
      cli_add (properties, alias + length + 1, value);
    }
}

static void
add_map_of_aliases (BanyanSpecBuilder *properties, BanyanSpec *facts, const char *outer)
{
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *inner = banyan_spec_builder_new_map ();

  for (guint i = 0; i < cli_spec_count (facts); i++)
    add_inner_names (inner, banyan_spec_get_item (facts, i), outer);

  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "properties", inner);
  banyan_spec_builder_add_boolean (schema, "additionalProperties", FALSE);
  banyan_spec_builder_take_built (properties, outer, schema);
}

static void
add_maps (BanyanSpecBuilder *properties, BanyanSpec *facts)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < cli_spec_count (facts); i++)
    {
      BanyanSpec *aliases = cli_spec_get (banyan_spec_get_item (facts, i), "aliases");

      for (guint j = 0; j < cli_spec_count (aliases); j++)
        {
          const char *alias = banyan_spec_get_text (banyan_spec_get_item (aliases, j));
          gsize length = strcspn (alias, ".");
          char *outer = g_strndup (alias, length);

          if (alias[length] == '\0')
            g_free (outer);
          else if (g_hash_table_add (seen, outer))
            add_map_of_aliases (properties, facts, outer);
        }
    }
}

/* @name: one of the names of a property. */
static void
add_presence (BanyanSpecBuilder *list, const char *name)
{
  const char *const names[] = { name, NULL };
  BanyanSpecBuilder *schema = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_strings (schema, "required", names);
  banyan_spec_builder_take_built (list, NULL, schema);
}

/* A required property with other names must be there under one of them. */
static void
add_rule_of_names (BanyanSpecBuilder *rules, BanyanSpec *facts, BanyanSpec *aliases)
{
  BanyanSpecBuilder *rule = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *names = banyan_spec_builder_new_list ();

  add_presence (names, banyan_spec_lookup_text (facts, "name"));
  for (guint i = 0; i < cli_spec_count (aliases); i++)
    add_presence (names, banyan_spec_get_text (banyan_spec_get_item (aliases, i)));
  banyan_spec_builder_take_built (rule, "oneOf", names);
  banyan_spec_builder_take_built (rules, NULL, rule);
}

void
schema_add_properties (BanyanSpecBuilder *schema, BanyanSpec *facts, BanyanSpecBuilder *fixed,
                       const char *const *required)
{
  BanyanSpecBuilder *needed = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *rules = banyan_spec_builder_new_list ();
  gboolean has_rules = FALSE;

  for (guint i = 0; required != NULL && required[i] != NULL; i++)
    banyan_spec_builder_add_string (needed, NULL, required[i]);

  for (guint i = 0; i < cli_spec_count (facts); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (facts, i);
      BanyanSpec *aliases = cli_spec_get (property, "aliases");

      if (!is_declarable (property))
        continue;
      add_names (fixed, property);
      if (!cli_spec_flag (property, "required"))
        continue;
      if (cli_spec_count (aliases) == 0)
        banyan_spec_builder_add_string (needed, NULL, banyan_spec_lookup_text (property, "name"));
      else
        add_rule_of_names (rules, property, aliases);
      has_rules |= cli_spec_count (aliases) > 0;
    }

  add_maps (fixed, facts);
  banyan_spec_builder_add_string (schema, "type", "object");
  banyan_spec_builder_take_built (schema, "properties", fixed);
  banyan_spec_builder_take_built (schema, "required", needed);
  banyan_spec_builder_add_boolean (schema, "additionalProperties", FALSE);
  /* An empty list is no schema. */
  if (has_rules)
    banyan_spec_builder_take_built (schema, "allOf", rules);
  else
    banyan_spec_builder_free (rules);
}
