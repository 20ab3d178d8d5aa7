/* test-nbd-hostile.c - clients of an NBD server that stall, vanish, flood or lie harm nobody else
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each has the server in a bad place when the graph changes beneath the export: a transaction that
 * had to wait for such a client would never end, and the test with it. A good client is served
 * before and after. */

#include "nbd-stage.h"

#include <sys/resource.h>

#define MANY 32

static int held[MANY]; /* sockets of clients that stay as they are */
static guint n_held;

static int
hold (int fd)
{
  g_assert_cmpuint (n_held, <, MANY);
  return held[n_held++] = fd;
}

static int
come_in (const Stage *stage)
{
  guint64 size;
  guint flags;

  return raw_export (stage, "scratch", &size, &flags);
}

/* -- Clients. -- */

static void
stall_in_handshake (Stage *stage)
{
  int fd = hold (raw_greet (stage));

  raw_send (fd, "IHAVE", 5);
  fd = hold (raw_greet (stage));
  SEND_OPTION_HEADER (fd, 7, 4000);
  fd = hold (raw_connect (stage));
}

static void
stall_in_payload (Stage *stage)
{
  guint8 data[4096] = { 0 };
  int fd = hold (come_in (stage));

  SEND_REQUEST (fd, 1, 0, 1u << 20);
  raw_send (fd, data, sizeof data);
  fd = hold (come_in (stage));
  SEND_REQUEST (fd, 1, 0, 100);
  fd = hold (come_in (stage));
  raw_send (fd, "\x25\x60\x95", 3);
}

/* The first header shows that the rest is on its way. */
static void
take_no_answers (Stage *stage)
{
  int fd = hold (come_in (stage));

  for (guint i = 0; i < 64; i++)
    SEND_REQUEST (fd, 0, 0, 4u << 20);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
}

/* More than the server lets into the graph at once, and nothing is read. */
static void
flood (Stage *stage)
{
  int fd = hold (come_in (stage));
  guint8 request[28] = { 0x25, 0x60, 0x95, 0x13, [15] = 1, [25] = 1 };
  gssize n;

  do
    n = send (fd, request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n == sizeof request);
  g_assert_true (n > 0 || errno == EAGAIN);
}

static void
send_writes (int fd)
{
  g_autofree guint8 *data = g_malloc0 (65536);

  for (guint i = 0; i < MANY; i++)
    {
      SEND_REQUEST (fd, 1, i * 65536, 65536);
      raw_send (fd, data, 65536);
    }
}

static void
vanish_with_requests (Stage *stage)
{
  int fd = come_in (stage);

  send_writes (fd);
  close (fd);
}

/* Closing such a socket is no goodbye but a reset. */
static void
reset (Stage *stage)
{
  struct linger at_once = { 1, 0 };
  int fd = come_in (stage);

  send_writes (fd);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), ==, 0);
  close (fd);
}

static void
lie (Stage *stage)
{
  int fd = come_in (stage);

  SEND_REQUEST (fd, 1, 0, G_MAXUINT32);
  raw_assert_hung_up (fd);
  fd = come_in (stage);
  SEND_REQUEST (fd, 0, 0, 512);
  raw_send (fd, "no request, but as long as one", 28);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  close (fd);
}

/* -- What goes on meanwhile. -- */

static void
be_good (Stage *stage)
{
  guint8 data[4096], back[4096];
  int fd = come_in (stage);

  banyan_test_fill (data, 0, sizeof data, 5);
  SEND_REQUEST (fd, 1, 2u << 20, sizeof data);
  raw_send (fd, data, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  SEND_REQUEST (fd, 0, 2u << 20, sizeof back);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  raw_receive (fd, back, sizeof back);
  g_assert_cmpmem (back, sizeof back, data, sizeof data);
  close (fd);
}

static void
change_graph (Stage *stage, guint n)
{
  g_autoptr (BanyanTransaction) change = banyan_transaction_new (stage->graph);
  g_autofree char *id = g_strdup_printf ("filter%u", n);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) filter = banyan_object_new ("delay", id, &error);
  BanyanChild *edge;

  g_assert_no_error (error);
  edge = banyan_graph_resolve_edge (stage->graph, "/frontends/nbd0/scratch:node", &error);
  g_assert_no_error (error);
  banyan_transaction_add (change, filter, NULL);
  banyan_transaction_insert_on_edge (change, BANYAN_NODE (filter), edge);
  banyan_transaction_commit (change, &error);
  g_assert_no_error (error);
}

static void
test_hostile (gconstpointer data)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH);
  RawFunc be_hostile = *(const RawFunc *) data;

  g_test_summary ("Neither a change of the graph nor another client waits for such a client");

  n_held = 0;
  banyan_object_set (banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL),
                     "farewell-max-seconds", "0", NULL);
  run_raw_on (stage, be_good);
  for (guint i = 0; i < 4; i++)
    {
      run_raw_on (stage, be_hostile);
      change_graph (stage, i);
      run_raw_on (stage, be_good);
    }
  for (guint i = 0; i < n_held; i++)
    close (held[i]);
}

/* -- Threads. -- */

/* A filter that knows on which threads reads came, and keeps one of them in the driver. */
G_DECLARE_FINAL_TYPE (TestWitness, test_witness, TEST, WITNESS, BanyanFilter)
struct _TestWitness
{
  BanyanFilter parent_instance;
  BanyanChild *file; /* (unowned) */
};
G_DEFINE_FINAL_TYPE (TestWitness, test_witness, BANYAN_TYPE_FILTER)

#define STUCK_AT (1u << 20)

static GMutex witness_mutex;
static GCond witness_cond;
static GHashTable *witness_threads; /* (owned): of those that read */
static gboolean is_stuck, may_go;

/* Blocks the whole thread, as no driver should. */
static void
get_stuck (void)
{
  is_stuck = TRUE;
  g_cond_broadcast (&witness_cond);
  while (!may_go)
    g_cond_wait (&witness_cond, &witness_mutex);
}

static gboolean BANYAN_COROUTINE
test_witness_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  g_mutex_lock (&witness_mutex);
  g_hash_table_add (witness_threads, g_thread_self ());
  if (request->offset == STUCK_AT)
    get_stuck ();
  g_mutex_unlock (&witness_mutex);
  return banyan_child_read (((TestWitness *) node)->file, request, error);
}

static const BanyanNodeOps test_witness_ops = {
  .size = sizeof test_witness_ops,
  .read = test_witness_read,
};

static void
test_witness_class_init (TestWitnessClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  banyan_node_class_set_ops (node_class, &test_witness_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED, "What is read",
                                    G_STRUCT_OFFSET (TestWitness, file));
}

static void
test_witness_init (TestWitness *self)
{
}

static void
read_at (int fd, guint64 offset)
{
  guint8 data[512];

  SEND_REQUEST (fd, 0, offset, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  raw_receive (fd, data, sizeof data);
}

static void
spread (Stage *stage)
{
  int fds[4];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = come_in (stage);
      read_at (fds[i], 0);
    }
  g_assert_cmpuint (g_hash_table_size (witness_threads), ==, 2);

  SEND_REQUEST (fds[0], 0, STUCK_AT, 512);
  g_mutex_lock (&witness_mutex);
  while (!is_stuck)
    g_cond_wait (&witness_cond, &witness_mutex);
  g_mutex_unlock (&witness_mutex);

  /* Dealt out in turn: the second and the fourth are with the other thread. */
  for (guint i = 0; i < 100; i++)
    {
      read_at (fds[1], 512);
      read_at (fds[3], 512);
    }

  g_mutex_lock (&witness_mutex);
  may_go = TRUE;
  g_cond_broadcast (&witness_cond);
  g_mutex_unlock (&witness_mutex);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
test_spread (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autoptr (BanyanTransaction) change = NULL;
  g_autoptr (BanyanObject) witness = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Connections are dealt out to iothreads, and one that is busy delays no other's");

  banyan_registry_add_builtin (banyan_registry_get_default (), "test-witness", BANYAN_PLUGIN_FILTER,
                               test_witness_get_type (), "Tells on which threads it is read");
  witness_threads = g_hash_table_new (NULL, NULL);
  stage = stage_new_threaded (SCRATCH);
  witness = banyan_object_new ("test-witness", "witness", &error);
  g_assert_no_error (error);
  change = banyan_transaction_new (stage->graph);
  banyan_transaction_add (change, witness, NULL);
  banyan_transaction_insert_on_edge (
      change, BANYAN_NODE (witness),
      banyan_graph_resolve_edge (stage->graph, "/frontends/nbd0/scratch:node", NULL));
  banyan_transaction_commit (change, &error);
  g_assert_no_error (error);

  run_raw_on (stage, spread);
  g_hash_table_unref (witness_threads);
}

/* -- Requests that take long. -- */

static void
ask_for_hours (Stage *stage)
{
  int fd = hold (come_in (stage));

  for (guint i = 0; i < MANY; i++)
    SEND_REQUEST (fd, i % 2, 0, 0);
  SEND_REQUEST (fd, 0, 0, 512);
  SEND_REQUEST (fd, 3, 0, 0);
  for (guint i = 0; i <= MANY; i++)
    g_assert_cmpuint (receive_simple (fd), ==, 0);
}

static void
test_long_request (void)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH);
  BanyanObject *server
      = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL);
  g_autoptr (BanyanTransaction) go = banyan_transaction_new (stage->graph);
  g_autoptr (GError) error = NULL;

  g_test_summary ("An export that goes waits for a request that sleeps no longer than it should");

  n_held = 0;
  change_graph (stage, 0);
  banyan_object_set (server, "farewell-max-seconds", "0", &error);
  g_assert_no_error (error);
  banyan_object_set (BANYAN_OBJECT (banyan_graph_get_node (stage->graph, "filter0")), "read-delay",
                     "600000", &error);
  g_assert_no_error (error);
  run_raw_on (stage, ask_for_hours);
  banyan_transaction_remove (go, banyan_object_get_child (server, "scratch"));
  banyan_transaction_commit (go, &error);
  g_assert_no_error (error);
  close (held[0]);
}

/* -- Those who have gone. -- */

/* More than a client may have in flight, so that not all is read. */
static void
ask_and_go (Stage *stage)
{
  int one = come_in (stage);
  int many = come_in (stage);

  SEND_REQUEST (one, 0, 0, 512);
  close (one);
  for (guint i = 0; i < 260; i++)
    SEND_REQUEST (many, 0, 0, 512);
  close (many);
}

static void
say_goodbye_and_go (Stage *stage)
{
  int one = come_in (stage);
  int other = come_in (stage);

  SEND_REQUEST (one, 0, 0, 512);
  SEND_REQUEST (one, 2, 0, 0);
  close (one);
  SEND_REQUEST (other, 0, 0, 512);
  close (other);
}

static void
write_one (Stage *stage)
{
  guint8 data[512] = { 0 };
  int fd = come_in (stage);

  SEND_REQUEST (fd, 1, 0, sizeof data);
  raw_send (fd, data, sizeof data);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  close (fd);
}

static void
test_gives_up_place (void)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH);
  BanyanObject *server
      = banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Who has gone has no place, however long its requests take");

  change_graph (stage, 0);
  banyan_object_set (server, "farewell-max-seconds", "0", &error);
  g_assert_no_error (error);
  banyan_object_set (server, "max-connections", "2", &error);
  g_assert_no_error (error);
  banyan_object_set (BANYAN_OBJECT (banyan_graph_get_node (stage->graph, "filter0")), "read-delay",
                     "600000", &error);
  g_assert_no_error (error);
  run_raw_on (stage, ask_and_go);
  run_raw_on (stage, write_one);
  run_raw_on (stage, say_goodbye_and_go);
  run_raw_on (stage, write_one);
}

/* -- All of them at once. -- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED TRUE
#else
#define IS_SANITIZED FALSE
#endif

#define N_FLOODS 16
#define FLOOD 256
#define LATENCY_MS "200"

/* Leaves address space for fewer stacks than the flood would take. */
static void
limit_address_space (void)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit limit;

  g_file_get_contents ("/proc/self/statm", &text, NULL, &error);
  g_assert_no_error (error);
  limit.rlim_cur = g_ascii_strtoull (text, NULL, 10) * sysconf (_SC_PAGESIZE) + (800ull << 20);
  limit.rlim_max = RLIM_INFINITY;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
}

/* One who is good is served before the others are through. */
static void
flood_together (Stage *stage)
{
  static guint8 requests[FLOOD][28];
  int fds[N_FLOODS];
  guint8 data[512];

  for (guint i = 0; i < FLOOD; i++)
    memcpy (requests[i], "\x25\x60\x95\x13\0\0\0\0\0\0\0\0\0\xc0\x0c\x1e\0\0\0\0\0\0\0\0\0\0\2\0",
            sizeof requests[i]);
  for (guint i = 0; i < N_FLOODS; i++)
    fds[i] = come_in (stage);
  for (guint i = 0; i < N_FLOODS; i++)
    raw_send (fds[i], requests, sizeof requests);
  be_good (stage);
  for (guint i = 0; i < N_FLOODS; i++)
    {
      for (guint j = 0; j < FLOOD; j++)
        {
          g_assert_cmpuint (receive_simple (fds[i]), ==, 0);
          raw_receive (fds[i], data, sizeof data);
        }
      close (fds[i]);
    }
}

static void
flood_in_little_space (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autoptr (GError) error = NULL;

  limit_address_space ();
  stage = stage_new (SCRATCH);
  change_graph (stage, 0);
  banyan_object_set (BANYAN_OBJECT (banyan_graph_get_node (stage->graph, "filter0")), "read-delay",
                     LATENCY_MS, &error);
  g_assert_no_error (error);
  run_raw_on (stage, flood_together);
}

static void
test_flood_together (void)
{
  g_test_summary (
      "Where all requests of all clients have no room for stacks, some wait for others");

  if (IS_SANITIZED)
    {
      g_test_skip ("sanitizers want all address space there is");
      return;
    }
  if (g_test_subprocess ())
    {
      flood_in_little_space ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* -- Those who come while the graph changes. -- */

static gint stop_greeting; /* atomic */
static gint n_greeted;     /* atomic */

static gpointer
greet_again_and_again (gpointer data)
{
  const Stage *stage = data;

  while (!g_atomic_int_get (&stop_greeting))
    {
      int fd = raw_greet (stage);

      send_option (fd, 6, "scratch", "\0\0", 2);
      g_assert_cmphex (receive_option_reply (fd, 6), ==, 3);
      g_assert_cmphex (receive_option_reply (fd, 6), ==, 1);
      g_atomic_int_inc (&n_greeted);
      close (fd);
    }
  return NULL;
}

static void
test_greets_under_change (void)
{
  g_autoptr (Stage) stage = stage_new_threaded (SCRATCH);
  GThread *greeters[2];

  g_test_summary ("Clients are told of an export while the very edge that it has is moved");

  for (guint i = 0; i < G_N_ELEMENTS (greeters); i++)
    greeters[i] = g_thread_new ("greeter", greet_again_and_again, stage);
  for (guint i = 0; i < 30 || g_atomic_int_get (&n_greeted) < 100; i++)
    {
      g_autoptr (BanyanTransaction) away = banyan_transaction_new (stage->graph);
      g_autofree char *id = g_strdup_printf ("filter%u", i);
      g_autoptr (GError) error = NULL;

      change_graph (stage, i);
      banyan_transaction_remove_filter (away, banyan_graph_get_node (stage->graph, id));
      banyan_transaction_commit (away, &error);
      g_assert_no_error (error);
    }
  g_atomic_int_set (&stop_greeting, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (greeters); i++)
    g_thread_join (greeters[i]);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    RawFunc func;
  } hostile[] = {
    { "/nbd-hostile/stalls-in-handshake", stall_in_handshake },
    { "/nbd-hostile/stalls-in-payload", stall_in_payload },
    { "/nbd-hostile/takes-no-answers", take_no_answers },
    { "/nbd-hostile/floods", flood },
    { "/nbd-hostile/vanishes", vanish_with_requests },
    { "/nbd-hostile/resets", reset },
    { "/nbd-hostile/lies", lie },
  };

  banyan_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++)
    g_test_add_data_func (hostile[i].path, &hostile[i].func, test_hostile);
  g_test_add_func ("/nbd-hostile/iothreads/spread", test_spread);
  g_test_add_func ("/nbd-hostile/exports/long-request", test_long_request);
  g_test_add_func ("/nbd-hostile/gives-up-place", test_gives_up_place);
  g_test_add_func ("/nbd-hostile/floods-together", test_flood_together);
  g_test_add_func ("/nbd-hostile/iothreads/greets-under-change", test_greets_under_change);
  return g_test_run ();
}
