/* test-nbd-client.c - the client of NBD servers that hang up, keep silent, lie or forget
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-real-time.h"
#include "nbd-peer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SIZE (1u << 20)
#define PATIENT ", reconnect-delay: 1000s"

static BanyanNode *
disk_of (BanyanTestGraph *graph)
{
  return banyan_test_get_node (graph, "disk");
}

static gboolean
is_connected (gpointer graph)
{
  gboolean connected = FALSE;

  g_object_get (disk_of (graph), "connected", &connected, NULL);
  return connected;
}

static gboolean
is_disconnected (gpointer graph)
{
  return !is_connected (graph);
}

static guint64
count_reconnects (BanyanTestGraph *graph)
{
  guint64 n = 0;

  g_object_get (disk_of (graph), "reconnects", &n, NULL);
  return n;
}

static gboolean
has_reconnected (gpointer graph)
{
  return count_reconnects (graph) > 0 && is_connected (graph);
}

static void
write_block (BanyanTestGraph *graph, guint64 offset, guint flags)
{
  guint8 block[4096];
  g_autoptr (GError) error = NULL;

  banyan_test_fill (block, offset, sizeof block, 7);
  banyan_test_write_flags (graph, "disk", offset, block, sizeof block, flags, &error);
  g_assert_no_error (error);
}

static void
must_fail_to_read (BanyanTestGraph *graph)
{
  guint8 block[4096];
  g_autoptr (GError) error = NULL;

  g_assert_false (banyan_test_read (graph, "disk", 0, block, sizeof block, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
}

/* -- Opening. -- */

static void
must_not_open (Peer *peer, const char *options, int number, const char *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (peer_load (peer, options, &error));
  if (number != 0)
    g_assert_error (error, BANYAN_ERRNO, number);
  if (strstr (error->message, says) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
}

static void
test_refuses (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, PEER_READ_ONLY);

  g_test_summary ("What cannot be as it was asked for is refused, and why");

  must_not_open (peer, "", EACCES, "exports \"\" read-only");
  must_not_open (peer, ", read-only: true, x-dirty-bitmap: qemu:dirty-bitmap:b", EINVAL,
                 "x-dirty-bitmap");
  must_not_open (peer, ", read-only: true, tls-creds: t", 0, "TLS is not there yet");
  must_not_open (peer, ", server: { type: unix, path: /nowhere/at/all }", ENOENT,
                 "/nowhere/at/all");
  banyan_test_graph_free (peer_must_load (peer, ", read-only: true"));
  banyan_test_graph_free (peer_must_load (peer, ", auto-read-only: true"));
}

static void
test_waits_to_open (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);

  g_test_summary ("With open-timeout a server that hangs up is tried again; without, it is not");

  peer_hang_up (peer, 1);
  must_not_open (peer, "", ECONNRESET, "the server has hung up");
  peer_hang_up (peer, 3);
  banyan_test_graph_free (peer_must_load (peer, ", open-timeout: 100s"));
  g_assert_cmpuint (peer_count_clients (peer), ==, 5);
}

static void
test_gives_up_silence (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);

  g_test_summary ("A server that takes the connection and says nothing has open-timeout for it");

  peer_be_silent (peer, TRUE);
  must_not_open (peer, ", open-timeout: 1s", ETIMEDOUT, "negotiating");
}

static void
test_takes_descriptor (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  int fd = peer_connect (peer);
  g_autofree char *options = g_strdup_printf (", server: { type: fd, str: \"%d\" }" PATIENT, fd);
  BanyanTestGraph *graph = peer_must_load (peer, options);

  g_test_summary ("A socket that is handed over is used as it is; once lost, there is no other");

  write_block (graph, 4096, BANYAN_REQUEST_FUA);
  banyan_test_must_read (graph, "disk", 4096, 4096, 7);
  peer_drop_all (peer);
  banyan_test_wait_until (is_disconnected, graph);
  must_fail_to_read (graph);
  banyan_test_graph_free (graph);
  close (fd);
}

/* -- Losing the connection. -- */

static void
test_goes_on (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, PEER_MULTI_CONN);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT ", lost-writes: ignore");
  BanyanBackend *backend = banyan_test_open_backend (graph, "disk");
  BanyanTestWorkers *workers;

  g_test_summary ("Requests in flight from two iothreads survive that each connection is lost time "
                  "and again: none fails, and all data is there");

  peer_drop_each (peer, 23);
  workers = banyan_test_workers_start (graph, backend, 6);
  banyan_test_workers_wait (workers, 400);
  peer_drop_each (peer, 0);
  banyan_test_workers_stop (workers);
  banyan_test_close_backend (backend);
  g_assert_cmpuint (count_reconnects (graph), >, 5);
  banyan_test_graph_free (graph);
}

static void
test_fails_at_once (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, "");

  g_test_summary ("Without reconnect-delay the request that lost the connection fails, and the "
                  "next ones work once there is another");

  write_block (graph, 0, BANYAN_REQUEST_FUA);
  peer_drop_at (peer, PEER_READ);
  must_fail_to_read (graph);
  banyan_test_wait_until (has_reconnected, graph);
  banyan_test_must_read (graph, "disk", 0, 4096, 7);
  banyan_test_graph_free (graph);
}

static void
test_gives_up_liar (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, "");
  g_autofree char *why = NULL;

  g_test_summary ("An answer to what was not asked is the end of the connection, which is told");

  peer_confuse (peer);
  must_fail_to_read (graph);
  g_object_get (disk_of (graph), "last-error", &why, NULL);
  g_assert_nonnull (why);
  banyan_test_wait_until (has_reconnected, graph);
  banyan_test_graph_free (graph);
}

static void
test_bears_five (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);

  g_test_summary ("A request with which the connection is lost each time fails in the end");

  peer_drop_each (peer, 1);
  must_fail_to_read (graph);
  g_assert_cmpuint (peer_count_clients (peer), >=, 5);
  peer_drop_each (peer, 0);
  banyan_test_graph_free (graph);
}

static void
test_leaves_leaving (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);

  g_test_summary ("A request that a server is not there for any more is sent to the one that comes "
                  "after it");

  write_block (graph, 4096, BANYAN_REQUEST_FUA);
  peer_leave_at (peer, PEER_READ);
  banyan_test_must_read (graph, "disk", 4096, 4096, 7);
  g_assert_cmpuint (peer_count_clients (peer), ==, 2);
  banyan_test_graph_free (graph);
}

static gboolean
has_ignored (gpointer peer)
{
  return peer_count_ignored (peer) > 0;
}

static void
test_leaves_silent (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT ", silence-timeout: 1s");

  g_test_summary ("With silence-timeout a request that is not answered is sent again by another "
                  "connection");

  write_block (graph, 4096, BANYAN_REQUEST_FUA);
  peer_ignore (peer, PEER_READ);
  banyan_test_must_read (graph, "disk", 4096, 4096, 7);
  g_assert_cmpuint (peer_count_clients (peer), ==, 2);
  banyan_test_graph_free (graph);
}

static void
test_leaves_silent_later (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);
  BanyanBackend *backend = banyan_test_open_backend (graph, "disk");
  BanyanTestRequest *request;
  g_autoptr (GError) error = NULL;

  g_test_summary ("silence-timeout can be set when a server hangs already");

  peer_ignore (peer, PEER_READ);
  request = banyan_test_request_start (backend, banyan_test_get_loop (graph, "io0"), 0, 4096, 0);
  banyan_test_wait_until (has_ignored, peer);
  banyan_test_set (disk_of (graph), "silence-timeout", "1");
  error = banyan_test_request_end (request);
  g_assert_no_error (error);
  g_assert_cmpuint (peer_count_clients (peer), ==, 2);
  banyan_test_close_backend (backend);
  banyan_test_graph_free (graph);
}

static void
test_closes_silent (void)
{
  g_autoptr (Peer) peer = NULL;
  BanyanTestGraph *graph;
  g_autoptr (GError) error = NULL;
  gint64 began_us;

  g_test_summary ("A server that never answers holds up closing for 30 s, and not for ever");
  if (!g_test_slow ())
    {
      g_test_skip ("it takes half a minute");
      return;
    }

  peer = peer_new (SIZE, 0);
  graph = peer_must_load (peer, PATIENT);
  write_block (graph, 4096, 0);
  peer_ignore (peer, PEER_FLUSH);
  began_us = g_get_monotonic_time ();
  g_test_expect_message ("Banyan", G_LOG_LEVEL_WARNING, "*said nothing for 30 s*");
  g_assert_false (banyan_graph_close (banyan_test_graph_get (graph), &error));
  g_test_assert_expected_messages ();
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_cmpint (g_get_monotonic_time () - began_us, >=, 30 * G_USEC_PER_SEC);
  banyan_test_graph_free (graph);
}

/* -- What a server may have forgotten. -- */

static void
flush (BanyanTestGraph *graph, int number)
{
  g_autoptr (GError) error = NULL;

  banyan_test_flush (graph, "disk", &error);
  if (number == 0)
    g_assert_no_error (error);
  else
    g_assert_error (error, BANYAN_ERRNO, number);
}

typedef struct
{
  BanyanTestGraph *graph;
  guint64 n_before;
} Loss;

static gboolean
is_made_good (gpointer data)
{
  Loss *loss = data;

  return count_reconnects (loss->graph) > loss->n_before && is_connected (loss->graph);
}

static void
lose_connection (Peer *peer, BanyanTestGraph *graph)
{
  Loss loss = { graph, count_reconnects (graph) };

  peer_drop_all (peer);
  banyan_test_wait_until (is_made_good, &loss);
}

static void
test_reports_lost_writes (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);

  g_test_summary ("The flush after a connection was lost with writes unflushed fails once; not if "
                  "there were none, nor where that was asked for");

  write_block (graph, 0, 0);
  lose_connection (peer, graph);
  flush (graph, EIO);
  flush (graph, 0);

  write_block (graph, 0, 0);
  flush (graph, 0);
  write_block (graph, 0, BANYAN_REQUEST_FUA);
  lose_connection (peer, graph);
  flush (graph, 0);

  write_block (graph, 0, 0);
  peer_drop_at (peer, PEER_FLUSH);
  flush (graph, EIO);
  peer_drop_at (peer, PEER_FLUSH);
  flush (graph, 0);

  banyan_test_set (disk_of (graph), "lost-writes", "ignore");
  write_block (graph, 0, 0);
  lose_connection (peer, graph);
  flush (graph, 0);
  banyan_test_graph_free (graph);
}

/* -- What comes back is another. -- */

static gboolean
is_longer (gpointer graph)
{
  return banyan_node_get_length (disk_of (graph)) == 2 * SIZE;
}

static gboolean
says_shrunk (gpointer graph)
{
  g_autofree char *why = NULL;

  g_object_get (disk_of (graph), "last-error", &why, NULL);
  return why != NULL && strstr (why, "shrunk") != NULL;
}

static void
test_sees_size (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, "");

  g_test_summary ("An export that has grown is seen so; one that has shrunk is not taken, until it "
                  "is as long again");

  peer_resize (peer, 2 * SIZE);
  peer_drop_all (peer);
  banyan_test_wait_until (is_longer, graph);
  banyan_test_wait_until (is_connected, graph);
  write_block (graph, SIZE, 0);
  flush (graph, 0);

  peer_resize (peer, SIZE);
  peer_drop_all (peer);
  banyan_test_wait_until (says_shrunk, graph);
  must_fail_to_read (graph);
  peer_resize (peer, 2 * SIZE);
  banyan_test_wait_until (is_connected, graph);
  banyan_test_must_read (graph, "disk", SIZE, 4096, 7);
  banyan_test_graph_free (graph);
}

/* -- Another size by us. -- */

static BanyanTestGraph *
serve_resizable (Peer *place, const char *resizable)
{
  g_autofree char *document = g_strdup_printf (
      "version: 1\n"
      "nodes: { disk: { driver: memory, size: 1M } }\n"
      "frontends: { server: { type: nbd-server, listen: { type: unix, path: %s.own },"
      " exports: { disk: { node: disk, writable: true%s } } } }\n",
      peer_get_path (place), resizable);
  g_autoptr (GError) error = NULL;
  BanyanTestGraph *server = banyan_test_graph_new_in_real_time (document, &error);

  g_assert_no_error (error);
  return server;
}

static BanyanTestGraph *
use_own_server (Peer *place)
{
  g_autofree char *options = g_strdup_printf (
      ", server: { type: unix, path: %s.own }, export: disk", peer_get_path (place));

  return peer_must_load (place, options);
}

static void
test_grows (void)
{
  g_autoptr (Peer) place = peer_new (SIZE, 0);
  BanyanTestGraph *server = serve_resizable (place, ", resizable: true");
  BanyanTestGraph *graph = use_own_server (place);
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "Where the server lets clients do that, the node is made longer, and not shorter");

  g_assert_cmpint (banyan_test_resize (graph, "disk", 2 * SIZE, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (disk_of (graph)), ==, 2 * SIZE);
  g_assert_cmpuint (banyan_node_get_length (disk_of (server)), ==, 2 * SIZE);
  write_block (graph, 2 * SIZE - 4096, 0);
  banyan_test_must_read (server, "disk", 2 * SIZE - 4096, 4096, 7);
  g_assert_cmpint (banyan_test_resize (graph, "disk", SIZE, &error), !=, BANYAN_DONE);
  g_assert_cmpuint (banyan_node_get_length (disk_of (graph)), ==, 2 * SIZE);
  banyan_test_graph_free (graph);
  banyan_test_graph_free (server);
}

static void
test_does_not_grow (void)
{
  g_autoptr (Peer) place = peer_new (SIZE, 0);
  BanyanTestGraph *server = serve_resizable (place, "");
  BanyanTestGraph *graph = use_own_server (place);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Where it does not, the node stays as long as it is");

  g_assert_cmpint (banyan_test_resize (graph, "disk", 2 * SIZE, &error), !=, BANYAN_DONE);
  g_assert_cmpuint (banyan_node_get_length (disk_of (graph)), ==, SIZE);
  banyan_test_graph_free (graph);
  banyan_test_graph_free (server);
}

/* -- Changes of the graph. -- */

static void
test_lets_go (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);
  BanyanBackend *backend = banyan_test_open_backend (graph, "disk");
  BanyanTestRequest *request;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A change of the graph does not wait for a server that is away: who waits for it "
                  "fails then");

  peer_be_silent (peer, TRUE);
  peer_drop_all (peer);
  banyan_test_wait_until (is_disconnected, graph);
  request = banyan_test_request_start (backend, banyan_test_get_loop (graph, "io0"), 0, 4096, 0);
  /* The first change may come before the request does, and lets nobody go. */
  for (guint i = 0; !banyan_test_request_is_done (request); i++)
    banyan_test_set (disk_of (graph), "discard", i % 2 == 0 ? "unmap" : "ignore");
  error = banyan_test_request_end (request);
  g_assert_error (error, BANYAN_ERRNO, EIO);
  peer_be_silent (peer, FALSE);
  banyan_test_wait_until (is_connected, graph);
  banyan_test_close_backend (backend);
  banyan_test_graph_free (graph);
}

static void
test_closes_while_away (void)
{
  g_autoptr (Peer) peer = peer_new (SIZE, 0);
  BanyanTestGraph *graph = peer_must_load (peer, PATIENT);

  g_test_summary ("A node whose server keeps silent on its second connection closes at once");

  peer_be_silent (peer, TRUE);
  peer_drop_all (peer);
  banyan_test_wait_until (is_disconnected, graph);
  banyan_test_graph_free (graph);
}

/* -- Several connections. -- */

typedef struct
{
  BanyanTestGraph *graph;
  guint n_wanted;
} Count;

static gboolean
has_connections (gpointer data)
{
  Count *count = data;
  guint n = 0;

  g_object_get (disk_of (count->graph), "open-connections", &n, NULL);
  return n == count->n_wanted;
}

static void
use_both_iothreads (guint flags, const char *options, guint n_wanted)
{
  g_autoptr (Peer) peer = peer_new (SIZE, flags);
  BanyanTestGraph *graph = peer_must_load (peer, options);
  BanyanBackend *backend = banyan_test_open_backend (graph, "disk");
  BanyanTestWorkers *workers = banyan_test_workers_start (graph, backend, 2);
  Count count = { graph, n_wanted };

  banyan_test_wait_until (has_connections, &count);
  banyan_test_workers_wait (workers, 20);
  g_assert_true (has_connections (&count));
  banyan_test_workers_stop (workers);
  banyan_test_close_backend (backend);
  count.n_wanted = 1;
  banyan_test_wait_until (has_connections, &count);
  banyan_test_graph_free (graph);
}

static void
test_spreads (void)
{
  g_test_summary ("Each iothread has a connection of its own, where the server and the limit allow "
                  "it, for as long as it uses the node");

  use_both_iothreads (PEER_MULTI_CONN, "", 3);
  use_both_iothreads (PEER_MULTI_CONN, ", connections: 2", 2);
  use_both_iothreads (0, "", 1);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/nbd/refuses-what-cannot-be", test_refuses);
  g_test_add_func ("/protocol/nbd/tries-to-open-until-timeout", test_waits_to_open);
  g_test_add_func ("/protocol/nbd/gives-up-silent-server", test_gives_up_silence);
  g_test_add_func ("/protocol/nbd/takes-descriptor", test_takes_descriptor);
  g_test_add_func ("/protocol/nbd/requests-survive-reconnects", test_goes_on);
  g_test_add_func ("/protocol/nbd/fails-at-once-without-delay", test_fails_at_once);
  g_test_add_func ("/protocol/nbd/gives-up-liar", test_gives_up_liar);
  g_test_add_func ("/protocol/nbd/bears-losses-up-to-five", test_bears_five);
  g_test_add_func ("/protocol/nbd/leaves-server-that-shuts-down", test_leaves_leaving);
  g_test_add_func ("/protocol/nbd/leaves-silent-server", test_leaves_silent);
  g_test_add_func ("/protocol/nbd/leaves-silent-server-when-told", test_leaves_silent_later);
  g_test_add_func ("/protocol/nbd/closes-beside-silent-server", test_closes_silent);
  g_test_add_func ("/protocol/nbd/reports-lost-writes", test_reports_lost_writes);
  g_test_add_func ("/protocol/nbd/sees-another-size", test_sees_size);
  g_test_add_func ("/protocol/nbd/grows-where-it-may", test_grows);
  g_test_add_func ("/protocol/nbd/grows-nowhere-else", test_does_not_grow);
  g_test_add_func ("/protocol/nbd/drain-lets-waiters-go", test_lets_go);
  g_test_add_func ("/protocol/nbd/closes-while-server-is-away", test_closes_while_away);
  g_test_add_func ("/protocol/nbd/spreads-over-connections", test_spreads);
  return g_test_run ();
}
