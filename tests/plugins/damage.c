/* damage.c - what may be wrong with an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "damage.h"

#include <string.h>

void
damage (GRand *rand, guint8 *bytes, gsize size, gsize first, gsize header, gsize reach)
{
  guint n = g_rand_int_range (rand, 1, 6);

  reach = MIN (size, reach);
  for (guint i = 0; i < n; i++)
    {
      gsize end = g_rand_boolean (rand) ? MIN (header, reach) : reach;
      gsize at = g_rand_int_range (rand, MIN (first, end - 8), end);

      switch (g_rand_int_range (rand, 0, 4))
        {
        case 0:
          bytes[at] ^= 1 << g_rand_int_range (rand, 0, 8);
          break;
        case 1:
          bytes[at] = g_rand_int (rand);
          break;
        case 2:
          memset (bytes + (at & ~(gsize) 7), 0xff, 8);
          break;
        default:
          memcpy (bytes + (at & ~(gsize) 7), bytes + (g_rand_int (rand) % (reach - 8) & ~(gsize) 7),
                  8);
        }
    }
}
