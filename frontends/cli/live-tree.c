/* live-tree.c - banyan inspect --connect: ls and tree
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <string.h>

/* -- ls: one level. -- */

/* "child<delay>" is a delay. NULL: a property. (transfer full) */
static char *
child_type_of (BanyanSpec *entry)
{
  const char *type = banyan_spec_lookup_text (entry, "type");

  if (!g_str_has_prefix (type, "child<"))
    return NULL;
  type += strlen ("child<");
  return g_strndup (type, strcspn (type, ">"));
}

static void
add_entry (BanyanSpecBuilder *list, const char *kind, const char *name, const char *path,
           const char *type, const char *node)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "kind", kind);
  banyan_spec_builder_add_string (map, "name", name);
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "type", type);
  banyan_spec_builder_add_string (map, "node", node);
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
add_objects (BanyanSpecBuilder *list, BanyanSpec *entries, const char *path)
{
  for (guint i = 0; i < cli_spec_count (entries); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (entries, i);
      g_autofree char *type = child_type_of (entry);
      const char *name = banyan_spec_lookup_text (entry, "name");
      g_autofree char *inner = g_strconcat (g_str_equal (path, "/") ? "" : path, "/", name, NULL);

      if (type != NULL)
        add_entry (list, "object", name, inner, type, NULL);
    }
}

static void
add_edges (BanyanSpecBuilder *list, GraphObject *object)
{
  BanyanSpec *edges = object != NULL ? cli_spec_get (object->facts, "edges") : NULL;

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      const char *path = banyan_spec_lookup_text (edge, "path");

      add_entry (list, "edge", strrchr (path, ':'), path, "edge",
                 banyan_spec_lookup_text (edge, "node"));
    }
}

static CliStatus
print_entries (LiveSession *session, BanyanSpec *entries)
{
  g_autoptr (CliTable) table = cli_table_new (0, 3);
  g_autoptr (GString) text = g_string_new (NULL);

  cli_table_set_style (table, 0, CLI_BOLD);
  for (guint i = 0; i < cli_spec_count (entries); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (entries, i);
      GraphObject *object
          = graph_model_find (session->graph, banyan_spec_lookup_text (entry, "path"));
      g_autofree char *words = object != NULL ? graph_object_list_values (object, ", ") : NULL;
      const char *node = banyan_spec_lookup_text (entry, "node");
      g_autofree char *leads = node != NULL ? g_strconcat ("-> ", node, NULL) : NULL;

      cli_table_add (table, banyan_spec_lookup_text (entry, "name"),
                     banyan_spec_lookup_text (entry, "type"), leads != NULL ? leads : words);
    }
  cli_table_append_to (table, text);
  return cli_print (text->str);
}

/* What is no object of the graph's, as "/nodes", the server knows. */
static char *
complete_path (LiveSession *session, const char *name, CliStatus *status)
{
  static const char *const collections[]
      = { "/", "/frontends", "/jobs", "/nodes", "/objects", NULL };
  GraphObject *object;

  if (name == NULL || g_strv_contains (collections, name))
    return g_strdup (name != NULL ? name : "/");

  object = live_find (session, name, status);
  return object != NULL ? g_strdup (object->path) : NULL;
}

CliStatus
live_run_ls (LiveSession *session, char **arguments)
{
  CliStatus status;
  g_autofree char *path = complete_path (session, arguments[0], &status);
  g_autoptr (BanyanSpec) entries = NULL;
  g_autoptr (BanyanSpec) list = NULL;
  BanyanSpecBuilder *builder;

  if (path == NULL)
    return status;
  entries = live_call_path (session, "qom-list", path, &status);
  if (entries == NULL)
    return status;

  builder = banyan_spec_builder_new_list ();
  add_objects (builder, entries, path);
  add_edges (builder, graph_model_find (session->graph, path));
  list = banyan_spec_builder_end (builder);
  return session->options->as_json ? cli_print_json (list) : print_entries (session, list);
}

/* -- tree: all below, or above. -- */

#define MAX_DEPTH 256

static void add_tree (BanyanSpecBuilder *list, LiveSession *session, GraphObject *object,
                      BanyanSpec *edge, guint depth);

static void
add_below (BanyanSpecBuilder *map, LiveSession *session, GraphObject *object, guint depth)
{
  g_autoptr (GArray) branches
      = graph_model_list_branches (session->graph, object, session->options->is_inverse);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  object->is_drawn = TRUE;
  for (guint i = 0; i < branches->len; i++)
    {
      const GraphBranch *branch = &g_array_index (branches, GraphBranch, i);

      add_tree (list, session, branch->object, branch->edge, depth + 1);
    }
  banyan_spec_builder_take_built (map, session->options->is_inverse ? "users" : "children", list);
}

/* An object that stands in the tree already has "repeated" instead of what is below it. */
static void
add_tree (BanyanSpecBuilder *list, LiveSession *session, GraphObject *object, BanyanSpec *edge,
          guint depth)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "path", object->path);
  banyan_spec_builder_add_string (map, "id", banyan_spec_lookup_text (object->facts, "id"));
  banyan_spec_builder_add_string (map, "type", live_name_type (object));
  if (edge != NULL)
    {
      banyan_spec_builder_add_string (map, "edge", banyan_spec_lookup_text (edge, "path"));
      banyan_spec_builder_add_string (map, "role", banyan_spec_lookup_text (edge, "role"));
      cli_add (map, "used", cli_spec_get (edge, "used"));
      cli_add (map, "shared", cli_spec_get (edge, "shared"));
    }
  if (object->is_drawn || depth > MAX_DEPTH)
    banyan_spec_builder_add_boolean (map, "repeated", TRUE);
  else
    add_below (map, session, object, depth);
  banyan_spec_builder_take_built (list, NULL, map);
}

static CliStatus
print_tree_json (LiveSession *session, const char *root)
{
  g_autoptr (GPtrArray) roots
      = graph_model_list_roots (session->graph, root, session->options->is_inverse);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) tree = NULL;

  for (guint i = 0; i < roots->len; i++)
    add_tree (list, session, roots->pdata[i], NULL, 0);
  tree = banyan_spec_builder_end (list);
  return cli_print_json (tree);
}

CliStatus
live_run_tree (LiveSession *session, char **arguments)
{
  CliStatus status;
  GraphObject *root = NULL;
  g_autofree char *text = NULL;

  if (arguments[0] != NULL && (root = live_find (session, arguments[0], &status)) == NULL)
    return status;
  if (session->options->as_json)
    return print_tree_json (session, root != NULL ? root->path : NULL);

  text = graph_draw_text (session->graph, root != NULL ? root->path : NULL,
                          session->options->is_inverse);
  return cli_print (text);
}
