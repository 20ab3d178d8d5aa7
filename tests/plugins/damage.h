/* damage.h - what may be wrong with an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Changes a few of @size bytes: mostly numbers that mean something at the wrong place. Half of that
 * is between @first and @header, half anywhere before @reach. */
void damage (GRand *rand, guint8 *bytes, gsize size, gsize first, gsize header, gsize reach);

G_END_DECLS
