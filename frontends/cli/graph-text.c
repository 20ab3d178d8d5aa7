/* graph-text.c - banyan graph: a tree of lines
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What serves stands at the top, what it stands on below it. A node with several users is drawn
 * below the first, and the others refer to it. */

#include "graph.h"

/* No graph that works is deeper, and a circle is refused before anyone draws it. */
#define MAX_DEPTH 256

typedef struct
{
  const char *branch;
  const char *last_branch;
  const char *trunk;
  const char *gap;
} Lines;

static const Lines *
choose_lines (void)
{
  static const Lines drawn = { "├─ ", "└─ ", "│  ", "   " };
  static const Lines typed = { "|- ", "`- ", "|  ", "   " };

  return g_get_charset (NULL) ? &drawn : &typed;
}

typedef struct
{
  GraphModel *model;
  const Lines *lines;
  GString *text;
} Drawing;

static void
append_words (Drawing *drawing, GraphObject *object)
{
  g_autofree char *words = graph_object_describe (object, ", ");

  g_string_append_printf (drawing->text, "%s%s%s", cli_style_on (CLI_BOLD),
                          cli_spec_text (object->facts, "id"), cli_style_off (CLI_BOLD));
  if (*words != '\0')
    g_string_append_printf (drawing->text, " (%s)", words);
}

static void draw_below (Drawing *drawing, GraphObject *object, const char *indent, guint depth);

static void
draw_edge (Drawing *drawing, BanyanSpec *edge)
{
  g_autofree char *used = graph_edge_describe (edge);

  if (*used != '\0')
    g_string_append_printf (drawing->text, "%s [%s]%s", cli_style_on (CLI_DIM), used,
                            cli_style_off (CLI_DIM));
}

/* @edge NULL: a member of what stands above. */
static void
draw_child (Drawing *drawing, GraphObject *object, BanyanSpec *edge, const char *indent,
            gboolean is_last, guint depth)
{
  const Lines *lines = drawing->lines;
  g_autofree char *deeper = g_strconcat (indent, is_last ? lines->gap : lines->trunk, NULL);

  g_string_append_printf (drawing->text, "%s%s", indent,
                          is_last ? lines->last_branch : lines->branch);
  if (edge != NULL)
    g_string_append_printf (drawing->text, "%s: ", cli_spec_text (edge, "role"));

  if (object->is_drawn)
    g_string_append_printf (drawing->text, "%s, see above", cli_spec_text (object->facts, "id"));
  else
    append_words (drawing, object);
  if (edge != NULL)
    draw_edge (drawing, edge);
  g_string_append_c (drawing->text, '\n');

  if (!object->is_drawn && depth < MAX_DEPTH)
    draw_below (drawing, object, deeper, depth + 1);
}

static GPtrArray *
list_members (Drawing *drawing, GraphObject *owner)
{
  GPtrArray *members = g_ptr_array_new ();

  for (guint i = 0; i < drawing->model->objects->len; i++)
    {
      GraphObject *object = drawing->model->objects->pdata[i];

      if (g_strcmp0 (object->parent, owner->path) == 0)
        g_ptr_array_add (members, object);
    }

  return members;
}

static void
draw_below (Drawing *drawing, GraphObject *object, const char *indent, guint depth)
{
  g_autoptr (GPtrArray) members = list_members (drawing, object);
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");
  guint n_edges = cli_spec_count (edges);

  object->is_drawn = TRUE;
  for (guint i = 0; i < n_edges; i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      GraphObject *node = graph_model_find (drawing->model, cli_spec_text (edge, "node"));

      if (node != NULL)
        draw_child (drawing, node, edge, indent, i + 1 == n_edges && members->len == 0, depth);
    }
  for (guint i = 0; i < members->len; i++)
    draw_child (drawing, members->pdata[i], NULL, indent, i + 1 == members->len, depth);
}

static gboolean
is_root (GraphObject *object)
{
  return object->parent == NULL && !object->is_used;
}

static void
draw_roots (Drawing *drawing, const char *prefix)
{
  for (guint i = 0; i < drawing->model->objects->len; i++)
    {
      GraphObject *object = drawing->model->objects->pdata[i];

      if (!is_root (object) || !g_str_has_prefix (object->path, prefix))
        continue;
      append_words (drawing, object);
      g_string_append_c (drawing->text, '\n');
      draw_below (drawing, object, "", 0);
    }
}

char *
graph_draw_text (GraphModel *model)
{
  static const char *const sections[] = { "/frontends/", "/jobs/", "/nodes/", "/objects/" };
  Drawing drawing = { model, choose_lines (), g_string_new (NULL) };

  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    draw_roots (&drawing, sections[i]);

  return g_string_free (drawing.text, FALSE);
}
