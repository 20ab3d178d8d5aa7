/* browse-keys.c - what each key does
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

/* -- At the prompt. -- */

static void
open_prompt (BrowseModel *self, BrowsePrompt prompt, const char *text)
{
  self->prompt = prompt;
  g_string_assign (self->input, text);
  g_clear_pointer (&self->message, g_free);
}

static void
drop_last_letter (GString *input)
{
  const char *last = g_utf8_find_prev_char (input->str, input->str + input->len);

  if (last != NULL)
    g_string_truncate (input, last - input->str);
}

static void
finish_prompt (BrowseModel *self)
{
  BrowsePrompt prompt = self->prompt;

  self->prompt = BROWSE_NO_PROMPT;
  if (prompt == BROWSE_EDIT)
    browse_model_set_edited (self);
  else if (self->input->len > 0)
    {
      if (prompt == BROWSE_SEARCH)
        {
          g_free (self->search);
          self->search = g_strdup (self->input->str);
        }
      browse_model_search (self, self->input->str, prompt == BROWSE_TYPE);
    }
}

static void
press_at_prompt (BrowseModel *self, gunichar key)
{
  switch (key)
    {
    case BROWSE_KEY_ENTER:
      finish_prompt (self);
      return;
    case BROWSE_KEY_ESCAPE:
      self->prompt = BROWSE_NO_PROMPT;
      g_clear_pointer (&self->message, g_free);
      return;
    case BROWSE_KEY_BACKSPACE:
      drop_last_letter (self->input);
      return;
    case 'U' - '@':
      g_string_truncate (self->input, 0);
      return;
    default:
      if (key < BROWSE_KEY_UP && g_unichar_isprint (key))
        g_string_append_unichar (self->input, key);
    }
}

/* -- Moving. -- */

static void
move_neighbour (BrowseModel *self, int n)
{
  g_autoptr (GPtrArray) lines = browse_model_list_graph (self);
  gint64 last = (gint64) lines->len - 1;
  gint64 at = CLAMP ((gint64) self->neighbour + n, 0, MAX (last, 0));
  int step = n < 0 ? -1 : 1;

  while (at >= 0 && at <= last && ((BrowseLine *) lines->pdata[at])->path == NULL)
    at += step;
  if (at >= 0 && at <= last)
    self->neighbour = at;
}

static void
move (BrowseModel *self, int n)
{
  if (self->screen == BROWSE_GRAPH)
    move_neighbour (self, n);
  else if (self->is_on_items)
    browse_model_move_item (self, n);
  else
    browse_model_move (self, n);
}

/* FALSE: the key does not move. */
static gboolean
press_to_move (BrowseModel *self, gunichar key, int page)
{
  switch (key)
    {
    case BROWSE_KEY_UP:
    case 'k':
      move (self, -1);
      return TRUE;
    case BROWSE_KEY_DOWN:
    case 'j':
      move (self, 1);
      return TRUE;
    case BROWSE_KEY_PAGE_UP:
      move (self, -page);
      return TRUE;
    case BROWSE_KEY_PAGE_DOWN:
      move (self, page);
      return TRUE;
    case BROWSE_KEY_HOME:
      move (self, -G_MAXINT);
      return TRUE;
    case BROWSE_KEY_END:
      move (self, G_MAXINT);
      return TRUE;
    default:
      return FALSE;
    }
}

/* -- Doing. -- */

static const char *
find_target (BrowseModel *self)
{
  BrowseItem *item = browse_model_get_item (self);
  BrowseRow *row = browse_model_get_row (self);

  if (self->is_on_items && self->screen == BROWSE_TREE)
    return item != NULL ? item->target : NULL;
  return row != NULL && row->is_repeated ? row->object->path : NULL;
}

static char *
dup_neighbour (BrowseModel *self)
{
  g_autoptr (GPtrArray) lines = browse_model_list_graph (self);

  if (self->neighbour >= lines->len)
    return NULL;
  return g_strdup (((BrowseLine *) lines->pdata[self->neighbour])->path);
}

/* What is a link leads on; a line of the tree is looked into. */
static void
follow (BrowseModel *self)
{
  g_autofree char *target
      = self->screen == BROWSE_GRAPH ? dup_neighbour (self) : g_strdup (find_target (self));

  if (target != NULL)
    {
      if (!browse_model_go (self, target))
        browse_model_say (self, TRUE, "%s is gone", target);
    }
  else if (self->screen == BROWSE_TREE && !self->is_on_items)
    self->is_on_items = TRUE;
  else
    browse_model_say (self, FALSE, "this leads nowhere");
  if (self->screen == BROWSE_GRAPH)
    move_neighbour (self, 0);
}

static void
edit (BrowseModel *self)
{
  BrowseItem *item = browse_model_get_item (self);
  BanyanSpec *value = NULL;
  g_autofree char *text = NULL;

  if (!self->is_on_items || item == NULL || item->kind != BROWSE_PROPERTY)
    {
      self->is_on_items = TRUE;
      browse_model_say (self, FALSE, "choose a property, then press e");
      return;
    }

  for (guint i = 0; i < cli_spec_count (self->properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (self->properties, i);

      if (g_strcmp0 (banyan_spec_lookup_text (property, "name"), item->name) == 0)
        value = cli_spec_get (property, "value");
    }

  g_free (self->edited);
  g_free (self->edited_path);
  self->edited = g_strdup (item->name);
  self->edited_path = g_strdup (self->properties_path);
  text = value != NULL ? cli_spec_to_line (value) : g_strdup ("");
  open_prompt (self, BROWSE_EDIT, text);
}

static void
show_screen (BrowseModel *self, BrowseScreen screen)
{
  self->screen = self->screen == screen ? BROWSE_TREE : screen;
  if (self->screen == BROWSE_GRAPH)
    move_neighbour (self, 0);
}

static void
leave (BrowseModel *self)
{
  if (self->screen != BROWSE_TREE)
    self->screen = BROWSE_TREE;
  else if (self->is_on_items)
    self->is_on_items = FALSE;
  else
    g_clear_pointer (&self->message, g_free);
}

static void
press_to_do (BrowseModel *self, gunichar key)
{
  switch (key)
    {
    case 'q':
      self->is_at_end = TRUE;
      return;
    case BROWSE_KEY_ESCAPE:
      leave (self);
      return;
    case BROWSE_KEY_ENTER:
      follow (self);
      return;
    case BROWSE_KEY_TAB:
      self->is_on_items = !self->is_on_items;
      return;
    case BROWSE_KEY_LEFT:
    case BROWSE_KEY_RIGHT:
      browse_model_set_collapsed (self, key == BROWSE_KEY_LEFT);
      return;
    case BROWSE_KEY_BACKSPACE:
    case 'b':
      if (!browse_model_back (self))
        browse_model_say (self, FALSE, "there is nothing to go back to");
      return;
    case '/':
      open_prompt (self, BROWSE_SEARCH, "");
      return;
    case 'n':
      if (self->search != NULL)
        browse_model_search (self, self->search, FALSE);
      return;
    case 't':
      open_prompt (self, BROWSE_TYPE, "");
      return;
    case 'e':
      edit (self);
      return;
    case 's':
      browse_model_turn (self);
      return;
    case 'r':
      self->wanted |= BROWSE_ASK_GRAPH | BROWSE_ASK_PROPERTIES;
      return;
    case 'g':
      show_screen (self, BROWSE_GRAPH);
      return;
    case '?':
    case 'h':
      show_screen (self, BROWSE_HELP);
      return;
    default:
      return;
    }
}

void
browse_model_press (BrowseModel *self, gunichar key, guint page)
{
  if (self->prompt != BROWSE_NO_PROMPT)
    {
      press_at_prompt (self, key);
      return;
    }

  g_clear_pointer (&self->message, g_free);
  if (!press_to_move (self, key, MAX (page, 1)))
    press_to_do (self, key);
}
