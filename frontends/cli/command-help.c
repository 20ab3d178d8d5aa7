/* command-help.c - banyan help: what the commands do
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

static gboolean as_json;

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL },
  { NULL },
};

static void
describe_option (BanyanSpecBuilder *list, const GOptionEntry *entry)
{
  const char letter[] = { entry->short_name, '\0' };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "name", entry->long_name);
  if (entry->short_name != 0)
    banyan_spec_builder_add_string (map, "short", letter);
  banyan_spec_builder_add_string (map, "argument", entry->arg_description);
  banyan_spec_builder_add_string (map, "description", entry->description);
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpecBuilder *describe_commands (const CliCommand *outer);

static BanyanSpecBuilder *
describe_command (const CliCommand *command)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map (), *list = banyan_spec_builder_new_list ();

  for (const GOptionEntry *entry = command->options; entry != NULL && entry->long_name; entry++)
    describe_option (list, entry);

  banyan_spec_builder_add_string (map, "name", command->name);
  banyan_spec_builder_add_string (map, "arguments", command->arguments);
  banyan_spec_builder_add_string (map, "summary", command->summary);
  banyan_spec_builder_add_string (map, "description", command->description);
  banyan_spec_builder_take_built (map, "options", list);
  if (command->commands != NULL)
    banyan_spec_builder_take_built (map, "commands", describe_commands (command));
  return map;
}

/* @outer NULL: of the table. */
static BanyanSpecBuilder *
describe_commands (const CliCommand *outer)
{
  g_autofree const char **words = cli_command_list_words (outer);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; words[i] != NULL; i++)
    banyan_spec_builder_take_built (list, NULL,
                                    describe_command (cli_command_find (outer, words[i])));
  return list;
}

CliStatus
cli_print_commands_as_json (const CliCommand *outer)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_builder_end (describe_commands (outer));

  return cli_print_json (spec);
}

static CliStatus
print_as_json (const CliCommand *command)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_builder_end (describe_command (command));

  return cli_print_json (spec);
}

static CliStatus
run (char **arguments)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const CliCommand *command = NULL;

  if (arguments[0] == NULL && as_json)
    return cli_print_commands_as_json (NULL);
  if (arguments[0] == NULL)
    {
      cli_append_overview (text);
      return cli_print (text->str);
    }

  for (; *arguments != NULL; arguments++)
    {
      const CliCommand *outer = command;

      command
          = outer == NULL || outer->commands != NULL ? cli_command_find (outer, *arguments) : NULL;
      if (command == NULL && outer != NULL && outer->commands == NULL)
        return cli_fail (CLI_NOT_FOUND, "%s has no commands of its own", outer->name);
      if (command == NULL)
        {
          cli_command_complain (outer, *arguments);
          return CLI_NOT_FOUND;
        }
    }

  if (as_json)
    return print_as_json (command);

  cli_append_help (text, command);
  return cli_print (text->str);
}

const CliCommand cli_help = {
  .name = "help",
  .arguments = "[COMMAND [COMMAND]]",
  .summary = "Tell what a command does",
  .description = "Without COMMAND: lists the commands.",
  .options = options,
  .words = CLI_WORDS_COMMANDS,
  .max_arguments = 2,
  .run = run,
};
