/* qcow2-refcount.h - how many users each host cluster has, and which are free
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

guint64 qcow2_refcount_max (const Qcow2Image *image);

gboolean BANYAN_COROUTINE qcow2_refcount_get (Qcow2Image *image, guint64 cluster, guint64 *count,
                                              GError **error);

/* The counts of @n clusters in a row. */
gboolean BANYAN_COROUTINE qcow2_refcount_get_many (Qcow2Image *image, guint64 cluster, guint n,
                                                   guint64 *counts, GError **error);

/* Finds between @min and @max free clusters in a row, and makes them used once. The file reaches to
 * their end. @is_fresh: nothing was ever written there, so they read as zeroes. */
gboolean BANYAN_COROUTINE qcow2_refcount_allocate (Qcow2Image *image, guint64 min, guint64 max,
                                                   guint64 *offset, guint64 *count,
                                                   gboolean *is_fresh, GError **error);
/* The same for the image's own tables: they are known as such from here on. */
gboolean BANYAN_COROUTINE qcow2_refcount_allocate_table (Qcow2Image *image, guint64 n_clusters,
                                                         Qcow2Meta kind, guint64 *offset,
                                                         GError **error);
/* Finds a place for @length bytes of compressed data. */
gboolean BANYAN_COROUTINE qcow2_refcount_allocate_bytes (Qcow2Image *image, guint64 length,
                                                         guint64 *offset, GError **error);

/* One user more for each cluster that the bytes touch. */
gboolean BANYAN_COROUTINE qcow2_refcount_add (Qcow2Image *image, guint64 offset, guint64 length,
                                              GError **error);
/* One user less. Only for what storage does not lead to any more, and no request. */
gboolean BANYAN_COROUTINE qcow2_refcount_drop (Qcow2Image *image, guint64 offset, guint64 length,
                                               Qcow2Discard why, GError **error);
/* For repairs: nobody allocates meanwhile. */
gboolean BANYAN_COROUTINE qcow2_refcount_set (Qcow2Image *image, guint64 cluster, guint64 count,
                                              GError **error);

/* Which part of a slice's word says what. */
guint64 qcow2_refcount_read_word (const Qcow2Image *image, guint64 word, guint index);
guint64 qcow2_refcount_write_word (const Qcow2Image *image, guint64 word, guint index,
                                   guint64 count);

/* Writes refcounts that have changed, then the refcount table's entries. */
gboolean BANYAN_COROUTINE qcow2_refcount_write (Qcow2Image *image, GError **error);
gboolean qcow2_refcount_is_dirty (Qcow2Image *image);

/* For the cache. */
gboolean BANYAN_COROUTINE qcow2_refcount_clean (Qcow2Image *image, GError **error);
guint64 qcow2_refcount_locate (Qcow2Image *image, guint64 key);
