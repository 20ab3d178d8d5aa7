/* banyan-spec-yaml.c - reads YAML into a spec
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libyaml reports events: a scalar, an alias, the begin and the end of a list or map. From these
 * the tree is built from the inside out, one function call a level, at most BANYAN_SPEC_MAX_DEPTH.
 *
 * An alias costs no memory, as it shares the tree that its anchor names. But whoever walks the
 * spec walks it as often as it is named, so each alias counts as if it were written out.
 *
 * What is wrong in meaning (a key given twice, a merge key, an unknown tag, an unknown alias) is
 * collected, and reading goes on. What libyaml itself refuses, and a bound exceeded, end it. */

#include "banyan-spec-private.h"

#include <string.h>
#include <yaml.h>

#define CORE_TAG "tag:yaml.org,2002:"

typedef struct
{
  char *name;        /* (owned) */
  BanyanSpec *value; /* (owned) (nullable): NULL while it is being read */
  guint n_values;    /* expanded */
  gsize n_bytes;     /* expanded */
  guint height;      /* levels of lists and maps in it */
} Anchor;

typedef struct
{
  yaml_parser_t yaml;
  const char *text;
  gsize length;
  const char *name; /* interned */
  BanyanProblems *problems;
  guint n_problems;
  GPtrArray *anchors; /* (owned): every Anchor */
  GTree *latest;      /* (owned): borrowed name → borrowed Anchor that it means now */
  GString *path;      /* (owned): of the list or map that is being read */
  guint depth;
  guint deepest; /* since the innermost anchor began */
  guint n_values;
  gsize n_bytes;
  gboolean failed; /* there is no going on */
} Parser;

static BanyanSpec *parse_value (Parser *self, const yaml_event_t *event);

static void
anchor_free (Anchor *anchor)
{
  g_free (anchor->name);
  g_clear_pointer (&anchor->value, banyan_spec_unref);
  g_free (anchor);
}

static BanyanOrigin
origin_at (Parser *self, const yaml_mark_t *mark)
{
  return (BanyanOrigin){ BANYAN_ORIGIN_DOCUMENT, self->name, mark->line + 1, mark->column + 1 };
}

G_GNUC_PRINTF (4, 5)
static void
report (Parser *self, const yaml_mark_t *mark, BanyanConfigError code, const char *format, ...)
{
  BanyanOrigin origin = origin_at (self, mark);
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  banyan_problems_add_text (self->problems, code, &origin, banyan_spec_path_or_null (self->path),
                            text);
  if (++self->n_problems == BANYAN_SPEC_MAX_PROBLEMS)
    {
      self->failed = TRUE;
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_RANGE, &origin, NULL,
                           "%u problems are enough; the rest of the text was not read",
                           BANYAN_SPEC_MAX_PROBLEMS);
    }
}

/* -- Syntax -- */

/* The reader, which decodes characters, knows only how many bytes it has read. */
static void
report_reader_error (Parser *self)
{
  BanyanSpecCursor cursor;
  BanyanOrigin base = { .kind = BANYAN_ORIGIN_DOCUMENT, .name = self->name };
  BanyanOrigin origin;

  banyan_spec_cursor_init (&cursor, self->text, &base);
  origin = banyan_spec_cursor_advance (&cursor,
                                       self->text + MIN (self->yaml.problem_offset, self->length));
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_SYNTAX, &origin, NULL,
                       "%s (U+%04X); in double quotes it can be written as an escape",
                       self->yaml.problem, (guint) self->yaml.problem_value);
}

/* Where libyaml's words say what it met, but not what to do about it. */
static gboolean
report_in_our_words (Parser *self)
{
  const yaml_mark_t *mark = &self->yaml.problem_mark;
  gboolean is_start = strstr (self->yaml.problem, "cannot start any token") != NULL;
  gboolean is_colon = strstr (self->yaml.problem, "mapping values are not allowed") != NULL;
  const char *at;

  if (mark->index >= (gsize) g_utf8_strlen (self->text, self->length))
    return FALSE;

  at = g_utf8_offset_to_pointer (self->text, mark->index);
  if (is_start && *at == '\t')
    report (self, mark, BANYAN_CONFIG_ERROR_SYNTAX, "YAML is not indented by tabs; use spaces");
  else if (is_start)
    report (self, mark, BANYAN_CONFIG_ERROR_SYNTAX,
            "a value cannot begin with %c; put it in quotes", *at);
  else if (is_colon)
    report (self, mark, BANYAN_CONFIG_ERROR_SYNTAX,
            "this colon follows no key; mend the indentation, or put text with a colon in quotes");

  return is_start || is_colon;
}

/* libyaml reads ahead, so the path where reading stands is not that of the error. */
static void
report_syntax_error (Parser *self)
{
  const yaml_parser_t *yaml = &self->yaml;
  guint line = yaml->context_mark.line;

  self->failed = TRUE;
  g_string_truncate (self->path, 0);

  if (yaml->error == YAML_READER_ERROR)
    report_reader_error (self);
  else if (yaml->error == YAML_MEMORY_ERROR)
    g_error ("out of memory");
  else if (report_in_our_words (self))
    return;
  else if (yaml->context && line != yaml->problem_mark.line)
    report (self, &yaml->problem_mark, BANYAN_CONFIG_ERROR_SYNTAX, "%s %s that begins in line %u",
            yaml->problem, yaml->context, line + 1);
  else
    report (self, &yaml->problem_mark, BANYAN_CONFIG_ERROR_SYNTAX, "%s%s%s", yaml->problem,
            yaml->context ? " " : "", yaml->context ? yaml->context : "");
}

/* FALSE when there is no event, because of an error now or before. */
static gboolean
next_event (Parser *self, yaml_event_t *event)
{
  memset (event, 0, sizeof *event);

  if (self->failed)
    return FALSE;
  if (yaml_parser_parse (&self->yaml, event))
    return TRUE;

  report_syntax_error (self);
  return FALSE;
}

/* -- Bounds -- */

static gboolean
count (Parser *self, const yaml_mark_t *mark, guint n_values, gsize n_bytes)
{
  self->n_values += n_values;
  self->n_bytes += n_bytes;

  if (self->n_values > BANYAN_SPEC_MAX_VALUES)
    report (self, mark, BANYAN_CONFIG_ERROR_RANGE,
            "more than %u values, aliases written out; use fewer or smaller aliases, or split the "
            "document",
            BANYAN_SPEC_MAX_VALUES);
  else if (self->n_bytes > BANYAN_SPEC_MAX_BYTES)
    report (self, mark, BANYAN_CONFIG_ERROR_RANGE,
            "more than %u bytes of text, aliases written out; use fewer or smaller aliases, or "
            "split the document",
            BANYAN_SPEC_MAX_BYTES);
  else
    return TRUE;

  self->failed = TRUE;
  return FALSE;
}

static gboolean
check_depth (Parser *self, const yaml_mark_t *mark, guint height)
{
  self->deepest = MAX (self->deepest, self->depth + height);

  if (self->depth + height <= BANYAN_SPEC_MAX_DEPTH)
    return TRUE;

  report (self, mark, BANYAN_CONFIG_ERROR_RANGE,
          "lists and maps are nested more than %u deep; declare inner nodes by themselves and "
          "refer to them by name",
          BANYAN_SPEC_MAX_DEPTH);
  self->failed = TRUE;
  return FALSE;
}

/* -- Scalars and their tags -- */

static const char *
core_tag (const yaml_char_t *tag)
{
  const char *text = (const char *) tag;

  return text && g_str_has_prefix (text, CORE_TAG) ? text + strlen (CORE_TAG) : NULL;
}

static void
report_tag (Parser *self, const yaml_mark_t *mark, const yaml_char_t *tag, const char *wanted)
{
  const char *core = core_tag (tag);
  g_autofree char *name = g_strconcat (core ? "!!" : "", core ? core : (const char *) tag, NULL);
  g_autofree char *quoted = banyan_spec_quote (name);

  report (self, mark, BANYAN_CONFIG_ERROR_TYPE, "the tag %s does not suit %s; leave it out", quoted,
          wanted);
}

static gboolean
matches_tag (const char *tag, const char *text)
{
  static const struct
  {
    const char *tag;
    const char *pattern;
  } tags[] = {
    { "null", "^(|~|null|Null|NULL)$" },
    { "bool", "^(true|True|TRUE|false|False|FALSE)$" },
    { "int", "^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$" },
    { "float", "^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (tags); i++)
    if (g_str_equal (tags[i].tag, tag))
      return g_regex_match_simple (tags[i].pattern, text, G_REGEX_DOLLAR_ENDONLY, 0);

  return FALSE;
}

/* A tag of the core schema says what quotes and plainness say otherwise. Numbers stay text: which
 * of them a property takes is for its type to say. */
static BanyanSpecKind
kind_by_tag (Parser *self, const yaml_event_t *event, const char *text)
{
  const yaml_char_t *tag = event->data.scalar.tag;
  const char *core = core_tag (tag);
  g_autofree char *quoted = NULL;

  if (g_str_equal ((const char *) tag, "!") || g_strcmp0 (core, "str") == 0)
    return BANYAN_SPEC_STRING;
  if (core && matches_tag (core, text))
    return g_str_equal (core, "null") ? BANYAN_SPEC_NULL : BANYAN_SPEC_TEXT;

  quoted = banyan_spec_quote (text);
  report_tag (self, &event->start_mark, tag, quoted);
  return BANYAN_SPEC_STRING;
}

static BanyanSpecKind
scalar_kind (Parser *self, const yaml_event_t *event, const char *text)
{
  if (event->data.scalar.tag)
    return kind_by_tag (self, event, text);
  if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    return BANYAN_SPEC_STRING;

  return banyan_spec_text_is_null (text) ? BANYAN_SPEC_NULL : BANYAN_SPEC_TEXT;
}

/* The escape \0 is the one way in for a NUL, which no C string can hold. */
static const char *
scalar_text (Parser *self, const yaml_event_t *event)
{
  const char *text = (const char *) event->data.scalar.value;

  if (strlen (text) == event->data.scalar.length)
    return text;

  report (self, &event->start_mark, BANYAN_CONFIG_ERROR_TYPE,
          "a string cannot hold a NUL character (\\0)");
  return "";
}

static BanyanSpec *
parse_scalar (Parser *self, const yaml_event_t *event)
{
  BanyanOrigin origin = origin_at (self, &event->start_mark);
  const char *text = scalar_text (self, event);
  BanyanSpecKind kind = scalar_kind (self, event, text);

  if (!count (self, &event->start_mark, 1, strlen (text)))
    return NULL;

  return kind == BANYAN_SPEC_NULL ? banyan_spec_new_null (&origin)
                                  : banyan_spec_new_scalar (kind, text, &origin);
}

/* -- Lists and maps -- */

static void
check_container_tag (Parser *self, const yaml_event_t *event, const yaml_char_t *tag,
                     const char *right, const char *what)
{
  if (tag && !g_str_equal ((const char *) tag, "!") && g_strcmp0 (core_tag (tag), right) != 0)
    report_tag (self, &event->start_mark, tag, what);
}

static BanyanSpec *
parse_list (Parser *self, const yaml_event_t *start)
{
  BanyanOrigin origin = origin_at (self, &start->start_mark);
  g_autoptr (BanyanSpecBuilder) builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
  gsize path_length = self->path->len;
  yaml_event_t event;

  check_container_tag (self, start, start->data.sequence_start.tag, "seq", "a list");

  for (guint i = 0; next_event (self, &event) && event.type != YAML_SEQUENCE_END_EVENT; i++)
    {
      g_autoptr (BanyanSpec) value = NULL;
      char index[16];

      g_snprintf (index, sizeof index, "%u", i);
      banyan_spec_path_append (self->path, index);
      value = parse_value (self, &event);
      g_string_truncate (self->path, path_length);
      yaml_event_delete (&event);

      if (value)
        banyan_spec_builder_add (builder, NULL, NULL, value);
    }

  yaml_event_delete (&event);
  return self->failed ? NULL : banyan_spec_builder_end (g_steal_pointer (&builder));
}

static gboolean
is_plain (const yaml_event_t *event, const char *text)
{
  return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag
         && g_str_equal ((const char *) event->data.scalar.value, text);
}

static void
remember_anchor_of_key (Parser *self, const yaml_event_t *event)
{
  if (event->data.scalar.anchor)
    {
      g_autoptr (BanyanSpec) unused = parse_value (self, event);
    }
}

static char *
parse_scalar_key (Parser *self, const yaml_event_t *event)
{
  const yaml_char_t *tag = event->data.scalar.tag;
  const char *text = (const char *) event->data.scalar.value;
  guint n_problems = self->n_problems;

  if (is_plain (event, "<<"))
    report (self, &event->start_mark, BANYAN_CONFIG_ERROR_SYNTAX,
            "merge keys (<<) are not supported; write the keys out, or name a whole map with "
            "&NAME and repeat it with *NAME");
  else if (is_plain (event, ""))
    report (self, &event->start_mark, BANYAN_CONFIG_ERROR_SYNTAX, "a key is missing before \":\"");
  else if (tag && !g_str_equal ((const char *) tag, "!") && g_strcmp0 (core_tag (tag), "str") != 0)
    report_tag (self, &event->start_mark, tag, "a key");
  else
    text = scalar_text (self, event);

  remember_anchor_of_key (self, event);
  return self->n_problems == n_problems ? g_strdup (text) : NULL;
}

/* NULL when there is no key to be had: the value is then read for its own problems only. */
static char *
parse_key (Parser *self, const yaml_event_t *event)
{
  g_autoptr (BanyanSpec) unused = NULL;

  if (event->type == YAML_SCALAR_EVENT)
    return parse_scalar_key (self, event);

  if (event->type == YAML_ALIAS_EVENT)
    report (self, &event->start_mark, BANYAN_CONFIG_ERROR_SYNTAX,
            "a key cannot be an alias; write it out");
  else
    {
      report (self, &event->start_mark, BANYAN_CONFIG_ERROR_SYNTAX,
              "a list or map cannot be a key; if text was meant, put it in quotes");
      unused = parse_value (self, event);
    }
  return NULL;
}

static void
add_to_map (Parser *self, BanyanSpecBuilder *builder, const char *key, const yaml_mark_t *mark,
            BanyanSpec *value)
{
  BanyanOrigin origin = origin_at (self, mark);
  g_autofree char *quoted = NULL;

  if (!count (self, mark, 0, strlen (key))
      || banyan_spec_builder_add (builder, key, &origin, value))
    return;

  quoted = banyan_spec_quote (key);
  report (self, mark, BANYAN_CONFIG_ERROR_DUPLICATE, "the key %s is given twice, first in line %u",
          quoted, banyan_spec_builder_find (builder, key)->line);
}

static void
parse_entry (Parser *self, BanyanSpecBuilder *builder, const yaml_event_t *key_event)
{
  gsize path_length = self->path->len;
  g_autofree char *key = parse_key (self, key_event);
  g_autoptr (BanyanSpec) value = NULL;
  yaml_event_t event;

  if (!next_event (self, &event))
    return;

  if (key)
    banyan_spec_path_append (self->path, key);
  value = parse_value (self, &event);
  g_string_truncate (self->path, path_length);
  yaml_event_delete (&event);

  if (key && value)
    add_to_map (self, builder, key, &key_event->start_mark, value);
  else
    banyan_spec_builder_set_partial (builder);
}

static BanyanSpec *
parse_map (Parser *self, const yaml_event_t *start)
{
  BanyanOrigin origin = origin_at (self, &start->start_mark);
  g_autoptr (BanyanSpecBuilder) builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  yaml_event_t event;

  check_container_tag (self, start, start->data.mapping_start.tag, "map", "a map");

  while (next_event (self, &event) && event.type != YAML_MAPPING_END_EVENT)
    {
      parse_entry (self, builder, &event);
      yaml_event_delete (&event);
    }

  yaml_event_delete (&event);
  return self->failed ? NULL : banyan_spec_builder_end (g_steal_pointer (&builder));
}

static BanyanSpec *
parse_container (Parser *self, const yaml_event_t *event)
{
  BanyanSpec *value = NULL;

  self->depth++;
  if (count (self, &event->start_mark, 1, 0) && check_depth (self, &event->start_mark, 0))
    value = event->type == YAML_SEQUENCE_START_EVENT ? parse_list (self, event)
                                                     : parse_map (self, event);
  self->depth--;
  return value;
}

/* -- Anchors and aliases -- */

static gboolean
append_name (gpointer name, gpointer anchor, gpointer names)
{
  g_ptr_array_add (names, name);
  return FALSE;
}

static void
report_unknown_alias (Parser *self, const yaml_event_t *event)
{
  const char *name = (const char *) event->data.alias.anchor;
  g_autofree char *quoted = banyan_spec_quote (name);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  g_tree_foreach (self->latest, append_name, names);
  g_ptr_array_add (names, NULL);
  near = banyan_did_you_mean (name, (const char *const *) names->pdata);

  if (near)
    report (self, &event->start_mark, BANYAN_CONFIG_ERROR_REFERENCE,
            "no anchor before this is called %s; did you mean \"%s\"?", quoted, near);
  else
    report (self, &event->start_mark, BANYAN_CONFIG_ERROR_REFERENCE,
            "no anchor before this is called %s", quoted);
}

static BanyanSpec *
parse_alias (Parser *self, const yaml_event_t *event)
{
  BanyanOrigin origin = origin_at (self, &event->start_mark);
  Anchor *anchor = g_tree_lookup (self->latest, event->data.alias.anchor);

  if (anchor && anchor->value)
    return count (self, &event->start_mark, anchor->n_values, anchor->n_bytes)
                   && check_depth (self, &event->start_mark, anchor->height)
               ? banyan_spec_ref (anchor->value)
               : NULL;

  if (!anchor)
    report_unknown_alias (self, event);
  else
    {
      g_autofree char *quoted = banyan_spec_quote (anchor->name);
      report (self, &event->start_mark, BANYAN_CONFIG_ERROR_REFERENCE,
              "the alias %s is part of the value that it names; a value cannot contain itself",
              quoted);
    }
  return banyan_spec_new_null (&origin);
}

static BanyanSpec *
parse_plain_value (Parser *self, const yaml_event_t *event)
{
  return event->type == YAML_SCALAR_EVENT ? parse_scalar (self, event)
                                          : parse_container (self, event);
}

static const char *
event_anchor (const yaml_event_t *event)
{
  switch (event->type)
    {
    case YAML_SCALAR_EVENT:
      return (const char *) event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
      return (const char *) event->data.sequence_start.anchor;
    default:
      return (const char *) event->data.mapping_start.anchor;
    }
}

static Anchor *
open_anchor (Parser *self, const char *name)
{
  Anchor *anchor = g_new0 (Anchor, 1);

  anchor->name = g_strdup (name);
  anchor->n_values = self->n_values;
  anchor->n_bytes = self->n_bytes;
  g_ptr_array_add (self->anchors, anchor);
  g_tree_replace (self->latest, anchor->name, anchor);
  return anchor;
}

static BanyanSpec *
parse_anchored (Parser *self, const yaml_event_t *event, const char *name)
{
  Anchor *anchor = open_anchor (self, name);
  guint deepest = self->deepest;

  self->deepest = self->depth;
  anchor->value = parse_plain_value (self, event);
  anchor->n_values = self->n_values - anchor->n_values;
  anchor->n_bytes = self->n_bytes - anchor->n_bytes;
  anchor->height = self->deepest - self->depth;
  self->deepest = MAX (self->deepest, deepest);

  return anchor->value ? banyan_spec_ref (anchor->value) : NULL;
}

/* NULL when there is no going on. */
static BanyanSpec *
parse_value (Parser *self, const yaml_event_t *event)
{
  const char *anchor;

  if (event->type == YAML_ALIAS_EVENT)
    return parse_alias (self, event);

  anchor = event_anchor (event);
  return anchor ? parse_anchored (self, event, anchor) : parse_plain_value (self, event);
}

/* -- Documents -- */

static void
check_end (Parser *self)
{
  yaml_event_t event;

  while (next_event (self, &event) && event.type == YAML_DOCUMENT_END_EVENT)
    yaml_event_delete (&event);

  if (!self->failed && event.type == YAML_DOCUMENT_START_EVENT)
    report (self, &event.start_mark, BANYAN_CONFIG_ERROR_SYNTAX,
            "a second document begins here; put each in a file of its own");
  yaml_event_delete (&event);
}

/* A document without a value is null: YAML says so. */
static BanyanSpec *
parse_stream (Parser *self)
{
  const yaml_mark_t start = { 0 };
  BanyanOrigin origin = origin_at (self, &start);
  BanyanSpec *value = NULL;
  yaml_event_t event;

  while (next_event (self, &event)
         && (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT))
    yaml_event_delete (&event);

  if (!self->failed)
    value = event.type == YAML_STREAM_END_EVENT ? banyan_spec_new_null (&origin)
                                                : parse_value (self, &event);
  yaml_event_delete (&event);
  check_end (self);
  return value;
}

static void
parser_init (Parser *self, const char *text, gsize length, BanyanProblems *problems)
{
  gsize mark = banyan_spec_byte_order_mark (text, length);

  self->text = text + mark;
  self->length = length - mark;
  self->problems = problems;
  self->anchors = g_ptr_array_new_with_free_func ((GDestroyNotify) anchor_free);
  self->latest = g_tree_new ((GCompareFunc) strcmp);
  self->path = g_string_new (NULL);

  if (!yaml_parser_initialize (&self->yaml))
    g_error ("out of memory");
  yaml_parser_set_encoding (&self->yaml, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string (&self->yaml, (const guint8 *) self->text, self->length);
}

static void
parser_clear (Parser *self)
{
  yaml_parser_delete (&self->yaml);
  g_tree_unref (self->latest);
  g_ptr_array_unref (self->anchors);
  g_string_free (self->path, TRUE);
}

/**
 * banyan_spec_parse_yaml:
 * @text: (array length=length) (element-type guint8): a YAML document in UTF-8
 * @length: its length in bytes, or -1 if it ends with a NUL
 * @name: (nullable): the file's name, for messages
 * @problems: where to report what is wrong
 *
 * Reads one YAML 1.1 or 1.2 document. A plain scalar is text, to be converted by the type of the
 * property that it is given to, so `no` is a word where a word is wanted; only `null`, `~` and
 * nothing at all are null. A quoted or block scalar is a string. An empty document is null.
 *
 * Refused are merge keys, keys given twice or not scalar, tags other than those of the core
 * schema, a second document, and what exceeds the bounds: 16 MiB of text, a million values,
 * 128 levels, with aliases written out.
 *
 * Returns: (transfer full) (nullable): the tree, or NULL when the text could not be read to its
 *   end. When problems were found, a tree is only good for finding more.
 */
BanyanSpec *
banyan_spec_parse_yaml (const char *text, gssize length, const char *name, BanyanProblems *problems)
{
  Parser parser = { .name = g_intern_string (name) };
  BanyanOrigin base = { .kind = BANYAN_ORIGIN_DOCUMENT, .name = parser.name };
  gsize size = length < 0 ? strlen (text) : (gsize) length;
  BanyanSpec *value;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  if (!banyan_spec_check_text (text, size, BANYAN_SPEC_MAX_BYTES, &base, problems))
    return NULL;

  parser_init (&parser, text, size, problems);
  value = parse_stream (&parser);
  if (parser.failed)
    g_clear_pointer (&value, banyan_spec_unref);
  parser_clear (&parser);
  return value;
}
