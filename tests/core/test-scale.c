/* test-scale.c - what a change costs grows as the graph does, and no faster
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counted is how often a change looks at an object to find what goes, and a plan to find what is
 * which, which no other load of the machine changes. */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include "banyan-plan-private.h"
#include "banyan-transaction-private.h"

#define FEW 25 /* a document nests 128 maps at most */
#define MANY (4 * FEW)
#define DEPTH 25 /* nodes of a chain */

typedef void (*Declare) (GString *document, guint n);

/* Those below are declared last, so that they are due when their users have been looked at. */
static void
declare_users_first (GString *document, guint n)
{
  for (guint i = 0; i < n / 2; i++)
    g_string_append_printf (document, "top%u: { driver: test-pass, file: disk%u }\n", i, i);
  for (guint i = 0; i < n / 2; i++)
    g_string_append_printf (document, "disk%u: { driver: test-memory }\n", i);
}

static void
declare_users_last (GString *document, guint n)
{
  for (guint i = 0; i < n / 2; i++)
    g_string_append_printf (document, "disk%u: { driver: test-memory }\n", i);
  for (guint i = 0; i < n / 2; i++)
    g_string_append_printf (document, "top%u: { driver: test-pass, file: disk%u }\n", i, i);
}

static void
declare_many_users (GString *document, guint n)
{
  g_string_append (document, "disk: { driver: test-memory }\n");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (document, "top%u: { driver: test-pass, file: disk }\n", i);
}

static void
declare_chains (GString *document, guint n)
{
  for (guint i = 0; i < MAX (n / DEPTH, 1); i++)
    {
      for (guint j = 0; j < DEPTH; j++)
        g_string_append_printf (document, "n%u-%u: { driver: test-pass, file: n%u-%u }\n", i, j, i,
                                j + 1);
      g_string_append_printf (document, "n%u-%u: { driver: test-memory }\n", i, DEPTH);
    }
}

/* One chain of nodes without names, which grows; it all goes with its top. */
static void
declare_inline (GString *document, guint n)
{
  g_string_append (document, "top: ");
  for (guint i = 0; i < n; i++)
    g_string_append (document, "{ driver: test-pass, file: ");
  g_string_append (document, "{ driver: test-memory }");
  for (guint i = 0; i < n; i++)
    g_string_append (document, " }");
  g_string_append (document, "\n");
}

static guint64
count_visits (Declare declare, guint n, const char *removed)
{
  g_autoptr (GString) document = g_string_new (NULL);
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GError) error = NULL;
  BanyanGraph *whole;

  declare (document, n);
  graph = banyan_test_graph_must_load (document->str);
  whole = banyan_test_graph_get (graph);
  transaction = banyan_transaction_new (whole);
  banyan_transaction_remove (
      transaction, removed != NULL ? BANYAN_OBJECT (banyan_graph_get_node (whole, removed))
                                   : BANYAN_OBJECT (whole));
  g_assert_true (banyan_transaction_commit (transaction, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (
      banyan_object_get_n_children (banyan_object_get_child (BANYAN_OBJECT (whole), "nodes")), ==,
      0);
  return transaction->n_visits;
}

static void
assert_grows_evenly (Declare declare, const char *removed)
{
  guint64 few = count_visits (declare, FEW, removed);
  guint64 many = count_visits (declare, MANY, removed);

  g_test_message ("%u objects: %" G_GUINT64_FORMAT " visits; %u: %" G_GUINT64_FORMAT, FEW, few,
                  MANY, many);
  g_assert_cmpuint (few, >=, FEW);
  g_assert_cmpuint (many, <=, 5 * few);
}

static void
test_closing (void)
{
  static const Declare shapes[]
      = { declare_users_first, declare_users_last, declare_many_users, declare_chains };

  g_test_summary ("Closing four times as many nodes takes four times the work, in any order");

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    assert_grows_evenly (shapes[i], NULL);
}

static void
test_orphans (void)
{
  g_test_summary ("So does a chain of inline nodes that goes with its top");

  assert_grows_evenly (declare_inline, "top");
}

/* Copies of copies, with something between; the last filter notes flushes and passes them on. */
static void
declare_copies (GString *document, guint n)
{
  g_string_append (document, "l0: { driver: test-flushing, file: { driver: test-memory } }\n"
                             "r0: { driver: test-flushing, file: { driver: test-memory } }\n");
  for (guint i = 1; i <= n; i++)
    for (const char *side = "lr"; *side != '\0'; side++)
      g_string_append_printf (document,
                              "%c%u: { driver: test-flushing, file: { driver: test-pass, file: { "
                              "driver: test-mirror, children: [l%u, r%u] } } }\n",
                              *side, i, i - 1, i - 1);
}

static void
test_copies (void)
{
  g_autoptr (GString) document = g_string_new (NULL);
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autofree char *log = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GHashTable) flushed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;
  guint n_flushes = 0;

  g_test_summary ("Copies of copies are flushed once each when they close, not on each way there");

  declare_copies (document, 12);
  graph = banyan_test_graph_must_load (document->str);
  g_free (control_take_log ());
  g_assert_true (banyan_graph_close (banyan_test_graph_get (graph), &error));
  g_assert_no_error (error);

  log = control_take_log ();
  lines = g_strsplit (log, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "flush "))
      {
        g_hash_table_add (flushed, lines[i]);
        n_flushes++;
      }
  g_assert_cmpuint (g_hash_table_size (flushed), ==, 2 * 13 + 2);
  g_assert_cmpuint (n_flushes, ==, 2 * 13 + 2);
}

/* -- Plans. -- */

static void
declare_disks (GString *document, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_printf (document,
                            "  top%u: { driver: test-pass, file: { driver: test-memory } }\n", i);
}

/* No id and no place is as it was. */
static void
declare_deeper_disks (GString *document, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_printf (document,
                            "  top%u: { driver: test-pass, file: { driver: test-flushing, file: "
                            "{ driver: test-memory } } }\n",
                            i);
}

static void
declare_renamed_disks (GString *document, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_printf (document,
                            "  base%u: { driver: test-memory }\n"
                            "  top%u: { driver: test-pass, file: base%u }\n",
                            i, i, i);
}

static void
declare_nothing (GString *document, guint n)
{
}

/* In reverse, and without the first. */
static void
declare_members (GString *document, guint first, guint n)
{
  g_string_append (document, "  all: { driver: test-mirror, children: [ ");
  for (guint i = n; i-- > first;)
    g_string_append_printf (
        document, "{ driver: test-pass, label: l%u, file: { driver: test-memory } }, ", i);
  g_string_append (document, "] }\n");
}

static void
declare_list (GString *document, guint n)
{
  declare_members (document, 0, n);
}

static void
declare_shorter_list (GString *document, guint n)
{
  declare_members (document, 1, n);
}

static guint64
count_plan_visits (Declare before, Declare after, guint n, guint n_changes)
{
  g_autoptr (GString) from = g_string_new (NULL);
  g_autoptr (GString) to = g_string_new ("version: 1\nnodes:\n");
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (BanyanPlan) plan = NULL;
  g_autoptr (GError) error = NULL;

  before (from, n);
  after (to, n);
  graph = banyan_test_graph_must_load (from->str);
  plan = banyan_plan_new (banyan_test_graph_get (graph), to->str, -1, "scale.yaml", NULL, 0, NULL,
                          &error);
  g_assert_no_error (error);
  g_assert_cmpuint (plan->differences->len, ==, n_changes);
  return plan->n_visits;
}

static void
test_plans (void)
{
  static const struct
  {
    const char *what;
    Declare before, after;
    guint changes_each, changes_once;
  } walks[] = {
    { "new", declare_nothing, declare_disks, 2, 0 },
    { "the same", declare_disks, declare_disks, 0, 0 },
    { "moved", declare_disks, declare_deeper_disks, 3, 0 },
    { "named", declare_disks, declare_renamed_disks, 1, 0 },
    { "one gone from a list", declare_list, declare_shorter_list, 0, 1 },
  };

  g_test_summary ("To compare four times as many objects with a document takes four times the "
                  "work, whatever has become of them");

  for (gsize i = 0; i < G_N_ELEMENTS (walks); i++)
    {
      guint64 few = count_plan_visits (walks[i].before, walks[i].after, FEW,
                                       walks[i].changes_each * FEW + walks[i].changes_once);
      guint64 many = count_plan_visits (walks[i].before, walks[i].after, MANY,
                                        walks[i].changes_each * MANY + walks[i].changes_once);

      g_test_message ("%s: %u: %" G_GUINT64_FORMAT " visits; %u: %" G_GUINT64_FORMAT, walks[i].what,
                      FEW, few, MANY, many);
      g_assert_cmpuint (few, >=, FEW);
      g_assert_cmpuint (many, <=, 5 * few);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/scale/closing", test_closing);
  g_test_add_func ("/scale/orphans", test_orphans);
  g_test_add_func ("/scale/copies", test_copies);
  g_test_add_func ("/scale/plans", test_plans);
  return g_test_run ();
}
