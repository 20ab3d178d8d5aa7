/* nbd-stage.c - an NBD server in a folder of its own, and sockets to talk to it by hand
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-stage.h"

#include <glib/gstdio.h>
#include <sys/un.h>

static char *
document_of (const Stage *stage, const char *exports, gboolean is_threaded)
{
  g_auto (GStrv) lines = g_strsplit (exports, "\n", -1);
  g_autofree char *indented = g_strjoinv ("\n    ", lines);

  return g_strdup_printf ("version: 1\n"
                          "objects: { io0: { type: iothread }, io1: { type: iothread } }\n"
                          "nodes:\n"
                          "  disk0: { driver: memory, size: 4M }\n"
                          "  disk1: { driver: memory, size: 4M }\n"
                          "  huge: { driver: memory, size: 1T, discard: unmap }\n"
                          "frontends:\n"
                          "  nbd0:\n"
                          "    type: nbd-server\n"
                          "    listen: { type: unix, path: %s }\n"
                          "    iothreads: [%s]\n"
                          "    exports:\n"
                          "    %s\n",
                          stage->socket_path, is_threaded ? "io0, io1" : "", indented);
}

guint
stage_count_problems (const char *exports)
{
  const Stage nowhere = { .socket_path = (char *) "/nowhere/nbd.sock" };
  g_autofree char *document = document_of (&nowhere, exports, FALSE);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();

  banyan_graph_check (graph, document, -1, "test.yaml", "/nowhere", problems);
  return banyan_problems_get_length (problems);
}

static Stage *
set_stage (const char *exports, gboolean is_threaded)
{
  Stage *stage = g_new0 (Stage, 1);
  g_autofree char *document = NULL;
  g_autoptr (GError) error = NULL;

  stage->folder = g_dir_make_tmp ("banyan-nbd-XXXXXX", &error);
  g_assert_no_error (error);
  stage->socket_path = g_build_filename (stage->folder, "nbd.sock", NULL);
  stage->loop = g_main_loop_new (NULL, FALSE);
  stage->graph = banyan_graph_new ();
  document = document_of (stage, exports, is_threaded);
  banyan_graph_load (stage->graph, document, -1, "test.yaml", stage->folder, &error);
  g_assert_no_error (error);
  return stage;
}

Stage *
stage_new (const char *exports)
{
  return set_stage (exports, FALSE);
}

Stage *
stage_new_threaded (const char *exports)
{
  return set_stage (exports, TRUE);
}

void
stage_close (Stage *stage)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (stage->graph, &error);
  g_assert_no_error (error);
}

void
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

char *
stage_uri (const Stage *stage, const char *export)
{
  return g_strdup_printf ("nbd+unix:///%s?socket=%s", export, stage->socket_path);
}

/* -- Raw sockets. -- */

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

void
run_raw_on (Stage *stage, RawFunc func)
{
  RawJob job = { stage, func };
  GThread *thread = g_thread_new ("raw-client", run_raw_thread, &job);

  g_main_loop_run (stage->loop);
  g_thread_join (thread);
}

void
run_raw (const char *exports, RawFunc func)
{
  g_autoptr (Stage) stage = stage_new (exports);

  run_raw_on (stage, func);
}

int
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

void
raw_send (int fd, gconstpointer data, gsize length)
{
  g_assert_cmpint (send (fd, data, length, MSG_NOSIGNAL), ==, length);
}

void
raw_receive (int fd, gpointer data, gsize length)
{
  g_assert_cmpint (recv (fd, data, length, MSG_WAITALL), ==, length);
}

/* A time-out is no hang-up. */
void
raw_assert_hung_up (int fd)
{
  guint8 byte;
  gssize n = recv (fd, &byte, 1, 0);

  g_assert_true (n == 0 || (n < 0 && errno == ECONNRESET));
  close (fd);
}

void
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

guint64
receive_number (int fd, guint width)
{
  guint8 data[8];
  guint64 value = 0;

  raw_receive (fd, data, width);
  for (guint i = 0; i < width; i++)
    value = value << 8 | data[i];
  return value;
}

int
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
guint32
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
int
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

guint32
receive_simple (int fd)
{
  guint32 error;

  g_assert_cmphex (receive_number (fd, 4), ==, 0x67446698);
  error = receive_number (fd, 4);
  g_assert_cmphex (receive_number (fd, 8), ==, 0xc00c1e);
  return error;
}

/* An option whose data begins with an export's name, as most do. */
void
send_option (int fd, guint option, const char *name, const char *rest, gsize length)
{
  SEND_OPTION_HEADER (fd, option, 4 + strlen (name) + length);
  send_numbers (fd, "4", NUMBER (strlen (name)));
  if (name[0] != '\0')
    raw_send (fd, name, strlen (name));
  if (length > 0)
    raw_send (fd, rest, length);
}

guint64
receive_extended (int fd, guint type, guint64 offset)
{
  g_assert_cmphex (receive_number (fd, 4), ==, 0x6e8a278c);
  g_assert_cmpuint (receive_number (fd, 2), ==, 1);
  g_assert_cmpuint (receive_number (fd, 2), ==, type);
  g_assert_cmphex (receive_number (fd, 8), ==, 0xc00c1e);
  g_assert_cmpuint (receive_number (fd, 8), ==, offset);
  return receive_number (fd, 8);
}

int
raw_extended (const Stage *stage)
{
  int fd = raw_greet (stage);

  SEND_OPTION_HEADER (fd, 11, 0);
  g_assert_cmphex (receive_option_reply (fd, 11), ==, 1);
  send_option (fd, 10, "scratch", ONE_CONTEXT, sizeof ONE_CONTEXT - 1);
  g_assert_cmphex (receive_option_reply (fd, 10), ==, 4);
  g_assert_cmphex (receive_option_reply (fd, 10), ==, 1);
  send_option (fd, 7, "scratch", "\0\0", 2);
  g_assert_cmphex (receive_option_reply (fd, 7), ==, 3);
  g_assert_cmphex (receive_option_reply (fd, 7), ==, 1);
  return fd;
}

/* The server serves on. */
void
assert_alive (const Stage *stage)
{
  guint64 size;
  guint flags;
  int fd = raw_export (stage, "scratch", &size, &flags);

  g_assert_cmpuint (size, ==, DISK_SIZE);
  close (fd);
}
