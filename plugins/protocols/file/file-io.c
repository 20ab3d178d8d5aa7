/* file-io.c - the operations on an open image file
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Buffered reads are tried on the spot, which for the page cache is much the cheapest. So are
 * buffered writes up to a size: they copy to the page cache, and block only when the kernel makes
 * writers wait for the disk; once one did (file-pace.h), the next ones go through the loop for a
 * while, so that other requests of the thread do not wait with them. Everything else goes through
 * the loop's ring, or through threads where that was asked for. A file system that asks a server,
 * or a process, may make any call wait for that: all go through threads. */

#include "file-io.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_VECTORS 64
#define INLINE_WRITE_MAX (128 * 1024)

gboolean
file_io_throw_range (GError **error, int number, const char *id, const char *what, guint64 offset,
                     guint64 length)
{
  return banyan_throw_errno (error, number,
                             "%s: %s %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT, id, what,
                             length, offset);
}

gssize BANYAN_COROUTINE
file_io_offload (FileHandle *handle, BanyanOffloadFunc func, gpointer data)
{
  gssize result;

  banyan_co_semaphore_acquire (&handle->places);
  result = banyan_co_offload (func, data);
  banyan_co_semaphore_release (&handle->places);
  return result;
}

/* -- Reading and writing. -- */

static gboolean
may_write_inline (FileHandle *handle, guint64 length, int rwf_flags, gint64 now_us)
{
  return !handle->direct && !handle->is_device && !handle->asks_others && rwf_flags == 0
         && length <= INLINE_WRITE_MAX && !file_pace_is_slow (&handle->pace, now_us);
}

typedef struct
{
  FileHandle *handle;
  guint64 offset;
} Split;

static gssize
run_split (gpointer data)
{
  Split *split = data;
  FileHandle *handle = split->handle;
  gssize result = file_folios_split (handle->folios, handle->fd, split->offset);

  if (result < 0)
    BANYAN_LIVE_SET (handle->lost_data, TRUE);
  return result;
}

/* The request waits for it, so that nothing has to be waited for when the file is closed. */
static void BANYAN_COROUTINE
split_folios (FileHandle *handle, guint64 offset)
{
  Split split = { handle, offset };

  if (file_io_offload (handle, run_split, &split) > 0)
    __atomic_fetch_add (handle->n_splits, 1, __ATOMIC_RELAXED);
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
  gint64 took_us = ended_us - begun_us;

  if (is_watched && file_pace_is_long (took_us))
    rest = count_sleeps () == sleeps ? FILE_PACE_RAN : FILE_PACE_SLEPT;
  file_pace_note (&handle->pace, ended_us, took_us, rest);

  banyan_co_charge (MAX (result, 0));
  if (handle->folios != NULL && result > 0
      && file_folios_note (handle->folios, offset, result, took_us))
    split_folios (handle, offset);
  return result < 0 ? -number : result;
}

static gssize BANYAN_COROUTINE
write_some (FileHandle *handle, int fd, const struct iovec *iov, guint n_iov, guint64 offset,
            guint64 length, int rwf_flags)
{
  gint64 begun_us = g_get_monotonic_time ();
  gssize result;

  if (may_write_inline (handle, length, rwf_flags, begun_us))
    return write_inline (handle, fd, iov, n_iov, offset, begun_us);

  banyan_co_semaphore_acquire (&handle->places);
  result = banyan_co_pwritev (fd, iov, n_iov, offset, rwf_flags, file_io_waiting (handle));
  banyan_co_semaphore_release (&handle->places);
  return result;
}

static gboolean
may_read_inline (const FileHandle *handle)
{
  return !handle->direct && !handle->asks_others;
}

static gssize BANYAN_COROUTINE
read_some (FileHandle *handle, int fd, const struct iovec *iov, guint n_iov, guint64 offset)
{
  gssize result = may_read_inline (handle)
                      ? banyan_co_preadv (fd, iov, n_iov, offset, 0, BANYAN_IO_NO_WAIT)
                      : -EAGAIN;

  if (result != -EAGAIN)
    return result;

  banyan_co_semaphore_acquire (&handle->places);
  result = banyan_co_preadv (fd, iov, n_iov, offset, 0, file_io_waiting (handle));
  banyan_co_semaphore_release (&handle->places);
  return result;
}

/* What of @request can go to the direct descriptor. Requests begin on a multiple of its alignment,
 * and end on one unless the file does not. */
static guint64
direct_part (const FileHandle *handle, const BanyanRequest *request)
{
  return request->length - request->length % handle->request_alignment;
}

static gboolean BANYAN_COROUTINE
read_part (FileHandle *handle, int fd, const char *id, const BanyanRequest *request, GError **error)
{
  guint64 done = 0;

  while (done < request->length)
    {
      BanyanRequest rest
          = banyan_request_slice (request, done, request->length - done, request->offset + done);
      struct iovec iov[MAX_VECTORS];
      guint64 covered;
      guint n_iov = banyan_request_flatten (&rest, iov, MAX_VECTORS, &covered);
      gssize result = read_some (handle, fd, iov, n_iov, rest.offset);

      if (result < 0)
        return file_io_throw_range (error, result, id, "reading", request->offset, request->length);
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
  guint64 direct = handle->direct ? direct_part (handle, request) : request->length;
  BanyanRequest part;

  if (direct == request->length)
    return read_part (handle, handle->fd, id, request, error);

  part = banyan_request_slice (request, 0, direct, request->offset);
  if (!read_part (handle, handle->fd, id, &part, error))
    return FALSE;
  part = banyan_request_slice (request, direct, request->length - direct, request->offset + direct);
  return read_part (handle, handle->tail_fd, id, &part, error);
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
        return file_io_throw_range (error, result < 0 ? result : -ENOSPC, id, "writing",
                                    request->offset, request->length);
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

static int BANYAN_COROUTINE
sync_data (FileHandle *handle)
{
  int result;

  banyan_co_semaphore_acquire (&handle->places);
  result = banyan_co_fsync (handle->fd, TRUE, file_io_waiting (handle));
  banyan_co_semaphore_release (&handle->places);
  return result;
}

gboolean BANYAN_COROUTINE
file_io_flush (FileHandle *handle, const char *id, GError **error)
{
  int result = 0;

  if (!BANYAN_LIVE (handle->lost_data))
    result = sync_data (handle);
  /* Writing back may have failed meanwhile. */
  if (result == 0 && !BANYAN_LIVE (handle->lost_data))
    return TRUE;

  BANYAN_LIVE_SET (handle->has_told_loss, TRUE);
  if (result == 0)
    return banyan_throw_errno (error, EIO,
                               "%s: flushing: earlier data could not be put on the disk, and may "
                               "be lost; reopen the image and check it",
                               id);

  if (!handle->direct)
    BANYAN_LIVE_SET (handle->lost_data, TRUE);
  return banyan_throw_errno (error, result, "%s: flushing", id);
}
