/* cli-options.c - the options of a command, out of its words
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <unistd.h>

static guint
count_options (const CliCommand *command)
{
  guint n = 0;

  while (command->options != NULL && command->options[n].long_name != NULL)
    n++;

  return n;
}

static const char *
find_nearest (const CliCommand *command, const char *written)
{
  guint n = count_options (command);
  g_autofree const char **names = g_new0 (const char *, n + 2);

  for (guint i = 0; i < n; i++)
    names[i] = command->options[i].long_name;
  names[n] = "help";

  return banyan_did_you_mean (written, names);
}

/* The name in "--jsno=yes"; NULL for anything but a long option. (transfer full) */
static char *
long_name_of (const char *word)
{
  return g_str_has_prefix (word, "--") ? g_strndup (word + 2, strcspn (word + 2, "=")) : NULL;
}

static gboolean
is_known (const CliCommand *command, const char *name)
{
  for (guint i = 0; i < count_options (command); i++)
    if (g_str_equal (command->options[i].long_name, name))
      return TRUE;

  return g_str_equal (name, "help");
}

/* The first letter in "-qx" that is no option; 0 for anything but letters. */
static char
find_unknown_letter (const CliCommand *command, const char *word)
{
  if (word[0] != '-' || word[1] == '-')
    return 0;

  for (const char *letter = word + 1; *letter != '\0'; letter++)
    {
      guint i = 0, n = count_options (command);

      while (i < n && command->options[i].short_name != *letter)
        i++;
      if (i == n && *letter != 'h')
        return *letter;
      if (i < n && command->options[i].arg != G_OPTION_ARG_NONE)
        return 0; /* the rest is its value */
    }
  return 0;
}

/* Options that are not its own, as what it works on. */
static gboolean
takes_others (const CliCommand *command)
{
  return command->arguments != NULL && strstr (command->arguments, "-- OPTION") != NULL;
}

/* GOption says which option it does not know in a translated sentence only. */
static CliStatus
complain (const CliCommand *command, char **words, const GError *error)
{
  if (g_error_matches (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
    for (guint i = 1; words[i] != NULL; i++)
      {
        g_autofree char *name = long_name_of (words[i]);
        char letter = find_unknown_letter (command, words[i]);
        const char *nearest;

        if (letter != 0 && access (words[i], F_OK) == 0)
          return cli_fail (CLI_USAGE, "%s has no option -%c; if the file is meant, write ./%s",
                           command->name, letter, words[i]);
        if (command->takes_last_word_as_it_is && g_ascii_isdigit (letter))
          return cli_fail (CLI_USAGE, "%s has no option -%c; a size that begins with - stands last",
                           command->name, letter);
        if (letter != 0)
          return cli_fail (CLI_USAGE, "%s has no option -%c; see banyan help %s", command->name,
                           letter, command->name);
        if (name == NULL || is_known (command, name))
          continue;
        nearest = find_nearest (command, name);
        if (nearest != NULL)
          return cli_fail (CLI_USAGE, "%s has no option --%s; did you mean --%s?", command->name,
                           name, nearest);
        if (takes_others (command))
          return cli_fail (
              CLI_USAGE,
              "%s has no option --%s; what it is to work on stands behind --: banyan %s "
              "-- --%s ...",
              command->name, name, command->name, name);
        return cli_fail (CLI_USAGE, "%s has no option --%s; see banyan help %s", command->name,
                         name, command->name);
      }

  return cli_fail (CLI_USAGE, "%s: %s; see banyan help %s", command->name, error->message,
                   command->name);
}

static CliStatus
check_count (const CliCommand *command, guint n)
{
  if (n < command->min_arguments)
    return cli_fail (CLI_USAGE, "usage: banyan %s %s", command->name, command->arguments);
  if (n > command->max_arguments && command->max_arguments == 0)
    return cli_fail (CLI_USAGE, "%s takes options only; see banyan help %s", command->name,
                     command->name);
  if (n > command->max_arguments)
    return cli_fail (CLI_USAGE, "%s takes at most %u argument%s; see banyan help %s", command->name,
                     command->max_arguments, command->max_arguments == 1 ? "" : "s", command->name);

  return CLI_DONE;
}

/* "--" ends the options; it is no argument. */
static void
drop_separator (int *argc, char **argv)
{
  for (int i = 1; i < *argc; i++)
    if (g_str_equal (argv[i], "--"))
      {
        g_free (argv[i]);
        memmove (argv + i, argv + i + 1, (*argc - i) * sizeof *argv);
        (*argc)--;
        return;
      }
}

static gboolean
may_stand_alone (const CliCommand *command, const char *word)
{
  for (guint i = 0; i < count_options (command); i++)
    if (command->options[i].flags & G_OPTION_FLAG_OPTIONAL_ARG && g_str_has_prefix (word, "--")
        && g_str_equal (word + 2, command->options[i].long_name))
      return TRUE;
  return FALSE;
}

/* GOption would take the next word for the value of an option that can do without: "--sandbox" is
 * "--sandbox=". */
static void
end_lone_options (const CliCommand *command, char **argv)
{
  for (guint i = 1; argv[i] != NULL && !g_str_equal (argv[i], "--"); i++)
    if (may_stand_alone (command, argv[i]))
      {
        char *ended = g_strconcat (argv[i], "=", NULL);

        g_free (argv[i]);
        argv[i] = ended;
      }
}

/* (transfer full) (nullable): the last word, if options are not to be looked for in it */
static char *
take_last_word (const CliCommand *command, char **argv)
{
  guint n = g_strv_length (argv);

  return command->takes_last_word_as_it_is && n > 2 && !g_str_equal (argv[n - 1], "--help")
                 && !g_str_equal (argv[n - 1], "-h")
             ? g_steal_pointer (&argv[n - 1])
             : NULL;
}

static void
put_last_word (char ***argv, char *word)
{
  guint n = g_strv_length (*argv);

  if (word == NULL)
    return;

  *argv = g_renew (char *, *argv, n + 2);
  (*argv)[n] = word;
  (*argv)[n + 1] = NULL;
}

/* What is UTF-8 is taken as it is, whatever the locale says of words: a service has none. */
static void
add_entries (GOptionContext *context, const CliCommand *command, char **words)
{
  guint n = count_options (command);
  g_autofree GOptionEntry *entries = g_new0 (GOptionEntry, n + 1);
  gboolean is_utf8 = TRUE;

  for (guint i = 0; words[i] != NULL; i++)
    is_utf8 = is_utf8 && g_utf8_validate (words[i], -1, NULL);
  for (guint i = 0; i < n; i++)
    {
      entries[i] = command->options[i];
      if (is_utf8 && entries[i].arg == G_OPTION_ARG_STRING)
        entries[i].arg = G_OPTION_ARG_FILENAME;
      else if (is_utf8 && entries[i].arg == G_OPTION_ARG_STRING_ARRAY)
        entries[i].arg = G_OPTION_ARG_FILENAME_ARRAY;
    }
  g_option_context_add_main_entries (context, entries, NULL);
}

CliStatus
cli_options_parse (const CliCommand *command, int *argc, char ***argv, gboolean *wants_help)
{
  const GOptionEntry help[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, wants_help, "Show this", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) words = g_strdupv (*argv);
  g_autofree char *last = take_last_word (command, *argv);

  end_lone_options (command, *argv);
  g_option_context_set_help_enabled (context, FALSE);
  add_entries (context, command, words);
  g_option_context_add_main_entries (context, help, NULL);

  if (!g_option_context_parse_strv (context, argv, &error))
    return complain (command, words, error);
  if (*wants_help)
    return CLI_DONE;

  put_last_word (argv, g_steal_pointer (&last));
  *argc = g_strv_length (*argv);
  drop_separator (argc, *argv);
  return check_count (command, *argc - 1);
}
