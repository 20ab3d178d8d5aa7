/* banyan-loop-epoll.c - a loop on epoll and a pool of threads
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * File operations are offloaded by banyan-co-file.c. */

#include "banyan-poll-set.h"

#include <sys/epoll.h>

#define MAX_EVENTS 128

/* Stands for the descriptor of kicks. */
#define KICK -1

static gboolean
epoll_open (BanyanLoop *loop, GError **error)
{
  /* Edge-triggered: a kick needs no reading. */
  struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = KICK };
  BanyanPollSet *self;
  int result;

  if (!banyan_loop_open_kick_fd (loop, error))
    return FALSE;

  self = g_new0 (BanyanPollSet, 1);
  result = banyan_poll_set_init (self);
  if (result == 0 && epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, loop->kick_fd, &event) < 0)
    {
      result = -errno;
      banyan_poll_set_clear (self);
    }
  if (result < 0)
    {
      g_free (self);
      return banyan_throw_errno (error, result, "setting up epoll for loop %s", loop->name);
    }

  loop->backend = self;
  return TRUE;
}

static void
epoll_close (BanyanLoop *loop)
{
  banyan_poll_set_clear (loop->backend);
  g_clear_pointer (&loop->backend, g_free);
}

static int
wait_events (BanyanPollSet *self, struct epoll_event *events, gint64 timeout_ns)
{
  static gboolean is_coarse; /* atomic: the kernel has no epoll_pwait2() */
  struct timespec timeout = { timeout_ns / 1000000000, timeout_ns % 1000000000 };

  if (timeout_ns <= 0)
    return epoll_wait (self->epoll_fd, events, MAX_EVENTS, timeout_ns < 0 ? -1 : 0);

  if (!__atomic_load_n (&is_coarse, __ATOMIC_RELAXED))
    {
      int n = epoll_pwait2 (self->epoll_fd, events, MAX_EVENTS, &timeout, NULL);

      if (n >= 0 || (errno != ENOSYS && errno != EPERM))
        return n;
      __atomic_store_n (&is_coarse, TRUE, __ATOMIC_RELAXED);
    }

  return epoll_wait (self->epoll_fd, events, MAX_EVENTS,
                     (int) MIN (timeout_ns / 1000000 + 1, (gint64) G_MAXINT));
}

static void
epoll_wait_for (BanyanLoop *loop, gint64 timeout_ns)
{
  BanyanPollSet *self = loop->backend;
  struct epoll_event events[MAX_EVENTS];
  int n;

  if (timeout_ns == 0 && banyan_poll_set_is_empty (self))
    return;

  n = wait_events (self, events, timeout_ns);
  for (int i = 0; i < n; i++)
    if (events[i].data.fd != KICK)
      banyan_poll_set_serve (self, events[i].data.fd, events[i].events);
}

static void
epoll_poll (BanyanLoop *loop, BanyanWait *wait, int fd, short events)
{
  banyan_poll_set_add (loop->backend, wait, fd, events);
}

static void
epoll_cancel (BanyanLoop *loop, BanyanWait *wait)
{
  banyan_poll_set_cancel (loop->backend, wait);
}

const BanyanLoopOps banyan_loop_epoll_ops = {
  .name = "epoll",
  .open = epoll_open,
  .close = epoll_close,
  .wait = epoll_wait_for,
  .kick = banyan_loop_write_kick_fd,
  .poll = epoll_poll,
  .cancel = epoll_cancel,
};
