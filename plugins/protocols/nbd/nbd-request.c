/* nbd-request.c - the operations, as commands to a server
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A command that was not answered when its connection was lost is sent again on the next one, if
 * reconnect-delay allows to wait for that: whatever the server did of it, doing it again leads to
 * the same data. A flush is another matter: it vouches for writes that were answered before, and a
 * server that comes back may have forgotten them. */

#include "nbd-request.h"

#include <errno.h>
#include <string.h>

/* A server that hangs up on the same command time and again will do so for ever. */
#define MAX_ATTEMPTS 5

typedef enum
{
  COMMAND_READ,
  COMMAND_WRITE,
  COMMAND_FLUSH,
  COMMAND_TRIM,
  COMMAND_ZERO,
  COMMAND_CACHE,
  COMMAND_STATUS,
} CommandKind;

static const char *const doing[] = {
  [COMMAND_READ] = "reading",        [COMMAND_WRITE] = "writing", [COMMAND_FLUSH] = "flushing",
  [COMMAND_TRIM] = "trimming",       [COMMAND_ZERO] = "zeroing",  [COMMAND_CACHE] = "caching",
  [COMMAND_STATUS] = "asking about",
};

/* On the stack of who asks. */
typedef struct
{
  NbdClient *client;
  CommandKind kind;
  guint64 offset;
  guint64 length;
  gpointer buffer;
  guint32 flags; /* libnbd's */

  guint32 extent_length; /* the first extent's */
  guint32 extent_flags;
  gboolean has_extent;
  gboolean covers_writes; /* a flush for writes that were answered */
  int error;              /* the server's, when it answered */
} Operation;

/* -- One command. -- */

static int
take_extent (void *data, const char *context, uint64_t offset, uint32_t *entries, size_t n_entries,
             int *error)
{
  Operation *self = data;

  if (n_entries < 2 || self->has_extent || offset != self->offset
      || strcmp (context, self->client->target.context) != 0)
    return 0;

  self->has_extent = TRUE;
  self->extent_length = entries[0];
  self->extent_flags = entries[1];
  return 0;
}

static gint64
issue (Operation *self, struct nbd_handle *handle, NbdCommand *command)
{
  const nbd_completion_callback done = { .callback = nbd_command_completed, .user_data = command };
  const nbd_extent_callback extent = { .callback = take_extent, .user_data = self };

  switch (self->kind)
    {
    case COMMAND_READ:
      return nbd_aio_pread (handle, self->buffer, self->length, self->offset, done, self->flags);
    case COMMAND_WRITE:
      return nbd_aio_pwrite (handle, self->buffer, self->length, self->offset, done, self->flags);
    case COMMAND_FLUSH:
      return nbd_aio_flush (handle, done, self->flags);
    case COMMAND_TRIM:
      return nbd_aio_trim (handle, self->length, self->offset, done, self->flags);
    case COMMAND_ZERO:
      return nbd_aio_zero (handle, self->length, self->offset, done, self->flags);
    case COMMAND_CACHE:
      return nbd_aio_cache (handle, self->length, self->offset, done, self->flags);
    case COMMAND_STATUS:
      self->has_extent = FALSE;
      return nbd_aio_block_status (handle, self->length, self->offset, extent, done, self->flags);
    default:
      g_assert_not_reached ();
    }
}

static gboolean
leaves_writes (const Operation *self)
{
  return (self->kind == COMMAND_WRITE || self->kind == COMMAND_ZERO || self->kind == COMMAND_TRIM)
         && !(self->flags & LIBNBD_CMD_FLAG_FUA);
}

/* FALSE: the link ended first. A server that says that it is about to end is as good as gone. */
static gboolean BANYAN_COROUTINE
call (Operation *self, NbdConnection *connection)
{
  NbdLink *link = connection->link;
  NbdCommand command = { .coroutine = banyan_coroutine_self () };

  if (leaves_writes (self))
    command.dirties = &self->client->dirty[banyan_loop_get_index (link->loop)];
  if (self->kind == COMMAND_FLUSH)
    self->covers_writes |= nbd_client_take_dirty (self->client);

  if (issue (self, link->handle, &command) < 0 && !command.is_done)
    {
      int number = nbd_get_errno ();

      self->error = number != 0 ? number : EIO;
      if (nbd_aio_get_direction (link->handle) != 0)
        return TRUE;
      nbd_link_break (link);
      return FALSE;
    }
  nbd_link_kick (link);
  while (!command.is_done)
    banyan_co_suspend ();

  self->error = command.error;
  if (command.error != ENOTCONN && command.error != ESHUTDOWN)
    return TRUE;
  /* The keeper may yet have to see it; or the link is gone. */
  if (connection->link == link)
    nbd_link_break (link);
  return FALSE;
}

/* -- On which connection. -- */

static gboolean
throw_range (const Operation *self, GError **error)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self->client->node));

  if (self->kind == COMMAND_FLUSH)
    return banyan_throw_errno (error, self->error, "%s: flushing", id);
  return banyan_throw_errno (error, self->error,
                             "%s: %s %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT, id,
                             doing[self->kind], self->length, self->offset);
}

static gboolean
throw_lost_writes (NbdClient *client, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: flushing: the connection was lost after writes that the server "
                             "had answered and not yet flushed; it may have forgotten them",
                             banyan_object_get_id (BANYAN_OBJECT (client->node)));
}

/* Told once, by the first flush that would have vouched for them. */
static gboolean
may_flush (Operation *self, GError **error)
{
  NbdClient *client = self->client;

  if (self->covers_writes)
    __atomic_store_n (&client->lost_writes, TRUE, __ATOMIC_RELEASE);
  self->covers_writes = FALSE;
  if (!__atomic_exchange_n (&client->lost_writes, FALSE, __ATOMIC_ACQ_REL)
      || BANYAN_LIVE (client->on_lost_writes) == NBD_LOST_WRITES_IGNORE)
    return TRUE;
  return throw_lost_writes (client, error);
}

static gboolean
may_send_again (const Operation *self, guint n_attempts)
{
  return n_attempts < MAX_ATTEMPTS && self->client->can_reconnect
         && BANYAN_LIVE (self->client->reconnect_delay_s) > 0;
}

static gboolean BANYAN_COROUTINE
run_on_connection (Operation *self, NbdConnection *connection, GError **error)
{
  for (guint n_attempts = 1;; n_attempts++)
    {
      if (!nbd_connection_wait (connection, error)
          || (self->kind == COMMAND_FLUSH && !may_flush (self, error)))
        return FALSE;
      if (call (self, connection))
        return self->error == 0 || throw_range (self, error);
      if (!may_send_again (self, n_attempts))
        break;
    }

  if (self->kind == COMMAND_FLUSH && !may_flush (self, error))
    return FALSE;
  self->error = EIO;
  throw_range (self, error);
  g_prefix_error_literal (error, "the connection was lost: ");
  return FALSE;
}

static gboolean BANYAN_COROUTINE
run_at_home (gpointer data, GError **error)
{
  Operation *self = data;

  return run_on_connection (self, self->client->home, error);
}

/* An iothread whose own connection is away, or that has none, goes to the one that all share. */
static gboolean BANYAN_COROUTINE
run (Operation *self, GError **error)
{
  NbdConnection *own = self->client->places[banyan_loop_get_index (banyan_loop_current ())];

  if (own != NULL && nbd_connection_has_link (own))
    return run_on_connection (self, own, error);
  return banyan_co_run_on (self->client->home->loop, run_at_home, self, error);
}

/* -- Data. libnbd wants it in one piece. -- */

static gboolean
take_memory (Operation *self, const BanyanRequest *request, BanyanBuffer **bounce, GError **error)
{
  struct iovec iov;
  guint64 covered;

  banyan_request_flatten (request, &iov, 1, &covered);
  self->buffer = iov.iov_base;
  if (covered == request->length)
    return TRUE;

  /* The limit keeps this below the server's largest request. */
  *bounce = banyan_buffer_new (request->length);
  if (*bounce == NULL)
    return banyan_throw_errno (error, ENOMEM, "no memory for %" G_GUINT64_FORMAT " bytes",
                               request->length);
  self->buffer = (*bounce)->data;
  return TRUE;
}

static Operation
operation_for (NbdClient *client, CommandKind kind, const BanyanRequest *request)
{
  return (Operation){ .client = client,
                      .kind = kind,
                      .offset = request->offset,
                      .length = request->length,
                      .flags = request->flags & BANYAN_REQUEST_FUA ? LIBNBD_CMD_FLAG_FUA : 0 };
}

gboolean
nbd_request_read (NbdClient *client, const BanyanRequest *request, GError **error)
{
  gboolean is_prefetch = (request->flags & BANYAN_REQUEST_PREFETCH) && request->iov == NULL;
  Operation operation = operation_for (client, is_prefetch ? COMMAND_CACHE : COMMAND_READ, request);
  g_autoptr (BanyanBuffer) bounce = NULL;

  operation.flags = 0;
  if ((!is_prefetch && !take_memory (&operation, request, &bounce, error))
      || !run (&operation, error))
    return FALSE;

  if (bounce != NULL)
    banyan_request_copy_in (request, 0, bounce->data, request->length);
  return TRUE;
}

gboolean
nbd_request_write (NbdClient *client, const BanyanRequest *request, GError **error)
{
  Operation operation = operation_for (client, COMMAND_WRITE, request);
  g_autoptr (BanyanBuffer) bounce = NULL;

  if (!take_memory (&operation, request, &bounce, error))
    return FALSE;

  if (bounce != NULL)
    banyan_request_copy_out (request, 0, bounce->data, request->length);
  return run (&operation, error);
}

static gboolean BANYAN_COROUTINE
send_flush (NbdClient *client, GError **error)
{
  Operation operation = { .client = client, .kind = COMMAND_FLUSH };

  if (run (&operation, error))
    return TRUE;

  /* What it should have covered is for the next one. */
  if (operation.covers_writes)
    __atomic_store_n (&client->dirty[banyan_loop_get_index (client->home->loop)], TRUE,
                      __ATOMIC_RELEASE);
  return FALSE;
}

/* A server that has no flush has nothing to flush. Nor is there anything where all writes have been
 * flushed; but what another flush is about to cover is not yet safe. */
gboolean
nbd_request_flush (NbdClient *client, GError **error)
{
  gboolean done;

  if (!(client->info.abilities & NBD_CAN_FLUSH) || !nbd_client_needs_flush (client))
    return TRUE;

  __atomic_fetch_add (&client->n_flushes, 1, __ATOMIC_SEQ_CST);
  __atomic_fetch_add (&client->flush_serial, 1, __ATOMIC_SEQ_CST);
  done = send_flush (client, error);
  __atomic_fetch_sub (&client->n_flushes, 1, __ATOMIC_SEQ_CST);
  return done;
}

/* -- Space. -- */

BanyanAnswer
nbd_request_discard (NbdClient *client, const BanyanRequest *request, GError **error)
{
  Operation operation = operation_for (client, COMMAND_TRIM, request);

  if (!(client->info.abilities & NBD_CAN_TRIM))
    return BANYAN_UNSUPPORTED;
  return run (&operation, error) ? BANYAN_DONE : BANYAN_FAILED;
}

BanyanAnswer
nbd_request_write_zeroes (NbdClient *client, const BanyanRequest *request, GError **error)
{
  gboolean is_fast = (request->flags & BANYAN_REQUEST_NO_FALLBACK) != 0;
  Operation operation = operation_for (client, COMMAND_ZERO, request);
  g_autoptr (GError) failed = NULL;

  if (!(client->info.abilities & NBD_CAN_ZERO)
      || (is_fast && !(client->info.abilities & NBD_CAN_FAST_ZERO)))
    return BANYAN_UNSUPPORTED;

  operation.flags |= is_fast ? LIBNBD_CMD_FLAG_FAST_ZERO : 0;
  operation.flags |= request->flags & BANYAN_REQUEST_MAY_UNMAP ? 0 : LIBNBD_CMD_FLAG_NO_HOLE;
  if (run (&operation, &failed))
    return BANYAN_DONE;
  if (operation.error == ENOTSUP || operation.error == EOPNOTSUPP)
    return BANYAN_UNSUPPORTED;

  g_propagate_error (error, g_steal_pointer (&failed));
  return BANYAN_FAILED;
}

/* -- Block status. -- */

static guint
flags_of_extent (const NbdClient *client, guint32 extent_flags)
{
  guint flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED;

  /* Depths above 1 are all the same here. */
  if (strcmp (client->target.context, "qemu:allocation-depth") == 0)
    extent_flags = MIN (extent_flags, 2);
  flags |= extent_flags & LIBNBD_STATE_HOLE ? 0 : BANYAN_BLOCK_DATA;
  flags |= extent_flags & LIBNBD_STATE_ZERO ? BANYAN_BLOCK_ZERO : 0;
  return flags;
}

BanyanAnswer
nbd_request_block_status (NbdClient *client, guint64 offset, guint64 length,
                          BanyanBlockStatus *status, GError **error)
{
  guint64 most = G_MAXUINT32 - G_MAXUINT32 % client->info.minimum;
  Operation operation = { .client = client,
                          .kind = COMMAND_STATUS,
                          .offset = offset,
                          .length = MIN (length, most),
                          .flags = LIBNBD_CMD_FLAG_REQ_ONE };

  status->leaf = client->node;
  status->leaf_offset = offset;
  status->length = length;
  status->flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED | BANYAN_BLOCK_DATA;
  if (!(client->info.abilities & NBD_CAN_BLOCK_STATUS))
    return BANYAN_DONE;

  if (!run (&operation, error))
    return BANYAN_FAILED;
  /* Nothing is as good an answer as that it cannot tell. */
  if (!operation.has_extent || operation.extent_length == 0)
    return BANYAN_DONE;
  status->length = MIN (operation.extent_length, operation.length);
  status->flags = flags_of_extent (client, operation.extent_flags);
  return BANYAN_DONE;
}
