/* test-blkdebug.c - rules fail and delay the requests that they are for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>

#define SHAKY(rules) \
  "shaky: { driver: blkdebug, image: disk, rules: [" rules "] }\n" \
  "disk: { driver: memory, size: 1MiB }\n"

/* 0: the write went through. */
static int
write_errno (BanyanTestGraph *graph, guint64 offset)
{
  g_autoptr (GError) error = NULL;
  guint8 sector[512] = { 1 };

  if (banyan_test_write (graph, "shaky", offset, sector, sizeof sector, &error))
    return 0;
  g_assert_cmpuint (error->domain, ==, BANYAN_ERRNO);
  return error->code;
}

static guint64
get_triggered (BanyanTestGraph *graph)
{
  guint64 triggered;

  g_object_get (banyan_test_get_node (graph, "shaky"), "triggered", &triggered, NULL);
  return triggered;
}

static void
test_after_and_count (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("{ operations: [write], after: 2, count: 2, error: enospc }"));
  static const int expected[] = { 0, 0, ENOSPC, ENOSPC, 0, 0 };
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A rule lets the first ones through, strikes count requests, and is used up");

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      banyan_test_read (graph, "shaky", 0, sector, sizeof sector, &error);
      g_assert_no_error (error);
      g_assert_cmpint (write_errno (graph, 0), ==, expected[i]);
    }
  g_assert_cmpuint (get_triggered (graph), ==, 2);
}

static void
test_child_does_not_see (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("{ operations: [write], error: eio }"));
  guint64 allocated;

  g_test_summary ("A write that was struck does not reach the child");

  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  g_object_get (banyan_test_get_node (graph, "disk"), "allocated", &allocated, NULL);
  g_assert_cmpuint (allocated, ==, 0);
}

static void
test_range (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("{ operations: [write], offset: 4096, length: 1024, error: eio }"));
  static const struct
  {
    guint64 offset;
    int number;
  } writes[] = { { 3584, 0 }, { 3585, EIO }, { 4096, EIO }, { 5119, EIO }, { 5120, 0 } };

  g_test_summary ("A rule is for requests that touch its range by so much as a byte");

  for (gsize i = 0; i < G_N_ELEMENTS (writes); i++)
    g_assert_cmpint (write_errno (graph, writes[i].offset), ==, writes[i].number);
}

static void
test_delays_add_up (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      SHAKY ("{ operations: [write], delay: 20ms }, { operations: [write], delay: 5ms, error: eio "
             "}, { operations: [write], delay: 1s }"));

  g_test_summary ("Delays add up, until the first error ends the request");

  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 25);
}

static void
test_rules_replaced (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (SHAKY ("{ operations: [write], count: 1, error: eio }"));
  BanyanObject *shaky = BANYAN_OBJECT (banyan_test_get_node (graph, "shaky"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Rules that replace others while the node is open count anew");

  g_assert_cmpint (write_errno (graph, 0), ==, EIO);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);

  banyan_object_set (shaky, "rules", "[{ operations: [write], count: 1, error: enomem }]", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_triggered (graph), ==, 0);
  g_assert_cmpint (write_errno (graph, 0), ==, ENOMEM);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);

  banyan_object_set (shaky, "rules", "[]", &error);
  g_assert_no_error (error);
  g_assert_cmpint (write_errno (graph, 0), ==, 0);
}

static void
test_refuses_bad_limits (void)
{
  static const char *const bad[] = { "align: 3", "opt-discard: 1000", "opt-write-zero: 4095",
                                     "align: 4096, max-transfer: 6144" };

  g_test_summary ("Alignments that are no powers of two, or do not divide the rest, are refused");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *nodes = g_strdup_printf ("shaky: { driver: blkdebug, image: disk, %s }\n"
                                                "disk: { driver: memory, size: 1MiB }\n",
                                                bad[i]);
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (nodes, &error));
      g_assert_cmpuint (error->domain, ==, BANYAN_CONFIG_ERROR);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/filter/blkdebug/after-and-count", test_after_and_count);
  g_test_add_func ("/filter/blkdebug/child-does-not-see-what-is-struck", test_child_does_not_see);
  g_test_add_func ("/filter/blkdebug/range-is-exact", test_range);
  g_test_add_func ("/filter/blkdebug/delays-add-up", test_delays_add_up);
  g_test_add_func ("/filter/blkdebug/rules-replaced-while-open", test_rules_replaced);
  g_test_add_func ("/filter/blkdebug/refuses-bad-limits", test_refuses_bad_limits);
  return g_test_run ();
}
