/* inspect-property.c - a type's properties, read from its description, in words
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "inspect.h"

/* Structs within structs, and so on, as deep as anyone has seen them; a class that contains itself
 * is described once. */
#define MAX_DEPTH 8

void
inspect_property_free (InspectProperty *self)
{
  g_free (self->name);
  g_free (self);
}

static void add_parts (GPtrArray *list, BanyanSpec *value, const char *name, guint depth);

static void
add (GPtrArray *list, BanyanSpec *facts, const char *outer, const char *separator, guint depth)
{
  InspectProperty *property = g_new0 (InspectProperty, 1);

  property->name = g_strconcat (outer, separator, cli_spec_text (facts, "name"), NULL);
  property->facts = facts;
  property->depth = depth;
  g_ptr_array_add (list, property);
  add_parts (list, facts, property->name, depth + 1);
}

static gboolean
has_field (BanyanSpec *fields, const char *name)
{
  for (guint i = 0; i < cli_spec_count (fields); i++)
    if (g_strcmp0 (cli_spec_text (banyan_spec_get_item (fields, i), "name"), name) == 0)
      return TRUE;

  return FALSE;
}

/* What every variant has is the struct's own; it is shown with the first. */
static void
add_variant (GPtrArray *list, BanyanSpec *structure, guint index, const char *name, guint depth)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  BanyanSpec *fields = cli_spec_get (banyan_spec_get_item (variants, index), "fields");
  BanyanSpec *first = cli_spec_get (banyan_spec_get_item (variants, 0), "fields");

  for (guint i = 0; i < cli_spec_count (fields); i++)
    {
      BanyanSpec *field = banyan_spec_get_item (fields, i);

      if (index == 0 || !has_field (first, cli_spec_text (field, "name")))
        add (list, field, name, ".", depth);
    }
}

static void
add_struct (GPtrArray *list, BanyanSpec *structure, const char *name, guint depth)
{
  BanyanSpec *fields = cli_spec_get (structure, "fields");

  for (guint i = 0; i < cli_spec_count (fields); i++)
    add (list, banyan_spec_get_item (fields, i), name, ".", depth);
  for (guint i = 0; i < cli_spec_count (cli_spec_get (structure, "variants")); i++)
    add_variant (list, structure, i, name, depth);
}

static void
add_parts (GPtrArray *list, BanyanSpec *value, const char *name, guint depth)
{
  BanyanSpec *element = cli_spec_get (value, "element");
  BanyanSpec *members = cli_spec_get (value, "members");

  if (depth > MAX_DEPTH)
    return;

  add_struct (list, cli_spec_get (value, "struct"), name, depth);
  for (guint i = 0; i < cli_spec_count (cli_spec_get (members, "properties")); i++)
    {
      g_autofree char *outer = g_strconcat (name, ".ID", NULL);

      add (list, banyan_spec_get_item (cli_spec_get (members, "properties"), i), outer, ".", depth);
    }
  if (element != NULL)
    {
      gboolean is_map = g_strcmp0 (cli_spec_text (value, "type"), "map") == 0;
      g_autofree char *outer = g_strconcat (name, is_map ? ".KEY" : "[]", NULL);

      add_parts (list, element, outer, depth);
    }
}

static gboolean
is_role (BanyanSpec *description, const char *name)
{
  return has_field (cli_spec_get (description, "children"), name);
}

static InspectGroup
get_group (BanyanSpec *description, BanyanSpec *facts)
{
  const char *kind = cli_spec_text (facts, "kind");

  if (g_strcmp0 (kind, "state") == 0)
    return INSPECT_STATE;
  if (g_strcmp0 (kind, "statistic") == 0)
    return INSPECT_STATISTIC;

  return g_strcmp0 (cli_spec_text (facts, "defined-by"), cli_spec_text (description, "gtype")) == 0
             ? INSPECT_OWN
             : INSPECT_INHERITED;
}

GPtrArray *
inspect_list_properties (BanyanSpec *description, InspectGroup group)
{
  BanyanSpec *properties = cli_spec_get (description, "properties");
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) inspect_property_free);

  for (guint i = 0; i < cli_spec_count (properties); i++)
    {
      BanyanSpec *facts = banyan_spec_get_item (properties, i);

      if (get_group (description, facts) == group
          && !is_role (description, cli_spec_text (facts, "name")))
        add (list, facts, "", "", 0);
    }

  return list;
}

static gboolean
has_alias (BanyanSpec *facts, const char *name)
{
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");

  for (guint i = 0; i < cli_spec_count (aliases); i++)
    if (g_strcmp0 (banyan_spec_get_text (banyan_spec_get_item (aliases, i)), name) == 0)
      return TRUE;

  return FALSE;
}

InspectProperty *
inspect_find_property (BanyanSpec *description, const char *name)
{
  BanyanSpec *properties = cli_spec_get (description, "properties");
  g_autoptr (GPtrArray) list
      = g_ptr_array_new_with_free_func ((GDestroyNotify) inspect_property_free);

  for (guint i = 0; i < cli_spec_count (properties); i++)
    add (list, banyan_spec_get_item (properties, i), "", "", 0);
  for (guint i = 0; i < list->len; i++)
    {
      InspectProperty *property = list->pdata[i];

      if (g_str_equal (property->name, name)
          || (property->depth == 0 && has_alias (property->facts, name)))
        {
          list->pdata[i] = g_new0 (InspectProperty, 1);
          return property;
        }
    }

  return NULL;
}

/* -- In words. -- */

static void
append_part (GString *text, const char *format, const char *part)
{
  if (part == NULL || *part == '\0')
    return;

  if (text->len > 0)
    g_string_append (text, ", ");
  g_string_append_printf (text, format, part);
}

static void
append_choices (GString *text, BanyanSpec *values)
{
  for (guint i = 0; i < cli_spec_count (values); i++)
    g_string_append_printf (text, "%s%s", i == 0 ? ": " : " | ",
                            cli_spec_text (banyan_spec_get_item (values, i), "nick"));
}

BanyanSpec *
inspect_get_choices (BanyanSpec *facts)
{
  BanyanSpec *values = cli_spec_get (facts, "values");

  return values != NULL ? values : cli_spec_get (cli_spec_get (facts, "element"), "values");
}

char *
inspect_describe_value (BanyanSpec *facts)
{
  GString *text = g_string_new (cli_spec_text (facts, "type-text"));
  BanyanSpec *choices = inspect_get_choices (facts);

  if (cli_spec_count (choices) > 0)
    append_choices (text, choices);
  else
    append_part (text, "%s", cli_spec_text (facts, "range-text"));

  return g_string_free (text, FALSE);
}

char *
inspect_describe_default (BanyanSpec *facts)
{
  const char *computed = cli_spec_text (facts, "computed-default");
  const char *text = cli_spec_text (facts, "default-text");

  if (computed != NULL)
    return g_strdup (computed);
  if (text == NULL || *text == '\0')
    return NULL;

  return g_strdup (text);
}

const char *
inspect_describe_mutability (BanyanSpec *facts)
{
  const char *mutability = cli_spec_text (facts, "mutability");

  if (g_strcmp0 (mutability, "live") == 0)
    return "live";
  if (g_strcmp0 (mutability, "reopen") == 0)
    return "by reopening";
  if (g_strcmp0 (mutability, "before-open") == 0)
    return "before opening";

  return NULL;
}

static void
append_variants (GString *text, BanyanSpec *structure)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  const char *key = cli_spec_text (structure, "discriminator");

  for (guint i = 0; i < cli_spec_count (variants); i++)
    {
      const char *name = cli_spec_text (banyan_spec_get_item (variants, i), "name");

      if (i == 0)
        g_string_append_printf (text, "; %s is %s", key, name);
      else
        g_string_append_printf (text, "%s%s", i + 1 == cli_spec_count (variants) ? " or " : ", ",
                                name);
    }
}

char *
inspect_describe_meaning (BanyanSpec *facts)
{
  BanyanSpec *structure = cli_spec_get (facts, "struct");
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");
  GString *text = g_string_new (cli_spec_text (facts, "blurb"));
  const char *short_form = cli_spec_text (structure, "short-form");

  append_variants (text, structure);
  append_variants (text, cli_spec_get (cli_spec_get (facts, "element"), "struct"));
  if (short_form != NULL)
    g_string_append_printf (text, "; a plain value is its %s", short_form);
  if (cli_spec_flag (facts, "inherited"))
    g_string_append (text, "; inline children inherit it");
  if (cli_spec_flag (facts, "secret"))
    g_string_append (text, "; secret");
  if (cli_spec_count (aliases) > 0)
    {
      g_autofree char *all = cli_spec_join (aliases, ", ");

      g_string_append_printf (text, "; also called %s", all);
    }

  return g_string_free (text, FALSE);
}

char *
inspect_describe_role (BanyanSpec *role)
{
  g_autofree char *flags = cli_spec_join (cli_spec_get (role, "flags"), ", ");
  GString *text = g_string_new (flags);

  append_part (text, "%s", cli_spec_flag (role, "required") ? "required" : "optional");
  if (cli_spec_flag (role, "many"))
    append_part (text, "%s", "any number");

  return g_string_free (text, FALSE);
}

char *
inspect_describe_operations (BanyanSpec *description)
{
  BanyanSpec *operations = cli_spec_get (description, "operations");

  return operations != NULL ? cli_spec_join (operations, ", ") : NULL;
}
