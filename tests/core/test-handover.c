/* test-handover.c - a node goes from one user to another, who finds there all that was written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include <errno.h>
#include <string.h>

#define GRAPH \
  "version: 1\n" \
  "frontends:\n" \
  "  s0: { type: test-server, exports: { e: { node: image, writable: true } } }\n" \
  "nodes:\n" \
  "  image: { driver: test-cached, file: disk }\n" \
  "  disk: { driver: test-memory }\n"

typedef struct
{
  BanyanTestGraph *graph;
  BanyanObject *old; /* (owned) */
  BanyanObject *new; /* (owned) */
  guint64 n_writes;
} Fixture;

static void
set_up (Fixture *fixture)
{
  *fixture = (Fixture){ .graph = banyan_test_graph_must_load (GRAPH) };
  fixture->old = g_object_ref (BANYAN_OBJECT (banyan_test_get_node (fixture->graph, "image")));
}

static void
tear_down (Fixture *fixture)
{
  g_clear_object (&fixture->new);
  g_clear_object (&fixture->old);
  banyan_test_graph_free (fixture->graph);
  g_assert_cmpint (control_get_balance (), ==, 0);
}

/* Which the image keeps count of, and nobody flushes. */
static void
write_some (Fixture *fixture)
{
  guint8 data[512] = { 0 };

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      banyan_test_write (fixture->graph, "image", i * 512, data, sizeof data, &error);
      g_assert_no_error (error);
      fixture->n_writes++;
    }
}

static void
assert_counted (Fixture *fixture)
{
  g_assert_cmpuint (control_get_count (banyan_test_get_node (fixture->graph, "image")), ==,
                    fixture->n_writes);
}

/* A new image of the same name, on the same disk, for the same export. */
static BanyanTransaction *
replace_image (Fixture *fixture)
{
  BanyanTransaction *transaction = banyan_transaction_new (banyan_test_graph_get (fixture->graph));
  BanyanObject *export;
  g_autoptr (GError) error = NULL;

  g_clear_object (&fixture->new);
  fixture->new = banyan_object_new ("test-cached", "image", &error);
  g_assert_no_error (error);
  export = banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (fixture->graph)), "s0/e",
                                  &error);
  g_assert_no_error (error);

  banyan_transaction_add (transaction, fixture->new, NULL);
  banyan_transaction_remove (transaction, fixture->old);
  banyan_test_add_set (transaction, fixture->new, "file", "disk");
  banyan_test_add_set (transaction, export, "node", "image");
  return transaction;
}

static void
test_order (void)
{
  Fixture fixture;
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autofree char *log = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) drained = NULL;

  g_test_summary ("Who wrote is flushed and inactive before who comes is opened, behind gates");

  set_up (&fixture);
  write_some (&fixture);
  transaction = replace_image (&fixture);
  drained = banyan_transaction_plan (transaction, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (drained), ==, 1);
  g_assert_cmpstr (drained[0], ==, "/frontends/s0/e:node");

  g_free (control_take_log ());
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  log = control_take_log ();
  g_assert_nonnull (strstr (log, "flush disk\ninactivate image\n"));
  g_assert_true (strstr (log, "inactivate image\n") < strstr (log, "open image\n"));
  g_assert_true (strstr (log, "settle image\n") < strstr (log, "close image\n"));
  g_assert_null (strstr (strstr (log, "inactivate image\n"), "flush disk\n"));
  assert_counted (&fixture);
  write_some (&fixture);
  assert_counted (&fixture);
  g_clear_object (&transaction);
  tear_down (&fixture);
}

static guint
fail_each (Fixture *fixture, BanyanTransactionPhase phase)
{
  gint balance = control_get_balance ();

  for (guint n = 0;; n++)
    {
      g_autoptr (BanyanTransaction) transaction = replace_image (fixture);
      g_autoptr (GError) error = NULL;

      write_some (fixture);
      banyan_transaction_fail_at (transaction, phase, n);
      if (banyan_transaction_commit (transaction, &error))
        return n;

      g_assert_error (error, BANYAN_ERRNO, EIO);
      g_assert_cmpint (control_get_balance (), ==, balance);
      g_assert_true (BANYAN_OBJECT (banyan_test_get_node (fixture->graph, "image"))
                     == fixture->old);
      assert_counted (fixture);
    }
}

static void
test_every_phase (void)
{
  static const struct
  {
    BanyanTransactionPhase phase;
    guint least;
  } phases[] = {
    { BANYAN_PHASE_PREPARE, 1 },
    { BANYAN_PHASE_CLOSE_GATES, 1 },
    { BANYAN_PHASE_SETTLE, 4 },
    { BANYAN_PHASE_SWITCH, 1 },
  };

  g_test_summary ("Whatever fails, who wrote is active again, and has lost nothing");

  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      Fixture fixture;

      set_up (&fixture);
      g_assert_cmpuint (fail_each (&fixture, phases[i].phase), >=, phases[i].least);
      assert_counted (&fixture);
      write_some (&fixture);
      assert_counted (&fixture);
      tear_down (&fixture);
    }
}

static void
test_driver_fails (void)
{
  Fixture fixture;
  g_autoptr (BanyanTransaction) refused = NULL;
  g_autoptr (BanyanTransaction) broken = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A driver that is not to be inactivated, or reactivated, says why");

  set_up (&fixture);
  write_some (&fixture);
  g_object_set (fixture.old, "fail-inactivate", TRUE, NULL);
  refused = replace_image (&fixture);
  g_assert_false (banyan_transaction_commit (refused, &error));
  g_assert_cmpstr (error->message, ==, "/nodes/image: inactivating it as told: Input/output error");
  g_clear_error (&error);
  assert_counted (&fixture);

  g_object_set (fixture.old, "fail-inactivate", FALSE, "fail-reactivate", TRUE, NULL);
  broken = replace_image (&fixture);
  banyan_transaction_fail_at (broken, BANYAN_PHASE_SWITCH, 0);
  g_test_expect_message ("Banyan", G_LOG_LEVEL_WARNING, "*could not be reactivated*");
  g_assert_false (banyan_transaction_commit (broken, &error));
  g_test_assert_expected_messages ();
  g_assert_cmpstr (error->message, ==,
                   "A test wants phase 4 to fail here; and /nodes/image could "
                   "not be reactivated: reactivating it as told: Input/output error");
  g_clear_object (&refused);
  g_clear_object (&broken);
  tear_down (&fixture);
}

static void
test_between (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH);
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) filter = banyan_object_new ("test-pass", "filter", &error);
  g_autofree char *log = NULL;

  g_test_summary ("A filter that comes between a writer and its node opens with the gates open");

  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_above (transaction, BANYAN_NODE (filter),
                                   banyan_test_get_node (graph, "disk"));
  g_free (control_take_log ());
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  log = control_take_log ();
  g_assert_true (g_str_has_prefix (log, "open filter\nprepare image\n"));
  g_assert_null (strstr (log, "inactivate"));
  g_clear_object (&filter);
  g_clear_object (&transaction);
}

static void
test_taken_out (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "frontends:\n"
      "  s0: { type: test-server, exports: { e: { node: top, writable: true } } }\n"
      "nodes:\n"
      "  top: { driver: test-flushing, file: disk }\n"
      "  disk: { driver: test-memory }\n");
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (GError) error = NULL;
  g_autofree char *log = NULL;

  g_test_summary ("A filter that is taken out is flushed before its users see what is below it");

  banyan_transaction_remove_filter (transaction, banyan_test_get_node (graph, "top"));
  g_free (control_take_log ());
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  log = control_take_log ();
  g_assert_cmpstr (log, ==,
                   "prepare e\nflush top\nflush disk\nsettle e\ncommit e\nfinish e\nclose top\n");
  g_clear_object (&transaction);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/handover/flushes-before-it-opens", test_order);
  g_test_add_func ("/handover/fails-in-every-phase", test_every_phase);
  g_test_add_func ("/handover/drivers-that-fail-say-why", test_driver_fails);
  g_test_add_func ("/handover/what-is-taken-out-is-flushed", test_taken_out);
  g_test_add_func ("/handover/what-comes-between-does-not-wait", test_between);
  return g_test_run ();
}
