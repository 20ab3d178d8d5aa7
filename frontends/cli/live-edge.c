/* live-edge.c - banyan inspect --connect: an edge, by the path that it has: /nodes/disk0:file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <string.h>

gboolean
live_is_edge (const char *name)
{
  return strchr (name, ':') != NULL;
}

static void
complain_of_role (GraphObject *owner, const char *role)
{
  BanyanSpec *edges = cli_spec_get (owner->facts, "edges");
  g_autoptr (GPtrArray) roles = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; i < cli_spec_count (edges); i++)
    g_ptr_array_add (roles,
                     (gpointer) banyan_spec_lookup_text (banyan_spec_get_item (edges, i), "role"));
  g_ptr_array_add (roles, NULL);

  nearest = banyan_did_you_mean (role, (const char *const *) roles->pdata);
  if (nearest != NULL)
    cli_message ("%s has no edge \"%s\"; did you mean \"%s\"?", owner->path, role, nearest);
  else
    cli_message ("%s has no edge \"%s\"", owner->path, role);
}

BanyanSpec *
live_find_edge (LiveSession *self, const char *name, GraphObject **owner, CliStatus *status)
{
  const char *role = strrchr (name, ':') + 1;
  g_autofree char *path = g_strndup (name, role - 1 - name);
  BanyanSpec *edges;

  *owner = live_find (self, path, status);
  if (*owner == NULL)
    return NULL;

  edges = cli_spec_get ((*owner)->facts, "edges");
  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);

      if (g_strcmp0 (banyan_spec_lookup_text (edge, "role"), role) == 0)
        return edge;
    }

  complain_of_role (*owner, role);
  *status = CLI_NOT_FOUND;
  return NULL;
}

/* -- show. -- */

static CliStatus
print_text (LiveSession *session, GraphObject *owner, BanyanSpec *edge)
{
  const char *leads = banyan_spec_lookup_text (edge, "node");
  GraphObject *node = graph_model_find (session->graph, leads);
  g_autofree char *taken = cli_spec_join (cli_spec_get (edge, "used"), ", ");
  g_autofree char *shared = cli_spec_join (cli_spec_get (edge, "shared"), ", ");
  g_autoptr (CliTable) table = cli_table_new (2, 3);
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%s%s%s: edge\n\n", cli_style_on (CLI_BOLD),
                          banyan_spec_lookup_text (edge, "path"), cli_style_off (CLI_BOLD));
  cli_table_add (table, "from", owner->path, live_name_type (owner));
  cli_table_add (table, "to", leads, node != NULL ? live_name_type (node) : NULL);
  cli_table_add (table, "takes", *taken != '\0' ? taken : "nothing", NULL);
  cli_table_add (table, "shares", *shared != '\0' ? shared : "nothing", NULL);
  cli_table_append_to (table, text);
  return cli_print (text->str);
}

static CliStatus
print_json (GraphObject *owner, BanyanSpec *edge)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) all = NULL;

  banyan_spec_builder_add_string (map, "path", banyan_spec_lookup_text (edge, "path"));
  banyan_spec_builder_add_string (map, "type", "edge");
  banyan_spec_builder_add_string (map, "parent", owner->path);
  cli_add (map, "role", cli_spec_get (edge, "role"));
  cli_add (map, "node", cli_spec_get (edge, "node"));
  cli_add (map, "used", cli_spec_get (edge, "used"));
  cli_add (map, "shared", cli_spec_get (edge, "shared"));
  all = banyan_spec_builder_end (map);
  return cli_print_json (all);
}

CliStatus
live_show_edge (LiveSession *session, const char *name)
{
  CliStatus status;
  GraphObject *owner;
  BanyanSpec *edge = live_find_edge (session, name, &owner, &status);

  if (edge == NULL)
    return status;
  return session->options->as_json ? print_json (owner, edge) : print_text (session, owner, edge);
}

/* -- Completion. -- */

void
live_offer_edges (GString *text, const char *prefix, LiveSession *session)
{
  const char *colon = strrchr (prefix, ':');
  g_autofree char *name = colon != NULL ? g_strndup (prefix, colon - prefix) : NULL;
  guint n_found;
  GraphObject *owner = name != NULL ? live_look_up (session->graph, name, &n_found) : NULL;
  BanyanSpec *edges = owner != NULL ? cli_spec_get (owner->facts, "edges") : NULL;

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      g_autofree char *word = g_strconcat (name, ":", banyan_spec_lookup_text (edge, "role"), NULL);

      cli_offer (text, prefix, word, banyan_spec_lookup_text (edge, "node"));
    }
}
