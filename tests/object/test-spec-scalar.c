/* test-spec-scalar.c - scalars' texts as values, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-scalar.h>

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define MS 1000000ull

static void
assert_refused (GError **error, const char *message)
{
  g_assert_nonnull (*error);
  g_assert_true ((*error)->domain == BANYAN_CONFIG_ERROR);
  g_assert_cmpstr ((*error)->message, ==, message);
  g_clear_error (error);
}

static void
test_booleans (void)
{
  static const char *const yes[] = { "true", "yes", "on", "True", "YES" };
  static const char *const no[] = { "false", "no", "off", "False", "OFF" };
  g_autoptr (GError) error = NULL;
  gboolean value;

  g_test_summary ("Six words are booleans, in either case");

  for (gsize i = 0; i < G_N_ELEMENTS (yes); i++)
    {
      g_assert_true (banyan_scalar_parse_boolean (yes[i], &value, NULL));
      g_assert_true (value);
      g_assert_true (banyan_scalar_parse_boolean (no[i], &value, NULL));
      g_assert_false (value);
    }

  g_assert_false (banyan_scalar_parse_boolean ("1", &value, &error));
  assert_refused (&error, "\"1\" is neither true nor false");
  g_assert_false (banyan_scalar_parse_boolean ("", &value, &error));
  assert_refused (&error, "\"\" is neither true nor false");
}

static void
test_integers (void)
{
  static const struct
  {
    const char *text;
    gint64 value;
  } cases[] = {
    { "0", 0 },
    { "-0", 0 },
    { "+7", 7 },
    { "-7", -7 },
    { "0x10", 16 },
    { "-0xfF", -255 },
    { "0o17", 15 },
    { "9223372036854775807", G_MAXINT64 },
    { "-9223372036854775808", G_MININT64 },
  };

  g_test_summary ("Integers are decimal, hexadecimal or octal, from end to end of their range");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 value;

      g_assert_true (banyan_scalar_parse_int64 (cases[i].text, &value, &error));
      g_assert_no_error (error);
      g_assert_cmpint (value, ==, cases[i].value);
    }
}

static void
test_unsigned_integers (void)
{
  guint64 value;

  g_test_summary ("Unsigned integers reach to the end of their range");

  g_assert_true (banyan_scalar_parse_uint64 ("18446744073709551615", &value, NULL));
  g_assert_cmpuint (value, ==, G_MAXUINT64);
  g_assert_true (banyan_scalar_parse_uint64 ("0xffffffffffffffff", &value, NULL));
  g_assert_cmpuint (value, ==, G_MAXUINT64);
  g_assert_true (banyan_scalar_parse_uint64 ("-0", &value, NULL));
  g_assert_cmpuint (value, ==, 0);
}

static void
test_bad_integers (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } cases[] = {
    { "", "\"\" is not a whole number" },
    { "-", "\"-\" is not a whole number" },
    { "+-1", "\"+-1\" is not a whole number" },
    { " 1", "\" 1\" is not a whole number" },
    { "fast", "\"fast\" is not a whole number" },
    { "1 ", "\"1 \" is not a whole number, which has digits only" },
    { "12a", "\"12a\" is not a whole number, which has digits only" },
    { "1.5", "\"1.5\" is not a whole number" },
    { "1e3", "\"1e3\" is not a whole number; write it out, without an exponent" },
    { "1_000", "\"1_000\" has a separator; write the digits without it" },
    { "010", "\"010\" begins with 0, which could mean octal; write 0o for octal, or no 0" },
    { "-00", "\"-00\" begins with 0, which could mean octal; write 0o for octal, or no 0" },
    { "0x", "\"0x\" is no hexadecimal number" },
    { "0xg", "\"0xg\" is no hexadecimal number" },
    { "0x-1", "\"0x-1\" is no hexadecimal number" },
    { "0o8", "\"0o8\" is no octal number" },
    { "9223372036854775808", "\"9223372036854775808\" does not fit into 64 bits with a sign" },
    { "-9223372036854775809", "\"-9223372036854775809\" does not fit into 64 bits with a sign" },
    { "18446744073709551616", "\"18446744073709551616\" does not fit into 64 bits" },
    { "0x10000000000000000", "\"0x10000000000000000\" does not fit into 64 bits" },
  };
  g_autoptr (GError) error = NULL;
  guint64 other;
  gint64 value;

  g_test_summary ("What is no integer, or too large for one, is refused with the reason");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (banyan_scalar_parse_int64 (cases[i].text, &value, &error));
      assert_refused (&error, cases[i].message);
    }

  g_assert_false (banyan_scalar_parse_uint64 ("-1", &other, &error));
  assert_refused (&error, "\"-1\" is negative");
}

static void
test_doubles (void)
{
  static const struct
  {
    const char *text;
    double value;
  } good[] = { { "0", 0 },  { "1e3", 1000 }, { "-1.5E-1", -0.15 }, { ".5", 0.5 },   { "5.", 5 },
               { "+2", 2 }, { "1e-400", 0 }, { "0.1", 0.1 },       { "007.5", 7.5 } };
  static const char *const bad[]
      = { "", ".", "e3", "1e", "1e+", "0x1p3", "inf", "nan", "NaN", " 1", "1 ", "1,5", "1_0" };
  g_autoptr (GError) error = NULL;
  double value;

  g_test_summary ("Doubles are decimal, with or without exponent, and finite");

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (banyan_scalar_parse_double (good[i].text, &value, &error));
      g_assert_cmpfloat (value, ==, good[i].value);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = g_strdup_printf ("\"%s\" is not a decimal number", bad[i]);

      g_assert_false (banyan_scalar_parse_double (bad[i], &value, &error));
      assert_refused (&error, message);
    }

  g_assert_false (banyan_scalar_parse_double ("-1e400", &value, &error));
  assert_refused (&error, "\"-1e400\" is too large");
}

static void
test_doubles_back (void)
{
  static const double values[] = { 0, 0.1, 1.0 / 3, 1e300, -5e-324, 123456789.125, 1e22 };

  g_test_summary ("A double is written shortly, and read as the same number");

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *text = banyan_scalar_format_double (values[i]);
      double value;

      g_assert_true (banyan_scalar_parse_double (text, &value, NULL));
      g_assert_cmpfloat (value, ==, values[i]);
    }

  {
    g_autofree char *tenth = banyan_scalar_format_double (0.1);
    g_assert_cmpstr (tenth, ==, "0.1");
  }
}

static void
test_sizes (void)
{
  static const struct
  {
    const char *text;
    guint64 value;
  } cases[] = {
    { "0", 0 },
    { "512", 512 },
    { "512B", 512 },
    { "+1k", KIB },
    { "1K", KIB },
    { "1KiB", KIB },
    { "0x200", 512 },
    { "0x1E", 30 },
    { "0o17", 15 },
    { "0O20", 16 },
    { "1.5G", 1536 * MIB },
    { "0.5K", 512 },
    { "0.0009765625K", 1 },
    { "1.000000000000000000000M", MIB },
    { "4MiB", 4 * MIB },
    { "200m", 200 * MIB },
    { "1T", MIB * MIB },
    { "1e", 1ull << 60 },
    { "15E", 15ull << 60 },
    { "18446744073709551615", G_MAXUINT64 },
  };

  g_test_summary ("Sizes are bytes, with binary suffixes, exactly");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 value;

      g_assert_true (banyan_scalar_parse_size (cases[i].text, &value, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_bad_sizes (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } cases[] = {
    { "", "\"\" does not begin with a number" },
    { "big", "\"big\" does not begin with a number" },
    { "K", "\"K\" does not begin with a number" },
    { ".5K", "\".5K\" does not begin with a number" },
    { "1.K", "\"1.K\" has no digit after the point" },
    { "-1", "\"-1\" is negative" },
    { "1.5", "\"1.5\" is not a whole number of bytes" },
    { "0.3K", "\"0.3K\" is not a whole number of bytes" },
    { "1 K", "\"1 K\" is no size, which is a number of bytes, or one with K, M, G, T, P or E" },
    { "1kib", "\"1kib\" is no size, which is a number of bytes, or one with K, M, G, T, P or E" },
    { "1Q", "\"1Q\" is no size, which is a number of bytes, or one with K, M, G, T, P or E" },
    { "10MB", "\"10MB\" could mean powers of 1000 or of 1024; write K, M, G, T, P or E for powers "
              "of 1024" },
    { "1e3", "\"1e3\" has an exponent; write the size out, or with K, M, G, T, P or E" },
    { "1_0", "\"1_0\" has a separator; write the digits without it" },
    { "0x1K", "\"0x1K\" is no hexadecimal number" },
    { "0o8", "\"0o8\" is no octal number" },
    { "010K", "\"010K\" begins with 0; leave that out" },
    { "010", "\"010\" begins with 0; leave that out" },
    { "16E", "\"16E\" does not fit into 64 bits" },
    { "18446744073709551615K", "\"18446744073709551615K\" does not fit into 64 bits" },
    { "99999999999999999999", "\"99999999999999999999\" does not fit into 64 bits" },
    { "0.1234567890123456789E", "\"0.1234567890123456789E\" has more than 18 decimals" },
  };
  g_autoptr (GError) error = NULL;
  guint64 value;

  g_test_summary ("What is no size, not whole bytes, or too large, is refused with the reason");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (banyan_scalar_parse_size (cases[i].text, &value, &error));
      assert_refused (&error, cases[i].message);
    }
}

static void
test_sizes_back (void)
{
  static const struct
  {
    guint64 value;
    const char *text;
  } cases[]
      = { { 0, "0" },          { 1, "1" },           { 1536, "1536" },
          { KIB, "1K" },       { MIB, "1M" },        { 1536 * KIB, "1536K" },
          { MIB * MIB, "1T" }, { 3ull << 60, "3E" }, { G_MAXUINT64, "18446744073709551615" } };

  g_test_summary ("A size is written with the largest suffix that keeps it whole");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = banyan_scalar_format_size (cases[i].value);
      guint64 value;

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (banyan_scalar_parse_size (text, &value, NULL));
      g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_durations (void)
{
  static const struct
  {
    const char *text;
    guint64 unit_ns;
    guint64 value;
  } cases[] = {
    { "250", MS, 250 },     { "250", 1, 250 },         { "10ms", MS, 10 },   { "1.5s", MS, 1500 },
    { "2min", MS, 120000 }, { "1h", 1000 * MS, 3600 }, { "10us", 1, 10000 }, { "10µs", 1, 10000 },
    { "1000us", MS, 1 },    { "0.5ms", 1000, 500 },
  };

  g_test_summary ("Durations count their unit, or another one exactly");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 value;

      g_assert_true (
          banyan_scalar_parse_duration (cases[i].text, cases[i].unit_ns, &value, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_bad_durations (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } cases[] = {
    { "", "\"\" does not begin with a number" },
    { "-1s", "\"-1s\" is negative" },
    { "1.5", "\"1.5\" is not a whole number of milliseconds" },
    { "1us", "\"1us\" is not a whole number of milliseconds" },
    { "0.0001s", "\"0.0001s\" is not a whole number of milliseconds" },
    { "01s", "\"01s\" begins with 0; leave that out" },
    { "1m", "\"1m\" is no duration, which is a number with ns, us, ms, s, min or h" },
    { "1S", "\"1S\" is no duration, which is a number with ns, us, ms, s, min or h" },
    { "1 s", "\"1 s\" is no duration, which is a number with ns, us, ms, s, min or h" },
    { "18446744073709551615s", "\"18446744073709551615s\" does not fit into 64 bits" },
  };
  g_autoptr (GError) error = NULL;
  guint64 value;

  g_test_summary ("What is no duration, not whole units, or too long, is refused with the reason");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (banyan_scalar_parse_duration (cases[i].text, MS, &value, &error));
      assert_refused (&error, cases[i].message);
    }
}

static void
test_durations_back (void)
{
  static const struct
  {
    guint64 value;
    guint64 unit_ns;
    const char *text;
  } cases[] = {
    { 0, MS, "0" },
    { 1500, MS, "1500ms" },
    { 120000, MS, "2min" },
    { 7200, 1000 * MS, "2h" },
    { 1, 1, "1ns" },
    { G_MAXUINT64, 1000, "18446744073709551615us" },
    { G_MAXUINT64 - 1, 1000 * MS, "18446744073709551614s" },
  };

  g_test_summary ("A duration is written with the largest unit that keeps it whole");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = banyan_scalar_format_duration (cases[i].value, cases[i].unit_ns);
      guint64 value;

      g_assert_true (banyan_scalar_parse_duration (text, cases[i].unit_ns, &value, NULL));
      g_assert_cmpuint (value, ==, cases[i].value);
      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scalar/boolean", test_booleans);
  g_test_add_func ("/scalar/integer/good", test_integers);
  g_test_add_func ("/scalar/integer/unsigned", test_unsigned_integers);
  g_test_add_func ("/scalar/integer/bad", test_bad_integers);
  g_test_add_func ("/scalar/double", test_doubles);
  g_test_add_func ("/scalar/double/back", test_doubles_back);
  g_test_add_func ("/scalar/size/good", test_sizes);
  g_test_add_func ("/scalar/size/bad", test_bad_sizes);
  g_test_add_func ("/scalar/size/back", test_sizes_back);
  g_test_add_func ("/scalar/duration/good", test_durations);
  g_test_add_func ("/scalar/duration/bad", test_bad_durations);
  g_test_add_func ("/scalar/duration/back", test_durations_back);
  return g_test_run ();
}
