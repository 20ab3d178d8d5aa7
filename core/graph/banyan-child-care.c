/* banyan-child-care.c - reads and writes that a node cannot take as they are
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request is cut into pieces. A piece that the node takes goes to it straight from the caller's
 * memory. Others go through a bounce buffer, widened to the node's alignment; a write then reads
 * first what surrounds it. Whoever does that holds the node's range lock exclusively, and all other
 * writes to the node hold it shared, so nobody writes the surroundings between the read and the
 * write. The last block of a node whose length is no multiple of its alignment ends with the node.
 */

#include "banyan-child-private.h"

#include <banyan/banyan-backend.h>
#include <banyan/banyan-buffer.h>

#include <errno.h>

/* What one widened piece may need of memory, unless the node's blocks are larger. */
#define BOUNCE_MAX (G_GUINT64_CONSTANT (1) << 20)

typedef struct
{
  BanyanChild *child;
  const BanyanRoute *route;
  const BanyanLimits *limits;
  guint64 end;  /* of the node */
  guint64 unit; /* the node's alignment */
  guint64 max;  /* of one piece */
  gboolean is_write;
} Care;

static Care
take_care (BanyanChild *child, BanyanOp op)
{
  Care care = { .child = child, .route = &child->route[op], .is_write = op == BANYAN_OP_WRITE };

  care.limits = &banyan_node_private (care.route->node)->enforced;
  care.end = __atomic_load_n (care.route->length, __ATOMIC_ACQUIRE);
  care.unit = care.limits->request_alignment;
  care.max = care.limits->max_transfer != 0 ? care.limits->max_transfer : G_MAXUINT64;
  return care;
}

static gboolean
pass_on (const Care *care, const BanyanRequest *request, GError **error)
{
  if (care->is_write)
    return care->route->write (care->route->node, request, error);

  return care->route->read (care->route->node, request, error);
}

/* How many of the first @length bytes lie in memory that the node takes, in few enough pieces. */
static guint64
measure_memory (const Care *care, const BanyanRequest *request, guint64 length)
{
  guint64 memory_mask = care->limits->memory_alignment - 1;
  guint64 length_mask = MIN (memory_mask, care->unit - 1);
  guint max_vectors = care->limits->max_vectors != 0 ? care->limits->max_vectors : G_MAXUINT;
  gsize skip = request->skip;
  guint64 covered = 0;

  for (guint i = 0; i < request->n_iov && covered < length && max_vectors > 0; i++)
    {
      guint64 size = request->iov[i].iov_len - MIN (skip, request->iov[i].iov_len);
      guintptr start = (guintptr) request->iov[i].iov_base + skip;

      skip -= MIN (skip, request->iov[i].iov_len);
      if (size == 0)
        continue;

      size = MIN (size, length - covered);
      if ((start & memory_mask) != 0
          || ((size & length_mask) != 0 && request->offset + covered + size != care->end))
        break;
      covered += size;
      max_vectors--;
    }

  return covered;
}

/* How many bytes from the beginning of @rest can be passed on as they are. */
static guint64
measure_direct (const Care *care, const BanyanRequest *rest)
{
  guint64 length = MIN (rest->length, care->max);
  guint64 covered;

  if (rest->offset % care->unit != 0)
    return 0;
  if (rest->offset + length != care->end)
    length = banyan_round_down (length, care->unit);
  if (length == 0)
    return 0;

  /* A prefetch has no memory. */
  covered = rest->iov != NULL ? measure_memory (care, rest, length) : length;
  return covered == length ? length : banyan_round_down (covered, care->unit);
}

/* -- Through a bounce buffer. -- */

typedef struct
{
  guint64 offset;       /* aligned */
  guint64 length;       /* aligned, or up to the end of the node */
  guint64 skip;         /* bytes before the caller's data */
  guint64 used;         /* bytes of the caller's data */
  BanyanBuffer *buffer; /* (owned) */
} Bounce;

static gboolean
bounce_init (Bounce *bounce, const Care *care, const BanyanRequest *rest, GError **error)
{
  guint64 most = banyan_round_down (MIN (MAX (BOUNCE_MAX, care->unit), care->max), care->unit);
  guint64 stop;

  bounce->offset = banyan_round_down (rest->offset, care->unit);
  stop = banyan_round_up (rest->offset + rest->length, care->unit);
  stop = MIN (stop, bounce->offset + most);
  stop = MIN (stop, care->end);
  bounce->length = stop - bounce->offset;
  bounce->skip = rest->offset - bounce->offset;
  bounce->used = MIN (rest->length, bounce->length - bounce->skip);

  /* Guests decide about sizes here: memory that is not there is their failure, not our end. */
  bounce->buffer = banyan_buffer_new (bounce->length);
  if (bounce->buffer != NULL)
    return TRUE;

  return banyan_throw_errno (error, ENOMEM, "%s: no memory to align a request",
                             banyan_node_get_name (care->route->node));
}

static BanyanRequest
bounce_request (const Bounce *bounce, struct iovec *iov, guint flags)
{
  BanyanRequest request = BANYAN_REQUEST (bounce->offset, bounce->length, iov, 1);

  *iov = (struct iovec){ bounce->buffer->data, bounce->length };
  request.flags = flags;
  return request;
}

/* Reads the block of the buffer that begins at @start, as far as it is in the buffer. */
static gboolean
read_block (const Care *care, const Bounce *bounce, guint64 start, GError **error)
{
  return banyan_child_pread (care->child, bounce->offset + start, bounce->buffer->data + start,
                             MIN (care->unit, bounce->length - start), error);
}

static gboolean
read_surroundings (const Care *care, const Bounce *bounce, GError **error)
{
  guint64 data_end = bounce->skip + bounce->used;
  guint64 last = banyan_round_down (data_end, care->unit);

  if (bounce->skip > 0 && !read_block (care, bounce, 0, error))
    return FALSE;

  /* The first block may be the last. */
  if (data_end < bounce->length && (last > 0 || bounce->skip == 0))
    return read_block (care, bounce, last, error);

  return TRUE;
}

static gboolean
bounce_write (const Care *care, const BanyanRequest *rest, const Bounce *bounce, GError **error)
{
  struct iovec iov;
  BanyanRequest widened = bounce_request (bounce, &iov, rest->flags);

  if (!read_surroundings (care, bounce, error))
    return FALSE;

  banyan_request_copy_out (rest, 0, bounce->buffer->data + bounce->skip, bounce->used);
  return pass_on (care, &widened, error);
}

static gboolean
bounce_read (const Care *care, const BanyanRequest *rest, const Bounce *bounce, GError **error)
{
  struct iovec iov;
  BanyanRequest widened = bounce_request (bounce, &iov, rest->flags);

  if (!pass_on (care, &widened, error))
    return FALSE;

  if (rest->iov != NULL)
    banyan_request_copy_in (rest, 0, bounce->buffer->data + bounce->skip, bounce->used);
  return TRUE;
}

static gboolean
go_through_bounce (const Care *care, const BanyanRequest *rest, guint64 *done, GError **error)
{
  Bounce bounce = { 0 };
  gboolean succeeded;

  if (!bounce_init (&bounce, care, rest, error))
    return FALSE;

  succeeded = care->is_write ? bounce_write (care, rest, &bounce, error)
                             : bounce_read (care, rest, &bounce, error);
  *done = bounce.used;
  banyan_buffer_unref (bounce.buffer);
  return succeeded;
}

static gboolean
go_piece_by_piece (const Care *care, const BanyanRequest *request, GError **error)
{
  BanyanRequest rest = *request;
  guint64 done;

  for (; rest.length > 0;
       rest = banyan_request_slice (&rest, done, rest.length - done, rest.offset + done))
    {
      done = measure_direct (care, &rest);
      if (done > 0)
        {
          BanyanRequest piece = banyan_request_slice (&rest, 0, done, rest.offset);

          if (!pass_on (care, &piece, error))
            return FALSE;
        }
      else if (!go_through_bounce (care, &rest, &done, error))
        return FALSE;
    }

  return TRUE;
}

/* -- Reads. -- */

static gboolean
read_carefully (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_READ];
  Care care;

  if (!banyan_child_check_range (self, route, request->offset, request->length, error))
    return FALSE;
  if (request->length == 0 || (request->flags & route->slow_flags & BANYAN_REQUEST_PREFETCH))
    return TRUE;
  if (route->any == NULL)
    return banyan_child_throw_unsupported (self, "be read", error);

  care = take_care (self, BANYAN_OP_READ);
  return go_piece_by_piece (&care, request, error);
}

gboolean
banyan_child_read_with_care (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = banyan_child_begin (self);
  gboolean done = read_carefully (self, request, error);

  banyan_child_end (self, BANYAN_STATISTIC_READ, request->length, done, started_ns);
  return done;
}

/* -- Writes. -- */

static gboolean
go_locked (const Care *care, const BanyanRequest *request, GError **error)
{
  BanyanRangeLock *lock = &banyan_node_private (care->route->node)->writes;
  guint64 start = banyan_round_down (request->offset, care->unit);
  guint64 stop = request->offset + request->length;
  gboolean widens = request->offset != start || (stop % care->unit != 0 && stop != care->end);
  BanyanRangeGuard guard;
  gboolean succeeded;

  banyan_range_lock_acquire (lock, &guard, start, banyan_round_up (stop, care->unit) - start,
                             widens);
  succeeded = go_piece_by_piece (care, request, error);
  banyan_range_lock_release (lock, &guard);
  return succeeded;
}

/* FUA is a flush afterwards where the node knows no better, and nothing where flushes are nothing.
 */
static gboolean
emulate_fua (const BanyanRoute *route, BanyanRequest *request)
{
  if (!(request->flags & route->slow_flags & BANYAN_REQUEST_FUA))
    return FALSE;

  request->flags &= ~BANYAN_REQUEST_FUA;
  return !(route->modifiers & BANYAN_ROUTE_NO_FLUSH);
}

static gboolean
write_carefully (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_WRITE];
  BanyanRequest own = *request;
  gboolean flush;
  Care care;

  if (!banyan_child_check_range (self, route, request->offset, request->length, error))
    return FALSE;
  if (request->length == 0)
    return TRUE;
  if (route->any == NULL)
    return banyan_child_throw_unsupported (self, "be written", error);

  care = take_care (self, BANYAN_OP_WRITE);
  flush = emulate_fua (route, &own);
  if (!(route->modifiers & BANYAN_ROUTE_LOCK ? go_locked (&care, &own, error)
                                             : go_piece_by_piece (&care, &own, error)))
    return FALSE;

  return !flush || banyan_child_flush (self, error);
}

gboolean
banyan_child_write_zero_data (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  gint64 started_ns = banyan_child_begin (self);
  gboolean done = write_carefully (self, request, error);

  banyan_child_end (self, BANYAN_STATISTIC_WRITE, request->length, done, started_ns);
  return done;
}

gboolean
banyan_child_write_with_care (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_WRITE];

  if ((route->modifiers & BANYAN_ROUTE_DETECT_ZEROES) && request->length > 0
      && banyan_child_check_range (self, route, request->offset, request->length, NULL)
      && banyan_request_is_zero (request))
    {
      BanyanRequest zeroes = BANYAN_REQUEST (request->offset, request->length, NULL, 0);

      zeroes.flags = request->flags & BANYAN_REQUEST_FUA;
      if (route->modifiers & BANYAN_ROUTE_DETECT_UNMAP)
        zeroes.flags |= BANYAN_REQUEST_MAY_UNMAP;
      return banyan_child_write_zeroes (self, &zeroes, error) == BANYAN_DONE;
    }

  return banyan_child_write_zero_data (self, request, error);
}
