/* nbd-load-connection.c - requests out and replies in, many with one system call
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All free slots are filled and leave with one sendmsg; one recv takes whatever has arrived.
 * Headers and small payloads are parsed where they lie. Of a large payload only the beginning comes
 * that way, the rest is received straight to its place, or spliced to /dev/null where nobody looks
 * at it: copying it would cost the client as much as sending it costs the server. */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd-load.h"

#define RECEIVE_BYTES (256u << 10)
#define DIRECT_BYTES (64u << 10)
#define PIPE_BYTES (1u << 20)

/* What was left of a header goes before what comes next. Shared: it is empty between calls. */
static uint8_t receive_buffer[sizeof ((LoadConnection *) 0)->partial + RECEIVE_BYTES];

static uint8_t *write_filler; /* what writes carry when nobody verifies them */
static int null_pipe[2] = { -1, -1 };
static int null_fd = -1;

static uint64_t
    received_ns; /* when the last receive returned: one clock reading for many replies */

const char *
load_type_name (unsigned type)
{
  static const char *const names[]
      = { "read", "write", "disconnect", "flush", "trim", "cache", "write-zeroes" };

  return type < sizeof names / sizeof *names ? names[type] : "request";
}

static void
prepare_shared (void)
{
  if (null_fd >= 0)
    return;

  null_fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null_fd < 0 || pipe2 (null_pipe, O_CLOEXEC) < 0)
    load_fail ("the way to nowhere: %s", strerror (errno));
  /* May be refused to a user with many pipes; then splices are only shorter. */
  (void) fcntl (null_pipe[1], F_SETPIPE_SZ, PIPE_BYTES);

  write_filler = malloc (load_options.longest_bytes);
  memset (write_filler, 0xb5, load_options.longest_bytes);
}

void
load_connection_prepare (LoadConnection *connection)
{
  unsigned depth = load_options.depth;

  prepare_shared ();
  connection->slots = calloc (depth, sizeof *connection->slots);
  connection->free = calloc (depth, sizeof *connection->free);
  connection->headers = calloc (depth, sizeof *connection->headers);
  connection->out = calloc (2 * depth, sizeof *connection->out);
  for (unsigned i = 0; i < depth; i++)
    {
      connection->free[connection->n_free++] = depth - 1 - i;
      if (load_options.verify)
        connection->slots[i].buffer = malloc (load_options.longest_bytes);
    }
}

void
load_connection_free (LoadConnection *connection)
{
  for (unsigned i = 0; i < load_options.depth; i++)
    free (connection->slots[i].buffer);
  free (connection->slots);
  free (connection->free);
  free (connection->headers);
  free (connection->out);
  free (connection->content);
  free (connection->claims);
  close (connection->fd);
}

bool
load_connection_is_idle (const LoadConnection *connection)
{
  return connection->n_free == load_options.depth;
}

const LoadSlot *
load_connection_find_oldest (const LoadConnection *connection)
{
  const LoadSlot *oldest = NULL;

  for (unsigned i = 0; i < load_options.depth; i++)
    {
      const LoadSlot *slot = &connection->slots[i];

      if (slot->cookie != 0 && (oldest == NULL || slot->start_ns < oldest->start_ns))
        oldest = slot;
    }
  return oldest;
}

static void
append_out (LoadConnection *connection, void *data, size_t length)
{
  struct iovec *last = connection->n_out > 0 ? &connection->out[connection->n_out - 1] : NULL;

  if (last != NULL && (uint8_t *) last->iov_base + last->iov_len == (uint8_t *) data)
    last->iov_len += length;
  else
    connection->out[connection->n_out++] = (struct iovec){ data, length };
}

static void
fill_batch (LoadConnection *connection)
{
  uint64_t now = load_now_ns ();
  unsigned n_headers = 0;

  connection->n_out = connection->out_sent = 0;
  while (connection->n_free > 0 && load_may_start_request ())
    {
      unsigned index = connection->free[connection->n_free - 1];
      LoadSlot *slot = &connection->slots[index];
      NbdRequest *header = &connection->headers[n_headers];

      if (!load_workload_next (connection, slot))
        break;
      connection->n_free--;
      n_headers++;
      /* Never used twice, so that a reply that comes twice is seen. */
      slot->cookie = ++connection->last_sequence << 12 | index;
      slot->start_ns = now;
      slot->received = 0;

      *header = (NbdRequest){ htobe32 (NBD_REQUEST_MAGIC), htobe16 (slot->flags),
                              htobe16 (slot->type),        slot->cookie,
                              htobe64 (slot->offset),      htobe32 (slot->length) };
      append_out (connection, header, sizeof *header);
      if (slot->type == NBD_CMD_WRITE)
        append_out (connection, slot->buffer != NULL ? slot->buffer : write_filler, slot->length);
    }
}

static void
advance_out (LoadConnection *connection, size_t sent)
{
  while (sent > 0)
    {
      struct iovec *v = &connection->out[connection->out_sent];

      if (sent < v->iov_len)
        {
          v->iov_base = (uint8_t *) v->iov_base + sent;
          v->iov_len -= sent;
          return;
        }
      sent -= v->iov_len;
      connection->out_sent++;
    }
}

/* Sends what there is to send until the socket is full. */
void
load_connection_send (LoadConnection *connection)
{
  if (connection->out_sent == connection->n_out)
    fill_batch (connection);

  while (connection->out_sent < connection->n_out)
    {
      unsigned left = connection->n_out - connection->out_sent;
      struct msghdr message = { .msg_iov = connection->out + connection->out_sent,
                                .msg_iovlen = left < 1024 ? left : 1024 };
      ssize_t n = sendmsg (connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno != EAGAIN)
        load_fail ("connection %u: send: %s", connection->number, strerror (errno));
      if (n < 0)
        break;
      advance_out (connection, n);
    }
  connection->wants_write = connection->out_sent < connection->n_out;
}

static LoadSlot *
find_slot (LoadConnection *connection, uint64_t cookie)
{
  LoadSlot *slot = &connection->slots[cookie & 0xfff];

  if ((cookie & 0xfff) >= load_options.depth || cookie == 0 || slot->cookie != cookie)
    load_fail ("connection %u: a reply to no request in flight (cookie 0x%jx)", connection->number,
               (uintmax_t) cookie);
  return slot;
}

static void
end_request (LoadConnection *connection, LoadSlot *slot)
{
  if (slot->type == NBD_CMD_READ && slot->received != slot->length)
    load_fail ("connection %u: %u of the %u bytes at 0x%jx were sent", connection->number,
               slot->received, slot->length, (uintmax_t) slot->offset);

  load_request_ended (slot, received_ns);
  load_workload_ended (connection, slot);
  slot->cookie = 0;
  connection->free[connection->n_free++] = slot - connection->slots;
}

static void __attribute__ ((noreturn))
fail_request (LoadConnection *connection, const LoadSlot *slot, uint32_t code)
{
  load_fail ("connection %u: %s of %u bytes at 0x%jx%s failed: error %u", connection->number,
             load_type_name (slot->type), slot->length, (uintmax_t) slot->offset,
             (slot->flags & NBD_CMD_FLAG_FUA) != 0 ? " with FUA" : "", code);
}

static void
begin_payload (LoadConnection *connection, LoadSlot *slot, uint64_t offset, uint32_t length,
               bool ends_request)
{
  if (slot->type != NBD_CMD_READ || offset < slot->offset || length > slot->length
      || offset - slot->offset > slot->length - length || slot->received > slot->length - length)
    load_fail ("connection %u: data of %u bytes at 0x%jx does not belong to the %s of %u bytes "
               "at 0x%jx",
               connection->number, length, (uintmax_t) offset, load_type_name (slot->type),
               slot->length, (uintmax_t) slot->offset);

  slot->received += length;
  connection->payload_slot = slot;
  connection->payload_left = length;
  connection->payload_to = slot->buffer != NULL ? slot->buffer + (offset - slot->offset) : NULL;
  connection->payload_ends_request = ends_request;
}

/* Counts @n bytes of payload as arrived. */
static void
payload_arrived (LoadConnection *connection, uint32_t n)
{
  connection->payload_left -= n;
  if (connection->payload_to != NULL)
    connection->payload_to += n;
  if (connection->payload_left == 0 && connection->payload_ends_request)
    end_request (connection, connection->payload_slot);
}

static void
take_simple_reply (LoadConnection *connection, const uint8_t *data)
{
  NbdSimpleReply reply;
  LoadSlot *slot;

  memcpy (&reply, data, sizeof reply);
  slot = find_slot (connection, reply.cookie);
  if (reply.error != 0)
    fail_request (connection, slot, be32toh (reply.error));
  if (slot->type != NBD_CMD_READ)
    end_request (connection, slot);
  else if (connection->structured)
    load_fail ("connection %u: a simple reply to a read", connection->number);
  else
    begin_payload (connection, slot, slot->offset, slot->length, true);
}

static void
take_hole (LoadConnection *connection, LoadSlot *slot, const uint8_t *data, bool done)
{
  uint64_t offset;
  uint32_t length;

  memcpy (&offset, data, sizeof offset);
  memcpy (&length, data + sizeof offset, sizeof length);
  length = be32toh (length);
  if (length == 0)
    load_fail ("connection %u: an empty hole", connection->number);
  begin_payload (connection, slot, be64toh (offset), length, done);
  if (connection->payload_to != NULL)
    memset (connection->payload_to, 0, length);
  payload_arrived (connection, length);
}

/* How much of a chunk must have arrived before it can be understood. */
static size_t
chunk_head_bytes (LoadConnection *connection, const NbdChunk *chunk)
{
  uint32_t length = be32toh (chunk->length);
  unsigned type = be16toh (chunk->type);

  if (NBD_CHUNK_IS_ERROR (type) && length >= 6 && length <= 4096 + 14)
    return sizeof *chunk + length;
  if (type == NBD_CHUNK_NONE && length == 0)
    return sizeof *chunk;
  if (type == NBD_CHUNK_OFFSET_DATA && length > 8)
    return sizeof *chunk + 8;
  if (type == NBD_CHUNK_OFFSET_HOLE && length == 12)
    return sizeof *chunk + 12;
  load_fail ("connection %u: a chunk of type %u with %u bytes", connection->number, type, length);
}

static void
take_chunk (LoadConnection *connection, const NbdChunk *chunk, const uint8_t *data)
{
  LoadSlot *slot = find_slot (connection, chunk->cookie);
  bool done = (be16toh (chunk->flags) & NBD_CHUNK_FLAG_DONE) != 0;
  unsigned type = be16toh (chunk->type);
  uint64_t offset;

  if (NBD_CHUNK_IS_ERROR (type))
    {
      uint32_t code;

      memcpy (&code, data, sizeof code);
      fail_request (connection, slot, be32toh (code));
    }
  else if (type == NBD_CHUNK_OFFSET_DATA)
    {
      memcpy (&offset, data, sizeof offset);
      begin_payload (connection, slot, be64toh (offset), be32toh (chunk->length) - 8, done);
    }
  else if (type == NBD_CHUNK_OFFSET_HOLE)
    take_hole (connection, slot, data, done);
  else if (!done)
    load_fail ("connection %u: an empty chunk that is not the last", connection->number);
  else
    end_request (connection, slot);
}

/* Takes one reply header from @data; returns its length, or 0 if more of it must arrive. */
static size_t
take_header (LoadConnection *connection, const uint8_t *data, size_t length)
{
  uint32_t magic;
  NbdChunk chunk;
  size_t need;

  if (length < sizeof (NbdSimpleReply))
    return 0;

  memcpy (&magic, data, sizeof magic);
  if (be32toh (magic) == NBD_SIMPLE_REPLY_MAGIC)
    {
      take_simple_reply (connection, data);
      return sizeof (NbdSimpleReply);
    }
  if (be32toh (magic) != NBD_CHUNK_MAGIC || !connection->structured)
    load_fail ("connection %u: a reply with magic 0x%x", connection->number, be32toh (magic));

  if (length < sizeof chunk)
    return 0;
  memcpy (&chunk, data, sizeof chunk);
  need = chunk_head_bytes (connection, &chunk);
  if (length < need)
    return 0;
  take_chunk (connection, &chunk, data + sizeof chunk);
  return need;
}

static void
take_received (LoadConnection *connection, const uint8_t *data, size_t length)
{
  while (length > 0)
    {
      size_t n = connection->payload_left;

      if (n > 0)
        {
          n = n < length ? n : length;
          if (connection->payload_to != NULL)
            memcpy (connection->payload_to, data, n);
          payload_arrived (connection, n);
        }
      else if ((n = take_header (connection, data, length)) == 0)
        break;
      data += n;
      length -= n;
    }

  memcpy (connection->partial, data, length);
  connection->n_partial = length;
}

/* Unix sockets know no MSG_TRUNC, so that what is not wanted takes the way through a pipe. */
static ssize_t
splice_to_nowhere (LoadConnection *connection, size_t length)
{
  ssize_t n = splice (connection->fd, NULL, null_pipe[1], NULL,
                      length < PIPE_BYTES ? length : PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

  for (ssize_t left = n; left > 0;)
    {
      ssize_t gone = splice (null_pipe[0], NULL, null_fd, NULL, left, SPLICE_F_MOVE);

      if (gone <= 0)
        load_fail ("splice to /dev/null: %s", strerror (errno));
      left -= gone;
    }
  return n;
}

static ssize_t
receive_direct (LoadConnection *connection)
{
  if (connection->payload_to != NULL)
    return recv (connection->fd, connection->payload_to, connection->payload_left, MSG_DONTWAIT);
  if (load_options.unix_path != NULL)
    return splice_to_nowhere (connection, connection->payload_left);
  return recv (connection->fd, NULL, connection->payload_left, MSG_DONTWAIT | MSG_TRUNC);
}

/* To be woken costs us the time until we run, and the server the waking: between two virtual CPUs
 * more than to serve all that is in flight. So we look for a while before we sleep. Where server
 * and client share a CPU, or neighbours want it, yielding lets them have it. */
static ssize_t
receive_polling (int fd, uint8_t *to)
{
  uint64_t end_ns = load_now_ns () + load_options.poll_ns;

  do
    {
      ssize_t n = recv (fd, to, RECEIVE_BYTES, MSG_DONTWAIT);

      if (n >= 0 || errno != EAGAIN)
        return n;
      sched_yield ();
    }
  while (load_now_ns () < end_ns);

  return recv (fd, to, RECEIVE_BYTES, 0);
}

static ssize_t
receive_buffered (LoadConnection *connection, bool wait)
{
  uint8_t *start = receive_buffer + connection->n_partial;
  ssize_t n;

  memcpy (receive_buffer, connection->partial, connection->n_partial);
  if (wait && load_options.poll_ns > 0)
    n = receive_polling (connection->fd, start);
  else
    n = recv (connection->fd, start, RECEIVE_BYTES, wait ? 0 : MSG_DONTWAIT);
  received_ns = load_now_ns ();
  if (n > 0)
    take_received (connection, receive_buffer, connection->n_partial + n);
  return n;
}

/* Takes what has arrived; with @wait, waits for it. */
void
load_connection_receive (LoadConnection *connection, bool wait)
{
  for (;;)
    {
      bool direct = connection->payload_left >= DIRECT_BYTES;
      ssize_t n = direct ? receive_direct (connection) : receive_buffered (connection, wait);

      if (n == 0)
        load_fail ("connection %u: closed by the server", connection->number);
      if (n > 0)
        load_note_reply ();
      if (n < 0 && errno == EAGAIN && wait && !direct)
        load_note_silence ();
      if (n < 0 && errno == EAGAIN)
        return;
      if (n < 0 && errno != EINTR)
        load_fail ("connection %u: receive: %s", connection->number, strerror (errno));
      if (direct && n > 0)
        {
          received_ns = load_now_ns ();
          payload_arrived (connection, n);
        }
      /* The rest of a large payload is taken at once; otherwise one recv a round. */
      if (n > 0 && connection->payload_left < DIRECT_BYTES)
        return;
      wait = false;
    }
}

void
load_connection_disconnect (LoadConnection *connection)
{
  NbdRequest request = { .magic = htobe32 (NBD_REQUEST_MAGIC), .type = htobe16 (NBD_CMD_DISC) };

  (void) send (connection->fd, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
}
