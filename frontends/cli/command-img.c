/* command-img.c - banyan img: makes images, tells about them, copies and changes them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands and options are qemu-img's. Each lies in a file of its own, img-NAME.c. */

#include "img.h"

static gboolean as_json;

static const CliCommand *const commands[] = {
  &img_create,  &img_info,    &img_map,    &img_check,    &img_convert, &img_dd,
  &img_compare, &img_measure, &img_resize, &img_snapshot, &img_bitmap,  &img_amend,
  &img_rebase,  &img_commit,  &img_bench,  NULL,
};

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the list of the commands in JSON", NULL },
  { NULL },
};

static CliStatus
run (char **arguments)
{
  return as_json
             ? cli_print_commands_as_json (&cli_img)
             : cli_fail (CLI_USAGE, "usage: banyan img %s; see banyan help img", cli_img.arguments);
}

const CliCommand cli_img = {
  .name = "img",
  .arguments = "COMMAND [ARGUMENT...]",
  .summary = "Make, copy, examine and change images",
  .description
  = "Each command has qemu-img's name and options; banyan help img COMMAND tells them. An image is "
    "a file, of the format that -f says, or that the file begins like; a node of a document, "
    "FILE.yaml or FILE.yaml:NODE; or with --image-opts any node in dotted keys.",
  .options = options,
  .run = run,
  .commands = commands,
};
