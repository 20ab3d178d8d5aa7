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
  object->path = cli_spec_text (facts, "path");
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
      GraphObject *node
          = graph_model_find (self, cli_spec_text (banyan_spec_get_item (edges, i), "node"));

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

/* -- In words. -- */

static char *
shorten (const char *text)
{
  if (g_utf8_strlen (text, -1) <= MAX_VALUE)
    return g_strdup (text);

  g_autofree char *begin = g_utf8_substring (text, 0, MAX_VALUE);

  return g_strconcat (begin, "...", NULL);
}

static void append_values (GPtrArray *parts, const char *name, BanyanSpec *value);

static void
append_fields (GPtrArray *parts, const char *name, BanyanSpec *map)
{
  for (guint i = 0; i < cli_spec_count (map); i++)
    {
      g_autofree char *inner = g_strconcat (name, ".", banyan_spec_get_key (map, i), NULL);

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
graph_object_describe (const GraphObject *self, const char *separator)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);
  BanyanSpec *properties = cli_spec_get (self->facts, "properties");
  const char *type = cli_spec_text (self->facts, "type");
  g_autofree char *joined = NULL;

  if (type != NULL)
    g_ptr_array_add (parts, g_strdup (type));
  for (guint i = 0; i < cli_spec_count (properties); i++)
    append_values (parts, banyan_spec_get_key (properties, i),
                   banyan_spec_get_item (properties, i));
  if (parts->len > MAX_PROPERTIES + 1)
    {
      g_ptr_array_set_size (parts, MAX_PROPERTIES + 1);
      g_ptr_array_add (parts, g_strdup ("..."));
    }

  g_ptr_array_add (parts, NULL);
  joined = g_strjoinv (separator, (char **) parts->pdata);
  return cli_make_printable (joined);
}

char *
graph_edge_describe (BanyanSpec *edge)
{
  return cli_spec_join (cli_spec_get (edge, "used"), ", ");
}
