/* graph-text.c - banyan graph: a tree of lines
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What serves stands at the top, what it stands on below it; or, inverse, the leaves at the top,
 * and below them who uses them. What there are several ways to is drawn once, and the others refer
 * to it. */

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
  gboolean is_inverse;
  GString *text;
} Drawing;

static void
append_words (Drawing *drawing, GraphObject *object)
{
  g_autofree char *words = graph_object_describe (object, ", ");

  g_string_append_printf (drawing->text, "%s%s%s", cli_style_on (CLI_BOLD),
                          banyan_spec_lookup_text (object->facts, "id"), cli_style_off (CLI_BOLD));
  if (*words != '\0')
    g_string_append_printf (drawing->text, " (%s)", words);
}

static void
draw_edge (Drawing *drawing, BanyanSpec *edge)
{
  g_autofree char *used = graph_edge_describe (edge);

  if (*used != '\0')
    g_string_append_printf (drawing->text, "%s [%s]%s", cli_style_on (CLI_DIM), used,
                            cli_style_off (CLI_DIM));
}

/* What the line's object is to the one above it. */
static void
append_relation (Drawing *drawing, BanyanSpec *edge)
{
  if (edge != NULL)
    g_string_append_printf (drawing->text, drawing->is_inverse ? "%s of " : "%s: ",
                            banyan_spec_lookup_text (edge, "role"));
  else if (drawing->is_inverse)
    g_string_append (drawing->text, "in ");
}

static void draw_below (Drawing *drawing, GraphObject *object, const char *indent, guint depth);

static void
draw_branch (Drawing *drawing, const GraphBranch *branch, const char *indent, gboolean is_last,
             guint depth)
{
  const Lines *lines = drawing->lines;
  GraphObject *object = branch->object;
  g_autofree char *deeper = g_strconcat (indent, is_last ? lines->gap : lines->trunk, NULL);

  g_string_append_printf (drawing->text, "%s%s", indent,
                          is_last ? lines->last_branch : lines->branch);
  append_relation (drawing, branch->edge);
  if (object->is_drawn)
    g_string_append_printf (drawing->text, "%s, see above",
                            banyan_spec_lookup_text (object->facts, "id"));
  else
    append_words (drawing, object);
  if (branch->edge != NULL)
    draw_edge (drawing, branch->edge);
  g_string_append_c (drawing->text, '\n');

  if (!object->is_drawn && depth < MAX_DEPTH)
    draw_below (drawing, object, deeper, depth + 1);
}

static void
draw_below (Drawing *drawing, GraphObject *object, const char *indent, guint depth)
{
  g_autoptr (GArray) branches
      = graph_model_list_branches (drawing->model, object, drawing->is_inverse);

  object->is_drawn = TRUE;
  for (guint i = 0; i < branches->len; i++)
    draw_branch (drawing, &g_array_index (branches, GraphBranch, i), indent, i + 1 == branches->len,
                 depth);
}

char *
graph_draw_text (GraphModel *model, const char *root, gboolean is_inverse)
{
  Drawing drawing = { model, choose_lines (), is_inverse, g_string_new (NULL) };
  g_autoptr (GPtrArray) roots = graph_model_list_roots (model, root, is_inverse);

  for (guint i = 0; i < roots->len; i++)
    {
      append_words (&drawing, roots->pdata[i]);
      g_string_append_c (drawing.text, '\n');
      draw_below (&drawing, roots->pdata[i], "", 0);
    }

  return g_string_free (drawing.text, FALSE);
}
