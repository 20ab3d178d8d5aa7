/* qmp-schema-options.c - types of declarations: what a node, an object, an export is made of
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As in QEMU, what is declared is one object with variants by driver or type, and where the keys of
 * a declaration stand among a command's arguments, it is the arguments that have the variants. */

#include "qmp-schema.h"

#include <string.h>

#define NODE_KINDS \
  (1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT | 1u << BANYAN_PLUGIN_FILTER)

/* -- Variants: the types of some kinds. -- */

/* What has the common part already. */
static gboolean
is_common (BanyanSpec *property)
{
  return g_strcmp0 (banyan_spec_lookup_text (property, "defined-by"), "BanyanNode") == 0;
}

static void
add_properties (QmpSchema *self, BanyanSpecBuilder *members, const char *owner,
                BanyanSpec *properties, gboolean common)
{
  for (guint i = 0; properties != NULL && i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);

      if (qmp_schema_is_settable (property) && is_common (property) == common)
        qmp_schema_member (self, members, owner, property);
    }
}

static const char *
describe_variant (QmpSchema *self, const char *owner, BanyanTypeInfo *type, BanyanSpec *description)
{
  g_autofree char *name = g_strdup_printf ("%s-%s", owner, banyan_type_info_get_name (type));
  BanyanSpecBuilder *entry, *members;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  add_properties (self, members, name, banyan_spec_lookup (description, "properties"), FALSE);
  entry = qmp_schema_new_entry (name, "object");
  banyan_spec_builder_take_built (entry, "members", members);
  banyan_spec_builder_add_string (entry, "description",
                                  banyan_spec_lookup_text (description, "summary"));
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

/* By each name that it has. */
static void
add_cases (BanyanSpecBuilder *cases, GPtrArray *names, BanyanSpec *description, const char *type)
{
  const char *name = g_intern_string (banyan_spec_lookup_text (description, "name"));
  BanyanSpec *aliases = banyan_spec_lookup (description, "aliases");

  g_ptr_array_add (names, (gpointer) name);
  qmp_schema_add_case (cases, name, type);
  for (guint i = 0; aliases != NULL && i < banyan_spec_get_length (aliases); i++)
    {
      name = g_intern_string (banyan_spec_get_text (banyan_spec_get_item (aliases, i)));
      g_ptr_array_add (names, (gpointer) name);
      qmp_schema_add_case (cases, name, type);
    }
}

/* Fills the common @members of nodes, too. */
static void
describe_types (QmpSchema *self, const char *owner, guint type_kinds, BanyanSpecBuilder *cases,
                GPtrArray *names, BanyanSpecBuilder *members)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  gboolean has_common = FALSE;

  for (guint i = 0; types[i] != NULL; i++)
    {
      if (1u << banyan_type_info_get_kind (types[i]) & type_kinds)
        {
          g_autoptr (BanyanSpec) description = banyan_type_info_describe (types[i]);

          add_cases (cases, names, description,
                     describe_variant (self, owner, types[i], description));
          if (!has_common)
            add_properties (self, members, owner, banyan_spec_lookup (description, "properties"),
                            TRUE);
          has_common = TRUE;
        }
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
}

static void
add_plain_member (BanyanSpecBuilder *members, const char *name, const char *type,
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

/* An object with variants by @tag of all types of some kinds, and @id beside it. */
static const char *
describe_options (QmpSchema *self, const char *name, guint type_kinds, const char *tag,
                  const char *id)
{
  g_autofree char *enum_name = g_strconcat (name, "Kind", NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  BanyanSpecBuilder *entry, *members, *cases;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  cases = banyan_spec_builder_new_list ();
  describe_types (self, name, type_kinds, cases, names, members);
  add_plain_member (members, tag, qmp_schema_enum (self, enum_name, names), FALSE,
                    "What it is made by");
  add_plain_member (members, id, qmp_schema_builtin (self, "str"), TRUE, "What it is called by");
  entry = qmp_schema_new_entry (name, "object");
  banyan_spec_builder_take_built (entry, "members", members);
  banyan_spec_builder_add_string (entry, "tag", tag);
  banyan_spec_builder_take_built (entry, "variants", cases);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

/* -- References. -- */

const char *
qmp_schema_node_ref (QmpSchema *self, gboolean may_be_null)
{
  const char *name = may_be_null ? "BlockdevRefOrNull" : "BlockdevRef";
  const char *types[4] = { 0 };

  if (!qmp_schema_begin (self, name))
    return name;

  types[0] = qmp_schema_declaration (self, "BanyanNode");
  types[1] = qmp_schema_builtin (self, "str");
  if (may_be_null)
    types[2] = qmp_schema_builtin (self, "null");
  qmp_schema_add_alternate (self, name, types);
  return name;
}

/* -- By base type. -- */

const char *
qmp_schema_declaration (QmpSchema *self, const char *base_type)
{
  if (g_strcmp0 (base_type, "BanyanNode") == 0)
    return describe_options (self, "BlockdevOptions", NODE_KINDS, "driver", "node-name");
  if (g_strcmp0 (base_type, "BanyanFilter") == 0)
    return describe_options (self, "FilterOptions", 1u << BANYAN_PLUGIN_FILTER, "driver",
                             "node-name");
  if (g_strcmp0 (base_type, "BanyanObject") == 0)
    return describe_options (self, "ObjectOptions", 1u << BANYAN_PLUGIN_OBJECT, "qom-type", "id");
  if (g_strcmp0 (base_type, "BanyanCommand") == 0)
    return qmp_schema_notation (self, "TransactionAction", "{ type: str, '*data': any }");

  return qmp_schema_builtin (self, "any");
}

/* -- Arguments. -- */

/* Where the arguments are the declaration and nothing else, as in blockdev-add. */
static const char *
find_whole (QmpSchema *self, BanyanSpec *properties, const char *flat)
{
  static const char *const wholes[] = { "BanyanNode", "BanyanObject" };
  const char *declares = NULL;

  for (guint i = 0; i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);

      if (g_strcmp0 (banyan_spec_lookup_text (property, "name"), flat) == 0)
        declares = banyan_spec_lookup_text (property, "declares");
    }
  for (guint i = 0; i < G_N_ELEMENTS (wholes); i++)
    if (g_strcmp0 (declares, wholes[i]) == 0)
      return qmp_schema_declaration (self, declares);

  return NULL;
}

/* What an export takes is told by a server that has some. */
static void
add_export_members (QmpSchema *self, BanyanSpecBuilder *members, const char *owner)
{
  g_autoptr (BanyanTypeInfo) type = banyan_registry_lookup (
      banyan_registry_get_default (), 1u << BANYAN_PLUGIN_FRONTEND, "nbd-server");
  g_autoptr (BanyanSpec) description = type != NULL ? banyan_type_info_describe (type) : NULL;
  BanyanSpec *properties
      = description != NULL ? banyan_spec_lookup (description, "properties") : NULL;

  for (guint i = 0; properties != NULL && i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);
      BanyanSpec *element = banyan_spec_lookup (property, "element");
      BanyanSpec *fields = element != NULL ? banyan_spec_lookup (element, "properties") : NULL;

      for (guint j = 0; fields != NULL && j < banyan_spec_get_length (fields); j++)
        if (qmp_schema_is_settable (banyan_spec_get_item (fields, j))
            && g_strcmp0 (banyan_spec_lookup_text (banyan_spec_get_item (fields, j), "name"),
                          "node")
                   != 0)
          qmp_schema_member (self, members, owner, banyan_spec_get_item (fields, j));
    }
}

const char *
qmp_schema_arguments (QmpSchema *self, const char *name, BanyanSpec *description)
{
  BanyanSpec *properties = banyan_spec_lookup (description, "properties");
  const char *flat = banyan_spec_lookup_text (description, "flat");
  const char *whole;
  BanyanSpecBuilder *entry, *members;

  if (properties == NULL)
    return qmp_schema_notation (self, name, "{}");
  if (flat != NULL && (whole = find_whole (self, properties, flat)) != NULL)
    return whole;
  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  for (guint i = 0; i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);

      if (g_strcmp0 (banyan_spec_lookup_text (property, "name"), flat) != 0)
        qmp_schema_member (self, members, name, property);
    }
  if (flat != NULL)
    add_export_members (self, members, name);
  entry = qmp_schema_new_entry (name, "object");
  banyan_spec_builder_take_built (entry, "members", members);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}
