/* commands-find.c - objects by the names that clients give, and objects that they declare
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

BanyanNode *
qmp_find_node (BanyanMonitor *monitor, const char *name, GError **error)
{
  BanyanNode *node = banyan_graph_get_node (banyan_monitor_get_graph (monitor), name);

  if (node == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                 "Cannot find node-name='%s'", name);
  return node;
}

gboolean
qmp_add_declared (BanyanMonitor *monitor, const char *collection, BanyanSpec *spec,
                  BanyanTransaction *transaction, GError **error)
{
  BanyanGraph *graph = banyan_monitor_get_graph (monitor);
  BanyanObject *parent = banyan_object_get_child (BANYAN_OBJECT (graph), collection);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (BANYAN_ROOT (graph), NULL, problems);
  g_autoptr (GPtrArray) objects = NULL;

  banyan_mapper_declare (mapper, BANYAN_COLLECTION (parent), NULL, NULL, spec);
  objects = banyan_mapper_build (mapper);
  if (!banyan_problems_check (problems, error))
    return FALSE;

  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], NULL);
  return TRUE;
}
