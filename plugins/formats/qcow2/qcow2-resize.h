/* qcow2-resize.h - disks of another length, and clusters that get a place beforehand
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

gboolean BANYAN_COROUTINE qcow2_resize (Qcow2Image *image, const BanyanResize *resize,
                                        GError **error);

/* Gives every cluster from @start to @end a place, in which zeroes are. */
gboolean BANYAN_COROUTINE qcow2_preallocate (Qcow2Image *image, guint64 start, guint64 end,
                                             BanyanPreallocation mode, GError **error);
