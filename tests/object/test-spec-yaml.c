/* test-spec-yaml.c - YAML as a spec, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "spec-test.h"

static BanyanSpec *
parse (const char *text, gssize length, BanyanProblems *problems)
{
  return banyan_spec_parse_yaml (text, length, "disk.yaml", problems);
}

static void
test_scalar_kinds (void)
{
  static const struct
  {
    const char *yaml;
    BanyanSpecKind kind;
    const char *text;
  } cases[] = {
    { "no", BANYAN_SPEC_TEXT, "no" },
    { "0x10", BANYAN_SPEC_TEXT, "0x10" },
    { "1e3", BANYAN_SPEC_TEXT, "1e3" },
    { "two words", BANYAN_SPEC_TEXT, "two words" },
    { "two\n\nlines", BANYAN_SPEC_TEXT, "two\nlines" },
    { "a:b", BANYAN_SPEC_TEXT, "a:b" },
    { "\"4K\"", BANYAN_SPEC_STRING, "4K" },
    { "'it''s'", BANYAN_SPEC_STRING, "it's" },
    { "\"\"", BANYAN_SPEC_STRING, "" },
    { "\"null\"", BANYAN_SPEC_STRING, "null" },
    { "|\n  a\n  b\n", BANYAN_SPEC_STRING, "a\nb\n" },
    { ">-\n  a\n  b\n", BANYAN_SPEC_STRING, "a b" },
    { "\"\\u00e4\\U0001F600\\x41\"", BANYAN_SPEC_STRING, "ä😀A" },
    { "~", BANYAN_SPEC_NULL, "null" },
    { "null", BANYAN_SPEC_NULL, "null" },
    { "Null", BANYAN_SPEC_NULL, "null" },
    { "NULL", BANYAN_SPEC_NULL, "null" },
    { "", BANYAN_SPEC_NULL, "null" },
    { "# a comment", BANYAN_SPEC_NULL, "null" },
    { "---\n...", BANYAN_SPEC_NULL, "null" },
    { "nULL", BANYAN_SPEC_TEXT, "nULL" },
    { "!!str 12", BANYAN_SPEC_STRING, "12" },
    { "!!str", BANYAN_SPEC_STRING, "" },
    { "!!int \"12\"", BANYAN_SPEC_TEXT, "12" },
    { "!!int '0o17'", BANYAN_SPEC_TEXT, "0o17" },
    { "!!float 1e3", BANYAN_SPEC_TEXT, "1e3" },
    { "!!bool 'true'", BANYAN_SPEC_TEXT, "true" },
    { "!!null ''", BANYAN_SPEC_NULL, "null" },
    { "%YAML 1.2\n---\nx", BANYAN_SPEC_TEXT, "x" },
  };

  g_test_summary ("Plain scalars are text, quoted and block ones strings, and null is null");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, cases[i].yaml);

      g_assert_cmpint (banyan_spec_get_kind (spec), ==, cases[i].kind);
      g_assert_cmpstr (banyan_spec_get_text (spec), ==, cases[i].text);
    }
}

static void
test_structure (void)
{
  g_autoptr (BanyanSpec) spec
      = spec_test_must_parse (parse, "nodes:\n"
                                     "  base: &b { driver: raw, size: [1, \"2\", {}] }\n"
                                     "  copy: *b\n"
                                     "  '<<': merge\n"
                                     "  ? long\n"
                                     "  : - x\n"
                                     "    - - y\n"
                                     "  !!str tagged: !!seq []\n"
                                     "  null: !!map {}\n"
                                     "jobs:\n");

  g_test_summary ("Lists and maps, in flow and block style, come in the order written");

  spec_test_assert_json (
      spec, "{\"nodes\": {\"base\": {\"driver\": \"raw\", \"size\": [1, \"2\", {}]}, "
            "\"copy\": {\"driver\": \"raw\", \"size\": [1, \"2\", {}]}, \"<<\": \"merge\", "
            "\"long\": [\"x\", [\"y\"]], \"tagged\": [], \"null\": {}}, \"jobs\": null}");
}

static void
test_origins (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, "\xef\xbb\xbfnodes:\r\n"
                                                             "  ä😀: [a,  \"b\"]\n"
                                                             "  x:\n"
                                                             "    - &n { y: z }\n"
                                                             "  again: *n\n");
  BanyanSpec *nodes = banyan_spec_lookup (spec, "nodes");
  BanyanSpec *list = banyan_spec_get_item (nodes, 0);
  BanyanSpec *inner = banyan_spec_get_item (banyan_spec_get_item (nodes, 1), 0);

  g_test_summary ("Each key and value knows its line and its column in characters");

  g_assert_cmpint (banyan_spec_get_origin (spec)->kind, ==, BANYAN_ORIGIN_DOCUMENT);
  g_assert_cmpstr (banyan_spec_get_origin (spec)->name, ==, "disk.yaml");
  spec_test_assert_origin (banyan_spec_get_origin (spec), 1, 1);
  spec_test_assert_origin (banyan_spec_get_key_origin (spec, 0), 1, 1);
  spec_test_assert_origin (banyan_spec_get_key_origin (nodes, 0), 2, 3);
  spec_test_assert_origin (banyan_spec_get_origin (list), 2, 7);
  spec_test_assert_origin (banyan_spec_get_origin (banyan_spec_get_item (list, 1)), 2, 12);
  spec_test_assert_origin (banyan_spec_get_origin (inner), 4, 7);
  spec_test_assert_origin (banyan_spec_get_key_origin (inner, 0), 4, 12);
  g_assert_true (banyan_spec_lookup (nodes, "again") == inner);
}

static void
test_collects (void)
{
  static const SpecTestBad bad[] = {
    { "a: 1\nb: 2\na: 3\nc: {d: 1, \"d\": 2}\nb: 4\n",
      "disk.yaml:3:1: the key \"a\" is given twice, first in line 1\n"
      "disk.yaml:4:11: c: the key \"d\" is given twice, first in line 4\n"
      "disk.yaml:5:1: the key \"b\" is given twice, first in line 2" },
    { "nodes:\n  - <<: *x\n",
      "disk.yaml:2:5: nodes.0: merge keys (<<) are not supported; write the keys out, or name a "
      "whole map with &NAME and repeat it with *NAME\n"
      "disk.yaml:2:9: nodes.0: no anchor before this is called \"x\"" },
    { "{a: b}: c\n", "disk.yaml:1:1: a list or map cannot be a key; if text was meant, put it in "
                     "quotes" },
    { "? - a\n: b\n", "disk.yaml:1:3: a list or map cannot be a key; if text was meant, put it in "
                      "quotes" },
    { "x: &k y\n*k : z\n", "disk.yaml:2:1: a key cannot be an alias; write it out" },
    { "?\n: x\n", "disk.yaml:1:2: a key is missing before \":\"" },
    { "!!int 1: x\n", "disk.yaml:1:1: the tag \"!!int\" does not suit a key; leave it out" },
    { "a: !!int x\nb: !secret y\nc: !!binary eA==\nd: !!map [1]\ne: !!set {}\nf: !x [1]\n",
      "disk.yaml:1:4: a: the tag \"!!int\" does not suit \"x\"; leave it out\n"
      "disk.yaml:2:4: b: the tag \"!secret\" does not suit \"y\"; leave it out\n"
      "disk.yaml:3:4: c: the tag \"!!binary\" does not suit \"eA==\"; leave it out\n"
      "disk.yaml:4:4: d: the tag \"!!map\" does not suit a list; leave it out\n"
      "disk.yaml:5:4: e: the tag \"!!set\" does not suit a map; leave it out\n"
      "disk.yaml:6:4: f: the tag \"!x\" does not suit a list; leave it out" },
    { "a: &base 1\nb: *bse\nc: *other\n",
      "disk.yaml:2:4: b: no anchor before this is called \"bse\"; did you mean \"base\"?\n"
      "disk.yaml:3:4: c: no anchor before this is called \"other\"" },
    { "a: &a [1, *a]\n", "disk.yaml:1:11: a.1: the alias \"a\" is part of the value that it names; "
                         "a value cannot contain itself" },
    { "a: \"x\\0y\"\n\"k\\0\": 1\n",
      "disk.yaml:1:4: a: a string cannot hold a NUL character (\\0)\n"
      "disk.yaml:2:1: a string cannot hold a NUL character (\\0)" },
  };

  g_test_summary ("All that is wrong in meaning is told at once, each with its place");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_syntax (void)
{
  static const SpecTestBad bad[] = {
    { "a: 1\n---\nb: 2\n---\nc: 3\n",
      "disk.yaml:2:1: a second document begins here; put each in a file of its own" },
    { "a:\n\tb: c\n", "disk.yaml:2:1: YAML is not indented by tabs; use spaces" },
    { "a: @x\n", "disk.yaml:1:4: a value cannot begin with @; put it in quotes" },
    { "a: `x`\n", "disk.yaml:1:4: a value cannot begin with `; put it in quotes" },
    { "a: [1, 2\nb: 3\n", "disk.yaml:2:2: did not find expected ',' or ']' while parsing a flow "
                          "sequence that begins in line 1" },
    { "a: \"x\n", "disk.yaml:2:1: found unexpected end of stream while scanning a quoted scalar "
                  "that begins in line 1" },
    { "a: b: c\n", "disk.yaml:1:5: this colon follows no key; mend the indentation, or put text "
                   "with a colon in quotes" },
    { "a: 1\n  b: 2\n", "disk.yaml:2:4: this colon follows no key; mend the indentation, or put "
                        "text with a colon in quotes" },
    { "a: \x01\n", "disk.yaml:1:4: control characters are not allowed (U+0001); in double quotes "
                   "it can be written as an escape" },
    { "%YAML 3.0\n---\na\n", "disk.yaml:1:1: found incompatible YAML document" },
    { "a: 1\na: 2\nb: ]\n",
      "disk.yaml:2:1: the key \"a\" is given twice, first in line 1\n"
      "disk.yaml:3:4: did not find expected node content while parsing a block node" },
  };

  g_test_summary ("An error of syntax is told after the problems before it");

  spec_test_assert_all_bad (parse, bad, G_N_ELEMENTS (bad));
}

static void
test_encodings (void)
{
  g_test_summary ("What is not UTF-8 is refused with its place");

  spec_test_assert_bad (parse, "a: ä\nb: \xff\n", -1,
                        "disk.yaml:2:4: byte 0xff is not UTF-8; save the text as UTF-8");
  spec_test_assert_bad (parse, "a: \xc3", -1,
                        "disk.yaml:1:4: byte 0xc3 is not UTF-8; save the text as UTF-8");
  spec_test_assert_bad (parse, "a: \xed\xa0\x80", -1,
                        "disk.yaml:1:4: byte 0xed is not UTF-8; save the text as UTF-8");
  spec_test_assert_bad (parse, "a: b\nc\0d", 8,
                        "disk.yaml:2:2: a NUL byte is not text; remove it, or, where this is an "
                        "image, name it in a document");
  spec_test_assert_bad (parse,
                        "\xff\xfe"
                        "a\0",
                        4, "disk.yaml:1:1: the text looks like UTF-16; save it as UTF-8");
  spec_test_assert_bad (parse, "\0a\0b", 4,
                        "disk.yaml:1:1: the text looks like UTF-16; save it as UTF-8");
}

#define TOO_DEEP \
  "lists and maps are nested more than 128 deep; declare inner nodes by themselves and refer to " \
  "them by name"

static void
test_depth (void)
{
  g_autofree char *open = spec_test_repeat ("[", 128), *close = spec_test_repeat ("]", 128);
  g_autofree char *deepest = g_strconcat (open, close, NULL);
  g_autofree char *bomb = spec_test_repeat ("- ", 200000);
  g_autofree char *deeper = g_strconcat ("[", deepest, "]", NULL);
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (parse, deepest);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *message = NULL;

  g_test_summary ("Nesting ends at 128 levels, and never the stack");

  g_assert_null (parse (deeper, -1, problems));
  g_assert_null (parse (bomb, -1, problems));
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 2);
  g_assert_cmpint (banyan_problems_get_code (problems, 0), ==, BANYAN_CONFIG_ERROR_RANGE);
  message = banyan_problems_get_message (problems, 0);
  g_assert_true (g_str_has_prefix (message, "disk.yaml:1:129: 0.0.0."));
  g_assert_true (g_str_has_suffix (message, TOO_DEEP));
}

static void
test_depth_of_aliases (void)
{
  GString *yaml = g_string_new ("a0: &a0 [x]\n");

  g_test_summary ("Aliases count with the depth of what they name");

  for (int i = 1; i < 128; i++)
    g_string_append_printf (yaml, "a%d: &a%d [*a%d]\n", i, i, i - 1);

  spec_test_assert_bad (parse, yaml->str, -1, "disk.yaml:128:14: a127.0: " TOO_DEEP);
  g_string_free (yaml, TRUE);
}

/* Each level names the one before it ten times. */
static char *
make_bomb (const char *seed, int levels)
{
  GString *yaml = g_string_new (NULL);

  g_string_append_printf (yaml, "a0: &a0 %s\n", seed);
  for (int i = 1; i <= levels; i++)
    {
      g_string_append_printf (yaml, "a%d: &a%d [*a%d", i, i, i - 1);
      for (int k = 1; k < 10; k++)
        g_string_append_printf (yaml, ", *a%d", i - 1);
      g_string_append (yaml, "]\n");
    }

  return g_string_free (yaml, FALSE);
}

static void
test_bombs (void)
{
  g_autofree char *many = make_bomb ("x", 20);
  g_autofree char *long_text = spec_test_repeat ("x", 100000);
  g_autofree char *big = make_bomb (long_text, 4);

  g_test_summary ("Aliases cannot multiply a text beyond the bounds");

  spec_test_assert_bad (parse, many, -1,
                        "disk.yaml:7:45: a6.7: more than 1000000 values, aliases written out; use "
                        "fewer or smaller aliases, or split the document");
  spec_test_assert_bad (parse, big, -1,
                        "disk.yaml:4:10: a3.0: more than 16777216 bytes of text, aliases written "
                        "out; use fewer or smaller aliases, or split the document");
}

static void
test_size (void)
{
  g_autofree char *text = spec_test_repeat ("#", 16 * 1024 * 1024 + 1);

  g_test_summary ("A text has at most 16 MiB");

  spec_test_assert_bad (parse, text, -1,
                        "disk.yaml: the text has 16777217 bytes, the limit is 16777216; split it");
}

static void
test_too_many_problems (void)
{
  g_autofree char *text = spec_test_repeat ("a: 1\n", 100000);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *last = NULL;

  g_test_summary ("A hundred problems are enough");

  g_assert_null (parse (text, -1, problems));
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 101);
  last = banyan_problems_get_message (problems, 100);
  g_assert_cmpstr (last, ==,
                   "disk.yaml:101:1: 100 problems are enough; the rest of the text was not read");
}

static void
test_many_keys (void)
{
  GString *yaml = g_string_new (NULL);
  g_autoptr (BanyanSpec) spec = NULL;

  g_test_summary ("A map of a hundred thousand keys is read in no time");

  for (int i = 0; i < 100000; i++)
    g_string_append_printf (yaml, "k%d: %d\n", i, i);
  spec = spec_test_must_parse (parse, yaml->str);
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (spec, "k77777")), ==, "77777");
  g_string_free (yaml, TRUE);
}

static void
test_anchor_redefined (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (
      parse, "a: &x 1\nb: *x\nc: &x 2\nd: *x\n&k key: *k\ne: &x [&x 3]\nf: *x");

  g_test_summary ("An alias means the last anchor of its name, a key's included");

  spec_test_assert_json (
      spec, "{\"a\": 1, \"b\": 1, \"c\": 2, \"d\": 2, \"key\": \"key\", \"e\": [3], \"f\": 3}");
}

static void
test_goes_on (void)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = parse ("a: 1\na: 2\n<<: {}\nb: !x y\n", -1, problems);

  g_test_summary ("With problems of meaning there still is a tree to look for more in");

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 3);
  spec_test_assert_json (spec, "{\"a\": 1, \"b\": \"y\"}");
}

/* -- Writing -- */

static void
assert_same (BanyanSpec *a, BanyanSpec *b)
{
  g_assert_cmpint (banyan_spec_get_kind (a), ==, banyan_spec_get_kind (b));

  if (banyan_spec_get_kind (a) < BANYAN_SPEC_LIST)
    g_assert_cmpstr (banyan_spec_get_text (a), ==, banyan_spec_get_text (b));
  else
    {
      g_assert_cmpuint (banyan_spec_get_length (a), ==, banyan_spec_get_length (b));
      for (guint i = 0; i < banyan_spec_get_length (a); i++)
        assert_same (banyan_spec_get_item (a, i), banyan_spec_get_item (b, i));
    }
}

static void
test_writes_back (void)
{
  static const char *const documents[] = {
    "a",
    "'--- x'",
    "\"\"",
    "~",
    "[]",
    "{}",
    "[[], {}, [[a, [b]]], ~]",
    "a: {b: {c: []}, d: [e: f, {g: h}]}\ni: ~\n",
    "- -x\n- ?x\n- :x\n- a:b\n- a#b\n- \"a #b\"\n- 'a: b'\n- 'a:'\n- a, b\n- x[0]\n- C:\\x\n",
    "['-', '?', ':', '- x', '*x', '&x', '!x', '%x', '@x', '`x', '|', '>', '#', ',', '[', '{']",
    "- \" x\"\n- \"x \"\n- \"\\t\"\n- a\tb\n- \"\\x01\\x7f\\x85\\u2028\\ufeff\\ufffe\"\n- 😀\n- ä\n",
    "'': 1\n'<<': 2\n'a b': 3\n'a: b': 4\n\"a\\nb\": 5\n'- x': 6\n'null': 7\n'---': 8\n",
    "- 'null'\n- 'true'\n- '1'\n- true\n- 1\n- \"a\\nb\\n\"\n- \"quote \\\" backslash \\\\\"\n",
    "- - - a\n    - b\n  - c\n- d: e\n  f:\n    - g\n    - h: i\n",
  };

  g_test_summary ("A document that is written reads as it was, kinds included");

  for (gsize i = 0; i < G_N_ELEMENTS (documents); i++)
    {
      g_autoptr (BanyanSpec) before = spec_test_must_parse (parse, documents[i]);
      g_autofree char *yaml = banyan_spec_to_yaml (before);
      g_autoptr (BanyanSpec) after = spec_test_must_parse (parse, yaml);

      assert_same (before, after);
      g_assert_true (banyan_spec_equal (before, after));
    }
}

static void
test_writes_long_keys (void)
{
  g_autofree char *key = spec_test_repeat ("k", 2000);
  g_autofree char *yaml = g_strdup_printf ("n:\n- ? %s\n  : [a]\n  b: {? \"%s\" : c}\n", key, key);
  g_autoptr (BanyanSpec) before = spec_test_must_parse (parse, yaml);
  g_autofree char *written = banyan_spec_to_yaml (before);
  g_autoptr (BanyanSpec) after = spec_test_must_parse (parse, written);

  g_test_summary ("A key too long for YAML's short form is written in the long one");

  g_assert_nonnull (strstr (written, "? kkk"));
  assert_same (before, after);
}

static void
test_writes_readably (void)
{
  g_autoptr (BanyanSpec) spec = spec_test_must_parse (
      parse, "{version: 1, nodes: {a: {driver: raw, size: '4K', l: [x, {y: z, w: []}, [p, q]]}, b: "
             "~}}");
  g_autofree char *yaml = banyan_spec_to_yaml (spec);

  g_test_summary ("Documents are written in block style");

  g_assert_cmpstr (yaml, ==,
                   "version: 1\n"
                   "nodes:\n"
                   "  a:\n"
                   "    driver: raw\n"
                   "    size: \"4K\"\n"
                   "    l:\n"
                   "      - x\n"
                   "      - y: z\n"
                   "        w: []\n"
                   "      - - p\n"
                   "        - q\n"
                   "  b: null\n");
}

static void
test_writes_any_text (void)
{
  static const char *const texts[] = { "", "null", "~", "a: b", "x ", "a\nb", "# x", "\x7f" };

  g_test_summary ("Text that cannot be plain is quoted, and means the same");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (BanyanSpec) before = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, texts[i], NULL);
      g_autofree char *yaml = banyan_spec_to_yaml (before);
      g_autoptr (BanyanSpec) after = spec_test_must_parse (parse, yaml);

      g_assert_cmpint (banyan_spec_get_kind (after), ==, BANYAN_SPEC_STRING);
      g_assert_true (banyan_spec_equal (before, after));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spec/yaml/scalar-kinds", test_scalar_kinds);
  g_test_add_func ("/spec/yaml/keeps-structure", test_structure);
  g_test_add_func ("/spec/yaml/values-have-places", test_origins);
  g_test_add_func ("/spec/yaml/collects-problems", test_collects);
  g_test_add_func ("/spec/yaml/syntax-errors", test_syntax);
  g_test_add_func ("/spec/yaml/refuses-other-encodings", test_encodings);
  g_test_add_func ("/spec/yaml/depth-is-bounded", test_depth);
  g_test_add_func ("/spec/yaml/depth-of-aliases", test_depth_of_aliases);
  g_test_add_func ("/spec/yaml/bombs-do-not-go-off", test_bombs);
  g_test_add_func ("/spec/yaml/size-is-bounded", test_size);
  g_test_add_func ("/spec/yaml/too-many-problems", test_too_many_problems);
  g_test_add_func ("/spec/yaml/many-keys", test_many_keys);
  g_test_add_func ("/spec/yaml/anchor-redefined", test_anchor_redefined);
  g_test_add_func ("/spec/yaml/goes-on", test_goes_on);
  g_test_add_func ("/spec/yaml/writes-back", test_writes_back);
  g_test_add_func ("/spec/yaml/writes-long-keys", test_writes_long_keys);
  g_test_add_func ("/spec/yaml/writes-readably", test_writes_readably);
  g_test_add_func ("/spec/yaml/writes-any-text", test_writes_any_text);
  return g_test_run ();
}
