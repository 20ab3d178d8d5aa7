/* test-qcow2-images.c - images are made, and checked
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "images.h"

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
test_preallocates_overlay (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Clusters that have their places before anything is written there show what lies "
                  "below");

  if (!images_have_qemu ())
    return;
  images_run (images, "qemu-img create -q -f raw base.raw 1M");
  images_load (images, "base: { driver: file, filename: DIR/base.raw }\n");
  images_must_write (images, "base", 0, MIB, 2);
  images_close (images);
  try_to_make (images,
               "{ \"size\": 1048576, \"backing-file\": \"base.raw\", \"backing-fmt\": \"raw\", "
               "\"extended-l2\": true, \"preallocation\": \"metadata\" }",
               &error);
  g_assert_no_error (error);
  g_assert_cmpuint (images_get_length (images, "a.qcow2"), >, MIB);
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
    { "{ \"size\": 1, \"preallocation\": \"metadata\", \"backing-file\": \"base.raw\", "
      "\"backing-fmt\": \"raw\" }",
      "extended-l2" },
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

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/images/are-made", test_makes);
  g_test_add_func ("/qcow2/images/large-ones-are-made", test_large);
  g_test_add_func ("/qcow2/images/are-made-over-others", test_makes_overlay);
  g_test_add_func ("/qcow2/images/have-places-over-others", test_preallocates_overlay);
  g_test_add_func ("/qcow2/images/options-that-do-not-fit", test_refuses_options);
  g_test_add_func ("/qcow2/images/leaks-are-found", test_finds_leaks);
  return g_test_run ();
}
