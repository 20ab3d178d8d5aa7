/* cli-output.c - standard output: colours and a pager where a person reads, plain text elsewhere
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static gboolean
is_terminal (void)
{
  return isatty (STDOUT_FILENO);
}

/* https://no-color.org: any value but the empty one says no. */
static gboolean
wants_colour (void)
{
  const char *no_colour = g_getenv ("NO_COLOR");
  const char *terminal = g_getenv ("TERM");

  return is_terminal () && (no_colour == NULL || *no_colour == '\0')
         && g_strcmp0 (terminal, "dumb") != 0;
}

const char *
cli_style_on (CliStyle style)
{
  static const char *const codes[] = {
    [CLI_PLAIN] = "",       [CLI_BOLD] = "\033[1m",
    [CLI_DIM] = "\033[2m",  [CLI_HEADING] = "\033[1;34m",
    [CLI_BAD] = "\033[31m",
  };

  return wants_colour () ? codes[style] : "";
}

const char *
cli_style_off (CliStyle style)
{
  return wants_colour () && style != CLI_PLAIN ? "\033[0m" : "";
}

static void
get_size (guint *columns, guint *rows)
{
  struct winsize size = { 0 };

  *columns = *rows = 0;
  if (!is_terminal () || ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
    return;

  *columns = size.ws_col;
  *rows = size.ws_row;
}

guint
cli_output_width (void)
{
  guint columns, rows;

  get_size (&columns, &rows);
  return columns;
}

static gboolean
fits (const char *text)
{
  guint columns, rows, lines = 0;

  get_size (&columns, &rows);
  for (; *text != '\0'; text++)
    lines += *text == '\n';

  return rows == 0 || lines < rows;
}

/* NULL: no pager. */
static const char *
find_pager (const char *text)
{
  const char *pager = g_getenv ("BANYAN_PAGER");

  if (!is_terminal () || fits (text))
    return NULL;
  if (pager == NULL)
    pager = g_getenv ("PAGER");
  if (pager == NULL)
    pager = "less";

  return *pager == '\0' || g_str_equal (pager, "cat") ? NULL : pager;
}

static gboolean
page (const char *pager, const char *text)
{
  FILE *pipe;

  g_setenv ("LESS", "FRX", FALSE);
  pipe = popen (pager, "w");
  if (pipe == NULL)
    return FALSE;

  /* Who leaves the pager early has seen enough. */
  signal (SIGPIPE, SIG_IGN);
  fputs (text, pipe);
  return pclose (pipe) == 0;
}

CliStatus
cli_print (const char *text)
{
  const char *pager = find_pager (text);

  if (pager != NULL && page (pager, text))
    return CLI_DONE;
  if (fputs (text, stdout) < 0 || fflush (stdout) != 0)
    return cli_fail (CLI_FAILED, "cannot write to standard output: %s", g_strerror (errno));

  return CLI_DONE;
}

CliStatus
cli_print_json (BanyanSpec *spec)
{
  g_autofree char *json = banyan_spec_to_json (spec, TRUE);
  g_autofree char *text = g_strconcat (json, g_str_has_suffix (json, "\n") ? "" : "\n", NULL);

  return cli_print (text);
}

static char *
make_printable (const char *text, const char *kept)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *printable = g_string_sized_new (strlen (valid));

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar letter = g_utf8_get_char (p);

      if (!g_unichar_iscntrl (letter) || (letter < 128 && strchr (kept, letter) != NULL))
        g_string_append_unichar (printable, letter);
      else
        g_string_append_printf (printable, "\\x%02x", letter);
    }

  return g_string_free (printable, FALSE);
}

char *
cli_make_printable (const char *text)
{
  return make_printable (text, "\n\t");
}

char *
cli_make_line (const char *text)
{
  return make_printable (text, "");
}
