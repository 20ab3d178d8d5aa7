/* cli-commands.c - the table of commands, and the help that is made from it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

const CliCommand *const cli_commands[] = {
  &cli_run,     &cli_check,    &cli_plan, &cli_apply, &cli_export_config, &cli_convert_config,
  &cli_inspect, &cli_graph,    &cli_img,  &cli_io,    &cli_qmp,           &cli_schema,
  &cli_help,    &cli_complete, NULL,
};

static const CliCommand *const *
list_of (const CliCommand *outer)
{
  return outer != NULL ? outer->commands : cli_commands;
}

const char *
cli_command_get_word (const CliCommand *self)
{
  const char *space = strrchr (self->name, ' ');

  return space != NULL ? space + 1 : self->name;
}

const CliCommand *
cli_command_find (const CliCommand *outer, const char *word)
{
  for (const CliCommand *const *command = list_of (outer); *command != NULL; command++)
    if (g_str_equal (cli_command_get_word (*command), word))
      return *command;

  return NULL;
}

const char **
cli_command_list_words (const CliCommand *outer)
{
  GPtrArray *words = g_ptr_array_new ();

  for (const CliCommand *const *command = list_of (outer); *command != NULL; command++)
    if (!(*command)->is_hidden)
      g_ptr_array_add (words, (char *) cli_command_get_word (*command));

  g_ptr_array_add (words, NULL);
  return (const char **) g_ptr_array_free (words, FALSE);
}

void
cli_command_complain (const CliCommand *outer, const char *word)
{
  g_autofree const char **words = cli_command_list_words (outer);
  g_autofree char *within = outer != NULL ? g_strconcat (outer->name, " ", NULL) : g_strdup ("");
  const char *nearest = banyan_did_you_mean (word, words);
  g_autofree char *all = g_strjoinv (", ", (char **) words);

  if (nearest != NULL)
    cli_message ("there is no command \"%s%s\"; did you mean \"%s\"?", within, word, nearest);
  else
    cli_message ("there is no command \"%s%s\"; there are: %s", within, word, all);
}

/* -- Help. -- */

static void
append_commands (GString *text, const CliCommand *outer)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);

  cli_append_heading (text, "Commands");
  cli_table_set_style (table, 0, CLI_BOLD);
  for (const CliCommand *const *command = list_of (outer); *command != NULL; command++)
    if (!(*command)->is_hidden)
      cli_table_add (table, cli_command_get_word (*command), (*command)->summary);
  cli_table_append_to (table, text);
}

void
cli_append_overview (GString *text)
{
  g_string_append (text, "usage: banyan COMMAND [OPTION...] [ARGUMENT...]\n");
  append_commands (text, NULL);

  g_string_append (text, "\nbanyan help COMMAND tells more of one; man banyan tells of all.\n");
}

static char *
describe_flag (const GOptionEntry *entry)
{
  GString *flag = g_string_new (NULL);

  if (entry->short_name != 0)
    g_string_append_printf (flag, "-%c, ", entry->short_name);
  g_string_append_printf (flag, "--%s", entry->long_name);
  if (entry->flags & G_OPTION_FLAG_OPTIONAL_ARG)
    g_string_append_printf (flag, "[=%s]", entry->arg_description);
  else if (entry->arg_description != NULL)
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
  if (command->commands != NULL)
    append_commands (text, command);
  append_options (text, command->options);
}

/* -- Running. -- */

static CliStatus
print_help (const CliCommand *command)
{
  g_autoptr (GString) text = g_string_new (NULL);

  cli_append_help (text, command);
  return cli_print (text->str);
}

static CliStatus
run_inner (const CliCommand *outer, char **words)
{
  const CliCommand *inner = cli_command_find (outer, words[0]);

  if (inner != NULL)
    return cli_command_run (inner, words);

  cli_command_complain (outer, words[0]);
  return CLI_USAGE;
}

CliStatus
cli_command_run (const CliCommand *self, char **words)
{
  g_auto (GStrv) argv = g_strdupv (words);
  int argc = g_strv_length (argv);
  gboolean wants_help = FALSE;
  CliStatus status;

  if (self->takes_words_as_they_are)
    return self->run (argv + 1);
  if (self->commands != NULL && argc > 1 && argv[1][0] != '-')
    return run_inner (self, words + 1);

  status = cli_options_parse (self, &argc, &argv, &wants_help);
  if (status != CLI_DONE)
    return status;

  return wants_help ? print_help (self) : self->run (argv + 1);
}
