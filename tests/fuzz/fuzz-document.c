/* fuzz-document.c - whole documents, with the classes of all plugins
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A document is checked and nothing is opened, so whatever it says, the host is left alone, and the
 * graph is as empty as before. */

#include <banyan/banyan.h>

#include <unistd.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static BanyanGraph *graph;

static void
close_graph (void)
{
  g_autoptr (GError) error = NULL;

  banyan_object_close (BANYAN_OBJECT (graph), &error);
  g_assert_no_error (error);
  g_assert_finalize_object (graph);
}

static void
open_graph (void)
{
  g_autofree BanyanTypeInfo **types = NULL;

  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, TRUE);
  graph = banyan_graph_new ();
  atexit (close_graph);

  /* Before libFuzzer looks which modules there are: it is to see the plugins, too. */
  types = banyan_registry_list_types (banyan_registry_get_default ());
  for (guint i = 0; types[i] != NULL; i++)
    {
      banyan_registry_get_type_by_name (banyan_registry_get_default (), G_MAXUINT,
                                        banyan_type_info_get_name (types[i]), NULL);
      banyan_type_info_unref (types[i]);
    }
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  open_graph ();
  return 0;
}

/* All that is said about the text. (transfer full) */
static char *
check (const guint8 *data, gsize size)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;
  gboolean is_right
      = banyan_graph_check (graph, (const char *) data, size, "fuzz.yaml", "/nowhere", problems);

  g_assert_cmpint (banyan_problems_check (problems, &error), ==, is_right);
  return error != NULL ? g_strdup (error->message) : NULL;
}

static void
assert_empty (const char *path)
{
  g_autoptr (GError) error = NULL;
  BanyanObject *collection = banyan_object_resolve (BANYAN_OBJECT (graph), path, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (banyan_object_get_n_children (collection), ==, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *said = NULL;
  g_autofree char *again = NULL;

  if (graph == NULL)
    open_graph ();

  said = check (data, size);
  g_assert_true (said == NULL || g_utf8_validate (said, -1, NULL));
  assert_empty ("/nodes");
  assert_empty ("/frontends");
  again = check (data, size);
  g_assert_cmpstr (said, ==, again);
  return 0;
}
