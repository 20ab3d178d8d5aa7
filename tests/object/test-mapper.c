/* test-mapper.c - documents become objects, or a list of all that is wrong with them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

static void
print_problems (BanyanProblems *problems)
{
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      g_test_message ("%s", message);
    }
}

static GPtrArray *
must_build (BanyanRoot *root, const char *yaml)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  GPtrArray *objects = test_build (root, yaml, problems);

  print_problems (problems);
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  g_assert_nonnull (objects);
  return objects;
}

static void
test_builds_graph (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "objects:\n"
                          "  gold: { type: throttle-group, bps-total: 200M }\n"
                          "nodes:\n"
                          "  disk0:\n"
                          "    driver: delay\n"
                          "    read-delay: 1.5s\n"
                          "    throttle-group: gold\n"
                          "    file:\n"
                          "      driver: qcow2\n"
                          "      lazy-refcounts: true\n"
                          "      file: { driver: file, filename: d.qcow2 }\n"
                          "      backing: base\n"
                          "  base: { driver: file, filename: /b.img }\n");
  TestDelay *disk0 = test_find (objects, "disk0");
  TestQcow2 *image = test_find (objects, "disk0.file");
  TestFile *file = test_find (objects, "disk0.file.file");

  g_test_summary ("A document's objects are made, converted and linked, targets first");

  g_assert_cmpuint (objects->len, ==, 5);
  g_assert_cmpuint (disk0->read_delay_ms, ==, 1500);
  g_assert_true ((gpointer) disk0->file == image);
  g_assert_true (image->file == (gpointer) file);
  g_assert_true ((gpointer) image->backing == test_find (objects, "base"));
  g_assert_cmpstr (file->filename, ==, "/images/d.qcow2");
  g_assert_cmpuint (TEST_GROUP (disk0->group)->bps, ==, 200 * 1024 * 1024);
  g_assert_true (objects->pdata[objects->len - 1] == disk0);
}

static void
test_inline_children (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "nodes:\n"
                          "  top:\n"
                          "    driver: quorum\n"
                          "    children:\n"
                          "      - { driver: file, filename: a }\n"
                          "      - { driver: file, filename: b, node-name: second }\n"
                          "      - third\n"
                          "  third: { driver: file, filename: c }\n");
  TestQuorum *top = test_find (objects, "top");

  g_test_summary ("Inline children get birth names or their own, are implicit; others are not");

  g_assert_true (banyan_object_is_implicit (test_find (objects, "top.children.0")));
  g_assert_true (banyan_object_is_implicit (test_find (objects, "second")));
  g_assert_false (banyan_object_is_implicit (test_find (objects, "third")));
  g_assert_false (banyan_object_is_implicit (BANYAN_OBJECT (top)));
  g_assert_cmpuint (banyan_list_get_length (top->children), ==, 3);
  g_assert_true (banyan_list_get_object (top->children, 2) == test_find (objects, "third"));
}

static void
assert_origin (gpointer object, const char *property, BanyanOriginKind kind, guint line)
{
  BanyanOrigin origin;

  banyan_object_get_origin (object, property, &origin);
  g_assert_cmpint (origin.kind, ==, kind);
  g_assert_cmpuint (origin.line, ==, line);
}

static gboolean
is_read_only (gpointer object)
{
  gboolean read_only;

  g_object_get (object, "read-only", &read_only, NULL);
  return read_only;
}

static void
test_inherits (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "nodes:\n"
                          "  top:\n"
                          "    driver: qcow2\n"
                          "    read-only: true\n"
                          "    file: { driver: delay, file: { driver: file, filename: a } }\n"
                          "    backing: { driver: file, filename: b, read-only: false }\n"
                          "  other: { driver: qcow2, file: named, read-only: true }\n"
                          "  named: { driver: file, filename: c }\n");

  g_test_summary ("Values go down inline declarations, to who has none, and not along references");

  g_assert_true (is_read_only (test_find (objects, "top.file")));
  g_assert_true (is_read_only (test_find (objects, "top.file.file")));
  g_assert_false (is_read_only (test_find (objects, "top.backing")));
  g_assert_false (is_read_only (test_find (objects, "named")));
  assert_origin (test_find (objects, "top"), "read-only", BANYAN_ORIGIN_DOCUMENT, 4);
  assert_origin (test_find (objects, "top.file.file"), "read-only", BANYAN_ORIGIN_INHERITED, 4);
  assert_origin (test_find (objects, "top.backing"), "read-only", BANYAN_ORIGIN_DOCUMENT, 6);
  assert_origin (test_find (objects, "named"), "read-only", BANYAN_ORIGIN_DEFAULT, 0);
}

static void
test_inherits_fields (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "nodes:\n"
                          "  top:\n"
                          "    driver: quorum\n"
                          "    cache: { direct: true, hint: more }\n"
                          "    children:\n"
                          "      - { driver: file, filename: a, cache: { hint: less } }\n"
                          "      - { driver: file, filename: b, cache: null }\n"
                          "      - { driver: file, filename: c }\n");
  TestFile *some = test_find (objects, "top.children.0");
  BanyanSpec *declared
      = banyan_spec_lookup (banyan_object_get_declaration (BANYAN_OBJECT (some)), "cache");

  g_test_summary ("Of a struct the fields that a child does not give are inherited");

  g_assert_true (some->cache->direct);
  g_assert_cmpstr (some->cache->hint, ==, "less");
  g_assert_null (TEST_FILE (test_find (objects, "top.children.1"))->cache);
  g_assert_cmpstr (TEST_FILE (test_find (objects, "top.children.2"))->cache->hint, ==, "more");
  assert_origin (some, "cache", BANYAN_ORIGIN_DOCUMENT, 6);
  g_assert_cmpint (banyan_spec_get_origin (banyan_spec_lookup (declared, "direct"))->kind, ==,
                   BANYAN_ORIGIN_INHERITED);
  g_assert_cmpint (banyan_spec_get_origin (banyan_spec_lookup (declared, "hint"))->kind, ==,
                   BANYAN_ORIGIN_DOCUMENT);
}

static void
test_links_where_target_lives (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "objects: { gold: { type: throttle-group } }\n"
                          "nodes:\n"
                          "  slow: { driver: delay, file: gold, throttle-group: gold }\n"
                          "  gold: { driver: file, filename: a }\n");
  TestDelay *slow = test_find (objects, "slow");

  g_test_summary ("An id is looked for only where what is linked to lives");

  g_assert_true (TEST_IS_FILE (slow->file));
  g_assert_true (TEST_IS_GROUP (slow->group));
}

static void
test_declaration (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects = must_build (
      root, "objects: { s: { type: throttle-group, data: hush } }\n"
            "nodes:\n"
            "  a: { driver: qcow2, file: { driver: file, filename: x, readonly: yes },\n"
            "       backing: null }\n"
            "  b: { driver: qcow2, file: a }\n");
  g_autofree char *a
      = banyan_spec_to_json (banyan_object_get_declaration (test_find (objects, "a")), FALSE);
  g_autofree char *file
      = banyan_spec_to_json (banyan_object_get_declaration (test_find (objects, "a.file")), FALSE);
  g_autofree char *b
      = banyan_spec_to_json (banyan_object_get_declaration (test_find (objects, "b")), FALSE);
  g_autofree char *s
      = banyan_spec_to_json (banyan_object_get_declaration (test_find (objects, "s")), FALSE);

  g_test_summary (
      "A declaration keeps null from absent, paths as written, ids for links, no secret");

  g_assert_cmpstr (a, ==, "{\"file\": \"a.file\", \"backing\": null}");
  g_assert_cmpstr (file, ==, "{\"filename\": \"x\", \"read-only\": \"yes\"}");
  g_assert_cmpstr (b, ==, "{\"file\": \"a\"}");
  g_assert_cmpstr (s, ==, "{\"data\": \"(secret)\"}");
  g_assert_cmpstr (TEST_GROUP (test_find (objects, "s"))->data, ==, "hush");
}

static void
test_property_decides (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects = must_build (
      root, "nodes:\n"
            "  d: { driver: delay, file: no, skew: -10, skew-ns: -5us,\n"
            "       probability: 0.25 }\n"
            "  no: { driver: file, filename: no, offset: 64K, readonly: no }\n"
            "  x: { driver: file, filename: 0x10, locking: yes, features: [copy] }\n"
            "  y: { driver: file, filename: 1e3, locking: maybe, features: [] }\n"
            "  z: { driver: quorum, children: [x, y],\n"
            "       tags: [.inf, 2001-12-14, 0o17, \"4K\", =, 1_000, yes, !!str ~] }\n"
            "  o: { driver: file, filename: o, offset: 0o20 }\n");
  TestDelay *delay = test_find (objects, "d");
  TestFile *no = test_find (objects, "no");
  TestFile *x = test_find (objects, "x");
  TestFile *y = test_find (objects, "y");
  TestQuorum *z = test_find (objects, "z");
  static const char *const tags[]
      = { ".inf", "2001-12-14", "0o17", "4K", "=", "1_000", "yes", "~" };

  g_test_summary ("What a plain scalar means is for the property to say");

  g_assert_cmpint (delay->skew, ==, -10);
  g_assert_cmpint (delay->skew_ns, ==, -5000);
  g_assert_cmpfloat (delay->probability, ==, 0.25);
  g_assert_cmpstr (no->filename, ==, "/images/no");
  g_assert_cmpuint (no->offset, ==, 65536);
  g_assert_cmpint (no->locking, ==, 2);
  g_assert_cmpuint (no->features, ==, 3);
  g_assert_cmpstr (x->filename, ==, "/images/0x10");
  g_assert_cmpint (x->locking, ==, 1);
  g_assert_cmpuint (x->features, ==, 4);
  g_assert_cmpstr (y->filename, ==, "/images/1e3");
  g_assert_cmpuint (y->features, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (tags); i++)
    g_assert_cmpstr (banyan_list_get_string (z->tags, i), ==, tags[i]);
  g_assert_cmpuint (TEST_FILE (test_find (objects, "o"))->offset, ==, 16);
}

static void
test_containers (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "nodes:\n"
                          "  f: { driver: file, filename: a, cache: { direct: true } }\n"
                          "  q: { driver: quorum, children: [f], tags: [a, no],\n"
                          "       limits: { x: 1M, y: 2 }, caches: [{}, { noflush: yes }] }\n");
  TestQuorum *quorum = test_find (objects, "q");
  TestCache *second = banyan_list_get_object (quorum->caches, 1);

  g_test_summary ("Lists and maps hold converted elements, in order");

  g_assert_true (TEST_FILE (test_find (objects, "f"))->cache->direct);
  g_assert_cmpstr (banyan_list_get_string (quorum->tags, 1), ==, "no");
  g_assert_cmpstr (banyan_map_get_key (quorum->limits, 0), ==, "x");
  g_assert_cmpuint (g_value_get_uint64 (banyan_map_lookup (quorum->limits, "x")), ==, 1024 * 1024);
  g_assert_null (banyan_map_lookup (quorum->limits, "z"));
  g_assert_true (second->no_flush);
  g_assert_true (banyan_struct_is_frozen (BANYAN_STRUCT (second)));
}

static void
test_members (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "nodes: { f: { driver: file, filename: a } }\n"
                          "frontends:\n"
                          "  s1: { type: nbd-server, listen: s.sock,\n"
                          "        exports: { f: { node: f, writable: true }, g: { node: f } } }\n"
                          "  s2: { type: nbd-server, listen: { type: inet, host: h },\n"
                          "        exports: { f: { node: f } } }\n");
  TestServer *server = test_find (objects, "s1");
  BanyanObject *member = g_value_get_object (banyan_map_lookup (server->exports, "f"));
  g_autofree char *path = NULL;
  g_autofree char *socket = NULL;
  g_auto (GStrv) users = NULL;

  g_test_summary ("Members are their owner's children, each owner's with ids of its own");

  test_add_all (root, objects);
  path = banyan_object_dup_path (member);
  g_assert_cmpstr (path, ==, "/frontends/s1/f");
  g_assert_true (TEST_EXPORT (member)->writable);
  g_object_get (server->listen, "path", &socket, NULL);
  g_assert_cmpstr (socket, ==, "/images/s.sock");
  users = banyan_object_describe_users (test_find (objects, "f"));
  g_assert_cmpuint (g_strv_length (users), ==, 3);
  g_assert_cmpstr (users[0], ==, "/frontends/s1/f (node)");
}

static void
test_links_into_tree (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) first = must_build (root, "nodes: { f: { driver: file, filename: a } }");
  g_autoptr (GPtrArray) second = NULL;
  g_autoptr (GPtrArray) third = NULL;
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  g_test_summary ("Links lead into the tree; a document that is refused leaves no user there");

  test_add_all (root, first);
  second = must_build (root, "nodes: { q: { driver: qcow2, file: f } }");
  g_assert_true ((gpointer) TEST_QCOW2 (second->pdata[0])->file == first->pdata[0]);
  g_assert_cmpuint (banyan_object_get_n_users (first->pdata[0]), ==, 1);

  third = test_build (root,
                      "nodes: { r: { driver: qcow2, file: f },\n"
                      "         v: { driver: quorum, children: [f], vote-threshold: 2 } }",
                      problems);
  g_assert_null (third);
  g_assert_cmpuint (banyan_object_get_n_users (first->pdata[0]), ==, 1);
  g_clear_pointer (&second, g_ptr_array_unref);
  g_assert_cmpuint (banyan_object_get_n_users (first->pdata[0]), ==, 0);
}

static void
test_long_chain (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GString) document = g_string_new ("nodes:\n");
  g_autoptr (GPtrArray) objects = NULL;
  const guint length = 50000;

  g_test_summary ("Targets come first in a chain written top down, however long, which also ends");

  for (guint i = 0; i < length; i++)
    g_string_append_printf (document, "  n%u: { driver: delay, file: n%u }\n", i, i + 1);
  g_string_append_printf (document, "  n%u: { driver: file, filename: a }\n", length);
  objects = must_build (root, document->str);
  g_assert_cmpstr (banyan_object_get_id (objects->pdata[0]), ==, "n50000");
  g_assert_cmpstr (banyan_object_get_id (objects->pdata[length]), ==, "n0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object/mapper/builds-graph", test_builds_graph);
  g_test_add_func ("/object/mapper/names-inline-children", test_inline_children);
  g_test_add_func ("/object/mapper/inherits-inline-only", test_inherits);
  g_test_add_func ("/object/mapper/inherits-fields", test_inherits_fields);
  g_test_add_func ("/object/mapper/links-where-target-lives", test_links_where_target_lives);
  g_test_add_func ("/object/mapper/keeps-declaration", test_declaration);
  g_test_add_func ("/object/mapper/property-decides", test_property_decides);
  g_test_add_func ("/object/mapper/converts-containers", test_containers);
  g_test_add_func ("/object/mapper/makes-members", test_members);
  g_test_add_func ("/object/mapper/links-into-tree", test_links_into_tree);
  g_test_add_func ("/object/mapper/orders-long-chain", test_long_chain);
  return g_test_run ();
}
