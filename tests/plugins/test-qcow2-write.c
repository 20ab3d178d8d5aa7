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

/* In the first cluster of them QEMU says zero of one subcluster, between others that are not there.
 */
static void
test_zeroes_in_subclusters (void)
{
  g_test_summary ("Zeroes that begin where nothing is end where they should, in the middle of a "
                  "cluster with subclusters, too");

  if (!images_have_qemu ())
    return;
  for (guint flags = 0; flags <= BANYAN_REQUEST_MAY_UNMAP; flags += BANYAN_REQUEST_MAY_UNMAP)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;

      make_image (images, "-o extended_l2=on,cluster_size=16k", "1M");
      images_run (images, "qemu-io -f qcow2 -c 'write -q -z 20k 512' a.qcow2");
      images_load (images, DISK);
      images_must_write (images, "disk", 48 * KIB, 16 * KIB, 5);
      banyan_test_zeroes (images->graph, "disk", 16 * KIB, 43 * KIB, flags, &error);
      g_assert_no_error (error);
      images_must_be_zero (images, "disk", 0, 59 * KIB);
      images_must_read (images, "disk", 59 * KIB, 5 * KIB, 5);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
    }
}

/* Two clusters that lie one after the other, the second of which two others use. */
static guint64
share_second (Images *images)
{
  const guint64 mask = G_GUINT64_CONSTANT (0x00fffffffffffe00);
  guint64 table = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 40)) & mask;
  guint64 block = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 48));
  guint64 place = images_get64 (images, "a.qcow2", table + 8) & mask;

  g_assert_cmpuint (place, ==, (images_get64 (images, "a.qcow2", table) & mask) + 64 * KIB);
  images_patch64 (images, "a.qcow2", table + 8, place);
  images_patch (images, "a.qcow2", block + place / (64 * KIB) * 2, "\0\2", 2);
  return place;
}

static void
test_shared (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autofree char *bytes = NULL;
  guint64 place;
  gsize length;

  g_test_summary ("A write over a cluster of its own goes on in place into none that is shared");

  if (!images_have_qemu ())
    return;
  make_image (images, "", "4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 128 * KIB, 1);
  images_close (images);
  place = share_second (images);
  images_load (images, DISK);
  images_must_read (images, "disk", 0, 128 * KIB, 1);
  images_must_write (images, "disk", 0, 128 * KIB, 2);
  images_must_read (images, "disk", 0, 128 * KIB, 2);
  images_close (images);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  banyan_test_assert_filled (bytes + place, 64 * KIB, 64 * KIB, 1);
}

static void
write_packed (Images *images, guint64 offset)
{
  g_autofree guint8 *bytes = g_malloc (64 * KIB);
  g_autoptr (GError) error = NULL;

  memset (bytes, 7, 64 * KIB);
  banyan_test_write_flags (images->graph, "disk", offset, bytes, 64 * KIB,
                           BANYAN_REQUEST_COMPRESSED, &error);
  g_assert_no_error (error);
}

static void
test_packing (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Compressed data joins other compressed data in a cluster, and none that came "
                  "there when that had left");

  if (!images_have_qemu ())
    return;
  make_image (images, "", "4M");
  images_load (images, DISK);
  write_packed (images, 0);
  banyan_test_discard (images->graph, "disk", 0, 64 * KIB, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    g_assert_true (banyan_test_flush (images->graph, "disk", &error));
  images_must_write (images, "disk", MIB, 64 * KIB, 1);
  write_packed (images, 2 * MIB);
  images_must_read (images, "disk", MIB, 64 * KIB, 1);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_old_zeroes (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "Where no entry says zero, zeroes and discards uncover nothing of what lies below");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f raw base.raw 4M");
  images_load (images, "base: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "base", 0, 4 * MIB, 1);
  make_image (images, "-o compat=v2 -b base.raw -F raw", "4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 2);
  banyan_test_zeroes (images->graph, "disk", 0, 64 * KIB, BANYAN_REQUEST_MAY_UNMAP, &error);
  g_assert_no_error (error);
  banyan_test_discard (images->graph, "disk", 128 * KIB, 64 * KIB, &error);
  g_assert_no_error (error);
  images_must_be_zero (images, "disk", 0, 64 * KIB);
  images_must_read (images, "disk", 64 * KIB, MIB - 64 * KIB, 2);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_zeroes_in_packed (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree guint8 *bytes = g_malloc0 (62 * KIB);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Zeroes in a part of a compressed cluster are zeroes, and the rest is not");

  if (!images_have_qemu ())
    return;
  make_image (images, "-o extended_l2=on", "4M");
  images_load (images, DISK);
  write_packed (images, 0);
  banyan_test_zeroes (images->graph, "disk", 0, 2 * KIB, 0, &error);
  g_assert_no_error (error);
  images_must_be_zero (images, "disk", 0, 2 * KIB);
  g_assert_true (banyan_test_read (images->graph, "disk", 2 * KIB, bytes, 62 * KIB, &error));
  for (gsize i = 0; i < 62 * KIB; i++)
    g_assert_cmpuint (bytes[i], ==, 7);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* -- Who is still there. -- */

#define DELAYED \
  "disk: { driver: qcow2, discard: unmap, file: slow }\n" \
  "slow: { driver: delay, discard: unmap, file: { driver: file, discard: unmap, filename: " \
  "DIR/a.qcow2 } }\n"

typedef struct
{
  BanyanChannel *channel;
  BanyanNode *below; /* (unowned): a delay */
  BanyanRequest request;
  struct iovec iov;
  guint8 bytes[4 * KIB];
  gboolean is_write;
  gboolean has_ended;
  GError *error; /* (owned) (nullable) */
} Slow;

static void
set_delays_ms (Slow *slow, guint delay_ms)
{
  g_object_set (slow->below, "read-delay", delay_ms, "write-delay", delay_ms, NULL);
}

static void
slow_main (gpointer data)
{
  Slow *slow = data;

  if (slow->is_write)
    banyan_channel_write (slow->channel, &slow->request, &slow->error);
  else
    banyan_channel_read (slow->channel, &slow->request, &slow->error);
  slow->has_ended = TRUE;
}

/* While a request is on its way to a cluster, that is given up, and somebody needs one. */
static gboolean BANYAN_COROUTINE
reuse_meanwhile (BanyanChannel *channel, gpointer data, GError **error)
{
  Slow *slow = data;
  g_autofree guint8 *bytes = g_malloc (64 * KIB);
  struct iovec iov = { bytes, 64 * KIB };
  BanyanRequest old = BANYAN_REQUEST (0, 64 * KIB, NULL, 0);
  BanyanRequest new = BANYAN_REQUEST (MIB, 64 * KIB, &iov, 1);

  slow->channel = channel;
  set_delays_ms (slow, 60000);
  banyan_coroutine_start_on (banyan_loop_current (), slow_main, slow);
  if (!banyan_co_sleep_ms (10, error))
    return FALSE;
  set_delays_ms (slow, 0);
  banyan_test_fill (bytes, MIB, 64 * KIB, 2);
  if (banyan_channel_discard (channel, &old, error) != BANYAN_DONE)
    return FALSE;
  for (guint i = 0; i < 2; i++)
    if (!banyan_channel_flush (channel, error))
      return FALSE;
  g_assert_false (slow->has_ended);
  if (!banyan_channel_write (channel, &new, error))
    return FALSE;
  while (!slow->has_ended)
    if (!banyan_co_sleep_ms (1000, error))
      return FALSE;
  return banyan_channel_flush (channel, error);
}

static void
reuse (gboolean is_write)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  Slow slow = { .is_write = is_write };

  make_image (images, "", "4M");
  images_load (images, DELAYED);
  slow.below = banyan_test_get_node (images->graph, "slow");
  images_must_write (images, "disk", 0, 64 * KIB, 1);
  images_must_read (images, "disk", 0, 64 * KIB, 1);
  slow.iov = (struct iovec){ slow.bytes, sizeof slow.bytes };
  slow.request = BANYAN_REQUEST (0, sizeof slow.bytes, &slow.iov, 1);
  banyan_test_fill (slow.bytes, 0, sizeof slow.bytes, 3);
  banyan_test_run (images->graph, "disk", reuse_meanwhile, &slow, &error);
  g_assert_no_error (error);
  g_assert_no_error (slow.error);
  if (!is_write)
    banyan_test_assert_filled (slow.bytes, 0, sizeof slow.bytes, 1);
  images_must_read (images, "disk", MIB, 64 * KIB, 2);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_reuse (void)
{
  g_test_summary ("While somebody reads a cluster, or writes to it, it is given to nobody else");

  if (!images_have_qemu ())
    return;
  reuse (FALSE);
  reuse (TRUE);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/write/what-qemu-reads", test_writes);
  g_test_add_func ("/qcow2/write/zeroes-and-discards", test_zeroes_and_discards);
  g_test_add_func ("/qcow2/write/zeroes-in-subclusters", test_zeroes_in_subclusters);
  g_test_add_func ("/qcow2/write/changes-nothing-shared", test_shared);
  g_test_add_func ("/qcow2/write/packs-with-packed-data-only", test_packing);
  g_test_add_func ("/qcow2/write/zeroes-of-version-2", test_old_zeroes);
  g_test_add_func ("/qcow2/write/zeroes-in-compressed-clusters", test_zeroes_in_packed);
  g_test_add_func ("/qcow2/write/nobody-gets-what-is-in-use", test_reuse);
  return g_test_run ();
}
