/* made-tables.c - made images with a header, and a table that tells where each block is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made-private.h"

#include "../../plugins/formats/vhdx/vhdx-crc.h"

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

/* The descriptor says next to nothing: QEMU wants it all the same. */
void
make_vmdk (const char *path, guint64 size)
{
  static const char descriptor[]
      = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\n"
        "createType=\"monolithicSparse\"\n";
  Made *made = made_new ();
  guint n = made_n_pieces (size), sector = 128;

  made_put (made, 0, "KDMV", 4);
  made_put_le (made, 4, 4, 1);
  made_put_le (made, 8, 4, 1 | 1 << 2);
  made_put_le (made, 12, 8, MADE_LENGTH (size) / 512);
  made_put_le (made, 20, 8, MADE_PIECE / 512);
  made_put_le (made, 28, 8, 1);
  made_put_le (made, 36, 8, 1);
  made_put_le (made, 44, 4, 512);
  made_put_le (made, 56, 8, 2);
  made_put_le (made, 64, 8, sector);
  made_put (made, 73, "\n \r\n", 4);
  made_put (made, 512, descriptor, strlen (descriptor));
  made_put_le (made, 1024, 4, 3);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_le (made, 1536 + 4 * i, 4, sector);
        made_put_data (made, sector * 512, i * (guint64) MADE_PIECE, MADE_PIECE);
        sector += MADE_PIECE / 512;
      }
    else
      made_put_le (made, 1536 + 4 * i, 4, i % 4 == 1);
  made_save (made, path);
}

static void
put_sum (Made *made, gsize offset, gsize length, gsize at)
{
  guint32 sum = 0;

  for (gsize i = 0; i < length; i++)
    sum += made->bytes->data[offset + i];
  made_put_be (made, offset + at, 4, (guint32) ~sum);
}

static void
put_footer (Made *made, gsize offset, guint64 size)
{
  made_put (made, offset, "conectix", 8);
  made_put_be (made, offset + 12, 4, 0x00010000);
  made_put_be (made, offset + 16, 8, 512);
  made_put (made, offset + 28, "win ", 4);
  made_put_be (made, offset + 48, 8, MADE_LENGTH (size));
  made_put_be (made, offset + 60, 4, 3);
  made_put_be (made, offset + 508, 4, 0);
  put_sum (made, offset, 512, 64);
}

void
make_vpc (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), sector = 4;

  put_footer (made, 0, size);
  made_put (made, 512, "cxsparse", 8);
  made_put_be (made, 512 + 16, 8, 1536);
  made_put_be (made, 512 + 24, 4, 0x00010000);
  made_put_be (made, 512 + 28, 4, n);
  made_put_be (made, 512 + 32, 4, MADE_PIECE);
  made_put_be (made, 1532, 4, 0);
  put_sum (made, 512, 1024, 36);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_be (made, 1536 + 4 * i, 4, sector);
        made_put_be (made, sector * 512, 8, G_MAXUINT64);
        made_put_be (made, sector * 512 + 8, 8, G_MAXUINT64);
        made_put_data (made, sector * 512 + 512, i * (guint64) MADE_PIECE, MADE_PIECE);
        sector += 1 + MADE_PIECE / 512;
      }
    else
      made_put_be (made, 1536 + 4 * i, 4, 0xffffffff);
  put_footer (made, made_align (made, 512), size);
  made_save (made, path);
}

static void
put_crc (Made *made, gsize offset, gsize length)
{
  made_put_le (made, offset + length - 1, 1, 0);
  made_put_le (made, offset + 4, 4, vhdx_crc_of (made->bytes->data + offset, length, 4));
}

static void
put_item (Made *made, guint index, const char *guid, guint offset, guint width, guint64 value)
{
  const gsize metadata = 3 << 20;

  made_put (made, metadata + 32 + 32 * index, guid, 16);
  made_put_le (made, metadata + 32 + 32 * index + 16, 4, (64 << 10) + offset);
  made_put_le (made, metadata + 32 + 32 * index + 20, 4, width);
  made_put_le (made, metadata + 32 + 32 * index + 24, 4, 6);
  made_put_le (made, metadata + (64 << 10) + offset, width, value);
}

/* Blocks have 1 MiB there at least: one of them, with all pieces. */
void
make_vhdx (const char *path, guint64 size)
{
  Made *made = made_new ();

  made_put (made, 0, "vhdxfile", 8);
  for (guint i = 0; i < 2; i++)
    {
      const gsize header = (64 + 64 * i) << 10, regions = (192 + 64 * i) << 10;

      made_put (made, header, "head", 4);
      made_put_le (made, header + 8, 8, i);
      made_put_le (made, header + 66, 2, 1);
      made_put_le (made, header + 68, 4, 1 << 20);
      made_put_le (made, header + 72, 8, 1 << 20);
      put_crc (made, header, 4096);
      made_put (made, regions, "regi", 4);
      made_put_le (made, regions + 8, 4, 2);
      made_put (made, regions + 16,
                "\x66\x77\xc2\x2d\x23\xf6\0\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08", 16);
      made_put_le (made, regions + 32, 8, 2 << 20);
      made_put_le (made, regions + 40, 4, 1 << 20);
      made_put (made, regions + 48,
                "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e", 16);
      made_put_le (made, regions + 64, 8, 3 << 20);
      made_put_le (made, regions + 72, 4, 1 << 20);
      put_crc (made, regions, 64 << 10);
    }
  made_put_le (made, 2 << 20, 8, 4 << 20 | 6);
  made_put (made, 3 << 20, "metadata", 8);
  made_put_le (made, (3 << 20) + 10, 2, 5);
  put_item (made, 0, "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b", 0, 8,
            1 << 20);
  put_item (made, 1, "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8", 8, 8,
            MADE_LENGTH (size));
  put_item (made, 2, "\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f", 16, 4,
            512);
  put_item (made, 3, "\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56", 20, 4,
            512);
  put_item (made, 4, "\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\0\xc7\x46", 24, 8, 1);
  made_put_data (made, 4 << 20, 0, 1 << 20);
  made_save (made, path);
}
