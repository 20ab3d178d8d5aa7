/* qcow2-check.h - whether all clusters are counted as they are used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

typedef struct
{
  guint64 corruptions;
  guint64 leaks;
  guint64 corruptions_fixed;
  guint64 leaks_fixed;
  guint64 flaws; /* that make no difference to anybody: corruptions where somebody is told */
  guint64 check_errors;
  guint64 total_clusters;
  guint64 allocated_clusters;
  guint64 compressed_clusters;
  guint64 fragmented_clusters;
  guint64 image_end_offset;
  BanyanCheck *report; /* (unowned) (nullable): who is told */
  guint n_told;
} Qcow2CheckResult;

typedef enum
{
  QCOW2_FIX_NOTHING,
  QCOW2_FIX_LEAKS,
  QCOW2_FIX_ALL,
} Qcow2Fix;

/* Nobody else uses the image meanwhile. All numbers in @result are set to 0 first. TRUE:
 * it could be checked, whatever came out of that. */
gboolean BANYAN_COROUTINE qcow2_check (Qcow2Image *image, Qcow2Fix fix, Qcow2CheckResult *result,
                                       GError **error);

/* A finding, with its place and value. A damaged image has millions of them, and most are alike. */
void qcow2_check_tell (Qcow2CheckResult *result, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* After a crash with lazy refcounts: makes them right. */
gboolean BANYAN_COROUTINE qcow2_check_repair_refcounts (Qcow2Image *image, GError **error);
