/* graph-dot.c - banyan graph --dot: for graphviz
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph.h"

/* A string in double quotes, where "\n" breaks lines. */
static void
append_quoted (GString *text, const char *words)
{
  g_string_append_c (text, '"');
  for (; *words != '\0'; words++)
    {
      if (*words == '"' || *words == '\\')
        g_string_append_c (text, '\\');
      if (*words == '\n')
        g_string_append (text, "\\n");
      else
        g_string_append_c (text, *words);
    }
  g_string_append_c (text, '"');
}

static void
append_object (GString *text, const GraphObject *object)
{
  g_autofree char *words = graph_object_describe (object, "\n");
  g_autofree char *label = g_strdup_printf ("%s\n%s", cli_spec_text (object->facts, "id"), words);

  g_string_append (text, "  ");
  append_quoted (text, object->path);
  g_string_append (text, " [label=");
  append_quoted (text, g_strchomp (label));
  if (!object->is_node)
    g_string_append (text, ", style=\"rounded,filled\", fillcolor=\"#e8f0fe\"");
  else if (cli_spec_flag (object->facts, "implicit"))
    g_string_append (text, ", style=dashed");
  g_string_append (text, "];\n");
}

static void
append_line (GString *text, const char *from, const char *to, const char *label, const char *style)
{
  g_string_append (text, "  ");
  append_quoted (text, from);
  g_string_append (text, " -> ");
  append_quoted (text, to);
  g_string_append (text, " [");
  if (label != NULL)
    {
      g_string_append (text, "label=");
      append_quoted (text, label);
    }
  g_string_append_printf (text, "%s%s];\n", label != NULL && *style != '\0' ? ", " : "", style);
}

static void
append_edges (GString *text, const GraphObject *object)
{
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");

  if (object->parent != NULL)
    append_line (text, object->parent, object->path, NULL, "arrowhead=none");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      g_autofree char *used = graph_edge_describe (edge);
      g_autofree char *label = g_strdup_printf ("%s\n%s", cli_spec_text (edge, "role"), used);

      append_line (text, object->path, cli_spec_text (edge, "node"), g_strchomp (label), "");
    }
}

/* A property whose value is another object's id is a link to it: it is no edge that requests take,
 * and drawn as such. */
static void
append_links (GString *text, GraphModel *model, const GraphObject *object)
{
  BanyanSpec *properties = cli_spec_get (object->facts, "properties");

  for (guint i = 0; i < cli_spec_count (properties); i++)
    {
      const char *key = banyan_spec_get_key (properties, i);
      const char *value = cli_spec_text (properties, key);
      g_autofree char *path = value != NULL ? g_strconcat ("/objects/", value, NULL) : NULL;
      GraphObject *target = graph_model_find (model, path);

      if (target != NULL)
        append_line (text, object->path, target->path, key, "style=dashed");
    }
}

char *
graph_draw_dot (GraphModel *model)
{
  GString *text = g_string_new ("digraph banyan {\n"
                                "  rankdir=TB;\n"
                                "  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n"
                                "  edge [fontname=\"sans-serif\", fontsize=9];\n");

  for (guint i = 0; i < model->objects->len; i++)
    append_object (text, model->objects->pdata[i]);
  for (guint i = 0; i < model->objects->len; i++)
    {
      append_edges (text, model->objects->pdata[i]);
      append_links (text, model, model->objects->pdata[i]);
    }

  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}
