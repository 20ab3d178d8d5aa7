/* command-check.c - banyan check: what is wrong with documents, without opening anything
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

static gboolean as_json;

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the problems as JSON", NULL },
  { NULL },
};

static void
describe_problem (BanyanSpecBuilder *list, BanyanProblems *problems, guint index)
{
  const BanyanOrigin *origin = banyan_problems_get_origin (problems, index);
  g_autofree char *message = banyan_problems_get_message (problems, index);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  if (origin != NULL)
    banyan_spec_builder_add_string (map, "file", origin->name);
  if (origin != NULL && origin->line > 0)
    {
      banyan_spec_builder_add_uint (map, "line", origin->line);
      banyan_spec_builder_add_uint (map, "column", origin->column);
    }
  banyan_spec_builder_add_string (map, "path", banyan_problems_get_path (problems, index));
  banyan_spec_builder_add_string (map, "message", message);
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
describe_file (BanyanSpecBuilder *files, const char *path, BanyanProblems *problems)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    describe_problem (list, problems, i);

  banyan_spec_builder_add_string (map, "file", path);
  banyan_spec_builder_add_boolean (map, "right", banyan_problems_get_length (problems) == 0);
  banyan_spec_builder_take_built (map, "problems", list);
  banyan_spec_builder_take_built (files, NULL, map);
}

/* Each file is a graph of its own. */
static CliStatus
check_file (const char *path, BanyanSpecBuilder *files)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  g_autoptr (BanyanProblems) problems = NULL;
  g_autoptr (BanyanGraph) graph = NULL;
  gboolean is_right;

  if (document == NULL)
    return cli_fail_with (error);

  graph = banyan_graph_new ();
  problems = banyan_problems_new ();
  is_right = banyan_graph_check (graph, document->text, document->length, document->name,
                                 document->directory, problems);
  describe_file (files, path, problems);
  if (!as_json)
    cli_say_problems (problems);

  return is_right ? CLI_DONE : CLI_FAILED;
}

static CliStatus
run (char **paths)
{
  BanyanSpecBuilder *files = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) spec = NULL;
  CliStatus worst = CLI_DONE;

  for (guint i = 0; paths[i] != NULL; i++)
    {
      CliStatus status = check_file (paths[i], files);

      if (worst == CLI_DONE)
        worst = status;
    }

  spec = banyan_spec_builder_end (files);
  if (as_json && cli_print_json (spec) != CLI_DONE)
    return CLI_FAILED;

  return worst;
}

const CliCommand cli_check = {
  .name = "check",
  .arguments = "FILE...",
  .summary = "Tell what is wrong with YAML files, without opening anything",
  .description = "Reports every problem of each file with its place: notation, types, properties, "
                 "references, cycles and permissions. Nothing is opened but the files themselves. "
                 "\"-\" is standard input.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = CLI_MANY,
  .run = run,
};
