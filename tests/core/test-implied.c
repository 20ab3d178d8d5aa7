/* test-implied.c - children that an image's header names
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "implied-fixture.h"

/* -- What opens. -- */

static void
test_opens (void)
{
  g_autofree char *name = NULL;
  g_autofree char *expected = g_build_filename (folder, "base.raw", NULL);
  g_autofree char *image = g_build_filename (folder, "disk.img", NULL);
  BanyanOrigin origin;

  g_test_summary ("What the header names is opened with the image, beside it, and read from");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);

  assert_reads (graph, "disk", 7);
  name = dup_string (banyan_test_get_node (graph, "disk.backing.file"), "filename");
  g_assert_cmpstr (name, ==, expected);
  g_assert_true (banyan_object_is_implicit (BANYAN_OBJECT (find_node (graph, "disk.backing"))));
  g_assert_true (
      banyan_object_is_implicit (BANYAN_OBJECT (find_node (graph, "disk.backing.file"))));
  banyan_object_get_origin (BANYAN_OBJECT (find_node (graph, "disk")), "backing", &origin);
  g_assert_cmpint (origin.kind, ==, BANYAN_ORIGIN_IMAGE);
  g_assert_cmpstr (origin.name, ==, image);
  g_assert_true (banyan_element_is_implied (BANYAN_ELEMENT (find_node (graph, "disk")), "backing"));
}

static void
test_permissions (void)
{
  guint8 data[4096];

  g_test_summary ("It is read-only, and bears that nobody else writes to it, as in QEMU");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  BanyanChild *edge = banyan_test_get_edge (graph, "disk:backing");
  g_autoptr (GError) error = NULL;

  g_assert_true (banyan_node_is_read_only (find_node (graph, "disk.backing")));
  g_assert_true (banyan_node_is_read_only (find_node (graph, "disk.backing.file")));
  g_assert_false (banyan_node_is_read_only (find_node (graph, "disk")));
  g_assert_cmpuint (banyan_child_get_used (edge) & ~BANYAN_PERMISSION_CONSISTENT_READ, ==, 0);
  g_assert_true (banyan_child_get_shared (edge) & BANYAN_PERMISSION_CONSISTENT_READ);

  banyan_test_fill (data, 0, sizeof data, 9);
  banyan_test_write (graph, "disk", 0, data, sizeof data, &error);
  g_assert_no_error (error);
  assert_reads (graph, "disk.backing", 7);
  g_assert_false (banyan_test_write (graph, "disk.backing", 0, data, sizeof data, &error));
}

static void
test_declared (void)
{
  static const struct
  {
    const char *backing;
    guint seed;
    gboolean is_there;
  } cases[] = {
    { "null", 1, FALSE },
    { "other", 3, FALSE },
    { "{ driver: raw, file: { driver: file, filename: '@/other.raw' } }", 3, TRUE },
  };

  g_test_summary (
      "What is declared goes before what the header says, which is not even looked for");

  write_base ("other.raw", 3);
  write_image ("disk.img", "is-not-there", "no-such-format");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *nodes = g_strdup_printf (
          "disk: { driver: test-header, backing: %s, file: { driver: file, filename: "
          "'@/disk.img' } }\n"
          "other: { driver: raw, file: { driver: file, filename: '@/other.raw', read-only: true }, "
          "read-only: true }\n",
          cases[i].backing);
      g_autoptr (BanyanTestGraph) graph = must_load (nodes);

      assert_reads (graph, "disk", cases[i].seed);
      g_assert_cmpint (find_node (graph, "disk.backing") != NULL, ==, cases[i].is_there);
      g_assert_false (
          banyan_element_is_implied (BANYAN_ELEMENT (find_node (graph, "disk")), "backing"));
    }
}

static void
test_inline_read_only (void)
{
  g_test_summary ("A backing that is declared inline is read-only, too, unless it says otherwise");

  write_base ("other.raw", 3);
  write_image ("disk.img", "other.raw", "raw");
  write_image ("more.img", "other.raw", "raw");
  g_autoptr (BanyanTestGraph) graph
      = must_load ("disk: { driver: test-header, backing: { driver: raw, file: { driver: file, "
                   "filename: '@/other.raw' } }, file: { driver: file, filename: '@/disk.img' } }\n"
                   "more: { driver: test-header, backing: { driver: raw, read-only: false, file: { "
                   "driver: memory, size: 8192 } }, file: { driver: file, filename: '@/more.img' } "
                   "}\n");

  g_assert_true (banyan_node_is_read_only (find_node (graph, "disk.backing")));
  g_assert_true (banyan_node_is_read_only (find_node (graph, "disk.backing.file")));
  g_assert_false (banyan_node_is_read_only (find_node (graph, "more.backing")));
  g_assert_false (banyan_node_is_read_only (find_node (graph, "more.backing.file")));
}

static void
assert_reads_backing (const char *wanted)
{
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  g_autofree char *name = banyan_node_dup_backing_name (find_node (graph, "disk"));

  assert_reads (graph, "disk", 7);
  g_assert_cmpstr (name, ==, wanted);
}

static void
test_names (void)
{
  static const struct
  {
    const char *name;
    const char *format;
  } good[] = {
    { "base.raw", "raw" },       { "./base.raw", "raw" }, { "deep/../base.raw", "raw" },
    { "with:colon.raw", "raw" }, { "fd:3", "raw" },       { "base.raw", "file" },
  };
  /* And what is more than a file's name, where one works. */
  static const struct
  {
    const char *name;
    const char *format;
  } more[] = {
    { "file:base.raw", "raw" },
    { "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}", NULL },
    { "json:{\"driver\":\"raw\",\"file.driver\":\"file\",\"file.filename\":\"base.raw\"}", "raw" },
    { "json:{\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}", "raw" },
    { "json:{\"driver\":\"file\",\"filename\":\"base.raw\"}", "raw" },
    { "json:{\"driver\":\"raw\",\"node-name\":\"disk\",\"size\":\"8192\",\"file\":"
      "{\"driver\":\"file\",\"filename\":\"base.raw\"}}",
      "raw" },
    { "json:{\"driver\":\"test-header\",\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}",
      "raw" },
  };

  g_test_summary ("Names are understood as QEMU understands those in headers, beside the image");

  write_base ("base.raw", 7);
  write_base ("with:colon.raw", 7);
  write_base ("fd:3", 7);
  g_autofree char *deep = g_build_filename (folder, "deep", NULL);
  g_assert_cmpint (g_mkdir (deep, 0755), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      write_image ("disk.img", good[i].name, good[i].format);
      g_test_message ("%s", good[i].name);
      assert_reads_backing (good[i].name);
    }
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    {
      g_autofree char *message = NULL;

      g_test_message ("%s", more[i].name);
      write_image ("disk.img", more[i].name, more[i].format);
      message = error_of (DISK);
      g_assert_nonnull (strstr (message, "base.raw: No such file or directory"));
      enter_folder ();
      assert_reads_backing (more[i].name);
      leave_folder ();
    }
}

/* -- What does not. -- */

static void
test_refuses (void)
{
  static const struct
  {
    const char *name;
    const char *format;
    const char *says[3];
  } bad[] = {
    { "base.raw",
      NULL,
      { "does not say in which format", "qemu-img rebase -u", "or make backing null" } },
    { "base.raw", "vmdk9", { "disk.img names \"base.raw\" as its backing", "vmdk9" } },
    { "none.raw",
      "raw",
      { "/nodes/disk.backing.file: ", "@/disk.img names \"none.raw\" as the backing of /nodes/disk",
        "make it null" } },
    { "\xff.raw", "raw", { "no text in UTF-8" } },
    { "json:{", NULL, { "disk.img names \"json:{\" as its backing" } },
    { "json:[]", NULL, { "what follows json: is no map" } },
    { "json:{\"driver\":\"raw\",\"file\":\"other\"}",
      NULL,
      { "an image may not name nodes of this graph, and it names \"other\"" } },
    { "json:{\"driver\":\"raw\",\"nonsense\":1,\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}",
      NULL,
      { "nonsense" } },
  };

  g_test_summary ("Who is refused learns which image wanted what, and what to write");

  write_base ("base.raw", 7);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = NULL;

      write_image ("disk.img", bad[i].name, bad[i].format);
      message = error_of ("other: { driver: memory, size: 8192 }\n" DISK);
      g_test_message ("%s", message);
      for (guint j = 0; j < G_N_ELEMENTS (bad[i].says) && bad[i].says[j] != NULL; j++)
        g_assert_nonnull (strstr (message, bad[i].says[j]));
    }
}

static void
test_taken_id (void)
{
  g_autofree char *message = NULL;

  g_test_summary ("A node that has the name already is told with what wanted it");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  message = error_of (DISK "disk.backing: { driver: memory, size: 8192 }\n");
  g_assert_nonnull (strstr (message, "/nodes/disk.backing exists already"));
  g_assert_nonnull (strstr (message, "what the image of /nodes/disk names"));
}

static void
test_no_directory (void)
{
  g_autofree char *message = NULL;

  g_test_summary ("A relative name in an image that is in no directory is not looked for here");

  write_image ("disk.img", "base.raw", "raw");
  g_autofree char *path = g_build_filename (folder, "disk.img", NULL);
  FILE *file = g_fopen (path, "r");
  g_autofree char *nodes = g_strdup_printf (
      "disk: { driver: test-header, read-only: true, file: { driver: file, filename: /dev/fd/%d } "
      "}\n",
      fileno (file));

  message = error_of (nodes);
  g_test_message ("%s", message);
  g_assert_nonnull (strstr (message, "in no directory"));
  fclose (file);
}

static void
test_loops (void)
{
  g_autofree char *three = NULL;
  g_autofree char *one = NULL;
  g_autofree char *growing = NULL;

  g_test_summary ("Images that name one another in a loop are refused, the way spelled out");

  write_image ("disk.img", "b.img", "test-header");
  write_image ("b.img", "c.img", "test-header");
  write_image ("c.img", "./disk.img", "test-header");
  three = error_of (DISK);
  g_test_message ("%s", three);
  g_assert_nonnull (strstr (three, "@/disk.img -> @/b.img -> @/c.img -> @/disk.img"));

  write_image ("disk.img", "disk.img", "test-header");
  one = error_of (DISK);
  g_assert_nonnull (strstr (one, "@/disk.img -> @/disk.img"));

  g_autofree char *here = g_build_filename (folder, "here", NULL);
  g_assert_cmpint (symlink (".", here), ==, 0);
  write_image ("disk.img", "here/disk.img", "test-header");
  growing = error_of (DISK);
  g_test_message ("%s", growing);
  g_assert_nonnull (strstr (growing, "disk"));
}

/* -- Chains. -- */

/* disk.img, 1.img, ... (@length - 1).img, base.raw */
static void
write_chain (guint length)
{
  for (guint i = 0; i < length; i++)
    {
      g_autofree char *name = i == 0 ? g_strdup ("disk.img") : g_strdup_printf ("%u.img", i);
      g_autofree char *below
          = i + 1 == length ? g_strdup ("base.raw") : g_strdup_printf ("%u.img", i + 1);

      write_image (name, below, i + 1 == length ? "raw" : "test-header");
    }
  write_base ("base.raw", 7);
}

static guint
get_ordinal (BanyanNode *node)
{
  guint ordinal;

  g_object_get (node, "ordinal", &ordinal, NULL);
  return ordinal;
}

static BanyanNode *
find_layer (BanyanTestGraph *graph, guint layer)
{
  GString *id = g_string_new ("disk");
  BanyanNode *node;

  for (guint i = 0; i < layer; i++)
    g_string_append (id, ".backing");
  node = banyan_test_get_node (graph, id->str);
  g_string_free (id, TRUE);
  return node;
}

static void
test_chain (void)
{
  gint64 started;
  double seconds;

  g_test_summary ("Two hundred layers are opened once each, in much less than a second");

  write_chain (200);
  started = g_get_monotonic_time ();
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  seconds = (double) (g_get_monotonic_time () - started) / G_USEC_PER_SEC;
  g_test_minimized_result (seconds, "200 layers: %.3f s", seconds);
  g_assert_cmpuint (get_ordinal (find_layer (graph, 199)), ==,
                    get_ordinal (find_layer (graph, 0)) + 199);
  assert_reads (graph, "disk", 7);
}

static void
test_too_deep (void)
{
  g_autofree char *message = NULL;

  g_test_summary ("The bound for layers is the same as for declared ones");

  write_chain (301);
  message = error_of (DISK);
  g_test_message ("%s", message);
  g_assert_nonnull (strstr (message, "300"));
}

static void
test_shared_base (void)
{
  g_test_summary ("Several disks may have one base, each with a node of its own for it");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  write_image ("more.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph
      = must_load (DISK "more: { driver: test-header, file: { driver: file, filename: '@/more.img' "
                        "} }\n");

  assert_reads (graph, "disk", 7);
  assert_reads (graph, "more", 7);
  g_assert_nonnull (find_node (graph, "more.backing"));
}

/* -- Undoing. -- */

static void
test_undone (void)
{
  g_test_summary ("Wherever opening a chain fails, nothing is left, and it can be tried again");

  write_chain (3);
  assert_whole_or_nothing (DISK, (const char *const[]){ "disk.backing", NULL });
}

static void
test_removed (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("It goes with the node whose image named it");

  write_chain (3);
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  banyan_transaction_remove (transaction, BANYAN_OBJECT (find_node (graph, "disk")));
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  g_assert_null (find_node (graph, "disk.backing"));
  g_assert_null (find_node (graph, "disk.backing.backing.file"));
}

/* -- Documents. -- */

static void
test_applied (void)
{
  g_test_summary ("A document that does not mention it makes no difference; one that does, does");

  write_base ("base.raw", 7);
  write_base ("other.raw", 3);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  BanyanNode *disk = find_node (graph, "disk");
  BanyanNode *backing = find_node (graph, "disk.backing");

  g_assert_cmpuint (apply (graph, DISK), ==, 0);
  g_assert_true (backing == find_node (graph, "disk.backing"));

  g_assert_cmpuint (apply (graph, DISK_WITH ("null")), >, 0);
  g_assert_null (find_node (graph, "disk.backing"));
  assert_reads (graph, "disk", 1);
  g_assert_cmpuint (apply (graph, DISK_WITH ("null")), ==, 0);

  g_assert_cmpuint (apply (graph, DISK), >, 0);
  assert_reads (graph, "disk", 7);
  g_assert_true (banyan_element_is_implied (BANYAN_ELEMENT (disk), "backing"));
  g_assert_cmpuint (apply (graph, DISK), ==, 0);

  g_assert_cmpuint (apply (graph, DISK_WITH ("{ driver: raw, file: { driver: file, filename: "
                                             "'@/other.raw' } }")),
                    >, 0);
  assert_reads (graph, "disk", 3);
  g_assert_false (banyan_element_is_implied (BANYAN_ELEMENT (disk), "backing"));

  g_assert_cmpuint (apply (graph, DISK), >, 0);
  assert_reads (graph, "disk", 7);
  g_assert_true (disk == find_node (graph, "disk"));
}

static void
test_adopted (void)
{
  g_test_summary ("A document that declares what the image says takes it over, as it is");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  BanyanNode *backing = find_node (graph, "disk.backing");
  BanyanNode *file = find_node (graph, "disk.backing.file");
  static const char same[]
      = DISK_WITH ("{ driver: raw, file: { driver: file, filename: '@/base.raw' } }");

  g_assert_cmpuint (apply (graph, same), ==, 0);
  g_assert_true (backing == find_node (graph, "disk.backing"));
  g_assert_true (file == find_node (graph, "disk.backing.file"));
  g_assert_false (
      banyan_element_is_implied (BANYAN_ELEMENT (find_node (graph, "disk")), "backing"));
  g_assert_cmpuint (apply (graph, same), ==, 0);
  g_assert_cmpuint (apply (graph, DISK), >, 0);
  g_assert_true (banyan_element_is_implied (BANYAN_ELEMENT (find_node (graph, "disk")), "backing"));
}

static void
test_exported (void)
{
  g_test_summary ("It is not written when the graph is, and the result makes no difference");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  g_autoptr (BanyanSpec) document = banyan_graph_export (banyan_test_graph_get (graph), NULL);
  g_autofree char *text = banyan_spec_to_yaml (document);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanPlan) plan = NULL;

  g_test_message ("%s", text);
  g_assert_null (strstr (text, "backing"));
  plan = banyan_plan_new (banyan_test_graph_get (graph), text, -1, "e.yaml", NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (plan);
  g_assert_true (banyan_plan_is_empty (plan));
}

static void
test_filter_above (void)
{
  g_test_summary ("What was put between is written with what it filters, and is drift to apply");

  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  BanyanGraph *inner = banyan_test_graph_get (graph);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (inner);
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (BANYAN_ROOT (inner), NULL, problems);
  BanyanOrigin client = { .kind = BANYAN_ORIGIN_CLIENT };
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (
      "{ \"driver\": \"delay\", \"read-only\": true, \"file\": \"disk.backing\" }", -1, &client,
      problems);
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (GError) error = NULL;

  banyan_mapper_declare (
      mapper, BANYAN_COLLECTION (banyan_object_get_child (BANYAN_OBJECT (inner), "nodes")), "slow",
      NULL, spec);
  objects = banyan_mapper_build (mapper);
  banyan_problems_check (problems, &error);
  g_assert_no_error (error);
  banyan_transaction_set_manager (transaction, &client);
  banyan_transaction_add (transaction, objects->pdata[0], NULL);
  banyan_transaction_insert_on_edge (transaction, objects->pdata[0],
                                     banyan_test_get_edge (graph, "disk:backing"));
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  assert_reads (graph, "disk", 7);

  g_autoptr (BanyanSpec) document = banyan_graph_export (inner, NULL);
  g_autofree char *text = banyan_spec_to_yaml (document);

  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, "base.raw"));
  g_assert_cmpuint (apply (graph, DISK), ==, 0);
  g_assert_nonnull (find_node (graph, "disk.backing"));
}

int
main (int argc, char **argv)
{
  static const ImpliedTest tests[] = {
    { "/implied/opens", test_opens },
    { "/implied/permissions", test_permissions },
    { "/implied/declared-goes-before", test_declared },
    { "/implied/inline-is-read-only", test_inline_read_only },
    { "/implied/names", test_names },
    { "/implied/refuses", test_refuses },
    { "/implied/taken-id", test_taken_id },
    { "/implied/no-directory", test_no_directory },
    { "/implied/loops", test_loops },
    { "/implied/chain", test_chain },
    { "/implied/too-deep", test_too_deep },
    { "/implied/shared-base", test_shared_base },
    { "/implied/undone", test_undone },
    { "/implied/removed", test_removed },
    { "/implied/applied", test_applied },
    { "/implied/adopted", test_adopted },
    { "/implied/exported", test_exported },
    { "/implied/filter-above", test_filter_above },
  };

  return run_tests (&argc, &argv, tests, G_N_ELEMENTS (tests));
}
