/* img-snapshot.c - banyan img snapshot: states of the disk that an image keeps inside
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

static gboolean is_list;
/* Lists, so that an option that is given twice is not half forgotten. */
static char **to_create;
static char **to_apply;
static char **to_remove;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  { "list", 'l', 0, G_OPTION_ARG_NONE, &is_list, "List the snapshots; what is done without options",
    NULL },
  { "create", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &to_create, "Keep the disk as it is now",
    "SNAPSHOT" },
  { "apply", 'a', 0, G_OPTION_ARG_STRING_ARRAY, &to_apply,
    "Make the disk what it was then; what it is now is lost", "SNAPSHOT" },
  { "delete", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &to_remove, "Forget a snapshot", "SNAPSHOT" },
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

/* -- Listing. -- */

static gint64
get_number (BanyanSpec *map, const char *key)
{
  const char *text = banyan_spec_lookup_text (map, key);

  return text != NULL ? g_ascii_strtoll (text, NULL, 10) : 0;
}

static void
append_snapshot (CliTable *table, BanyanSpec *snapshot)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_local (get_number (snapshot, "date-sec"));
  g_autofree char *when = date != NULL ? g_date_time_format (date, "%Y-%m-%d %H:%M:%S") : NULL;
  g_autofree char *size = img_format_size (get_number (snapshot, "vm-state-size"));
  gint64 clock_s = get_number (snapshot, "vm-clock-sec");
  g_autofree char *clock = g_strdup_printf (
      "%02d:%02d:%02d.%03d", (int) (clock_s / 3600), (int) (clock_s / 60 % 60),
      (int) (clock_s % 60), (int) (get_number (snapshot, "vm-clock-nsec") / 1000000));
  const char *count = banyan_spec_lookup_text (snapshot, "icount");

  cli_table_add (table, banyan_spec_lookup_text (snapshot, "id"),
                 banyan_spec_lookup_text (snapshot, "name"), size, when, clock,
                 count != NULL ? count : "--");
}

void
img_append_snapshots (GString *text, BanyanSpec *list)
{
  g_autoptr (CliTable) table = cli_table_new (0, 6);

  cli_table_add (table, "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
  for (guint i = 0; i < banyan_spec_get_length (list); i++)
    append_snapshot (table, banyan_spec_get_item (list, i));
  cli_table_append_to (table, text);
}

static gboolean BANYAN_COROUTINE
list_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  GPtrArray **list = data;

  *list = banyan_snapshots_list (BANYAN_SNAPSHOTS (banyan_channel_get_node (channel)), error);
  return *list != NULL;
}

static BanyanSpecBuilder *
describe (const BanyanSnapshotInfo *info)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "id", info->id);
  banyan_spec_builder_add_string (map, "name", info->name);
  banyan_spec_builder_add_uint (map, "vm-state-size", info->state_length);
  banyan_spec_builder_add_int (map, "date-sec", info->date_us / G_USEC_PER_SEC);
  banyan_spec_builder_add_int (map, "date-nsec", info->date_us % G_USEC_PER_SEC * 1000);
  banyan_spec_builder_add_uint (map, "vm-clock-sec", info->clock_ns / 1000000000);
  banyan_spec_builder_add_uint (map, "vm-clock-nsec", info->clock_ns % 1000000000);
  if (info->n_instructions != G_MAXUINT64)
    banyan_spec_builder_add_uint (map, "icount", info->n_instructions);
  return map;
}

BanyanSpec *
img_list_snapshots (ImgImage *image, GError **error)
{
  g_autoptr (GPtrArray) list = NULL;
  BanyanSpecBuilder *snapshots;

  if (BANYAN_IS_SNAPSHOTS (image->node) && !img_run_inside (image, list_inside, &list, error))
    return NULL;

  snapshots = banyan_spec_builder_new_list ();
  for (guint i = 0; list != NULL && i < list->len; i++)
    banyan_spec_builder_take_built (snapshots, NULL, describe (list->pdata[i]));
  return banyan_spec_builder_end (snapshots);
}

static CliStatus
print_list (ImgImage *image)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) list = img_list_snapshots (image, &error);
  g_autoptr (GString) text = g_string_new ("Snapshot list:\n");

  if (list == NULL)
    return cli_fail_with (error);
  if (img_options.as_json)
    return cli_print_json (list);
  if (banyan_spec_get_length (list) == 0)
    return CLI_DONE;

  img_append_snapshots (text, list);
  return cli_print (text->str);
}

/* -- Changing. -- */

static gboolean BANYAN_COROUTINE
change_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanSnapshots *snapshots = BANYAN_SNAPSHOTS (banyan_channel_get_node (channel));
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();

  if (to_apply != NULL)
    return banyan_snapshots_apply (snapshots, to_apply[0], error);
  if (to_remove != NULL)
    return banyan_snapshots_remove (snapshots, to_remove[0], error);

  info->name = g_strdup (to_create[0]);
  info->disk_length = banyan_channel_get_length (channel);
  info->date_us = g_get_real_time ();
  return banyan_snapshots_create (snapshots, info, error);
}

static CliStatus
change (ImgImage *image)
{
  g_autoptr (GError) error = NULL;

  if (!BANYAN_IS_SNAPSHOTS (image->node))
    return cli_fail (CLI_FAILED, "%s images keep no snapshots", img_get_format (image->node));

  return img_run_inside (image, change_inside, NULL, &error)
                 && banyan_backend_flush (image->backend, &error)
             ? CLI_DONE
             : cli_fail_with (error);
}

static guint
count (char **names)
{
  return names != NULL ? g_strv_length (names) : 0;
}

static CliStatus
run (char **arguments)
{
  guint n = count (to_create) + count (to_apply) + count (to_remove);
  ImgImage image;
  CliStatus status;

  if (n + is_list > 1)
    return cli_fail (CLI_USAGE,
                     "%s: -l, -c, -a and -d exclude each other, and each is given once; run "
                     "banyan img snapshot again for the next",
                     arguments[0]);

  status = n > 0 ? img_open_argument (&image, arguments[0], TRUE, TRUE)
                 : img_open_to_look (&image, arguments[0], TRUE);
  if (status != CLI_DONE)
    return status;

  return img_close (&image, n > 0 ? change (&image) : print_list (&image));
}

const CliCommand img_snapshot = {
  .name = "img snapshot",
  .arguments = "FILE",
  .summary = "List, make, apply and delete snapshots inside an image",
  .description = "SNAPSHOT is an id or a name; an id goes before.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
