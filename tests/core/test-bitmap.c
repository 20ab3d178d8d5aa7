/* test-bitmap.c - which granules of a disk are set
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <string.h>

#define KIB G_GUINT64_CONSTANT (1024)
#define MIB (KIB * KIB)
#define N_BYTES 6000 /* of a model: with 4096 in a chunk, two chunks, the second one short */

static BanyanBitmap *
must_make (guint64 length, guint64 granularity)
{
  g_autoptr (GError) error = NULL;
  BanyanBitmap *bitmap = banyan_bitmap_new (length, granularity, &error);

  g_assert_no_error (error);
  return bitmap;
}

static void
assert_next (BanyanBitmap *bitmap, guint64 from, guint64 offset, guint64 length)
{
  guint64 found_length;

  g_assert_true (banyan_bitmap_find (bitmap, &from, &found_length));
  g_assert_cmpuint (from, ==, offset);
  g_assert_cmpuint (found_length, ==, length);
}

static void
assert_none (BanyanBitmap *bitmap, guint64 from)
{
  guint64 length;

  g_assert_false (banyan_bitmap_find (bitmap, &from, &length));
}

static void
test_whole_granules (void)
{
  g_autoptr (BanyanBitmap) bitmap = must_make (10 * MIB + 100, 64 * KIB);

  g_test_summary ("A range sets the granules that it touches, and the last one ends with the disk");

  assert_none (bitmap, 0);
  banyan_bitmap_set (bitmap, 64 * KIB + 5, 1);
  banyan_bitmap_set (bitmap, 200 * KIB, 0);
  assert_next (bitmap, 0, 64 * KIB, 64 * KIB);
  assert_next (bitmap, 70 * KIB, 70 * KIB, 58 * KIB);
  assert_none (bitmap, 128 * KIB);
  banyan_bitmap_set (bitmap, 10 * MIB + 99, G_MAXUINT64 - 11 * MIB);
  assert_next (bitmap, MIB, 10 * MIB, 100);
  banyan_bitmap_set (bitmap, 10 * MIB + 100, 1);
  assert_none (bitmap, 10 * MIB + 100);
}

/* One byte of the model is one granule. */
static void
compare (BanyanBitmap *bitmap, const guint8 *model, guint n)
{
  g_autofree guint8 *seen = g_malloc0 (n);
  guint64 length;

  for (guint64 offset = 0; banyan_bitmap_find (bitmap, &offset, &length); offset += length)
    memset (seen + offset / 512, 1, length / 512);
  g_assert_cmpmem (seen, n, model, n);
}

static void
test_random (void)
{
  guint n = N_BYTES * 8;
  g_autoptr (BanyanBitmap) bitmap = must_make (n * 512, 512);
  g_autoptr (BanyanBitmap) copy = must_make (n * 512, 512);
  g_autofree guint8 *model = g_malloc0 (n);

  g_test_summary ("Random ranges are those of a model, and so they are after a way through bytes");

  for (guint i = 0; i < 60; i++)
    {
      guint first = g_test_rand_int_range (0, n);
      guint length = g_test_rand_int_range (1, i % 10 == 0 ? 20000 : 90);

      length = MIN (length, n - first);
      banyan_bitmap_set (bitmap, first * 512, length * 512);
      memset (model + first, 1, length);
      compare (bitmap, model, n);
    }
  for (guint i = 0; i < 2; i++)
    if (banyan_bitmap_get_chunk (bitmap, i) != NULL)
      banyan_bitmap_set_bytes (copy, i * BANYAN_BITMAP_CHUNK_BYTES,
                               banyan_bitmap_get_chunk (bitmap, i), BANYAN_BITMAP_CHUNK_BYTES);
  compare (copy, model, n);
}

static void
test_bytes_beyond (void)
{
  g_autoptr (BanyanBitmap) bitmap = must_make (11 * 512, 512);
  guint8 bytes[64];

  g_test_summary ("Bits behind the end of the disk do not count");

  memset (bytes, 0xff, sizeof bytes);
  banyan_bitmap_set_bytes (bitmap, 0, bytes, sizeof bytes);
  banyan_bitmap_set_bytes (bitmap, 2, bytes, sizeof bytes);
  assert_next (bitmap, 0, 0, 11 * 512);
  g_assert_cmphex (banyan_bitmap_get_chunk (bitmap, 0)[1], ==, 0x07);
  g_assert_null (banyan_bitmap_get_chunk (bitmap, 1));
}

static void
test_merge (void)
{
  g_autoptr (BanyanBitmap) fine = must_make (MIB, 4 * KIB);
  g_autoptr (BanyanBitmap) coarse = must_make (MIB, 64 * KIB);

  g_test_summary ("Bitmaps of other granularities are merged, in whole granules");

  banyan_bitmap_set (fine, 68 * KIB, 4 * KIB);
  banyan_bitmap_set (fine, 900 * KIB, 4 * KIB);
  banyan_bitmap_set (coarse, 0, 1);
  banyan_bitmap_merge (coarse, fine);
  assert_next (coarse, 0, 0, 128 * KIB);
  assert_next (coarse, 128 * KIB, 896 * KIB, 64 * KIB);
  banyan_bitmap_merge (fine, coarse);
  assert_next (fine, 0, 0, 128 * KIB);
}

static void
test_refuses (void)
{
  static const struct
  {
    guint64 length;
    guint64 granularity;
    int errsv;
    const char *says;
  } bad[] = {
    { 1, 0, EINVAL, "granularity is 0 bytes" },
    { 1, 256, EINVAL, "granularity is 256 bytes" },
    { 1, 5000, EINVAL, "granularity is 5000 bytes" },
    { 1, G_GUINT64_CONSTANT (1) << 32, EINVAL, "granularity is 4294967296 bytes" },
    { G_GUINT64_CONSTANT (1) << 50, 512, EFBIG, "needs a granularity of at least 262144" },
    { (G_GUINT64_CONSTANT (1) << 41) + 1, 512, EFBIG, "needs a granularity of at least 1024" },
  };

  g_test_summary ("A granularity that cannot be is refused, with one that could be");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_bitmap_new (bad[i].length, bad[i].granularity, &error));
      g_assert_cmpint (banyan_error_get_errno (error), ==, bad[i].errsv);
      g_assert_nonnull (strstr (error->message, bad[i].says));
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/bitmap/whole-granules", test_whole_granules);
  g_test_add_func ("/bitmap/random-ranges", test_random);
  g_test_add_func ("/bitmap/bits-beyond-the-end", test_bytes_beyond);
  g_test_add_func ("/bitmap/other-granularities", test_merge);
  g_test_add_func ("/bitmap/granularities-that-cannot-be", test_refuses);
  return g_test_run ();
}
