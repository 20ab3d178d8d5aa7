/* test-qcow2-caches.c - what an image keeps in memory, and what it protects
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include "banyan-test-change.h"

#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)
#define TIB ((guint64) MIB * MIB)

#define DISK_WITH(options) \
  "disk: { driver: qcow2, " options " file: { driver: file, filename: DIR/a.qcow2 } }\n"

static BanyanNode *
disk_of (Images *images)
{
  return banyan_test_get_node (images->graph, "disk");
}

static guint64
get_held (Images *images, const char *cache)
{
  g_autofree char *name = g_strconcat (cache, "-held", NULL);
  guint64 held;

  g_object_get (disk_of (images), name, &held, NULL);
  return held;
}

/* -- Memory. -- */

static void
go_everywhere (Images *images, guint n)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint8 bytes[4 * KIB];

  banyan_test_fill (bytes, 0, sizeof bytes, 1);
  for (guint i = 0; i < n; i++)
    {
      guint64 offset
          = ((guint64) g_rand_int (rand) << 10 | g_rand_int (rand)) % (TIB / sizeof bytes);
      g_autoptr (GError) error = NULL;

      if (i % 2 == 0)
        banyan_test_write (images->graph, "disk", offset * sizeof bytes, bytes, sizeof bytes,
                           &error);
      else
        banyan_test_read (images->graph, "disk", offset * sizeof bytes, bytes, sizeof bytes,
                          &error);
      g_assert_no_error (error);
      g_assert_cmpuint (get_held (images, "l2-cache"), <=, 64 * KIB);
      g_assert_cmpuint (get_held (images, "refcount-cache"), <=, 32 * KIB);
    }
}

static void
test_bounds (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("A terabyte with writes everywhere is served within the sizes of the caches, "
                  "which have changed slices written back to make room");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 1T");
  images_load (images, DISK_WITH ("l2-cache-size: 64K, refcount-cache-size: 32K, "
                                  "cache-clean-interval: 0,"));
  go_everywhere (images, 1500);
  g_assert_cmpuint (get_held (images, "l2-cache"), >, 32 * KIB);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* -- What is in use. -- */

/* What an entry of 512 bytes in the cache is for, with clusters of 4 KiB. */
#define REGION (256 * KIB)
#define N_REGIONS 12

typedef struct
{
  BanyanChannel *channel;
  GError *error; /* (owned) (nullable) */
  gboolean has_ended;
} Flush;

static void
flush_main (gpointer data)
{
  Flush *flush = data;

  banyan_channel_flush (flush->channel, &flush->error);
  flush->has_ended = TRUE;
}

static gboolean BANYAN_COROUTINE
must_read (BanyanChannel *channel, guint64 offset, guint seed, GError **error)
{
  guint8 bytes[4 * KIB];
  struct iovec iov = { bytes, sizeof bytes };
  BanyanRequest request = BANYAN_REQUEST (offset, sizeof bytes, &iov, 1);

  if (!banyan_channel_read (channel, &request, error))
    return FALSE;
  banyan_test_assert_filled (bytes, offset, sizeof bytes, seed);
  return TRUE;
}

/* More regions than the cache has room for, so that nothing stays which may be given up. */
static gboolean BANYAN_COROUTINE
read_while_flushing (BanyanChannel *channel, gpointer data, GError **error)
{
  Flush *flush = data;

  flush->channel = channel;
  banyan_coroutine_start_on (banyan_loop_current (), flush_main, flush);
  while (!flush->has_ended)
    {
      for (guint i = 0; i < N_REGIONS; i++)
        if (!must_read (channel, i * REGION, i + 1, error))
          return FALSE;
      if (!must_read (channel, 4 * KIB, 50, error) || !banyan_co_sleep_ms (10, error))
        return FALSE;
    }
  return TRUE;
}

static void
test_in_use (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  Flush flush = { 0 };

  g_test_summary (
      "A slice on its way to storage is given up for no other: storage has the old one");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=4k a.qcow2 16M");
  images_load (images, "disk: { driver: qcow2, l2-cache-size: 4K, l2-cache-entry-size: 512, "
                       "cache-clean-interval: 0, file: { driver: delay, write-delay: 100, "
                       "file: { driver: file, filename: DIR/a.qcow2 } } }\n");
  for (guint i = 0; i < N_REGIONS; i++)
    images_must_write (images, "disk", i * REGION, 4 * KIB, i + 1);
  g_assert_true (banyan_test_flush (images->graph, "disk", &error));
  images_must_write (images, "disk", 4 * KIB, 4 * KIB, 50);

  banyan_test_run (images->graph, "disk", read_while_flushing, &flush, &error);
  g_assert_no_error (error);
  g_assert_no_error (flush.error);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* -- Time. -- */

static gboolean BANYAN_COROUTINE
wait_s (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_co_sleep_ms (GPOINTER_TO_UINT (data) * 1000, error);
}

static void
must_wait (Images *images, guint s)
{
  g_autoptr (GError) error = NULL;

  banyan_test_run (images->graph, "disk", wait_s, GUINT_TO_POINTER (s), &error);
  g_assert_no_error (error);
}

/* Within one coroutine, or the clock would jump between two. */
static gboolean BANYAN_COROUTINE
read_now_and_then (BanyanChannel *channel, gpointer data, GError **error)
{
  Images *images = data;
  guint8 bytes[512];
  struct iovec iov = { bytes, sizeof bytes };
  BanyanRequest request = BANYAN_REQUEST (0, sizeof bytes, &iov, 1);

  for (guint i = 0; i < 10; i++)
    {
      if (!banyan_channel_read (channel, &request, error) || !banyan_co_sleep_ms (7000, error))
        return FALSE;
      g_assert_cmpuint (get_held (images, "l2-cache"), ==, 4 * KIB);
    }
  return TRUE;
}

static void
test_idle (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What nobody asks for is forgotten after cache-clean-interval, what is asked for "
                  "is not, and 0 keeps all");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=4k a.qcow2 16M");
  images_load (images, DISK_WITH ("cache-clean-interval: 0,"));
  images_must_write (images, "disk", 0, 16 * MIB, 1);
  must_wait (images, 10000);
  g_assert_cmpuint (get_held (images, "l2-cache"), ==, 32 * KIB);
  g_assert_cmpuint (get_held (images, "refcount-cache"), >, 0);

  g_assert_true (banyan_test_flush (images->graph, "disk", &error));
  banyan_test_set (disk_of (images), "cache-clean-interval", "10");
  must_wait (images, 30);
  g_assert_cmpuint (get_held (images, "l2-cache"), ==, 0);
  g_assert_cmpuint (get_held (images, "refcount-cache"), ==, 0);
  banyan_test_run (images->graph, "disk", read_now_and_then, images, &error);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, 16 * MIB, 1);
}

/* -- Changes. -- */

static void
test_resize (void)
{
  static const struct
  {
    const char *key;
    const char *value;
  } changes[] = {
    { "l2-cache-size", "4K" },       { "l2-cache-entry-size", "1K" },
    { "refcount-cache-size", "4K" }, { "l2-cache-entry-size", "4K" },
    { "l2-cache-size", "1M" },
  };
  g_autoptr (Images) images = images_new ();

  g_test_summary ("Caches become larger and smaller while they hold what storage does not have");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=4k a.qcow2 16M");
  images_load (images, DISK_WITH ("cache-clean-interval: 0,"));
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      images_must_write (images, "disk", i * 3 * MIB, 3 * MIB, i);
      banyan_test_set (disk_of (images), changes[i].key, changes[i].value);
      for (guint j = 0; j <= i; j++)
        images_must_read (images, "disk", j * 3 * MIB, 3 * MIB, j);
    }
  g_assert_cmpuint (get_held (images, "l2-cache"), >, 16 * KIB);
  banyan_test_set (disk_of (images), "l2-cache-size", "2K");
  g_assert_cmpuint (get_held (images, "l2-cache"), ==, 0);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* -- How refcounts and discards are treated. -- */

#define DIRTY 1

static void
test_lazy (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Refcounts are written late from one moment on, and from another no more");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 4M");
  images_load (images, DISK_WITH (""));
  images_must_write (images, "disk", 0, MIB, 1);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72) & DIRTY, ==, 0);
  banyan_test_set (disk_of (images), "lazy-refcounts", "true");
  images_must_write (images, "disk", MIB, MIB, 2);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72) & DIRTY, ==, DIRTY);
  banyan_test_set (disk_of (images), "lazy-refcounts", "false");
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72) & DIRTY, ==, 0);
  images_must_write (images, "disk", 2 * MIB, MIB, 3);
  g_assert_true (banyan_test_flush (images->graph, "disk", &error));
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 72) & DIRTY, ==, 0);
  images_must_read (images, "disk", MIB, MIB, 2);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static gboolean
passes_discards (Images *images)
{
  gboolean passes;

  g_object_get (disk_of (images), "pass-discard-request", &passes, NULL);
  return passes;
}

static void
test_discard (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("Discards are passed on where the node carries them out, unless it is declared");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 4M");
  images_load (images, DISK_WITH (""));
  g_assert_false (passes_discards (images));
  banyan_test_set (disk_of (images), "discard", "unmap");
  g_assert_true (passes_discards (images));
  banyan_test_set (disk_of (images), "pass-discard-request", "false");
  g_assert_false (passes_discards (images));
  banyan_test_set (disk_of (images), "discard", "ignore");
  banyan_test_set (disk_of (images), "discard", "unmap");
  g_assert_false (passes_discards (images));
}

static void
test_refuses (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Sizes that do not fit are refused, and nothing changes");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=4k a.qcow2 16M");
  images_must_refuse (images, DISK_WITH ("l2-cache-entry-size: 8K,"), "has only 4096 bytes");
  images_must_refuse (images, DISK_WITH ("l2-cache-entry-size: 3K,"), "no power of 2");
  images_must_refuse (images, DISK_WITH ("cache-size: 1M, l2-cache-size: 2M,"),
                      "is 2097152, more than cache-size, 1048576");
  images_must_refuse (images,
                      DISK_WITH ("cache-size: 2M, l2-cache-size: 1M, refcount-cache-size: 1M,"),
                      "give two of the three");
  images_load (images, DISK_WITH (""));
  images_must_write (images, "disk", 0, MIB, 2);
  g_assert_false (
      banyan_object_set (BANYAN_OBJECT (disk_of (images)), "l2-cache-entry-size", "8K", &error));
  g_assert_nonnull (strstr (error->message, "has only 4096 bytes"));
  images_must_read (images, "disk", 0, MIB, 2);
}

/* -- What is protected. -- */

/* The snapshot's L2 table of a 1 MiB disk, to which the disk's own table is made to lead, too. */
static void
make_crossed (Images *images)
{
  guint64 snapshots, l1, inactive, active;

  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 1M");
  images_run (images, "qemu-io -f qcow2 -c 'write 0 1M' a.qcow2");
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  images_run (images, "qemu-io -f qcow2 -c 'write 0 64k' a.qcow2");
  snapshots = images_get64 (images, "a.qcow2", 64);
  l1 = images_get64 (images, "a.qcow2", snapshots);
  inactive = images_get64 (images, "a.qcow2", l1) & 0x00fffffffffffe00u;
  active = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 40))
           & 0x00fffffffffffe00u;
  g_assert_cmpuint (inactive, !=, active);
  images_patch64 (images, "a.qcow2", active + 8, inactive | G_GUINT64_CONSTANT (1) << 63);
}

/* What it says of a write to the second cluster; NULL: nothing. */
static char *
say_of_write (Images *images)
{
  g_autoptr (GError) error = NULL;
  guint8 bytes[512] = { 1 };

  return banyan_test_write (images->graph, "disk", 64 * KIB, bytes, sizeof bytes, &error)
             ? NULL
             : g_strdup (error->message);
}

static void
test_overlap (void)
{
  static const char *const finds[] = { "all", "{ template: all }", "{ inactive-l2: true }",
                                       "{ template: none, inactive-l2: true }" };
  static const char *const finds_not[]
      = { "none", "constant", "cached", "{ template: all, inactive-l2: false }" };
  g_autoptr (Images) images = images_new ();

  g_test_summary (
      "A write into a snapshot's table is found where that is looked for, and only there");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (finds) + G_N_ELEMENTS (finds_not); i++)
    {
      gboolean must_find = i < G_N_ELEMENTS (finds);
      const char *checks = must_find ? finds[i] : finds_not[i - G_N_ELEMENTS (finds)];
      g_autofree char *nodes = g_strdup_printf ("disk: { driver: qcow2, overlap-check: %s, "
                                                "file: { driver: file, filename: DIR/a.qcow2 } }\n",
                                                checks);
      g_autofree char *said = NULL;

      g_test_message ("%s", checks);
      make_crossed (images);
      images_load (images, nodes);
      said = say_of_write (images);
      if (must_find)
        g_assert_nonnull (strstr (said, "lies in a snapshot's L2 table"));
      else
        g_assert_null (said);
      images_close (images);
    }
}

static void
test_overlap_live (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *said = NULL;

  g_test_summary ("What is protected changes while the image is open");

  if (!images_have_qemu ())
    return;
  make_crossed (images);
  images_load (images, DISK_WITH (""));
  banyan_test_set (disk_of (images), "overlap-check", "all");
  said = say_of_write (images);
  g_assert_nonnull (strstr (said, "lies in a snapshot's L2 table"));
}

static gboolean BANYAN_COROUTINE
repair (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanCheck check = BANYAN_CHECK_INIT;

  check.fix = BANYAN_CHECK_FIX_ERRORS | BANYAN_CHECK_FIX_LEAKS;
  if (!banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), &check, error))
    return FALSE;
  g_assert_cmpuint (check.corruptions_fixed, >, 0);
  return TRUE;
}

static void
test_crossed (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;
  guint64 block;

  g_test_summary ("Where two tables lie in one cluster, nothing is written, and all that can be is "
                  "read");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 1G");
  images_load (images, DISK_WITH (""));
  images_must_write (images, "disk", 0, MIB, 3);
  images_close (images);
  block = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 48));
  images_patch64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 40) + 8,
                  block | G_GUINT64_CONSTANT (1) << 63);
  images_load (images, DISK_WITH (""));
  images_must_read (images, "disk", 0, MIB, 3);
  said = say_of_write (images);
  g_assert_nonnull (strstr (said, "a refcount block at 0x20000 lies in an L2 table"));
  images_must_read (images, "disk", 0, MIB, 3);
  images_close (images);

  /* Its counts go elsewhere; what the other table then leads to is no disk of anybody. */
  images_load (images, DISK_WITH (""));
  banyan_test_run_as (images->graph, "disk",
                      BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE_UNCHANGED, repair,
                      NULL, &error);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, MIB, 3);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/caches/stay-within-their-sizes", test_bounds);
  g_test_add_func ("/qcow2/caches/keep-what-is-in-use", test_in_use);
  g_test_add_func ("/qcow2/caches/forget-what-is-idle", test_idle);
  g_test_add_func ("/qcow2/caches/change-their-sizes", test_resize);
  g_test_add_func ("/qcow2/live/lazy-refcounts", test_lazy);
  g_test_add_func ("/qcow2/live/discard", test_discard);
  g_test_add_func ("/qcow2/caches/sizes-that-do-not-fit", test_refuses);
  g_test_add_func ("/qcow2/overlap/is-found-where-it-is-looked-for", test_overlap);
  g_test_add_func ("/qcow2/overlap/of-two-tables", test_crossed);
  g_test_add_func ("/qcow2/overlap/changes-live", test_overlap_live);
  return g_test_run ();
}
