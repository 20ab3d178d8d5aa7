/* vhdx-crc.c - Castagnoli's CRC-32, which guards all that is no guest's data
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vhdx-crc.h"

/* The polynomial's bits, the lowest power first. */
#define POLYNOMIAL 0x82f63b78u

static guint32
advance (guint32 crc, guint8 byte)
{
  static guint32 table[256];
  static gsize is_filled;

  if (g_once_init_enter (&is_filled))
    {
      for (guint i = 0; i < G_N_ELEMENTS (table); i++)
        {
          guint32 value = i;

          for (guint bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
          table[i] = value;
        }
      g_once_init_leave (&is_filled, 1);
    }
  return crc >> 8 ^ table[(crc ^ byte) & 0xff];
}

guint32
vhdx_crc_of (const guint8 *bytes, gsize length, gsize at)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < length; i++)
    crc = advance (crc, i >= at && i < at + 4 ? 0 : bytes[i]);
  return ~crc;
}

gboolean
vhdx_crc_is_right (const guint8 *bytes, gsize length, gsize at)
{
  guint32 crc = vhdx_crc_of (bytes, length, at);

  return bytes[at] == (crc & 0xff) && bytes[at + 1] == (crc >> 8 & 0xff)
         && bytes[at + 2] == (crc >> 16 & 0xff) && bytes[at + 3] == crc >> 24;
}
