/* command-graph.c - banyan graph: a picture of what a document declares, or of what runs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli-connect.h"
#include "graph.h"

#include <gio/gio.h>
#include <stdio.h>

static gboolean as_json;
static gboolean as_dot;
static gboolean as_svg;
static char *output;

static const GOptionEntry options[] = {
  CLI_CONNECT_OPTION,
  { "dot", 0, 0, G_OPTION_ARG_NONE, &as_dot, "Print DOT, for graphviz", NULL },
  { "svg", 0, 0, G_OPTION_ARG_NONE, &as_svg, "Print SVG, made by graphviz' dot", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the objects and edges as JSON", NULL },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
  { NULL },
};

static BanyanSpec *
describe (CliDocument *document, BanyanProblems *problems)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (GPtrArray) objects = banyan_graph_map (graph, document->text, document->length,
                                                    document->name, document->directory, problems);
  g_autoptr (BanyanTransaction) transaction = NULL;

  if (objects == NULL)
    return NULL;

  transaction = banyan_transaction_new (graph);
  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], NULL);

  return banyan_transaction_describe_graph (transaction, problems);
}

static char *
run_dot (const char *dot, CliStatus *status)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_new (
      G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "dot", "-Tsvg", NULL);
  char *svg = NULL;

  if (process == NULL && g_error_matches (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
    *status = cli_fail (CLI_FAILED, "SVG is made by the program \"dot\", which is not installed; "
                                    "on Debian it is in the package graphviz");
  else if (process == NULL
           || !g_subprocess_communicate_utf8 (process, dot, NULL, &svg, NULL, &error))
    *status = cli_fail_with (error);
  else if (!g_subprocess_get_successful (process))
    {
      g_clear_pointer (&svg, g_free);
      *status = cli_fail (CLI_FAILED, "dot could not draw the graph");
    }

  return svg;
}

/* Into what is there: it may be a FIFO, a device or a link. */
static CliStatus
write_out (const char *text)
{
  FILE *file;
  gboolean is_written;

  if (output == NULL)
    return cli_print (text);

  file = fopen (output, "we");
  is_written = file != NULL && fputs (text, file) >= 0;
  if (file != NULL && fclose (file) != 0)
    is_written = FALSE;
  return is_written ? CLI_DONE
                    : cli_fail (CLI_FAILED, "writing %s: %s", output, g_strerror (errno));
}

static CliStatus
draw (BanyanSpec *description)
{
  g_autoptr (GraphModel) model = graph_model_new (description);
  CliStatus status = CLI_DONE;
  g_autofree char *text = NULL, *svg = NULL;

  if (as_json)
    {
      g_autofree char *json = banyan_spec_to_json (description, TRUE);

      text = g_strconcat (json, g_str_has_suffix (json, "\n") ? "" : "\n", NULL);
      return write_out (text);
    }

  text = as_dot || as_svg ? graph_draw_dot (model) : graph_draw_text (model, NULL, FALSE);
  if (!as_svg)
    return write_out (text);

  svg = run_dot (text, &status);
  return svg != NULL ? write_out (svg) : status;
}

static CliStatus
draw_document (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) description = NULL;

  if (document == NULL)
    return cli_fail_with (error);

  description = describe (document, problems);
  if (description == NULL)
    {
      cli_say_problems (problems);
      return CLI_FAILED;
    }

  return draw (description);
}

static CliStatus
draw_running (void)
{
  CliStatus status;
  g_autoptr (CliConnection) connection = NULL;
  g_autoptr (BanyanSpec) description = NULL;

  if (!cli_connect_is_told ())
    return cli_fail (CLI_USAGE, "which graph? Name a FILE that declares it, or a running one by "
                                "--connect SOCKET or BANYAN_CONNECT");
  connection = cli_connect (&status);
  if (connection == NULL)
    return status;

  description = cli_call_or_say (connection, "query-graph", NULL, &status);
  return description != NULL ? draw (description) : status;
}

static CliStatus
run (char **arguments)
{
  if (as_dot + as_svg + as_json > 1)
    return cli_fail (CLI_USAGE, "--dot, --svg and --json exclude each other");
  if (arguments[0] != NULL && cli_connect_address != NULL)
    return cli_fail (CLI_USAGE, "graph draws a FILE or, with --connect, what runs; not both");

  return arguments[0] != NULL ? draw_document (arguments[0]) : draw_running ();
}

const CliCommand cli_graph = {
  .name = "graph",
  .arguments = "[FILE]",
  .summary = "Draw the graph that a YAML file declares, or one that runs",
  .description = "Draws what serves at the top and what it stands on below, with the permissions "
                 "that each edge takes; as text, DOT, SVG or JSON. FILE is not opened, only read; "
                 "without it, the graph that listens at SOCKET is drawn. A node with several users "
                 "is drawn once, and referred to elsewhere.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 0,
  .max_arguments = 1,
  .run = run,
};
