/* test-permissions.c - who may do what to a node, and what a refusal says
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "control-drivers.h"

#include <string.h>

static void
assert_refused (const char *document, const char *message)
{
  g_autoptr (GError) error = NULL;
  BanyanTestGraph *graph = banyan_test_graph_new (document, &error);

  g_assert_null (graph);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_cmpint (control_get_balance (), ==, 0);
}

static void
test_two_images (void)
{
  g_test_summary ("Two images cannot share a file that one of them writes");

  assert_refused ("version: 1\n"
                  "frontends:\n"
                  "  s0: { type: test-server, exports: { e: { node: a, writable: true } } }\n"
                  "nodes:\n"
                  "  a: { driver: test-format, file: disk }\n"
                  "  b: { driver: test-format, file: disk }\n"
                  "  disk: { driver: test-memory }\n",
                  "test.yaml:5:35: /nodes/a:file wants write and resize on /nodes/disk for "
                  "/frontends/s0/e:node, "
                  "which /nodes/b:file does not share since the image of /nodes/b is there; make "
                  "/frontends/s0/e read-only (writable: false), or detach /nodes/b");
}

static void
test_two_writers (void)
{
  g_test_summary (
      "Of two that refuse each other the second is told, where it is declared, and once");

  assert_refused (
      "version: 1\n"
      "frontends:\n"
      "  s0:\n"
      "    type: test-server\n"
      "    exports: { e: { node: a, writable: true }, f: { node: b, writable: true } }\n"
      "nodes:\n"
      "  a: { driver: test-format, file: disk }\n"
      "  b: { driver: test-format, file: disk }\n"
      "  disk: { driver: test-memory }\n",
      "test.yaml:8:35: /nodes/b:file wants write and resize on /nodes/disk for "
      "/frontends/s0/f:node, which /nodes/a:file does not share since the image of "
      "/nodes/a is there; make one of them read-only, or detach it");
}

static void
test_backing (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("overlay: { driver: test-format, file: top, backing: base }\n"
                                     "top: { driver: test-memory }\n"
                                     "base: { driver: test-memory }\n");
  g_autoptr (GError) error = NULL;
  BanyanBackend *reader;

  g_test_summary ("What an overlay is based on is not written under who counts on its data");

  reader = banyan_backend_new (banyan_test_get_node (graph, "overlay"), "reader",
                               BANYAN_PERMISSION_CONSISTENT_READ,
                               BANYAN_PERMISSIONS_ALL & ~BANYAN_PERMISSION_WRITE, &error);
  g_assert_no_error (error);
  g_assert_null (banyan_backend_new (banyan_test_get_node (graph, "base"), "writer",
                                     BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_cmpstr (error->message, ==,
                   "writer wants write on /nodes/base, which /nodes/overlay:backing does not share "
                   "because of reader; make writer read-only, or detach reader");
  banyan_backend_close (reader);
  g_object_unref (reader);
}

static void
test_fleecing (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "frontends:\n"
      "  s0:\n"
      "    type: test-server\n"
      "    exports: { e: { node: base, writable: true }, o: { node: overlay } }\n"
      "nodes:\n"
      "  overlay: { driver: test-format, file: top, backing: base }\n"
      "  top: { driver: test-memory }\n"
      "  base: { driver: test-memory }\n");

  g_test_summary ("An overlay whose users share writes lets its base be written, as in QEMU");

  g_assert_cmpuint (banyan_child_get_shared (banyan_test_get_edge (graph, "overlay:backing")), ==,
                    BANYAN_PERMISSIONS_ALL);
}

static void
test_read_only (void)
{
  g_test_summary ("A read-only node has no writers, however far above they are");

  assert_refused ("version: 1\n"
                  "frontends:\n"
                  "  s0: { type: test-server, exports: { e: { node: top, writable: true } } }\n"
                  "nodes:\n"
                  "  top: { driver: test-pass, file: disk }\n"
                  "  disk: { driver: test-memory, read-only: true }\n",
                  "test.yaml:5:35: /nodes/top:file wants write on /nodes/disk for "
                  "/frontends/s0/e:node, which is "
                  "read-only; set read-only to false there, or make /frontends/s0/e read-only "
                  "(writable: false)");
}

static void
test_program (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: test-memory }\n");
  BanyanNode *disk = banyan_test_get_node (graph, "disk");
  g_autoptr (GError) error = NULL;
  BanyanBackend *first;

  g_test_summary ("A program's backend shares what it says, and others are refused the rest");

  first = banyan_backend_new (disk, "first", BANYAN_PERMISSION_CONSISTENT_READ,
                              BANYAN_PERMISSIONS_ALL & ~BANYAN_PERMISSION_WRITE, &error);
  g_assert_no_error (error);
  g_assert_null (
      banyan_backend_new (disk, "second", BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "wants write on /nodes/disk, which "));
  g_assert_nonnull (strstr (error->message, "make second read-only, or detach first"));
  banyan_backend_close (first);
  g_object_unref (first);
}

static void
test_reach_down (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("version: 1\n"
                                     "frontends:\n"
                                     "  s0: { type: test-server, exports: { e: { node: top } } }\n"
                                     "nodes:\n"
                                     "  top: { driver: test-pass, file: image }\n"
                                     "  image: { driver: test-format, file: disk }\n"
                                     "  disk: { driver: test-memory }\n");
  BanyanElement *disk = BANYAN_ELEMENT (banyan_test_get_node (graph, "disk"));
  g_autoptr (GError) error = NULL;
  BanyanObject *export;

  g_test_summary ("An export that becomes writable makes everything below it writable, and back");

  export = banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (graph)), "/frontends/s0/e",
                                  &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_element_get_used (disk), ==, BANYAN_PERMISSION_CONSISTENT_READ);

  banyan_object_set (export, "writable", "true", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_element_get_used (disk), ==,
                    BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE
                        | BANYAN_PERMISSION_RESIZE);
  g_assert_true (banyan_export_is_writable (BANYAN_EXPORT (export)));

  banyan_object_set (export, "writable", "false", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_element_get_used (disk), ==, BANYAN_PERMISSION_CONSISTENT_READ);
}

static void
test_given_back (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "frontends:\n"
      "  s0: { type: test-server, exports: { e: { node: disk, writable: true } } }\n"
      "nodes:\n"
      "  disk: { driver: test-memory }\n");
  BanyanElement *disk = BANYAN_ELEMENT (banyan_test_get_node (graph, "disk"));
  g_autofree char *log = NULL;
  g_autoptr (GError) error = NULL;
  BanyanObject *server;

  g_test_summary ("Permissions of what is removed are given back, but not before it has closed");

  server = banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (graph)), "/frontends/s0",
                                  &error);
  g_assert_no_error (error);
  g_free (control_take_log ());
  banyan_object_close (server, &error);
  g_assert_no_error (error);
  log = control_take_log ();

  g_assert_cmpuint (banyan_element_get_used (disk), ==, 0);
  g_assert_cmpstr (log, ==,
                   "close s0\nclose e\nprepare disk\nsettle disk\ncommit disk\nfinish disk\n");
}

#define LOCKED(writable) \
  "version: 1\n" \
  "frontends:\n" \
  "  s0: { type: test-server, exports: { e: { node: top, writable: " writable " } } }\n" \
  "nodes:\n" \
  "  top: { driver: test-pass, file: disk }\n" \
  "  disk: { driver: test-memory, locked: true }\n"

#define LOCKED_REFUSAL \
  "/nodes/top:file wants write on /nodes/disk for /frontends/s0/e:node, which is read-only, as " \
  "its " \
  "storage takes no writes; make /frontends/s0/e read-only (writable: false)"

static void
test_found_read_only (void)
{
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GError) error = NULL;
  BanyanObject *export;

  g_test_summary ("Nobody begins to write to what its driver found to be read-only");

  assert_refused (LOCKED ("true"), "test.yaml:5:35: " LOCKED_REFUSAL);

  graph = banyan_test_graph_must_load (LOCKED ("false"));
  export = banyan_object_resolve (BANYAN_OBJECT (banyan_test_graph_get (graph)), "/frontends/s0/e",
                                  &error);
  g_assert_no_error (error);
  transaction = banyan_transaction_new (banyan_test_graph_get (graph));
  banyan_test_add_set (transaction, export, "writable", "true");
  g_assert_false (banyan_transaction_commit (transaction, &error));
  g_assert_nonnull (strstr (error->message, LOCKED_REFUSAL));
  g_assert_false (banyan_export_is_writable (BANYAN_EXPORT (export)));
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  control_drivers_register ();
  g_test_add_func ("/permissions/two-images-in-one-file", test_two_images);
  g_test_add_func ("/permissions/two-writers", test_two_writers);
  g_test_add_func ("/permissions/backing-is-not-written", test_backing);
  g_test_add_func ("/permissions/backing-of-who-shares-is", test_fleecing);
  g_test_add_func ("/permissions/read-only-has-no-writers", test_read_only);
  g_test_add_func ("/permissions/found-read-only-has-none-either", test_found_read_only);
  g_test_add_func ("/permissions/programs-are-users", test_program);
  g_test_add_func ("/permissions/reach-down", test_reach_down);
  g_test_add_func ("/permissions/are-given-back", test_given_back);
  return g_test_run ();
}
