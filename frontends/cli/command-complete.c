/* command-complete.c - banyan complete: what a shell may put at the cursor
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The shells' scripts pass the words after "banyan" up to the cursor; the last is the one to be
 * completed, and may be empty. Each answer is a line "WORD<tab>MEANING"; the line ":files" says
 * that names of files fit too. */

#include "img.h"
#include "live.h"

void
cli_offer (GString *text, const char *prefix, const char *word, const char *meaning)
{
  g_autofree char *printable = NULL;

  if (!g_str_has_prefix (word, prefix))
    return;

  printable = cli_make_printable (meaning != NULL ? meaning : "");
  g_strdelimit (printable, "\n\t", ' ');
  g_string_append_printf (text, "%s\t%s\n", word, printable);
}

static void
offer_commands (GString *text, const char *prefix, const CliCommand *outer)
{
  g_autofree const char **words = cli_command_list_words (outer);

  for (guint i = 0; words[i] != NULL; i++)
    cli_offer (text, prefix, words[i], cli_command_find (outer, words[i])->summary);
}

static void
offer_options (GString *text, const char *prefix, const CliCommand *command)
{
  for (const GOptionEntry *entry = command->options; entry != NULL && entry->long_name; entry++)
    {
      g_autofree char *word = g_strconcat ("--", entry->long_name, NULL);

      cli_offer (text, prefix, word, entry->description);
    }
  cli_offer (text, prefix, "--help", "Show what the command does");
}

static void
offer_properties (GString *text, const char *prefix, const char *type_name)
{
  g_autoptr (BanyanTypeInfo) type
      = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, type_name);
  g_autoptr (BanyanSpec) description = type != NULL ? banyan_type_info_describe (type) : NULL;
  BanyanSpec *properties = cli_spec_get (description, "properties");

  for (guint i = 0; i < cli_spec_count (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);
      g_autofree char *word
          = g_strconcat (type_name, ".", banyan_spec_lookup_text (property, "name"), NULL);

      cli_offer (text, prefix, word, banyan_spec_lookup_text (property, "blurb"));
    }
}

/* Options of images go by their driver's name. */
#define ALL_TYPES (G_MAXUINT & ~(1u << BANYAN_PLUGIN_IMAGE))
#define DRIVERS (1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT)

static void
offer_kinds (GString *text, const char *prefix, guint kinds)
{
  g_autoptr (CliTypes) types = cli_types_list ();

  for (guint i = 0; types[i] != NULL; i++)
    if (kinds & 1u << banyan_type_info_get_kind (types[i]))
      cli_offer (text, prefix, banyan_type_info_get_name (types[i]),
                 banyan_type_info_get_summary (types[i]));
}

/* After a dot the properties of the type before it. */
static void
offer_types (GString *text, const char *prefix)
{
  const char *dot = strchr (prefix, '.');

  if (dot != NULL)
    {
      g_autofree char *type_name = g_strndup (prefix, dot - prefix);

      offer_properties (text, prefix, type_name);
      return;
    }

  offer_kinds (text, prefix, ALL_TYPES);
}

/* The option whose value @word is, when it stands alone before it. */
static const GOptionEntry *
find_option_with_value (const CliCommand *command, const char *word)
{
  for (const GOptionEntry *entry = command->options; entry != NULL && entry->long_name; entry++)
    if (entry->arg != G_OPTION_ARG_NONE
        && ((g_str_has_prefix (word, "--") && g_str_equal (word + 2, entry->long_name))
            || (word[0] == '-' && word[1] == entry->short_name && word[2] == '\0')))
      return entry;

  return NULL;
}

/* Which kinds of types an option takes the name of; 0 if it takes something else. */
static guint
kinds_of_value (const CliCommand *command, const GOptionEntry *entry)
{
  if (g_strcmp0 (entry->arg_description, "TYPE") == 0)
    return ALL_TYPES;
  if (g_strcmp0 (entry->arg_description, "DRIVER") != 0)
    return 0;

  return g_str_equal (entry->long_name, "target-format")
                 || (command == &img_create && entry->short_name == 'f')
             ? 1u << BANYAN_PLUGIN_IMAGE
             : DRIVERS;
}

static void
offer_arguments (GString *text, const char *prefix, CliWords words)
{
  switch (words)
    {
    case CLI_WORDS_FILES:
      g_string_append (text, ":files\n");
      return;
    case CLI_WORDS_TYPES:
      offer_types (text, prefix);
      return;
    case CLI_WORDS_COMMANDS:
      offer_commands (text, prefix, NULL);
      return;
    case CLI_WORDS_NONE:
      return;
    }
}

/* -- What is running: the words after inspect that are no options. -- */

/* As if it had been given as an option. */
static void
take_address (const char *word, const char *after)
{
  if (g_str_has_prefix (word, "--connect="))
    cli_connect_address = (char *) word + strlen ("--connect=");
  else if (g_str_equal (word, "--connect"))
    cli_connect_address = (char *) after;
}

/* (transfer container): of @words, of which the last is the one to be completed */
static GPtrArray *
list_arguments (const CliCommand *command, char **words, guint n)
{
  GPtrArray *arguments = g_ptr_array_new ();

  for (guint i = 1; i + 1 < n; i++)
    {
      take_address (words[i], words[i + 1]);
      if (find_option_with_value (command, words[i]) != NULL)
        i++;
      else if (words[i][0] != '-')
        g_ptr_array_add (arguments, words[i]);
    }

  g_ptr_array_add (arguments, NULL);
  return arguments;
}

static void
offer_inspected (GString *text, char **words, guint n)
{
  g_autoptr (GPtrArray) arguments = list_arguments (&cli_inspect, words, n);
  const char *address;

  if (arguments->len == 1 && cli_connect_address == NULL)
    offer_types (text, words[n - 1]);

  address = cli_connect_get_address ();
  if (address != NULL && *address != '\0')
    live_complete (text, (const char *const *) arguments->pdata, words[n - 1]);
}

static void
complete_command (GString *text, const CliCommand *command, char **words, guint n)
{
  const char *word = words[n - 1];
  const CliCommand *inner
      = command->commands != NULL && n > 2 ? cli_command_find (command, words[1]) : NULL;
  const GOptionEntry *option = find_option_with_value (command, words[n - 2]);

  if (inner != NULL)
    {
      complete_command (text, inner, words + 1, n - 1);
      return;
    }

  if (option != NULL && kinds_of_value (command, option) != 0)
    offer_kinds (text, word, kinds_of_value (command, option));
  else if (option != NULL
           && (option->arg == G_OPTION_ARG_FILENAME
               || g_strcmp0 (option->arg_description, "SOCKET") == 0))
    g_string_append (text, ":files\n");
  else if (option != NULL)
    return;
  else if (word[0] == '-')
    offer_options (text, word, command);
  else if (command->commands != NULL && n == 2)
    offer_commands (text, word, command);
  else if (command == &cli_inspect)
    offer_inspected (text, words, n);
  else
    offer_arguments (text, word, command->words);
}

static CliStatus
run (char **words)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = g_strv_length (words);
  const CliCommand *command;

  if (n <= 1)
    {
      offer_commands (text, n == 0 ? "" : words[0], NULL);
      if (n == 1 && words[0][0] == '-')
        {
          cli_offer (text, words[0], "--help", "List the commands");
          cli_offer (text, words[0], "--version", "Tell the version");
        }
      return cli_print (text->str);
    }

  command = cli_command_find (NULL, words[0]);
  if (command != NULL)
    complete_command (text, command, words, n);

  return cli_print (text->str);
}

const CliCommand cli_complete = {
  .name = "complete",
  .arguments = "WORD...",
  .summary = "Complete a word for a shell",
  .description = "What the shells' completions call.",
  .run = run,
  .is_hidden = TRUE,
  .takes_words_as_they_are = TRUE,
};
