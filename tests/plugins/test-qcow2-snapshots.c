/* test-qcow2-snapshots.c - images keep snapshots
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <string.h>

#define KIB 1024
#define MIB (1024 * 1024)

#define DISK \
  "disk: { driver: qcow2, discard: unmap, file: { driver: file, discard: unmap, filename: " \
  "DIR/a.qcow2 } }\n"

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
go_through_snapshots (const char *way)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *line = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 1M", way);

  g_test_message ("%s", way);
  images_run (images, line);
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
  go_through_snapshots ("");
  go_through_snapshots ("-o cluster_size=1k");
  go_through_snapshots ("-o extended_l2=on");
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
  images_run (images, "qemu-img create -q -f qcow2 -o cluster_size=1k a.qcow2 4M");
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

/* As a program wrote it that knew of no more than the id and the name: its length is not said. */
static void
forget_extra (Images *images)
{
  guint64 table = images_get64 (images, "a.qcow2", 64);
  guint8 rest[32] = "1one";
  guint64 last = images_get64 (images, "a.qcow2", table + 32);

  images_patch64 (images, "a.qcow2", table + 32, last & ~(guint64) G_MAXUINT32);
  images_patch (images, "a.qcow2", table + 40, rest, sizeof rest);
}

static gboolean BANYAN_COROUTINE
make_version_3 (BanyanChannel *channel, gpointer data, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec
      = banyan_spec_parse_json ("{ \"version\": \"v3\" }", -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = banyan_image_options_new ("qcow2", spec, error);

  return options != NULL
         && banyan_image_options_amend (options, banyan_channel_get_node (channel), NULL, error);
}

static void
test_old (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot that says nothing of its length says it once the image is of version "
                  "3, which wants that, and keeps it when the disk grows");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o compat=v2,cluster_size=512 a.qcow2 32k");
  images_load (images, DISK);
  images_must_write (images, "disk", 0, 32 * KIB, 20);
  images_close (images);
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  forget_extra (images);
  images_must_be_clean (images, "a.qcow2");
  images_load (images, DISK);
  banyan_test_run (images->graph, "disk", make_version_3, NULL, &error);
  g_assert_no_error (error);
  close_and_check (images);
  images_load (images, DISK);
  banyan_test_resize (images->graph, "disk", 4 * MIB, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 0, 100 * KIB, 21);
  close_and_check (images);
  images_load (images, DISK);
  do_it (images, "apply", "one");
  images_must_read (images, "disk", 0, 32 * KIB, 20);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    32 * KIB);
  close_and_check (images);
}

static void
test_old_grows (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A disk with such a snapshot grows in version 2, and can be opened again");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f qcow2 -o compat=v2,cluster_size=512 a.qcow2 32k");
  images_run (images, "qemu-img snapshot -c one a.qcow2");
  forget_extra (images);
  images_load (images, DISK);
  banyan_test_resize (images->graph, "disk", 4 * MIB, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 0, 100 * KIB, 21);
  close_and_check (images);
  images_load (images, DISK);
  images_must_read (images, "disk", 0, 100 * KIB, 21);
  close_and_check (images);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/snapshots/show-what-was", test_snapshots);
  g_test_add_func ("/qcow2/snapshots/are-discarded", test_discard);
  g_test_add_func ("/qcow2/snapshots/of-longer-disks", test_larger);
  g_test_add_func ("/qcow2/snapshots/leave-their-place", test_reuse);
  g_test_add_func ("/qcow2/snapshots/that-qemu-made", test_of_qemu);
  g_test_add_func ("/qcow2/snapshots/of-old-programs", test_old);
  g_test_add_func ("/qcow2/snapshots/of-old-programs-do-not-limit-the-disk", test_old_grows);
  return g_test_run ();
}
