/* command-plan.c - banyan plan, apply and export-config: a running graph and its document
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli-connect.h"

static gboolean as_json;
static gboolean override;

static const GOptionEntry plan_options[] = {
  CLI_CONNECT_OPTION,
  { "override", 0, 0, G_OPTION_ARG_NONE, &override,
    "Let what was changed outside the file give way to it", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print one JSON object", NULL },
  { NULL },
};

/* -- In words. -- */

static const char *
sign_of (const char *change)
{
  static const char *const signs[][2] = { { "add", "+" }, { "remove", "-" }, { "replace", "-/+" },
                                          { "set", "~" }, { "rename", ">" }, { "drift", "!" } };

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    if (g_str_equal (signs[i][0], change))
      return signs[i][1];
  return "?";
}

static char *
describe_property (BanyanSpec *difference)
{
  const char *property = banyan_spec_lookup_text (difference, "property");
  const char *how = banyan_spec_lookup_text (difference, "how");
  g_autofree char *from = cli_spec_to_line (cli_spec_get (difference, "from"));
  g_autofree char *to = cli_spec_to_line (cli_spec_get (difference, "to"));

  if (property == NULL)
    return g_strdup (how != NULL ? how : "");
  if (g_str_equal (banyan_spec_lookup_text (difference, "change"), "drift"))
    return g_strdup_printf ("%s: is %s, the file says %s", property, from, to);
  return g_strdup_printf ("%s: %s -> %s (%s)", property, from, to, how);
}

static void
append_differences (GString *text, BanyanSpec *list)
{
  g_autoptr (CliTable) table = cli_table_new (0, 3);

  for (guint i = 0; i < cli_spec_count (list); i++)
    {
      BanyanSpec *difference = banyan_spec_get_item (list, i);
      g_autofree char *property = describe_property (difference);

      cli_table_add (table, sign_of (banyan_spec_lookup_text (difference, "change")),
                     banyan_spec_lookup_text (difference, "path"), property);
    }
  cli_table_append_to (table, text);
}

static CliStatus
print_plan (BanyanSpec *plan, gboolean is_done)
{
  g_autoptr (GString) text = g_string_new (NULL);
  BanyanSpec *drained = cli_spec_get (plan, "drained");
  g_autofree char *names = cli_spec_join (drained, ", ");

  if (as_json)
    return cli_print_json (plan);

  append_differences (text, cli_spec_get (plan, "changes"));
  append_differences (text, cli_spec_get (plan, "drift"));
  if (cli_spec_count (cli_spec_get (plan, "drift")) > 0)
    g_string_append (text, "What is marked \"!\" was changed outside the file and is kept; "
                           "--override lets it give way.\n");
  if (cli_spec_count (cli_spec_get (plan, "changes")) == 0)
    g_string_append (text, "Nothing to change: the graph is as the file says.\n");
  else if (cli_spec_count (drained) > 0)
    g_string_append_printf (text, "%s for a moment: %s\n", is_done ? "Waited" : "Have to wait",
                            names);
  return cli_print (text->str);
}

/* -- plan and apply. -- */

static BanyanSpec *
make_arguments (CliDocument *document)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *directory = g_canonicalize_filename (document->directory, NULL);

  banyan_spec_builder_add_string (map, "document", document->text);
  banyan_spec_builder_add_string (map, "name", document->name);
  banyan_spec_builder_add_string (map, "directory", directory);
  if (override)
    banyan_spec_builder_add_boolean (map, "override", TRUE);
  return banyan_spec_builder_end (map);
}

static CliStatus
ask (const char *path, const char *command)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  g_autoptr (CliConnection) connection = NULL;
  g_autoptr (BanyanSpec) plan = NULL;
  CliStatus status;

  if (document == NULL)
    return cli_fail_with (error);
  if (!g_utf8_validate_len (document->text, document->length, NULL))
    return cli_fail (CLI_FAILED, "%s is not UTF-8", document->name);

  connection = cli_connect (&status);
  if (connection == NULL)
    return status;

  plan = cli_call_or_say (connection, command, make_arguments (document), &status);
  return plan != NULL ? print_plan (plan, g_str_equal (command, "apply")) : status;
}

static CliStatus
run_plan (char **arguments)
{
  return ask (arguments[0], "plan");
}

static CliStatus
run_apply (char **arguments)
{
  return ask (arguments[0], "apply");
}

const CliCommand cli_plan = {
  .name = "plan",
  .arguments = "FILE",
  .summary = "Tell what would change for a running graph to be as a file says",
  .description = "Compares the graph that listens at SOCKET with a YAML file, object by object and "
                 "value by value, and tells how each difference would be made good: live, by "
                 "reopening, by replacing. Nothing is touched. What was changed outside the file "
                 "since it was applied is kept, and marked \"!\".",
  .options = plan_options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run_plan,
};

const CliCommand cli_apply = {
  .name = "apply",
  .arguments = "FILE",
  .summary = "Change a running graph to be as a file says",
  .description = "Does what banyan plan tells, in one transaction: all of it or nothing. Clients "
                 "stay connected; those whose part of the graph changes wait for a moment. "
                 "Applying twice changes nothing.",
  .options = plan_options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run_apply,
};

/* -- export-config. -- */

static char *directory;

static const GOptionEntry export_options[] = {
  CLI_CONNECT_OPTION,
  { "directory", 0, 0, G_OPTION_ARG_FILENAME, &directory,
    "Make the names of files below this folder relative to it", "FOLDER" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print one JSON object", NULL },
  { NULL },
};

static CliStatus
run_export (char **arguments)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *absolute = directory != NULL ? g_canonicalize_filename (directory, NULL) : NULL;
  g_autoptr (CliConnection) connection = NULL;
  g_autoptr (BanyanSpec) wanted = NULL;
  g_autoptr (BanyanSpec) answer = NULL;
  CliStatus status;

  banyan_spec_builder_add_string (map, "directory", absolute);
  wanted = banyan_spec_builder_end (map);
  connection = cli_connect (&status);
  if (connection == NULL)
    return status;

  answer = cli_call_or_say (connection, "export-config", banyan_spec_ref (wanted), &status);
  if (answer == NULL)
    return status;
  return as_json ? cli_print_json (answer)
                 : cli_print (banyan_spec_lookup_text (answer, "document"));
}

const CliCommand cli_export_config = {
  .name = "export-config",
  .arguments = "",
  .summary = "Write a running graph as a YAML file",
  .description = "Prints a document that declares the graph that listens at SOCKET as it is now: "
                 "what was declared by files and clients, no defaults, no secrets. Applied to it, "
                 "it changes nothing.",
  .options = export_options,
  .words = CLI_WORDS_NONE,
  .min_arguments = 0,
  .max_arguments = 0,
  .run = run_export,
};
