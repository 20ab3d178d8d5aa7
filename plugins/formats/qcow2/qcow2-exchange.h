/* qcow2-exchange.h - another disk, and other snapshots, by one write of the header
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-snapshot.h"

/* What the image is to be. */
typedef struct
{
  guint64 *l1; /* (owned): the disk's entries; which clusters are used once is found out */
  guint n_l1;
  guint64 disk_size;
  GArray *kept;        /* (owned) (element-type Qcow2Snapshot): nothing in them is */
  Qcow2Snapshot *made; /* (unowned) (nullable): one more, of that disk; gets its l1_offset */
} Qcow2Exchange;

/* What the image is now. */
void qcow2_exchange_init (Qcow2Exchange *self, Qcow2Image *image);
void qcow2_exchange_clear (Qcow2Exchange *self);

/* Nobody else is inside, and everything is settled. TRUE: the image, in memory, too, is that; the
 * list of snapshots in memory is left to the caller. FALSE: it is what it was. */
gboolean BANYAN_COROUTINE qcow2_exchange_run (Qcow2Exchange *self, Qcow2Image *image,
                                              GError **error);
