/* qcow2-amend.h - images that are changed as they lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

/* What is to be different; the rest stays. */
typedef struct
{
  gboolean to_version_3;
  gboolean sets_lazy_refcounts;
  gboolean lazy_refcounts;
  gboolean sets_backing;
  const char *backing_file;   /* (nullable): none */
  const char *backing_format; /* (nullable) */
} Qcow2Amendment;

/* Nobody else uses the image. */
gboolean BANYAN_COROUTINE qcow2_amend (Qcow2Image *image, const Qcow2Amendment *amendment,
                                       GError **error);
