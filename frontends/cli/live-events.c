/* live-events.c - banyan inspect --connect: watch, what happens
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <stdio.h>

char *
live_format_time (gint64 time_us)
{
  g_autoptr (GDateTime) seconds = g_date_time_new_from_unix_local (time_us / G_USEC_PER_SEC);
  g_autofree char *text = seconds != NULL ? g_date_time_format (seconds, "%H:%M:%S") : NULL;

  return g_strdup_printf ("%s.%03d", text != NULL ? text : "?",
                          (int) (time_us % G_USEC_PER_SEC / 1000));
}

gint64
live_read_integer (BanyanSpec *map, const char *key)
{
  const char *text = banyan_spec_lookup_text (map, key);

  return text != NULL ? g_ascii_strtoll (text, NULL, 10) : 0;
}

/* "path=/nodes/new driver=raw". (transfer full) */
static char *
describe_data (BanyanSpec *data)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < cli_spec_count (data); i++)
    {
      g_autofree char *value = cli_spec_to_line (banyan_spec_get_item (data, i));

      g_string_append_printf (text, "%s%s=%s", i > 0 ? " " : "", banyan_spec_get_key (data, i),
                              value);
    }

  return g_string_free (text, FALSE);
}

static char *
describe_event (BanyanSpec *event)
{
  BanyanSpec *data = cli_spec_get (event, "data");
  BanyanSpec *value = cli_spec_get (data, "value");
  const char *property = banyan_spec_lookup_text (data, "property");
  g_autofree char *text = NULL;

  if (property == NULL || value == NULL)
    return describe_data (data);

  text = cli_spec_to_line (value);
  return g_strdup_printf ("%s.%s = %s (%s)", banyan_spec_lookup_text (data, "path"), property, text,
                          banyan_spec_lookup_text (data, "origin"));
}

static void
print_event (BanyanSpec *event)
{
  BanyanSpec *stamp = cli_spec_get (event, "timestamp");
  g_autofree char *time = live_format_time (live_read_integer (stamp, "seconds") * G_USEC_PER_SEC
                                            + live_read_integer (stamp, "microseconds"));
  g_autofree char *words = describe_event (event);
  g_autofree char *name = cli_make_printable (banyan_spec_lookup_text (event, "event"));

  printf ("%s  %s  %s\n", time, name, words);
}

static void
print_event_json (BanyanSpec *event)
{
  g_autofree char *text = g_strchomp (banyan_spec_to_json (event, FALSE));

  puts (text);
}

static CliStatus
print_events (LiveSession *session)
{
  g_autoptr (GError) error = NULL;
  BanyanSpec *event;
  int n = 0;

  while ((event = cli_next_event (session->connection, &error)) != NULL)
    {
      if (session->options->as_json)
        print_event_json (event);
      else
        print_event (event);
      fflush (stdout);
      banyan_spec_unref (event);
      if (session->options->count > 0 && ++n == session->options->count)
        return CLI_DONE;
    }

  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
             ? CLI_DONE
             : cli_fail (CLI_CANNOT_CONNECT, "%s", error->message);
}

CliStatus
live_run_watch (LiveSession *session, char **arguments)
{
  CliStatus status;
  GraphObject *object = NULL;
  g_autoptr (BanyanSpec) done = NULL;

  if (arguments[0] != NULL && (object = live_find (session, arguments[0], &status)) == NULL)
    return status;

  done = live_call_path (session, "subscribe", object != NULL ? object->path : "/", &status);
  return done != NULL ? print_events (session) : status;
}
