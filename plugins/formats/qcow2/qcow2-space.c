/* qcow2-space.c - which host clusters are given out, and taken back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-space.h"

#include "qcow2-refcount.h"
#include "qcow2-reftable.h"

/* -- Giving out. Under refs_mutex. -- */

static gboolean BANYAN_COROUTINE
find_free (Qcow2Image *image, guint64 min, Qcow2FreeRun *found, GError **error)
{
  guint64 cluster = image->first_free;
  gboolean is_counted;

  while (found->n < min)
    {
      if (!qcow2_refcount_search (image, &cluster, found, &is_counted, error))
        return FALSE;
      if (is_counted)
        continue;
      if (!qcow2_reftable_make_countable (image, cluster, min, error))
        return FALSE;
      found->n = 0;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
allocate_locked (Qcow2Image *image, guint64 min, Qcow2FreeRun *found, gboolean *is_fresh,
                 GError **error)
{
  if (!find_free (image, min, found, error)
      || !qcow2_refcount_check_free (image, found->first, found->n, error)
      || !qcow2_refcount_change (image, found->first, found->n, 1, error))
    return FALSE;

  *is_fresh = found->first >= image->high_water;
  image->high_water = MAX (image->high_water, found->first + found->n);
  if (min == 1)
    image->first_free = found->first + found->n;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_space_allocate (Qcow2Image *image, guint64 min, guint64 max, guint64 *offset, guint64 *count,
                      gboolean *is_fresh, GError **error)
{
  Qcow2FreeRun found = { .max = max };
  gboolean done;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_CLUSTER_ALLOC);
  banyan_co_mutex_lock (&image->refs_mutex);
  done = allocate_locked (image, min, &found, is_fresh, error);
  banyan_co_mutex_unlock (&image->refs_mutex);
  if (!done)
    return FALSE;

  *offset = found.first << image->cluster_bits;
  *count = found.n;
  if (qcow2_image_grow_child (image, image->file, *offset + (found.n << image->cluster_bits),
                              error))
    return TRUE;

  qcow2_space_drop (image, *offset, found.n << image->cluster_bits, QCOW2_DISCARD_NEVER, NULL);
  return FALSE;
}

gboolean BANYAN_COROUTINE
qcow2_space_allocate_table (Qcow2Image *image, guint64 n_clusters, Qcow2Meta kind, guint64 *offset,
                            GError **error)
{
  gboolean is_fresh;
  guint64 count;

  if (!qcow2_space_allocate (image, n_clusters, n_clusters, offset, &count, &is_fresh, error))
    return FALSE;

  qcow2_overlap_add (&image->overlap, *offset >> image->cluster_bits, count, kind);
  return TRUE;
}

/* -- Compressed data: several to a cluster, which counts each. -- */

/* What is left of the cluster that was packed last, and, where the next one is free, into that. */
static gboolean BANYAN_COROUTINE
pack (Qcow2Image *image, guint64 length, guint64 *offset, GError **error)
{
  guint64 left = qcow2_round_up (image->packing, image->cluster_size) - image->packing;
  guint64 count = 0;
  Qcow2FreeRun found = { .max = 1 };
  gboolean is_fresh;

  if (left > 0 && !qcow2_refcount_get (image, image->packing >> image->cluster_bits, &count, error))
    return FALSE;
  if (count == 0 || count >= qcow2_refcount_max (image))
    left = 0;

  if (left < length)
    {
      if (!allocate_locked (image, 1, &found, &is_fresh, error))
        return FALSE;
      if (left == 0
          || found.first << image->cluster_bits
                 != qcow2_round_up (image->packing, image->cluster_size))
        {
          *offset = found.first << image->cluster_bits;
          image->packing = *offset + length;
          return TRUE;
        }
    }

  *offset = image->packing;
  if (!qcow2_refcount_change (image, *offset >> image->cluster_bits, 1, 1, error))
    return FALSE;
  image->packing = *offset + length;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_space_allocate_bytes (Qcow2Image *image, guint64 length, guint64 *offset, GError **error)
{
  gboolean done;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_CLUSTER_ALLOC_BYTES);
  banyan_co_mutex_lock (&image->refs_mutex);
  done = pack (image, length, offset, error);
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done
         && qcow2_image_grow_child (image, image->file,
                                    qcow2_round_up (*offset + length, image->cluster_size), error);
}

/* -- Taking back. -- */

static guint64
count_clusters (const Qcow2Image *image, guint64 offset, guint64 length)
{
  return ((offset + length - 1) >> image->cluster_bits) - (offset >> image->cluster_bits) + 1;
}

static gboolean BANYAN_COROUTINE
drop_locked (Qcow2Image *image, guint64 offset, guint64 length, GError **error)
{
  return qcow2_refcount_change (image, offset >> image->cluster_bits,
                                count_clusters (image, offset, length), -1, error);
}

/* Under refs_mutex: whoever gets them next writes there only afterwards. */
static void BANYAN_COROUTINE
discard_free (Qcow2Image *image, guint64 offset, guint64 length)
{
  guint64 first = offset >> image->cluster_bits;
  guint64 end = first + count_clusters (image, offset, length);
  guint64 start = first;

  for (guint64 cluster = first; cluster <= end; cluster++)
    {
      guint64 count = 1;

      if (cluster < end && !qcow2_refcount_get (image, cluster, &count, NULL))
        count = 1;
      if (count == 0)
        continue;
      if (cluster > start)
        {
          guint64 to = MIN (cluster << image->cluster_bits, banyan_child_get_length (image->file));
          guint64 from = MIN (start << image->cluster_bits, to);
          BanyanRequest request = BANYAN_REQUEST (from, to - from, NULL, 0);

          if (request.length > 0)
            banyan_child_discard (image->file, &request, NULL);
        }
      start = cluster + 1;
    }
}

gboolean BANYAN_COROUTINE
qcow2_space_drop (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Discard why,
                  GError **error)
{
  gboolean done;

  /* Of a damaged image nobody knows what leads there. */
  if (__atomic_load_n (&image->is_corrupt, __ATOMIC_ACQUIRE))
    return TRUE;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_CLUSTER_FREE);
  banyan_co_mutex_lock (&image->refs_mutex);
  done = drop_locked (image, offset, length, error);
  if (done && why != QCOW2_DISCARD_NEVER && BANYAN_LIVE (image->pass_discard[why]))
    discard_free (image, offset, length);
  banyan_co_mutex_unlock (&image->refs_mutex);
  return done;
}
