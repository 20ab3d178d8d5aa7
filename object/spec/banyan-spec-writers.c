/* banyan-spec-writers.c - writes a spec as JSON and as dotted keys
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-spec-private.h"

#include <string.h>

/* -- JSON -- */

/* A map that is in a tree more than once is written once, and copied. */
typedef struct
{
  gsize start; /* in the text */
  gsize length;
} Written;

typedef struct
{
  GString *out;
  gboolean pretty;
  GArray *written;    /* (owned) (element-type Written) */
  GHashTable *places; /* (owned): BanyanSpec to its place in @written, from 1 */
} JsonWriter;

static void write_json (JsonWriter *self, BanyanSpec *spec, guint level);

static gboolean
needs_escape (char c)
{
  return (guchar) c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

/* Most strings are plain to their end. */
static gsize
count_plain (const char *text)
{
  const char *at = text;

  while (!needs_escape (*at))
    at++;
  return at - text;
}

static void
write_json_escape (GString *out, char c)
{
  if (c == '"' || c == '\\')
    g_string_append_printf (out, "\\%c", c);
  else if (c == '\n')
    g_string_append (out, "\\n");
  else
    g_string_append_printf (out, "\\u%04x", (guint) c);
}

static void
write_json_string (GString *out, const char *text)
{
  g_autofree char *made_valid
      = g_utf8_validate (text, -1, NULL) ? NULL : g_utf8_make_valid (text, -1);
  const char *at = made_valid != NULL ? made_valid : text;

  g_string_append_c (out, '"');
  for (gsize plain = count_plain (at); plain > 0 || *at != '\0'; plain = count_plain (at))
    {
      g_string_append_len (out, at, plain);
      at += plain;
      if (*at != '\0')
        write_json_escape (out, *at++);
    }
  g_string_append_c (out, '"');
}

static void
write_json_break (GString *out, gboolean pretty, guint level)
{
  if (pretty)
    g_string_append_printf (out, "\n%*s", (int) level * 2, "");
}

static void
write_json_container (JsonWriter *self, BanyanSpec *spec, guint level)
{
  GString *out = self->out;
  gboolean pretty = self->pretty;
  gboolean is_map = banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP;
  guint length = banyan_spec_get_length (spec);

  g_string_append_c (out, is_map ? '{' : '[');
  for (guint i = 0; i < length; i++)
    {
      if (i > 0)
        g_string_append (out, pretty ? "," : ", ");
      write_json_break (out, pretty, level + 1);
      if (is_map)
        {
          write_json_string (out, banyan_spec_get_key (spec, i));
          g_string_append (out, ": ");
        }
      write_json (self, banyan_spec_get_item (spec, i), level + 1);
    }
  if (length > 0)
    write_json_break (out, pretty, level);
  g_string_append_c (out, is_map ? '}' : ']');
}

static void
write_json_text (GString *out, const char *text)
{
  if (banyan_spec_text_is_json_number (text) || banyan_spec_text_is_boolean (text))
    g_string_append (out, text);
  else
    write_json_string (out, text);
}

/* Indented, it may not be the same text. */
static void
write_json_map (JsonWriter *self, BanyanSpec *spec, guint level)
{
  guint place = GPOINTER_TO_UINT (g_hash_table_lookup (self->places, spec));
  Written written = { .start = self->out->len };

  if (place > 0)
    {
      written = g_array_index (self->written, Written, place - 1);
      g_string_append_len (self->out, self->out->str + written.start, written.length);
      return;
    }

  write_json_container (self, spec, level);
  written.length = self->out->len - written.start;
  g_array_append_val (self->written, written);
  g_hash_table_insert (self->places, spec, GUINT_TO_POINTER (self->written->len));
}

static void
write_json (JsonWriter *self, BanyanSpec *spec, guint level)
{
  GString *out = self->out;

  switch (banyan_spec_get_kind (spec))
    {
    case BANYAN_SPEC_NULL:
    case BANYAN_SPEC_BOOLEAN:
    case BANYAN_SPEC_NUMBER:
      g_string_append (out, banyan_spec_get_text (spec));
      break;
    case BANYAN_SPEC_TEXT:
      write_json_text (out, banyan_spec_get_text (spec));
      break;
    case BANYAN_SPEC_STRING:
      write_json_string (out, banyan_spec_get_text (spec));
      break;
    case BANYAN_SPEC_LIST:
      write_json_container (self, spec, level);
      break;
    case BANYAN_SPEC_MAP:
      if (!self->pretty && banyan_spec_is_shared (spec))
        write_json_map (self, spec, level);
      else
        write_json_container (self, spec, level);
      break;
    }
}

/**
 * banyan_spec_to_json:
 * @self: a spec
 * @pretty: whether to write it in several indented lines
 *
 * Writes JSON. Text, of which only the type of a property knows what it means, becomes a number or
 * a boolean where JSON can take it for one, and a string otherwise. Bytes that are not UTF-8 are
 * replaced.
 *
 * Returns: (transfer full): JSON in UTF-8, without an end of line
 */
char *
banyan_spec_to_json (BanyanSpec *self, gboolean pretty)
{
  JsonWriter writer = { .pretty = pretty };

  g_return_val_if_fail (self != NULL, NULL);

  writer.out = g_string_new (NULL);
  writer.written = g_array_new (FALSE, FALSE, sizeof (Written));
  writer.places = g_hash_table_new (NULL, NULL);
  write_json (&writer, self, 0);
  g_hash_table_unref (writer.places);
  g_array_unref (writer.written);
  return g_string_free (writer.out, FALSE);
}

/* -- Dotted keys -- */

static gboolean write_dotted (GString *out, GString *path, BanyanSpec *spec);

static gboolean
is_plain_segment (const char *key)
{
  return *key && key[strcspn (key, ".=,\"")] == '\0' && key[strspn (key, "0123456789")] != '\0';
}

static void
append_doubled (GString *out, const char *text, char doubled)
{
  for (; *text; text++)
    {
      g_string_append_c (out, *text);
      if (*text == doubled)
        g_string_append_c (out, doubled);
    }
}

static void
append_segment (GString *path, BanyanSpec *parent, guint index)
{
  const char *key;

  if (path->len > 0)
    g_string_append_c (path, '.');

  if (banyan_spec_get_kind (parent) == BANYAN_SPEC_LIST)
    g_string_append_printf (path, "%u", index);
  else if (is_plain_segment (key = banyan_spec_get_key (parent, index)))
    g_string_append (path, key);
  else
    {
      g_string_append_c (path, '"');
      append_doubled (path, key, '"');
      g_string_append_c (path, '"');
    }
}

static gboolean
write_dotted_container (GString *out, GString *path, BanyanSpec *spec)
{
  guint length = banyan_spec_get_length (spec);
  gsize path_length = path->len;

  for (guint i = 0; i < length; i++)
    {
      append_segment (path, spec, i);
      if (!write_dotted (out, path, banyan_spec_get_item (spec, i)))
        return FALSE;
      g_string_truncate (path, path_length);
    }

  return length > 0;
}

/* The bound keeps a small tree with long keys and many aliases from becoming a huge text. */
static gboolean
write_dotted (GString *out, GString *path, BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);

  if (kind == BANYAN_SPEC_LIST || kind == BANYAN_SPEC_MAP)
    return write_dotted_container (out, path, spec);

  if (out->len > 0)
    g_string_append_c (out, ',');
  g_string_append_len (out, path->str, path->len);
  g_string_append_c (out, '=');
  append_doubled (out, banyan_spec_get_text (spec), ',');
  return out->len <= BANYAN_SPEC_MAX_DOTTED_BYTES;
}

/**
 * banyan_spec_to_dotted:
 * @self: a spec
 *
 * Writes dotted keys, in which every value is text: null becomes the text "null", and a string
 * can no longer be told from a number.
 *
 * Returns: (transfer full) (nullable): dotted keys, or NULL for what they cannot say: what is no
 *   map, an empty list or map inside another, more than 1 MiB
 */
char *
banyan_spec_to_dotted (BanyanSpec *self)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GString) path = g_string_new (NULL);

  g_return_val_if_fail (self != NULL, NULL);

  if (banyan_spec_get_kind (self) != BANYAN_SPEC_MAP)
    return NULL;
  if (banyan_spec_get_length (self) > 0 && !write_dotted (out, path, self))
    return NULL;

  return g_string_free (g_steal_pointer (&out), FALSE);
}
