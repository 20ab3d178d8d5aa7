/* banyan-co-file.c - file I/O that coroutines wait for
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An operation, its vector and what says that it is done lie on the stack of the coroutine, which
 * therefore stays until the kernel or the pool has ended it: file I/O is not cancelled. Only the
 * loop's thread touches them, but for a thread of the pool that carries one out.
 *
 * There are three ways to go: on the spot, in the loop's ring, or on a thread of the pool, which is
 * also how loops without a ring do it. Who asks for a way says so in the flags, as it depends on
 * the file which is the fastest. */

#include "banyan-loop-core.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static gssize
run_once (const BanyanFileOp *op)
{
  switch (op->kind)
    {
    case BANYAN_FILE_READ:
      return preadv2 (op->fd, op->iov, (int) op->n_iov, (off_t) op->offset, op->rwf_flags);
    case BANYAN_FILE_WRITE:
      return pwritev2 (op->fd, op->iov, (int) op->n_iov, (off_t) op->offset, op->rwf_flags);
    case BANYAN_FILE_SYNC:
      return op->data_only ? fdatasync (op->fd) : fsync (op->fd);
    case BANYAN_FILE_ALLOCATE:
      return fallocate (op->fd, op->mode, (off_t) op->offset, (off_t) op->length);
    }
  g_assert_not_reached ();
}

/* Carries @data, a BanyanFileOp, out on the spot. */
static gssize
run_file_op (gpointer data)
{
  gssize result;

  do
    result = run_once (data);
  while (result < 0 && errno == EINTR);

  return result < 0 ? -errno : result;
}

static gssize BANYAN_COROUTINE
submit_and_wait (BanyanLoop *loop, const BanyanFileOp *op)
{
  BanyanWait wait;

  do
    {
      wait = (BanyanWait){ .coroutine = banyan_thread.current };
      loop->in_flight++;
      loop->ops->file (loop, &wait, op);
      while (!wait.done)
        banyan_co_suspend ();
      loop->in_flight--;
    }
  while (wait.result == -EINTR || wait.result == -EAGAIN);

  return wait.result;
}

static gssize BANYAN_COROUTINE
file_op (const BanyanFileOp *op, guint flags)
{
  BanyanLoop *loop = banyan_thread.loop;

  /* The main thread does no block I/O. */
  g_assert (banyan_thread.current != NULL && loop->ops->poll != NULL);

  if (loop->ops->file != NULL && (flags & BANYAN_IO_OFFLOAD) == 0)
    return submit_and_wait (loop, op);

  return banyan_co_offload (run_file_op, (gpointer) op);
}

static gssize BANYAN_COROUTINE
transfer_now (BanyanFileOp *op)
{
  gssize result;

  op->rwf_flags |= RWF_NOWAIT;
  result = run_file_op (op);
  if (result == -EAGAIN || result == -EOPNOTSUPP)
    return -EAGAIN;

  banyan_co_charge (MAX (result, 0));
  return result;
}

static gssize BANYAN_COROUTINE
transfer (BanyanFileOp *op, guint flags)
{
  return flags & BANYAN_IO_NO_WAIT ? transfer_now (op) : file_op (op, flags);
}

/**
 * banyan_co_preadv: (skip)
 * @fd: a file
 * @iov: (array length=n_iov): where to put what was read
 * @n_iov: number of pieces; no more than the system takes (1024) are filled
 * @offset: where to begin
 * @rwf_flags: as for preadv2(2)
 * @flags: %BANYAN_IO_NO_WAIT, %BANYAN_IO_OFFLOAD or 0
 *
 * Reads from a file. It may read less than asked for, like the system call; 0 is the end of the
 * file and nothing else. Interruptions are handled.
 *
 * Returns: the number of bytes, or a negative errno
 */
gssize
banyan_co_preadv (int fd, const struct iovec *iov, guint n_iov, guint64 offset, int rwf_flags,
                  guint flags)
{
  BanyanFileOp op = {
    .kind = BANYAN_FILE_READ,
    .fd = fd,
    .iov = iov,
    .n_iov = MIN (n_iov, IOV_MAX),
    .offset = offset,
    .rwf_flags = rwf_flags,
  };

  return transfer (&op, flags);
}

/**
 * banyan_co_pwritev: (skip)
 * @fd: a file
 * @iov: (array length=n_iov): what to write
 * @n_iov: number of pieces; no more than the system takes (1024) are written
 * @offset: where to begin
 * @rwf_flags: as for pwritev2(2)
 * @flags: %BANYAN_IO_NO_WAIT, %BANYAN_IO_OFFLOAD or 0
 *
 * Writes to a file. It may write less than asked for, like the system call.
 *
 * Returns: the number of bytes, or a negative errno
 */
gssize
banyan_co_pwritev (int fd, const struct iovec *iov, guint n_iov, guint64 offset, int rwf_flags,
                   guint flags)
{
  BanyanFileOp op = {
    .kind = BANYAN_FILE_WRITE,
    .fd = fd,
    .iov = iov,
    .n_iov = MIN (n_iov, IOV_MAX),
    .offset = offset,
    .rwf_flags = rwf_flags,
  };

  return transfer (&op, flags);
}

/**
 * banyan_co_fsync: (skip)
 * @fd: a file
 * @data_only: whether metadata that reading does not need may stay behind
 * @flags: %BANYAN_IO_OFFLOAD or 0
 *
 * Returns: 0 or a negative errno
 */
int
banyan_co_fsync (int fd, gboolean data_only, guint flags)
{
  BanyanFileOp op = { .kind = BANYAN_FILE_SYNC, .fd = fd, .data_only = data_only };

  return (int) file_op (&op, flags);
}

/**
 * banyan_co_fallocate: (skip)
 * @fd: a file
 * @mode: as for fallocate(2)
 * @offset: where to begin
 * @length: how many bytes
 * @flags: %BANYAN_IO_OFFLOAD or 0
 *
 * Returns: 0 or a negative errno
 */
int
banyan_co_fallocate (int fd, int mode, guint64 offset, guint64 length, guint flags)
{
  BanyanFileOp op = {
    .kind = BANYAN_FILE_ALLOCATE, .fd = fd, .mode = mode, .offset = offset, .length = length
  };

  return (int) file_op (&op, flags);
}
