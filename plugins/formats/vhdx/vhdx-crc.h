/* vhdx-crc.h - Castagnoli's CRC-32, which guards all that is no guest's data
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* Whether the 4 bytes at @at are right for all the others of @bytes, with 0 in their place. */
gboolean vhdx_crc_is_right (const guint8 *bytes, gsize length, gsize at);
/* What should stand there. */
guint32 vhdx_crc_of (const guint8 *bytes, gsize length, gsize at);
