/* nbd-input.c - receiving: many requests with one system call
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <errno.h>
#include <sys/socket.h>

/* Holds two rounds of 32 small writes. A payload that is in here when its turn comes is used where
 * it lies. */
#define RECEIVE_SIZE (256 * 1024)

/* With less room than this behind the data, the rest moves to the front. */
#define MIN_ROOM 4096

/* Payload up to this is waited for in the receive buffer, with whatever follows it; what is larger
 * is received straight into a buffer of its own. */
#define SMALL_PAYLOAD (RECEIVE_SIZE / 4)

const guint8 *
nbd_input_peek (NbdConnection *self)
{
  return self->in->data + self->in_start;
}

void
nbd_input_skip (NbdConnection *self, gsize n)
{
  self->in_start += n;
}

gboolean
nbd_input_has (NbdConnection *self, gsize n)
{
  return self->in_end - self->in_start >= n;
}

void
nbd_connection_close_input (NbdConnection *self)
{
  self->in_closed = TRUE;
}

void
nbd_connection_hurry (NbdConnection *self)
{
  if (self->idle != NULL)
    banyan_coroutine_cancel (self->idle);
}

gboolean
nbd_connection_waits_for_peer (const NbdConnection *self)
{
  return self->in_flight == 0 || (self->is_sending && !self->is_asking);
}

/* Room for @n bytes from in_start on. What requests still use stays where it is; then the rest goes
 * to another buffer. */
static gboolean
make_room (NbdConnection *self, gsize n)
{
  gsize rest = self->in_end - self->in_start;
  BanyanBuffer *to = self->in;

  if (rest == 0 && self->in->references == 1)
    {
      self->in_start = self->in_end = 0;
      return TRUE;
    }
  if (self->in->size - self->in_end >= MIN_ROOM && self->in->size - self->in_start >= n)
    return TRUE;

  if (self->in->references > 1)
    {
      to = banyan_buffer_new (RECEIVE_SIZE);
      if (to == NULL)
        return FALSE;
    }
  memmove (to->data, self->in->data + self->in_start, rest);
  if (to != self->in)
    banyan_buffer_unref (self->in);
  self->in = to;
  self->in_start = 0;
  self->in_end = rest;
  return TRUE;
}

/* One receive into @to. Replies go out first: the client may be waiting for them before it sends
 * what we wait for. */
static gssize BANYAN_COROUTINE
receive (NbdConnection *self, guint8 *to, gsize room)
{
  gssize received;

  if (self->out_first != NULL && !nbd_output_flush (self))
    self->in_closed = TRUE;
  if (self->in_closed || (self->is_between && BANYAN_LIVE (self->is_leaving)))
    return 0;

  self->idle = self->is_between ? banyan_coroutine_self () : NULL;
  received = banyan_co_recv (self->fd, to, room, 0);
  self->idle = NULL;
  if (received == -ECANCELED && BANYAN_LIVE (self->is_leaving))
    return 0;
  if (received <= 0)
    self->in_closed = self->has_vanished = TRUE;
  else
    self->n_received += received;
  return received;
}

gboolean BANYAN_COROUTINE
nbd_input_need (NbdConnection *self, gsize n)
{
  g_assert (n <= RECEIVE_SIZE);

  if (self->in == NULL && (self->in = banyan_buffer_new (RECEIVE_SIZE)) == NULL)
    return FALSE;

  while (self->in_end - self->in_start < n)
    {
      gssize received;

      if (!make_room (self, n))
        return FALSE;
      received = receive (self, self->in->data + self->in_end, self->in->size - self->in_end);
      if (received <= 0)
        return FALSE;
      self->in_end += received;
    }

  return TRUE;
}

gboolean BANYAN_COROUTINE
nbd_input_drop (NbdConnection *self, guint64 n)
{
  while (n > 0)
    {
      gsize piece;

      if (!nbd_input_need (self, 1))
        return FALSE;
      piece = MIN (n, self->in_end - self->in_start);
      self->in_start += piece;
      n -= piece;
    }

  return TRUE;
}

gboolean BANYAN_COROUTINE
nbd_input_take (NbdConnection *self, gsize n, BanyanBuffer **buffer, const guint8 **data)
{
  gsize have;

  if (n <= SMALL_PAYLOAD && !nbd_input_need (self, n))
    return FALSE;

  have = self->in_end - self->in_start;
  if (have >= n)
    {
      *buffer = banyan_buffer_ref (self->in);
      *data = nbd_input_peek (self);
      self->in_start += n;
      return TRUE;
    }

  *buffer = banyan_buffer_new (n);
  if (*buffer == NULL)
    return FALSE;
  *data = (*buffer)->data;
  memcpy ((*buffer)->data, nbd_input_peek (self), have);
  self->in_start += have;

  while (have < n)
    {
      gssize received = receive (self, (*buffer)->data + have, n - have);

      if (received <= 0)
        {
          banyan_buffer_unref (*buffer);
          return FALSE;
        }
      have += received;
    }

  return TRUE;
}
