/* file-cache.h - what the page cache holds of an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* Makes the next reads come from storage. @check: fails where something stayed in the cache. */
gboolean file_cache_drop (int fd, const char *path, gboolean check, GError **error);

/* @path as one line of text, whatever bytes are in it. */
char *file_path_for_message (const char *path);

G_END_DECLS
