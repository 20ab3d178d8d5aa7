/* run-sandbox.h - giving up, once everything is open, what serving does not need
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* Of --user and --allow-path. */
gboolean run_sandbox_is_wanted (void);
extern char *run_sandbox_user;
extern char **run_sandbox_paths;
/* GOption's callback for --sandbox=STEP,... */
gboolean run_sandbox_option (const char *name, const char *value, gpointer data, GError **error);

/* Before anything is opened: whether what was asked for can be done. */
gboolean run_sandbox_check (GError **error);
/* Before there are threads, but after any fork. */
gboolean run_sandbox_begin (GError **error);
/* @fd, a folder, stays usable, for what reads files in it or also @replaces them. @path: its name.
 */
void run_sandbox_keep (const char *path, int fd, gboolean replaces);
/* Nothing, where nothing was asked for. @pidfile: (nullable): removed at the end. */
gboolean run_sandbox_enter (BanyanGraph *graph, const char *pidfile, GError **error);

G_END_DECLS
