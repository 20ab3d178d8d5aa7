/* commands-graph.c - commands that tell about the graph as a whole
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

/* -- query-graph: the running graph in the words of banyan graph --json. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryGraph;

QMP_DEFINE_COMMAND (QmpQueryGraph, query_graph)

/* A change with no step in it describes the graph as it is. */
static BanyanSpec *
query_graph_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanTransaction) nothing
      = banyan_transaction_new (banyan_monitor_get_graph (monitor));
  BanyanSpec *description = banyan_transaction_describe_graph (nothing, problems);

  if (description == NULL)
    banyan_problems_check (problems, error);
  return description;
}

static void
query_graph_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_graph_run;
  banyan_command_class_describe (
      klass, "query-graph", 0,
      "[{ path: str, id: str, '*type': str, gtype: str, '*implicit': bool, properties: any, "
      "edges: [{ path: str, role: str, node: str, used: [str], shared: [str] }] }]");
}
