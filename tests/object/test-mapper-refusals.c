/* test-mapper-refusals.c - what is wrong with a document is said where it is, all of it at once
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

typedef struct
{
  const char *what;
  const char *document;
  const char *messages[10]; /* in the order of their places */
} Case;

static const Case cases[] = {
  { "a property that is not there",
    "nodes:\n"
    "  disk0:\n"
    "    driver: qcow2\n"
    "    file: f\n"
    "    lazy-refcount: true\n"
    "  f: { driver: file, filename: a }\n",
    { "disk.yaml:5:5: nodes.disk0: qcow2 has no property \"lazy-refcount\"; did you "
      "mean \"lazy-refcounts\"?" } },
  { "too large a number",
    "nodes:\n"
    "  slow:\n"
    "    driver: delay\n"
    "    read-delay: 700000\n"
    "    file: f\n"
    "  f: { driver: file, filename: a }\n",
    { "disk.yaml:4:17: nodes.slow.read-delay: 700000 ms is too much; the limit is "
      "600000 ms" } },
  { "too long a duration",
    "nodes: { slow: { driver: delay, file: f, read-delay: 20min }, f: { driver: "
    "file, filename: a } }\n",
    { "disk.yaml:1:54: nodes.slow.read-delay: 1200000 ms is too much; the limit is "
      "600000 ms" } },
  { "a negative duration",
    "nodes: { slow: { driver: delay, file: f, read-delay: -1 }, f: { driver: file, "
    "filename: a } }\n",
    { "disk.yaml:1:54: nodes.slow.read-delay: -1 ms is too little; the minimum is 0 "
      "ms" } },
  { "numbers out of range",
    "nodes: { slow: { driver: delay, file: f, skew: -11, probability: 1.5 }, f: { "
    "driver: file, filename: a } }\n",
    { "disk.yaml:1:48: nodes.slow.skew: -11 is too little; the minimum is -10",
      "disk.yaml:1:66: nodes.slow.probability: 1.5 is too much; the limit is 1" } },
  { "spellings of numbers",
    "nodes: { slow: { driver: delay, file: f, skew: 1e3, probability: nan, "
    "skew-ns: 0x10 }, f: { driver: file, filename: a } }\n",
    { "disk.yaml:1:48: nodes.slow.skew: \"1e3\" is not a whole number; write it out, "
      "without an exponent",
      "disk.yaml:1:66: nodes.slow.probability: \"nan\" is not a decimal number",
      "disk.yaml:1:80: nodes.slow.skew-ns: \"0x10\" is no duration, which is a number "
      "with ns, us, ms, s, min or h" } },
  { "a word for a number",
    "nodes: { slow: { driver: delay, file: f, read-delay: fast }, f: { driver: "
    "file, filename: a } }\n",
    { "disk.yaml:1:54: nodes.slow.read-delay: \"fast\" does not begin with a number" } },
  { "quoted numbers and booleans",
    "nodes: { slow: { driver: delay, file: f, read-delay: \"5\" }, f: { driver: "
    "file, filename: a, read-only: \"yes\" } }\n",
    { "disk.yaml:1:54: nodes.slow.read-delay: \"5\" is a string where a duration is "
      "wanted; leave out the quotes",
      "disk.yaml:1:104: nodes.f.read-only: \"yes\" is a string where true or false is "
      "wanted; leave out the quotes" } },
  { "a quoted size",
    "nodes: { f: { driver: file, filename: a, offset: \"4K\" } }\n",
    { "disk.yaml:1:50: nodes.f.offset: \"4K\" is a string where a size is wanted; leave out "
      "the quotes" } },
  { "what other readers of YAML take for values",
    "nodes:\n"
    "  a: { driver: file, filename: , offset: .inf }\n"
    "  b: { driver: delay, file: a, probability: .inf, read-delay: 2001-12-14 }\n"
    "  c: { driver: file, filename: c, offset: 0o20, read-only: y, locking: ~ }\n"
    "  d: { driver: file, filename: d, offset: 18446744073709551616 }\n"
    "  e: { driver: delay, file: a, skew-ns: -9223372036854775809 }\n",
    { "disk.yaml:2:32: nodes.a.filename: null was given where a path is wanted",
      "disk.yaml:2:42: nodes.a.offset: \".inf\" does not begin with a number",
      "disk.yaml:3:45: nodes.b.probability: \".inf\" is not a decimal number",
      "disk.yaml:3:63: nodes.b.read-delay: \"2001-12-14\" is no duration, which is a number with "
      "ns, us, ms, s, min or h",
      "disk.yaml:4:60: nodes.c.read-only: \"y\" is neither true nor false",
      "disk.yaml:4:72: nodes.c.locking: null was given where one of a few words is wanted",
      "disk.yaml:5:43: nodes.d.offset: \"18446744073709551616\" does not fit into 64 bits",
      "disk.yaml:6:41: nodes.e.skew-ns: -9223372036854775809 ns is too little; the minimum is "
      "-9223372036854775808 ns" } },
  { "a word for a boolean",
    "nodes: { f: { driver: file, filename: a, read-only: maybe } }\n",
    { "disk.yaml:1:53: nodes.f.read-only: \"maybe\" is neither true nor false" } },
  { "too large a size",
    "nodes: { f: { driver: file, filename: a, offset: 2M } }\n",
    { "disk.yaml:1:50: nodes.f.offset: 2 MiB is too much; the limit is 1 MiB" } },
  { "too small a size",
    "nodes: { q: { driver: qcow2, file: f, cache-size: 1K }, f: { driver: file, "
    "filename: a } }\n",
    { "disk.yaml:1:51: nodes.q.cache-size: 1 KiB is too little; the minimum is 64 KiB" } },
  { "words that are no choice",
    "nodes: { f: { driver: file, filename: a, locking: atuo }, g: { driver: file, "
    "filename: a, locking: sometimes } }\n",
    { "disk.yaml:1:51: nodes.f.locking: there is no \"atuo\"; did you mean \"auto\"?",
      "disk.yaml:1:100: nodes.g.locking: there is no \"sometimes\"; choose from: off, "
      "on, auto" } },
  { "words that are no flags",
    "nodes: { f: { driver: file, filename: a, features: [zero, discrad] }, g: { "
    "driver: file, filename: a, features: { a: b } } }\n",
    { "disk.yaml:1:59: nodes.f.features: there is no \"discrad\"; did you mean "
      "\"discard\"?",
      "disk.yaml:1:113: nodes.g.features: a map was given where a list of words is "
      "wanted" } },
  { "a reference to nothing",
    "nodes:\n"
    "  base: { driver: file, filename: b }\n"
    "  disk0: { driver: qcow2, file: bse }\n",
    { "disk.yaml:3:33: nodes.disk0.file: no test-node is called \"bse\"; did you "
      "mean \"base\"?" } },
  { "a reference to nothing among many",
    "nodes:\n"
    "  n0: { driver: file, filename: b }\n"
    "  n1: { driver: file, filename: b }\n"
    "  n2: { driver: file, filename: b }\n"
    "  n3: { driver: file, filename: b }\n"
    "  n4: { driver: file, filename: b }\n"
    "  n5: { driver: file, filename: b }\n"
    "  n6: { driver: file, filename: b }\n"
    "  n7: { driver: file, filename: b }\n"
    "  n8: { driver: file, filename: b }\n"
    "  n9: { driver: file, filename: b }\n"
    "  disk0: { driver: qcow2, file: bse }\n",
    { "disk.yaml:12:33: nodes.disk0.file: no test-node is called \"bse\"; there are: "
      "n0, n1, n2, n3, n4, n5, n6, n7, ..." } },
  { "a reference to nothing, with a slip, among many",
    "nodes:\n"
    "  n0: { driver: file, filename: b }\n"
    "  n1: { driver: file, filename: b }\n"
    "  n2: { driver: file, filename: b }\n"
    "  n3: { driver: file, filename: b }\n"
    "  n4: { driver: file, filename: b }\n"
    "  n5: { driver: file, filename: b }\n"
    "  n6: { driver: file, filename: b }\n"
    "  n7: { driver: file, filename: b }\n"
    "  system-disk: { driver: file, filename: b }\n"
    "  disk0: { driver: qcow2, file: sytem-disk }\n",
    { "disk.yaml:11:33: nodes.disk0.file: no test-node is called \"sytem-disk\"; did you mean "
      "\"system-disk\"?" } },
  { "a reference where nothing is",
    "nodes: { slow: { driver: delay, file: f, throttle-group: gold }, f: { driver: "
    "file, filename: a } }\n",
    { "disk.yaml:1:58: nodes.slow.throttle-group: no test-group is called \"gold\"; "
      "there are none" } },
  { "required properties that are absent",
    "nodes:\n"
    "  f: { driver: file }\n"
    "  q: { driver: qcow2 }\n",
    { "disk.yaml:2:3: nodes.f: file needs the property \"filename\"",
      "disk.yaml:3:3: nodes.q: qcow2 needs the property \"file\"" } },
  { "required properties that are null",
    "nodes:\n"
    "  f: { driver: file, filename: null }\n"
    "  q: { driver: qcow2, file: ~ }\n",
    { "disk.yaml:2:32: nodes.f.filename: null was given where a path is wanted",
      "disk.yaml:3:29: nodes.q.file: null was given where the id of a test-node is "
      "wanted" } },
  { "state and statistics",
    "nodes: { f: { driver: file, filename: a, length: 5, reads: 3 } }\n",
    { "disk.yaml:1:42: nodes.f: the property \"length\" of file tells what is and "
      "cannot be set",
      "disk.yaml:1:53: nodes.f: the property \"reads\" of file tells what was counted "
      "and cannot be set" } },
  { "a property under two names",
    "nodes: { f: { driver: file, filename: a, read-only: true, readonly: true } }\n",
    { "disk.yaml:1:59: nodes.f: \"readonly\" means \"read-only\", which disk.yaml:1:42 "
      "gives already" } },
  { "a property under two names, its own after another",
    "nodes: { f: { driver: file, filename: a, readonly: true, read-only: true } }\n",
    { "disk.yaml:1:58: nodes.f: \"read-only\" is what \"readonly\" means, which disk.yaml:1:42 "
      "gives already" } },
  { "no driver",
    "nodes: { f: { filename: a }, g: { driver: [file] }, h: 5, i: [a] }\n",
    { "disk.yaml:1:10: nodes.f: needs the key \"driver\", which tells what it is",
      "disk.yaml:1:43: nodes.g: a list was given where the name of a type is wanted",
      "disk.yaml:1:56: nodes.h: a plain scalar was given where a map is wanted",
      "disk.yaml:1:62: nodes.i: a list was given where a map is wanted" } },
  { "a driver under nearly its key, or that of other things",
    "objects: { o: { driver: throttle-group } }\n"
    "nodes: { f: { drver: file, filename: a }, g: { type: file, filename: a } }\n",
    { "disk.yaml:1:12: objects.o: needs the key \"type\", which tells what it is; was that meant "
      "by "
      "\"driver\"?",
      "disk.yaml:2:10: nodes.f: needs the key \"driver\", which tells what it is; was that meant "
      "by "
      "\"drver\"?",
      "disk.yaml:2:43: nodes.g: needs the key \"driver\", which tells what it is; was that meant "
      "by "
      "\"type\"?" } },
  { "malformed ids",
    "nodes: { 0f: { driver: file, filename: a }, \"a/b\": { driver: file, filename: "
    "a }, f: { driver: file, filename: a, node-name: g } }\n",
    { "disk.yaml:1:10: nodes.0f: \"0f\" is not an id: a letter, then letters, digits, "
      "'-', '.' and '_'",
      "disk.yaml:1:45: nodes.a/b: \"a/b\" is not an id: a letter, then letters, "
      "digits, '-', '.' and '_'",
      "disk.yaml:1:126: nodes.f: is declared as \"f\" and called \"g\" inside" } },
  { "a birth name that is taken",
    "nodes:\n"
    "  q: { driver: qcow2, file: { driver: file, filename: a } }\n"
    "  q.file: { driver: file, filename: b }\n",
    { "disk.yaml:2:29: nodes.q.file: would be born as \"q.file\", which is taken at "
      "disk.yaml:3:3" } },
  { "only the name that is wrong",
    "nodes:\n"
    "  q: { driver: delay, file: { driver: delay, file: { driver: file, filename: a } } }\n"
    "  q.file: { driver: file, filename: b }\n"
    "  0: { driver: delay, file: { driver: delay, file: { driver: file, filename: a } } }\n"
    "  r: { driver: delay, file: q, id: s }\n"
    "  t: { driver: delay, file: r }\n",
    { "disk.yaml:2:29: nodes.q.file: would be born as \"q.file\", which is taken at "
      "disk.yaml:3:3",
      "disk.yaml:4:3: nodes.0: \"0\" is not an id: a letter, then letters, digits, '-', '.' and "
      "'_'",
      "disk.yaml:5:36: nodes.r: is declared as \"r\" and called \"s\" inside" } },
  { "an id that is taken",
    "nodes:\n"
    "  q: { driver: qcow2, file: { driver: file, filename: a, node-name: q } }\n",
    { "disk.yaml:2:29: nodes.q.file: is called \"q\", which is taken at disk.yaml:2:3" } },
  { "a circle of references",
    "nodes:\n"
    "  a: { driver: delay, file: b }\n"
    "  b: { driver: delay, file: c }\n"
    "  c: { driver: delay, file: a }\n",
    { "disk.yaml:4:29: nodes.c.file: the links lead in a circle: a -> b -> c -> a" } },
  { "a reference to itself",
    "nodes:\n"
    "  a: { driver: delay, file: a }\n",
    { "disk.yaml:2:29: nodes.a.file: the links lead in a circle: a -> a" } },
  { "a circle through an inline declaration",
    "nodes:\n"
    "  a: { driver: qcow2, file: { driver: delay, file: a } }\n",
    { "disk.yaml:2:52: nodes.a.file.file: the links lead in a circle: a -> a.file -> "
      "a" } },
  { "wrong fields of a struct",
    "nodes: { f: { driver: file, filename: a, cache: { direkt: true, no-flush: 5 } "
    "}, g: { driver: file, filename: a, cache: true } }\n",
    { "disk.yaml:1:51: nodes.f.cache: test-cache has no property \"direkt\"; did you "
      "mean \"direct\"?",
      "disk.yaml:1:75: nodes.f.cache.no-flush: \"5\" is neither true nor false",
      "disk.yaml:1:121: nodes.g.cache: a plain scalar was given where a map is wanted" } },
  { "a rule of a struct",
    "nodes: { f: { driver: file, filename: a, cache: { direct: true, noflush: true "
    "} } }\n",
    { "disk.yaml:1:49: nodes.f.cache: direct and no-flush exclude each other here" } },
  { "wrong variants of a struct",
    "frontends: { a: { type: nbd-server, listen: { type: unx, path: a } }, b: { "
    "type: nbd-server, listen: { path: a } }, c: { type: nbd-server, listen: { "
    "type: inet, port: 70000 } }, d: { type: nbd-server, listen: { type: [a] } } }\n",
    { "disk.yaml:1:53: frontends.a.listen: there is no type \"unx\"; did you mean "
      "\"unix\"?",
      "disk.yaml:1:102: frontends.b.listen: needs the key \"type\": inet, unix",
      "disk.yaml:1:148: frontends.c.listen: inet needs the property \"host\"",
      "disk.yaml:1:168: frontends.c.listen.port: 70000 is too much; the limit is "
      "65535",
      "disk.yaml:1:218: frontends.d.listen: a list was given for \"type\", which is "
      "one of: inet, unix" } },
  { "wrong elements",
    "nodes: { q: { driver: quorum, children: f }, r: { driver: quorum, children: "
    "[f, g, { driver: file }], tags: [a, 1, [b]], limits: { a: 1M, b: fast }, "
    "caches: [{direct: 3}, 5] }, f: { driver: file, filename: a } }\n",
    { "disk.yaml:1:41: nodes.q.children: \"f\" is a plain scalar where a list is wanted",
      "disk.yaml:1:81: nodes.r.children.1: no test-node is called \"g\"; there are: q, f",
      "disk.yaml:1:84: nodes.r.children.2: file needs the property \"filename\"",
      "disk.yaml:1:116: nodes.r.tags.2: a list was given where a string is wanted",
      "disk.yaml:1:142: nodes.r.limits.b: \"fast\" does not begin with a number",
      "disk.yaml:1:168: nodes.r.caches.0.direct: \"3\" is neither true nor false",
      "disk.yaml:1:172: nodes.r.caches.1: a plain scalar was given where a map is "
      "wanted" } },
  { "nulls among what is many",
    "nodes: { r: { driver: quorum, children: [f, null], tags: [a, ~], limits: { a: null }, "
    "caches: [null] }, f: { driver: file, filename: a } }\n",
    { "disk.yaml:1:45: nodes.r.children.1: null was given where the id of a test-node is wanted",
      "disk.yaml:1:62: nodes.r.tags.1: null was given where a string is wanted",
      "disk.yaml:1:79: nodes.r.limits.a: null was given where a size is wanted",
      "disk.yaml:1:96: nodes.r.caches.0: null was given where a map is wanted" } },
  { "wrong containers",
    "nodes: { r: { driver: quorum, children: [f], tags: {a: b}, limits: [1] }, f: "
    "{ driver: file, filename: a } }\n",
    { "disk.yaml:1:52: nodes.r.tags: a map was given where a list is wanted",
      "disk.yaml:1:68: nodes.r.limits: a list was given where a map is wanted" } },
  { "a rule of a class",
    "nodes: { r: { driver: quorum, vote-threshold: 3, children: [f, f] }, f: { "
    "driver: file, filename: a } }\n",
    { "disk.yaml:1:47: nodes.r.vote-threshold: 3 votes are wanted of 2 children" } },
  { "all rules of a class",
    "nodes: { r: { driver: quorum, vote-threshold: 3, children: [f, f], tags: [a, b, c, d, e, f, "
    "g, h, i] }, f: { "
    "driver: file, filename: a } }\n",
    { "disk.yaml:1:47: nodes.r.vote-threshold: 3 votes are wanted of 2 children",
      "disk.yaml:1:74: nodes.r.tags: more than 8 tags are too many" } },
  { "wrong members",
    "frontends: { s: { type: nbd-server, exports: { a: { node: f, writeable: true "
    "}, \"1\": { node: f }, c: f, d: { id: e, node: f } } } }\n"
    "nodes: { f: { driver: file, filename: a } }\n",
    { "disk.yaml:1:62: frontends.s.exports.a: test-export has no property "
      "\"writeable\"; did you mean \"writable\"?",
      "disk.yaml:1:81: frontends.s.exports.1: \"1\" is not an id: a letter, then "
      "letters, digits, '-', '.' and '_'",
      "disk.yaml:1:102: frontends.s.exports.c: a plain scalar was given where a map "
      "is wanted",
      "disk.yaml:1:114: frontends.s.exports.d: is declared as \"d\" and called \"e\" "
      "inside" } },
  { "a secret of a wrong kind",
    "objects: { s: { type: throttle-group, data: [hush] }, t: { type: "
    "throttle-group, data: { a: hush } } }\n",
    { "disk.yaml:1:45: objects.s.data: a list was given where a string is wanted",
      "disk.yaml:1:88: objects.t.data: a map was given where a string is wanted" } },
  { "values of another kind",
    "nodes: { q: { driver: qcow2, file: [f] }, f: { driver: file, filename: a, "
    "locking: 7 } }\n",
    { "disk.yaml:1:36: nodes.q.file: a list was given where the id of a test-node is "
      "wanted",
      "disk.yaml:1:84: nodes.f.locking: there is no \"7\"; choose from: off, on, auto" } },
  { "rates",
    "objects: { g: { type: throttle-group, bps-total: 16E, iops-total: 1K } }\n",
    { "disk.yaml:1:50: objects.g.bps-total: \"16E\" does not fit into 64 bits",
      "disk.yaml:1:67: objects.g.iops-total: \"1K\" is not a whole number, which has "
      "digits only" } },
};

static void
check_messages (BanyanProblems *problems, const char *const *expected)
{
  guint n_expected = g_strv_length ((char **) expected);

  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      g_test_message ("%s", message);
    }
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      g_assert_cmpstr (message, ==, i < n_expected ? expected[i] : NULL);
    }
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, n_expected);
}

static void
test_case (gconstpointer data)
{
  const Case *wrong = data;
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GPtrArray) objects = test_build (root, wrong->document, problems);

  g_test_summary (
      "Each problem has its place, its subject and what would be right; nothing is built");

  g_assert_null (objects);
  check_messages (problems, wrong->messages);
  g_assert_cmpuint (banyan_object_get_n_children (BANYAN_OBJECT (test_root_get (root, "nodes"))),
                    ==, 0);
}

static void
test_unknown_type (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GPtrArray) objects = test_build (root,
                                              "nodes:\n"
                                              "  f: { driver: fil, filename: a }\n"
                                              "  q: { driver: qcow2, file: f }\n"
                                              "  g: { driver: throttle-group }\n",
                                              problems);

  g_test_summary ("Who refers to a declaration that is wrong itself is not blamed for it");

  g_assert_null (objects);
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 2);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (banyan_problems_get_code (problems, i), ==, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  g_assert_cmpint (banyan_problems_get_origin (problems, 0)->line, ==, 2);
  g_assert_cmpint (banyan_problems_get_origin (problems, 1)->line, ==, 4);
}

static void
test_taken_in_tree (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GPtrArray) first
      = test_build (root, "nodes: { f: { driver: file, filename: a } }", problems);
  g_autoptr (GPtrArray) second = NULL;
  g_autofree char *message = NULL;

  g_test_summary ("An id that an object of the tree has is taken");

  test_add_all (root, first);
  second = test_build (root, "nodes: { f: { driver: file, filename: b } }", problems);
  g_assert_null (second);
  message = banyan_problems_get_message (problems, 0);
  g_assert_cmpstr (message, ==,
                   "disk.yaml:1:10: nodes.f: is called \"f\", which is taken by /nodes/f");
}

static void
test_secrets_stay_secret (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (root, NULL, problems);
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (
      "{ \"type\": \"throttle-group\", \"data\": 12345678 }", -1, NULL, problems);
  g_autoptr (GPtrArray) objects = NULL;
  g_autofree char *message = NULL;

  g_test_summary ("A refused secret is not quoted");

  banyan_mapper_declare (mapper, test_root_get (root, "objects"), "s", NULL, spec);
  objects = banyan_mapper_build (mapper);
  g_assert_null (objects);
  message = banyan_problems_get_message (problems, 0);
  g_assert_nonnull (strstr (message, "a number was given where a string is wanted"));
  g_assert_null (strstr (message, "12345678"));
}

static void
test_json_is_strict (void)
{
  static const char *const bad[] = {
    "{ \"driver\": \"file\", \"filename\": 5 }",
    "{ \"driver\": \"file\", \"filename\": true }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"offset\": \"4096\" }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"offset\": 1.5 }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"offset\": true }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"offset\": null }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"read-only\": \"true\" }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"read-only\": 1 }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"locking\": true }",
    "{ \"driver\": \"file\", \"filename\": \"a\", \"cache\": [] }",
    "{ \"driver\": \"qcow2\", \"file\": 5 }",
    "{ \"driver\": 5 }",
  };

  g_test_summary ("What JSON says has a type, and no other will do");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (BanyanRoot) root = test_root_new ();
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanMapper) mapper = banyan_mapper_new (root, NULL, problems);
      g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (bad[i], -1, NULL, problems);
      g_autoptr (GPtrArray) objects = NULL;

      banyan_mapper_declare (mapper, test_root_get (root, "nodes"), "n", NULL, spec);
      objects = banyan_mapper_build (mapper);
      g_test_message ("%s", bad[i]);
      g_assert_null (objects);
      g_assert_cmpuint (banyan_problems_get_length (problems), ==, 1);
      g_assert_cmpint (banyan_problems_get_code (problems, 0), ==, BANYAN_CONFIG_ERROR_TYPE);
    }
}

static void
test_json_numbers_in_quotes (void)
{
  static const struct
  {
    const char *property;
    const char *message;
  } quoted[] = {
    { "\"offset\": \"4096\"",
      "\"4096\" is a string where an integer is wanted; write 4096 without quotes" },
    { "\"offset\": \"4K\"",
      "\"4K\" is a string where an integer is wanted; write 4096 without quotes" },
    { "\"offset\": \"four\"", "\"four\" does not begin with a number" },
    { "\"offset\": \"4Kib\"",
      "\"4Kib\" is no size, which is a number of bytes, or one with K, M, G, T, P or E" },
    { "\"read-only\": \"true\"", "\"true\" is a string where true or false is wanted" },
  };

  g_test_summary ("A number in JSON's quotes is refused with what to write instead");

  for (gsize i = 0; i < G_N_ELEMENTS (quoted); i++)
    {
      g_autoptr (BanyanRoot) root = test_root_new ();
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanMapper) mapper = banyan_mapper_new (root, NULL, problems);
      g_autofree char *text = g_strdup_printf ("{ \"driver\": \"file\", \"filename\": \"a\", %s }",
                                               quoted[i].property);
      g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (text, -1, NULL, problems);
      g_autoptr (GPtrArray) objects = NULL;

      banyan_mapper_declare (mapper, test_root_get (root, "nodes"), "n", NULL, spec);
      objects = banyan_mapper_build (mapper);
      g_assert_null (objects);
      g_assert_cmpstr (banyan_problems_get_text (problems, 0), ==, quoted[i].message);
    }
}

static void
test_long_chain (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GString) document = g_string_new ("nodes:\n");
  g_autoptr (GPtrArray) objects = NULL;
  g_autofree char *message = NULL;
  const guint length = 20000;

  g_test_summary ("A circle of references may be as long as it likes");

  for (guint i = 0; i < length; i++)
    g_string_append_printf (document, "  n%u: { driver: delay, file: n%u }\n", i, (i + 1) % length);
  objects = test_build (root, document->str, problems);
  g_assert_null (objects);
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 1);
  message = banyan_problems_get_message (problems, 0);
  g_assert_cmpstr (message, ==,
                   "disk.yaml:20001:34: nodes.n19999.file: the links lead in a circle: n0 -> n1 -> "
                   "n2 -> n3 -> n4 -> n5 -> n6 -> n7 -> ... -> n0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/object/mapper/refuses/%s", cases[i].what);

      g_strdelimit (path, " ", '-');
      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/object/mapper/does-not-blame-references", test_unknown_type);
  g_test_add_func ("/object/mapper/refuses-id-of-tree", test_taken_in_tree);
  g_test_add_func ("/object/mapper/does-not-quote-secrets", test_secrets_stay_secret);
  g_test_add_func ("/object/mapper/json-is-strict", test_json_is_strict);
  g_test_add_func ("/object/mapper/json-numbers-in-quotes", test_json_numbers_in_quotes);
  g_test_add_func ("/object/mapper/refuses-long-circle", test_long_chain);
  return g_test_run ();
}
