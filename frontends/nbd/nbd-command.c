/* nbd-command.c - executing one request
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <errno.h>

/* Reads of at least this ask for holes first, so that none are read. */
#define SPARSE_MIN (64u << 10)
/* Reads of at least this go to the socket from where they lie, if they can. */
#define SEND_MIN (128u << 10)
/* Content chunks of one structured reply. */
#define MAX_CHUNKS 64

/* Ranges without data may be as long as the disk. Each piece has a pass of its own, and others
 * their turn before the next: no client's request delays a change of the graph for long. */
#define RANGE_PIECE (1ull << 30)

static void
reply_gerror (NbdConnection *self, const NbdRequest *request, GError *error)
{
  nbd_reply_error (self, request, banyan_error_get_errno (error), error->message);
  g_error_free (error);
}

/* -- Checks: sections "Request types" and "Error values". -- */

static guint
allowed_flags (const NbdConnection *self, guint16 type)
{
  guint flags = NBD_CMD_FLAG_FUA;

  switch (type)
    {
    case NBD_CMD_READ:
      return flags | (self->structured || self->extended ? NBD_CMD_FLAG_DF : 0);
    case NBD_CMD_WRITE:
      return flags | (self->extended ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
    case NBD_CMD_WRITE_ZEROES:
      return flags | NBD_CMD_FLAG_NO_HOLE
             | (self->transmission_flags & NBD_FLAG_SEND_FAST_ZERO ? NBD_CMD_FLAG_FAST_ZERO : 0);
    case NBD_CMD_BLOCK_STATUS:
      return flags | NBD_CMD_FLAG_REQ_ONE | (self->extended ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
    default:
      return flags;
    }
}

static gboolean
changes_data (guint16 type)
{
  return type == NBD_CMD_WRITE || type == NBD_CMD_TRIM || type == NBD_CMD_WRITE_ZEROES
         || type == NBD_CMD_RESIZE;
}

/* What is wrong with @request, as an errno and a text; 0: nothing. */
static int
check_request (NbdConnection *self, const NbdRequest *request, const char **message)
{
  guint64 length = banyan_channel_get_length (self->channel);

  *message = "unknown request type";
  if (request->type > NBD_CMD_RESIZE || request->type == NBD_CMD_DISC)
    return EINVAL;
  *message = "a flag that this request does not take";
  if (request->flags & ~allowed_flags (self, request->type))
    return EINVAL;
  *message = "with extended headers a write says how long its payload is";
  if (self->extended && request->type == NBD_CMD_WRITE
      && !(request->flags & NBD_CMD_FLAG_PAYLOAD_LEN))
    return EINVAL;
  *message = "the export is read-only";
  if (changes_data (request->type) && !self->is_writable)
    return EPERM;
  if (request->type == NBD_CMD_FLUSH || request->type == NBD_CMD_RESIZE)
    return 0;
  *message = "beyond the end of the export";
  if (!(request->type == NBD_CMD_BLOCK_STATUS && request->payload_length > 0)
      && (request->offset > length || request->length > length - request->offset))
    return request->type == NBD_CMD_WRITE || request->type == NBD_CMD_WRITE_ZEROES ? ENOSPC
                                                                                   : EINVAL;
  *message = "longer than the maximum payload size";
  if (request->type == NBD_CMD_READ && request->length > NBD_MAX_PAYLOAD)
    return self->structured || self->extended ? EOVERFLOW : EINVAL;
  return 0;
}

static guint
request_flags (const NbdRequest *request)
{
  return request->flags & NBD_CMD_FLAG_FUA ? BANYAN_REQUEST_FUA : 0;
}

/* -- Reading. -- */

/* One content chunk of data, or of zeroes that need not be sent. */
static gboolean BANYAN_COROUTINE
read_piece (NbdConnection *self, const NbdRequest *request, guint64 offset, gsize length,
            gboolean is_last, GError **error)
{
  BanyanBuffer *buffer = banyan_buffer_new (length);
  struct iovec iov;
  BanyanRequest read;

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "reading %zu bytes", length);

  iov = (struct iovec){ buffer->data, length };
  read = BANYAN_REQUEST (offset, length, &iov, 1);
  if (!banyan_channel_read (self->channel, &read, error))
    {
      banyan_buffer_unref (buffer);
      return FALSE;
    }

  nbd_reply_data (self, request, offset, buffer, buffer->data, length, is_last);
  return TRUE;
}

/* Asks what is zero, and reads the rest. One request for the graph: nothing changes between. */
static gboolean BANYAN_COROUTINE
read_sparse (NbdConnection *self, const NbdRequest *request, GError **error)
{
  guint64 offset = request->offset;
  guint64 end = offset + request->length;

  for (guint n = 1; offset < end; n++)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      guint64 length;
      gboolean is_hole;

      if (banyan_channel_block_status (self->channel, offset, end - offset, &status, error)
          == BANYAN_FAILED)
        return FALSE;
      is_hole = (status.flags & BANYAN_BLOCK_ZERO) != 0;
      length = MIN (status.length, end - offset);
      if (n == MAX_CHUNKS)
        {
          length = end - offset;
          is_hole = FALSE;
        }

      if (is_hole)
        nbd_reply_hole (self, request, offset, length, offset + length == end);
      else if (!read_piece (self, request, offset, length, offset + length == end, error))
        return FALSE;
      offset += length;
    }

  return TRUE;
}

static gboolean
wants_holes (NbdConnection *self, const NbdRequest *request)
{
  return (self->structured || self->extended) && request->length >= SPARSE_MIN
         && !(request->flags & NBD_CMD_FLAG_DF);
}

/* Not where holes would be sent as such: they are the less work. */
static gboolean BANYAN_COROUTINE
may_send (NbdConnection *self, const NbdRequest *request)
{
  BanyanBlockStatus status = { .size = sizeof status };
  g_autoptr (GError) error = NULL;

  if (!wants_holes (self, request))
    return TRUE;

  return banyan_channel_block_status (self->channel, request->offset, request->length, &status,
                                      &error)
             == BANYAN_DONE
         && (status.flags & BANYAN_BLOCK_ZERO) == 0 && status.length >= request->length;
}

static void BANYAN_COROUTINE
command_read (NbdConnection *self, NbdRequest *request)
{
  GError *error = NULL;
  gboolean done;

  if (request->length == 0)
    {
      nbd_reply_done (self, request);
      return;
    }

  if (request->length >= SEND_MIN && may_send (self, request) && nbd_send_read (self, request))
    return;

  if (wants_holes (self, request))
    {
      banyan_channel_enter (self->channel);
      done = read_sparse (self, request, &error);
      banyan_channel_leave (self->channel);
    }
  else
    done = read_piece (self, request, request->offset, request->length, TRUE, &error);

  if (!done)
    reply_gerror (self, request, error);
}

/* -- Writing and the rest. -- */

static void
reply_answer (NbdConnection *self, const NbdRequest *request, BanyanAnswer answer, GError *error)
{
  if (answer == BANYAN_DONE)
    nbd_reply_done (self, request);
  else if (answer == BANYAN_UNSUPPORTED)
    nbd_reply_error (self, request, ENOTSUP, "not supported here");
  else
    reply_gerror (self, request, error);
}

static void BANYAN_COROUTINE
command_write (NbdConnection *self, NbdRequest *request)
{
  struct iovec iov = { (gpointer) request->payload, request->length };
  BanyanRequest write = BANYAN_REQUEST (request->offset, request->length, &iov, 1);
  GError *error = NULL;

  write.flags = request_flags (request);
  if (request->length == 0 || banyan_channel_write (self->channel, &write, &error))
    nbd_reply_done (self, request);
  else
    reply_gerror (self, request, error);
}

static void BANYAN_COROUTINE
command_flush (NbdConnection *self, NbdRequest *request)
{
  GError *error = NULL;

  if (banyan_channel_flush (self->channel, &error))
    nbd_reply_done (self, request);
  else
    reply_gerror (self, request, error);
}

typedef BanyanAnswer (*RangeFunc) (BanyanChannel *channel, const BanyanRequest *piece,
                                   GError **error);

/* For a client that has gone, nothing more is begun: there may be days of it. */
static BanyanAnswer BANYAN_COROUTINE
run_in_pieces (NbdConnection *self, const NbdRequest *request, RangeFunc func, guint flags,
               GError **error)
{
  gboolean is_whole = (flags & BANYAN_REQUEST_NO_FALLBACK) != 0;
  BanyanAnswer answer = BANYAN_DONE;

  for (guint64 done = 0; done < request->length && answer == BANYAN_DONE;)
    {
      guint64 left = request->length - done;
      guint64 length = is_whole ? left : MIN (left, RANGE_PIECE);
      BanyanRequest piece = BANYAN_REQUEST (request->offset + done, length, NULL, 0);

      if (done > 0)
        banyan_co_yield ();
      if (done > 0 && self->has_vanished)
        {
          banyan_throw_errno (error, ESHUTDOWN, "the client has gone");
          return BANYAN_FAILED;
        }
      piece.flags = flags;
      answer = func (self->channel, &piece, error);
      done += length;
    }
  return answer;
}

/* A trim is a hint: what cannot be done is done. */
static void BANYAN_COROUTINE
command_trim (NbdConnection *self, NbdRequest *request)
{
  GError *error = NULL;
  BanyanAnswer answer = run_in_pieces (self, request, banyan_channel_discard, 0, &error);

  if (answer == BANYAN_UNSUPPORTED)
    answer = BANYAN_DONE;
  if (answer == BANYAN_DONE && (request->flags & NBD_CMD_FLAG_FUA)
      && !banyan_channel_flush (self->channel, &error))
    answer = BANYAN_FAILED;
  reply_answer (self, request, answer, error);
}

/* Many pieces have one flush behind the last. A fast request is one piece: where it cannot be had,
 * nothing shall have changed. */
static void BANYAN_COROUTINE
command_write_zeroes (NbdConnection *self, NbdRequest *request)
{
  gboolean is_long = request->length > RANGE_PIECE;
  guint flags = is_long ? 0 : request_flags (request);
  GError *error = NULL;
  BanyanAnswer answer;

  if (!(request->flags & NBD_CMD_FLAG_NO_HOLE))
    flags |= BANYAN_REQUEST_MAY_UNMAP;
  if (request->flags & NBD_CMD_FLAG_FAST_ZERO)
    flags |= BANYAN_REQUEST_NO_FALLBACK;

  answer = run_in_pieces (self, request, banyan_channel_write_zeroes, flags, &error);
  if (answer == BANYAN_DONE && is_long && (request->flags & NBD_CMD_FLAG_FUA)
      && !banyan_channel_flush (self->channel, &error))
    answer = BANYAN_FAILED;
  reply_answer (self, request, answer, error);
}

static BanyanAnswer BANYAN_COROUTINE
prefetch (BanyanChannel *channel, const BanyanRequest *piece, GError **error)
{
  guint64 done = 0;

  while (done < piece->length)
    {
      BanyanRequest read = BANYAN_REQUEST (piece->offset + done,
                                           MIN (piece->length - done, NBD_MAX_PAYLOAD), NULL, 0);

      read.flags = BANYAN_REQUEST_PREFETCH;
      if (!banyan_channel_read (channel, &read, error))
        return BANYAN_FAILED;
      done += read.length;
    }
  return BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
can_prefetch (NbdConnection *self)
{
  guint capabilities;

  banyan_channel_enter (self->channel);
  capabilities = banyan_node_get_capabilities (banyan_channel_get_node (self->channel));
  banyan_channel_leave (self->channel);
  return (capabilities & BANYAN_CAN_PREFETCH) != 0;
}

/* Fetches it into whatever cache there is below, and forgets it. */
static void BANYAN_COROUTINE
command_cache (NbdConnection *self, NbdRequest *request)
{
  GError *error = NULL;
  BanyanAnswer answer = BANYAN_DONE;

  if (can_prefetch (self))
    answer = run_in_pieces (self, request, prefetch, 0, &error);
  reply_answer (self, request, answer, error);
}

/* Two who ask at once take turns: else the one for less would cut off what the other was given. */
static BanyanAnswer BANYAN_COROUTINE
grow (NbdConnection *self, guint64 length, GError **error)
{
  BanyanResize resize = { .size = sizeof resize, .length = length, .exact = TRUE };
  BanyanCoMutex *mutex = nbd_export_get_resize_mutex (self->export);
  BanyanAnswer answer = BANYAN_FAILED;

  banyan_channel_enter (self->channel);
  banyan_co_mutex_lock (mutex);
  if (length < banyan_channel_get_length (self->channel))
    banyan_throw_errno (error, EPERM, "others may use what lies beyond the smaller end");
  else
    answer = banyan_channel_resize (self->channel, &resize, error);
  banyan_co_mutex_unlock (mutex);
  banyan_channel_leave (self->channel);
  return answer;
}

/* Extension RESIZE: the offset is the new size. */
static void BANYAN_COROUTINE
command_resize (NbdConnection *self, NbdRequest *request)
{
  BanyanAnswer answer;
  GError *error = NULL;

  if (!(self->transmission_flags & NBD_FLAG_SEND_RESIZE))
    {
      nbd_reply_error (self, request, EPERM, "the export may not be resized by clients");
      return;
    }
  answer = grow (self, request->offset, &error);
  reply_answer (self, request, answer, error);
}

void BANYAN_COROUTINE
nbd_connection_execute (NbdConnection *self, NbdRequest *request)
{
  static void (*const commands[]) (NbdConnection *, NbdRequest *) = {
    [NBD_CMD_READ] = command_read,
    [NBD_CMD_WRITE] = command_write,
    [NBD_CMD_FLUSH] = command_flush,
    [NBD_CMD_TRIM] = command_trim,
    [NBD_CMD_CACHE] = command_cache,
    [NBD_CMD_WRITE_ZEROES] = command_write_zeroes,
    [NBD_CMD_BLOCK_STATUS] = nbd_command_block_status,
    [NBD_CMD_RESIZE] = command_resize,
  };
  const char *message;
  int number = check_request (self, request, &message);

  if (number != 0)
    nbd_reply_error (self, request, number, message);
  else
    commands[request->type](self, request);
}
