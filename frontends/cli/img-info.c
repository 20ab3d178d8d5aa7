/* img-info.c - banyan img info: what an image is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <sys/stat.h>

static gboolean wants_chain;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  { "backing-chain", 0, 0, G_OPTION_ARG_NONE, &wants_chain,
    "Tell of the images that it is backed by, too", NULL },
  IMG_OUTPUT,
  { NULL },
};

/* -- Numbers. -- */

/* What the files take in which the image lies, the ones that it is backed by not. */
static gboolean
count_space (BanyanNode *node, guint64 *space)
{
  g_autoptr (GPtrArray) children = banyan_element_list_children (BANYAN_ELEMENT (node));
  g_autofree char *filename = NULL;
  gboolean is_known = FALSE;
  struct stat status;

  for (guint i = 0; i < children->len; i++)
    if (!(banyan_child_get_role_flags (children->pdata[i]) & BANYAN_CHILD_COW)
        && banyan_child_get_node (children->pdata[i]) != NULL)
      is_known |= count_space (banyan_child_get_node (children->pdata[i]), space);
  if (children->len > 0)
    return is_known;

  filename = img_dup_filename (node);
  if (filename == NULL || stat (filename, &status) < 0)
    return FALSE;

  *space += status.st_blocks * G_GUINT64_CONSTANT (512);
  return TRUE;
}

/* -- What only this format has: the state that its driver shows. -- */

/* (transfer full) (nullable) */
static char *
dup_text (BanyanNode *node, const char *property)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), property);
  char *text = NULL;

  if (pspec != NULL && G_IS_PARAM_SPEC_STRING (pspec))
    g_object_get (node, property, &text, NULL);
  return text;
}

static BanyanSpec *
read_state (BanyanNode *node, GParamSpec *pspec)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (node), pspec->name, &value);
  return banyan_param_value_to_spec (pspec, &value, &origin);
}

/* What all formats have is told elsewhere; what a class that all share declares is no format's. */
static gboolean
is_specific (BanyanNode *node, GParamSpec *pspec)
{
  static const char *const elsewhere[]
      = { "backing-file", "backing-format", "cluster-size", "dirty", "encrypted", "version", NULL };

  return banyan_param_get_kind (pspec) == BANYAN_PARAM_STATE
         && pspec->owner_type == G_OBJECT_TYPE (node) && !g_strv_contains (elsewhere, pspec->name);
}

/* What QEMU calls versions 2 and 3 of its format. Only in 3 there may be lazy refcounts. */
static void
add_version (BanyanNode *node, BanyanSpecBuilder *map)
{
  guint64 version, is_lazy;

  if (!g_str_equal (img_get_format (node), "qcow2")
      || !cli_node_get_number (node, "version", &version))
    return;

  banyan_spec_builder_add_string (map, "compat", version < 3 ? "0.10" : "1.1");
  if (version > 2 && cli_node_get_number (node, "lazy-refcounts", &is_lazy))
    banyan_spec_builder_add_boolean (map, "lazy-refcounts", is_lazy != 0);
}

/* What QEMU calls it. */
static const char *
name_state (GParamSpec *pspec)
{
  if (g_str_equal (pspec->name, "data-file-name"))
    return "data-file";
  return g_str_equal (pspec->name, "encryption") ? "encrypt" : pspec->name;
}

/* Of a file for data, the name and more are told where there is one. */
static void
add_state (BanyanNode *node, GParamSpec *pspec, BanyanSpecBuilder *map)
{
  g_autoptr (BanyanSpec) value = read_state (node, pspec);
  g_autofree char *data_file = dup_text (node, "data-file-name");
  gboolean is_name = g_str_equal (pspec->name, "data-file-name");

  if (value == NULL || banyan_spec_get_kind (value) == BANYAN_SPEC_NULL
      || (data_file == NULL && (is_name || g_str_equal (pspec->name, "data-file-raw"))))
    return;
  banyan_spec_builder_take (map, name_state (pspec), g_steal_pointer (&value));
}

/* The image's own only, as its snapshots. */
static void
add_bitmaps (ImgImage *image, BanyanNode *node, BanyanSpecBuilder *map)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = node == image->node ? img_list_bitmaps (image, &error) : NULL;
  BanyanSpecBuilder *bitmaps;

  if (error != NULL)
    cli_message ("%s", error->message);
  if (list == NULL || list->len == 0)
    return;

  bitmaps = banyan_spec_builder_new_list ();
  for (guint i = 0; i < list->len; i++)
    {
      const BanyanBitmapInfo *info = list->pdata[i];
      BanyanSpecBuilder *bitmap = banyan_spec_builder_new_map ();
      BanyanSpecBuilder *flags = banyan_spec_builder_new_list ();

      if (info->is_in_use)
        banyan_spec_builder_add_string (flags, NULL, "in-use");
      if (info->is_recording)
        banyan_spec_builder_add_string (flags, NULL, "auto");
      banyan_spec_builder_take_built (bitmap, "flags", flags);
      banyan_spec_builder_add_string (bitmap, "name", info->name);
      banyan_spec_builder_add_uint (bitmap, "granularity", info->granularity);
      banyan_spec_builder_take_built (bitmaps, NULL, bitmap);
    }
  banyan_spec_builder_take_built (map, "bitmaps", bitmaps);
}

static BanyanSpec *
describe_specific (ImgImage *image, BanyanNode *node)
{
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (node), &n);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  add_version (node, map);
  for (guint i = 0; i < n; i++)
    if (is_specific (node, pspecs[i]))
      add_state (node, pspecs[i], map);

  add_bitmaps (image, node, map);
  return banyan_spec_builder_end (map);
}

/* -- What the header says that it is backed by, opened or not. -- */

static void
add_backing (BanyanNode *node, BanyanSpecBuilder *map)
{
  g_autofree char *name = dup_text (node, "backing-file");
  g_autofree char *format = dup_text (node, "backing-format");
  g_autofree char *image = img_dup_filename (node);
  g_autofree char *folder = image != NULL ? g_path_get_dirname (image) : NULL;
  g_autofree char *full = NULL;

  if (name == NULL)
    return;

  /* To QEMU a colon before any slash is a protocol's. */
  full = folder == NULL || g_path_is_absolute (name) || name[strcspn (name, ":/")] == ':'
                 || g_str_equal (folder, ".")
             ? g_strdup (name)
             : g_build_filename (folder, name, NULL);
  banyan_spec_builder_add_string (map, "backing-filename", name);
  banyan_spec_builder_add_string (map, "full-backing-filename", full);
  banyan_spec_builder_add_string (map, "backing-filename-format", format);
}

static gboolean
is_set (BanyanNode *node, const char *property)
{
  guint64 value;

  return cli_node_get_number (node, property, &value) && value != 0;
}

/* -- Snapshots. -- */

/* The image's own only: who is backed by it shows none of them. */
static void
add_snapshots (ImgImage *image, BanyanNode *node, BanyanSpecBuilder *map)
{
  g_autoptr (GError) error = NULL;
  BanyanSpec *list;

  if (node != image->node)
    return;

  list = img_list_snapshots (image, &error);
  if (list == NULL)
    cli_message ("%s", error->message);
  else if (banyan_spec_get_length (list) == 0)
    banyan_spec_unref (list);
  else
    banyan_spec_builder_take (map, "snapshots", list);
}

/* -- The whole, in QEMU's shape. -- */

static BanyanSpecBuilder *describe (ImgImage *image, BanyanNode *node);

static void
add_children (ImgImage *image, BanyanNode *node, BanyanSpecBuilder *map)
{
  g_autoptr (GPtrArray) children = banyan_element_list_children (BANYAN_ELEMENT (node));
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < children->len; i++)
    {
      BanyanSpecBuilder *child;

      if ((banyan_child_get_role_flags (children->pdata[i]) & BANYAN_CHILD_COW)
          || banyan_child_get_node (children->pdata[i]) == NULL)
        continue;
      child = banyan_spec_builder_new_map ();
      banyan_spec_builder_add_string (child, "name", banyan_child_get_role (children->pdata[i]));
      banyan_spec_builder_take_built (child, "info",
                                      describe (image, banyan_child_get_node (children->pdata[i])));
      banyan_spec_builder_take_built (list, NULL, child);
    }

  banyan_spec_builder_take_built (map, "children", list);
}

static void
add_specific (ImgImage *image, BanyanNode *node, BanyanSpecBuilder *map)
{
  BanyanSpec *data = describe_specific (image, node);
  BanyanSpecBuilder *specific;

  if (banyan_spec_get_length (data) == 0)
    {
      banyan_spec_unref (data);
      return;
    }

  specific = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (specific, "type", img_get_format (node));
  banyan_spec_builder_take (specific, "data", data);
  banyan_spec_builder_take_built (map, "format-specific", specific);
}

static BanyanSpecBuilder *
describe (ImgImage *image, BanyanNode *node)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *filename = img_dup_filename (node);
  guint64 space = 0, cluster_size;

  add_children (image, node, map);
  add_snapshots (image, node, map);
  banyan_spec_builder_add_uint (map, "virtual-size", banyan_node_get_length (node));
  banyan_spec_builder_add_string (map, "filename",
                                  node == image->node && filename == NULL ? image->name : filename);
  if (cli_node_get_number (node, "cluster-size", &cluster_size) && cluster_size > 0)
    banyan_spec_builder_add_uint (map, "cluster-size", cluster_size);
  banyan_spec_builder_add_string (map, "format", img_get_format (node));
  if (count_space (node, &space))
    banyan_spec_builder_add_uint (map, "actual-size", space);
  add_specific (image, node, map);
  add_backing (node, map);
  if (is_set (node, "encrypted"))
    banyan_spec_builder_add_boolean (map, "encrypted", TRUE);
  banyan_spec_builder_add_boolean (map, "dirty-flag", is_set (node, "dirty"));
  return map;
}

/* -- For people. -- */

static guint64
get_number (BanyanSpec *map, const char *key)
{
  const char *text = banyan_spec_lookup_text (map, key);

  return text != NULL ? g_ascii_strtoull (text, NULL, 10) : 0;
}

static void
append_size (GString *text, const char *label, guint64 bytes, gboolean with_bytes)
{
  g_autofree char *size = img_format_size (bytes);

  g_string_append_printf (text, "%s: %s", label, size);
  if (with_bytes)
    g_string_append_printf (text, " (%" G_GUINT64_FORMAT " bytes)", bytes);
  g_string_append_c (text, '\n');
}

/* What has parts has them below it, deeper, those of a list by their numbers. */
static void
append_nested (GString *text, BanyanSpec *spec, guint depth)
{
  gboolean is_map = banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP;

  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      BanyanSpec *item = banyan_spec_get_item (spec, i);
      BanyanSpecKind kind = banyan_spec_get_kind (item);
      gboolean has_parts = kind == BANYAN_SPEC_MAP || kind == BANYAN_SPEC_LIST;
      g_autofree char *value = has_parts ? NULL : cli_spec_to_line (item);

      g_string_append_printf (text, "%*s", 4 * depth, "");
      if (is_map)
        g_string_append_printf (text, "%s:", banyan_spec_get_key (spec, i));
      else
        g_string_append_printf (text, "[%u]:", i);
      g_string_append_printf (text, "%s%s\n", has_parts ? "" : " ", has_parts ? "" : value);
      if (has_parts)
        append_nested (text, item, depth + 1);
    }
}

static void
append_specific (GString *text, BanyanSpec *map)
{
  BanyanSpec *data = cli_spec_get (cli_spec_get (map, "format-specific"), "data");

  if (data == NULL)
    return;

  g_string_append (text, "Format specific information:\n");
  append_nested (text, data, 1);
}

static void
append_snapshots (GString *text, BanyanSpec *list)
{
  if (list == NULL)
    return;

  g_string_append (text, "Snapshot list:\n");
  img_append_snapshots (text, list);
}

/* (transfer full) (nullable): what an image says is not to look like what we say. */
static char *
dup_quoted (BanyanSpec *map, const char *key)
{
  const char *name = banyan_spec_lookup_text (map, key);

  return name != NULL ? cli_names_quote (name) : NULL;
}

static void
append_image (GString *text, BanyanSpec *map)
{
  g_autofree char *filename = dup_quoted (map, "filename");
  g_autofree char *backing = dup_quoted (map, "backing-filename");
  g_autofree char *full = dup_quoted (map, "full-backing-filename");
  g_autofree char *format = dup_quoted (map, "backing-filename-format");

  g_string_append_printf (text, "image: %s\n", filename);
  g_string_append_printf (text, "file format: %s\n", banyan_spec_lookup_text (map, "format"));
  append_size (text, "virtual size", get_number (map, "virtual-size"), TRUE);
  if (banyan_spec_lookup (map, "actual-size") != NULL)
    append_size (text, "disk size", get_number (map, "actual-size"), FALSE);
  else
    g_string_append (text, "disk size: unavailable\n");
  if (banyan_spec_lookup (map, "encrypted") != NULL)
    g_string_append (text, "encrypted: yes\n");
  if (banyan_spec_lookup (map, "cluster-size") != NULL)
    g_string_append_printf (text, "cluster_size: %" G_GUINT64_FORMAT "\n",
                            get_number (map, "cluster-size"));
  if (g_strcmp0 (banyan_spec_lookup_text (map, "dirty-flag"), "true") == 0)
    g_string_append (text, "cleanly shut down: no\n");
  if (backing != NULL && g_strcmp0 (backing, full) != 0 && full != NULL)
    g_string_append_printf (text, "backing file: %s (actual path: %s)\n", backing, full);
  else if (backing != NULL)
    g_string_append_printf (text, "backing file: %s\n", backing);
  if (format != NULL)
    g_string_append_printf (text, "backing file format: %s\n", format);
  append_snapshots (text, cli_spec_get (map, "snapshots"));
  append_specific (text, map);
}

static CliStatus
print_images (BanyanSpec *list)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *printable = NULL;

  if (img_options.as_json)
    return cli_print_json (wants_chain ? list : banyan_spec_get_item (list, 0));

  for (guint i = 0; i < banyan_spec_get_length (list); i++)
    {
      if (i > 0)
        g_string_append_c (text, '\n');
      append_image (text, banyan_spec_get_item (list, i));
    }
  printable = cli_make_printable (text->str);
  return cli_print (printable);
}

static CliStatus
run (char **arguments)
{
  BanyanSpecBuilder *list;
  g_autoptr (BanyanSpec) images = NULL;
  ImgImage image;
  CliStatus status = img_open_to_look (&image, arguments[0], !wants_chain);

  if (status != CLI_DONE)
    return status;

  list = banyan_spec_builder_new_list ();
  for (BanyanNode *node = image.node; node != NULL;
       node = wants_chain ? img_get_backing (node) : NULL)
    banyan_spec_builder_take_built (list, NULL, describe (&image, node));
  images = banyan_spec_builder_end (list);
  return img_close (&image, print_images (images));
}

const CliCommand img_info = {
  .name = "img info",
  .arguments = "FILE",
  .summary = "Tell what an image is",
  .description = "The format, the length that a guest sees, the space that the files take, the "
                 "backing file, and what only the format has. In JSON the keys are qemu-img's.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
