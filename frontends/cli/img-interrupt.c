/* img-interrupt.c - banyan img: SIGINT, SIGTERM and SIGHUP while something is made or copied
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first one cancels what is under way, so that the command ends as after a failure and takes
 * away what it made. What has not ended a second later, since storage does not answer, is left as a
 * crash would leave it. Either way the program ends by the signal: a script that runs it ends, too.
 */

#include "img.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>

#define PATIENCE_MS 1000

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
static guint sources[G_N_ELEMENTS (numbers)];
static guint timer;
static int caught;        /* a signal, or 0 */
static BanyanCopy *copy;  /* (nullable): what is under way */
static char *consequence; /* (owned) (nullable): for who reads that it was interrupted */

static void G_GNUC_NORETURN
end_by_signal (void)
{
  const char *end = img_unmake () ? "nothing is made" : consequence;

  cli_message ("interrupted%s%s", end != NULL ? "; " : "", end != NULL ? end : "");
  fflush (stdout);
  signal (caught, SIG_DFL);
  raise (caught);
  _exit (128 + caught);
}

static gboolean
give_up (gpointer data)
{
  end_by_signal ();
}

static gboolean
interrupt (gpointer data)
{
  if (caught != 0)
    end_by_signal ();

  caught = GPOINTER_TO_INT (data);
  timer = g_timeout_add (PATIENCE_MS, give_up, NULL);
  if (copy != NULL)
    banyan_copy_cancel (copy);
  return G_SOURCE_CONTINUE;
}

/* nohup and a shell's background ignore some, and want them ignored. */
static gboolean
is_ignored (int number)
{
  struct sigaction action;

  return sigaction (number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void
img_interrupt_begin (void)
{
  /* Who has seen enough of the progress has not seen enough of the copy. */
  signal (SIGPIPE, SIG_IGN);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!is_ignored (numbers[i]))
      sources[i] = g_unix_signal_add (numbers[i], interrupt, GINT_TO_POINTER (numbers[i]));
}

void
img_interrupt_note (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_free (consequence);
  consequence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
}

void
img_interrupt_follow (BanyanCopy *what)
{
  copy = what;
  if (caught != 0 && copy != NULL)
    banyan_copy_cancel (copy);
}

CliStatus
img_interrupt_fail (const GError *error)
{
  return caught != 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
             ? CLI_FAILED
             : cli_fail_with (error);
}

CliStatus
img_interrupt_end (CliStatus status)
{
  g_clear_handle_id (&timer, g_source_remove);
  if (caught != 0 && status != CLI_DONE)
    end_by_signal ();

  if (status != CLI_DONE)
    img_unmake ();
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_clear_handle_id (&sources[i], g_source_remove);
  g_clear_pointer (&consequence, g_free);
  return status;
}
