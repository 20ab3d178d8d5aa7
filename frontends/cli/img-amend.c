/* img-amend.c - banyan img amend: changes what an image was made with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <errno.h>

static gboolean is_forced;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_IMAGE_OPTIONS,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_CACHE ("writeback without it"),
  IMG_PROGRESS,
  IMG_QUIET,
  { "force", 0, 0, G_OPTION_ARG_NONE, &is_forced,
    "Also what loses data: the last passphrase of an encrypted image, or what lies behind the end "
    "of a shorter one",
    NULL },
  IMG_JSON,
  { NULL },
};

/* What the bar counts: a fraction of it is done. */
#define PROGRESS_TOTAL 10000

typedef struct
{
  BanyanAmend parent;
  BanyanImageOptions *wanted;
  BanyanCopy progress; /* counts; what has begun goes on to its end */
} Amend;

static void BANYAN_COROUTINE
note_progress (BanyanAmend *amend, double fraction)
{
  Amend *self = (Amend *) amend;

  __atomic_store_n (&self->progress.done, (guint64) (fraction * PROGRESS_TOTAL), __ATOMIC_RELAXED);
}

static gboolean BANYAN_COROUTINE
amend_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  Amend *self = data;

  return banyan_image_options_amend (self->wanted, banyan_channel_get_node (channel), &self->parent,
                                     error);
}

/* Before any work is done that only makes sense with that. */
gboolean
img_can_amend (BanyanNode *node, GError **error)
{
  const char *format = img_get_format (node);
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << BANYAN_PLUGIN_IMAGE, format, error);
  BanyanImageOptionsClass *klass;
  gboolean can;

  if (type == G_TYPE_INVALID)
    return FALSE;

  klass = g_type_class_ref (type);
  can = klass->amend != NULL;
  g_type_class_unref (klass);
  return can
         || banyan_throw_errno (error, ENOTSUP, "%s images cannot be changed in this way yet",
                                format);
}

gboolean
img_amend_image (ImgImage *image, BanyanSpec *map, ImgProgress *progress, GError **error)
{
  g_autoptr (BanyanImageOptions) wanted
      = banyan_image_options_new (img_get_format (image->node), map, error);
  Amend amend = { BANYAN_AMEND_INIT, wanted, BANYAN_COPY_INIT };
  gboolean is_done;

  if (wanted == NULL)
    return FALSE;

  banyan_image_options_set_forced (wanted, is_forced);
  amend.parent.progress = note_progress;
  if (progress != NULL)
    img_progress_follow (progress, &amend.progress);
  is_done = banyan_image_options_bind (wanted, image->graph, error)
            && img_run_inside (image, amend_inside, &amend, error)
            && banyan_backend_flush (image->backend, error);
  if (progress != NULL)
    img_progress_follow (progress, NULL);
  return is_done;
}

/* An image is made shorter by who says that he means it, as by resize. */
static CliStatus
check_size (ImgImage *image, BanyanSpec *map)
{
  const char *text = banyan_spec_lookup_text (map, "size");
  guint64 old = banyan_node_get_length (image->node), length = old;

  if (text != NULL && !img_parse_size (text, "size", &length))
    return CLI_USAGE;
  return length < old && !is_forced ? img_refuse_to_shorten (image, length, "--force") : CLI_DONE;
}

/* What has begun is not stopped half-way: a signal ends the program, as a power cut would. */
static gboolean
amend (ImgImage *image, BanyanSpec *map, GError **error)
{
  ImgProgress progress;
  gboolean is_done;

  img_progress_begin (&progress, PROGRESS_TOTAL);
  is_done = img_amend_image (image, map, &progress, error);
  img_progress_end (&progress, is_done);
  return is_done;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (BanyanSpec) map = NULL;
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status = CLI_DONE;

  if (img_options.format != NULL
      && img_print_options (img_options.options, img_options.format, &status))
    return status;
  if (img_options.options == NULL || arguments[0] == NULL)
    return cli_fail (CLI_USAGE, "usage: banyan img amend -o OPTIONS %s", img_amend.arguments);
  map = img_read_options (img_options.options);
  if (map == NULL)
    return CLI_USAGE;

  status = img_open_argument (&image, arguments[0], TRUE, TRUE);
  if (status != CLI_DONE)
    return status;
  status = check_size (&image, map);
  if (status == CLI_DONE && (!img_can_amend (image.node, &error) || !amend (&image, map, &error)))
    status = cli_fail_with (error);
  return img_close (&image, status);
}

const CliCommand img_amend = {
  .name = "img amend",
  .arguments = "FILE",
  .summary = "Change what an image was made with",
  .description = "Only the options that are given are changed, and only those that the format can "
                 "change in an image that is there.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = 1,
  .run = run,
};
