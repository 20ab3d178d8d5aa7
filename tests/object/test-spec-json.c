/* test-spec-json.c - JSON as a spec, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "spec-test.h"

static BanyanSpec *
parse (const char *text, gssize length, BanyanProblems *problems)
{
  static const BanyanOrigin origin = { BANYAN_ORIGIN_CLIENT, "qmp0", 0, 0 };

  return banyan_spec_parse_json (text, length, &origin, problems);
}

static void
test_shared (void)
{
  BanyanSpecBuilder *inner = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) shared = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autofree char *text = NULL;

  g_test_summary ("A map that is in a tree twice is written twice");

  banyan_spec_builder_add_string (inner, "a", "x");
  shared = banyan_spec_builder_end (inner);
  for (guint i = 0; i < 3; i++)
    banyan_spec_builder_add (list, NULL, NULL, shared);
  spec = banyan_spec_builder_end (list);
  text = banyan_spec_to_json (spec, FALSE);
  g_assert_cmpstr (text, ==, "[{\"a\": \"x\"}, {\"a\": \"x\"}, {\"a\": \"x\"}]");
}

static void
test_scalars (void)
{
  static const struct
  {
    const char *json;
    BanyanSpecKind kind;
    const char *text;
  } cases[] = {
    { "null", BANYAN_SPEC_NULL, "null" },
    { " true\n", BANYAN_SPEC_BOOLEAN, "true" },
    { "false", BANYAN_SPEC_BOOLEAN, "false" },
    { "0", BANYAN_SPEC_NUMBER, "0" },
    { "-0.10", BANYAN_SPEC_NUMBER, "-0.10" },
    { "1E+400", BANYAN_SPEC_NUMBER, "1E+400" },
    { "123456789012345678901234567890", BANYAN_SPEC_NUMBER, "123456789012345678901234567890" },
    { "\"\"", BANYAN_SPEC_STRING, "" },
    { "\"true\"", BANYAN_SPEC_STRING, "true" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", BANYAN_SPEC_STRING, "\"\\/\b\f\n\r\t" },
    { "\"\\u00e4\\u20AC\\ud83d\\ude00 ä\x7f\"", BANYAN_SPEC_STRING, "ä€😀 ä\x7f" },
    { "\xef\xbb\xbf\"x\"", BANYAN_SPEC_STRING, "x" },
  };

  g_test_summary ("Scalars keep their kind, and numbers their digits");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, cases[i].json);

      g_assert_cmpint (banyan_spec_get_kind (spec), ==, cases[i].kind);
      g_assert_cmpstr (banyan_spec_get_text (spec), ==, cases[i].text);
    }
}

static void
test_writes_back (void)
{
  static const char *const texts[] = {
    "[]",
    "{}",
    "[1, -2.50e-3, true, false, null, \"\", \"a\\n\\\"\\\\\\u0001\\u007f\"]",
    "{\"b\": {\"\": [], \"a b\": {}}, \"a\": [[], [[1]]], \"0\": \"ä😀\"}",
  };

  g_test_summary ("JSON that is read is written as it was");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, texts[i]);
      g_autofree char *pretty = banyan_spec_to_json (spec, TRUE);
      g_autoptr (BanyanSpec) again = spec_test_must_parse (parse, pretty);

      spec_test_assert_json (spec, texts[i]);
      spec_test_assert_json (again, texts[i]);
    }
}

static void
test_writes_prettily (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, "{\"a\":[1,{}],\"b\":{\"c\":[]}}");
  g_autofree char *pretty = banyan_spec_to_json (spec, TRUE);

  g_test_summary ("Pretty JSON is indented by two");

  g_assert_cmpstr (pretty, ==,
                   "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

static void
test_writes_text (void)
{
  static const struct
  {
    const char *text;
    const char *json;
  } cases[] = {
    { "1", "1" },           { "-1.5e3", "-1.5e3" }, { "true", "true" },     { "yes", "\"yes\"" },
    { "null", "\"null\"" }, { "0x10", "\"0x10\"" }, { "4K", "\"4K\"" },     { "01", "\"01\"" },
    { "1.", "\"1.\"" },     { "", "\"\"" },         { "True", "\"True\"" },
  };

  g_test_summary ("Text becomes a number or boolean where it is one, and a string otherwise");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) spec = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, cases[i].text, NULL);
      spec_test_assert_json (spec, cases[i].json);
    }
}

static void
test_writes_valid_utf8 (void)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_new_scalar (BANYAN_SPEC_STRING,
                                                        "a\xff"
                                                        "b",
                                                        NULL);

  g_test_summary ("A file name that is not UTF-8 does not make the JSON invalid");

  spec_test_assert_json (spec, "\"a\xef\xbf\xbd"
                               "b\"");
}

static void
test_origins (void)
{
  g_autoptr (BanyanSpec) spec
      = spec_test_must_parse (parse, "{ \"ä\": [1,\r\n  \"b\" ],\n\"c\" :{}}");
  BanyanSpec *list = banyan_spec_get_item (spec, 0);

  g_test_summary ("Each key and value knows its line and its column in characters");

  g_assert_cmpint (banyan_spec_get_origin (list)->kind, ==, BANYAN_ORIGIN_CLIENT);
  g_assert_cmpstr (banyan_spec_get_origin (list)->name, ==, "qmp0");
  spec_test_assert_origin (banyan_spec_get_origin (spec), 1, 1);
  spec_test_assert_origin (banyan_spec_get_key_origin (spec, 0), 1, 3);
  spec_test_assert_origin (banyan_spec_get_origin (list), 1, 8);
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (list, 1)), 2, 3);
  spec_test_assert_origin (banyan_spec_get_key_origin (spec, 1), 3, 1);
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (spec, 1)), 3, 6);
}

#define AT(column) "client qmp0:1:" column ": "
#define NO_NUMBER "this is no number of JSON; if text was meant, put it in double quotes"

static void
test_bad_values (void)
{
  static const SpecTestBad bad[] = {
    { "", AT ("1") "a value is expected here, not the end of the text" },
    { " ", AT ("2") "a value is expected here, not the end of the text" },
    { "]", AT ("1") "a value is expected here, not \"]\"" },
    { "1 2", AT ("3") "the end of the text is expected here, not \"2\"" },
    { "{}x", AT ("3") "the end of the text is expected here, not \"x\"" },
    { "1\f", AT ("2") "the end of the text is expected here, not \"\\x0c\"" },
    { "'x'", AT ("1") "JSON strings stand in double quotes, not single ones" },
    { "1 // x", AT ("3") "JSON has no comments" },
    { "/* x */ 1", AT ("1") "JSON has no comments" },
    { "# x", AT ("1") "JSON has no comments" },
    { "/", AT ("1") "a value is expected here, not \"/\"" },
    { "True", AT ("1") "\"True\" is written true in JSON" },
    { "NULL", AT ("1") "\"NULL\" is written null in JSON" },
    { "nil", AT ("1") "the string \"nil\" must be in double quotes" },
    { "truex", AT ("1") "the string \"truex\" must be in double quotes" },
    { "NaN", AT ("1") "\"NaN\": JSON has no such number" },
    { "-Infinity", AT ("1") "\"-Infinity\": JSON has no such number" },
    { "+1", AT ("1") "\"+1\": a number has no plus sign in JSON" },
    { ".5", AT ("1") "\".5\": a number has a digit before the point in JSON" },
    { "5.", AT ("1") "\"5.\": " NO_NUMBER },
    { "1e", AT ("1") "\"1e\": " NO_NUMBER },
    { "-", AT ("1") "\"-\": " NO_NUMBER },
    { "4K", AT ("1") "\"4K\": " NO_NUMBER },
    { "010", AT ("1") "\"010\": a number does not begin with 0 in JSON" },
    { "0x10", AT ("1") "\"0x10\": hexadecimal is not JSON; write it in decimal" },
  };

  g_test_summary ("What is no JSON value is refused with what would be right");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_bad_strings (void)
{
  static const SpecTestBad bad[] = {
    { "[\"x", AT ("2") "0: the string that begins here has no end" },
    { "\"", AT ("1") "the string that begins here has no end" },
    { "\"\\\"", AT ("1") "the string that begins here has no end" },
    { "\"a\nb\"", AT ("3") "a control character in a string must be written as \\u000a" },
    { "\"a\\x\"", AT ("3") "\\x is no escape of JSON" },
    { "\"\\'\"", AT ("2") "\\' is no escape of JSON" },
    { "\"\\", AT ("2") "\\ is no escape of JSON" },
    { "\"\\u12g4\"", AT ("2") "\\u needs four hexadecimal digits after it" },
    { "\"\\u12", AT ("2") "\\u needs four hexadecimal digits after it" },
    { "\"\\u0000\"", AT ("2") "\\u0000 is a NUL, which a string cannot hold" },
    { "\"\\ud800\"", AT ("2") "\\ud800 is half of a surrogate pair without the other half" },
    { "\"\\udc00\"", AT ("2") "\\udc00 is half of a surrogate pair without the other half" },
    { "\"\\ud800\\ud800\"", AT ("2") "\\ud800 is half of a surrogate pair without the other half" },
    { "\"\\ud800x\"", AT ("2") "\\ud800 is half of a surrogate pair without the other half" },
    { "\"\\ud800\\u\"", AT ("2") "\\ud800 is half of a surrogate pair without the other half" },
  };

  g_test_summary ("A broken string is refused at the place where it breaks");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_bad_containers (void)
{
  static const SpecTestBad bad[] = {
    { "[1,]", AT ("3") "JSON has no comma before ]" },
    { "{\"a\": 1,}", AT ("8") "JSON has no comma before }" },
    { "[,1]", AT ("2") "0: a value is expected here, not \",\"" },
    { "[1 2]", AT ("4") ", or ] is expected here, not \"2\"" },
    { "[1}", AT ("3") ", or ] is expected here, not \"}\"" },
    { "[1", AT ("3") ", or ] is expected here, not the end of the text" },
    { "{", AT ("2") "a key in double quotes is expected here, not the end of the text" },
    { "{a: 1}", AT ("2") "a key in double quotes is expected here, not \"a\"" },
    { "{1: 1}", AT ("2") "a key in double quotes is expected here, not \"1\"" },
    { "{'a': 1}", AT ("2") "JSON strings stand in double quotes, not single ones" },
    { "{\"a\" 1}", AT ("6") "\":\" after the key is expected here, not \"1\"" },
    { "{\"a\":}", AT ("6") "a: a value is expected here, not \"}\"" },
    { "{\"a\": {\"b\": [1, x]}}", AT ("17") "a.b.1: the string \"x\" must be in double quotes" },
    { "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3}",
      AT ("24") "b: the key \"c\" is given twice, first in line 1, column 16\n" AT (
          "33") "the key \"a\" is given twice, first in line 1, column 2" },
  };

  g_test_summary ("Broken lists and maps are refused, and all keys given twice told");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_encodings (void)
{
  g_test_summary ("What is not UTF-8 is refused with its place");

  spec_test_assert_bad (parse, "\"\xff\"", -1,
                        AT ("2") "byte 0xff is not UTF-8; save the text as UTF-8");
  spec_test_assert_bad (parse, "\"\xed\xa0\x80\"", -1,
                        AT ("2") "byte 0xed is not UTF-8; save the text as UTF-8");
  spec_test_assert_bad (parse, "\"a\0b\"", 5,
                        AT ("3") "a NUL byte is not text; remove it, or, where this is an image, "
                                 "name it in a document");
}

static void
test_bounds (void)
{
  g_autofree char *open = spec_test_repeat ("[", 128), *close = spec_test_repeat ("]", 128);
  g_autofree char *deepest = g_strconcat (open, close, NULL);
  g_autofree char *bomb = spec_test_repeat ("{\"a\":", 1000000);
  g_autofree char *zeros = spec_test_repeat ("0,", 1000000);
  g_autofree char *many = g_strconcat ("[", zeros, "0]", NULL);
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, deepest);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *deep_message = NULL, *many_message = NULL;

  g_test_summary ("Nesting ends at 128 levels, and a text at a million values");

  g_assert_null (parse (bomb, -1, problems));
  g_assert_null (parse (many, -1, problems));
  deep_message = banyan_problems_get_message (problems, 0);
  many_message = banyan_problems_get_message (problems, 1);
  g_assert_true (g_str_has_suffix (deep_message, "nested more than 128 deep; declare inner nodes "
                                                 "by themselves and refer to them by name"));
  g_assert_cmpstr (many_message, ==,
                   AT ("2000000") "999999: more than 1000000 values; split the text");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spec/json/scalars-keep-their-kind", test_scalars);
  g_test_add_func ("/spec/json/writes-back", test_writes_back);
  g_test_add_func ("/spec/json/writes-prettily", test_writes_prettily);
  g_test_add_func ("/spec/json/writes-text", test_writes_text);
  g_test_add_func ("/spec/json/writes-valid-utf8", test_writes_valid_utf8);
  g_test_add_func ("/spec/json/values-have-places", test_origins);
  g_test_add_func ("/spec/json/bad-values", test_bad_values);
  g_test_add_func ("/spec/json/bad-strings", test_bad_strings);
  g_test_add_func ("/spec/json/bad-containers", test_bad_containers);
  g_test_add_func ("/spec/json/refuses-other-encodings", test_encodings);
  g_test_add_func ("/spec/json/ends-at-its-bounds", test_bounds);
  g_test_add_func ("/spec/json/shared-maps-are-written-each-time", test_shared);
  return g_test_run ();
}
