/* run-daemon.h - going on in the background, and the file that tells which process it is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* Before there are threads. In the process that goes on: CLI_DONE. The one that was started waits
 * until that serves or has failed, and exits with what it says. */
CliStatus run_daemon_fork (void);
/* When all is open. In the background only; nothing happens otherwise. */
void run_daemon_leave_folder (void);
/* Lets go of the terminal, and the process that was started. */
void run_daemon_ready (void);

/* Writes the number of this process into @path, and holds a lock on it: two processes never have
 * one. */
gboolean run_pidfile_write (const char *path, GError **error);
void run_pidfile_remove (const char *path);

G_END_DECLS
