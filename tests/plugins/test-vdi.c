/* test-vdi.c - VirtualBox's images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"

#include <errno.h>

#define MIB (1024 * 1024)

static void
test_beside_qemu (void)
{
  g_test_summary ("What qemu-img and qemu-io have written is read, and lies where they say");

  if (!images_have_qemu ())
    return;
  foreign_compare_with_qemu ("vdi", "", 9 * MIB + 1536);
  foreign_compare_with_qemu ("vdi", "-o static=on", 5 * MIB);
}

static Images *
new_image (void)
{
  Images *images;

  if (!images_have_qemu ())
    return NULL;
  images = images_new ();
  foreign_make_source (images, 4 * MIB);
  images_run (images, "qemu-img convert -f raw -O vdi src.raw a.img");
  return images;
}

static void
test_refuses (void)
{
  static const ForeignRefusal refusals[] = {
    { 64, 4, FALSE, 1, "signature is 1, at byte 64" },
    { 68, 4, FALSE, 0x00010000, "version 1.0" },
    { 76, 4, FALSE, 4, "VBoxManage" },
    { 76, 4, FALSE, 9, "type is 9, at byte 76" },
    { 424, 4, FALSE, 7, "from the one with the UUID 00000007-0000-0000-0000-000000000000" },
    { 440, 4, FALSE, 7, "differencing" },
    { 340, 4, FALSE, 511, "block table's offset is 511, at byte 340" },
    { 340, 4, FALSE, 0xfffffe00, "the file ends at byte" },
    { 344, 4, FALSE, 0, "data offset is 0, at byte 344" },
    { 360, 4, FALSE, 4096, "sector size is 4096, at byte 360" },
    { 368, 8, FALSE, 4 * MIB + 1, "its 4 blocks of 1048576 bytes have only 4194304" },
    { 368, 8, FALSE, G_MAXUINT64, "disk size is 18446744073709551615, at byte 368" },
    { 376, 4, FALSE, 0, "block size is 0, at byte 376" },
    { 376, 4, FALSE, 3 * 512, "block size is 1536, at byte 376" },
    { 376, 4, FALSE, 0x80000000, "block size is 2147483648, at byte 376" },
    { 380, 4, FALSE, 0xffffffff, "extra size of a block is 4294967295, at byte 380" },
    { 384, 4, FALSE, 0xffffffff, "number of blocks is 4294967295, at byte 384" },
    { 384, 4, FALSE, 0x20000000, "block table has 2147483648 bytes from byte 512 on" },
  };
  Images *images = new_image ();

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  if (images == NULL)
    return;
  foreign_must_refuse (images, "vdi", refusals, G_N_ELEMENTS (refusals), NULL);
  images_free (images);
}

static void
test_blocks (void)
{
  Images *images = new_image ();
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A block that is marked as zero reads so; one behind the end of the file fails, "
                  "and the others do not");

  if (images == NULL)
    return;
  images_patch (images, "a.img", 512, "\xfe\xff\xff\xff", 4);
  images_patch (images, "a.img", 516, "\x00\x10\x00\x00", 4);
  foreign_load (images, "vdi");
  images_must_be_zero (images, "disk", 0, MIB);
  g_assert_false (banyan_test_read (images->graph, "disk", MIB + 512, bytes, 512, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (g_strrstr (error->message, "byte 1049088 of the disk is at byte 4294968832"));
  images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
  images_free (images);
}

static void
test_damage (void)
{
  Images *images = new_image ();

  g_test_summary ("Whatever is wrong in the header or the table, requests end");

  if (images == NULL)
    return;
  foreign_damage (images, "vdi", 64, 460, 1024, NULL);
  images_free (images);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/vdi/reads-what-qemu-reads", test_beside_qemu);
  g_test_add_func ("/vdi/refuses-bad-fields", test_refuses);
  g_test_add_func ("/vdi/blocks-of-all-kinds", test_blocks);
  g_test_add_func ("/vdi/damage-crashes-nothing", test_damage);
  return g_test_run ();
}
