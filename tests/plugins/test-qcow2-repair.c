/* test-qcow2-repair.c - disks of another length, and images that a crash left behind
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * 1024)

#define DISK "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 } }\n"

static void
test_grows (void)
{
  static const char *const ways[]
      = { "", "-o compat=v2", "-o cluster_size=512", "-o extended_l2=on" };

  g_test_summary ("A disk becomes longer by more than its L1 table has, and is zero there");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *line
          = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 100k", ways[i]);
      g_autoptr (GError) error = NULL;

      images_run (images, line);
      images_load (images, DISK);
      images_must_write (images, "disk", 0, 100 * KIB, 1);
      g_assert_cmpint (banyan_test_resize (images->graph, "disk", 20 * MIB + 77, &error), ==,
                       BANYAN_DONE);
      g_assert_no_error (error);
      images_must_read (images, "disk", 0, 100 * KIB, 1);
      images_must_be_zero (images, "disk", 100 * KIB, 4 * MIB);
      images_must_write (images, "disk", 20 * MIB - 1000, 1077, 2);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
      images_load (images, DISK);
      images_must_read (images, "disk", 20 * MIB - 1000, 1077, 2);
    }
}

static void
test_shrinks (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A shorter disk keeps neither data nor tables of what lay behind its end");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=1k a.qcow2 2M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 2 * MIB, 9);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 100 * KIB + 512, &error), ==,
                   BANYAN_DONE);
  images_must_read (images, "disk", 0, 100 * KIB + 512, 9);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
  images_load (images, DISK);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 2 * MIB, &error), ==, BANYAN_DONE);
  images_must_be_zero (images, "disk", 100 * KIB + 512, 2 * MIB - 100 * KIB - 512);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_old_snapshots (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("With snapshots that do not say how long they are, a disk stays as long");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o compat=v2 a.qcow2 1M");
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  images_load (images, DISK);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 512 * KIB, &error), ==,
                   BANYAN_FAILED);
  g_assert_error (error, BANYAN_ERRNO, ENOTSUP);
  images_must_be_zero (images, "disk", 0, MIB);
}

static void
test_leftovers (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What an interrupted change of the length left behind the end is not there when "
                  "the disk grows");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 4 * MIB, 1);
  images_close (images);
  images_patch64 (images, "a.qcow2", 24, MIB + 512);
  images_load (images, DISK);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 3 * MIB, &error), ==, BANYAN_DONE);
  images_must_read (images, "disk", 0, MIB + 512, 1);
  images_must_be_zero (images, "disk", MIB + 512, 2 * MIB - 512);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_hides_backing (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What a longer disk shows is zero, not what the backing has there");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f raw base.raw 2M");
  images_load (images, "base: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "base", 0, 2 * MIB, 3);
  images_run (images, "qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2 1000k");
  images_load (images, "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 }, "
                       "backing: { driver: file, filename: DIR/base.raw } }\n");
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 3 * MIB, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, 1000 * KIB, 3);
  images_must_be_zero (images, "disk", 1000 * KIB, 3 * MIB - 1000 * KIB);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* Where the first refcount block is, and how long the file. */
static guint64
find_first_block (Images *images)
{
  return images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 48));
}

static void
test_repairs (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("An image that says that its refcounts may be wrong is counted before a write");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o lazy_refcounts=on a.qcow2 4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 4);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");

  /* The counts of clusters 8 to 11 are lost. */
  images_patch64 (images, "a.qcow2", find_first_block (images) + 16, 0);
  images_patch64 (images, "a.qcow2", 72, 1);
  images_load (images, DISK);
  images_must_read (images, "disk", 0, MIB, 4);
  images_must_write (images, "disk", 2 * MIB, MIB, 5);
  images_must_read (images, "disk", 0, MIB, 4);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72), ==, 0);
}

static void
test_rebuilds (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree guint8 *zeroes = g_malloc0 (65536);

  g_test_summary ("Where the refcount table is lost, it is made again");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o lazy_refcounts=on a.qcow2 4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 6);
  images_close (images);

  images_patch (images, "a.qcow2", images_get64 (images, "a.qcow2", 48), zeroes, 65536);
  images_patch64 (images, "a.qcow2", 72, 1);
  images_load (images, DISK);
  images_must_write (images, "disk", 2 * MIB, MIB, 7);
  images_must_read (images, "disk", 0, MIB, 6);
  images_must_read (images, "disk", 2 * MIB, MIB, 7);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_notices_damage (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  guint8 bytes[512] = { 1 };

  g_test_summary ("A cluster that is counted as free and holds a table is not written to, and the "
                  "image says so from then on");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 4M");
  images_patch64 (images, "a.qcow2", find_first_block (images), 0);
  images_load (images, DISK);
  g_assert_false (banyan_test_write (images->graph, "disk", 0, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_clear_error (&error);
  g_assert_false (banyan_test_write (images->graph, "disk", MIB, bytes, sizeof bytes, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  images_must_be_zero (images, "disk", 0, MIB);
  images_close (images);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72), ==, 2);
}

static void
test_many_clusters (void)
{
  static const char *const ways[] = { "cluster_size=512,refcount_bits=64", "cluster_size=512",
                                      "cluster_size=1k,refcount_bits=32" };

  g_test_summary ("A table may have more clusters than a refcount block counts");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *line
          = g_strdup_printf ("qemu-img create -q -f qcow2 -o %s a.qcow2 1M", ways[i]);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", ways[i]);
      images_run (images, line);
      images_load (images, DISK);
      images_must_write (images, "disk", 0, MIB, 30);
      g_assert_cmpint (banyan_test_resize (images->graph, "disk", 2048 * (guint64) MIB, &error), ==,
                       BANYAN_DONE);
      g_assert_no_error (error);
      images_must_write (images, "disk", 2000 * (guint64) MIB, MIB, 31);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
      g_assert_cmpuint (images_get_length (images, "a.qcow2"), <, 16 * MIB);
      images_load (images, DISK);
      images_must_read (images, "disk", 0, MIB, 30);
      images_must_read (images, "disk", 2000 * (guint64) MIB, MIB, 31);
      images_close (images);
    }
}

static void
test_leftover_clusters (void)
{
  g_autoptr (Images) images = images_new ();
  guint8 noise[4096];

  g_test_summary ("What a crash left where the next refcount block will be counts nothing");

  if (!images_have_qemu ())
    return;
  /* A block counts 64 clusters, and the image has fewer. */
  images_run (images,
              "qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 a.qcow2 1M");
  memset (noise, 0xa5, sizeof noise);
  images_patch (images, "a.qcow2", 64 * 512, noise, sizeof noise);
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 8);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
  images_load (images, DISK);
  images_must_read (images, "disk", 0, MIB, 8);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/resize/grows", test_grows);
  g_test_add_func ("/qcow2/resize/shrinks", test_shrinks);
  g_test_add_func ("/qcow2/resize/not-below-old-snapshots", test_old_snapshots);
  g_test_add_func ("/qcow2/resize/leaves-nothing-behind", test_leftovers);
  g_test_add_func ("/qcow2/resize/hides-what-lies-below", test_hides_backing);
  g_test_add_func ("/qcow2/resize/tables-of-many-clusters", test_many_clusters);
  g_test_add_func ("/qcow2/repair/counts-again", test_repairs);
  g_test_add_func ("/qcow2/repair/rebuilds", test_rebuilds);
  g_test_add_func ("/qcow2/repair/counts-no-leftovers", test_leftover_clusters);
  g_test_add_func ("/qcow2/repair/notices-damage", test_notices_damage);
  return g_test_run ();
}
