/* test-vpc.c - Virtual PC's images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"

#include <errno.h>
#include <string.h>

#define MIB (1024 * 1024)

static void
test_beside_qemu (void)
{
  static const char *const ways[] = {
    "",
    "-o force_size=on",
    "-o subformat=fixed",
    "-o subformat=fixed,force_size=on",
  };

  g_test_summary ("What qemu-img and qemu-io have written is read, and lies where they say");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    foreign_compare_with_qemu ("vpc", ways[i], 9 * MIB);
}

static Images *
new_image (const char *options)
{
  g_autofree char *line
      = g_strdup_printf ("qemu-img convert -f raw -O vpc -o %s src.raw a.img", options);
  Images *images;

  if (!images_have_qemu ())
    return NULL;
  images = images_new ();
  foreign_make_source (images, 4 * MIB);
  images_run (images, line);
  return images;
}

static guint64
get_length (Images *images, const char *options)
{
  g_autofree char *disk = g_strdup_printf (
      "disk: { driver: vpc, file: { driver: file, filename: DIR/a.img }%s }\n", options);
  guint64 length;

  images_load (images, disk);
  length = banyan_node_get_length (banyan_test_get_node (images->graph, "disk"));
  images_close (images);
  return length;
}

/* What the guest has, as the checksum of either kind of header wants it. */
static void
put_sum (guint8 *bytes, gsize length, gsize at)
{
  guint32 sum = 0;

  memset (bytes + at, 0, 4);
  for (gsize i = 0; i < length; i++)
    sum += bytes[i];
  foreign_put (bytes + at, 4, TRUE, (guint32) ~sum);
}

static void
mend (guint8 *bytes, gsize size)
{
  if (size < 2048)
    return;
  put_sum (bytes, 512, 64);
  put_sum (bytes + 512, 1024, 36);
}

/* Another size in the footer at the beginning. */
static void
put_size (Images *images, guint64 length)
{
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents (path, &bytes, &size, &error);
  g_assert_no_error (error);
  foreign_put ((guint8 *) bytes + 48, 8, TRUE, length);
  mend ((guint8 *) bytes, size);
  g_file_set_contents (path, bytes, size, &error);
  g_assert_no_error (error);
}

static void
test_lengths (void)
{
  static const char *const by_size[] = { "win ", "CTXS", "wa\0\0", "new " };
  Images *images = new_image ("force_size=off");
  guint64 by_geometry;

  g_test_summary ("The maker's name decides between geometry and size; a property goes before, "
                  "and the largest geometry counts for nobody");

  if (images == NULL)
    return;
  by_geometry = get_length (images, "");
  g_assert_cmpuint (by_geometry, >=, 4 * MIB);
  put_size (images, 3 * MIB);
  g_assert_cmpuint (get_length (images, ""), ==, by_geometry);
  g_assert_cmpuint (get_length (images, ", force-size-calc: chs"), ==, by_geometry);
  g_assert_cmpuint (get_length (images, ", force-size-calc: current-size"), ==, 3 * MIB);
  for (gsize i = 0; i < G_N_ELEMENTS (by_size); i++)
    {
      images_patch (images, "a.img", 28, by_size[i], 4);
      put_size (images, 3 * MIB);
      g_assert_cmpuint (get_length (images, ""), ==, 3 * MIB);
    }
  images_patch (images, "a.img", 56, "\xff\xff\x10\xff", 4);
  put_size (images, 3 * MIB);
  g_assert_cmpuint (get_length (images, ", force-size-calc: chs"), ==, 3 * MIB);
  images_free (images);

  images = new_image ("force_size=on");
  g_assert_cmpuint (get_length (images, ""), ==, 4 * MIB);
  images_patch (images, "a.img", 28, "vpc ", 4);
  put_size (images, 4 * MIB);
  g_assert_cmpuint (get_length (images, ""), ==, 4 * MIB);
  images_free (images);
}

static void
test_refuses (void)
{
  static const ForeignRefusal refusals[] = {
    { 16, 8, TRUE, G_MAXUINT64, "second header has 1024 bytes from byte 18446744073709551615 on" },
    { 16, 8, TRUE, 0, "second header, at byte 0, does not begin with" },
    { 48, 8, TRUE, G_MAXUINT64, "size in bytes is 18446744073709551615, at byte 48" },
    { 60, 4, TRUE, 1, "type is 1, at byte 60" },
    { 60, 4, TRUE, 4, "differencing image, which has only what differs from \"base.vhd\"" },
    { 512 + 16, 8, TRUE, G_MAXUINT64, "block table has" },
    { 512 + 28, 4, TRUE, 1, "number of blocks is 1, at byte 540" },
    { 512 + 28, 4, TRUE, 0xffffffff, "block table has 17179869180 bytes from byte 1536 on" },
    { 512 + 32, 4, TRUE, 0, "block size is 0, at byte 544" },
    { 512 + 32, 4, TRUE, 3 << 20, "block size is 3145728, at byte 544" },
  };
  static const ForeignRefusal sums[] = {
    { 512 + 36, 4, TRUE, 5, "second header's checksum is 5, at byte 548" },
  };
  g_autofree char *disk = foreign_dup_disk ("vpc");
  Images *images = new_image ("force_size=on");

  g_test_summary ("Each field that is wrong is told by its name, value, place and rule");

  if (images == NULL)
    return;
  for (guint i = 0; i < 8; i++)
    images_patch (images, "a.img", 512 + 64 + 2 * i + 1, &"base.vhd"[i], 1);
  foreign_must_refuse (images, "vpc", refusals, G_N_ELEMENTS (refusals), mend);
  images_patch (images, "a.img", 512 + 64, (const guint8[16]){ 0 }, 16);
  foreign_must_refuse (images, "vpc", sums, G_N_ELEMENTS (sums), NULL);

  /* The footer at the end stands in for its copy; without both there is nothing. */
  images_patch (images, "a.img", 20, "x", 1);
  foreign_must_equal (images, "vpc", "src.raw");
  images_run (images, "sh -c 'head -c 600 a.img > b.img; mv b.img a.img'");
  images_must_refuse (images, disk, "checksum of the image's footer is wrong");
  images_run (images, "sh -c 'head -c 2000 /dev/zero > a.img'");
  images_must_refuse (images, disk, "stands neither at byte 0 nor at byte 1488");
  images_free (images);
}

static void
test_blocks (void)
{
  Images *images = new_image ("force_size=on");
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A block that was not written reads as zeroes; one behind the end of the file "
                  "fails, and the others do not");

  if (images == NULL)
    return;
  images_patch (images, "a.img", 1536, "\x7f\xff\xff\xff", 4);
  foreign_load (images, "vpc");
  g_assert_false (banyan_test_read (images->graph, "disk", 512, bytes, 512, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "byte 512 of the disk is at byte 1099511628288"));
  images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
  images_free (images);
}

static void
test_guest (void)
{
  Images *images = new_image ("subformat=fixed,force_size=on");
  guint8 fake[512] = { 'c', 'o', 'n', 'e', 'c', 't', 'i', 'x', [19] = 16, [48 + 6] = 1, [63] = 3 };
  guint8 bytes[512];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A guest that writes a header to a fixed disk reads just that");

  if (images == NULL)
    return;
  put_sum (fake, sizeof fake, 64);
  images_patch (images, "a.img", 0, fake, sizeof fake);
  foreign_load (images, "vpc");
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    4 * MIB);
  banyan_test_read (images->graph, "disk", 0, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (bytes, sizeof bytes, fake, sizeof fake);
  images_must_read (images, "disk", 4 * MIB - 100000, 100000, 23);
  images_free (images);
}

static void
test_fixed (void)
{
  static const char *const ways[]
      = { "subformat=fixed,force_size=on", "subformat=fixed,force_size=off" };

  g_test_summary ("A fixed disk is known by its end, if the checksum is right, and nothing but the "
                  "disk lies before that");

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      Images *images = new_image (ways[i]);
      g_autofree char *path = NULL;
      g_autofree char *bytes = NULL;
      const guint8 *tail;
      guint confidence;
      gsize size;

      if (images == NULL)
        return;
      foreign_must_be_probed_by_end (images, "vpc");

      path = g_build_filename (images->folder, "a.img", NULL);
      g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
      tail = (guint8 *) bytes + size - 512;
      g_assert_cmpstr (banyan_format_probe_end (tail, 512, size, &confidence), ==, "vpc");
      g_assert_null (banyan_format_probe_end (tail, 512, size + 512, &confidence));
      bytes[size - 1] ^= 1;
      g_assert_null (banyan_format_probe_end (tail, 512, size, &confidence));
      images_free (images);
    }
}

static void
test_overlap (void)
{
  Images *images = new_image ("subformat=fixed,force_size=on");
  g_autofree char *disk = foreign_dup_disk ("vpc");
  guint8 footer[512];
  const guint64 at = 4 * MIB;

  g_test_summary ("A fixed disk ends before its footer");

  if (images == NULL)
    return;
  for (guint i = 0; i < 64; i++)
    banyan_put_be64 (footer + 8 * i, images_get64 (images, "a.img", at + 8 * i));
  banyan_put_be64 (footer + 48, at + 512);
  put_sum (footer, sizeof footer, 64);
  images_patch (images, "a.img", at, footer, sizeof footer);
  images_must_refuse (images, disk, "disk and footer has 4195328 bytes from byte 0 on");
  images_free (images);
}

static void
test_damage (void)
{
  Images *images = new_image ("force_size=on");

  g_test_summary ("Whatever is wrong in the headers or the table, requests end");

  if (images == NULL)
    return;
  foreign_damage (images, "vpc", 8, 600, 1600, mend);
  images_free (images);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/vpc/reads-what-qemu-reads", test_beside_qemu);
  g_test_add_func ("/vpc/has-the-right-length", test_lengths);
  g_test_add_func ("/vpc/refuses-bad-fields", test_refuses);
  g_test_add_func ("/vpc/blocks-of-all-kinds", test_blocks);
  g_test_add_func ("/vpc/guests-change-nothing", test_guest);
  g_test_add_func ("/vpc/fixed-ones-are-known-by-their-end", test_fixed);
  g_test_add_func ("/vpc/fixed-ones-end-before-the-footer", test_overlap);
  g_test_add_func ("/vpc/damage-crashes-nothing", test_damage);
  return g_test_run ();
}
