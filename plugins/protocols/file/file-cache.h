/* file-cache.h - what the page cache holds of an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* Pages, all of them. A folio is dirty as a whole. */
typedef struct
{
  guint64 n_cached;
  guint64 n_dirty;
  guint64 n_writeback;
  guint64 n_evicted;
  guint64 n_recently_evicted;
} FileCacheState;

/* What there is of a range, its first and last page included. FALSE where nobody tells: before
 * Linux 6.5, in some sandboxes, and on some file systems. */
gboolean file_cache_look (int fd, guint64 offset, guint64 length, FileCacheState *state);

/* Makes the next reads come from storage. @check: fails where something stayed in the cache. */
gboolean file_cache_drop (int fd, const char *path, gboolean check, GError **error);

/* @path as one line of text, whatever bytes are in it. */
char *file_path_for_message (const char *path);

G_END_DECLS
