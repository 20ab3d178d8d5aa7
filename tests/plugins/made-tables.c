/* made-tables.c - made images with a header, and a table that tells where each block is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made-private.h"

#include <string.h>

/* Blocks of a piece each, in the order of the disk. */
void
make_vdi (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), n_allocated = 0;

  made_put (made, 0, "<<< Oracle VM VirtualBox Disk Image >>>\n", 40);
  made_put_le (made, 64, 4, 0xbeda107f);
  made_put_le (made, 68, 4, 0x00010001);
  made_put_le (made, 72, 4, 400);
  made_put_le (made, 76, 4, 1);
  made_put_le (made, 340, 4, 512);
  made_put_le (made, 344, 4, 1024);
  made_put_le (made, 360, 4, 512);
  made_put_le (made, 368, 8, MADE_LENGTH (size));
  made_put_le (made, 376, 4, MADE_PIECE);
  made_put_le (made, 384, 4, n);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_le (made, 512 + 4 * i, 4, n_allocated);
        made_put_data (made, 1024 + n_allocated * MADE_PIECE, i * (guint64) MADE_PIECE, MADE_PIECE);
        n_allocated++;
      }
    else
      made_put_le (made, 512 + 4 * i, 4, i % 4 == 1 ? 0xffffffff : 0xfffffffe);
  made_put_le (made, 388, 4, n_allocated);
  made_save (made, path);
}

/* The header has everything: there is no descriptor. */
void
make_vmdk (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), sector = 128;

  made_put (made, 0, "KDMV", 4);
  made_put_le (made, 4, 4, 1);
  made_put_le (made, 8, 4, 1 | 1 << 2);
  made_put_le (made, 12, 8, MADE_LENGTH (size) / 512);
  made_put_le (made, 20, 8, MADE_PIECE / 512);
  made_put_le (made, 44, 4, 512);
  made_put_le (made, 56, 8, 1);
  made_put_le (made, 64, 8, sector);
  made_put (made, 73, "\n \r\n", 4);
  made_put_le (made, 512, 4, 2);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_le (made, 1024 + 4 * i, 4, sector);
        made_put_data (made, sector * 512, i * (guint64) MADE_PIECE, MADE_PIECE);
        sector += MADE_PIECE / 512;
      }
    else
      made_put_le (made, 1024 + 4 * i, 4, i % 4 == 1);
  made_save (made, path);
}
