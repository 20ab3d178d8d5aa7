/* img-map.c - banyan img map: what is allocated, and where
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <errno.h>

static char *start_text;
static char *length_text;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  { "start-offset", 's', 0, G_OPTION_ARG_STRING, &start_text, "Where to begin", "OFFSET" },
  { "max-length", 'l', 0, G_OPTION_ARG_STRING, &length_text, "How much to tell about", "LENGTH" },
  IMG_OUTPUT,
  { NULL },
};

typedef struct
{
  GString *text;
  gboolean is_unclear; /* data that lies in no file as it is */
} Map;

static const char *
word (guint flags, guint flag)
{
  return flags & flag ? "true" : "false";
}

/* One line each, as qemu-img has them, which some scripts read so. */
static void
add_json (const ImgExtent *extent, gpointer data)
{
  Map *map = data;
  guint flags = extent->flags;
  gboolean is_present = (flags & (BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_DATA)) != 0;
  g_autofree char *offset
      = flags & BANYAN_BLOCK_LOCATED
            ? g_strdup_printf (", \"offset\": %" G_GUINT64_FORMAT, extent->offset)
            : g_strdup ("");

  g_string_append_printf (
      map->text,
      "%s{ \"start\": %" G_GUINT64_FORMAT ", \"length\": %" G_GUINT64_FORMAT
      ", \"depth\": %u, \"present\": %s, \"zero\": %s, \"data\": %s, \"compressed\": %s%s}",
      map->text->len > 1 ? ",\n" : "", extent->start, extent->length, extent->depth,
      is_present ? "true" : "false", word (flags, BANYAN_BLOCK_ZERO),
      word (flags, BANYAN_BLOCK_DATA), word (flags, BANYAN_BLOCK_COMPRESSED), offset);
}

static void
add_line (const ImgExtent *extent, gpointer data)
{
  Map *map = data;
  g_autofree char *filename = NULL, *shown = NULL;
  char number[3][32];

  if ((extent->flags & BANYAN_BLOCK_ZERO) || !(extent->flags & BANYAN_BLOCK_DATA))
    return;
  if (!(extent->flags & BANYAN_BLOCK_LOCATED) || extent->leaf == NULL)
    {
      map->is_unclear = TRUE;
      return;
    }

  filename = img_dup_filename (extent->leaf);
  shown = filename != NULL ? cli_names_quote (filename) : NULL;
  g_snprintf (number[0], sizeof number[0], "%#" G_GINT64_MODIFIER "x", extent->start);
  g_snprintf (number[1], sizeof number[1], "%#" G_GINT64_MODIFIER "x", extent->length);
  g_snprintf (number[2], sizeof number[2], "%#" G_GINT64_MODIFIER "x", extent->offset);
  g_string_append_printf (map->text, "%-16s%-16s%-16s%s\n", number[0], number[1], number[2],
                          shown != NULL ? shown
                                        : banyan_object_get_id (BANYAN_OBJECT (extent->leaf)));
}

static CliStatus
map_image (ImgImage *image, guint64 start, guint64 length)
{
  gboolean as_json = img_options.as_json;
  Map map = { g_string_new (as_json ? "[" : NULL), FALSE };
  g_autoptr (GString) text = map.text;
  g_autoptr (GError) error = NULL;

  if (!as_json)
    g_string_append_printf (text, "%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
  if (!img_foreach_extent (image, start, length, as_json ? add_json : add_line, &map, &error))
    return cli_fail_with (error);
  if (map.is_unclear)
    return cli_fail (CLI_FAILED,
                     "%s has data that lies in no file as it is: compressed, encrypted or in "
                     "memory. --output=json tells of it, too",
                     image->name);

  g_string_append (text, as_json ? "]\n" : "");
  return cli_print (text->str);
}

static CliStatus
run (char **arguments)
{
  guint64 start = 0, length = G_MAXUINT64;
  ImgImage image;
  CliStatus status;

  if ((start_text != NULL && !img_parse_size (start_text, "start-offset", &start))
      || (length_text != NULL && !img_parse_size (length_text, "max-length", &length)))
    return CLI_USAGE;

  status = img_open_argument (&image, arguments[0], FALSE, FALSE);
  if (status != CLI_DONE)
    return status;

  return img_close (&image, map_image (&image, start, length));
}

const CliCommand img_map = {
  .name = "img map",
  .arguments = "FILE",
  .summary = "Tell what is allocated, and where it lies",
  .description = "For people: the data, and where in which file of the chain it lies as it is. In "
                 "JSON: all extents, with the depth in the chain at which they are decided.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
