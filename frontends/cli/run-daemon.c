/* run-daemon.c - going on in the background, and the file that tells which process it is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "run-daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- The background. -- */

/* Where the process that was started waits for a byte. */
static int ready_pipe = -1;
/* Open from the beginning: a sandbox may not reach it. */
static int null = -1;

static void
wait_for_child (pid_t child, int pipe)
{
  int status = 0;
  char byte;
  gssize n;

  do
    n = read (pipe, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n == 1)
    _exit (CLI_DONE);

  while (waitpid (child, &status, 0) < 0 && errno == EINTR)
    continue;
  _exit (WIFEXITED (status) && WEXITSTATUS (status) != 0 ? WEXITSTATUS (status) : CLI_FAILED);
}

CliStatus
run_daemon_fork (void)
{
  int ends[2];
  pid_t child;

  if (pipe2 (ends, O_CLOEXEC) < 0 || (child = fork ()) < 0)
    return cli_fail (CLI_FAILED, "cannot go into the background: %s", g_strerror (errno));

  if (child > 0)
    {
      close (ends[1]);
      wait_for_child (child, ends[0]);
    }

  close (ends[0]);
  ready_pipe = ends[1];
  null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  setsid ();
  return CLI_DONE;
}

void
run_daemon_leave_folder (void)
{
  /* Nothing may be in the way of unmounting what it was started in. */
  if (ready_pipe >= 0 && chdir ("/") < 0)
    cli_message ("cannot leave the working folder: %s", g_strerror (errno));
}

void
run_daemon_ready (void)
{
  if (ready_pipe < 0)
    return;

  for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
    dup2 (null, i);
  if (null > STDERR_FILENO)
    close (null);

  if (write (ready_pipe, "r", 1) < 0)
    cli_message ("going into the background: %s", g_strerror (errno));
  close (ready_pipe);
  ready_pipe = -1;
}

/* -- The file. -- */

static int pidfile = -1;

/* The lock goes with the process, whatever becomes of the file. */
static gboolean
lock (int descriptor)
{
  const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  return fcntl (descriptor, F_SETLK, &whole) == 0;
}

gboolean
run_pidfile_write (const char *path, GError **error)
{
  g_autofree char *text = g_strdup_printf ("%ld\n", (long) getpid ());
  gssize length = strlen (text);

  pidfile = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (pidfile < 0)
    return banyan_throw_errno (error, errno, "opening %s", path);

  if (!lock (pidfile))
    banyan_throw_errno (error, errno, "%s is that of another process that runs", path);
  else if (ftruncate (pidfile, 0) < 0 || write (pidfile, text, length) != length)
    banyan_throw_errno (error, errno, "writing %s", path);
  else
    return TRUE;

  close (pidfile);
  pidfile = -1;
  return FALSE;
}

void
run_pidfile_remove (const char *path)
{
  if (pidfile < 0)
    return;

  unlink (path);
  close (pidfile);
  pidfile = -1;
}
