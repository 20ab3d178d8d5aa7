/* banyan-loop-uring.c - a loop on io_uring
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-poll-set.h"

#include <liburing.h>
#include <poll.h>

/* What is queued goes to the kernel with the next look or sleep: one system call for all of it, and
 * none when there is nothing to submit and nothing has happened. The ring belongs to its thread
 * (SINGLE_ISSUER) and completions are worked out when the loop asks (DEFER_TASKRUN), so a
 * running coroutine is never interrupted.
 *
 * The submission queue is small: when it is full it is submitted. Completions that do not fit are
 * kept by the kernel (NODROP) and come with a later look; so any number can be in flight. */
#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096

/* Threads of the kernel's that wait for files. By default there are four for each processor, which
 * one file on storage that hangs would keep; see MAX_THREADS of the pool. */
#define MAX_WORKERS 512

/* user_data of what no BanyanWait stands for: cancellations, the read that a kick ends, and the
 * poll of who waits beside the ring. */
#define NOBODY 0
#define KICK 1
#define BESIDE 2

typedef struct
{
  struct io_uring ring;
  guint64 kicks; /* what the eventfd said, of no interest */
  gboolean is_kick_armed;

  /* A ring tells that a peer sends no more whether that was asked for or not, and at once, so that
   * one could not wait for anything else there. Who does so waits here. */
  BanyanPollSet beside;
  gboolean is_beside_armed;
} Uring;

static void reap (BanyanLoop *loop);

/* A sandbox may allow rings to be made and not to be entered. */
static int
try_ring (struct io_uring *ring)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (ring);
  int result;

  io_uring_prep_nop (sqe);
  sqe->user_data = NOBODY;
  result = io_uring_submit (ring);
  if (result < 0)
    io_uring_queue_exit (ring);
  return MIN (result, 0);
}

static int
open_ring (struct io_uring *ring)
{
  static const unsigned preferences[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG
        | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    0,
  };
  int result = -ENOSYS;

  for (gsize i = 0; i < G_N_ELEMENTS (preferences); i++)
    {
      struct io_uring_params params
          = { .flags = preferences[i] | IORING_SETUP_CQSIZE, .cq_entries = CQ_ENTRIES };

      result = io_uring_queue_init_params (SQ_ENTRIES, ring, &params);
      if (result == -EINVAL)
        continue;
      if (result < 0)
        return result;

      /* Waiting with a time-out, and never losing a completion, came with these. */
      if ((params.features & IORING_FEAT_EXT_ARG) && (params.features & IORING_FEAT_NODROP))
        return try_ring (ring);
      io_uring_queue_exit (ring);
      return -ENOSYS;
    }

  return result;
}

static gboolean
uring_open (BanyanLoop *loop, GError **error)
{
  unsigned workers[2] = { MAX_WORKERS, 0 };
  Uring *self;
  int result;

  if (!banyan_loop_open_kick_fd (loop, error))
    return FALSE;

  self = g_new0 (Uring, 1);
  result = banyan_poll_set_init (&self->beside);
  if (result == 0 && (result = open_ring (&self->ring)) < 0)
    banyan_poll_set_clear (&self->beside);
  if (result < 0)
    {
      g_free (self);
      return banyan_throw_errno (error, result, "setting up io_uring for loop %s", loop->name);
    }

  /* From Linux 5.15. */
  io_uring_register_iowq_max_workers (&self->ring, workers);
  loop->backend = self;
  return TRUE;
}

static void
uring_close (BanyanLoop *loop)
{
  Uring *self = loop->backend;

  io_uring_queue_exit (&self->ring);
  banyan_poll_set_clear (&self->beside);
  g_clear_pointer (&loop->backend, g_free);
}

/* An entry of the submission queue. When the kernel takes no more for now, what has completed makes
 * room: completing only marks coroutines as runnable, so this is safe anywhere. */
static struct io_uring_sqe *
get_sqe (BanyanLoop *loop)
{
  Uring *self = loop->backend;
  struct io_uring_sqe *sqe;

  while ((sqe = io_uring_get_sqe (&self->ring)) == NULL)
    if (io_uring_submit (&self->ring) < 0)
      {
        io_uring_get_events (&self->ring);
        reap (loop);
      }

  return sqe;
}

static void
complete_poll (Uring *self, BanyanWait *wait, int result)
{
  const int told = (guint16) wait->events | POLLERR | POLLHUP | POLLNVAL;

  if (result <= 0 || (result & told) != 0)
    banyan_loop_complete (wait, result > 0 ? result & told : result);
  else if (wait->is_given_up)
    banyan_loop_complete (wait, -ECANCELED);
  else
    banyan_poll_set_add (&self->beside, wait, wait->fd, wait->events);
}

static void
complete_wait (Uring *self, BanyanWait *wait, int result)
{
  if (wait->is_poll)
    complete_poll (self, wait, result);
  else
    banyan_loop_complete (wait, result);
}

static void
complete (BanyanLoop *loop, guint64 user_data, int result)
{
  Uring *self = loop->backend;

  switch (user_data)
    {
    case NOBODY:
      break;
    case KICK:
      self->is_kick_armed = FALSE;
      break;
    case BESIDE:
      self->is_beside_armed = FALSE;
      banyan_poll_set_look (&self->beside);
      break;
    default:
      complete_wait (self, (BanyanWait *) (gsize) user_data, result);
    }
}

static void
reap (BanyanLoop *loop)
{
  Uring *self = loop->backend;
  struct io_uring_cqe *cqe;
  unsigned head;
  unsigned n = 0;

  io_uring_for_each_cqe (&self->ring, head, cqe)
  {
    complete (loop, cqe->user_data, cqe->res);
    n++;
  }
  io_uring_cq_advance (&self->ring, n);
}

static void
arm_kick (BanyanLoop *loop)
{
  Uring *self = loop->backend;
  struct io_uring_sqe *sqe;

  if (self->is_kick_armed)
    return;

  sqe = get_sqe (loop);
  io_uring_prep_read (sqe, loop->kick_fd, &self->kicks, sizeof self->kicks, 0);
  sqe->user_data = KICK;
  self->is_kick_armed = TRUE;
}

static void
arm_beside (BanyanLoop *loop)
{
  Uring *self = loop->backend;
  struct io_uring_sqe *sqe;

  if (G_LIKELY (banyan_poll_set_is_empty (&self->beside)) || self->is_beside_armed)
    return;

  sqe = get_sqe (loop);
  io_uring_prep_poll_add (sqe, self->beside.epoll_fd, POLLIN);
  sqe->user_data = BESIDE;
  self->is_beside_armed = TRUE;
}

static void
look (Uring *self)
{
  unsigned flags = __atomic_load_n (self->ring.sq.kflags, __ATOMIC_RELAXED);

  if (io_uring_sq_ready (&self->ring) > 0)
    io_uring_submit_and_get_events (&self->ring);
  else if (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
    io_uring_get_events (&self->ring);
}

static void
uring_wait (BanyanLoop *loop, gint64 timeout_ns)
{
  Uring *self = loop->backend;
  struct __kernel_timespec timeout;
  struct io_uring_cqe *cqe;

  arm_beside (loop);
  if (timeout_ns == 0)
    {
      look (self);
    }
  else
    {
      arm_kick (loop);
      timeout.tv_sec = timeout_ns / 1000000000;
      timeout.tv_nsec = timeout_ns % 1000000000;
      io_uring_submit_and_wait_timeout (&self->ring, &cqe, 1, timeout_ns < 0 ? NULL : &timeout,
                                        NULL);
    }
  reap (loop);
}

static void
uring_poll (BanyanLoop *loop, BanyanWait *wait, int fd, short events)
{
  struct io_uring_sqe *sqe = get_sqe (loop);

  wait->is_poll = TRUE;
  wait->fd = fd;
  wait->events = events;
  io_uring_prep_poll_add (sqe, fd, (unsigned) (unsigned short) events);
  io_uring_sqe_set_data (sqe, wait);
}

static void
uring_recv (BanyanLoop *loop, BanyanWait *wait, int fd, gpointer buffer, gsize length, int flags)
{
  struct io_uring_sqe *sqe = get_sqe (loop);

  io_uring_prep_recv (sqe, fd, buffer, length, flags);
  sqe->ioprio = IORING_RECVSEND_POLL_FIRST; /* it was tried on the spot */
  io_uring_sqe_set_data (sqe, wait);
}

static void
uring_file (BanyanLoop *loop, BanyanWait *wait, const BanyanFileOp *op)
{
  struct io_uring_sqe *sqe = get_sqe (loop);

  switch (op->kind)
    {
    case BANYAN_FILE_READ:
      io_uring_prep_readv2 (sqe, op->fd, op->iov, op->n_iov, op->offset, op->rwf_flags);
      break;
    case BANYAN_FILE_WRITE:
      io_uring_prep_writev2 (sqe, op->fd, op->iov, op->n_iov, op->offset, op->rwf_flags);
      break;
    case BANYAN_FILE_SYNC:
      io_uring_prep_fsync (sqe, op->fd, op->data_only ? IORING_FSYNC_DATASYNC : 0);
      break;
    case BANYAN_FILE_ALLOCATE:
      io_uring_prep_fallocate (sqe, op->fd, op->mode, (off_t) op->offset, (off_t) op->length);
      break;
    }
  io_uring_sqe_set_data (sqe, wait);
}

/* The operation ends with -ECANCELED, or with its result if that came first. */
static void
uring_cancel (BanyanLoop *loop, BanyanWait *wait)
{
  Uring *self = loop->backend;
  struct io_uring_sqe *sqe;

  wait->is_given_up = TRUE;
  banyan_poll_set_cancel (&self->beside, wait);
  if (wait->done)
    return;

  sqe = get_sqe (loop);
  io_uring_prep_cancel (sqe, wait, 0);
  sqe->user_data = NOBODY;
}

const BanyanLoopOps banyan_loop_uring_ops = {
  .name = "uring",
  .open = uring_open,
  .close = uring_close,
  .wait = uring_wait,
  .kick = banyan_loop_write_kick_fd,
  .poll = uring_poll,
  .recv = uring_recv,
  .file = uring_file,
  .cancel = uring_cancel,
};
