/* test-apply-random.c - any right document is reached from any other, or nothing changes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A walk begins at a random document and goes on to others. Each time the change first fails at
 * each of its steps in turn, and everything must be as it was; then it succeeds, and everything
 * must be as the document says. Clients verify their data all the while. A walk that fails tells
 * its seed, and `test-apply-random --seed N` goes it again. */

#include "banyan-test-debug.h"
#include "banyan-test.h"
#include "random-document.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* nbd-load itself gives up when it waits a minute for an answer. */
#define PATIENCE_S 120
#define MOST_DRAWS 200

typedef struct
{
  BanyanGraph *graph; /* (owned) */
  char *folder;       /* (owned) */
  GRand *random;      /* (owned) */
  char *document;     /* (owned): the one in force */
  GPtrArray *clients; /* (owned) (element-type GSubprocess) */
  int input[2];       /* of the clients: they go on until it is closed at its other end */
  guint n_running;
  guint n_failures; /* that were injected */
  guint n_documents;
} Walk;

/* -- Asking. -- */

static BanyanPlan *
plan (Walk *self, const char *document)
{
  g_autoptr (GError) error = NULL;
  BanyanPlan *made
      = banyan_plan_new (self->graph, document, -1, "random.yaml", self->folder, 0, NULL, &error);

  if (made == NULL)
    g_error ("%s\nfrom\n%s\nto\n%s", error->message, self->document, document);
  return made;
}

static char *export(Walk *self)
{
  g_autoptr (BanyanSpec) document = banyan_graph_export (self->graph, self->folder);

  return banyan_spec_to_yaml (document);
}

static void
assert_no_difference (Walk *self, const char *document)
{
  g_autoptr (BanyanPlan) none = plan (self, document);
  g_autoptr (BanyanSpec) description = banyan_plan_describe (none);
  g_autofree char *text = banyan_spec_to_yaml (description);

  if (!banyan_plan_is_empty (none)
      || banyan_spec_get_length (banyan_spec_lookup (description, "drift")) > 0)
    g_error ("there should be no difference to\n%s\nbut there is\n%s", document, text);
}

/* -- Whether an export says what the document says, with its maps in any order. -- */

static gboolean
is_scalar (BanyanSpec *spec)
{
  return banyan_spec_get_kind (spec) != BANYAN_SPEC_MAP
         && banyan_spec_get_kind (spec) != BANYAN_SPEC_LIST;
}

/* Where they first differ, or NULL. */
static char *
find_difference (BanyanSpec *one, BanyanSpec *other, const char *path)
{
  BanyanSpecKind kind = banyan_spec_get_kind (one);

  if (is_scalar (one) && is_scalar (other)
      && g_str_equal (banyan_spec_get_text (one), banyan_spec_get_text (other)))
    return NULL;
  if (is_scalar (one) || kind != banyan_spec_get_kind (other)
      || banyan_spec_get_length (one) != banyan_spec_get_length (other))
    return g_strdup (path);

  for (guint i = 0; i < banyan_spec_get_length (one); i++)
    {
      const char *key = kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (one, i) : "[]";
      BanyanSpec *twin = kind == BANYAN_SPEC_LIST ? banyan_spec_get_item (other, i)
                                                  : banyan_spec_lookup (other, key);
      g_autofree char *inner = g_strdup_printf ("%s.%s", path, key);
      char *found = twin == NULL ? g_strdup (inner)
                                 : find_difference (banyan_spec_get_item (one, i), twin, inner);

      if (found != NULL)
        return found;
    }
  return NULL;
}

static void
assert_export_is (Walk *self, const char *document)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) wanted = banyan_spec_parse_yaml (document, -1, NULL, problems);
  g_autofree char *text = export(self);
  g_autoptr (BanyanSpec) exported = banyan_spec_parse_yaml (text, -1, NULL, problems);
  g_autofree char *difference = NULL;

  g_assert_nonnull (wanted);
  g_assert_nonnull (exported);
  difference = find_difference (wanted, exported, "");
  if (difference != NULL)
    g_error ("%s differs: this was applied\n%s\nand this exported\n%s", difference, document, text);
  assert_no_difference (self, document);
  assert_no_difference (self, text);
}

/* -- Clients. -- */

static void
client_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Walk *self = data;
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &output, NULL, &error);
  g_assert_no_error (error);
  if (!g_subprocess_get_successful (G_SUBPROCESS (source)))
    {
      banyan_test_show_coroutines ();
      g_error ("a client ended with: %s\nthe document is\n%s", output, self->document);
    }
  self->n_running--;
}

static void
start_client (Walk *self, guint disk)
{
  g_autofree char *program
      = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests", "bench", "nbd-load", NULL);
  g_autofree char *path = g_build_filename (self->folder, "disks.sock", NULL);
  g_autofree char *name = g_strdup_printf ("d%u", disk);
  const char *const argv[] = { program,    "--unix",  path, "--export",    name, "--mix",
                               "--zeroed", "--depth", "8",  "--until-eof", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  GSubprocess *client;

  g_subprocess_launcher_take_stdin_fd (launcher, dup (self->input[0]));
  client = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_ptr_array_add (self->clients, client);
  g_subprocess_communicate_utf8_async (client, NULL, NULL, client_ended, self);
  self->n_running++;
}

/* -- Walking. -- */

/* What cannot be, such as two writers where one only may be, is no document to go to. */
static char *
draw_document (Walk *self)
{
  for (guint i = 0; i < MOST_DRAWS; i++)
    {
      g_autofree char *document = random_document_new (self->random);
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanGraph) graph = banyan_graph_new ();
      g_autoptr (GError) error = NULL;

      if (banyan_graph_check (graph, document, -1, "random.yaml", self->folder, problems))
        return g_steal_pointer (&document);
      banyan_problems_check (problems, &error);
      g_test_message ("drawn again: %s", error->message);
    }
  g_error ("no document of %u is right", MOST_DRAWS);
  return NULL;
}

static Walk *
walk_new (guint32 seed)
{
  Walk *self = g_new0 (Walk, 1);
  g_autoptr (GError) error = NULL;

  self->folder = g_dir_make_tmp ("banyan-apply-XXXXXX", &error);
  g_assert_no_error (error);
  random_document_make_files (self->folder);
  self->random = g_rand_new_with_seed (seed);
  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
  g_unix_open_pipe (self->input, FD_CLOEXEC, &error);
  g_assert_no_error (error);
  self->graph = banyan_graph_new ();
  self->document = draw_document (self);
  banyan_graph_load (self->graph, self->document, -1, "random.yaml", self->folder, &error);
  g_assert_no_error (error);
  return self;
}

static void
walk_free (Walk *self)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (self->graph, &error);
  g_assert_no_error (error);
  g_object_unref (self->graph);
  g_ptr_array_unref (self->clients);
  close (self->input[0]);
  random_document_remove_files (self->folder);
  g_rand_free (self->random);
  g_free (self->document);
  g_free (self->folder);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Walk, walk_free)

/* TRUE: there was such a step, which failed, and everything is as it was. */
static gboolean
fail_at (Walk *self, const char *document, BanyanTransactionPhase phase, guint nth)
{
  g_autofree char *before = export(self);
  g_autofree char *after = NULL;
  g_autoptr (BanyanPlan) change = plan (self, document);
  g_autoptr (GError) error = NULL;

  banyan_transaction_fail_at (banyan_plan_get_transaction (change), phase, nth);
  if (banyan_plan_apply (change, &error))
    return FALSE;

  g_assert_error (error, BANYAN_ERRNO, EIO);
  after = export(self);
  g_assert_cmpstr (before, ==, after);
  assert_no_difference (self, self->document);
  self->n_failures++;
  return TRUE;
}

/* All steps of @phase fail, one after the other; when there are no more, nothing does. */
static void
go_to (Walk *self, const char *document, BanyanTransactionPhase phase)
{
  g_autofree char *wanted = g_strdup (document);

  for (guint nth = 0; fail_at (self, wanted, phase, nth); nth++)
    ;

  assert_export_is (self, wanted);
  g_free (self->document);
  self->document = g_steal_pointer (&wanted);
  self->n_documents++;
}

/* Forth, back and forth again: each way is for the failures of another phase. */
static void
visit_next (Walk *self)
{
  g_autofree char *here = g_strdup (self->document);
  g_autofree char *there = draw_document (self);

  go_to (self, there, BANYAN_PHASE_PREPARE);
  go_to (self, here, BANYAN_PHASE_SWITCH);
  go_to (self, there, BANYAN_PHASE_SETTLE);
}

static gboolean
give_up (gpointer data)
{
  banyan_test_show_coroutines ();
  g_error ("the clients have not ended after %u s", PATIENCE_S);
  return G_SOURCE_REMOVE;
}

static void
go (guint32 seed, guint n_visits)
{
  g_autoptr (Walk) self = walk_new (seed);
  guint timeout;

  for (guint i = 0; i < RANDOM_DISKS; i++)
    start_client (self, i);
  for (guint i = 0; i < n_visits; i++)
    visit_next (self);

  g_assert_cmpuint (self->n_running, ==, RANDOM_DISKS);
  close (self->input[1]);
  timeout = g_timeout_add_seconds (PATIENCE_S, give_up, NULL);
  while (self->n_running > 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timeout);
  g_test_message ("seed %u: %u changes, after %u that failed", seed, self->n_documents,
                  self->n_failures);
}

static gint64 only_seed = -1;

static void
test_walks (void)
{
  guint n_seeds = g_test_slow () ? 60 : 2;

  g_test_summary ("From any document to any other, with clients that verify; a change that fails "
                  "at any step leaves nothing behind");

  if (only_seed >= 0)
    {
      go (only_seed, 8);
      return;
    }
  for (guint32 seed = 1; seed <= n_seeds; seed++)
    {
      g_test_message ("walk with seed %u", seed);
      go (seed, g_test_slow () ? 8 : 2);
    }
}

/* -- Mistakes. -- */

/* @document with one of its @right, any, replaced by @wrong; NULL where there is none. */
static char *
spoil (GRand *random, const char *document, const char *right, const char *wrong)
{
  g_auto (GStrv) pieces = g_strsplit (document, right, -1);
  guint n = g_strv_length (pieces) - 1;
  guint chosen = n > 0 ? g_rand_int_range (random, 0, n) : 0;
  GString *text;

  if (n == 0)
    return NULL;

  text = g_string_new (pieces[0]);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s%s", i == chosen ? wrong : right, pieces[i + 1]);
  return g_string_free (text, FALSE);
}

static void
assert_no_conflict (BanyanProblems *problems, const char *document)
{
  g_assert_cmpuint (banyan_problems_get_length (problems), >, 0);
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      if (banyan_problems_get_code (problems, i) == BANYAN_CONFIG_ERROR_CONFLICT)
        g_error ("%s\nis told of\n%s", message, document);
    }
}

/* Checked by itself, and as what the graph should become. */
static void
make_mistake (Walk *self, const char *right, const char *wrong)
{
  g_autofree char *document = draw_document (self);
  g_autofree char *spoilt = spoil (self->random, document, right, wrong);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanProblems) others = banyan_problems_new ();
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();

  if (spoilt == NULL)
    return;

  self->n_failures++;
  g_assert_false (banyan_graph_check (graph, spoilt, -1, "random.yaml", self->folder, problems));
  assert_no_conflict (problems, spoilt);
  g_assert_null (
      banyan_plan_new (self->graph, spoilt, -1, "random.yaml", self->folder, 0, others, NULL));
  assert_no_conflict (others, spoilt);
}

static void
test_mistakes (void)
{
  static const char *const mistakes[][2] = {
    { "{ driver: ", "{ nosuch: 1, driver: " },
    { "{ driver: ", "{ driver: no" },
    { "read-only: true", "read-onyl: true" },
    { "read-only: true", "read-only: maybe" },
    { "file: ", "fiel: " },
    { "writable: true", "writable: maybe" },
    { "node: ", "nodde: " },
    { "children: [", "children: [ nosuch," },
    { "type: ", "type: no" },
  };
  guint32 seed = only_seed >= 0 ? only_seed : 1;
  g_autoptr (Walk) self = walk_new (seed);
  guint n_rounds = g_test_slow () ? 500 : 20;

  g_test_summary ("A mistake in a document that was right is never told as a conflict");

  for (guint i = 0; i < n_rounds; i++)
    for (guint j = 0; j < G_N_ELEMENTS (mistakes); j++)
      make_mistake (self, mistakes[j][0], mistakes[j][1]);
  g_assert_cmpuint (self->n_failures, >, n_rounds);
  close (self->input[1]);
}

static void
take_seed (int *argc, char **argv)
{
  for (int i = 1; i + 1 < *argc; i++)
    if (g_str_equal (argv[i], "--seed"))
      {
        only_seed = g_ascii_strtoll (argv[i + 1], NULL, 10);
        for (int j = i; j + 2 <= *argc; j++)
          argv[j] = argv[j + 2];
        *argc -= 2;
        return;
      }
}

int
main (int argc, char **argv)
{
  take_seed (&argc, argv);
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/apply/random/walks", test_walks);
  g_test_add_func ("/apply/random/mistakes-are-no-conflicts", test_mistakes);
  return g_test_run ();
}
