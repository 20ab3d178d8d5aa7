/* banyan-blocking-private.h - the blocking form of an asynchronous call
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   if (!banyan_may_block (G_STRFUNC, error))
 *     return FALSE;
 *
 *   banyan_graph_close_async (self, NULL, banyan_keep_result, &result);
 *   return banyan_graph_close_finish (self, banyan_wait_for_result (&result), error); */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether the calling thread is the one that runs GLib's default main context for us: the first one
 * that asks. */
gboolean banyan_claim_main_context (void);

/* FALSE, with G_IO_ERROR_WOULD_BLOCK, in a callback of the main loop, and in a thread other than
 * the one that runs it. @what is the function that wants to wait. */
gboolean banyan_may_block (const char *what, GError **error);

/* A GAsyncReadyCallback whose data is where banyan_wait_for_result() finds the result. */
void banyan_keep_result (GObject *object, GAsyncResult *result, gpointer data);

/* Runs the main loop until @result is there. (transfer none) */
GAsyncResult *banyan_wait_for_result (GAsyncResult **result);

G_END_DECLS
