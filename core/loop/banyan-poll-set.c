/* banyan-poll-set.c - who waits for which events of which descriptor, by epoll
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-poll-set.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 128

int
banyan_poll_set_init (BanyanPollSet *self)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    return -errno;

  self->waits = g_hash_table_new (NULL, NULL);
  return 0;
}

void
banyan_poll_set_clear (BanyanPollSet *self)
{
  g_hash_table_unref (self->waits);
  close (self->epoll_fd);
}

static BanyanWait *
first_wait (BanyanPollSet *self, int fd)
{
  return g_hash_table_lookup (self->waits, GINT_TO_POINTER (fd));
}

static void
set_first_wait (BanyanPollSet *self, int fd, BanyanWait *wait)
{
  if (wait != NULL)
    g_hash_table_insert (self->waits, GINT_TO_POINTER (fd), wait);
  else
    g_hash_table_remove (self->waits, GINT_TO_POINTER (fd));
}

/* poll(2) and epoll have the same bits. Returns 0 or an errno. */
static int
watch (BanyanPollSet *self, int fd)
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

void
banyan_poll_set_serve (BanyanPollSet *self, int fd, guint32 events)
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

void
banyan_poll_set_add (BanyanPollSet *self, BanyanWait *wait, int fd, short events)
{
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
void
banyan_poll_set_cancel (BanyanPollSet *self, BanyanWait *wait)
{
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

void
banyan_poll_set_look (BanyanPollSet *self)
{
  struct epoll_event events[MAX_EVENTS];
  int n = epoll_wait (self->epoll_fd, events, MAX_EVENTS, 0);

  for (int i = 0; i < n; i++)
    banyan_poll_set_serve (self, events[i].data.fd, events[i].events);
}
