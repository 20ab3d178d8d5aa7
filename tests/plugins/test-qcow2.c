/* test-qcow2.c - images are read as QEMU wrote them, and lie on others
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include "banyan-test-change.h"

#include <string.h>

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
test_reads (void)
{
  g_test_summary ("What QEMU wrote is read: data, zeroes and what was never written");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      guint8 bytes[70000], expected[70000];
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", ways[i]);
      make_image (images, ways[i], "4M");
      images_run (images, "qemu-io -c 'write -P 0x11 10000 70000' -c 'write -z 1M 128k' "
                          "-c 'write -P 0x22 3M 64k' a.qcow2");
      images_load (images, DISK);
      memset (expected, 0x11, sizeof expected);
      banyan_test_read (images->graph, "disk", 10000, bytes, sizeof bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
      memset (expected, 0x22, 65536);
      banyan_test_read (images->graph, "disk", 3 * MIB, bytes, 65536, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (bytes, 65536, expected, 65536);
      images_must_be_zero (images, "disk", 0, 10000);
      images_must_be_zero (images, "disk", MIB, 128 * KIB);
      images_must_be_zero (images, "disk", 2 * MIB, MIB);
    }
}

static void
test_backing (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("The backing shows through, until something is written over it");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f raw base.raw 1M");
  images_load (images, "base: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "base", 0, MIB, 5);
  images_run (images, "qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2 2M");

  images_load (images, "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 }, "
                       "backing: { driver: file, filename: DIR/base.raw } }\n");
  images_must_read (images, "disk", 0, MIB, 5);
  images_must_be_zero (images, "disk", MIB, MIB);
  images_must_write (images, "disk", 70000, 1000, 6);
  images_must_write (images, "disk", MIB - 500, 1000, 7);
  images_must_read (images, "disk", 0, 70000, 5);
  images_must_read (images, "disk", 70000, 1000, 6);
  images_must_read (images, "disk", 71000, MIB - 71000 - 500, 5);
  images_must_read (images, "disk", MIB - 500, 1000, 7);
  images_must_be_zero (images, "disk", MIB + 500, MIB - 500);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");

  images_load (images, DISK);
  images_must_read (images, "disk", 71000, MIB - 71000 - 500, 5);
  images_must_read (images, "disk", MIB - 500, 1000, 7);
  images_load (images, "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 }, "
                       "backing: null }\n");
  images_must_read (images, "disk", 70000, 1000, 6);
  images_must_be_zero (images, "disk", MIB / 2, 1000);
}

static void
test_named_backing (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("A chain that qemu-img made is opened by the names in it, whatever their form");

  if (!images_have_qemu ())
    return;
  images_enter (images);
  images_run (images, "qemu-img create -q -f raw ./base:1.raw 1M");
  images_load (images, "base: { driver: file, filename: 'DIR/base:1.raw' }\n");
  images_must_write (images, "base", 0, MIB, 5);
  images_close (images);
  images_run (images, "qemu-img create -q -f qcow2 -b ./base:1.raw -F raw b.qcow2");
  images_run (images,
              "qemu-img create -q -f qcow2 -F qcow2 -b 'json:{\"driver\":\"qcow2\",\"file.driver\":"
              "\"file\",\"file.filename\":\"b.qcow2\"}' a.qcow2");

  images_load (images, DISK);
  images_must_read (images, "disk", 0, MIB, 5);
  images_must_write (images, "disk", 70000, 1000, 6);
  images_must_read (images, "disk", 71000, 1000, 5);
  images_close (images);
  images_run (images, "qemu-img check -q a.qcow2");

  images_load (
      images, "disk: { driver: qcow2, backing: { driver: qcow2, lazy-refcounts: true, backing: { "
              "driver: raw, discard: unmap } }, file: { driver: file, filename: DIR/a.qcow2 } }\n");
  images_must_read (images, "disk", 71000, 1000, 5);
  images_close (images);

  images_run (images, "qemu-img rebase -u -F qcow2 -b gone.qcow2 a.qcow2");
  images_must_refuse (images, DISK, "names \"gone.qcow2\" as the backing of /nodes/disk");
  images_run (images, "qemu-img rebase -u -b '' a.qcow2");
  images_load (images, DISK);
  images_must_be_zero (images, "disk", MIB / 2, 1000);
}

static void
test_compressed (void)
{
  static const char *const methods[] = { "zlib", "zstd" };

  g_test_summary ("Compressed clusters are read, written over, and written");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *line = g_strdup_printf (
          "qemu-img convert -q -c -O qcow2 -o compression_type=%s a.raw a.qcow2", methods[i]);
      g_autofree guint8 *bytes = g_malloc (MIB);
      g_autoptr (GError) error = NULL;

      images_run (images, "qemu-img create -q -f raw a.raw 1M");
      images_load (images, "disk: { driver: file, filename: DIR/a.raw }\n");
      images_must_write (images, "disk", 0, MIB, 8);
      images_close (images);
      images_run (images, line);

      images_load (images, DISK);
      images_must_read (images, "disk", 0, MIB, 8);
      images_must_write (images, "disk", 100000, 3000, 9);
      images_must_read (images, "disk", 0, 100000, 8);
      images_must_read (images, "disk", 100000, 3000, 9);
      images_must_read (images, "disk", 103000, MIB - 103000, 8);
      banyan_test_fill (bytes, 0, MIB, 10);
      banyan_test_write_flags (images->graph, "disk", 0, bytes, MIB, BANYAN_REQUEST_COMPRESSED,
                               &error);
      g_assert_no_error (error);
      images_must_read (images, "disk", 0, MIB, 10);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
      images_load (images, DISK);
      images_must_read (images, "disk", 0, MIB, 10);
    }
}

static void
make_split_image (Images *images)
{
  images_run (images,
              "qemu-img create -q -f qcow2 -o data_file=a.data,data_file_raw=on a.qcow2 4M");
}

static void
test_data_file (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("The guest's data lies in the file that the image's header names, from where one "
                  "works");

  if (!images_have_qemu ())
    return;
  make_split_image (images);
  images_must_refuse (images, DISK, "a.data");
  images_enter (images);
  images_load (images, DISK);
  images_must_write (images, "disk", 100000, 200000, 11);
  images_must_read (images, "disk", 100000, 200000, 11);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
  images_load (images, "disk: { driver: file, filename: DIR/a.data }\n");
  images_must_read (images, "disk", 100000, 200000, 11);
  images_must_be_zero (images, "disk", 0, 100000);
}

static void
give_up (BanyanTestGraph *graph)
{
  g_autoptr (GError) error = NULL;

  banyan_test_discard (graph, "disk", MIB, 512 * 1024, &error);
  g_assert_no_error (error);
  banyan_test_zeroes (graph, "disk", 2 * MIB, 512 * 1024, BANYAN_REQUEST_MAY_UNMAP, &error);
  g_assert_no_error (error);
}

static void
test_data_file_space (void)
{
  static const char nodes[]
      = "disk: { driver: qcow2, discard: unmap, file: { driver: file, filename: DIR/a.qcow2 }, "
        "data-file: data }\n"
        "data: { driver: memory, size: 4M, discard: unmap }\n";
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What the guest gives up is given up in its data file, unless discards end here");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o data_file=a.data a.qcow2 4M");
  images_load (images, nodes);
  images_must_write (images, "disk", 0, 4 * MIB, 13);
  banyan_test_set (banyan_test_get_node (images->graph, "disk"), "pass-discard-request", "false");
  give_up (images->graph);
  images_must_be_zero (images, "disk", MIB, 512 * 1024);
  images_must_read (images, "data", 0, 4 * MIB, 13);
  banyan_test_set (banyan_test_get_node (images->graph, "disk"), "pass-discard-request", "true");
  images_must_write (images, "disk", MIB, 2 * MIB, 13);
  give_up (images->graph);
  for (guint i = 1; i <= 2; i++)
    {
      images_must_be_zero (images, "disk", i * MIB, 512 * 1024);
      images_must_be_zero (images, "data", i * MIB, 512 * 1024);
      images_must_read (images, "data", i * MIB + 512 * 1024, 512 * 1024, 13);
    }
  images_must_read (images, "disk", 0, MIB, 13);
  images_must_read (images, "disk", 3 * MIB, MIB, 13);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

#define SPLIT(data) \
  "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 }, data-file: " data " }\n"

static void
must_refuse_to_detach (Images *images, const char *role, const char *says)
{
  BanyanGraph *graph = banyan_test_graph_get (images->graph);
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_autoptr (BanyanTransaction) change = banyan_transaction_new (graph);
  g_autoptr (BanyanSpec) null = banyan_spec_new_null (&origin);
  g_autoptr (GError) error = NULL;

  banyan_transaction_set (change, BANYAN_OBJECT (banyan_graph_get_node (graph, "disk")), role,
                          null);
  g_assert_false (banyan_transaction_commit (change, &error));
  g_assert_nonnull (strstr (error->message, says));
}

static void
test_declared_data_file (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What is declared goes before the header, but for null, and stays needed");

  if (!images_have_qemu ())
    return;
  make_split_image (images);
  images_enter (images);
  images_run (images, "mv a.data b.data");
  images_must_refuse (images, DISK, "a.data");
  images_must_refuse (images, SPLIT ("null"), "keeps its data in a.data, and data-file is null");
  images_load (images, SPLIT ("{ driver: file, filename: DIR/b.data }"));
  images_must_write (images, "disk", 100000, 200000, 12);
  images_must_read (images, "disk", 100000, 200000, 12);
  must_refuse_to_detach (images, "data-file", "data-file cannot be null");
  images_must_read (images, "disk", 100000, 200000, 12);
  images_close (images);
  make_image (images, "", "4M");
  images_must_refuse (images, SPLIT ("{ driver: file, filename: DIR/b.data }"),
                      "keeps its data itself");
}

static void
test_hostile_data_file (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("The header names a file by its path, whatever that looks like, and not itself");

  if (!images_have_qemu ())
    return;
  images_enter (images);
  images_run (images, "qemu-img create -q -f qcow2 -o data_file=abcdefg a.qcow2 4M");
  images_run (images, "sed -i s/abcdefg/nbd:x:1/ a.qcow2");
  images_run (images, "truncate -s 4M nbd:x:1");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 65536, 13);
  images_close (images);
  images_load (images, "disk: { driver: file, filename: 'DIR/nbd:x:1' }\n");
  images_must_read (images, "disk", 0, 65536, 13);
  images_close (images);

  images_run (images, "qemu-img create -q -f qcow2 -o data_file=a.datas a.qcow2 4M");
  images_run (images, "sed -i s/a.datas/a.qcow2/ a.qcow2");
  images_must_refuse (images, DISK, "in a loop");
}

static void
test_refuses (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What is not known is refused by its name");

  if (!images_have_qemu ())
    return;
  make_image (images, "", "4M");
  images_patch64 (images, "a.qcow2", 72, G_GUINT64_CONSTANT (1) << 5);
  images_must_refuse (images, DISK, "needs a feature that is not known here: number 5");
  images_patch64 (images, "a.qcow2", 72, 0);
  images_patch64 (images, "a.qcow2", 88, 2);
  images_must_refuse (images, DISK,
                      "its data file is raw (bit 1 at byte 88), and that it has none");
  images_patch64 (images, "a.qcow2", 88, 0);
  images_patch (images, "a.qcow2", 32, "\0\0\0\2", 4);
  images_must_refuse (images, DISK, "and not where the key slots are");
  images_patch (images, "a.qcow2", 32, "\0\0\0\0", 4);
  images_patch (images, "a.qcow2", 36, "\x7f\0\0\0", 4);
  images_must_refuse (images, DISK, "L1 table has 2130706432 entries");
  images_patch (images, "a.qcow2", 4, "\0\0\0\7", 4);
  images_must_refuse (images, DISK, "version 7");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/reads-what-qemu-wrote", test_reads);
  g_test_add_func ("/qcow2/backing-shows-through", test_backing);
  g_test_add_func ("/qcow2/backing-by-its-name", test_named_backing);
  g_test_add_func ("/qcow2/compressed-clusters", test_compressed);
  g_test_add_func ("/qcow2/data-file", test_data_file);
  g_test_add_func ("/qcow2/data-file-gives-space-back", test_data_file_space);
  g_test_add_func ("/qcow2/data-file-is-declared", test_declared_data_file);
  g_test_add_func ("/qcow2/data-file-is-hostile", test_hostile_data_file);
  g_test_add_func ("/qcow2/refuses-what-it-does-not-know", test_refuses);
  return g_test_run ();
}
