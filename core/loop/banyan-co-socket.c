/* banyan-co-socket.c - descriptors that coroutines wait for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-connect.h"
#include "banyan-loop-core.h"

#include <poll.h>

/* A unix socket whose backlog is full says so at once, and cannot be polled for room. */
#define CONNECT_RETRY_NS (1000 * 1000)

/* A call that moves more than this counts as several. */
#define BYTES_PER_CALL 4096

/**
 * banyan_co_charge: (skip)
 * @bytes: how much the call moved
 *
 * Counts a call that was made on the spot, and what it moved: one receive may bring a hundred
 * requests or one. When there was as much as a loop allows in a round, others have a turn.
 */
void
banyan_co_charge (gsize bytes)
{
  BanyanLoop *loop = banyan_thread.loop;

  loop->inline_left -= MIN (loop->inline_left, 1 + bytes / BYTES_PER_CALL);
  if (G_UNLIKELY (loop->inline_left == 0))
    banyan_co_yield ();
}

typedef struct
{
  BanyanTimer timer;
  BanyanCoroutine *coroutine;
  gboolean expired;
} Timeout;

static void
timeout_expired (BanyanTimer *timer)
{
  Timeout *timeout = (Timeout *) timer;

  timeout->expired = TRUE;
  banyan_coroutine_wake_here (timeout->coroutine);
}

/* Waits for an operation that was begun. Whoever cancels still waits for the end: the kernel may be
 * using what is on this stack. */
static gssize BANYAN_COROUTINE
wait_cancellable (BanyanLoop *loop, BanyanWait *wait, const gboolean *expired)
{
  gboolean has_given_up = FALSE;

  while (!wait->done)
    {
      if (!has_given_up && (*expired || banyan_coroutine_is_cancelled (wait->coroutine)))
        {
          has_given_up = TRUE;
          loop->ops->cancel (loop, wait);
          continue;
        }
      banyan_co_suspend ();
    }

  return wait->result;
}

static gssize BANYAN_COROUTINE
poll_until (BanyanLoop *loop, int fd, short events, guint64 timeout_ns)
{
  BanyanWait wait = { .coroutine = banyan_thread.current };
  Timeout timeout = { .timer.func = timeout_expired, .coroutine = wait.coroutine };
  gssize result;

  if (timeout_ns < (guint64) G_MAXINT64 / 2)
    banyan_timer_heap_add (&loop->timers, &timeout.timer,
                           banyan_loop_now_ns (loop) + (gint64) timeout_ns);

  loop->ops->poll (loop, &wait, fd, events);
  result = wait_cancellable (loop, &wait, &timeout.expired);

  if (banyan_timer_is_pending (&timeout.timer))
    banyan_timer_heap_remove (&loop->timers, &timeout.timer);
  if (result == -ECANCELED && timeout.expired)
    return 0;

  return result;
}

/**
 * banyan_co_poll: (skip)
 * @fd: a descriptor
 * @events: what to wait for, as for poll(2)
 * @timeout_ns: how long, on the loop's clock; %G_MAXUINT64 for ever
 *
 * Returns: those of @events that are there, with %POLLERR and %POLLHUP in any case; 0 on time-out,
 *   or a negative errno: -ECANCELED when the coroutine was cancelled
 */
int
banyan_co_poll (int fd, short events, guint64 timeout_ns)
{
  BanyanLoop *loop = banyan_thread.loop;

  g_assert (banyan_thread.current != NULL && loop->ops->poll != NULL);

  if (banyan_co_is_cancelled ())
    return -ECANCELED;

  return (int) poll_until (loop, fd, events, timeout_ns);
}

static gssize BANYAN_COROUTINE
wait_recv (BanyanLoop *loop, int fd, gpointer buffer, gsize length, int flags)
{
  static const gboolean never = FALSE;
  BanyanWait wait = { .coroutine = banyan_thread.current };
  gssize result;

  if (loop->ops->recv == NULL)
    {
      result = poll_until (loop, fd, POLLIN, G_MAXUINT64);
      return result < 0 ? result : -EAGAIN;
    }

  loop->ops->recv (loop, &wait, fd, buffer, length, flags);
  return wait_cancellable (loop, &wait, &never);
}

/**
 * banyan_co_recv: (skip)
 * @fd: a socket
 * @buffer: (array length=length): where to put what was received
 * @length: its size
 * @flags: as for recv(2)
 *
 * Receives what there is, and waits if there is nothing.
 *
 * Returns: the number of bytes, 0 when the peer has closed, or a negative errno: -ECANCELED when
 * the coroutine was cancelled, in which case nothing was received
 */
gssize
banyan_co_recv (int fd, gpointer buffer, gsize length, int flags)
{
  BanyanLoop *loop = banyan_thread.loop;

  g_assert (banyan_thread.current != NULL && loop->ops->poll != NULL);

  for (;;)
    {
      gssize result;

      if (banyan_co_is_cancelled ())
        return -ECANCELED;

      result = recv (fd, buffer, length, flags | MSG_DONTWAIT);
      if (result >= 0)
        {
          banyan_co_charge (result);
          return result;
        }
      if (errno != EAGAIN && errno != EINTR)
        return -errno;

      result = errno == EINTR ? -EINTR : wait_recv (loop, fd, buffer, length, flags);
      if (result != -EAGAIN && result != -EINTR)
        return result;
    }
}

/**
 * banyan_co_sendmsg: (skip)
 * @fd: a socket
 * @message: what to send
 * @flags: as for sendmsg(2); a peer that is gone is an error, never a signal
 *
 * Sends what fits, and waits if nothing does. A cancelled coroutine can still send as long as it
 * need not wait.
 *
 * Returns: the number of bytes, or a negative errno
 */
gssize
banyan_co_sendmsg (int fd, const struct msghdr *message, int flags)
{
  BanyanLoop *loop = banyan_thread.loop;

  g_assert (banyan_thread.current != NULL && loop->ops->poll != NULL);

  for (;;)
    {
      gssize result = sendmsg (fd, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);

      if (result >= 0)
        {
          banyan_co_charge (result);
          return result;
        }
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN)
        return -errno;

      result = banyan_co_poll (fd, POLLOUT, G_MAXUINT64);
      if (result < 0)
        return result;
    }
}

/**
 * banyan_co_accept: (skip)
 * @fd: a listening socket, non-blocking
 *
 * Returns: the new connection, non-blocking and closed on exec, or a negative errno: -ECANCELED
 * when the coroutine was cancelled
 */
int
banyan_co_accept (int fd)
{
  g_assert (banyan_thread.current != NULL && banyan_thread.loop->ops->poll != NULL);

  for (;;)
    {
      int result;

      if (banyan_co_is_cancelled ())
        return -ECANCELED;

      result = accept4 (fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (result >= 0)
        return result;
      /* Who went away before being accepted is no reason to stop. */
      if (errno == EINTR || errno == ECONNABORTED)
        continue;
      if (errno != EAGAIN)
        return -errno;

      result = banyan_co_poll (fd, POLLIN, G_MAXUINT64);
      if (result < 0)
        return result;
    }
}

static int BANYAN_COROUTINE
finish_connect (int fd, guint64 timeout_ns)
{
  socklen_t size = sizeof (int);
  int number = 0;
  int result = banyan_co_poll (fd, POLLOUT, timeout_ns);

  if (result <= 0)
    return result < 0 ? result : -ETIMEDOUT;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
    return -errno;

  return -number;
}

int
banyan_co_connect_within (int fd, const struct sockaddr *address, socklen_t length,
                          guint64 timeout_ns)
{
  gint64 begun_ns = banyan_loop_now_ns (banyan_thread.loop);

  g_assert (banyan_thread.current != NULL && banyan_thread.loop->ops->poll != NULL);

  for (;;)
    {
      if (banyan_co_is_cancelled ())
        return -ECANCELED;

      if (connect (fd, address, length) == 0)
        return 0;
      if (errno == EINPROGRESS || errno == EINTR)
        return finish_connect (fd, timeout_ns);
      if (errno != EAGAIN)
        return -errno;
      if ((guint64) (banyan_loop_now_ns (banyan_thread.loop) - begun_ns) >= timeout_ns)
        return -ETIMEDOUT;
      if (!banyan_co_sleep_ns (CONNECT_RETRY_NS, NULL))
        return -ECANCELED;
    }
}

/**
 * banyan_co_connect: (skip)
 * @fd: a socket, non-blocking
 * @address: (type gpointer): where to
 * @length: its size
 *
 * Returns: 0 or a negative errno: -ECANCELED when the coroutine was cancelled, after which @fd can
 *   only be closed
 */
int
banyan_co_connect (int fd, const struct sockaddr *address, socklen_t length)
{
  return banyan_co_connect_within (fd, address, length, G_MAXUINT64);
}
