/* test-vhdx.c - Hyper-V's images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"

#include "../../plugins/formats/vhdx/vhdx-crc.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * 1024)

/* Where qemu-img puts things. */
#define HEADER_1 (64 * KIB)
#define HEADER_2 (128 * KIB)
#define REGIONS_1 (192 * KIB)
#define REGIONS_2 (256 * KIB)
#define LOG (1 * MIB)

static void
test_beside_qemu (void)
{
  static const char *const ways[] = {
    "",
    "-o subformat=fixed",
    "-o block_size=1M",
    "-o block_size=2M,block_state_zero=off",
  };

  g_test_summary ("What qemu-img and qemu-io have written is read, and lies where they say");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    foreign_compare_with_qemu ("vhdx", ways[i], 9 * MIB);
}

static Images *
new_image (void)
{
  Images *images;

  if (!images_have_qemu ())
    return NULL;
  images = images_new ();
  foreign_make_source (images, 4 * MIB);
  images_run (images, "qemu-img convert -f raw -O vhdx -o block_size=1M src.raw a.img");
  return images;
}

/* -- The image's bytes. -- */

static guint8 *
load (Images *images, gsize *size)
{
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autoptr (GError) error = NULL;
  char *bytes;

  g_file_get_contents (path, &bytes, size, &error);
  g_assert_no_error (error);
  return (guint8 *) bytes;
}

static void
save (Images *images, const guint8 *bytes, gsize size)
{
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *) bytes, size, &error);
  g_assert_no_error (error);
}

static guint64
get (const guint8 *bytes, guint width)
{
  guint64 value = 0;

  while (width-- > 0)
    value = value << 8 | bytes[width];
  return value;
}

static void
put_crc (guint8 *bytes, gsize length)
{
  foreign_put (bytes + 4, 4, FALSE, vhdx_crc_of (bytes, length, 4));
}

static void
mend (guint8 *bytes, gsize size)
{
  if (size < 512 * KIB)
    return;
  put_crc (bytes + HEADER_1, 4096);
  put_crc (bytes + HEADER_2, 4096);
  put_crc (bytes + REGIONS_1, 64 * KIB);
  put_crc (bytes + REGIONS_2, 64 * KIB);
}

/* The table of blocks, by the region table; the metadata has another first byte. */
static guint64
find_region (const guint8 *bytes, guint8 first)
{
  for (guint i = 0; i < get (bytes + REGIONS_1 + 8, 4); i++)
    if (bytes[REGIONS_1 + 16 + 32 * i] == first)
      return get (bytes + REGIONS_1 + 16 + 32 * i + 16, 8);
  g_assert_not_reached ();
}

#define BLOCKS 0x66
#define METADATA 0x06

/* -- Headers. -- */

/* Both copies of what is there twice. */
static void
refuse (Images *images, const guint8 *whole, gsize size, gsize first, gsize second, guint width,
        guint64 value, const char *says)
{
  g_autofree guint8 *bytes = g_memdup2 (whole, size);
  g_autofree char *disk = foreign_dup_disk ("vhdx");

  g_test_message ("%s", says);
  foreign_put (bytes + first, width, FALSE, value);
  if (second != 0)
    foreign_put (bytes + second, width, FALSE, value);
  mend (bytes, size);
  save (images, bytes, size);
  images_must_refuse (images, disk, says);
}

/* A parent's locator, in place of the disk's ID. */
static void
put_locator (guint8 *bytes, guint64 metadata)
{
  static const char parent[] = "\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c";
  static const char *const texts[] = { "parent_linkage", "?", "relative_path", "..\\base.vhdx" };
  guint8 *locator = bytes + metadata + 128 * KIB;
  guint at = 20 + 2 * 12;

  for (guint i = 0; i < get (bytes + metadata + 10, 2); i++)
    {
      guint8 *item = bytes + metadata + 32 + 32 * i;

      if (item[0] != 0xab)
        continue;
      memcpy (item, parent, 16);
      foreign_put (item + 16, 4, FALSE, 128 * KIB);
      foreign_put (item + 20, 4, FALSE, 400);
    }
  foreign_put (locator + 18, 2, FALSE, 2);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      guint8 *entry = locator + 20 + i / 2 * 12;

      foreign_put (entry + i % 2 * 4, 4, FALSE, at);
      foreign_put (entry + 8 + i % 2 * 2, 2, FALSE, 2 * strlen (texts[i]));
      for (gsize j = 0; texts[i][j] != '\0'; j++, at += 2)
        foreign_put (locator + at, 2, FALSE, texts[i][j]);
    }
}

static void
test_refuses (void)
{
  Images *images = new_image ();
  g_autofree guint8 *whole = NULL;
  guint64 metadata, parameters, disk_size, sector_size;
  gsize size;

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  if (images == NULL)
    return;
  whole = load (images, &size);
  metadata = find_region (whole, METADATA);
  parameters = disk_size = sector_size = 0;
  for (guint i = 0; i < get (whole + metadata + 10, 2); i++)
    {
      const guint8 *item = whole + metadata + 32 + 32 * i;
      guint64 at = metadata + get (item + 16, 4);

      if (item[0] == 0x37)
        parameters = at;
      else if (item[0] == 0x24)
        disk_size = at;
      else if (item[0] == 0x1d)
        sector_size = at;
    }

  refuse (images, whole, size, 0, 0, 1, 'x', "begins with \"vhdxfile\"");
  refuse (images, whole, size, HEADER_1 + 66, HEADER_2 + 66, 2, 2,
          "neither of the image's headers");
  refuse (images, whole, size, HEADER_1, HEADER_2, 1, 'x', "neither of the image's headers");
  refuse (images, whole, size, REGIONS_1 + 8, REGIONS_2 + 8, 4, 2048,
          "neither of the image's region");
  refuse (images, whole, size, REGIONS_1 + 8, REGIONS_2 + 8, 4, 0, "region table has no");
  refuse (images, whole, size, REGIONS_1 + 32, REGIONS_2 + 32, 8, 4096,
          "region's offset is 4096, at byte 196640");
  refuse (images, whole, size, metadata, 0, 1, 'x', "does not begin with \"metadata\"");
  refuse (images, whole, size, metadata + 10, 0, 2, 2048, "number of metadata items is 2048");
  refuse (images, whole, size, metadata + 10, 0, 2, 0, "metadata has no file parameters");
  refuse (images, whole, size, metadata + 32 + 16, 0, 4, 0xffffffff,
          "metadata item's offset is 4294967295");
  refuse (images, whole, size, metadata + 32, 0, 1, 1, "metadata that is not known");
  refuse (images, whole, size, parameters, 0, 4, 1000, "block size is 1000, at byte");
  refuse (images, whole, size, parameters, 0, 4, 512 << 20, "block size is 536870912, at byte");
  refuse (images, whole, size, disk_size, 0, 8, 1001, "virtual disk size is 1001, at byte");
  refuse (images, whole, size, disk_size, 0, 8, 1ull << 60, "virtual disk size is");
  refuse (images, whole, size, disk_size, 0, 8, 1ull << 45, "needs 268500984");
  refuse (images, whole, size, sector_size, 0, 4, 513, "logical sector size is 513, at byte");

  put_locator (whole, metadata);
  refuse (images, whole, size, parameters + 4, 0, 4, 2,
          "differencing image, which has only what differs from \"..\\base.vhdx\"");
  memcpy (whole + REGIONS_1 + 48, whole + REGIONS_1 + 16, 16);
  memcpy (whole + REGIONS_2 + 48, whole + REGIONS_2 + 16, 16);
  refuse (images, whole, size, 0, 0, 1, 'v', "region table has a second");
  whole[REGIONS_1 + 16] = whole[REGIONS_2 + 16] = 9;
  whole[REGIONS_1 + 48] = whole[REGIONS_2 + 48] = 9;
  foreign_put (whole + REGIONS_1 + 48 + 28, 4, FALSE, 0);
  foreign_put (whole + REGIONS_2 + 48 + 28, 4, FALSE, 0);
  refuse (images, whole, size, REGIONS_1 + 16 + 28, REGIONS_2 + 16 + 28, 4, 0,
          "region table has no");
  refuse (images, whole, size, REGIONS_1 + 16 + 28, REGIONS_2 + 16 + 28, 4, 1,
          "a region that is not known");
  images_free (images);
}

static void
test_checksums (void)
{
  Images *images = new_image ();

  g_test_summary ("Where one copy of a header or table is damaged, the other one is used");

  if (images == NULL)
    return;
  images_patch (images, "a.img", HEADER_2 + 300, "x", 1);
  images_patch (images, "a.img", REGIONS_1 + 300, "x", 1);
  foreign_must_equal (images, "vhdx", "src.raw");
  images_patch (images, "a.img", REGIONS_2 + 300, "x", 1);
  {
    g_autofree char *disk = foreign_dup_disk ("vhdx");

    images_must_refuse (images, disk, "neither of the image's region tables");
  }
  images_free (images);
}

static void
test_entries (void)
{
  static const struct
  {
    const char *entry;
    const char *says;
  } damages[] = {
    { "\6\0\xf0\xff\xff\xff\xff\xff", "which leads behind the end of any file" },
    { "\6\0\0\0\0\1\0\0", "byte 512 of the disk is at byte 1099511628288" },
    { "\4\0\x80\0\0\0\0\0", "whose lowest three bits stand for nothing known" },
    { "\7\0\x80\0\0\0\0\0", "which says that a block is partly there" },
  };
  Images *images = new_image ();
  g_autofree guint8 *bytes = NULL;
  gsize size;

  g_test_summary ("An entry that leads nowhere, or that only other kinds of image have, fails what "
                  "it is needed for");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      guint8 sector[512];
      g_autoptr (GError) error = NULL;

      images_patch (images, "a.img", find_region (bytes, BLOCKS), damages[i].entry, 8);
      foreign_load (images, "vhdx");
      g_assert_false (banyan_test_read (images->graph, "disk", 512, sector, sizeof sector, &error));
      g_assert_error (error, BANYAN_ERRNO, EIO);
      if (strstr (error->message, damages[i].says) == NULL)
        g_error ("not \"%s\" but: %s", damages[i].says, error->message);
      images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
    }
  images_free (images);
}

/* -- The log. -- */

#define GUID "0123456789abcdef"

/* An entry with a data descriptor for the sector of the file at @offset, which is to be @sector,
 * and one for zeroes. */
static void
put_entry (guint8 *entry, guint64 sequence, guint32 tail, guint64 offset, const guint8 *sector,
           guint64 zero_offset, guint64 file_end)
{
  guint8 *data = entry + 4096;

  memset (entry, 0, 8192);
  memcpy (entry, "loge", 4);
  foreign_put (entry + 8, 4, FALSE, 8192);
  foreign_put (entry + 12, 4, FALSE, tail);
  foreign_put (entry + 16, 8, FALSE, sequence);
  foreign_put (entry + 24, 4, FALSE, zero_offset != 0 ? 2 : 1);
  memcpy (entry + 32, GUID, 16);
  foreign_put (entry + 48, 8, FALSE, file_end);
  foreign_put (entry + 56, 8, FALSE, file_end);

  memcpy (entry + 64, "desc", 4);
  memcpy (entry + 68, sector + 4092, 4);
  memcpy (entry + 72, sector, 8);
  foreign_put (entry + 80, 8, FALSE, offset);
  foreign_put (entry + 88, 8, FALSE, sequence);
  memcpy (entry + 96, "zero", 4);
  foreign_put (entry + 104, 8, FALSE, 4096);
  foreign_put (entry + 112, 8, FALSE, zero_offset);
  foreign_put (entry + 120, 8, FALSE, sequence);

  memcpy (data, "data", 4);
  foreign_put (data + 4, 4, FALSE, sequence >> 32);
  memcpy (data + 8, sector + 8, 4084);
  foreign_put (data + 4092, 4, FALSE, sequence);
  put_crc (entry, 8192);
}

/* As if it had not been closed. */
static void
make_dirty (guint8 *bytes)
{
  for (guint i = 0; i < 2; i++)
    memcpy (bytes + (i == 0 ? HEADER_1 : HEADER_2) + 48, GUID, 16);
  put_crc (bytes + HEADER_1, 4096);
  put_crc (bytes + HEADER_2, 4096);
}

static void
test_log (void)
{
  Images *images = new_image ();
  g_autofree guint8 *bytes = NULL;
  guint8 sector[4096];
  guint64 blocks;
  gsize size;

  g_test_summary ("What the log has for the table of blocks counts, in the order of its entries, "
                  "as when QEMU has replayed it; the file is left alone");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  blocks = find_region (bytes, BLOCKS);
  memcpy (sector, bytes + blocks, sizeof sector);

  /* An older sequence that does not count, and one of two entries that wraps around the end of the
   * ring: the second takes back half of the first. */
  foreign_put (sector + 24, 8, FALSE, 2);
  put_entry (bytes + LOG + 64 * KIB, 3, 64 * KIB, blocks, sector, 0, size);
  memcpy (sector, bytes + blocks, sizeof sector);
  foreign_put (sector, 8, FALSE, 2);
  foreign_put (sector + 8, 8, FALSE, 2);
  put_entry (bytes + LOG + MIB - 8192, 7, MIB - 8192, blocks, sector, 0, size);
  memcpy (sector + 8, bytes + blocks + 8, 8);
  put_entry (bytes + LOG, 8, MIB - 8192, blocks, sector, 0, size);
  make_dirty (bytes);
  save (images, bytes, size);

  foreign_load (images, "vhdx");
  images_must_be_zero (images, "disk", 0, MIB);
  images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
  images_close (images);
  {
    g_autofree guint8 *after = load (images, &size);

    g_assert_cmpmem (after, size, bytes, size);
  }

  images_run (images, "cp a.img b.img");
  images_run (images, "qemu-img check -q -r all b.img");
  images_run (images, "qemu-img convert -f vhdx -O raw b.img expected.raw");
  foreign_must_equal (images, "vhdx", "expected.raw");
  images_free (images);
}

static void
test_log_refused (void)
{
  Images *images = new_image ();
  g_autofree char *disk = foreign_dup_disk ("vhdx");
  g_autofree guint8 *bytes = NULL;
  guint8 sector[4096] = { 0 };
  guint64 blocks;
  gsize size;

  g_test_summary ("A log without a whole sequence is refused, as is one of a file that was longer");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  blocks = find_region (bytes, BLOCKS);
  make_dirty (bytes);
  save (images, bytes, size);
  images_must_refuse (images, disk, "has no sequence of entries that is whole");

  put_entry (bytes + LOG, 5, 8192, blocks, sector, 0, size);
  save (images, bytes, size);
  images_must_refuse (images, disk, "has no sequence of entries that is whole");

  put_entry (bytes + LOG, 5, 0, blocks, sector, 0, size + 4096);
  save (images, bytes, size);
  images_must_refuse (images, disk, "flushed file offset is");

  put_entry (bytes + LOG, 5, 0, blocks, sector, 0, size);
  bytes[LOG + 5000] ^= 1;
  save (images, bytes, size);
  images_must_refuse (images, disk, "has no sequence of entries that is whole");

  foreign_put (bytes + HEADER_1 + 68, 4, FALSE, 128 * MIB);
  foreign_put (bytes + HEADER_2 + 68, 4, FALSE, 128 * MIB);
  mend (bytes, size);
  save (images, bytes, size);
  images_must_refuse (images, disk, "has a log of 134217728 bytes");
  foreign_put (bytes + HEADER_1 + 68, 4, FALSE, 4096);
  foreign_put (bytes + HEADER_2 + 68, 4, FALSE, 4096);
  mend (bytes, size);
  save (images, bytes, size);
  images_must_refuse (images, disk, "log length is 4096, at byte");
  images_free (images);
}

/* What was not written whole when the power went is no entry. */
static void
test_log_torn (void)
{
  Images *images = new_image ();
  g_autofree guint8 *bytes = NULL;
  guint8 sector[4096];
  guint64 blocks;
  gsize size;

  g_test_summary ("An entry that is torn, or older, or whose zeroes are no sectors ends the "
                  "sequence before it; what that says counts");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  blocks = find_region (bytes, BLOCKS);
  memcpy (sector, bytes + blocks, sizeof sector);
  foreign_put (sector, 8, FALSE, 2);
  put_entry (bytes + LOG, 7, 0, blocks, sector, 0, size);
  make_dirty (bytes);

  for (guint i = 0; i < 3; i++)
    {
      guint8 *second = bytes + LOG + 8192;

      foreign_put (sector, 8, FALSE, 6 | 8 * MIB);
      put_entry (second, i == 1 ? 5 : 8, 0, blocks, sector, 8 * MIB, size);
      if (i == 0)
        memset (second + 4096, 0, 4096);
      else if (i == 2)
        {
          foreign_put (second + 104, 8, FALSE, 4097);
          put_crc (second, 8192);
        }
      save (images, bytes, size);
      foreign_load (images, "vhdx");
      images_must_be_zero (images, "disk", 0, MIB);
      images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
      images_close (images);
    }
  images_free (images);
}

static void
test_log_long (void)
{
  const gsize n_changes = 65537, length = (64 + n_changes * 32 + 4095) & ~4095ul, log = 4 * MIB;
  Images *images = new_image ();
  g_autofree char *disk = foreign_dup_disk ("vhdx");
  g_autofree guint8 *bytes = NULL;
  g_autofree guint8 *longer = NULL;
  guint8 *entry;
  gsize size;

  g_test_summary ("More changes than can be looked at for each sector are refused");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  longer = g_malloc0 (size + log);
  memcpy (longer, bytes, size);
  for (guint i = 0; i < 2; i++)
    {
      foreign_put (longer + (i == 0 ? HEADER_1 : HEADER_2) + 68, 4, FALSE, log);
      foreign_put (longer + (i == 0 ? HEADER_1 : HEADER_2) + 72, 8, FALSE, size);
    }
  make_dirty (longer);

  entry = longer + size;
  memcpy (entry, "loge", 4);
  foreign_put (entry + 8, 4, FALSE, length);
  foreign_put (entry + 16, 8, FALSE, 1);
  foreign_put (entry + 24, 4, FALSE, n_changes);
  memcpy (entry + 32, GUID, 16);
  for (gsize i = 0; i < n_changes; i++)
    {
      memcpy (entry + 64 + 32 * i, "zero", 4);
      foreign_put (entry + 64 + 32 * i + 16, 8, FALSE, size + log);
      foreign_put (entry + 64 + 32 * i + 24, 8, FALSE, 1);
    }
  put_crc (entry, length);
  save (images, longer, size + log);
  images_must_refuse (images, disk, "its log has more than 65536 changes");
  images_free (images);
}

static void
test_damage (void)
{
  Images *images = new_image ();
  g_autofree guint8 *bytes = NULL;
  guint8 sector[4096];
  gsize size;
  guint64 blocks, metadata;

  g_test_summary ("Whatever is wrong in headers, regions, log and tables, requests end");

  if (images == NULL)
    return;
  bytes = load (images, &size);
  blocks = find_region (bytes, BLOCKS);
  metadata = find_region (bytes, METADATA);
  foreign_damage (images, "vhdx", HEADER_1, HEADER_1 + 80, HEADER_1 + 90, mend);
  foreign_damage (images, "vhdx", REGIONS_1, REGIONS_1 + 80, REGIONS_2 + 90, mend);
  foreign_damage (images, "vhdx", MIN (blocks, metadata), MIN (blocks, metadata) + 256,
                  MAX (blocks, metadata) + 65536 + 64, NULL);

  memcpy (sector, bytes + blocks, sizeof sector);
  put_entry (bytes + LOG, 5, 0, blocks, sector, 8 * MIB, size);
  make_dirty (bytes);
  save (images, bytes, size);
  foreign_damage (images, "vhdx", LOG, LOG + 140, LOG + 8192, NULL);
  images_free (images);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/vhdx/reads-what-qemu-reads", test_beside_qemu);
  g_test_add_func ("/vhdx/refuses-bad-fields", test_refuses);
  g_test_add_func ("/vhdx/has-all-twice", test_checksums);
  g_test_add_func ("/vhdx/entries-that-lead-nowhere", test_entries);
  g_test_add_func ("/vhdx/log-is-applied", test_log);
  g_test_add_func ("/vhdx/log-that-is-broken", test_log_refused);
  g_test_add_func ("/vhdx/log-that-is-torn", test_log_torn);
  g_test_add_func ("/vhdx/log-that-is-too-long", test_log_long);
  g_test_add_func ("/vhdx/damage-crashes-nothing", test_damage);
  return g_test_run ();
}
