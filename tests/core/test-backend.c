/* test-backend.c - what a backend counts, refuses, and does for programs; iothreads
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph-fixture.h"

#include "banyan-loop-core.h"

#include <banyan/banyan-iothread.h>
#include <errno.h>

typedef struct
{
  TestLeaf *leaf;
  gpointer top;
  BanyanLoop *loop;
  BanyanBackend *backend;
} Fixture;

static Fixture
set_up (gboolean is_read_only)
{
  Fixture fixture = { .leaf = test_leaf_new (65536), .loop = start_loop (NULL) };

  g_object_set (fixture.leaf, "read-only", is_read_only, NULL);
  fixture.top = test_hollow_new (test_pass_new (fixture.leaf));
  fixture.backend = test_backend_new (fixture.top, fixture.loop);
  return fixture;
}

static void
tear_down (Fixture *fixture)
{
  banyan_loop_stop (fixture->loop);
  test_backend_free (fixture->backend);
  test_node_free (fixture->top);
}

/* -- Statistics. -- */

static guint64
sum (const guint64 *buckets)
{
  guint64 total = 0;

  for (guint i = 0; i < BANYAN_LATENCY_BUCKETS; i++)
    total += buckets[i];
  return total;
}

static gboolean
make_requests (BanyanChannel *channel, gpointer data, GError **error)
{
  guint8 bytes[512] = { 0 };
  struct iovec iov = { bytes, sizeof bytes };
  BanyanRequest good = BANYAN_REQUEST (0, sizeof bytes, &iov, 1);
  BanyanRequest bad = BANYAN_REQUEST (65536 - 100, sizeof bytes, &iov, 1);
  g_autoptr (GError) refused = NULL;

  for (guint i = 0; i < 9; i++)
    g_assert_true (banyan_channel_read (channel, &good, error));
  g_assert_false (banyan_channel_read (channel, &bad, &refused));
  g_assert_error (refused, BANYAN_ERRNO, EINVAL);
  g_assert_true (banyan_channel_write (channel, &good, error));
  g_assert_true (banyan_channel_flush (channel, error));
  return TRUE;
}

static void
test_statistics (void)
{
  Fixture fixture = set_up (FALSE);
  BanyanStatistics statistics;

  g_test_summary (
      "Operations, bytes, failures and sampled latencies are summed over channels, those "
      "that were closed included");

  for (guint i = 0; i < 2; i++)
    g_assert_true (banyan_backend_run (fixture.backend, make_requests, NULL, NULL));

  banyan_backend_get_statistics (fixture.backend, &statistics);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_READ], ==, 20);
  g_assert_cmpuint (statistics.failed[BANYAN_STATISTIC_READ], ==, 2);
  g_assert_cmpuint (statistics.bytes[BANYAN_STATISTIC_READ], ==, 18 * 512);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_WRITE], ==, 2);
  g_assert_cmpuint (statistics.bytes[BANYAN_STATISTIC_WRITE], ==, 2 * 512);
  g_assert_cmpuint (statistics.operations[BANYAN_STATISTIC_FLUSH], ==, 2);
  g_assert_cmpuint (sum (statistics.latency[BANYAN_STATISTIC_READ]), ==, 4);
  g_assert_cmpuint (sum (statistics.latency[BANYAN_STATISTIC_WRITE]), ==, 2);
  g_assert_cmpuint (statistics.in_flight, ==, 0);
  tear_down (&fixture);
}

static void
test_latency_buckets (void)
{
  static const guint64 times[] = { 0,
                                   1,
                                   255,
                                   256,
                                   257,
                                   319,
                                   320,
                                   511,
                                   512,
                                   1000,
                                   123456,
                                   1000000,
                                   G_GUINT64_CONSTANT (3600000000000),
                                   G_MAXINT64,
                                   G_MAXUINT64 - 1 };

  g_test_summary ("A latency is below the end of its bucket, and not below that of the one before");

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      guint bucket = banyan_latency_bucket (times[i]);

      g_assert_cmpuint (times[i], <, banyan_latency_bucket_end_ns (bucket));
      if (bucket > 0)
        g_assert_cmpuint (times[i], >=, banyan_latency_bucket_end_ns (bucket - 1));
    }
}

/* -- Read-only. -- */

static gboolean
change_data (BanyanChannel *channel, gpointer data, GError **error)
{
  guint8 byte = 1;
  struct iovec iov = { &byte, 1 };
  BanyanRequest request = BANYAN_REQUEST (0, 1, &iov, 1);
  BanyanResize resize = { .size = sizeof resize, .length = 1 };
  GError *errors[4] = { NULL };

  g_assert_false (banyan_channel_write (channel, &request, &errors[0]));
  g_assert_cmpint (banyan_channel_write_zeroes (channel, &request, &errors[1]), ==, BANYAN_FAILED);
  g_assert_cmpint (banyan_channel_discard (channel, &request, &errors[2]), ==, BANYAN_FAILED);
  g_assert_cmpint (banyan_channel_resize (channel, &resize, &errors[3]), ==, BANYAN_FAILED);
  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_assert_error (errors[i], BANYAN_ERRNO, EROFS);
      g_clear_error (&errors[i]);
    }
  return banyan_channel_read (channel, &request, error);
}

static void
test_read_only (void)
{
  Fixture fixture = set_up (TRUE);

  g_test_summary ("Whatever changes data fails with EROFS where a node below is read-only");

  g_assert_true (banyan_backend_run (fixture.backend, change_data, NULL, NULL));
  g_assert_cmpuint (fixture.leaf->writes, ==, 0);
  tear_down (&fixture);
}

/* -- Programs. -- */

static void
test_blocking_calls (void)
{
  Fixture fixture = set_up (FALSE);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("banyan", 6);
  g_autoptr (GBytes) got = NULL;
  g_autoptr (GBytes) beyond = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A program reads what it wrote, and gets errors as others do");

  g_assert_true (banyan_backend_write (fixture.backend, 1000, bytes, BANYAN_REQUEST_FUA, &error));
  g_assert_no_error (error);
  g_assert_true (banyan_backend_flush (fixture.backend, &error));
  g_assert_cmpuint (fixture.leaf->flushes, ==, 2);
  got = banyan_backend_read (fixture.backend, 1000, 6, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (got, bytes));

  beyond = banyan_backend_read (fixture.backend, 65530, 100, &error);
  g_assert_null (beyond);
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
  tear_down (&fixture);
}

static gboolean
block_in_callback (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (banyan_backend_flush (data, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  return G_SOURCE_REMOVE;
}

static void
test_blocking_refused (void)
{
  Fixture fixture = set_up (FALSE);

  g_test_summary ("Blocking calls are refused inside a callback of the main loop");

  g_idle_add (block_in_callback, fixture.backend);
  test_settle_main ();
  tear_down (&fixture);
}

static void
shut (gpointer data)
{
  banyan_co_backend_shut (data);
}

static void
note_result (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GBytes) bytes = banyan_backend_read_finish (BANYAN_BACKEND (object), result, NULL);

  *(gboolean *) data = bytes != NULL;
}

static void
test_shut (void)
{
  Fixture fixture = set_up (FALSE);
  g_autoptr (GError) error = NULL;
  gboolean was_read = FALSE;

  g_test_summary ("A backend that is shut lets what is in flight end, and takes nothing more");

  fixture.leaf->is_slow = TRUE;
  banyan_backend_read_async (fixture.backend, 0, 100, NULL, note_result, &was_read);
  while (__atomic_load_n (&fixture.leaf->reads, __ATOMIC_ACQUIRE) == 0)
    g_main_context_iteration (NULL, FALSE);
  test_run_main (shut, fixture.backend);
  test_settle_main ();
  g_assert_true (was_read);

  g_assert_false (banyan_backend_flush (fixture.backend, &error));
  g_assert_error (error, BANYAN_ERRNO, ESHUTDOWN);
  tear_down (&fixture);
}

/* -- Iothreads. -- */

static void
count_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  ++*(guint *) data;
}

static void
test_iothread (void)
{
  g_autoptr (BanyanIOThread) thread = g_object_new (BANYAN_TYPE_IOTHREAD, "id", "io0", NULL);
  BanyanObject *object = BANYAN_OBJECT (thread);
  g_autoptr (GError) error = NULL;
  g_autofree char *loop = NULL;
  guint64 poll_max_ns;
  guint told = 0;
  int thread_id;

  g_test_summary ("An iothread runs a loop while it is open, and its polling changes live");

  g_assert_null (banyan_iothread_get_loop (thread));
  g_signal_connect (thread, "notify::thread-id", G_CALLBACK (count_notify), &told);
  banyan_object_open (object, &error);
  g_assert_no_error (error);
  g_assert_nonnull (banyan_iothread_get_loop (thread));
  while (told == 0)
    g_main_context_iteration (NULL, TRUE);

  g_object_set (thread, "poll-max-ns", G_GUINT64_CONSTANT (0), NULL);
  g_object_get (thread, "thread-id", &thread_id, "loop", &loop, "poll-max-ns", &poll_max_ns, NULL);
  g_assert_cmpint (thread_id, >, 0);
  g_assert_cmpstr (loop, ==, banyan_loop_get_backend (banyan_iothread_get_loop (thread)));
  g_assert_cmpuint (poll_max_ns, ==, 0);
  g_assert_cmpuint (banyan_iothread_get_loop (thread)->poll_max_ns, ==, 0);

  /* By the way of transactions, which is another. */
  banyan_object_set (object, "poll-max-ns", "5us", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_iothread_get_loop (thread)->poll_max_ns, ==, 5000);

  banyan_object_close (object, &error);
  g_assert_no_error (error);
  g_assert_null (banyan_iothread_get_loop (thread));
}

static void
test_iothread_documented (void)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("The classes of the request path document their properties");

  g_assert_true (banyan_object_class_check (BANYAN_TYPE_IOTHREAD, &error));
  g_assert_no_error (error);
  g_assert_true (banyan_object_class_check (test_hollow_get_type (), &error));
  g_assert_no_error (error);
}

/* -- Permissions. -- */

static gboolean
change_something (BanyanChannel *channel, gpointer data, GError **error)
{
  guint8 bytes[512] = { 0 };
  struct iovec iov = { bytes, sizeof bytes };
  BanyanRequest request = BANYAN_REQUEST (0, sizeof bytes, &iov, 1);
  BanyanResize resize = { .size = sizeof resize, .length = 1 << 20 };
  gboolean is_resize = GPOINTER_TO_INT (data);

  return is_resize ? banyan_channel_resize (channel, &resize, error) == BANYAN_DONE
                   : banyan_channel_write (channel, &request, error);
}

static void
test_permissions (void)
{
  Fixture fixture = set_up (FALSE);
  BanyanChild *edge = banyan_backend_get_child (fixture.backend);
  g_autoptr (GError) error = NULL;

  g_test_summary ("A backend does not do what it took no permission for");

  edge->used = BANYAN_PERMISSION_CONSISTENT_READ;
  g_assert_false (
      banyan_backend_run (fixture.backend, change_something, GINT_TO_POINTER (FALSE), &error));
  g_assert_error (error, BANYAN_ERRNO, EPERM);
  g_clear_error (&error);

  edge->used = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE;
  g_assert_true (
      banyan_backend_run (fixture.backend, change_something, GINT_TO_POINTER (FALSE), &error));
  g_assert_no_error (error);
  g_assert_false (
      banyan_backend_run (fixture.backend, change_something, GINT_TO_POINTER (TRUE), &error));
  g_assert_error (error, BANYAN_ERRNO, EPERM);

  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/backend/sums-statistics", test_statistics);
  g_test_add_func ("/backend/latencies-lie-in-their-buckets", test_latency_buckets);
  g_test_add_func ("/backend/read-only-is-not-written", test_read_only);
  g_test_add_func ("/backend/needs-its-permissions", test_permissions);
  g_test_add_func ("/backend/blocking-calls-succeed-and-fail", test_blocking_calls);
  g_test_add_func ("/backend/blocking-refused-in-callbacks", test_blocking_refused);
  g_test_add_func ("/backend/shut-takes-nothing-more", test_shut);
  g_test_add_func ("/iothread/runs-a-loop", test_iothread);
  g_test_add_func ("/iothread/classes-are-documented", test_iothread_documented);
  return g_test_run ();
}
