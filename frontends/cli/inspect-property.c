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
  g_clear_pointer (&self->made, banyan_spec_unref);
  g_free (self);
}

static void add_parts (GPtrArray *list, BanyanSpec *value, const char *name, guint depth);

/* Where in the tree a property stands. */
typedef struct
{
  const char *outer; /* what its name begins with */
  const char *variant;
  gboolean is_field;
  guint depth;
} Place;

static void
add (GPtrArray *list, BanyanSpec *facts, const Place *place)
{
  InspectProperty *property = g_new0 (InspectProperty, 1);

  property->name = g_strconcat (place->outer, banyan_spec_lookup_text (facts, "name"), NULL);
  property->facts = facts;
  property->variant = place->variant;
  property->is_field = place->is_field;
  g_ptr_array_add (list, property);
  add_parts (list, facts, property->name, place->depth + 1);
}

static gboolean
has_field (BanyanSpec *fields, const char *name)
{
  for (guint i = 0; i < cli_spec_count (fields); i++)
    if (g_strcmp0 (banyan_spec_lookup_text (banyan_spec_get_item (fields, i), "name"), name) == 0)
      return TRUE;

  return FALSE;
}

static void
add_fields (GPtrArray *list, BanyanSpec *fields, const Place *place)
{
  for (guint i = 0; i < cli_spec_count (fields); i++)
    add (list, banyan_spec_get_item (fields, i), place);
}

/* The key that tells the kind of a struct is no property of it, but people write it like one. */
static BanyanSpec *
describe_discriminator (BanyanSpec *structure, const char *key)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  BanyanSpecBuilder *map = banyan_spec_builder_new_map (),
                    *values = banyan_spec_builder_new_list ();

  for (guint i = 0; i < cli_spec_count (variants); i++)
    {
      BanyanSpecBuilder *value = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (
          value, "nick", banyan_spec_lookup_text (banyan_spec_get_item (variants, i), "name"));
      banyan_spec_builder_take_built (values, NULL, value);
    }

  banyan_spec_builder_add_string (map, "name", key);
  banyan_spec_builder_add_string (map, "blurb", "Kind, which decides what else there is");
  banyan_spec_builder_add_string (map, "type", "enum");
  banyan_spec_builder_add_string (map, "type-text", "enum");
  banyan_spec_builder_take_built (map, "values", values);
  banyan_spec_builder_add_string (map, "kind", "configuration");
  banyan_spec_builder_add_boolean (map, "required", TRUE);
  banyan_spec_builder_add_string (map, "defined-by", banyan_spec_lookup_text (structure, "gtype"));
  return banyan_spec_builder_end (map);
}

static void
add_discriminator (GPtrArray *list, BanyanSpec *structure, const Place *place)
{
  const char *key = banyan_spec_lookup_text (structure, "discriminator");
  InspectProperty *property;

  if (key == NULL)
    return;

  property = g_new0 (InspectProperty, 1);
  property->name = g_strconcat (place->outer, key, NULL);
  property->facts = property->made = describe_discriminator (structure, key);
  property->is_field = TRUE;
  g_ptr_array_add (list, property);
}

static void
add_struct (GPtrArray *list, BanyanSpec *structure, const char *name, guint depth)
{
  BanyanSpec *variants = cli_spec_get (structure, "variants");
  g_autofree char *outer = g_strconcat (name, ".", NULL);
  Place place = { outer, NULL, TRUE, depth };

  add_discriminator (list, structure, &place);
  add_fields (list, cli_spec_get (structure, "fields"), &place);
  for (guint i = 0; i < cli_spec_count (variants); i++)
    {
      BanyanSpec *variant = banyan_spec_get_item (variants, i);

      place.variant = banyan_spec_lookup_text (variant, "name");
      add_fields (list, cli_spec_get (variant, "fields"), &place);
    }
}

/* A member's id is its key, and its state is told where it is. */
static void
add_members (GPtrArray *list, BanyanSpec *members, const char *name, guint depth)
{
  g_autofree char *outer = g_strconcat (name, ".ID.", NULL);
  const Place place = { outer, NULL, FALSE, depth };

  for (guint i = 0; i < cli_spec_count (members); i++)
    {
      BanyanSpec *member = banyan_spec_get_item (members, i);

      if (g_strcmp0 (banyan_spec_lookup_text (member, "kind"), "configuration") == 0
          && g_strcmp0 (banyan_spec_lookup_text (member, "name"), "id") != 0)
        add (list, member, &place);
    }
}

static void
add_parts (GPtrArray *list, BanyanSpec *value, const char *name, guint depth)
{
  BanyanSpec *element = cli_spec_get (value, "element");
  const char *type = banyan_spec_lookup_text (value, "type");
  g_autofree char *inner = g_strconcat (name, g_strcmp0 (type, "map") == 0 ? ".KEY" : "[]", NULL);

  if (depth > MAX_DEPTH)
    return;

  add_struct (list, cli_spec_get (value, "struct"), name, depth);
  if (g_strcmp0 (type, "members") == 0)
    add_members (list, cli_spec_get (element, "properties"), name, depth);
  else if (element != NULL)
    add_parts (list, element, inner, depth);
}

static gboolean
is_role (BanyanSpec *description, const char *name)
{
  return has_field (cli_spec_get (description, "roles"), name);
}

static InspectGroup
get_group (BanyanSpec *description, BanyanSpec *facts)
{
  const char *kind = banyan_spec_lookup_text (facts, "kind");

  if (g_strcmp0 (kind, "state") == 0)
    return INSPECT_STATE;
  if (g_strcmp0 (kind, "statistic") == 0)
    return INSPECT_STATISTIC;

  return g_strcmp0 (banyan_spec_lookup_text (facts, "defined-by"),
                    banyan_spec_lookup_text (description, "gtype"))
                 == 0
             ? INSPECT_OWN
             : INSPECT_INHERITED;
}

GPtrArray *
inspect_list_properties (BanyanSpec *description, InspectGroup group)
{
  BanyanSpec *properties = cli_spec_get (description, "properties");
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) inspect_property_free);
  const Place place = { "", NULL, FALSE, 0 };

  for (guint i = 0; i < cli_spec_count (properties); i++)
    {
      BanyanSpec *facts = banyan_spec_get_item (properties, i);

      if (get_group (description, facts) == group
          && !is_role (description, banyan_spec_lookup_text (facts, "name")))
        add (list, facts, &place);
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

/* All, those that belong to others too. */
static GPtrArray *
list_all (BanyanSpec *description)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) inspect_property_free);
  const Place place = { "", NULL, FALSE, 0 };

  add_fields (list, cli_spec_get (description, "properties"), &place);
  return list;
}

/* All that belongs to the property called @outer: "cache.direct" and the like. */
GPtrArray *
inspect_list_parts (BanyanSpec *description, const char *outer)
{
  GPtrArray *list = list_all (description);
  gsize length = strlen (outer);

  for (guint i = list->len; i-- > 0;)
    {
      const InspectProperty *property = list->pdata[i];

      if (strncmp (property->name, outer, length) != 0
          || strchr (".[", property->name[length]) == NULL || property->name[length] == '\0')
        g_ptr_array_remove_index (list, i);
    }

  return list;
}

/* "exports.node" for "exports.ID.node": whoever asks for it may leave out what stands for any. */
static char *
leave_out_any (const char *name)
{
  static const char *const any[] = { ".ID", ".KEY", "[]" };
  GString *text = g_string_new (name);

  for (gsize i = 0; i < G_N_ELEMENTS (any); i++)
    g_string_replace (text, any[i], "", 0);
  return g_string_free (text, FALSE);
}

static gboolean
is_called (const InspectProperty *property, const char *name)
{
  g_autofree char *shorter = leave_out_any (property->name);

  return g_str_equal (property->name, name) || g_str_equal (shorter, name)
         || (strchr (property->name, '.') == NULL && has_alias (property->facts, name));
}

char *
inspect_find_nearest (BanyanSpec *description, const char *name)
{
  g_autoptr (GPtrArray) list = list_all (description);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < list->len; i++)
    {
      const InspectProperty *property = list->pdata[i];

      g_ptr_array_add (names, leave_out_any (property->name));
    }
  g_ptr_array_add (names, NULL);

  return g_strdup (banyan_did_you_mean (name, (const char *const *) names->pdata));
}

InspectProperty *
inspect_find_property (BanyanSpec *description, const char *name)
{
  g_autoptr (GPtrArray) list = list_all (description);

  for (guint i = 0; i < list->len; i++)
    {
      InspectProperty *property = list->pdata[i];

      if (is_called (property, name))
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

/* "one of auto, threads": the word "enum" tells nobody anything. */
static char *
describe_choices (BanyanSpec *facts, BanyanSpec *values)
{
  const char *type = banyan_spec_lookup_text (facts, "type");
  GString *text = g_string_new (g_strcmp0 (type, "enum") == 0    ? "one of "
                                : g_strcmp0 (type, "flags") == 0 ? "any of "
                                                                 : "list of ");

  for (guint i = 0; i < cli_spec_count (values); i++)
    g_string_append_printf (text, "%s%s", i == 0 ? "" : ", ",
                            banyan_spec_lookup_text (banyan_spec_get_item (values, i), "nick"));

  return g_string_free (text, FALSE);
}

BanyanSpec *
inspect_get_choices (BanyanSpec *facts)
{
  BanyanSpec *values = cli_spec_get (facts, "values");

  return values != NULL ? values : cli_spec_get (cli_spec_get (facts, "element"), "values");
}

/* The end of a machine's integers is no limit that anyone chose. */
static gboolean
is_bounded (BanyanSpec *facts)
{
  const char *maximum = banyan_spec_lookup_text (facts, "maximum");

  return g_strcmp0 (maximum, "2147483647") != 0 && g_strcmp0 (maximum, "9223372036854775807") != 0;
}

static void
append_range (GString *text, BanyanSpec *facts)
{
  const char *range = banyan_spec_lookup_text (facts, "range-text");
  const char *minimum = banyan_spec_lookup_text (facts, "minimum");

  if (range == NULL || is_bounded (facts))
    append_part (text, "%s", range);
  else if (g_strcmp0 (minimum, "0") != 0)
    append_part (text, "at least %s", minimum);
}

char *
inspect_describe_value (BanyanSpec *facts)
{
  BanyanSpec *choices = inspect_get_choices (facts);
  GString *text;

  if (cli_spec_count (choices) > 0)
    return describe_choices (facts, choices);

  text = g_string_new (banyan_spec_lookup_text (facts, "type-text"));
  append_range (text, facts);

  return g_string_free (text, FALSE);
}

char *
inspect_describe_default (BanyanSpec *facts)
{
  const char *computed = banyan_spec_lookup_text (facts, "computed-default");
  const char *text = banyan_spec_lookup_text (facts, "default-text");

  if (computed != NULL)
    return g_strdup (computed);
  if (text == NULL || *text == '\0')
    return NULL;

  return g_strdup (text);
}

const char *
inspect_describe_mutability (const InspectProperty *property)
{
  const char *mutability = banyan_spec_lookup_text (property->facts, "mutability");

  if (property->is_field)
    return NULL;
  if (g_strcmp0 (mutability, "live") == 0)
    return "live";
  if (g_strcmp0 (mutability, "reopen") == 0)
    return "by reopening";
  if (g_strcmp0 (mutability, "resize") == 0)
    return "by resizing";
  if (g_strcmp0 (mutability, "before-open") == 0)
    return "before opening";

  return NULL;
}

char *
inspect_describe_meaning (const InspectProperty *property)
{
  BanyanSpec *facts = property->facts;
  BanyanSpec *structure = cli_spec_get (facts, "struct");
  BanyanSpec *aliases = cli_spec_get (facts, "aliases");
  GString *text = g_string_new (banyan_spec_lookup_text (facts, "blurb"));
  const char *short_form = banyan_spec_lookup_text (structure, "short-form");

  if (property->variant != NULL)
    g_string_append_printf (text, " (%s)", property->variant);
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
  BanyanSpec *flags = cli_spec_get (role, "flags");
  BanyanSpec *defaults = cli_spec_get (role, "inline-defaults");
  GString *text = g_string_new (NULL);
  gboolean is_optional = FALSE;

  for (guint i = 0; i < cli_spec_count (flags); i++)
    {
      const char *flag = banyan_spec_get_text (banyan_spec_get_item (flags, i));

      is_optional |= g_str_equal (flag, "optional");
      append_part (text, "%s", g_str_equal (flag, "many") ? "any number" : flag);
    }
  if (!is_optional)
    append_part (text, "%s", "required");
  for (guint i = 0; i < cli_spec_count (defaults); i++)
    {
      g_autofree char *value
          = g_strdup_printf ("%s: %s", banyan_spec_get_key (defaults, i),
                             banyan_spec_get_text (banyan_spec_get_item (defaults, i)));

      append_part (text, "%s where declared inline", value);
    }

  return g_string_free (text, FALSE);
}

char *
inspect_describe_operations (BanyanSpec *description)
{
  BanyanSpec *operations = cli_spec_get (description, "operations");

  return operations != NULL ? cli_spec_join (operations, ", ") : NULL;
}
