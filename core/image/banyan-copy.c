/* banyan-copy.c - one node's data into another, several pieces at a time
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Workers take pieces, the next one each time, and carry them to the end: a team of them on each
 * loop, since to move data through memory is work for a processor. A team begins with one worker
 * and takes on more while pieces wait: for a device or a network, several at once are quicker; from
 * one file in memory to another they would only drive each other's data out of the processor's
 * cache. What the source's block status says is zero is not read, and what is zero in the target
 * already is not written. Only who takes a piece asks for the status, under a mutex, since to ask
 * may wait. */

#include <banyan/banyan-copy.h>

#include <banyan/banyan-buffer.h>
#include <banyan/banyan-co-sync.h>
#include <banyan/banyan-error.h>

#include <errno.h>
#include <string.h>

/* A piece should fit into the processor's cache between being read and being written. */
#define PIECE_BYTES (256 * 1024)
#define ZERO_BYTES 4096
#define N_WORKERS 8
/* Longer than a piece takes from memory to memory. */
#define WAITED_NS (500 * 1000)
/* So many more pieces that waited than pieces that did not are no accident. */
#define WAITED_ENOUGH 2
/* Without data a piece is cheap; but progress is to be seen, and cancelling to be heard. */
#define MAX_ZERO_PIECE (G_GUINT64_CONSTANT (1) << 30)

typedef enum
{
  PIECE_NONE, /* the end */
  PIECE_DATA,
  PIECE_ZERO,
  PIECE_LEFT_OUT,
} PieceKind;

/* Offsets count from the beginning of what is copied. */
typedef struct
{
  PieceKind kind;
  guint64 offset;
  guint64 length;
  guint64 number;
} Piece;

typedef struct _Run Run;

/* The workers on one loop. */
typedef struct
{
  Run *run;
  BanyanLoop *loop;
  BanyanChannel *source; /* (owned) */
  BanyanChannel *target; /* (owned) */
  guint first;           /* of the workers */
  guint n;
  guint n_started;
  gint waited; /* pieces that did, less those that did not; not below 0 */
  BanyanGather gather;
} Team;

typedef struct
{
  Run *run;
  Team *team;
  BanyanBuffer *buffer;    /* (owned) (nullable): of the piece that is being carried */
  BanyanCoroutine *waiter; /* (nullable): waits for its turn to write */
  guint64 waits_for;       /* a piece's number */
} Worker;

struct _Run
{
  BanyanCopy *copy;
  BanyanBackend *source;
  BanyanBackend *target;
  guint64 zero_bytes;
  guint64 piece_bytes;
  gint may_offload; /* atomic */
  gint has_failed;  /* atomic */

  BanyanCoMutex mutex; /* for those below */
  gboolean was_looked_at;
  gint target_is_zero; /* atomic */
  guint64 next;
  guint64 extent_end;
  PieceKind extent_kind;
  guint64 n_pieces;
  gint64 started_ns;
  guint64 paced; /* bytes that were allowed so far */

  guint64 turn; /* number of the piece that may be written, where there is an order */
  Worker workers[BANYAN_COPY_MAX_WORKERS];
  guint n_workers;
};

/* -- What is zero. -- */

static gboolean
is_zero_block (const guint8 *data, gsize length)
{
  return data[0] == 0 && memcmp (data, data + 1, length - 1) == 0;
}

/**
 * banyan_data_find_run: (skip)
 * @data: some bytes
 * @length: how many; above 0
 * @block: how many bytes are told apart
 * @is_zero: (out): whether the run is of zeroes
 *
 * Returns: how far what is true of the first block, that it is all zeroes or not, is true of all
 */
gsize
banyan_data_find_run (gconstpointer data, gsize length, gsize block, gboolean *is_zero)
{
  const guint8 *bytes = data;
  gsize end = MIN (block, length);

  *is_zero = is_zero_block (bytes, end);
  while (end < length && is_zero_block (bytes + end, MIN (block, length - end)) == *is_zero)
    end += MIN (block, length - end);

  return end;
}

static BanyanAnswer BANYAN_COROUTINE
ask_status (BanyanChannel *channel, guint64 offset, guint64 length, BanyanBlockStatus *status,
            GError **error)
{
  *status = (BanyanBlockStatus){ .size = sizeof *status };
  return banyan_channel_block_status (channel, offset, length, status, error);
}

/* A failure to tell is none to copy. */
static gboolean BANYAN_COROUTINE
is_all_zero (Team *self)
{
  BanyanCopy *copy = self->run->copy;
  BanyanBlockStatus status;

  for (guint64 offset = 0; offset < copy->length; offset += status.length)
    {
      g_autoptr (GError) ignored = NULL;

      if (ask_status (self->target, copy->target_offset + offset, copy->length - offset, &status,
                      &ignored)
              != BANYAN_DONE
          || !(status.flags & BANYAN_BLOCK_ZERO))
        return FALSE;
    }

  return TRUE;
}

/* -- Taking pieces. -- */

static PieceKind
kind_of (Run *self, guint flags)
{
  if ((self->copy->flags & BANYAN_COPY_TOP_ONLY) && !(flags & BANYAN_BLOCK_ALLOCATED))
    return PIECE_LEFT_OUT;

  return flags & BANYAN_BLOCK_ZERO ? PIECE_ZERO : PIECE_DATA;
}

/* Extents are rounded to whole blocks in favour of data: a block that is zero in part is read. */
static gboolean BANYAN_COROUTINE
find_extent (Team *team, GError **error)
{
  Run *self = team->run;
  BanyanCopy *copy = self->copy;
  guint64 left = copy->length - self->next, length;
  BanyanBlockStatus status;

  if (ask_status (team->source, copy->source_offset + self->next, left, &status, error)
      == BANYAN_FAILED)
    return FALSE;

  self->extent_kind = kind_of (self, status.flags);
  length = MIN (status.length, left);
  if (length < left && self->extent_kind != PIECE_DATA)
    length -= length % self->zero_bytes;
  else if (length < left)
    length += -length % self->zero_bytes;
  if (length == 0)
    {
      self->extent_kind = PIECE_DATA;
      length = self->zero_bytes;
    }

  self->extent_end = self->next + MIN (length, left);
  return TRUE;
}

/* Data may come as fast as the limit says on the whole, from the beginning of the copy. */
static gboolean BANYAN_COROUTINE
pace (Run *self, const Piece *piece, GError **error)
{
  guint64 rate = self->copy->bytes_per_second;
  gint64 due_ns, now_ns;

  if (rate == 0 || piece->kind != PIECE_DATA)
    return TRUE;

  now_ns = banyan_loop_now_ns (banyan_loop_current ());
  due_ns = self->started_ns + (gint64) ((double) self->paced / rate * 1e9);
  self->paced += piece->length;
  return due_ns <= now_ns || banyan_co_sleep_ns (due_ns - now_ns, error);
}

static gboolean BANYAN_COROUTINE
cut_piece (Team *team, Piece *piece, GError **error)
{
  Run *self = team->run;
  guint64 most;

  if (self->next == self->extent_end && !find_extent (team, error))
    return FALSE;

  piece->kind = self->extent_kind;
  piece->offset = self->next;
  most = piece->kind == PIECE_DATA || (self->copy->flags & BANYAN_COPY_FULLY)
             ? self->piece_bytes - self->next % self->piece_bytes
             : MAX_ZERO_PIECE;
  piece->length = MIN (self->extent_end - self->next, most);
  piece->number = self->n_pieces++;
  self->next += piece->length;
  return pace (self, piece, error);
}

static gboolean
has_failed (Run *self)
{
  return __atomic_load_n (&self->has_failed, __ATOMIC_RELAXED);
}

static gboolean BANYAN_COROUTINE
take_piece (Team *team, Piece *piece, GError **error)
{
  Run *self = team->run;
  gboolean is_taken = TRUE;

  *piece = (Piece){ .kind = PIECE_NONE };
  banyan_co_mutex_lock (&self->mutex);
  if (__atomic_load_n (&self->copy->cancelled, __ATOMIC_RELAXED))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the copy was cancelled");
      is_taken = FALSE;
    }
  else if (!has_failed (self) && self->next < self->copy->length)
    is_taken = cut_piece (team, piece, error);
  banyan_co_mutex_unlock (&self->mutex);

  return is_taken;
}

/* -- Turns to write. Where there is an order there is one team, so plain memory does. -- */

static gboolean
has_order (Run *self)
{
  return (self->copy->flags & BANYAN_COPY_IN_ORDER) != 0;
}

static void
wake_waiters (Run *self)
{
  for (guint i = 0; i < self->n_workers; i++)
    if (self->workers[i].waiter != NULL
        && (has_failed (self) || self->workers[i].waits_for == self->turn))
      banyan_coroutine_wake (self->workers[i].waiter);
}

/* FALSE, without an error: another worker has failed. */
static gboolean BANYAN_COROUTINE
wait_for_turn (Worker *worker, const Piece *piece)
{
  Run *self = worker->run;

  if (!has_order (self))
    return TRUE;

  worker->waits_for = piece->number;
  worker->waiter = banyan_coroutine_self ();
  while (self->turn != piece->number && !has_failed (self))
    banyan_co_suspend ();
  worker->waiter = NULL;
  return self->turn == piece->number;
}

static void
end_turn (Run *self, const Piece *piece)
{
  __atomic_fetch_add (&self->copy->done, piece->length, __ATOMIC_RELAXED);
  if (!has_order (self))
    return;

  self->turn = piece->number + 1;
  wake_waiters (self);
}

/* -- Carrying one. -- */

static BanyanRequest
request_for (Worker *worker, struct iovec *iov, guint64 offset, gsize from, gsize length)
{
  *iov = (struct iovec){ worker->buffer->data + from, length };
  return BANYAN_REQUEST (offset, length, iov, 1);
}

static gboolean BANYAN_COROUTINE
read_part (Worker *worker, guint64 offset, gsize from, gsize length, GError **error)
{
  struct iovec iov;
  BanyanRequest request
      = request_for (worker, &iov, worker->run->copy->source_offset + offset + from, from, length);

  return banyan_channel_read (worker->team->source, &request, error);
}

static void BANYAN_COROUTINE
tell_loss (Run *self, guint64 source_offset, guint64 length, const GError *why)
{
  if (self->copy->lost == NULL)
    return;

  banyan_co_mutex_lock (&self->mutex);
  self->copy->lost (self->copy, source_offset, length, why);
  banyan_co_mutex_unlock (&self->mutex);
}

/* Block by block, so that as little as can be is lost. */
static void BANYAN_COROUTINE
salvage (Worker *worker, const Piece *piece)
{
  BanyanCopy *copy = worker->run->copy;

  for (gsize from = 0; from < piece->length;)
    {
      gsize length = MIN (ZERO_BYTES, piece->length - from);
      g_autoptr (GError) error = NULL;

      if (!read_part (worker, piece->offset, from, length, &error))
        {
          memset (worker->buffer->data + from, 0, length);
          tell_loss (worker->run, copy->source_offset + piece->offset + from, length, error);
        }
      from += length;
    }
}

static gboolean BANYAN_COROUTINE
read_piece (Worker *worker, const Piece *piece, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (read_part (worker, piece->offset, 0, piece->length, &failure))
    return TRUE;
  if (!(worker->run->copy->flags & BANYAN_COPY_SALVAGE))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }

  salvage (worker, piece);
  return TRUE;
}

/* @offset of the target. */
static gboolean BANYAN_COROUTINE
write_zeroes (Team *self, guint64 offset, guint64 length, GError **error)
{
  gboolean is_zero = __atomic_load_n (&self->run->target_is_zero, __ATOMIC_RELAXED);
  BanyanBlockStatus status;

  for (guint64 end = offset + length; !is_zero && offset < end; offset += status.length)
    {
      BanyanRequest request;

      if (ask_status (self->target, offset, end - offset, &status, error) == BANYAN_FAILED)
        return FALSE;
      status.length = MIN (status.length, end - offset);
      if (status.flags & BANYAN_BLOCK_ZERO)
        continue;

      request = BANYAN_REQUEST (offset, status.length, NULL, 0);
      request.flags = BANYAN_REQUEST_MAY_UNMAP;
      if (banyan_channel_write_zeroes (self->target, &request, error) == BANYAN_FAILED)
        return FALSE;
    }

  return TRUE;
}

static gboolean BANYAN_COROUTINE
write_data (Worker *worker, const Piece *piece, gsize from, gsize length, GError **error)
{
  Run *self = worker->run;
  struct iovec iov;
  BanyanRequest request
      = request_for (worker, &iov, self->copy->target_offset + piece->offset + from, from, length);

  if (self->copy->flags & BANYAN_COPY_COMPRESSED)
    request.flags |= BANYAN_REQUEST_COMPRESSED;
  return banyan_channel_write (worker->team->target, &request, error);
}

static gboolean BANYAN_COROUTINE
write_buffer (Worker *worker, const Piece *piece, GError **error)
{
  Run *self = worker->run;

  if (self->copy->flags & BANYAN_COPY_FULLY)
    return write_data (worker, piece, 0, piece->length, error);

  for (gsize from = 0, length; from < piece->length; from += length)
    {
      gboolean is_zero;

      length = banyan_data_find_run (worker->buffer->data + from, piece->length - from,
                                     self->zero_bytes, &is_zero);
      if (is_zero ? !write_zeroes (worker->team, self->copy->target_offset + piece->offset + from,
                                   length, error)
                  : !write_data (worker, piece, from, length, error))
        return FALSE;
    }

  return TRUE;
}

/* Where the data lies may be asked, and made use of, within one request only. Unsupported: it is
 * not lost what has been copied. */
static BanyanAnswer BANYAN_COROUTINE
offload_inside (Team *self, const Piece *piece, GError **error)
{
  BanyanCopy *copy = self->run->copy;
  BanyanBlockStatus status;

  for (guint64 from = 0; from < piece->length; from += status.length)
    {
      BanyanRequest request;
      BanyanAnswer answer = ask_status (self->source, copy->source_offset + piece->offset + from,
                                        piece->length - from, &status, error);

      if (answer == BANYAN_DONE && !(status.flags & BANYAN_BLOCK_LOCATED))
        answer = BANYAN_UNSUPPORTED;
      if (answer != BANYAN_DONE)
        return answer;

      request = BANYAN_REQUEST (copy->target_offset + piece->offset + from, status.length, NULL, 0);
      answer = banyan_child_copy_range (banyan_channel_get_child (self->target), &request,
                                        status.leaf, status.leaf_offset, error);
      if (answer != BANYAN_DONE)
        return answer;
    }

  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
offload (Team *self, const Piece *piece, GError **error)
{
  BanyanAnswer answer;

  if (!__atomic_load_n (&self->run->may_offload, __ATOMIC_RELAXED))
    return BANYAN_UNSUPPORTED;

  banyan_channel_enter (self->target);
  banyan_channel_enter (self->source);
  answer = offload_inside (self, piece, error);
  banyan_channel_leave (self->source);
  banyan_channel_leave (self->target);
  if (answer == BANYAN_UNSUPPORTED)
    __atomic_store_n (&self->run->may_offload, FALSE, __ATOMIC_RELAXED);
  return answer;
}

/* A buffer is taken anew for each piece: from the loop's pool comes the one that was used last. */
static gboolean BANYAN_COROUTINE
carry_buffer (Worker *worker, const Piece *piece, GError **error)
{
  gboolean is_done;

  worker->buffer = banyan_buffer_new (piece->length);
  if (worker->buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "no memory to copy %" G_GUINT64_FORMAT " bytes",
                               piece->length);

  if (piece->kind == PIECE_ZERO)
    memset (worker->buffer->data, 0, piece->length);
  is_done = (piece->kind == PIECE_ZERO || read_piece (worker, piece, error))
            && (!wait_for_turn (worker, piece) || write_buffer (worker, piece, error));
  g_clear_pointer (&worker->buffer, banyan_buffer_unref);
  return is_done;
}

static gboolean BANYAN_COROUTINE
carry_data (Worker *worker, const Piece *piece, GError **error)
{
  BanyanAnswer answer = offload (worker->team, piece, error);

  if (answer == BANYAN_UNSUPPORTED)
    return carry_buffer (worker, piece, error);

  wait_for_turn (worker, piece);
  return answer == BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
carry_zeroes (Worker *worker, const Piece *piece, GError **error)
{
  if (worker->run->copy->flags & BANYAN_COPY_FULLY)
    return carry_buffer (worker, piece, error);

  return !wait_for_turn (worker, piece)
         || write_zeroes (worker->team, worker->run->copy->target_offset + piece->offset,
                          piece->length, error);
}

static gboolean BANYAN_COROUTINE
carry (Worker *worker, const Piece *piece, GError **error)
{
  switch (piece->kind)
    {
    case PIECE_DATA:
      return carry_data (worker, piece, error);
    case PIECE_ZERO:
      return carry_zeroes (worker, piece, error);
    case PIECE_LEFT_OUT:
      wait_for_turn (worker, piece);
      return TRUE;
    case PIECE_NONE:
      break;
    }

  g_assert_not_reached ();
}

static gboolean BANYAN_COROUTINE work (gpointer data, GError **error);

static void BANYAN_COROUTINE
start_worker (Team *self)
{
  Worker *worker = self->run->workers + self->first + self->n_started++;

  worker->run = self->run;
  worker->team = self;
  banyan_gather_start (&self->gather, work, worker);
}

static void BANYAN_COROUTINE
note_time (Team *self, gint64 took_ns)
{
  self->waited = MAX (0, self->waited + (took_ns > WAITED_NS ? 1 : -1));
  if (self->waited < WAITED_ENOUGH || self->n_started == self->n)
    return;

  self->waited = 0;
  start_worker (self);
}

static gboolean BANYAN_COROUTINE
work (gpointer data, GError **error)
{
  Worker *worker = data;
  Run *self = worker->run;
  Piece piece;

  while (take_piece (worker->team, &piece, error))
    {
      gint64 begun_ns = banyan_loop_now_ns (worker->team->loop);

      if (piece.kind == PIECE_NONE)
        return TRUE;
      if (!carry (worker, &piece, error))
        break;
      if (!has_failed (self))
        end_turn (self, &piece);
      note_time (worker->team, banyan_loop_now_ns (worker->team->loop) - begun_ns);
    }

  __atomic_store_n (&self->has_failed, TRUE, __ATOMIC_RELAXED);
  wake_waiters (self);
  return FALSE;
}

/* -- The whole. -- */

/* The first team that is there. */
static void BANYAN_COROUTINE
look_at_target (Team *self)
{
  Run *run = self->run;

  banyan_co_mutex_lock (&run->mutex);
  if (!run->was_looked_at && !run->target_is_zero && !(run->copy->flags & BANYAN_COPY_FULLY))
    __atomic_store_n (&run->target_is_zero, is_all_zero (self), __ATOMIC_RELAXED);
  run->was_looked_at = TRUE;
  banyan_co_mutex_unlock (&run->mutex);
}

static gboolean BANYAN_COROUTINE
run_team (gpointer data, GError **error)
{
  Team *self = data;
  gboolean is_done;

  self->source = banyan_backend_open_channel (self->run->source);
  self->target = banyan_backend_open_channel (self->run->target);
  look_at_target (self);
  start_worker (self);
  is_done = banyan_co_gather (&self->gather, error);
  banyan_channel_close (self->target);
  banyan_channel_close (self->source);
  return is_done;
}

static gboolean BANYAN_COROUTINE
run_team_there (gpointer data, GError **error)
{
  return banyan_co_run_on (((Team *) data)->loop, run_team, data, error);
}

static guint
count_workers (const BanyanCopy *copy, guint64 piece_bytes)
{
  guint wanted = copy->n_workers != 0 ? copy->n_workers : N_WORKERS;

  return CLAMP ((copy->length + piece_bytes - 1) / piece_bytes, 1,
                MIN (wanted, BANYAN_COPY_MAX_WORKERS));
}

/* Workers are shared out: none is left, and no team is without one. */
static gboolean BANYAN_COROUTINE
run_teams (Run *self, BanyanLoop *const *loops, guint n_loops, GError **error)
{
  Team teams[BANYAN_COPY_MAX_WORKERS];
  BanyanGather gather = BANYAN_GATHER_INIT;
  guint n_teams = has_order (self) ? 1 : MIN (n_loops, self->n_workers);
  guint first = 0;

  for (guint i = 0; i < n_teams; i++)
    {
      teams[i] = (Team){
        .run = self,
        .loop = loops[i],
        .first = first,
        .n = (self->n_workers - first) / (n_teams - i),
        .gather = BANYAN_GATHER_INIT,
      };
      first += teams[i].n;
      banyan_gather_start (&gather, run_team_there, &teams[i]);
    }
  return banyan_co_gather (&gather, error);
}

/**
 * banyan_copy_run: (skip)
 * @self: what to copy, and how
 * @source: where from
 * @target: where to; its range lies within its node
 * @loops: (array length=n_loops): which loops the work is spread over; the first one does all of it
 * where writes have an order
 * @n_loops: how many; above 0
 * @error: where to put the error
 *
 * Copies. In a coroutine of any loop, outside of requests: each piece is a request of its own, so
 * that the graph can change in between.
 *
 * Returns: whether all of it is there
 */
gboolean
banyan_copy_run (BanyanCopy *self, BanyanBackend *source, BanyanBackend *target,
                 BanyanLoop *const *loops, guint n_loops, GError **error)
{
  Run run = { .copy = self, .source = source, .target = target };
  gboolean is_done;

  run.zero_bytes = self->zero_bytes != 0 ? self->zero_bytes : ZERO_BYTES;
  run.piece_bytes = self->piece_bytes != 0 ? self->piece_bytes : MAX (PIECE_BYTES, run.zero_bytes);
  run.n_workers = count_workers (self, run.piece_bytes);
  run.may_offload = (self->flags & BANYAN_COPY_OFFLOAD) != 0;
  run.target_is_zero = (self->flags & BANYAN_COPY_TARGET_IS_ZERO) != 0;
  run.started_ns = banyan_loop_now_ns (banyan_loop_current ());

  banyan_co_mutex_init (&run.mutex);
  is_done = run_teams (&run, loops, n_loops, error);
  banyan_co_mutex_clear (&run.mutex);
  return is_done;
}

/**
 * banyan_copy_get_done: (skip)
 * @self: a copy; any thread
 *
 * Returns: how many bytes of it are done
 */
guint64
banyan_copy_get_done (BanyanCopy *self)
{
  return __atomic_load_n (&self->done, __ATOMIC_RELAXED);
}

/**
 * banyan_copy_cancel: (skip)
 * @self: a copy; any thread
 *
 * Makes it end when the pieces that are under way have.
 */
void
banyan_copy_cancel (BanyanCopy *self)
{
  __atomic_store_n (&self->cancelled, TRUE, __ATOMIC_RELAXED);
}
