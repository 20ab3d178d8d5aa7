/* command-run.c - banyan run: serves the graph that a document declares
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening -> serving -> closing; all three run on the main loop. The first SIGTERM or SIGINT ends
 * opening or serving, and everything is drained, flushed and closed; a second one ends the process
 * at once. */

#include "cli.h"

#include "cli-notify.h"
#include "run-fds.h"
#include "run-live.h"
#include "run-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static gboolean only_check;
static gboolean quiet;
static gboolean as_json;
static int ready_fd = -1;
static char *pidfile;
static char **passed_fds;

static const GOptionEntry options[] = {
  RUN_LIVE_ENTRIES,
  { "check", 0, 0, G_OPTION_ARG_NONE, &only_check, "Only check the file, as banyan check does",
    NULL },
  { "ready-fd", 0, 0, G_OPTION_ARG_INT, &ready_fd,
    "Write a line to this descriptor and close it once clients are served", "N" },
  { "pidfile", 0, 0, G_OPTION_ARG_FILENAME, &pidfile,
    "Keep the process's number in this file while clients are served", "FILE" },
  { "add-fd", 0, 0, G_OPTION_ARG_STRING_ARRAY, &passed_fds,
    "Descriptor that this process was started with, as /dev/fdset/M for file names",
    "fd=N,set=M[,opaque=TEXT]" },
  { "sandbox", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, run_sandbox_option,
    "Once everything is open, give up what serving does not need: all, or landlock, root, "
    "capabilities, seccomp; off",
    "STEP,..." },
  { "user", 0, 0, G_OPTION_ARG_STRING, &run_sandbox_user,
    "Once everything is open, become this user", "USER[:GROUP]" },
  { "allow-path", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &run_sandbox_paths,
    "File, or folder with all in it, that may be opened in the sandbox", "PATH" },
  { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "Do not say on standard error when it serves",
    NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
    "Print a line of JSON when clients are served: what, and where", NULL },
  { NULL },
};

typedef struct
{
  BanyanGraph *graph;    /* (owned) */
  GMainLoop *loop;       /* (owned) */
  GCancellable *opening; /* (owned): to give up opening */
  CliDocument *document; /* (owned) */
  CliStatus status;
  gboolean is_open;
  gboolean is_stopping;
  gboolean has_pidfile;
} Server;

/* -- Closing. -- */

static void
closed (GObject *object, GAsyncResult *result, gpointer data)
{
  Server *self = data;
  g_autoptr (GError) error = NULL;

  if (!banyan_graph_close_finish (self->graph, result, &error))
    {
      CliStatus status = cli_fail_with (error);

      if (self->status == CLI_DONE)
        self->status = status;
    }

  g_main_loop_quit (self->loop);
}

static void
close_graph (Server *self)
{
  run_live_end ();
  cli_notify ("STOPPING=1");
  banyan_graph_close_async (self->graph, NULL, closed, self);
}

static gboolean
stop (Server *self, int number)
{
  if (self->is_stopping)
    {
      /* As the signal would have done. What was not flushed is lost: that was asked for. */
      signal (number, SIG_DFL);
      raise (number);
      _exit (128 + number);
    }

  self->is_stopping = TRUE;
  if (self->is_open)
    close_graph (self);
  else
    g_cancellable_cancel (self->opening);

  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigterm (gpointer data)
{
  return stop (data, SIGTERM);
}

static gboolean
on_sigint (gpointer data)
{
  return stop (data, SIGINT);
}

/* A client asked; it may do so twice. */
static void
on_quit (BanyanGraph *graph, gpointer data)
{
  Server *self = data;

  if (!self->is_stopping)
    stop (self, 0);
}

/* -- Telling who waits for it that it serves. -- */

static gboolean
write_pidfile (Server *self)
{
  g_autofree char *text = g_strdup_printf ("%ld\n", (long) getpid ());
  g_autoptr (GError) error = NULL;

  if (pidfile == NULL)
    return TRUE;
  if (!g_file_set_contents (pidfile, text, -1, &error))
    {
      self->status = cli_fail_with (error);
      return FALSE;
    }

  self->has_pidfile = TRUE;
  return TRUE;
}

static void
write_ready_fd (void)
{
  if (ready_fd < 0)
    return;
  if (write (ready_fd, "ready\n", strlen ("ready\n")) < 0)
    cli_message ("cannot write to descriptor %d: %s", ready_fd, g_strerror (errno));
  close (ready_fd);
}

static guint
count (Server *self, const char *collection)
{
  BanyanObject *object = banyan_object_get_child (BANYAN_OBJECT (self->graph), collection);

  return object != NULL ? banyan_object_get_n_children (object) : 0;
}

static void
say_ready (Server *self)
{
  guint n_nodes = count (self, "nodes"), n_frontends = count (self, "frontends");

  if (quiet)
    return;

  cli_message ("serving %s: %u node%s, %u frontend%s", self->document->name, n_nodes,
               n_nodes == 1 ? "" : "s", n_frontends, n_frontends == 1 ? "" : "s");
}

static void
describe_frontend (BanyanSpecBuilder *list, BanyanObject *frontend)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (frontend), "listening");
  g_autofree char *path = banyan_object_dup_path (frontend);
  BanyanSpecBuilder *map = cli_map_new ();

  cli_add_text (map, "path", path);
  if (pspec != NULL)
    {
      const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
      g_auto (GValue) value = G_VALUE_INIT;
      g_autoptr (BanyanSpec) addresses = NULL;

      g_object_get_property (G_OBJECT (frontend), "listening", &value);
      addresses = banyan_param_value_to_spec (pspec, &value, &origin);
      cli_add (map, "listening", addresses);
    }
  cli_add_built (list, NULL, map);
}

/* A line, since what reads it may have the rest of our life before it. */
static void
print_ready (Server *self)
{
  g_autoptr (GPtrArray) frontends = banyan_object_list_children (
      banyan_object_get_child (BANYAN_OBJECT (self->graph), "frontends"));
  BanyanSpecBuilder *map = cli_map_new (), *list = cli_list_new ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autofree char *line = NULL;

  for (guint i = 0; i < frontends->len; i++)
    describe_frontend (list, frontends->pdata[i]);
  cli_add_text (map, "file", self->document->name);
  cli_add_integer (map, "nodes", count (self, "nodes"));
  cli_add_built (map, "frontends", list);

  spec = banyan_spec_builder_end (map);
  line = banyan_spec_to_json (spec, FALSE);
  printf ("%s\n", line);
  fflush (stdout);
}

static gboolean
enter_sandbox (Server *self)
{
  g_autoptr (GError) error = NULL;

  cli_notify_prepare ();
  if (run_sandbox_enter (self->graph, pidfile, &error))
    return TRUE;

  self->status = cli_fail_with (error);
  return FALSE;
}

static void
opened (GObject *object, GAsyncResult *result, gpointer data)
{
  Server *self = data;
  g_autoptr (GError) error = NULL;

  if (!banyan_graph_load_finish (self->graph, result, &error))
    {
      if (!self->is_stopping)
        self->status = cli_fail_with (error);
      close_graph (self);
      return;
    }

  self->is_open = TRUE;
  if (self->is_stopping || !write_pidfile (self) || !enter_sandbox (self))
    {
      self->is_stopping = TRUE;
      close_graph (self);
      return;
    }

  run_live_begin (self->graph, quiet);
  cli_notify ("READY=1");
  write_ready_fd ();
  say_ready (self);
  if (as_json)
    print_ready (self);
}

/* -- The whole. -- */

static void
begin (Server *self)
{
  CliDocument *document = self->document;
  g_autoptr (GError) error = NULL;

  self->status = run_live_prepare (self->graph, document);
  if (self->status == CLI_DONE && !run_fds_add (self->graph, passed_fds, &error))
    self->status = cli_fail_with (error);

  if (self->status == CLI_DONE)
    banyan_graph_load_async (self->graph, document->text, document->length, document->name,
                             document->directory, self->opening, opened, self);
  else
    close_graph (self);
}

static void
serve (Server *self)
{
  guint sources[2];

  /* A client that goes away is the socket's news, and a file that may not grow is the writer's;
   * neither is a reason to die. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN);
  self->graph = banyan_graph_new ();
  self->loop = g_main_loop_new (NULL, FALSE);
  self->opening = g_cancellable_new ();
  g_signal_connect (self->graph, "quit", G_CALLBACK (on_quit), self);
  sources[0] = g_unix_signal_add (SIGTERM, on_sigterm, self);
  sources[1] = g_unix_signal_add (SIGINT, on_sigint, self);

  begin (self);
  g_main_loop_run (self->loop);
  run_state_close ();

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  if (self->has_pidfile)
    unlink (pidfile);
  g_object_unref (self->opening);
  g_main_loop_unref (self->loop);
  g_object_unref (self->graph);
}

static gboolean
ready_fd_is_usable (void)
{
  return ready_fd < 0 || fcntl (ready_fd, F_GETFD) >= 0;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (GError) error = NULL;
  Server self = { 0 };

  if (only_check && as_json)
    return cli_fail (CLI_USAGE, "--json tells where clients are served; see banyan check --json");
  if (only_check)
    return cli_check.run (arguments);
  if (!ready_fd_is_usable ())
    return cli_fail (CLI_USAGE, "descriptor %d is not open", ready_fd);

  if (!run_sandbox_check (&error))
    return cli_fail_with (error);

  self.document = cli_document_read (arguments[0], &error);
  if (self.document == NULL)
    return cli_fail_with (error);

  if (run_sandbox_begin (&error))
    serve (&self);
  else
    self.status = cli_fail_with (error);
  cli_document_free (self.document);
  return self.status;
}

const CliCommand cli_run = {
  .name = "run",
  .arguments = "FILE",
  .summary = "Serve the graph that a YAML file declares",
  .description = "Opens everything that the file declares, in one go or not at all, and serves it "
                 "until SIGTERM or SIGINT: then requests are let finish, everything is flushed "
                 "and closed. A second signal ends it at once. A service manager that set "
                 "NOTIFY_SOCKET is told READY=1 and STOPPING=1. \"-\" is standard input. SIGHUP "
                 "applies the file as it is then, as banyan apply does.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
