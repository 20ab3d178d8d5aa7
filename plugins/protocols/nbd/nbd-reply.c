/* nbd-reply.c - replies in the form that was negotiated: simple, structured or extended
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nothing is taken in of which it is not clear that it was asked for, and has room: what a server
 * sends otherwise ends the connection, with an error that says what that was. A failed command is
 * another matter, and so is an error of a kind that we do not know. */

#include "nbd-link.h"

#include <errno.h>

/* More than any error that there is has in its chunk: the rest is for those to come. */
#define MAX_ERROR_BYTES (64u << 10)

#define OFFSET_BYTES 8

/* A chunk on its way in: what is left of it is still in the socket, or in the buffer. */
typedef struct
{
  NbdChunkHeader header;
  NbdCommand *command;
} Chunk;

static const char *
name_of (const NbdCommand *command)
{
  static const char *const names[] = {
    [NBD_CMD_READ] = "read",         [NBD_CMD_WRITE] = "write",
    [NBD_CMD_DISC] = "disconnect",   [NBD_CMD_FLUSH] = "flush",
    [NBD_CMD_TRIM] = "trim",         [NBD_CMD_CACHE] = "cache",
    [NBD_CMD_WRITE_ZEROES] = "zero", [NBD_CMD_BLOCK_STATUS] = "block status",
    [NBD_CMD_RESIZE] = "resize",
  };

  return names[command->type];
}

/* What the server did wrong, with which answer. FALSE. */
static gboolean G_GNUC_PRINTF (3, 4)
    throw_violation (GError **error, const NbdCommand *command, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return banyan_throw_errno (error, EPROTO,
                             "answering a %s of %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
                             ", the server sent %s",
                             name_of (command), command->length, command->offset, what);
}

static gboolean
throw_length (const Chunk *chunk, GError **error)
{
  return throw_violation (error, chunk->command,
                          "a chunk of type %#x with %" G_GUINT64_FORMAT " bytes",
                          chunk->header.type, chunk->header.length);
}

/* -- Whose it is. -- */

static NbdCommand *
find_command (const NbdLink *self, guint64 cookie, GError **error)
{
  NbdCommand *command = self->slots[cookie >> 56];

  if (command != NULL && command->cookie == cookie)
    return command;

  banyan_throw_errno (error, EPROTO,
                      "the server answered what was not asked, or is over: its cookie is "
                      "%#" G_GINT64_MODIFIER "x",
                      cookie);
  return NULL;
}

/* "The client SHOULD treat an unexpected error value as if it had been NBD_EINVAL". */
static int
errno_of (guint32 error)
{
  switch (error)
    {
    case NBD_SUCCESS:
      return 0;
    case NBD_EPERM:
      return EPERM;
    case NBD_EIO:
      return EIO;
    case NBD_ENOMEM:
      return ENOMEM;
    case NBD_ENOSPC:
      return ENOSPC;
    case NBD_EOVERFLOW:
      return EOVERFLOW;
    case NBD_ENOTSUP:
      return ENOTSUP;
    case NBD_ESHUTDOWN:
      return ESHUTDOWN;
    default:
      return EINVAL;
    }
}

/* "If the client receives an NBD_ESHUTDOWN error it MUST initiate a soft disconnect." */
static gboolean
end_reply (NbdLink *self, NbdCommand *command, GError **error)
{
  gboolean is_leaving = command->error == ESHUTDOWN;

  nbd_link_finish (self, command);
  return !is_leaving || banyan_throw_errno (error, ESHUTDOWN, "the server is shutting down");
}

/* -- Simple replies. -- */

static gboolean BANYAN_COROUTINE
take_simple (NbdLink *self, GError **error)
{
  gboolean is_structured = (self->info.abilities & NBD_CAN_STRUCTURED_REPLIES) != 0;
  guint32 number = banyan_get_be32 (nbd_link_peek (self) + 4);
  NbdCommand *command = find_command (self, banyan_get_be64 (nbd_link_peek (self) + 8), error);

  if (command == NULL)
    return FALSE;
  if (is_structured
      && (command->type == NBD_CMD_READ
          || (command->type == NBD_CMD_BLOCK_STATUS && number == NBD_SUCCESS)))
    return throw_violation (error, command, "a simple reply where a structured one has to be");

  nbd_link_skip (self, NBD_SIMPLE_REPLY_SIZE);
  command->error = errno_of (number);
  if (command->type == NBD_CMD_READ && number == NBD_SUCCESS
      && !nbd_link_receive (self, command->data, 0, command->length, error))
    return FALSE;
  return end_reply (self, command, error);
}

/* -- Where the data of a read has arrived. -- */

static gboolean
insert_piece (NbdCommand *command, guint i, NbdPiece piece)
{
  if (command->n_pieces == NBD_COMMAND_PIECES)
    {
      command->is_scattered = TRUE;
      return TRUE;
    }
  memmove (&command->pieces[i + 1], &command->pieces[i],
           (command->n_pieces - i) * sizeof (NbdPiece));
  command->pieces[i] = piece;
  command->n_pieces++;
  return TRUE;
}

static void
join_pieces (NbdCommand *command, guint i)
{
  if (i + 1 == command->n_pieces || command->pieces[i].end != command->pieces[i + 1].start)
    return;

  command->pieces[i].end = command->pieces[i + 1].end;
  command->n_pieces--;
  memmove (&command->pieces[i + 1], &command->pieces[i + 2],
           (command->n_pieces - i - 1) * sizeof (NbdPiece));
}

/* FALSE: some of it was there before. */
static gboolean
add_piece (NbdCommand *command, NbdPiece piece)
{
  guint i = 0;

  if (command->is_scattered)
    return TRUE;

  while (i < command->n_pieces && command->pieces[i].end < piece.start)
    i++;
  if (i == command->n_pieces || command->pieces[i].start > piece.end)
    return insert_piece (command, i, piece);
  if (command->pieces[i].start == piece.end)
    {
      command->pieces[i].start = piece.start;
      return TRUE;
    }
  if (command->pieces[i].end != piece.start
      || (i + 1 < command->n_pieces && command->pieces[i + 1].start < piece.end))
    return FALSE;

  command->pieces[i].end = piece.end;
  join_pieces (command, i);
  return TRUE;
}

static gboolean
is_whole (const NbdCommand *command)
{
  return command->n_pieces == 1 && command->pieces[0].start == 0
         && command->pieces[0].end == command->length;
}

/* -- Chunks of data. -- */

/* @length bytes at @offset: within what was asked, and not there yet. */
static gboolean
expect_data (const Chunk *chunk, guint64 offset, guint64 length, GError **error)
{
  NbdCommand *command = chunk->command;
  guint64 start = offset - command->offset;

  if (command->type != NBD_CMD_READ)
    return throw_violation (error, command, "data");
  if (length == 0 || offset < command->offset || length > command->length
      || start > command->length - length)
    return throw_violation (error, command,
                            "%" G_GUINT64_FORMAT " bytes of data at %" G_GUINT64_FORMAT, length,
                            offset);
  if ((command->flags & NBD_CMD_FLAG_DF) && command->has_data)
    return throw_violation (error, command, "data in pieces, asked for it in one");
  if (!add_piece (command, (NbdPiece){ start, start + length }))
    return throw_violation (error, command,
                            "%" G_GUINT64_FORMAT " bytes of data at %" G_GUINT64_FORMAT
                            " that it had sent before",
                            length, offset);

  command->has_data = TRUE;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
take_data (NbdLink *self, const Chunk *chunk, GError **error)
{
  guint64 length = chunk->header.length - NBD_CHUNK_OFFSET_SIZE;
  guint64 offset;

  if (chunk->header.length <= NBD_CHUNK_OFFSET_SIZE)
    return throw_length (chunk, error);
  if (!nbd_link_need (self, NBD_CHUNK_OFFSET_SIZE, error))
    return FALSE;

  offset = banyan_get_be64 (nbd_link_peek (self));
  nbd_link_skip (self, NBD_CHUNK_OFFSET_SIZE);
  return expect_data (chunk, offset, length, error)
         && nbd_link_receive (self, chunk->command->data, offset - chunk->command->offset, length,
                              error);
}

static gboolean BANYAN_COROUTINE
take_hole (NbdLink *self, const Chunk *chunk, GError **error)
{
  guint64 offset;
  guint32 length;

  if (chunk->header.length != NBD_CHUNK_HOLE_SIZE)
    return throw_length (chunk, error);
  if (!nbd_link_need (self, NBD_CHUNK_HOLE_SIZE, error))
    return FALSE;

  offset = banyan_get_be64 (nbd_link_peek (self));
  length = banyan_get_be32 (nbd_link_peek (self) + OFFSET_BYTES);
  nbd_link_skip (self, NBD_CHUNK_HOLE_SIZE);
  if (!expect_data (chunk, offset, length, error))
    return FALSE;
  banyan_request_fill (chunk->command->data, offset - chunk->command->offset, 0, length);
  return TRUE;
}

/* -- Chunks of block status. -- */

/* One extent was asked for, and is looked at; some servers send more. */
static gboolean BANYAN_COROUTINE
take_status (NbdLink *self, const Chunk *chunk, GError **error)
{
  gboolean is_extended = (self->info.abilities & NBD_CAN_EXTENDED_HEADERS) != 0;
  guint fixed = is_extended ? 8 : 4;
  guint each = is_extended ? 16 : 8;
  NbdCommand *command = chunk->command;
  guint64 n_extents = (chunk->header.length - fixed) / each;
  const guint8 *from;

  if (command->type != NBD_CMD_BLOCK_STATUS
      || is_extended != (chunk->header.type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT))
    return throw_violation (error, command, "a chunk of type %u", chunk->header.type);
  if (chunk->header.length < fixed + each || (chunk->header.length - fixed) % each != 0
      || n_extents > NBD_MAX_EXTENTS)
    return throw_length (chunk, error);
  if (!nbd_link_need (self, fixed + each, error))
    return FALSE;

  from = nbd_link_peek (self);
  if (banyan_get_be32 (from) != self->info.context || command->has_extent)
    return throw_violation (error, command, "extents of the metadata context %u%s",
                            banyan_get_be32 (from), command->has_extent ? " once more" : "");
  if (is_extended && banyan_get_be32 (from + 4) != n_extents)
    return throw_violation (error, command, "%" G_GUINT64_FORMAT " extents and counts %u",
                            n_extents, banyan_get_be32 (from + 4));

  command->has_extent = TRUE;
  command->extent_length
      = is_extended ? banyan_get_be64 (from + fixed) : banyan_get_be32 (from + fixed);
  command->extent_flags
      = is_extended ? banyan_get_be64 (from + fixed + 8) : banyan_get_be32 (from + fixed + 4);
  if (command->extent_length == 0)
    return throw_violation (error, command, "an extent of no bytes");
  return nbd_link_drop (self, chunk->header.length, error);
}

/* -- Chunks that say what failed. -- */

static gboolean
note_error (const Chunk *chunk, const guint8 *from, guint16 text_length, GError **error)
{
  NbdCommand *command = chunk->command;
  guint32 number = banyan_get_be32 (from);

  if (number == NBD_SUCCESS)
    return throw_violation (error, command, "an error that is none");
  /* The first is what began it. */
  if (command->error != 0)
    return TRUE;

  command->error = errno_of (number);
  if (text_length > 0)
    command->message = g_utf8_make_valid ((const char *) from + NBD_CHUNK_ERROR_SIZE, text_length);
  return TRUE;
}

static gboolean
check_error_offset (const Chunk *chunk, guint64 offset, GError **error)
{
  const NbdCommand *command = chunk->command;

  if (offset >= command->offset && offset - command->offset < command->length)
    return TRUE;
  return throw_violation (error, command, "an error at %" G_GUINT64_FORMAT, offset);
}

static gboolean BANYAN_COROUTINE
take_error (NbdLink *self, const Chunk *chunk, GError **error)
{
  gboolean has_offset = chunk->header.type == NBD_REPLY_TYPE_ERROR_OFFSET;
  guint64 fixed = NBD_CHUNK_ERROR_SIZE + (has_offset ? OFFSET_BYTES : 0);
  guint64 length = chunk->header.length;
  guint16 text_length;

  if (length < fixed || length > MAX_ERROR_BYTES)
    return throw_length (chunk, error);
  if (!nbd_link_need (self, NBD_CHUNK_ERROR_SIZE, error))
    return FALSE;

  text_length = banyan_get_be16 (nbd_link_peek (self) + 4);
  if (text_length > NBD_MAX_STRING || text_length > length - fixed)
    return throw_violation (error, chunk->command,
                            "an error of %" G_GUINT64_FORMAT " bytes with %u bytes of text", length,
                            text_length);
  if (!nbd_link_need (self, fixed + text_length, error)
      || !note_error (chunk, nbd_link_peek (self), text_length, error)
      || (has_offset
          && !check_error_offset (
              chunk, banyan_get_be64 (nbd_link_peek (self) + NBD_CHUNK_ERROR_SIZE + text_length),
              error)))
    return FALSE;
  return nbd_link_drop (self, length, error);
}

/* -- Chunks. -- */

static gboolean BANYAN_COROUTINE
take_payload (NbdLink *self, const Chunk *chunk, GError **error)
{
  switch (chunk->header.type)
    {
    case NBD_REPLY_TYPE_NONE:
      if (chunk->header.length != 0)
        return throw_length (chunk, error);
      return (chunk->header.flags & NBD_REPLY_FLAG_DONE)
             || throw_violation (error, chunk->command, "an empty chunk that is not the last");
    case NBD_REPLY_TYPE_OFFSET_DATA:
      return take_data (self, chunk, error);
    case NBD_REPLY_TYPE_OFFSET_HOLE:
      return take_hole (self, chunk, error);
    case NBD_REPLY_TYPE_BLOCK_STATUS:
    case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
      return take_status (self, chunk, error);
    default:
      if (NBD_REPLY_TYPE_IS_ERROR (chunk->header.type))
        return take_error (self, chunk, error);
      return throw_violation (error, chunk->command, "a chunk of type %u, which is unknown",
                              chunk->header.type);
    }
}

/* Success has to have brought what was asked for. */
static gboolean
end_chunks (NbdLink *self, NbdCommand *command, GError **error)
{
  if (command->error == 0 && command->type == NBD_CMD_READ && !command->is_scattered
      && !is_whole (command))
    return throw_violation (error, command, "less data than that, and no error");
  if (command->error == 0 && command->type == NBD_CMD_BLOCK_STATUS && !command->has_extent)
    return throw_violation (error, command, "no extent, and no error");
  return end_reply (self, command, error);
}

static gboolean BANYAN_COROUTINE
take_chunk (NbdLink *self, gboolean is_extended, GError **error)
{
  Chunk chunk;

  if (!nbd_link_need (self, nbd_chunk_header_size (is_extended), error))
    return FALSE;

  chunk.header = nbd_get_chunk_header (nbd_link_peek (self), is_extended);
  chunk.command = find_command (self, chunk.header.cookie, error);
  if (chunk.command == NULL)
    return FALSE;
  if (is_extended && chunk.header.offset != chunk.command->offset)
    return throw_violation (error, chunk.command, "an answer to one at %" G_GUINT64_FORMAT,
                            chunk.header.offset);

  nbd_link_skip (self, nbd_chunk_header_size (is_extended));
  return take_payload (self, &chunk, error)
         && (!(chunk.header.flags & NBD_REPLY_FLAG_DONE)
             || end_chunks (self, chunk.command, error));
}

gboolean
nbd_link_take_reply (NbdLink *self, GError **error)
{
  gboolean is_extended = (self->info.abilities & NBD_CAN_EXTENDED_HEADERS) != 0;
  gboolean is_structured = (self->info.abilities & NBD_CAN_STRUCTURED_REPLIES) != 0;
  guint32 magic;

  if (!nbd_link_need (self, is_extended ? NBD_EXTENDED_REPLY_SIZE : NBD_SIMPLE_REPLY_SIZE, error))
    return FALSE;

  magic = banyan_get_be32 (nbd_link_peek (self));
  if (magic == NBD_SIMPLE_REPLY_MAGIC && !is_extended)
    return take_simple (self, error);
  if (is_structured
      && magic == (is_extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC))
    return take_chunk (self, is_extended, error);
  return banyan_throw_errno (error, EPROTO, "the server sent %#x where %s reply begins", magic,
                             is_extended     ? "an extended"
                             : is_structured ? "a simple or a structured"
                                             : "a simple");
}
