/* test-qcow2-hostile.c - images that were damaged in any way crash nothing
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "damage.h"
#include "images.h"

#define MIB (1024 * 1024)

#define DISK \
  "disk: { driver: qcow2, discard: unmap, backing: null, " \
  "file: { driver: file, discard: unmap, filename: DIR/b.qcow2 } }\n"

static const char *const ways[] = {
  "-o cluster_size=512",
  "-o extended_l2=on,cluster_size=16k",
  "-o cluster_size=4k,refcount_bits=2",
  "-o compat=v2,cluster_size=1k",
};

typedef struct
{
  Images *images;
  GRand *rand;
  guint8 *image; /* (owned) */
  gsize size;
} Work;

static gboolean BANYAN_COROUTINE
check (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanCheck found = BANYAN_CHECK_INIT;

  found.fix = BANYAN_CHECK_FIX_ERRORS | BANYAN_CHECK_FIX_LEAKS;
  banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), &found, NULL);
  return TRUE;
}

/* What comes of it does not matter, as long as something does. */
static void
use (Work *work)
{
  BanyanTestGraph *graph = work->images->graph;
  guint64 length = banyan_node_get_length (banyan_test_get_node (graph, "disk"));
  g_autofree guint8 *bytes = g_malloc0 (65536);
  BanyanBlockStatus status = { .size = sizeof status };

  for (guint64 i = 0; i < 16; i++)
    {
      guint64 offset = length > 65536 ? (length - 65536) / 16 * i : 0;
      gsize here = MIN (length, 65536);

      if (here == 0)
        break;
      banyan_test_read (graph, "disk", offset, bytes, here, NULL);
      banyan_test_block_status (graph, "disk", offset, length - offset, &status, NULL);
      banyan_test_write (graph, "disk", offset, bytes, here / 2, NULL);
      banyan_test_discard (graph, "disk", offset, here, NULL);
      if (i % 4 == 0)
        banyan_test_flush (graph, "disk", NULL);
    }
  banyan_test_run (graph, "disk", check, NULL, NULL);
}

/* A damaged image may be impossible to close in order: that is told, and no crash. */
static void
close_any (Images *images)
{
  BanyanTestGraph *graph = g_steal_pointer (&images->graph);

  banyan_graph_close (banyan_test_graph_get (graph), NULL);
  banyan_test_graph_free (graph);
}

static void
damage_and_use (Work *work)
{
  g_autofree char *path = g_build_filename (work->images->folder, "b.qcow2", NULL);
  g_autofree guint8 *bytes = g_memdup2 (work->image, work->size);
  g_autofree char *document = NULL;
  GString *text = g_string_new (DISK);

  damage (work->rand, bytes, work->size, 8, 112, 20000);
  g_file_set_contents (path, (const char *) bytes, work->size, NULL);
  g_string_replace (text, "DIR", work->images->folder, 0);
  document = g_string_free (text, FALSE);
  work->images->graph = banyan_test_graph_new (document, NULL);
  if (work->images->graph == NULL)
    return;
  use (work);
  close_any (work->images);
}

static void
test_damage (gconstpointer data)
{
  g_autofree char *line
      = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 1M", (const char *) data);
  Work work = { .images = NULL };
  guint32 seed = g_test_rand_int ();
  g_autofree char *path = NULL;

  g_test_summary ("Whatever is wrong in the tables, requests end, and nothing crashes");

  if (!images_have_qemu ())
    return;
  g_test_message ("%s, seed %u", line, seed);
  work.images = images_new ();
  work.rand = g_rand_new_with_seed (seed);
  images_run (work.images, line);
  images_run (work.images, "qemu-io -c 'write -q -P 1 0 100k' -c 'write -q -P 2 500k 50k' a.qcow2");
  images_run (work.images, "qemu-img snapshot -c one a.qcow2");
  path = g_build_filename (work.images->folder, "a.qcow2", NULL);
  g_assert_true (g_file_get_contents (path, (char **) &work.image, &work.size, NULL));
  for (guint i = 0; i < (g_test_slow () ? 150 : 10); i++)
    damage_and_use (&work);
  g_rand_free (work.rand);
  g_free (work.image);
  images_free (work.images);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  /* That such an image cannot be closed in order is told, and right. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *name
          = g_strdup_printf ("/qcow2/hostile/crashes-nothing/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (name, ways[i], test_damage);
    }
  return g_test_run ();
}
