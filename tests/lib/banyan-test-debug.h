/* banyan-test-debug.h - what a test that hangs tells of itself
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes to the log what each thread and each coroutine of this program waits for, as gdb sees it;
 * where there is no gdb, or it may not look, that. */
void banyan_test_show_coroutines (void);

G_END_DECLS
