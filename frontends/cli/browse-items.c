/* browse-items.c - what is told of the selected object: properties, rates, edges, neighbours
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

#include <string.h>

static void
item_free (gpointer data)
{
  BrowseItem *self = data;

  g_free (self->name);
  g_free (self->value);
  g_free (self->note);
  g_free (self->target);
  g_free (self);
}

static BrowseItem *
add_item (BrowseModel *self, BrowseItemKind kind, const char *name, char *value)
{
  BrowseItem *item = g_new0 (BrowseItem, 1);

  item->kind = kind;
  item->name = g_strdup (name);
  item->value = value;
  g_ptr_array_add (self->items, item);
  return item;
}

/* -- Rates. -- */

static char *
describe_rate (double requests, double bytes, double each_us)
{
  g_autofree char *amount = live_format_bytes (bytes);
  g_autofree char *each = live_format_us (each_us);

  return each_us < 0 ? g_strdup_printf ("%.0f/s, %s bytes/s", requests, amount)
                     : g_strdup_printf ("%.0f/s, %s bytes/s, %s each", requests, amount, each);
}

static void
add_rates (BrowseModel *self, GPtrArray *rates, const char *heading, const char *path)
{
  for (guint i = 0; rates != NULL && i < rates->len; i++)
    {
      const LiveRate *rate = rates->pdata[i];

      if (!g_str_equal (rate->path, path))
        continue;
      add_item (self, BROWSE_HEADING, heading, NULL);
      add_item (self, BROWSE_RATE, "reads",
                describe_rate (rate->reads, rate->read_bytes, rate->read_us));
      add_item (self, BROWSE_RATE, "writes",
                describe_rate (rate->writes, rate->write_bytes, rate->write_us));
      add_item (self, BROWSE_RATE, "in flight",
                g_strdup_printf ("%" G_GUINT64_FORMAT, rate->in_flight));
    }
}

/* Of each edge that leads away. */
static void
add_edge_rates (BrowseModel *self, GraphObject *object)
{
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      BanyanSpec *edge = banyan_spec_get_item (edges, i);
      g_autofree char *heading
          = g_strconcat ("Rates of ", banyan_spec_lookup_text (edge, "role"), NULL);

      add_rates (self, self->edges.rates, heading, banyan_spec_lookup_text (edge, "path"));
    }
}

/* -- Properties. -- */

/* A link's value is the id of what it leads to. */
static char *
find_target (BrowseModel *self, BanyanSpec *property, const char *value)
{
  const char *type = banyan_spec_lookup_text (property, "type");
  guint n_found;
  GraphObject *target;

  if (type == NULL || !g_str_has_prefix (type, "link"))
    return NULL;

  target = live_look_up (self->graph, value, &n_found);
  return target != NULL ? g_strdup (target->path) : NULL;
}

/* "disk.yaml:6:51, live"; of what the object tells itself there is nothing to say. */
static char *
make_note (BanyanSpec *property)
{
  const char *origin = banyan_spec_lookup_text (property, "origin");
  const char *mutability = banyan_spec_lookup_text (property, "mutability");

  if (mutability == NULL)
    return NULL;
  return origin != NULL ? g_strdup_printf ("%s, %s", origin, mutability) : g_strdup (mutability);
}

static void
add_properties (BrowseModel *self)
{
  if (cli_spec_count (self->properties) > 0)
    add_item (self, BROWSE_HEADING, "Properties", NULL);

  for (guint i = 0; i < cli_spec_count (self->properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (self->properties, i);
      BanyanSpec *value = cli_spec_get (property, "value");
      const char *unit = banyan_spec_lookup_text (property, "unit");
      g_autofree char *text = value != NULL ? cli_spec_to_line (value) : g_strdup ("");
      BrowseItem *item;

      item = add_item (self, BROWSE_PROPERTY, banyan_spec_lookup_text (property, "name"),
                       unit != NULL && g_ascii_isdigit (*text) ? g_strconcat (text, " ", unit, NULL)
                                                               : g_strdup (text));
      item->note = make_note (property);
      item->target = find_target (self, property, text);
    }
}

/* -- Edges. -- */

static void
add_branches (BrowseModel *self, GraphObject *object, gboolean is_inverse)
{
  g_autoptr (GArray) branches = graph_model_list_branches (self->graph, object, is_inverse);

  if (branches->len > 0)
    add_item (self, BROWSE_HEADING, is_inverse ? "Used by" : "Uses", NULL);
  for (guint i = 0; i < branches->len; i++)
    {
      const GraphBranch *branch = &g_array_index (branches, GraphBranch, i);
      const char *role = branch->edge != NULL ? banyan_spec_lookup_text (branch->edge, "role")
                         : is_inverse         ? "member of"
                                              : "member";
      BrowseItem *item = add_item (self, BROWSE_EDGE, role, g_strdup (branch->object->path));

      item->target = g_strdup (branch->object->path);
      item->note = branch->edge != NULL ? graph_edge_describe (branch->edge) : NULL;
    }
}

static gboolean
can_select (BrowseItem *item)
{
  return item->kind != BROWSE_HEADING;
}

/* The one nearest to @item of that kind and name: rates come and go above it. */
static void
keep_item (BrowseModel *self, BrowseItemKind kind, const char *name)
{
  guint item = self->item, best = G_MAXUINT;

  for (guint i = 0; i < self->items->len; i++)
    {
      BrowseItem *other = self->items->pdata[i];
      guint away = MAX (i, item) - MIN (i, item);

      if (other->kind != kind || !g_str_equal (other->name, name) || away >= best)
        continue;
      best = away;
      self->item = i;
    }
}

void
browse_model_update_items (BrowseModel *self)
{
  BrowseRow *row = browse_model_get_row (self);
  BrowseItem *old = self->items != NULL ? browse_model_get_item (self) : NULL;
  BrowseItemKind kind = old != NULL ? old->kind : BROWSE_HEADING;
  g_autofree char *name = old != NULL ? g_strdup (old->name) : NULL;

  g_clear_pointer (&self->items, g_ptr_array_unref);
  self->items = g_ptr_array_new_with_free_func (item_free);
  if (row == NULL)
    return;

  add_rates (self, self->backends.rates, "Rates", row->object->path);
  add_edge_rates (self, row->object);
  add_branches (self, row->object, FALSE);
  add_branches (self, row->object, TRUE);
  add_properties (self);
  if (kind != BROWSE_HEADING)
    keep_item (self, kind, name);
  browse_model_move_item (self, 0);
}

BrowseItem *
browse_model_get_item (BrowseModel *self)
{
  return self->item < self->items->len ? self->items->pdata[self->item] : NULL;
}

/* Headings are passed over in the direction of the move. */
void
browse_model_move_item (BrowseModel *self, int n_items)
{
  gint64 last = (gint64) self->items->len - 1;
  gint64 item = CLAMP ((gint64) self->item + n_items, 0, MAX (last, 0));
  int step = n_items < 0 ? -1 : 1;

  while (item >= 0 && item <= last && !can_select (self->items->pdata[item]))
    item += step;
  if (item >= 0 && item <= last)
    self->item = item;
}

/* -- The graph around it. -- */

static void
line_free (gpointer data)
{
  BrowseLine *self = data;

  g_free (self->text);
  g_free (self);
}

static void
add_line (GPtrArray *lines, const char *path, char *text)
{
  BrowseLine *line = g_new0 (BrowseLine, 1);

  line->text = text;
  line->path = path;
  g_ptr_array_add (lines, line);
}

static char *
describe_neighbour (const GraphBranch *branch)
{
  return g_strdup_printf ("%s (%s)", banyan_spec_lookup_text (branch->object->facts, "id"),
                          live_name_type (branch->object));
}

static const char *
name_edge (const GraphBranch *branch)
{
  return branch->edge != NULL ? banyan_spec_lookup_text (branch->edge, "role") : "member";
}

static guint
measure (GArray *branches)
{
  guint width = 0;

  for (guint i = 0; i < branches->len; i++)
    {
      const GraphBranch *branch = &g_array_index (branches, GraphBranch, i);
      g_autofree char *words = describe_neighbour (branch);

      width = MAX (width, g_utf8_strlen (words, -1) + g_utf8_strlen (name_edge (branch), -1));
    }

  return width;
}

static void
append_repeated (GString *text, const char *piece, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append (text, piece);
}

/* "slow (delay) ───── file ─┐" */
static void
add_user (GPtrArray *lines, const GraphBranch *branch, guint width, gboolean is_first)
{
  g_autofree char *words = describe_neighbour (branch);
  const char *role = name_edge (branch);
  GString *text = g_string_new (words);

  g_string_append_c (text, ' ');
  append_repeated (text, "─", width - g_utf8_strlen (words, -1) - g_utf8_strlen (role, -1) + 1);
  g_string_append_printf (text, " %s ─%s", role, is_first ? "┐" : "┤");
  add_line (lines, branch->object->path, g_string_free (text, FALSE));
}

static void
add_used (GPtrArray *lines, const GraphBranch *branch, guint column, gboolean is_last)
{
  g_autofree char *words = describe_neighbour (branch);
  GString *text = g_string_new (NULL);

  append_repeated (text, " ", column);
  g_string_append_printf (text, "%s─ %s ─ %s", is_last ? "└" : "├", name_edge (branch), words);
  add_line (lines, branch->object->path, g_string_free (text, FALSE));
}

/* The selected object, in a box whose middle is at @column. */
static void
add_box (GPtrArray *lines, GraphObject *object, guint column, gboolean has_users, gboolean has_used)
{
  g_autofree char *words = g_strdup_printf (
      " %s (%s) ", banyan_spec_lookup_text (object->facts, "id"), live_name_type (object));
  guint width = g_utf8_strlen (words, -1), left = MIN (width / 2, column > 0 ? column - 1 : 0);

  for (guint i = 0; i < 3; i++)
    {
      GString *text = g_string_new (NULL);

      append_repeated (text, " ", column - left - 1);
      g_string_append (text, i == 0 ? "┌" : i == 1 ? "│" : "└");
      if (i == 1)
        g_string_append (text, words);
      else
        {
          append_repeated (text, "─", left);
          g_string_append (text, i == 0 && has_users ? "┴" : i == 2 && has_used ? "┬" : "─");
          append_repeated (text, "─", width - left - 1);
        }
      g_string_append (text, i == 0 ? "┐" : i == 1 ? "│" : "┘");
      add_line (lines, NULL, g_string_free (text, FALSE));
    }
}

GPtrArray *
browse_model_list_graph (BrowseModel *self)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (line_free);
  BrowseRow *row = browse_model_get_row (self);
  g_autoptr (GArray) users = NULL, used = NULL;
  guint width, column;

  if (row == NULL)
    return lines;

  users = graph_model_list_branches (self->graph, row->object, TRUE);
  used = graph_model_list_branches (self->graph, row->object, FALSE);
  width = measure (users);
  column = users->len > 0 ? width + 5 : 8;
  for (guint i = 0; i < users->len; i++)
    add_user (lines, &g_array_index (users, GraphBranch, i), width, i == 0);
  add_box (lines, row->object, column, users->len > 0, used->len > 0);
  for (guint i = 0; i < used->len; i++)
    add_used (lines, &g_array_index (used, GraphBranch, i), column, i + 1 == used->len);
  return lines;
}
