/* img-resize.c - banyan img resize: makes an image longer or shorter
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#define SECTOR 512

static gboolean may_shrink;
static char *preallocation_name;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_QUIET,
  { "shrink", 0, 0, G_OPTION_ARG_NONE, &may_shrink,
    "Yes, what lies behind the new end shall be lost", NULL },
  { "preallocation", 0, 0, G_OPTION_ARG_STRING, &preallocation_name,
    "How the new space is taken: off, metadata, falloc or full", "MODE" },
  IMG_JSON,
  { NULL },
};

static gboolean
read_preallocation (BanyanPreallocation *preallocation)
{
  GEnumClass *klass = g_type_class_ref (BANYAN_TYPE_PREALLOCATION);
  GEnumValue *value = preallocation_name != NULL
                          ? g_enum_get_value_by_nick (klass, preallocation_name)
                          : g_enum_get_value (klass, BANYAN_PREALLOCATION_OFF);

  if (value != NULL)
    *preallocation = value->value;
  g_type_class_unref (klass);
  return value != NULL;
}

/* "+1G", "-1G" or "1G". */
static gboolean
read_length (const char *text, guint64 old, guint64 *length)
{
  gboolean is_change = *text == '+' || *text == '-';
  guint64 size;

  if (is_change && (text[1] == '+' || text[1] == '-'))
    {
      cli_message ("size: \"%s\" has more than one sign", text);
      return FALSE;
    }
  if (!img_parse_size (text + is_change, "size", &size))
    return FALSE;
  if (*text == '-' && size > old)
    {
      cli_message ("the image has only %" G_GUINT64_FORMAT " bytes", old);
      return FALSE;
    }
  if (*text == '+' && size > G_MAXINT64 - old)
    {
      cli_message ("the image would have more than 8 EiB");
      return FALSE;
    }

  *length = *text == '+' ? old + size : *text == '-' ? old - size : size;
  *length += -*length % SECTOR;
  return TRUE;
}

static CliStatus
print_length (ImgImage *image)
{
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) spec = NULL;

  if (!img_options.as_json)
    {
      img_say ("Image resized.\n");
      return CLI_DONE;
    }

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "filename", image->name);
  banyan_spec_builder_add_uint (map, "virtual-size", banyan_node_get_length (image->node));
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

static CliStatus
resize (ImgImage *image, const char *text, BanyanPreallocation preallocation)
{
  guint64 old = banyan_node_get_length (image->node), length;
  g_autoptr (GError) error = NULL;

  if (!read_length (text, old, &length))
    return CLI_USAGE;
  if (length < old && !may_shrink)
    return img_refuse_to_shorten (image, length, "--shrink");
  if (length < old && preallocation != BANYAN_PREALLOCATION_OFF)
    return cli_fail (CLI_USAGE, "--preallocation is for images that grow");
  if (!img_set_length (image, length, preallocation, &error)
      || !banyan_backend_flush (image->backend, &error))
    return cli_fail_with (error);

  return print_length (image);
}

static CliStatus
run (char **arguments)
{
  BanyanPreallocation preallocation;
  ImgImage image;
  CliStatus status;

  if (!read_preallocation (&preallocation))
    return cli_fail (CLI_USAGE, "--preallocation is off, metadata, falloc or full, not \"%s\"",
                     preallocation_name);

  status = img_open_argument (&image, arguments[0], TRUE, FALSE);
  if (status != CLI_DONE)
    return status;

  return img_close (&image, resize (&image, arguments[1], preallocation));
}

const CliCommand img_resize = {
  .name = "img resize",
  .arguments = "FILE [+|-]SIZE",
  .summary = "Make an image longer or shorter",
  .description = "SIZE is the new length, or with + or - before it by how much that differs from "
                 "the old. It is rounded up to 512 bytes. Whoever uses the image meanwhile must "
                 "be told; a running graph resizes by banyan apply.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 2,
  .max_arguments = 2,
  .run = run,
  .takes_last_word_as_it_is = TRUE,
};
