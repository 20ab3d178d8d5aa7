/* test-conformance.c - every driver of nodes is opened, driven, resized and closed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <glib/gstdio.h>
#include <string.h>

#define DISK_SIZE (256 * 1024)
#define MAX_LENGTH 20000
#define N_STEPS 300

/* What a driver needs to stand on; %s is a file of DISK_SIZE zeroes. */
typedef struct
{
  const char *driver;
  const char *nodes;
  gboolean forgets; /* reads as zeroes, whatever was written */
} Recipe;

#define OVER_MEMORY(what) \
  "top: { " what ": disk }\n" \
  "disk: { driver: memory, size: 256KiB }\n"

static const Recipe recipes[] = {
  { "blkdebug", OVER_MEMORY ("driver: blkdebug, image"), FALSE },
  { "delay", OVER_MEMORY ("driver: delay, read-delay: 1, file"), FALSE },
  { "file", "top: { driver: file, filename: %s }\n", FALSE },
  { "memory", "top: { driver: memory, size: 256KiB }\n", FALSE },
  { "null", "top: { driver: null, size: 256KiB }\n", TRUE },
  { "raw", OVER_MEMORY ("driver: raw, file"), FALSE },
};

typedef struct
{
  const Recipe *recipe;
  BanyanTestGraph *graph;
  guint8 *model;
  guint8 *bytes;
  gsize length;
} Drive;

static void
check_read (Drive *drive, gsize offset, gsize length)
{
  g_autoptr (GError) error = NULL;

  memset (drive->bytes, 0xee, length);
  banyan_test_read (drive->graph, "top", offset, drive->bytes, length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (drive->bytes, length, drive->model + offset, length);
}

static void
do_write (Drive *drive, gsize offset, gsize length, guint seed)
{
  g_autoptr (GError) error = NULL;

  banyan_test_fill (drive->bytes, offset, length, seed);
  banyan_test_write (drive->graph, "top", offset, drive->bytes, length, &error);
  g_assert_no_error (error);
  if (!drive->recipe->forgets)
    memcpy (drive->model + offset, drive->bytes, length);
}

static void
do_zeroes (Drive *drive, gsize offset, gsize length)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_test_zeroes (drive->graph, "top", offset, length, 0, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  memset (drive->model + offset, 0, length);
}

static void
do_step (Drive *drive, guint step)
{
  gsize offset = g_test_rand_int_range (0, drive->length);
  gsize longest = MIN (drive->length - offset, MAX_LENGTH);
  gsize length = g_test_rand_int_range (1, longest + 1);

  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
    case 1:
      check_read (drive, offset, length);
      break;
    case 2:
      do_zeroes (drive, offset, length);
      break;
    default:
      do_write (drive, offset, length, step);
    }
}

static void
do_resize (Drive *drive, gsize length)
{
  BanyanNode *node = banyan_test_get_node (drive->graph, "top");
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_test_resize (drive->graph, "top", length, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (node), ==, length);
  if (length < drive->length)
    memset (drive->model + length, 0, drive->length - length);
  drive->length = length;
}

static void
drive_it (Drive *drive)
{
  BanyanNode *node = banyan_test_get_node (drive->graph, "top");
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (banyan_node_get_length (node), ==, DISK_SIZE);
  for (guint i = 0; i < N_STEPS; i++)
    do_step (drive, i);
  if (banyan_node_get_capabilities (node) & BANYAN_CAN_RESIZE)
    {
      do_resize (drive, DISK_SIZE / 2);
      do_resize (drive, DISK_SIZE);
    }
  banyan_test_flush (drive->graph, "top", &error);
  g_assert_no_error (error);
  check_read (drive, 0, DISK_SIZE);
  g_assert_false (banyan_test_read (drive->graph, "top", DISK_SIZE, drive->bytes, 512, &error));
  g_assert_nonnull (error);
}

static char *
make_image (void)
{
  g_autofree guint8 *zeroes = g_malloc0 (DISK_SIZE);
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("banyan-conformance-XXXXXX", &error);
  char *path;

  g_assert_no_error (error);
  path = g_build_filename (folder, "image", NULL);
  g_file_set_contents (path, (char *) zeroes, DISK_SIZE, &error);
  g_assert_no_error (error);
  return path;
}

static void
test_driver (gconstpointer data)
{
  g_autofree guint8 *model = g_malloc0 (DISK_SIZE);
  g_autofree guint8 *bytes = g_malloc (DISK_SIZE);
  Drive drive = { .recipe = data, .model = model, .bytes = bytes, .length = DISK_SIZE };
  g_auto (GStrv) parts = g_strsplit (drive.recipe->nodes, "%s", 2);
  g_autofree char *image = make_image ();
  g_autofree char *folder = g_path_get_dirname (image);
  g_autofree char *nodes = g_strjoinv (image, parts);

  g_test_summary ("The driver holds what an array of bytes holds, at any offset and length");

  drive.graph = banyan_test_graph_must_load (nodes);
  drive_it (&drive);
  banyan_test_graph_free (drive.graph);
  g_unlink (image);
  g_rmdir (folder);
}

/* A driver without a recipe fails here: who adds one adds the other. */
static void
test_no_recipe (gconstpointer driver)
{
  g_test_summary ("Every driver has a recipe in this file");

  g_test_message ("%s has no recipe", (const char *) driver);
  g_test_fail ();
}

static void
add_driver (const char *driver)
{
  g_autofree char *path = g_strdup_printf ("/conformance/%s/holds-what-an-array-holds", driver);

  for (gsize i = 0; i < G_N_ELEMENTS (recipes); i++)
    if (strcmp (recipes[i].driver, driver) == 0)
      {
        g_test_add_data_func (path, &recipes[i], test_driver);
        return;
      }

  g_test_add_data_func_full (path, g_strdup (driver), test_no_recipe, g_free);
}

int
main (int argc, char **argv)
{
  const guint kinds
      = 1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT | 1u << BANYAN_PLUGIN_FILTER;
  BanyanTypeInfo **types;
  guint n_found = 0;

  banyan_test_init (&argc, &argv);
  types = banyan_registry_list_types (banyan_registry_get_default ());
  for (guint i = 0; types[i] != NULL; i++)
    {
      if (kinds & 1u << banyan_type_info_get_kind (types[i]))
        {
          add_driver (banyan_type_info_get_name (types[i]));
          n_found++;
        }
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
  g_assert_cmpuint (n_found, >=, G_N_ELEMENTS (recipes));
  return g_test_run ();
}
