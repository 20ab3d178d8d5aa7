/* fuzz-nbd.c - the NBD server, by a client whose every step the input decides
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input is one byte of habits, then steps: a letter each (any other byte counts modulo their
 * number) and what it needs. The client builds most of what it sends with the right magic numbers,
 * so that inputs get far, and leaves everything else to the input: values, order, what lengths
 * claim, where the stream is cut, whether anybody reads, when it hangs up.
 *
 * The server takes one client at a time. That a good client is served after each input tells that
 * the input's own connections are over, and that all still works. Nothing waits for a clock: a cut
 * lets the server's thread come to rest, by messages to its loop. */

#include <banyan/banyan.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define LONG_SIZE 65536
#define MAX_STEPS 200
#define MAX_CUTS 32
#define MAX_SENT (4u << 20)

/* "slow" waits for each request to its first half, and fails in its second; "long" may grow. */
static const char document[]
    = "version: 1\n"
      "nodes:\n"
      "  disk: { driver: memory, size: 1M }\n"
      "  odd: { driver: memory, size: 100001 }\n"
      "  long: { driver: memory, size: 64K }\n"
      "  slow:\n"
      "    driver: blkdebug\n"
      "    image: { driver: memory, size: 128K }\n"
      "    rules:\n"
      "      - { length: 64K, delay: 1us, operations: [read, write, discard, write-zeroes] }\n"
      "      - { operations: [block-status], delay: 1us }\n"
      "      - { offset: 64K, error: eio, operations: [read, write, discard, write-zeroes] }\n"
      "frontends:\n"
      "  nbd0:\n"
      "    type: nbd-server\n"
      "    listen: { type: unix, path: %s, abstract: true }\n"
      "    max-connections: 1\n"
      "    handshake-max-seconds: 0\n"
      "    exports:\n"
      "      disk: { node: disk, writable: true, default: true }\n"
      "      fixed: { node: odd, description: cannot be written to }\n"
      "      long: { node: long, writable: true, resizable: true }\n"
      "      slow: { node: slow, writable: true }\n";

static const char *const exports[] = { "disk", "fixed", "long", "slow", "", "none" };
static const char *const queries[]
    = { "base:allocation", "base:", "", "base:all", "qemu:dirty-bitmap:b" };

static BanyanGraph *graph; /* (owned): for as long as the process lives */
static char *socket_name;

/* -- The input, from the front; beyond its end all is zero. -- */

typedef struct
{
  const guint8 *at;
  gsize left;
} Input;

static guint64
take (Input *input, guint width)
{
  guint64 value = 0;

  for (guint i = 0; i < width && input->left > 0; i++, input->at++, input->left--)
    value = value << 8 | *input->at;
  return value;
}

/* An offset or a length: of whole pages, of few bytes, or anything. */
static guint64
take_number (Input *input)
{
  guint8 code = take (input, 1);

  if (code < 0x80)
    return code * (guint64) 4096;
  if (code < 0xf0)
    return code - 0x80;
  return take (input, code < 0xf8 ? 4 : 8);
}

/* -- The client. -- */

typedef struct
{
  Input input;
  int fd;
  GByteArray *gathered; /* (owned): not yet sent */
  gboolean reads_late;  /* not before it has to */
  gboolean extended;    /* asked for, so that requests have the right shape */
  gboolean is_over;     /* the server has hung up, or we have */
  guint n_cuts;
  gsize n_sent;
} Client;

static void
put (Client *client, guint64 value, guint width)
{
  while (width-- > 0)
    {
      guint8 byte = value >> (8 * width);

      g_byte_array_append (client->gathered, &byte, 1);
    }
}

static void
put_text (GByteArray *to, const char *text)
{
  g_byte_array_append (to, (const guint8 *) text, strlen (text));
}

static void
put_bytes (Client *client, guint8 byte, gsize n)
{
  gsize before = client->gathered->len;

  n = MIN (n, MAX_SENT - MIN (MAX_SENT, client->n_sent + before));
  g_byte_array_set_size (client->gathered, before + n);
  memset (client->gathered->data + before, byte, n);
}

static int
connect_to_server (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = strlen (socket_name);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  memcpy (address.sun_path + 1, socket_name, length);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address,
                            G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + length),
                   ==, 0);
  return fd;
}

/* libFuzzer looks at the clock by a signal, which ends what waits. */
static gssize
receive (int fd, gpointer data, gsize length)
{
  gssize n;

  do
    n = recv (fd, data, length, 0);
  while (n < 0 && errno == EINTR);
  return n;
}

/* FALSE: there will be no more. */
static gboolean
read_some (int fd)
{
  static guint8 sink[1 << 16];

  return receive (fd, sink, sizeof sink) > 0;
}

static void
hang_up (Client *client)
{
  close (client->fd);
  client->is_over = TRUE;
  g_byte_array_set_size (client->gathered, 0);
}

/* Reads where the server takes nothing more: it may wait for just that. */
static void
send_gathered (Client *client)
{
  gsize done = 0;

  while (!client->is_over && done < client->gathered->len)
    {
      struct pollfd poll_fd = { client->fd, POLLIN | POLLOUT, 0 };
      gssize n = send (client->fd, client->gathered->data + done, client->gathered->len - done,
                       MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0)
        {
          done += n;
          client->n_sent += n;
        }
      else if (poll (&poll_fd, 1, -1) > 0
               && (poll_fd.revents & (POLLERR | POLLHUP)
                   || (poll_fd.revents & POLLIN && !read_some (client->fd))))
        hang_up (client);
    }
  g_byte_array_set_size (client->gathered, 0);
}

/* -- Coming to rest. -- */

typedef struct
{
  BanyanTask task;
  GMutex mutex;
  GCond cond;
  gboolean has_come;
} Mark;

static void
mark_comes (BanyanTask *task)
{
  Mark *mark = (Mark *) task;

  g_mutex_lock (&mark->mutex);
  mark->has_come = TRUE;
  g_cond_signal (&mark->cond);
  g_mutex_unlock (&mark->mutex);
}

/* The server's loop has gone round: what it was sent before, it has received. */
static void
go_round (void)
{
  Mark mark = { .task = { .func = mark_comes } };

  g_mutex_init (&mark.mutex);
  g_cond_init (&mark.cond);
  banyan_loop_post (banyan_graph_get_loop (graph), &mark.task);
  g_mutex_lock (&mark.mutex);
  while (!mark.has_come)
    g_cond_wait (&mark.cond, &mark.mutex);
  g_mutex_unlock (&mark.mutex);
  g_mutex_clear (&mark.mutex);
  g_cond_clear (&mark.cond);
}

static void
cut (Client *client)
{
  struct pollfd poll_fd = { client->fd, POLLIN, 0 };

  if (client->n_cuts++ >= MAX_CUTS)
    return;
  send_gathered (client);
  go_round ();
  go_round ();

  while (!client->is_over && !client->reads_late && poll (&poll_fd, 1, 0) > 0)
    if (!read_some (client->fd))
      hang_up (client);
}

/* -- Steps. -- */

static const char *
take_name (Input *input, const char *const *names, gsize n)
{
  return names[take (input, 1) % n];
}

static void
put_long_text (GByteArray *to, const char *text)
{
  guint32 length = GUINT32_TO_BE (strlen (text));

  g_byte_array_append (to, (guint8 *) &length, sizeof length);
  put_text (to, text);
}

/* A number as wide as @width says, at most 4. */
static void
put_number (GByteArray *to, guint32 value, guint width)
{
  value = GUINT32_TO_BE (value << (8 * (4 - width)));
  g_byte_array_append (to, (guint8 *) &value, width);
}

/* GO and INFO: a name and types of information. */
static void
fill_go (Client *client, GByteArray *data)
{
  guint n;

  put_long_text (data, take_name (&client->input, exports, G_N_ELEMENTS (exports)));
  n = take (&client->input, 1) % 8;
  put_number (data, n, 2);
  for (guint i = 0; i < n; i++)
    put_number (data, take (&client->input, 1), 2);
}

static void
fill_queries (Client *client, GByteArray *data)
{
  guint n;

  put_long_text (data, take_name (&client->input, exports, G_N_ELEMENTS (exports)));
  n = take (&client->input, 1) % 80;
  put_number (data, n, 4);
  for (guint i = 0; i < n; i++)
    put_long_text (data, take_name (&client->input, queries, G_N_ELEMENTS (queries)));
}

static void
fill_raw (Client *client, GByteArray *data)
{
  gsize n = take (&client->input, 1);

  n = MIN (n, client->input.left);
  g_byte_array_append (data, client->input.at, n);
  client->input.at += n;
  client->input.left -= n;
}

/* The data that belongs to the option, or any; and a length that is right, or any. */
static void
step_option (Client *client)
{
  guint32 option = take (&client->input, 1);
  guint8 how = take (&client->input, 1);
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint32 length;

  if (how & 1)
    fill_raw (client, data);
  else if (option == 1)
    put_text (data, take_name (&client->input, exports, G_N_ELEMENTS (exports)));
  else if (option == 6 || option == 7)
    fill_go (client, data);
  else if (option == 9 || option == 10)
    fill_queries (client, data);

  length = how & 2 ? take_number (&client->input) : data->len;
  if (option == 11 && length == 0)
    client->extended = TRUE;
  put (client, how & 4 ? take (&client->input, 8) : 0x49484156454f5054ull, 8);
  put (client, option, 4);
  put (client, length, 4);
  g_byte_array_append (client->gathered, data->data, data->len);
}

/* Payload comes with what has one, of the length that was said, up to 1 MiB. */
static void
step_request (Client *client)
{
  Input *input = &client->input;
  guint type = take (input, 1);
  guint flags = take (input, 1);
  guint64 offset = take_number (input), length = take_number (input);
  gboolean has_payload = type == 1 || (client->extended && flags & 1 << 5);

  if (client->extended && type == 1)
    flags ^= 1 << 5; /* the rule, here */
  put (client, client->extended ? 0x21e41c71 : 0x25609513, 4);
  put (client, flags, 2);
  put (client, type, 2);
  put (client, client->n_sent + client->gathered->len, 8);
  put (client, offset, 8);
  put (client, length, client->extended ? 8 : 4);
  if (has_payload && type == 7 && length == 12)
    {
      put (client, take_number (input), 8);
      put (client, take (input, 1), 4);
    }
  else if (has_payload)
    put_bytes (client, type, MIN (length, 1 << 20));
}

static void
step_raw (Client *client)
{
  fill_raw (client, client->gathered);
}

/* The same request many times over: more than the server takes at once. */
static void
step_flood (Client *client)
{
  guint n = take (&client->input, 1) * 2;
  Input from = client->input;

  for (guint i = 0; i < n && client->gathered->len < MAX_SENT / 8; i++)
    {
      client->input = from;
      step_request (client);
    }
}

/* Goes without a word, and comes again. */
static void
step_again (Client *client)
{
  send_gathered (client);
  if (!client->is_over)
    close (client->fd);
  client->fd = connect_to_server ();
  client->is_over = client->extended = FALSE;
  put (client, take (&client->input, 1) % 4, 4);
}

/* Says nothing more, but listens. */
static void
step_half_close (Client *client)
{
  send_gathered (client);
  if (!client->is_over)
    shutdown (client->fd, SHUT_WR);
}

static void
run_step (Client *client)
{
  static const char letters[] = "orb.fah";
  static void (*const steps[]) (Client *)
      = { step_option, step_request, step_raw, cut, step_flood, step_again, step_half_close };
  guint8 byte = take (&client->input, 1);
  const char *letter = byte != 0 ? strchr (letters, byte) : NULL;

  steps[letter != NULL ? (guint) (letter - letters) : byte % G_N_ELEMENTS (steps)](client);
  if (client->is_over && client->input.left > 0)
    step_again (client);
}

/* Habits: reads late; ends by listening to all that comes; odd flags of its own. */
static void
run_client (Input input)
{
  guint8 habits = take (&input, 1);
  Client client = { .input = input, .fd = connect_to_server (), .reads_late = habits & 1 };

  client.gathered = g_byte_array_new ();
  put (&client, habits & 4 ? take (&client.input, 4) : 3, 4);
  for (guint i = 0; i < MAX_STEPS && client.input.left > 0 && client.n_sent < MAX_SENT; i++)
    run_step (&client);

  send_gathered (&client);
  if (!client.is_over && habits & 2)
    {
      shutdown (client.fd, SHUT_WR);
      while (read_some (client.fd))
        ;
    }
  if (!client.is_over)
    close (client.fd);
  g_byte_array_unref (client.gathered);
}

/* -- Afterwards. -- */

static void
must_receive (int fd, gpointer data, gsize length)
{
  guint8 *to = data;

  while (length > 0)
    {
      gssize n = receive (fd, to, length);

      if (n <= 0)
        g_error ("a good client is not served: %s", n < 0 ? g_strerror (errno) : "hung up");
      to += n;
      length -= n;
    }
}

static void
assert_answered (int fd, guint8 cookie)
{
  const guint8 wanted[16] = { 0x67, 0x44, 0x66, 0x98, [15] = cookie };
  guint8 reply[16];

  must_receive (fd, reply, sizeof reply);
  g_assert_cmpmem (reply, sizeof reply, wanted, sizeof wanted);
}

/* A write, a read of the same, and goodbye. */
static void
assert_serves (void)
{
  static const guint8 opening[] = "\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\4disk";
  guint8 request[28] = { 0x25, 0x60, 0x95, 0x13, [7] = 1, [15] = 1, [26] = 2 };
  guint8 greeting[18 + 10], data[512], back[512];
  int fd = connect_to_server ();
  guint n_connections;

  g_assert_cmpint (send (fd, opening, sizeof opening - 1, MSG_NOSIGNAL), ==, sizeof opening - 1);
  must_receive (fd, greeting, sizeof greeting);
  g_assert_cmpmem (greeting, 8, "NBDMAGIC", 8);
  g_assert_cmpmem (greeting + 18, 8, "\0\0\0\0\0\x10\0\0", 8);
  g_object_get (banyan_object_resolve (BANYAN_OBJECT (graph), "/frontends/nbd0", NULL),
                "connections", &n_connections, NULL);
  g_assert_cmpuint (n_connections, ==, 1);

  memset (data, 0xb5, sizeof data);
  send (fd, request, sizeof request, MSG_NOSIGNAL);
  send (fd, data, sizeof data, MSG_NOSIGNAL);
  assert_answered (fd, 1);
  request[7] = 0, request[15] = 2;
  send (fd, request, sizeof request, MSG_NOSIGNAL);
  assert_answered (fd, 2);
  must_receive (fd, back, sizeof back);
  g_assert_cmpmem (back, sizeof back, data, sizeof data);

  request[7] = 2;
  send (fd, request, sizeof request, MSG_NOSIGNAL);
  g_assert_cmpint (receive (fd, back, 1), ==, 0);
  close (fd);
}

/* What an input has made longer would make the next one's reads slower. An export's disk cannot be
 * shrunk, so it gets another. */
static void
replace_what_has_grown (void)
{
  static guint n_replaced;
  g_autoptr (GError) error = NULL;
  BanyanChild *edge = banyan_graph_resolve_edge (graph, "/frontends/nbd0/long:node", &error);
  BanyanNode *node = banyan_child_get_node (edge);
  g_autofree char *id = NULL;
  g_autoptr (BanyanObject) fresh = NULL;
  g_autoptr (BanyanTransaction) transaction = NULL;

  if (banyan_node_get_length (node) == LONG_SIZE)
    return;

  id = g_strdup_printf ("long-%u", ++n_replaced);
  fresh = banyan_object_new ("memory", id, &error);
  g_assert_no_error (error);
  g_object_set (fresh, "size", (guint64) LONG_SIZE, NULL);
  transaction = banyan_transaction_new (graph);
  banyan_transaction_add (transaction, fresh, NULL);
  banyan_transaction_replace_child (transaction, edge, BANYAN_NODE (fresh));
  banyan_transaction_remove (transaction, BANYAN_OBJECT (node));
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

/* -- The server. -- */

static void
close_graph (void)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (graph, &error);
  g_assert_no_error (error);
  g_clear_object (&graph);
  g_clear_pointer (&socket_name, g_free);
}

static void
open_graph (void)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, TRUE);
  socket_name = g_strdup_printf ("/banyan-fuzz-nbd-%d", getpid ());
  text = g_strdup_printf (document, socket_name);
  graph = banyan_graph_new ();
  banyan_graph_load (graph, text, -1, "fuzz.yaml", "/", &error);
  g_assert_no_error (error);
  atexit (close_graph);
}

/* Before libFuzzer looks which modules there are: it is to see the plugins, too. */
int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  open_graph ();
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (graph == NULL)
    open_graph ();

  run_client ((Input){ data, size });
  assert_serves ();
  replace_what_has_grown ();
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return 0;
}
