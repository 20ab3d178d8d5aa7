/* nbd-output.c - sending: many replies with one system call
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Entries of one send; two for each chunk. */
#define MAX_VECTORS 256

NbdChunk *
nbd_output_new_chunk (NbdConnection *self)
{
  NbdChunk *chunk = self->free_chunks;

  if (chunk == NULL)
    chunk = g_new (NbdChunk, 1);
  else
    self->free_chunks = chunk->next;

  chunk->next = NULL;
  chunk->buffer = NULL;
  chunk->data = NULL;
  chunk->length = 0;
  chunk->header_length = 0;
  return chunk;
}

void
nbd_output_free_chunk (NbdConnection *self, NbdChunk *chunk)
{
  if (chunk->buffer != NULL)
    banyan_buffer_unref (chunk->buffer);
  chunk->next = self->free_chunks;
  self->free_chunks = chunk;
}

void
nbd_output_queue (NbdConnection *self, NbdChunk *chunk)
{
  if (self->out_closed)
    {
      nbd_output_free_chunk (self, chunk);
      return;
    }

  *self->out_last = chunk;
  self->out_last = &chunk->next;
  self->out_bytes += chunk->header_length + chunk->length;
}

void
nbd_connection_wake_owner (NbdConnection *self)
{
  if (self->owner != NULL)
    banyan_coroutine_wake (self->owner);
}

/* What waits in the socket has not been taken yet. */
guint64
nbd_connection_count_moved (const NbdConnection *self)
{
  int waiting = 0;

  ioctl (self->fd, SIOCOUTQ, &waiting);
  return self->n_received + self->n_sent - (guint64) waiting;
}

static guint
gather_vectors (NbdConnection *self, struct iovec *iov, gsize sent_of_first)
{
  gsize skip = sent_of_first;
  guint n = 0;

  for (NbdChunk *chunk = self->out_first; chunk != NULL && n + 2 <= MAX_VECTORS;
       chunk = chunk->next)
    {
      if (skip < chunk->header_length)
        iov[n++] = (struct iovec){ chunk->header + skip, chunk->header_length - skip };
      skip -= MIN (skip, chunk->header_length);
      if (chunk->length > skip)
        iov[n++] = (struct iovec){ (gpointer) (chunk->data + skip), chunk->length - skip };
      skip = 0;
    }

  return n;
}

/* Lets go of what has been sent in full; returns how much of the first that is left has been. */
static gsize
retire (NbdConnection *self, gsize sent)
{
  self->out_bytes -= sent;

  while (self->out_first != NULL)
    {
      NbdChunk *chunk = self->out_first;
      gsize total = chunk->header_length + chunk->length;

      if (sent < total)
        break;
      sent -= total;
      self->out_first = chunk->next;
      if (self->out_first == NULL)
        self->out_last = &self->out_first;
      nbd_output_free_chunk (self, chunk);
    }

  return sent;
}

static void
drop_all (NbdConnection *self)
{
  while (self->out_first != NULL)
    {
      NbdChunk *chunk = self->out_first;

      self->out_first = chunk->next;
      nbd_output_free_chunk (self, chunk);
    }
  self->out_last = &self->out_first;
  self->out_bytes = 0;
}

/* What was sent of the first chunk is counted in out_bytes until the chunk is whole. */
static gboolean BANYAN_COROUTINE
send_all (NbdConnection *self)
{
  gsize sent_of_first = 0;

  while (self->out_first != NULL)
    {
      struct iovec iov[MAX_VECTORS];
      struct msghdr message = { .msg_iov = iov };
      gssize sent;

      message.msg_iovlen = gather_vectors (self, iov, sent_of_first);
      sent = banyan_co_sendmsg (self->fd, &message, 0);
      if (sent < 0)
        return FALSE;

      self->n_sent += sent;
      self->out_bytes += sent_of_first;
      sent_of_first = retire (self, sent_of_first + sent);
      if (self->waiter != NULL)
        banyan_coroutine_wake (self->waiter);
    }

  return TRUE;
}

void
nbd_output_end (NbdConnection *self, gboolean success)
{
  self->is_sending = FALSE;
  if (!success)
    self->out_closed = TRUE;
  if (self->waiter != NULL)
    banyan_coroutine_wake (self->waiter);
  if (self->next_sender != NULL)
    banyan_coroutine_wake (self->next_sender);

  if (success)
    return;

  drop_all (self);
  /* Nobody will get an answer: there is no use in reading more. */
  shutdown (self->fd, SHUT_RDWR);
}

/* Who comes while another sends leaves it to that one, which looks again when it is through. */
gboolean BANYAN_COROUTINE
nbd_output_flush (NbdConnection *self)
{
  gboolean success;

  if (self->is_sending || self->out_closed)
    return !self->out_closed;

  self->is_sending = TRUE;
  success = send_all (self);
  nbd_output_end (self, success);
  return success;
}
