/* spec-test.h - what the tests of the notations share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-problems.h>

typedef BanyanSpec *(*SpecTestParse) (const char *text, gssize length, BanyanProblems *problems);

/* A text, and all messages about it, one a line. */
typedef struct
{
  const char *text;
  const char *messages;
} SpecTestBad;

/* The spec that @text means, which has no problems. */
static inline BanyanSpec *
spec_test_must_parse (SpecTestParse parse, const char *text)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanSpec *spec = parse (text, -1, problems);
  g_autoptr (GError) error = NULL;

  banyan_problems_check (problems, &error);
  g_assert_no_error (error);
  g_assert_nonnull (spec);
  return spec;
}

/* @text, of @length bytes or ending with a NUL, has problems with these messages. */
static inline void
spec_test_assert_bad (SpecTestParse parse, const char *text, gssize length, const char *messages)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanSpec *spec = parse (text, length, problems);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&spec, banyan_spec_unref);
  g_assert_false (banyan_problems_check (problems, &error));
  g_assert_cmpstr (error->message, ==, messages);
}

static inline void
spec_test_assert_all_bad (SpecTestParse parse, const SpecTestBad *bad, gsize n)
{
  for (gsize i = 0; i < n; i++)
    spec_test_assert_bad (parse, bad[i].text, -1, bad[i].messages);
}

/* @spec as JSON, which shows structure, order and whether it is a string. */
static inline void
spec_test_assert_json (BanyanSpec *spec, const char *json)
{
  g_autofree char *written = banyan_spec_to_json (spec, FALSE);

  g_assert_cmpstr (written, ==, json);
}

static inline void
spec_test_assert_origin (const BanyanOrigin *origin, guint line, guint column)
{
  g_assert_cmpuint (origin->line, ==, line);
  g_assert_cmpuint (origin->column, ==, column);
}

/* @piece @n times. */
static inline char *
spec_test_repeat (const char *piece, guint n)
{
  GString *string = g_string_new (NULL);

  while (n-- > 0)
    g_string_append (string, piece);
  return g_string_free (string, FALSE);
}
