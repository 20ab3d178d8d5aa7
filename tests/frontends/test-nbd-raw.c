/* test-nbd-raw.c - the NBD server, asked by sockets that behave badly
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "nbd-stage.h"

static void
bad_magic (Stage *stage)
{
  int fd = raw_greet (stage);

  send_numbers (fd, "844", NUMBER (0x1122334455667788), NUMBER (3), NUMBER (0));
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_bad_magic (void)
{
  g_test_summary ("An option without its magic ends the connection, and only that");
  run_raw (SCRATCH FIXED, bad_magic);
}

static void
bad_options (Stage *stage)
{
  static const guint8 data[70000];
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 4711, 0);
  g_assert_cmphex (receive_option_reply (fd, 4711), ==, 0x80000001);
  SEND_OPTION_HEADER (fd, 3, 4);
  raw_send (fd, data, 4);
  g_assert_cmphex (receive_option_reply (fd, 3), ==, 0x80000003);
  SEND_OPTION_HEADER (fd, 7, sizeof data);
  raw_send (fd, data, sizeof data);
  g_assert_cmphex (receive_option_reply (fd, 7), ==, 0x80000009);

  SEND_OPTION_HEADER (fd, 3, 0);
  g_assert_cmphex (receive_option_reply (fd, 3), ==, 2);
  g_assert_cmphex (receive_option_reply (fd, 3), ==, 2);
  g_assert_cmphex (receive_option_reply (fd, 3), ==, 1);
  close (fd);
}

static void
test_bad_options (void)
{
  g_test_summary ("Unknown, malformed and oversized options are refused, and haggling goes on");
  run_raw (SCRATCH FIXED, bad_options);
}

static void
giant_option (Stage *stage)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 7, G_MAXUINT32);
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_giant_option (void)
{
  g_test_summary ("An option that claims 4 GiB of data ends the connection");
  run_raw (SCRATCH FIXED, giant_option);
}

static void
unknown_export (Stage *stage)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 1, 4);
  raw_send (fd, "none", 4);
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_unknown_export (void)
{
  g_test_summary ("EXPORT_NAME with an unknown name hangs up");
  run_raw (SCRATCH FIXED, unknown_export);
}

static void
empty_name (Stage *stage)
{
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "", &size, &flags);

  g_assert_cmpuint (size, ==, DISK_SIZE);
  g_assert_cmphex (flags & 3, ==, 1);
  close (fd);
}

static void
test_empty_name (void)
{
  g_test_summary ("The empty name means the only export");
  run_raw (SCRATCH, empty_name);
}

static void
refused_requests (Stage *stage)
{
  guint8 data[512] = { 1 };
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "fixed", &size, &flags);

  g_assert_cmphex (flags & 3, ==, 3);
  SEND_REQUEST (fd, 0, DISK_SIZE - 256, 512);
  g_assert_cmpuint (receive_simple (fd), ==, 22);
  SEND_REQUEST (fd, 0, G_MAXUINT64 - 255, 512);
  g_assert_cmpuint (receive_simple (fd), ==, 22);
  SEND_REQUEST (fd, 1, 0, sizeof data);
  raw_send (fd, data, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 1);

  SEND_REQUEST (fd, 0, 0, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  raw_receive (fd, data, sizeof data);
  g_assert_cmpuint (data[0], ==, 0);
  close (fd);
}

static void
test_refused_requests (void)
{
  g_test_summary ("Reads beyond the end are EINVAL, writes to a read-only export EPERM");
  run_raw (SCRATCH FIXED, refused_requests);
}

/* More than the socket holds, of what is sent from where it lies. */
static void
ask_and_listen (Stage *stage)
{
  g_autofree guint8 *data = g_malloc (DISK_SIZE);
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "scratch", &size, &flags);

  memset (data, 7, DISK_SIZE);
  SEND_REQUEST (fd, 1, 0, DISK_SIZE);
  raw_send (fd, data, DISK_SIZE);
  g_assert_cmpuint (receive_simple (fd), ==, 0);

  for (guint i = 0; i < 4; i++)
    SEND_REQUEST (fd, 0, 0, DISK_SIZE);
  shutdown (fd, SHUT_WR);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpuint (receive_simple (fd), ==, 0);
      raw_receive (fd, data, DISK_SIZE);
      for (guint j = 0; j < DISK_SIZE; j++)
        g_assert_cmpuint (data[j], ==, 7);
      memset (data, 0, DISK_SIZE);
    }
  raw_assert_hung_up (fd);
}

static void
test_half_closed (void)
{
  g_test_summary ("Who sends no more is sent all that it asked for before");
  run_raw (SCRATCH FIXED, ask_and_listen);
}

static void
vanish (Stage *stage)
{
  guint8 data[4096];
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "scratch", &size, &flags);

  memset (data, 0xee, sizeof data);
  SEND_REQUEST (fd, 1, 0, 1u << 20);
  raw_send (fd, data, sizeof data);
  close (fd);

  fd = raw_export (stage, "scratch", &size, &flags);
  SEND_REQUEST (fd, 0, 0, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  raw_receive (fd, data, sizeof data);
  for (gsize i = 0; i < sizeof data; i++)
    g_assert_cmpuint (data[i], ==, 0);
  close (fd);
}

static void
test_vanish (void)
{
  g_test_summary ("A write whose client goes in the middle of the payload writes nothing");
  run_raw (SCRATCH FIXED, vanish);
}

/* -- Extended headers. -- */

static void
extended (Stage *stage)
{
  guint8 data[65536], back[65536];
  int fd = raw_extended (stage);

  banyan_test_fill (data, 65536, sizeof data, 3);
  SEND_EXTENDED (fd, 1 << 5, 1, 65536, sizeof data);
  raw_send (fd, data, sizeof data);
  g_assert_cmpuint (receive_extended (fd, 0, 65536), ==, 0);

  SEND_EXTENDED (fd, 1 << 2, 0, 65536, sizeof back);
  g_assert_cmpuint (receive_extended (fd, 1, 65536), ==, 8 + sizeof back);
  g_assert_cmpuint (receive_number (fd, 8), ==, 65536);
  raw_receive (fd, back, sizeof back);
  banyan_test_assert_filled (back, 65536, sizeof back, 3);

  SEND_EXTENDED (fd, 0, 7, 0, 131072);
  g_assert_cmpuint (receive_extended (fd, 6, 0), ==, 8 + 2 * 16);
  g_assert_cmpuint (receive_number (fd, 4), ==, 1);
  g_assert_cmpuint (receive_number (fd, 4), ==, 2);
  g_assert_cmpuint (receive_number (fd, 8), ==, 65536);
  g_assert_cmpuint (receive_number (fd, 8), ==, 3);
  g_assert_cmpuint (receive_number (fd, 8), ==, 65536);
  g_assert_cmpuint (receive_number (fd, 8), ==, 0);
  close (fd);
}

static void
test_extended (void)
{
  g_test_summary ("With extended headers, data goes round and block status tells where it is");
  run_raw (SCRATCH FIXED, extended);
}

/* -- Closing. -- */

static int deaf_fd = -1;

/* Asks for 16 MiB, and reads none of it but the first header, which shows that it is on its way. */
static void
be_deaf (Stage *stage)
{
  guint64 size;
  guint flags;

  deaf_fd = raw_export (stage, "scratch", &size, &flags);
  for (guint i = 0; i < 16; i++)
    SEND_REQUEST (deaf_fd, 0, 0, 1u << 20);
  g_assert_cmpuint (receive_simple (deaf_fd), ==, 0);
}

static void
test_deaf_client (void)
{
  g_autoptr (Stage) stage = stage_new (SCRATCH);
  gint64 start;

  g_test_summary ("A client that reads no replies delays closing by the farewell, and no more");

  run_raw_on (stage, be_deaf);
  start = g_get_monotonic_time ();
  stage_close (stage);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 4 * G_USEC_PER_SEC);
  close (deaf_fd);
}

/* -- Names, abilities, permissions. -- */

static void
name_with_nul (Stage *stage)
{
  static const char name[] = "scratch\0x";
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 1, sizeof name - 1);
  raw_send (fd, name, sizeof name - 1);
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_name_with_nul (void)
{
  g_test_summary ("A name that goes on behind a NUL is not the name before it");
  run_raw (SCRATCH FIXED, name_with_nul);
}

static void
downgrade (Stage *stage)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 8, 0);
  g_assert_cmphex (receive_option_reply (fd, 8), ==, 1);
  SEND_OPTION_HEADER (fd, 11, 0);
  g_assert_cmphex (receive_option_reply (fd, 11), ==, 1);
  SEND_OPTION_HEADER (fd, 8, 0);
  g_assert_cmphex (receive_option_reply (fd, 8), ==, 0x8000000a);
  close (fd);
}

static void
test_downgrade (void)
{
  g_test_summary ("Structured replies are refused once extended headers have been agreed on");
  run_raw (SCRATCH, downgrade);
}

static void
resize (Stage *stage)
{
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "scratch", &size, &flags);
  int fixed = raw_export (stage, "fixed", &size, &flags);

  SEND_REQUEST (fd, 8, DISK_SIZE + 512, 0);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  SEND_REQUEST (fd, 4, DISK_SIZE, 512);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  SEND_REQUEST (fd, 8, DISK_SIZE, 0);
  g_assert_cmpuint (receive_simple (fd), ==, 1);
  close (fd);

  SEND_REQUEST (fixed, 8, DISK_SIZE + 512, 0);
  g_assert_cmpuint (receive_simple (fixed), ==, 1);
  close (fixed);
}

static void
test_resize (void)
{
  g_autoptr (Stage) stage
      = stage_new ("  scratch: { node: disk0, writable: true, resizable: true }\n" FIXED);
  BanyanNode *disk = banyan_graph_get_node (stage->graph, "disk0");
  guint64 size = 0;

  g_test_summary ("RESIZE makes a resizable export longer, never shorter, and no other one; the "
                  "node's property tells it");
  run_raw_on (stage, resize);

  /* The main thread hears of it by a message. */
  while (size != DISK_SIZE + 512)
    {
      g_object_get (disk, "size", &size, NULL);
      if (size != DISK_SIZE + 512)
        g_main_context_iteration (NULL, TRUE);
    }
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (
                       banyan_object_get_declaration (BANYAN_OBJECT (disk)), "size")),
                   ==, "4194816");
}

static void
test_resize_is_permitted (void)
{
  g_autoptr (Stage) stage = stage_new (SCRATCH FIXED);
  g_autoptr (GError) error = NULL;
  BanyanObject *export;

  g_test_summary ("An export becomes resizable only where nobody relies on the length");

  export = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0/scratch", &error);
  g_assert_no_error (error);
  g_assert_true (banyan_object_set (export, "resizable", "true", &error));
  g_assert_no_error (error);
  g_assert_true (banyan_object_set (export, "node", "disk1", &error) == FALSE);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
}

static void
test_clashing_exports (void)
{
  g_autofree char *longest = g_strnfill (4096, 'n');
  g_autofree char *too_long = g_strnfill (4097, 'n');
  g_autofree char *long_name = g_strdup_printf ("  a: { node: disk0, name: %s }\n", too_long);
  g_autofree char *long_text
      = g_strdup_printf ("  a: { node: disk0, description: %s }\n", too_long);
  g_autofree char *good = g_strdup_printf (
      "  a: { node: disk0, name: %s, default: true }\n  b: { node: disk1 }\n", longest);
  const char *const bad[] = {
    "  a: { node: disk0, name: b }\n  b: { node: disk1 }\n",
    "  a: { node: disk0, name: n }\n  b: { node: disk1, name: n }\n",
    "  a: { node: disk0, default: true }\n  b: { node: disk1, default: true }\n",
    long_name,
    long_text,
  };

  g_test_summary ("Exports that clients could not tell apart, or not list, are refused by check");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpuint (stage_count_problems (bad[i]), ==, 1);
  g_assert_cmpuint (stage_count_problems (good), ==, 0);
}

static void
test_late_clash (void)
{
  g_autoptr (Stage) stage = stage_new (SCRATCH FIXED);
  BanyanObject *server
      = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL);
  g_autoptr (BanyanObject) late
      = g_object_new (g_type_from_name ("NbdExport"), "id", "late", "name", "fixed", NULL);
  g_autoptr (BanyanTransaction) come = banyan_transaction_new (stage->graph);
  g_autoptr (GError) error = NULL;

  g_test_summary ("An export that joins later under a name that is taken is refused");

  g_object_set (late, "node", banyan_graph_get_node (stage->graph, "disk0"), NULL);
  banyan_transaction_add (come, late, server);
  g_assert_false (banyan_transaction_commit (come, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE);
}

/* -- Exports that come and go. -- */

#define ROUNDS 60
#define CALLERS 3

static gint callers_stop; /* atomic */
static gint n_served;     /* atomic */

/* Asks for the export, or about it, again and again; each is a right answer, and so is a hang-up.
 */
static gpointer
call_again_and_again (gpointer data)
{
  const Stage *stage = data;

  while (!g_atomic_int_get (&callers_stop))
    {
      int fd = raw_greet (stage);
      guint8 answer[20];

      SEND_OPTION_HEADER (fd, 7, 13);
      send_numbers (fd, "4", NUMBER (7));
      raw_send (fd, "scratch", 7);
      send_numbers (fd, "2", NUMBER (0));
      if (recv (fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer && answer[15] == 3)
        g_atomic_int_inc (&n_served);
      close (fd);
    }
  return NULL;
}

static int idle_fd;

static void
be_idle (Stage *stage)
{
  guint64 size;
  guint flags;

  idle_fd = raw_export (stage, "scratch", &size, &flags);
}

static void
hear_the_end (Stage *stage)
{
  raw_assert_hung_up (idle_fd);
}

static void
test_gone (void)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH FIXED);
  BanyanObject *server
      = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL);
  g_autoptr (BanyanTransaction) go = banyan_transaction_new (stage->graph);

  g_test_summary ("An export that goes hangs up on its clients");

  run_raw_on (stage, be_idle);
  banyan_transaction_remove (go, banyan_object_get_child (server, "scratch"));
  banyan_test_commit (go);
  run_raw_on (stage, hear_the_end);
}

static void
test_come_and_go (void)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH);
  BanyanObject *server
      = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL);
  GThread *callers[CALLERS];

  g_test_summary ("Exports come and go while clients on two iothreads ask for them");

  g_atomic_int_set (&callers_stop, FALSE);
  g_atomic_int_set (&n_served, 0);
  for (guint i = 0; i < CALLERS; i++)
    callers[i] = g_thread_new ("caller", call_again_and_again, stage);

  for (guint i = 0; i < ROUNDS || g_atomic_int_get (&n_served) < ROUNDS; i++)
    {
      g_autoptr (BanyanTransaction) go = banyan_transaction_new (stage->graph);
      g_autoptr (BanyanTransaction) come = banyan_transaction_new (stage->graph);
      BanyanObject *export
          = g_object_new (g_type_from_name ("NbdExport"), "id", "scratch", "writable", TRUE, NULL);

      g_object_set (export, "node", banyan_graph_get_node (stage->graph, "disk0"), NULL);
      banyan_transaction_remove (go, banyan_object_get_child (server, "scratch"));
      banyan_test_commit (go);
      banyan_transaction_add (come, export, server);
      banyan_test_commit (come);
      g_object_unref (export);
    }

  g_atomic_int_set (&callers_stop, TRUE);
  for (guint i = 0; i < CALLERS; i++)
    g_thread_join (callers[i]);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/nbd-server/handshake/bad-magic", test_bad_magic);
  g_test_add_func ("/nbd-server/handshake/bad-options", test_bad_options);
  g_test_add_func ("/nbd-server/handshake/giant-option", test_giant_option);
  g_test_add_func ("/nbd-server/handshake/unknown-export", test_unknown_export);
  g_test_add_func ("/nbd-server/handshake/empty-name", test_empty_name);
  g_test_add_func ("/nbd-server/requests/are-refused-with-their-errno", test_refused_requests);
  g_test_add_func ("/nbd-server/requests/half-closed-is-answered", test_half_closed);
  g_test_add_func ("/nbd-server/requests/half-a-write-writes-nothing", test_vanish);
  g_test_add_func ("/nbd-server/requests/extended-go-round", test_extended);
  g_test_add_func ("/nbd-server/close/deaf-client", test_deaf_client);
  g_test_add_func ("/nbd-server/handshake/name-with-nul", test_name_with_nul);
  g_test_add_func ("/nbd-server/handshake/no-downgrade", test_downgrade);
  g_test_add_func ("/nbd-server/requests/resize-lengthens-only", test_resize);
  g_test_add_func ("/nbd-server/exports/resizable-alone", test_resize_is_permitted);
  g_test_add_func ("/nbd-server/exports/refuses-clashes", test_clashing_exports);
  g_test_add_func ("/nbd-server/exports/refuses-late-clash", test_late_clash);
  g_test_add_func ("/nbd-server/exports/gone-hangs-up", test_gone);
  g_test_add_func ("/nbd-server/exports/come-and-go", test_come_and_go);
  return g_test_run ();
}
