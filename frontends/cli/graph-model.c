/* graph-model.c - the objects and edges of a graph, ready to be drawn
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph.h"

/* What does not fit into a line is for inspect to show. */
#define MAX_PROPERTIES 4
#define MAX_VALUE 40

GraphObject *
graph_model_find (GraphModel *self, const char *path)
{
  return path != NULL ? g_hash_table_lookup (self->by_path, path) : NULL;
}

static void
add_object (GraphModel *self, BanyanSpec *facts)
{
  GraphObject *object = g_new0 (GraphObject, 1);

  object->facts = facts;
  object->path = banyan_spec_lookup_text (facts, "path");
  object->is_node = g_str_has_prefix (object->path, "/nodes/");
  g_ptr_array_add (self->objects, object);
  g_hash_table_insert (self->by_path, (gpointer) object->path, object);
}

static void
mark_used (GraphModel *self, GraphObject *object)
{
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      GraphObject *node = graph_model_find (
          self, banyan_spec_lookup_text (banyan_spec_get_item (edges, i), "node"));

      if (node != NULL)
        node->is_used = TRUE;
    }
}

/* "/frontends/nbd0/disk0" is a member of "/frontends/nbd0". */
static void
find_parent (GraphModel *self, GraphObject *object)
{
  g_autofree char *outer = g_path_get_dirname (object->path);
  GraphObject *parent = graph_model_find (self, outer);

  object->parent = parent != NULL ? parent->path : NULL;
}

GraphModel *
graph_model_new (BanyanSpec *description)
{
  GraphModel *self = g_new0 (GraphModel, 1);

  self->objects = g_ptr_array_new_with_free_func (g_free);
  self->by_path = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < cli_spec_count (description); i++)
    add_object (self, banyan_spec_get_item (description, i));
  for (guint i = 0; i < self->objects->len; i++)
    {
      mark_used (self, self->objects->pdata[i]);
      find_parent (self, self->objects->pdata[i]);
    }

  return self;
}

void
graph_model_free (GraphModel *self)
{
  g_hash_table_unref (self->by_path);
  g_ptr_array_unref (self->objects);
  g_free (self);
}

/* -- As a tree. -- */

static void
add_branch (GArray *branches, GraphObject *object, BanyanSpec *edge)
{
  const GraphBranch branch = { object, edge };

  if (object != NULL)
    g_array_append_val (branches, branch);
}

/* In the direction of requests. */
static void
add_used (GraphModel *self, GArray *branches, GraphObject *object)
{
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);

      add_branch (branches, graph_model_find (self, banyan_spec_lookup_text (edge, "node")), edge);
    }
  for (guint i = 0; i < self->objects->len; i++)
    {
      GraphObject *member = self->objects->pdata[i];

      if (g_strcmp0 (member->parent, object->path) == 0)
        add_branch (branches, member, NULL);
    }
}

static void
add_users (GraphModel *self, GArray *branches, GraphObject *object)
{
  for (guint i = 0; i < self->objects->len; i++)
    {
      GraphObject *user = self->objects->pdata[i];
      BanyanSpec *edges = cli_spec_get (user->facts, "edges");

      for (guint j = 0; j < cli_spec_count (edges); j++)
        {
          BanyanSpec *edge = banyan_spec_get_item (edges, j);

          if (g_strcmp0 (banyan_spec_lookup_text (edge, "node"), object->path) == 0)
            add_branch (branches, user, edge);
        }
    }
  add_branch (branches, graph_model_find (self, object->parent), NULL);
}

GArray *
graph_model_list_branches (GraphModel *self, GraphObject *object, gboolean is_inverse)
{
  GArray *branches = g_array_new (FALSE, FALSE, sizeof (GraphBranch));

  if (is_inverse)
    add_users (self, branches, object);
  else
    add_used (self, branches, object);
  return branches;
}

static gboolean
is_root (GraphModel *self, GraphObject *object, gboolean is_inverse)
{
  g_autoptr (GArray) below = NULL;

  if (!is_inverse)
    return object->parent == NULL && !object->is_used;

  below = graph_model_list_branches (self, object, FALSE);
  return below->len == 0;
}

static void
add_roots (GraphModel *self, GPtrArray *roots, const char *section, gboolean is_inverse)
{
  for (guint i = 0; i < self->objects->len; i++)
    {
      GraphObject *object = self->objects->pdata[i];

      if (g_str_has_prefix (object->path, section) && is_root (self, object, is_inverse))
        g_ptr_array_add (roots, object);
    }
}

GPtrArray *
graph_model_list_roots (GraphModel *self, const char *path, gboolean is_inverse)
{
  static const char *const down[] = { "/frontends/", "/jobs/", "/nodes/", "/objects/" };
  static const char *const up[] = { "/nodes/", "/objects/", "/jobs/", "/frontends/" };
  GPtrArray *roots = g_ptr_array_new ();

  if (path != NULL && graph_model_find (self, path) != NULL)
    g_ptr_array_add (roots, graph_model_find (self, path));
  for (guint i = 0; path == NULL && i < G_N_ELEMENTS (down); i++)
    add_roots (self, roots, is_inverse ? up[i] : down[i], is_inverse);
  return roots;
}

/* -- In words. -- */

/* A part of a line: nothing in it may end that. */
static char *
shorten (const char *text)
{
  if (g_utf8_strlen (text, -1) <= MAX_VALUE)
    return cli_make_line (text);

  g_autofree char *begin = g_utf8_substring (text, 0, MAX_VALUE);
  g_autofree char *line = cli_make_line (begin);

  return g_strconcat (line, "...", NULL);
}

static void append_values (GPtrArray *parts, const char *name, BanyanSpec *value);

static void
append_fields (GPtrArray *parts, const char *name, BanyanSpec *map)
{
  for (guint i = 0; i < cli_spec_count (map); i++)
    {
      g_autofree char *key = cli_make_line (banyan_spec_get_key (map, i));
      g_autofree char *inner = g_strconcat (name, ".", key, NULL);

      append_values (parts, inner, banyan_spec_get_item (map, i));
    }
}

static void
append_values (GPtrArray *parts, const char *name, BanyanSpec *value)
{
  switch (banyan_spec_get_kind (value))
    {
    case BANYAN_SPEC_NULL:
      g_ptr_array_add (parts, g_strconcat (name, "=null", NULL));
      return;
    case BANYAN_SPEC_LIST:
      g_ptr_array_add (parts, g_strdup_printf ("%s: %u", name, banyan_spec_get_length (value)));
      return;
    case BANYAN_SPEC_MAP:
      append_fields (parts, name, value);
      return;
    default:
      {
        g_autofree char *text = shorten (banyan_spec_get_text (value));

        g_ptr_array_add (parts, g_strconcat (name, "=", text, NULL));
      }
    }
}

char *
graph_object_list_values (const GraphObject *self, const char *separator)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);
  BanyanSpec *properties = cli_spec_get (self->facts, "properties");
  g_autofree char *joined = NULL;

  for (guint i = 0; i < cli_spec_count (properties); i++)
    append_values (parts, banyan_spec_get_key (properties, i),
                   banyan_spec_get_item (properties, i));
  if (parts->len > MAX_PROPERTIES)
    {
      g_ptr_array_set_size (parts, MAX_PROPERTIES);
      g_ptr_array_add (parts, g_strdup ("..."));
    }

  g_ptr_array_add (parts, NULL);
  joined = g_strjoinv (separator, (char **) parts->pdata);
  return cli_make_printable (joined);
}

char *
graph_object_describe (const GraphObject *self, const char *separator)
{
  g_autofree char *values = graph_object_list_values (self, separator);
  const char *type = banyan_spec_lookup_text (self->facts, "type");

  if (type == NULL)
    return g_steal_pointer (&values);
  return g_strconcat (type, *values != '\0' ? separator : "", values, NULL);
}

char *
graph_edge_describe (BanyanSpec *edge)
{
  return cli_spec_join (cli_spec_get (edge, "used"), ", ");
}
