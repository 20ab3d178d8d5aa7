/* nbd-transmit.c - the transmission phase: taking requests in and seeing to the end
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <errno.h>

/* Beyond these the reader waits for the client to take its answers. */
#define MAX_IN_FLIGHT 256
#define MAX_OUTPUT_BYTES (8u << 20)
/* Two of the largest requests, or very many small ones: what one client can make us hold. */
#define MAX_BYTES_IN_FLIGHT (64u << 20)

/* Every request that waits has a stack. Beyond this share of all that there can be, clients wait
 * for each other, but for those who have a few only; beyond the next there are no more clients. */
#define MAX_PERCENT 25
#define FEW_IN_FLIGHT 16
#define FEW_MAX_PERCENT 40

/* With this much to send, the reader sends it before it takes the next request: a second-level
 * cache still holds it, and its buffers are at hand for that request. */
#define SEND_BYTES (256u << 10)

static void run_reader (gpointer data);

/* -- One request's header. -- */

static gboolean
parse_header (NbdConnection *self, NbdRequest *request)
{
  NbdRequestHeader header;

  if (!nbd_get_request_header (nbd_input_peek (self), self->extended, &header))
    return FALSE;

  *request = (NbdRequest){ .flags = header.flags,
                           .type = header.type,
                           .cookie = header.cookie,
                           .offset = header.offset,
                           .length = header.length };
  if (self->extended ? (request->flags & NBD_CMD_FLAG_PAYLOAD_LEN) != 0
                     : request->type == NBD_CMD_WRITE)
    request->payload_length = request->length;

  nbd_input_skip (self, nbd_request_header_size (self->extended));
  return TRUE;
}

static guint64
payload_of (const NbdRequest *request)
{
  return request->type == NBD_CMD_READ ? MIN (request->length, NBD_MAX_PAYLOAD)
                                       : request->payload_length;
}

static gboolean
has_room (const NbdConnection *self, guint64 bytes)
{
  return self->in_flight < MAX_IN_FLIGHT && self->out_bytes < MAX_OUTPUT_BYTES
         && (self->in_flight == 0 || self->bytes_in_flight + bytes <= MAX_BYTES_IN_FLIGHT);
}

/* Who has nothing in flight is never made to wait for others. */
static gboolean
has_stack (const NbdConnection *self)
{
  return self->in_flight == 0
         || banyan_coroutine_may_use (self->in_flight < FEW_IN_FLIGHT ? FEW_MAX_PERCENT
                                                                      : MAX_PERCENT);
}

/* What ends meanwhile wakes us: a request of our own, or where we are in the queue, anybody's. */
static void BANYAN_COROUTINE
wait_for_others (NbdConnection *self, NbdPlace *place, gboolean in_queue)
{
  if (in_queue)
    nbd_queue_join (place);
  nbd_connection_watch (self);
  self->waiter = banyan_coroutine_self ();
  banyan_co_suspend ();
  self->waiter = NULL;
}

/* For a request with @bytes of payload, either way. */
static void BANYAN_COROUTINE
wait_for_room (NbdConnection *self, guint64 bytes)
{
  NbdPlace place = { .is_queued = FALSE };

  while (!self->out_closed && !self->in_closed)
    {
      gboolean is_short = FALSE;

      if (has_room (self, bytes) && !(is_short = !has_stack (self)))
        break;
      if (self->out_first != NULL && !self->is_sending)
        nbd_output_flush (self);
      else
        wait_for_others (self, &place, is_short);
    }

  if (G_UNLIKELY (place.is_queued))
    nbd_queue_leave (&place);
}

/* "A server SHOULD initiate hard disconnect" where the payload is larger than it said it takes;
 * else the payload is read before anything is said about the request. */
static gboolean BANYAN_COROUTINE
next_request (NbdConnection *self, NbdRequest *request)
{
  gboolean has_header;

  self->is_between = TRUE;
  has_header = nbd_input_need (self, nbd_request_header_size (self->extended));
  self->is_between = FALSE;
  /* Whoever was told to hurry may have been cancelled, and cannot serve what came nevertheless. */
  self->has_left = !self->in_closed && BANYAN_LIVE (self->is_leaving);
  if (self->has_left || !has_header || !parse_header (self, request)
      || request->type == NBD_CMD_DISC || request->payload_length > NBD_MAX_PAYLOAD)
    return FALSE;

  wait_for_room (self, payload_of (request));
  if (self->in_closed || self->out_closed)
    return FALSE;
  return request->payload_length == 0
         || nbd_input_take (self, request->payload_length, &request->payload_buffer,
                            &request->payload);
}

/* -- The reader's role. -- */

static void
pass_role_on (gpointer data, gpointer user_data)
{
  NbdConnection *self = data;
  NbdWaiting *waiting = user_data;

  *waiting = (NbdWaiting){ banyan_coroutine_self (), NULL, self->waiting };
  if (self->waiting != NULL)
    self->waiting->previous = waiting;
  self->waiting = waiting;
  banyan_coroutine_start_on (self->loop, run_reader, self);
}

static void
forget_waiting (NbdConnection *self, NbdWaiting *waiting)
{
  if (waiting->previous != NULL)
    waiting->previous->next = waiting->next;
  else
    self->waiting = waiting->next;
  if (waiting->next != NULL)
    waiting->next->previous = waiting->previous;
}

static void BANYAN_COROUTINE
execute (NbdConnection *self, NbdRequest *request)
{
  guint64 bytes = payload_of (request);

  self->in_flight++;
  self->bytes_in_flight += bytes;
  if (G_LIKELY (banyan_coroutine_may_use (100)))
    nbd_connection_execute (self, request);
  else
    nbd_reply_error (self, request, ENOMEM, "too many requests wait in this server");
  if (request->payload_buffer != NULL)
    banyan_buffer_unref (request->payload_buffer);
  self->bytes_in_flight -= bytes;
  self->in_flight--;
  if (self->waiter != NULL)
    banyan_coroutine_wake (self->waiter);
  if (G_UNLIKELY (BANYAN_LIVE (nbd_queue_length) > 0))
    nbd_queue_wake ();
}

/* Serves requests one after the other, as long as none of them waits. The one that did finishes
 * here; by then another coroutine is the reader. */
static void
run_reader (gpointer data)
{
  NbdConnection *self = data;
  NbdWaiting waiting;
  NbdRequest request;

  for (;;)
    {
      request.payload_buffer = NULL;
      if (self->in_closed || self->out_closed || !next_request (self, &request))
        break;

      banyan_co_on_suspend (pass_role_on, self, &waiting);
      execute (self, &request);
      if (!banyan_co_on_suspend (NULL, NULL, NULL))
        {
          forget_waiting (self, &waiting);
          nbd_connection_wake_owner (self);
          return;
        }
      if (self->out_bytes >= SEND_BYTES)
        nbd_output_flush (self);
    }

  self->in_closed |= !self->has_left;
  self->has_reader = FALSE;
  nbd_connection_wake_owner (self);
}

/* -- The owner's. -- */

static void
give_up (NbdConnection *self)
{
  self->in_closed = TRUE;
  for (NbdWaiting *each = self->waiting; each != NULL; each = each->next)
    banyan_coroutine_cancel (each->coroutine);
}

/* What a client that has gone asked for goes on, without it. */
static void
look_after_peer (NbdConnection *self)
{
  if (self->has_reader || !self->in_closed || self->in_flight == 0 || self->fd < 0)
    return;
  if (!self->has_hung_up)
    nbd_connection_watch (self);
  else if (!self->is_sending)
    {
      g_clear_pointer (&self->in, banyan_buffer_unref);
      nbd_server_give_up_place (self->server, self);
    }
}

/* All that was asked for is answered, also when the client has said goodbye: "the server MUST
 * handle all outstanding requests". */
void BANYAN_COROUTINE
nbd_connection_transmit (NbdConnection *self)
{
  nbd_server_set_owner (self->server, self, banyan_coroutine_self ());
  self->has_reader = TRUE;
  banyan_coroutine_start (run_reader, self);

  while (self->has_reader || self->in_flight > 0 || self->is_sending || self->out_first != NULL)
    {
      if (BANYAN_LIVE (self->is_cut_off))
        give_up (self);
      look_after_peer (self);
      if (self->out_first != NULL && !self->is_sending)
        nbd_output_flush (self);
      else
        banyan_co_suspend ();
    }
  nbd_connection_end_watch (self);
  nbd_server_set_owner (self->server, self, NULL);
}
