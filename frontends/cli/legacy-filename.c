/* legacy-filename.c - file names that say more than a name, as QEMU's -drive has them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "nbd:localhost:10809", "json:{...}", "file:disk.img": only --drive's file= is read so. Everywhere
 * else on the command line a file name is a file name, and a colon in it is a colon. */

#include "legacy-private.h"

#include <string.h>

BanyanSpec *
legacy_read_filename (LegacyDocument *self, LegacyOption *option, const char *name,
                      gboolean *is_whole)
{
  g_autoptr (GError) error = NULL;
  BanyanSpec *node;

  *is_whole = g_str_has_prefix (name, "json:");
  if (*is_whole)
    return banyan_spec_parse_json (name + strlen ("json:"), -1, &option->origin, self->problems);

  node = banyan_spec_from_file_name (name, &option->origin, 0, &error);
  if (node == NULL)
    legacy_refuse (self, option, NULL, "file=%s: %s", name, error->message);
  return node;
}
