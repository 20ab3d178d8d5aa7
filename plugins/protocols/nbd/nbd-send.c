/* nbd-send.c - sending: many commands with one system call
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-link.h"

#include <sys/socket.h>

/* Entries of one send. */
#define MAX_VECTORS 256

/* Reads from here on go past the receive buffer. */
#define LARGE_READ (64u << 10)

/* Slots are reused at once; the serial number tells whose a late or made-up answer is. */
static void
fill_header (NbdLink *self, NbdCommand *command, guint slot)
{
  gboolean is_extended = (self->info.abilities & NBD_CAN_EXTENDED_HEADERS) != 0;
  NbdRequestHeader header = { .flags = command->flags,
                              .type = command->type,
                              .offset = command->offset,
                              .length = command->length };

  command->cookie = (guint64) slot << 56 | (self->serial++ & (G_MAXUINT64 >> 8));
  header.cookie = command->cookie;
  if (is_extended && command->type == NBD_CMD_WRITE)
    header.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
  nbd_put_request_header (command->header, is_extended, &header);
}

static gboolean
is_large (const NbdCommand *command)
{
  return command->type == NBD_CMD_READ && command->length >= LARGE_READ;
}

void
nbd_link_free_slot (NbdLink *self, const NbdCommand *command)
{
  guint slot = command->cookie >> 56;

  self->slots[slot] = NULL;
  self->free_slots[self->n_free++] = slot;
  self->n_large -= is_large (command);
}

static gboolean
take_slot (NbdLink *self, NbdCommand *command)
{
  guint slot;

  if (command->cookie != 0)
    return TRUE;
  if (self->n_free == 0)
    return FALSE;

  slot = self->free_slots[--self->n_free];
  self->slots[slot] = command;
  self->n_large += is_large (command);
  fill_header (self, command, slot);
  return TRUE;
}

static gsize
size_of (const NbdLink *self, const NbdCommand *command)
{
  return nbd_request_header_size ((self->info.abilities & NBD_CAN_EXTENDED_HEADERS) != 0)
         + (command->type == NBD_CMD_WRITE ? command->length : 0);
}

/* What is left of @command beyond its first @skip bytes. FALSE: not all of it has room. */
static gboolean
gather_command (const NbdLink *self, NbdCommand *command, gsize skip, struct iovec *iov,
                guint *n_iov)
{
  gsize header = size_of (self, command) - (command->type == NBD_CMD_WRITE ? command->length : 0);
  BanyanRequest rest;
  guint64 covered;

  if (skip < header)
    iov[(*n_iov)++] = (struct iovec){ command->header + skip, header - skip };
  if (command->type != NBD_CMD_WRITE)
    return TRUE;

  skip -= MIN (skip, header);
  rest = banyan_request_slice (command->data, skip, command->length - skip, 0);
  *n_iov += banyan_request_flatten (&rest, iov + *n_iov, MAX_VECTORS - *n_iov, &covered);
  return covered == rest.length;
}

static guint
gather (NbdLink *self, struct iovec *iov)
{
  gsize skip = self->sent_of_first;
  guint n_iov = 0;

  for (NbdCommand *i = self->queue_first; i != NULL && n_iov + 2 <= MAX_VECTORS; i = i->next)
    {
      if (!take_slot (self, i) || !gather_command (self, i, skip, iov, &n_iov))
        break;
      skip = 0;
    }
  return n_iov;
}

/* A server may have answered before it had all. */
static void
retire (NbdLink *self, gsize sent)
{
  sent += self->sent_of_first;

  while (self->queue_first != NULL && sent >= size_of (self, self->queue_first))
    {
      NbdCommand *command = self->queue_first;

      sent -= size_of (self, command);
      self->queue_first = command->next;
      if (self->queue_first == NULL)
        self->queue_last = &self->queue_first;
      command->is_queued = FALSE;
      if (command->is_done)
        banyan_coroutine_wake (command->coroutine);
    }
  self->sent_of_first = sent;
}

/* No slot is free: who frees one kicks again. */
static void BANYAN_COROUTINE
send_all (gpointer data)
{
  NbdLink *self = data;

  while (!self->is_over && self->queue_first != NULL)
    {
      struct iovec iov[MAX_VECTORS];
      struct msghdr message = { .msg_iov = iov, .msg_iovlen = gather (self, iov) };
      gssize sent;

      if (message.msg_iovlen == 0)
        break;
      sent = banyan_co_sendmsg (self->fd, &message, 0);
      if (sent < 0)
        {
          self->cannot_send = TRUE;
          shutdown (self->fd, SHUT_RDWR);
          break;
        }
      retire (self, sent);
    }

  self->has_sender = FALSE;
  nbd_link_wake_ender (self);
}

void
nbd_link_kick (NbdLink *self)
{
  if (self->has_sender || self->is_over || self->cannot_send || self->queue_first == NULL)
    return;

  self->has_sender = TRUE;
  banyan_coroutine_start_on (self->loop, send_all, self);
}
