/* banyan-spec-dotted.c - reads dotted keys into a spec
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The notation is QEMU's: "driver=nbd,server.host=localhost,children.0=a,children.1=b". A comma in
 * a value is doubled. Beyond QEMU's, a segment of a key can stand in double quotes, where a double
 * quote is doubled, and then means a name whatever it contains: "a.b".c=x, "0"=x.
 *
 * Whether segments are the keys of a map or the positions of a list is known only when all have
 * been read. So the text first becomes a tree of branches, which can still grow, and then a spec.
 */

#include "banyan-spec-private.h"

#include <string.h>

typedef struct _Branch Branch;

struct _Branch
{
  char *name; /* (owned): the last segment of its key */
  gboolean is_quoted;
  BanyanOrigin origin; /* of the key that first led here */
  BanyanSpec *value;   /* (owned) (nullable): of a leaf */
  GPtrArray *children; /* (owned) (nullable): Branch, in the order written */
  GTree *index;        /* (owned) (nullable): borrowed name → borrowed child */
};

typedef struct
{
  const char *at;
  BanyanSpecCursor cursor;
  BanyanProblems *problems;
  guint n_problems;
  GString *path; /* (owned): of the key that is being read or the branch that is looked at */
} Parser;

static void
branch_free (Branch *self)
{
  g_free (self->name);
  g_clear_pointer (&self->value, banyan_spec_unref);
  g_clear_pointer (&self->index, g_tree_unref);
  g_clear_pointer (&self->children, g_ptr_array_unref);
  g_free (self);
}

static Branch *
branch_new (char *name, gboolean is_quoted, const BanyanOrigin *origin)
{
  Branch *self = g_new0 (Branch, 1);

  self->name = name;
  self->is_quoted = is_quoted;
  self->origin = *origin;
  return self;
}

static Branch *
child_at (Branch *self, guint position)
{
  return g_ptr_array_index (self->children, position);
}

static guint
n_children (Branch *self)
{
  return self->children ? self->children->len : 0;
}

/* An unquoted number is a position in a list. */
static gboolean
is_position (Branch *self)
{
  return !self->is_quoted && self->name[strspn (self->name, "0123456789")] == '\0';
}

/* Consumes @name. */
static Branch *
get_child (Branch *self, char *name, gboolean is_quoted, const BanyanOrigin *origin)
{
  Branch *child;

  if (!self->children)
    {
      self->children = g_ptr_array_new_with_free_func ((GDestroyNotify) branch_free);
      self->index = g_tree_new ((GCompareFunc) strcmp);
    }

  if ((child = g_tree_lookup (self->index, name)))
    {
      g_free (name);
      return child;
    }

  child = branch_new (name, is_quoted, origin);
  g_ptr_array_add (self->children, child);
  g_tree_insert (self->index, child->name, child);
  return child;
}

G_GNUC_PRINTF (4, 5)
static void
report (Parser *self, const BanyanOrigin *origin, BanyanConfigError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  if (++self->n_problems > BANYAN_SPEC_MAX_PROBLEMS + 1)
    return;
  if (self->n_problems > BANYAN_SPEC_MAX_PROBLEMS)
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_RANGE, NULL, NULL,
                           "%u problems are enough; there are more", BANYAN_SPEC_MAX_PROBLEMS);
      return;
    }

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  banyan_problems_add_text (self->problems, code, origin, banyan_spec_path_or_null (self->path),
                            text);
}

static BanyanOrigin
origin_here (Parser *self)
{
  return banyan_spec_cursor_advance (&self->cursor, self->at);
}

/* -- Keys -- */

/* Cursor at the opening quote; afterwards behind the closing one. */
static char *
parse_quoted_segment (Parser *self)
{
  BanyanOrigin origin = origin_here (self);
  g_autoptr (GString) segment = g_string_new (NULL);

  for (self->at++; *self->at; self->at++)
    {
      if (*self->at == '"' && *++self->at != '"')
        return g_string_free (g_steal_pointer (&segment), FALSE);
      g_string_append_c (segment, *self->at);
    }

  report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX, "the quote that begins here has no end");
  return NULL;
}

static char *
parse_plain_segment (Parser *self)
{
  BanyanOrigin origin = origin_here (self);
  gsize length = strcspn (self->at, ".=,\"");
  g_autofree char *segment = g_strndup (self->at, length);

  self->at += length;
  if (*self->at == '"')
    report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX,
            "a quote in the middle of a key; put the whole part in quotes, with \"\" for a quote");
  else if (length == 0)
    report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX,
            "a part of the key is empty; if that is meant, write \"\"");
  else
    return g_steal_pointer (&segment);

  return NULL;
}

static gboolean
check_segment_end (Parser *self)
{
  BanyanOrigin origin;

  if (strchr (".=,", *self->at)) /* or the end */
    return TRUE;

  origin = origin_here (self);
  report (self, &origin, BANYAN_CONFIG_ERROR_SYNTAX,
          "\".\" or \"=\" is expected after a part in quotes");
  return FALSE;
}

static gboolean
is_long_position (const char *segment)
{
  gsize digits = strspn (segment, "0123456789");

  return segment[digits] == '\0' && (digits > 9 || (digits > 1 && *segment == '0'));
}

static gboolean
check_segment (Parser *self, const char *segment, gboolean is_quoted, guint depth,
               const BanyanOrigin *origin)
{
  g_autofree char *quoted = banyan_spec_quote (segment);

  if (depth > BANYAN_SPEC_MAX_DEPTH)
    report (self, origin, BANYAN_CONFIG_ERROR_RANGE, "a key has at most %u parts",
            BANYAN_SPEC_MAX_DEPTH);
  else if (!is_quoted && is_long_position (segment))
    report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX,
            "%s is no position in a list; a name of digits stands in quotes", quoted);
  else if (!is_quoted && depth == 1 && g_ascii_isdigit (*segment)
           && segment[strspn (segment, "0123456789")] == '\0')
    report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX,
            "%s is a position, but this is not in a list; a name of digits stands in quotes",
            quoted);
  else
    return TRUE;

  return FALSE;
}

/* The branch that the key leads to, with the cursor behind the key; NULL after a problem. */
static Branch *
parse_key (Parser *self, Branch *branch, const BanyanOrigin *origin)
{
  guint depth = 0;

  for (;;)
    {
      gboolean is_quoted = *self->at == '"';
      g_autofree char *segment
          = is_quoted ? parse_quoted_segment (self) : parse_plain_segment (self);

      if (!segment || !check_segment (self, segment, is_quoted, ++depth, origin)
          || !check_segment_end (self))
        return NULL;

      banyan_spec_path_append (self->path, segment);
      branch = get_child (branch, g_steal_pointer (&segment), is_quoted, origin);
      if (*self->at != '.')
        return branch;
      self->at++;
    }
}

/* -- Values -- */

/* Up to a comma that is not doubled; afterwards behind it. */
static char *
parse_text (Parser *self)
{
  GString *text = g_string_new (NULL);

  for (;;)
    {
      gsize length = strcspn (self->at, ",");

      g_string_append_len (text, self->at, length);
      self->at += length;
      if (*self->at == ',' && *++self->at == ',')
        g_string_append_c (text, *self->at++);
      else
        return g_string_free (text, FALSE);
    }
}

static void
set_value (Parser *self, Branch *branch, const char *text, const BanyanOrigin *key_origin,
           const BanyanOrigin *origin)
{
  if (!branch->value)
    branch->value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, origin);
  else
    report (self, key_origin, BANYAN_CONFIG_ERROR_DUPLICATE, "given twice, first in column %u",
            branch->origin.column);
}

static void
report_no_value (Parser *self, const BanyanOrigin *origin)
{
  g_autofree char *key = g_strdup (self->path->str);

  g_string_truncate (self->path, 0);
  report (self, origin, BANYAN_CONFIG_ERROR_SYNTAX, "%s has no value; write %s=VALUE", key, key);
}

/* Skips what belongs to a key that could not be read. */
static void
parse_pair (Parser *self, Branch *root)
{
  BanyanOrigin key_origin = origin_here (self), origin;
  g_autofree char *text = NULL;
  Branch *branch;

  g_string_truncate (self->path, 0);
  branch = parse_key (self, root, &key_origin);

  if (branch && *self->at == '=')
    {
      self->at++;
      origin = origin_here (self);
      text = parse_text (self);
      set_value (self, branch, text, &key_origin, &origin);
      return;
    }

  if (branch)
    report_no_value (self, &key_origin);
  text = parse_text (self);
}

/* -- From branches to the spec -- */

static BanyanSpec *build (Parser *self, Branch *branch);

/* What has no value, since its key could not be read to the end, is null: an empty map would be a
 * level too many where that end was beyond the deepest. */
static BanyanSpec *
build_child (Parser *self, Branch *child)
{
  gsize path_length = self->path->len;
  BanyanSpec *value;

  if (child->value == NULL && child->children == NULL)
    return banyan_spec_new_null (&child->origin);

  banyan_spec_path_append (self->path, child->name);
  value = build (self, child);
  g_string_truncate (self->path, path_length);
  return value;
}

static BanyanSpec *
build_map (Parser *self, Branch *branch)
{
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, &branch->origin);

  for (guint i = 0; i < n_children (branch); i++)
    {
      Branch *child = child_at (branch, i);
      g_autoptr (BanyanSpec) value = build_child (self, child);

      banyan_spec_builder_add (builder, child->name, &child->origin, value);
    }

  return banyan_spec_builder_end (builder);
}

/* Positions may come in any order, but have no gaps: all of them are below their number. */
static BanyanSpec *
build_list (Parser *self, Branch *branch)
{
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, &branch->origin);
  guint n_found = 0;

  for (guint i = 0; n_found < n_children (branch); i++)
    {
      char position[16];
      Branch *child;

      g_snprintf (position, sizeof position, "%u", i);
      if ((child = g_tree_lookup (branch->index, position)))
        {
          g_autoptr (BanyanSpec) value = build_child (self, child);
          banyan_spec_builder_add (builder, NULL, NULL, value);
          n_found++;
        }
      else
        {
          report (self, &branch->origin, BANYAN_CONFIG_ERROR_MISSING,
                  "position %u is missing; the positions of a list are 0, 1, 2, … without gaps", i);
          break;
        }
    }

  return banyan_spec_builder_end (builder);
}

static gboolean
check_not_mixed (Parser *self, Branch *branch, guint n_positions)
{
  Branch *position = NULL, *name = NULL;

  if (n_positions == 0 || n_positions == n_children (branch))
    return TRUE;

  for (guint i = 0; !position || !name; i++)
    if (is_position (child_at (branch, i)))
      position = position ? position : child_at (branch, i);
    else
      name = name ? name : child_at (branch, i);

  report (self, &name->origin, BANYAN_CONFIG_ERROR_CONFLICT,
          "a list, because of %s, and a map, because of %s; give only positions or only names",
          position->name, name->name);
  return FALSE;
}

static BanyanSpec *
build (Parser *self, Branch *branch)
{
  guint n_positions = 0;

  if (branch->value)
    {
      if (branch->children)
        report (self, &branch->origin, BANYAN_CONFIG_ERROR_CONFLICT,
                "has both a value and parts (%s.%s); give one or the other", self->path->str,
                child_at (branch, 0)->name);
      return banyan_spec_ref (branch->value);
    }

  for (guint i = 0; i < n_children (branch); i++)
    n_positions += is_position (child_at (branch, i));

  return check_not_mixed (self, branch, n_positions) && n_positions > 0 ? build_list (self, branch)
                                                                        : build_map (self, branch);
}

/* The first word may have no key, as in "raw,file=disk": it has @key then. */
static void
parse_implied (Parser *self, Branch *root, const char *key)
{
  gsize length = strcspn (self->at, ",=");
  BanyanOrigin origin = origin_here (self);
  g_autofree char *text = NULL;

  if (length == 0 || self->at[length] == '=')
    return;

  text = parse_text (self);
  set_value (self, get_child (root, g_strdup (key), FALSE, &origin), text, &origin, &origin);
}

static BanyanSpec *
parse (const char *text, const char *implied_key, const BanyanOrigin *origin,
       BanyanProblems *problems)
{
  Parser parser = { .at = text, .problems = problems };
  Branch *root;
  BanyanSpec *value;

  if (!banyan_spec_check_text (text, strlen (text), BANYAN_SPEC_MAX_DOTTED_BYTES, origin, problems))
    return NULL;

  banyan_spec_cursor_init (&parser.cursor, text, origin);
  parser.path = g_string_new (NULL);
  root = branch_new (NULL, TRUE, &parser.cursor.origin);

  if (implied_key)
    parse_implied (&parser, root, implied_key);
  while (*parser.at)
    parse_pair (&parser, root);

  g_string_truncate (parser.path, 0);
  value = build (&parser, root);

  branch_free (root);
  g_string_free (parser.path, TRUE);
  return value;
}

/**
 * banyan_spec_parse_dotted:
 * @text: "KEY=VALUE,KEY=VALUE"
 * @origin: (nullable): who wrote it; lines and columns are counted in @text
 * @problems: where to report what is wrong
 *
 * Reads dotted keys. The parts of a key are the keys of maps inside each other, or positions in a
 * list where they are numbers. All values are text, to be converted by the type of the property; a
 * comma in one is doubled. A part in double quotes is a name, whatever it contains. One comma may
 * stand at the end. The empty text is an empty map.
 *
 * A word without "=" is a problem.
 *
 * Returns: (transfer full) (nullable): a map, or NULL when the text is not UTF-8 or longer than
 *   1 MiB. When problems were found, it is only good for finding more.
 */
BanyanSpec *
banyan_spec_parse_dotted (const char *text, const BanyanOrigin *origin, BanyanProblems *problems)
{
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  return parse (text, NULL, origin, problems);
}

/**
 * banyan_spec_parse_option:
 * @text: what an option of a command line was given
 * @implied_key: (nullable): the key of a first word that has none
 * @origin: (nullable): who wrote it; lines and columns are counted in @text
 * @problems: where to report what is wrong
 *
 * Reads JSON where @text begins with "{", and else dotted keys as banyan_spec_parse_dotted() does,
 * of which the first may be left out: "raw,file=disk" is "driver=raw,file=disk" for the
 * @implied_key "driver".
 *
 * Returns: (transfer full) (nullable): as from banyan_spec_parse_dotted()
 */
BanyanSpec *
banyan_spec_parse_option (const char *text, const char *implied_key, const BanyanOrigin *origin,
                          BanyanProblems *problems)
{
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  return *text == '{' ? banyan_spec_parse_json (text, -1, origin, problems)
                      : parse (text, implied_key, origin, problems);
}
