/* cli-message.c - standard error, and what the exit status tells
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <errno.h>

static void
say (const char *prefix, const char *text)
{
  g_autofree char *printable = cli_make_printable (text);

  g_printerr ("%s%s\n", prefix, printable);
}

void
cli_message (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  say ("banyan: ", text);
}

CliStatus
cli_fail (CliStatus status, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  say ("banyan: ", text);
  return status;
}

static CliStatus
status_of_errno (int number)
{
  switch (number)
    {
    case ENOENT:
    case ENOTDIR:
      return CLI_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EBUSY:
    case EAGAIN: /* a lock that another process holds */
      return CLI_REFUSED;
    case ECONNREFUSED:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return CLI_CANNOT_CONNECT;
    default:
      return CLI_FAILED;
    }
}

static CliStatus
status_of_config_error (int code)
{
  switch (code)
    {
    case BANYAN_CONFIG_ERROR_BUSY:
    case BANYAN_CONFIG_ERROR_CONFLICT:
    case BANYAN_CONFIG_ERROR_STATE:
      return CLI_REFUSED;
    default:
      return CLI_FAILED;
    }
}

static int
errno_of_file_error (int code)
{
  switch (code)
    {
    case G_FILE_ERROR_NOENT:
    case G_FILE_ERROR_NOTDIR:
      return ENOENT;
    case G_FILE_ERROR_ACCES:
    case G_FILE_ERROR_PERM:
      return EACCES;
    default:
      return EIO;
    }
}

/* Several problems are several lines, each with its own place in a document or on the command
 * line. A path in the graph is no such place. */
static gboolean
begins_with_place (const char *message)
{
  static const char *const collections[] = { "/nodes/", "/objects/", "/frontends/", "/jobs/" };

  for (guint i = 0; i < G_N_ELEMENTS (collections); i++)
    if (g_str_has_prefix (message, collections[i]))
      return FALSE;

  return strchr (message, ':') != NULL;
}

CliStatus
cli_fail_with (const GError *error)
{
  g_autofree char *message = cli_names_explain (error->message);
  gboolean is_explained = !g_str_equal (message, error->message);

  if (error->domain == BANYAN_CONFIG_ERROR && !is_explained && begins_with_place (message))
    say ("", message);
  else
    cli_message ("%s", message);

  if (error->domain == BANYAN_CONFIG_ERROR)
    return status_of_config_error (error->code);
  if (error->domain == G_FILE_ERROR)
    return status_of_errno (errno_of_file_error (error->code));
  if (error->domain == BANYAN_ERRNO || error->domain == G_IO_ERROR)
    return status_of_errno (banyan_error_get_errno (error));

  return CLI_FAILED;
}

void
cli_say_problems (BanyanProblems *problems)
{
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      say ("", message);
    }
}
