/* test-qcow2-images.c - images are made, checked, and keep snapshots
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * 1024)

#define DISK \
  "disk: { driver: qcow2, discard: unmap, file: { driver: file, discard: unmap, filename: " \
  "DIR/a.qcow2 } }\n"

/* -- Making. -- */

typedef struct
{
  BanyanImageOptions *options;
  BanyanChild *file;
} Making;

static gboolean BANYAN_COROUTINE
make (BanyanChannel *channel, gpointer data, GError **error)
{
  Making *making = data;

  return banyan_image_options_create (making->options, making->file, error);
}

static gboolean
try_to_make (Images *images, const char *json, GError **error)
{
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (json, -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = NULL;
  Making making;
  gboolean made;

  g_assert_nonnull (spec);
  options = banyan_image_options_new ("qcow2", spec, error);
  if (options == NULL)
    return FALSE;

  g_file_set_contents (path, "what was there before", -1, NULL);
  images_load (images, "holder: { driver: raw, file: { driver: file, filename: DIR/a.qcow2 } }\n");
  making = (Making){ options, banyan_test_get_edge (images->graph, "holder:file") };
  made = banyan_test_run (images->graph, "holder", make, &making, error);
  images_close (images);
  return made;
}

static void
test_makes (void)
{
  static const char *const ways[] = {
    "{ \"size\": 4194304 }",
    "{ \"size\": 4194304, \"version\": \"v2\" }",
    "{ \"size\": 4194304, \"cluster-size\": 512, \"refcount-bits\": 64 }",
    "{ \"size\": 4194304, \"cluster-size\": 2097152, \"refcount-bits\": 1 }",
    "{ \"size\": 4194304, \"extended-l2\": true, \"compression-type\": \"zstd\" }",
    "{ \"size\": 4194304, \"lazy-refcounts\": true, \"preallocation\": \"metadata\" }",
    "{ \"size\": 4194304, \"cluster-size\": 4096, \"preallocation\": \"falloc\" }",
    "{ \"size\": 4194304, \"preallocation\": \"full\" }",
  };

  g_test_summary ("QEMU finds in order the images that are made, and they hold a disk of zeroes");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", ways[i]);
      try_to_make (images, ways[i], &error);
      g_assert_no_error (error);
      images_must_be_clean (images, "a.qcow2");
      images_load (images, DISK);
      images_must_be_zero (images, "disk", 0, 4 * MIB);
      images_must_write (images, "disk", 100000, 200000, 1);
      images_must_read (images, "disk", 100000, 200000, 1);
      images_close (images);
      images_must_be_clean (images, "a.qcow2");
    }
}

static void
test_large (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A terabyte needs more than one block of refcounts where clusters are small");

  if (!images_have_qemu ())
    return;
  try_to_make (images, "{ \"size\": 68719476736, \"cluster-size\": 512 }", &error);
  g_assert_no_error (error);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_makes_overlay (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("An image that was made over another one shows it");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f raw base.raw 1M");
  images_load (images, "base: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "base", 0, MIB, 2);
  images_close (images);
  try_to_make (images,
               "{ \"size\": 1048576, \"backing-file\": \"base.raw\", \"backing-fmt\": \"raw\" }",
               &error);
  g_assert_no_error (error);
  images_load (images, DISK);
  images_must_read (images, "disk", 0, MIB, 2);
  images_must_write (images, "disk", 1000, 1000, 3);
  images_must_read (images, "disk", 2000, MIB - 2000, 2);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_refuses_options (void)
{
  static const struct
  {
    const char *json;
    const char *says;
  } bad[] = {
    { "{ \"size\": 1, \"cluster-size\": 1000 }", "cluster-size is 1000" },
    { "{ \"size\": 1, \"refcount-bits\": 3 }", "refcount-bits is 3" },
    { "{ \"size\": 1, \"version\": \"v2\", \"extended-l2\": true }", "version 2" },
    { "{ \"size\": 1, \"data-file-raw\": true }", "data-file-raw" },
    { "{ \"size\": 1125899906842624, \"cluster-size\": 512 }", "larger clusters" },
  };

  g_test_summary ("Options that do not go together are refused by their names");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;

      g_assert_false (try_to_make (images, bad[i].json, &error));
      g_assert_nonnull (strstr (error->message, bad[i].says));
      images_close (images);
    }
}

/* -- Amending. -- */

static gboolean BANYAN_COROUTINE
amend (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_image_options_amend (data, banyan_channel_get_node (channel), error);
}

static gboolean
try_to_amend (Images *images, const char *json, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (json, -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = banyan_image_options_new ("qcow2", spec, error);
  gboolean amended;

  g_assert_nonnull (options);
  images_load (images, DISK);
  amended = banyan_test_run (images->graph, "disk", amend, options, error);
  images_close (images);
  return amended;
}

static void
test_amends (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("An image gets another version, size, backing and way of counting as it lies; "
                  "what it holds is kept");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o compat=v2 a.qcow2 1M");
  images_run (images, "qemu-img create -q -f raw base.raw 1M");
  images_load (images, DISK);
  images_must_write (images, "disk", 5000, 100000, 12);
  images_close (images);
  try_to_amend (images,
                "{ \"version\": \"v3\", \"lazy-refcounts\": true, \"size\": 4194304, "
                "\"backing-file\": \"base.raw\", \"backing-fmt\": \"raw\" }",
                &error);
  g_assert_no_error (error);
  images_must_be_clean (images, "a.qcow2");
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 24), ==, 4194304);
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 80), ==, 1);
  images_load (images, DISK);
  images_must_read (images, "disk", 5000, 100000, 12);
  images_close (images);
  images_run (images, "sh -c 'qemu-img info a.qcow2 | grep -q \"backing file: base.raw\"'");

  images_close (images);
}

static void
test_other_widths (void)
{
  static const guint widths[] = { 1, 64, 2, 32, 4, 16, 8 };
  g_autoptr (Images) images = images_new ();

  g_test_summary ("Counts of users get another width; what is written next is counted by them");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=1k a.qcow2 8M");
  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      g_autofree char *json = g_strdup_printf ("{ \"refcount-bits\": %u }", widths[i]);
      g_autoptr (GError) error = NULL;

      images_load (images, DISK);
      images_must_write (images, "disk", i * MIB, MIB, i);
      images_close (images);
      g_assert_true (try_to_amend (images, json, &error));
      images_must_be_clean (images, "a.qcow2");
      g_assert_cmpuint (images_get64 (images, "a.qcow2", 96) >> 32, ==,
                        g_bit_storage (widths[i]) - 1);
      images_load (images, DISK);
      for (guint j = 0; j <= i; j++)
        images_must_read (images, "disk", j * MIB, MIB, j);
      images_close (images);
    }
}

static void
downgrade (const char *backing)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *line = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 8M", backing);
  g_autoptr (GError) error = NULL;

  images_run (images, "qemu-img create -q -f raw base.raw 5M");
  images_load (images, "disk: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "disk", 0, 5 * MIB, 20);
  images_close (images);
  images_run (images, line);
  images_load (images, DISK);
  images_must_write (images, "disk", MIB, 4 * MIB, 21);
  banyan_test_zeroes (images->graph, "disk", 2 * MIB, MIB, 0, &error);
  g_assert_no_error (error);
  banyan_test_zeroes (images->graph, "disk", 4 * MIB, 3 * MIB, BANYAN_REQUEST_MAY_UNMAP, &error);
  g_assert_no_error (error);
  images_close (images);

  g_assert_true (try_to_amend (images, "{ \"version\": \"v2\", \"refcount-bits\": 16 }", &error));
  images_must_be_clean (images, "a.qcow2");
  images_run (images, "sh -c 'qemu-img info a.qcow2 | grep -q \"compat: 0.10\"'");
  images_load (images, DISK);
  images_must_read (images, "disk", MIB, MIB, 21);
  images_must_be_zero (images, "disk", 2 * MIB, MIB);
  images_must_read (images, "disk", 3 * MIB, MIB, 21);
  images_must_be_zero (images, "disk", 4 * MIB, 4 * MIB);
  images_must_write (images, "disk", 3 * MIB, MIB, 22);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
test_downgrades (void)
{
  g_test_summary ("An image of version 3 becomes one of version 2, without entries for zeroes");

  if (!images_have_qemu ())
    return;
  downgrade ("");
  downgrade ("-o cluster_size=4k,lazy_refcounts=on,refcount_bits=1");
  downgrade ("-b base.raw -F raw");
  downgrade ("-b base.raw -F raw -o cluster_size=4k");
}

static void
test_data_file_name (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "A data file is named anew, and need no longer be one that can be read by itself");

  if (!images_have_qemu ())
    return;
  images_run (images,
              "qemu-img create -q -f qcow2 -o data_file=a.data,data_file_raw=on a.qcow2 4M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 23);
  images_close (images);
  g_assert_true (
      try_to_amend (images, "{ \"data-file\": \"b.data\", \"data-file-raw\": false }", &error));
  images_must_refuse (images, DISK, "b.data");
  images_run (images, "mv a.data b.data");
  images_load (images, DISK);
  images_must_read (images, "disk", 0, MIB, 23);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
  g_assert_cmpuint (images_get64 (images, "a.qcow2", 88), ==, 0);
}

static void
test_refuses_to_amend (void)
{
  static const struct
  {
    const char *way;
    const char *json;
    const char *says;
  } bad[] = {
    { "", "{ \"cluster-size\": 4096 }", "cluster-size cannot be changed" },
    { "", "{ \"compression-type\": \"zstd\" }", "compression-type cannot be changed" },
    { "", "{ \"extended-l2\": true }", "extended-l2 cannot be changed" },
    { "", "{ \"preallocation\": \"metadata\" }", "preallocation cannot be changed" },
    { "", "{ \"data-file\": \"x\" }", "no data-file to name" },
    { "", "{ \"refcount-bits\": 24 }", "refcount-bits is 24, which is no power of 2" },
    { "", "{ \"version\": \"v2\", \"refcount-bits\": 8 }", "need version v3" },
    { "", "{ \"version\": \"v2\", \"lazy-refcounts\": true }", "need version v3" },
    { "-o refcount_bits=8", "{ \"version\": \"v2\" }", "need version v3" },
    { "-o compat=v2", "{ \"refcount-bits\": 8 }", "need version v3" },
    { "-o extended_l2=on", "{ \"version\": \"v2\" }", "v2 has no extended L2 entries" },
    { "-o compression_type=zstd", "{ \"version\": \"v2\" }", "no compression type but zlib" },
    { "-o data_file=a.data", "{ \"version\": \"v2\" }", "v2 has no data file" },
    { "-o data_file=a.data", "{ \"data-file-raw\": true }", "data-file-raw cannot be changed" },
  };

  g_test_summary ("What would mean to write the image anew is refused, and what it cannot say");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autofree char *line
          = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 1M", bad[i].way);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s: %s", bad[i].way, bad[i].json);
      images_run (images, line);
      g_assert_false (try_to_amend (images, bad[i].json, &error));
      g_assert_nonnull (strstr (error->message, bad[i].says));
      images_must_be_clean (images, "a.qcow2");
    }
}

static void
test_snapshots_in_the_way (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot that version 2 cannot describe stands in the way of that");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 1M");
  images_run (images, "qemu-img snapshot -c plain a.qcow2");
  images_run (images, "qemu-io -f qcow2 -c 'write -z 0 64k' a.qcow2");
  images_run (images, "qemu-img snapshot -c zeroes a.qcow2");
  g_assert_false (try_to_amend (images, "{ \"version\": \"v2\" }", &error));
  g_assert_nonnull (strstr (error->message, "snapshot \"zeroes\" has entries for zeroes"));
  g_clear_error (&error);
  images_run (images, "qemu-img snapshot -d zeroes a.qcow2");
  g_assert_true (try_to_amend (images, "{ \"version\": \"v2\" }", &error));
  images_must_be_clean (images, "a.qcow2");
  images_run (images, "qemu-img snapshot -a plain a.qcow2");
}

/* -- Checking. -- */

static gboolean BANYAN_COROUTINE
check (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanNode *node = banyan_channel_get_node (channel);

  return banyan_checkable_check (BANYAN_CHECKABLE (node), data, error);
}

static void
test_finds_leaks (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  BanyanCheck found = BANYAN_CHECK_INIT;
  BanyanCheck again = BANYAN_CHECK_INIT;
  guint64 block;

  g_test_summary ("Clusters that nobody uses are found, and given back");

  if (!images_have_qemu ())
    return;
  try_to_make (images, "{ \"size\": 4194304 }", &error);
  g_assert_no_error (error);
  block = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", 48));
  images_patch64 (images, "a.qcow2", block + 8, G_GUINT64_CONSTANT (0x0001000100010000));
  images_load (images, DISK);
  found.fix = BANYAN_CHECK_FIX_LEAKS;
  banyan_test_run (images->graph, "disk", check, &found, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found.leaks, ==, 3);
  g_assert_cmpuint (found.leaks_fixed, ==, 3);
  g_assert_cmpuint (found.corruptions, ==, 0);
  banyan_test_run (images->graph, "disk", check, &again, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (again.leaks, ==, 0);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

/* -- Snapshots. -- */

typedef struct
{
  const char *what;
  const char *name;
} Deed;

static gboolean BANYAN_COROUTINE
deal_with_snapshot (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanSnapshots *node = BANYAN_SNAPSHOTS (banyan_channel_get_node (channel));
  const Deed *deed = data;
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();

  if (strcmp (deed->what, "apply") == 0)
    return banyan_snapshots_apply (node, deed->name, error);
  if (strcmp (deed->what, "remove") == 0)
    return banyan_snapshots_remove (node, deed->name, error);

  info->name = g_strdup (deed->name);
  return banyan_snapshots_create (node, info, error);
}

static void
do_it (Images *images, const char *what, const char *name)
{
  g_autoptr (GError) error = NULL;
  Deed deed = { what, name };

  banyan_test_run (images->graph, "disk", deal_with_snapshot, &deed, &error);
  g_assert_no_error (error);
}

static void
close_and_check (Images *images)
{
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

static void
go_through_snapshots (const char *json)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_message ("%s", json);
  try_to_make (images, json, &error);
  g_assert_no_error (error);
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 300 * KIB, 4);
  do_it (images, "create", "first");
  images_must_write (images, "disk", 100 * KIB, 400 * KIB, 5);
  do_it (images, "create", "second");
  images_must_write (images, "disk", 7, 1000, 6);
  close_and_check (images);

  images_load (images, DISK);
  images_must_read (images, "disk", 7, 1000, 6);
  images_must_read (images, "disk", 100 * KIB, 400 * KIB, 5);
  do_it (images, "apply", "first");
  images_must_read (images, "disk", 0, 300 * KIB, 4);
  images_must_be_zero (images, "disk", 300 * KIB, 200 * KIB);
  images_must_write (images, "disk", 50 * KIB, 50 * KIB, 7);
  close_and_check (images);

  images_load (images, DISK);
  do_it (images, "apply", "second");
  images_must_read (images, "disk", 0, 100 * KIB, 4);
  images_must_read (images, "disk", 100 * KIB, 400 * KIB, 5);
  do_it (images, "remove", "first");
  images_must_read (images, "disk", 100 * KIB, 400 * KIB, 5);
  do_it (images, "remove", "2");
  images_must_read (images, "disk", 0, 100 * KIB, 4);
  images_must_write (images, "disk", 0, 600 * KIB, 8);
  close_and_check (images);
}

static void
test_snapshots (void)
{
  g_test_summary ("A snapshot shows the disk as it was; what is written meanwhile does not change "
                  "it, and the image is in order after each step");

  if (!images_have_qemu ())
    return;
  go_through_snapshots ("{ \"size\": 1048576 }");
  go_through_snapshots ("{ \"size\": 1048576, \"cluster-size\": 1024 }");
  go_through_snapshots ("{ \"size\": 1048576, \"extended-l2\": true }");
}

static guint64
count_data (Images *images, const char *node, guint64 end)
{
  guint64 data = 0;
  BanyanBlockStatus status;

  for (guint64 offset = 0; offset < end; offset += status.length)
    {
      g_autoptr (GError) error = NULL;

      banyan_test_block_status (images->graph, node, offset, end - offset, &status, &error);
      g_assert_no_error (error);
      if (status.flags & BANYAN_BLOCK_DATA)
        data += status.length;
    }
  return data;
}

/* How much less data the file has when a snapshot of 2 MiB is gone. */
static guint64
remove_and_measure (const char *passes)
{
  g_autofree char *nodes
      = g_strdup_printf ("disk: { driver: qcow2, pass-discard-snapshot: %s, file: lower }\n"
                         "lower: { driver: file, discard: unmap, filename: DIR/a.qcow2 }\n",
                         passes);
  g_autoptr (Images) images = images_new ();
  guint64 before, after;

  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 8M");
  images_load (images, nodes);
  images_must_write (images, "disk", 0, 2 * MIB, 1);
  do_it (images, "create", "one");
  images_must_write (images, "disk", 0, 2 * MIB, 2);
  before = count_data (images, "lower", 4 * MIB);
  do_it (images, "remove", "one");
  after = count_data (images, "lower", 4 * MIB);
  images_must_read (images, "disk", 0, 2 * MIB, 2);
  close_and_check (images);
  return before - after;
}

static void
test_discard (void)
{
  g_test_summary ("What only a removed snapshot had is discarded in file, where that is to be");

  if (!images_have_qemu ())
    return;
  g_assert_cmpuint (remove_and_measure ("true"), >=, 2 * MIB);
  g_assert_cmpuint (remove_and_measure ("false"), ==, 0);
}

static void
test_larger (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot of a longer disk, which has a larger L1 table, is taken up, too");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=512 a.qcow2 8M");
  images_load (images, DISK);
  images_must_write (images, "disk", 7 * MIB, MIB, 3);
  do_it (images, "create", "one");
  images_close (images);
  /* QEMU would keep the table as large as it was. */
  images_patch (images, "a.qcow2", 36, "\0\0\0\40", 4);
  images_patch64 (images, "a.qcow2", 24, MIB);
  images_run (images, "sh -c 'qemu-img check -q -r all a.qcow2; true'");
  images_must_be_clean (images, "a.qcow2");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, MIB, 4);
  do_it (images, "apply", "one");
  images_must_read (images, "disk", 7 * MIB, MIB, 3);
  images_must_be_zero (images, "disk", 0, 7 * MIB);
  close_and_check (images);
}

static void
test_reuse (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "What a removed snapshot alone had is used again, its tables, too, by the one that "
      "removed it");

  if (!images_have_qemu ())
    return;
  try_to_make (images, "{ \"size\": 4194304, \"cluster-size\": 1024 }", &error);
  g_assert_no_error (error);
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 2048 * KIB, 4);
  for (guint i = 0; i < 3; i++)
    {
      do_it (images, "create", "one");
      images_must_write (images, "disk", 0, 2048 * KIB, 5 + i);
      do_it (images, "remove", "one");
      images_must_write (images, "disk", (2048 + i * 512) * KIB, 512 * KIB, 8 + i);
      images_must_read (images, "disk", 0, 2048 * KIB, 5 + i);
    }
  close_and_check (images);
}

static void
test_of_qemu (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("Snapshots that QEMU made are kept, and can be taken up");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 1M");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 300 * KIB, 9);
  images_close (images);
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 300 * KIB, 10);
  images_must_write (images, "disk", 500 * KIB, 100 * KIB, 11);
  close_and_check (images);

  images_load (images, DISK);
  images_must_read (images, "disk", 0, 300 * KIB, 10);
  do_it (images, "apply", "one");
  images_must_read (images, "disk", 0, 300 * KIB, 9);
  close_and_check (images);
  images_run (images, "qemu-img snapshot -d one a.qcow2");
  images_must_be_clean (images, "a.qcow2");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/images/are-made", test_makes);
  g_test_add_func ("/qcow2/images/large-ones-are-made", test_large);
  g_test_add_func ("/qcow2/images/are-made-over-others", test_makes_overlay);
  g_test_add_func ("/qcow2/images/options-that-do-not-fit", test_refuses_options);
  g_test_add_func ("/qcow2/images/are-amended", test_amends);
  g_test_add_func ("/qcow2/images/count-in-other-widths", test_other_widths);
  g_test_add_func ("/qcow2/images/become-version-2", test_downgrades);
  g_test_add_func ("/qcow2/images/name-another-data-file", test_data_file_name);
  g_test_add_func ("/qcow2/images/what-is-not-amended", test_refuses_to_amend);
  g_test_add_func ("/qcow2/images/snapshots-in-the-way-of-version-2", test_snapshots_in_the_way);
  g_test_add_func ("/qcow2/images/leaks-are-found", test_finds_leaks);
  g_test_add_func ("/qcow2/snapshots/show-what-was", test_snapshots);
  g_test_add_func ("/qcow2/snapshots/are-discarded", test_discard);
  g_test_add_func ("/qcow2/snapshots/of-longer-disks", test_larger);
  g_test_add_func ("/qcow2/snapshots/leave-their-place", test_reuse);
  g_test_add_func ("/qcow2/snapshots/that-qemu-made", test_of_qemu);
  return g_test_run ();
}
