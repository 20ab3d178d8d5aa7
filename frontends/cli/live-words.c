/* live-words.c - the words of `banyan inspect --connect`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

const LiveWord live_words[] = {
  { "ls", "[PATH]", "List what is in an object, and its edges", LIVE_TAKES_PATH, 0, 1,
    live_run_ls },
  { "tree", "[PATH]", "Draw the graph, from who serves down; with -s from the leaves up",
    LIVE_TAKES_PATH, 0, 1, live_run_tree },
  { "show", "PATH[:ROLE]", "Tell all about an object: values, where they are from, edges, users",
    LIVE_TAKES_EDGE, 1, 1, live_run_show },
  { "get", "PATH.PROPERTY", "Print a value", LIVE_TAKES_PROPERTY, 1, 1, live_run_get },
  { "set", "PATH.PROPERTY VALUE", "Change a value; prints what it was and is", LIVE_TAKES_PROPERTY,
    2, 2, live_run_set },
  { "refs", "PATH[:ROLE]", "List who uses an object, whom it uses, and who links to it",
    LIVE_TAKES_EDGE, 1, 1, live_run_refs },
  { "why", "PATH | COMMAND...", "Tell what stands in the way of a change", LIVE_TAKES_EDGE, 1,
    CLI_MANY, live_run_why },
  { "watch", "[PATH]", "Print what happens, a line each", LIVE_TAKES_PATH, 0, 1, live_run_watch },
  { "history", "", "List the last changes, who made them and how they ended", LIVE_TAKES_NOTHING, 0,
    0, live_run_history },
  { "top", "", "Show requests a second, bytes and times, a line each", LIVE_TAKES_NOTHING, 0, 0,
    live_run_top },
  { NULL },
};

const LiveWord *
live_word_find (const char *name)
{
  for (guint i = 0; live_words[i].name != NULL; i++)
    if (g_str_equal (live_words[i].name, name))
      return &live_words[i];

  return NULL;
}

/* @names: (out caller-allocates): ends with NULL */
static void
list_words (const char *names[G_N_ELEMENTS (live_words)])
{
  for (guint i = 0; i < G_N_ELEMENTS (live_words); i++)
    names[i] = live_words[i].name;
}

const char *
live_word_find_near (const char *name)
{
  const char *names[G_N_ELEMENTS (live_words)];

  list_words (names);
  return banyan_did_you_mean (name, names);
}

static CliStatus
complain_of_word (const char *name)
{
  const char *names[G_N_ELEMENTS (live_words)];
  g_autofree char *all = NULL;
  const char *nearest = live_word_find_near (name);

  list_words (names);
  all = g_strjoinv (", ", (char **) names);
  return nearest != NULL
             ? cli_fail (CLI_USAGE, "there is no \"%s\"; did you mean \"%s\"?", name, nearest)
             : cli_fail (CLI_USAGE, "of a running graph inspect does: %s", all);
}

CliStatus
live_run (char **words, const LiveOptions *options)
{
  const LiveWord *word = live_word_find (words[0] != NULL ? words[0] : "tree");
  char **arguments = words[0] != NULL ? words + 1 : words;
  guint n = g_strv_length (arguments);
  g_autoptr (LiveSession) session = NULL;
  CliStatus status;

  if (word == NULL)
    return complain_of_word (words[0]);
  if (n < word->min_arguments || n > word->max_arguments)
    return cli_fail (CLI_USAGE, "usage: banyan inspect --connect SOCKET %s%s%s", word->name,
                     *word->arguments != '\0' ? " " : "", word->arguments);

  session = live_session_new (options, &status);
  return session != NULL ? word->run (session, arguments) : status;
}
