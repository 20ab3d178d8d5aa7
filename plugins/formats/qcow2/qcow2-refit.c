/* qcow2-refit.c - what of an open image is exchanged in a change of the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-refit.h"

#include "qcow2-order.h"
#include "qcow2-snapshot.h"

#include <errno.h>

struct _Qcow2Refit
{
  Qcow2Image *image;
  Qcow2Caches caches; /* the new ones; after the commit, the old */
  gboolean has_caches;
  guint old_kinds;
  gboolean has_kinds;
};

Qcow2Refit *
qcow2_refit_new (Qcow2Image *image)
{
  Qcow2Refit *self = g_new0 (Qcow2Refit, 1);

  self->image = image;
  return self;
}

void
qcow2_refit_free (Qcow2Refit *self)
{
  qcow2_caches_clear (&self->caches);
  g_free (self);
}

/* What has changed in the old caches is on storage, and nobody changes anything until the new ones
 * are in their place. */
gboolean BANYAN_COROUTINE
qcow2_refit_caches (Qcow2Refit *self, const Qcow2CacheSizes *sizes, GError **error)
{
  Qcow2Image *image = self->image;

  if (image->writing != QCOW2_READS && image->is_corrupt)
    return banyan_throw_errno (error, EIO,
                               "%s: the image is damaged, and what its caches hold cannot be "
                               "written: they stay as they are",
                               image->name);
  if ((image->writing != QCOW2_READS && !qcow2_order_settle (image, error))
      || !qcow2_caches_init (&self->caches, image, sizes, error))
    return FALSE;

  qcow2_sweeper_hold (&image->sweeper);
  self->has_caches = TRUE;
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_refit_overlap (Qcow2Refit *self, guint kinds, GError **error)
{
  self->old_kinds = BANYAN_LIVE (self->image->overlap_check);
  self->has_kinds = TRUE;
  BANYAN_LIVE_SET (self->image->overlap_check, kinds);
  return qcow2_snapshots_note_tables (self->image, error);
}

void
qcow2_refit_commit (Qcow2Refit *self)
{
  if (self->has_caches)
    qcow2_caches_exchange (&self->caches, self->image);
}

void
qcow2_refit_abort (Qcow2Refit *self)
{
  if (self->has_caches)
    qcow2_sweeper_let_go (&self->image->sweeper);
  if (self->has_kinds)
    BANYAN_LIVE_SET (self->image->overlap_check, self->old_kinds);
}

void
qcow2_refit_finish (Qcow2Refit *self)
{
  if (self->has_caches)
    qcow2_sweeper_let_go (&self->image->sweeper);
}
