/* img-rebase.c - banyan img rebase: an image gets another backing, and shows the same
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the image has nothing of its own, and the old backing and the new one differ, it gets what
 * the old one has. Only then its header changes: cut off at any moment, it shows the same. */

#include "img.h"

#define PIECE (256 * 1024)
#define BLOCK 4096

static char *backing;
static char *backing_format;
static gboolean is_unchecked;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  IMG_CACHE ("writeback without it"),
  IMG_SOURCE_CACHE,
  { "backing", 'b', 0, G_OPTION_ARG_FILENAME, &backing,
    "The new backing file, relative to the image; \"\": none", "FILE" },
  { "backing-format", 'F', 0, G_OPTION_ARG_STRING, &backing_format, "The format of that",
    "DRIVER" },
  { "unsafe", 'u', 0, G_OPTION_ARG_NONE, &is_unchecked,
    "Only change the name in the header: the new backing has the same content", NULL },
  IMG_PROGRESS,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

/* -- In the coroutine. -- */

enum
{
  OLD,
  NEW,
};

typedef struct
{
  BanyanChannel *image;
  BanyanBackend *backends[2]; /* (nullable) */
  BanyanChannel *channels[2];
  BanyanBuffer *buffers[2];
  BanyanCopy progress; /* counts, and can be cancelled */
} Rebase;

/* Behind the end of a backing there are zeroes. */
static gboolean BANYAN_COROUTINE
read_backing (Rebase *self, guint i, guint64 offset, gsize length, GError **error)
{
  guint64 end = self->channels[i] != NULL ? banyan_channel_get_length (self->channels[i]) : 0;
  gsize there = offset < end ? MIN (length, end - offset) : 0;
  struct iovec iov = { self->buffers[i]->data, there };
  BanyanRequest request = BANYAN_REQUEST (offset, there, &iov, 1);

  memset (self->buffers[i]->data + there, 0, length - there);
  return there == 0 || banyan_channel_read (self->channels[i], &request, error);
}

static gboolean
is_same (const Rebase *self, gsize at, gsize length)
{
  return memcmp (self->buffers[OLD]->data + at, self->buffers[NEW]->data + at, length) == 0;
}

static gboolean BANYAN_COROUTINE
keep_difference (Rebase *self, guint64 offset, gsize length, GError **error)
{
  if (!read_backing (self, OLD, offset, length, error)
      || !read_backing (self, NEW, offset, length, error))
    return FALSE;

  for (gsize at = 0, run; at < length; at += run)
    {
      struct iovec iov = { self->buffers[OLD]->data + at, 0 };
      BanyanRequest request;

      run = MIN (BLOCK, length - at);
      if (is_same (self, at, run))
        continue;
      while (at + run < length && !is_same (self, at + run, MIN (BLOCK, length - at - run)))
        run += MIN (BLOCK, length - at - run);
      iov.iov_len = run;
      request = BANYAN_REQUEST (offset + at, run, &iov, 1);
      if (!banyan_channel_write (self->image, &request, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean BANYAN_COROUTINE
rebase_next (Rebase *self, guint64 *offset, guint64 end, GError **error)
{
  BanyanBlockStatus status = { .size = sizeof status };
  guint64 length;

  if (__atomic_load_n (&self->progress.cancelled, __ATOMIC_RELAXED))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
      return FALSE;
    }
  if (banyan_channel_block_status (self->image, *offset, end - *offset, &status, error)
      == BANYAN_FAILED)
    return FALSE;

  length = MIN (status.length, end - *offset);
  if (!(status.flags & BANYAN_BLOCK_ALLOCATED))
    {
      length = MIN (length, PIECE);
      if (!keep_difference (self, *offset, length, error))
        return FALSE;
    }

  *offset += length;
  __atomic_store_n (&self->progress.done, *offset, __ATOMIC_RELAXED);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
rebase_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Rebase *self = data;
  guint64 offset = 0, end = banyan_channel_get_length (channel);
  gboolean is_done = TRUE;

  self->image = channel;
  for (guint i = 0; i < 2; i++)
    {
      self->buffers[i] = banyan_buffer_new (PIECE);
      if (self->backends[i] != NULL)
        self->channels[i] = banyan_backend_open_channel (self->backends[i]);
    }
  while (is_done && offset < end)
    is_done = rebase_next (self, &offset, end, error);
  is_done = is_done && banyan_channel_flush (channel, error);

  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&self->channels[i], banyan_channel_close);
      banyan_buffer_unref (self->buffers[i]);
    }
  return is_done;
}

/* -- Around it. -- */

static CliStatus
copy_differences (ImgImage *image, BanyanBackend *new_backing)
{
  BanyanNode *node = img_get_backing (image->node);
  Rebase self = { .backends[NEW] = new_backing };
  ImgProgress progress;
  g_autoptr (GError) error = NULL;
  gboolean is_done;

  if (node != NULL)
    self.backends[OLD] = banyan_backend_new (node, "img", BANYAN_PERMISSION_CONSISTENT_READ,
                                             BANYAN_PERMISSIONS_ALL, &error);
  if (error != NULL)
    return cli_fail_with (error);

  img_progress_begin (&progress, banyan_node_get_length (image->node));
  img_progress_follow (&progress, &self.progress);
  is_done = banyan_backend_run (image->backend, rebase_main, &self, &error);
  img_progress_end (&progress, is_done);
  if (self.backends[OLD] != NULL)
    banyan_backend_close (self.backends[OLD]);
  g_clear_object (&self.backends[OLD]);
  return is_done ? CLI_DONE : img_interrupt_fail (error);
}

static CliStatus
copy_with_backing (ImgImage *image)
{
  g_autofree char *filename = img_dup_filename (image->node);
  ImgSource source = {
    .format = backing_format,
    .cache = img_options.source_cache,
    .is_shared = img_options.is_shared,
  };
  ImgImage new_backing;
  CliStatus status
      = img_open_backing (&new_backing, filename != NULL ? filename : "image", backing, source);

  if (status != CLI_DONE)
    return status;

  return img_close (&new_backing, copy_differences (image, new_backing.backend));
}

static CliStatus
keep_content (const char *argument)
{
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status = img_open_argument (&image, argument, TRUE, FALSE);

  if (status != CLI_DONE)
    return status;
  if (!img_can_amend (image.node, &error))
    return img_close (&image, cli_fail_with (error));

  status = *backing != '\0' ? copy_with_backing (&image) : copy_differences (&image, NULL);
  return img_close (&image, status);
}

static CliStatus
change_header (const char *argument)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status;

  banyan_spec_builder_add_string (map, "backing-file", backing);
  if (*backing != '\0')
    banyan_spec_builder_add_string (map, "backing-fmt", backing_format);
  spec = banyan_spec_builder_end (map);

  status = img_open_argument (&image, argument, TRUE, TRUE);
  if (status == CLI_DONE
      && (!img_can_amend (image.node, &error) || !img_amend_image (&image, spec, NULL, &error)))
    status = cli_fail_with (error);
  return img_close (&image, status);
}

static CliStatus
run (char **arguments)
{
  CliStatus status = CLI_DONE;

  if (backing == NULL)
    return cli_fail (CLI_USAGE, "-b says which backing file the image is to have; \"\": none");
  if (*backing != '\0' && backing_format == NULL)
    return cli_fail (CLI_USAGE, "say which format the backing file has: -F DRIVER");

  if (*backing != '\0' && img_means_itself (arguments[0], backing))
    return cli_fail (CLI_REFUSED, "%s cannot be its own backing file", arguments[0]);

  if (!is_unchecked)
    {
      img_interrupt_begin ();
      img_interrupt_note ("%s has the backing file that it had, and shows the same", arguments[0]);
      status = img_interrupt_end (keep_content (arguments[0]));
    }
  return status == CLI_DONE ? change_header (arguments[0]) : status;
}

const CliCommand img_rebase = {
  .name = "img rebase",
  .arguments = "FILE",
  .summary = "Give an image another backing file",
  .description = "The image shows the same afterwards: where the two backing files differ, it gets "
                 "what the old one has. With -u nothing is read, and the header is changed only.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
