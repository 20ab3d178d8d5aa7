/* made-more.c - made images of formats that QEMU, Parallels, Bochs and Knoppix had
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made-private.h"

#include <gio/gio.h>
#include <string.h>

#define QED_CLUSTER 65536

/* The header, an L1 table, an L2 table, data: tables have two clusters, since QEMU wants no less.
 */
void
make_qed (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), cluster = 5;

  made_put (made, 0, "QED\0", 4);
  made_put_le (made, 4, 4, QED_CLUSTER);
  made_put_le (made, 8, 4, 2);
  made_put_le (made, 12, 4, 1);
  made_put_le (made, 40, 8, QED_CLUSTER);
  made_put_le (made, 48, 8, MADE_LENGTH (size));
  made_put_le (made, QED_CLUSTER, 8, 3 * QED_CLUSTER);
  made_put_le (made, 5 * QED_CLUSTER - 8, 8, 0);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_le (made, 3 * QED_CLUSTER + 8 * i, 8, cluster * (guint64) QED_CLUSTER);
        made_put_data (made, cluster++ * QED_CLUSTER, i * (guint64) MADE_PIECE, MADE_PIECE);
      }
    else
      made_put_le (made, 3 * QED_CLUSTER + 8 * i, 8, i % 4 == 1);
  made_save (made, path);
}

void
make_parallels (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), cluster = 1;

  made_put (made, 0, "WithouFreSpacExt", 16);
  made_put_le (made, 16, 4, 2);
  made_put_le (made, 20, 4, 16);
  made_put_le (made, 24, 4, 1);
  made_put_le (made, 28, 4, MADE_PIECE / 512);
  made_put_le (made, 32, 4, n);
  made_put_le (made, 36, 8, MADE_LENGTH (size) / 512);
  made_put_le (made, 44, 4, 0x312e3276);
  made_put_le (made, 48, 4, MADE_PIECE / 512);
  made_put_le (made, 64 + 4 * n, 4, 0);
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        made_put_le (made, 64 + 4 * i, 4, cluster);
        made_put_data (made, cluster++ * MADE_PIECE, i * (guint64) MADE_PIECE, MADE_PIECE);
      }
  made_save (made, path);
}

void
make_qcow (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size);
  guint64 place = MADE_PIECE;

  made_put_be (made, 0, 4, 0x514649fb);
  made_put_be (made, 4, 4, 1);
  made_put_be (made, 24, 8, MADE_LENGTH (size));
  made_put_be (made, 32, 1, 16);
  made_put_be (made, 33, 1, 6);
  made_put_be (made, 40, 8, 48);
  made_put_be (made, 48, 8, 1024);
  made_put_be (made, 1024 + 8 * 63, 8, 0);
  for (guint i = 0; i < n; i++, place += MADE_PIECE)
    if (made_has_data (i))
      {
        made_put_be (made, 1024 + 8 * i, 8, place);
        made_put_data (made, place, i * (guint64) MADE_PIECE, MADE_PIECE);
      }
  made_save (made, path);
}

/* Extents of a piece, each behind a sector with the bitmap. */
void
make_bochs (const char *path, guint64 size)
{
  Made *made = made_new ();
  guint n = made_n_pieces (size), n_allocated = 0;
  gsize data = 512 + 4 * n;

  made_put (made, 0, "Bochs Virtual HD Image", 23);
  made_put (made, 32, "Redolog", 8);
  made_put (made, 48, "Growing", 8);
  made_put_le (made, 64, 4, 0x00020000);
  made_put_le (made, 68, 4, 512);
  made_put_le (made, 72, 4, n);
  made_put_le (made, 76, 4, MADE_PIECE / 512 / 8);
  made_put_le (made, 80, 4, MADE_PIECE);
  made_put_le (made, 88, 8, MADE_LENGTH (size));
  for (guint i = 0; i < n; i++)
    if (made_has_data (i))
      {
        gsize place = data + n_allocated * (512 + MADE_PIECE);

        made_put_le (made, 512 + 4 * i, 4, n_allocated++);
        made_put_data (made, place + 512, i * (guint64) MADE_PIECE, MADE_PIECE);
        memset (made->bytes->data + place, 0xff, MADE_PIECE / 512 / 8);
      }
    else
      made_put_le (made, 512 + 4 * i, 4, 0xffffffff);
  made_save (made, path);
}

GBytes *
made_pack (gconstpointer bytes, gsize length)
{
  g_autoptr (GZlibCompressor) packer = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6);
  g_autofree guint8 *packed = g_malloc (2 * length + 1000);
  gsize read, written;
  g_autoptr (GError) error = NULL;
  GConverterResult result
      = g_converter_convert (G_CONVERTER (packer), bytes, length, packed, 2 * length + 1000,
                             G_CONVERTER_INPUT_AT_END, &read, &written, &error);

  g_assert_no_error (error);
  g_assert_cmpint (result, ==, G_CONVERTER_FINISHED);
  g_assert_cmpuint (read, ==, length);
  return g_bytes_new (packed, written);
}

/* Blocks as large as they can be for the disk to end where one does. */
void
make_cloop (const char *path, guint64 size)
{
  Made *made = made_new ();
  const guint block = MADE_LENGTH (size) % MADE_PIECE == 0 ? MADE_PIECE : 512;
  guint n = MADE_LENGTH (size) / block;
  guint64 place = 136 + 8 * (n + 1);

  made_put (made, 0,
            "#!/bin/sh\n#V2.0 Format\n"
            "modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n",
            83);
  made_put_be (made, 128, 4, block);
  made_put_be (made, 132, 4, n);
  made_put_be (made, 136, 8, place);
  for (guint i = 0; i < n; i++)
    {
      g_autofree guint8 *bytes = g_malloc (block);
      g_autoptr (GBytes) packed = NULL;

      made_fill (bytes, i * (guint64) block, block);
      packed = made_pack (bytes, block);
      made_put (made, place, g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
      place += g_bytes_get_size (packed);
      made_put_be (made, 136 + 8 * (i + 1), 8, place);
    }
  made_save (made, path);
}

/* zlib's, bit by bit. */
static guint32
sum_up (guint32 crc, const guint8 *bytes, gsize length)
{
  crc = ~crc;
  for (gsize i = 0; i < length; i++)
    {
      crc ^= bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
  return ~crc;
}

/* As tables and the trailer have it. */
static void
put_sum (guint8 *at, guint32 crc)
{
  banyan_put_be32 (at, 2);
  banyan_put_be32 (at + 4, 32);
  banyan_put_be32 (at + 8, crc);
}

static void
put_chunk (GByteArray *table, guint32 type, guint64 sector, guint64 n, guint64 place,
           guint64 length)
{
  const guint64 numbers[] = { (guint64) type << 32, sector, n, place, length };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      guint64 number = GUINT64_TO_BE (numbers[i]);

      g_byte_array_append (table, (guint8 *) &number, sizeof number);
    }
}

/* Pieces with data are packed, but for every second of them; zeroes are left out in two ways, of
 * which one does not count. */
static void
put_chunks (Made *made, GByteArray *table, guint64 size)
{
  guint32 crc = 0;

  for (guint i = 0; i < made_n_pieces (size); i++)
    {
      gsize length = MIN (MADE_PIECE, MADE_LENGTH (size) - i * (gsize) MADE_PIECE);
      gsize place = made->bytes->len;
      guint64 sector = i * (guint64) MADE_PIECE / 512;
      g_autofree guint8 *plain = g_malloc (length);

      made_fill (plain, i * (guint64) MADE_PIECE, length);
      if (i % 4 != 3)
        crc = sum_up (crc, plain, length);
      if (!made_has_data (i))
        put_chunk (table, i % 4 == 1 ? 0 : 2, sector, length / 512, 0, 0);
      else if (i % 4 == 2)
        {
          made_put_data (made, place, i * (guint64) MADE_PIECE, length);
          put_chunk (table, 1, sector, length / 512, place, length);
        }
      else
        {
          g_autoptr (GBytes) packed = made_pack (plain, length);

          made_put (made, place, g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
          put_chunk (table, 0x80000005, sector, length / 512, place, g_bytes_get_size (packed));
        }
    }
  put_chunk (table, 0xffffffff, MADE_LENGTH (size) / 512, 0, 0, 0);
  put_sum (table->data + 64, crc);
}

static GByteArray *
new_table (void)
{
  GByteArray *table = g_byte_array_new ();

  g_byte_array_set_size (table, 204);
  memset (table->data, 0, 204);
  memcpy (table->data, "mish", 4);
  return table;
}

static void
put_trailer (Made *made, const GByteArray *table, guint field, gsize at, guint64 n_sectors)
{
  gsize end = made->bytes->len;

  made_put (made, end, "koly", 4);
  made_put_be (made, end + 4, 4, 4);
  made_put_be (made, end + 8, 4, 512);
  made_put_be (made, end + field, 8, at);
  made_put_be (made, end + field + 8, 8, end - at);
  made_put_be (made, end + 492, 8, n_sectors);
  made_put_be (made, end + 508, 4, 0);
  if (table->data[67] != 2)
    return;
  made_put_be (made, end + 32, 8, at);
  put_sum (made->bytes->data + end + 80, sum_up (0, made->bytes->data, at));
  put_sum (made->bytes->data + end + 352, sum_up (0, table->data + 72, 4));
}

static void
put_list (Made *made, GByteArray *table, guint64 n_sectors)
{
  g_autofree char *text = g_base64_encode (table->data, table->len);
  g_autofree char *list = g_strdup_printf (
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
      "<plist version=\"1.0\"><dict><key>resource-fork</key><dict><key>blkx</key><array><dict>\n"
      "<key>Attributes</key><string>0x0050</string><key>Data</key><data>\n%s\n</data>\n"
      "</dict></array><key>plst</key><array><dict><key>Data</key><data>AAAA</data></dict></array>"
      "</dict></dict></plist>\n",
      text);
  gsize at = made->bytes->len;

  made_put (made, at, list, strlen (list));
  put_trailer (made, table, 216, at, n_sectors);
}

static void
put_fork (Made *made, GByteArray *table, guint64 n_sectors)
{
  gsize at = made->bytes->len;

  made_put_be (made, at, 4, 256);
  made_put_be (made, at + 8, 4, table->len + 4);
  made_put_be (made, at + 256, 4, table->len);
  made_put (made, at + 260, table->data, table->len);
  put_trailer (made, table, 40, at, n_sectors);
}

void
make_dmg (const char *path, guint64 size)
{
  Made *made = made_new ();
  g_autoptr (GByteArray) table = new_table ();

  put_chunks (made, table, size);
  put_list (made, table, MADE_LENGTH (size) / 512);
  made_save (made, path);
}

void
make_dmg_chunk (const char *path, gboolean in_fork, guint32 type, gconstpointer packed,
                gsize length, guint64 n_sectors)
{
  Made *made = made_new ();
  g_autoptr (GByteArray) table = new_table ();

  made_put (made, 0, packed, length);
  put_chunk (table, type, 0, n_sectors, 0, length);
  (in_fork ? put_fork : put_list) (made, table, n_sectors);
  made_save (made, path);
}
