/* convert-words.c - options out of a script, or of a file with an option a line
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "convert.h"

#include <string.h>

gboolean
convert_is_document (const char *text)
{
  return g_str_has_prefix (text, "version:") || strstr (text, "\nversion:") != NULL
         || text[strspn (text, " \t\r\n")] == '{';
}

/* -- Lines, as a shell sees them. -- */

/* Behind the end of the line that begins at @at: quotes hold line ends, a backslash joins lines. */
static const char *
find_end_of_line (const char *at)
{
  char quote = '\0';

  for (; *at != '\0'; at++)
    if (*at == '\\' && quote != '\'' && at[1] != '\0')
      at++;
    else if (quote != '\0')
      quote = *at == quote ? '\0' : quote;
    else if (*at == '\'' || *at == '"')
      quote = *at;
    else if (*at == '\n')
      return at + 1;
    else if (*at == '#' && quote == '\0' && at[1] != '\0')
      return at + strcspn (at, "\n");

  return at;
}

static gboolean
is_program (const char *word, const char *name)
{
  g_autofree char *base = g_path_get_basename (word);

  return g_str_equal (base, name);
}

/* Where the options begin in the words of a line; NULL: it is another command. */
static char **
find_options (char **words)
{
  if (g_strcmp0 (words[0], "exec") == 0)
    words++;
  if (words[0] == NULL || words[0][0] == '-')
    return words;
  if (is_program (words[0], "qemu-storage-daemon"))
    return words + 1;

  return is_program (words[0], "banyan") && g_strcmp0 (words[1], "run") == 0 ? words + 2 : NULL;
}

/* "$@" stands for what a script is given, and & for the background. */
static gboolean
is_of_shell (const char *word)
{
  return g_str_equal (word, "$@") || g_str_equal (word, "&");
}

static void
add_line (GStrvBuilder *builder, const char *line, char **words)
{
  char **options = find_options (words);

  if (options == NULL)
    {
      g_autofree char *first = g_strndup (line, strcspn (line, "\n"));

      cli_message ("left out: %s", first);
      return;
    }

  for (; *options != NULL; options++)
    if (!is_of_shell (*options))
      g_strv_builder_add (builder, *options);
}

char **
convert_split_script (const char *text, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  while (*text != '\0')
    {
      const char *end = find_end_of_line (text);
      g_autofree char *line = g_strndup (text, end - text);
      g_auto (GStrv) words = NULL;
      g_autoptr (GError) why = NULL;

      g_strstrip (line);
      if (g_shell_parse_argv (line, NULL, &words, &why))
        add_line (builder, line, words);
      else if (!g_error_matches (why, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
        {
          g_propagate_error (error, g_steal_pointer (&why));
          return NULL;
        }
      text = end == text ? end + 1 : end;
    }

  return g_strv_builder_end (builder);
}

/* -- Options. -- */

static gboolean
leave_out (const char *option, const char *value, gpointer data, GError **error)
{
  cli_message ("left out: %s%s%s is said to banyan run, not in a document", option,
               value != NULL ? " " : "", value != NULL ? value : "");
  return TRUE;
}

#define LEFT_OUT(name, letter, flag) \
  { \
    name, letter, flag | G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, leave_out, NULL, NULL \
  }

GPtrArray *
convert_gather (char **words, GError **error)
{
  static const GOptionEntry entries[] = {
    LEGACY_ENTRIES,
    LEFT_OUT ("daemonize", 0, G_OPTION_FLAG_NO_ARG),
    LEFT_OUT ("pidfile", 0, 0),
    LEFT_OUT ("trace", 'T', 0),
    LEFT_OUT ("quiet", 'q', G_OPTION_FLAG_NO_ARG),
    LEFT_OUT ("ready-fd", 0, 0),
    LEFT_OUT ("json", 0, G_OPTION_FLAG_NO_ARG),
    LEFT_OUT ("add-fd", 0, 0),
    LEFT_OUT ("sandbox", 0, G_OPTION_FLAG_OPTIONAL_ARG),
    LEFT_OUT ("user", 0, 0),
    LEFT_OUT ("allow-path", 0, 0),
    LEFT_OUT ("state", 0, 0),
    LEFT_OUT ("watch", 0, G_OPTION_FLAG_NO_ARG),
    LEFT_OUT ("override", 0, G_OPTION_FLAG_NO_ARG),
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;

  g_strv_builder_add (builder, "banyan");
  g_strv_builder_addv (builder, (const char **) words);
  all = g_strv_builder_end (builder);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse_strv (context, &all, error))
    return NULL;
  if (all[1] == NULL)
    return legacy_take_gathered ();

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s is no option", all[1]);
  return NULL;
}
