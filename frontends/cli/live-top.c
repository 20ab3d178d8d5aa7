/* live-top.c - banyan inspect --connect: top, rates a line each
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <stdio.h>
#include <unistd.h>

static char *
format_count (double count)
{
  return g_strdup_printf (count < 10 && count > 0 ? "%.1f" : "%.0f", count);
}

static void
add_line (CliTable *table, const LiveRate *rate)
{
  g_autofree char *reads = format_count (rate->reads);
  g_autofree char *writes = format_count (rate->writes);
  g_autofree char *others = format_count (rate->others);
  g_autofree char *read_bytes = live_format_bytes (rate->read_bytes);
  g_autofree char *write_bytes = live_format_bytes (rate->write_bytes);
  g_autofree char *read_time = live_format_us (rate->read_us);
  g_autofree char *write_time = live_format_us (rate->write_us);
  g_autofree char *in_flight = g_strdup_printf ("%" G_GUINT64_FORMAT, rate->in_flight);

  cli_table_add (table, rate->path, reads, read_bytes, read_time, writes, write_bytes, write_time,
                 others, in_flight, rate->node);
}

static void
print_lines (GPtrArray *rates)
{
  g_autoptr (CliTable) table = cli_table_new (0, 10);
  g_autoptr (GString) text = g_string_new (NULL);

  cli_table_add (table, "who", "reads/s", "bytes/s", "each", "writes/s", "bytes/s", "each",
                 "others/s", "in flight", "node");
  for (guint i = 0; i < rates->len; i++)
    add_line (table, rates->pdata[i]);
  cli_table_append_to (table, text);
  fputs (text->str, stdout);
}

static void
add_rate (BanyanSpecBuilder *map, const char *key, double rate)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (rate >= 0)
    cli_add_number (map, key, g_ascii_formatd (text, sizeof text, "%.3f", rate));
}

static void
print_json (GPtrArray *rates)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) all = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < rates->len; i++)
    {
      const LiveRate *rate = rates->pdata[i];
      BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (map, "path", rate->path);
      banyan_spec_builder_add_string (map, "node", rate->node);
      add_rate (map, "reads", rate->reads);
      add_rate (map, "read-bytes", rate->read_bytes);
      add_rate (map, "read-us", rate->read_us);
      add_rate (map, "writes", rate->writes);
      add_rate (map, "write-bytes", rate->write_bytes);
      add_rate (map, "write-us", rate->write_us);
      add_rate (map, "others", rate->others);
      banyan_spec_builder_add_uint (map, "in-flight", rate->in_flight);
      banyan_spec_builder_take_built (list, NULL, map);
    }
  all = banyan_spec_builder_end (list);
  text = g_strchomp (banyan_spec_to_json (all, FALSE));
  puts (text);
}

/* -- Counts: of backends, and of those edges that count. -- */

static void
add_edges_of (BanyanSpecBuilder *list, BanyanSpec *node)
{
  BanyanSpec *edges = cli_spec_get (node, "edges");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

      banyan_spec_builder_add_string (map, "qdev", banyan_spec_lookup_text (edge, "path"));
      banyan_spec_builder_add_string (map, "node-name",
                                      banyan_spec_lookup_text (node, "node-name"));
      cli_add (map, "stats", cli_spec_get (edge, "stats"));
      banyan_spec_builder_take_built (list, NULL, map);
    }
}

void
live_add_edge_counts (BanyanSpecBuilder *list, BanyanSpec *nodes)
{
  for (guint i = 0; i < cli_spec_count (nodes); i++)
    add_edges_of (list, banyan_spec_get_item (nodes, i));
}

static BanyanSpec *
ask_for_nodes (LiveSession *session, CliStatus *status)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_boolean (map, "query-nodes", TRUE);
  return cli_call_or_say (session->connection, "query-blockstats", banyan_spec_builder_end (map),
                          status);
}

/* In one list. NULL after it has said why. (transfer full) */
static BanyanSpec *
ask_for_counts (LiveSession *session, CliStatus *status)
{
  g_autoptr (BanyanSpec) backends
      = cli_call_or_say (session->connection, "query-blockstats", NULL, status);
  g_autoptr (BanyanSpec) nodes = backends != NULL ? ask_for_nodes (session, status) : NULL;
  BanyanSpecBuilder *list;

  if (nodes == NULL)
    return NULL;

  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < cli_spec_count (backends); i++)
    cli_add (list, NULL, banyan_spec_get_item (backends, i));
  live_add_edge_counts (list, nodes);
  return banyan_spec_builder_end (list);
}

/* -- Rounds. -- */

/* A terminal shows the newest only. */
static void
print_round (LiveSession *session, GPtrArray *rates)
{
  if (session->options->as_json)
    print_json (rates);
  else
    {
      if (!session->options->is_batch && isatty (STDOUT_FILENO))
        fputs ("\033[H\033[2J", stdout);
      print_lines (rates);
    }
  fflush (stdout);
}

CliStatus
live_run_top (LiveSession *session, char **arguments)
{
  CliStatus status;
  gint64 began_us = g_get_monotonic_time ();
  g_autoptr (BanyanSpec) before = ask_for_counts (session, &status);

  for (int round = 0; before != NULL; round++)
    {
      g_autoptr (BanyanSpec) after = NULL;
      g_autoptr (GPtrArray) rates = NULL;
      gint64 now_us;

      if (session->options->count > 0 && round == session->options->count)
        return CLI_DONE;

      g_usleep (session->options->interval * G_USEC_PER_SEC);
      after = ask_for_counts (session, &status);
      if (after == NULL)
        return status;

      now_us = g_get_monotonic_time ();
      rates = live_rates_new (before, after, (now_us - began_us) / 1e6);
      print_round (session, rates);
      began_us = now_us;
      banyan_spec_unref (before);
      before = g_steal_pointer (&after);
    }

  return status;
}
