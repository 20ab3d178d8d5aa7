/* command-run.c - banyan run: serve a graph until told to stop
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static gboolean option_check;
static gboolean option_quiet;
static int option_ready_fd = -1;
static char *option_pidfile;

static const GOptionEntry options[] = {
  { "check", 0, 0, G_OPTION_ARG_NONE, &option_check, "Only check the file", NULL },
  { "pidfile", 0, 0, G_OPTION_ARG_FILENAME, &option_pidfile,
    "Write the process id to PATH once it serves", "PATH" },
  { "quiet", 'q', 0, G_OPTION_ARG_NONE, &option_quiet, "Say nothing when it serves", NULL },
  { "ready-fd", 0, 0, G_OPTION_ARG_INT, &option_ready_fd,
    "Write a line to descriptor N, and close it, once it serves", "N" },
  { NULL },
};

/* -- Telling others. -- */

/* sd_notify(3) without its library: one datagram. A name that begins with @ is abstract. */
static void
notify_service_manager (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length;
  int fd;

  if (path == NULL || (length = strlen (path)) == 0 || length >= sizeof address.sun_path)
    return;

  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';

  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  if (sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address,
              offsetof (struct sockaddr_un, sun_path) + length)
      < 0)
    cli_message ("telling the service manager: %s", g_strerror (errno));
  close (fd);
}

static gboolean
tell_ready (const char *name)
{
  g_autofree char *pid = g_strdup_printf ("%d\n", getpid ());
  g_autoptr (GError) error = NULL;

  if (option_pidfile != NULL && !g_file_set_contents (option_pidfile, pid, -1, &error))
    {
      cli_message ("%s", error->message);
      return FALSE;
    }
  if (option_ready_fd >= 0)
    {
      if (write (option_ready_fd, "ready\n", 6) != 6)
        cli_message ("writing to descriptor %d: %s", option_ready_fd, g_strerror (errno));
      close (option_ready_fd);
    }
  notify_service_manager ("READY=1");
  if (!option_quiet)
    cli_message ("%s is served; SIGTERM or Ctrl-C ends it", name);
  return TRUE;
}

/* -- Until told to stop. -- */

/* The second signal finds the default action, and ends the process at once. */
static gboolean
stop (gpointer data)
{
  signal (SIGTERM, SIG_DFL);
  signal (SIGINT, SIG_DFL);
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

static void
serve (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint on_term = g_unix_signal_add (SIGTERM, stop, loop);
  guint on_int = g_unix_signal_add (SIGINT, stop, loop);

  g_main_loop_run (loop);
  g_source_remove (on_term);
  g_source_remove (on_int);
  notify_service_manager ("STOPPING=1");
}

static CliStatus
close_graph (BanyanGraph *graph, CliStatus status)
{
  g_autoptr (GError) error = NULL;

  if (option_pidfile != NULL)
    unlink (option_pidfile);
  if (!banyan_graph_close (graph, &error))
    return cli_fail_with (error);
  return status;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliDocument) document = NULL;
  g_autoptr (BanyanGraph) graph = NULL;

  if (option_check)
    return cli_check.run (arguments);

  document = cli_document_read (arguments[0], &error);
  if (document == NULL)
    return cli_fail_with (error);

  graph = banyan_graph_new ();
  if (!banyan_graph_load (graph, document->text, document->length, document->name,
                          document->directory, &error))
    {
      g_printerr ("%s\n", error->message);
      return close_graph (graph, CLI_FAILED);
    }
  if (!tell_ready (document->name))
    return close_graph (graph, CLI_FAILED);

  serve ();
  return close_graph (graph, CLI_DONE);
}

const CliCommand cli_run = {
  .name = "run",
  .arguments = "FILE",
  .summary = "Serve a graph",
  .description
  = "Builds the graph that FILE declares and serves it until SIGTERM or SIGINT: then requests in "
    "flight end, everything is flushed and closed. A second signal ends the process at once.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
