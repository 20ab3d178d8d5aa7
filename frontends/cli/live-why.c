/* live-why.c - banyan inspect --connect: why, what stands in the way of a change
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <string.h>

/* -- The question: "why disk0", "why set slow.read-delay 7", "why resize disk0 size=4096",
 * "why blockdev-del node-name=disk0". -- */

static BanyanSpec *
ask_command (const char *command, BanyanSpec *arguments)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "command", command);
  cli_add (map, "arguments", arguments);
  return banyan_spec_builder_end (map);
}

static BanyanSpec *
ask_to_set (LiveSession *session, char **words, CliStatus *status)
{
  const char *property;
  GraphObject *object;
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) value = NULL, arguments = NULL;

  if (g_strv_length (words) != 3)
    {
      *status = cli_fail (CLI_USAGE, "usage: why set PATH.PROPERTY VALUE");
      return NULL;
    }
  object = live_find_property (session, words[1], &property, status);
  if (object == NULL)
    return NULL;

  value = live_read_value (object, property, words[2]);
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", object->path);
  banyan_spec_builder_add_string (map, "property", property);
  cli_add (map, "value", value);
  arguments = banyan_spec_builder_end (map);
  return ask_command ("qom-set", arguments);
}

/* An edge's path is for the server to find. @words: what the verb needs besides. */
static BanyanSpec *
ask_verb (LiveSession *session, const char *verb, const char *name, char **words, CliStatus *status)
{
  GraphObject *object = NULL;
  g_autoptr (BanyanSpec) arguments = NULL;
  BanyanSpecBuilder *map;

  if (strchr (name, ':') == NULL && (object = live_find (session, name, status)) == NULL)
    return NULL;
  if (words[0] != NULL)
    arguments = cli_read_arguments (words);

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", object != NULL ? object->path : name);
  banyan_spec_builder_add_string (map, "verb", verb);
  if (arguments != NULL)
    cli_add (map, "arguments", arguments);
  return banyan_spec_builder_end (map);
}

/* A word alone is a command if there is one of that name: "quit". */
static gboolean
is_command (const char *word)
{
  g_autoptr (BanyanTypeInfo) type
      = banyan_registry_lookup (banyan_registry_get_default (), 1u << BANYAN_PLUGIN_COMMAND, word);

  return type != NULL;
}

/* NULL after it has said why. */
static BanyanSpec *
ask (LiveSession *session, char **words, CliStatus *status)
{
  static const char *const verbs[] = { "remove", "replace", "insert", "add", "resize", NULL };
  g_autoptr (BanyanSpec) arguments = NULL;

  if (g_str_equal (words[0], "set"))
    return ask_to_set (session, words, status);
  if (g_strv_contains (verbs, words[0]) && words[1] != NULL)
    return ask_verb (session, words[0], words[1], words + 2, status);
  if (words[1] == NULL && !is_command (words[0]))
    return ask_verb (session, "remove", words[0], words + 1, status);

  arguments = cli_read_arguments (words + 1);
  return ask_command (words[0], arguments);
}

/* -- The answer. -- */

static void
append_users (GString *text, BanyanSpec *users)
{
  for (guint i = 0; i < cli_spec_count (users); i++)
    {
      BanyanSpec *user = banyan_spec_get_item (users, i);
      g_autofree char *taken = cli_spec_join (cli_spec_get (user, "perm"), ", ");
      const char *property = banyan_spec_lookup_text (user, "property");

      g_string_append_printf (text, "used by %s", banyan_spec_lookup_text (user, "path"));
      if (property != NULL)
        g_string_append_printf (text, " as %s", property);
      else if (*taken != '\0')
        g_string_append_printf (text, " [%s]", taken);
      g_string_append_c (text, '\n');
    }
}

static CliStatus
print_answer (BanyanSpec *answer)
{
  BanyanSpec *problems = cli_spec_get (answer, "problems");
  g_autofree char *drained = cli_spec_join (cli_spec_get (answer, "drained"), ", ");
  g_autofree char *printable = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < cli_spec_count (problems); i++)
    g_string_append_printf (
        text, "%s\n",
        live_skip_place (banyan_spec_lookup_text (banyan_spec_get_item (problems, i), "desc")));
  append_users (text, cli_spec_get (answer, "users"));
  if (cli_spec_flag (answer, "possible"))
    g_string_append (text, "Nothing stands in the way.\n");
  if (*drained != '\0')
    g_string_append_printf (text, "Requests would wait for a moment at: %s\n", drained);

  printable = cli_make_printable (text->str);
  return cli_print (printable);
}

CliStatus
live_run_why (LiveSession *session, char **arguments)
{
  CliStatus status;
  BanyanSpec *question = ask (session, arguments, &status);
  g_autoptr (BanyanSpec) answer
      = question != NULL ? cli_call_or_say (session->connection, "why", question, &status) : NULL;

  if (answer == NULL)
    return status;

  status = session->options->as_json ? cli_print_json (answer) : print_answer (answer);
  return status != CLI_DONE || cli_spec_flag (answer, "possible") ? status : CLI_REFUSED;
}
