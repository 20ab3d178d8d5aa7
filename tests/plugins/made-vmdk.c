/* made-vmdk.c - made disks of VMware's of the kinds that qemu-img does not make
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made-private.h"

#include <string.h>

#define SECTOR 512
#define PIECE_SECTORS (MADE_PIECE / SECTOR)

/* QEMU looks for a content ID behind any header. */
static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\n"
                                 "parentCID=ffffffff\ncreateType=\"custom\"\n";

static void
put_header (Made *made, gsize at, guint64 size, guint64 directory)
{
  made_put (made, at, "KDMV", 4);
  made_put_le (made, at + 4, 4, 3);
  made_put_le (made, at + 8, 4, 1 | 1 << 16 | 1 << 17);
  made_put_le (made, at + 12, 8, MADE_LENGTH (size) / SECTOR);
  made_put_le (made, at + 20, 8, PIECE_SECTORS);
  made_put_le (made, at + 28, 8, 1);
  made_put_le (made, at + 36, 8, 1);
  made_put_le (made, at + 44, 4, 512);
  made_put_le (made, at + 56, 8, directory);
  made_put_le (made, at + 64, 8, 2);
  made_put (made, at + 73, "\n \r\n", 4);
  made_put_le (made, at + 77, 2, 1);
  made_put_le (made, at + 511, 1, 0);
}

/* Returns where it ends, which is where what it marks begins. */
static gsize
put_marker (Made *made, guint64 n_sectors, guint32 type)
{
  gsize at = made_align (made, SECTOR);

  made_put_le (made, at, 8, n_sectors);
  made_put_le (made, at + 12, 4, type);
  made_put_le (made, at + SECTOR - 1, 1, 0);
  return at + SECTOR;
}

/* The sector that it is in. */
static guint
put_grain (Made *made, guint piece, guint64 size)
{
  gsize length = MIN (MADE_PIECE, MADE_LENGTH (size) - piece * (gsize) MADE_PIECE);
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GBytes) packed = NULL;
  gsize at = made_align (made, SECTOR);

  made_fill (bytes, piece * (guint64) MADE_PIECE, length);
  packed = made_pack (bytes, length);
  made_put_le (made, at, 8, piece * (guint64) PIECE_SECTORS);
  made_put_le (made, at + 8, 4, g_bytes_get_size (packed));
  made_put (made, at + 12, g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
  return at / SECTOR;
}

void
make_vmdk_stream (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint32 sectors[512] = { 0 };
  gsize table, directory, footer;

  put_header (made, 0, size, G_MAXUINT64);
  made_put (made, SECTOR, descriptor, strlen (descriptor));
  for (guint i = 0; i < made_n_pieces (size); i++)
    if (made_has_data (i))
      sectors[i] = put_grain (made, i, size);

  table = put_marker (made, 4, 1);
  for (guint i = 0; i < G_N_ELEMENTS (sectors); i++)
    made_put_le (made, table + 4 * i, 4, sectors[i]);
  directory = put_marker (made, 1, 2);
  made_put_le (made, directory, 4, table / SECTOR);
  footer = put_marker (made, 1, 3);
  put_header (made, footer, size, directory / SECTOR);
  put_marker (made, 0, 0);
  made_save (made, path);
}

void
make_vmdk_cowd (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint sector = 64;

  made_put (made, 0, "COWD", 4);
  made_put_le (made, 4, 4, 1);
  made_put_le (made, 8, 4, 3);
  made_put_le (made, 12, 4, MADE_LENGTH (size) / SECTOR);
  made_put_le (made, 16, 4, PIECE_SECTORS);
  made_put_le (made, 20, 4, 4);
  made_put_le (made, 24, 4, 1);
  made_put (made, SECTOR, descriptor, strlen (descriptor));
  made_put_le (made, 4 * SECTOR, 4, 8);
  for (guint i = 0; i < made_n_pieces (size); i++)
    if (made_has_data (i))
      {
        made_put_le (made, 8 * SECTOR + 4 * i, 4, sector);
        made_put_data (made, sector * SECTOR, i * (guint64) MADE_PIECE, MADE_PIECE);
        sector += PIECE_SECTORS;
      }
  made_save (made, path);
}

#define SE_GRAIN 4096
#define SE_VOLATILE (1 * SECTOR)
#define SE_DIRECTORY (2 * SECTOR)
#define SE_TABLE (8 * SECTOR)
#define SE_GRAINS (128 * SECTOR)

static void
put_se_header (Made *made, guint64 size)
{
  made_put_le (made, 0, 8, 0xcafebabe);
  made_put_le (made, 8, 8, G_GUINT64_CONSTANT (0x200000001));
  made_put_le (made, 16, 8, MADE_LENGTH (size) / SECTOR);
  made_put_le (made, 24, 8, SE_GRAIN / SECTOR);
  made_put_le (made, 32, 8, 64);
  made_put_le (made, 80, 8, SE_VOLATILE / SECTOR);
  made_put_le (made, 88, 8, 1);
  made_put_le (made, 128, 8, SE_DIRECTORY / SECTOR);
  made_put_le (made, 136, 8, 1);
  made_put_le (made, 144, 8, SE_TABLE / SECTOR);
  made_put_le (made, 152, 8, 64);
  made_put_le (made, 192, 8, SE_GRAINS / SECTOR);
  made_put_le (made, SE_VOLATILE, 8, 0xcafecafe);
  made_put_le (made, SE_DIRECTORY, 8, G_GUINT64_CONSTANT (1) << 60);
}

/* A piece has 16 grains; those of the others are free, unmapped or zero. */
void
make_vmdk_sesparse (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint64 n_grains = 0;

  put_se_header (made, size);
  for (guint i = 0; i < (MADE_LENGTH (size) + SE_GRAIN - 1) / SE_GRAIN; i++)
    if (made_has_data (i / 16))
      {
        made_put_le (made, SE_TABLE + 8 * i, 8,
                     G_GUINT64_CONSTANT (3) << 60 | (n_grains & 0xfff) << 48 | n_grains >> 12);
        made_put_data (made, SE_GRAINS + n_grains++ * SE_GRAIN, i * (guint64) SE_GRAIN, SE_GRAIN);
      }
    else
      made_put_le (made, SE_TABLE + 8 * i, 8, (guint64) (i % 3) << 60);
  made_save (made, path);
}
