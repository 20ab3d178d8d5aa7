/* qmp-schema.c - the list of all types: what is common to all, and those without structure
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-schema.h"

#include <string.h>

gboolean
qmp_schema_begin (QmpSchema *self, const char *name)
{
  return g_hash_table_add (self->names, (gpointer) g_intern_string (name));
}

BanyanSpecBuilder *
qmp_schema_new_entry (const char *name, const char *meta_type)
{
  BanyanSpecBuilder *entry = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (entry, "name", name);
  banyan_spec_builder_add_string (entry, "meta-type", meta_type);
  return entry;
}

void
qmp_schema_add (QmpSchema *self, BanyanSpecBuilder *entry)
{
  banyan_spec_builder_take_built (self->list, NULL, entry);
}

void
qmp_schema_add_alternate (QmpSchema *self, const char *name, const char *const *types)
{
  BanyanSpecBuilder *members = banyan_spec_builder_new_list ();
  BanyanSpecBuilder *entry = qmp_schema_new_entry (name, "alternate");

  for (; *types != NULL; types++)
    {
      BanyanSpecBuilder *member = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (member, "type", *types);
      banyan_spec_builder_take_built (members, NULL, member);
    }
  banyan_spec_builder_take_built (entry, "members", members);
  qmp_schema_add (self, entry);
}

static const char *
name_json_type (const char *builtin)
{
  static const char *const names[][2] = {
    { "str", "string" },   { "int", "int" },   { "number", "number" },
    { "bool", "boolean" }, { "null", "null" }, { "any", "value" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i][0], builtin) == 0)
      return names[i][1];

  return NULL;
}

const char *
qmp_schema_builtin (QmpSchema *self, const char *name)
{
  const char *json_type = name_json_type (name);
  BanyanSpecBuilder *entry;

  if (json_type == NULL)
    return NULL;
  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  entry = qmp_schema_new_entry (name, "builtin");
  banyan_spec_builder_add_string (entry, "json-type", json_type);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

const char *
qmp_schema_array (QmpSchema *self, const char *element)
{
  g_autofree char *name = g_strdup_printf ("[%s]", element);
  BanyanSpecBuilder *entry;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  entry = qmp_schema_new_entry (name, "array");
  banyan_spec_builder_add_string (entry, "element-type", element);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

/* QEMU tells the values twice, since it has more to say about each. */
const char *
qmp_schema_enum (QmpSchema *self, const char *name, GPtrArray *values)
{
  BanyanSpecBuilder *entry, *members, *list;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  entry = qmp_schema_new_entry (name, "enum");
  members = banyan_spec_builder_new_list ();
  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < values->len; i++)
    {
      BanyanSpecBuilder *member = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (member, "name", values->pdata[i]);
      banyan_spec_builder_take_built (members, NULL, member);
      banyan_spec_builder_add_string (list, NULL, values->pdata[i]);
    }
  banyan_spec_builder_take_built (entry, "members", members);
  banyan_spec_builder_take_built (entry, "values", list);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

void
qmp_schema_add_case (BanyanSpecBuilder *variants, const char *name, const char *type)
{
  BanyanSpecBuilder *variant = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (variant, "case", name);
  banyan_spec_builder_add_string (variant, "type", type);
  banyan_spec_builder_take_built (variants, NULL, variant);
}

void
qmp_schema_add_object (QmpSchema *self, const char *name, BanyanSpecBuilder *members)
{
  BanyanSpecBuilder *entry = qmp_schema_new_entry (name, "object");

  banyan_spec_builder_take_built (entry, "members", members);
  qmp_schema_add (self, entry);
}

void
qmp_schema_add_union (QmpSchema *self, const char *name, BanyanSpecBuilder *members,
                      const char *tag, BanyanSpecBuilder *variants)
{
  BanyanSpecBuilder *entry = qmp_schema_new_entry (name, "object");

  banyan_spec_builder_take_built (entry, "members", members);
  banyan_spec_builder_add_string (entry, "tag", tag);
  banyan_spec_builder_take_built (entry, "variants", variants);
  qmp_schema_add (self, entry);
}

void
qmp_schema_add_plain_member (BanyanSpecBuilder *members, const char *name, const char *type,
                             gboolean is_optional, const char *description)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_DEFAULT };
  BanyanSpecBuilder *member = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (member, "name", name);
  banyan_spec_builder_add_string (member, "type", type);
  if (is_optional)
    banyan_spec_builder_take (member, "default", banyan_spec_new_null (&origin));
  banyan_spec_builder_add_string (member, "description", description);
  banyan_spec_builder_take_built (members, NULL, member);
}
