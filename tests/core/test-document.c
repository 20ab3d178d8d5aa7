/* test-document.c - a YAML file becomes a graph, or a list of all that is wrong with it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"
#include "control-drivers.h"

#include <errno.h>

static char *
problems_of (const char *document)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanGraph *graph = banyan_graph_new ();
  GString *text = g_string_new (NULL);
  gboolean is_right = banyan_graph_check (graph, document, -1, "d.yaml", NULL, problems);

  g_assert_cmpint (is_right, ==, banyan_problems_get_length (problems) == 0);
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      g_string_append_printf (text, "%s\n", message);
    }
  g_assert_finalize_object (graph);
  return g_string_free (text, FALSE);
}

static void
test_outside (void)
{
  static const struct
  {
    const char *document;
    const char *problems;
  } bad[] = {
    { "nodes: {}\n",
      "d.yaml:1:1: a document begins with its version; this Banyan reads version: 1\n" },
    { "version: 2\n", "d.yaml:1:10: version: this Banyan reads version: 1, not \"2\"\n" },
    { "version: 1.0\n", "d.yaml:1:10: version: this Banyan reads version: 1, not \"1.0\"\n" },
    { "version: [1]\n", "d.yaml:1:10: version: this Banyan reads version: 1, not a list\n" },
    { "version: \"1\"\n",
      "d.yaml:1:10: version: this Banyan reads version: 1, and \"1\" is a string; leave out the "
      "quotes\n" },
    { "version: 1\nnods: {}\n",
      "d.yaml:2:1: a document has no \"nods\"; did you mean \"nodes\"?\n" },
    { "version: 1\nnodes: [a]\n",
      "d.yaml:2:8: nodes: a map is wanted, from ids to what each of them is\n" },
    { "version: 1\nplugins: qcow2\n",
      "d.yaml:2:10: plugins: a list of names is wanted, such as [qcow2, nbd]\n" },
    { "- 1\n", "d.yaml:1:1: a document is a map that begins with version: 1\n" },
  };

  g_test_summary ("What is wrong around the declarations is told with its place");

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *problems = problems_of (bad[i].document);

      g_assert_cmpstr (problems, ==, bad[i].problems);
    }
}

static void
test_all_at_once (void)
{
  g_autofree char *problems = problems_of ("version: 1\n"
                                           "plugin: []\n"
                                           "nodes:\n"
                                           "  a: { driver: test-pass, file: b, levle: 3 }\n"
                                           "  c: { driver: test-memory, size: lots }\n");
  g_auto (GStrv) lines = g_strsplit (problems, "\n", -1);

  g_test_summary ("All that is wrong in a document is told at once, in the order of its places");

  g_assert_cmpuint (g_strv_length (lines), ==, 5);
  g_assert_true (g_str_has_prefix (lines[0], "d.yaml:2:1: "));
  g_assert_true (g_str_has_prefix (lines[1], "d.yaml:4:"));
  g_assert_true (g_str_has_prefix (lines[2], "d.yaml:4:"));
  g_assert_true (g_str_has_prefix (lines[3], "d.yaml:5:"));
}

static void
test_checks_graph (void)
{
  g_autofree char *problems
      = problems_of ("version: 1\n"
                     "frontends:\n"
                     "  s: { type: test-server, exports: { e: { node: d, writable: true } } }\n"
                     "nodes:\n"
                     "  d: { driver: test-memory, read-only: true }\n");
  g_autofree char *log = control_take_log ();

  g_test_summary ("A check finds what is wrong with permissions, and opens nothing");

  g_assert_cmpstr (
      problems, ==,
      "d.yaml:3:49: /frontends/s/e:node wants write on /nodes/d, which is read-only; "
      "set read-only to false there, or make /frontends/s/e read-only (writable: false)\n");
  g_assert_cmpstr (log, ==, "");
}

#define SERVER(exports) \
  "version: 1\n" \
  "frontends:\n" \
  "  s:\n" \
  "    type: test-server\n" \
  "    exports:\n" exports "nodes:\n"
#define WRITER(id, node) "      " id ": { node: " node ", writable: true }\n"

/* What a line of problems_of() has to contain, in order. */
typedef struct
{
  const char *document;
  const char *problems[6];
} Report;

static void
assert_reports (const Report *reports, gsize n_reports)
{
  for (gsize i = 0; i < n_reports; i++)
    {
      g_autofree char *problems = problems_of (reports[i].document);
      g_auto (GStrv) lines = g_strsplit (problems, "\n", -1);
      guint n = 0;

      while (reports[i].problems[n] != NULL)
        n++;
      if (g_strv_length (lines) != n + 1)
        g_error ("%s\ngives\n%s", reports[i].document, problems);
      for (guint j = 0; j < n; j++)
        if (strstr (lines[j], reports[i].problems[j]) == NULL)
          g_error ("%s\ngives\n%s\nwithout %s", reports[i].document, problems,
                   reports[i].problems[j]);
    }
}

/* Who has an image somewhere lets nobody else write there. */
#define IMAGE(id, file) "  " id ": { driver: test-format, file: " file " }\n"

static void
test_conflicts_beside_mistakes (void)
{
  static const Report reports[] = {
    /* A value, a key, a type, a reference, a section elsewhere. */
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n"
                                 "  x: { driver: test-memory, size: lots }\n",
      { "d.yaml:6:18: /frontends/s/e:node wants write on /nodes/d", "d.yaml:9:" } },
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n"
                                 "  x: { driver: test-memory, sise: 1 }\n",
      { "d.yaml:6:18: /frontends/s/e:node wants write on /nodes/d", "d.yaml:9:" } },
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n"
                                 "  x: { driver: nosuch }\n",
      { "d.yaml:6:18: /frontends/s/e:node wants write on /nodes/d", "d.yaml:9:" } },
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n"
                                 "  x: { driver: test-pass, file: gone }\n",
      { "d.yaml:6:18: /frontends/s/e:node wants write on /nodes/d", "d.yaml:9:" } },
    { "plugin: []\n" SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n",
      { "d.yaml:1:1: ", "d.yaml:7:18: /frontends/s/e:node wants write on /nodes/d" } },
    /* Another member of the same owner. */
    { SERVER (WRITER ("e", "d") "      f: { node: d, writeable: maybe }\n") //
      "  d: { driver: test-memory, read-only: true }\n",
      { "d.yaml:6:18: /frontends/s/e:node wants write on /nodes/d", "d.yaml:7:" } },
    /* What is wrong is what they have in common. */
    { SERVER (WRITER ("e", "d")) IMAGE ("c", "d") "  d: { driver: test-memory, sise: 1 }\n",
      { "/frontends/s/e:node wants write on /nodes/d, which /nodes/c:file does not share",
        "d.yaml:9:" } },
    /* Several of them. */
    { SERVER (WRITER ("e", "d") WRITER ("f", "g")) //
      "  d: { driver: test-memory, read-only: true }\n"
      "  g: { driver: test-memory, read-only: true }\n"
      "  x: { driver: test-memory, sise: 1 }\n",
      { "d.yaml:6:18: /frontends/s/e:node", "d.yaml:7:18: /frontends/s/f:node", "d.yaml:11:" } },
    /* And circles. */
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true }\n"
                                 "  x: { driver: test-pass, file: y }\n"
                                 "  y: { driver: test-pass, file: x }\n"
                                 "  v: { driver: test-pass, file: w }\n"
                                 "  w: { driver: test-pass, file: v, sise: 1 }\n",
      { "d.yaml:6:18: /frontends/s/e:node",
        "d.yaml:10:33: ", "d.yaml:12:33: ", "d.yaml:12:36: " } },
  };

  g_test_summary ("Who is in whose way is told together with mistakes elsewhere");

  assert_reports (reports, G_N_ELEMENTS (reports));
}

static void
test_mistakes_bring_no_conflicts (void)
{
  static const Report reports[] = {
    /* Its being read-only may be the mistake. */
    { SERVER (WRITER ("e", "d")) "  d: { driver: test-memory, read-only: true, sise: 1 }\n",
      { "d.yaml:8:" } },
    { SERVER (WRITER ("e", "d")) IMAGE ("c", "d") "  d: { driver: nosuch }\n", { "d.yaml:9:" } },
    /* The writer may be meant to be none. */
    { SERVER ("      e: { node: d, writable: true, sise: 1 }\n") //
      "  d: { driver: test-memory, read-only: true }\n",
      { "d.yaml:6:" } },
    /* What is between may hold it back. */
    { SERVER (WRITER ("e", "m")) "  m: { driver: test-pass, file: d, levle: 1 }\n"
                                 "  d: { driver: test-memory, read-only: true }\n",
      { "d.yaml:8:" } },
    /* It inherits from what is wrong. */
    { SERVER (WRITER ("e", "m.file")) //
      "  m: { driver: test-pass, read-onyl: false, read-only: true,\n"
      "       file: { driver: test-memory } }\n",
      { "d.yaml:8:" } },
    /* Another one is called so. */
    { SERVER (WRITER ("e", "d")) //
      "  d: { driver: test-memory, read-only: true }\n"
      "  m: { driver: test-pass, file: { id: d, driver: test-memory } }\n",
      { "d.yaml:9:" } },
  };

  g_test_summary ("No conflict is told that would go when a mistake is mended");

  assert_reports (reports, G_N_ELEMENTS (reports));
}

static void
test_second_document (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: test-memory }\n");
  BanyanGraph *of = banyan_test_graph_get (graph);
  g_autoptr (GError) error = NULL;

  g_test_summary ("A second document adds to what is there, and may refer to it");

  banyan_graph_load (of, "version: 1\nnodes:\n  top: { driver: test-pass, file: disk }\n", -1,
                     "second.yaml", NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (banyan_graph_get_node (of, "top"));
  g_assert_false (banyan_graph_load (of, "version: 1\nnodes:\n  top: { driver: test-memory }\n", -1,
                                     "third.yaml", NULL, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE);
}

static void
test_whole_or_nothing (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("A document of which one node does not open leaves nothing open");

  g_assert_null (banyan_test_graph_new ("a: { driver: test-memory }\n"
                                        "b: { driver: test-memory, fail-open: true }\n"
                                        "c: { driver: test-pass, file: a }\n",
                                        &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_cmpint (control_get_balance (), ==, 0);
}

/* -- Depth. -- */

static char *
make_chain (guint n_filters)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n_filters; i++)
    g_string_append_printf (text, "n%u: { driver: test-pass, file: n%u }\n", i, i + 1);
  g_string_append_printf (text, "n%u: { driver: test-memory }\n", n_filters);
  return g_string_free (text, FALSE);
}

static void
test_deep (void)
{
  g_autofree char *chain = make_chain (299);
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (chain);
  g_autoptr (GError) error = NULL;
  guint8 data[512];

  g_test_summary ("Three hundred nodes one on the other work, and hear of news at the bottom");

  banyan_test_fill (data, 0, sizeof data, 1);
  banyan_test_write (graph, "n0", 0, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "n299", 0, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, sizeof data, 1);

  control_set_alignment (banyan_test_get_node (graph, "n299"), 4096);
  while (banyan_node_get_limits (banyan_test_get_node (graph, "n0"))->request_alignment != 4096)
    g_main_context_iteration (NULL, TRUE);
  banyan_test_resize (graph, "n0", 65536, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "n0")), ==, 65536);
}

static void
test_too_deep (void)
{
  static const guint depths[] = { 300, 2000 };

  g_test_summary ("More are refused, with the number that can be");

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      g_autofree char *chain = make_chain (depths[i]);
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (chain, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE);
      g_assert_cmpstr (error->message, ==,
                       "/nodes/n300 has 300 nodes above it, one on the other; a request can go "
                       "through 300 at most");
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/document/problems-around-it-have-places", test_outside);
  g_test_add_func ("/document/all-problems-at-once", test_all_at_once);
  g_test_add_func ("/document/check-finds-conflicts", test_checks_graph);
  g_test_add_func ("/document/conflicts-are-told-beside-mistakes", test_conflicts_beside_mistakes);
  g_test_add_func ("/document/mistakes-bring-no-conflicts", test_mistakes_bring_no_conflicts);
  g_test_add_func ("/document/second-one-adds", test_second_document);
  g_test_add_func ("/document/whole-or-nothing", test_whole_or_nothing);
  g_test_add_func ("/document/deep-graphs-work", test_deep);
  g_test_add_func ("/document/deeper-ones-are-refused", test_too_deep);
  return g_test_run ();
}
