/* file-lock.h - image locks that QEMU understands
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* What one node takes of one file, and lets others have. */
typedef struct _FileLock FileLock;

/* Takes what @node needs of the file behind @fd from other processes; @path is for messages.
 * Refusals name the holder. NULL, without an @error where the file system has no locks. */
FileLock *file_lock_new (int fd, const char *path, BanyanNode *node, guint used, guint shared,
                         GError **error);
void file_lock_free (FileLock *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FileLock, file_lock_free)

/* For the moment in which a file is made anew: refuses if anybody uses what is there. Held until
 * @fd is closed. */
gboolean file_lock_take_alone (int fd, const char *path, GError **error);

/* A change in steps. First the lock is told what it will be (nothing: it will be let go); what is
 * new of that is taken beside what is held. */
gboolean file_lock_grow (FileLock *self, guint used, guint shared, GError **error);
void file_lock_plan_to_leave (FileLock *self);
/* Then, when all locks of the change know that, come the conflicts between nodes of this process.
 * As it is, too, where nothing was planned. */
gboolean file_lock_check (FileLock *self, GError **error);
/* And then it becomes what was planned, which cannot fail, or stays what it was. */
void file_lock_shrink (FileLock *self);
void file_lock_restore (FileLock *self);

G_END_DECLS
