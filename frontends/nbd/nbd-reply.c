/* nbd-reply.c - replies in the form that was negotiated: simple, structured or extended
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <errno.h>

/* An error's text travels in the chunk's own header space. */
#define HEADER_SPACE (sizeof ((NbdChunk *) NULL)->header)

static guint8 *
put_chunk_header (NbdConnection *self, const NbdRequest *request, NbdChunk *chunk, guint16 type,
                  guint16 flags, guint32 length)
{
  const NbdChunkHeader header = { .flags = flags,
                                  .type = type,
                                  .cookie = request->cookie,
                                  .offset = request->offset,
                                  .length = length };

  return nbd_put_chunk_header (chunk->header, self->extended, &header);
}

static void
queue (NbdConnection *self, NbdChunk *chunk, const guint8 *header_end)
{
  chunk->header_length = header_end - chunk->header;
  g_assert (chunk->header_length <= HEADER_SPACE);
  nbd_output_queue (self, chunk);
}

static void
put_simple (NbdConnection *self, const NbdRequest *request, NbdChunk *chunk, guint32 error)
{
  queue (self, chunk, nbd_put_simple_reply (chunk->header, error, request->cookie));
}

/* "Once structured replies are negotiated, a simple reply MAY still answer a request other than
 * READ that needs no payload": it is the shorter one. */
void
nbd_reply_done (NbdConnection *self, const NbdRequest *request)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);

  if (self->extended || (self->structured && request->type == NBD_CMD_READ))
    queue (self, chunk,
           put_chunk_header (self, request, chunk, NBD_REPLY_TYPE_NONE, NBD_REPLY_FLAG_DONE, 0));
  else
    put_simple (self, request, chunk, NBD_SUCCESS);
}

/* Section "Error values": all that a client may be told, some of it as the answer to one request
 * only. */
static guint32
wire_error (const NbdRequest *request, int number)
{
  switch (number)
    {
    case EPERM:
    case EACCES:
    case EROFS:
      return NBD_EPERM;
    case ENOMEM:
      return NBD_ENOMEM;
    case EINVAL:
      return NBD_EINVAL;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return NBD_ENOSPC;
    case EOVERFLOW:
      return request->type == NBD_CMD_READ ? NBD_EOVERFLOW : NBD_EINVAL;
    case ENOTSUP:
      return request->flags & NBD_CMD_FLAG_FAST_ZERO ? NBD_ENOTSUP : NBD_EINVAL;
    case ESHUTDOWN:
      return NBD_ESHUTDOWN;
    default:
      return NBD_EIO;
    }
}

/* Section "Conventions": at most so many bytes, and all of them UTF-8, which a file's name in the
 * text need not be. */
static void
attach_text (NbdConnection *self, NbdChunk *chunk, const char *message)
{
  g_autofree char *text = g_utf8_make_valid (message, -1);
  gsize length = MIN (strlen (text), NBD_MAX_STRING);
  const char *end;

  g_utf8_validate (text, length, &end);
  length = end - text;
  if (length > 0)
    chunk->buffer = banyan_buffer_new (length);
  if (chunk->buffer == NULL)
    return;

  memcpy (chunk->buffer->data, text, length);
  chunk->data = chunk->buffer->data;
  chunk->length = length;
}

void
nbd_reply_error (NbdConnection *self, const NbdRequest *request, int number, const char *message)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);
  guint8 *to;

  if (!self->extended && !self->structured)
    {
      put_simple (self, request, chunk, wire_error (request, number));
      return;
    }

  if (message != NULL)
    attach_text (self, chunk, message);
  to = put_chunk_header (self, request, chunk, NBD_REPLY_TYPE_ERROR, NBD_REPLY_FLAG_DONE,
                         6 + chunk->length);
  to = banyan_put_be32 (to, wire_error (request, number));
  to = banyan_put_be16 (to, chunk->length);
  queue (self, chunk, to);
}

void
nbd_reply_fill_header (NbdConnection *self, const NbdRequest *request, NbdChunk *chunk,
                       guint64 offset, gsize length, gboolean is_last)
{
  guint8 *to;

  if (!self->extended && !self->structured)
    to = nbd_put_simple_reply (chunk->header, NBD_SUCCESS, request->cookie);
  else
    to = banyan_put_be64 (put_chunk_header (self, request, chunk, NBD_REPLY_TYPE_OFFSET_DATA,
                                            is_last ? NBD_REPLY_FLAG_DONE : 0, 8 + length),
                          offset);
  chunk->header_length = to - chunk->header;
}

void
nbd_reply_data (NbdConnection *self, const NbdRequest *request, guint64 offset,
                BanyanBuffer *buffer, const guint8 *data, gsize length, gboolean is_last)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);

  chunk->buffer = buffer;
  chunk->data = data;
  chunk->length = length;
  nbd_reply_fill_header (self, request, chunk, offset, length, is_last);
  nbd_output_queue (self, chunk);
}

void
nbd_reply_hole (NbdConnection *self, const NbdRequest *request, guint64 offset, guint32 length,
                gboolean is_last)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);
  guint8 *to = put_chunk_header (self, request, chunk, NBD_REPLY_TYPE_OFFSET_HOLE,
                                 is_last ? NBD_REPLY_FLAG_DONE : 0, 12);

  to = banyan_put_be64 (to, offset);
  queue (self, chunk, banyan_put_be32 (to, length));
}

void
nbd_reply_block_status (NbdConnection *self, const NbdRequest *request, guint32 context,
                        BanyanBuffer *buffer, guint n_extents)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);
  gsize length = n_extents * (self->extended ? 16 : 8);
  guint8 *to;

  chunk->buffer = buffer;
  chunk->data = buffer->data;
  chunk->length = length;

  to = put_chunk_header (self, request, chunk,
                         self->extended ? NBD_REPLY_TYPE_BLOCK_STATUS_EXT
                                        : NBD_REPLY_TYPE_BLOCK_STATUS,
                         NBD_REPLY_FLAG_DONE, length + (self->extended ? 8 : 4));
  to = banyan_put_be32 (to, context);
  if (self->extended)
    to = banyan_put_be32 (to, n_extents);
  queue (self, chunk, to);
}
