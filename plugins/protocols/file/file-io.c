/* file-io.c - the operations on an open image file
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Buffered reads are tried on the spot, which for the page cache is much the cheapest. So are
 * buffered writes up to a size: they copy to the page cache, and block only when the kernel makes
 * writers wait for the disk; once one did (file-pace.h), the next ones go through the loop for a
 * while, so that other requests of the thread do not wait with them. Everything else goes through
 * the loop's ring, or through threads where that was asked for. */

#include "file-io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_VECTORS 64
#define INLINE_WRITE_MAX (128 * 1024)

static gboolean
throw_range (GError **error, int number, const char *id, const char *what, guint64 offset,
             guint64 length)
{
  return banyan_throw_errno (error, number,
                             "%s: %s %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT, id, what,
                             length, offset);
}

/* -- Reading and writing. -- */

/* What has to wait does so in the ring, or in threads where that was asked for. */
static guint
waiting (const FileHandle *handle)
{
  return handle->use_threads ? BANYAN_IO_OFFLOAD : 0;
}

static gboolean
may_write_inline (FileHandle *handle, guint64 length, int rwf_flags, gint64 now_us)
{
  return !handle->direct && !handle->is_device && rwf_flags == 0 && length <= INLINE_WRITE_MAX
         && !file_pace_is_slow (&handle->pace, now_us);
}

/* Times that this thread was made to wait for something other than a processor. */
static glong
count_sleeps (void)
{
  struct rusage usage;

  return getrusage (RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static gssize BANYAN_COROUTINE
write_inline (FileHandle *handle, int fd, const struct iovec *iov, guint n_iov, guint64 offset,
              gint64 begun_us)
{
  gboolean is_watched = file_pace_is_watched (&handle->pace, begun_us);
  glong sleeps = is_watched ? count_sleeps () : 0;
  FilePaceRest rest = FILE_PACE_UNKNOWN;
  gssize result = TEMP_FAILURE_RETRY (pwritev2 (fd, iov, n_iov, offset, 0));
  int number = errno;
  gint64 ended_us = g_get_monotonic_time ();

  if (is_watched)
    rest = count_sleeps () == sleeps ? FILE_PACE_RAN : FILE_PACE_SLEPT;
  file_pace_note (&handle->pace, ended_us, ended_us - begun_us, rest);

  banyan_co_charge ();
  return result < 0 ? -number : result;
}

static gssize BANYAN_COROUTINE
write_some (FileHandle *handle, int fd, const struct iovec *iov, guint n_iov, guint64 offset,
            guint64 length, int rwf_flags)
{
  gint64 begun_us = g_get_monotonic_time ();

  if (may_write_inline (handle, length, rwf_flags, begun_us))
    return write_inline (handle, fd, iov, n_iov, offset, begun_us);
  return banyan_co_pwritev (fd, iov, n_iov, offset, rwf_flags, waiting (handle));
}

/* What of @request can go to the direct descriptor. Requests begin on a multiple of its alignment,
 * and end on one unless the file does not. */
static guint64
direct_part (const FileHandle *handle, const BanyanRequest *request)
{
  return request->length - request->length % handle->request_alignment;
}

static gboolean BANYAN_COROUTINE
read_part (int fd, const char *id, const BanyanRequest *request, guint how, GError **error)
{
  guint64 done = 0;

  while (done < request->length)
    {
      BanyanRequest rest
          = banyan_request_slice (request, done, request->length - done, request->offset + done);
      struct iovec iov[MAX_VECTORS];
      guint64 covered;
      guint n_iov = banyan_request_flatten (&rest, iov, MAX_VECTORS, &covered);
      gssize result = banyan_co_preadv (fd, iov, n_iov, rest.offset, 0, how);

      if (result < 0)
        return throw_range (error, result, id, "reading", request->offset, request->length);
      /* Somebody has cut the file: what is still asked for is zero. */
      if (result == 0)
        {
          banyan_request_fill (request, done, 0, request->length - done);
          return TRUE;
        }
      done += result;
    }

  return TRUE;
}

gboolean BANYAN_COROUTINE
file_io_read (FileHandle *handle, const char *id, const BanyanRequest *request, GError **error)
{
  guint how = waiting (handle);
  guint64 direct;
  BanyanRequest part;

  if (!handle->direct)
    return read_part (handle->fd, id, request, how | BANYAN_IO_TRY_INLINE, error);

  direct = direct_part (handle, request);
  if (direct == request->length)
    return read_part (handle->fd, id, request, how, error);

  part = banyan_request_slice (request, 0, direct, request->offset);
  if (!read_part (handle->fd, id, &part, how, error))
    return FALSE;
  part = banyan_request_slice (request, direct, request->length - direct, request->offset + direct);
  return read_part (handle->tail_fd, id, &part, how, error);
}

static gboolean BANYAN_COROUTINE
write_part (FileHandle *handle, int fd, const char *id, const BanyanRequest *request,
            GError **error)
{
  int rwf_flags = request->flags & BANYAN_REQUEST_FUA ? RWF_DSYNC : 0;
  guint64 done = 0;

  while (done < request->length)
    {
      BanyanRequest rest
          = banyan_request_slice (request, done, request->length - done, request->offset + done);
      struct iovec iov[MAX_VECTORS];
      guint64 covered;
      guint n_iov = banyan_request_flatten (&rest, iov, MAX_VECTORS, &covered);
      gssize result = write_some (handle, fd, iov, n_iov, rest.offset, covered, rwf_flags);

      if (result <= 0)
        return throw_range (error, result < 0 ? result : -ENOSPC, id, "writing", request->offset,
                            request->length);
      done += result;
    }

  return TRUE;
}

gboolean BANYAN_COROUTINE
file_io_write (FileHandle *handle, const char *id, const BanyanRequest *request, GError **error)
{
  guint64 direct = handle->direct ? direct_part (handle, request) : request->length;
  BanyanRequest part;

  if (direct == request->length)
    return write_part (handle, handle->fd, id, request, error);

  part = banyan_request_slice (request, 0, direct, request->offset);
  if (!write_part (handle, handle->fd, id, &part, error))
    return FALSE;
  part = banyan_request_slice (request, direct, request->length - direct, request->offset + direct);
  return write_part (handle, handle->tail_fd, id, &part, error);
}

gboolean BANYAN_COROUTINE
file_io_flush (FileHandle *handle, const char *id, GError **error)
{
  int result;

  if (BANYAN_LIVE (handle->lost_data))
    return banyan_throw_errno (error, EIO,
                               "%s: flushing: an earlier flush failed, and what it should have "
                               "made safe may be lost; reopen the image and check it",
                               id);

  result = banyan_co_fsync (handle->fd, TRUE, waiting (handle));
  if (result == 0)
    return TRUE;

  if (!handle->direct)
    BANYAN_LIVE_SET (handle->lost_data, TRUE);
  return banyan_throw_errno (error, result, "%s: flushing", id);
}

/* -- Space. -- */

static gboolean
is_unsupported (int result)
{
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOTTY || result == -EINVAL;
}

static BanyanAnswer BANYAN_COROUTINE
try_fallocate (FileHandle *handle, const char *id, int mode, gboolean *not_there,
               const BanyanRequest *request, GError **error)
{
  int result;

  if (BANYAN_LIVE (*not_there))
    return BANYAN_UNSUPPORTED;

  result = banyan_co_fallocate (handle->fd, mode | FALLOC_FL_KEEP_SIZE, request->offset,
                                request->length, waiting (handle));
  if (result == 0)
    return BANYAN_DONE;
  if (is_unsupported (result))
    {
      BANYAN_LIVE_SET (*not_there, TRUE);
      return BANYAN_UNSUPPORTED;
    }

  throw_range (error, result, id, "giving up space of", request->offset, request->length);
  return BANYAN_FAILED;
}

BanyanAnswer BANYAN_COROUTINE
file_io_discard (FileHandle *handle, const char *id, const BanyanRequest *request, GError **error)
{
  return try_fallocate (handle, id, FALLOC_FL_PUNCH_HOLE, &handle->no_punch, request, error);
}

/* On a device, to zero a range the kernel may well write zeroes itself: that is not what a caller
 * means who wants no fallback. */
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

  if (banyan_co_offload (run_seek, &seek) < 0)
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

  result = banyan_co_offload (run_resize, &io);
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

/* A source that ends early (EINVAL here) is no error yet: the caller copies by hand, and reads
 * zeroes there. */
BanyanAnswer BANYAN_COROUTINE
file_io_copy_range (FileHandle *handle, const char *id, FileHandle *source, guint64 source_offset,
                    guint64 offset, guint64 length, GError **error)
{
  CopyRange copy = { source->fd, handle->fd, source_offset, offset, length };
  gssize result;

  if (BANYAN_LIVE (handle->no_copy_range))
    return BANYAN_UNSUPPORTED;

  result = banyan_co_offload (run_copy_range, &copy);
  if (result == 0)
    return BANYAN_DONE;
  if (is_unsupported (result) || result == -EXDEV || result == -EBADF || result == -ETXTBSY)
    {
      if (result != -EINVAL)
        BANYAN_LIVE_SET (handle->no_copy_range, TRUE);
      return BANYAN_UNSUPPORTED;
    }

  throw_range (error, result, id, "copying", offset, length);
  return BANYAN_FAILED;
}
