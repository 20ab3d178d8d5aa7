/* banyan-child-ranges.c - operations on ranges that carry no data
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Discards, zeroes, block status, resizing and copies. A range is cut as the node's limits ask; the
 * middle, which the node can do, goes to it, and around that zeroes are written and discards left
 * out. Like writes with data they hold the node's range lock, where it has one, shared: see
 * banyan-child-care.c. What a node does not do is answered as unsupported, without an error. */

#include "banyan-child-private.h"

#include <banyan/banyan-backend.h>

#include <errno.h>

/* Zeroes are written from here, many times over in one request, so memory is bounded. */
#define ZERO_SIZE 65536
#define ZERO_VECTORS 16

static guint8 zeroes[ZERO_SIZE] __attribute__ ((aligned (4096)));

/* One operation on a range, cut as the node's limits ask. */
typedef struct
{
  const BanyanRoute *route;
  BanyanOp op;
  guint64 alignment;
  guint64 max;
  guint64 end; /* of the node */
} Range;

static Range
range_of (const BanyanRoute *route, BanyanOp op)
{
  const BanyanLimits *limits = &banyan_node_private (route->node)->enforced;
  guint64 end = __atomic_load_n (route->length, __ATOMIC_ACQUIRE);

  if (op == BANYAN_OP_DISCARD)
    return (Range){ route, op, limits->discard_alignment, limits->max_discard, end };

  return (Range){ route, op, limits->zeroes_alignment, limits->max_zeroes, end };
}

/* The aligned part of a request; the end of the node counts as aligned. FALSE: there is none. */
static gboolean
find_middle (const Range *range, const BanyanRequest *request, guint64 *start, guint64 *stop)
{
  guint64 end = request->offset + request->length;

  *start = banyan_round_up (request->offset, range->alignment);
  *stop = end == range->end ? end : banyan_round_down (end, range->alignment);
  return *start >= request->offset && *start < *stop;
}

static BanyanAnswer
call (const Range *range, const BanyanRequest *piece, GError **error)
{
  if (range->op == BANYAN_OP_DISCARD)
    return range->route->discard (range->route->node, piece, error);

  return range->route->write_zeroes (range->route->node, piece, error);
}

static BanyanAnswer
go_range (const Range *range, guint64 start, guint64 stop, guint flags, GError **error)
{
  guint64 max = range->max != 0 ? range->max : G_MAXUINT64;
  BanyanAnswer answer = BANYAN_DONE;

  while (start < stop && answer == BANYAN_DONE)
    {
      BanyanRequest piece = BANYAN_REQUEST (start, MIN (stop - start, max), NULL, 0);

      piece.flags = flags;
      answer = call (range, &piece, error);
      start += piece.length;
    }

  return answer;
}

/* Shared with other writes, but not with one that first reads what it then writes back. */
static BanyanAnswer
go_range_locked (const Range *range, guint64 start, guint64 stop, guint flags, GError **error)
{
  BanyanRangeLock *lock = &banyan_node_private (range->route->node)->writes;
  BanyanRangeGuard guard;
  BanyanAnswer answer;

  if (!(range->route->modifiers & BANYAN_ROUTE_LOCK))
    return go_range (range, start, stop, flags, error);

  banyan_range_lock_acquire (lock, &guard, start, stop - start, FALSE);
  answer = go_range (range, start, stop, flags, error);
  banyan_range_lock_release (lock, &guard);
  return answer;
}

/* -- Discard. -- */

static BanyanAnswer
discard (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_DISCARD];
  guint64 start, stop;
  Range range;

  if (!banyan_child_check_range (self, route, request->offset, request->length, error))
    return BANYAN_FAILED;
  if (route->modifiers & BANYAN_ROUTE_NO_DISCARD)
    return BANYAN_DONE;
  if (route->any == NULL)
    return BANYAN_UNSUPPORTED;

  range = range_of (route, BANYAN_OP_DISCARD);
  if (!find_middle (&range, request, &start, &stop))
    return BANYAN_DONE;

  return go_range_locked (&range, start, stop, 0, error);
}

/**
 * banyan_child_discard: (skip)
 * @self: an edge
 * @request: what is not needed any more
 * @error: where to put the error
 *
 * Gives up data: what is read from there later is not defined. Parts that the node cannot give up
 * by themselves are left as they are.
 *
 * Returns: an answer; done as well where discards are ignored
 */
BanyanAnswer
banyan_child_discard (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = banyan_child_begin (self);
  BanyanAnswer answer = discard (self, request, error);

  banyan_child_end (self, BANYAN_STATISTIC_DISCARD, request->length, answer != BANYAN_FAILED,
                    started_ns);
  return answer;
}

/* -- Zeroes. -- */

static gboolean
write_zeroes_by_hand (BanyanChild *self, guint64 start, guint64 stop, guint flags, GError **error)
{
  struct iovec iov[ZERO_VECTORS];

  for (guint i = 0; i < ZERO_VECTORS; i++)
    iov[i] = (struct iovec){ zeroes, ZERO_SIZE };

  while (start < stop)
    {
      guint64 length = MIN (stop - start, ZERO_SIZE * ZERO_VECTORS);
      BanyanRequest piece
          = BANYAN_REQUEST (start, length, iov, (length + ZERO_SIZE - 1) / ZERO_SIZE);

      piece.flags = flags;
      if (!banyan_child_write_zero_data (self, &piece, error))
        return FALSE;
      start += length;
    }

  return TRUE;
}

/* What the node can do goes first: if it cannot, nothing has been written yet. */
static BanyanAnswer
zero_middle (BanyanChild *self, const BanyanRequest *request, guint64 *start, guint64 *stop,
             guint flags, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_WRITE_ZEROES];
  Range range;

  if (route->any == NULL)
    return BANYAN_UNSUPPORTED;

  range = range_of (route, BANYAN_OP_WRITE_ZEROES);
  if (!find_middle (&range, request, start, stop))
    return BANYAN_UNSUPPORTED;

  return go_range_locked (&range, *start, *stop, flags, error);
}

static gboolean
zero_by_hand_around (BanyanChild *self, const BanyanRequest *request, guint64 start, guint64 stop,
                     guint flags, GError **error)
{
  return write_zeroes_by_hand (self, request->offset, start, flags, error)
         && write_zeroes_by_hand (self, stop, request->offset + request->length, flags, error);
}

static BanyanAnswer
write_zeroes (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_WRITE_ZEROES];
  guint64 start = request->offset, stop = request->offset;
  gboolean fua = (request->flags & BANYAN_REQUEST_FUA) != 0;
  guint flags = request->flags;
  BanyanAnswer answer;

  if (!banyan_child_check_range (self, route, request->offset, request->length, error))
    return BANYAN_FAILED;
  if (request->length == 0)
    return BANYAN_DONE;

  if (route->modifiers & BANYAN_ROUTE_NO_DISCARD)
    flags &= ~BANYAN_REQUEST_MAY_UNMAP;
  if (flags & route->slow_flags & BANYAN_REQUEST_FUA)
    flags &= ~BANYAN_REQUEST_FUA;
  if (route->modifiers & BANYAN_ROUTE_NO_FLUSH)
    fua = FALSE;

  answer = zero_middle (self, request, &start, &stop, flags, error);
  if (answer == BANYAN_FAILED)
    return BANYAN_FAILED;
  if (answer == BANYAN_UNSUPPORTED)
    {
      if (request->flags & BANYAN_REQUEST_NO_FALLBACK)
        return BANYAN_UNSUPPORTED;
      start = stop = request->offset;
    }

  /* One flush for all of it, if any part needs one. */
  if (!zero_by_hand_around (self, request, start, stop, 0, error))
    return BANYAN_FAILED;
  if (fua && (!(flags & BANYAN_REQUEST_FUA) || stop - start != request->length)
      && !banyan_child_flush (self, error))
    return BANYAN_FAILED;

  return BANYAN_DONE;
}

/**
 * banyan_child_write_zeroes: (skip)
 * @self: an edge
 * @request: where zeroes shall be
 * @error: where to put the error
 *
 * Makes a range read as zeroes. Where the node has no better way, zeroes are written, unless
 * @request has %BANYAN_REQUEST_NO_FALLBACK; then some of the range may be zero already when the
 * answer is that it is unsupported.
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_child_write_zeroes (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = banyan_child_begin (self);
  BanyanAnswer answer = write_zeroes (self, request, error);

  banyan_child_end (self, BANYAN_STATISTIC_WRITE_ZEROES, request->length, answer != BANYAN_FAILED,
                    started_ns);
  return answer;
}

/* -- Status. -- */

/* What cannot tell has data; a leaf, at the same place. */
static void
assume_data (BanyanNode *node, guint64 offset, guint64 length, BanyanBlockStatus *status)
{
  status->flags = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED;
  status->length = length;
  if (!BANYAN_IS_PROTOCOL (node))
    return;

  status->flags |= BANYAN_BLOCK_LOCATED;
  status->leaf = node;
  status->leaf_offset = offset;
}

/* The question begins where a block does. What the node then tells may end before @offset, since it
 * knows parts of blocks apart; where it ended by itself, it can be asked on. The parts are not made
 * into one answer, as half a block in this layer is neither in it nor not. */
static BanyanAnswer
ask_status (const BanyanRoute *route, guint64 offset, guint64 length, BanyanBlockStatus *status,
            GError **error)
{
  guint64 alignment = banyan_node_private (route->node)->enforced.request_alignment;
  guint64 end = __atomic_load_n (route->length, __ATOMIC_ACQUIRE);
  guint64 start = banyan_round_down (offset, alignment);
  guint64 stop = MIN (banyan_round_up (offset + length, alignment), end);

  while (TRUE)
    {
      BanyanAnswer answer;

      *status = (BanyanBlockStatus){ .size = sizeof *status };
      answer = route->block_status (route->node, start, stop - start, status, error);
      if (answer != BANYAN_DONE)
        return answer;
      if (status->length > offset - start)
        break;

      /* Would make us and our callers spin. */
      if (status->length == 0)
        {
          banyan_throw_errno (error, EIO, "%s told nothing about %" G_GUINT64_FORMAT,
                              banyan_node_get_name (route->node), start);
          return BANYAN_FAILED;
        }
      start += status->length;
    }

  status->length = MIN (status->length - (offset - start), length);
  if (status->flags & BANYAN_BLOCK_LOCATED)
    status->leaf_offset += offset - start;
  return BANYAN_DONE;
}

static BanyanAnswer
block_status (BanyanChild *self, guint64 offset, guint64 length, BanyanBlockStatus *status,
              GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_BLOCK_STATUS];
  BanyanAnswer answer = BANYAN_UNSUPPORTED;

  *status = (BanyanBlockStatus){ .size = sizeof *status };
  if (!banyan_child_check_range (self, route, offset, length, error))
    return BANYAN_FAILED;
  if (length == 0)
    {
      banyan_throw_errno (error, EINVAL, "%s: block status of no bytes",
                          banyan_node_get_name (self->node));
      return BANYAN_FAILED;
    }

  if (route->any != NULL)
    answer = ask_status (route, offset, length, status, error);
  if (answer == BANYAN_UNSUPPORTED)
    assume_data (route->node, offset, length, status);
  if (answer == BANYAN_FAILED)
    return BANYAN_FAILED;

  status->flags &= ~BANYAN_BLOCK_END;
  if (offset + status->length == __atomic_load_n (route->length, __ATOMIC_ACQUIRE))
    status->flags |= BANYAN_BLOCK_END;
  return BANYAN_DONE;
}

/**
 * banyan_child_block_status: (skip)
 * @self: an edge
 * @offset: where to begin
 * @length: how many bytes to tell about; above 0
 * @status: (out): what is there
 * @error: where to put the error
 *
 * Tells where data, holes and zeroes are. The answer may be about less than @length bytes.
 *
 * Returns: done or failed
 */
BanyanAnswer
banyan_child_block_status (BanyanChild *self, guint64 offset, guint64 length,
                           BanyanBlockStatus *status, GError **error)
{
  gint64 started_ns = banyan_child_begin (self);
  BanyanAnswer answer = block_status (self, offset, length, status, error);

  banyan_child_end (self, BANYAN_STATISTIC_BLOCK_STATUS, 0, answer != BANYAN_FAILED, started_ns);
  return answer;
}

/* -- Sending. -- */

/**
 * banyan_child_send: (skip)
 * @self: an edge
 * @offset: where to begin
 * @length: how many bytes to send; above 0
 * @socket: a socket that does not block, or -1 to ask whether all of it could be sent
 * @sent: (out): how many bytes went
 *
 * Hands data to a socket without copying it, as far as it is there and the socket takes it. Never
 * waits. What was sent cannot be taken back: who has begun a message with it goes on by
 * banyan_child_read() where this comes to its end.
 *
 * Returns: done, or unsupported
 */
BanyanAnswer
banyan_child_send (BanyanChild *self, guint64 offset, gsize length, int socket, gsize *sent)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_SEND];

  *sent = 0;
  if (route->any == NULL || self->statistics != NULL || ((offset | length) & route->align_mask) != 0
      || !banyan_child_check_range (self, route, offset, length, NULL))
    return BANYAN_UNSUPPORTED;

  return route->send (route->node, offset, length, socket, sent);
}

/* -- Resize and copy. -- */

/**
 * banyan_child_resize: (skip)
 * @self: an edge
 * @resize: how large the node shall be
 * @error: where to put the error
 *
 * Changes the node's length. To make it smaller is for transactions.
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_child_resize (BanyanChild *self, const BanyanResize *resize, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_RESIZE];

  if (!banyan_child_check_range (self, route, 0, 0, error))
    return BANYAN_FAILED;
  if (route->any == NULL)
    return BANYAN_UNSUPPORTED;
  if (resize->length > G_MAXINT64)
    {
      banyan_throw_errno (error, EFBIG, "%s: resizing to %" G_GUINT64_FORMAT " bytes",
                          banyan_node_get_name (self->node), resize->length);
      return BANYAN_FAILED;
    }

  return route->resize (route->node, resize, error);
}

static BanyanAnswer
copy_piece_by_piece (const BanyanRoute *route, const BanyanRequest *target, BanyanNode *source,
                     guint64 source_offset, GError **error)
{
  guint64 max = banyan_node_private (route->node)->enforced.max_transfer;
  BanyanRequest piece = *target;
  BanyanAnswer answer = BANYAN_DONE;

  for (guint64 done = 0; done < target->length && answer == BANYAN_DONE; done += piece.length)
    {
      piece.offset = target->offset + done;
      piece.length = MIN (target->length - done, max != 0 ? max : G_MAXUINT64);
      answer = route->copy_range (route->node, &piece, source, source_offset + done, error);
    }

  return answer;
}

/**
 * banyan_child_copy_range: (skip)
 * @self: an edge
 * @target: the range to fill
 * @source: a leaf
 * @source_offset: where the data lies in @source
 * @error: where to put the error
 *
 * Copies without passing the data through memory. When the answer is that it is unsupported, some
 * of the range may have been copied.
 *
 * Returns: an answer
 */
BanyanAnswer
banyan_child_copy_range (BanyanChild *self, const BanyanRequest *target, BanyanNode *source,
                         guint64 source_offset, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_COPY_RANGE];
  guint64 source_length = banyan_node_get_length (source);
  BanyanRangeGuard guard;
  BanyanAnswer answer;

  if (!banyan_child_check_range (self, route, target->offset, target->length, error))
    return BANYAN_FAILED;
  if (route->any == NULL || ((target->offset | target->length | source_offset) & route->align_mask)
      || (target->flags & route->slow_flags) || source_offset > source_length
      || target->length > source_length - source_offset)
    return BANYAN_UNSUPPORTED;

  if (!(route->modifiers & BANYAN_ROUTE_LOCK))
    return copy_piece_by_piece (route, target, source, source_offset, error);

  banyan_range_lock_acquire (&banyan_node_private (route->node)->writes, &guard, target->offset,
                             target->length, FALSE);
  answer = copy_piece_by_piece (route, target, source, source_offset, error);
  banyan_range_lock_release (&banyan_node_private (route->node)->writes, &guard);
  return answer;
}
