/* vhdx-parent.h - what a differencing image says of the one that it lies on
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* What a locator has at most, of what is looked at: names are far shorter. */
#define VHDX_MAX_LOCATOR (64u << 10)

/* The name of the parent, by its locator; for people. (nullable): it has none that is any. */
char *vhdx_parent_dup_name (const guint8 *locator, gsize length);
