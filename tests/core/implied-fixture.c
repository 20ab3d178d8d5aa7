/* implied-fixture.c - images that name what they lie on, and graphs with them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "implied-fixture.h"

#define HEADER_BYTES 4096

char *folder;

static char *before; /* (owned) (nullable): where one worked */

void
enter_folder (void)
{
  before = g_get_current_dir ();
  g_assert_cmpint (g_chdir (folder), ==, 0);
}

void
leave_folder (void)
{
  g_assert_cmpint (g_chdir (before), ==, 0);
  g_clear_pointer (&before, g_free);
}

/* -- Images. -- */

void
write_file (const char *name, const char *header, guint seed)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  gsize length = (header != NULL ? HEADER_BYTES : 0) + IMAGE_BYTES;
  g_autofree char *content = g_malloc0 (length);
  g_autoptr (GError) error = NULL;

  if (header != NULL)
    strcpy (content, header);
  banyan_test_fill (content + length - IMAGE_BYTES, 0, IMAGE_BYTES, seed);
  g_file_set_contents (path, content, (gssize) length, &error);
  g_assert_no_error (error);
}

void
write_image (const char *name, const char *backing, const char *format)
{
  g_autofree char *header
      = g_strdup_printf ("banyan-test-header\nbacking: %s\n%s%s\n", backing,
                         format != NULL ? "format: " : "", format != NULL ? format : "");

  write_file (name, header, 1);
}

void
write_base (const char *name, guint seed)
{
  write_file (name, NULL, seed);
}

static void
set_up (void)
{
  g_autoptr (GError) error = NULL;

  folder = g_dir_make_tmp ("banyan-implied-XXXXXX", &error);
  g_assert_no_error (error);
}

static void
remove_all (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      if (g_file_test (inner, G_FILE_TEST_IS_DIR))
        remove_all (inner);
      else
        g_unlink (inner);
    }
  g_dir_close (dir);
  g_rmdir (path);
}

static void
tear_down (void)
{
  remove_all (folder);
  g_clear_pointer (&folder, g_free);
}

/* -- Graphs. -- */

char *
in_folder (const char *nodes)
{
  g_auto (GStrv) parts = g_strsplit (nodes, "@/", -1);
  g_autofree char *between = g_strconcat (folder, "/", NULL);

  return g_strjoinv (between, parts);
}

BanyanTestGraph *
must_load (const char *nodes)
{
  g_autofree char *text = in_folder (nodes);

  return banyan_test_graph_must_load (text);
}

char *
error_of (const char *nodes)
{
  g_autofree char *text = in_folder (nodes);
  g_autofree char *between = g_strconcat (folder, "/", NULL);
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) parts = NULL;

  graph = banyan_test_graph_new (text, &error);
  g_assert_null (graph);
  parts = g_strsplit (error->message, between, -1);
  return g_strjoinv ("@/", parts);
}

BanyanNode *
find_node (BanyanTestGraph *graph, const char *id)
{
  return banyan_graph_get_node (banyan_test_graph_get (graph), id);
}

void
assert_reads (BanyanTestGraph *graph, const char *node, guint seed)
{
  guint8 data[IMAGE_BYTES];
  g_autoptr (GError) error = NULL;

  banyan_test_read (graph, node, 0, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, sizeof data, seed);
}

static gboolean
try_failing_at (BanyanGraph *graph, GPtrArray *objects, guint nth)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (graph);
  g_autoptr (GError) error = NULL;
  gboolean done;

  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], NULL);
  banyan_transaction_fail_at (transaction, BANYAN_PHASE_PREPARE, nth);
  done = banyan_transaction_commit (transaction, &error);
  if (!done)
    g_assert_error (error, BANYAN_ERRNO, EIO);
  return done;
}

void
assert_whole_or_nothing (const char *nodes, const char *const *ids)
{
  g_autoptr (BanyanTestGraph) graph = must_load ("other: { driver: memory, size: 8192 }\n");
  BanyanGraph *inner = banyan_test_graph_get (graph);
  g_autofree char *inside = in_folder (nodes);
  g_autofree char *text = g_strconcat ("version: 1\nnodes:\n  ", inside, NULL);
  gboolean done = FALSE;

  for (guint nth = 0; !done; nth++)
    {
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (GPtrArray) objects = banyan_graph_map (inner, text, -1, "d", NULL, problems);

      for (guint again = 0; again < 2 && !done; again++)
        {
          done = try_failing_at (inner, objects, nth);
          for (guint i = 0; ids[i] != NULL; i++)
            g_assert_cmpint (find_node (graph, ids[i]) != NULL, ==, done);
          g_assert_cmpint (nth, <, 100);
        }
    }
  assert_reads (graph, "disk", 7);
}

char *
dup_string (gpointer object, const char *property)
{
  char *text;

  g_object_get (object, property, &text, NULL);
  return text;
}

guint
apply (BanyanTestGraph *graph, const char *nodes)
{
  g_autofree char *text = in_folder (nodes);
  g_autofree char *document = g_strconcat ("version: 1\nnodes:\n  ", text, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanPlan) plan = banyan_plan_new (banyan_test_graph_get (graph), document, -1,
                                                 "test.yaml", NULL, 0, NULL, &error);
  g_autoptr (BanyanSpec) description = NULL;

  g_assert_no_error (error);
  description = banyan_plan_describe (plan);
  g_autofree char *changes = banyan_spec_to_json (description, FALSE);
  g_test_message ("%s", changes);
  banyan_plan_apply (plan, &error);
  g_assert_no_error (error);
  return banyan_spec_get_length (banyan_spec_lookup (description, "changes"));
}

static void
run (gconstpointer func)
{
  set_up ();
  ((void (*) (void)) func) ();
  tear_down ();
}

int
run_tests (int *argc, char ***argv, const ImpliedTest *tests, gsize n)
{
  g_autofree char *ours = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests", "core", NULL);
  g_autofree char *path = g_strconcat (ours, ":", g_getenv ("BANYAN_PLUGIN_PATH"), NULL);

  g_setenv ("BANYAN_PLUGIN_PATH", path, TRUE);
  banyan_test_init (argc, argv);
  for (gsize i = 0; i < n; i++)
    g_test_add_data_func (tests[i].path, (gconstpointer) tests[i].func, run);
  return g_test_run ();
}
