/* live-show.c - banyan inspect --connect: show, all there is to know about an object
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <string.h>

/* -- Properties. -- */

static char *
describe_value (BanyanSpec *property)
{
  BanyanSpec *value = cli_spec_get (property, "value");
  const char *unit = banyan_spec_lookup_text (property, "unit");
  g_autofree char *text = value != NULL ? cli_spec_to_line (value) : g_strdup ("");

  return unit != NULL && g_ascii_isdigit (*text) ? g_strconcat (text, " ", unit, NULL)
                                                 : g_steal_pointer (&text);
}

/* "disk.yaml:6:51 as 2ms", where that is not how the value is told. */
static char *
describe_origin (BanyanSpec *property)
{
  BanyanSpec *declared = cli_spec_get (property, "declared");
  BanyanSpec *value = cli_spec_get (property, "value");
  const char *origin = banyan_spec_lookup_text (property, "origin");
  g_autofree char *written = declared != NULL ? cli_spec_to_line (declared) : NULL;
  g_autofree char *now = value != NULL ? cli_spec_to_line (value) : NULL;

  if (written == NULL || g_strcmp0 (written, now) == 0
      || banyan_spec_get_kind (declared) >= BANYAN_SPEC_LIST)
    return g_strdup (origin);
  return g_strdup_printf ("%s as %s", origin, written);
}

static const char *
describe_changes (BanyanSpec *property)
{
  const char *mutability = banyan_spec_lookup_text (property, "mutability");

  if (g_strcmp0 (mutability, "reopen") == 0)
    return "by reopening";
  if (g_strcmp0 (mutability, "resize") == 0)
    return "by resizing";
  return g_strcmp0 (mutability, "before-open") == 0 ? "before opening" : mutability;
}

static char *
describe_takes (BanyanSpec *property)
{
  BanyanSpec *values = cli_spec_get (property, "values");
  const char *range = banyan_spec_lookup_text (property, "range");
  const char *type = banyan_spec_lookup_text (property, "type");

  if (cli_spec_count (values) > 0)
    return cli_spec_join (values, ", ");
  return range != NULL && *range != '\0' ? g_strdup_printf ("%s, %s", type, range)
                                         : g_strdup (type);
}

static void
append_properties (GString *text, BanyanSpec *properties, const char *kind, const char *heading)
{
  gboolean is_configuration = g_str_equal (kind, "configuration");
  g_autoptr (CliTable) table = cli_table_new (2, 5);
  guint n = 0;

  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);
      g_autofree char *value = describe_value (property);
      g_autofree char *origin = is_configuration ? describe_origin (property) : NULL;
      g_autofree char *takes = is_configuration ? describe_takes (property) : NULL;

      if (g_strcmp0 (banyan_spec_lookup_text (property, "kind"), kind) != 0)
        continue;
      cli_table_add (table, banyan_spec_lookup_text (property, "name"), value, origin,
                     describe_changes (property), takes);
      n++;
    }

  if (n == 0)
    return;
  cli_append_heading (text, heading);
  cli_table_append_to (table, text);
}

/* -- Edges and users. -- */

static char *
describe_permissions (BanyanSpec *edge, const char *taken_key, const char *shared_key)
{
  g_autofree char *taken = cli_spec_join (cli_spec_get (edge, taken_key), ", ");
  g_autofree char *shared = cli_spec_join (cli_spec_get (edge, shared_key), ", ");

  return g_strdup_printf ("takes %s; shares %s", *taken != '\0' ? taken : "nothing",
                          *shared != '\0' ? shared : "nothing");
}

static void
append_edges (GString *text, BanyanSpec *edges)
{
  g_autoptr (CliTable) table = cli_table_new (2, 3);

  if (cli_spec_count (edges) == 0)
    return;

  cli_append_heading (text, "Edges");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      g_autofree char *permissions = describe_permissions (edge, "used", "shared");
      g_autofree char *leads = g_strconcat ("-> ", banyan_spec_lookup_text (edge, "node"), NULL);

      cli_table_add (table, banyan_spec_lookup_text (edge, "role"), leads, permissions);
    }
  cli_table_append_to (table, text);
}

static void
append_users (GString *text, BanyanSpec *users)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  if (cli_spec_count (users) == 0)
    return;

  cli_append_heading (text, "Used by");
  for (guint i = 0; i < cli_spec_count (users); i++)
    {
      BanyanSpec *user = banyan_spec_get_item (users, i);
      const char *property = banyan_spec_lookup_text (user, "property");
      g_autofree char *how = property != NULL ? g_strconcat ("links to it as ", property, NULL)
                                              : describe_permissions (user, "perm", "shared-perm");

      cli_table_add (table, banyan_spec_lookup_text (user, "path"), how);
    }
  cli_table_append_to (table, text);
}

/* -- All of it. -- */

static CliStatus
print_text (GraphObject *object, BanyanSpec *properties, BanyanSpec *users)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%s%s%s: %s%s\n", cli_style_on (CLI_BOLD), object->path,
                          cli_style_off (CLI_BOLD), live_name_type (object),
                          cli_spec_flag (object->facts, "implicit") ? ", declared inline" : "");
  append_properties (text, properties, "configuration", "Properties");
  append_properties (text, properties, "state", "State");
  append_properties (text, properties, "statistic", "Statistics");
  append_edges (text, cli_spec_get (object->facts, "edges"));
  append_users (text, users);
  return cli_print (text->str);
}

static CliStatus
print_json (GraphObject *object, BanyanSpec *properties, BanyanSpec *users)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) all = NULL;

  banyan_spec_builder_add_string (map, "path", object->path);
  banyan_spec_builder_add_string (map, "type", live_name_type (object));
  banyan_spec_builder_add_boolean (map, "implicit", cli_spec_flag (object->facts, "implicit"));
  cli_add (map, "properties", properties);
  cli_add (map, "edges", cli_spec_get (object->facts, "edges"));
  cli_add (map, "users", users);
  all = banyan_spec_builder_end (map);
  return cli_print_json (all);
}

CliStatus
live_run_show (LiveSession *session, char **arguments)
{
  CliStatus status;
  GraphObject *object;
  g_autoptr (BanyanSpec) properties = NULL, users = NULL;

  if (live_is_edge (arguments[0]))
    return live_show_edge (session, arguments[0]);

  object = live_find (session, arguments[0], &status);
  if (object == NULL)
    return status;
  properties = live_call_path (session, "qom-describe", object->path, &status);
  if (properties == NULL)
    return status;
  users = live_call_path (session, "query-refs", object->path, &status);
  if (users == NULL)
    return status;

  return session->options->as_json ? print_json (object, properties, users)
                                   : print_text (object, properties, users);
}
