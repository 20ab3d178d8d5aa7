/* control-drivers.h - drivers made for tests of the control path
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>

G_BEGIN_DECLS

/* Registers all of them under the names below. */
void control_drivers_register (void);

/* "test-memory": a protocol. Properties: size, fail-open, fail-resize, and locked. */
/* "test-pass": a filter. Properties: label (by reopening), level (live). */
/* "test-flushing": a filter that notes flushes, and passes them on, or fails. Properties: fail. */
/* "test-format": METADATA child "file", COW child "backing" (optional). */
/* "test-cached": METADATA child "file", whose first sector counts the writes to the node; the count
 * is cached, and written by a flush. Properties: fail-inactivate, fail-reactivate. */
/* "test-mirror": MANY children "children", written all, the first one read. */
/* "test-stuck": a filter whose reads wait until control_let_go(). */
/* "test-server": a frontend with members "exports". */

/* What happened, in order, a line each: "open a", "prepare a", ... (transfer full) */
char *control_take_log (void);
/* Phases that have not been answered by their opposite: open without close, prepare
 * without finish or abort. */
gint control_get_balance (void);

/* How many requests are inside test-stuck nodes. */
gint control_count_stuck (void);
void control_let_go (void);

/* What storage found out about itself. */
void control_set_alignment (BanyanNode *memory, guint alignment);
const char *control_get_label (BanyanNode *pass);
/* How many writes a test-cached node knows of. */
guint64 control_get_count (BanyanNode *cached);

G_END_DECLS
