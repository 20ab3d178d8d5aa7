/* qcow2-reftable.h - clusters that no refcount block counts yet
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

/* Adds blocks that count @n clusters from @cluster on, besides themselves; or fewer, or others, so
 * that the caller looks again. Under refs_mutex. */
gboolean BANYAN_COROUTINE qcow2_reftable_make_countable (Qcow2Image *image, guint64 cluster,
                                                         guint64 n, GError **error);
