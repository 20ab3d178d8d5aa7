/* file-folios.h - large folios of the page cache that small writes suffer from
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was written or read ahead in large pieces lies in the page cache in folios of up to 2 MiB,
 * and ext4 goes through all blocks of a folio for every write to it. A guest's write of 4 KiB then
 * takes five times as long as to a small folio. The kernel splits a clean folio when advice is
 * given for a part of it, which changes nothing of what it holds. So a region of the file where
 * small writes prove slow is written back, which the kernel would have done by itself within half a
 * minute, and its folios are split. Whether that was any use, the time of later writes tells.
 *
 * Shared by iothreads. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _FileFolios FileFolios;

/* FALSE where there is nothing to gain: on other file systems, and with a kernel that does not tell
 * what is dirty. */
gboolean file_folios_can_split (int fd);

FileFolios *file_folios_new (void);
void file_folios_free (FileFolios *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FileFolios, file_folios_free)

/* A write on the spot has taken @took_us microseconds. TRUE: it and those before it took so long
 * that splitting would pay, and the caller must call file_folios_split () for the same @offset. */
gboolean file_folios_note (FileFolios *self, guint64 offset, guint64 length, gint64 took_us);

/* Splits the folios of the region of @offset, where something was just written. Waits for storage,
 * some milliseconds, or longer where the disk's queue is full: to be called on the pool's threads.
 *
 * Returns: 1 if it was done, 0 if there is no large one or the disk is too slow, or the negative
 * errno of writing back, of which the kernel may tell nobody else */
gssize file_folios_split (FileFolios *self, int fd, guint64 offset);

G_END_DECLS
