/* test-qcow2-overlap.c - refcounts that lie lead to no table being written over
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A cluster that holds a table is counted as free, and then something needs a cluster: it is
 * refused, the image is said to be damaged, and nothing else in the file has changed. */

#include "images.h"

#include "banyan-test-change.h"

#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)
#define CLUSTER (4 * KIB)

#define FEATURES_AT 72
#define CORRUPT 2
#define PLACE_MASK G_GUINT64_CONSTANT (0x00fffffffffffe00)
#define BITMAPS_EXTENSION 0x23852875

#define DISK \
  "disk: { driver: qcow2, overlap-check: all, discard: unmap, file: { driver: file, discard: " \
  "unmap, filename: DIR/a.qcow2 } }\n"

/* -- Tables that may be hit. -- */

static guint64
find_header (Images *images)
{
  return 0;
}

static guint64
find_l1 (Images *images)
{
  return images_get64 (images, "a.qcow2", 40);
}

static guint64
find_l2 (Images *images)
{
  return images_get64 (images, "a.qcow2", find_l1 (images)) & PLACE_MASK;
}

static guint64
find_reftable (Images *images)
{
  return images_get64 (images, "a.qcow2", 48);
}

static guint64
find_refblock (Images *images)
{
  return images_get64 (images, "a.qcow2", find_reftable (images));
}

static guint64
find_snapshots (Images *images)
{
  return images_get64 (images, "a.qcow2", 64);
}

static guint64
find_old_l1 (Images *images)
{
  return images_get64 (images, "a.qcow2", find_snapshots (images));
}

static guint64
find_old_l2 (Images *images)
{
  return images_get64 (images, "a.qcow2", find_old_l1 (images)) & PLACE_MASK;
}

/* Where it is said where the bitmap directory lies; 0: there is none. */
static guint64
find_bitmaps_pointer (Images *images)
{
  guint64 at = images_get64 (images, "a.qcow2", 96) & G_MAXUINT32;

  while (TRUE)
    {
      guint64 head = images_get64 (images, "a.qcow2", at);

      if (head >> 32 == 0)
        return 0;
      if (head >> 32 == BITMAPS_EXTENSION)
        return at + 24;
      at += 8 + (((head & G_MAXUINT32) + 7) & ~7u);
    }
}

static guint64
find_bitmaps (Images *images)
{
  guint64 pointer = find_bitmaps_pointer (images);

  return pointer != 0 ? images_get64 (images, "a.qcow2", pointer) : 0;
}

static const struct
{
  const char *name; /* as the message has it */
  guint64 (*find) (Images *images);
} tables[] = {
  { "the header", find_header },
  { "the L1 table", find_l1 },
  { "an L2 table", find_l2 },
  { "a refcount block", find_refblock },
  { "the refcount table", find_reftable },
  { "the snapshot table", find_snapshots },
  { "a snapshot's L1 table", find_old_l1 },
  { "a snapshot's L2 table", find_old_l2 },
  { "the bitmap directory", find_bitmaps },
};

/* -- What needs a cluster. -- */

static gboolean
need_data (Images *images, GError **error)
{
  guint8 bytes[CLUSTER] = { 1 };

  return banyan_test_write (images->graph, "disk", MIB, bytes, sizeof bytes, error);
}

static gboolean
need_compressed (Images *images, GError **error)
{
  guint8 bytes[CLUSTER] = { 1 };

  return banyan_test_write_flags (images->graph, "disk", MIB, bytes, sizeof bytes,
                                  BANYAN_REQUEST_COMPRESSED, error);
}

/* Zeroes over something below take an entry, and no data. */
static gboolean
need_l2 (Images *images, GError **error)
{
  return banyan_test_zeroes (images->graph, "disk", 2 * MIB, CLUSTER, 0, error) == BANYAN_DONE;
}

static gboolean
need_l1 (Images *images, GError **error)
{
  return banyan_test_resize (images->graph, "disk", 8 * MIB, error) == BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
take_snapshot (BanyanChannel *channel, gpointer data, GError **error)
{
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();

  info->name = g_strdup ("two");
  return banyan_snapshots_create (BANYAN_SNAPSHOTS (banyan_channel_get_node (channel)), info,
                                  error);
}

static gboolean
need_snapshot (Images *images, GError **error)
{
  return banyan_test_run (images->graph, "disk", take_snapshot, NULL, error);
}

static gboolean BANYAN_COROUTINE
add_bitmap (BanyanChannel *channel, gpointer data, GError **error)
{
  g_autoptr (BanyanBitmapInfo) info = banyan_bitmap_info_new ("more", 64 * KIB);

  return banyan_bitmaps_store (BANYAN_BITMAPS (banyan_channel_get_node (channel)), info, NULL,
                               error);
}

static gboolean
need_bitmap (Images *images, GError **error)
{
  return banyan_test_run (images->graph, "disk", add_bitmap, NULL, error);
}

static const struct
{
  const char *what;
  gboolean (*need) (Images *images, GError **error);
  gboolean has_bitmaps; /* the image: with them, it keeps its length */
} needs[] = {
  { "data", need_data, TRUE },           { "compressed data", need_compressed, TRUE },
  { "an L2 table", need_l2, TRUE },      { "an L1 table", need_l1, FALSE },
  { "a snapshot", need_snapshot, TRUE }, { "a bitmap", need_bitmap, TRUE },
};

/* -- An image in which each of the tables is. -- */

typedef struct
{
  char *bytes; /* (owned) */
  gsize size;
} File;

static File
read_file (Images *images)
{
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autoptr (GError) error = NULL;
  File file;

  g_file_get_contents (path, &file.bytes, &file.size, &error);
  g_assert_no_error (error);
  return file;
}

static void
write_file (Images *images, const File *file)
{
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, file->bytes, file->size, &error);
  g_assert_no_error (error);
}

static File
make (Images *images, gboolean has_bitmaps)
{
  images_run (images, "qemu-img create -q -f raw base.raw 4M");
  images_run (images,
              "qemu-img create -q -f qcow2 -o cluster_size=4k -b base.raw -F raw a.qcow2 4M");
  images_run (images, "qemu-io -f qcow2 -c 'write -q -P 1 0 64k' a.qcow2");
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  images_run (images, "qemu-io -f qcow2 -c 'write -q -P 2 0 32k' a.qcow2");
  if (has_bitmaps)
    images_run (images, "qemu-img bitmap --add a.qcow2 some");
  return read_file (images);
}

static void
count_as_free (Images *images, guint64 place)
{
  static const guint8 zero[2];

  images_patch (images, "a.qcow2", find_refblock (images) + place / CLUSTER * 2, zero, sizeof zero);
}

/* -- What it comes to. -- */

/* All but what says that the image is damaged, and that a bitmap is in use. */
static void
must_be_as_before (Images *images, const File *before)
{
  File after = read_file (images);
  guint64 bitmaps = find_bitmaps (images);

  g_assert_cmpuint (after.size, >=, before->size);
  memcpy (after.bytes + FEATURES_AT, before->bytes + FEATURES_AT, 8);
  if (bitmaps != 0)
    memcpy (after.bytes + bitmaps + 12, before->bytes + bitmaps + 12, 4);
  g_assert_cmpmem (after.bytes, before->size, before->bytes, before->size);
  g_free (after.bytes);
}

static void
must_be_refused (Images *images, gboolean (*need) (Images *images, GError **error),
                 const char *holds)
{
  g_autofree char *says = g_strdup_printf ("a cluster counted as free holds %s:", holds);
  g_autoptr (GError) error = NULL;
  guint8 bytes[CLUSTER] = { 1 };

  g_assert_false (need (images, &error));
  g_assert_nonnull (error);
  if (strstr (error->message, says) == NULL)
    g_error ("not \"%s\" but: %s", says, error->message);
  g_assert_false (banyan_test_write (images->graph, "disk", 0, bytes, sizeof bytes, NULL));
  images_close (images);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", FEATURES_AT) & CORRUPT, ==, CORRUPT);
}

static void
test_free_tables (gconstpointer data)
{
  guint index = GPOINTER_TO_UINT (data);
  g_autoptr (Images) images = images_new ();
  File image;

  g_test_summary ("What is counted as free and holds a table is given to nobody");

  if (!images_have_qemu ())
    return;
  image = make (images, needs[index].has_bitmaps);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      guint64 place;
      File before;

      write_file (images, &image);
      place = tables[i].find (images);
      if (place == 0 && tables[i].find != find_header)
        continue;
      g_test_message ("%s", tables[i].name);
      count_as_free (images, place);
      before = read_file (images);
      images_load (images, DISK);
      must_be_refused (images, needs[index].need, tables[i].name);
      must_be_as_before (images, &before);
      g_free (before.bytes);
    }
  g_free (image.bytes);
}

/* -- Two tables in one cluster. -- */

static guint64
find_second_block (Images *images)
{
  return find_reftable (images) + 8;
}

static guint64
find_l1_pointer (Images *images)
{
  return 40;
}

static guint64
find_reftable_pointer (Images *images)
{
  return 48;
}

static guint64
find_snapshots_pointer (Images *images)
{
  return 64;
}

/* Who leads to a table, whose pointer then leads to another. */
static const struct
{
  const char *name;
  guint64 (*find) (Images *images);
} pointers[] = {
  { "the L1 table", find_l1_pointer },
  { "an L2 table", find_l1 },
  { "a refcount block", find_second_block },
  { "the refcount table", find_reftable_pointer },
  { "the snapshot table", find_snapshots_pointer },
  { "a snapshot's L1 table", find_snapshots },
  { "a snapshot's L2 table", find_old_l1 },
  { "the bitmap directory", find_bitmaps_pointer },
};

/* Whether somebody else still leads to it, and writes there. To lead to the header is to lead
 * nowhere. */
static gboolean
is_crossing (const char *pointer, const char *table)
{
  static const struct
  {
    const char *pointer;
    const char *table;
  } harmless[] = {
    /* Those that only what was lost has led to. */
    { "the L1 table", "an L2 table" },
    { "the refcount table", "a refcount block" },
    { "the snapshot table", "a snapshot's L1 table" },
    { "the snapshot table", "a snapshot's L2 table" },
    { "a snapshot's L1 table", "a snapshot's L2 table" },
    /* An image may have them as one. */
    { "an L2 table", "a snapshot's L2 table" },
    { "a snapshot's L2 table", "an L2 table" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (harmless); i++)
    if (strcmp (harmless[i].pointer, pointer) == 0 && strcmp (harmless[i].table, table) == 0)
      return FALSE;
  return strcmp (pointer, table) != 0 && strcmp (table, "the header") != 0;
}

/* What the pointer leads to may be no such table at all, which is told before anything is written.
 */
static void
cross (Images *images, guint64 pointer, guint64 place)
{
  const guint64 flags = images_get64 (images, "a.qcow2", pointer) & G_GUINT64_CONSTANT (1) << 63;
  g_autofree char *document = NULL;
  GString *text = g_string_new (DISK);
  g_autoptr (GError) error = NULL;
  File before;

  images_patch64 (images, "a.qcow2", pointer, place | flags);
  before = read_file (images);
  g_string_replace (text, "DIR", images->folder, 0);
  document = g_string_free (text, FALSE);
  images_close (images);
  images->graph = banyan_test_graph_new (document, NULL);
  if (images->graph != NULL)
    {
      g_assert_false (need_data (images, &error));
      g_test_message ("%s", error->message);
      images_close (images);
      g_assert_cmpuint (images_get64 (images, "a.qcow2", FEATURES_AT) & CORRUPT, ==, CORRUPT);
    }
  must_be_as_before (images, &before);
  g_free (before.bytes);
}

static void
test_crossed_tables (void)
{
  g_autoptr (Images) images = images_new ();
  File image;

  g_test_summary ("Where two tables lie in one cluster, none of them is written");

  if (!images_have_qemu ())
    return;
  image = make (images, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (pointers); i++)
    for (guint j = 0; j < G_N_ELEMENTS (tables); j++)
      if (is_crossing (pointers[i].name, tables[j].name))
        {
          write_file (images, &image);
          g_test_message ("%s in %s", pointers[i].name, tables[j].name);
          cross (images, pointers[i].find (images), tables[j].find (images));
        }
  g_free (image.bytes);
}

/* -- Where writing has begun all the same. -- */

static guint64
find_second_l1_entry (Images *images)
{
  return find_l1 (images) + 8;
}

/* Of the two in one cluster, only one is protected, or both are too late: who writes the other is
 * told. The place of what it would have written there has zeroes before. */
static const struct
{
  const char *checks;
  const char *checks_then; /* (nullable): after something was written */
  guint64 (*find_pointer) (Images *images);
  guint64 (*find_place) (Images *images);
  guint word;
  const char *says;
} late[] = {
  { "{ template: none, refcount-block: true }", NULL, find_second_l1_entry, find_refblock, 511,
    "an L2 table at %#" G_GINT64_MODIFIER "x would be written over a refcount block" },
  { "{ template: none, bitmap-directory: true }", NULL, find_second_l1_entry, find_bitmaps, 511,
    "an L2 table at %#" G_GINT64_MODIFIER "x would be written over the bitmap directory" },
  { "{ template: none, refcount-table: true }", NULL, find_l1_pointer, find_reftable, 1,
    "the L1 table at %#" G_GINT64_MODIFIER "x would be written over the refcount table" },
  { "none", "all", find_second_l1_entry, find_refblock, 511,
    "a refcount block at %#" G_GINT64_MODIFIER "x would be written over an L2 table" },
};

static void
must_refuse_late (Images *images, guint index)
{
  guint64 place = late[index].find_place (images);
  g_autofree char *disk = g_strdup_printf (
      "disk: { driver: qcow2, overlap-check: %s, file: { driver: file, filename: DIR/a.qcow2 } }\n",
      late[index].checks);
  g_autofree char *says = g_strdup_printf (late[index].says, place);
  g_autoptr (GError) error = NULL;
  guint8 bytes[CLUSTER] = { 1 };

  images_patch64 (images, "a.qcow2", late[index].find_pointer (images),
                  place | (late[index].word == 511 ? G_GUINT64_CONSTANT (1) << 63 : 0));
  g_assert_cmpuint (images_get64 (images, "a.qcow2", place + late[index].word * 8), ==, 0);
  images_load (images, disk);
  banyan_test_write (images->graph, "disk", 4 * MIB - CLUSTER, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  if (late[index].checks_then != NULL)
    banyan_test_set (banyan_test_get_node (images->graph, "disk"), "overlap-check",
                     late[index].checks_then);

  g_assert_false (banyan_test_flush (images->graph, "disk", &error));
  if (strstr (error->message, says) == NULL)
    g_error ("not \"%s\" but: %s", says, error->message);
  g_test_expect_message ("Banyan", G_LOG_LEVEL_WARNING, "*would be written over*");
  g_assert_false (banyan_graph_close (banyan_test_graph_get (images->graph), NULL));
  g_test_assert_expected_messages ();
  images_close (images);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", place + late[index].word * 8), ==, 0);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", FEATURES_AT) & CORRUPT, ==, CORRUPT);
}

static void
test_each_write (void)
{
  g_autoptr (Images) images = images_new ();
  File image;

  g_test_summary ("No table is written over another that is protected, whenever that is found");

  if (!images_have_qemu ())
    return;
  image = make (images, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (late); i++)
    {
      write_file (images, &image);
      images_run (images, "truncate -s %4096 a.qcow2");
      g_test_message ("%s", late[i].says);
      must_refuse_late (images, i);
    }
  g_free (image.bytes);
}

/* -- A table that is a snapshot's alone from now on. -- */

static void
test_left_table (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  guint8 bytes[512] = { 1 };
  guint64 table, entry;

  g_test_summary ("A table that the disk has left to a snapshot is protected like others of those");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 64M");
  images_run (images, "qemu-io -f qcow2 -c 'write -q 0 64k' -c 'write -q 32M 64k' a.qcow2");
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  table = find_l2 (images);
  /* In a part of the table that is not looked at before the disk has one of its own. */
  entry = table + 32 * MIB / (64 * KIB) * 8;
  images_patch64 (images, "a.qcow2", entry, table | G_GUINT64_CONSTANT (1) << 63);
  images_load (images, DISK);
  banyan_test_write (images->graph, "disk", 0, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  g_assert_false (banyan_test_write (images->graph, "disk", 32 * MIB, bytes, sizeof bytes, &error));
  g_assert_nonnull (strstr (error->message, "lies in a snapshot's L2 table"));
}

/* -- Beyond what is counted. -- */

#define PER_BLOCK 64 /* clusters of 512 bytes, counted with 64 bits each */
#define PER_TABLE (64 * PER_BLOCK)

/* The disk's L2 table lies at @cluster. */
static void
move_l2 (Images *images, guint64 cluster)
{
  guint8 table[512];

  for (guint i = 0; i < sizeof table; i += 8)
    {
      guint64 entry = GUINT64_TO_BE (images_get64 (images, "a.qcow2", find_l2 (images) + i));

      memcpy (table + i, &entry, sizeof entry);
    }
  images_patch (images, "a.qcow2", cluster * 512, table, sizeof table);
  images_patch64 (images, "a.qcow2", find_l1 (images),
                  cluster * 512 | G_GUINT64_CONSTANT (1) << 63);
}

static gboolean
need_much (Images *images, GError **error)
{
  g_autofree guint8 *bytes = g_malloc0 (3 * MIB);

  bytes[0] = 1;
  return banyan_test_write (images->graph, "disk", MIB, bytes, 3 * MIB, error);
}

static void
test_uncounted_tables (void)
{
  /* Where the next refcount block would be, and the next refcount table. */
  static const guint64 places[] = { 3 * PER_BLOCK, PER_TABLE };

  g_test_summary ("New refcount blocks and tables go to no cluster that holds a table and is not "
                  "counted at all");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autoptr (Images) images = images_new ();
      guint64 entries[2];

      images_run (images,
                  "qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 a.qcow2 4M");
      images_run (images, "qemu-io -f qcow2 -c 'write -q -P 1 0 1k' a.qcow2");
      move_l2 (images, places[i]);
      for (guint j = 0; j < 2; j++)
        entries[j] = images_get64 (images, "a.qcow2", find_l2 (images) + j * 8);
      images_load (images, DISK);
      must_be_refused (images, need_much, "an L2 table");
      for (guint j = 0; j < 2; j++)
        g_assert_cmpuint (images_get64 (images, "a.qcow2", places[i] * 512 + j * 8), ==,
                          entries[j]);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (needs); i++)
    {
      g_autofree char *name = g_strdup_printf ("/qcow2/overlap/counted-as-free/%s", needs[i].what);

      g_test_add_data_func (name, GUINT_TO_POINTER (i), test_free_tables);
    }
  g_test_add_func ("/qcow2/overlap/two-in-one-cluster", test_crossed_tables);
  g_test_add_func ("/qcow2/overlap/each-write", test_each_write);
  g_test_add_func ("/qcow2/overlap/left-to-a-snapshot", test_left_table);
  g_test_add_func ("/qcow2/overlap/not-counted-at-all", test_uncounted_tables);
  return g_test_run ();
}
