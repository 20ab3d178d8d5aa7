/* img-bitmap.c - banyan img bitmap: bitmaps that an image keeps of what was written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <errno.h>

/* What is done, in the order in which it was asked for. */
typedef enum
{
  ACTION_ADD,
  ACTION_REMOVE,
  ACTION_CLEAR,
  ACTION_ENABLE,
  ACTION_DISABLE,
  ACTION_MERGE,
} ActionKind;

typedef struct
{
  ActionKind kind;
  char *source; /* (owned) (nullable): MERGE: the bitmap's name */
} Action;

typedef struct
{
  const char *name;     /* of the bitmap */
  guint64 granularity;  /* of one that is added; 0: what is usual */
  const Action *action; /* under way */
  BanyanBitmap *merged; /* (owned) (nullable): MERGE: what comes from another image */
} Work;

/* What QEMU takes where nothing was said, unless the image's clusters are larger. */
#define USUAL_GRANULARITY 65536
#define LEAST_GRANULARITY 4096

static GArray *actions;
static char *source_file;
static char *source_format;
static char *granularity_text;

static void
action_clear (gpointer data)
{
  g_free (((Action *) data)->source);
}

static gboolean
take_action (const char *option, const char *value, gpointer data, GError **error)
{
  static const char *const names[]
      = { "--add", "--remove", "--clear", "--enable", "--disable", "--merge" };
  Action action = { .source = g_strdup (value) };

  while (!g_str_equal (names[action.kind], option))
    action.kind++;
  if (actions == NULL)
    {
      actions = g_array_new (FALSE, FALSE, sizeof (Action));
      g_array_set_clear_func (actions, action_clear);
    }
  g_array_append_val (actions, action);
  return TRUE;
}

#define ACTION(name, description) \
  { \
    name, 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, (gpointer) take_action, description, \
        NULL \
  }

static const GOptionEntry options[] = {
  ACTION ("add", "Make the bitmap; nothing is set in it, and it records"),
  ACTION ("remove", "Take the bitmap out"),
  ACTION ("clear", "Nothing is set in the bitmap any more"),
  ACTION ("enable", "From now on, the bitmap records what is written"),
  ACTION ("disable", "The bitmap records no more"),
  { "merge", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) take_action,
    "Set what is set in another bitmap, too", "BITMAP" },
  { "source-file", 'b', 0, G_OPTION_ARG_FILENAME, &source_file,
    "The image that has the bitmaps of --merge; the same one without it", "FILE" },
  { "source-format", 'F', 0, G_OPTION_ARG_STRING, &source_format, "The format of that image",
    "DRIVER" },
  { "granularity", 'g', 0, G_OPTION_ARG_STRING, &granularity_text,
    "Bytes that a bit of --add stands for, a power of 2; without it the image's cluster size, 4K "
    "at "
    "least and 64K at most",
    "SIZE" },
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_JSON,
  { NULL },
};

/* -- Listing. -- */

static gboolean BANYAN_COROUTINE
list_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  GPtrArray **list = data;

  *list = banyan_bitmaps_list (BANYAN_BITMAPS (banyan_channel_get_node (channel)), error);
  return *list != NULL;
}

GPtrArray *
img_list_bitmaps (ImgImage *image, GError **error)
{
  GPtrArray *list = NULL;

  if (!BANYAN_IS_BITMAPS (image->node))
    return g_ptr_array_new ();
  return img_run_inside (image, list_inside, &list, error) ? list : NULL;
}

/* -- Inside the image. -- */

/* The one of that name, as it is kept. (transfer full) */
static BanyanBitmapInfo *BANYAN_COROUTINE
find (BanyanBitmaps *bitmaps, const char *name, GError **error)
{
  g_autoptr (GPtrArray) list = banyan_bitmaps_list (bitmaps, error);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      const BanyanBitmapInfo *found = list->pdata[i];
      BanyanBitmapInfo *info;

      if (!g_str_equal (found->name, name))
        continue;
      info = banyan_bitmap_info_new (name, found->granularity);
      info->is_recording = found->is_recording;
      info->is_in_use = found->is_in_use;
      return info;
    }
  if (list != NULL)
    banyan_throw_errno (error, ENOENT, "%s: no bitmap is called \"%s\"",
                        banyan_object_get_id (BANYAN_OBJECT (bitmaps)), name);
  return NULL;
}

static guint64
usual_granularity (BanyanNode *node)
{
  return CLAMP (img_get_cluster_size (node), LEAST_GRANULARITY, USUAL_GRANULARITY);
}

static gboolean BANYAN_COROUTINE
add (BanyanBitmaps *bitmaps, Work *work, GError **error)
{
  guint64 granularity
      = work->granularity != 0 ? work->granularity : usual_granularity (BANYAN_NODE (bitmaps));
  g_autoptr (BanyanBitmapInfo) there = find (bitmaps, work->name, NULL);
  g_autoptr (BanyanBitmapInfo) info = banyan_bitmap_info_new (work->name, granularity);

  if (there != NULL)
    return banyan_throw_errno (error, EEXIST, "%s: there is a bitmap \"%s\" already",
                               banyan_object_get_id (BANYAN_OBJECT (bitmaps)), work->name);
  return banyan_bitmaps_store (bitmaps, info, NULL, error);
}

static gboolean BANYAN_COROUTINE
merge (BanyanBitmaps *bitmaps, Work *work, BanyanBitmap *into, GError **error)
{
  g_autoptr (BanyanBitmap) own = NULL;

  if (work->merged == NULL)
    {
      own = banyan_bitmaps_load (bitmaps, work->action->source, error);
      if (own == NULL)
        return FALSE;
    }
  banyan_bitmap_merge (into, own != NULL ? own : work->merged);
  return TRUE;
}

/* Loading tells whether the bitmap is in order. */
static gboolean BANYAN_COROUTINE
change (BanyanBitmaps *bitmaps, Work *work, GError **error)
{
  ActionKind kind = work->action->kind;
  g_autoptr (BanyanBitmapInfo) info = find (bitmaps, work->name, error);
  g_autoptr (BanyanBitmap) bitmap
      = info != NULL ? banyan_bitmaps_load (bitmaps, work->name, error) : NULL;

  if (bitmap == NULL || (kind == ACTION_MERGE && !merge (bitmaps, work, bitmap, error)))
    return FALSE;
  return banyan_bitmaps_store (bitmaps, info, kind == ACTION_CLEAR ? NULL : bitmap, error);
}

static gboolean BANYAN_COROUTINE
act (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanBitmaps *bitmaps = BANYAN_BITMAPS (banyan_channel_get_node (channel));
  Work *work = data;

  switch (work->action->kind)
    {
    case ACTION_ADD:
      return add (bitmaps, work, error);
    case ACTION_REMOVE:
      return banyan_bitmaps_remove (bitmaps, work->name, error);
    case ACTION_ENABLE:
    case ACTION_DISABLE:
      return banyan_bitmaps_set_recording (bitmaps, work->name, work->action->kind == ACTION_ENABLE,
                                           error);
    default:
      return change (bitmaps, work, error);
    }
}

/* -- From another image. -- */

static gboolean BANYAN_COROUTINE
load (BanyanChannel *channel, gpointer data, GError **error)
{
  Work *work = data;

  work->merged = banyan_bitmaps_load (BANYAN_BITMAPS (banyan_channel_get_node (channel)),
                                      work->action->source, error);
  return work->merged != NULL;
}

static CliStatus
complain_of_format (ImgImage *image)
{
  return cli_fail (CLI_FAILED, "%s: %s images keep no bitmaps", image->name,
                   img_get_format (image->node));
}

static CliStatus
load_merged (Work *work)
{
  ImgSource source = { .argument = source_file, .format = source_format, .without_backing = TRUE };
  g_autoptr (GError) error = NULL;
  ImgImage image;
  CliStatus status = img_open (&image, &source);

  if (status != CLI_DONE)
    return status;

  if (!BANYAN_IS_BITMAPS (image.node))
    status = complain_of_format (&image);
  else if (!img_run_inside (&image, load, work, &error))
    status = cli_fail_with (error);
  return img_close (&image, status);
}

/* -- Into another image. -- */

typedef struct
{
  const BanyanBitmapInfo *info;
  BanyanBitmap *bitmap; /* (owned) (nullable) */
} Moving;

static gboolean BANYAN_COROUTINE
move_out (BanyanChannel *channel, gpointer data, GError **error)
{
  Moving *moving = data;

  moving->bitmap = banyan_bitmaps_load (BANYAN_BITMAPS (banyan_channel_get_node (channel)),
                                        moving->info->name, error);
  return moving->bitmap != NULL;
}

static gboolean BANYAN_COROUTINE
move_in (BanyanChannel *channel, gpointer data, GError **error)
{
  Moving *moving = data;

  return banyan_bitmaps_store (BANYAN_BITMAPS (banyan_channel_get_node (channel)), moving->info,
                               moving->bitmap, error);
}

static gboolean
copy_bitmap (ImgImage *source, ImgImage *target, const BanyanBitmapInfo *info, GError **error)
{
  Moving moving = { .info = info };
  gboolean is_done = img_run_inside (source, move_out, &moving, error)
                     && img_run_inside (target, move_in, &moving, error);

  g_clear_pointer (&moving.bitmap, banyan_bitmap_free);
  return is_done;
}

CliStatus
img_copy_bitmaps (ImgImage *source, ImgImage *target, gboolean skips_broken)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = NULL;

  if (!BANYAN_IS_BITMAPS (source->node))
    return complain_of_format (source);
  if (!BANYAN_IS_BITMAPS (target->node))
    return complain_of_format (target);

  list = img_list_bitmaps (source, &error);
  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      const BanyanBitmapInfo *info = list->pdata[i];

      if (info->is_in_use && skips_broken)
        cli_message ("warning: bitmap \"%s\" is marked as in use, and not copied", info->name);
      else if (!copy_bitmap (source, target, info, &error))
        break;
    }
  if (error == NULL)
    banyan_backend_flush (target->backend, &error);
  return error == NULL ? CLI_DONE : cli_fail_with (error);
}

/* -- All of it. -- */

static CliStatus
act_on (ImgImage *image, Work *work)
{
  CliStatus status = CLI_DONE;
  g_autoptr (GError) error = NULL;

  if (work->action->kind == ACTION_MERGE && source_file != NULL)
    status = load_merged (work);
  if (status == CLI_DONE && !img_run_inside (image, act, work, &error))
    status = cli_fail_with (error);
  g_clear_pointer (&work->merged, banyan_bitmap_free);
  return status;
}

static CliStatus
act_all (ImgImage *image, Work *work)
{
  CliStatus status = BANYAN_IS_BITMAPS (image->node) ? CLI_DONE : complain_of_format (image);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; status == CLI_DONE && i < actions->len; i++)
    {
      work->action = &g_array_index (actions, Action, i);
      status = act_on (image, work);
    }
  if (status == CLI_DONE && !banyan_backend_flush (image->backend, &error))
    return cli_fail_with (error);
  return status;
}

static gboolean
has_action (ActionKind kind)
{
  for (guint i = 0; i < actions->len; i++)
    if (g_array_index (actions, Action, i).kind == kind)
      return TRUE;
  return FALSE;
}

static CliStatus
check_options (void)
{
  if (actions == NULL)
    return cli_fail (CLI_USAGE, "say what is to be done: --add, --remove, --clear, --enable, "
                                "--disable or --merge");
  if (granularity_text != NULL && !has_action (ACTION_ADD))
    return cli_fail (CLI_USAGE, "-g is for --add");
  if (source_file != NULL && !has_action (ACTION_MERGE))
    return cli_fail (CLI_USAGE, "-b is for --merge");
  if (source_format != NULL && source_file == NULL)
    return cli_fail (CLI_USAGE, "-F is for -b");
  return CLI_DONE;
}

static CliStatus
run (char **arguments)
{
  Work work = { .name = arguments[1] };
  CliStatus status = check_options ();
  ImgImage image;

  if (status != CLI_DONE)
    return status;
  if (granularity_text != NULL
      && !img_parse_size (granularity_text, "the granularity", &work.granularity))
    return CLI_USAGE;

  status = img_open_argument (&image, arguments[0], TRUE, TRUE);
  if (status != CLI_DONE)
    return status;
  return img_close (&image, act_all (&image, &work));
}

const CliCommand img_bitmap = {
  .name = "img bitmap",
  .arguments
  = "(--add | --remove | --clear | --enable | --disable | --merge BITMAP)... FILE BITMAP",
  .summary = "Make, change and remove bitmaps that an image keeps",
  .description
  = "What is asked for is done in the order in which it is asked for, each as a whole.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 2,
  .max_arguments = 2,
  .run = run,
};
