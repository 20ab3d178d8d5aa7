/* foreign.c - images of formats that are only read: what all of them are tried with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"

#include "damage.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE 100000
#define MAX_READ (3 << 20)

char *
foreign_dup_disk (const char *driver)
{
  return g_strdup_printf (
      "disk: { driver: %s, file: { driver: file, filename: DIR/a.img, read-only: true } }\n",
      driver);
}

void
foreign_load (Images *images, const char *driver)
{
  g_autofree char *disk = foreign_dup_disk (driver);

  images_load (images, disk);
}

static void
load_file (Images *images, const char *name, guint8 **bytes, gsize *size)
{
  g_autofree char *path = g_build_filename (images->folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, (char **) bytes, size, &error);
  g_assert_no_error (error);
}

static void
save_file (Images *images, const char *name, const guint8 *bytes, gsize size)
{
  g_autofree char *path = g_build_filename (images->folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *) bytes, size, &error);
  g_assert_no_error (error);
}

void
foreign_make_source (Images *images, guint64 size)
{
  g_autofree guint8 *bytes = g_malloc0 (size);

  for (guint i = 0; i < 4; i++)
    {
      guint64 start = i < 3 ? size / 3 * i : size - PIECE;

      banyan_test_fill (bytes + start, start, PIECE, 20 + i);
    }
  save_file (images, "src.raw", bytes, size);
}

/* -- Reading. -- */

static void
compare_piece (Images *images, const guint8 *expected, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  memset (bytes, 0xa5, length);
  banyan_test_read (images->graph, "disk", offset, bytes, length, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < length; i++)
    if (bytes[i] != expected[offset + i])
      g_error ("byte %" G_GUINT64_FORMAT " is %#x, and should be %#x", offset + i, bytes[i],
               expected[offset + i]);
}

void
foreign_must_equal (Images *images, const char *driver, const char *name)
{
  g_autofree guint8 *expected = NULL;
  gsize size;

  load_file (images, name, &expected, &size);
  foreign_load (images, driver);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    size);
  for (guint64 offset = 0; offset < size; offset += MAX_READ)
    compare_piece (images, expected, offset, MIN (MAX_READ, size - offset));
  for (guint i = 0; i < 60; i++)
    {
      guint64 offset = g_test_rand_int_range (0, size);
      gsize length = g_test_rand_int_range (1, i % 4 == 0 ? 300000 : 5000);

      compare_piece (images, expected, offset, MIN (length, size - offset));
    }
  images_close (images);
}

void
foreign_must_equal_qemu (Images *images, const char *driver)
{
  g_autofree char *line
      = g_strdup_printf ("qemu-img convert -f %s -O raw a.img expected.raw", driver);

  images_run (images, line);
  foreign_must_equal (images, driver, "expected.raw");
}

/* -- The map. -- */

static BanyanSpec *
ask_qemu (Images *images, const char *driver)
{
  const char *const argv[] = { "qemu-img", "map", "--output=json", "-f", driver, "a.img", NULL };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *output = NULL;
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;
  BanyanSpec *map;
  int status;

  g_spawn_sync (images->folder, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                &said, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (said, ==, "");
  map = banyan_spec_parse_json (output, -1, NULL, problems);
  g_assert_nonnull (map);
  return map;
}

static guint64
get_number (BanyanSpec *map, const char *key)
{
  return g_ascii_strtoull (banyan_spec_lookup_text (map, key), NULL, 10);
}

static gboolean
is_true (BanyanSpec *map, const char *key)
{
  return g_str_equal (banyan_spec_lookup_text (map, key), "true");
}

static void
compare_extent (Images *images, BanyanSpec *extent)
{
  guint64 start = get_number (extent, "start"), end = start + get_number (extent, "length");
  const char *place = banyan_spec_lookup_text (extent, "offset");

  for (guint64 at = start; at < end;)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      g_autoptr (GError) error = NULL;

      banyan_test_block_status (images->graph, "disk", at, end - at, &status, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (status.length, >, 0);
      g_assert_cmpuint (status.length, <=, end - at);
      if ((status.flags & (BANYAN_BLOCK_ZERO | BANYAN_BLOCK_DATA)) == 0)
        g_assert_cmpuint (get_number (extent, "depth"), >, 0);
      else if (!is_true (extent, "data"))
        g_assert_cmphex (status.flags & (BANYAN_BLOCK_ZERO | BANYAN_BLOCK_DATA), ==,
                         BANYAN_BLOCK_ZERO);
      else if (status.flags & BANYAN_BLOCK_ZERO)
        images_must_be_zero (images, "disk", at, status.length);
      else
        g_assert_cmphex (status.flags & BANYAN_BLOCK_DATA, !=, 0);
      if (place != NULL && status.flags & BANYAN_BLOCK_LOCATED)
        g_assert_cmpuint (status.leaf_offset, ==, get_number (extent, "offset") + at - start);
      at += status.length;
    }
}

void
foreign_must_map_as_qemu (Images *images, const char *driver)
{
  g_autoptr (BanyanSpec) map = ask_qemu (images, driver);

  foreign_load (images, driver);
  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    compare_extent (images, banyan_spec_get_item (map, i));
  images_close (images);
}

/* -- Beside QEMU. -- */

/* Several writes in one command, since each start of the program takes its time. */
static char *
dup_writes (const char *driver, guint64 size)
{
  GString *line = g_string_new ("qemu-io -t unsafe");

  g_string_append_printf (line, " -f %s", driver);
  for (guint i = 0; i < 12; i++)
    {
      guint64 offset = g_test_rand_int_range (0, size - 200000);
      gint length = g_test_rand_int_range (1, i % 3 == 0 ? 200000 : 8000);

      if (i % 5 == 4)
        g_string_append_printf (line, " -c 'write -q -z %" G_GUINT64_FORMAT " 128k'",
                                offset & ~(guint64) 0xffff);
      else
        g_string_append_printf (line, " -c 'write -q -P %u %" G_GUINT64_FORMAT " %d'", i + 1,
                                offset, length);
    }
  g_string_append (line, " a.img");
  return g_string_free (line, FALSE);
}

void
foreign_compare_with_qemu (const char *driver, const char *way, guint64 size)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *convert
      = g_strdup_printf ("qemu-img convert -f raw -O %s %s src.raw a.img", driver, way);
  g_autofree char *writes = dup_writes (driver, size);

  g_test_message ("%s", convert);
  foreign_make_source (images, size);
  images_run (images, convert);
  foreign_must_equal_qemu (images, driver);
  foreign_must_map_as_qemu (images, driver);

  /* Packed images take no writes but packed ones. */
  if (strstr (way, "streamOptimized") == NULL && strstr (way, "-c") == NULL)
    {
      g_test_message ("%s", writes);
      images_run (images, writes);
      foreign_must_equal_qemu (images, driver);
      foreign_must_map_as_qemu (images, driver);
    }
}

/* -- Damage. -- */

void
foreign_put (guint8 *bytes, guint width, gboolean is_big, guint64 value)
{
  for (guint i = 0; i < width; i++)
    bytes[is_big ? width - 1 - i : i] = value >> (8 * i);
}

void
foreign_must_refuse (Images *images, const char *driver, const ForeignRefusal *refusals, gsize n,
                     void (*mend) (guint8 *bytes, gsize size))
{
  g_autofree char *disk = foreign_dup_disk (driver);
  g_autofree guint8 *whole = NULL;
  gsize size;

  load_file (images, "a.img", &whole, &size);
  for (gsize i = 0; i < n; i++)
    {
      g_autofree guint8 *bytes = g_memdup2 (whole, size);

      g_test_message ("%s", refusals[i].says);
      g_assert_cmpuint (refusals[i].offset + refusals[i].width, <=, size);
      foreign_put (bytes + refusals[i].offset, refusals[i].width, refusals[i].is_big,
                   refusals[i].value);
      if (mend != NULL)
        mend (bytes, size);
      save_file (images, "a.img", bytes, size);
      images_must_refuse (images, disk, refusals[i].says);
    }
  save_file (images, "a.img", whole, size);
}

/* What comes of it does not matter, as long as something does. */
static void
use (BanyanTestGraph *graph)
{
  guint64 length = banyan_node_get_length (banyan_test_get_node (graph, "disk"));
  g_autofree guint8 *bytes = g_malloc0 (65536);

  for (guint64 i = 0; i < 16 && length > 0; i++)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      guint64 offset = length > 65536 ? (length - 65536) / 15 * i : 0;

      banyan_test_read (graph, "disk", offset, bytes, MIN (length, 65536), NULL);
      banyan_test_block_status (graph, "disk", offset, length - offset, &status, NULL);
    }
}

static gboolean
damage_and_use (Images *images, const char *driver, const guint8 *bytes, gsize size)
{
  g_autofree char *disk = foreign_dup_disk (driver);
  g_autofree char *document = NULL;
  GString *text = g_string_new (disk);
  BanyanTestGraph *graph;

  save_file (images, "a.img", bytes, size);
  g_string_replace (text, "DIR", images->folder, 0);
  document = g_string_free (text, FALSE);
  graph = banyan_test_graph_new (document, NULL);
  if (graph == NULL)
    return FALSE;

  use (graph);
  /* That the node is read-only is on its way to the main thread. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  banyan_test_graph_free (graph);
  return TRUE;
}

void
foreign_damage (Images *images, const char *driver, gsize first, gsize header, gsize reach,
                void (*mend) (guint8 *bytes, gsize size))
{
  guint32 seed = g_test_rand_int ();
  GRand *rand = g_rand_new_with_seed (seed);
  g_autofree guint8 *whole = NULL;
  guint n_opened = 0;
  gsize size;

  g_test_message ("seed %u", seed);
  load_file (images, "a.img", &whole, &size);
  g_assert_true (damage_and_use (images, driver, whole, size));
  for (guint i = 0; i < (g_test_slow () ? 400 : 10); i++)
    {
      g_autofree guint8 *bytes = g_memdup2 (whole, size);
      gsize left = i % 8 == 0 ? (gsize) g_rand_int_range (rand, 0, size) : size;

      damage (rand, bytes, size, first, header, reach);
      if (mend != NULL && i % 4 != 0)
        mend (bytes, size);
      n_opened += damage_and_use (images, driver, bytes, left);
    }
  g_test_message ("%u images were opened nevertheless", n_opened);
  save_file (images, "a.img", whole, size);
  g_rand_free (rand);
}

/* -- Probing and writing. -- */

void
foreign_must_be_probed (Images *images, const char *driver)
{
  g_autofree guint8 *bytes = NULL;
  g_autofree guint8 *nothing = g_malloc0 (BANYAN_PROBE_BYTES);
  gsize size;
  guint confidence;

  load_file (images, "a.img", &bytes, &size);
  size = MIN (size, BANYAN_PROBE_BYTES);
  g_assert_cmpstr (banyan_format_probe (bytes, size, &confidence), ==, driver);
  g_assert_cmpuint (confidence, >, BANYAN_PROBE_ANYTHING);
  for (gsize length = 0; length < 4; length++)
    g_assert_cmpstr (banyan_format_probe (bytes, length, &confidence), ==, "raw");
  g_assert_cmpstr (banyan_format_probe (nothing, size, &confidence), ==, "raw");
}

void
foreign_must_be_probed_by_end (Images *images, const char *driver)
{
  g_autofree guint8 *bytes = NULL;
  gsize size, length;
  guint confidence;

  load_file (images, "a.img", &bytes, &size);
  g_assert_cmpstr (banyan_format_probe (bytes, MIN (size, BANYAN_PROBE_BYTES), &confidence), ==,
                   "raw");
  length = MIN (size, BANYAN_PROBE_END_BYTES);
  g_assert_cmpstr (banyan_format_probe_end (bytes + size - length, length, size, &confidence), ==,
                   driver);
  g_assert_cmpuint (confidence, ==, BANYAN_PROBE_END);
  g_assert_null (banyan_format_probe_end (bytes + size - 511, 511, size, &confidence));
  g_assert_null (banyan_format_probe_end (bytes, length, size, &confidence));
  g_assert_null (banyan_format_probe_end (NULL, 0, 0, &confidence));
}

void
foreign_must_refuse_writers (Images *images, const char *driver)
{
  g_autoptr (GError) error = NULL;
  guint8 byte = 0;

  foreign_load (images, driver);
  g_assert_true (banyan_node_is_read_only (banyan_test_get_node (images->graph, "disk")));
  g_assert_null (banyan_backend_new (banyan_test_get_node (images->graph, "disk"), "writer",
                                     BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                     BANYAN_PERMISSIONS_ALL, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "banyan img convert"));
  g_clear_error (&error);
  g_assert_false (banyan_test_write (images->graph, "disk", 0, &byte, 1, &error));
  images_close (images);
}
