/* banyan-scanner.c - runs the scanner process and learns from how it ends
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One process scans many plugins and reports the start and the end of each, so that after a crash
 * or a hang the culprit is known, and another process goes on behind it. A failure counts only
 * against the first plugin of a process, as any other may suffer from one before it: it gets a
 * process in which it is the first. */

#include "banyan-registry-private.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_LIMIT_MS 10000
#define MAX_RECORD_BYTES (16 * 1024 * 1024)
#define NO_PLUGIN G_MAXUINT

typedef struct
{
  GPtrArray *plugins; /* (unowned) (element-type BanyanPluginInfo) */
  guint first;        /* of this process */
  guint next;         /* to be reported on */
  gboolean started;   /* `next` is being scanned */
  gboolean again;     /* the process left it to another one */
  guint limit_ms;     /* for each plugin */
  gint64 deadline;    /* for what comes next */

  pid_t pid;
  int fd;
  GByteArray *input; /* (owned) */
} Scanner;

extern char **environ;

/* -- Starting. -- */

/* In a build tree it lies beside the library. */
static char *
find_program (void)
{
  const char *asked = secure_getenv ("BANYAN_PLUGIN_SCANNER");
  g_autofree char *folder = NULL;
  g_autofree char *beside = NULL;
  Dl_info library;

  if (asked != NULL && asked[0] != '\0')
    return g_strdup (asked);

  if (dladdr ((gpointer) find_program, &library) != 0 && library.dli_fname != NULL)
    {
      folder = g_path_get_dirname (library.dli_fname);
      beside = g_build_filename (folder, "banyan-plugin-scan", NULL);
      if (g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&beside);
    }

  return g_build_filename (BANYAN_LIBEXEC_DIR, "banyan-plugin-scan", NULL);
}

static guint
get_limit_ms (void)
{
  const char *text = secure_getenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS");
  guint64 limit;

  if (text != NULL && g_ascii_string_to_unsigned (text, 10, 1, 3600000, &limit, NULL))
    return (guint) limit;

  return DEFAULT_LIMIT_MS;
}

/* What plugins print goes to standard error; our own standard output is someone's data. */
static int
spawn (const char *program, char **argv, int report_fd, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  int result;

  sigemptyset (&none);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, report_fd, BANYAN_SCANNER_FD);
  posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
  if (fcntl (2, F_GETFD) < 0)
    posix_spawn_file_actions_addopen (&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, 2, 1);
  posix_spawn_file_actions_addclosefrom_np (&actions, BANYAN_SCANNER_FD + 1);

  result = posix_spawn (pid, program, &actions, &attributes, argv, environ);

  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  return result;
}

static gboolean
start (Scanner *self, const char *program, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  int ends[2];
  int result;

  g_ptr_array_add (argv, (gpointer) program);
  g_ptr_array_add (argv, (gpointer) "--report");
  for (guint i = self->next; i < self->plugins->len; i++)
    g_ptr_array_add (argv, ((BanyanPluginInfo *) self->plugins->pdata[i])->path);
  g_ptr_array_add (argv, NULL);

  if (pipe2 (ends, O_CLOEXEC) != 0)
    return banyan_throw_errno (error, errno, "making a pipe");
  result = spawn (program, (char **) argv->pdata, ends[1], &self->pid);
  close (ends[1]);
  if (result != 0)
    {
      close (ends[0]);
      return banyan_throw_errno (error, result, "starting %s", program);
    }

  self->fd = ends[0];
  self->first = self->next;
  self->started = FALSE;
  self->again = FALSE;
  g_byte_array_set_size (self->input, 0);
  return TRUE;
}

/* -- Listening. -- */

static BanyanPluginInfo *
get_next (Scanner *self)
{
  return self->plugins->pdata[self->next];
}

static void
take_record (Scanner *self, const guint8 *bytes, gsize length)
{
  g_autoptr (GBytes) copy = g_bytes_new (bytes, length);
  g_autoptr (GVariant) record = g_variant_ref_sink (
      g_variant_new_from_bytes (G_VARIANT_TYPE (BANYAN_PLUGIN_RECORD), copy, FALSE));

  banyan_plugin_info_take_record (get_next (self), record);
  get_next (self)->unscanned = FALSE;
  self->next++;
  self->started = FALSE;
}

/* FALSE if the report makes no sense: then the plugin has written into it. */
static gboolean
take_report (Scanner *self, const BanyanScanReport *report, const guint8 *bytes)
{
  if (self->next >= self->plugins->len || report->index != self->next - self->first || self->again
      || self->started != (report->event != BANYAN_SCAN_STARTED))
    return FALSE;

  if (report->event == BANYAN_SCAN_STARTED)
    self->started = TRUE;
  else if (report->event == BANYAN_SCAN_AGAIN && report->index > 0)
    self->again = TRUE;
  else if (report->event == BANYAN_SCAN_FINISHED)
    take_record (self, bytes, report->length);
  else
    return FALSE;

  return TRUE;
}

static void
set_deadline (Scanner *self)
{
  self->deadline = g_get_monotonic_time () + self->limit_ms * (gint64) 1000;
}

static gboolean
take_reports (Scanner *self)
{
  BanyanScanReport report;

  while (self->input->len >= sizeof report)
    {
      memcpy (&report, self->input->data, sizeof report);
      if (report.length > MAX_RECORD_BYTES)
        return FALSE;
      if (self->input->len - sizeof report < report.length)
        break;
      if (!take_report (self, &report, self->input->data + sizeof report))
        return FALSE;
      g_byte_array_remove_range (self->input, 0, sizeof report + report.length);
      set_deadline (self);
    }

  return TRUE;
}

/* Waits for what comes until the deadline. FALSE at the end of what comes, or with @late set. */
static gboolean
wait_for_input (Scanner *self, gboolean *late)
{
  struct pollfd item = { .fd = self->fd, .events = POLLIN };
  guint8 bytes[65536];
  gint64 left_ms = (self->deadline - g_get_monotonic_time () + 999) / 1000;
  int ready = poll (&item, 1, (int) MAX (left_ms, 0));
  gssize n;

  if (ready < 0)
    return errno == EINTR;
  *late = ready == 0;
  if (ready == 0)
    return FALSE;

  n = read (self->fd, bytes, sizeof bytes);
  if (n > 0)
    g_byte_array_append (self->input, bytes, (guint) n);

  return n > 0 || (n < 0 && errno == EINTR);
}

/* -- Ending. -- */

static char *
describe_limit (Scanner *self)
{
  return g_strdup_printf ("did not finish scanning within %g s", self->limit_ms / 1000.0);
}

static char *
describe_end (int status)
{
  if (WIFSIGNALED (status))
    return g_strdup_printf ("crashed while scanning (SIG%s)", sigabbrev_np (WTERMSIG (status)));

  return g_strdup_printf ("ended the scanner (exit status %d)", WEXITSTATUS (status));
}

static int
reap (Scanner *self)
{
  int status = 0;

  /* Its end of the pipe is closed, but it may have done that itself and live on. One that is
   * already ending keeps its status. */
  kill (self->pid, SIGKILL);
  while (waitpid (self->pid, &status, 0) < 0 && errno == EINTR)
    ;
  close (self->fd);
  return status;
}

static void
blame (Scanner *self, char *reason, gboolean hung)
{
  BanyanPluginInfo *info = get_next (self);

  g_free (info->broken);
  info->broken = reason;
  info->hung = hung;
  info->unscanned = FALSE;
  g_ptr_array_set_size (info->types, 0);
  self->next++;
}

/* Follows one process to its end. FALSE with @reason if it ended without having done anything. */
static gboolean
follow (Scanner *self, char **reason)
{
  gboolean late = FALSE, sound = TRUE;
  int status;

  set_deadline (self);
  while (self->next < self->plugins->len && sound && wait_for_input (self, &late))
    sound = take_reports (self);

  status = reap (self);
  if (self->next == self->plugins->len || self->again)
    return TRUE;

  if (self->started && late)
    blame (self, describe_limit (self), TRUE);
  else if (self->started && self->next == self->first && !sound)
    blame (self, g_strdup ("wrote into what the scanner reports about it"), FALSE);
  else if (self->started && self->next == self->first)
    blame (self, describe_end (status), FALSE);

  if (self->next > self->first || self->started)
    return TRUE;

  *reason = late ? g_strdup_printf ("did not begin within %g s", self->limit_ms / 1000.0)
                 : g_strdup ("ended at once");
  return FALSE;
}

static void
give_up (Scanner *self, const char *reason)
{
  for (guint i = self->next; i < self->plugins->len; i++)
    {
      BanyanPluginInfo *info = self->plugins->pdata[i];

      g_free (info->broken);
      info->broken = g_strdup_printf ("not scanned: %s", reason);
      info->unscanned = TRUE;
    }
  self->next = self->plugins->len;
}

void
banyan_scanner_run (GPtrArray *plugins)
{
  g_autofree char *program = find_program ();
  g_autoptr (GByteArray) input = g_byte_array_new ();
  Scanner self = { .plugins = plugins, .limit_ms = get_limit_ms (), .input = input };

  while (self.next < plugins->len)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *end = NULL;
      g_autofree char *reason = NULL;

      if (!start (&self, program, &error))
        give_up (&self, error->message);
      else if (!follow (&self, &end))
        {
          reason = g_strdup_printf ("%s %s: run it by hand to see why", program, end);
          give_up (&self, reason);
        }
    }
}
