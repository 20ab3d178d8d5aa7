/* qcow2-refit.h - what of an open image is exchanged in a change of the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

typedef struct _Qcow2Refit Qcow2Refit;

Qcow2Refit *qcow2_refit_new (Qcow2Image *image);
void qcow2_refit_free (Qcow2Refit *self);

/* In settle: nobody is inside. */
gboolean BANYAN_COROUTINE qcow2_refit_caches (Qcow2Refit *self, const Qcow2CacheSizes *sizes,
                                              GError **error);
gboolean BANYAN_COROUTINE qcow2_refit_overlap (Qcow2Refit *self, guint kinds, GError **error);

/* Neither waits nor fails. */
void qcow2_refit_commit (Qcow2Refit *self);
void qcow2_refit_abort (Qcow2Refit *self);
void qcow2_refit_finish (Qcow2Refit *self);
