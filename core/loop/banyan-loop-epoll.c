/* banyan-loop-epoll.c - a loop on epoll and a pool of threads
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A descriptor is watched for the sum of what its waiters want, once (EPOLLONESHOT): each wait
 * costs one epoll_ctl, and nothing is reported that nobody asked for. What was watched stays known
 * to the kernel, switched off, until the descriptor is closed; so whether to add or to modify is
 * tried, not remembered.
 *
 * File operations are offloaded by banyan-co-file.c. */
#define MAX_EVENTS 128

/* Stands for the descriptor of kicks. */
#define KICK -1

typedef struct
{
  int epoll_fd;
  GHashTable *waits; /* (owned): descriptor to BanyanWait, the first of its waiters */
} Epoll;

static gboolean
epoll_open (BanyanLoop *loop, GError **error)
{
  /* Edge-triggered: a kick needs no reading. */
  struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = KICK };
  Epoll *self;
  int fd;

  if (!banyan_loop_open_kick_fd (loop, error))
    return FALSE;

  fd = epoll_create1 (EPOLL_CLOEXEC);
  if (fd < 0 || epoll_ctl (fd, EPOLL_CTL_ADD, loop->kick_fd, &event) < 0)
    {
      banyan_throw_errno (error, errno, "setting up epoll for loop %s", loop->name);
      if (fd >= 0)
        close (fd);
      return FALSE;
    }

  self = g_new0 (Epoll, 1);
  self->epoll_fd = fd;
  self->waits = g_hash_table_new (NULL, NULL);
  loop->backend = self;
  return TRUE;
}

static void
epoll_close (BanyanLoop *loop)
{
  Epoll *self = loop->backend;

  g_hash_table_unref (self->waits);
  close (self->epoll_fd);
  g_clear_pointer (&loop->backend, g_free);
}

static BanyanWait *
first_wait (Epoll *self, int fd)
{
  return g_hash_table_lookup (self->waits, GINT_TO_POINTER (fd));
}

static void
set_first_wait (Epoll *self, int fd, BanyanWait *wait)
{
  if (wait != NULL)
    g_hash_table_insert (self->waits, GINT_TO_POINTER (fd), wait);
  else
    g_hash_table_remove (self->waits, GINT_TO_POINTER (fd));
}

/* poll(2) and epoll have the same bits. Returns 0 or an errno. */
static int
watch (Epoll *self, int fd)
{
  struct epoll_event event = { .events = EPOLLONESHOT, .data.fd = fd };

  for (BanyanWait *i = first_wait (self, fd); i != NULL; i = i->next)
    event.events |= (guint16) i->events;

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
    return 0;
  if (errno == ENOENT && epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
    return 0;

  return errno;
}

static void
serve (Epoll *self, int fd, guint32 events)
{
  BanyanWait *rest = NULL;
  BanyanWait *next;

  for (BanyanWait *i = first_wait (self, fd); i != NULL; i = next)
    {
      guint32 found = events & ((guint16) i->events | EPOLLERR | EPOLLHUP);

      next = i->next;
      if (found != 0)
        {
          banyan_loop_complete (i, (gssize) found);
          continue;
        }
      i->next = rest;
      rest = i;
    }

  set_first_wait (self, fd, rest);
  if (rest != NULL)
    watch (self, fd);
}

static int
wait_events (Epoll *self, struct epoll_event *events, gint64 timeout_ns)
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
  Epoll *self = loop->backend;
  struct epoll_event events[MAX_EVENTS];
  int n;

  if (timeout_ns == 0 && g_hash_table_size (self->waits) == 0)
    return;

  n = wait_events (self, events, timeout_ns);
  for (int i = 0; i < n; i++)
    if (events[i].data.fd != KICK)
      serve (self, events[i].data.fd, events[i].events);
}

static void
epoll_poll (BanyanLoop *loop, BanyanWait *wait, int fd, short events)
{
  Epoll *self = loop->backend;
  int result;

  wait->fd = fd;
  wait->events = events;
  wait->next = first_wait (self, fd);
  set_first_wait (self, fd, wait);

  result = watch (self, fd);
  if (result == 0)
    return;

  set_first_wait (self, fd, wait->next);
  /* Regular files cannot be watched, and are always ready. */
  banyan_loop_complete (wait, result == EPERM ? events & (POLLIN | POLLOUT) : -result);
}

/* What nobody waits for must not stay armed: a child that was forked and has not executed its
 * program yet keeps the file when we close it, and what becomes of that file would be told to who
 * waits for the next one of its number. */
static void
epoll_cancel (BanyanLoop *loop, BanyanWait *wait)
{
  Epoll *self = loop->backend;
  BanyanWait *first = first_wait (self, wait->fd);
  BanyanWait **link = &first;

  while (*link != NULL && *link != wait)
    link = &(*link)->next;
  if (*link == NULL)
    return;

  *link = wait->next;
  set_first_wait (self, wait->fd, first);
  if (first == NULL)
    epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, wait->fd, NULL);
  banyan_loop_complete (wait, -ECANCELED);
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
