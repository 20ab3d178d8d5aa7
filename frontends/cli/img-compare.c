/* img-compare.c - banyan img compare: whether two images show the same
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

/* Of each image at a time. */
#define PIECE (256 * 1024)
#define BLOCK 512

enum
{
  COMPARE_SAME = 0,
  COMPARE_DIFFERENT = 1,
  COMPARE_FAILED = 2,
  COMPARE_CANNOT_OPEN = 3,
};

static char *second_format;
static gboolean is_strict;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  { "second-format", 'F', 0, G_OPTION_ARG_STRING, &second_format, "The format of the second image",
    "DRIVER" },
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SOURCE_CACHE,
  IMG_SHARE,
  { "strict", 's', 0, G_OPTION_ARG_NONE, &is_strict,
    "Other lengths, and space that one has and the other not, make them different", NULL },
  IMG_PROGRESS,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

/* -- In the coroutine. -- */

typedef struct
{
  BanyanBackend *other_backend;
  BanyanChannel *channels[2];
  guint64 lengths[2];
  BanyanBlockStatus status[2]; /* at the present offset */
  guint64 ends[2];             /* up to which it holds */
  BanyanBuffer *buffers[2];
  BanyanCopy progress; /* counts */

  guint64 offset;
  gboolean is_different;
  const char *difference; /* NULL: the content */
} Comparison;

static gboolean BANYAN_COROUTINE
ask (Comparison *self, guint i, GError **error)
{
  BanyanBlockStatus *status = &self->status[i];

  if (self->offset < self->ends[i])
    return TRUE;

  *status = (BanyanBlockStatus){ .size = sizeof *status };
  if (self->offset >= self->lengths[i])
    {
      /* What is not there is zeroes, and takes no space. */
      status->flags = BANYAN_BLOCK_ZERO;
      self->ends[i] = G_MAXUINT64;
      return TRUE;
    }
  if (banyan_channel_block_status (self->channels[i], self->offset, self->lengths[i] - self->offset,
                                   status, error)
      == BANYAN_FAILED)
    return FALSE;

  self->ends[i] = MIN (self->offset + status->length, self->lengths[i]);
  return TRUE;
}

static gboolean
is_zero (const Comparison *self, guint i)
{
  return (self->status[i].flags & BANYAN_BLOCK_ZERO) != 0;
}

static gboolean BANYAN_COROUTINE
read_piece (Comparison *self, guint i, gsize length, GError **error)
{
  struct iovec iov = { self->buffers[i]->data, length };
  BanyanRequest request = BANYAN_REQUEST (self->offset, length, &iov, 1);

  if (is_zero (self, i))
    {
      memset (iov.iov_base, 0, length);
      return TRUE;
    }

  return banyan_channel_read (self->channels[i], &request, error);
}

/* Told by the sector, as qemu-img does. */
static gboolean
find_difference (Comparison *self, gsize length)
{
  const guint8 *one = self->buffers[0]->data, *other = self->buffers[1]->data;

  if (memcmp (one, other, length) == 0)
    return FALSE;

  self->is_different = TRUE;
  for (gsize at = 0; at < length; at += BLOCK)
    if (memcmp (one + at, other + at, MIN (BLOCK, length - at)) != 0)
      {
        self->offset += at;
        return TRUE;
      }

  g_assert_not_reached ();
}

static gboolean
is_allocated (const Comparison *self, guint i)
{
  return (self->status[i].flags & (BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_DATA)) != 0;
}

static gboolean BANYAN_COROUTINE
compare_next (Comparison *self, GError **error)
{
  guint64 whole = MAX (self->lengths[0], self->lengths[1]);
  guint64 length;

  if (!ask (self, 0, error) || !ask (self, 1, error))
    return FALSE;

  length = MIN (MIN (self->ends[0], self->ends[1]), whole) - self->offset;
  if (is_strict && is_allocated (self, 0) != is_allocated (self, 1))
    {
      self->is_different = TRUE;
      self->difference = "one has space there, and the other has none";
      return TRUE;
    }

  if (!is_zero (self, 0) || !is_zero (self, 1))
    {
      length = MIN (length, PIECE);
      if (!read_piece (self, 0, length, error) || !read_piece (self, 1, length, error))
        return FALSE;
      if (find_difference (self, length))
        return TRUE;
    }

  self->offset += length;
  __atomic_store_n (&self->progress.done, self->offset, __ATOMIC_RELAXED);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
compare_all (Comparison *self, GError **error)
{
  guint64 whole = MAX (self->lengths[0], self->lengths[1]);

  while (self->offset < whole && !self->is_different)
    if (!compare_next (self, error))
      return FALSE;

  return TRUE;
}

static gboolean BANYAN_COROUTINE
compare_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Comparison *self = data;
  gboolean is_done;

  self->channels[0] = channel;
  self->channels[1] = banyan_backend_open_channel (self->other_backend);
  for (guint i = 0; i < 2; i++)
    {
      self->lengths[i] = banyan_channel_get_length (self->channels[i]);
      self->buffers[i] = banyan_buffer_new (PIECE);
    }
  is_done = compare_all (self, error);

  for (guint i = 0; i < 2; i++)
    banyan_buffer_unref (self->buffers[i]);
  banyan_channel_close (self->channels[1]);
  return is_done;
}

/* -- Telling. -- */

static CliStatus
print_json (const Comparison *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) spec = NULL;

  banyan_spec_builder_add_boolean (map, "identical", !self->is_different);
  if (self->is_different)
    banyan_spec_builder_add_uint (map, "offset", self->offset);
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

static int
tell (const Comparison *self)
{
  if (img_options.as_json)
    {
      if (print_json (self) != CLI_DONE)
        return COMPARE_FAILED;
    }
  else if (!self->is_different)
    img_say ("Images are identical.\n");
  else if (self->difference != NULL)
    img_say ("Strict mode: Offset %" G_GUINT64_FORMAT " block status mismatch!\n", self->offset);
  else
    img_say ("Content mismatch at offset %" G_GUINT64_FORMAT "!\n", self->offset);

  return self->is_different ? COMPARE_DIFFERENT : COMPARE_SAME;
}

static int
compare (ImgImage *one, ImgImage *other)
{
  Comparison self = { .other_backend = other->backend };
  guint64 lengths[2] = { banyan_node_get_length (one->node), banyan_node_get_length (other->node) };
  ImgProgress progress;
  g_autoptr (GError) error = NULL;
  gboolean is_done;

  if (lengths[0] != lengths[1] && is_strict)
    {
      img_say ("Strict mode: Image size mismatch!\n");
      return COMPARE_DIFFERENT;
    }
  if (lengths[0] != lengths[1] && !img_options.as_json)
    img_say ("Warning: Image size mismatch!\n");

  img_progress_begin (&progress, MAX (lengths[0], lengths[1]));
  img_progress_follow (&progress, &self.progress);
  is_done = banyan_backend_run (one->backend, compare_main, &self, &error);
  img_progress_end (&progress, is_done);
  if (is_done)
    return tell (&self);

  cli_fail_with (error);
  return COMPARE_FAILED;
}

static CliStatus
run (char **arguments)
{
  char *first_format = img_options.format;
  ImgImage images[2];
  int result = COMPARE_CANNOT_OPEN;

  if (img_open_argument (&images[0], arguments[0], FALSE, FALSE) != CLI_DONE)
    return (CliStatus) COMPARE_CANNOT_OPEN;

  img_options.format = second_format; /* which is the owner */
  if (img_open_argument (&images[1], arguments[1], FALSE, FALSE) == CLI_DONE)
    {
      result = compare (&images[0], &images[1]);
      img_close (&images[1], CLI_DONE);
    }
  img_options.format = first_format;
  img_close (&images[0], CLI_DONE);
  return (CliStatus) result;
}

const CliCommand img_compare = {
  .name = "img compare",
  .arguments = "FILE FILE",
  .summary = "Tell whether two images show the same",
  .description = "What one is longer than the other must be zeroes. The exit status is qemu-img's: "
                 "0 they are the same, 1 they differ, above 1 it cannot be told.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 2,
  .max_arguments = 2,
  .run = run,
};
