/* file-handle.h - one open image file: descriptor, locks, and what was learnt about it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "file-folios.h"
#include "file-lock.h"
#include "file-options.h"
#include "file-pace.h"

G_BEGIN_DECLS

/* How to open. */
typedef struct
{
  BanyanNode *node;
  BanyanDescriptors *descriptors; /* of the node's graph */
  const char *path;
  gboolean read_only;
  gboolean auto_read_only; /* settle for read-only where writing is refused */
  gboolean direct;
  gboolean lock;
  gboolean must_lock; /* locking: on rather than auto */
  gboolean drop_cache;
  gboolean check_dropped;
  gboolean split_folios;
  guint64 *n_splits; /* atomic: counts them */
  FileAio aio;
  guint used;
  guint shared;
} FileOpen;

/* Shared by iothreads: fields that change are atomics. */
typedef struct
{
  int fd;                         /* (owned) */
  BanyanDescriptors *descriptors; /* (owned) (nullable): whose fd is, where they were passed */
  int tail_fd;    /* (owned): the same file through the page cache, -1 where it is not direct */
  FileLock *lock; /* (owned) (nullable) */
  gboolean read_only;
  gboolean has_settled; /* for read-only, as writing was refused */
  gboolean direct;
  gboolean is_device;
  gboolean use_threads;
  gboolean asks_others; /* its file system waits for a server, or for a process of this machine */
  BanyanCoSemaphore places; /* for calls that may wait: see file_io_offload () */
  guint request_alignment;  /* bytes */
  guint memory_alignment;   /* bytes */
  guint block_size;         /* bytes: of a device; 1 of a file */
  guint64 length;           /* bytes, when it was opened */

  /* What the file system turned out not to do; set once. */
  gboolean no_punch;
  gboolean no_discard;
  gboolean no_zero_range;
  gboolean no_seek_hole;
  gboolean no_copy_range;
  /* A failed fsync may have dropped dirty pages: no later one may call them safe. */
  gboolean lost_data;
  gboolean has_told_loss; /* a flush has failed for it */
  FilePace pace;          /* of buffered writes */
  FileFolios *folios;     /* (owned) (nullable): where they are split */
  guint64 *n_splits;      /* atomic: the node's */
} FileHandle;

/* Waits for storage: called on the pool's threads. Takes no lock. */
FileHandle *file_handle_open (const FileOpen *how, GError **error);
void file_handle_free (FileHandle *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FileHandle, file_handle_free)

/* Asks again how long it is; waits as opening does. */
gboolean file_handle_update_length (FileHandle *self);

/* As @how says; nothing, with success, where locking is auto and the file system has none. What
 * other nodes of this process have is not looked at yet: see file_lock_check (). */
gboolean file_handle_take_lock (FileHandle *self, const FileOpen *how, GError **error);
gboolean file_handle_is_same_file (const FileHandle *self, const FileHandle *other);

G_END_DECLS
