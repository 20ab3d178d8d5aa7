/* file-space.c - holes, zeroes, length and copies of an open image file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* -- Holes and zeroes. -- */

/* What the kernel says of a call that the file system, or the device, has not got. EINVAL is not
 * among them: some refuse single ranges by it. */
static gboolean
is_missing (int result)
{
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOTTY || result == -ENODEV;
}

/* What has not been there once is not asked for again. */
static BanyanAnswer
answer_for (int result, gboolean *not_there)
{
  if (result == 0)
    return BANYAN_DONE;
  if (is_missing (result))
    BANYAN_LIVE_SET (*not_there, TRUE);
  return is_missing (result) || result == -EINVAL ? BANYAN_UNSUPPORTED : BANYAN_FAILED;
}

static BanyanAnswer BANYAN_COROUTINE
try_fallocate (FileHandle *handle, const char *id, int mode, gboolean *not_there,
               const BanyanRequest *request, GError **error)
{
  BanyanAnswer answer;
  int result;

  if (BANYAN_LIVE (*not_there))
    return BANYAN_UNSUPPORTED;

  banyan_co_semaphore_acquire (&handle->places);
  result = banyan_co_fallocate (handle->fd, mode | FALLOC_FL_KEEP_SIZE, request->offset,
                                request->length, file_io_waiting (handle));
  banyan_co_semaphore_release (&handle->places);
  answer = answer_for (result, not_there);
  if (answer == BANYAN_FAILED)
    file_io_throw_range (error, result, id,
                         mode & FALLOC_FL_PUNCH_HOLE ? "giving up space of" : "zeroing",
                         request->offset, request->length);
  return answer;
}

typedef struct
{
  int fd;
  guint64 range[2]; /* first byte and length, as the kernel takes them */
} DeviceDiscard;

static gssize
run_device_discard (gpointer data)
{
  DeviceDiscard *discard = data;

  return TEMP_FAILURE_RETRY (ioctl (discard->fd, BLKDISCARD, discard->range)) < 0 ? -errno : 0;
}

/* To punch a hole in a device would promise zeroes; a discard need not. */
static BanyanAnswer BANYAN_COROUTINE
discard_device (FileHandle *handle, const char *id, const BanyanRequest *request, GError **error)
{
  DeviceDiscard discard = { handle->fd, { request->offset, request->length } };
  BanyanAnswer answer;
  gssize result;

  if (BANYAN_LIVE (handle->no_discard))
    return BANYAN_UNSUPPORTED;

  result = file_io_offload (handle, run_device_discard, &discard);
  answer = answer_for (result, &handle->no_discard);
  if (answer == BANYAN_FAILED)
    file_io_throw_range (error, result, id, "discarding", request->offset, request->length);
  return answer;
}

BanyanAnswer BANYAN_COROUTINE
file_io_discard (FileHandle *handle, const char *id, const BanyanRequest *request, GError **error)
{
  if (handle->is_device)
    return discard_device (handle, id, request, error);

  return try_fallocate (handle, id, FALLOC_FL_PUNCH_HOLE, &handle->no_punch, request, error);
}

/* For a device the kernel makes of these what BLKZEROOUT would. To zero a range it may well write
 * zeroes itself: that is not what a caller means who wants no fallback. */
BanyanAnswer BANYAN_COROUTINE
file_io_write_zeroes (FileHandle *handle, const char *id, const BanyanRequest *request,
                      GError **error)
{
  BanyanAnswer answer = BANYAN_UNSUPPORTED;

  if (request->flags & BANYAN_REQUEST_MAY_UNMAP)
    answer = try_fallocate (handle, id, FALLOC_FL_PUNCH_HOLE, &handle->no_punch, request, error);
  if (answer == BANYAN_UNSUPPORTED
      && !(handle->is_device && (request->flags & BANYAN_REQUEST_NO_FALLBACK)))
    answer
        = try_fallocate (handle, id, FALLOC_FL_ZERO_RANGE, &handle->no_zero_range, request, error);
  if (answer == BANYAN_DONE && (request->flags & BANYAN_REQUEST_FUA)
      && !file_io_flush (handle, id, error))
    return BANYAN_FAILED;
  return answer;
}

typedef struct
{
  int fd;
  guint64 offset;
  guint64 length;
  gboolean is_data;
} Seek;

/* Two seeks tell the extent: where data begins from here on, and where it ends. */
static gssize
run_seek (gpointer data)
{
  Seek *seek = data;
  off_t found = lseek (seek->fd, seek->offset, SEEK_DATA);

  if (found < 0 && errno != ENXIO)
    return -errno;

  seek->is_data = found >= 0 && (guint64) found == seek->offset;
  if (!seek->is_data)
    {
      if (found >= 0)
        seek->length = MIN (seek->length, (guint64) found - seek->offset);
      return 0;
    }

  found = lseek (seek->fd, seek->offset, SEEK_HOLE);
  if (found < 0)
    return -errno;
  if ((guint64) found > seek->offset)
    seek->length = MIN (seek->length, (guint64) found - seek->offset);
  return 0;
}

BanyanAnswer BANYAN_COROUTINE
file_io_find_extent (FileHandle *handle, guint64 offset, guint64 *length, gboolean *is_data)
{
  Seek seek = { handle->fd, offset, *length, TRUE };

  if (handle->is_device || BANYAN_LIVE (handle->no_seek_hole))
    return BANYAN_UNSUPPORTED;

  if (file_io_offload (handle, run_seek, &seek) < 0)
    {
      BANYAN_LIVE_SET (handle->no_seek_hole, TRUE);
      return BANYAN_UNSUPPORTED;
    }

  *length = seek.length;
  *is_data = seek.is_data;
  return BANYAN_DONE;
}

/* -- Resizing. -- */

typedef struct
{
  int fd;
  guint64 old_length;
  guint64 length;
  BanyanPreallocation preallocation;
} Resize;

static gssize
write_zeroes_by_hand (int fd, guint64 from, guint64 to)
{
  static const guint8 zeroes[64 * 1024];

  while (from < to)
    {
      gssize written
          = TEMP_FAILURE_RETRY (pwrite (fd, zeroes, MIN (sizeof zeroes, to - from), from));

      if (written < 0)
        return -errno;
      from += written;
    }
  return 0;
}

/* What cannot be had in full is taken back. */
static gssize
run_resize (gpointer data)
{
  const Resize *resize = data;
  gssize result = 0;

  if (ftruncate (resize->fd, resize->length) < 0)
    return -errno;
  if (resize->length <= resize->old_length)
    return 0;

  if (resize->preallocation == BANYAN_PREALLOCATION_FALLOC)
    result = -posix_fallocate (resize->fd, resize->old_length, resize->length - resize->old_length);
  else if (resize->preallocation == BANYAN_PREALLOCATION_FULL)
    result = write_zeroes_by_hand (resize->fd, resize->old_length, resize->length);
  if (result < 0 && ftruncate (resize->fd, resize->old_length) < 0)
    g_warning ("cannot cut a file back to %" G_GUINT64_FORMAT " bytes: %s", resize->old_length,
               g_strerror (errno));
  return result;
}

static gboolean
resize_device (FileHandle *handle, const char *id, const BanyanResize *resize, GError **error)
{
  guint64 length;

  if (ioctl (handle->fd, BLKGETSIZE64, &length) == 0
      && (resize->exact ? resize->length == length : resize->length <= length))
    return TRUE;

  return banyan_throw_errno (error, ENOTSUP, "%s: a block device cannot be resized from here", id);
}

gboolean BANYAN_COROUTINE
file_io_resize (FileHandle *handle, const char *id, guint64 old_length, const BanyanResize *resize,
                GError **error)
{
  Resize io = { handle->fd, old_length, resize->length, resize->preallocation };
  gssize result;

  if (handle->is_device)
    return resize_device (handle, id, resize, error);
  if (resize->length > G_MAXINT64)
    return banyan_throw_errno (error, EFBIG, "%s: resizing to %" G_GUINT64_FORMAT " bytes", id,
                               resize->length);

  result = file_io_offload (handle, run_resize, &io);
  if (result < 0)
    return banyan_throw_errno (error, result, "%s: resizing to %" G_GUINT64_FORMAT " bytes", id,
                               resize->length);
  return TRUE;
}

/* -- Copying within the kernel. -- */

typedef struct
{
  int from;
  int to;
  guint64 from_offset;
  guint64 to_offset;
  guint64 length;
} CopyRange;

static gssize
run_copy_range (gpointer data)
{
  CopyRange *copy = data;
  loff_t from = copy->from_offset;
  loff_t to = copy->to_offset;

  while (copy->length > 0)
    {
      gssize copied = TEMP_FAILURE_RETRY (
          copy_file_range (copy->from, &from, copy->to, &to, copy->length, 0));

      if (copied < 0)
        return -errno;
      if (copied == 0)
        return -EINVAL;
      copy->length -= copied;
    }
  return 0;
}

/* A source that ends early (EINVAL here), ranges that overlap in one file (EINVAL, too) and a
 * source on another file system are no errors yet: the caller copies by hand. */
BanyanAnswer BANYAN_COROUTINE
file_io_copy_range (FileHandle *handle, const char *id, FileHandle *source, guint64 source_offset,
                    guint64 offset, guint64 length, GError **error)
{
  CopyRange copy = { source->fd, handle->fd, source_offset, offset, length };
  gssize result;

  if (BANYAN_LIVE (handle->no_copy_range))
    return BANYAN_UNSUPPORTED;

  result = file_io_offload (handle, run_copy_range, &copy);
  if (result == 0)
    return BANYAN_DONE;
  if (is_missing (result))
    BANYAN_LIVE_SET (handle->no_copy_range, TRUE);
  if (is_missing (result) || result == -EINVAL || result == -EXDEV || result == -EBADF
      || result == -ETXTBSY)
    return BANYAN_UNSUPPORTED;

  file_io_throw_range (error, result, id, "copying", offset, length);
  return BANYAN_FAILED;
}
