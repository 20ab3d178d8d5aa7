/* test-spec-problems.c - lists of problems, and guesses of what was meant
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-problems.h>

static void
add_at (BanyanProblems *problems, const char *name, guint line, guint column, const char *text)
{
  BanyanOrigin origin = { BANYAN_ORIGIN_DOCUMENT, name, line, column };

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, &origin, NULL, "%s", text);
}

static void
test_order (void)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Problems stand in the order of their places, of one place in the order found");

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_MISSING, NULL, "nodes", "no place");
  add_at (problems, "b.yaml", 1, 1, "other file");
  add_at (problems, "a.yaml", 10, 1, "later line");
  add_at (problems, "a.yaml", 2, 9, "first found");
  add_at (problems, "a.yaml", 2, 9, "second found");
  add_at (problems, "a.yaml", 2, 3, "earlier column");

  g_assert_false (banyan_problems_check (problems, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE);
  g_assert_cmpstr (error->message, ==,
                   "a.yaml:2:3: earlier column\n"
                   "a.yaml:2:9: first found\n"
                   "a.yaml:2:9: second found\n"
                   "a.yaml:10:1: later line\n"
                   "b.yaml:1:1: other file\n"
                   "nodes: no place");
}

static void
test_parts (void)
{
  static const BanyanOrigin origin = { BANYAN_ORIGIN_DOCUMENT, "disk.yaml", 9, 12 };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *first = NULL, *last = NULL;

  g_test_summary ("A problem has its code, place and path, and its message the parts it has");

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_REFERENCE, &origin, "nodes.disk0.file",
                       "no node is called \"%s\"; there are: %s", "bse", "base, disk0");
  banyan_problems_add_text (problems, BANYAN_CONFIG_ERROR_MISSING, NULL, NULL, "100% nothing");

  first = banyan_problems_get_message (problems, 0);
  last = banyan_problems_get_message (problems, 1);
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 2);
  g_assert_cmpstr (first, ==,
                   "disk.yaml:9:12: nodes.disk0.file: no node is called \"bse\"; there "
                   "are: base, disk0");
  g_assert_cmpint (banyan_problems_get_code (problems, 0), ==, BANYAN_CONFIG_ERROR_REFERENCE);
  g_assert_cmpstr (banyan_problems_get_path (problems, 0), ==, "nodes.disk0.file");
  g_assert_cmpuint (banyan_problems_get_origin (problems, 0)->column, ==, 12);
  g_assert_cmpstr (last, ==, "100% nothing");
  g_assert_null (banyan_problems_get_path (problems, 1));
  g_assert_null (banyan_problems_get_origin (problems, 1));
}

static void
test_none (void)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanProblems) same = banyan_problems_ref (problems);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Without problems there is no error");

  g_assert_true (banyan_problems_check (same, &error));
  g_assert_no_error (error);
}

static void
test_no_escape (void)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *message = NULL;

  g_test_summary ("Nothing in a message controls the terminal it is shown on");

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_SYNTAX, NULL, "a\033b", "\"%s\" ä",
                       "\033[2J\n\x7f\xc2\x9b\xff");
  message = banyan_problems_get_message (problems, 0);
  g_assert_cmpstr (message, ==, "a\\x1bb: \"\\x1b[2J\\x0a\\x7f\\x9b\xef\xbf\xbd\" ä");
}

static void
test_did_you_mean (void)
{
  static const char *const names[]
      = { "lazy-refcounts", "read-only", "file", "filename", "qcow2", "raw", "backing", NULL };
  static const struct
  {
    const char *word;
    const char *meant;
  } cases[] = {
    { "lazy-refcount", "lazy-refcounts" },
    { "lazy_refcounts", "lazy-refcounts" },
    { "LAZY-REFCOUNTS", "lazy-refcounts" },
    { "lazy", "lazy-refcounts" },
    { "raed-only", "read-only" },
    { "readonly", "read-only" },
    { "flie", "file" },
    { "fil", "file" },
    { "filenam", "filename" },
    { "files", "file" },
    { "qcow", "qcow2" },
    { "rwa", "raw" },
    { "bakcing", "backing" },
    { "raw", "raw" },
    { "vmdk", NULL },
    { "xyz", NULL },
    { "r", NULL },
    { "x", NULL },
    { "", NULL },
    { "throttle", NULL },
  };
  g_autofree char *long_word = g_strnfill (100000, 'x');

  g_test_summary ("A slip finds what was meant; another word finds nothing");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (banyan_did_you_mean (cases[i].word, names), ==, cases[i].meant);

  g_assert_null (banyan_did_you_mean (long_word, names));
}

static void
test_did_you_mean_ties (void)
{
  static const char *const names[] = { "disk1", "disk2", "disk22", NULL };
  static const char *const none[] = { NULL };

  g_test_summary ("Of names equally near the first is taken, of others the nearest");

  g_assert_cmpstr (banyan_did_you_mean ("disk", names), ==, "disk1");
  g_assert_cmpstr (banyan_did_you_mean ("disk222", names), ==, "disk22");
  g_assert_null (banyan_did_you_mean ("disk", none));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/problems/stand-in-order", test_order);
  g_test_add_func ("/problems/have-their-parts", test_parts);
  g_test_add_func ("/problems/none-is-no-error", test_none);
  g_test_add_func ("/problems/control-no-terminal", test_no_escape);
  g_test_add_func ("/did-you-mean/finds-slips", test_did_you_mean);
  g_test_add_func ("/did-you-mean/takes-the-first-of-ties", test_did_you_mean_ties);
  return g_test_run ();
}
