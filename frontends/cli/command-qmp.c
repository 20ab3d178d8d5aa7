/* command-qmp.c - banyan qmp: a shell for the commands of a running graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli-connect.h"

#include <stdio.h>
#include <unistd.h>

static gboolean as_json;
static gboolean wants_events;

static const GOptionEntry options[] = {
  CLI_CONNECT_OPTION,
  { "events", 0, 0, G_OPTION_ARG_NONE, &wants_events,
    "Print events as they come, until the server ends; runs COMMAND first, if there is one", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print each answer as one line of JSON", NULL },
  { NULL },
};

/* -- Answers. -- */

static CliStatus
print_answer (BanyanSpec *answer)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;

  if (!as_json)
    return cli_print_json (answer);

  text = banyan_spec_to_json (answer, FALSE);
  line = g_strconcat (g_strchomp (text), "\n", NULL);
  return cli_print (line);
}

static CliStatus
run_words (CliConnection *connection, char **words)
{
  CliStatus status;
  g_autoptr (BanyanSpec) answer
      = cli_call_or_say (connection, words[0], cli_read_arguments (words + 1), &status);

  return answer != NULL ? print_answer (answer) : status;
}

/* A server waits for the rest of what is no whole message, and answers what stands behind one a
 * second time: only what is one message is sent. */
static BanyanSpec *
read_message (const char *line, GError **error)
{
  const BanyanOrigin written = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) message = banyan_spec_parse_json (line, -1, &written, problems);

  return banyan_problems_check (problems, error) ? g_steal_pointer (&message) : NULL;
}

static CliStatus
run_message (CliConnection *connection, const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) message = read_message (line, &error);
  g_autoptr (BanyanSpec) answer = NULL;

  if (message == NULL)
    return cli_fail (CLI_USAGE, "%s is not one JSON message, and not sent: %s", line,
                     error->message);

  answer = cli_exchange (connection, message, &error);
  if (answer == NULL)
    return cli_fail (CLI_CANNOT_CONNECT, "%s", error->message);
  return print_answer (answer) == CLI_DONE && cli_spec_get (answer, "error") == NULL ? CLI_DONE
                                                                                     : CLI_FAILED;
}

static CliStatus
run_line (CliConnection *connection, const char *line)
{
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;

  if (*line == '\0' || *line == '#')
    return CLI_DONE;
  if (*line == '{')
    return run_message (connection, line);
  if (!g_shell_parse_argv (line, NULL, &words, &error))
    return cli_fail (CLI_USAGE, "%s", error->message);

  return run_words (connection, words);
}

/* -- Where commands come from. -- */

/* The first failure is the exit status; a lost server ends it. */
static CliStatus
run_lines (CliConnection *connection)
{
  gboolean is_person = isatty (STDIN_FILENO);
  g_autofree char *line = NULL;
  CliStatus worst = CLI_DONE;
  size_t size = 0;

  while (TRUE)
    {
      CliStatus status;

      if (is_person)
        fputs ("banyan> ", stderr);
      if (getline (&line, &size, stdin) < 0)
        break;
      status = run_line (connection, g_strstrip (line));
      if (worst == CLI_DONE && !is_person)
        worst = status;
      if (status == CLI_CANNOT_CONNECT)
        return status;
    }
  return worst;
}

static CliStatus
print_events (CliConnection *connection)
{
  g_autoptr (GError) error = NULL;
  BanyanSpec *event;

  while ((event = cli_next_event (connection, &error)) != NULL)
    {
      g_autofree char *text = banyan_spec_to_json (event, FALSE);

      banyan_spec_unref (event);
      puts (g_strchomp (text));
      fflush (stdout);
    }
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
             ? CLI_DONE
             : cli_fail (CLI_CANNOT_CONNECT, "%s", error->message);
}

static CliStatus
run (char **arguments)
{
  CliStatus status;
  g_autoptr (CliConnection) connection = cli_connect (&status);

  if (connection == NULL)
    return status;
  if (arguments[0] == NULL && !wants_events)
    return run_lines (connection);

  if (arguments[0] != NULL)
    status = run_words (connection, arguments);
  else
    status = CLI_DONE;
  return wants_events && status == CLI_DONE ? print_events (connection) : status;
}

const CliCommand cli_qmp = {
  .name = "qmp",
  .arguments = "[COMMAND [KEY=VALUE...]]",
  .summary = "Run commands on a running graph",
  .description = "Runs a QMP command on the graph that listens at SOCKET and prints its answer; "
                 "without one, reads commands from standard input, a line each, as COMMAND "
                 "KEY=VALUE... or as a whole JSON message. A VALUE is JSON where it is JSON, and "
                 "else a string; dotted keys reach inside. banyan inspect COMMAND tells of its "
                 "arguments.",
  .options = options,
  .words = CLI_WORDS_TYPES,
  .min_arguments = 0,
  .max_arguments = CLI_MANY,
  .run = run,
};
