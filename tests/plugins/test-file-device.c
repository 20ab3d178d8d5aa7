/* test-file-device.c - a block device is opened as one
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device is a loop device over an image, so what it was told to give up can be seen there. */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Attached under the name that losetup gives; detached by that name. */
typedef struct
{
  Image *image;
  char *name;
} Device;

static void
device_free (Device *device)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&device->image->graph, banyan_test_graph_free);
  if (device->name != NULL)
    {
      const char *const argv[] = { "losetup", "-d", device->name, NULL };

      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                    &error);
      g_assert_no_error (error);
    }
  g_free (device->name);
  image_free (device->image);
  g_free (device);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Device, device_free)

/* NULL, with the test skipped: losetup does not do it here. */
static Device *
device_new (const char *sector_size)
{
  g_autoptr (Device) device = g_new0 (Device, 1);
  g_autofree char *said = NULL;
  int status = -1;

  device->image = image_new ();
  const char *const argv[]
      = { "losetup", "-f", "--show", "--sector-size", sector_size, device->image->path, NULL };

  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &device->name,
                     &said, &status, NULL)
      || !g_spawn_check_wait_status (status, NULL))
    {
      g_autofree char *reason = g_strdup_printf ("losetup: %s", said != NULL ? said : "not there");

      g_clear_pointer (&device->name, g_free);
      g_test_skip (g_strdelimit (reason, "\n", ' '));
      return NULL;
    }

  g_strchomp (device->name);
  return g_steal_pointer (&device);
}

static void
device_open (Device *device, const char *driver, const char *more)
{
  g_autofree char *nodes
      = g_strdup_printf ("disk: { driver: %s, filename: %s%s }\n", driver, device->name, more);

  device->image->graph = banyan_test_graph_must_load (nodes);
}

static void
test_length_and_blocks (void)
{
  static const char *const sectors[] = { "512", "4096" };

  g_test_summary ("A device tells its length, and with cache.direct its block is the alignment");

  for (gsize i = 0; i < G_N_ELEMENTS (sectors); i++)
    {
      g_autoptr (Device) device = device_new (sectors[i]);
      BanyanNode *disk;

      if (device == NULL)
        return;

      device_open (device, "host_device", ", cache: { direct: true }");
      disk = banyan_test_get_node (device->image->graph, "disk");
      g_assert_cmpuint (banyan_node_get_length (disk), ==, IMAGE_SIZE);
      g_assert_cmpuint (banyan_node_get_limits (disk)->request_alignment, ==,
                        g_ascii_strtoull (sectors[i], NULL, 10));
      image_must_write (device->image, "disk", 1001, 30000, 1);
      image_must_read (device->image, "disk", 1001, 30000, 1);
    }
}

static guint64
blocks_of (const Image *image)
{
  struct stat status;

  g_assert_cmpint (stat (image->path, &status), ==, 0);
  return status.st_blocks * 512;
}

static void
test_space (void)
{
  g_autoptr (Device) device = device_new ("512");
  g_autofree guint8 *bytes = g_malloc (IMAGE_SIZE);
  g_autoptr (GError) error = NULL;
  BanyanGraph *graph;
  BanyanAnswer answer;
  guint64 full;

  g_test_summary ("A device's space is given up by a discard, and zeroed without being written");

  if (device == NULL)
    return;

  device_open (device, "file", ", discard: unmap");
  image_must_write (device->image, "disk", 0, IMAGE_SIZE, 1);
  banyan_test_flush (device->image->graph, "disk", &error);
  g_assert_no_error (error);
  full = blocks_of (device->image);
  graph = banyan_test_graph_get (device->image->graph);
  g_assert_nonnull (graph);

  answer = banyan_test_discard (device->image->graph, "disk", 262144 + 100, 262144, &error);
  g_assert_no_error (error);
  if (answer == BANYAN_UNSUPPORTED)
    {
      g_test_skip ("the loop device has no discard");
      return;
    }
  g_assert_cmpuint (blocks_of (device->image), <, full);

  g_assert_cmpint (banyan_test_zeroes (device->image->graph, "disk", 1000, 100000,
                                       BANYAN_REQUEST_MAY_UNMAP, &error),
                   ==, BANYAN_DONE);
  g_assert_no_error (error);
  banyan_test_read (device->image->graph, "disk", 0, bytes, 262144, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 0, 1000, 1);
  image_assert_zero (bytes + 1000, 100000);
  banyan_test_assert_filled (bytes + 101000, 101000, 262144 - 101000, 1);
}

static void
test_fixed_length (void)
{
  g_autoptr (Device) device = device_new ("512");
  g_autoptr (GError) error = NULL;

  g_test_summary ("A device is not resized from here, except to the length that it has");

  if (device == NULL)
    return;

  device_open (device, "file", "");
  g_assert_cmpint (banyan_test_resize (device->image->graph, "disk", 2 * IMAGE_SIZE, &error), !=,
                   BANYAN_DONE);
  g_clear_error (&error);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (device->image->graph, "disk")),
                    ==, IMAGE_SIZE);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/device/length-and-blocks", test_length_and_blocks);
  g_test_add_func ("/protocol/file/device/gives-space-up", test_space);
  g_test_add_func ("/protocol/file/device/fixed-length", test_fixed_length);
  return g_test_run ();
}
