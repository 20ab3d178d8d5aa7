/* banyan-file-name.h - file names that say more than a name, where others have written them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A file name in a document is a file name, whatever is in it. Only the headers of images, and
 * options that are taken over from QEMU, have names that are read like this. */

#pragma once

#include <banyan/banyan-problems.h>

G_BEGIN_DECLS

/**
 * BanyanFileNameFlags:
 * @BANYAN_FILE_NAME_OF_IMAGE: it comes from an image's header: what begins with nothing known is a
 *   file all the same, and no descriptor of this process can be meant
 */
typedef enum
{
  BANYAN_FILE_NAME_OF_IMAGE = 1 << 0,
} BanyanFileNameFlags;

/* Whether a driver is one that formats lie on; FALSE, too, where nothing has that name. */
BANYAN_API
gboolean banyan_driver_is_protocol (const char *driver);
/* What a name stands for: a map of the options of a protocol's node. NULL with @error. */
BANYAN_API
BanyanSpec *banyan_spec_from_file_name (const char *name, const BanyanOrigin *origin, guint flags,
                                        GError **error);
/* What an image's header means by the name of its backing, and by its format (nullable): a map of
 * the options of a node. NULL with @error. */
BANYAN_API
BanyanSpec *banyan_spec_from_backing_name (const char *name, const char *format,
                                           const BanyanOrigin *origin, GError **error);
/* Whether it begins with something that means more than a file: "nbd:", "json:". */
BANYAN_API
gboolean banyan_file_name_has_prefix (const char *name);

G_END_DECLS
