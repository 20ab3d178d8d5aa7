/* command-inspect.c - banyan inspect: the browser of types and plugins, and of running graphs
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All that is shown of types comes from the registry's descriptions: a warm cache answers, and no
 * plugin is loaded. */

#include "browse.h"
#include "inspect.h"

static gboolean as_json;
static gboolean show_plugins;
static gboolean show_types;
static char *markdown_type;
static gboolean is_interactive;
static LiveOptions live = { .interval = 1 };

static const GOptionEntry options[] = {
  CLI_CONNECT_OPTION,
  { "plugins", 0, 0, G_OPTION_ARG_NONE, &show_plugins,
    "Show the files that types come from, and why one does not load", NULL },
  { "types", 0, 0, G_OPTION_ARG_NONE, &show_types, "Show all types (the default)", NULL },
  { "markdown", 0, 0, G_OPTION_ARG_STRING, &markdown_type,
    "Print the generated sections of the type's page", "TYPE" },
  { "inverse", 's', 0, G_OPTION_ARG_NONE, &live.is_inverse,
    "tree: from the leaves up, who uses whom", NULL },
  { "count", 'n', 0, G_OPTION_ARG_INT, &live.count, "top, watch: end after so many", "N" },
  { "interval", 'd', 0, G_OPTION_ARG_DOUBLE, &live.interval,
    "top: seconds from one round to the next; 1 if not given", "SECONDS" },
  { "interactive", 'i', 0, G_OPTION_ARG_NONE, &is_interactive,
    "Browse the running graph full-screen", NULL },
  { "batch", 'b', 0, G_OPTION_ARG_NONE, &live.is_batch, "top: print each round below the last",
    NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL },
  { NULL },
};

static BanyanTypeInfo *
find_type (const char *name)
{
  return banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, name);
}

/* A plugin that could not be scanned may load all the same; if not, it tells why. */
static BanyanTypeInfo *
load_type (const char *name, GError **error)
{
  BanyanRegistry *registry = banyan_registry_get_default ();

  if (banyan_registry_get_type_by_name (registry, G_MAXUINT, name, error) == G_TYPE_INVALID)
    return NULL;

  return find_type (name);
}

/* Types whose name has @part in it; options of images have their driver's. (transfer container) */
static GPtrArray *
list_candidates (CliTypes *types, const char *part)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; types[i] != NULL; i++)
    if (banyan_type_info_get_kind (types[i]) != BANYAN_PLUGIN_IMAGE
        && strstr (banyan_type_info_get_name (types[i]), part) != NULL)
      g_ptr_array_add (names, (char *) banyan_type_info_get_name (types[i]));

  g_ptr_array_add (names, NULL);
  return names;
}

/* Where words live, a slip in one is likelier than in the name of a type. */
static const char *
find_nearest (const char *name, GPtrArray *types)
{
  const char *word = cli_connect_is_told () ? live_word_find_near (name) : NULL;

  return word != NULL ? word : banyan_did_you_mean (name, (const char *const *) types->pdata);
}

static CliStatus
complain_of_type (const char *name)
{
  g_autoptr (CliTypes) types = cli_types_list ();
  g_autoptr (GPtrArray) candidates = list_candidates (types, name);
  g_autoptr (GPtrArray) all = list_candidates (types, "");
  g_autofree char *list = g_strjoinv (", ", (char **) candidates->pdata);
  const char *nearest = find_nearest (name, all);

  if (*name != '\0' && *list != '\0')
    return cli_fail (
        CLI_NOT_FOUND,
        "no type is called \"%s\", and these have it in their names: %s; write more of "
        "the one that is meant",
        name, list);
  if (nearest != NULL)
    return cli_fail (CLI_NOT_FOUND, "no type is called \"%s\"; did you mean \"%s\"?", name,
                     nearest);

  return cli_fail (CLI_NOT_FOUND, "no type is called \"%s\"; banyan inspect lists all%s", name,
                   inspect_count_broken () > 0 ? ", and --plugins why some do not load" : "");
}

/* A name that only one type has a part of is as good as the whole. */
static BanyanTypeInfo *
find_by_part (const char *part)
{
  g_autoptr (CliTypes) types = cli_types_list ();
  g_autoptr (GPtrArray) candidates = list_candidates (types, part);

  return *part != '\0' && candidates->len == 2 ? find_type (candidates->pdata[0]) : NULL;
}

/* Below a driver come the options that its images are made with. */
static CliStatus
print_type (BanyanTypeInfo *type)
{
  g_autoptr (BanyanTypeInfo) image = banyan_registry_lookup (
      banyan_registry_get_default (), 1u << BANYAN_PLUGIN_IMAGE, banyan_type_info_get_name (type));
  CliStatus status = inspect_print_type (type, as_json);

  if (image == NULL || as_json || status != CLI_DONE
      || banyan_type_info_get_kind (type) == BANYAN_PLUGIN_IMAGE)
    return status;

  status = cli_print ("\n");
  return status == CLI_DONE ? inspect_print_type (image, FALSE) : status;
}

static CliStatus
show (const char *what)
{
  g_autoptr (BanyanTypeInfo) type = find_type (what);
  const char *dot = strchr (what, '.');
  g_autofree char *before_dot = dot != NULL ? g_strndup (what, dot - what) : NULL;
  g_autoptr (GError) error = NULL;

  if (type == NULL && before_dot != NULL)
    {
      type = find_type (before_dot);
      return type != NULL ? inspect_print_property (type, dot + 1, as_json)
                          : complain_of_type (before_dot);
    }
  if (type == NULL)
    type = find_by_part (what);
  if (type == NULL)
    type = load_type (what, &error);
  if (error != NULL && error->code == BANYAN_CONFIG_ERROR_PLUGIN)
    return cli_fail_with (error);

  return type != NULL ? print_type (type) : complain_of_type (what);
}

static CliStatus
print_markdown (void)
{
  g_autoptr (BanyanTypeInfo) type = find_type (markdown_type);

  return type != NULL ? inspect_print_markdown (type) : complain_of_type (markdown_type);
}

static gboolean
is_type (const char *word)
{
  g_autoptr (BanyanTypeInfo) type = find_type (word);

  return type != NULL;
}

/* A socket that the environment names makes words live where they are ours, or, with something
 * behind them, nearly: types can be asked for all the same. */
static gboolean
is_live (char **arguments)
{
  const char *word = arguments[0];

  if (cli_connect_address != NULL || is_interactive)
    return TRUE;
  if (word == NULL)
    return FALSE;
  if (live_word_find (word) != NULL)
    return cli_connect_is_told () || !is_type (word);

  return cli_connect_is_told () && arguments[1] != NULL && live_word_find_near (word) != NULL
         && !is_type (word);
}

static CliStatus
run_live (char **arguments)
{
  live.as_json = as_json;
  if (show_plugins || show_types || markdown_type != NULL)
    return cli_fail (CLI_USAGE, "--plugins, --types and --markdown tell of types, not of what "
                                "runs; leave --connect out");
  if (live.count < 0 || !(live.interval > 0 && live.interval <= 3600))
    return cli_fail (CLI_USAGE, "-n takes a number from 0 on, -d seconds up to 3600");

  if (is_interactive && arguments[0] != NULL)
    return cli_fail (CLI_USAGE, "inspect -i takes no words");

  return is_interactive ? browse_run (&live) : live_run (arguments, &live);
}

static CliStatus
run (char **arguments)
{
  guint n_asked = (arguments[0] != NULL) + show_plugins + show_types + (markdown_type != NULL);

  if (is_live (arguments))
    return run_live (arguments);
  if (n_asked > 1 || (arguments[0] != NULL && arguments[1] != NULL))
    return cli_fail (CLI_USAGE, "inspect shows one thing at a time: WHAT, --plugins, --types or "
                                "--markdown");
  if (markdown_type != NULL && as_json)
    return cli_fail (CLI_USAGE, "--markdown and --json exclude each other");
  if (markdown_type != NULL)
    return print_markdown ();
  if (show_plugins)
    return inspect_print_plugins (as_json);

  return arguments[0] != NULL ? show (arguments[0]) : inspect_print_types (as_json);
}

const CliCommand cli_inspect = {
  .name = "inspect",
  .arguments = "[TYPE | TYPE.PROPERTY | --connect SOCKET WORD...]",
  .summary = "Show types, properties and plugins, and what is running",
  .description
  = "Without an argument: all types, by kind. With a type: its class, operations, "
    "properties, children and an example. With TYPE.PROPERTY: that property. No "
    "plugin is loaded for it once the registry's cache knows them.\n\n"
    "With --connect, about the graph that listens at SOCKET: ls [PATH], tree [PATH], show "
    "PATH, get PATH.PROPERTY, set PATH.PROPERTY VALUE, refs PATH, why PATH or COMMAND, "
    "watch [PATH], history, top; or -i, a full-screen browser.",
  .options = options,
  .words = CLI_WORDS_TYPES,
  .max_arguments = CLI_MANY,
  .run = run,
};
