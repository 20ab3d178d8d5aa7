/* test-nbd-server.c - the NBD server, asked by real clients and by sockets that behave badly
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The numbers of the protocol are written out here once more: a mistake shared with the server
 * would not show. */

#include "banyan-test.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_S 10
#define DISK_SIZE (4u << 20)

/* -- A server in a folder of its own. -- */

typedef struct
{
  BanyanGraph *graph;
  char *folder;
  char *socket_path;
  GMainLoop *loop;
} Stage;

#define SCRATCH "  scratch: { node: disk0, writable: true, description: a scratch disk }\n"
#define FIXED "  fixed: { node: disk1 }\n"

static char *
document_of (const Stage *stage, const char *exports)
{
  g_auto (GStrv) lines = g_strsplit (exports, "\n", -1);
  g_autofree char *indented = g_strjoinv ("\n    ", lines);

  return g_strdup_printf ("version: 1\n"
                          "nodes:\n"
                          "  disk0: { driver: memory, size: 4M }\n"
                          "  disk1: { driver: memory, size: 4M }\n"
                          "frontends:\n"
                          "  nbd0:\n"
                          "    type: nbd-server\n"
                          "    listen: { type: unix, path: %s }\n"
                          "    exports:\n"
                          "    %s\n",
                          stage->socket_path, indented);
}

static Stage *
stage_new (const char *exports)
{
  Stage *stage = g_new0 (Stage, 1);
  g_autofree char *document = NULL;
  g_autoptr (GError) error = NULL;

  stage->folder = g_dir_make_tmp ("banyan-nbd-XXXXXX", &error);
  g_assert_no_error (error);
  stage->socket_path = g_build_filename (stage->folder, "nbd.sock", NULL);
  stage->loop = g_main_loop_new (NULL, FALSE);
  stage->graph = banyan_graph_new ();
  document = document_of (stage, exports);
  banyan_graph_load (stage->graph, document, -1, "test.yaml", stage->folder, &error);
  g_assert_no_error (error);
  return stage;
}

static void
stage_close (Stage *stage)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (stage->graph, &error);
  g_assert_no_error (error);
}

static void
stage_free (Stage *stage)
{
  g_autoptr (GDir) folder = g_dir_open (stage->folder, 0, NULL);
  const char *name;

  stage_close (stage);
  g_assert_false (g_file_test (stage->socket_path, G_FILE_TEST_EXISTS));
  g_object_unref (stage->graph);
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (stage->folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (stage->folder);
  g_main_loop_unref (stage->loop);
  g_free (stage->socket_path);
  g_free (stage->folder);
  g_free (stage);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stage, stage_free)

static char *
stage_uri (const Stage *stage, const char *export)
{
  return g_strdup_printf ("nbd+unix:///%s?socket=%s", export, stage->socket_path);
}

/* -- Real clients: the main context, and with it the server, runs while they do. -- */

typedef struct
{
  Stage *stage;
  guint n_running;
} Clients;

typedef struct
{
  Clients *clients;
  GSubprocess *process;
  guint timeout;
  char *command;
  char *output;
  int status;
} Client;

static gboolean
kill_client (gpointer data)
{
  Client *client = data;

  client->timeout = 0;
  g_test_message ("%s: killed after %d s", client->command, CLIENT_TIMEOUT_S);
  g_subprocess_force_exit (client->process);
  return G_SOURCE_REMOVE;
}

static void
client_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (client->process, result, &client->output, NULL, &error);
  g_assert_no_error (error);
  if (client->timeout != 0)
    g_source_remove (client->timeout);
  client->status = g_subprocess_get_if_exited (client->process)
                       ? g_subprocess_get_exit_status (client->process)
                       : -1;
  if (--client->clients->n_running == 0)
    g_main_loop_quit (client->clients->stage->loop);
}

static void
start_client (Clients *clients, Client *client, const char *const *argv)
{
  g_autoptr (GError) error = NULL;

  client->clients = clients;
  client->command = g_strjoinv (" ", (char **) argv);
  client->process = g_subprocess_newv (
      argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  g_assert_no_error (error);
  client->timeout = g_timeout_add_seconds (CLIENT_TIMEOUT_S, kill_client, client);
  clients->n_running++;
  g_subprocess_communicate_utf8_async (client->process, NULL, NULL, client_ended, client);
}

/* The output. */
static char *
end_client (Client *client, int status)
{
  if (client->status != status)
    g_test_message ("%s: %d\n%s", client->command, client->status, client->output);
  g_assert_cmpint (client->status, ==, status);
  g_object_unref (client->process);
  g_free (client->command);
  return client->output;
}

static char *
run_client (Stage *stage, int status, const char *const *argv)
{
  Clients clients = { stage, 0 };
  Client client = { NULL };

  start_client (&clients, &client, argv);
  g_main_loop_run (stage->loop);
  return end_client (&client, status);
}

#define RUN(stage, status, ...) \
  run_client (stage, status, (const char *const[]){ __VA_ARGS__, NULL })

/* qemu-io says what went wrong with a pattern in words only, in some versions. */
static void
qemu_io (Stage *stage, const char *uri, const char *command)
{
  g_autofree char *output = RUN (stage, 0, "qemu-io", "-f", "raw", "-c", command, uri);

  g_assert_null (strstr (output, "failed"));
  g_assert_nonnull (strstr (output, "bytes at offset"));
}

static gboolean
lacks (const char *program)
{
  g_autofree char *path = g_find_program_in_path (program);

  if (path == NULL)
    {
      g_autofree char *reason = g_strdup_printf ("%s is not installed", program);

      g_test_skip (reason);
    }
  return path == NULL;
}

/* Data with a place in it, in a file for clients to copy. */
static char *
make_file (const Stage *stage, const char *name, guint seed)
{
  char *path = g_build_filename (stage->folder, name, NULL);
  g_autofree char *data = g_malloc (DISK_SIZE);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (data, 0, DISK_SIZE, seed);
  g_file_set_contents (path, data, DISK_SIZE, &error);
  g_assert_no_error (error);
  return path;
}

static void
assert_file (const char *path, guint seed)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_file_get_contents (path, &data, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (length, ==, DISK_SIZE);
  banyan_test_assert_filled (data, 0, length, seed);
}

static void
test_nbdinfo (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *fixed = NULL, *scratch = NULL, *list = NULL, *json = NULL, *none = NULL;
  g_autofree char *unknown = NULL;

  g_test_summary ("nbdinfo sees each export with its description, size and what it may do");
  if (lacks ("nbdinfo"))
    return;

  stage = stage_new (SCRATCH FIXED);
  scratch = stage_uri (stage, "scratch");
  fixed = stage_uri (stage, "fixed");
  none = stage_uri (stage, "none");

  list = RUN (stage, 0, "nbdinfo", "--list", scratch);
  g_assert_nonnull (strstr (list, "export=\"scratch\""));
  g_assert_nonnull (strstr (list, "export=\"fixed\""));
  g_assert_nonnull (strstr (list, "a scratch disk"));

  json = RUN (stage, 0, "nbdinfo", "--json", fixed);
  g_assert_nonnull (strstr (json, "\"export-size\": 4194304"));
  g_assert_nonnull (strstr (json, "\"is_read_only\": true"));

  unknown = RUN (stage, 1, "nbdinfo", none);
  g_assert_nonnull (strstr (unknown, "nbdinfo: "));
  g_assert_null (strstr (unknown, "export-size"));
}

static void
test_nbdinfo_map (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *uri = NULL, *before = NULL, *after = NULL;

  g_test_summary ("nbdinfo --map shows a hole before a write and data after it");
  if (lacks ("nbdinfo") || lacks ("qemu-io"))
    return;

  stage = stage_new (SCRATCH);
  uri = stage_uri (stage, "scratch");
  before = RUN (stage, 0, "nbdinfo", "--map", uri);
  qemu_io (stage, uri, "write -P 0x5a 1M 64k");
  after = RUN (stage, 0, "nbdinfo", "--map", uri);

  g_assert_true (g_regex_match_simple ("^\\s*0\\s+4194304\\s+3\\s", before, 0, 0));
  g_assert_true (
      g_regex_match_simple ("^\\s*1048576\\s+65536\\s+0\\s+data", after, G_REGEX_MULTILINE, 0));
}

static void
test_nbdcopy (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *uri = NULL, *from = NULL, *to = NULL, *in = NULL, *out = NULL;

  g_test_summary ("What nbdcopy puts into an export it gets out again");
  if (lacks ("nbdcopy"))
    return;

  stage = stage_new (SCRATCH);
  uri = stage_uri (stage, "scratch");
  from = make_file (stage, "from", 7);
  to = g_build_filename (stage->folder, "to", NULL);
  in = RUN (stage, 0, "nbdcopy", from, uri);
  out = RUN (stage, 0, "nbdcopy", uri, to);
  assert_file (to, 7);
}

static void
test_qemu_img (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *uri = NULL, *from = NULL, *to = NULL, *in = NULL, *same = NULL, *out = NULL;
  g_autofree char *differs = NULL;

  g_test_summary ("qemu-img converts into an export, compares it, and converts it back");
  if (lacks ("qemu-img") || lacks ("qemu-io"))
    return;

  stage = stage_new (SCRATCH);
  uri = stage_uri (stage, "scratch");
  from = make_file (stage, "from", 9);
  to = g_build_filename (stage->folder, "to", NULL);
  in = RUN (stage, 0, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", from, uri);
  same = RUN (stage, 0, "qemu-img", "compare", "-f", "raw", "-F", "raw", from, uri);
  out = RUN (stage, 0, "qemu-img", "convert", "-f", "raw", "-O", "raw", uri, to);
  assert_file (to, 9);

  qemu_io (stage, uri, "write -z 64k 64k");
  differs = RUN (stage, 1, "qemu-img", "compare", "-f", "raw", "-F", "raw", from, uri);
}

static void
test_qemu_io_patterns (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *uri = NULL;

  g_test_summary ("qemu-io finds its patterns, odd offsets included, and zeroes where it put them");
  if (lacks ("qemu-io"))
    return;

  stage = stage_new (SCRATCH);
  uri = stage_uri (stage, "scratch");
  qemu_io (stage, uri, "write -P 0x11 0 1M");
  qemu_io (stage, uri, "write -f -P 0x22 12345 4321");
  qemu_io (stage, uri, "write -z 512k 64k");
  qemu_io (stage, uri, "read -P 0x11 0 12345");
  qemu_io (stage, uri, "read -P 0x22 12345 4321");
  qemu_io (stage, uri, "read -P 0x11 16666 507622");
  qemu_io (stage, uri, "read -P 0 512k 64k");
  qemu_io (stage, uri, "read -P 0x11 576k 448k");
}

static void
test_concurrent_writers (void)
{
  g_autoptr (Stage) stage = NULL;
  g_autofree char *uri = NULL;
  Client client[4] = { { NULL } };
  Clients clients = { NULL };

  g_test_summary ("Four clients that write at once all find their data");
  if (lacks ("qemu-io"))
    return;

  stage = stage_new (SCRATCH);
  uri = stage_uri (stage, "scratch");
  clients.stage = stage;
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *write = g_strdup_printf ("write -P %u %uM 1M", i + 1, i);
      g_autofree char *read = g_strdup_printf ("read -P %u %uM 1M", i + 1, i);
      const char *const argv[] = { "qemu-io", "-f", "raw", "-c", write, "-c", read, uri, NULL };

      start_client (&clients, &client[i], argv);
    }
  g_main_loop_run (stage->loop);

  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *output = end_client (&client[i], 0);
      g_autofree char *again = g_strdup_printf ("read -P %u %uM 1M", i + 1, i);

      g_assert_null (strstr (output, "failed"));
      qemu_io (stage, uri, again);
    }
}

/* -- Raw sockets: blocking, on a thread, so that the server runs meanwhile. -- */

typedef void (*RawFunc) (Stage *stage);

typedef struct
{
  Stage *stage;
  RawFunc func;
} RawJob;

static gboolean
quit_loop (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

static gpointer
run_raw_thread (gpointer data)
{
  RawJob *job = data;

  job->func (job->stage);
  g_idle_add (quit_loop, job->stage->loop);
  return NULL;
}

static void
run_raw (const char *exports, RawFunc func)
{
  g_autoptr (Stage) stage = stage_new (exports);
  RawJob job = { stage, func };
  GThread *thread = g_thread_new ("raw-client", run_raw_thread, &job);

  g_main_loop_run (stage->loop);
  g_thread_join (thread);
}

static int
raw_connect (const Stage *stage)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct timeval patience = { CLIENT_TIMEOUT_S, 0 };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpuint (strlen (stage->socket_path), <, sizeof address.sun_path);
  strcpy (address.sun_path, stage->socket_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

static void
raw_send (int fd, gconstpointer data, gsize length)
{
  g_assert_cmpint (send (fd, data, length, MSG_NOSIGNAL), ==, length);
}

static void
raw_receive (int fd, gpointer data, gsize length)
{
  g_assert_cmpint (recv (fd, data, length, MSG_WAITALL), ==, length);
}

/* A time-out is no hang-up. */
static void
raw_assert_hung_up (int fd)
{
  guint8 byte;
  gssize n = recv (fd, &byte, 1, 0);

  g_assert_true (n == 0 || (n < 0 && errno == ECONNRESET));
  close (fd);
}

static void
send_numbers (int fd, const char *widths, ...)
{
  guint8 data[64];
  gsize n = 0;
  va_list list;

  va_start (list, widths);
  for (; *widths != '\0'; widths++)
    {
      guint64 value = va_arg (list, guint64);

      for (int byte = *widths - '0'; byte-- > 0;)
        data[n++] = value >> (8 * byte);
    }
  va_end (list);
  raw_send (fd, data, n);
}

#define NUMBER(n) ((guint64) (n))
#define SEND_OPTION_HEADER(fd, option, length) \
  send_numbers (fd, "844", 0x49484156454f5054ull, NUMBER (option), NUMBER (length))

static guint64
receive_number (int fd, guint width)
{
  guint8 data[8];
  guint64 value = 0;

  raw_receive (fd, data, width);
  for (guint i = 0; i < width; i++)
    value = value << 8 | data[i];
  return value;
}

static int
raw_greet (const Stage *stage)
{
  int fd = raw_connect (stage);

  g_assert_cmphex (receive_number (fd, 8), ==, 0x4e42444d41474943);
  g_assert_cmphex (receive_number (fd, 8), ==, 0x49484156454f5054);
  g_assert_cmphex (receive_number (fd, 2), ==, 3);
  send_numbers (fd, "4", NUMBER (3));
  return fd;
}

/* The type of a reply to @option, whose data is passed over. */
static guint32
receive_option_reply (int fd, guint32 option)
{
  guint32 type, length;

  g_assert_cmphex (receive_number (fd, 8), ==, 0x3e889045565a9);
  g_assert_cmpuint (receive_number (fd, 4), ==, option);
  type = receive_number (fd, 4);
  length = receive_number (fd, 4);
  for (; length > 0; length--)
    receive_number (fd, 1);
  return type;
}

/* By EXPORT_NAME, which has simple replies. */
static int
raw_export (const Stage *stage, const char *name, guint64 *size, guint *flags)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 1, strlen (name));
  if (name[0] != '\0')
    raw_send (fd, name, strlen (name));
  *size = receive_number (fd, 8);
  *flags = receive_number (fd, 2);
  return fd;
}

#define SEND_REQUEST(fd, type, offset, length) \
  send_numbers (fd, "422884", 0x25609513ull, NUMBER (0), NUMBER (type), 0xc00c1eull, \
                NUMBER (offset), NUMBER (length))

static guint32
receive_simple (int fd)
{
  guint32 error;

  g_assert_cmphex (receive_number (fd, 4), ==, 0x67446698);
  error = receive_number (fd, 4);
  g_assert_cmphex (receive_number (fd, 8), ==, 0xc00c1e);
  return error;
}

/* The server serves on. */
static void
assert_alive (const Stage *stage)
{
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "scratch", &size, &flags);

  g_assert_cmpuint (size, ==, DISK_SIZE);
  close (fd);
}

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

#define SEND_EXTENDED(fd, flags, type, offset, length) \
  send_numbers (fd, "422888", 0x21e41c71ull, NUMBER (flags), NUMBER (type), 0xc00c1eull, \
                NUMBER (offset), NUMBER (length))

/* Of a final chunk for a request at @offset; returns how much payload follows. */
static guint64
receive_extended (int fd, guint type, guint64 offset)
{
  g_assert_cmphex (receive_number (fd, 4), ==, 0x6e8a278c);
  g_assert_cmpuint (receive_number (fd, 2), ==, 1);
  g_assert_cmpuint (receive_number (fd, 2), ==, type);
  g_assert_cmphex (receive_number (fd, 8), ==, 0xc00c1e);
  g_assert_cmpuint (receive_number (fd, 8), ==, offset);
  return receive_number (fd, 8);
}

static int
raw_extended (const Stage *stage)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 11, 0);
  g_assert_cmphex (receive_option_reply (fd, 11), ==, 1);
  SEND_OPTION_HEADER (fd, 10, 4 + 7 + 4 + 4 + 15);
  send_numbers (fd, "4", NUMBER (7));
  raw_send (fd, "scratch", 7);
  send_numbers (fd, "44", NUMBER (1), NUMBER (15));
  raw_send (fd, "base:allocation", 15);
  g_assert_cmphex (receive_option_reply (fd, 10), ==, 4);
  g_assert_cmphex (receive_option_reply (fd, 10), ==, 1);
  SEND_OPTION_HEADER (fd, 7, 4 + 7 + 2);
  send_numbers (fd, "4", NUMBER (7));
  raw_send (fd, "scratch", 7);
  send_numbers (fd, "2", NUMBER (0));
  g_assert_cmphex (receive_option_reply (fd, 7), ==, 3);
  g_assert_cmphex (receive_option_reply (fd, 7), ==, 1);
  return fd;
}

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
  RawJob job = { stage, be_deaf };
  GThread *thread = g_thread_new ("raw-client", run_raw_thread, &job);
  gint64 start;

  g_test_summary ("A client that reads no replies delays closing by the farewell, and no more");

  g_main_loop_run (stage->loop);
  g_thread_join (thread);
  start = g_get_monotonic_time ();
  stage_close (stage);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 4 * G_USEC_PER_SEC);
  close (deaf_fd);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);

  g_test_add_func ("/nbd-server/clients/nbdinfo", test_nbdinfo);
  g_test_add_func ("/nbd-server/clients/nbdinfo-map", test_nbdinfo_map);
  g_test_add_func ("/nbd-server/clients/nbdcopy", test_nbdcopy);
  g_test_add_func ("/nbd-server/clients/qemu-img", test_qemu_img);
  g_test_add_func ("/nbd-server/clients/qemu-io-patterns", test_qemu_io_patterns);
  g_test_add_func ("/nbd-server/clients/concurrent-writers", test_concurrent_writers);
  g_test_add_func ("/nbd-server/handshake/bad-magic", test_bad_magic);
  g_test_add_func ("/nbd-server/handshake/bad-options", test_bad_options);
  g_test_add_func ("/nbd-server/handshake/giant-option", test_giant_option);
  g_test_add_func ("/nbd-server/handshake/unknown-export", test_unknown_export);
  g_test_add_func ("/nbd-server/handshake/empty-name", test_empty_name);
  g_test_add_func ("/nbd-server/requests/refused", test_refused_requests);
  g_test_add_func ("/nbd-server/requests/vanish", test_vanish);
  g_test_add_func ("/nbd-server/requests/extended", test_extended);
  g_test_add_func ("/nbd-server/close/deaf-client", test_deaf_client);

  return g_test_run ();
}
