/* test-dmg.c - Apple's disk images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"
#include "made.h"

#include <errno.h>
#include <string.h>

#define MIB (1024 * 1024)
#define SIZE (4 * MIB)
#define TRAILER 512

#define ADC 0x80000004
#define ZLIB 0x80000005
#define BZIP2 0x80000006
#define LZFSE 0x80000007
#define LZMA 0x80000008

/* 64 KiB of 'Z', packed by bzip2. */
static const guint8 packed_z[]
    = { 0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0x71, 0x21, 0x91, 0x2f, 0x00,
        0x00, 0x80, 0x82, 0x00, 0x80, 0x10, 0x00, 0x08, 0x20, 0x00, 0x30, 0x80, 0x29, 0x1a, 0x01,
        0xa4, 0x03, 0x8b, 0xb9, 0x22, 0x9c, 0x28, 0x48, 0x38, 0x90, 0xc8, 0x97, 0x80 };

/* The same by xz. */
static const guint8 packed_z_by_xz[]
    = { 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00,
        0x21, 0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0xe0, 0xff, 0xff, 0x00,
        0x4c, 0x5d, 0x00, 0x2d, 0x6f, 0xfb, 0xbf, 0xfe, 0xa3, 0xb1, 0x5e, 0xe5, 0xf8, 0x3f,
        0xb2, 0xaa, 0x26, 0x55, 0xf8, 0x68, 0x70, 0x41, 0x70, 0x15, 0x0f, 0x8d, 0xfd, 0x1e,
        0x4c, 0x1b, 0x8a, 0x42, 0xb7, 0x19, 0xf4, 0x69, 0x18, 0x71, 0xae, 0x66, 0x23, 0x8a,
        0x8a, 0x4d, 0x2f, 0xa3, 0x0d, 0xd9, 0x7f, 0xa6, 0xe3, 0x8c, 0x23, 0x11, 0x53, 0xe0,
        0x59, 0x18, 0xc5, 0x75, 0x8a, 0xe2, 0x77, 0xf8, 0xb6, 0x94, 0x7f, 0x0c, 0x6a, 0xc0,
        0xde, 0x74, 0x49, 0x64, 0x5c, 0x9e, 0x3a, 0xd1, 0x00, 0x00, 0x8e, 0x84, 0x89, 0xf4,
        0x00, 0x01, 0x64, 0x80, 0x80, 0x04, 0x00, 0x00, 0xe4, 0x37, 0x86, 0x0b, 0x3e, 0x30,
        0x0d, 0x8b, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a };

static char *
dup_path (Images *images, const char *name)
{
  return g_build_filename (images->folder, name, NULL);
}

static Images *
new_image (void)
{
  Images *images = images_new ();
  g_autofree char *path = dup_path (images, "a.img");
  g_autofree char *source = dup_path (images, "src.raw");
  g_autofree guint8 *bytes = g_malloc (SIZE);
  g_autoptr (GError) error = NULL;

  make_dmg (path, SIZE);
  made_fill (bytes, 0, SIZE);
  g_file_set_contents (source, (const char *) bytes, SIZE, &error);
  g_assert_no_error (error);
  return images;
}

static void
test_reads (void)
{
  g_autoptr (Images) images = new_image ();

  g_test_summary ("Chunks of all kinds are read, as QEMU reads them");

  foreign_must_equal (images, "dmg", "src.raw");
  if (images_have_qemu ())
    foreign_must_equal_qemu (images, "dmg");
}

static void
test_status (void)
{
  g_autoptr (Images) images = new_image ();

  g_test_summary ("Status tells of zeroes, of what is packed, and where the rest lies");

  foreign_load (images, "dmg");
  for (guint i = 0; i < SIZE / MADE_PIECE; i++)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      g_autoptr (GError) error = NULL;

      banyan_test_block_status (images->graph, "disk", i * MADE_PIECE, MADE_PIECE, &status, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (status.length, ==, MADE_PIECE);
      if (i % 2 == 1)
        g_assert_cmphex (status.flags & BANYAN_BLOCK_ZERO, !=, 0);
      else
        g_assert_cmphex (
            status.flags & (i % 4 == 0 ? BANYAN_BLOCK_COMPRESSED : BANYAN_BLOCK_LOCATED), !=, 0);
    }
}

static void
load_chunk (Images *images, gboolean in_fork, guint32 type, gconstpointer packed, gsize length,
            guint64 n_sectors)
{
  g_autofree char *path = dup_path (images, "a.img");

  make_dmg_chunk (path, in_fork, type, packed, length, n_sectors);
}

static void
must_unpack (guint32 type, gconstpointer packed, gsize length)
{
  g_autoptr (Images) images = images_new ();
  guint8 bytes[65536], expected[65536];
  g_autofree char *says
      = g_strdup_printf ("the %" G_GSIZE_FORMAT " bytes of packed data at byte 0", length);
  g_autoptr (GError) error = NULL;

  memset (expected, 'Z', sizeof expected);
  for (guint in_fork = 0; in_fork < 2; in_fork++)
    {
      load_chunk (images, in_fork, type, packed, length, 128);
      foreign_load (images, "dmg");
      banyan_test_read (images->graph, "disk", 0, bytes, sizeof bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
      images_close (images);
    }

  images_patch (images, "a.img", 20, "x", 1);
  foreign_load (images, "dmg");
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, says));
  g_clear_error (&error);
  images_close (images);

  /* It has less than the sectors that it is said to be, or more. */
  for (guint n = 127; n < 130; n += 2)
    {
      load_chunk (images, FALSE, type, packed, length, n);
      foreign_load (images, "dmg");
      g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, 512, &error));
      g_assert_error (error, BANYAN_ERRNO, EIO);
      g_clear_error (&error);
      images_close (images);
    }
}

static void
test_packed (void)
{
  g_test_summary ("What bzip2 or xz has packed is unpacked, of a list or a fork; damage is told");

  must_unpack (BZIP2, packed_z, sizeof packed_z);
  must_unpack (LZMA, packed_z_by_xz, sizeof packed_z_by_xz);
}

static void
test_adc (void)
{
  /* Three bytes as they are, the last of them 66 times more in the long form, six from the
   * beginning in the short one, and six that overlap. */
  static const guint8 packed[] = { 0x82, 'a', 'b', 'c', 0x7e, 0, 0, 0x0c, 68, 0x0c, 2 };
  static const guint8 bad[] = { 0x82, 'a', 'b', 'c', 0x40, 0, 3 };
  g_autoptr (Images) images = images_new ();
  guint8 bytes[512], expected[512];
  g_autofree guint8 *all = g_malloc0 (4096);
  gsize n = sizeof packed;
  g_autoptr (GError) error = NULL;

  g_test_summary ("What ADC has packed is unpacked; what reaches before the beginning is damage");

  memcpy (all, packed, n);
  memset (expected, 'c', sizeof expected);
  memcpy (expected, "ab", 2);
  memcpy (expected + 69, "ab", 2);
  memset (expected + 81, 'x', sizeof expected - 81);
  for (gsize done = 81; done < sizeof expected;)
    {
      guint here = MIN (sizeof expected - done, 128);

      all[n++] = 0x80 | (here - 1);
      memset (all + n, 'x', here);
      n += here;
      done += here;
    }
  load_chunk (images, FALSE, ADC, all, n, 1);
  foreign_load (images, "dmg");
  banyan_test_read (images->graph, "disk", 0, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
  images_close (images);

  load_chunk (images, FALSE, ADC, bad, sizeof bad, 1);
  foreign_load (images, "dmg");
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
}

static void
test_refuses_chunks (void)
{
  static const struct
  {
    guint32 type;
    gsize length;
    guint64 n_sectors;
    const char *says;
  } bad[] = {
    { LZFSE, 43, 128, "packed by lzfse (type 2147483655), which is not read; pack it anew" },
    { 77, 43, 128, "packed by an unknown method (type 77)" },
    { ZLIB, 43, 1 << 20, "a length of 536870912; it can be 67108864 bytes at most" },
    { ZLIB, 0, 128, "a packed length of 0" },
    { 1, 43, 128, "a stored length of 43; its sectors need more" },
  };
  g_autoptr (Images) images = images_new ();
  g_autofree char *disk = foreign_dup_disk ("dmg");

  g_test_summary ("A chunk that cannot be read, or cannot be, is refused when the image is opened");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      load_chunk (images, FALSE, bad[i].type, packed_z, bad[i].length, bad[i].n_sectors);
      images_must_refuse (images, disk, bad[i].says);
    }
}

static gsize
get_size (Images *images)
{
  g_autofree char *path = dup_path (images, "a.img");
  g_autofree char *bytes = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  return size;
}

static void
test_refuses (void)
{
  g_autoptr (Images) images = new_image ();
  gsize at = get_size (images) - TRAILER;
  const ForeignRefusal refusals[] = {
    { at + 8, 4, TRUE, 511, "\"koly\" stands nowhere in its last bytes" },
    { at + 60, 4, TRUE, 3, "this is one of the 3 files that the image has" },
    { at, 1, TRUE, 'x', "\"koly\" stands nowhere in its last bytes" },
    { at + 216, 8, TRUE, G_MAXUINT64, "property list has" },
    { at + 224, 8, TRUE, G_MAXUINT64, "property list has 18446744073709551615 bytes; it can have" },
    { at + 224, 8, TRUE, 0, "neither a property list nor a resource fork" },
    { at + 224, 8, TRUE, 100, "property list is no XML" },
    { at + 48, 8, TRUE, 8, "resource fork has 8 bytes; its header alone has 16" },
    { at + 48, 8, TRUE, 1 << 30, "resource fork has 1073741824 bytes; it can have" },
    { at + 492, 8, TRUE, G_MAXUINT64, "number of sectors is 18446744073709551615, at byte" },
  };

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  foreign_must_refuse (images, "dmg", refusals, G_N_ELEMENTS (refusals), NULL);
}

static void
test_encrypted (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *disk = foreign_dup_disk ("dmg");

  g_test_summary ("What is encrypted is said to be, whether the header is at the beginning or the "
                  "end");

  images_run (images, "sh -c 'printf encrcdsa > a.img; truncate -s 4k a.img'");
  images_must_refuse (images, disk, "the image is encrypted");
  images_run (images,
              "sh -c 'truncate -s 0 a.img; truncate -s 4k a.img; printf cdsaencr >> a.img'");
  images_must_refuse (images, disk, "the image is encrypted");
}

/* -- Checks. -- */

/* (transfer full): the findings, one on each line */
static char *
dup_findings (Images *images, guint64 *corruptions)
{
  g_autoptr (GError) error = NULL;
  char *findings;

  foreign_load (images, "dmg");
  findings = images_dup_findings (images, "disk", corruptions, &error);
  g_assert_no_error (error);
  images_close (images);
  return findings;
}

static void
must_find (Images *images, gsize offset, const char *finding, guint64 n)
{
  guint64 corruptions;
  g_autofree char *findings = NULL;
  guint8 whole, damaged;

  whole = images_get64 (images, "a.img", offset) >> 56;
  damaged = whole ^ 0x55;
  images_patch (images, "a.img", offset, &damaged, 1);
  findings = dup_findings (images, &corruptions);
  if (strstr (findings, finding) == NULL)
    g_error ("not \"%s\" but: %s", finding, findings);
  g_assert_cmpuint (corruptions, ==, n);
  images_patch (images, "a.img", offset, &whole, 1);
}

static void
test_check (void)
{
  g_autoptr (Images) images = new_image ();
  gsize at = get_size (images) - TRAILER;
  g_autofree char *path = dup_path (images, "a.img");
  g_autofree char *bytes = NULL;
  g_autofree char *findings = NULL;
  guint64 corruptions;
  gsize size, plain = 0;

  g_test_summary (
      "A check compares the checksums of the parts of the disk, of the data, and of the "
      "tables; what is not packed has no others");

  findings = dup_findings (images, &corruptions);
  g_assert_cmpstr (findings, ==, "");
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  {
    guint8 expected[64];

    made_fill (expected, 2 * MADE_PIECE, sizeof expected);
    while (memcmp (bytes + plain, expected, sizeof expected) != 0)
      plain++;
  }

  must_find (images, 40, "packed at byte 0, and damaged", 2);
  must_find (images, plain, "the part of the disk from byte 0 on has the checksum", 2);
  must_find (images, plain, "the image's data from byte 0 on has the checksum", 2);
  must_find (images, at + 80 + 8, "the image's data from byte 0 on has the checksum", 1);
  must_find (images, at + 352 + 8, "the checksums of the image's tables have the checksum", 1);
  must_find (images, at + 492 + 6, "no chunk has the bytes of the disk from", 1);
}

/* -- Gaps. -- */

static void
test_gap (void)
{
  g_autoptr (Images) images = images_new ();
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;
  guint64 n_sectors = GUINT64_TO_BE (256);

  g_test_summary ("What no chunk has fails, and the rest is read");

  load_chunk (images, FALSE, BZIP2, packed_z, sizeof packed_z, 128);
  images_patch (images, "a.img", get_size (images) - TRAILER + 492, &n_sectors, 8);
  foreign_load (images, "dmg");
  banyan_test_read (images->graph, "disk", 65024, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_false (banyan_test_read (images->graph, "disk", 65536, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "no chunk of the image has byte 65536"));
}

static void
test_damage (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = dup_path (images, "a.img");

  g_test_summary ("Whatever is wrong in the data, the tables or the trailer, requests end");

  make_dmg (path, 2 * MADE_PIECE);
  foreign_damage (images, "dmg", 500, 1000, get_size (images), NULL);
  load_chunk (images, TRUE, BZIP2, packed_z, sizeof packed_z, 128);
  foreign_damage (images, "dmg", 43, 400, get_size (images), NULL);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/dmg/reads-what-qemu-reads", test_reads);
  g_test_add_func ("/dmg/status-of-chunks", test_status);
  g_test_add_func ("/dmg/packed-and-forks", test_packed);
  g_test_add_func ("/dmg/adc", test_adc);
  g_test_add_func ("/dmg/refuses-bad-chunks", test_refuses_chunks);
  g_test_add_func ("/dmg/refuses-bad-fields", test_refuses);
  g_test_add_func ("/dmg/what-is-encrypted", test_encrypted);
  g_test_add_func ("/dmg/checksums-are-compared", test_check);
  g_test_add_func ("/dmg/gaps-between-chunks", test_gap);
  g_test_add_func ("/dmg/damage-crashes-nothing", test_damage);
  return g_test_run ();
}
