/* img-dd.c - banyan img dd: copies a part of an image into a new one
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

static char *target_format;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  { "target-format", 'O', 0, G_OPTION_ARG_STRING, &target_format,
    "The format of the new image; raw without it", "DRIVER" },
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

/* What the words say, as dd(1) has them. */
typedef struct
{
  const char *input;
  const char *output;
  const char *input_size; /* (nullable) */
  guint64 block;
  guint64 count; /* blocks */
  guint64 skip;  /* blocks */
  gboolean has_count;
} Words;

static gboolean
take_word (Words *self, const char *word)
{
  const char *value = strchr (word, '=');
  g_autofree char *key = value != NULL ? g_strndup (word, value++ - word) : NULL;

  if (g_strcmp0 (key, "if") == 0)
    self->input = value;
  else if (g_strcmp0 (key, "of") == 0)
    self->output = value;
  else if (g_strcmp0 (key, "isize") == 0)
    self->input_size = value;
  else if (g_strcmp0 (key, "bs") == 0)
    return img_parse_size (value, "bs", &self->block);
  else if (g_strcmp0 (key, "skip") == 0)
    return img_parse_size (value, "skip", &self->skip);
  else if (g_strcmp0 (key, "count") == 0)
    return (self->has_count = img_parse_size (value, "count", &self->count));
  else
    {
      cli_message ("\"%s\" is none of if=, of=, bs=, count=, skip= and isize=", word);
      return FALSE;
    }

  return TRUE;
}

static CliStatus
read_words (Words *self, char **arguments)
{
  *self = (Words){ .block = 512 };
  for (; *arguments != NULL; arguments++)
    if (!take_word (self, *arguments))
      return CLI_USAGE;

  if (self->input == NULL || self->output == NULL)
    return cli_fail (CLI_USAGE, "both if= and of= are needed");
  if (self->block == 0 || self->block > G_MAXINT32)
    return cli_fail (CLI_USAGE, "bs is above 0 and below 2 GiB");
  return CLI_DONE;
}

/* The part of @length bytes that is wanted. */
static void
find_part (const Words *self, guint64 length, guint64 *offset, guint64 *size)
{
  guint64 most = G_MAXUINT64 / self->block;

  *offset = MIN (self->skip, most) * self->block;
  *offset = MIN (*offset, length);
  *size = length - *offset;
  if (self->has_count)
    *size = MIN (*size, MIN (self->count, most) * self->block);
}

static CliStatus
copy_part (ImgImage *source, const char *filename, const char *format, guint64 offset,
           guint64 length)
{
  ImgSource what = { .argument = filename, .format = format, .may_write = TRUE };
  BanyanCopy copy = BANYAN_COPY_INIT;
  ImgProgress progress;
  g_autoptr (GError) error = NULL;
  ImgImage target;
  gboolean is_done;
  CliStatus status = img_open (&target, &what);

  if (status != CLI_DONE)
    return status;

  copy.source_offset = offset;
  copy.length = length;
  img_progress_begin (&progress, length);
  is_done = img_copy (source, &target, &copy, &progress, &error)
            && banyan_backend_flush (target.backend, &error);
  img_progress_end (&progress, is_done);
  return img_close_made (&target, is_done ? CLI_DONE : img_interrupt_fail (error));
}

static CliStatus
copy (ImgImage *source, const Words *words)
{
  const char *format = target_format != NULL ? target_format : "raw";
  guint64 length = banyan_node_get_length (source->node), limit, offset, size;
  ImgMake make = { .filename = words->output, .format = format, .has_length = TRUE };
  CliStatus status;

  if (img_lies_in (source->node, words->output))
    return cli_fail (CLI_REFUSED, "%s cannot be the output: it is a part of what is copied",
                     words->output);
  if (words->input_size != NULL && !img_parse_size (words->input_size, "isize", &limit))
    return CLI_USAGE;
  if (words->input_size != NULL)
    length = MIN (length, limit);

  find_part (words, length, &offset, &size);
  if (offset == length && words->skip > 0)
    cli_message ("warning: %s has nothing behind what is skipped: it ends at %" G_GUINT64_FORMAT,
                 words->input, length);
  make.length = size;
  img_interrupt_note ("%s is not whole", words->output);
  status = img_make (&make);
  return status == CLI_DONE ? copy_part (source, words->output, format, offset, size) : status;
}

static CliStatus
run (char **arguments)
{
  Words words;
  ImgImage source;
  CliStatus status = read_words (&words, arguments);

  if (status != CLI_DONE)
    return status;

  img_interrupt_begin ();
  status = img_open_argument (&source, words.input, FALSE, FALSE);
  return img_interrupt_end (status == CLI_DONE ? img_close (&source, copy (&source, &words))
                                               : status);
}

const CliCommand img_dd = {
  .name = "img dd",
  .arguments = "if=FILE of=FILE [bs=SIZE] [count=N] [skip=N] [isize=SIZE]",
  .summary = "Copy a part of an image into a new one",
  .description = "Leaves out skip blocks of bs bytes (512 without it), and copies count of them, "
                 "or all; isize says how long the input is taken to be. What was in the output is "
                 "lost.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = CLI_MANY,
  .run = run,
};
