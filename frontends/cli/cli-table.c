/* cli-table.c - aligned columns without borders
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#define GAP 2
/* Words wrapped into less than this are hard to read; better let the terminal break the lines. */
#define MIN_WRAPPED 24

struct _CliTable
{
  guint indent;
  guint n_columns;
  CliStyle *styles; /* (owned): one a column */
  GPtrArray *cells; /* (owned) (element-type utf8): row by row */
};

CliTable *
cli_table_new (guint indent, guint n_columns)
{
  CliTable *self = g_new0 (CliTable, 1);

  self->indent = indent;
  self->n_columns = n_columns;
  self->styles = g_new0 (CliStyle, n_columns);
  self->cells = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
cli_table_free (CliTable *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self->styles);
  g_free (self);
}

void
cli_table_set_style (CliTable *self, guint column, CliStyle style)
{
  self->styles[column] = style;
}

void
cli_table_add (CliTable *self, const char *first, ...)
{
  const char *cell = first;
  va_list arguments;

  va_start (arguments, first);
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_ptr_array_add (self->cells, cli_make_line (cell != NULL ? cell : ""));
      if (i + 1 < self->n_columns)
        cell = va_arg (arguments, const char *);
    }
  va_end (arguments);
}

static const char *
get_cell (CliTable *self, guint row, guint column)
{
  return self->cells->pdata[row * self->n_columns + column];
}

static guint
measure_column (CliTable *self, guint column)
{
  guint width = 0;

  for (guint row = 0; row < self->cells->len / self->n_columns; row++)
    width = MAX (width, g_utf8_strlen (get_cell (self, row, column), -1));

  return width;
}

static void
append_spaces (GString *text, guint n)
{
  g_string_append_printf (text, "%*s", (int) n, "");
}

static gboolean
rest_is_empty (CliTable *self, guint row, guint column)
{
  for (; column < self->n_columns; column++)
    if (*get_cell (self, row, column) != '\0')
      return FALSE;

  return TRUE;
}

static void
append_row (CliTable *self, guint row, const guint *widths, GString *text)
{
  guint at = self->indent;

  append_spaces (text, self->indent);
  for (guint column = 0; column < self->n_columns; column++)
    {
      const char *cell = get_cell (self, row, column);
      gboolean is_last = rest_is_empty (self, row, column + 1);

      g_string_append (text, cli_style_on (self->styles[column]));
      if (column + 1 == self->n_columns)
        cli_append_wrapped (text, cell, at, cli_output_width ());
      else
        g_string_append (text, cell);
      g_string_append (text, cli_style_off (self->styles[column]));

      if (is_last)
        break;
      append_spaces (text, widths[column] - g_utf8_strlen (cell, -1) + GAP);
      at += widths[column] + GAP;
    }
  g_string_append_c (text, '\n');
}

void
cli_table_append_to (CliTable *self, GString *text)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);

  for (guint column = 0; column < self->n_columns; column++)
    widths[column] = measure_column (self, column);
  for (guint row = 0; row < self->cells->len / self->n_columns; row++)
    append_row (self, row, widths, text);
}

void
cli_append_heading (GString *text, const char *heading)
{
  g_string_append_printf (text, "%s%s%s%s\n", text->len > 0 ? "\n" : "", cli_style_on (CLI_HEADING),
                          heading, cli_style_off (CLI_HEADING));
}

static void
append_paragraph (GString *text, const char *words, guint indent, guint width)
{
  g_auto (GStrv) split = g_strsplit (words, " ", -1);
  guint at = indent;

  for (guint i = 0; split[i] != NULL; i++)
    {
      guint length = g_utf8_strlen (split[i], -1);

      if (i > 0 && at + 1 + length > width)
        {
          g_string_append_c (text, '\n');
          append_spaces (text, indent);
          at = indent;
        }
      else if (i > 0)
        {
          g_string_append_c (text, ' ');
          at++;
        }
      g_string_append (text, split[i]);
      at += length;
    }
}

void
cli_append_wrapped (GString *text, const char *words, guint indent, guint width)
{
  g_auto (GStrv) paragraphs = NULL;

  if (width < indent + MIN_WRAPPED)
    {
      g_string_append (text, words);
      return;
    }

  paragraphs = g_strsplit (words, "\n\n", -1);
  for (guint i = 0; paragraphs[i] != NULL; i++)
    {
      if (i > 0)
        {
          g_string_append (text, "\n\n");
          append_spaces (text, indent);
        }
      append_paragraph (text, paragraphs[i], indent, width);
    }
}
