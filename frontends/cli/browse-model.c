/* browse-model.c - the tree that is browsed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

#include <string.h>

#define MAX_DEPTH 256

static void
row_free (gpointer data)
{
  BrowseRow *self = data;

  g_free (self->indent);
  g_free (self);
}

BrowseModel *
browse_model_new (void)
{
  BrowseModel *self = g_new0 (BrowseModel, 1);

  self->rows = g_ptr_array_new_with_free_func (row_free);
  self->collapsed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->input = g_string_new (NULL);
  g_queue_init (&self->history);
  self->silent = g_ptr_array_new_with_free_func (g_free);
  self->switched = g_ptr_array_new_with_free_func (g_free);
  self->wanted = BROWSE_ASK_EVENTS | BROWSE_ASK_GRAPH | BROWSE_ASK_RATES;
  browse_model_update_items (self);
  return self;
}

static void
clear_rates (BrowseRates *self)
{
  g_clear_pointer (&self->counts, banyan_spec_unref);
  g_clear_pointer (&self->rates, g_ptr_array_unref);
}

void
browse_model_free (BrowseModel *self)
{
  g_ptr_array_unref (self->rows);
  g_ptr_array_unref (self->items);
  g_clear_pointer (&self->graph, graph_model_free);
  g_clear_pointer (&self->description, banyan_spec_unref);
  g_hash_table_unref (self->collapsed);
  g_queue_clear_full (&self->history, g_free);
  g_clear_pointer (&self->properties, banyan_spec_unref);
  g_free (self->properties_path);
  clear_rates (&self->backends);
  clear_rates (&self->edges);
  g_clear_pointer (&self->counting, g_hash_table_unref);
  g_ptr_array_unref (self->silent);
  g_ptr_array_unref (self->switched);
  g_string_free (self->input, TRUE);
  g_free (self->search);
  g_free (self->edited_path);
  g_free (self->edited);
  g_free (self->message);
  g_free (self);
}

void
browse_model_say (BrowseModel *self, gboolean is_refusal, const char *format, ...)
{
  va_list arguments;

  g_free (self->message);
  va_start (arguments, format);
  self->message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  self->is_refusal = is_refusal;
}

/* -- Lines. -- */

static void add_below (BrowseModel *self, GraphObject *object, const char *indent, guint depth);

static void
add_row (BrowseModel *self, const GraphBranch *branch, const char *indent, const char *branch_line,
         const char *trunk_line, guint depth)
{
  BrowseRow *row = g_new0 (BrowseRow, 1);
  g_autofree char *deeper = g_strconcat (indent, trunk_line, NULL);

  row->object = branch->object;
  row->edge = branch->edge;
  row->indent = g_strconcat (indent, branch_line, NULL);
  row->is_repeated = row->object->is_drawn;
  row->is_collapsed = g_hash_table_contains (self->collapsed, row->object->path);
  row->object->is_drawn = TRUE;
  g_ptr_array_add (self->rows, row);
  if (!row->is_repeated && !row->is_collapsed && depth < MAX_DEPTH)
    add_below (self, row->object, deeper, depth + 1);
}

static void
add_below (BrowseModel *self, GraphObject *object, const char *indent, guint depth)
{
  g_autoptr (GArray) branches = graph_model_list_branches (self->graph, object, self->is_inverse);

  for (guint i = 0; i < branches->len; i++)
    {
      gboolean is_last = i + 1 == branches->len;

      add_row (self, &g_array_index (branches, GraphBranch, i), indent, is_last ? "└─ " : "├─ ",
               is_last ? "   " : "│  ", depth);
    }
}

static gint
find_row (BrowseModel *self, const char *path)
{
  for (guint i = 0; path != NULL && i < self->rows->len; i++)
    {
      BrowseRow *row = self->rows->pdata[i];

      if (g_str_equal (row->object->path, path) && !row->is_repeated)
        return i;
    }

  return -1;
}

/* Whether what is selected is another object than before, whose properties are not known. */
static void
note_selection (BrowseModel *self)
{
  BrowseRow *row = browse_model_get_row (self);

  if (row != NULL && g_strcmp0 (row->object->path, self->properties_path) != 0)
    {
      g_clear_pointer (&self->properties, banyan_spec_unref);
      g_free (self->properties_path);
      self->properties_path = g_strdup (row->object->path);
      self->item = 0;
      self->neighbour = 0;
      self->wanted |= BROWSE_ASK_PROPERTIES;
    }
  browse_model_update_items (self);
}

static void
rebuild (BrowseModel *self)
{
  g_autofree char *path = g_strdup (self->properties_path);
  g_autoptr (GPtrArray) roots = graph_model_list_roots (self->graph, NULL, self->is_inverse);
  gint row;

  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < self->graph->objects->len; i++)
    ((GraphObject *) self->graph->objects->pdata[i])->is_drawn = FALSE;
  for (guint i = 0; i < roots->len; i++)
    add_row (self, &(GraphBranch){ roots->pdata[i], NULL }, "", "", "", 0);

  row = find_row (self, path);
  self->row = row >= 0 ? (guint) row : MIN (self->row, MAX (self->rows->len, 1) - 1);
  note_selection (self);
}

void
browse_model_set_graph (BrowseModel *self, BanyanSpec *description)
{
  g_ptr_array_set_size (self->rows, 0);
  g_clear_pointer (&self->graph, graph_model_free);
  g_clear_pointer (&self->description, banyan_spec_unref);
  self->description = banyan_spec_ref (description);
  self->graph = graph_model_new (description);
  browse_model_note_edges (self);
  rebuild (self);
}

BrowseRow *
browse_model_get_row (BrowseModel *self)
{
  return self->row < self->rows->len ? self->rows->pdata[self->row] : NULL;
}

/* -- Moving. -- */

void
browse_model_move (BrowseModel *self, int n_rows)
{
  gint64 row = (gint64) self->row + n_rows;

  if (self->rows->len == 0)
    return;

  self->row = CLAMP (row, 0, (gint64) self->rows->len - 1);
  note_selection (self);
}

/* What hides @path is opened: all that is above it in the tree. */
static void
reveal (BrowseModel *self)
{
  g_hash_table_remove_all (self->collapsed);
  rebuild (self);
}

static gboolean
select_path (BrowseModel *self, const char *path)
{
  if (self->graph == NULL || graph_model_find (self->graph, path) == NULL)
    return FALSE;

  if (find_row (self, path) < 0)
    reveal (self);
  if (find_row (self, path) < 0)
    return FALSE;
  self->row = find_row (self, path);
  note_selection (self);
  return TRUE;
}

gboolean
browse_model_go (BrowseModel *self, const char *path)
{
  BrowseRow *row = browse_model_get_row (self);
  g_autofree char *left = row != NULL ? g_strdup (row->object->path) : NULL;

  if (!select_path (self, path))
    return FALSE;
  if (left != NULL)
    g_queue_push_tail (&self->history, g_steal_pointer (&left));
  return TRUE;
}

/* What has been removed meanwhile is passed over. */
gboolean
browse_model_back (BrowseModel *self)
{
  char *path;

  while ((path = g_queue_pop_tail (&self->history)) != NULL)
    {
      gboolean is_there = select_path (self, path);

      g_free (path);
      if (is_there)
        return TRUE;
    }

  return FALSE;
}

void
browse_model_set_collapsed (BrowseModel *self, gboolean is_collapsed)
{
  BrowseRow *row = browse_model_get_row (self);

  if (row == NULL || row->is_repeated || row->is_collapsed == is_collapsed)
    return;

  if (is_collapsed)
    g_hash_table_add (self->collapsed, g_strdup (row->object->path));
  else
    g_hash_table_remove (self->collapsed, row->object->path);
  rebuild (self);
}

void
browse_model_turn (BrowseModel *self)
{
  self->is_inverse = !self->is_inverse;
  if (self->graph != NULL)
    rebuild (self);
}

/* -- Searching. -- */

static gboolean
matches (GraphObject *object, const char *text, gboolean by_type)
{
  const char *words = by_type ? live_name_type (object) : object->path;
  g_autofree char *folded = g_utf8_casefold (words, -1);
  g_autofree char *part = g_utf8_casefold (text, -1);

  return strstr (folded, part) != NULL;
}

gboolean
browse_model_search (BrowseModel *self, const char *text, gboolean by_type)
{
  if (g_hash_table_size (self->collapsed) > 0)
    reveal (self);

  for (guint i = 1; i <= self->rows->len; i++)
    {
      BrowseRow *row = self->rows->pdata[(self->row + i) % self->rows->len];

      if (!row->is_repeated && matches (row->object, text, by_type))
        return browse_model_go (self, row->object->path);
    }

  browse_model_say (self, TRUE, by_type ? "nothing is a \"%s\"" : "nothing is called \"%s\"", text);
  return FALSE;
}
