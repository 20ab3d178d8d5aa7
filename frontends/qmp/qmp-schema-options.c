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

/* An object with variants by @tag of all types of some kinds, and @id beside it. */
static const char *
describe_options (QmpSchema *self, const char *name, guint type_kinds, const char *tag,
                  const char *id)
{
  g_autofree char *enum_name = g_strconcat (name, "Kind", NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  BanyanSpecBuilder *members, *cases;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  cases = banyan_spec_builder_new_list ();
  describe_types (self, name, type_kinds, cases, names, members);
  qmp_schema_add_plain_member (members, tag, qmp_schema_enum (self, enum_name, names), FALSE,
                               "What it is made by");
  qmp_schema_add_plain_member (members, id, qmp_schema_builtin (self, "str"), TRUE,
                               "What it is called by");
  qmp_schema_add_union (self, name, members, tag, cases);
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

/* -- What a transaction takes: the commands that can be part of one. -- */

static gboolean
needs_arguments (BanyanSpec *description)
{
  BanyanSpec *properties = banyan_spec_lookup (description, "properties");

  for (guint i = 0; properties != NULL && i < banyan_spec_get_length (properties); i++)
    if (g_strcmp0 (banyan_spec_lookup_text (banyan_spec_get_item (properties, i), "required"),
                   "true")
        == 0)
      return TRUE;
  return FALSE;
}

/* QEMU wraps what each takes. */
static const char *
describe_action (QmpSchema *self, const char *command, BanyanSpec *description)
{
  g_autofree char *name = g_strconcat (command, "-action", NULL);
  g_autofree char *arguments = g_strconcat (command, "-arg", NULL);
  BanyanSpecBuilder *members;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  qmp_schema_add_plain_member (members, "data", qmp_schema_arguments (self, arguments, description),
                               !needs_arguments (description), "What the command takes");
  qmp_schema_add_object (self, name, members);
  return g_intern_string (name);
}

static void
add_action (QmpSchema *self, BanyanTypeInfo *type, GPtrArray *names, BanyanSpecBuilder *cases)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  const char *name = g_intern_string (banyan_spec_lookup_text (description, "command"));

  if (banyan_spec_lookup (description, "in-transaction") == NULL)
    return;

  g_ptr_array_add (names, (gpointer) name);
  qmp_schema_add_case (cases, name, describe_action (self, name, description));
}

static const char *
describe_actions (QmpSchema *self)
{
  static const char name[] = "TransactionAction";
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  BanyanTypeInfo **types;
  BanyanSpecBuilder *members, *cases;

  if (!qmp_schema_begin (self, name))
    return name;

  types = banyan_registry_list_types (banyan_registry_get_default ());
  cases = banyan_spec_builder_new_list ();
  for (guint i = 0; types[i] != NULL; i++)
    {
      if (banyan_type_info_get_kind (types[i]) == BANYAN_PLUGIN_COMMAND)
        add_action (self, types[i], names, cases);
      banyan_type_info_unref (types[i]);
    }
  g_free (types);

  members = banyan_spec_builder_new_list ();
  qmp_schema_add_plain_member (members, "type",
                               qmp_schema_enum (self, "TransactionActionKind", names), FALSE,
                               "Which command");
  qmp_schema_add_union (self, name, members, "type", cases);
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
    return describe_actions (self);

  return qmp_schema_builtin (self, "any");
}

/* -- Arguments. -- */

static const char *
find_declared (BanyanSpec *properties, const char *name)
{
  for (guint i = 0; name != NULL && i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);

      if (g_strcmp0 (banyan_spec_lookup_text (property, "name"), name) == 0)
        return banyan_spec_lookup_text (property, "declares");
    }
  return NULL;
}

/* What an export takes is told by the server that has some. */
static BanyanSpecBuilder *
describe_export_members (QmpSchema *self, const char *owner, const char *server)
{
  g_autoptr (BanyanTypeInfo) type = banyan_registry_lookup (banyan_registry_get_default (),
                                                            1u << BANYAN_PLUGIN_FRONTEND, server);
  g_autoptr (BanyanSpec) description = type != NULL ? banyan_type_info_describe (type) : NULL;
  BanyanSpec *properties
      = description != NULL ? banyan_spec_lookup (description, "properties") : NULL;
  BanyanSpecBuilder *members = banyan_spec_builder_new_list ();

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
  return members;
}

/* Fills @names, too. */
static BanyanSpecBuilder *
describe_export_cases (QmpSchema *self, const char *owner, GPtrArray *names)
{
  static const char *const exports[][2] = { { "nbd", "nbd-server" } };
  BanyanSpecBuilder *cases = banyan_spec_builder_new_list ();

  for (guint i = 0; i < G_N_ELEMENTS (exports); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-%s", owner, exports[i][0]);

      qmp_schema_begin (self, name);
      qmp_schema_add_object (self, name, describe_export_members (self, name, exports[i][1]));
      qmp_schema_add_case (cases, exports[i][0], name);
      g_ptr_array_add (names, (gpointer) exports[i][0]);
    }
  return cases;
}

/* @but: names of those to leave out, up to a NULL */
static BanyanSpecBuilder *
describe_own_members (QmpSchema *self, const char *owner, BanyanSpec *properties,
                      const char *const *but)
{
  BanyanSpecBuilder *members = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);

      if (!g_strv_contains (but, banyan_spec_lookup_text (property, "name")))
        qmp_schema_member (self, members, owner, property);
    }
  return members;
}

/* What is common to exports stands beside what each protocol's take. */
static void
describe_export (QmpSchema *self, const char *name, BanyanSpec *properties, const char *flat)
{
  const char *const but[] = { "type", flat, NULL };
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  BanyanSpecBuilder *members = describe_own_members (self, name, properties, but);
  BanyanSpecBuilder *cases = describe_export_cases (self, "BlockExportOptions", names);

  qmp_schema_add_plain_member (members, "type", qmp_schema_enum (self, "BlockExportType", names),
                               FALSE, "Protocol to export by");
  qmp_schema_add_union (self, name, members, "type", cases);
}

/* Where the arguments are the declaration and nothing else, as in blockdev-add, they are its type.
 */
const char *
qmp_schema_arguments (QmpSchema *self, const char *name, BanyanSpec *description)
{
  static const char *const wholes[] = { "BanyanNode", "BanyanObject", NULL };
  static const char *const none[] = { NULL };
  BanyanSpec *properties = banyan_spec_lookup (description, "properties");
  const char *flat = banyan_spec_lookup_text (description, "flat");
  const char *declares = properties != NULL ? find_declared (properties, flat) : NULL;

  if (properties == NULL)
    return qmp_schema_notation (self, name, "{}");
  if (declares != NULL && g_strv_contains (wholes, declares))
    return qmp_schema_declaration (self, declares);
  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  if (declares != NULL)
    describe_export (self, name, properties, flat);
  else
    qmp_schema_add_object (self, name, describe_own_members (self, name, properties, none));
  return g_intern_string (name);
}
