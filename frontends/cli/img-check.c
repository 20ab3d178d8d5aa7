/* img-check.c - banyan img check: whether an image is in order
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The exit status is qemu-img's, which scripts ask for, and not that of the other commands. */

#include "img.h"

#include <stdio.h>

enum
{
  CHECK_FAILED = 1,
  CHECK_CORRUPT = 2,
  CHECK_LEAKS = 3,
  CHECK_UNSUPPORTED = 63,
};

static char *repair;

static const GOptionEntry options[] = {
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  IMG_SHARE,
  IMG_SOURCE_CACHE,
  { "repair", 'r', 0, G_OPTION_ARG_STRING, &repair,
    "Mend what is wrong: leaks, or all, which may be mended wrongly", "WHAT" },
  IMG_QUIET,
  IMG_OUTPUT,
  { NULL },
};

static void
tell_finding (BanyanCheck *check, const char *finding)
{
  if (!img_options.is_quiet)
    cli_message ("%s", finding);
}

static gboolean BANYAN_COROUTINE
check_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), data, error);
}

/* -- Telling. -- */

static void
add_nonzero (BanyanSpecBuilder *map, const char *key, guint64 number)
{
  if (number != 0)
    banyan_spec_builder_add_uint (map, key, number);
}

static CliStatus
print_json (ImgImage *image, const BanyanCheck *check)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) spec = NULL;

  add_nonzero (map, "image-end-offset", check->image_end_offset);
  add_nonzero (map, "total-clusters", check->total_clusters);
  banyan_spec_builder_add_uint (map, "check-errors", check->check_errors);
  add_nonzero (map, "leaks", check->leaks - check->leaks_fixed);
  add_nonzero (map, "leaks-fixed", check->leaks_fixed);
  add_nonzero (map, "corruptions", check->corruptions - check->corruptions_fixed);
  add_nonzero (map, "corruptions-fixed", check->corruptions_fixed);
  add_nonzero (map, "allocated-clusters", check->allocated_clusters);
  add_nonzero (map, "fragmented-clusters", check->fragmented_clusters);
  add_nonzero (map, "compressed-clusters", check->compressed_clusters);
  banyan_spec_builder_add_string (map, "filename", image->name);
  banyan_spec_builder_add_string (map, "format", img_get_format (image->node));
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

static void
say_fixed (const BanyanCheck *check)
{
  if (check->leaks_fixed != 0 || check->corruptions_fixed != 0)
    img_say ("The following inconsistencies were found and repaired:\n\n"
             "    %" G_GUINT64_FORMAT " leaked clusters\n    %" G_GUINT64_FORMAT " corruptions\n\n",
             check->leaks_fixed, check->corruptions_fixed);
}

static void
say_left (const BanyanCheck *check, guint64 corruptions, guint64 leaks)
{
  if (corruptions == 0 && leaks == 0 && check->check_errors == 0)
    img_say ("No errors were found on the image.\n");
  if (corruptions != 0)
    img_say ("\n%" G_GUINT64_FORMAT
             " errors were found on the image.\nData may be corrupted, or further writes to the "
             "image may corrupt it.\n",
             corruptions);
  if (leaks != 0)
    img_say ("\n%" G_GUINT64_FORMAT
             " leaked clusters were found on the image.\nThis means waste of disk space, but no "
             "harm to data.\n",
             leaks);
  if (check->check_errors != 0)
    img_say ("\n%" G_GUINT64_FORMAT " internal errors have occurred during the check.\n",
             check->check_errors);
}

static void
say_clusters (const BanyanCheck *check)
{
  if (check->total_clusters != 0 && check->allocated_clusters != 0)
    img_say ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
             " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
             check->allocated_clusters, check->total_clusters,
             check->allocated_clusters * 100.0 / check->total_clusters,
             check->fragmented_clusters * 100.0 / check->allocated_clusters,
             check->compressed_clusters * 100.0 / check->allocated_clusters);
  if (check->image_end_offset != 0)
    img_say ("Image end offset: %" G_GUINT64_FORMAT "\n", check->image_end_offset);
}

static int
tell (ImgImage *image, const BanyanCheck *check)
{
  guint64 corruptions = check->corruptions - check->corruptions_fixed;
  guint64 leaks = check->leaks - check->leaks_fixed;

  if (img_options.as_json && print_json (image, check) != CLI_DONE)
    return CHECK_FAILED;
  if (!img_options.as_json)
    {
      say_fixed (check);
      say_left (check, corruptions, leaks);
      say_clusters (check);
    }

  if (check->check_errors != 0)
    return CHECK_FAILED;
  return corruptions != 0 ? CHECK_CORRUPT : leaks != 0 ? CHECK_LEAKS : 0;
}

/* -- Checking. -- */

static int
check_image (ImgImage *image, guint fix)
{
  BanyanCheck check = BANYAN_CHECK_INIT;
  g_autoptr (GError) error = NULL;

  if (!BANYAN_IS_CHECKABLE (image->node))
    {
      cli_message ("%s images have nothing that could be checked", img_get_format (image->node));
      return CHECK_UNSUPPORTED;
    }

  check.fix = fix;
  check.found = tell_finding;
  if (!img_run_inside (image, check_inside, &check, &error)
      || (fix != 0 && !banyan_backend_flush (image->backend, &error)))
    {
      cli_fail_with (error);
      return CHECK_FAILED;
    }

  return tell (image, &check);
}

static CliStatus
run (char **arguments)
{
  guint fix = 0;
  ImgImage image;
  CliStatus status;
  int result;

  if (g_strcmp0 (repair, "leaks") == 0)
    fix = BANYAN_CHECK_FIX_LEAKS;
  else if (g_strcmp0 (repair, "all") == 0)
    fix = BANYAN_CHECK_FIX_LEAKS | BANYAN_CHECK_FIX_ERRORS;
  else if (repair != NULL)
    {
      cli_message ("-r is leaks or all, not \"%s\"", repair);
      return (CliStatus) CHECK_FAILED;
    }

  status = fix != 0 ? img_open_to_repair (&image, arguments[0])
                    : img_open_to_look (&image, arguments[0], TRUE);
  if (status != CLI_DONE)
    return (CliStatus) CHECK_FAILED;

  result = check_image (&image, fix);
  if (img_close (&image, CLI_DONE) != CLI_DONE && result == 0)
    result = CHECK_FAILED;
  return (CliStatus) result;
}

const CliCommand img_check = {
  .name = "img check",
  .arguments = "FILE",
  .summary = "Tell whether an image is in order, and mend it",
  .description
  = "The exit status is qemu-img's: 0 the image is in order, 1 the check could not be carried out, "
    "2 there is corruption, 3 there are only leaks, 63 the format has nothing to be checked.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
