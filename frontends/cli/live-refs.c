/* live-refs.c - banyan inspect --connect: who is related to an object, and how
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

static void
add_relation (BanyanSpecBuilder *list, const char *relation, const char *path, const char *type,
              BanyanSpec *edge)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "relation", relation);
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "type", type);
  if (edge != NULL)
    {
      banyan_spec_builder_add_string (map, "edge", banyan_spec_lookup_text (edge, "path"));
      cli_add (map, "used", cli_spec_get (edge, "used"));
      cli_add (map, "shared", cli_spec_get (edge, "shared"));
    }
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
add_branches (BanyanSpecBuilder *list, LiveSession *session, GraphObject *object,
              gboolean is_inverse)
{
  g_autoptr (GArray) branches = graph_model_list_branches (session->graph, object, is_inverse);

  for (guint i = 0; i < branches->len; i++)
    {
      const GraphBranch *branch = &g_array_index (branches, GraphBranch, i);
      const char *relation = branch->edge != NULL ? (is_inverse ? "used by" : "uses")
                                                  : (is_inverse ? "member of" : "member");

      add_relation (list, relation, branch->object->path, live_name_type (branch->object),
                    branch->edge);
    }
}

/* Properties that lead to it, a throttle node's to its group for instance: the server knows them.
 */
static gboolean
add_links (BanyanSpecBuilder *list, LiveSession *session, const char *path, CliStatus *status)
{
  g_autoptr (BanyanSpec) refs = live_call_path (session, "query-refs", path, status);

  for (guint i = 0; i < cli_spec_count (refs); i++)
    {
      BanyanSpec *ref = banyan_spec_get_item (refs, i);
      const char *property = banyan_spec_lookup_text (ref, "property");
      GraphObject *user = graph_model_find (session->graph, banyan_spec_lookup_text (ref, "path"));
      g_autofree char *relation = g_strconcat ("linked as ", property, NULL);

      if (property != NULL)
        add_relation (list, relation, banyan_spec_lookup_text (ref, "path"),
                      user != NULL ? live_name_type (user) : NULL, NULL);
    }

  return refs != NULL;
}

static CliStatus
print_relations (BanyanSpec *relations)
{
  g_autoptr (CliTable) table = cli_table_new (0, 5);
  g_autoptr (GString) text = g_string_new (NULL);

  cli_table_set_style (table, 1, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (relations); i++)
    {
      BanyanSpec *relation = banyan_spec_get_item (relations, i);
      g_autofree char *used = cli_spec_join (cli_spec_get (relation, "used"), ", ");
      g_autofree char *taken = *used != '\0' ? g_strdup_printf ("[%s]", used) : NULL;
      const char *edge = banyan_spec_lookup_text (relation, "edge");
      g_autofree char *through = edge != NULL ? g_strconcat ("by ", edge, NULL) : NULL;

      cli_table_add (table, banyan_spec_lookup_text (relation, "relation"),
                     banyan_spec_lookup_text (relation, "path"),
                     banyan_spec_lookup_text (relation, "type"), through, taken);
    }
  cli_table_append_to (table, text);
  return cli_print (text->str);
}

/* NULL after it has said why. (transfer full) */
static BanyanSpec *
relate_object (LiveSession *session, const char *name, CliStatus *status)
{
  GraphObject *object = live_find (session, name, status);
  BanyanSpecBuilder *list;

  if (object == NULL)
    return NULL;

  list = banyan_spec_builder_new_list ();
  add_branches (list, session, object, TRUE);
  if (!add_links (list, session, object->path, status))
    {
      banyan_spec_builder_free (list);
      return NULL;
    }
  add_branches (list, session, object, FALSE);
  return banyan_spec_builder_end (list);
}

/* Its two ends. */
static BanyanSpec *
relate_edge (LiveSession *session, const char *name, CliStatus *status)
{
  GraphObject *owner;
  BanyanSpec *edge = live_find_edge (session, name, &owner, status);
  GraphObject *node;
  BanyanSpecBuilder *list;

  if (edge == NULL)
    return NULL;

  node = graph_model_find (session->graph, banyan_spec_lookup_text (edge, "node"));
  list = banyan_spec_builder_new_list ();
  add_relation (list, "used by", owner->path, live_name_type (owner), edge);
  if (node != NULL)
    add_relation (list, "uses", node->path, live_name_type (node), edge);
  return banyan_spec_builder_end (list);
}

CliStatus
live_run_refs (LiveSession *session, char **arguments)
{
  CliStatus status;
  const char *name = arguments[0];
  g_autoptr (BanyanSpec) relations = live_is_edge (name) ? relate_edge (session, name, &status)
                                                         : relate_object (session, name, &status);

  if (relations == NULL)
    return status;
  return session->options->as_json ? cli_print_json (relations) : print_relations (relations);
}
