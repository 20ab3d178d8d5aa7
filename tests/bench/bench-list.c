/* bench-list.c - what it costs to tell everything about a thousand objects in one answer
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The command as a monitor runs it, and its answer as JSON, without the socket. Time of the
 * processor, which what else runs on the machine does not lengthen much. */

#include <banyan/banyan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OBJECTS 1000
#define ROUNDS 21
#define GOAL_MS 20

static void
must (gboolean succeeded, GError *error)
{
  if (succeeded)
    return;

  fprintf (stderr, "bench-list: %s\n", error != NULL ? error->message : "failed");
  exit (1);
}

static double
now_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static char *
make_document (void)
{
  GString *text = g_string_new ("version: 1\nnodes:\n  disk0: { driver: memory, size: 1M }\n");

  for (guint i = 1; i < OBJECTS; i++)
    g_string_append_printf (text, "  n%u: { driver: delay, file: disk0 }\n", i);
  return g_string_free (text, FALSE);
}

static BanyanSpec *
make_arguments (void)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *paths = banyan_spec_builder_new_list ();

  banyan_spec_builder_add_string (paths, NULL, "/nodes/disk0");
  for (guint i = 1; i < OBJECTS; i++)
    {
      g_autofree char *path = g_strdup_printf ("/nodes/n%u", i);

      banyan_spec_builder_add_string (paths, NULL, path);
    }
  banyan_spec_builder_take_built (map, "paths", paths);
  return banyan_spec_builder_end (map);
}

/* Bytes of the answer. */
static gsize
list (BanyanMonitor *monitor, BanyanSpec *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) answer
      = banyan_monitor_execute (monitor, "qom-list-get", arguments, &error);
  g_autofree char *text = NULL;

  must (answer != NULL, error);
  text = banyan_spec_to_json (answer, FALSE);
  return strlen (text);
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *document = make_document ();
  g_autoptr (BanyanSpec) arguments = make_arguments ();
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (BanyanMonitor) monitor = banyan_monitor_new (graph, "bench");
  double best_ms = G_MAXDOUBLE;
  gsize length = 0;

  must (banyan_graph_load (graph, document, -1, "bench.yaml", NULL, &error), error);
  for (guint i = 0; i < ROUNDS; i++)
    {
      double start_ms = now_ms ();

      length = list (monitor, arguments);
      best_ms = MIN (best_ms, now_ms () - start_ms);
    }

  printf ("qom-list-get of %u objects: %" G_GSIZE_FORMAT " bytes, %5.2f ms, goal <= %u: %s\n",
          OBJECTS, length, best_ms, GOAL_MS, best_ms <= GOAL_MS ? "met" : "not met");
  must (banyan_graph_close (graph, &error), error);
  return 0;
}
