/* qcow2-refcount.h - how many users each host cluster has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

guint64 qcow2_refcount_max (const Qcow2Image *image);

gboolean BANYAN_COROUTINE qcow2_refcount_get (Qcow2Image *image, guint64 cluster, guint64 *count,
                                              GError **error);

/* The counts of @n clusters in a row. */
gboolean BANYAN_COROUTINE qcow2_refcount_get_many (Qcow2Image *image, guint64 cluster, guint n,
                                                   guint64 *counts, GError **error);

/* For repairs: nobody allocates meanwhile. */
gboolean BANYAN_COROUTINE qcow2_refcount_set (Qcow2Image *image, guint64 cluster, guint64 count,
                                              GError **error);

/* -- For who gives clusters out, and takes them back. Under refs_mutex. -- */

/* Free clusters in a row. */
typedef struct
{
  guint64 first;
  guint64 n;
  guint64 max; /* more are not looked for */
} Qcow2FreeRun;

/* Looks from @cluster on to the end of its slice, and moves @cluster there. @found may begin in an
 * earlier slice. @is_counted: a block counts the cluster; if not, nothing was looked at. */
gboolean BANYAN_COROUTINE qcow2_refcount_search (Qcow2Image *image, guint64 *cluster,
                                                 Qcow2FreeRun *found, gboolean *is_counted,
                                                 GError **error);
/* Adds @change, 1 or -1, to each of the counts. */
gboolean BANYAN_COROUTINE qcow2_refcount_change (Qcow2Image *image, guint64 first, guint64 count,
                                                 gint change, GError **error);
/* Whether none of the clusters, free by their counts, is one of our tables. */
gboolean BANYAN_COROUTINE qcow2_refcount_check_free (Qcow2Image *image, guint64 first,
                                                     guint64 count, GError **error);

/* The table has another entry, which storage gets with qcow2_refcount_write(). */
void qcow2_refcount_lead_to_block (Qcow2Image *image, guint64 block, guint64 offset);
/* Storage has all of the table. */
void qcow2_refcount_forget_table (Qcow2Image *image);

/* -- Writing. -- */

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
