/* img-commit.c - banyan img commit: what an image has goes into the one that it is backed by
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The chain is opened once, to be read and to learn its files. Then each image above the base is
 * opened alone, the lowest first: what it has of its own is written to the base. Nobody else may
 * use one of the files meanwhile, as their locks tell. */

#include "img.h"

static char *base;
static char *rate_text;
static gboolean is_kept;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_CACHE ("writeback without it"),
  { "base", 'b', 0, G_OPTION_ARG_FILENAME, &base,
    "The image of the chain to write to; the one below FILE without it", "FILE" },
  { "rate-limit", 'r', 0, G_OPTION_ARG_STRING, &rate_text, "Bytes per second", "RATE" },
  { "keep", 'd', 0, G_OPTION_ARG_NONE, &is_kept,
    "Leave FILE as it is, rather than to empty it; with -b, that is done in any case", NULL },
  IMG_PROGRESS,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

typedef struct
{
  char *filename; /* (owned) */
  const char *format;
} Link;

static void
clear_link (gpointer data)
{
  g_free (((Link *) data)->filename);
}

/* A header may name it in another way than the user does. */
static gboolean
is_base (const char *filename)
{
  g_autofree char *wanted = base != NULL ? g_canonicalize_filename (base, NULL) : NULL;
  g_autofree char *there = filename != NULL ? g_canonicalize_filename (filename, NULL) : NULL;

  return wanted == NULL || g_strcmp0 (wanted, there) == 0;
}

/* (element-type Link): from the image down to its base. */
static CliStatus
read_chain (const char *argument, GArray *chain, guint64 *length)
{
  ImgImage image;
  CliStatus status = img_open_argument (&image, argument, FALSE, FALSE);
  gboolean is_found = FALSE;

  if (status != CLI_DONE)
    return status;

  *length = banyan_node_get_length (image.node);
  for (BanyanNode *node = image.node; node != NULL && !is_found; node = img_get_backing (node))
    {
      Link link = { img_dup_filename (node), img_get_format (node) };

      g_array_append_val (chain, link);
      is_found = chain->len > 1 && is_base (link.filename);
      if (link.filename == NULL)
        status = cli_fail (CLI_FAILED, "%s lies in no file of its own", link.format);
    }

  if (status == CLI_DONE && !is_found)
    status = base != NULL ? cli_fail (CLI_NOT_FOUND, "%s is not backed by %s", argument, base)
                          : cli_fail (CLI_FAILED, "%s is backed by nothing", argument);
  return img_close (&image, status);
}

static gboolean
copy_layer (ImgImage *source, ImgImage *target, guint64 rate, ImgProgress *progress, GError **error)
{
  BanyanCopy copy = BANYAN_COPY_INIT;
  gboolean is_done;

  copy.flags = BANYAN_COPY_TOP_ONLY;
  copy.length = banyan_node_get_length (source->node);
  copy.bytes_per_second = rate;
  is_done = img_copy (source, target, &copy, progress, error);
  img_progress_follow (progress, NULL);
  return is_done;
}

static CliStatus
commit_layer (const Link *link, ImgImage *target, guint64 rate, ImgProgress *progress)
{
  ImgSource source
      = { .argument = link->filename, .format = link->format, .without_backing = TRUE };
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status = img_open (&image, &source);

  if (status == CLI_DONE && !copy_layer (&image, target, rate, progress, &error))
    status = img_interrupt_fail (error);
  return img_close (&image, status);
}

static CliStatus
commit_layers (GArray *chain, ImgImage *target, guint64 length, guint64 rate)
{
  ImgProgress progress;
  g_autoptr (GError) error = NULL;
  CliStatus status = CLI_DONE;

  if (banyan_node_get_length (target->node) < length
      && !img_set_length (target, length, BANYAN_PREALLOCATION_OFF, &error))
    return cli_fail_with (error);

  img_progress_begin (&progress, length * (chain->len - 1));
  for (guint i = chain->len - 1; i-- > 0 && status == CLI_DONE;)
    status = commit_layer (&g_array_index (chain, Link, i), target, rate, &progress);
  img_progress_end (&progress, status == CLI_DONE);
  if (status == CLI_DONE && !banyan_backend_flush (target->backend, &error))
    status = cli_fail_with (error);
  return status;
}

/* -- Emptying: everything is in the image below. -- */

static gboolean BANYAN_COROUTINE
empty_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_emptiable_make_empty (BANYAN_EMPTIABLE (banyan_channel_get_node (channel)), error);
}

/* What cannot be emptied is left as it is, which shows the same. */
static CliStatus
empty (const Link *link)
{
  ImgSource source = {
    .argument = link->filename,
    .format = link->format,
    .cache = img_options.cache,
    .may_write = TRUE,
    .without_backing = TRUE,
  };
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status = img_open (&image, &source);

  if (status == CLI_DONE && BANYAN_IS_EMPTIABLE (image.node)
      && (!img_run_inside (&image, empty_inside, NULL, &error)
          || !banyan_backend_flush (image.backend, &error)))
    status = cli_fail_with (error);
  return img_close (&image, status);
}

static CliStatus
commit (GArray *chain, guint64 length, guint64 rate)
{
  const Link *lowest = &g_array_index (chain, Link, chain->len - 1);
  ImgSource source = {
    .argument = lowest->filename,
    .format = lowest->format,
    .cache = img_options.cache,
    .may_write = TRUE,
  };
  ImgImage target;
  CliStatus status = img_open (&target, &source);

  if (status != CLI_DONE)
    return status;

  img_interrupt_begin ();
  img_interrupt_note ("a part of %s is in its base, and it shows the same as before",
                      g_array_index (chain, Link, 0).filename);
  status = img_interrupt_end (img_close (&target, commit_layers (chain, &target, length, rate)));
  if (status == CLI_DONE && !is_kept && base == NULL)
    status = empty (&g_array_index (chain, Link, 0));
  if (status == CLI_DONE && !img_options.as_json)
    img_say ("Image committed.\n");
  return status;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (GArray) chain = g_array_new (FALSE, TRUE, sizeof (Link));
  guint64 length, rate = 0;
  CliStatus status;

  if (rate_text != NULL && !img_parse_size (rate_text, "-r", &rate))
    return CLI_USAGE;

  g_array_set_clear_func (chain, clear_link);
  status = read_chain (arguments[0], chain, &length);
  return status == CLI_DONE ? commit (chain, length, rate) : status;
}

const CliCommand img_commit = {
  .name = "img commit",
  .arguments = "FILE",
  .summary = "Write what an image has into the one that it is backed by",
  .description
  = "FILE is emptied afterwards, but for -d, and shows the same as before. With a base "
    "further down, the images between are no longer what they were, and must not be "
    "used; FILE is left as it is then.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
