/* banyan-scalar.c - what the text of a scalar means as a value of some type, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All of it is exact: a value that would have to be rounded is refused, and so is a number with a
 * leading zero, which is octal to some readers and decimal to others. No parser looks at the
 * locale. */

#include <banyan/banyan-scalar.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "banyan-spec-private.h"

typedef unsigned __int128 Wide;

/* Digits behind the point: with 18 of them, times 2^60, a value still fits into 128 bits. */
#define MAX_FRACTION 18

typedef struct
{
  const char *name;
  guint64 factor;
} Suffix;

static const Suffix size_suffixes[] = {
  { "E", 1ull << 60 }, { "P", 1ull << 50 }, { "T", 1ull << 40 }, { "G", 1ull << 30 },
  { "M", 1ull << 20 }, { "K", 1ull << 10 }, { "", 1 },
};

static const Suffix duration_suffixes[] = {
  { "h", 3600000000000ull }, { "min", 60000000000ull }, { "s", 1000000000ull },
  { "ms", 1000000ull },      { "us", 1000ull },         { "ns", 1ull },
};

static const char *const unit_names[]
    = { "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds" };

/* Returns FALSE, so that a caller can return at once. */
static gboolean
refuse (GError **error, BanyanConfigError code, const char *text, const char *why)
{
  g_autofree char *quoted = banyan_spec_quote (text);

  g_set_error (error, BANYAN_CONFIG_ERROR, code, "%s %s", quoted, why);
  return FALSE;
}

/**
 * banyan_scalar_parse_boolean:
 * @text: a scalar's text
 * @value: (out): its value
 * @error: why it has none
 *
 * Reads true, yes and on, false, no and off, in upper or lower case.
 *
 * Returns: FALSE when @text is none of them
 */
gboolean
banyan_scalar_parse_boolean (const char *text, gboolean *value, GError **error)
{
  static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_ascii_strcasecmp (text, words[i]) == 0)
      {
        *value = i % 2;
        return TRUE;
      }

  return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, "is neither true nor false");
}

/* -- Integers -- */

static guint
take_base (const char **digits)
{
  if ((*digits)[0] != '0')
    return 10;

  switch ((*digits)[1])
    {
    case 'x':
    case 'X':
      *digits += 2;
      return 16;
    case 'o':
    case 'O':
      *digits += 2;
      return 8;
    default:
      return 10;
    }
}

/* Why @digits are no integer, for the ways of writing that are integers elsewhere. */
static const char *
why_no_integer (const char *digits, guint base)
{
  if (base == 16)
    return "is no hexadecimal number";
  if (base == 8)
    return "is no octal number";
  if (!g_ascii_isdigit (*digits))
    return "is not a whole number";
  if (strchr (digits, '_'))
    return "has a separator; write the digits without it";
  if (strpbrk (digits, "eE"))
    return "is not a whole number; write it out, without an exponent";
  if (strpbrk (digits, ".,"))
    return "is not a whole number";

  return "is not a whole number, which has digits only";
}

/* The value of @digits, or an errno: EINVAL when they are no number, ERANGE when it does not fit.
 */
static int
read_digits (const char *digits, guint base, guint64 *value)
{
  *value = 0;
  if (*digits == '\0')
    return EINVAL;

  for (int overflow = 0;; digits++)
    {
      guint digit = g_ascii_isxdigit (*digits) ? (guint) g_ascii_xdigit_value (*digits) : 16;

      if (*digits == '\0')
        return overflow;
      if (digit >= base)
        return EINVAL;
      if (__builtin_mul_overflow (*value, (guint64) base, value)
          || __builtin_add_overflow (*value, (guint64) digit, value))
        overflow = ERANGE;
    }
}

/* @text without its sign. */
static gboolean
parse_magnitude (const char *text, const char *digits, guint64 *value, GError **error)
{
  guint base = take_base (&digits);

  if (base == 10 && digits[0] == '0' && g_ascii_isdigit (digits[1]))
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text,
                   "begins with 0, which could mean octal; write 0o for octal, or no 0");

  switch (read_digits (digits, base, value))
    {
    case 0:
      return TRUE;
    case ERANGE:
      return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "does not fit into 64 bits");
    default:
      return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, why_no_integer (digits, base));
    }
}

static gboolean
has_sign (const char *text)
{
  return *text == '-' || *text == '+';
}

/**
 * banyan_scalar_parse_int64:
 * @text: a scalar's text
 * @value: (out): its value
 * @error: why it has none
 *
 * Reads a whole number: decimal, 0x hexadecimal or 0o octal, with or without a sign. Neither an
 * exponent nor a separator is allowed.
 *
 * Returns: FALSE when @text is none, or one that does not fit
 */
gboolean
banyan_scalar_parse_int64 (const char *text, gint64 *value, GError **error)
{
  guint64 magnitude;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  if (!parse_magnitude (text, text + has_sign (text), &magnitude, error))
    return FALSE;
  if (magnitude > (guint64) G_MAXINT64 + (*text == '-'))
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "does not fit into 64 bits with a sign");

  *value = *text == '-' ? (gint64) -magnitude : (gint64) magnitude;
  return TRUE;
}

/**
 * banyan_scalar_parse_uint64:
 * @text: a scalar's text
 * @value: (out): its value
 * @error: why it has none
 *
 * Reads a whole number that is not negative, written as for banyan_scalar_parse_int64().
 *
 * Returns: FALSE when @text is none, or one that does not fit
 */
gboolean
banyan_scalar_parse_uint64 (const char *text, guint64 *value, GError **error)
{
  guint64 magnitude;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  if (!parse_magnitude (text, text + has_sign (text), &magnitude, error))
    return FALSE;
  if (*text == '-' && magnitude > 0)
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "is negative");

  *value = magnitude;
  return TRUE;
}

/* -- Floating point -- */

static gboolean
skip_digits (const char **at)
{
  const char *start = *at;

  while (g_ascii_isdigit (**at))
    ++*at;

  return *at > start;
}

/* What strtod takes beyond this (hexadecimal, infinities, spaces) is nothing we want. */
static gboolean
is_decimal (const char *at)
{
  gboolean digits;

  at += has_sign (at);
  digits = skip_digits (&at);
  if (*at == '.')
    {
      at++;
      digits |= skip_digits (&at);
    }
  if (!digits)
    return FALSE;

  if (*at == 'e' || *at == 'E')
    {
      at++;
      at += has_sign (at);
      if (!skip_digits (&at))
        return FALSE;
    }

  return *at == '\0';
}

/**
 * banyan_scalar_parse_double:
 * @text: a scalar's text
 * @value: (out): its value
 * @error: why it has none
 *
 * Reads a decimal number, with or without a fraction and an exponent. It may be rounded to what a
 * double can hold, but not to infinity.
 *
 * Returns: FALSE when @text is none, or one that does not fit
 */
gboolean
banyan_scalar_parse_double (const char *text, double *value, GError **error)
{
  double number;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  if (!is_decimal (text))
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, "is not a decimal number");

  number = g_ascii_strtod (text, NULL);
  if (!isfinite (number))
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "is too large");

  *value = number;
  return TRUE;
}

/**
 * banyan_scalar_format_double:
 * @value: a finite number
 *
 * Returns: (transfer full): the shortest of its decimal forms that is read as the same number
 */
char *
banyan_scalar_format_double (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 15; digits <= 17; digits++)
    {
      char format[8];

      g_snprintf (format, sizeof format, "%%.%dg", digits);
      g_ascii_formatd (buffer, sizeof buffer, format, value);
      if (g_ascii_strtod (buffer, NULL) == value)
        break;
    }

  return g_strdup (buffer);
}

/* -- Numbers with a unit -- */

/* A decimal fraction: @digits, of which the last @scale stand behind the point. */
typedef struct
{
  guint64 whole;
  guint64 fraction;
  guint64 scale; /* a power of ten: the fraction is fraction / scale */
} Quantity;

static gboolean
read_fraction (const char *text, const char **at, Quantity *quantity, GError **error)
{
  const char *digits = *at, *end;

  if (!skip_digits (at))
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, "has no digit after the point");

  for (end = *at; end > digits && end[-1] == '0';)
    end--;
  if (end - digits > MAX_FRACTION)
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "has more than 18 decimals");

  for (; digits < end; digits++)
    {
      quantity->fraction = quantity->fraction * 10 + (*digits - '0');
      quantity->scale *= 10;
    }
  return TRUE;
}

/* Reads the number that @text begins with; *suffix is what follows. */
static gboolean
read_quantity (const char *text, Quantity *quantity, const char **suffix, GError **error)
{
  const char *at = text + (*text == '+');
  g_autofree char *whole = g_strndup (at, strspn (at, "0123456789"));

  *quantity = (Quantity){ .scale = 1 };

  if (*text == '-')
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "is negative");
  if (*whole == '\0')
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, "does not begin with a number");
  if (whole[0] == '0' && whole[1] != '\0')
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, "begins with 0; leave that out");
  if (!parse_magnitude (text, whole, &quantity->whole, error))
    return FALSE;

  at += strlen (whole);
  if (*at == '.')
    {
      at++;
      if (!read_fraction (text, &at, quantity, error))
        return FALSE;
    }
  *suffix = at;
  return TRUE;
}

/* @quantity times @factor, in units of @unit: exactly, or not at all. */
static gboolean
scale_quantity (const char *text, const Quantity *quantity, guint64 factor, guint64 unit,
                const char *unit_name, guint64 *value, GError **error)
{
  Wide total = (Wide) quantity->whole * factor;
  Wide part = (Wide) quantity->fraction * factor;

  total += part / quantity->scale;
  if (part % quantity->scale != 0 || total % unit != 0)
    {
      g_autofree char *why = g_strdup_printf ("is not a whole number of %s", unit_name);
      return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, why);
    }
  if (total / unit > G_MAXUINT64)
    return refuse (error, BANYAN_CONFIG_ERROR_RANGE, text, "does not fit into 64 bits");

  *value = total / unit;
  return TRUE;
}

/* K, KiB, M, MiB, …; the letter alone in lower case too, as in QEMU; B or nothing for bytes. */
static guint64
size_factor (const char *suffix)
{
  if (g_str_equal (suffix, "B"))
    return 1;

  for (gsize i = 0; i < G_N_ELEMENTS (size_suffixes); i++)
    {
      const char *letter = size_suffixes[i].name;

      if (g_ascii_strcasecmp (suffix, letter) == 0)
        return size_suffixes[i].factor;
      if (*letter && *suffix == *letter && g_str_equal (suffix + 1, "iB"))
        return size_suffixes[i].factor;
    }

  return 0;
}

static const char *
why_no_size (const char *suffix)
{
  if (g_ascii_strcasecmp (suffix + 1, "B") == 0 && strchr ("KMGTPEkmgtpe", *suffix))
    return "could mean powers of 1000 or of 1024; write K, M, G, T, P or E for powers of 1024";
  if (*suffix == '_')
    return "has a separator; write the digits without it";
  if ((*suffix == 'e' || *suffix == 'E') && g_ascii_isdigit (suffix[1]))
    return "has an exponent; write the size out, or with K, M, G, T, P or E";

  return "is no size, which is a number of bytes, or one with K, M, G, T, P or E";
}

/**
 * banyan_scalar_parse_size:
 * @text: a scalar's text
 * @value: (out): its value in bytes
 * @error: why it has none
 *
 * Reads a number of bytes in decimal, 0x hexadecimal or 0o octal, or a decimal number with a
 * suffix: K, M, G, T, P and E, in either case, are powers of 1024, as are KiB, MiB and so on. A
 * fraction is right where it makes whole bytes.
 *
 * Returns: FALSE when @text is none, or one that does not fit
 */
gboolean
banyan_scalar_parse_size (const char *text, guint64 *value, GError **error)
{
  const char *digits = text;
  Quantity quantity;
  const char *suffix;
  guint64 factor;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  if (take_base (&digits) != 10)
    return parse_magnitude (text, text, value, error);
  if (!read_quantity (text, &quantity, &suffix, error))
    return FALSE;
  if ((factor = size_factor (suffix)) == 0)
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text, why_no_size (suffix));

  return scale_quantity (text, &quantity, factor, 1, "bytes", value, error);
}

static guint64
duration_factor (const char *suffix, guint64 unit_ns)
{
  if (*suffix == '\0')
    return unit_ns;
  if (g_str_equal (suffix, "µs") || g_str_equal (suffix, "μs")) /* U+00B5, U+03BC */
    return 1000;

  for (gsize i = 0; i < G_N_ELEMENTS (duration_suffixes); i++)
    if (g_str_equal (suffix, duration_suffixes[i].name))
      return duration_suffixes[i].factor;

  return 0;
}

/* NULL for what is no unit of time that we know. */
static const char *
unit_name (guint64 unit_ns)
{
  for (gsize i = 0; i < G_N_ELEMENTS (duration_suffixes); i++)
    if (duration_suffixes[i].factor == unit_ns)
      return unit_names[i];

  return NULL;
}

/**
 * banyan_scalar_parse_duration:
 * @text: a scalar's text
 * @unit_ns: the unit of @value, in nanoseconds: that of a suffix
 * @value: (out): its value in that unit
 * @error: why it has none
 *
 * Reads a decimal number with ns, us, ms, s, min or h. Without a suffix, it counts the unit. What
 * would not be a whole number of the unit is refused.
 *
 * Returns: FALSE when @text is none, or one that does not fit
 */
gboolean
banyan_scalar_parse_duration (const char *text, guint64 unit_ns, guint64 *value, GError **error)
{
  Quantity quantity;
  const char *suffix;
  guint64 factor;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (unit_name (unit_ns) != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  if (!read_quantity (text, &quantity, &suffix, error))
    return FALSE;
  if ((factor = duration_factor (suffix, unit_ns)) == 0)
    return refuse (error, BANYAN_CONFIG_ERROR_TYPE, text,
                   "is no duration, which is a number with ns, us, ms, s, min or h");

  return scale_quantity (text, &quantity, factor, unit_ns, unit_name (unit_ns), value, error);
}

static char *
format_with_suffix (Wide total, const Suffix *suffixes, gsize n_suffixes)
{
  for (gsize i = 0; i < n_suffixes; i++)
    if (total % suffixes[i].factor == 0 && total / suffixes[i].factor <= G_MAXUINT64)
      return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", (guint64) (total / suffixes[i].factor),
                              suffixes[i].name);

  g_assert_not_reached ();
}

/**
 * banyan_scalar_format_size:
 * @value: a number of bytes
 *
 * Returns: (transfer full): it, with the largest suffix that leaves a whole number: "1M", "1536"
 */
char *
banyan_scalar_format_size (guint64 value)
{
  if (value == 0)
    return g_strdup ("0");

  return format_with_suffix (value, size_suffixes, G_N_ELEMENTS (size_suffixes));
}

/**
 * banyan_scalar_format_duration:
 * @value: a number of units
 * @unit_ns: the unit, in nanoseconds: that of a suffix
 *
 * Returns: (transfer full): it, with the largest suffix that leaves a whole number: "2min",
 * "1500ms"
 */
char *
banyan_scalar_format_duration (guint64 value, guint64 unit_ns)
{
  g_return_val_if_fail (unit_name (unit_ns) != NULL, NULL);

  if (value == 0)
    return g_strdup ("0");

  return format_with_suffix ((Wide) value * unit_ns, duration_suffixes,
                             G_N_ELEMENTS (duration_suffixes));
}
