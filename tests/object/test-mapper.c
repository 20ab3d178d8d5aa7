/* test-mapper.c - documents become objects, or a list of all that is wrong with them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

#define FILE_NODE(id) id ": { driver: file, filename: " id ".img }\n"

static void
print_problems (BanyanProblems *problems)
{
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      g_test_message ("%s", message);
    }
}

static GPtrArray *
must_build (BanyanRoot *root, const char *yaml)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  GPtrArray *objects = test_build (root, yaml, problems);

  print_problems (problems);
  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  g_assert_nonnull (objects);
  return objects;
}

static void
test_builds_graph (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (GPtrArray) objects
      = must_build (root, "objects:\n"
                          "  gold: { type: throttle-group, bps-total: 200M }\n"
                          "nodes:\n"
                          "  disk0:\n"
                          "    driver: delay\n"
                          "    read-delay: 1.5s\n"
                          "    throttle-group: gold\n"
                          "    file:\n"
                          "      driver: qcow2\n"
                          "      lazy-refcounts: true\n"
                          "      file: { driver: file, filename: d.qcow2 }\n"
                          "      backing: base\n"
                          "  base: { driver: file, filename: /b.img }\n");
  TestDelay *disk0 = test_find (objects, "disk0");
  TestQcow2 *image = test_find (objects, "disk0.file");
  TestFile *file = test_find (objects, "disk0.file.file");

  g_test_summary ("A document's objects are made, converted and linked, targets first");

  g_assert_cmpuint (objects->len, ==, 5);
  g_assert_cmpuint (disk0->read_delay_ms, ==, 1500);
  g_assert_true ((gpointer) disk0->file == image);
  g_assert_true (image->file == (gpointer) file);
  g_assert_true ((gpointer) image->backing == test_find (objects, "base"));
  g_assert_cmpstr (file->filename, ==, "/images/d.qcow2");
  g_assert_cmpuint (TEST_GROUP (disk0->group)->bps, ==, 200 * 1024 * 1024);
  g_assert_true (objects->pdata[objects->len - 1] == disk0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object/mapper/builds-graph", test_builds_graph);
  return g_test_run ();
}
