/* test-qcow2-write.c - images are written as QEMU reads them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#define KIB 1024
#define MIB (1024 * 1024)

#define DISK \
  "disk: { driver: qcow2, discard: unmap, file: { driver: file, discard: unmap, filename: " \
  "DIR/a.qcow2 } }\n"

/* Ways to make an image; the tests go through all of them. */
static const char *const ways[] = {
  "",
  "-o compat=v2",
  "-o cluster_size=512",
  "-o cluster_size=2M",
  "-o refcount_bits=1",
  "-o refcount_bits=8",
  "-o refcount_bits=64",
  "-o extended_l2=on",
  "-o extended_l2=on,cluster_size=16k",
  "-o lazy_refcounts=on",
  "-o preallocation=metadata",
  "-o compression_type=zstd",
};

static void
make_image (Images *images, const char *way, const char *size)
{
  g_autofree char *line = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 %s", way, size);

  images_run (images, line);
}

static void
test_writes (void)
{
  g_test_summary (
      "What was written is there, in all kinds of images, and QEMU finds them in order");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();

      g_test_message ("%s", ways[i]);
      make_image (images, ways[i], "4M");
      images_load (images, DISK);
      images_must_write (images, "disk", 12345, 100000, 1);
      images_must_write (images, "disk", 3 * MIB - 777, 50000, 2);
      images_must_read (images, "disk", 12345, 100000, 1);
      images_must_be_zero (images, "disk", 0, 12345);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");

      images_load (images, DISK);
      images_must_read (images, "disk", 12345, 100000, 1);
      images_must_read (images, "disk", 3 * MIB - 777, 50000, 2);
      images_must_be_zero (images, "disk", 112345, MIB);
      images_close (images);

      images_run (images, "qemu-img convert -O raw a.qcow2 a.raw");
      images_load (images, "disk: { driver: file, filename: DIR/a.raw }\n");
      images_must_read (images, "disk", 12345, 100000, 1);
      images_must_read (images, "disk", 3 * MIB - 777, 50000, 2);
    }
}

static void
test_zeroes_and_discards (void)
{
  g_test_summary ("Zeroed and discarded parts read as zeroes, what is beside them is kept, and the "
                  "image is in order");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", ways[i]);
      make_image (images, ways[i], "4M");
      images_load (images, DISK);
      images_must_write (images, "disk", 0, 2 * MIB, 3);
      banyan_test_zeroes (images->graph, "disk", 100000, 300000, 0, &error);
      g_assert_no_error (error);
      banyan_test_zeroes (images->graph, "disk", 700000, 100000, BANYAN_REQUEST_MAY_UNMAP, &error);
      g_assert_no_error (error);
      banyan_test_discard (images->graph, "disk", MIB, 512 * KIB, &error);
      g_assert_no_error (error);
      banyan_test_flush (images->graph, "disk", &error);
      g_assert_no_error (error);
      images_must_write (images, "disk", MIB + 5000, 1000, 4);

      images_must_read (images, "disk", 0, 100000, 3);
      images_must_be_zero (images, "disk", 100000, 300000);
      images_must_read (images, "disk", 400000, 300000, 3);
      images_must_be_zero (images, "disk", 700000, 100000);
      images_must_read (images, "disk", MIB + 5000, 1000, 4);
      images_must_read (images, "disk", MIB + 512 * KIB, 512 * KIB, 3);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/write/what-qemu-reads", test_writes);
  g_test_add_func ("/qcow2/write/zeroes-and-discards", test_zeroes_and_discards);
  return g_test_run ();
}
