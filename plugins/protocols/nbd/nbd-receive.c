/* nbd-receive.c - receiving: many replies with one system call
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* While a large read is under way, so little is received beyond a header that its data lands in
 * the reader's memory, not here. */
#define RECEIVE_BESIDE_LARGE (16 * 1024)

/* Entries of one receive, without the buffer's own. */
#define MAX_VECTORS 64

static gboolean
throw_hung_up (GError **error)
{
  return banyan_throw_errno (error, ECONNRESET, "the server has hung up");
}

static gboolean
throw_result (gssize result, GError **error)
{
  if (result == 0)
    return throw_hung_up (error);
  if (result != -ECANCELED)
    return banyan_throw_errno (error, result, "receiving from the server");
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "receiving was cancelled");
  return FALSE;
}

const guint8 *
nbd_link_peek (NbdLink *self)
{
  return self->in->data + self->in_start;
}

void
nbd_link_skip (NbdLink *self, gsize n)
{
  self->in_start += n;
}

static void
make_room (NbdLink *self, gsize n)
{
  gsize rest = self->in_end - self->in_start;

  if (rest > 0 && self->in->size - self->in_start >= n)
    return;
  memmove (self->in->data, self->in->data + self->in_start, rest);
  self->in_start = 0;
  self->in_end = rest;
}

static gsize
get_room (const NbdLink *self)
{
  gsize room = self->in->size - self->in_end;

  return self->n_large > 0 ? MIN (room, RECEIVE_BESIDE_LARGE) : room;
}

gboolean
nbd_link_need (NbdLink *self, gsize n, GError **error)
{
  g_assert (n <= self->in->size);

  while (self->in_end - self->in_start < n)
    {
      gssize received;

      make_room (self, n);
      received = banyan_co_recv (self->fd, self->in->data + self->in_end, get_room (self), 0);
      if (received <= 0)
        return throw_result (received, error);
      self->in_end += received;
      self->n_received += received;
    }
  return TRUE;
}

gboolean
nbd_link_drop (NbdLink *self, guint64 n, GError **error)
{
  while (n > 0)
    {
      gsize piece;

      if (!nbd_link_need (self, 1, error))
        return FALSE;
      piece = MIN (n, self->in_end - self->in_start);
      self->in_start += piece;
      n -= piece;
    }
  return TRUE;
}

static gssize BANYAN_COROUTINE
receive_vectors (NbdLink *self, struct iovec *iov, guint n_iov)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };

  for (;;)
    {
      gssize received = recvmsg (self->fd, &message, MSG_DONTWAIT);
      int events;

      if (received >= 0)
        {
          self->n_received += received;
          banyan_co_charge (received);
          return received;
        }
      if (errno != EAGAIN && errno != EINTR)
        return -errno;

      events = banyan_co_poll (self->fd, POLLIN, G_MAXUINT64);
      if (events < 0)
        return events;
    }
}

/* With the buffer, which is empty, at the end of the vector: the next replies come along. */
static gssize BANYAN_COROUTINE
receive_past_buffer (NbdLink *self, const BanyanRequest *data, guint64 start, guint64 length)
{
  const BanyanRequest rest = banyan_request_slice (data, start, length, 0);
  struct iovec iov[MAX_VECTORS + 1];
  guint64 covered;
  guint n_iov = banyan_request_flatten (&rest, iov, MAX_VECTORS, &covered);
  gssize received;

  self->in_start = self->in_end = 0;
  if (covered == length)
    iov[n_iov++] = (struct iovec){ self->in->data, get_room (self) };

  received = receive_vectors (self, iov, n_iov);
  if (received <= 0 || (guint64) received <= covered)
    return received;

  self->in_end = received - covered;
  return covered;
}

gboolean
nbd_link_receive (NbdLink *self, const BanyanRequest *data, guint64 start, guint64 length,
                  GError **error)
{
  gsize have = MIN (length, self->in_end - self->in_start);

  banyan_request_copy_in (data, start, nbd_link_peek (self), have);
  self->in_start += have;

  while (have < length)
    {
      gssize received = receive_past_buffer (self, data, start + have, length - have);

      if (received <= 0)
        return throw_result (received, error);
      have += received;
    }
  return TRUE;
}
