/* inspect-type.c - banyan inspect TYPE: everything about one type, or one property of it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "inspect.h"

/* A list of own and inherited properties is easier to read under the class that each came from, so
 * that what is special about a type stands first. */

static void
append_title (GString *text, BanyanTypeInfo *type)
{
  g_autofree char *summary = cli_make_printable (banyan_type_info_get_summary (type));

  g_string_append_printf (text, "%s%s%s: %s\n\n", cli_style_on (CLI_BOLD),
                          banyan_type_info_get_name (type), cli_style_off (CLI_BOLD), summary);
}

static char *
describe_plugin (BanyanTypeInfo *type)
{
  const char *path = banyan_type_info_get_plugin_path (type);
  BanyanPluginInfo **plugins;
  char *text = NULL;

  if (path == NULL)
    return g_strdup ("built in");

  plugins = banyan_registry_list_plugins (banyan_registry_get_default ());
  for (guint i = 0; plugins[i] != NULL; i++)
    {
      if (text == NULL && g_str_equal (banyan_plugin_info_get_path (plugins[i]), path))
        text = g_strdup_printf ("%s (%s, %s)", path, banyan_plugin_info_get_version (plugins[i]),
                                banyan_plugin_info_get_licence (plugins[i]));
      banyan_plugin_info_unref (plugins[i]);
    }

  g_free (plugins);
  return text != NULL ? text : g_strdup (path);
}

static void
append_facts (GString *text, BanyanTypeInfo *type, BanyanSpec *description)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  g_autofree char *plugin = describe_plugin (type);
  g_autofree char *chain = cli_spec_join (cli_spec_get (description, "chain"), " < ");
  g_autofree char *aliases = cli_spec_join (cli_spec_get (description, "aliases"), ", ");
  g_autofree char *interfaces = cli_spec_join (cli_spec_get (description, "interfaces"), ", ");
  g_autofree char *operations = inspect_describe_operations (description);
  BanyanPluginKind kind = banyan_type_info_get_kind (type);
  const char *section = cli_kind_to_section (kind);
  g_autofree char *kind_text
      = section != NULL
            ? g_strdup_printf ("%s, declared under %s", cli_kind_to_string (kind), section)
            : g_strdup (cli_kind_to_string (kind));

  cli_table_set_style (table, 0, CLI_DIM);
  cli_table_add (table, "kind", kind_text);
  if (*aliases != '\0')
    cli_table_add (table, "also called", aliases);
  cli_table_add (table, "plugin", plugin);
  cli_table_add (table, "class", chain);
  if (*interfaces != '\0')
    cli_table_add (table, "abilities", interfaces);
  if (operations != NULL)
    cli_table_add (table, "operations", operations);
  cli_table_append_to (table, text);
}

/* "duration, 0 to 600000 ms, default 0 ms; live" */
static char *
describe_facts (const InspectProperty *property)
{
  BanyanSpec *facts = property->facts;
  g_autofree char *value = inspect_describe_value (facts);
  g_autofree char *standard = inspect_describe_default (facts);
  const char *mutability = inspect_describe_mutability (property);
  GString *text = g_string_new (value);

  if (cli_spec_flag (facts, "required"))
    g_string_append (text, ", required");
  if (standard != NULL)
    g_string_append_printf (text, ", default %s", standard);
  if (mutability != NULL)
    g_string_append_printf (text, "; %s", mutability);

  return g_string_free (text, FALSE);
}

static void
append_property (CliTable *table, const InspectProperty *property)
{
  g_autofree char *facts = describe_facts (property);
  g_autofree char *meaning = inspect_describe_meaning (property);

  cli_table_add (table, property->name, facts);
  cli_table_add (table, "", meaning);
}

static void
append_list (GString *text, GPtrArray *list, const char *heading)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  if (list->len == 0)
    return;

  cli_append_heading (text, heading);
  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < list->len; i++)
    append_property (table, list->pdata[i]);
  cli_table_append_to (table, text);
}

static void
append_properties (GString *text, BanyanSpec *description, InspectGroup group, const char *heading)
{
  g_autoptr (GPtrArray) list = inspect_list_properties (description, group);

  append_list (text, list, heading);
}

static void
append_children (GString *text, BanyanSpec *description)
{
  BanyanSpec *children = cli_spec_get (description, "roles");
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  if (cli_spec_count (children) == 0)
    return;

  cli_append_heading (text, "Children");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (children); i++)
    {
      BanyanSpec *role = banyan_spec_get_item (children, i);
      g_autofree char *facts = inspect_describe_role (role);

      cli_table_add (table, banyan_spec_lookup_text (role, "name"), facts);
      cli_table_add (table, "", banyan_spec_lookup_text (role, "blurb"));
    }
  cli_table_append_to (table, text);
}

static char *
describe_signal (BanyanSpec *signal)
{
  g_autofree char *parameters = cli_spec_join (cli_spec_get (signal, "parameters"), ", ");

  return g_strdup_printf ("(%s), of %s", parameters,
                          banyan_spec_lookup_text (signal, "defined-by"));
}

static void
append_signals (GString *text, BanyanSpec *description)
{
  BanyanSpec *signals = cli_spec_get (description, "signals");
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  if (cli_spec_count (signals) == 0)
    return;

  cli_append_heading (text, "Signals");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (signals); i++)
    {
      BanyanSpec *signal = banyan_spec_get_item (signals, i);
      g_autofree char *facts = describe_signal (signal);

      cli_table_add (table, banyan_spec_lookup_text (signal, "name"), facts);
    }
  cli_table_append_to (table, text);
}

static gboolean
read_page_in (const char *directory, const char *name, char **text)
{
  g_autofree char *file = g_strconcat (name, ".md", NULL);
  g_autofree char *path = g_build_filename (directory, file, NULL);

  return g_file_get_contents (path, text, NULL, NULL);
}

/* Beside the plugin, as in a build folder, or where pages are installed. */
static gboolean
read_page (BanyanTypeInfo *type, char **text)
{
  const char *plugin_path = banyan_type_info_get_plugin_path (type);
  g_autofree char *directory = plugin_path != NULL ? g_path_get_dirname (plugin_path) : NULL;

  return (directory != NULL && read_page_in (directory, banyan_type_info_get_name (type), text))
         || read_page_in (BANYAN_PAGE_DIR, banyan_type_info_get_name (type), text);
}

/* The first block of YAML below "## Example"; it is not of images. */
static void
append_example (GString *text, BanyanTypeInfo *type)
{
  g_autofree char *page = NULL;
  g_auto (GStrv) lines = NULL;
  const char *begin, *end;

  if (banyan_type_info_get_kind (type) == BANYAN_PLUGIN_IMAGE || !read_page (type, &page))
    return;

  begin = strstr (page, "\n## Example\n");
  begin = begin != NULL ? strstr (begin, "```yaml\n") : NULL;
  end = begin != NULL ? strstr (begin + strlen ("```yaml\n"), "```") : NULL;
  if (end == NULL)
    return;

  begin += strlen ("```yaml\n");
  cli_append_heading (text, "Example");
  lines = g_strsplit (begin, "\n", -1);
  for (guint i = 0; lines[i] != NULL && !g_str_has_prefix (lines[i], "```"); i++)
    g_string_append_printf (text, "  %s\n", lines[i]);
}

CliStatus
inspect_print_type (BanyanTypeInfo *type, gboolean as_json)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  g_autoptr (GString) text = g_string_new (NULL);

  if (description == NULL)
    return cli_fail (CLI_FAILED, "%s cannot be described; banyan inspect --plugins may tell why",
                     banyan_type_info_get_name (type));
  if (as_json)
    return cli_print_json (description);

  append_title (text, type);
  append_facts (text, type, description);
  append_properties (text, description, INSPECT_OWN, "Properties");
  append_children (text, description);
  append_properties (text, description, INSPECT_INHERITED, "Properties of its base classes");
  append_properties (text, description, INSPECT_STATE, "State");
  append_properties (text, description, INSPECT_STATISTIC, "Statistics");
  append_signals (text, description);
  append_example (text, type);
  return cli_print (text->str);
}

/* -- One property. -- */

static CliStatus
complain_of_property (BanyanTypeInfo *type, BanyanSpec *description, const char *name)
{
  g_autofree char *nearest = inspect_find_nearest (description, name);

  if (nearest != NULL)
    return cli_fail (CLI_NOT_FOUND, "%s has no property \"%s\"; did you mean \"%s\"?",
                     banyan_type_info_get_name (type), name, nearest);

  return cli_fail (CLI_NOT_FOUND, "%s has no property \"%s\"", banyan_type_info_get_name (type),
                   name);
}

static void
append_choices (CliTable *table, BanyanSpec *values)
{
  for (guint i = 0; i < cli_spec_count (values); i++)
    {
      BanyanSpec *value = banyan_spec_get_item (values, i);
      g_autofree char *aliases = cli_spec_join (cli_spec_get (value, "aliases"), ", ");
      g_autofree char *text
          = *aliases == '\0' ? g_strdup (banyan_spec_lookup_text (value, "nick"))
                             : g_strdup_printf ("%s, also written %s",
                                                banyan_spec_lookup_text (value, "nick"), aliases);

      cli_table_add (table, i == 0 ? "values" : "", text);
    }
}

static void
append_if (CliTable *table, const char *label, const char *text)
{
  if (text != NULL && *text != '\0')
    cli_table_add (table, label, text);
}

CliStatus
inspect_print_property (BanyanTypeInfo *type, const char *name, gboolean as_json)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  g_autoptr (InspectProperty) property = inspect_find_property (description, name);
  g_autoptr (GPtrArray) parts = NULL;
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *standard = NULL, *meaning = NULL;

  if (property == NULL)
    return complain_of_property (type, description, name);
  if (as_json)
    return cli_print_json (property->facts);

  standard = inspect_describe_default (property->facts);
  meaning = inspect_describe_meaning (property);
  cli_table_set_style (table, 0, CLI_DIM);
  append_if (table, "type", banyan_spec_lookup_text (property->facts, "type-text"));
  append_if (table, "range",
             inspect_get_choices (property->facts)
                 ? NULL
                 : banyan_spec_lookup_text (property->facts, "range-text"));
  append_choices (table, inspect_get_choices (property->facts));
  append_if (table, "unit", banyan_spec_lookup_text (property->facts, "unit"));
  append_if (table, "default",
             cli_spec_flag (property->facts, "required") ? "none: it is required" : standard);
  append_if (table, "changes", inspect_describe_mutability (property));
  append_if (table, "kind", banyan_spec_lookup_text (property->facts, "kind"));
  append_if (table, "declared by", banyan_spec_lookup_text (property->facts, "defined-by"));

  g_string_append_printf (text, "%s%s.%s%s: %s\n\n", cli_style_on (CLI_BOLD),
                          banyan_type_info_get_name (type), property->name,
                          cli_style_off (CLI_BOLD), meaning);
  cli_table_append_to (table, text);
  parts = inspect_list_parts (description, property->name);
  append_list (text, parts, "Parts");
  return cli_print (text->str);
}
