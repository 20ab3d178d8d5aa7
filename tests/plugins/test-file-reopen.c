/* test-file-reopen.c - an image is opened in another way while it is used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "image.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define N_WORKERS 2
#define BLOCK_BYTES 1536 /* no multiple of any alignment but the smallest */
#define N_BLOCKS 40

/* -- Workers: each writes and reads blocks of its own, and knows what has to be there. -- */

typedef struct
{
  BanyanBackend *backend;
  guint64 start;
  gboolean only_reads;
  guint seeds[N_BLOCKS]; /* 0: never written */
  gint n_done;           /* atomic */
  gint stop;             /* atomic */
  gint is_done;          /* atomic */
} Worker;

static void
do_block (Worker *self, BanyanChannel *channel, guint block, gboolean write)
{
  guint64 offset = self->start + block * BLOCK_BYTES;
  guint8 data[BLOCK_BYTES];
  struct iovec iov = { data, sizeof data };
  BanyanRequest request = BANYAN_REQUEST (offset, sizeof data, &iov, 1);
  g_autoptr (GError) error = NULL;

  if (write)
    banyan_test_fill (data, offset, sizeof data, ++self->seeds[block]);
  if (write)
    banyan_channel_write (channel, &request, &error);
  else
    banyan_channel_read (channel, &request, &error);
  g_assert_no_error (error);
  if (!write && self->seeds[block] != 0)
    banyan_test_assert_filled (data, offset, sizeof data, self->seeds[block]);
  if (g_atomic_int_add (&self->n_done, 1) == 0)
    g_main_context_wakeup (NULL);
}

static void
work (gpointer data)
{
  Worker *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  for (guint i = 0; !g_atomic_int_get (&self->stop); i++)
    {
      do_block (self, channel, i * 7 % N_BLOCKS, i % 3 == 0 && !self->only_reads);
      banyan_co_yield ();
    }
  for (guint block = 0; block < N_BLOCKS; block++)
    do_block (self, channel, block, FALSE);

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static void
start_workers (Image *image, Worker *workers, BanyanBackend *backend, gboolean only_reads)
{
  BanyanObject *objects
      = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (image->graph)), "objects");

  for (guint i = 0; i < N_WORKERS; i++)
    {
      BanyanObject *thread = banyan_object_get_child (objects, i == 0 ? "io0" : "io1");

      workers[i] = (Worker){ .backend = backend,
                             .start = i * N_BLOCKS * BLOCK_BYTES,
                             .only_reads = only_reads };
      banyan_coroutine_start_on (banyan_iothread_get_loop (BANYAN_IOTHREAD (thread)), work,
                                 &workers[i]);
    }
  for (guint i = 0; i < N_WORKERS; i++)
    while (g_atomic_int_get (&workers[i].n_done) == 0)
      g_main_context_iteration (NULL, TRUE);
}

static void
stop_workers (Worker *workers)
{
  for (guint i = 0; i < N_WORKERS; i++)
    g_atomic_int_set (&workers[i].stop, TRUE);
  for (guint i = 0; i < N_WORKERS; i++)
    {
      while (!g_atomic_int_get (&workers[i].is_done))
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (g_atomic_int_get (&workers[i].n_done), >, N_BLOCKS);
    }
}

static void
load (Image *image, const char *more)
{
  g_autofree char *document = g_strdup_printf ("version: 1\n"
                                               "objects:\n"
                                               "  io0: { type: iothread }\n"
                                               "  io1: { type: iothread }\n"
                                               "nodes:\n"
                                               "  top: { driver: raw, file: disk%s }\n"
                                               "  disk: { driver: file, filename: IMAGE%s }\n",
                                               more, more);

  image_load (image, document);
}

/* -- Changes. -- */

typedef struct
{
  const char *key;
  const char *one;
  const char *other;
  gboolean is_direct;
} Change;

static const Change changes[] = {
  { "aio", "threads", "io_uring", FALSE },
  { "cache", "{ direct: true }", "{ direct: false }", TRUE },
  { "locking", "off", "on", FALSE },
  { "auto-read-only", "true", "false", FALSE },
};

static void
test_under_io (gconstpointer data)
{
  const Change *change = data;
  g_autoptr (Image) image = image_new ();
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("The image is opened in another way, and back, and no request notices");

  if (change->is_direct && !image_has_direct_io (image))
    return;

  load (image, "");
  backend = image_hold (image, "top", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  start_workers (image, workers, backend, FALSE);
  for (guint round = 0; round < 10; round++)
    {
      banyan_test_set (banyan_test_get_node (image->graph, "disk"), change->key, change->one);
      banyan_test_set (banyan_test_get_node (image->graph, "disk"), change->key, change->other);
    }
  stop_workers (workers);
  image_let_go (backend);
}

static void
test_other_name (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("The image goes by another name under I/O, and the first name can be removed");

  g_assert_cmpint (g_unlink (image->other), ==, 0);
  g_assert_cmpint (link (image->path, image->other), ==, 0);
  load (image, "");
  backend = image_hold (image, "top", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  start_workers (image, workers, backend, FALSE);
  banyan_test_set (banyan_test_get_node (image->graph, "disk"), "filename", image->other);
  g_assert_cmpint (g_unlink (image->path), ==, 0);
  banyan_test_set (banyan_test_get_node (image->graph, "disk"), "aio", "threads");
  g_assert_cmpint (link (image->other, image->path), ==, 0);
  banyan_test_set (banyan_test_get_node (image->graph, "disk"), "filename", image->path);
  stop_workers (workers);
  image_let_go (backend);
}

static void
test_read_only_and_back (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("Under readers an image becomes read-only, and writable, and read-only again");

  load (image, "");
  backend = image_hold (image, "top", BANYAN_PERMISSION_CONSISTENT_READ, &error);
  g_assert_no_error (error);
  start_workers (image, workers, backend, TRUE);
  for (guint round = 0; round < 5; round++)
    {
      banyan_test_set (banyan_test_get_node (image->graph, "disk"), "read-only", "true");
      g_assert_false (banyan_test_write (image->graph, "disk", 900000, "x", 1, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
      banyan_test_set (banyan_test_get_node (image->graph, "disk"), "read-only", "false");
      image_must_write (image, "disk", 900000, 512, round);
    }
  stop_workers (workers);
  image_let_go (backend);
}

static void
test_refused (void)
{
  static const struct
  {
    const char *key;
    const char *value;
    const char *says;
  } bad[] = {
    { "filename", "/nonexistent", "/nonexistent" },
    { "filename", "/", "/" },
    { "read-only", "true", "read-only" },
    { "force-share", "true", "force-share" },
  };
  g_autoptr (Image) image = image_new ();
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("A change that cannot be made is refused with its reason, and nothing happens");

  load (image, "");
  backend = image_hold (image, "top", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  start_workers (image, workers, backend, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      BanyanObject *disk = BANYAN_OBJECT (banyan_test_get_node (image->graph, "disk"));

      g_assert_false (banyan_object_set (disk, bad[i].key, bad[i].value, &error));
      g_assert_nonnull (strstr (error->message, bad[i].says));
      g_clear_error (&error);
    }
  stop_workers (workers);
  image_let_go (backend);
}

/* A user who may do everything becomes one who may not; the kernel asks each thread. */
static gboolean
set_name_as_nobody (Image *image, const char *path, GError **error)
{
  gboolean is_root = geteuid () == 0;
  gboolean done;

  g_assert_cmpint (chmod (image->folder, 0755), ==, 0);
  g_assert_cmpint (chmod (path, is_root ? 0644 : 0444), ==, 0);
  g_assert_cmpint (seteuid (is_root ? 65534 : geteuid ()), ==, 0);
  done = banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (image->graph, "disk")), "filename",
                            path, error);
  g_assert_cmpint (seteuid (getuid ()), ==, 0);
  return done;
}

static void
test_not_writable (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend;

  g_test_summary ("Under a writer an image is not exchanged for one that takes no writes");

  load (image, ", auto-read-only: true");
  backend = image_hold (image, "top", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  image_must_write (image, "top", 0, 512, 1);
  g_assert_false (set_name_as_nobody (image, image->other, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "/nodes/disk: "));
  g_assert_nonnull (strstr (error->message, "takes no writes"));
  g_clear_error (&error);
  g_assert_false (banyan_node_is_read_only (banyan_test_get_node (image->graph, "top")));
  image_must_read (image, "top", 0, 512, 1);
  image_must_write (image, "top", 0, 512, 2);
  image_let_go (backend);

  /* Under a reader it is, and from then on nobody can write. */
  backend = image_hold (image, "top", BANYAN_PERMISSION_CONSISTENT_READ, &error);
  g_assert_no_error (error);
  g_assert_true (set_name_as_nobody (image, image->other, &error));
  g_assert_no_error (error);
  image_let_go (backend);
  backend = image_hold (image, "top", IMAGE_WRITES, &error);
  g_assert_null (backend);
  g_assert_nonnull (strstr (error->message, "its storage takes no writes"));
}

static void
test_resized_meanwhile (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  BanyanNode *top;

  g_test_summary ("A node that was resized keeps its new length through reopening");

  load (image, "");
  top = banyan_test_get_node (image->graph, "top");
  g_assert_cmpint (banyan_test_resize (image->graph, "top", 2 * IMAGE_SIZE, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  banyan_test_set (banyan_test_get_node (image->graph, "disk"), "aio", "threads");
  g_assert_cmpuint (banyan_node_get_length (top), ==, 2 * IMAGE_SIZE);
  image_must_write (image, "top", 2 * IMAGE_SIZE - 512, 512, 1);
}

static void
add_changes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *path
          = g_strconcat ("/protocol/file/reopen/", changes[i].key, "-under-io", NULL);

      g_test_add_data_func (path, &changes[i], test_under_io);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  add_changes ();
  g_test_add_func ("/protocol/file/reopen/other-name", test_other_name);
  g_test_add_func ("/protocol/file/reopen/read-only-and-back", test_read_only_and_back);
  g_test_add_func ("/protocol/file/reopen/refused", test_refused);
  g_test_add_func ("/protocol/file/reopen/not-writable", test_not_writable);
  g_test_add_func ("/protocol/file/reopen/resized-meanwhile", test_resized_meanwhile);
  return g_test_run ();
}
