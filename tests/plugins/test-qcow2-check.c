/* test-qcow2-check.c - what a check tells of an image that is damaged
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <string.h>

#define KIB 1024
#define COPIED (G_GUINT64_CONSTANT (1) << 63)
#define OFFSET_MASK G_GUINT64_CONSTANT (0x00fffffffffffe00)

#define DISK "disk: { driver: qcow2, file: { driver: file, filename: DIR/a.qcow2 } }\n"

/* -- A check. -- */

typedef struct
{
  BanyanCheck check;
  GPtrArray *told; /* (owned) (element-type utf8) */
  double progress;
} Told;

static void
note_finding (BanyanCheck *check, const char *finding)
{
  g_ptr_array_add (((Told *) check->data)->told, g_strdup (finding));
}

static void
note_progress (BanyanCheck *check, double fraction)
{
  Told *told = check->data;

  g_assert_cmpfloat (fraction, >=, told->progress);
  g_assert_cmpfloat (fraction, <=, 1);
  told->progress = fraction;
}

static gboolean BANYAN_COROUTINE
check (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), data, error);
}

static void
run_check (Images *images, guint fix, Told *told)
{
  g_autoptr (GError) error = NULL;

  *told = (Told){ .check = BANYAN_CHECK_INIT };
  told->told = g_ptr_array_new_with_free_func (g_free);
  told->check.fix = fix;
  told->check.found = note_finding;
  told->check.progress = note_progress;
  told->check.data = told;
  images_load (images, DISK);
  /* A damaged image takes no others. */
  banyan_test_run_as (images->graph, "disk",
                      BANYAN_PERMISSION_CONSISTENT_READ
                          | (fix != 0 ? BANYAN_PERMISSION_WRITE_UNCHANGED : 0),
                      check, &told->check, &error);
  g_assert_no_error (error);
  images_close (images);
}

static gboolean
was_told (const Told *told, const char *finding)
{
  for (guint i = 0; i < told->told->len; i++)
    if (strcmp (told->told->pdata[i], finding) == 0)
      return TRUE;
  return FALSE;
}

/* -- Damages. -- */

static guint64
get_l1 (Images *images)
{
  return images_get64 (images, "a.qcow2", 40);
}

static guint64
get_l2 (Images *images)
{
  return images_get64 (images, "a.qcow2", get_l1 (images)) & OFFSET_MASK;
}

static guint64
get_block (Images *images)
{
  return images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 48)) & OFFSET_MASK;
}

/* A disk of 4 MiB in clusters of 1 KiB: each table has 128 KiB of it. */
static void
make (Images *images)
{
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=1k a.qcow2 4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 300 * KIB, 1);
  images_close (images);
}

static char *
break_l1 (Images *images)
{
  guint64 l1 = get_l1 (images), entry = images_get64 (images, "a.qcow2", l1 + 8);

  images_patch64 (images, "a.qcow2", l1 + 8, entry + 512);
  return g_strdup_printf ("error: L1 entry 1 leads to %#" G_GINT64_MODIFIER
                          "x, where no cluster begins",
                          (entry & OFFSET_MASK) + 512);
}

static char *
repeat_l1 (Images *images)
{
  guint64 l1 = get_l1 (images), entry = images_get64 (images, "a.qcow2", l1);

  images_patch64 (images, "a.qcow2", l1 + 8, entry);
  return g_strdup_printf ("error: L1 entry 1 leads to %#" G_GINT64_MODIFIER
                          "x, as another one does",
                          entry & OFFSET_MASK);
}

static char *
break_l2 (Images *images)
{
  images_patch64 (images, "a.qcow2", get_l2 (images) + 16, COPIED | 0x40000000);
  return g_strdup (
      "error: the entry of byte 0x800 leads to 0x40000000, behind the end of the file");
}

static char *
misplace (Images *images)
{
  images_patch64 (images, "a.qcow2", get_l2 (images) + 24, COPIED | 0x1200);
  return g_strdup ("error: the entry of byte 0xc00 makes no sense: 0x8000000000001200, 0");
}

static char *
forget_bit (Images *images)
{
  guint64 at = get_l2 (images) + 32, entry = images_get64 (images, "a.qcow2", at);

  images_patch64 (images, "a.qcow2", at, entry & ~COPIED);
  return g_strdup_printf (
      "error: the entry of byte 0x1000 says that what lies at %#" G_GINT64_MODIFIER
      "x is used more than once, and it is used once",
      entry & OFFSET_MASK);
}

static char *
count_too_few (Images *images)
{
  images_patch (images, "a.qcow2", get_block (images) + 2 * 3, "\0\0", 2);
  return g_strdup ("error: the cluster at 0xc00 is counted 0 times, and used 1 times");
}

static char *
count_too_many (Images *images)
{
  images_patch (images, "a.qcow2", get_block (images) + 2 * 3, "\0\5", 2);
  return g_strdup ("leak: the cluster at 0xc00 is counted 5 times, and used 1 times");
}

static char *
break_reftable (Images *images)
{
  guint64 table = images_get64 (images, "a.qcow2", 48);

  images_patch64 (images, "a.qcow2", table + 8, 0x7fff0000);
  return g_strdup (
      "error: refcount table entry 1 leads to 0x7fff0000, which is not within the file");
}

static char *
mark_reftable (Images *images)
{
  guint64 table = images_get64 (images, "a.qcow2", 48);
  guint64 entry = images_get64 (images, "a.qcow2", table) | 2;

  images_patch64 (images, "a.qcow2", table, entry);
  return g_strdup_printf (
      "error: refcount table entry 0 has bits that mean nothing: %#" G_GINT64_MODIFIER "x", entry);
}

static void
test_places (void)
{
  static char *(*const damages[]) (Images * images)
      = { break_l1,      repeat_l1,      break_l2,       misplace,     forget_bit,
          count_too_few, count_too_many, break_reftable, mark_reftable };

  g_test_summary ("Each problem is told with its place and value");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *finding = NULL;
      Told told;

      make (images);
      finding = damages[i](images);
      run_check (images, 0, &told);
      for (guint j = 0; j < told.told->len; j++)
        g_test_message ("%s", (char *) told.told->pdata[j]);
      g_assert_true (was_told (&told, finding));
      g_assert_cmpuint (told.told->len, ==, told.check.corruptions + told.check.leaks);
      g_ptr_array_unref (told.told);
    }
}

static void
test_mended (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *finding = NULL;
  g_autofree char *mended = NULL;
  Told told;

  g_test_summary ("What is mended is told, too, and then there is nothing to tell");

  if (!images_have_qemu ())
    return;
  make (images);
  finding = count_too_few (images);
  mended = g_strconcat (finding, "; mended", NULL);
  run_check (images, BANYAN_CHECK_FIX_ERRORS | BANYAN_CHECK_FIX_LEAKS, &told);
  g_assert_true (was_told (&told, mended));
  g_ptr_array_unref (told.told);
  run_check (images, 0, &told);
  g_assert_cmpuint (told.told->len, ==, 0);
  g_assert_cmpfloat (told.progress, >, 0);
  g_ptr_array_unref (told.told);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_reftable (void)
{
  static char *(*const damages[]) (Images * images) = { break_reftable, mark_reftable };

  g_test_summary ("A refcount table that says what it may not is made anew");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (Images) images = images_new ();
      Told told;

      make (images);
      g_free (damages[i](images));
      run_check (images, BANYAN_CHECK_FIX_ERRORS | BANYAN_CHECK_FIX_LEAKS, &told);
      g_assert_cmpuint (told.check.corruptions, >, 0);
      g_assert_cmpuint (told.check.corruptions_fixed, ==, told.check.corruptions);
      g_ptr_array_unref (told.told);
      images_must_be_clean (images, "a.qcow2");
    }
}

static void
test_many (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree guint8 *counts = g_malloc0 (4096);
  Told told;

  g_test_summary ("Of problems without end a thousand are told, and all are counted");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=4k a.qcow2 4M");
  for (guint i = 0; i < 2048; i++)
    counts[2 * i + 1] = 7;
  images_patch (images, "a.qcow2", get_block (images), counts, 4096);
  run_check (images, 0, &told);
  g_assert_cmpuint (told.told->len, ==, 1001);
  g_assert_cmpstr (told.told->pdata[1000], ==, "there is more, which is counted only");
  g_assert_cmpuint (told.check.leaks, ==, 2048);
  g_ptr_array_unref (told.told);
}

/* -- What QEMU says of the same. -- */

#define COMPRESSED (G_GUINT64_CONSTANT (1) << 62)

/* Turns bits of an entry over. */
static void
turn (Images *images, guint64 at, guint64 bits)
{
  images_patch64 (images, "a.qcow2", at, images_get64 (images, "a.qcow2", at) ^ bits);
}

static void
turn_data_bit (Images *images)
{
  turn (images, get_l2 (images), COPIED);
}

static void
turn_table_bit (Images *images)
{
  turn (images, get_l1 (images), COPIED);
}

/* Counted twice and used once, by an entry that says so. */
static void
count_twice (Images *images)
{
  guint64 cluster = (images_get64 (images, "a.qcow2", get_l2 (images)) & OFFSET_MASK) >> 16;

  images_patch (images, "a.qcow2", get_block (images) + 2 * cluster, "\0\2", 2);
}

static void
use_twice (Images *images)
{
  guint64 l2 = get_l2 (images);

  images_patch64 (images, "a.qcow2", l2 + 8, images_get64 (images, "a.qcow2", l2));
}

/* By more entries than a byte can count. */
static void
use_often (Images *images)
{
  guint64 l2 = get_l2 (images), entry = images_get64 (images, "a.qcow2", l2) & ~COPIED;

  for (guint i = 0; i < 600; i++)
    images_patch64 (images, "a.qcow2", l2 + i * 8, entry);
}

static void
use_as_often_as_counted (Images *images)
{
  guint64 cluster = (images_get64 (images, "a.qcow2", get_l2 (images)) & OFFSET_MASK) >> 16;

  use_often (images);
  images_patch (images, "a.qcow2", get_block (images) + 2 * cluster, "\2\130", 2);
}

static void
say_corrupt (Images *images)
{
  images_patch64 (images, "a.qcow2", 72, 2);
}

static void
pack_beyond_file (Images *images)
{
  images_patch64 (images, "a.qcow2", get_l2 (images), COMPRESSED | 0x10000000);
}

/* Beyond what an offset may be, with room for it in the entry. */
static void
pack_beyond_offsets (Images *images)
{
  turn (images, get_l2 (images), G_GUINT64_CONSTANT (1) << 57);
}

static void
pack_at_nothing (Images *images)
{
  images_patch64 (images, "a.qcow2", get_l2 (images), COMPRESSED);
}

static void
turn_reserved_bits (Images *images)
{
  turn (images, get_l2 (images), G_GUINT64_CONSTANT (1) << 60 | 2);
  turn (images, get_l1 (images), G_GUINT64_CONSTANT (1) << 58);
}

static void
move_off_clusters (Images *images)
{
  turn (images, get_l2 (images) + 8, 512);
}

/* Subcluster 5 has data and is zero, by bits 5 and 37. */
static void
contradict_subcluster (Images *images)
{
  turn (images, get_l2 (images) + 8, G_GUINT64_CONSTANT (1) << 37);
}

#define PLAIN \
  "sh -c 'qemu-img create -q -f qcow2 a.qcow2 1M; " \
  "qemu-io -f qcow2 -c \"write -q 0 192k\" a.qcow2'"
#define SUBCLUSTERS \
  "sh -c 'qemu-img create -q -f qcow2 -o extended_l2=on a.qcow2 1M; " \
  "qemu-io -f qcow2 -c \"write -q 0 192k\" a.qcow2'"
#define APART \
  "sh -c 'qemu-img create -q -f qcow2 -o data_file=$PWD/a.data a.qcow2 1M; " \
  "qemu-io -f qcow2 -c \"write -q 0 192k\" a.qcow2'"
#define SHARED \
  "sh -c 'qemu-img create -q -f qcow2 a.qcow2 1M; " \
  "qemu-io -f qcow2 -c \"write -q 0 192k\" a.qcow2; " \
  "qemu-img snapshot -c one a.qcow2'"
#define PACKED(options) \
  "sh -c 'yes | head -c 1M > a.raw; " \
  "qemu-img convert -c -f raw -O qcow2 " options " a.raw a.qcow2'"

static const struct
{
  const char *make;
  void (*damage) (Images *images);
} alike[] = {
  { PLAIN, turn_data_bit },
  { PLAIN, turn_table_bit },
  { SHARED, turn_data_bit },
  { SHARED, turn_table_bit },
  { PLAIN, count_twice },
  { PLAIN, use_twice },
  { PLAIN, use_often },
  { PLAIN, use_as_often_as_counted },
  { PLAIN, say_corrupt },
  { PLAIN, turn_reserved_bits },
  { PLAIN, move_off_clusters },
  { PLAIN, pack_at_nothing },
  { SUBCLUSTERS, contradict_subcluster },
  { APART, move_off_clusters },
  { PACKED (""), pack_beyond_file },
  { PACKED (""), turn_data_bit },
  { PACKED ("-o cluster_size=4k"), pack_beyond_offsets },
  { PACKED ("-o cluster_size=512"), pack_beyond_offsets },
};

/* 0 where it says nothing. */
static guint64
get_said (const char *said, const char *key)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\": ", key);
  const char *at = strstr (said, quoted);

  return at != NULL ? g_ascii_strtoull (at + strlen (quoted), NULL, 10) : 0;
}

static char *
dup_file (Images *images, const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename (images->folder, name, NULL);
  g_autoptr (GError) error = NULL;
  char *bytes;

  g_file_get_contents (path, &bytes, length, &error);
  g_assert_no_error (error);
  return bytes;
}

/* The tables, which lie before the data. */
static void
must_have_the_same_tables (Images *images)
{
  guint64 length = get_l2 (images) + 512, size;
  g_autofree char *ours = dup_file (images, "a.qcow2", &size);
  g_autofree char *its = dup_file (images, "b.qcow2", &size);

  g_assert_cmpmem (ours, length, its, length);
}

static void
must_be_checked_alike (Images *images, guint fix, const char *option)
{
  g_autofree char *line = g_strdup_printf (
      "sh -c 'cp a.qcow2 b.qcow2; qemu-img check --output=json %s b.qcow2 > said; true'", option);
  g_autofree char *said = NULL;
  gsize length;
  Told told;

  g_test_message ("%s", option);
  images_run (images, line);
  said = dup_file (images, "said", &length);
  run_check (images, fix, &told);
  for (guint i = 0; i < told.told->len; i++)
    g_test_message ("%s", (char *) told.told->pdata[i]);
  g_assert_cmpuint (told.check.corruptions, ==,
                    get_said (said, "corruptions") + told.check.corruptions_fixed);
  g_assert_cmpuint (told.check.leaks, ==, get_said (said, "leaks") + told.check.leaks_fixed);
  g_assert_cmpuint (told.check.corruptions_fixed, ==, get_said (said, "corruptions-fixed"));
  g_assert_cmpuint (told.check.leaks_fixed, ==, get_said (said, "leaks-fixed"));
  g_ptr_array_unref (told.told);
  must_have_the_same_tables (images);
}

static void
test_like_qemu (void)
{
  g_test_summary ("Entries that disagree with their counts, and such as can lead nowhere, are told "
                  "and mended as QEMU does");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (alike); i++)
    {
      static const struct
      {
        guint fix;
        const char *option;
      } fixes[] = { { 0, "" },
                    { BANYAN_CHECK_FIX_LEAKS, "-r leaks" },
                    { BANYAN_CHECK_FIX_LEAKS | BANYAN_CHECK_FIX_ERRORS, "-r all" } };

      for (guint j = 0; j < G_N_ELEMENTS (fixes); j++)
        {
          g_autoptr (Images) images = images_new ();

          g_test_message ("%u: %s", i, alike[i].make);
          images_run (images, alike[i].make);
          alike[i].damage (images);
          must_be_checked_alike (images, fixes[j].fix, fixes[j].option);
        }
    }
}

/* -- Snapshots and bitmaps. -- */

static void
test_snapshots (void)
{
  g_autoptr (Images) images = images_new ();
  guint64 snapshots, l1, l2;
  Told told;

  g_test_summary ("Of a snapshot's tables it is told whose they are");

  if (!images_have_qemu ())
    return;
  make (images);
  images_run (images, "qemu-img snapshot -c before a.qcow2");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 300 * KIB, 2);
  images_close (images);
  snapshots = images_get64 (images, "a.qcow2", 64);
  l1 = images_get64 (images, "a.qcow2", snapshots);
  l2 = images_get64 (images, "a.qcow2", l1) & OFFSET_MASK;
  images_patch64 (images, "a.qcow2", l2 + 8, 0x50000000);
  run_check (images, 0, &told);
  g_assert_true (was_told (&told, "error: the entry of byte 0x400 of snapshot \"before\" leads to "
                                  "0x50000000, behind the end of the file"));
  g_ptr_array_unref (told.told);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/check/tells-places", test_places);
  g_test_add_func ("/qcow2/check/tells-what-is-mended", test_mended);
  g_test_add_func ("/qcow2/check/makes-refcount-tables-anew", test_reftable);
  g_test_add_func ("/qcow2/check/ends-telling", test_many);
  g_test_add_func ("/qcow2/check/agrees-with-qemu", test_like_qemu);
  g_test_add_func ("/qcow2/check/tells-whose-it-is", test_snapshots);
  return g_test_run ();
}
