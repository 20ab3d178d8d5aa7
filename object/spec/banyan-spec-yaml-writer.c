/* banyan-spec-yaml-writer.c - writes a spec as YAML
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Block style, written here and not by libyaml's emitter, which chooses quotes by rules of its own
 * (it quotes every plain scalar with an emoji): what was plain must stay plain, and what was
 * quoted quoted, as the two are of different kinds. */

#include "banyan-spec-private.h"

#include <string.h>

/* libyaml looks for the colon of a plain key in one line of 1024 characters. */
#define MAX_SIMPLE_KEY 1000

#define BYTE_ORDER_MARK 0xfeff

static void write_value (GString *out, BanyanSpec *spec, guint level, gboolean is_inline);

/* What libyaml takes as it stands, without an escape. Ends of line are not among it. */
static gboolean
is_readable (gunichar character)
{
  return character == '\t' || (character >= 0x20 && character < 0x7f)
         || (character >= 0xa0 && character <= 0xfffd && character != 0x2028 && character != 0x2029)
         || character >= 0x10000;
}

/* And what people see as it stands: not the mark of byte order, which has no width. */
static gboolean
is_printable (gunichar character)
{
  return is_readable (character) && character != BYTE_ORDER_MARK;
}

static gboolean
is_blank_or_end (char character)
{
  return character == ' ' || character == '\t' || character == '\0';
}

/* Indicators that begin something other than a plain scalar. */
static gboolean
begins_plain (const char *text)
{
  if (g_utf8_get_char (text) == BYTE_ORDER_MARK) /* skipped at the very beginning */
    return FALSE;
  if (strchr ("-?:", *text))
    return !is_blank_or_end (text[1]);

  return !strchr (" \t,[]{}#&*!|>'\"%@`", *text);
}

/* A colon before a blank ends a key; a hash behind a blank begins a comment. */
static gboolean
stays_plain (const char *text)
{
  const char *at = text;

  for (; *at; at = g_utf8_next_char (at))
    if (!is_readable (g_utf8_get_char (at)) || (*at == ':' && is_blank_or_end (at[1]))
        || (*at == '#' && at > text && is_blank_or_end (at[-1])))
      return FALSE;

  return !is_blank_or_end (at[-1]);
}

/* In the first column, these end the document. */
static gboolean
is_marker (const char *text)
{
  return (g_str_has_prefix (text, "---") || g_str_has_prefix (text, "..."))
         && is_blank_or_end (text[3]);
}

/* Whether @text, written without quotes behind something else in its line, is read as it was. */
static gboolean
can_be_plain (const char *text)
{
  return !banyan_spec_text_is_null (text) && g_utf8_validate (text, -1, NULL) && begins_plain (text)
         && stays_plain (text);
}

static void
write_quoted (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (out, '"');
  for (const char *at = valid; *at; at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      if (character == '"' || character == '\\')
        g_string_append_printf (out, "\\%c", *at);
      else if (character == '\n')
        g_string_append (out, "\\n");
      else if (character == '\t')
        g_string_append (out, "\\t");
      else if (is_printable (character))
        g_string_append_unichar (out, character);
      else
        g_string_append_printf (out, character < 0x100 ? "\\x%02x" : "\\u%04x", character);
    }
  g_string_append_c (out, '"');
}

static void
write_text (GString *out, const char *text)
{
  gboolean first_column = out->len == 0 || out->str[out->len - 1] == '\n';

  if (can_be_plain (text) && !(first_column && is_marker (text)))
    g_string_append (out, text);
  else
    write_quoted (out, text);
}

static void
indent (GString *out, guint level)
{
  g_string_append_printf (out, "%*s", (int) level * 2, "");
}

static gboolean
is_block (BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);

  return (kind == BANYAN_SPEC_LIST || kind == BANYAN_SPEC_MAP) && banyan_spec_get_length (spec) > 0;
}

static void
write_key (GString *out, const char *key)
{
  gsize start = out->len;

  if (g_str_equal (key, "<<"))
    write_quoted (out, key);
  else
    write_text (out, key);

  if (out->len - start > MAX_SIMPLE_KEY)
    {
      g_string_insert (out, start, "? ");
      g_string_append (out, "\n");
    }
}

static void
write_entry (GString *out, BanyanSpec *map, guint i, guint level)
{
  BanyanSpec *value = banyan_spec_get_item (map, i);
  gsize start = out->len;

  write_key (out, banyan_spec_get_key (map, i));
  if (out->len > start && out->str[out->len - 1] == '\n')
    indent (out, level);
  g_string_append_c (out, ':');

  if (is_block (value))
    {
      g_string_append_c (out, '\n');
      write_value (out, value, level + 1, FALSE);
    }
  else
    {
      g_string_append_c (out, ' ');
      write_value (out, value, level, TRUE);
    }
}

/* The first line of a block that stands behind "- " is indented already. */
static void
write_block (GString *out, BanyanSpec *spec, guint level, gboolean is_inline)
{
  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      if (i > 0 || !is_inline)
        indent (out, level);

      if (banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP)
        write_entry (out, spec, i, level);
      else
        {
          g_string_append (out, "- ");
          write_value (out, banyan_spec_get_item (spec, i), level + 1, TRUE);
        }
    }
}

static void
write_scalar (GString *out, BanyanSpec *spec)
{
  switch (banyan_spec_get_kind (spec))
    {
    case BANYAN_SPEC_TEXT:
      write_text (out, banyan_spec_get_text (spec));
      break;
    case BANYAN_SPEC_STRING:
      write_quoted (out, banyan_spec_get_text (spec));
      break;
    case BANYAN_SPEC_LIST:
      g_string_append (out, "[]");
      break;
    case BANYAN_SPEC_MAP:
      g_string_append (out, "{}");
      break;
    default:
      g_string_append (out, banyan_spec_get_text (spec));
      break;
    }
}

static void
write_value (GString *out, BanyanSpec *spec, guint level, gboolean is_inline)
{
  if (is_block (spec))
    write_block (out, spec, level, is_inline);
  else
    {
      write_scalar (out, spec);
      g_string_append_c (out, '\n');
    }
}

/**
 * banyan_spec_to_yaml:
 * @self: a spec
 *
 * Writes a YAML document in block style, without aliases. Strings are quoted; text, numbers and
 * booleans are plain, and are text when read again. Text that YAML cannot say plainly, such as an
 * empty one or one of several lines, is quoted, and is a string when read again. Bytes that are
 * not UTF-8 are replaced.
 *
 * Returns: (transfer full): YAML in UTF-8, with an end of line
 */
char *
banyan_spec_to_yaml (BanyanSpec *self)
{
  GString *out;

  g_return_val_if_fail (self != NULL, NULL);

  out = g_string_new (NULL);
  write_value (out, self, 0, FALSE);
  return g_string_free (out, FALSE);
}
