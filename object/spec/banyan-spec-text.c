/* banyan-spec-text.c - places in texts, and what every parser checks first
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-spec-private.h"

#include <string.h>

#define MAX_QUOTED_CHARACTERS 60

void
banyan_spec_cursor_init (BanyanSpecCursor *self, const char *text, const BanyanOrigin *base)
{
  self->origin = base ? *base : (BanyanOrigin){ .kind = BANYAN_ORIGIN_PROGRAM };
  self->origin.name = g_intern_string (self->origin.name);
  self->origin.line = 1;
  self->origin.column = 1;
  self->at = text;
}

/* A carriage return followed by a line feed is one end of line. */
static gboolean
ends_line (const char *at, const char *to)
{
  return *at == '\n' || (*at == '\r' && !(at + 1 < to && at[1] == '\n'));
}

BanyanOrigin
banyan_spec_cursor_advance (BanyanSpecCursor *self, const char *to)
{
  g_assert (to >= self->at);

  for (; self->at < to; self->at++)
    if (ends_line (self->at, to))
      {
        self->origin.line++;
        self->origin.column = 1;
      }
    else if ((*self->at & 0xc0) != 0x80)
      self->origin.column++;

  return self->origin;
}

gsize
banyan_spec_byte_order_mark (const char *text, gsize length)
{
  return length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static gboolean
looks_like_utf16 (const char *text, gsize length)
{
  return length >= 2
         && (memcmp (text, "\xff\xfe", 2) == 0 || memcmp (text, "\xfe\xff", 2) == 0
             || (text[0] == '\0') != (text[1] == '\0'));
}

static void
report_bad_byte (const char *text, gsize length, const char *bad, const BanyanOrigin *base,
                 BanyanProblems *problems)
{
  BanyanSpecCursor cursor;
  BanyanOrigin origin;

  banyan_spec_cursor_init (&cursor, text + banyan_spec_byte_order_mark (text, length), base);
  origin = banyan_spec_cursor_advance (&cursor, MAX (bad, cursor.at));

  if (looks_like_utf16 (text, length))
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_SYNTAX, &origin, NULL,
                         "the text looks like UTF-16; save it as UTF-8");
  else if (*bad == '\0')
    banyan_problems_add (
        problems, BANYAN_CONFIG_ERROR_SYNTAX, &origin, NULL,
        "a NUL byte is not text; remove it, or, where this is an image, name it in a document");
  else
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_SYNTAX, &origin, NULL,
                         "byte 0x%02x is not UTF-8; save the text as UTF-8", *(const guint8 *) bad);
}

gboolean
banyan_spec_check_text (const char *text, gsize length, gsize limit, const BanyanOrigin *base,
                        BanyanProblems *problems)
{
  const char *bad;

  if (length > limit)
    {
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, base, NULL,
                           "the text has %" G_GSIZE_FORMAT " bytes, the limit is %" G_GSIZE_FORMAT
                           "; split it",
                           length, limit);
      return FALSE;
    }
  if (!g_utf8_validate_len (text, length, &bad))
    {
      report_bad_byte (text, length, bad, base, problems);
      return FALSE;
    }

  return TRUE;
}

static void
append_shortened (GString *string, const char *text)
{
  gsize length = strlen (text);

  if (g_utf8_validate_len (text, length, NULL) && g_utf8_strlen (text, -1) > MAX_QUOTED_CHARACTERS)
    {
      length = g_utf8_offset_to_pointer (text, MAX_QUOTED_CHARACTERS) - text;
      g_string_append_len (string, text, length);
      g_string_append (string, "…");
    }
  else
    g_string_append_len (string, text, MIN (length, MAX_QUOTED_CHARACTERS * 6));
}

char *
banyan_spec_quote (const char *text)
{
  GString *quoted = g_string_new ("\"");

  append_shortened (quoted, text);
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}

void
banyan_spec_path_append (GString *path, const char *key)
{
  if (path->len > 0)
    g_string_append_c (path, '.');
  append_shortened (path, key);
}

const char *
banyan_spec_path_or_null (GString *path)
{
  return path->len > 0 ? path->str : NULL;
}

/* YAML's core schema. */
gboolean
banyan_spec_text_is_null (const char *text)
{
  static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };

  return g_strv_contains (nulls, text);
}

gboolean
banyan_spec_text_is_boolean (const char *text)
{
  return g_str_equal (text, "true") || g_str_equal (text, "false");
}

static gboolean
skip_digits (const char **at)
{
  const char *start = *at;

  while (g_ascii_isdigit (**at))
    ++*at;

  return *at > start;
}

/* RFC 8259, section 6. */
gboolean
banyan_spec_text_is_json_number (const char *text)
{
  text += *text == '-';

  if (*text == '0')
    text++;
  else if (!skip_digits (&text))
    return FALSE;

  if (*text == '.' && (text++, !skip_digits (&text)))
    return FALSE;

  if (*text == 'e' || *text == 'E')
    {
      text++;
      text += *text == '-' || *text == '+';
      if (!skip_digits (&text))
        return FALSE;
    }

  return *text == '\0';
}
