/* test-file.c - images in files
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void
check_reads_back (const char *more)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = g_malloc (300000);
  g_autofree guint8 *contents = NULL;
  gsize length;

  image_open (image, more);
  image_must_write (image, "disk", 1001, 300000, 3);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  banyan_test_read (image->graph, "disk", 1001, bytes, 300000, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 1001, 300000, 3);

  contents = image_contents (image, &length);
  g_assert_cmpuint (length, ==, IMAGE_SIZE);
  image_assert_zero (contents, 1001);
  banyan_test_assert_filled (contents + 1001, 1001, 300000, 3);
  image_assert_zero (contents + 301001, IMAGE_SIZE - 301001);
}

static void
test_reads_back (void)
{
  g_test_summary ("What is written lies in the file at its place, through the ring and threads");

  check_reads_back ("");
  check_reads_back (", aio: threads");
}

static void
test_zeroes_and_discard (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *contents = NULL;
  gsize length;

  g_test_summary ("Zeroes are zeroes and spare what is around them; a discard keeps the length");

  image_open (image, "");
  image_must_write (image, "disk", 0, 256 << 10, 3);
  g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 1000, 100000, 0, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_discard (image->graph, "disk", 128 << 10, 64 << 10, &error), !=,
                   BANYAN_FAILED);
  g_assert_no_error (error);

  contents = image_contents (image, &length);
  g_assert_cmpuint (length, ==, IMAGE_SIZE);
  banyan_test_assert_filled (contents, 0, 1000, 3);
  image_assert_zero (contents + 1000, 100000);
  banyan_test_assert_filled (contents + 101000, 101000, (128 << 10) - 101000, 3);
  banyan_test_assert_filled (contents + (192 << 10), 192 << 10, 64 << 10, 3);
}

static void
test_resize (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *contents = NULL;
  gsize length;

  g_test_summary ("To resize the node resizes the file");

  image_open (image, "");
  g_assert_cmpint (banyan_test_resize (image->graph, "disk", 12345, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  contents = image_contents (image, &length);
  g_assert_cmpuint (length, ==, 12345);
}

/* -- Past the page cache. -- */

#define LONGEST 5000

static void
assert_on_disk (const Image *image, gsize length, guint seed)
{
  g_autofree char *contents = NULL;
  gsize found = 0;

  g_assert_true (g_file_get_contents (image->path, &contents, &found, NULL));
  g_assert_cmpuint (found, ==, length);
  banyan_test_assert_filled (contents, 0, length, seed);
}

/* All of it, its last byte, and across the last boundary. */
static void
use_odd_image (Image *image, gsize length)
{
  guint8 data[LONGEST];
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (truncate (image->path, length), ==, 0);
  image_open (image, ", cache: { direct: true }");

  banyan_test_fill (data, 0, length, 1);
  banyan_test_write (image->graph, "disk", 0, data, length, &error);
  g_assert_no_error (error);
  banyan_test_fill (data, length - 1, 1, 1);
  banyan_test_write_flags (image->graph, "disk", length - 1, data, 1, BANYAN_REQUEST_FUA, &error);
  g_assert_no_error (error);

  memset (data, 0xee, sizeof data);
  banyan_test_read (image->graph, "disk", 0, data, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, 0, length, 1);
  banyan_test_read (image->graph, "disk", length / 2, data, length - length / 2, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, length / 2, length - length / 2, 1);

  g_clear_pointer (&image->graph, banyan_test_graph_free);
  assert_on_disk (image, length, 1);
}

static void
test_odd_direct (void)
{
  static const gsize lengths[] = { 1, 511, 512, 513, 1023, 4095, 4096, 4097, LONGEST };
  g_autoptr (Image) image = image_new ();

  g_test_summary ("With cache.direct a file of any length is read and written to its last byte");

  if (!image_has_direct_io (image))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    use_odd_image (image, lengths[i]);
}

/* -- Any offset, length and address. -- */

#define ODD_LENGTH 100001
#define N_STEPS 300

static void
do_random_step (Image *image, guint8 *model, guint8 *bytes, guint step)
{
  gsize offset = g_test_rand_int_range (0, ODD_LENGTH);
  gsize length = g_test_rand_int_range (1, MIN (ODD_LENGTH - offset, 20000) + 1);
  guint8 *at = bytes + g_test_rand_int_range (0, 16);
  g_autoptr (GError) error = NULL;

  if (step % 2 == 0)
    {
      banyan_test_fill (at, offset, length, step);
      banyan_test_write (image->graph, "disk", offset, at, length, &error);
      memcpy (model + offset, at, length);
    }
  else if (step % 7 == 0)
    {
      banyan_test_zeroes (image->graph, "disk", offset, length, 0, &error);
      memset (model + offset, 0, length);
    }
  else
    {
      memset (at, 0xee, length);
      banyan_test_read (image->graph, "disk", offset, at, length, &error);
      g_assert_cmpmem (at, length, model + offset, length);
    }
  g_assert_no_error (error);
}

static void
test_unaligned_direct (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree guint8 *model = g_malloc0 (ODD_LENGTH);
  g_autofree guint8 *bytes = g_malloc (20016);
  g_autofree guint8 *contents = NULL;
  gsize length;

  g_test_summary (
      "With cache.direct any offset, length and address will do, in a file of odd length");

  if (!image_has_direct_io (image))
    return;

  g_assert_cmpint (truncate (image->path, ODD_LENGTH), ==, 0);
  image_open (image, ", cache: { direct: true }");
  g_assert_cmpuint (
      banyan_node_get_limits (banyan_test_get_node (image->graph, "disk"))->request_alignment, >=,
      512);
  for (guint step = 0; step < N_STEPS; step++)
    do_random_step (image, model, bytes, step);
  g_clear_pointer (&image->graph, banyan_test_graph_free);
  contents = image_contents (image, &length);
  g_assert_cmpmem (contents, length, model, ODD_LENGTH);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/reads-back", test_reads_back);
  g_test_add_func ("/protocol/file/zeroes-and-discard", test_zeroes_and_discard);
  g_test_add_func ("/protocol/file/resizes", test_resize);
  g_test_add_func ("/protocol/file/odd-length-past-the-cache", test_odd_direct);
  g_test_add_func ("/protocol/file/unaligned-past-the-cache", test_unaligned_direct);
  return g_test_run ();
}
