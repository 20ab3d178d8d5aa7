/* inspect-lists.c - banyan inspect: which types there are, and where they come from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "inspect.h"

/* -- Types. -- */

static BanyanSpec *
list_types_as_spec (CliTypes *types)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; types[i] != NULL; i++)
    {
      BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (map, "name", banyan_type_info_get_name (types[i]));
      banyan_spec_builder_add_string (map, "kind",
                                      cli_kind_to_string (banyan_type_info_get_kind (types[i])));
      banyan_spec_builder_add_string (map, "summary", banyan_type_info_get_summary (types[i]));
      banyan_spec_builder_add_strings (map, "aliases", banyan_type_info_get_aliases (types[i]));
      banyan_spec_builder_add_string (map, "plugin", banyan_type_info_get_plugin_path (types[i]));
      banyan_spec_builder_take_built (list, NULL, map);
    }

  return banyan_spec_builder_end (list);
}

/* One width for the names of all kinds, so that the summaries stand below each other. */
static guint
measure_names (CliTypes *types)
{
  guint width = 0;

  for (guint i = 0; types[i] != NULL; i++)
    width = MAX (width, g_utf8_strlen (banyan_type_info_get_name (types[i]), -1));

  return width;
}

static void
append_kind (GString *text, CliTypes *types, BanyanPluginKind kind, guint width)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  gboolean has_any = FALSE;

  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; types[i] != NULL; i++)
    if (banyan_type_info_get_kind (types[i]) == kind)
      {
        g_autofree char *name
            = g_strdup_printf ("%-*s", (int) width, banyan_type_info_get_name (types[i]));

        cli_table_add (table, name, banyan_type_info_get_summary (types[i]));
        has_any = TRUE;
      }

  if (!has_any)
    return;
  cli_append_heading (text, cli_kind_to_heading (kind));
  cli_table_append_to (table, text);
}

guint
inspect_count_broken (void)
{
  BanyanPluginInfo **plugins = banyan_registry_list_plugins (banyan_registry_get_default ());
  guint n = 0;

  for (guint i = 0; plugins[i] != NULL; i++)
    {
      n += banyan_plugin_info_get_broken (plugins[i]) != NULL;
      banyan_plugin_info_unref (plugins[i]);
    }

  g_free (plugins);
  return n;
}

CliStatus
inspect_print_types (gboolean as_json)
{
  g_autoptr (CliTypes) types = cli_types_list ();
  g_autoptr (GString) text = g_string_new (NULL);
  guint n_broken;

  if (as_json)
    {
      g_autoptr (BanyanSpec) spec = list_types_as_spec (types);

      return cli_print_json (spec);
    }

  for (guint kind = BANYAN_PLUGIN_PROTOCOL; kind < BANYAN_N_PLUGIN_KINDS; kind++)
    append_kind (text, types, kind, measure_names (types));

  n_broken = inspect_count_broken ();
  if (n_broken > 0)
    cli_message ("%u plugin%s not load; banyan inspect --plugins tells why", n_broken,
                 n_broken == 1 ? " does" : "s do");
  return cli_print (text->str);
}

/* -- Plugins. -- */

static const char *
get_plugin_state (BanyanPluginInfo *plugin)
{
  if (banyan_plugin_info_get_shadowed_by (plugin) != NULL)
    return "shadowed";
  if (banyan_plugin_info_get_broken (plugin) != NULL)
    return "broken";

  return banyan_plugin_info_is_loaded (plugin) ? "loaded" : "known";
}

/* A driver and its images share a name. */
static gboolean
is_named_by_driver (BanyanTypeInfo *type)
{
  g_autoptr (BanyanTypeInfo) other = NULL;

  if (banyan_type_info_get_kind (type) == BANYAN_PLUGIN_IMAGE)
    other = banyan_registry_lookup (banyan_registry_get_default (),
                                    G_MAXUINT & ~(1u << BANYAN_PLUGIN_IMAGE),
                                    banyan_type_info_get_name (type));
  return other != NULL;
}

/* (transfer container) */
static char **
list_types_of (BanyanPluginInfo *plugin, CliTypes *types)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  if (banyan_plugin_info_get_shadowed_by (plugin) == NULL)
    for (guint i = 0; types[i] != NULL; i++)
      if (g_strcmp0 (banyan_type_info_get_plugin_path (types[i]),
                     banyan_plugin_info_get_path (plugin))
              == 0
          && !is_named_by_driver (types[i]))
        g_strv_builder_add (names, banyan_type_info_get_name (types[i]));

  return g_strv_builder_end (names);
}

static void
add_plugin_as_spec (BanyanSpecBuilder *list, BanyanPluginInfo *plugin, char **names)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "path", banyan_plugin_info_get_path (plugin));
  banyan_spec_builder_add_string (map, "state", get_plugin_state (plugin));
  banyan_spec_builder_add_string (map, "name", banyan_plugin_info_get_name (plugin));
  banyan_spec_builder_add_string (map, "version", banyan_plugin_info_get_version (plugin));
  banyan_spec_builder_add_string (map, "licence", banyan_plugin_info_get_licence (plugin));
  banyan_spec_builder_add_string (map, "summary", banyan_plugin_info_get_summary (plugin));
  banyan_spec_builder_add_strings (map, "types", (const char *const *) names);
  banyan_spec_builder_add_string (map, "broken", banyan_plugin_info_get_broken (plugin));
  banyan_spec_builder_add_string (map, "shadowed-by", banyan_plugin_info_get_shadowed_by (plugin));
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
append_plugin (GString *text, BanyanPluginInfo *plugin, char **names)
{
  const char *broken = banyan_plugin_info_get_broken (plugin);
  const char *shadowed_by = banyan_plugin_info_get_shadowed_by (plugin);
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  g_autofree char *all = g_strjoinv (", ", names);
  g_autofree char *path = cli_make_printable (banyan_plugin_info_get_path (plugin));

  /* Of what could not be opened, or was not looked at, the file's name alone is known. */
  if (banyan_plugin_info_get_version (plugin) != NULL)
    {
      g_autofree char *title = g_strdup_printf ("%s %s, %s", banyan_plugin_info_get_name (plugin),
                                                banyan_plugin_info_get_version (plugin),
                                                banyan_plugin_info_get_licence (plugin));

      cli_table_add (table, "plugin", title);
    }
  if (*all != '\0')
    cli_table_add (table, "types", all);
  cli_table_add (table, "state", get_plugin_state (plugin));
  if (broken != NULL)
    cli_table_add (table, "why", broken);
  if (shadowed_by != NULL)
    cli_table_add (table, "by", shadowed_by);

  cli_table_set_style (table, 0, CLI_DIM);
  if (broken != NULL)
    cli_table_set_style (table, 1, CLI_BAD);
  g_string_append_printf (text, "%s%s%s%s\n", text->len > 0 ? "\n" : "", cli_style_on (CLI_BOLD),
                          path, cli_style_off (CLI_BOLD));
  cli_table_append_to (table, text);
}

CliStatus
inspect_print_plugins (gboolean as_json)
{
  BanyanPluginInfo **plugins = banyan_registry_list_plugins (banyan_registry_get_default ());
  g_autoptr (CliTypes) types = cli_types_list ();
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (BanyanSpec) spec = NULL;

  for (guint i = 0; plugins[i] != NULL; i++)
    {
      g_auto (GStrv) names = list_types_of (plugins[i], types);

      add_plugin_as_spec (list, plugins[i], names);
      append_plugin (text, plugins[i], names);
      banyan_plugin_info_unref (plugins[i]);
    }
  g_free (plugins);

  spec = banyan_spec_builder_end (list);
  if (as_json)
    return cli_print_json (spec);
  if (text->len == 0)
    cli_message ("there are no plugins on the search path");

  return cli_print (text->str);
}
