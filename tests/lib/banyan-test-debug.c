/* banyan-test-debug.c - what a test that hangs tells of itself
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-debug.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A child may look at its parent only where the parent allows it. Through a pipe it could not tell
 * much: who is looked at stands still, and reads nothing. */
static gboolean
ask_gdb (const char *path, GError **error)
{
  g_autofree char *script
      = g_build_filename (g_getenv ("BANYAN_SOURCE_DIR"), "tools", "banyan-gdb.py", NULL);
  g_autofree char *pid = g_strdup_printf ("%d", getpid ());
  g_autoptr (GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autoptr (GSubprocess) process = NULL;

  prctl (PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  g_subprocess_launcher_set_stdout_file_path (launcher, path);
  process = g_subprocess_launcher_spawn (
      launcher, error, "gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", pid,
      "-ex", "thread apply all backtrace", "-x", script, "-ex", "banyan bt all", NULL);
  return process != NULL && g_subprocess_wait (process, NULL, error);
}

void
banyan_test_show_coroutines (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("banyan-XXXXXX.gdb", &path, &error);

  if (fd >= 0 && ask_gdb (path, &error))
    g_file_get_contents (path, &output, NULL, &error);
  g_test_message ("%s", error == NULL ? output : error->message);

  if (fd < 0)
    return;
  close (fd);
  g_unlink (path);
}
