/* nbd-send.c - large reads whose data goes from where it lies to the socket
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Once the header is out, its data has to follow, so this begins only where all of it could be sent
 * at that moment. Each piece is a request of its own to the graph: while the client makes us wait,
 * nothing is in flight, and the graph may change. What cannot be sent any more is read, and should
 * that fail, the client is hung up on, since there is no other way left to tell it (section "Simple
 * reply message"). */

#include "nbd-connection.h"

#include <poll.h>
#include <sys/socket.h>

#define READ_PIECE (256u << 10)

static gboolean BANYAN_COROUTINE
send_bytes (NbdConnection *self, const guint8 *data, gsize length, int flags)
{
  while (length > 0)
    {
      struct iovec iov = { (gpointer) data, length };
      struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
      gssize sent = banyan_co_sendmsg (self->fd, &message, flags);

      if (sent < 0)
        return FALSE;
      self->n_sent += sent;
      data += sent;
      length -= sent;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
send_header (NbdConnection *self, const NbdRequest *request)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);
  gboolean sent;

  nbd_reply_fill_header (self, request, chunk, request->offset, request->length, TRUE);
  sent = send_bytes (self, chunk->header, chunk->header_length, MSG_MORE);
  nbd_output_free_chunk (self, chunk);
  return sent;
}

static gboolean BANYAN_COROUTINE
read_and_send (NbdConnection *self, guint64 offset, gsize length)
{
  BanyanBuffer *buffer = banyan_buffer_new (length);
  g_autoptr (GError) error = NULL;
  BanyanRequest read;
  struct iovec iov;
  gboolean sent;

  if (buffer == NULL)
    return FALSE;

  iov = (struct iovec){ buffer->data, length };
  read = BANYAN_REQUEST (offset, length, &iov, 1);
  self->is_asking = TRUE;
  sent = banyan_channel_read (self->channel, &read, &error);
  self->is_asking = FALSE;
  sent = sent && send_bytes (self, buffer->data, length, 0);
  banyan_buffer_unref (buffer);
  return sent;
}

static gboolean BANYAN_COROUTINE
send_data (NbdConnection *self, guint64 offset, gsize length)
{
  while (length > 0)
    {
      gsize sent;
      BanyanAnswer answer;

      self->is_asking = TRUE;
      answer = banyan_channel_send (self->channel, offset, length, self->fd, &sent);
      self->is_asking = FALSE;
      if (answer == BANYAN_UNSUPPORTED)
        {
          sent = MIN (length, READ_PIECE);
          if (!read_and_send (self, offset, sent))
            return FALSE;
        }
      else if (sent > 0)
        {
          self->n_sent += sent;
          banyan_co_charge (sent);
        }
      else if (banyan_co_poll (self->fd, POLLOUT, G_MAXUINT64) <= 0)
        return FALSE;
      offset += sent;
      length -= sent;
    }
  return TRUE;
}

/* What others have queued goes before us. With the turn. FALSE: nothing can be sent any more. */
static gboolean BANYAN_COROUTINE
wait_for_others (NbdConnection *self)
{
  while (!self->out_closed && (self->is_sending || self->out_first != NULL))
    {
      if (!self->is_sending)
        {
          nbd_output_flush (self);
          continue;
        }
      self->next_sender = banyan_coroutine_self ();
      banyan_co_suspend ();
      self->next_sender = NULL;
    }
  return !self->out_closed;
}

/* To wait for the socket costs nothing; to copy what does not fit into it does. */
gboolean BANYAN_COROUTINE
nbd_send_read (NbdConnection *self, const NbdRequest *request)
{
  gboolean can_send;
  gsize sent;

  if (banyan_channel_send (self->channel, request->offset, request->length, -1, &sent)
      != BANYAN_DONE)
    return FALSE;

  banyan_co_mutex_lock (&self->turn);
  can_send = wait_for_others (self)
             && banyan_channel_send (self->channel, request->offset, request->length, -1, &sent)
                    == BANYAN_DONE;
  if (can_send)
    {
      self->is_sending = TRUE;
      nbd_output_end (self, send_header (self, request)
                                && send_data (self, request->offset, request->length));
    }
  banyan_co_mutex_unlock (&self->turn);
  if (can_send)
    nbd_connection_wake_owner (self);
  return can_send;
}
