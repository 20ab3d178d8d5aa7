/* nbd-watch.c - seeing that a client has gone while its requests wait in the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * On a unix socket a hang-up is plain to see. Elsewhere a peer that has closed looks like one that
 * only sends no more, until it is sent something; so that one has some time to take its answers, as
 * long as it does. */

#include "nbd-connection.h"

#include <poll.h>
#include <sys/socket.h>

/* Beyond this share of all stacks, hang-ups go unseen. */
#define MAX_PERCENT 75

static guint64
patience_ns (NbdConnection *self)
{
  int domain = AF_UNSPEC;
  socklen_t length = sizeof domain;

  getsockopt (self->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  return domain == AF_UNIX || !self->watches_end
             ? G_MAXUINT64
             : nbd_server_get_farewell_seconds (self->server) * 1000000000;
}

/* Who takes answers has not gone, however slowly it does. */
static int BANYAN_COROUTINE
wait_until_nothing_is_sent (NbdConnection *self)
{
  guint64 n_moved;
  int found;

  do
    {
      n_moved = nbd_connection_count_moved (self);
      found = banyan_co_poll (self->fd, 0, patience_ns (self));
    }
  while (found == 0 && nbd_connection_count_moved (self) != n_moved);

  return found;
}

/* FALSE: cancelled. Hang-ups are reported whether asked for or not. */
static gboolean BANYAN_COROUTINE
wait_for_hang_up (NbdConnection *self)
{
  int found = 0;

  if (self->watches_end)
    found = banyan_co_poll (self->fd, POLLRDHUP, G_MAXUINT64);
  if (found >= 0 && !(found & (POLLHUP | POLLERR)))
    found = wait_until_nothing_is_sent (self);
  return found >= 0;
}

static void
run_watcher (gpointer data)
{
  NbdConnection *self = data;

  self->watcher = banyan_coroutine_self ();
  /* A reader that has gone on finds the end itself, behind all that was sent before. */
  if (wait_for_hang_up (self) && (self->watches_end || self->waiter != NULL))
    {
      self->has_hung_up = TRUE;
      self->has_vanished |= !self->watches_end;
      /* Who is sending finds out, and ends the output. */
      shutdown (self->fd, SHUT_RDWR);
      if (!self->is_sending)
        nbd_output_end (self, FALSE);
    }
  self->watcher = NULL;
  nbd_connection_wake_owner (self);
}

void
nbd_connection_watch (NbdConnection *self)
{
  gboolean is_end = !self->has_reader;

  if (self->has_hung_up || (is_end && self->watches_end))
    return;
  /* The owner comes here again when it has ended. */
  if (self->watcher != NULL && is_end && !self->watches_end)
    banyan_coroutine_cancel (self->watcher);
  if (self->watcher != NULL || !banyan_coroutine_may_use (MAX_PERCENT))
    return;
  self->watches_end = is_end;
  banyan_coroutine_start (run_watcher, self);
}

void BANYAN_COROUTINE
nbd_connection_end_watch (NbdConnection *self)
{
  if (self->watcher != NULL)
    banyan_coroutine_cancel (self->watcher);
  while (self->watcher != NULL)
    banyan_co_suspend ();
  self->watches_end = FALSE;
}
