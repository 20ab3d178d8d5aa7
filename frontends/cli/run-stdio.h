/* run-stdio.h - a client that is there already: at standard input and output, a socket's end, files
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"
#include "legacy.h"

G_BEGIN_DECLS

/* The number of a descriptor that listens, for that one client. (transfer full) (nullable) */
char *run_stdio_open (const LegacyClient *client, GError **error);
/* Whether one of them is at standard output. */
gboolean run_stdio_is_wanted (void);
/* The main loop will run. */
void run_stdio_begin (void);
/* The monitors are closed: waits until their last words are out. */
void run_stdio_end (void);

G_END_DECLS
