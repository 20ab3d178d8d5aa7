/* command-convert.c - banyan convert-config: command lines as documents, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "convert.h"

#include <string.h>

static gboolean as_json;
static gboolean for_banyan;

static const GOptionEntry options[] = {
  { "banyan", 0, 0, G_OPTION_ARG_NONE, &for_banyan,
    "Write options for banyan run, also those that qemu-storage-daemon has not", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the document, or a list of options, as JSON",
    NULL },
  { NULL },
};

/* -- Options to a document. -- */

static CliStatus
print_document (BanyanSpec *document)
{
  g_autofree char *text = NULL;

  if (as_json)
    return cli_print_json (document);

  text = banyan_spec_to_yaml (document);
  return cli_print (text);
}

static CliStatus
convert_words (char **words)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) document = NULL;
  g_autoptr (GPtrArray) gathered = NULL;
  g_autoptr (GError) error = NULL;
  CliStatus status;

  gathered = convert_gather (words, &error);
  if (gathered == NULL)
    return cli_fail (CLI_FAILED, "%s", error->message);
  if (legacy_print_help (gathered, &status))
    return status;

  document = legacy_to_document (gathered, NULL, NULL, problems);
  cli_say_problems (problems);
  return banyan_problems_get_length (problems) == 0 ? print_document (document) : CLI_FAILED;
}

/* -- A document to options. -- */

static CliStatus
print_options_as_json (ConvertOptions *converted)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map (), *words = banyan_spec_builder_new_list (),
                    *left_out = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) spec = NULL;

  for (guint i = 0; i < converted->words->len; i++)
    banyan_spec_builder_add_string (words, NULL, converted->words->pdata[i]);
  for (guint i = 0; i < converted->left_out->len; i++)
    banyan_spec_builder_add_string (left_out, NULL, converted->left_out->pdata[i]);
  banyan_spec_builder_take_built (map, "options", words);
  banyan_spec_builder_take_built (map, "left-out", left_out);
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

/* What is left out stands in a comment, and is told. */
static CliStatus
print_options (ConvertOptions *converted)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < converted->left_out->len; i++)
    {
      const char *sentence = converted->left_out->pdata[i];

      cli_message ("left out: %s", sentence);
      g_string_append_printf (text, "# left out: %s\n", sentence);
    }
  if (as_json)
    return print_options_as_json (converted);

  g_string_append (text, for_banyan ? "banyan run" : "qemu-storage-daemon");
  for (guint i = 0; i + 1 < converted->words->len; i += 2)
    {
      g_autofree char *quoted = convert_quote (converted->words->pdata[i + 1]);

      g_string_append_printf (text, " \\\n    %s %s", (char *) converted->words->pdata[i], quoted);
    }
  g_string_append_c (text, '\n');
  return cli_print (text->str);
}

static CliStatus
convert_document (CliDocument *document)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (ConvertOptions) converted = NULL;
  g_autoptr (BanyanSpec) spec
      = banyan_spec_parse_yaml (document->text, document->length, document->name, problems);

  if (spec == NULL || banyan_problems_get_length (problems) > 0)
    {
      cli_say_problems (problems);
      return CLI_FAILED;
    }

  converted = convert_from_document (spec, for_banyan);
  return print_options (converted);
}

/* -- Which of them. -- */

static CliStatus
convert_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = cli_document_read (path, &error);
  g_auto (GStrv) words = NULL;

  if (document == NULL)
    return cli_fail_with (error);
  if (convert_is_document (document->text))
    return convert_document (document);

  words = convert_split_script (document->text, &error);
  return words != NULL ? convert_words (words)
                       : cli_fail (CLI_FAILED, "%s: %s", document->name, error->message);
}

static CliStatus
run (char **arguments)
{
  gboolean is_option = arguments[0][0] == '-' && arguments[0][1] != '\0';

  if (!is_option && arguments[1] != NULL)
    return cli_fail (CLI_USAGE, "one file at a time; options stand behind --");

  return is_option ? convert_words (arguments) : convert_file (arguments[0]);
}

const CliCommand cli_convert_config = {
  .name = "convert-config",
  .arguments = "FILE | -- OPTION...",
  .summary = "Turn options of qemu-storage-daemon into a YAML file, and back",
  .description
  = "Prints the document that declares what OPTIONs do, those of qemu-storage-daemon "
    "and QEMU's --drive; or those in FILE, which holds one a line or is a script. Of a "
    "FILE that is a document it prints the options instead, and tells what they cannot "
    "say. \"-\" is standard input.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = CLI_MANY,
  .run = run,
};
