/* browse-view.c - the browser on a terminal, by ncurses
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

#include <ncurses.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Below this many columns one half is shown at a time. */
#define MIN_HALVES 64

enum
{
  PAIR_SERVER = 1,
  PAIR_LINK,
  PAIR_HEADING,
  PAIR_BAD,
};

static gboolean has_colours;

/* https://no-color.org: any value but the empty one says no. */
static void
begin_colours (void)
{
  const char *no_colour = g_getenv ("NO_COLOR");

  has_colours = has_colors () && (no_colour == NULL || *no_colour == '\0');
  if (!has_colours)
    return;

  start_color ();
  use_default_colors ();
  init_pair (PAIR_SERVER, COLOR_GREEN, -1);
  init_pair (PAIR_LINK, COLOR_CYAN, -1);
  init_pair (PAIR_HEADING, COLOR_BLUE, -1);
  init_pair (PAIR_BAD, COLOR_RED, -1);
}

gboolean
browse_view_begin (void)
{
  if (newterm (NULL, stdout, stdin) == NULL)
    return FALSE;

  cbreak ();
  noecho ();
  nonl ();
  keypad (stdscr, TRUE);
  nodelay (stdscr, TRUE);
  set_escdelay (25);
  curs_set (0);
  begin_colours ();
  return TRUE;
}

void
browse_view_end (void)
{
  if (!isendwin ())
    endwin ();
}

void
browse_view_resize (void)
{
  struct winsize size;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
    resizeterm (size.ws_row, size.ws_col);
  clear ();
}

guint
browse_view_get_page (void)
{
  return MAX (LINES - 3, 1);
}

/* -- Keys. -- */

static gunichar
translate (wint_t key)
{
  switch (key)
    {
    case KEY_UP:
      return BROWSE_KEY_UP;
    case KEY_DOWN:
      return BROWSE_KEY_DOWN;
    case KEY_LEFT:
      return BROWSE_KEY_LEFT;
    case KEY_RIGHT:
      return BROWSE_KEY_RIGHT;
    case KEY_PPAGE:
      return BROWSE_KEY_PAGE_UP;
    case KEY_NPAGE:
      return BROWSE_KEY_PAGE_DOWN;
    case KEY_HOME:
      return BROWSE_KEY_HOME;
    case KEY_END:
      return BROWSE_KEY_END;
    case KEY_ENTER:
      return BROWSE_KEY_ENTER;
    case KEY_BACKSPACE:
      return BROWSE_KEY_BACKSPACE;
    default:
      return 0;
    }
}

gunichar
browse_view_read_key (void)
{
  wint_t key;
  int kind = get_wch (&key);

  if (kind == ERR)
    return 0;
  if (kind == KEY_CODE_YES)
    return translate (key);

  switch (key)
    {
    case '\r':
    case '\n':
      return BROWSE_KEY_ENTER;
    case '\t':
      return BROWSE_KEY_TAB;
    case 27:
      return BROWSE_KEY_ESCAPE;
    case 8:
    case 127:
      return BROWSE_KEY_BACKSPACE;
    default:
      return key;
    }
}

/* -- Text. -- */

static guint
measure_letter (gunichar letter)
{
  return g_unichar_iszerowidth (letter) ? 0 : g_unichar_iswide (letter) ? 2 : 1;
}

/* As much of @text as fits into @width columns; returns how many it takes. What a document brought
 * along is not the terminal's to obey. */
static guint
put_text (const char *text, guint width)
{
  g_autofree char *printable = cli_make_printable (text);
  guint used = 0;
  const char *p = printable;

  while (*p != '\0' && *p != '\n' && *p != '\t'
         && used + measure_letter (g_utf8_get_char (p)) <= width)
    {
      used += measure_letter (g_utf8_get_char (p));
      p = g_utf8_next_char (p);
    }

  addnstr (printable, p - printable);
  return used;
}

static void
fill (guint width)
{
  for (guint i = 0; i < width; i++)
    addch (' ');
}

/* A piece of a line that has @left columns left. */
static guint
put (const char *text, guint left, attr_t style, short pair)
{
  guint used;

  attr_set (style, has_colours ? pair : 0, NULL);
  used = put_text (text, left);
  return left - used;
}

/* The first line of a list of @n that shows the @selected one in @height lines. */
static guint
scroll_to (guint selected, guint n, guint height)
{
  if (n <= height || selected < height / 2)
    return 0;
  return MIN (selected - height / 2, n - height);
}

/* -- The tree. -- */

static void
draw_row (BrowseModel *model, guint index, guint width)
{
  const BrowseRow *row = model->rows->pdata[index];
  gboolean is_selected = index == model->row;
  attr_t style = !is_selected ? A_NORMAL : model->is_on_items ? A_BOLD : A_REVERSE;
  short pair = row->object->is_node ? 0 : PAIR_SERVER;
  guint left = put (row->indent, width, A_DIM, 0);

  if (row->edge != NULL)
    {
      left = put (banyan_spec_lookup_text (row->edge, "role"), left, A_DIM, 0);
      left = put (model->is_inverse ? " of " : ": ", left, A_DIM, 0);
    }
  left = put (banyan_spec_lookup_text (row->object->facts, "id"), left, style | A_BOLD, pair);
  left = put (" ", left, style, 0);
  left = put (live_name_type (row->object), left, style, 0);
  if (row->is_repeated)
    left = put (" ^", left, style, 0);
  else if (row->is_collapsed)
    left = put (" +", left, style, 0);
  attr_set (A_NORMAL, 0, NULL);
  fill (left);
}

static void
draw_tree (BrowseModel *model, guint height, guint width)
{
  guint first = scroll_to (model->row, model->rows->len, height);

  for (guint i = 0; i < height; i++)
    {
      move (1 + i, 0);
      if (first + i < model->rows->len)
        draw_row (model, first + i, width);
    }
}

/* -- What is told of the selected object. -- */

static guint
measure_names (GPtrArray *items)
{
  guint width = 0;

  for (guint i = 0; i < items->len; i++)
    width = MAX (width, g_utf8_strlen (((BrowseItem *) items->pdata[i])->name, -1));

  return width;
}

static void
draw_item (BrowseModel *model, guint index, guint names, guint width)
{
  const BrowseItem *item = model->items->pdata[index];
  attr_t style = model->is_on_items && index == model->item ? A_REVERSE : A_NORMAL;
  guint left = width, used;

  if (item->kind == BROWSE_HEADING)
    {
      put (item->name, left, A_BOLD, PAIR_HEADING);
      return;
    }

  left = put ("  ", left, A_NORMAL, 0);
  used = left;
  left = put (item->name, left, style, 0);
  for (used -= left; used < names + 2 && left > 0; used++)
    left = put (" ", left, style, 0);
  left = put (item->value, left, style, item->target != NULL ? PAIR_LINK : 0);
  if (item->note != NULL && *item->note != '\0')
    {
      left = put ("  ", left, A_NORMAL, 0);
      put (item->note, left, A_DIM, 0);
    }
}

static void
draw_items (BrowseModel *model, guint height, guint column, guint width)
{
  guint names = MIN (measure_names (model->items), width / 2);
  guint first = scroll_to (model->item, model->items->len, height);

  for (guint i = 0; i < height && first + i < model->items->len; i++)
    {
      move (1 + i, column);
      draw_item (model, first + i, names, width);
    }
}

static void
draw_halves (BrowseModel *model, guint height)
{
  guint width = COLS, left = CLAMP (width * 9 / 20, 30, 90);

  if (width < MIN_HALVES)
    {
      if (model->is_on_items)
        draw_items (model, height, 0, width);
      else
        draw_tree (model, height, width);
      return;
    }

  draw_tree (model, height, left);
  attr_set (A_DIM, 0, NULL);
  for (guint i = 0; i < height; i++)
    mvaddstr (1 + i, left, "│");
  draw_items (model, height, left + 2, width - left - 2);
}

/* -- The other screens. -- */

static void
draw_graph (BrowseModel *model, guint height)
{
  g_autoptr (GPtrArray) lines = browse_model_list_graph (model);
  guint first = scroll_to (model->neighbour, lines->len, height);

  for (guint i = 0; i < height && first + i < lines->len; i++)
    {
      const BrowseLine *line = lines->pdata[first + i];
      gboolean is_selected = line->path != NULL && first + i == model->neighbour;

      move (1 + i, 0);
      put (line->text, COLS, is_selected ? A_REVERSE : A_NORMAL, 0);
    }
}

static void
draw_help (guint height)
{
  static const char *const lines[] = {
    "up down j k  move            tab    to the other half",
    "left right   close, open     enter  look in, follow a link",
    "/ n          search, again   b      go back",
    "t            next of a type  e      edit a property",
    "s            who uses whom   g      the graph around it",
    "r q          ask anew, end   ?      this; ^ stands above",
  };

  for (guint i = 0; i < height && i < G_N_ELEMENTS (lines); i++)
    {
      move (1 + i, 0);
      put (lines[i], COLS, A_NORMAL, 0);
    }
}

/* -- The first line and the last. -- */

static void
draw_title (BrowseModel *model, const char *title)
{
  BrowseRow *row = browse_model_get_row (model);
  g_autofree char *text
      = g_strdup_printf (" %s  %s", row != NULL ? row->object->path : "...", title);

  move (0, 0);
  attr_set (A_REVERSE, 0, NULL);
  fill (COLS - put_text (text, COLS));
}

static void
draw_prompt (BrowseModel *model)
{
  static const char *const names[] = {
    [BROWSE_SEARCH] = "search: ",
    [BROWSE_TYPE] = "type: ",
  };
  g_autofree char *edited = g_strconcat (model->edited, " = ", NULL);
  guint left = put (model->prompt == BROWSE_EDIT ? edited : names[model->prompt], COLS, A_BOLD, 0);

  left = put (model->input->str, left, A_NORMAL, 0);
  left = put ("_", left, A_REVERSE, 0);
  if (model->message != NULL)
    {
      left = put ("  ", left, A_NORMAL, 0);
      put (model->message, left, A_BOLD, PAIR_BAD);
    }
}

static void
draw_last_line (BrowseModel *model)
{
  move (LINES - 1, 0);
  if (model->prompt != BROWSE_NO_PROMPT)
    draw_prompt (model);
  else if (model->message != NULL)
    put (model->message, COLS, A_BOLD, model->is_refusal ? PAIR_BAD : 0);
  else
    put ("? help  / search  t type  e edit  g graph  b back  q end", COLS, A_DIM, 0);
  attr_set (A_NORMAL, 0, NULL);
}

void
browse_view_draw (BrowseModel *model, const char *title)
{
  guint height = MAX (LINES - 2, 0);

  erase ();
  draw_title (model, title);
  if (model->screen == BROWSE_HELP)
    draw_help (height);
  else if (model->screen == BROWSE_GRAPH)
    draw_graph (model, height);
  else
    draw_halves (model, height);
  draw_last_line (model);
  refresh ();
}
