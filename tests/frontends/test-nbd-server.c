/* test-nbd-server.c - the NBD server, asked by real clients
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-stage.h"

#include <glib/gstdio.h>
#include <signal.h>

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
  return g_test_run ();
}
