/* schema-range.c - banyan schema: patterns for numbers with a unit, up to the property's limit
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To a validator "10s" is a string, and of strings it knows patterns only. A pattern refuses
 * nothing that `banyan check` takes, and knows the limit up to the point: 600.5s passes where 600s
 * are the most. */

#include "schema.h"

#include <string.h>

#define MS G_GUINT64_CONSTANT (1000000)
#define SECOND (1000 * MS)

typedef struct
{
  const char *suffix; /* a pattern; NULL ends the table */
  guint64 scale;      /* in units of the property */
} Suffix;

static const Suffix sizes[] = {
  { "B?", 1 },
  { "[Kk](iB)?", G_GUINT64_CONSTANT (1) << 10 },
  { "[Mm](iB)?", G_GUINT64_CONSTANT (1) << 20 },
  { "[Gg](iB)?", G_GUINT64_CONSTANT (1) << 30 },
  { "[Tt](iB)?", G_GUINT64_CONSTANT (1) << 40 },
  { "[Pp](iB)?", G_GUINT64_CONSTANT (1) << 50 },
  { "[Ee](iB)?", G_GUINT64_CONSTANT (1) << 60 },
  { NULL, 0 },
};

static const Suffix durations[] = {
  { "ns", 1 },     { "[uµ]s", 1000 },      { "ms", MS },
  { "s", SECOND }, { "min", 60 * SECOND }, { "h", 3600 * SECOND },
  { NULL, 0 },
};

static const struct
{
  const char *unit;
  const Suffix *suffixes;
  guint64 scale; /* in the smallest suffix's */
} units[] = {
  { "bytes", sizes, 1 },     { "bytes/s", sizes, 1 }, { "ns", durations, 1 },
  { "us", durations, 1000 }, { "ms", durations, MS }, { "s", durations, SECOND },
};

/* "0-5" for '0' and '6'. */
static void
append_below (GString *pattern, char first, char end)
{
  if (end - first == 1)
    g_string_append_c (pattern, first);
  else
    g_string_append_printf (pattern, "[%c-%c]", first, end - 1);
}

/* All numbers up to @limit: those with fewer digits, those that have the same digits up to one that
 * is smaller, and the limit itself. */
static void
append_up_to (GString *pattern, guint64 limit)
{
  g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, limit);
  int length = (int) strlen (digits);

  g_string_append_c (pattern, '(');
  if (length > 1)
    g_string_append_printf (pattern, "[0-9]{1,%d}|", length - 1);
  for (int i = 0; i < length; i++)
    {
      char first = i == 0 && length > 1 ? '1' : '0';

      if (digits[i] == first)
        continue;
      g_string_append_len (pattern, digits, i);
      append_below (pattern, first, digits[i]);
      if (i + 1 < length)
        g_string_append_printf (pattern, "[0-9]{%d}", length - i - 1);
      g_string_append_c (pattern, '|');
    }
  g_string_append_printf (pattern, "%s)", digits);
}

/* In the smallest suffix's unit; 0 where there is none that a person would reach. */
static guint64
get_limit (BanyanSpec *facts, guint64 scale)
{
  const char *maximum = banyan_spec_lookup_text (facts, "maximum");
  guint64 limit = maximum != NULL ? g_ascii_strtoull (maximum, NULL, 10) : 0;

  return limit >= G_MAXINT64 / scale ? 0 : limit * scale;
}

static char *
make_pattern_with (BanyanSpec *facts, const Suffix *suffixes, guint64 scale)
{
  const char *minimum = banyan_spec_lookup_text (facts, "minimum");
  gboolean is_signed = minimum != NULL && minimum[0] == '-';
  guint64 limit = is_signed ? 0 : get_limit (facts, scale);
  GString *pattern = g_string_new (is_signed ? "^[-+]?(" : "^\\+?(");

  for (guint i = 0; suffixes[i].suffix != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (pattern, '|');
      if (limit > 0)
        append_up_to (pattern, limit / suffixes[i].scale);
      else
        g_string_append (pattern, "[0-9]+");
      g_string_append_printf (pattern, "(\\.[0-9]+)?%s", suffixes[i].suffix);
    }

  /* What a reader of YAML 1.1 does not take for a number: 0o17. */
  g_string_append (pattern, suffixes == sizes ? "|0x[0-9A-Fa-f]+|0o[0-7]+)$" : ")$");
  return g_string_free (pattern, FALSE);
}

char *
schema_make_pattern (BanyanSpec *facts)
{
  const char *unit = banyan_spec_lookup_text (facts, "unit");

  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    if (g_strcmp0 (unit, units[i].unit) == 0)
      return make_pattern_with (facts, units[i].suffixes, units[i].scale);

  return g_strdup ("^[-+]?(0x[0-9A-Fa-f]+|0o[0-7]+|[0-9]+)$");
}
