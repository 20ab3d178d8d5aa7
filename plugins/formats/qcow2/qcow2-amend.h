/* qcow2-amend.h - images that are changed as they lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

#include <banyan/banyan-image-options.h>

/* What is to be different; the rest stays. */
typedef struct
{
  guint version;       /* 0: as it is */
  guint refcount_bits; /* 0: as they are */
  gboolean sets_lazy_refcounts;
  gboolean lazy_refcounts;
  gboolean sets_backing;
  const char *backing_file;   /* (nullable): none */
  const char *backing_format; /* (nullable) */
  gboolean sets_data_file;
  const char *data_file; /* (nullable): nameless */
  gboolean clears_raw;   /* the data file is not to be read by itself any more */
} Qcow2Amendment;

/* Nobody else uses the image. */
gboolean BANYAN_COROUTINE qcow2_amend (Qcow2Image *image, const Qcow2Amendment *amendment,
                                       BanyanAmend *amend, GError **error);

/* How much of the whole, which is 1, a part of the work is. */
typedef struct
{
  BanyanAmend *amend; /* (unowned) */
  double from;
  double share;
} Qcow2Progress;

/* @fraction: of that part. */
void qcow2_progress_tell (const Qcow2Progress *self, double fraction);
