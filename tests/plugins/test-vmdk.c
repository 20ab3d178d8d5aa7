/* test-vmdk.c - VMware's disks
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "foreign.h"
#include "made.h"

#include <errno.h>
#include <string.h>

#define MIB (1024 * 1024)

static void
test_beside_qemu (void)
{
  static const char *const ways[] = {
    "-o subformat=monolithicSparse",     "-o subformat=monolithicSparse,zeroed_grain=on",
    "-o subformat=streamOptimized",      "-o subformat=monolithicFlat",
    "-o subformat=twoGbMaxExtentSparse", "-o subformat=twoGbMaxExtentFlat",
  };

  g_test_summary ("What qemu-img and qemu-io have written is read, and lies where they say");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    foreign_compare_with_qemu ("vmdk", ways[i], 9 * MIB + 1536);
}

static Images *
new_image (const char *options)
{
  g_autofree char *line
      = g_strdup_printf ("qemu-img convert -f raw -O vmdk -o %s src.raw a.img", options);
  Images *images;

  if (!images_have_qemu ())
    return NULL;
  images = images_new ();
  foreign_make_source (images, 4 * MIB + 512);
  images_run (images, line);
  return images;
}

/* -- Extents. -- */

static void
test_long (void)
{
  g_autoptr (Images) images = NULL;

  g_test_summary ("A disk of more than 2 GiB has several extents, which become children");

  if (!images_have_qemu ())
    return;
  images = images_new ();
  images_run (images, "qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentSparse a.img 5G");
  images_run (images, "qemu-io -t unsafe -f vmdk -c 'write -q -P 7 2147418112 131072' "
                      "-c 'write -q -P 8 5368643584 65536' a.img");
  foreign_load (images, "vmdk");
  g_assert_nonnull (banyan_test_get_edge (images->graph, "disk:extents.2"));
  g_assert_nonnull (banyan_test_get_node (images->graph, "disk.extents.1"));
  images_must_be_zero (images, "disk", 2147418112 - 4096, 4096);
  banyan_test_insert (images->graph, "delay", "slow",
                      banyan_test_get_edge (images->graph, "disk:extents.1"));
  for (guint i = 0; i < 2; i++)
    {
      guint8 bytes[65536], expected[65536];
      g_autoptr (GError) error = NULL;

      memset (expected, 7 + i, sizeof expected);
      banyan_test_read (images->graph, "disk", i == 0 ? 2147483648 - 32768 : 5368643584, bytes,
                        sizeof bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
    }
  banyan_test_take_out (images->graph, "slow");
  images_must_be_zero (images, "disk", 3u << 30, 4096);
  foreign_must_map_as_qemu (images, "vmdk");
}

#define FLAT(extents) \
  "disk: { driver: vmdk, file: { driver: file, filename: DIR/a.img }, " extents " }\n"

static void
test_declared (void)
{
  Images *images = new_image ("subformat=monolithicFlat");

  g_test_summary ("Extents that are declared take the place of those that the descriptor names; "
                  "there have to be as many");

  if (images == NULL)
    return;
  images_run (images, "mv a-flat.img moved.raw");
  images_must_refuse (images, FLAT ("read-only: true"), "a-flat.img");
  images_load (images, FLAT ("extents: [ { driver: file, filename: DIR/moved.raw } ]"));
  images_must_read (images, "disk", 4 * MIB + 512 - 100000, 100000, 23);
  images_close (images);
  images_must_refuse (images,
                      FLAT ("extents: [ { driver: file, filename: DIR/moved.raw }, "
                            "{ driver: \"null\", size: 1M } ]"),
                      "names 1 files, and 2 extents are declared");
  images_must_refuse (images, FLAT ("extents: [ { driver: \"null\", size: 1M } ]"),
                      "flat extent has 4194816 bytes from byte 0 on, and the file ends at byte "
                      "1048576");
  images_free (images);
}

/* The file that the descriptor is written to, and what it shows. */
static void
put_descriptor (Images *images, const char *lines)
{
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree char *text = g_strdup_printf ("# Disk DescriptorFile\nversion=1\nCID=00000001\n"
                                           "parentCID=ffffffff\n%s",
                                           lines);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
test_descriptors (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *disk = foreign_dup_disk ("vmdk");
  static const struct
  {
    const char *lines;
    const char *says;
  } bad[] = {
    { "", "has no createType" },
    { "createType=\"custom\"\n", "names no extents" },
    { "createType=\"custom\"\nRW\n", "line 6 of the image's descriptor, \"RW\"" },
    { "createType=\"custom\"\nRW x FLAT \"f\" 0\n", "has no number of sectors" },
    { "createType=\"custom\"\nRW 0 FLAT \"f\" 0\n", "has no number of sectors" },
    { "createType=\"custom\"\nRW 18014398509481984 FLAT \"f\" 0\n", "has no number of sectors" },
    { "createType=\"custom\"\nRW 9 FLAT f 0\n", "has no file name in quotes" },
    { "createType=\"custom\"\nRW 9 FLAT \"f\"\n", "has no offset" },
    { "createType=\"custom\"\nRW 9 FLAT \"f\" -1\n", "has no offset" },
    { "createType=\"custom\"\nRW 9 FLAT \"\xff\" 0\n", "not in UTF-8" },
    { "createType=\"custom\"\nRW 9 FLAT \"/etc/passwd\" 0\n",
      "names the file \"/etc/passwd\", which is not beside it; declare extents" },
    { "createType=\"custom\"\nRW 9 FLAT \"a/../../b\" 0\n", "which is not beside it" },
    { "createType=\"custom\"\nRW 9 VMFSRDM \"f\"\n", "type VMFSRDM, which is not read" },
    { "createType=\"custom\"\nparentCID=xyz\n", "has no hexadecimal number" },
    { "createType=\"custom\"\nRW 9 SPARSE \"src.raw\"\n",
      "extents.0: disk: the image's signature" },
    { "createType=\"custom\"\nRW 17000000000000000 ZERO\nRW 17000000000000000 ZERO\n",
      "too many sectors" },
  };

  g_test_summary ("A line that is wrong is told by its number and text");

  foreign_make_source (images, MIB);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      put_descriptor (images, bad[i].lines);
      images_must_refuse (images, disk, bad[i].says);
    }

  put_descriptor (images, "createType=\"custom\"\nRW 2048 FLAT \"../\xff\" 0\n");
  images_load (images, FLAT ("extents: [ { driver: file, filename: DIR/src.raw } ]"));
  images_must_read (images, "disk", 0, 100000, 20);
  images_close (images);

  put_descriptor (images, "createType=\"custom\"\n# RW 1 FLAT \"gone\" 0\n"
                          "RW 100 ZERO\nRDONLY 1000 FLAT \"src.raw\" 2\r\n  RW 50 VMFS "
                          "\"src.raw\"\n");
  foreign_load (images, "vmdk");
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    1150 * 512);
  images_must_be_zero (images, "disk", 0, 51200);
  {
    guint8 bytes[2048], expected[2048];

    banyan_test_fill (expected, 1024, 1024, 20);
    banyan_test_read (images->graph, "disk", 51200, bytes, 1024, NULL);
    g_assert_cmpmem (bytes, 1024, expected, 1024);
    banyan_test_fill (expected, 0, 1024, 20);
    banyan_test_read (images->graph, "disk", 1100 * 512, bytes, 1024, NULL);
    g_assert_cmpmem (bytes, 1024, expected, 1024);
  }
}

/* -- Kinds that qemu-img does not make, and reads. -- */

static void
make_source (Images *images, guint64 size)
{
  g_autofree char *path = g_build_filename (images->folder, "src.raw", NULL);
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GError) error = NULL;

  made_fill (bytes, 0, size);
  g_file_set_contents (path, (const char *) bytes, size, &error);
  g_assert_no_error (error);
}

static void
must_read_made (Images *images)
{
  foreign_must_equal (images, "vmdk", "src.raw");
  if (!images_have_qemu ())
    return;
  foreign_must_equal_qemu (images, "vmdk");
  foreign_must_map_as_qemu (images, "vmdk");
}

static void
test_stream (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree char *disk = foreign_dup_disk ("vmdk");

  g_test_summary ("An image that was written in one go has its tables at the end, and needs it");

  make_source (images, 3 * MIB + 512);
  make_vmdk_stream (path, 3 * MIB + 512);
  must_read_made (images);
  foreign_damage (images, "vmdk", 0, 80, 2000, NULL);
  images_run (images, "truncate -s -512 a.img");
  images_must_refuse (images, disk, "there is no footer at byte");
}

static void
test_cowd (void)
{
  static const ForeignRefusal refusals[] = {
    { 4, 4, FALSE, 2, "version is 2, at byte 4" },
    { 16, 4, FALSE, 0, "grain size in sectors is 0, at byte 16" },
    { 20, 4, FALSE, 0xffffffff, "grain directory has 4 bytes from byte 2199023255040 on" },
    { 24, 4, FALSE, 0xffffffff, "grain directory has 17179869180 bytes from byte 2048 on" },
    { 12, 4, FALSE, 0xffffffff, "grain directory has 1 entries, and its disk needs 8192" },
  };
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);

  g_test_summary ("ESX's older extents are read by themselves");

  make_source (images, 3 * MIB + 512);
  make_vmdk_cowd (path, 3 * MIB + 512);
  must_read_made (images);
  foreign_must_refuse (images, "vmdk", refusals, G_N_ELEMENTS (refusals), NULL);
  foreign_must_be_probed (images, "vmdk");
}

static void
test_sesparse (void)
{
  static const ForeignRefusal refusals[] = {
    { 8, 8, FALSE, 1, "version is 1, at byte 8" },
    { 24, 8, FALSE, 16, "grain size in sectors is 16, at byte 24" },
    { 32, 8, FALSE, 1, "grain table size in sectors is 1, at byte 32" },
    { 40, 8, FALSE, 1, "flags is 1, at byte 40" },
    { 80, 8, FALSE, G_MAXUINT64, "volatile header's sector is 18446744073709551615, at byte 80" },
    { 80, 8, FALSE, 3, "volatile header's signature is 0, at byte 1536" },
    { 128, 8, FALSE, G_MAXUINT64, "grain directory's sector is" },
    { 144, 8, FALSE, G_MAXUINT64, "grain tables' sector is" },
    { 192, 8, FALSE, G_MAXUINT64, "grains' sector is" },
    { 536, 8, FALSE, 1, "was not closed in order, and has a journal" },
  };
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree char *extent = g_build_filename (images->folder, "extent.vmdk", NULL);

  g_test_summary ("Space-efficient extents are read, by themselves and by their descriptor");

  make_source (images, 3 * MIB + 512);
  make_vmdk_sesparse (path, 3 * MIB + 512);
  foreign_must_equal (images, "vmdk", "src.raw");
  foreign_must_refuse (images, "vmdk", refusals, G_N_ELEMENTS (refusals), NULL);
  foreign_must_be_probed (images, "vmdk");
  foreign_damage (images, "vmdk", 0, 200, 10000, NULL);

  make_vmdk_sesparse (extent, 3 * MIB + 512);
  put_descriptor (images, "createType=\"seSparse\"\nRW 6145 SESPARSE \"extent.vmdk\"\n");
  must_read_made (images);
}

/* -- Parents. -- */

static void
test_parents (void)
{
  g_autoptr (Images) images = NULL;
  g_autofree char *disk = foreign_dup_disk ("vmdk");

  g_test_summary ("A snapshot shows its parent, which has to be the one that it was made on");

  if (!images_have_qemu ())
    return;
  images = images_new ();
  foreign_make_source (images, 4 * MIB);
  images_run (images, "qemu-img convert -f raw -O vmdk src.raw base.vmdk");
  images_run (images, "qemu-img create -q -f vmdk -b base.vmdk -F vmdk a.img");
  images_run (images, "qemu-io -t unsafe -f vmdk -c 'write -q -P 9 65536 65536' a.img");
  foreign_must_equal_qemu (images, "vmdk");
  foreign_must_map_as_qemu (images, "vmdk");

  images_run (images, "qemu-io -t unsafe -f vmdk -c 'write -q -P 9 0 512' base.vmdk");
  images_must_refuse (images, disk, "is another one, or was written to since");
  images_load (images, "disk: { driver: vmdk, backing: null, "
                       "file: { driver: file, filename: DIR/a.img } }\n");
  images_must_be_zero (images, "disk", 0, 65536);
}

/* -- Headers. -- */

static void
test_refuses (void)
{
  static const ForeignRefusal refusals[] = {
    { 0, 4, FALSE, 1, "signature is 1, at byte 0" },
    { 4, 4, FALSE, 4, "version is 4, at byte 4" },
    { 12, 8, FALSE, G_MAXUINT64, "capacity in sectors is 18446744073709551615, at byte 12" },
    { 12, 8, FALSE, 1ull << 50, "grain directory has 68719476736 bytes from byte" },
    { 20, 8, FALSE, 0, "grain size in sectors is 0, at byte 20" },
    { 20, 8, FALSE, 1ull << 40, "grain size in sectors is 1099511627776, at byte 20" },
    { 28, 8, FALSE, G_MAXUINT64, "descriptor's sector is 18446744073709551615, at byte 28" },
    { 28, 8, FALSE, 1u << 30, "the image's descriptor has 10240 bytes from byte" },
    { 36, 8, FALSE, 4096, "descriptor's size in sectors is 4096, at byte 36" },
    { 44, 4, FALSE, 0, "number of entries in a grain table is 0, at byte 44" },
    { 44, 4, FALSE, 513, "number of entries in a grain table is 513, at byte 44" },
    { 56, 8, FALSE, G_MAXUINT64 - 1, "grain directory's sector is" },
    { 56, 8, FALSE, G_MAXUINT64, "there is no footer at byte" },
    { 73, 1, FALSE, 'x', "were changed: it was copied as if it were text" },
    { 77, 2, FALSE, 2, "compression is 2, at byte 77" },
  };
  Images *images = new_image ("subformat=monolithicSparse");

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  if (images == NULL)
    return;
  foreign_must_refuse (images, "vmdk", refusals, G_N_ELEMENTS (refusals), NULL);
  images_free (images);
}

static guint32
get_le32_of (Images *images, guint64 offset)
{
  guint64 both = GUINT64_SWAP_LE_BE (images_get64 (images, "a.img", offset));

  return both & G_MAXUINT32;
}

static void
test_tables (void)
{
  Images *images = new_image ("subformat=monolithicSparse");
  guint64 directory, table;
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A table that is not there fails what it is needed for, and a grain likewise");

  if (images == NULL)
    return;
  directory = get_le32_of (images, 56) * (guint64) 512;
  table = get_le32_of (images, directory) * (guint64) 512;
  images_patch (images, "a.img", table, "\xff\xff\xff\x7f", 4);
  foreign_load (images, "vmdk");
  g_assert_false (banyan_test_read (images->graph, "disk", 512, bytes, 512, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "byte 512 of the disk is at byte 1099511627776"));
  images_must_read (images, "disk", 4 * MIB + 512 - 100000, 100000, 23);
  images_close (images);
  g_clear_error (&error);

  images_patch (images, "a.img", directory, "\xff\xff\xff\x7f", 4);
  foreign_load (images, "vmdk");
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, 512, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "grain directory's entry at byte"));
  images_free (images);
}

static void
test_packed_damage (void)
{
  Images *images = new_image ("subformat=streamOptimized");
  guint64 directory, table, grain;
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A packed grain that is damaged fails, and tells where it is");

  if (images == NULL)
    return;
  directory = get_le32_of (images, 56) * (guint64) 512;
  table = get_le32_of (images, directory) * (guint64) 512;
  grain = get_le32_of (images, table) * (guint64) 512;
  images_patch (images, "a.img", grain + 12 + 40, "damagedamagedamage", 18);
  foreign_load (images, "vmdk");
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, 512, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "bytes of packed data at byte"));
  images_must_read (images, "disk", 4 * MIB + 512 - 100000, 100000, 23);
  images_close (images);
  g_clear_error (&error);

  images_patch (images, "a.img", grain + 8, "\xff\xff\xff\xff", 4);
  foreign_load (images, "vmdk");
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, 512, &error));
  g_assert_nonnull (strstr (error->message, "packed grain's size is 4294967295, at byte"));
  images_free (images);
}

static void
test_damage (void)
{
  static const char *const ways[]
      = { "subformat=monolithicSparse", "subformat=streamOptimized", "subformat=monolithicFlat" };

  g_test_summary ("Whatever is wrong in headers, descriptors and tables, requests end");

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      Images *images = new_image (ways[i]);

      if (images == NULL)
        return;
      foreign_damage (images, "vmdk", 0, 80, i < 2 ? 0x10000 : 400, NULL);
      images_free (images);
    }
}

static void
test_probe (void)
{
  static const char *const ways[] = { "subformat=monolithicSparse", "subformat=monolithicFlat" };

  g_test_summary ("Headers and descriptors are known, and neither is written to");

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      Images *images = new_image (ways[i]);

      if (images == NULL)
        return;
      foreign_must_be_probed (images, "vmdk");
      foreign_must_refuse_writers (images, "vmdk");
      images_free (images);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/vmdk/reads-what-qemu-reads", test_beside_qemu);
  g_test_add_func ("/vmdk/extents-become-children", test_long);
  g_test_add_func ("/vmdk/extents-that-are-declared", test_declared);
  g_test_add_func ("/vmdk/descriptors-line-by-line", test_descriptors);
  g_test_add_func ("/vmdk/tables-at-the-end", test_stream);
  g_test_add_func ("/vmdk/extents-of-esx", test_cowd);
  g_test_add_func ("/vmdk/space-efficient-extents", test_sesparse);
  g_test_add_func ("/vmdk/parents-that-are-right", test_parents);
  g_test_add_func ("/vmdk/refuses-bad-fields", test_refuses);
  g_test_add_func ("/vmdk/tables-that-lead-nowhere", test_tables);
  g_test_add_func ("/vmdk/packed-grains-that-are-damaged", test_packed_damage);
  g_test_add_func ("/vmdk/damage-crashes-nothing", test_damage);
  g_test_add_func ("/vmdk/is-known-and-only-read", test_probe);
  return g_test_run ();
}
