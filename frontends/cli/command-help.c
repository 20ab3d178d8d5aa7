/* command-help.c - banyan help: what the commands do
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

static CliStatus
run (char **arguments)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const CliCommand *command;

  if (arguments[0] == NULL)
    {
      cli_append_overview (text);
      return cli_print (text->str);
    }

  command = cli_command_find (arguments[0]);
  if (command == NULL)
    {
      cli_command_complain (arguments[0]);
      return CLI_NOT_FOUND;
    }

  cli_append_help (text, command);
  return cli_print (text->str);
}

const CliCommand cli_help = {
  .name = "help",
  .arguments = "[COMMAND]",
  .summary = "Tell what a command does",
  .description = "Without COMMAND: lists the commands.",
  .words = CLI_WORDS_COMMANDS,
  .max_arguments = 1,
  .run = run,
};
