/* schema-value.c - banyan schema: what a property takes, as JSON Schema
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A document's plain scalars are read by the property's type, while a validator sees what a YAML
 * parser makes of them: 512 is a number, 4K a string. So numbers with a unit, and words such as
 * "off", have alternatives. Patterns say what banyan-scalar.c reads. */

#include "schema.h"

#include <string.h>

#define DECIMAL_PATTERN "^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?$"

BanyanSpec *
schema_reference (const char *name)
{
  BanyanSpecBuilder *schema = cli_map_new ();
  g_autofree char *target = g_strconcat ("#/$defs/", name, NULL);

  cli_add_text (schema, "$ref", target);
  return banyan_spec_builder_end (schema);
}

static void
add_alternative (BanyanSpecBuilder *list, const char *type, const char *pattern)
{
  BanyanSpecBuilder *schema = cli_map_new ();

  cli_add_text (schema, "type", type);
  cli_add_text (schema, "pattern", pattern);
  cli_add_built (list, NULL, schema);
}

static void
add_boolean (BanyanSpecBuilder *schema)
{
  static const char *const words[] = { "true", "false", "yes", "no", "on", "off", NULL };
  BanyanSpecBuilder *list = cli_list_new ();
  BanyanSpecBuilder *choice = cli_map_new ();

  add_alternative (list, "boolean", NULL);
  cli_add_strings (choice, "enum", words);
  cli_add_built (list, NULL, choice);
  cli_add_built (schema, "anyOf", list);
}

static void
add_number (BanyanSpecBuilder *schema, BanyanSpec *facts, const char *type)
{
  BanyanSpecBuilder *list = cli_list_new ();
  BanyanSpecBuilder *number = cli_map_new ();
  g_autofree char *pattern
      = g_str_equal (type, "integer") ? schema_make_pattern (facts) : g_strdup (DECIMAL_PATTERN);

  cli_add_text (number, "type", type);
  cli_add_number (number, "minimum", cli_spec_text (facts, "minimum"));
  cli_add_number (number, "maximum", cli_spec_text (facts, "maximum"));
  cli_add_built (list, NULL, number);
  add_alternative (list, "string", pattern);
  cli_add_built (schema, "anyOf", list);
}

/* Any plain scalar is a string where a string is wanted: `serial: 007`. */
static void
add_string (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  static const char *const types[] = { "string", "number", "boolean", "null", NULL };
  static const char *const required[] = { "string", "number", "boolean", NULL };

  cli_add_strings (schema, "type", cli_spec_flag (facts, "required") ? required : types);
}

static void
add_nick (BanyanSpecBuilder *list, const char *nick)
{
  cli_add_text (list, NULL, nick);
  /* What YAML 1.1's parsers make of these words. */
  if (g_str_equal (nick, "on") || g_str_equal (nick, "yes") || g_str_equal (nick, "true"))
    cli_add_flag (list, NULL, TRUE);
  if (g_str_equal (nick, "off") || g_str_equal (nick, "no") || g_str_equal (nick, "false"))
    cli_add_flag (list, NULL, FALSE);
}

static void
add_enum (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpec *values = cli_spec_get (facts, "values");
  BanyanSpecBuilder *list = cli_list_new ();

  for (guint i = 0; i < cli_spec_count (values); i++)
    {
      BanyanSpec *value = banyan_spec_get_item (values, i);
      BanyanSpec *aliases = cli_spec_get (value, "aliases");

      add_nick (list, cli_spec_text (value, "nick"));
      for (guint j = 0; j < cli_spec_count (aliases); j++)
        add_nick (list, banyan_spec_get_text (banyan_spec_get_item (aliases, j)));
    }

  cli_add_built (schema, "enum", list);
}

static void
add_flags (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpecBuilder *list = cli_list_new ();
  BanyanSpecBuilder *one = cli_map_new ();
  BanyanSpecBuilder *many = cli_map_new ();
  BanyanSpecBuilder *items = cli_map_new ();

  add_enum (one, facts);
  add_enum (items, facts);
  cli_add_text (many, "type", "array");
  cli_add_built (many, "items", items);
  cli_add_built (list, NULL, one);
  cli_add_built (list, NULL, many);
  cli_add_built (schema, "anyOf", list);
}

/* -- Structs. -- */

static void
add_variant_rule (BanyanSpecBuilder *rules, const char *key, BanyanSpec *variant)
{
  const char *name = cli_spec_text (variant, "name");
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *rule = cli_map_new ();
  BanyanSpecBuilder *condition = cli_map_new ();
  BanyanSpecBuilder *matched = cli_map_new ();
  BanyanSpecBuilder *constant = cli_map_new ();
  BanyanSpecBuilder *consequence = cli_map_new ();
  BanyanSpecBuilder *fixed = cli_map_new ();
  BanyanSpecBuilder *fixed_key = cli_map_new ();

  cli_add_text (constant, "const", name);
  cli_add_built (matched, key, constant);
  cli_add_built (condition, "properties", matched);
  cli_add_strings (condition, "required", required);
  cli_add_built (rule, "if", condition);

  cli_add_text (fixed_key, "const", name);
  cli_add_built (fixed, key, fixed_key);
  schema_add_properties (consequence, cli_spec_get (variant, "fields"), fixed, required);
  cli_add_built (rule, "then", consequence);
  cli_add_built (rules, NULL, rule);
}

static void
add_variants (BanyanSpecBuilder *schema, BanyanSpec *structure)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  const char *key = cli_spec_text (structure, "discriminator");
  const char *const required[] = { key, NULL };
  BanyanSpecBuilder *names = cli_list_new ();
  BanyanSpecBuilder *choice = cli_map_new ();
  BanyanSpecBuilder *properties = cli_map_new ();
  BanyanSpecBuilder *rules = cli_list_new ();

  for (guint i = 0; i < cli_spec_count (variants); i++)
    {
      cli_add_text (names, NULL, cli_spec_text (banyan_spec_get_item (variants, i), "name"));
      add_variant_rule (rules, key, banyan_spec_get_item (variants, i));
    }

  cli_add_built (choice, "enum", names);
  cli_add_built (properties, key, choice);
  cli_add_text (schema, "type", "object");
  cli_add_built (schema, "properties", properties);
  cli_add_strings (schema, "required", required);
  cli_add_built (schema, "allOf", rules);
}

static BanyanSpec *
schema_of_struct (BanyanSpec *structure)
{
  BanyanSpecBuilder *schema = cli_map_new ();

  if (cli_spec_get (structure, "variants") != NULL)
    add_variants (schema, structure);
  else if (!cli_spec_flag (structure, "recursive"))
    schema_add_properties (schema, cli_spec_get (structure, "fields"), cli_map_new (), NULL);

  return banyan_spec_builder_end (schema);
}

static void
add_struct (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  static const char *const scalars[] = { "string", "number", "boolean", NULL };
  BanyanSpec *structure = cli_spec_get (facts, "struct");
  g_autoptr (BanyanSpec) whole = schema_of_struct (structure);
  BanyanSpecBuilder *list = cli_list_new ();
  BanyanSpecBuilder *null = cli_map_new ();

  cli_add (list, NULL, whole);
  if (cli_spec_text (structure, "short-form") != NULL)
    {
      BanyanSpecBuilder *scalar = cli_map_new ();

      cli_add_strings (scalar, "type", scalars);
      cli_add_built (list, NULL, scalar);
    }
  if (!cli_spec_flag (facts, "required"))
    {
      cli_add_text (null, "type", "null");
      cli_add_built (list, NULL, null);
    }
  else
    banyan_spec_builder_free (null);
  cli_add_built (schema, "anyOf", list);
}

/* -- Containers and links. -- */

static void
add_list (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  g_autoptr (BanyanSpec) element = schema_of_value (cli_spec_get (facts, "element"));

  cli_add_text (schema, "type", "array");
  cli_add (schema, "items", element);
}

static void
add_map (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  g_autoptr (BanyanSpec) element = schema_of_value (cli_spec_get (facts, "element"));

  cli_add_text (schema, "type", "object");
  cli_add (schema, "additionalProperties", element);
}

static void
add_members (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  BanyanSpec *properties = cli_spec_get (cli_spec_get (facts, "element"), "properties");
  BanyanSpecBuilder *member = cli_map_new ();

  schema_add_properties (member, properties, cli_map_new (), NULL);
  cli_add_text (schema, "type", "object");
  cli_add_built (schema, "additionalProperties", member);
}

static void
add_link (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  const char *target = cli_spec_text (facts, "target");
  BanyanSpecBuilder *list = cli_list_new ();
  g_autoptr (BanyanSpec) declared
      = schema_reference (g_strcmp0 (target, "BanyanNode") == 0 ? "node" : "object");

  add_alternative (list, "string", NULL);
  cli_add (list, NULL, declared);
  if (!cli_spec_flag (facts, "required"))
    add_alternative (list, "null", NULL);
  cli_add_built (schema, "anyOf", list);
}

static void
add_type (BanyanSpecBuilder *schema, BanyanSpec *facts)
{
  const char *type = cli_spec_text (facts, "type");

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
  BanyanSpecBuilder *schema = cli_map_new ();
  BanyanSpec *standard = cli_spec_get (facts, "default");

  cli_add_text (schema, "description", cli_spec_text (facts, "blurb"));
  add_type (schema, facts);
  if (standard != NULL)
    cli_add (schema, "default", standard);

  return banyan_spec_builder_end (schema);
}

/* -- Properties. -- */

static gboolean
is_declarable (BanyanSpec *facts)
{
  const char *kind = cli_spec_text (facts, "kind");

  return (kind == NULL || g_str_equal (kind, "configuration"))
         && g_strcmp0 (cli_spec_text (facts, "name"), "id") != 0;
}

static void
add_names (BanyanSpecBuilder *properties, BanyanSpec *facts)
{
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");
  g_autoptr (BanyanSpec) value = schema_of_value (facts);

  cli_add (properties, cli_spec_text (facts, "name"), value);
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
  BanyanSpecBuilder *schema = cli_map_new ();
  BanyanSpecBuilder *inner = cli_map_new ();

  for (guint i = 0; i < cli_spec_count (facts); i++)
    add_inner_names (inner, banyan_spec_get_item (facts, i), outer);

  cli_add_text (schema, "type", "object");
  cli_add_built (schema, "properties", inner);
  cli_add_flag (schema, "additionalProperties", FALSE);
  cli_add_built (properties, outer, schema);
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
  BanyanSpecBuilder *schema = cli_map_new ();

  cli_add_strings (schema, "required", names);
  cli_add_built (list, NULL, schema);
}

/* A required property with other names must be there under one of them. */
static void
add_rule_of_names (BanyanSpecBuilder *rules, BanyanSpec *facts, BanyanSpec *aliases)
{
  BanyanSpecBuilder *rule = cli_map_new ();
  BanyanSpecBuilder *names = cli_list_new ();

  add_presence (names, cli_spec_text (facts, "name"));
  for (guint i = 0; i < cli_spec_count (aliases); i++)
    add_presence (names, banyan_spec_get_text (banyan_spec_get_item (aliases, i)));
  cli_add_built (rule, "oneOf", names);
  cli_add_built (rules, NULL, rule);
}

void
schema_add_properties (BanyanSpecBuilder *schema, BanyanSpec *facts, BanyanSpecBuilder *fixed,
                       const char *const *required)
{
  BanyanSpecBuilder *needed = cli_list_new ();
  BanyanSpecBuilder *rules = cli_list_new ();
  gboolean has_rules = FALSE;

  for (guint i = 0; required != NULL && required[i] != NULL; i++)
    cli_add_text (needed, NULL, required[i]);

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
        cli_add_text (needed, NULL, cli_spec_text (property, "name"));
      else
        add_rule_of_names (rules, property, aliases);
      has_rules |= cli_spec_count (aliases) > 0;
    }

  add_maps (fixed, facts);
  cli_add_text (schema, "type", "object");
  cli_add_built (schema, "properties", fixed);
  cli_add_built (schema, "required", needed);
  cli_add_flag (schema, "additionalProperties", FALSE);
  /* An empty list is no schema. */
  if (has_rules)
    cli_add_built (schema, "allOf", rules);
  else
    banyan_spec_builder_free (rules);
}
