/* img-create.c - banyan img create: makes an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#define SECTOR 512

static char *backing;
static char *backing_format;
static gboolean is_unchecked;

static const GOptionEntry options[] = {
  { "format", 'f', 0, G_OPTION_ARG_STRING, &img_options.format, "The format; raw without it",
    "DRIVER" },
  IMG_IMAGE_OPTIONS,
  { "backing", 'b', 0, G_OPTION_ARG_FILENAME, &backing,
    "What the image is to show where it has no data; relative names are relative to the image",
    "FILE" },
  { "backing-format", 'F', 0, G_OPTION_ARG_STRING, &backing_format, "The format of that",
    "DRIVER" },
  { "unsafe", 'u', 0, G_OPTION_ARG_NONE, &is_unchecked,
    "Do not look for the backing file: it may come later", NULL },
  IMG_OBJECT,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

static CliStatus
measure_backing (const ImgMake *make, guint64 *length)
{
  ImgSource source = { .format = make->backing_format, .is_shared = img_options.is_shared };
  const char *data_file
      = make->options != NULL ? banyan_spec_lookup_text (make->options, "data-file") : NULL;
  ImgImage image;
  CliStatus status = img_open_backing (&image, make->filename, make->backing, source);

  if (status != CLI_DONE)
    return status;

  *length = banyan_node_get_length (image.node);
  if (data_file != NULL && g_str_has_prefix (data_file, "file:"))
    data_file += strlen ("file:");
  if (img_lies_in (image.node, make->filename)
      || (data_file != NULL && img_lies_in (image.node, data_file)))
    status = cli_fail (CLI_REFUSED, "%s cannot be made: %s is, or is backed by, a file of it",
                       make->filename, make->backing);
  return img_close (&image, status);
}

/* As they are written with -o. */
static void
append_options (GString *text, const char *prefix, BanyanSpec *map)
{
  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    {
      BanyanSpec *item = banyan_spec_get_item (map, i);
      g_autofree char *key = g_strconcat (prefix, banyan_spec_get_key (map, i), NULL);
      g_autofree char *inner = g_strconcat (key, ".", NULL);
      g_autofree char *value = cli_spec_to_line (item);

      if (banyan_spec_get_kind (item) == BANYAN_SPEC_MAP)
        append_options (text, inner, item);
      else if (!g_str_equal (key, "size"))
        g_string_append_printf (text, " %s=%s", key, value);
    }
}

static void
tell (const ImgMake *make)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *filename = cli_make_line (make->filename);
  g_autofree char *below = make->backing != NULL ? cli_names_quote (make->backing) : NULL;

  g_string_append_printf (text, "Formatting '%s', fmt=%s size=%" G_GUINT64_FORMAT, filename,
                          make->format, make->length);
  if (below != NULL)
    g_string_append_printf (text, " backing_file=%s backing_fmt=%s", below, make->backing_format);
  if (make->options != NULL)
    append_options (text, "", make->options);
  img_say ("%s\n", text->str);
}

static CliStatus
print_made (const ImgMake *make)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) spec = NULL;

  banyan_spec_builder_add_string (map, "filename", make->filename);
  banyan_spec_builder_add_string (map, "format", make->format);
  banyan_spec_builder_add_uint (map, "virtual-size", make->length);
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

/* A size given with -o is as good as an argument. */
static CliStatus
find_length (ImgMake *make, const char *argument)
{
  const char *given = argument != NULL ? argument : banyan_spec_lookup_text (make->options, "size");
  guint64 backing_length = 0;
  CliStatus status = CLI_DONE;

  if (make->backing != NULL && make->backing_format == NULL)
    return cli_fail (CLI_USAGE, "say which format the backing file has: -F DRIVER");
  if (make->backing != NULL && img_means_itself (make->filename, make->backing))
    return cli_fail (CLI_REFUSED, "%s cannot be its own backing file", make->filename);
  if (make->backing != NULL && !is_unchecked)
    status = measure_backing (make, &backing_length);
  if (status != CLI_DONE)
    return status;
  if (given == NULL && (make->backing == NULL || is_unchecked))
    return cli_fail (CLI_USAGE, "say how large the image is to be");

  make->length = backing_length;
  make->has_length = TRUE;
  if (given != NULL && !img_parse_size (given, "size", &make->length))
    return CLI_USAGE;

  make->length += -make->length % SECTOR;
  return CLI_DONE;
}

static CliStatus
make_it (ImgMake *make, const char *argument)
{
  CliStatus status = find_length (make, argument);

  if (status != CLI_DONE)
    return status;

  img_interrupt_begin ();
  img_interrupt_note ("%s is not whole", make->filename);
  status = img_interrupt_end (img_make (make));
  if (status == CLI_DONE && img_options.as_json)
    return print_made (make);
  if (status == CLI_DONE)
    tell (make);
  return status;
}

static CliStatus
run (char **arguments)
{
  const char *format = img_options.format != NULL ? img_options.format : "raw";
  g_autoptr (BanyanSpec) map = NULL;
  CliStatus status = img_options_check ();
  ImgMake make = {
    .format = format,
    .backing = backing,
    .backing_format = backing_format,
  };

  if (status != CLI_DONE || img_print_options (img_options.options, format, &status))
    return status;
  if (arguments[0] == NULL)
    return cli_fail (CLI_USAGE, "usage: banyan img create %s", img_create.arguments);
  if (img_complain_of_format (format, &status))
    return status;

  make.filename = arguments[0];
  make.options = map = img_read_options (img_options.options);
  if (map == NULL)
    return CLI_USAGE;
  if (make.backing == NULL)
    make.backing = banyan_spec_lookup_text (map, "backing-file");
  if (make.backing_format == NULL)
    make.backing_format = banyan_spec_lookup_text (map, "backing-fmt");
  return make_it (&make, arguments[1]);
}

const CliCommand img_create = {
  .name = "img create",
  .arguments = "FILE [SIZE]",
  .summary = "Make an image",
  .description
  = "Makes the file and the image in it, and the file for its data that an option may name. What "
    "was "
    "in them is lost, unless somebody uses it: then nothing is done. SIZE takes the suffixes K, M, "
    "G, T, P and E, and is rounded up to 512 "
    "bytes; an image with a backing file is as large as that without it. A file that was not "
    "there before is not there either when the image could not be made.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = 2,
  .run = run,
};
