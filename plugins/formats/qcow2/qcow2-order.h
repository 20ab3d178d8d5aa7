/* qcow2-order.h - what gets to storage before what
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

/* Under links, shared: an entry has changed. */
void qcow2_order_note_change (Qcow2Image *image);
void qcow2_order_note_l1 (Qcow2Image *image, guint index);

/* Nothing leads to the bytes any more, as soon as storage has that. */
void qcow2_order_free (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Discard why);

/* Whether storage lacks an entry that somebody was told of. */
gboolean qcow2_order_is_behind (Qcow2Image *image);

/* Writes all tables, without a flush behind them: makes room in the cache. */
gboolean BANYAN_COROUTINE qcow2_order_write_back (Qcow2Image *image, GError **error);
/* Everything that has ended is on storage. */
gboolean BANYAN_COROUTINE qcow2_order_flush (Qcow2Image *image, GError **error);
/* After a flush, with nobody inside: no cluster waits any more to become free. */
gboolean BANYAN_COROUTINE qcow2_order_settle (Qcow2Image *image, GError **error);
/* When so many wait that somebody should flush. */
gboolean qcow2_order_has_many (Qcow2Image *image);
