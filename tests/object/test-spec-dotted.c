/* test-spec-dotted.c - dotted keys as a spec, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "spec-test.h"

static BanyanSpec *
parse_yaml (const char *text, gssize length, BanyanProblems *problems)
{
  return banyan_spec_parse_yaml (text, length, NULL, problems);
}

static BanyanSpec *
parse (const char *text, gssize length, BanyanProblems *problems)
{
  static const BanyanOrigin origin = { BANYAN_ORIGIN_COMMAND_LINE, "--blockdev", 0, 0 };

  return banyan_spec_parse_dotted (text, &origin, problems);
}

static void
test_good (void)
{
  static const struct
  {
    const char *dotted;
    const char *json;
  } cases[] = {
    { "", "{}" },
    { "a=", "{\"a\": \"\"}" },
    { "driver=nbd,server.host=localhost,server.port=10809",
      "{\"driver\": \"nbd\", \"server\": {\"host\": \"localhost\", \"port\": 10809}}" },
    { "a=x,", "{\"a\": \"x\"}" },
    { "a=x,,y,b=,,,c=,,,,", "{\"a\": \"x,y\", \"b\": \",\", \"c\": \",,\"}" },
    { "a=x,,,", "{\"a\": \"x,\"}" },
    { "a=b=c.d\"e", "{\"a\": \"b=c.d\\\"e\"}" },
    { "l.1=b,l.0=a", "{\"l\": [\"a\", \"b\"]}" },
    { "l.0.x=a,l.1.0=b,l.0.y=c", "{\"l\": [{\"x\": \"a\", \"y\": \"c\"}, [\"b\"]]}" },
    { "\"odd.key\".x=1,\"0\"=2,\"\"=3,\"a\"\"b,=\"=4,m.\"0\"=5,m.\"1\"=6",
      "{\"odd.key\": {\"x\": 1}, \"0\": 2, \"\": 3, \"a\\\"b,=\": 4, \"m\": {\"0\": 5, \"1\": "
      "6}}" },
    { "\"a\"=1", "{\"a\": 1}" },
    { "a-b.c_d=no", "{\"a-b\": {\"c_d\": \"no\"}}" },
    { "0x=1,1a.2b=3", "{\"0x\": 1, \"1a\": {\"2b\": 3}}" },
  };

  g_test_summary ("Dotted keys are maps and lists inside each other, and all values text");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, cases[i].dotted);
      spec_test_assert_json (spec, cases[i].json);
    }
}

static void
test_values_are_text (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, "a=null,b=");

  g_test_summary ("A value is text, even an empty one or null");

  g_assert_cmpint (banyan_spec_get_kind (banyan_spec_lookup (spec, "a")), ==, BANYAN_SPEC_TEXT);
  g_assert_cmpint (banyan_spec_get_kind (banyan_spec_lookup (spec, "b")), ==, BANYAN_SPEC_TEXT);
}

static void
test_origins (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, "ä=1,file.a=2,file.b=3");
  BanyanSpec *file = banyan_spec_get_item (spec, 1);

  g_test_summary ("A value stands behind its =, and what has parts where its first one stands");

  g_assert_cmpint (banyan_spec_get_origin (spec)->kind, ==, BANYAN_ORIGIN_COMMAND_LINE);
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (spec, 0)), 1, 3);
  spec_test_assert_origin (banyan_spec_get_origin (file), 1, 5);
  spec_test_assert_origin (banyan_spec_get_key_origin (file, 1), 1, 14);
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (file, 1)), 1, 21);
}

#define AT(column) "--blockdev:1:" column ": "

static void
test_bad (void)
{
  static const SpecTestBad bad[] = {
    { "a", AT ("1") "a has no value; write a=VALUE" },
    { "x=1,a.b,c=2", AT ("5") "a.b has no value; write a.b=VALUE" },
    { "=1", AT ("1") "a part of the key is empty; if that is meant, write \"\"" },
    { "a..b=1", AT ("3") "a: a part of the key is empty; if that is meant, write \"\"" },
    { "a.=1", AT ("3") "a: a part of the key is empty; if that is meant, write \"\"" },
    { ",", AT ("1") "a part of the key is empty; if that is meant, write \"\"" },
    { "a=1, =2,b", AT ("9") "b has no value; write b=VALUE" },
    { "\"a=1", AT ("1") "the quote that begins here has no end" },
    { "\"a\"b=1", AT ("4") "\".\" or \"=\" is expected after a part in quotes" },
    { "a\"b\"=1",
      AT ("1") "a quote in the middle of a key; put the whole part in quotes, with \"\" "
               "for a quote" },
    { "a=1,b=2,a=3", AT ("9") "a: given twice, first in column 1" },
    { "a.b=1,a.b=2", AT ("7") "a.b: given twice, first in column 1" },
    { "a=1,a.b=2", AT ("1") "a: has both a value and parts (a.b); give one or the other" },
    { "a.b=2,a=1", AT ("1") "a: has both a value and parts (a.b); give one or the other" },
    { "l.0=a,l.2=b", AT ("1") "l: position 1 is missing; the positions of a list are 0, 1, 2, … "
                              "without gaps" },
    { "l.1=a", AT ("1") "l: position 0 is missing; the positions of a list are 0, 1, 2, … without "
                        "gaps" },
    { "l.0=a,l.x=b", AT ("7") "l: a list, because of 0, and a map, because of x; give only "
                              "positions or only names" },
    { "l.0=a,l.\"1\"=b", AT ("7") "l: a list, because of 0, and a map, because of 1; give only "
                                  "positions or only names" },
    { "l.00=a", AT ("1") "l: \"00\" is no position in a list; a name of digits stands in quotes" },
    { "l.1234567890=a",
      AT ("1") "l: \"1234567890\" is no position in a list; a name of digits stands in quotes" },
    { "0=a", AT ("1") "\"0\" is a position, but this is not in a list; a name of digits stands in "
                      "quotes" },
    { "a,b.0=1,b.x=2,c..d=3,e=1,e=2",
      AT ("1") "a has no value; write a=VALUE\n" AT (
          "9") "b: a list, because of 0, and a map, because of x; give only positions or only "
               "names\n" AT ("17") "c: a part of the key is empty; if that is meant, write "
                                   "\"\"\n" AT ("26") "e: given twice, first in column 22" },
    { "a=\xff", AT ("3") "byte 0xff is not UTF-8; save the text as UTF-8" },
  };

  g_test_summary ("All that is wrong with dotted keys is told at once");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_bounds (void)
{
  g_autofree char *parts = spec_test_repeat ("a.", 127);
  g_autofree char *deepest = g_strconcat (parts, "a=1", NULL);
  g_autofree char *deeper = g_strconcat ("a.", deepest, NULL);
  g_autofree char *letters = spec_test_repeat ("a", 1024 * 1024);
  g_autofree char *longer = g_strconcat (letters, "=", NULL);
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, deepest);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *deep_message = NULL;
  g_autofree char *yaml = NULL;

  g_test_summary ("A key has at most 128 parts, and a text a mebibyte");

  g_clear_pointer (&spec, banyan_spec_unref);
  spec = parse (deeper, -1, problems);
  deep_message = banyan_problems_get_message (problems, 0);
  g_assert_true (g_str_has_suffix (deep_message, ": a key has at most 128 parts"));
  /* What could be read of it can be read again. */
  yaml = banyan_spec_to_yaml (spec);
  g_clear_pointer (&spec, banyan_spec_unref);
  spec = spec_test_must_parse (parse_yaml, yaml);
  spec_test_assert_bad (parse, longer, -1,
                        "--blockdev: the text has 1048577 bytes, the limit is 1048576; split it");
}

static void
test_too_many_problems (void)
{
  g_autofree char *text = spec_test_repeat ("a,", 1000);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = parse (text, -1, problems);
  g_autofree char *last = NULL;

  g_test_summary ("A hundred problems are enough");

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 101);
  last = banyan_problems_get_message (problems, 100);
  g_assert_cmpstr (last, ==, "100 problems are enough; there are more");
}

static void
test_writes_back (void)
{
  static const char *const texts[] = {
    "",
    "a=",
    "a=b,,c,d.e=,,",
    "l.0=a,l.1.x=b,l.2.0=c",
    "\"odd.key\".x=1,\"0\"=2,\"\"=3,\"a\"\"b,=\"=4,m.\"0\"=5",
  };

  g_test_summary ("Dotted keys that are read are written as they were");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, texts[i]);
      g_autofree char *dotted = banyan_spec_to_dotted (spec);

      g_assert_cmpstr (dotted, ==, texts[i]);
    }
}

static BanyanSpec *
parse_option (const char *text, gssize length, BanyanProblems *problems)
{
  static const BanyanOrigin origin = { BANYAN_ORIGIN_COMMAND_LINE, "--blockdev", 0, 0 };

  return banyan_spec_parse_option (text, "driver", &origin, problems);
}

static void
test_option (void)
{
  static const struct
  {
    const char *text;
    const char *json;
  } cases[] = {
    { "raw,file.driver=file,file.filename=a,,b",
      "{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"a,b\"}}" },
    { "raw", "{\"driver\": \"raw\"}" },
    { "driver=raw,file=a", "{\"driver\": \"raw\", \"file\": \"a\"}" },
    { "{\"driver\": \"raw\", \"size\": 512}", "{\"driver\": \"raw\", \"size\": 512}" },
    { "", "{}" },
  };
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse_option, "raw,size=1");

  g_test_summary ("An option has JSON or dotted keys, and its first word may have no key");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) read = spec_test_must_parse (parse_option, cases[i].text);
      spec_test_assert_json (read, cases[i].json);
    }
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (spec, 1)), 1, 10);
  spec_test_assert_bad (parse_option, "raw,driver=file", -1,
                        "--blockdev:1:5: driver: given twice, first in column 1");
  spec_test_assert_bad (parse_option, "raw,file", -1,
                        "--blockdev:1:5: file has no value; write file=VALUE");
}

static void
test_cannot_say (void)
{
  static const char *const documents[] = { "[a]", "a", "a: []", "a: {b: {}}", "a: [b, []]" };

  g_test_summary ("What dotted keys cannot say is not written as something else");

  for (gsize i = 0; i < G_N_ELEMENTS (documents); i++)
    {
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanSpec) spec = banyan_spec_parse_yaml (documents[i], -1, NULL, problems);

      g_assert_null (banyan_spec_to_dotted (spec));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spec/dotted/good", test_good);
  g_test_add_func ("/spec/dotted/values-are-text", test_values_are_text);
  g_test_add_func ("/spec/dotted/values-have-places", test_origins);
  g_test_add_func ("/spec/dotted/bad", test_bad);
  g_test_add_func ("/spec/dotted/ends-at-its-bounds", test_bounds);
  g_test_add_func ("/spec/dotted/too-many-problems", test_too_many_problems);
  g_test_add_func ("/spec/dotted/writes-back", test_writes_back);
  g_test_add_func ("/spec/dotted/options-are-json-or-dotted-keys", test_option);
  g_test_add_func ("/spec/dotted/refuses-what-it-cannot-say", test_cannot_say);
  return g_test_run ();
}
