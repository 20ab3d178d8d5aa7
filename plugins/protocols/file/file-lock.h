/* file-lock.h - image locks that QEMU understands
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* What one node takes of one file, and lets others have. */
typedef struct _FileLock FileLock;

/* @path: of the image and @owner: of the node, for messages. Refusals name the holder. NULL,
 * without an @error where the file system has no locks. */
FileLock *file_lock_new (int fd, const char *path, const char *owner, guint used, guint shared,
                         GError **error);
void file_lock_free (FileLock *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FileLock, file_lock_free)

/* A change in two steps: grow takes what is new beside what is held; then shrink lets go of all but
 * what is named, which cannot fail. */
gboolean file_lock_grow (FileLock *self, guint used, guint shared, GError **error);
void file_lock_shrink (FileLock *self, guint used, guint shared);
/* Or goes back to what was held before it grew. */
void file_lock_restore (FileLock *self);

G_END_DECLS
