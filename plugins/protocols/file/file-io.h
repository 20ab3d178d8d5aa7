/* file-io.h - the operations on an open image file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "file-handle.h"

G_BEGIN_DECLS

/* What has to wait does so in the ring, or in threads where that was asked for. To submit a request
 * to a file system that asks others can wait for them already: the kernel asks whether it polls. */
static inline guint
file_io_waiting (const FileHandle *handle)
{
  return handle->use_threads || handle->asks_others ? BANYAN_IO_OFFLOAD : 0;
}

/* Whatever may take a thread, of the pool or the ring's, takes a place of the file first: storage
 * that hangs keeps the threads it has, and what others have below them needs some as well. */
gssize BANYAN_COROUTINE file_io_offload (FileHandle *handle, BanyanOffloadFunc func, gpointer data);

/* An errno about a range of the image; FALSE. */
gboolean file_io_throw_range (GError **error, int number, const char *id, const char *what,
                              guint64 offset, guint64 length);

/* @id names the node in messages. */
gboolean BANYAN_COROUTINE file_io_read (FileHandle *handle, const char *id,
                                        const BanyanRequest *request, GError **error);
gboolean BANYAN_COROUTINE file_io_write (FileHandle *handle, const char *id,
                                         const BanyanRequest *request, GError **error);
gboolean BANYAN_COROUTINE file_io_flush (FileHandle *handle, const char *id, GError **error);
BanyanAnswer BANYAN_COROUTINE file_io_discard (FileHandle *handle, const char *id,
                                               const BanyanRequest *request, GError **error);
BanyanAnswer BANYAN_COROUTINE file_io_write_zeroes (FileHandle *handle, const char *id,
                                                    const BanyanRequest *request, GError **error);
/* What the page cache has goes to @socket from there (file-send.c). */
BanyanAnswer file_io_send (FileHandle *handle, guint64 offset, gsize length, int socket,
                           gsize *sent);
/* The extent at @offset, at most @length bytes long. */
BanyanAnswer BANYAN_COROUTINE file_io_find_extent (FileHandle *handle, guint64 offset,
                                                   guint64 *length, gboolean *is_data);
gboolean BANYAN_COROUTINE file_io_resize (FileHandle *handle, const char *id, guint64 old_length,
                                          const BanyanResize *resize, GError **error);
BanyanAnswer BANYAN_COROUTINE file_io_copy_range (FileHandle *handle, const char *id,
                                                  FileHandle *source, guint64 source_offset,
                                                  guint64 offset, guint64 length, GError **error);

G_END_DECLS
