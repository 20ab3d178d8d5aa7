/* fuzz-spec.c - every notation of a spec, and that what is written reads as it was
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first byte chooses the notation: y, j or d; any other byte counts modulo three. */

#include <banyan/banyan-problems.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

typedef enum
{
  YAML,
  JSON,
  DOTTED,
} Notation;

static Notation
choose_notation (guint8 byte)
{
  const char *at = byte ? strchr ("yjd", byte) : NULL;

  return at ? (Notation) (at - "yjd") : (Notation) (byte % 3);
}

static BanyanSpec *
parse (Notation notation, const char *text, gssize length, BanyanProblems *problems)
{
  g_autofree char *copy = NULL;

  if (notation == YAML)
    return banyan_spec_parse_yaml (text, length, "fuzz.yaml", problems);
  if (notation == JSON)
    return banyan_spec_parse_json (text, length, NULL, problems);

  copy = length < 0 ? g_strdup (text) : g_strndup (text, length);
  return banyan_spec_parse_dotted (copy, NULL, problems);
}

/* The kind that @kind is read as, once it was written in YAML. */
static BanyanSpecKind
kind_in_yaml (BanyanSpec *spec)
{
  switch (banyan_spec_get_kind (spec))
    {
    case BANYAN_SPEC_BOOLEAN:
    case BANYAN_SPEC_NUMBER:
      return BANYAN_SPEC_TEXT;
    default:
      return banyan_spec_get_kind (spec);
    }
}

/* Text that YAML reads as plain, but that is not written so: of several lines, beginning with a
 * mark of byte order, ending with what is only plain before a bracket ("[-]", "[a:]"), or a marker
 * of documents that was indented. */
static gboolean
must_be_quoted (const char *text)
{
  static const char *const pieces[] = { "\n", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9" };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    if (strstr (text, pieces[i]))
      return TRUE;

  return g_str_has_prefix (text, "\xef\xbb\xbf") || g_str_has_suffix (text, ":")
         || g_str_equal (text, "-") || g_str_equal (text, "?") || g_str_has_prefix (text, "---")
         || g_str_has_prefix (text, "...");
}

/* Kinds last through YAML, but for text from dotted keys, which may be anything. */
static void
assert_same_kinds (BanyanSpec *before, BanyanSpec *after, gboolean is_yaml)
{
  BanyanSpecKind kind = kind_in_yaml (before), other = banyan_spec_get_kind (after);

  if (kind == BANYAN_SPEC_LIST || kind == BANYAN_SPEC_MAP)
    for (guint i = 0; i < banyan_spec_get_length (before); i++)
      assert_same_kinds (banyan_spec_get_item (before, i), banyan_spec_get_item (after, i),
                         is_yaml);
  else if (kind == BANYAN_SPEC_TEXT && other == BANYAN_SPEC_STRING)
    g_assert_true (!is_yaml || must_be_quoted (banyan_spec_get_text (before)));
  else
    g_assert_cmpint (kind, ==, other);
}

/* Escapes and indentation can make of a huge tree a text that exceeds a bound. */
static gboolean
is_too_long (const char *text, BanyanProblems *problems)
{
  return strlen (text) > 1024 * 1024 && banyan_problems_get_length (problems) > 0;
}

static void
check_notation (Notation written, BanyanSpec *spec, const char *text, gboolean from_yaml)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) again = parse (written, text, -1, problems);
  g_autoptr (GError) error = NULL;

  if (is_too_long (text, problems))
    return;

  banyan_problems_check (problems, &error);
  g_assert_no_error (error);
  g_assert_nonnull (again);
  g_assert_true (banyan_spec_equal (spec, again));
  if (written == YAML)
    assert_same_kinds (spec, again, from_yaml);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *yaml = NULL, *json = NULL, *pretty = NULL, *dotted = NULL;
  Notation notation;

  if (size == 0)
    return 0;

  notation = choose_notation (data[0]);
  spec = parse (notation, (const char *) data + 1, size - 1, problems);
  if (!banyan_problems_check (problems, &error))
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  else
    g_assert_nonnull (spec);
  if (!spec)
    return 0;

  yaml = banyan_spec_to_yaml (spec);
  json = banyan_spec_to_json (spec, FALSE);
  pretty = banyan_spec_to_json (spec, TRUE);
  dotted = banyan_spec_to_dotted (spec);
  check_notation (YAML, spec, yaml, notation == YAML);
  check_notation (JSON, spec, json, FALSE);
  check_notation (JSON, spec, pretty, FALSE);
  if (dotted)
    check_notation (DOTTED, spec, dotted, FALSE);

  return 0;
}
