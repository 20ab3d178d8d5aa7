/* qcow2-overlap-checks.h - which tables of the image are protected: QEMU's overlap-check
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

#define QCOW2_TYPE_OVERLAP_CHECKS (qcow2_overlap_checks_get_type ())
G_DECLARE_FINAL_TYPE (Qcow2OverlapChecks, qcow2_overlap_checks, QCOW2, OVERLAP_CHECKS, BanyanStruct)

/* Of Qcow2Meta, a mask. NULL: as nothing was said. */
guint qcow2_overlap_checks_get_kinds (Qcow2OverlapChecks *self);
