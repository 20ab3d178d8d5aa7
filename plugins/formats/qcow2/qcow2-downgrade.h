/* qcow2-downgrade.h - an image of version 3 that is to be one of version 2
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-amend.h"

/* Whether version 2 can say what the image says, once entries for zeroes are gone and counts have
 * @refcount_order. Nobody else uses the image. */
gboolean qcow2_downgrade_check (Qcow2Image *image, guint refcount_order, GError **error);
/* Puts other entries, or data, in the place of entries for zeroes, also of snapshots. */
gboolean BANYAN_COROUTINE qcow2_downgrade_zeroes (Qcow2Image *image, const Qcow2Progress *progress,
                                                  GError **error);
/* The same of snapshots only: the disk has none any more. In qcow2-downgrade-snapshots.c. */
gboolean BANYAN_COROUTINE qcow2_downgrade_snapshots (Qcow2Image *image,
                                                     const Qcow2Progress *progress, GError **error);
/* What the header says afterwards. */
void qcow2_downgrade_header (Qcow2Header *header);
