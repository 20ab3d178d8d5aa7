/* test-foreign-images.c - images of formats that few people have, and all alike
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"
#include "made.h"

#include <errno.h>
#include <string.h>

#define MIB (1024 * 1024)
#define SIZE MIB

typedef struct
{
  const char *driver;
  const char *ways[5]; /* for qemu-img; NULL: it cannot make them */
  void (*make) (const char *path, guint64 size);
  const ForeignRefusal *refusals; /* of what make () makes */
  gsize n_refusals;
  gsize first; /* damage: from there */
  gsize header;
  gsize reach;
  gboolean is_packed; /* in units, of which QEMU's map knows nothing */
} Format;

static const ForeignRefusal qed_refusals[] = {
  { 0, 4, FALSE, 1, "signature is 1, at byte 0" },
  { 4, 4, FALSE, 2048, "cluster size is 2048, at byte 4" },
  { 4, 4, FALSE, 0, "cluster size is 0, at byte 4" },
  { 4, 4, FALSE, 5000, "cluster size is 5000, at byte 4" },
  { 4, 4, FALSE, 128 << 20, "cluster size is 134217728, at byte 4" },
  { 8, 4, FALSE, 3, "table size in clusters is 3, at byte 8" },
  { 8, 4, FALSE, 32, "table size in clusters is 32, at byte 8" },
  { 16, 8, FALSE, 8, "features is 8, at byte 16" },
  { 40, 8, FALSE, 0, "L1 table's offset is 0, at byte 40" },
  { 40, 8, FALSE, 65537, "L1 table's offset is 65537, at byte 40" },
  { 40, 8, FALSE, 1ull << 40, "L1 table has 131072 bytes from byte 1099511627776 on" },
  { 48, 8, FALSE, 511, "size is 511, at byte 48" },
  { 48, 8, FALSE, G_MAXUINT64 - 511, "size is 18446744073709551104, at byte 48" },
  { 48, 8, FALSE, (1ull << 44) + 65536, "size is 17592186109952, at byte 48" },
};

static const ForeignRefusal parallels_refusals[] = {
  { 0, 1, FALSE, 'x', "this is no image of Parallels" },
  { 16, 4, FALSE, 3, "version is 3, at byte 16" },
  { 28, 4, FALSE, 0, "cluster size in sectors is 0, at byte 28" },
  { 28, 4, FALSE, 0xffffffff, "cluster size in sectors is 4294967295, at byte 28" },
  { 32, 4, FALSE, 0xffffffff, "block table has 17179869180 bytes from byte 64 on" },
  { 36, 8, FALSE, G_MAXUINT64, "size in sectors is 18446744073709551615, at byte 36" },
};

static const ForeignRefusal qcow_refusals[] = {
  { 0, 4, TRUE, 1, "signature is 1, at byte 0" },
  { 4, 4, TRUE, 2, "version is 2, at byte 4" },
  { 24, 8, TRUE, G_MAXUINT64, "size is 18446744073709551615, at byte 24" },
  { 24, 8, TRUE, 1ull << 60, "L1 table has 2199023255552 bytes from byte 48 on" },
  { 32, 1, TRUE, 8, "number of bits in a cluster is 8, at byte 32" },
  { 32, 1, TRUE, 17, "number of bits in a cluster is 17, at byte 32" },
  { 33, 1, TRUE, 5, "number of bits in an L2 table is 5, at byte 33" },
  { 33, 1, TRUE, 14, "number of bits in an L2 table is 14, at byte 33" },
  { 36, 4, TRUE, 1, "the image is encrypted (method 1, at byte 36)" },
  { 40, 8, TRUE, G_MAXUINT64, "L1 table has 8 bytes from byte 18446744073709551615 on" },
};

static const ForeignRefusal bochs_refusals[] = {
  { 0, 1, FALSE, 'x', "this is no image of Bochs" },
  { 32, 1, FALSE, 'x', "commit them with bximage" },
  { 48, 1, FALSE, 'x', "commit them with bximage" },
  { 64, 4, FALSE, 3, "version is 3, at byte 64" },
  { 68, 4, FALSE, 0, "header size is 0, at byte 68" },
  { 72, 4, FALSE, 1 << 21, "number of extents is 2097152, at byte 72" },
  { 72, 4, FALSE, 1 << 20, "catalog has 4194304 bytes from byte 512 on" },
  { 76, 4, FALSE, 15, "bitmap size is 15, at byte 76" },
  { 76, 4, FALSE, 0xffffffff, "bitmap size is 4294967295, at byte 76" },
  { 80, 4, FALSE, 0, "extent size is 0, at byte 80" },
  { 80, 4, FALSE, 1000, "extent size is 1000, at byte 80" },
  { 80, 4, FALSE, 16 << 20, "extent size is 16777216, at byte 80" },
  { 88, 8, FALSE, G_MAXUINT64, "size is 18446744073709551104, at byte 88" },
};

static const ForeignRefusal cloop_refusals[] = {
  { 12, 1, FALSE, 'x', "this is no compressed loop" },
  { 12, 1, FALSE, '4', "has version 4.0 of the format; only 2.0 is read. extract_compressed_fs" },
  { 128, 4, TRUE, 0, "block size is 0, at byte 128" },
  { 128, 4, TRUE, 513, "block size is 513, at byte 128" },
  { 128, 4, TRUE, 128 << 20, "block size is 134217728, at byte 128" },
  { 132, 4, TRUE, 0xffffffff, "table of blocks has 34359738368 bytes from byte 136 on" },
};

static const Format formats[] = {
  { "qed",
    { "", "-o cluster_size=16k,table_size=2", "-o cluster_size=1M,table_size=16" },
    make_qed,
    qed_refusals,
    G_N_ELEMENTS (qed_refusals),
    4,
    64,
    200000,
    FALSE },
  { "parallels",
    { "", "-o cluster_size=64k" },
    make_parallels,
    parallels_refusals,
    G_N_ELEMENTS (parallels_refusals),
    16,
    64,
    350,
    FALSE },
  { "qcow", { "" }, make_qcow, qcow_refusals, G_N_ELEMENTS (qcow_refusals), 8, 56, 1600, FALSE },
  { "bochs",
    { NULL },
    make_bochs,
    bochs_refusals,
    G_N_ELEMENTS (bochs_refusals),
    64,
    100,
    1300,
    FALSE },
  { "cloop",
    { NULL },
    make_cloop,
    cloop_refusals,
    G_N_ELEMENTS (cloop_refusals),
    128,
    300,
    700,
    TRUE },
};

/* -- Beside QEMU. -- */

static void
test_beside_qemu (gconstpointer data)
{
  const Format *format = data;

  g_test_summary ("What qemu-img and qemu-io have written is read, and lies where they say");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; format->ways[i] != NULL; i++)
    foreign_compare_with_qemu (format->driver, format->ways[i], 5 * MIB);
}

static Images *
new_image (const Format *format)
{
  Images *images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree char *source = g_build_filename (images->folder, "src.raw", NULL);
  g_autofree guint8 *bytes = g_malloc (SIZE);
  g_autoptr (GError) error = NULL;

  format->make (path, SIZE);
  made_fill (bytes, 0, SIZE);
  g_file_set_contents (source, (const char *) bytes, SIZE, &error);
  g_assert_no_error (error);
  return images;
}

static void
test_made (gconstpointer data)
{
  const Format *format = data;
  g_autoptr (Images) images = new_image (format);

  g_test_summary ("What was made by the specification is read, as QEMU reads it");

  foreign_must_equal (images, format->driver, "src.raw");
  if (!images_have_qemu ())
    return;
  foreign_must_equal_qemu (images, format->driver);
  if (!format->is_packed)
    foreign_must_map_as_qemu (images, format->driver);
}

/* -- What is wrong. -- */

static void
test_refuses (gconstpointer data)
{
  const Format *format = data;
  g_autoptr (Images) images = new_image (format);

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  foreign_must_refuse (images, format->driver, format->refusals, format->n_refusals, NULL);
}

static void
test_damage (gconstpointer data)
{
  const Format *format = data;
  g_autoptr (Images) images = new_image (format);

  g_test_summary ("Whatever is wrong in the header or the tables, requests end");

  foreign_damage (images, format->driver, format->first, format->header, format->reach, NULL);
}

/* -- One by one. -- */

static const Format *
find_format (const char *driver)
{
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_str_equal (formats[i].driver, driver))
      return &formats[i];
  g_assert_not_reached ();
}

static void
must_fail (Images *images, const char *driver, guint64 offset, const char *says)
{
  g_autoptr (GError) error = NULL;
  guint8 bytes[512];

  foreign_load (images, driver);
  g_assert_false (banyan_test_read (images->graph, "disk", offset, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  if (strstr (error->message, says) == NULL)
    g_error ("not \"%s\" but: %s", says, error->message);
  images_close (images);
}

/* The other pieces are there all the same. */
static void
must_read_last (Images *images, const char *driver)
{
  guint8 bytes[512], expected[512];
  g_autoptr (GError) error = NULL;
  const guint64 offset = SIZE - 2 * MADE_PIECE;

  foreign_load (images, driver);
  made_fill (expected, offset, sizeof expected);
  banyan_test_read (images->graph, "disk", offset, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
  images_close (images);
}

static void
test_lost_blocks (void)
{
  static const struct
  {
    const char *driver;
    guint64 offset;
    const char *bytes;
    gsize length;
    const char *says;
  } damages[] = {
    { "qed", 196608, "\0\0\0\0\x10\0\0\0", 8, "byte 0 of the disk is at byte 68719476736" },
    { "qed", 196608, "\5\0\0\0\x10\0\0\0", 8, "L2 entry at byte 196608 of the image is" },
    { "parallels", 64, "\xff\xff\xff\0", 4, "byte 0 of the disk is at byte 1099511562240" },
    { "qcow", 1024, "\0\0\0\x10\0\0\0\0", 8, "byte 0 of the disk is at byte 68719476736" },
    { "qcow", 1024, "\x80\x40\0\x10\0\0\0\0", 8, "packed data has" },
    { "qcow", 1024, "\x80\x40\0\0\0\0\0\0", 8, "bytes of packed data at byte 0 of the image are" },
    { "bochs", 512, "\0\0\0\1", 4, "the image's bitmap has 512 bytes from byte" },
    { "cloop", 136, "\0\0\0\0\1\0\0\0", 8, "which cannot be" },
    { "cloop", 400, "damaged", 7, "bytes of packed data at byte" },
  };

  g_test_summary ("An entry that leads nowhere fails what it is needed for, and nothing else");

  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (Images) images = new_image (find_format (damages[i].driver));

      g_test_message ("%s: %s", damages[i].driver, damages[i].says);
      images_patch (images, "a.img", damages[i].offset, damages[i].bytes, damages[i].length);
      must_fail (images, damages[i].driver, 0, damages[i].says);
      must_read_last (images, damages[i].driver);
    }
}

static void
test_lost_tables (void)
{
  static const struct
  {
    const char *driver;
    guint64 offset;
    const char *bytes;
    const char *says;
  } damages[] = {
    { "qed", 65536, "\0\0\0\0\x10\0\0\0", "L1 entry at byte 65536 of the image is" },
    { "qed", 65536, "\1\0\2\0\0\0\0\0", "L1 entry at byte 65536 of the image is 131073" },
    { "qcow", 48, "\0\0\0\x10\0\0\0\0", "L1 entry at byte 48 of the image is 68719476736" },
  };

  g_test_summary ("A table that is not in the file fails what it is needed for");

  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (Images) images = new_image (find_format (damages[i].driver));

      images_patch (images, "a.img", damages[i].offset, damages[i].bytes, 8);
      must_fail (images, damages[i].driver, 0, damages[i].says);
    }
}

static void
test_backings (void)
{
  static const char *const drivers[] = { "qed", "qcow" };

  g_test_summary ("What has a backing shows it: where the header gives the format, by itself");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (drivers); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *disk = foreign_dup_disk (drivers[i]);
      g_autofree char *create
          = g_strdup_printf ("qemu-img create -q -f %s -b src.raw -F raw a.img", drivers[i]);
      g_autofree char *write = g_strdup_printf (
          "qemu-io -t unsafe -f %s -c 'write -q -P 9 512k 64k' a.img", drivers[i]);
      g_autofree char *declared
          = g_strdup_printf ("disk: { driver: %s, file: { driver: file, filename: DIR/a.img }, "
                             "backing: { driver: raw, file: { driver: file, filename: DIR/src.raw "
                             "} } }\n",
                             drivers[i]);

      foreign_make_source (images, SIZE);
      images_run (images, create);
      images_run (images, write);
      if (i == 0)
        {
          foreign_must_equal_qemu (images, drivers[i]);
          foreign_must_map_as_qemu (images, drivers[i]);
        }
      else
        images_must_refuse (images, disk, "does not say in which format that is");
      images_load (images, declared);
      images_must_read (images, "disk", 0, 100000, 20);
      images_must_read (images, "disk", SIZE - 100000, 100000, 23);
    }
}

/* qemu-img cannot make these, and qemu-io can. */
static void
test_packed_qcow (void)
{
  g_autoptr (Images) images = NULL;

  g_test_summary ("Packed clusters are read, between others");

  if (!images_have_qemu ())
    return;
  images = images_new ();
  images_run (images, "qemu-img create -q -f qcow a.img 4M");
  images_run (images, "qemu-io -t unsafe -f qcow -c 'write -q -c -P 5 0 4k' "
                      "-c 'write -q -c -P 6 8k 4k' -c 'write -q -P 7 12k 4k' "
                      "-c 'write -q -c -P 8 4092k 4k' a.img");
  foreign_must_equal_qemu (images, "qcow");
  foreign_must_map_as_qemu (images, "qcow");
}

static gboolean
is_dirty (Images *images, const char *driver)
{
  gboolean dirty;

  foreign_load (images, driver);
  g_object_get (banyan_test_get_node (images->graph, "disk"), "dirty", &dirty, NULL);
  images_close (images);
  return dirty;
}

static void
test_dirty (void)
{
  g_autoptr (Images) qed = new_image (find_format ("qed"));
  g_autoptr (Images) parallels = new_image (find_format ("parallels"));

  g_test_summary ("What was not closed in order is read, and says so");

  g_assert_false (is_dirty (qed, "qed"));
  images_patch (qed, "a.img", 16, "\2", 1);
  g_assert_true (is_dirty (qed, "qed"));
  foreign_must_equal (qed, "qed", "src.raw");

  g_assert_false (is_dirty (parallels, "parallels"));
  images_patch (parallels, "a.img", 44, "Ynot", 4);
  g_assert_true (is_dirty (parallels, "parallels"));
  foreign_must_equal (parallels, "parallels", "src.raw");
}

/* The same table, in sectors; and an image that says that it is empty. */
static void
test_older_parallels (void)
{
  g_autoptr (Images) images = new_image (find_format ("parallels"));

  g_test_summary ("The older kind counts in sectors, and not beyond 32 bits");

  images_patch (images, "a.img", 0, "WithoutFreeSpace", 16);
  images_patch (images, "a.img", 40, "\xff\xff\xff\xff", 4);
  for (guint i = 0; i < SIZE / MADE_PIECE; i += 2)
    {
      guint32 sector = GUINT32_TO_LE ((1 + i / 2) * MADE_PIECE / 512);

      images_patch (images, "a.img", 64 + 4 * i, &sector, 4);
    }
  foreign_must_equal (images, "parallels", "src.raw");
  images_patch (images, "a.img", 52, "\1", 1);
  foreign_load (images, "parallels");
  images_must_be_zero (images, "disk", 0, SIZE);
}

static void
test_older_bochs (void)
{
  g_autoptr (Images) images = new_image (find_format ("bochs"));
  guint64 size = GUINT64_TO_LE (SIZE);

  g_test_summary ("Version 1 has its size 4 bytes before; sectors without a bit are zero");

  images_patch (images, "a.img", 64, "\0\0\1\0", 4);
  images_patch (images, "a.img", 84, &size, 8);
  foreign_must_equal (images, "bochs", "src.raw");
  images_patch (images, "a.img", 512 + 4 * (SIZE / MADE_PIECE), "\xfe\x7f", 2);
  foreign_load (images, "bochs");
  images_must_be_zero (images, "disk", 0, 512);
  images_must_be_zero (images, "disk", 15 * 512, 512);
  {
    guint8 bytes[512], expected[512];

    made_fill (expected, 14 * 512, sizeof expected);
    banyan_test_read (images->graph, "disk", 14 * 512, bytes, sizeof bytes, NULL);
    g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
  }
  images_close (images);
  if (images_have_qemu ())
    foreign_must_equal_qemu (images, "bochs");
}

static void
add (const Format *format, const char *claim, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/%s/%s", format->driver, claim);

  g_test_add_data_func (path, format, func);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      if (formats[i].ways[0] != NULL)
        add (&formats[i], "reads-what-qemu-reads", test_beside_qemu);
      add (&formats[i], "reads-what-was-made", test_made);
      add (&formats[i], "refuses-bad-fields", test_refuses);
      add (&formats[i], "damage-crashes-nothing", test_damage);
    }
  g_test_add_func ("/foreign/blocks-that-are-lost", test_lost_blocks);
  g_test_add_func ("/foreign/tables-that-are-lost", test_lost_tables);
  g_test_add_func ("/foreign/backings-are-shown", test_backings);
  g_test_add_func ("/qcow/packed-clusters", test_packed_qcow);
  g_test_add_func ("/foreign/dirty-ones-say-so", test_dirty);
  g_test_add_func ("/parallels/older-kind", test_older_parallels);
  g_test_add_func ("/bochs/older-kind", test_older_bochs);
  return g_test_run ();
}
