/* qcow2-zero.h - clusters that are given up
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

/* Whole clusters: they read as zeroes, or, @to_nothing, as if they had never been written. */
gboolean BANYAN_COROUTINE qcow2_zero_clusters (Qcow2Image *image, guint64 start, guint64 end,
                                               gboolean to_nothing, GError **error);
