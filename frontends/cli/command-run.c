/* command-run.c - banyan run: serves the graph that a document declares
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening -> serving -> closing; all three run on the main loop. The first SIGTERM or SIGINT ends
 * opening or serving, and everything is drained, flushed and closed; a second one ends the process
 * at once. */

#include "cli.h"

#include "cli-notify.h"
#include "legacy.h"
#include "run-daemon.h"
#include "run-fds.h"
#include "run-live.h"
#include "run-sandbox.h"
#include "run-stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define NO_DESCRIPTOR G_MININT

static gboolean only_check;
static gboolean quiet;
static gboolean as_json;
static int ready_fd = NO_DESCRIPTOR;
static gboolean wants_daemon;
static gboolean wants_version;
static char *pidfile;
static char **passed_fds;

static gboolean
ignore_trace (const char *option, const char *value, gpointer data, GError **error)
{
  cli_message ("%s %s: there are no trace points; banyan inspect and banyan qmp --events tell what "
               "happens",
               option, value);
  return TRUE;
}

static const GOptionEntry options[] = {
  RUN_LIVE_ENTRIES,
  LEGACY_ENTRIES,
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
  { "daemonize", 0, 0, G_OPTION_ARG_NONE, &wants_daemon,
    "Go on in the background once clients are served", NULL },
  { "trace", 'T', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, ignore_trace,
    "Taken for QEMU's sake, and ignored", "PATTERN" },
  { "version", 'V', 0, G_OPTION_ARG_NONE, &wants_version, "Tell the version", NULL },
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
  CliDocument *document; /* (owned) (nullable) */
  BanyanSpec *spec;      /* (owned) (nullable): the document and what options add to it */
  const char *name;      /* (unowned): what messages call the whole */
  CliStatus status;
  gboolean is_open;
  gboolean is_stopping;
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
  banyan_graph_set_end_cause (self->graph, BANYAN_END_BY_SIGNAL);
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
  g_autoptr (GError) error = NULL;

  if (pidfile == NULL || run_pidfile_write (pidfile, &error))
    return TRUE;

  self->status = cli_fail_with (error);
  return FALSE;
}

/* The standard ones stay: what is said later goes there, and must not go to a file that is opened
 * under their number. */
static void
write_ready_fd (void)
{
  if (ready_fd == NO_DESCRIPTOR)
    return;
  if (write (ready_fd, "ready\n", strlen ("ready\n")) < 0)
    cli_message ("cannot write to descriptor %d: %s", ready_fd, g_strerror (errno));
  if (ready_fd > STDERR_FILENO)
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

  cli_message ("serving %s: %u node%s, %u frontend%s", self->name, n_nodes, n_nodes == 1 ? "" : "s",
               n_frontends, n_frontends == 1 ? "" : "s");
}

static void
describe_frontend (BanyanSpecBuilder *list, BanyanObject *frontend)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (frontend), "listening");
  g_autofree char *path = banyan_object_dup_path (frontend);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "path", path);
  if (pspec != NULL)
    {
      const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
      g_auto (GValue) value = G_VALUE_INIT;
      g_autoptr (BanyanSpec) addresses = NULL;

      g_object_get_property (G_OBJECT (frontend), "listening", &value);
      addresses = banyan_param_value_to_spec (pspec, &value, &origin);
      cli_add (map, "listening", addresses);
    }
  banyan_spec_builder_take_built (list, NULL, map);
}

/* A line, since what reads it may have the rest of our life before it. */
static void
print_ready (Server *self)
{
  g_autoptr (GPtrArray) frontends = banyan_object_list_children (
      banyan_object_get_child (BANYAN_OBJECT (self->graph), "frontends"));
  BanyanSpecBuilder *map = banyan_spec_builder_new_map (), *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autofree char *line = NULL;

  for (guint i = 0; i < frontends->len; i++)
    describe_frontend (list, frontends->pdata[i]);
  banyan_spec_builder_add_string (map, "file",
                                  self->document != NULL ? self->document->name : NULL);
  banyan_spec_builder_add_uint (map, "nodes", count (self, "nodes"));
  banyan_spec_builder_take_built (map, "frontends", list);

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
  run_daemon_leave_folder ();
  if (run_sandbox_enter (self->graph, pidfile, &error))
    return TRUE;

  self->status = cli_fail_with (error);
  return FALSE;
}

/* Without opening anything. */
static gboolean
find_problems (Server *self, BanyanProblems *problems)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  CliDocument *document = self->document;
  g_autofree char *directory
      = document != NULL ? g_strdup (document->directory) : g_get_current_dir ();

  if (self->spec != NULL)
    return !banyan_graph_check_spec (graph, self->spec, directory, problems);

  return !banyan_graph_check (graph, document->text, document->length, document->name, directory,
                              problems);
}

/* A document that contradicts itself is a wrong one, as check says of it; a refusal is by others.
 */
static CliStatus
fail_to_open (Server *self, const GError *error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  CliStatus status = cli_fail_with (error);

  return status == CLI_REFUSED && find_problems (self, problems) ? CLI_FAILED : status;
}

static void
opened (GObject *object, GAsyncResult *result, gpointer data)
{
  Server *self = data;
  g_autoptr (GError) error = NULL;

  if (!banyan_graph_load_finish (self->graph, result, &error))
    {
      if (!self->is_stopping)
        self->status = fail_to_open (self, error);
      close_graph (self);
      return;
    }

  self->is_open = TRUE;
  if (self->is_stopping || !write_pidfile (self) || !enter_sandbox (self))
    {
      if (!self->is_stopping)
        banyan_graph_set_end_cause (self->graph, BANYAN_END_BY_ERROR);
      self->is_stopping = TRUE;
      close_graph (self);
      return;
    }

  if (self->document != NULL)
    run_live_begin (self->graph, quiet);
  cli_notify ("READY=1");
  write_ready_fd ();
  say_ready (self);
  if (as_json)
    print_ready (self);
  run_daemon_ready ();
}

/* -- What to serve: a file, options, or both. -- */

static void
load (Server *self)
{
  CliDocument *document = self->document;
  g_autofree char *directory = document == NULL ? g_get_current_dir () : NULL;

  if (self->spec != NULL)
    banyan_graph_load_spec_async (self->graph, self->spec, self->name,
                                  document != NULL ? document->directory : directory, self->opening,
                                  opened, self);
  else
    banyan_graph_load_async (self->graph, document->text, document->length, document->name,
                             document->directory, self->opening, opened, self);
}

/* Nothing is opened by a check. */
static char *
check_client (const LegacyClient *client, GError **error)
{
  return g_strdup_printf ("%d", client->input);
}

/* Leaves the file as it is where there are no options. */
static CliStatus
add_options (Server *self, GPtrArray *words)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) base = NULL;
  CliDocument *document = self->document;

  self->name = document != NULL ? document->name : "what the command line says";
  if (words->len == 0)
    return CLI_DONE;

  if (document != NULL)
    base = banyan_spec_parse_yaml (document->text, document->length, document->name, problems);
  self->spec
      = legacy_to_document (words, base, only_check ? check_client : run_stdio_open, problems);
  if (banyan_problems_get_length (problems) == 0)
    return CLI_DONE;

  cli_say_problems (problems);
  return CLI_FAILED;
}

static CliStatus
check_whole (Server *self)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  if (!find_problems (self, problems))
    return CLI_DONE;

  cli_say_problems (problems);
  return CLI_FAILED;
}

static void
begin (Server *self)
{
  g_autoptr (GError) error = NULL;

  /* Without a file there is nothing to watch, and to apply anew. */
  if (self->document != NULL)
    self->status = run_live_prepare (self->graph, self->document);
  if (self->status == CLI_DONE && !run_fds_add (self->graph, passed_fds, &error))
    self->status = cli_fail_with (error);

  run_stdio_begin ();
  if (self->status == CLI_DONE)
    load (self);
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
  run_stdio_end ();
  run_state_close ();

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  if (pidfile != NULL)
    run_pidfile_remove (pidfile);
  g_object_unref (self->opening);
  g_main_loop_unref (self->loop);
  g_object_unref (self->graph);
}

/* -- Options that would be in vain. -- */

typedef struct
{
  gboolean is_given;
  const char *name;
} Given;

static const char *
find_given (const Given *all, guint n)
{
  for (guint i = 0; i < n; i++)
    if (all[i].is_given)
      return all[i].name;

  return NULL;
}

static CliStatus
check_without_serving (void)
{
  const Given vain[] = {
    { ready_fd != NO_DESCRIPTOR, "ready-fd" },
    { pidfile != NULL, "pidfile" },
    { passed_fds != NULL, "add-fd" },
    { run_sandbox_is_wanted (), "sandbox" },
    { run_sandbox_user != NULL, "user" },
    { run_sandbox_paths != NULL, "allow-path" },
    { wants_daemon, "daemonize" },
    { run_live_options.state != NULL, "state" },
    { run_live_options.watches, "watch" },
    { run_live_options.override, "override" },
  };
  const char *name = find_given (vain, G_N_ELEMENTS (vain));

  if (as_json)
    return cli_fail (CLI_USAGE, "--json tells where clients are served; see banyan check --json");
  if (name != NULL)
    return cli_fail (CLI_USAGE, "--check serves nobody; leave out --%s", name);
  return CLI_DONE;
}

/* Of what is read once, nothing can change. */
static CliStatus
check_without_file (const char *path)
{
  const Given vain[] = {
    { run_live_options.state != NULL, "state" },
    { run_live_options.watches, "watch" },
    { run_live_options.override, "override" },
  };
  const char *name = find_given (vain, G_N_ELEMENTS (vain));

  if (name == NULL || (path != NULL && !g_str_equal (path, "-")))
    return CLI_DONE;

  return cli_fail (CLI_USAGE, "--%s wants a FILE that can be read again", name);
}

static CliStatus
check_options (const char *path, GPtrArray *words)
{
  CliStatus status = only_check ? check_without_serving () : check_without_file (path);

  if (words->len == 0 && path == NULL)
    return cli_fail (CLI_USAGE, "usage: banyan run FILE, or options that say what to serve; see "
                                "banyan help run");
  if (status != CLI_DONE)
    return status;
  if (ready_fd != NO_DESCRIPTOR && fcntl (ready_fd, F_GETFD) < 0)
    return cli_fail (CLI_USAGE, "descriptor %d is not open", ready_fd);
  return CLI_DONE;
}

/* -- The whole. -- */

static CliStatus
prepare (Server *self, const char *path, GPtrArray *words)
{
  g_autoptr (GError) error = NULL;

  /* In the background the working directory is another. */
  if (pidfile != NULL)
    pidfile = g_canonicalize_filename (pidfile, NULL);
  if (path != NULL && (self->document = cli_document_read (path, &error)) == NULL)
    return cli_fail_with (error);

  return add_options (self, words);
}

static CliStatus
serve_or_check (Server *self)
{
  g_autoptr (GError) error = NULL;
  CliStatus status;

  if (only_check)
    return check_whole (self);
  if (run_stdio_is_wanted () && (wants_daemon || as_json))
    return cli_fail (CLI_USAGE, "--%s: standard output is the monitor's, by --chardev stdio",
                     wants_daemon ? "daemonize" : "json");
  if (!run_sandbox_check (&error))
    return cli_fail_with (error);
  if (wants_daemon && (status = run_daemon_fork ()) != CLI_DONE)
    return status;

  if (run_sandbox_begin (&error))
    serve (self);
  else
    self->status = cli_fail_with (error);
  return self->status;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (GPtrArray) words = legacy_take_gathered ();
  Server self = { 0 };
  CliStatus status;

  if (wants_version)
    return cli_print ("banyan " BANYAN_VERSION "\n");
  if (legacy_print_help (words, &status))
    return status;
  status = check_options (arguments[0], words);
  if (status != CLI_DONE)
    return status;
  if (only_check && words->len == 0)
    return cli_check.run (arguments);

  status = prepare (&self, arguments[0], words);
  if (status == CLI_DONE)
    status = serve_or_check (&self);
  g_clear_pointer (&self.document, cli_document_free);
  g_clear_pointer (&self.spec, banyan_spec_unref);
  return status;
}

const CliCommand cli_run = {
  .name = "run",
  .arguments = "[FILE]",
  .summary = "Serve the graph that a YAML file declares, or options do",
  .description = "Opens everything that the file declares, in one go or not at all, and serves it "
                 "until SIGTERM or SIGINT: then requests are let finish, everything is flushed "
                 "and closed. A second signal ends it at once. A service manager that set "
                 "NOTIFY_SOCKET is told READY=1 and STOPPING=1. \"-\" is standard input. SIGHUP "
                 "applies the file as it is then, as banyan apply does. The options of "
                 "qemu-storage-daemon say what to serve instead of a file, or besides it.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 0,
  .max_arguments = 1,
  .run = run,
};
