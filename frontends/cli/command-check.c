/* command-check.c - banyan check: say what is wrong with documents
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

static gboolean
check_file (const char *path)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanGraph) graph = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  gboolean is_right;

  if (document == NULL)
    {
      cli_fail_with (error);
      return FALSE;
    }

  graph = banyan_graph_new ();
  is_right = banyan_graph_check (graph, document->text, document->length, document->name,
                                 document->directory, problems);
  cli_say_problems (problems);
  return is_right;
}

static CliStatus
run (char **arguments)
{
  CliStatus status = CLI_DONE;

  for (guint i = 0; arguments[i] != NULL; i++)
    if (!check_file (arguments[i]))
      status = CLI_FAILED;

  return status;
}

const CliCommand cli_check = {
  .name = "check",
  .arguments = "FILE...",
  .summary = "Say what is wrong with a document",
  .description = "Reports all problems of each FILE, with their places, and opens nothing.",
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = CLI_MANY,
  .run = run,
};
