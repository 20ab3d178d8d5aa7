/* qmp-schema-property.c - types of what properties take
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Beside what QEMU tells of a member, each has the description, and where it has them the range as
 * text, the unit, when it may change, and its real default. */

#include "qmp-schema.h"

#include <string.h>

gboolean
qmp_schema_is_settable (BanyanSpec *property)
{
  return g_strcmp0 (banyan_spec_lookup_text (property, "kind"), "configuration") == 0;
}

static gboolean
is_true (BanyanSpec *map, const char *key)
{
  return g_strcmp0 (banyan_spec_lookup_text (map, key), "true") == 0;
}

static const char *
describe_enum (QmpSchema *self, const char *name, BanyanSpec *property)
{
  BanyanSpec *nicks = banyan_spec_lookup (property, "values");
  g_autoptr (GPtrArray) values = g_ptr_array_new ();

  for (guint i = 0; nicks != NULL && i < banyan_spec_get_length (nicks); i++)
    g_ptr_array_add (values,
                     (gpointer) banyan_spec_lookup_text (banyan_spec_get_item (nicks, i), "nick"));
  return qmp_schema_enum (self, name, values);
}

/* -- Structs, by the names of their classes. -- */

static BanyanSpecBuilder *
describe_fields (QmpSchema *self, const char *owner, BanyanSpec *fields)
{
  BanyanSpecBuilder *members = banyan_spec_builder_new_list ();

  for (guint i = 0; fields != NULL && i < banyan_spec_get_length (fields); i++)
    qmp_schema_member (self, members, owner, banyan_spec_get_item (fields, i));
  return members;
}

static const char *
describe_plain (QmpSchema *self, const char *name, BanyanSpec *description)
{
  if (qmp_schema_begin (self, name))
    qmp_schema_add_object (
        self, name, describe_fields (self, name, banyan_spec_lookup (description, "fields")));
  return g_intern_string (name);
}

/* What the discriminator may be. */
static const char *
describe_tag (QmpSchema *self, const char *owner, BanyanSpec *variants)
{
  g_autofree char *name = g_strconcat (owner, "Kind", NULL);
  g_autoptr (GPtrArray) values = g_ptr_array_new ();

  for (guint i = 0; variants != NULL && i < banyan_spec_get_length (variants); i++)
    g_ptr_array_add (
        values, (gpointer) banyan_spec_lookup_text (banyan_spec_get_item (variants, i), "name"));
  return qmp_schema_enum (self, name, values);
}

static const char *
describe_wrapped (QmpSchema *self, const char *inner)
{
  g_autofree char *name = g_strconcat (inner, "Wrapper", NULL);
  BanyanSpecBuilder *members;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  qmp_schema_add_plain_member (members, "data", inner, FALSE, NULL);
  qmp_schema_add_object (self, name, members);
  return g_intern_string (name);
}

/* @is_wrapped: each variant's members are in one called data */
static const char *
describe_variants (QmpSchema *self, const char *name, BanyanSpec *description, gboolean is_wrapped)
{
  const char *tag = banyan_spec_lookup_text (description, "discriminator");
  BanyanSpec *variants = banyan_spec_lookup (description, "variants");
  BanyanSpecBuilder *members, *cases;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  qmp_schema_add_plain_member (
      members, tag, describe_tag (self, banyan_spec_lookup_text (description, "gtype"), variants),
      FALSE, NULL);
  cases = banyan_spec_builder_new_list ();
  for (guint i = 0; variants != NULL && i < banyan_spec_get_length (variants); i++)
    {
      BanyanSpec *variant = banyan_spec_get_item (variants, i);
      const char *type = describe_plain (self, banyan_spec_lookup_text (variant, "gtype"), variant);

      qmp_schema_add_case (cases, banyan_spec_lookup_text (variant, "name"),
                           is_wrapped ? describe_wrapped (self, type) : type);
    }
  qmp_schema_add_union (self, name, members, tag, cases);
  return g_intern_string (name);
}

/* A scalar may stand for the whole. */
static const char *
describe_short (QmpSchema *self, const char *type, const char *field, BanyanSpec *fields)
{
  g_autofree char *name = g_strconcat (type, "OrShort", NULL);
  g_autofree char *field_name = g_strdup_printf ("%s.%s", type, field);
  const char *alternatives[3] = { type, NULL, NULL };

  for (guint i = 0; fields != NULL && i < banyan_spec_get_length (fields); i++)
    if (g_strcmp0 (banyan_spec_lookup_text (banyan_spec_get_item (fields, i), "name"), field) == 0)
      alternatives[1] = qmp_schema_value (self, field_name, banyan_spec_get_item (fields, i));
  if (alternatives[1] == NULL)
    return type;
  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  qmp_schema_add_alternate (self, name, alternatives);
  return g_intern_string (name);
}

/* One within itself has been begun: its name is enough. */
static const char *
describe_struct (QmpSchema *self, BanyanSpec *description)
{
  const char *name = banyan_spec_lookup_text (description, "gtype");
  const char *field = banyan_spec_lookup_text (description, "short-form");
  const char *type;

  if (is_true (description, "recursive"))
    return g_intern_string (name);

  type = banyan_spec_lookup_text (description, "discriminator") != NULL
             ? describe_variants (self, name, description, FALSE)
             : describe_plain (self, name, description);
  return field != NULL
             ? describe_short (self, type, field, banyan_spec_lookup (description, "fields"))
             : type;
}

/* -- All of them. -- */

/* A command that takes a struct's declaration takes it as QEMU's oldest commands do:
 * nbd-server-start has the address's fields in data. */
static const char *
describe_declaration (QmpSchema *self, BanyanSpec *property)
{
  BanyanSpec *description = banyan_spec_lookup (property, "struct");
  g_autofree char *name = NULL;

  if (description == NULL)
    return qmp_schema_declaration (self, banyan_spec_lookup_text (property, "declares"));

  name = g_strconcat (banyan_spec_lookup_text (description, "gtype"), "Legacy", NULL);
  return describe_variants (self, name, description, TRUE);
}

static const char *
describe_list (QmpSchema *self, const char *name, BanyanSpec *property)
{
  return qmp_schema_array (self,
                           qmp_schema_value (self, name, banyan_spec_lookup (property, "element")));
}

static const char *
describe_link (QmpSchema *self, BanyanSpec *property)
{
  gboolean is_required = is_true (property, "required");

  if (g_strcmp0 (banyan_spec_lookup_text (property, "target"), "BanyanNode") != 0)
    return qmp_schema_builtin (self, "str");

  return qmp_schema_node_ref (self, !is_required && banyan_spec_lookup (property, "name") != NULL);
}

const char *
qmp_schema_value (QmpSchema *self, const char *name, BanyanSpec *property)
{
  static const char *const builtins[][2] = {
    { "boolean", "bool" }, { "integer", "int" }, { "number", "number" }, { "string", "str" }
  };
  const char *type = banyan_spec_lookup_text (property, "type");

  for (guint i = 0; i < G_N_ELEMENTS (builtins); i++)
    if (strcmp (type, builtins[i][0]) == 0)
      return qmp_schema_builtin (self, builtins[i][1]);

  if (strcmp (type, "enum") == 0)
    return describe_enum (self, name, property);
  if (strcmp (type, "flags") == 0)
    return qmp_schema_array (self, describe_enum (self, name, property));
  if (strcmp (type, "list") == 0)
    return describe_list (self, name, property);
  if (strcmp (type, "struct") == 0)
    return describe_struct (self, banyan_spec_lookup (property, "struct"));
  if (strcmp (type, "link") == 0)
    return describe_link (self, property);
  if (strcmp (type, "declaration") == 0)
    return describe_declaration (self, property);

  /* QAPI has no maps of free keys. */
  return qmp_schema_builtin (self, "any");
}

static void
copy (BanyanSpecBuilder *member, BanyanSpec *property, const char *key, const char *name)
{
  BanyanSpec *value = banyan_spec_lookup (property, key);

  if (value != NULL)
    banyan_spec_builder_take (member, name, banyan_spec_ref (value));
}

void
qmp_schema_member (QmpSchema *self, BanyanSpecBuilder *members, const char *owner,
                   BanyanSpec *property)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_DEFAULT };
  const char *name = banyan_spec_lookup_text (property, "name");
  g_autofree char *type_name = g_strdup_printf ("%s.%s", owner, name);
  BanyanSpecBuilder *member = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (member, "name", name);
  banyan_spec_builder_add_string (member, "type", qmp_schema_value (self, type_name, property));
  copy (member, property, "default", "default");
  if (!is_true (property, "required") && banyan_spec_lookup (property, "default") == NULL)
    banyan_spec_builder_take (member, "default", banyan_spec_new_null (&origin));
  copy (member, property, "blurb", "description");
  copy (member, property, "range-text", "range");
  copy (member, property, "unit", "unit");
  copy (member, property, "mutability", "mutability");
  banyan_spec_builder_take_built (members, NULL, member);
}
