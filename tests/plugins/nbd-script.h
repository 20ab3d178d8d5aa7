/* nbd-script.h - an NBD server that says, byte by byte, what a line of text tells it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words of a script, one after the other:
 *     W:HEX    sends a number W bytes wide
 *     N*HEX    sends the byte HEX, N times (N decimal)
 *     "TEXT    sends the text, up to the next space
 *     <N       receives N bytes
 *     greet    sends the newstyle greeting, receives the client's flags
 *     yes, no  receives an option, and acknowledges it or says that it is unknown
 *     option   receives an option
 *     reply:T  sends the header of a reply of type T (hex) to that option; its length comes next
 *     go       receives an option, and answers as NBD_OPT_GO with an export of 1 MiB
 *     simple, structured, extended
 *              all that comes before the first request, without block status
 *     context  the same as structured, with block status; "xcontext" as extended
 *     request  receives a request, with the data of a write
 *     flags:F  the client has set these flags in it (hex), and no others
 *     type:T   the request's type is that
 *     C, O     sends the request's cookie, its offset
 *     wait     receives until the client has gone
 * At the end it hangs up. */

#pragma once

#include "banyan-test-io.h"

G_BEGIN_DECLS

typedef struct _Script Script;

/* Begins; the client's end of the connection goes to @fd, and is the caller's. */
Script *script_start (const char *text, int *fd);
/* Waits until it has ended; whether that was at the last word, or waiting for the client to go. */
gboolean script_end (Script *self);

G_END_DECLS
