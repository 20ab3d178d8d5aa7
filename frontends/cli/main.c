/* main.c - the `banyan` command
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds the command among those of cli-commands.c, takes its options out of the words, and runs it.
 * Each command lies in a file of its own, command-NAME.c, and ends with its entry for the table. */

#include "cli.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

static CliStatus
print_overview (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  cli_append_overview (text);
  return cli_print (text->str);
}

/* Before the command: --help and --version, and nothing else. */
static CliStatus
run_option (const char *option)
{
  if (g_str_equal (option, "--version"))
    return cli_print ("banyan " BANYAN_VERSION "\n");
  if (g_str_equal (option, "--help") || g_str_equal (option, "-h"))
    return print_overview ();

  return cli_fail (CLI_USAGE,
                   "options come after the command, but for --help and --version: \"%s\"", option);
}

/* Else an image may be opened as one of them, and be written what is meant for the user. They stay
 * of no use, so that what cannot be written is still an error. */
static void
fill_standard_descriptors (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0 && open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
      abort ();
}

int
main (int argc, char **argv)
{
  const CliCommand *command;

  fill_standard_descriptors ();
  setlocale (LC_ALL, "");
  g_set_prgname ("banyan");

  if (argc < 2)
    {
      g_autoptr (GString) text = g_string_new (NULL);

      cli_append_overview (text);
      g_printerr ("%s", text->str);
      return CLI_USAGE;
    }
  if (argv[1][0] == '-')
    return run_option (argv[1]);

  command = cli_command_find (NULL, argv[1]);
  if (command == NULL)
    {
      cli_command_complain (NULL, argv[1]);
      return CLI_USAGE;
    }

  return cli_command_run (command, argv + 1);
}
