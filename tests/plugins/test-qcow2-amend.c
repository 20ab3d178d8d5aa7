/* test-qcow2-amend.c - images are changed as they lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

#include <string.h>

#define MIB (1024 * 1024)

#define DISK \
  "disk: { driver: qcow2, discard: unmap, file: { driver: file, discard: unmap, filename: " \
  "DIR/a.qcow2 } }\n"

/* -- Amending. -- */

typedef struct
{
  BanyanAmend parent;
  BanyanImageOptions *options;
  double progress; /* what was told last */
} Amend;

static void
note_progress (BanyanAmend *amend, double fraction)
{
  Amend *self = (Amend *) amend;

  g_assert_cmpfloat (fraction, >=, self->progress);
  g_assert_cmpfloat (fraction, <=, 1);
  self->progress = fraction;
}

static gboolean BANYAN_COROUTINE
amend (BanyanChannel *channel, gpointer data, GError **error)
{
  Amend *self = data;

  return banyan_image_options_amend (self->options, banyan_channel_get_node (channel),
                                     &self->parent, error);
}

/* @progress: (nullable): gets what was told last of how much is done. */
static gboolean
try_to_amend_telling (Images *images, const char *json, double *progress, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (json, -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = banyan_image_options_new ("qcow2", spec, error);
  Amend wanted = { BANYAN_AMEND_INIT, options, -1 };
  gboolean amended;

  g_assert_nonnull (options);
  wanted.parent.progress = note_progress;
  images_load (images, DISK);
  amended = banyan_test_run (images->graph, "disk", amend, &wanted, error);
  images_close (images);
  if (progress != NULL)
    *progress = wanted.progress;
  return amended;
}

static gboolean
try_to_amend (Images *images, const char *json, GError **error)
{
  return try_to_amend_telling (images, json, NULL, error);
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
      double progress;

      images_load (images, DISK);
      images_must_write (images, "disk", i * MIB, MIB, i);
      images_close (images);
      g_assert_true (try_to_amend_telling (images, json, &progress, &error));
      g_assert_cmpfloat (progress, >=, 0);
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
  images_enter (images);
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
      images_enter (images);
      images_run (images, line);
      g_assert_false (try_to_amend (images, bad[i].json, &error));
      g_assert_nonnull (strstr (error->message, bad[i].says));
      images_must_be_clean (images, "a.qcow2");
    }
}

/* -- Snapshots of an image that is to be of version 2. -- */

static void
make_snapshots (Images *images, const char *way)
{
  g_autofree char *line = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 8M", way);

  images_run (images, "qemu-img create -q -f raw base.raw 5M");
  images_run (images, "qemu-io -f raw -c 'write -P 1 0 5M' base.raw");
  images_run (images, line);
  images_run (images, "qemu-io -f qcow2 -c 'write -P 2 0 2M' a.qcow2");
  images_run (images, "qemu-img snapshot -c data a.qcow2");
  /* Shared with "data", which has something there, and with the disk. */
  images_run (images, "qemu-io -f qcow2 -c 'write -z 512k 1M' a.qcow2");
  images_run (images, "qemu-img snapshot -c kept a.qcow2");
  images_run (images, "qemu-img snapshot -c again a.qcow2");
  images_run (images, "qemu-io -f qcow2 -c 'write -zu 3M 4M' -c 'write -P 3 7M 64k' a.qcow2");
  images_run (images, "qemu-img snapshot -c plain a.qcow2");
  images_run (images, "qemu-io -f qcow2 -c 'write -P 4 0 4M' a.qcow2");
}

static void
convert_snapshots (Images *images, const char *to)
{
  static const char *const names[] = { "data", "kept", "again", "plain" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *line = g_strdup_printf (
          "qemu-img convert -O raw -l snapshot.name=%s a.qcow2 %s-%s.raw", names[i], to, names[i]);

      images_run (images, line);
    }
}

static void
compare_snapshots (Images *images)
{
  images_run (images, "sh -c 'for name in data kept again plain; do "
                      "cmp before-$name.raw after-$name.raw || exit 1; done'");
}

static void
test_snapshots_of_version_2 (void)
{
  static const char *const ways[] = { "", "-o cluster_size=4k", "-b base.raw -F raw",
                                      "-b base.raw -F raw -o cluster_size=4k,refcount_bits=8" };

  g_test_summary ("Snapshots have no entries for zeroes any more, and are what they were");

  if (!images_have_qemu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (Images) images = images_new ();
      g_autoptr (GError) error = NULL;
      double progress;

      g_test_message ("%s", ways[i]);
      make_snapshots (images, ways[i]);
      convert_snapshots (images, "before");
      try_to_amend_telling (images, "{ \"version\": \"v2\", \"refcount-bits\": 16 }", &progress,
                            &error);
      g_assert_no_error (error);
      g_assert_cmpfloat (progress, >, 0.5);
      images_must_be_clean (images, "a.qcow2");
      images_run (images, "sh -c 'qemu-img info a.qcow2 | grep -q \"compat: 0.10\"'");
      convert_snapshots (images, "after");
      compare_snapshots (images);
      images_run (images, "qemu-img snapshot -a kept a.qcow2");
      images_run (images, "qemu-img snapshot -d data a.qcow2");
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
  images_run (images, "qemu-img snapshot -c short a.qcow2");
  images_run (images, "qemu-img resize -q a.qcow2 2M");
  g_assert_false (try_to_amend (images, "{ \"version\": \"v2\" }", &error));
  g_assert_nonnull (strstr (error->message, "snapshot \"short\" has a size of its own"));
  g_clear_error (&error);
  images_run (images, "qemu-img snapshot -d short a.qcow2");
  g_assert_true (try_to_amend (images, "{ \"version\": \"v2\" }", &error));
  images_must_be_clean (images, "a.qcow2");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/images/are-amended", test_amends);
  g_test_add_func ("/qcow2/images/count-in-other-widths", test_other_widths);
  g_test_add_func ("/qcow2/images/become-version-2", test_downgrades);
  g_test_add_func ("/qcow2/images/name-another-data-file", test_data_file_name);
  g_test_add_func ("/qcow2/images/what-is-not-amended", test_refuses_to_amend);
  g_test_add_func ("/qcow2/images/snapshots-become-version-2", test_snapshots_of_version_2);
  g_test_add_func ("/qcow2/images/snapshots-in-the-way-of-version-2", test_snapshots_in_the_way);
  return g_test_run ();
}
