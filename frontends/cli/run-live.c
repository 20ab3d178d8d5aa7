/* run-live.c - banyan run while it serves: the file again, when it changes or SIGHUP comes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file is read and applied in one transaction. A file that is wrong, or would be refused, is
 * told of and changes nothing. What comes while one is being applied is looked at afterwards, once,
 * however often it came. */

#include "run-live.h"

#include "cli-notify.h"
#include "run-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

RunLiveOptions run_live_options;

static BanyanGraph *graph; /* (unowned) (nullable): while clients are served */
static char *path;         /* (owned) */
static int folder = -1;    /* that it is in, kept open where it is watched: -1: looked up */
static GFileMonitor *monitor;
static guint hangup, pending, saving;
static gulong on_event;
static gboolean is_quiet, is_busy, is_wanted, has_changed;

/* -- Keeping the state. -- */

static gboolean
save (gpointer data)
{
  saving = 0;
  run_state_save (graph);
  return G_SOURCE_REMOVE;
}

/* Once for all that one turn of the main loop changes. */
static void
graph_told (BanyanGraph *self, const char *name, BanyanSpec *data, gpointer unused)
{
  if (g_str_equal (name, "GRAPH_CHANGED") && saving == 0)
    saving = g_idle_add (save, NULL);
}

/* -- Applying. -- */

static void look_again (void);

/* As systemd's Type=notify-reload has it. */
static void
notify_reloading (void)
{
  g_autofree char *state
      = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());

  cli_notify (state);
}

static void
tell (const char *event, const char *key, const char *text)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) data = NULL;

  banyan_spec_builder_add_string (map, "document", path);
  banyan_spec_builder_add_string (map, key, text);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (graph, event, data);
}

static void
done (void)
{
  is_busy = FALSE;
  if (graph != NULL)
    cli_notify ("READY=1");
  if (is_wanted)
    look_again ();
}

static void
refuse (GError *error)
{
  cli_message ("%s was not applied, and nothing has changed:", path);
  cli_fail_with (error);
  if (graph != NULL)
    tell ("DOCUMENT_REFUSED", "reason", error->message);
  done ();
}

static void
say_applied (BanyanSpec *plan)
{
  guint n = banyan_spec_get_length (banyan_spec_lookup (plan, "changes"));
  guint n_drift = banyan_spec_get_length (banyan_spec_lookup (plan, "drift"));

  if (is_quiet || (n == 0 && n_drift == 0))
    return;
  cli_message ("applied %s: %u change%s, %u kept that %s made outside it", path, n,
               n == 1 ? "" : "s", n_drift, n_drift == 1 ? "was" : "were");
}

static void
applied (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (BanyanSpec) plan = data;
  g_autoptr (GError) error = NULL;

  if (!banyan_plan_apply_finish (BANYAN_PLAN (object), result, &error))
    {
      refuse (error);
      return;
    }

  say_applied (plan);
  if (graph != NULL)
    {
      run_state_save (graph);
      tell ("DOCUMENT_APPLIED", NULL, NULL);
    }
  done ();
}

static void
look (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanPlan) plan = NULL;
  CliDocument *document;

  is_busy = TRUE;
  is_wanted = FALSE;
  notify_reloading ();
  document = cli_document_read_in (folder >= 0 ? folder : AT_FDCWD, path, &error);
  if (document != NULL)
    {
      plan = banyan_plan_new (graph, document->text, document->length, document->name,
                              document->directory,
                              run_live_options.override ? BANYAN_PLAN_OVERRIDE : 0, NULL, &error);
      cli_document_free (document);
    }
  if (plan == NULL)
    {
      refuse (error);
      return;
    }

  banyan_plan_apply_async (plan, NULL, applied, banyan_plan_describe (plan));
}

static gboolean
look_now (gpointer data)
{
  pending = 0;
  if (is_busy)
    is_wanted = TRUE;
  else
    look ();
  return G_SOURCE_REMOVE;
}

/* All that has come by then is one change. */
static void
look_again (void)
{
  if (graph != NULL && pending == 0)
    pending = g_idle_add (look_now, NULL);
}

/* -- When. -- */

static gboolean
on_sighup (gpointer data)
{
  look_again ();
  return G_SOURCE_CONTINUE;
}

/* An editor that writes in place is done when it says so; one that writes beside it renames. */
static void
on_changed (GFileMonitor *self, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  if (event == G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT || event == G_FILE_MONITOR_EVENT_RENAMED
      || event == G_FILE_MONITOR_EVENT_MOVED_IN)
    {
      has_changed = TRUE;
      look_again ();
    }
}

/* From before a sandbox on, which has neither names nor this way of watching. */
static CliStatus
watch (void)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;

  folder = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return cli_fail (CLI_FAILED, "opening %s: %s", directory, g_strerror (errno));

  run_sandbox_keep (directory, folder, FALSE);
  monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (monitor != NULL)
    g_signal_connect (monitor, "changed", G_CALLBACK (on_changed), NULL);
  else
    cli_message ("%s cannot be watched; SIGHUP applies it: %s", path, error->message);
  return CLI_DONE;
}

/* -- From the beginning to the end. -- */

CliStatus
run_live_prepare (BanyanGraph *self, CliDocument *document)
{
  gboolean has_file = !g_str_equal (document->name, "standard input");

  /* In the background the working directory is another. */
  if (has_file)
    path = g_canonicalize_filename (document->name, NULL);
  if (run_live_options.watches && watch () != CLI_DONE)
    return CLI_FAILED;
  return run_live_options.state != NULL ? run_state_open (self, document) : CLI_DONE;
}

void
run_live_begin (BanyanGraph *self, gboolean quiet)
{
  if (path == NULL)
    return;

  graph = self;
  is_quiet = quiet;
  hangup = g_unix_signal_add (SIGHUP, on_sighup, NULL);
  if (has_changed)
    look_again ();
  if (run_live_options.state != NULL)
    {
      on_event = g_signal_connect (graph, "event", G_CALLBACK (graph_told), NULL);
      run_state_save (graph);
    }
}

static void
remove_source (guint *id)
{
  if (*id != 0)
    g_source_remove (*id);
  *id = 0;
}

void
run_live_end (void)
{
  remove_source (&hangup);
  remove_source (&pending);
  if (saving != 0)
    run_state_save (graph);
  remove_source (&saving);
  if (on_event != 0)
    g_signal_handler_disconnect (graph, on_event);
  on_event = 0;
  graph = NULL;
  g_clear_object (&monitor);
  if (folder >= 0)
    close (folder);
  folder = -1;
}
