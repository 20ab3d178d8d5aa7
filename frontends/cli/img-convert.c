/* img-convert.c - banyan img convert: copies images into a new one
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#define SECTOR 512
#define USUAL_PIECE (256 * 1024)

static char *target_format;
static char *target_backing;
static char *target_backing_format;
static char *sparse_text;
static char *rate_text;
static int n_workers = 8;
static gboolean is_compressed;
static gboolean is_there;
static gboolean is_out_of_order;
static gboolean is_offloaded;
static gboolean is_zero;
static gboolean is_salvaged;
static gboolean is_target_dotted;
static gboolean with_bitmaps;
static gboolean skips_broken;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  { "target-format", 'O', 0, G_OPTION_ARG_STRING, &target_format,
    "The format of the new image; raw without it", "DRIVER" },
  IMG_IMAGE_OPTIONS,
  IMG_DOTTED,
  { "target-image-opts", 0, 0, G_OPTION_ARG_NONE, &is_target_dotted,
    "The target is a node in dotted keys; with -n", NULL },
  IMG_OBJECT,
  { "compress", 'c', 0, G_OPTION_ARG_NONE, &is_compressed,
    "Store data compressed, where the format can", NULL },
  { "no-create", 'n', 0, G_OPTION_ARG_NONE, &is_there, "The target is there already", NULL },
  { "backing", 'B', 0, G_OPTION_ARG_FILENAME, &target_backing,
    "The new image's backing file, which has the content of the source's backing file", "FILE" },
  { "backing-format", 'F', 0, G_OPTION_ARG_STRING, &target_backing_format, "The format of that",
    "DRIVER" },
  { "sparse-size", 'S', 0, G_OPTION_ARG_STRING, &sparse_text,
    "Write no zeroes that come in runs of so many bytes; 4K without it, 0: write all", "SIZE" },
  { "parallel", 'm', 0, G_OPTION_ARG_INT, &n_workers, "Pieces in flight, 1 to 16; 8 without it",
    "N" },
  { "out-of-order", 'W', 0, G_OPTION_ARG_NONE, &is_out_of_order,
    "Write in any order: faster, and the file may be in more pieces", NULL },
  { "copy-offload", 'C', 0, G_OPTION_ARG_NONE, &is_offloaded,
    "Let storage copy by itself, where it can", NULL },
  { "target-is-zero", 0, 0, G_OPTION_ARG_NONE, &is_zero,
    "The target reads as zeroes all over; with -n", NULL },
  { "salvage", 0, 0, G_OPTION_ARG_NONE, &is_salvaged,
    "Take zeroes for what cannot be read, and tell of it", NULL },
  { "rate-limit", 'r', 0, G_OPTION_ARG_STRING, &rate_text, "Bytes per second", "RATE" },
  IMG_SNAPSHOT,
  { "bitmaps", 0, 0, G_OPTION_ARG_NONE, &with_bitmaps, "Copy the bitmaps that the image keeps, too",
    NULL },
  { "skip-broken-bitmaps", 0, 0, G_OPTION_ARG_NONE, &skips_broken,
    "Leave out bitmaps that are marked as in use; with --bitmaps", NULL },
  IMG_CACHE ("unsafe without it"),
  IMG_SOURCE_CACHE,
  IMG_SHARE,
  IMG_PROGRESS,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

typedef struct
{
  GArray *sources; /* (owned) (element-type ImgImage) */
  ImgImage target;
  guint64 length; /* of all sources, each in whole sectors */
  guint64 sparse_bytes;
  guint64 rate;
} Convert;

/* -- What is wrong with the options. -- */

/* What -o says of a backing is what -B and -F say. FALSE: it could not be read, which was told. */
static gboolean
take_backing_options (void)
{
  g_autoptr (BanyanSpec) map = NULL;

  if (img_options.options == NULL || is_there)
    return TRUE;

  map = img_read_options (img_options.options);
  if (map == NULL)
    return FALSE;
  if (target_backing == NULL)
    target_backing = g_strdup (banyan_spec_lookup_text (map, "backing-file"));
  if (target_backing_format == NULL)
    target_backing_format = g_strdup (banyan_spec_lookup_text (map, "backing-fmt"));
  return TRUE;
}

static const char *
find_fault (void)
{
  if (n_workers < 1 || n_workers > BANYAN_COPY_MAX_WORKERS)
    return "-m is 1 to 16";
  if (is_zero && !is_there)
    return "--target-is-zero is for a target that is there already: -n";
  if (is_target_dotted && !is_there)
    return "--target-image-opts needs -n: only files are made";
  if (is_target_dotted && target_format != NULL)
    return "with --target-image-opts the keys say which driver; leave out -O";
  if (is_there && (img_options.options != NULL || target_backing != NULL))
    return "with -n nothing is made that -o or -B could be said of";
  if (is_offloaded && sparse_text != NULL)
    return "-C and -S exclude each other: who offloads sees no zeroes";
  if (is_offloaded && (is_compressed || is_salvaged))
    return "-C excludes -c and --salvage: data that storage copies stays what it is";
  if (target_backing != NULL && target_backing_format == NULL)
    return "say which format the backing file has: -F DRIVER";
  if (skips_broken && !with_bitmaps)
    return "--skip-broken-bitmaps is for --bitmaps";

  return NULL;
}

static CliStatus
read_numbers (Convert *self)
{
  self->sparse_bytes = 4096;
  if ((sparse_text != NULL && !img_parse_size (sparse_text, "-S", &self->sparse_bytes))
      || (rate_text != NULL && !img_parse_size (rate_text, "-r", &self->rate)))
    return CLI_USAGE;
  if (self->sparse_bytes % SECTOR != 0 || self->sparse_bytes > G_MAXINT32)
    return cli_fail (CLI_USAGE, "-S is a multiple of %d, and below 2 GiB", SECTOR);

  return CLI_DONE;
}

/* -- Opening. -- */

static CliStatus
open_sources (Convert *self, char **arguments, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      ImgImage image;
      CliStatus status = img_open_argument (&image, arguments[i], FALSE, FALSE);

      if (status != CLI_DONE)
        return status;
      g_array_append_val (self->sources, image);
      self->length += banyan_node_get_length (image.node);
      self->length += -self->length % SECTOR;
    }

  return CLI_DONE;
}

static CliStatus
make_target (Convert *self, const char *filename)
{
  g_autoptr (BanyanSpec) map = img_read_options (img_options.options);
  ImgMake make = {
    .filename = filename,
    .format = target_format != NULL ? target_format : "raw",
    .options = map,
    .backing = target_backing,
    .backing_format = target_backing_format,
    .length = self->length,
    .has_length = map != NULL && banyan_spec_lookup (map, "size") == NULL,
  };

  return map != NULL ? img_make (&make) : CLI_USAGE;
}

static CliStatus
check_target (Convert *self, const char *filename)
{
  if (img_complain_of_name (filename, target_format != NULL ? target_format : "raw"))
    return CLI_NOT_FOUND;

  for (guint i = 0; i < self->sources->len; i++)
    {
      ImgImage *source = &g_array_index (self->sources, ImgImage, i);

      if (img_lies_in (source->node, filename))
        return cli_fail (CLI_REFUSED, "%s cannot be the target: it is a part of what is copied",
                         filename);
    }

  return CLI_DONE;
}

/* Nothing of a copy is worth waiting for until all of it is there; hence "unsafe". */
static CliStatus
open_target (Convert *self, const char *argument)
{
  g_autoptr (BanyanSpec) map = img_read_options (img_options.options);
  g_autoptr (BanyanSpec) secrets = map != NULL ? img_pick_secrets (map) : NULL;
  ImgSource source = {
    .argument = argument,
    .format = is_target_dotted        ? NULL
              : target_format != NULL ? target_format
                                      : "raw",
    .cache = img_options.cache != NULL ? img_options.cache : "unsafe",
    .secrets = secrets,
    .is_dotted = is_target_dotted,
    .may_write = TRUE,
  };
  CliStatus status;

  if (is_there && !is_target_dotted && target_format == NULL)
    source.format = NULL;
  status = img_open (&self->target, &source);
  if (status != CLI_DONE)
    return status;

  /* The last sector need not be whole. */
  if (banyan_node_get_length (self->target.node) + (SECTOR - 1) < self->length)
    return cli_fail (CLI_FAILED,
                     "%s has only %" G_GUINT64_FORMAT " bytes; %" G_GUINT64_FORMAT " are wanted",
                     argument, banyan_node_get_length (self->target.node), self->length);
  if (with_bitmaps && !BANYAN_IS_BITMAPS (self->target.node))
    return cli_fail (CLI_FAILED, "%s images keep no bitmaps", img_get_format (self->target.node));
  if (is_compressed && !(banyan_node_get_capabilities (self->target.node) & BANYAN_CAN_COMPRESS))
    return cli_fail (CLI_FAILED, "%s images store nothing compressed",
                     img_get_format (self->target.node));
  return CLI_DONE;
}

/* -- Copying. -- */

static void
tell_loss (BanyanCopy *copy, guint64 offset, guint64 length, const GError *why)
{
  if (!img_options.is_quiet)
    cli_message ("warning: %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
                 " cannot be read, and are zeroes in the copy: %s",
                 length, offset, why->message);
}

static guint
choose_flags (void)
{
  return (is_out_of_order ? 0 : BANYAN_COPY_IN_ORDER) | (is_compressed ? BANYAN_COPY_COMPRESSED : 0)
         | (is_offloaded ? BANYAN_COPY_OFFLOAD : 0) | (is_zero ? BANYAN_COPY_TARGET_IS_ZERO : 0)
         | (is_salvaged ? BANYAN_COPY_SALVAGE : 0)
         | (target_backing != NULL ? BANYAN_COPY_TOP_ONLY : 0);
}

static BanyanCopy
prepare (Convert *self, ImgImage *source, guint64 target_offset)
{
  BanyanCopy copy = BANYAN_COPY_INIT;
  guint64 block = is_compressed ? img_get_cluster_size (self->target.node) : self->sparse_bytes;

  copy.flags = choose_flags () | (self->sparse_bytes == 0 ? BANYAN_COPY_FULLY : 0);
  copy.length = banyan_node_get_length (source->node);
  copy.target_offset = target_offset;
  copy.n_workers = n_workers;
  copy.zero_bytes = block;
  copy.piece_bytes = block != 0 ? block * MAX (1, USUAL_PIECE / block) : USUAL_PIECE;
  copy.bytes_per_second = self->rate;
  copy.lost = tell_loss;
  return copy;
}

static gboolean
copy_sources (Convert *self, ImgProgress *progress, GError **error)
{
  guint64 offset = 0;

  for (guint i = 0; i < self->sources->len; i++)
    {
      ImgImage *source = &g_array_index (self->sources, ImgImage, i);
      BanyanCopy copy = prepare (self, source, offset);
      gboolean is_done = img_copy (source, &self->target, &copy, progress, error);

      img_progress_follow (progress, NULL);
      if (!is_done)
        return FALSE;
      offset += copy.length;
      offset += -offset % SECTOR;
    }

  return banyan_backend_flush (self->target.backend, error);
}

static CliStatus
copy_all (Convert *self)
{
  ImgProgress progress;
  g_autoptr (GError) error = NULL;
  gboolean is_done;

  img_progress_begin (&progress, self->length);
  is_done = copy_sources (self, &progress, &error);
  img_progress_end (&progress, is_done);
  return is_done ? CLI_DONE : img_interrupt_fail (error);
}

static CliStatus
convert (Convert *self, char **arguments, guint n_sources)
{
  const char *target = arguments[n_sources];
  CliStatus status = open_sources (self, arguments, n_sources);

  if (status == CLI_DONE && !is_target_dotted)
    status = check_target (self, target);
  if (status == CLI_DONE && !is_there)
    {
      img_interrupt_note ("%s is not whole", target);
      status = make_target (self, target);
    }
  if (status == CLI_DONE)
    status = open_target (self, target);
  if (status == CLI_DONE)
    {
      img_interrupt_note ("%s is not whole", target);
      status = copy_all (self);
    }
  if (status == CLI_DONE && with_bitmaps)
    status = img_copy_bitmaps (&g_array_index (self->sources, ImgImage, 0), &self->target,
                               skips_broken);

  status = img_close_made (&self->target, status);
  for (guint i = 0; i < self->sources->len; i++)
    status = img_close (&g_array_index (self->sources, ImgImage, i), status);
  return status;
}

static CliStatus
run (char **arguments)
{
  guint n = g_strv_length (arguments);
  Convert self = { NULL };
  CliStatus status = img_options_check ();
  const char *fault;

  if (status != CLI_DONE
      || img_print_options (img_options.options, target_format != NULL ? target_format : "raw",
                            &status))
    return status;
  if (!take_backing_options ())
    return CLI_USAGE;
  fault = find_fault ();
  if (fault != NULL)
    return cli_fail (CLI_USAGE, "%s", fault);
  if (n < 2)
    return cli_fail (CLI_USAGE, "usage: banyan img convert %s", img_convert.arguments);
  if (target_backing != NULL && n != 2)
    return cli_fail (CLI_USAGE, "a target with a backing file has the content of one image");
  if (with_bitmaps && n != 2)
    return cli_fail (CLI_USAGE, "--bitmaps is for one image: those of several say nothing of them "
                                "together");
  status = read_numbers (&self);
  if (status != CLI_DONE)
    return status;

  self.sources = g_array_new (FALSE, TRUE, sizeof (ImgImage));
  img_interrupt_begin ();
  status = img_interrupt_end (convert (&self, arguments, n - 1));
  g_array_unref (self.sources);
  return status;
}

const CliCommand img_convert = {
  .name = "img convert",
  .arguments = "FILE... TARGET",
  .summary = "Copy images, one after the other, into a new one",
  .description
  = "Reads nothing that is known to be zero, and writes no zeroes that the target has anyway. "
    "TARGET is made, and is not there afterwards if the copy fails or is interrupted, unless it "
    "was there before; what was in it is lost.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = CLI_MANY,
  .run = run,
};
