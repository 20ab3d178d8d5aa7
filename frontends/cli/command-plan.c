/* command-plan.c - banyan plan, apply and export-config: a running graph and its document
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan.h"

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

/* How long it took, and whom it held up. */
static void
append_cost (GString *text, BanyanSpec *plan, const char *drained)
{
  g_autofree char *duration = live_format_us (live_read_integer (plan, "duration-us"));
  g_autofree char *waited = live_format_us (live_read_integer (plan, "drained-us"));

  g_string_append_printf (text, "Applied in %s. ", duration);
  if (*drained == '\0')
    g_string_append (text, "Nobody had to wait.\n");
  else
    g_string_append_printf (text, "Requests waited %s: %s\n", waited, drained);
}

static CliStatus
print_plan (BanyanSpec *plan)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *drained = cli_spec_join (cli_spec_get (plan, "drained"), ", ");

  if (as_json)
    return cli_print_json (plan);

  append_differences (text, cli_spec_get (plan, "changes"));
  append_differences (text, cli_spec_get (plan, "drift"));
  if (cli_spec_count (cli_spec_get (plan, "drift")) > 0)
    g_string_append (text, "What is marked \"!\" was changed outside the file and is kept; "
                           "--override lets it give way.\n");
  if (cli_spec_count (cli_spec_get (plan, "changes")) == 0)
    g_string_append (text, "Nothing to change: the graph is as the file says.\n");
  else if (cli_spec_get (plan, "drained-us") != NULL)
    append_cost (text, plan, drained);
  else if (*drained != '\0')
    g_string_append_printf (text, "Have to wait for a moment: %s\n", drained);
  return cli_print (text->str);
}

/* -- A refusal. -- */

static void
add_text_or_null (BanyanSpecBuilder *map, const char *key, const char *text)
{
  if (text != NULL)
    banyan_spec_builder_add_string (map, key, text);
  else
    cli_add_null (map, key);
}

/* Every key is always there, for scripts. */
static void
describe_problem (BanyanSpecBuilder *list, BanyanSpec *problem)
{
  static const char *const keys[][2] = {
    { "place", "origin" }, { "path", "path" }, { "property", "property" },
    { "code", "code" },    { "hint", "hint" }, { "message", "desc" },
  };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    add_text_or_null (map, keys[i][0], banyan_spec_lookup_text (problem, keys[i][1]));
  banyan_spec_builder_take_built (list, NULL, map);
}

static CliStatus
print_problems (BanyanSpec *error)
{
  BanyanSpec *problems = cli_spec_get (error, "problems");
  BanyanSpecBuilder *map = banyan_spec_builder_new_map (), *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) whole = NULL;

  for (guint i = 0; i < cli_spec_count (problems); i++)
    describe_problem (list, banyan_spec_get_item (problems, i));
  if (problems == NULL)
    describe_problem (list, error);
  banyan_spec_builder_take_built (map, "problems", list);
  whole = banyan_spec_builder_end (map);
  return cli_print_json (whole);
}

/* Nothing has changed, whatever the reason; but what the system would not do has failed. */
static CliStatus
refuse (BanyanSpec *error)
{
  const char *code = banyan_spec_lookup_text (error, "code");

  if (as_json && print_problems (error) != CLI_DONE)
    return CLI_FAILED;
  if (!as_json)
    cli_message ("%s", banyan_spec_lookup_text (error, "desc"));
  return g_strcmp0 (code, "errno") == 0 || g_strcmp0 (code, "cancelled") == 0 ? CLI_FAILED
                                                                              : CLI_REFUSED;
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
run_on (CliConnection *connection, const char *command, CliDocument *document)
{
  g_autoptr (PlanProgress) progress
      = g_str_equal (command, "apply") ? plan_progress_begin (connection) : NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) answer = cli_ask (connection, command, make_arguments (document), &error);
  BanyanSpec *refusal;

  g_clear_pointer (&progress, plan_progress_end);
  if (answer == NULL)
    return cli_fail (CLI_CANNOT_CONNECT, "%s", error->message);

  refusal = cli_spec_get (answer, "error");
  return refusal != NULL ? refuse (refusal) : print_plan (cli_spec_get (answer, "return"));
}

static CliStatus
ask (const char *path, const char *command)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  g_autoptr (CliConnection) connection = NULL;
  CliStatus status;

  if (document == NULL)
    return cli_fail_with (error);
  if (!g_utf8_validate_len (document->text, document->length, NULL))
    return cli_fail (CLI_FAILED, "%s is not UTF-8", document->name);

  connection = cli_connect (&status);
  return connection != NULL ? run_on (connection, command, document) : status;
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
                 "since it was applied is kept, and marked \"!\". What would be refused is told "
                 "problem by problem, with exit status 4.",
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
                 "stay connected; those whose part of the graph changes wait for a moment, and "
                 "it is told how long. Applying twice changes nothing. On a terminal one sees how "
                 "far it is.",
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
