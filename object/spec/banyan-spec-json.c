/* banyan-spec-json.c - reads JSON into a spec
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A parser of our own, strictly RFC 8259. json-glib of Debian 12 (1.6) does not do the job: it
 * turns numbers into doubles and integers, so that 1E400 and 0.10 are lost, keeps no places,
 * takes the last of two equal keys, and accepts comments, single quotes and text behind the value;
 * its strict mode came with 1.10, and keeps neither numbers nor places either.
 *
 * The text is UTF-8 without NUL and ends with one before the parser sees it, so looking at the
 * byte under the cursor needs no other check of the end.
 *
 * A key given twice is reported, and reading goes on; an error of syntax ends it. */

#include "banyan-spec-private.h"

#include <string.h>

typedef struct
{
  const char *at;
  BanyanSpecCursor cursor;
  BanyanProblems *problems;
  guint n_problems;
  GString *path; /* (owned): of the list or map that is being read */
  guint depth;
  guint n_values;
} Parser;

static BanyanSpec *parse_value (Parser *self);

static BanyanOrigin
origin_here (Parser *self)
{
  return banyan_spec_cursor_advance (&self->cursor, self->at);
}

/* Returns NULL, so that a caller can return at once. */
G_GNUC_PRINTF (4, 5)
static gpointer
report (Parser *self, const BanyanOrigin *origin, BanyanConfigError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  banyan_problems_add_text (self->problems, code, origin, banyan_spec_path_or_null (self->path),
                            text);
  self->n_problems++;
  return NULL;
}

/* The character here as a message shows it. */
static char *
character_here (Parser *self)
{
  if (*self->at == '\0')
    return g_strdup ("the end of the text");

  return g_strdup_printf ("\"%.*s\"", (int) (g_utf8_next_char (self->at) - self->at), self->at);
}

/* Reports that @wanted should have been here. */
static gpointer
report_unexpected (Parser *self, const char *wanted)
{
  BanyanOrigin origin = origin_here (self);
  g_autofree char *character = character_here (self);

  if (*self->at == '\'')
    return report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX,
                   "JSON strings stand in double quotes, not single ones");
  if (*self->at == '#' || (*self->at == '/' && (self->at[1] == '/' || self->at[1] == '*')))
    return report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX, "JSON has no comments");

  return report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX, "%s is expected here, not %s", wanted,
                 character);
}

static void
skip_space (Parser *self)
{
  self->at += strspn (self->at, " \t\r\n");
}

static gboolean
skip (Parser *self, char character)
{
  skip_space (self);
  if (*self->at != character)
    return FALSE;

  self->at++;
  return TRUE;
}

/* -- Strings -- */

static gboolean
read_hex4 (const char *at, guint *value)
{
  *value = 0;
  for (int i = 0; i < 4; i++)
    {
      if (!g_ascii_isxdigit (at[i]))
        return FALSE;
      *value = *value * 16 + g_ascii_xdigit_value (at[i]);
    }

  return TRUE;
}

static gpointer
report_escape (Parser *self, const char *escape, gsize length, const char *why)
{
  BanyanOrigin origin;

  self->at = escape;
  origin = origin_here (self);
  return report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX, "%.*s %s", (int) length, escape, why);
}

/* Cursor behind "\u". */
static gboolean
parse_unicode_escape (Parser *self, GString *string)
{
  const char *escape = self->at - 2;
  guint unit, low;

  if (!read_hex4 (self->at, &unit))
    return report_escape (self, escape, 2, "needs four hexadecimal digits after it") != NULL;
  if (unit == 0)
    return report_escape (self, escape, 6, "is a NUL, which a string cannot hold") != NULL;

  self->at += 4;
  if (unit < 0xd800 || unit > 0xdfff)
    {
      g_string_append_unichar (string, unit);
      return TRUE;
    }
  if (unit > 0xdbff || self->at[0] != '\\' || self->at[1] != 'u' || !read_hex4 (self->at + 2, &low)
      || low < 0xdc00 || low > 0xdfff)
    return report_escape (self, escape, 6, "is half of a surrogate pair without the other half")
           != NULL;

  self->at += 6;
  g_string_append_unichar (string, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
  return TRUE;
}

/* Cursor behind the backslash. */
static gboolean
parse_escape (Parser *self, GString *string)
{
  static const char letters[] = "\"\\/bfnrt";
  static const char characters[] = "\"\\/\b\f\n\r\t";
  const char *letter = *self->at ? strchr (letters, *self->at) : NULL;
  const char *end;

  if (letter)
    {
      g_string_append_c (string, characters[letter - letters]);
      self->at++;
      return TRUE;
    }
  if (*self->at == 'u')
    {
      self->at++;
      return parse_unicode_escape (self, string);
    }

  end = *self->at ? g_utf8_next_char (self->at) : self->at;
  return report_escape (self, self->at - 1, end - self->at + 1, "is no escape of JSON") != NULL;
}

/* Cursor at what is neither a character of a string nor its end. */
static gpointer
report_in_string (Parser *self, const BanyanOrigin *start)
{
  BanyanOrigin origin;

  if (*self->at == '\0')
    return report (self, start, BANYAN_CONFIG_ERROR_SYNTAX,
                   "the string that begins here has no end");

  origin = origin_here (self);
  return report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX,
                 "a control character in a string must be written as \\u%04x", (guint) *self->at);
}

/* Cursor at the opening quote. */
static char *
parse_string (Parser *self)
{
  BanyanOrigin start = origin_here (self);
  g_autoptr (GString) string = g_string_new (NULL);

  for (self->at++; *self->at != '"';)
    {
      const char *run = self->at;

      while ((guchar) *self->at >= 0x20 && *self->at != '"' && *self->at != '\\')
        self->at++;
      g_string_append_len (string, run, self->at - run);

      if (*self->at == '\\')
        {
          self->at++;
          if (!parse_escape (self, string))
            return NULL;
        }
      else if (*self->at != '"')
        return report_in_string (self, &start);
    }

  self->at++;
  return g_string_free (g_steal_pointer (&string), FALSE);
}

/* -- Words and numbers -- */

static const char *
why_no_number (const char *word)
{
  const char *digits = word + (*word == '-' || *word == '+');

  if (*word == '+')
    return "a number has no plus sign in JSON";
  if (*digits == '.')
    return "a number has a digit before the point in JSON";
  if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
    return "hexadecimal is not JSON; write it in decimal";
  if (digits[0] == '0' && g_ascii_isdigit (digits[1]))
    return "a number does not begin with 0 in JSON";
  if (g_str_equal (digits, "Infinity") || g_str_equal (digits, "NaN"))
    return "JSON has no such number";

  return "this is no number of JSON; if text was meant, put it in double quotes";
}

static gpointer
report_word (Parser *self, const BanyanOrigin *origin, const char *word)
{
  static const char *const words[] = { "true", "false", "null", NULL };
  g_autofree char *lower = g_ascii_strdown (word, -1);
  g_autofree char *quoted = banyan_spec_quote (word);

  if (g_strv_contains (words, lower))
    return report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX, "%s is written %s in JSON", quoted,
                   lower);
  if (strchr ("+-.0123456789", *word) || g_str_equal (word, "NaN")
      || g_str_equal (word, "Infinity"))
    return report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX, "%s: %s", quoted,
                   why_no_number (word));

  return report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX, "the string %s must be in double quotes",
                 quoted);
}

static BanyanSpec *
parse_word (Parser *self, const BanyanOrigin *origin)
{
  gsize length = strspn (self->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789+-._");
  g_autofree char *word = g_strndup (self->at, length);

  if (length == 0)
    return report_unexpected (self, "a value");
  if (banyan_spec_text_is_boolean (word))
    self->at += length;
  else if (g_str_equal (word, "null"))
    {
      self->at += length;
      return banyan_spec_new_null (origin);
    }
  else if (banyan_spec_text_is_json_number (word))
    {
      self->at += length;
      return banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, word, origin);
    }
  else
    return report_word (self, origin, word);

  return banyan_spec_new_scalar (BANYAN_SPEC_BOOLEAN, word, origin);
}

static BanyanSpec *
parse_string_value (Parser *self, const BanyanOrigin *origin)
{
  g_autofree char *text = parse_string (self);

  return text ? banyan_spec_new_scalar (BANYAN_SPEC_STRING, text, origin) : NULL;
}

/* -- Lists and maps -- */

/* Between items. TRUE when another follows; *ok tells the end from an error. */
static gboolean
parse_comma (Parser *self, char end, gboolean *ok)
{
  const char wanted[] = { ',', ' ', 'o', 'r', ' ', end, '\0' };
  BanyanOrigin comma;

  *ok = TRUE;
  if (skip (self, end))
    return FALSE;

  *ok = FALSE;
  if (*self->at != ',')
    return report_unexpected (self, wanted) != NULL;

  comma = origin_here (self);
  self->at++;
  skip_space (self);
  if (*self->at == end)
    return report (self, &comma, BANYAN_CONFIG_ERROR_SYNTAX, "JSON has no comma before %c", end)
           != NULL;

  *ok = TRUE;
  return TRUE;
}

/* Consumes the builder when all is well. */
static BanyanSpec *
end_container (BanyanSpecBuilder **builder, gboolean ok)
{
  return ok ? banyan_spec_builder_end (g_steal_pointer (builder)) : NULL;
}

static gboolean
parse_item (Parser *self, BanyanSpecBuilder *builder, guint index)
{
  gsize path_length = self->path->len;
  g_autoptr (BanyanSpec) value = NULL;
  char segment[16];

  g_snprintf (segment, sizeof segment, "%u", index);
  banyan_spec_path_append (self->path, segment);
  value = parse_value (self);
  g_string_truncate (self->path, path_length);

  if (!value)
    return FALSE;

  return banyan_spec_builder_add (builder, NULL, NULL, value);
}

static BanyanSpec *
parse_list (Parser *self, const BanyanOrigin *origin)
{
  g_autoptr (BanyanSpecBuilder) builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, origin);
  gboolean ok = TRUE;
  guint index = 0;

  self->at++;
  if (!skip (self, ']'))
    do
      if (!parse_item (self, builder, index++))
        return NULL;
    while (parse_comma (self, ']', &ok));

  return end_container (&builder, ok);
}

static gboolean
add_to_map (Parser *self, BanyanSpecBuilder *builder, const char *key, const BanyanOrigin *origin,
            BanyanSpec *value)
{
  const BanyanOrigin *first;
  g_autofree char *quoted = NULL;

  if (banyan_spec_builder_add (builder, key, origin, value))
    return TRUE;

  first = banyan_spec_builder_find (builder, key);
  quoted = banyan_spec_quote (key);
  report (self, origin, BANYAN_CONFIG_ERROR_DUPLICATE,
          "the key %s is given twice, first in line %u, column %u", quoted, first->line,
          first->column);
  if (self->n_problems < BANYAN_SPEC_MAX_PROBLEMS)
    return TRUE;

  report (self, origin, BANYAN_CONFIG_ERROR_RANGE,
          "%u problems are enough; the rest of the text was not read", BANYAN_SPEC_MAX_PROBLEMS);
  return FALSE;
}

static gboolean
parse_entry (Parser *self, BanyanSpecBuilder *builder)
{
  gsize path_length = self->path->len;
  g_autoptr (BanyanSpec) value = NULL;
  g_autofree char *key = NULL;
  BanyanOrigin origin;

  skip_space (self);
  if (*self->at != '"')
    return report_unexpected (self, "a key in double quotes") != NULL;

  origin = origin_here (self);
  if (!(key = parse_string (self)))
    return FALSE;
  if (!skip (self, ':'))
    return report_unexpected (self, "\":\" after the key") != NULL;

  banyan_spec_path_append (self->path, key);
  value = parse_value (self);
  g_string_truncate (self->path, path_length);
  return value && add_to_map (self, builder, key, &origin, value);
}

static BanyanSpec *
parse_map (Parser *self, const BanyanOrigin *origin)
{
  g_autoptr (BanyanSpecBuilder) builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  gboolean ok = TRUE;

  self->at++;
  if (!skip (self, '}'))
    do
      if (!parse_entry (self, builder))
        return NULL;
    while (parse_comma (self, '}', &ok));

  return end_container (&builder, ok);
}

static BanyanSpec *
parse_container (Parser *self, const BanyanOrigin *origin)
{
  BanyanSpec *value;

  if (++self->depth > BANYAN_SPEC_MAX_DEPTH)
    return report (self, origin, BANYAN_CONFIG_ERROR_RANGE,
                   "lists and maps are nested more than %u deep; declare inner nodes by "
                   "themselves and refer to them by name",
                   BANYAN_SPEC_MAX_DEPTH);

  value = *self->at == '[' ? parse_list (self, origin) : parse_map (self, origin);
  self->depth--;
  return value;
}

static BanyanSpec *
parse_value (Parser *self)
{
  BanyanOrigin origin;

  skip_space (self);
  origin = origin_here (self);

  if (++self->n_values > BANYAN_SPEC_MAX_VALUES)
    return report (self, &origin, BANYAN_CONFIG_ERROR_RANGE, "more than %u values; split the text",
                   BANYAN_SPEC_MAX_VALUES);
  if (*self->at == '[' || *self->at == '{')
    return parse_container (self, &origin);
  if (*self->at == '"')
    return parse_string_value (self, &origin);

  return parse_word (self, &origin);
}

static BanyanSpec *
parse_text (Parser *self)
{
  g_autoptr (BanyanSpec) value = parse_value (self);

  if (!value)
    return NULL;

  skip_space (self);
  if (*self->at)
    return report_unexpected (self, "the end of the text");

  return g_steal_pointer (&value);
}

/**
 * banyan_spec_parse_json:
 * @text: (array length=length) (element-type guint8): JSON in UTF-8
 * @length: its length in bytes, or -1 if it ends with a NUL
 * @origin: (nullable): who wrote it; lines and columns are counted in @text
 * @problems: where to report what is wrong
 *
 * Reads one JSON value. Numbers are kept as written, whatever their size and digits. Beyond the
 * syntax, refused are keys given twice, characters that are half of a surrogate pair, NUL
 * characters, and what exceeds the bounds: 16 MiB of text, a million values, 128 levels.
 *
 * Returns: (transfer full) (nullable): the tree, or NULL when the text could not be read to its
 *   end. When problems were found, a tree is only good for finding more.
 */
BanyanSpec *
banyan_spec_parse_json (const char *text, gssize length, const BanyanOrigin *origin,
                        BanyanProblems *problems)
{
  Parser parser = { .problems = problems };
  g_autofree char *copy = NULL;
  gsize size = length < 0 ? strlen (text) : (gsize) length;
  BanyanSpec *value;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  if (!banyan_spec_check_text (text, size, BANYAN_SPEC_MAX_BYTES, origin, problems))
    return NULL;

  copy = g_strndup (text, size);
  parser.at = copy + banyan_spec_byte_order_mark (text, size);
  parser.path = g_string_new (NULL);
  banyan_spec_cursor_init (&parser.cursor, parser.at, origin);

  value = parse_text (&parser);
  g_string_free (parser.path, TRUE);
  return value;
}
