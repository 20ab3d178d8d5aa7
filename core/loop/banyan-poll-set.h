/* banyan-poll-set.h - who waits for which events of which descriptor, by epoll
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A descriptor is watched for the sum of what its waiters want, once (EPOLLONESHOT): each wait
 * costs one epoll_ctl, and nothing is reported that nobody asked for. What was watched stays known
 * to the kernel, switched off, until the descriptor is closed; so whether to add or to modify is
 * tried, not remembered. */

#pragma once

#include "banyan-loop-core.h"

typedef struct
{
  int epoll_fd;      /* (owned) */
  GHashTable *waits; /* (owned): descriptor to BanyanWait, the first of its waiters */
} BanyanPollSet;

/* 0 or a negative errno. */
int banyan_poll_set_init (BanyanPollSet *self);
void banyan_poll_set_clear (BanyanPollSet *self);

/* Until one of @events is there, the descriptor has an error or its peer has hung up. */
void banyan_poll_set_add (BanyanPollSet *self, BanyanWait *wait, int fd, short events);
/* Ends @wait with -ECANCELED, if it is there. */
void banyan_poll_set_cancel (BanyanPollSet *self, BanyanWait *wait);
/* Ends those who wait for what epoll told of @fd. */
void banyan_poll_set_serve (BanyanPollSet *self, int fd, guint32 events);
/* Does so for all that has happened. */
void banyan_poll_set_look (BanyanPollSet *self);

static inline gboolean
banyan_poll_set_is_empty (const BanyanPollSet *self)
{
  return g_hash_table_size (self->waits) == 0;
}
