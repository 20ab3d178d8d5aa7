/* test-raw.c - a window of another node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <string.h>

#define WINDOW(what) \
  "win: { driver: raw, file: disk, " what " }\n" \
  "disk: { driver: memory, size: 1MiB }\n"

static void
assert_shows (BanyanTestGraph *graph, guint64 offset)
{
  g_autoptr (GError) error = NULL;
  guint8 bytes[3000];

  banyan_test_fill (bytes, 77, sizeof bytes, 5);
  banyan_test_write (graph, "win", 77, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "disk", offset + 77, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 77, sizeof bytes, 5);
  banyan_test_read (graph, "win", 77, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 77, sizeof bytes, 5);
}

static guint64
get_length (BanyanTestGraph *graph, const char *id)
{
  return banyan_node_get_length (banyan_test_get_node (graph, id));
}

static void
test_window (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (WINDOW ("offset: 64KiB, size: 128KiB"));
  g_autoptr (GError) error = NULL;
  guint8 sector[512];

  g_test_summary ("A window shows its part of the child, and nothing beyond its end");

  g_assert_cmpuint (get_length (graph, "win"), ==, 128 << 10);
  assert_shows (graph, 64 << 10);
  g_assert_false (banyan_test_read (graph, "win", 128 << 10, sector, sizeof sector, &error));
  g_assert_nonnull (error);
}

static void
test_odd_offset (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("win: { driver: raw, file: blocks, offset: 1001 }\n"
                                     "blocks: { driver: blkdebug, align: 4096, image: disk }\n"
                                     "disk: { driver: memory, size: 1MiB }\n");

  g_test_summary ("An odd offset works on a child of large blocks too");

  g_assert_cmpuint (get_length (graph, "win"), ==, (1 << 20) - 1001);
  assert_shows (graph, 1001);
}

static void
test_refuses_bad_window (void)
{
  static const char *const bad[] = {
    WINDOW ("offset: 1048577"),
    WINDOW ("size: 1048577"),
    WINDOW ("offset: 512, size: 1048576"),
    WINDOW ("offset: 9223372036854775807, size: 9223372036854775807"),
  };

  g_test_summary ("A window that does not lie in the child is refused when it is opened");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (bad[i], &error));
      g_assert_error (error, BANYAN_ERRNO, EINVAL);
    }
}

static void
test_moves (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (WINDOW ("offset: 64KiB"));
  BanyanObject *window = BANYAN_OBJECT (banyan_test_get_node (graph, "win"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A window moves while it is open, and stays where it was if it would not fit");

  banyan_object_set (window, "offset", "128KiB", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_length (graph, "win"), ==, (1 << 20) - (128 << 10));
  assert_shows (graph, 128 << 10);

  g_assert_false (banyan_object_set (window, "offset", "2MiB", &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  assert_shows (graph, 128 << 10);
}

static void
test_resize (void)
{
  g_autoptr (BanyanTestGraph) open = banyan_test_graph_must_load (WINDOW ("offset: 1000"));
  g_autoptr (BanyanTestGraph) fixed = banyan_test_graph_must_load (WINDOW ("size: 4096"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("To resize a window resizes its child behind it, unless its size is fixed");

  g_assert_cmpint (banyan_test_resize (open, "win", 2 << 20, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_length (open, "win"), ==, 2 << 20);
  g_assert_cmpuint (get_length (open, "disk"), ==, (2 << 20) + 1000);

  g_assert_cmpint (banyan_test_resize (fixed, "win", 2 << 20, &error), !=, BANYAN_DONE);
  g_assert_cmpuint (get_length (fixed, "win"), ==, 4096);
  g_assert_cmpuint (get_length (fixed, "disk"), ==, 1 << 20);
}

static void
test_follows_child (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (WINDOW ("offset: 1000"));
  g_autoptr (BanyanTestGraph) fixed = banyan_test_graph_must_load (WINDOW ("size: 4096"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A window to the end follows when its child grows, one of a fixed size does not");

  banyan_node_publish_length (banyan_test_get_node (graph, "disk"), 2 << 20);
  banyan_node_publish_length (banyan_test_get_node (fixed, "disk"), 2 << 20);
  while (get_length (graph, "win") != (2 << 20) - 1000)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (get_length (fixed, "win"), ==, 4096);
}

static void
test_side_by_side (void)
{
  static const char nodes[] = "up: { driver: delay, file: left }\n"
                              "left: { driver: raw, size: 512KiB, file: disk }\n"
                              "right: { driver: raw, offset: 512KiB, size: 512KiB, file: disk }\n"
                              "disk: { driver: memory, size: 1MiB }\n";
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (nodes);
  const guint used = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE;
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanBackend) writer = banyan_backend_new (banyan_test_get_node (graph, "up"), "user",
                                                         used, BANYAN_PERMISSIONS_ALL, &error);
  guint8 data[512];

  g_test_summary ("Two windows of fixed size are written to by two users at once");

  g_assert_no_error (error);
  banyan_test_fill (data, 0, sizeof data, 5);
  banyan_test_write (graph, "right", 0, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_read (graph, "disk", 512 << 10, data, sizeof data, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, sizeof data, 5);
  banyan_backend_close (writer);
}

static void
test_size_changes (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (WINDOW ("offset: 4KiB"));
  BanyanObject *window = BANYAN_OBJECT (banyan_test_get_node (graph, "win"));
  g_autoptr (GError) error = NULL;
  guint8 byte;

  g_test_summary ("A window becomes shorter and longer while it is open, and never too long");

  banyan_object_set (window, "size", "8KiB", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_length (graph, "win"), ==, 8192);
  g_assert_false (banyan_test_read (graph, "win", 8192, &byte, 1, &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  g_clear_error (&error);

  banyan_object_set (window, "size", "1020KiB", &error);
  g_assert_no_error (error);
  assert_shows (graph, 4096);
  g_assert_false (banyan_object_set (window, "size", "1021KiB", &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  g_assert_cmpuint (get_length (graph, "win"), ==, 1020 << 10);
}

static gboolean
shrink (BanyanTestGraph *graph, const char *node, guint64 length, GError **error)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  banyan_transaction_resize (transaction, banyan_test_get_node (graph, node), length);
  return banyan_transaction_commit (transaction, error);
}

static void
test_shrinks (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (WINDOW ("offset: 1000"));
  g_autoptr (GError) error = NULL;

  g_test_summary ("To shrink a window cuts its child; the child by itself is not cut under it");

  g_assert_true (shrink (graph, "win", 5000, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (get_length (graph, "win"), ==, 5000);
  g_assert_cmpuint (get_length (graph, "disk"), ==, 6000);

  g_assert_false (shrink (graph, "disk", 500, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "/nodes/win:file"));
  g_assert_cmpuint (get_length (graph, "win"), ==, 5000);
}

static void
test_child_is_cut (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (WINDOW ("offset: 1000"));

  g_test_summary ("A child that somebody cut off before the window leaves an empty one");

  banyan_node_publish_length (banyan_test_get_node (graph, "disk"), 500);
  while (get_length (graph, "win") != 0)
    g_main_context_iteration (NULL, TRUE);
}

/* -- A window that moves under readers. -- */

#define HALF 65536

typedef struct
{
  BanyanBackend *backend;
  gint stop;    /* atomic */
  gint n_done;  /* atomic */
  gint is_done; /* atomic */
} Reader;

static void
read_window (gpointer data)
{
  Reader *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);
  guint8 bytes[8192];

  for (guint i = 0; !g_atomic_int_get (&self->stop) || i == 0; i++)
    {
      struct iovec iov = { bytes, sizeof bytes };
      BanyanRequest request = BANYAN_REQUEST (i * 512 % (HALF - 8192), sizeof bytes, &iov, 1);
      g_autoptr (GError) error = NULL;

      banyan_channel_read (channel, &request, &error);
      g_assert_no_error (error);
      g_assert_true (bytes[0] == 1 || bytes[0] == 2);
      g_assert_cmpint (memcmp (bytes, bytes + 1, sizeof bytes - 1), ==, 0);
      g_atomic_int_inc (&self->n_done);
      banyan_co_yield ();
    }

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static void
fill_halves (BanyanTestGraph *graph)
{
  g_autofree guint8 *bytes = g_malloc (HALF);

  for (guint half = 0; half < 2; half++)
    {
      g_autoptr (GError) error = NULL;

      memset (bytes, half + 1, HALF);
      banyan_test_write (graph, "disk", half * HALF, bytes, HALF, &error);
      g_assert_no_error (error);
    }
}

static void
test_moves_under_io (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("version: 1\n"
                                     "objects:\n"
                                     "  io0: { type: iothread }\n"
                                     "nodes:\n"
                                     "  win: { driver: raw, file: disk, size: 64KiB }\n"
                                     "  disk: { driver: memory, size: 128KiB }\n");
  BanyanObject *window = BANYAN_OBJECT (banyan_test_get_node (graph, "win"));
  BanyanObject *thread = banyan_object_get_child (
      banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects"), "io0");
  g_autoptr (GError) error = NULL;
  Reader reader = { 0 };

  g_test_summary ("Whoever reads while the window moves sees one place or the other, never both");

  fill_halves (graph);
  reader.backend
      = banyan_backend_new (BANYAN_NODE (window), "reader", BANYAN_PERMISSION_CONSISTENT_READ,
                            BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  banyan_coroutine_start_on (banyan_iothread_get_loop (BANYAN_IOTHREAD (thread)), read_window,
                             &reader);
  for (guint round = 0; round < 50; round++)
    {
      banyan_object_set (window, "offset", round % 2 == 0 ? "64KiB" : "0", &error);
      g_assert_no_error (error);
    }
  g_atomic_int_set (&reader.stop, TRUE);
  while (!g_atomic_int_get (&reader.is_done))
    g_main_context_iteration (NULL, TRUE);
  banyan_backend_close (reader.backend);
  g_object_unref (reader.backend);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/format/raw/window-shows-its-part", test_window);
  g_test_add_func ("/format/raw/odd-offset-works", test_odd_offset);
  g_test_add_func ("/format/raw/refuses-bad-window", test_refuses_bad_window);
  g_test_add_func ("/format/raw/window-moves", test_moves);
  g_test_add_func ("/format/raw/resizes-its-child", test_resize);
  g_test_add_func ("/format/raw/follows-its-child", test_follows_child);
  g_test_add_func ("/format/raw/windows-side-by-side", test_side_by_side);
  g_test_add_func ("/format/raw/size-changes", test_size_changes);
  g_test_add_func ("/format/raw/shrinks", test_shrinks);
  g_test_add_func ("/format/raw/child-is-cut", test_child_is_cut);
  g_test_add_func ("/format/raw/moves-under-io", test_moves_under_io);
  return g_test_run ();
}
