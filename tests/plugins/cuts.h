/* cuts.h - what a power cut leaves of what a recorder has written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "recorder-driver.h"

G_BEGIN_DECLS

#define CUTS_SECTOR 512

/* Puts into @bytes, RECORDER_MAX_LENGTH of them, what is left of @image when power fails before
 * entry @at of the log: all that was flushed, and of what came later anything, sector by sector.
 * Returns how long the file is. */
gsize cuts_make (GRand *rand, const guint8 *image, gsize image_size, guint at, guint8 *bytes);

/* The same, but of what came after the last flush nothing is there except entry @at, a write, all
 * of it: whatever should have waited for a flush makes no sense without the rest. */
gsize cuts_make_alone (const guint8 *image, gsize image_size, guint at, guint8 *bytes);

G_END_DECLS
