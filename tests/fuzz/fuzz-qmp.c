/* fuzz-qmp.c - the QMP server, by a client that sends whatever the input is
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input is what a client sends once it has agreed on capabilities. It is cut wherever a byte
 * 0x01, which no message may have, stands in it: there everything that was sent is received first.
 * All that the server is asked must be answered, in JSON, or it hangs up; and a good client is
 * served afterwards. The graph is a new one for each input. The registry is sealed, so that an
 * input reaches no files: only what the document names can be made. */

#include <banyan/banyan.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define CUT 0x01
#define MAX_CUTS 64
#define NEGOTIATION "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"
#define GOOD "{\"execute\":\"query-version\"}"

static const char document[] = "version: 1\n"
                               "objects:\n"
                               "  limits: { type: throttle-group }\n"
                               "nodes:\n"
                               "  disk0: { driver: memory, size: 1M }\n"
                               "  top: { driver: raw, file: disk0 }\n"
                               "  slow: { driver: delay, file: { driver: null-co } }\n"
                               "  held: { driver: throttle, throttle-group: limits, file: disk0 }\n"
                               "frontends:\n"
                               "  control:\n"
                               "    type: qmp\n"
                               "    listen: { type: unix, path: %s, abstract: true }\n";

static char *socket_name; /* (owned): for as long as the process lives */

/* -- The server. -- */

static BanyanGraph *
open_graph (void)
{
  BanyanGraph *graph = banyan_graph_new ();
  g_autofree char *text = g_strdup_printf (document, socket_name);
  g_autoptr (GError) error = NULL;

  banyan_graph_load (graph, text, -1, "fuzz.yaml", "/nowhere", &error);
  g_assert_no_error (error);
  return graph;
}

static void
close_graph (BanyanGraph *graph)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (graph, &error);
  g_assert_no_error (error);
  g_object_unref (graph);
}

/* -- A client: on the thread that serves, so it goes round the main loop where it waits. -- */

static int
connect_to_server (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = strlen (socket_name);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (fd, >=, 0);
  memcpy (address.sun_path + 1, socket_name, length);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address,
                            G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + length),
                   ==, 0);
  return fd;
}

/* FALSE: the server has hung up. */
static gboolean
read_some (int fd, GString *said)
{
  char buffer[65536];
  gssize n;

  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (said, buffer, n);
  return n < 0 && errno != ECONNRESET;
}

static void
send_all (int fd, const void *data, gsize size, GString *said)
{
  const char *at = data;

  while (size > 0)
    {
      gssize n = send (fd, at, size, MSG_NOSIGNAL);

      if (n > 0)
        {
          at += n;
          size -= n;
        }
      else if (errno == EPIPE || errno == ECONNRESET || !read_some (fd, said))
        return;
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

static void
go_round (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
assert_json (const GString *said)
{
  g_auto (GStrv) lines = g_strsplit (said->str, "\r\n", -1);

  for (guint i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    {
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanSpec) message = banyan_spec_parse_json (lines[i], -1, NULL, problems);

      g_assert_nonnull (message);
      g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
    }
}

static void
run_client (const guint8 *data, gsize size)
{
  int fd = connect_to_server ();
  g_autoptr (GString) said = g_string_new (NULL);

  send_all (fd, NEGOTIATION, strlen (NEGOTIATION), said);
  for (guint i = 0; i < MAX_CUTS && size > 0; i++)
    {
      const guint8 *cut = memchr (data, CUT, size);
      gsize length = cut != NULL && i < MAX_CUTS - 1 ? (gsize) (cut - data) : size;

      send_all (fd, data, length, said);
      go_round ();
      length = MIN (length + 1, size);
      data += length;
      size -= length;
    }

  shutdown (fd, SHUT_WR);
  while (read_some (fd, said))
    g_main_context_iteration (NULL, FALSE);
  close (fd);
  assert_json (said);
}

static void
assert_serves (void)
{
  int fd = connect_to_server ();
  g_autoptr (GString) said = g_string_new (NULL);

  send_all (fd, NEGOTIATION GOOD, strlen (NEGOTIATION GOOD), said);
  shutdown (fd, SHUT_WR);
  while (read_some (fd, said))
    g_main_context_iteration (NULL, FALSE);
  close (fd);
  g_assert_nonnull (strstr (said->str, "\"package\""));
}

static gboolean
is_changing (BanyanGraph *graph)
{
  g_autoptr (BanyanSpec) changes = banyan_graph_describe_changes (graph);

  return banyan_spec_get_length (changes) > 0;
}

/* An input may have taken the server away, and hung up before that was over. */
static gboolean
has_server (BanyanGraph *graph)
{
  while (is_changing (graph))
    g_main_context_iteration (NULL, TRUE);

  return banyan_object_resolve (BANYAN_OBJECT (graph), "/frontends/control", NULL) != NULL;
}

/* -- The fuzzer. -- */

/* Before libFuzzer looks which modules there are: it is to see the plugins, too. */
int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  BanyanGraph *graph;

  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, TRUE);
  socket_name = g_strdup_printf ("/banyan-fuzz-qmp-%d", getpid ());
  graph = open_graph ();
  banyan_registry_seal (banyan_registry_get_default ());
  close_graph (graph);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  BanyanGraph *graph;

  if (socket_name == NULL)
    LLVMFuzzerInitialize (NULL, NULL);

  graph = open_graph ();
  run_client (data, size);
  go_round ();
  if (has_server (graph))
    assert_serves ();
  close_graph (graph);
  go_round ();
  return 0;
}
