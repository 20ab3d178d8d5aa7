/* qmp-reader.c - cuts what a client sends into JSON texts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-reader.h"

/* No UTF-8 text has it: clients send it to be sure that nothing of an older message is left. */
#define RESET 0xff

/* More than any message of sense has. What is deeper ends with its line, if nobody closes it. */
#define MAX_DEPTH 1024

void
qmp_reader_init (QmpReader *self)
{
  *self = (QmpReader){ .text = g_string_new (NULL) };
}

void
qmp_reader_clear (QmpReader *self)
{
  g_string_free (self->text, TRUE);
  self->text = NULL;
}

static void
begin (QmpReader *self)
{
  g_string_truncate (self->text, 0);
  self->depth = 0;
  self->is_in_string = self->is_escaped = self->is_deep = self->is_garbage = FALSE;
}

static void
step_in_string (QmpReader *self, char c)
{
  if (self->is_escaped)
    self->is_escaped = FALSE;
  else if (c == '\\')
    self->is_escaped = TRUE;
  else if (c == '"')
    self->is_in_string = FALSE;
}

static void
give_up (QmpReader *self)
{
  self->depth = 0;
  self->is_in_string = self->is_escaped = FALSE;
  self->is_garbage = TRUE;
}

/* Whether @c is the last one of a message, or of what should have been one. */
static gboolean
step (QmpReader *self, char c)
{
  g_string_append_c (self->text, c);
  if (c == '\n' && self->is_deep)
    give_up (self);
  if (self->is_garbage)
    return c == '\n';
  if (self->is_in_string)
    {
      step_in_string (self, c);
      return FALSE;
    }

  if (c == '"')
    self->is_in_string = TRUE;
  else if (c == '{' || c == '[')
    self->depth++;
  else if (c == '}' || c == ']')
    self->depth--;

  self->is_deep |= self->depth > MAX_DEPTH;
  return self->depth == 0;
}

/* FALSE for white space between messages. */
static gboolean
open_message (QmpReader *self, char c)
{
  if (self->text->len > 0)
    return TRUE;
  if (g_ascii_isspace (c))
    return FALSE;

  self->is_garbage = c != '{' && c != '[';
  return TRUE;
}

QmpReaderResult
qmp_reader_feed (QmpReader *self, const char **data, gsize *length)
{
  /* What the last call gave has been seen. */
  if (self->depth == 0 && !self->is_in_string
      && (!self->is_garbage || self->text->len == 0
          || self->text->str[self->text->len - 1] == '\n'))
    begin (self);

  while (*length > 0)
    {
      char c = *(*data)++;

      (*length)--;
      if ((guchar) c == RESET)
        {
          begin (self);
          continue;
        }
      if (!open_message (self, c))
        continue;
      if (step (self, c))
        return self->is_garbage ? QMP_READER_GARBAGE : QMP_READER_MESSAGE;
      if (self->text->len > QMP_READER_MAX_BYTES)
        return QMP_READER_TOO_LONG;
    }

  return QMP_READER_MORE;
}
