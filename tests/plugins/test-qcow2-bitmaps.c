/* test-qcow2-bitmaps.c - dirty bitmaps that qemu-img made stay what they are
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)

#define DISK_WITH(options) \
  "disk: { driver: qcow2, discard: unmap, " options \
  "file: { driver: file, discard: unmap, filename: DIR/a.qcow2 } }\n"
#define DISK DISK_WITH ("")

/* "on" records writes, "off" does not; each knows of one that QEMU made. */
static void
make (Images *images)
{
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 8M");
  images_run (images, "qemu-img bitmap --add -g 64k a.qcow2 on");
  images_run (images, "qemu-io -f qcow2 -c 'write 1M 128k' a.qcow2");
  images_run (images, "qemu-img bitmap --add --disable -g 4k a.qcow2 off");
  images_run (images, "qemu-img bitmap --merge on a.qcow2 off");
}

/* By what QEMU says of it: "auto", "in-use". */
static void
must_have_flags (Images *images, const char *name, const char *flags)
{
  g_autofree char *line
      = g_strdup_printf ("sh -c 'qemu-img info --output=json a.qcow2 | tr -d \" \\n\" "
                         "| grep -qF \"{\\\"flags\\\":[%s],\\\"name\\\":\\\"%s\\\"\"'",
                         flags, name);

  images_run (images, line);
}

/* What it has, as a server shows it to who asks for that. */
static void
must_be_kept (Images *images)
{
  images_run (images, "qemu-img bitmap --add --disable -g 4k a.qcow2 copy");
  images_run (images, "qemu-img bitmap --merge off a.qcow2 copy");
  images_run (images, "qemu-img bitmap --remove a.qcow2 copy");
  images_must_be_clean (images, "a.qcow2");
}

static char *
dup_bytes (Images *images, gsize *length)
{
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autoptr (GError) error = NULL;
  char *bytes;

  g_file_get_contents (path, &bytes, length, &error);
  g_assert_no_error (error);
  return bytes;
}

static void
test_reading (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gsize before_length, after_length;

  g_test_summary ("Who only reads changes nothing, whether the disk could be written to or not");

  if (!images_have_qemu ())
    return;
  make (images);
  before = dup_bytes (images, &before_length);
  images_load (images, DISK_WITH ("read-only: true, "));
  images_must_be_zero (images, "disk", 0, MIB);
  images_close (images);
  images_load (images, DISK);
  images_must_be_zero (images, "disk", 0, MIB);
  images_close (images);
  after = dup_bytes (images, &after_length);
  g_assert_cmpmem (before, before_length, after, after_length);
}

static void
test_writing (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("A write says of those that record that they are in use, and keeps the others");

  if (!images_have_qemu ())
    return;
  make (images);
  images_load (images, DISK);
  images_must_write (images, "disk", 2 * MIB, 64 * KIB, 1);
  images_close (images);
  must_have_flags (images, "on", "\\\"in-use\\\",\\\"auto\\\"");
  must_have_flags (images, "off", "");
  must_be_kept (images);
  images_load (images, DISK);
  images_must_read (images, "disk", 2 * MIB, 64 * KIB, 1);
}

/* -- Edits. -- */

typedef struct
{
  const char *what;
  const char *argument;
} Edit;

static gboolean BANYAN_COROUTINE
edit (BanyanChannel *channel, gpointer data, GError **error)
{
  const Edit *wanted = data;
  BanyanNode *node = banyan_channel_get_node (channel);
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (BanyanImageOptions) options = NULL;
  BanyanCheck check = BANYAN_CHECK_INIT;

  if (strcmp (wanted->what, "snapshot") == 0)
    {
      info->name = g_strdup (wanted->argument);
      return banyan_snapshots_create (BANYAN_SNAPSHOTS (node), info, error);
    }
  if (strcmp (wanted->what, "apply") == 0)
    return banyan_snapshots_apply (BANYAN_SNAPSHOTS (node), wanted->argument, error);
  if (strcmp (wanted->what, "check") == 0)
    return banyan_checkable_check (BANYAN_CHECKABLE (node), &check, error)
           && (check.corruptions + check.leaks == 0
               || banyan_throw_errno (error, EIO, "there is something wrong"));

  spec = banyan_spec_parse_json (wanted->argument, -1, NULL, problems);
  options = banyan_image_options_new ("qcow2", spec, error);
  return options != NULL && banyan_image_options_amend (options, node, NULL, error);
}

static gboolean
try_edit (Images *images, const char *what, const char *argument, GError **error)
{
  Edit wanted = { what, argument };
  gboolean done;

  images_load (images, DISK);
  done = banyan_test_run (images->graph, "disk", edit, &wanted, error);
  images_close (images);
  return done;
}

static void
test_edits (void)
{
  static const Edit edits[] = {
    { "check", NULL },
    { "snapshot", "one" },
    { "amend", "{ \"refcount-bits\": 64 }" },
    { "amend", "{ \"refcount-bits\": 1 }" },
    { "amend", "{ \"lazy-refcounts\": true }" },
    { "amend", "{ \"backing-file\": \"a-longer-name-than-there-was-before.raw\", "
               "\"backing-fmt\": \"raw\" }" },
    { "amend", "{ \"backing-file\": \"\" }" },
    { "check", NULL },
  };

  g_test_summary ("What does not change the disk's data leaves its bitmaps as they are");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (edits); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;

      g_test_message ("%s %s", edits[i].what, edits[i].argument);
      make (images);
      images_run (images, "qemu-img create -q -f raw a-longer-name-than-there-was-before.raw 8M");
      /* What has a snapshot cannot count to 1 only. */
      try_edit (images, edits[i].what, edits[i].argument, &error);
      g_assert_no_error (error);
      must_have_flags (images, "on", "\\\"auto\\\"");
      must_have_flags (images, "off", "");
      must_be_kept (images);
    }
}

static void
test_apply (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot that is taken up changes the disk, which nobody has recorded");

  if (!images_have_qemu ())
    return;
  make (images);
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  try_edit (images, "apply", "one", &error);
  g_assert_no_error (error);
  must_have_flags (images, "on", "\\\"in-use\\\",\\\"auto\\\"");
  must_have_flags (images, "off", "");
  must_be_kept (images);
}

/* -- Recording. -- */

static gboolean BANYAN_COROUTINE
disable_off_enable_on (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanBitmaps *bitmaps = BANYAN_BITMAPS (banyan_channel_get_node (channel));

  return banyan_bitmaps_set_recording (bitmaps, "on", FALSE, error)
         && banyan_bitmaps_set_recording (bitmaps, "off", TRUE, error);
}

static gboolean BANYAN_COROUTINE
enable_on (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_bitmaps_set_recording (BANYAN_BITMAPS (banyan_channel_get_node (channel)), "on",
                                       TRUE, error);
}

static void
test_flag (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gsize before_length, after_length;
  guint n_other = 0;

  g_test_summary ("Whether a bitmap records is one byte of the image, whatever is set in it");

  if (!images_have_qemu ())
    return;
  make (images);
  before = dup_bytes (images, &before_length);
  images_load (images, DISK);
  banyan_test_run (images->graph, "disk", disable_off_enable_on, NULL, &error);
  g_assert_no_error (error);
  images_close (images);
  after = dup_bytes (images, &after_length);
  g_assert_cmpuint (before_length, ==, after_length);
  for (gsize i = 0; i < before_length; i++)
    n_other += before[i] != after[i];
  g_assert_cmpuint (n_other, ==, 2);
  must_have_flags (images, "on", "");
  must_have_flags (images, "off", "\\\"auto\\\"");
  must_be_kept (images);
}

static void
test_flag_between_writes (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A bitmap that begins to record after a write is in use after the next one");

  if (!images_have_qemu ())
    return;
  make (images);
  images_load (images, DISK);
  banyan_test_run (images->graph, "disk", disable_off_enable_on, NULL, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 2 * MIB, 64 * KIB, 1);
  images_close (images);
  must_have_flags (images, "off", "\\\"in-use\\\",\\\"auto\\\"");

  images_run (images, "qemu-img bitmap --remove a.qcow2 off");
  images_load (images, DISK);
  images_must_write (images, "disk", 2 * MIB, 64 * KIB, 2);
  banyan_test_run (images->graph, "disk", enable_on, NULL, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 2 * MIB, 64 * KIB, 3);
  images_close (images);
  must_have_flags (images, "on", "\\\"in-use\\\",\\\"auto\\\"");
}

static void
test_refuses (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Another length, and version 2, are refused, and change nothing");

  if (!images_have_qemu ())
    return;
  make (images);
  g_assert_false (try_edit (images, "amend", "{ \"version\": \"v2\" }", &error));
  g_assert_nonnull (strstr (error->message, "remove them first"));
  g_clear_error (&error);
  images_load (images, DISK);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 9 * MIB, &error), ==, BANYAN_FAILED);
  g_assert_nonnull (strstr (error->message, "an image with bitmaps keeps its length"));
  images_close (images);
  must_have_flags (images, "on", "\\\"auto\\\"");
  must_be_kept (images);
}

static void
test_refuses_length (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot of another length is not taken up, as bitmaps would not fit");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 4G");
  images_run (images, "qemu-img snapshot -c long a.qcow2");
  images_run (images, "qemu-img resize -q --shrink a.qcow2 8M");
  images_run (images, "qemu-img bitmap --add -g 4k a.qcow2 on");
  g_assert_false (try_edit (images, "apply", "long", &error));
  g_assert_nonnull (strstr (error->message, "an image with bitmaps keeps its length"));
  must_have_flags (images, "on", "\\\"auto\\\"");
  images_must_be_clean (images, "a.qcow2");
}

static gboolean BANYAN_COROUTINE
come_and_go (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanBitmaps *node = BANYAN_BITMAPS (banyan_channel_get_node (channel));
  g_autoptr (BanyanBitmapInfo) info = banyan_bitmap_info_new ("map", 64 * KIB);

  return banyan_bitmaps_store (node, info, NULL, error)
         && banyan_bitmaps_store (node, info, NULL, error)
         && banyan_bitmaps_remove (node, "map", error);
}

static void
test_space (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What a bitmap took is free when it is replaced, or taken out, and written to");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 a.qcow2 8M");
  images_load (images, DISK);
  banyan_test_run (images->graph, "disk", come_and_go, NULL, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 0, 8 * MIB, 3);
  images_must_read (images, "disk", 0, 8 * MIB, 3);
  images_close (images);
  images_must_be_clean (images, "a.qcow2");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/bitmaps/are-not-changed-by-readers", test_reading);
  g_test_add_func ("/qcow2/bitmaps/are-in-use-where-they-record", test_writing);
  g_test_add_func ("/qcow2/bitmaps/are-kept-by-edits", test_edits);
  g_test_add_func ("/qcow2/bitmaps/are-in-use-after-a-snapshot-is-taken-up", test_apply);
  g_test_add_func ("/qcow2/bitmaps/record-by-a-flag", test_flag);
  g_test_add_func ("/qcow2/bitmaps/record-from-between-two-writes", test_flag_between_writes);
  g_test_add_func ("/qcow2/bitmaps/refuse-what-would-break-them", test_refuses);
  g_test_add_func ("/qcow2/bitmaps/refuse-a-snapshot-of-another-length", test_refuses_length);
  g_test_add_func ("/qcow2/bitmaps/give-their-space-back", test_space);
  return g_test_run ();
}
