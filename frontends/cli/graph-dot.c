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

/* What is what can be seen from afar: servers, formats, filters and protocols differ in colour, and
 * whatever is no node in shape. */
static const char *
choose_colour (const GraphObject *object)
{
  static const char *const colours[] = {
    [BANYAN_PLUGIN_PROTOCOL] = "#dfe9f5",
    [BANYAN_PLUGIN_FORMAT] = "#efe3f3",
    [BANYAN_PLUGIN_FILTER] = "#f7efd5",
    [BANYAN_PLUGIN_FRONTEND] = "#e3f1dd",
  };
  const char *name = banyan_spec_lookup_text (object->facts, "type");
  g_autoptr (BanyanTypeInfo) type
      = name != NULL ? banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, name)
                     : NULL;
  guint kind = type != NULL ? banyan_type_info_get_kind (type) : BANYAN_PLUGIN_FRONTEND;

  return kind < G_N_ELEMENTS (colours) && colours[kind] != NULL ? colours[kind] : "#f0f0f0";
}

/* The id in bold, the type, and the properties below, in graphviz' likeness of HTML. */
static void
append_label (GString *text, const GraphObject *object)
{
  g_autofree char *words = graph_object_describe (object, "\n");
  g_auto (GStrv) lines = g_strsplit (words, "\n", -1);
  g_autofree char *id = g_markup_escape_text (banyan_spec_lookup_text (object->facts, "id"), -1);
  gboolean has_type = banyan_spec_lookup_text (object->facts, "type") != NULL;

  g_string_append_printf (text, "<<b>%s</b>", id);
  for (guint i = 0; *words != '\0' && lines[i] != NULL; i++)
    {
      g_autofree char *line = g_markup_escape_text (lines[i], -1);
      const char *before = has_type && i == 0 ? "" : "<font point-size=\"9\" color=\"#555555\">";
      const char *after = *before != '\0' ? "</font>" : "";

      g_string_append_printf (text, "<br/>%s%s%s", before, line, after);
    }
  g_string_append_c (text, '>');
}

static void
append_object (GString *text, const GraphObject *object)
{
  const char *style = !object->is_node                            ? "rounded,filled"
                      : cli_spec_flag (object->facts, "implicit") ? "dashed,filled"
                                                                  : "filled";

  g_string_append (text, "  ");
  append_quoted (text, object->path);
  g_string_append (text, " [label=");
  append_label (text, object);
  g_string_append_printf (text, ", style=\"%s\", fillcolor=\"%s\"];\n", style,
                          choose_colour (object));
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
      g_autofree char *label
          = g_strdup_printf ("%s\n%s", banyan_spec_lookup_text (edge, "role"), used);

      append_line (text, object->path, banyan_spec_lookup_text (edge, "node"), g_strchomp (label),
                   "");
    }
}

/* A property whose value is another object's id is a link to it: it is no edge that requests take,
 * and drawn as such. */
static void
append_link (GString *text, GraphModel *model, const GraphObject *object, const char *key,
             BanyanSpec *value)
{
  g_autofree char *path = NULL;
  GraphObject *target;

  if (banyan_spec_get_kind (value) == BANYAN_SPEC_LIST)
    for (guint i = 0; i < banyan_spec_get_length (value); i++)
      append_link (text, model, object, key, banyan_spec_get_item (value, i));
  if (banyan_spec_get_kind (value) >= BANYAN_SPEC_LIST
      || banyan_spec_get_kind (value) == BANYAN_SPEC_NULL)
    return;

  path = g_strconcat ("/objects/", banyan_spec_get_text (value), NULL);
  target = graph_model_find (model, path);
  if (target != NULL)
    append_line (text, object->path, target->path, key, "style=dashed");
}

static void
append_links (GString *text, GraphModel *model, const GraphObject *object)
{
  BanyanSpec *properties = cli_spec_get (object->facts, "properties");

  for (guint i = 0; i < cli_spec_count (properties); i++)
    append_link (text, model, object, banyan_spec_get_key (properties, i),
                 banyan_spec_get_item (properties, i));
}

char *
graph_draw_dot (GraphModel *model)
{
  GString *text = g_string_new (
      "digraph banyan {\n"
      "  rankdir=TB;\n"
      "  node [shape=box, fontname=\"sans-serif\", fontsize=11, color=\"#555555\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9, color=\"#555555\"];\n");

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
