/* test-completed.c - backings that are declared but for the file, which the image names
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "implied-fixture.h"

#define DETECTS "{ driver: raw, detect-zeroes: on }"

static gboolean
detects (BanyanTestGraph *graph, const char *id)
{
  g_auto (GValue) value = G_VALUE_INIT;
  BanyanNode *node = banyan_test_get_node (graph, id);
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "detect-zeroes");

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (node), "detect-zeroes", &value);
  return g_str_equal (
      g_enum_get_value (g_type_class_peek (pspec->value_type), g_value_get_enum (&value))
          ->value_nick,
      "on");
}

static void
assert_origin (BanyanTestGraph *graph, const char *id, const char *property, BanyanOriginKind kind)
{
  BanyanOrigin origin;

  banyan_object_get_origin (BANYAN_OBJECT (banyan_test_get_node (graph, id)), property, &origin);
  g_assert_cmpint (origin.kind, ==, kind);
}

static void
write_pair (void)
{
  write_base ("base.raw", 7);
  write_image ("disk.img", "base.raw", "raw");
}

/* -- What opens. -- */

static void
test_opens (void)
{
  g_test_summary ("A backing with options has its file from the image, and the options");

  write_pair ();
  g_autoptr (BanyanTestGraph) graph = must_load (DISK_WITH (DETECTS));
  g_autofree char *expected = g_build_filename (folder, "base.raw", NULL);
  g_autofree char *name
      = dup_string (banyan_test_get_node (graph, "disk.backing.file"), "filename");

  assert_reads (graph, "disk", 7);
  g_assert_cmpstr (name, ==, expected);
  g_assert_true (detects (graph, "disk.backing"));
  g_assert_true (banyan_node_is_read_only (find_node (graph, "disk.backing.file")));
  assert_origin (graph, "disk", "backing", BANYAN_ORIGIN_DOCUMENT);
  assert_origin (graph, "disk.backing", "detect-zeroes", BANYAN_ORIGIN_DOCUMENT);
  assert_origin (graph, "disk.backing", "file", BANYAN_ORIGIN_IMAGE);
  assert_origin (graph, "disk.backing.file", "filename", BANYAN_ORIGIN_IMAGE);
}

static void
test_names (void)
{
  static const struct
  {
    const char *name;
    const char *format;
  } good[] = {
    { "base.raw", NULL },
    { "base.raw", "file" },
    { "json:{\"driver\":\"raw\",\"file.driver\":\"file\",\"file.filename\":\"base.raw\"}", NULL },
    { "json:{\"driver\":\"file\",\"filename\":\"base.raw\"}", NULL },
    { "json:{\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}", "raw" },
    { "json:{\"filename\":\"base.raw\"}", "file" },
  };

  g_test_summary ("The driver that is declared is the format that the header leaves out");

  write_base ("base.raw", 7);
  enter_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      write_image ("disk.img", good[i].name, good[i].format);
      g_autoptr (BanyanTestGraph) graph = must_load (DISK_WITH (DETECTS));

      g_test_message ("%s", good[i].name);
      assert_reads (graph, "disk", 7);
      g_assert_true (detects (graph, "disk.backing"));
    }
  leave_folder ();
}

static void
test_chain (void)
{
  g_test_summary ("So it is at any depth, whoever declares or names the ones between");

  write_base ("base.raw", 7);
  write_image ("disk.img", "mid.img", "test-header");
  write_image ("mid.img", "low.img", "test-header");
  write_image ("low.img", "base.raw", "raw");
  g_autoptr (BanyanTestGraph) graph
      = must_load (DISK_WITH ("{ driver: test-header, detect-zeroes: on, backing: { driver: "
                              "test-header, detect-zeroes: on } }"));

  assert_reads (graph, "disk", 7);
  g_assert_true (detects (graph, "disk.backing"));
  g_assert_true (detects (graph, "disk.backing.backing"));
  g_assert_true (banyan_element_is_implied (
      BANYAN_ELEMENT (find_node (graph, "disk.backing.backing")), "backing"));
  g_clear_pointer (&graph, banyan_test_graph_free);

  write_base ("other.raw", 3);
  graph = must_load (
      DISK_WITH ("{ driver: test-header, backing: { driver: test-header, backing: { "
                 "driver: raw, file: { driver: file, filename: '@/other.raw' } } } }"));
  assert_reads (graph, "disk", 3);
  g_clear_pointer (&graph, banyan_test_graph_free);

  graph = must_load (DISK_WITH ("{ driver: test-header, backing: null }"));
  assert_reads (graph, "disk", 1);
  assert_reads (graph, "disk.backing", 1);
}

/* -- What does not. -- */

static void
test_refuses (void)
{
  static const struct
  {
    const char *name;
    const char *format;
    const char *backing;
    const char *says[3];
  } bad[] = {
    { "",
      NULL,
      DETECTS,
      { "/nodes/disk.backing: its file is not declared", "disk.img names no backing",
        "make backing null" } },
    { "base.raw",
      "test-header",
      DETECTS,
      { "disk.img names \"base.raw\" as its backing",
        "this is test-header, and disk.backing is declared to be raw" } },
    { "base.raw", "vmdk9", DETECTS, { "this is vmdk9, and disk.backing is declared to be raw" } },
    { "json:{\"driver\":\"test-header\",\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}",
      NULL,
      DETECTS,
      { "this is test-header, and disk.backing is declared to be raw" } },
    { "json:{\"driver\":\"raw\",\"offset\":512,\"file\":{\"driver\":\"file\",\"filename\":\"base."
      "raw\"}}",
      NULL,
      DETECTS,
      { "more than a file, offset" } },
    { "json:{\"driver\":\"raw\"}", NULL, DETECTS, { "does not tell the file" } },
    { "json:{\"driver\":\"raw\",\"file\":\"other\"}", NULL, DETECTS, { "does not tell the file" } },
    { "none.raw",
      "raw",
      DETECTS,
      { "/nodes/disk.backing.file: ",
        "@/disk.img names \"none.raw\" as the backing of /nodes/disk" } },
    { "disk.img",
      NULL,
      "{ driver: test-header, backing: null }",
      { "name one another in a loop: @/disk.img -> @/disk.img", "declare backing" } },
    { "base.raw", "raw", "{ driver: file }", { "\"filename\"", "leave \"backing\" out" } },
    { "base.raw", "raw", "{ detect-zeroes: on }", { "\"driver\"" } },
  };

  g_test_summary ("Who is refused learns what the image says, and what is declared");

  write_base ("base.raw", 7);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = NULL;
      g_autofree char *nodes = g_strdup_printf (
          "other: { driver: memory, size: 8192 }\ndisk: { driver: test-header, backing: %s, "
          "file: { driver: file, filename: '@/disk.img' } }\n",
          bad[i].backing);

      write_image ("disk.img", bad[i].name, bad[i].format);
      message = error_of (nodes);
      g_test_message ("%s", message);
      for (guint j = 0; j < G_N_ELEMENTS (bad[i].says) && bad[i].says[j] != NULL; j++)
        g_assert_nonnull (strstr (message, bad[i].says[j]));
    }
}

static void
test_only_backings (void)
{
  g_autofree char *message = NULL;

  g_test_summary ("What is declared by itself, or as a file, needs its own");

  write_pair ();
  message = error_of ("disk: { driver: test-header, backing: base, file: { driver: file, filename: "
                      "'@/disk.img' } }\nbase: { driver: raw }\n");
  g_assert_nonnull (strstr (message, "needs the property \"file\""));
  g_clear_pointer (&message, g_free);
  message = error_of ("disk: { driver: test-header, backing: null, file: { driver: raw } }\n");
  g_assert_nonnull (strstr (message, "needs the property \"file\""));
}

static void
test_sole_user (void)
{
  static const char *const others[] = {
    "over: { driver: test-header, backing: disk.backing, file: { driver: file, filename: "
    "'@/over.img' } }\n",
    "view: { driver: raw, read-only: true, file: disk.backing }\n",
  };

  g_test_summary ("What two use has no file that one of them names, whoever comes first");

  write_pair ();
  write_base ("other.raw", 3);
  write_image ("over.img", "other.raw", "raw");
  for (guint i = 0; i < 2 * G_N_ELEMENTS (others); i++)
    {
      const char *other = others[i / 2];
      g_autofree char *nodes = i % 2 == 0 ? g_strconcat (other, DISK_WITH (DETECTS), NULL)
                                          : g_strconcat (DISK_WITH (DETECTS), other, NULL);
      g_autofree char *message = error_of (nodes);

      g_assert_nonnull (
          strstr (message, "/nodes/disk.backing: its file is not declared, and 2 objects use it"));
    }
}

static void
test_undone (void)
{
  g_test_summary ("Wherever opening it fails, nothing is left, and it can be tried again");

  write_base ("base.raw", 7);
  write_image ("disk.img", "mid.img", "test-header");
  write_image ("mid.img", "base.raw", "raw");
  assert_whole_or_nothing (
      DISK_WITH ("{ driver: test-header, backing: " DETECTS " }"),
      (const char *const[]){ "disk.backing", "disk.backing.backing.file", NULL });
}

/* -- Documents. -- */

static void
test_applied (void)
{
  g_test_summary (
      "A document that says it again changes nothing, and one that changes an option, that");

  write_pair ();
  g_autoptr (BanyanTestGraph) graph = must_load (DISK_WITH (DETECTS));
  BanyanNode *backing = find_node (graph, "disk.backing");
  BanyanNode *file = find_node (graph, "disk.backing.file");

  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), ==, 0);
  g_assert_cmpuint (apply (graph, DISK_WITH ("{ driver: raw, detect-zeroes: off }")), >, 0);
  g_assert_false (detects (graph, "disk.backing"));
  g_assert_true (backing == find_node (graph, "disk.backing"));
  g_assert_true (file == find_node (graph, "disk.backing.file"));
  assert_origin (graph, "disk.backing", "file", BANYAN_ORIGIN_IMAGE);
  assert_reads (graph, "disk", 7);
}

static void
test_taken_over (void)
{
  g_test_summary ("What the image named whole gets options while it is used, and loses them again");

  write_pair ();
  g_autoptr (BanyanTestGraph) graph = must_load (DISK);
  BanyanNode *file = find_node (graph, "disk.backing.file");

  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), >, 0);
  g_assert_true (detects (graph, "disk.backing"));
  g_assert_true (file == find_node (graph, "disk.backing.file"));
  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), ==, 0);

  g_assert_cmpuint (apply (graph, DISK), >, 0);
  g_assert_true (banyan_element_is_implied (BANYAN_ELEMENT (find_node (graph, "disk")), "backing"));
  g_assert_cmpuint (apply (graph, DISK), ==, 0);
  assert_reads (graph, "disk", 7);
}

static void
test_comes_later (void)
{
  g_test_summary ("An image that is open has its backing completed, and its file taken back");

  write_pair ();
  write_base ("other.raw", 3);
  g_autoptr (BanyanTestGraph) graph = must_load (DISK_WITH ("null"));

  assert_reads (graph, "disk", 1);
  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), >, 0);
  assert_reads (graph, "disk", 7);
  assert_origin (graph, "disk.backing", "file", BANYAN_ORIGIN_IMAGE);
  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), ==, 0);

  g_assert_cmpuint (
      apply (graph, DISK_WITH ("{ driver: raw, detect-zeroes: on, file: { driver: file, "
                               "filename: '@/other.raw' } }")),
      >, 0);
  assert_reads (graph, "disk", 3);
  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), >, 0);
  assert_reads (graph, "disk", 7);
  assert_origin (graph, "disk.backing", "file", BANYAN_ORIGIN_IMAGE);
  g_assert_cmpuint (apply (graph, DISK_WITH (DETECTS)), ==, 0);
}

static void
test_exported (void)
{
  g_test_summary ("It is written as it was declared, and the result makes no difference");

  write_pair ();
  g_autoptr (BanyanTestGraph) graph = must_load (DISK_WITH (DETECTS));
  g_autoptr (BanyanSpec) document = banyan_graph_export (banyan_test_graph_get (graph), NULL);
  g_autofree char *text = banyan_spec_to_yaml (document);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanPlan) plan = NULL;

  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, "detect-zeroes"));
  g_assert_null (strstr (text, "base.raw"));
  plan = banyan_plan_new (banyan_test_graph_get (graph), text, -1, "e.yaml", NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (banyan_plan_is_empty (plan));
}

int
main (int argc, char **argv)
{
  static const ImpliedTest tests[] = {
    { "/completed/opens", test_opens },
    { "/completed/names", test_names },
    { "/completed/chain", test_chain },
    { "/completed/refuses", test_refuses },
    { "/completed/only-backings", test_only_backings },
    { "/completed/sole-user", test_sole_user },
    { "/completed/undone", test_undone },
    { "/completed/applied", test_applied },
    { "/completed/taken-over", test_taken_over },
    { "/completed/comes-later", test_comes_later },
    { "/completed/exported", test_exported },
  };

  return run_tests (&argc, &argv, tests, G_N_ELEMENTS (tests));
}
