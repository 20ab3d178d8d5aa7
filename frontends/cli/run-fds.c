/* run-fds.c - descriptors that a server is started with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "run-fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static gboolean G_GNUC_PRINTF (3, 4)
    complain (GError **error, const char *word, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX, "--add-fd %s: %s", word,
               message);
  return FALSE;
}

static gboolean
read_number (BanyanSpec *map, const char *key, const char *word, int *number, GError **error)
{
  const char *text = banyan_spec_lookup_text (map, key);
  guint64 value;

  if (text == NULL)
    return complain (error, word, "%s is missing; it is written fd=N,set=M", key);
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &value, NULL))
    return complain (error, word, "%s is \"%s\"; it is a number from 0 to %d", key, text, G_MAXINT);

  *number = value;
  return TRUE;
}

static gboolean
check_keys (BanyanSpec *map, const char *word, GError **error)
{
  static const char *const known[] = { "fd", "set", "opaque", NULL };

  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    if (!g_strv_contains (known, banyan_spec_get_key (map, i)))
      return complain (error, word, "there is no \"%s\"; there are: fd, set, opaque",
                       banyan_spec_get_key (map, i));
  return TRUE;
}

/* All that this process opened itself is closed on exec: it was not passed. */
static gboolean
check_passed (int fd, const char *word, GError **error)
{
  int flags = fcntl (fd, F_GETFD);

  if (fd <= STDERR_FILENO)
    return complain (error, word, "descriptors 0 to 2 are the standard streams");
  if (flags < 0 || flags & FD_CLOEXEC)
    return complain (error, word, "descriptor %d was not passed to this process", fd);
  return TRUE;
}

static gboolean
add (BanyanGraph *graph, const char *word, GArray *passed, GError **error)
{
  static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE, .name = "--add-fd" };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) map = banyan_spec_parse_dotted (word, &origin, problems);
  int fd, set, duplicate;

  if (map == NULL)
    return banyan_problems_check (problems, error);
  if (!check_keys (map, word, error) || !read_number (map, "fd", word, &fd, error)
      || !read_number (map, "set", word, &set, error) || !check_passed (fd, word, error))
    return FALSE;

  duplicate = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (duplicate < 0)
    return banyan_throw_errno (error, errno, "--add-fd %s", word);

  g_array_append_val (passed, fd);
  return banyan_descriptors_add (banyan_graph_get_descriptors (graph), set, duplicate,
                                 banyan_spec_lookup_text (map, "opaque"), TRUE, error)
         >= 0;
}

/* One may be a member of several sets. */
static void
close_once (GArray *passed)
{
  for (guint i = 0; i < passed->len; i++)
    if (fcntl (g_array_index (passed, int, i), F_GETFD) >= 0)
      close (g_array_index (passed, int, i));
}

gboolean
run_fds_add (BanyanGraph *graph, char **words, GError **error)
{
  g_autoptr (GArray) passed = g_array_new (FALSE, FALSE, sizeof (int));

  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    if (!add (graph, words[i], passed, error))
      return FALSE;

  close_once (passed);
  return TRUE;
}
