/* qcow2-space.h - which host clusters are given out, and taken back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

/* Finds between @min and @max free clusters in a row, and makes them used once. The file reaches to
 * their end. @is_fresh: nothing was ever written there, so they read as zeroes. */
gboolean BANYAN_COROUTINE qcow2_space_allocate (Qcow2Image *image, guint64 min, guint64 max,
                                                guint64 *offset, guint64 *count, gboolean *is_fresh,
                                                GError **error);
/* The same for the image's own tables: they are known as such from here on. */
gboolean BANYAN_COROUTINE qcow2_space_allocate_table (Qcow2Image *image, guint64 n_clusters,
                                                      Qcow2Meta kind, guint64 *offset,
                                                      GError **error);
/* Finds a place for @length bytes of compressed data. */
gboolean BANYAN_COROUTINE qcow2_space_allocate_bytes (Qcow2Image *image, guint64 length,
                                                      guint64 *offset, GError **error);

/* One user less for each cluster that the bytes touch. Only for what storage does not lead to any
 * more, and no request. */
gboolean BANYAN_COROUTINE qcow2_space_drop (Qcow2Image *image, guint64 offset, guint64 length,
                                            Qcow2Discard why, GError **error);
