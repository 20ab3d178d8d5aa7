/* cli-commands.c - the table of commands, and the help that is made from it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

const CliCommand *const cli_commands[] = {
  &cli_run,      &cli_check, &cli_plan, &cli_apply, &cli_export_config, &cli_convert_config,
  &cli_inspect,  &cli_graph, &cli_io,   &cli_qmp,   &cli_schema,        &cli_help,
  &cli_complete, NULL,
};

const CliCommand *
cli_command_find (const char *name)
{
  for (guint i = 0; cli_commands[i] != NULL; i++)
    if (g_str_equal (cli_commands[i]->name, name))
      return cli_commands[i];

  return NULL;
}

const char **
cli_command_list_names (void)
{
  const char **names = g_new0 (const char *, G_N_ELEMENTS (cli_commands));
  guint n = 0;

  for (guint i = 0; cli_commands[i] != NULL; i++)
    if (!cli_commands[i]->is_hidden)
      names[n++] = cli_commands[i]->name;

  return names;
}

void
cli_command_complain (const char *name)
{
  g_autofree const char **names = cli_command_list_names ();
  const char *nearest = banyan_did_you_mean (name, names);
  g_autofree char *all = g_strjoinv (", ", (char **) names);

  if (nearest != NULL)
    cli_message ("there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
  else
    cli_message ("there is no command \"%s\"; there are: %s", name, all);
}

void
cli_append_overview (GString *text)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  g_string_append (text, "usage: banyan COMMAND [OPTION...] [ARGUMENT...]\n");
  cli_append_heading (text, "Commands");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; cli_commands[i] != NULL; i++)
    if (!cli_commands[i]->is_hidden)
      cli_table_add (table, cli_commands[i]->name, cli_commands[i]->summary);
  cli_table_append_to (table, text);

  g_string_append (text, "\nbanyan help COMMAND tells more of one; man banyan tells of all.\n");
}

static char *
describe_flag (const GOptionEntry *entry)
{
  GString *flag = g_string_new (NULL);

  if (entry->short_name != 0)
    g_string_append_printf (flag, "-%c, ", entry->short_name);
  g_string_append_printf (flag, "--%s", entry->long_name);
  if (entry->arg_description != NULL)
    g_string_append_printf (flag, " %s", entry->arg_description);

  return g_string_free (flag, FALSE);
}

static void
append_options (GString *text, const GOptionEntry *options)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  cli_append_heading (text, "Options");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (; options != NULL && options->long_name != NULL; options++)
    {
      g_autofree char *flag = describe_flag (options);

      cli_table_add (table, flag, options->description);
    }
  cli_table_add (table, "-h, --help", "Show this");
  cli_table_append_to (table, text);
}

void
cli_append_help (GString *text, const CliCommand *command)
{
  guint width = cli_output_width ();

  g_string_append_printf (text, "usage: banyan %s [OPTION...]%s%s\n", command->name,
                          *command->arguments != '\0' ? " " : "", command->arguments);
  g_string_append (text, "\n");
  cli_append_wrapped (text, command->description, 0, width > 0 ? width : 80);
  g_string_append (text, "\n");
  append_options (text, command->options);
}
