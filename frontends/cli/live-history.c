/* live-history.c - banyan inspect --connect: history, what happened
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

/* "set /nodes/slow.read-delay=7" */
static void
append_step (GString *text, BanyanSpec *step)
{
  const char *object = banyan_spec_lookup_text (step, "object");
  const char *edge = banyan_spec_lookup_text (step, "edge");
  const char *other = banyan_spec_lookup_text (step, "other");
  const char *key = banyan_spec_lookup_text (step, "key");
  const char *length = banyan_spec_lookup_text (step, "length");
  BanyanSpec *value = cli_spec_get (step, "value");

  g_string_append_printf (text, "%s%s", text->len > 0 ? "; " : "",
                          banyan_spec_lookup_text (step, "step"));
  if (object != NULL)
    g_string_append_printf (text, " %s", object);
  if (key != NULL)
    g_string_append_printf (text, ".%s", key);
  if (value != NULL)
    {
      g_autofree char *words = cli_spec_to_line (value);

      g_string_append_printf (text, "=%s", words);
    }
  if (edge != NULL)
    g_string_append_printf (text, " %s", edge);
  if (other != NULL)
    g_string_append_printf (text, " %s", other);
  if (length != NULL)
    g_string_append_printf (text, " to %s", length);
}

static char *
describe_steps (BanyanSpec *entry)
{
  BanyanSpec *steps = cli_spec_get (entry, "steps");
  const char *more = banyan_spec_lookup_text (entry, "more-steps");
  const char *error = banyan_spec_lookup_text (entry, "error");
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < cli_spec_count (steps); i++)
    append_step (text, banyan_spec_get_item (steps, i));
  if (more != NULL)
    g_string_append_printf (text, "; and %s more", more);
  if (error != NULL)
    g_string_append_printf (text, ": %s", error);
  return g_string_free (text, FALSE);
}

static CliStatus
print_history (BanyanSpec *history)
{
  g_autoptr (CliTable) table = cli_table_new (0, 6);
  g_autoptr (GString) text = g_string_new (NULL);

  cli_table_add (table, "ended", "by", "", "took", "gates shut", "steps");
  for (guint i = 0; i < cli_spec_count (history); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (history, i);
      g_autofree char *time = live_format_time (live_read_integer (entry, "time-us"));
      g_autofree char *took = live_format_us (live_read_integer (entry, "duration-us"));
      g_autofree char *drained = live_format_us (live_read_integer (entry, "drained-us"));
      g_autofree char *steps = describe_steps (entry);

      cli_table_add (table, time, banyan_spec_lookup_text (entry, "owner"),
                     banyan_spec_lookup_text (entry, "result"), took, drained, steps);
    }
  cli_table_append_to (table, text);
  return cli_print (text->str);
}

CliStatus
live_run_history (LiveSession *session, char **arguments)
{
  CliStatus status;
  g_autoptr (BanyanSpec) history
      = cli_call_or_say (session->connection, "query-history", NULL, &status);

  if (history == NULL)
    return status;
  return session->options->as_json ? cli_print_json (history) : print_history (history);
}
