/* qcow2-rebuild.h - new refcounts for an image whose old ones cannot be used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-counts.h"
#include "qcow2-image.h"

/* Writes a refcount table and its blocks behind all that is there, for what @counts has, and makes
 * the header lead there and, with the same write, to @roots (nullable), which are on their way to
 * storage. @counts has nothing of the old ones, and gets the new ones. Where it fails, the header
 * in memory is the old one, and is to be put back. */
gboolean BANYAN_COROUTINE qcow2_rebuild (Qcow2Image *image, Qcow2Counts *counts,
                                         const Qcow2Roots *roots, GError **error);
