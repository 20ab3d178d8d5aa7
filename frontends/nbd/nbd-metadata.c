/* nbd-metadata.c - answers to NBD_CMD_BLOCK_STATUS
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-connection.h"

#include <errno.h>

/* Far below the 2^20 that the specification allows: a client asks again for the rest. */
#define MAX_EXTENTS 4096
/* So often the graph is asked for one reply, however much of what it says is the same. */
#define MAX_QUESTIONS 4096

/* Lengths that fit into 32 bits and stay a multiple of what disks like. */
#define COMPACT_MAX (G_MAXUINT32 & ~4095u)

typedef struct
{
  guint64 length;
  guint32 flags;
} Extent;

static guint32
state_of (const BanyanBlockStatus *status)
{
  return (status->flags & BANYAN_BLOCK_DATA ? 0 : NBD_STATE_HOLE)
         | (status->flags & BANYAN_BLOCK_ZERO ? NBD_STATE_ZERO : 0);
}

static void
put_extent (NbdConnection *self, BanyanBuffer *buffer, guint n, const Extent *extent)
{
  guint8 *to = buffer->data + n * (self->extended ? 16 : 8);

  if (self->extended)
    banyan_put_be64 (banyan_put_be64 (to, extent->length), extent->flags);
  else
    banyan_put_be32 (banyan_put_be32 (to, extent->length), extent->flags);
}

/* Neighbours with the same state become one. Returns how many there are; 0 with @error. */
static guint BANYAN_COROUTINE
collect (NbdConnection *self, guint64 offset, guint64 length, guint max, BanyanBuffer *buffer,
         GError **error)
{
  guint64 limit = self->extended ? G_MAXUINT64 : COMPACT_MAX;
  Extent last = { 0, 0 };
  guint n = 0;

  for (guint asked = 0; length > 0 && asked < MAX_QUESTIONS; asked++)
    {
      BanyanBlockStatus status = { .size = sizeof status };
      guint64 piece;

      if (banyan_channel_block_status (self->channel, offset, length, &status, error)
          == BANYAN_FAILED)
        return 0;
      piece = MIN (MIN (status.length, length), limit);

      if (last.length > 0 && (last.flags != state_of (&status) || last.length > limit - piece))
        {
          put_extent (self, buffer, n++, &last);
          if (n == max)
            return n;
          last.length = 0;
        }
      last.flags = state_of (&status);
      last.length += piece;
      offset += piece;
      length -= piece;
    }

  put_extent (self, buffer, n++, &last);
  return n;
}

/* Extended headers: a payload of an effect length and the contexts that are wanted. */
static gboolean
parse_payload (NbdConnection *self, NbdRequest *request)
{
  if (request->payload_length == 0)
    return TRUE;
  if (request->payload_length != 12
      || banyan_get_be32 (request->payload + 8) != NBD_ALLOCATION_CONTEXT)
    return FALSE;

  request->length = banyan_get_be64 (request->payload);
  return TRUE;
}

void BANYAN_COROUTINE
nbd_command_block_status (NbdConnection *self, NbdRequest *request)
{
  guint max = request->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : MAX_EXTENTS;
  guint64 length = banyan_channel_get_length (self->channel);
  g_autoptr (GError) error = NULL;
  BanyanBuffer *buffer;
  guint n;

  if (!self->allocation_context || !parse_payload (self, request) || request->length == 0
      || request->offset > length || request->length > length - request->offset)
    {
      nbd_reply_error (self, request, EINVAL,
                       self->allocation_context ? "not a range, or not a context, of this export"
                                                : "no metadata context was negotiated");
      return;
    }

  buffer = banyan_buffer_new (MAX_EXTENTS * 16);
  if (buffer == NULL)
    {
      nbd_reply_error (self, request, ENOMEM, NULL);
      return;
    }

  banyan_channel_enter (self->channel);
  n = collect (self, request->offset, request->length, max, buffer, &error);
  banyan_channel_leave (self->channel);

  if (n > 0)
    {
      nbd_reply_block_status (self, request, NBD_ALLOCATION_CONTEXT, buffer, n);
      return;
    }
  banyan_buffer_unref (buffer);
  nbd_reply_error (self, request, banyan_error_get_errno (error), error->message);
}
