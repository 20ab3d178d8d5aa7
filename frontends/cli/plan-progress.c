/* plan-progress.c - how far an apply is: one line on a terminal
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The answer comes when all is done. Until then the graph is asked on a connection of its own,
 * which is answered while the change goes on. What is done at once has no line. */

#include "plan.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct _PlanProgress
{
  CliConnection *connection; /* (unowned): that waits */
  CliConnection *other;      /* (owned) (nullable): that asks */
  gboolean is_shown;
  gboolean is_blind; /* cannot ask any more: the change takes the server away, say */
};

/* -- In words. -- */

static void
append_object (GString *line, BanyanSpec *change, const char *verb)
{
  const char *object = banyan_spec_lookup_text (change, "object");

  if (object == NULL)
    return;
  g_string_append_printf (line, "%s %s (%s of %s)", verb, object,
                          banyan_spec_lookup_text (change, "object-number"),
                          banyan_spec_lookup_text (change, "objects"));
}

static void
append_gates (GString *line, BanyanSpec *change)
{
  BanyanSpec *gates = cli_spec_get (change, "drained");
  gint64 n_requests = 0;

  for (guint i = 0; i < cli_spec_count (gates); i++)
    n_requests += live_read_integer (banyan_spec_get_item (gates, i), "in-flight");
  g_string_append_printf (line, "waiting for %" G_GINT64_FORMAT " request%s in flight", n_requests,
                          n_requests == 1 ? "" : "s");
}

static void
append_step (GString *line, BanyanSpec *change, const char *phase)
{
  if (g_str_equal (phase, "queued"))
    g_string_append (line, "waiting for another change");
  else if (g_str_equal (phase, "prepare"))
    append_object (line, change, "preparing");
  else if (g_str_equal (phase, "close-gates"))
    append_gates (line, change);
  else if (g_str_equal (phase, "settle"))
    append_object (line, change, "settling");
  else if (g_str_equal (phase, "finish"))
    g_string_append (line, "closing what is gone");
  if (line->len == 0)
    g_string_append (line, phase);
}

/* The change that is under way stands in the way of ours where it is not ours. */
static char *
describe (BanyanSpec *change)
{
  GString *line = g_string_new (NULL);
  gint64 drained_us = live_read_integer (change, "drained-us");

  append_step (line, change, banyan_spec_lookup_text (change, "phase"));
  if (drained_us > 0)
    {
      g_autofree char *waited = live_format_us (drained_us);

      g_string_append_printf (line, "; requests wait for %s now", waited);
    }
  return g_string_free (line, FALSE);
}

/* -- On the terminal. -- */

static void
show (PlanProgress *self, const char *text)
{
  g_autofree char *printable = cli_make_printable (text);
  struct winsize size = { 0 };

  /* It may not wrap: what has wrapped cannot be taken back. */
  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
      && g_utf8_strlen (printable, -1) >= size.ws_col)
    *g_utf8_offset_to_pointer (printable, size.ws_col - 1) = '\0';
  fprintf (stderr, "\r\033[K%s", printable);
  fflush (stderr);
  self->is_shown = TRUE;
}

static void
update (gpointer data)
{
  PlanProgress *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) answer = NULL;
  g_autofree char *text = NULL;
  BanyanSpec *changes;

  if (self->is_blind)
    return;
  if (self->other == NULL)
    self->other = cli_connect_quietly ();
  answer = self->other != NULL ? cli_ask (self->other, "query-changes", NULL, &error) : NULL;
  changes = cli_spec_get (answer, "return");
  if (changes == NULL)
    {
      self->is_blind = TRUE;
      return;
    }
  if (cli_spec_count (changes) == 0)
    return;

  text = describe (banyan_spec_get_item (changes, 0));
  show (self, text);
}

PlanProgress *
plan_progress_begin (CliConnection *connection)
{
  PlanProgress *self;

  if (!isatty (STDERR_FILENO))
    return NULL;

  self = g_new0 (PlanProgress, 1);
  self->connection = connection;
  cli_connection_set_wait (connection, update, self);
  return self;
}

void
plan_progress_end (PlanProgress *self)
{
  cli_connection_set_wait (self->connection, NULL, NULL);
  if (self->is_shown)
    fputs ("\r\033[K", stderr);
  g_clear_pointer (&self->other, cli_connection_free);
  g_free (self);
}
