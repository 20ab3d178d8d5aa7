/* qcow2-caches.c - how large the caches of an image are
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-cluster.h"
#include "qcow2-order.h"
#include "qcow2-refcount.h"

#include <errno.h>

/* QEMU's figures. */
#define DEFAULT_L2_CACHE (G_GUINT64_CONSTANT (32) << 20)
#define MIN_REFCOUNT_CLUSTERS G_GUINT64_CONSTANT (4)

/* Everything that a cache of the image's own size would need is enough. */
static guint64
choose_l2_size (Qcow2Image *image, const Qcow2CacheSizes *sizes, gsize slice)
{
  guint64 needed = qcow2_image_l1_entries (image, image->header.size) << image->cluster_bits;
  guint64 size = sizes->l2 != 0 ? sizes->l2 : DEFAULT_L2_CACHE;

  if (sizes->l2 == 0 && sizes->total != 0)
    size = sizes->total
           - MIN (sizes->total, sizes->refcounts != 0
                                    ? sizes->refcounts
                                    : MIN_REFCOUNT_CLUSTERS << image->cluster_bits);
  return MAX (MIN (size, needed), 8 * slice);
}

static guint64
choose_refs_size (Qcow2Image *image, const Qcow2CacheSizes *sizes, gsize slice)
{
  guint64 size = sizes->refcounts;

  if (size == 0 && sizes->total != 0 && sizes->l2 != 0)
    size = sizes->total - MIN (sizes->total, sizes->l2);
  if (size == 0)
    size = MIN_REFCOUNT_CLUSTERS << image->cluster_bits;
  return MAX (size, 8 * slice);
}

static gboolean
check_entry_size (Qcow2Image *image, guint64 size, GError **error)
{
  if (size <= image->cluster_size)
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: l2-cache-entry-size is %" G_GUINT64_FORMAT
                             ", and a table of the image has only %" G_GUINT64_FORMAT " bytes",
                             image->name, size, image->cluster_size);
}

gboolean
qcow2_caches_init (Qcow2Caches *self, Qcow2Image *image, const Qcow2CacheSizes *sizes,
                   GError **error)
{
  guint64 slice
      = sizes->l2_entry != 0 ? sizes->l2_entry : MIN (QCOW2_DEFAULT_SLICE, image->cluster_size);
  gsize refs_slice = ((gsize) 1 << (image->refs_slice_bits + image->refcount_order)) / 8;

  if (!check_entry_size (image, slice, error))
    return FALSE;

  self->l2_slice_bits = g_bit_storage (slice / (image->entry_words * 8)) - 1;
  self->l2.locate = qcow2_cluster_locate;
  self->l2.kind = QCOW2_META_ACTIVE_L2;
  self->l2.check = qcow2_cluster_check_slice;
  self->l2.load_event = BANYAN_DEBUG_EVENT_L2_LOAD;
  self->l2.update_event = BANYAN_DEBUG_EVENT_L2_UPDATE;
  self->l2.clean = qcow2_order_write_back;
  self->refs.locate = qcow2_refcount_locate;
  self->refs.kind = QCOW2_META_REFCOUNT_BLOCK;
  self->refs.load_event = BANYAN_DEBUG_EVENT_REFBLOCK_LOAD;
  self->refs.update_event = BANYAN_DEBUG_EVENT_REFBLOCK_UPDATE_PART;
  self->refs.clean = qcow2_refcount_clean;
  if (qcow2_cache_init (&self->l2, image, choose_l2_size (image, sizes, slice), slice, error)
      && qcow2_cache_init (&self->refs, image, choose_refs_size (image, sizes, refs_slice),
                           refs_slice, error))
    return TRUE;

  qcow2_caches_clear (self);
  return FALSE;
}

void
qcow2_caches_clear (Qcow2Caches *self)
{
  qcow2_cache_clear (&self->l2);
  qcow2_cache_clear (&self->refs);
}

void
qcow2_caches_exchange (Qcow2Caches *self, Qcow2Image *image)
{
  Qcow2Caches old = { image->l2, image->refs, image->l2_slice_bits };

  image->l2 = self->l2;
  image->refs = self->refs;
  image->l2_slice_bits = self->l2_slice_bits;
  *self = old;
}
