/* img-measure.c - banyan img measure: how large an image would be
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

static char *target_format;
static char *size_text;

static const GOptionEntry options[] = {
  { "target-format", 'O', 0, G_OPTION_ARG_STRING, &target_format,
    "The format of the image that is thought of; raw without it", "DRIVER" },
  IMG_IMAGE_OPTIONS,
  { "size", 0, 0, G_OPTION_ARG_STRING, &size_text, "Of an empty image of that size", "SIZE" },
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  IMG_SNAPSHOT,
  IMG_OUTPUT,
  { NULL },
};

typedef struct
{
  BanyanImageOptions *options;
  BanyanImageSize size;
} Measure;

static gboolean BANYAN_COROUTINE
measure_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  Measure *measure = data;

  return banyan_image_options_measure (
      measure->options, size_text == NULL ? banyan_channel_get_child (channel) : NULL,
      &measure->size, error);
}

static CliStatus
print_size (const BanyanImageSize *size)
{
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) spec = NULL;

  if (!img_options.as_json)
    {
      g_autofree char *bitmaps
          = size->bitmaps != 0
                ? g_strdup_printf ("bitmaps size: %" G_GUINT64_FORMAT "\n", size->bitmaps)
                : g_strdup ("");
      g_autofree char *text = g_strdup_printf ("required size: %" G_GUINT64_FORMAT
                                               "\nfully allocated size: %" G_GUINT64_FORMAT "\n%s",
                                               size->required, size->fully_allocated, bitmaps);

      return cli_print (text);
    }

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_uint (map, "required", size->required);
  banyan_spec_builder_add_uint (map, "fully-allocated", size->fully_allocated);
  if (size->bitmaps != 0)
    banyan_spec_builder_add_uint (map, "bitmaps", size->bitmaps);
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

static BanyanImageOptions *
read_wanted (const char *format, guint64 length, GError **error)
{
  g_autoptr (BanyanSpec) map = img_read_options (img_options.options);
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, length);
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanSpec) size = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);
  g_autoptr (BanyanSpec) whole = map != NULL ? banyan_spec_with (map, "size", size) : NULL;

  return whole != NULL ? banyan_image_options_new (format, whole, error) : NULL;
}

static CliStatus
measure (ImgImage *image, guint64 length)
{
  const char *format = target_format != NULL ? target_format : "raw";
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanImageOptions) wanted = read_wanted (format, length, &error);
  Measure work = { .options = wanted };

  if (wanted == NULL)
    return error != NULL ? cli_fail_with (error) : CLI_USAGE;

  return img_run_inside (image, measure_inside, &work, &error) ? print_size (&work.size)
                                                               : cli_fail_with (error);
}

/* Nothing is read of it; but what is measured runs in some graph. */
static CliStatus
measure_empty (void)
{
  ImgSource source = { .argument = "driver=null,size=0", .is_dotted = TRUE };
  guint64 length;
  ImgImage image;
  CliStatus status;

  if (!img_parse_size (size_text, "--size", &length))
    return CLI_USAGE;

  status = img_open (&image, &source);
  return status == CLI_DONE ? img_close (&image, measure (&image, length)) : status;
}

static CliStatus
run (char **arguments)
{
  ImgImage image;
  CliStatus status = img_options_check ();

  if (status != CLI_DONE)
    return status;
  if (img_options.snapshot != NULL && size_text != NULL)
    return cli_fail (CLI_USAGE, "-l is for an image, and excludes --size");
  if ((size_text != NULL) == (arguments[0] != NULL))
    return cli_fail (CLI_USAGE, "say either FILE or --size");
  if (size_text != NULL)
    return measure_empty ();

  status = img_open_argument (&image, arguments[0], FALSE, FALSE);
  if (status != CLI_DONE)
    return status;

  return img_close (&image, measure (&image, banyan_node_get_length (image.node)));
}

const CliCommand img_measure = {
  .name = "img measure",
  .arguments = "[FILE]",
  .summary = "Tell how large an image would be",
  .description = "Of a copy of FILE, or of an empty image of --size: the bytes that it needs, and "
                 "how many it would have with data everywhere.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = 1,
  .run = run,
};
