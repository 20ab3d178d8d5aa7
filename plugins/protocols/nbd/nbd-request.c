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

/* A server that hangs up on the same command time and again will do so for ever: so many times
 * with no answer to anybody in between, or so many times in all. */
#define MAX_LOSSES_IN_A_ROW 5
#define MAX_LOSSES 50

/* On the stack of who asks. */
typedef struct
{
  NbdClient *client;
  guint16 type;
  guint16 flags;
  guint64 offset;
  guint64 length;
  const BanyanRequest *data; /* (nullable) */

  guint64 extent_length; /* the first extent's */
  guint64 extent_flags;
  gboolean covers_writes; /* a flush for writes that were answered */
  int error;              /* the server's, when it answered */
  char *message;          /* (owned) (nullable): its words about that */

  guint n_losses;
  guint n_losses_in_a_row;
  guint64 n_answers; /* that there had been when it was last lost */
} Operation;

/* -- One command. -- */

static gboolean
leaves_writes (const Operation *self)
{
  return (self->type == NBD_CMD_WRITE || self->type == NBD_CMD_WRITE_ZEROES
          || self->type == NBD_CMD_TRIM)
         && !(self->flags & NBD_CMD_FLAG_FUA);
}

/* Lengths are for the form that was negotiated. */
static guint64
length_for (const Operation *self, const NbdLink *link)
{
  if (self->type != NBD_CMD_BLOCK_STATUS || (link->info.abilities & NBD_CAN_EXTENDED_HEADERS))
    return self->length;
  return MIN (self->length, G_MAXUINT32 - G_MAXUINT32 % link->info.minimum);
}

static NbdCommand
new_command (Operation *self, const NbdLink *link)
{
  NbdCommand command = { .type = self->type,
                         .flags = self->flags,
                         .offset = self->offset,
                         .length = length_for (self, link),
                         .data = self->data };

  if (leaves_writes (self))
    command.dirties = &self->client->dirty[banyan_loop_get_index (link->loop)];
  if (self->type == NBD_CMD_FLUSH)
    self->covers_writes |= nbd_client_take_dirty (self->client);
  return command;
}

/* FALSE: the link ended first. A server that says that it is about to end is as good as gone. */
static gboolean BANYAN_COROUTINE
call (Operation *self, NbdLink *link)
{
  NbdCommand command = new_command (self, link);
  gboolean can_be_whole = (link->info.abilities & NBD_CAN_UNFRAGMENTED) != 0;

  g_clear_pointer (&self->message, g_free);
  nbd_link_call (link, &command);
  self->error = command.error;
  self->message = command.message;
  if (command.error == ENOTCONN || command.error == ESHUTDOWN)
    return FALSE;

  self->extent_length = MIN (command.extent_length, command.length);
  self->extent_flags = command.extent_flags;
  if (command.error != 0 || !command.is_scattered)
    return TRUE;

  /* Here the link may have gone, but not what it could. */
  self->error = can_be_whole && !(self->flags & NBD_CMD_FLAG_DF) ? EAGAIN : EPROTO;
  self->flags |= NBD_CMD_FLAG_DF;
  return TRUE;
}

/* -- On which connection. -- */

static const char *
doing (guint16 type)
{
  static const char *const names[] = {
    [NBD_CMD_READ] = "reading",    [NBD_CMD_WRITE] = "writing",
    [NBD_CMD_FLUSH] = "flushing",  [NBD_CMD_TRIM] = "trimming",
    [NBD_CMD_CACHE] = "caching",   [NBD_CMD_WRITE_ZEROES] = "zeroing",
    [NBD_CMD_RESIZE] = "resizing", [NBD_CMD_BLOCK_STATUS] = "asking about",
  };

  return names[type];
}

static gboolean
throw_range (const Operation *self, const char *what, GError **error)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self->client->node));
  const char *says = self->message != NULL ? ", of which the server says: " : "";
  const char *words = self->message != NULL ? self->message : "";

  if (self->type == NBD_CMD_FLUSH)
    return banyan_throw_errno (error, self->error, "%s: %sflushing%s%s", id, what, says, words);
  if (self->type == NBD_CMD_RESIZE)
    return banyan_throw_errno (error, self->error, "%s: %sresizing to %" G_GUINT64_FORMAT "%s%s",
                               id, what, self->offset, says, words);
  return banyan_throw_errno (error, self->error,
                             "%s: %s%s %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT "%s%s",
                             id, what, doing (self->type), self->length, self->offset, says, words);
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

/* Whoever is unlucky is not at fault: what the server answered to others meanwhile tells. */
static gboolean
may_send_again (Operation *self)
{
  guint64 n_answers = nbd_client_count_answers (self->client);

  if (self->n_answers != n_answers)
    self->n_losses_in_a_row = 0;
  self->n_answers = n_answers;
  self->n_losses++;
  self->n_losses_in_a_row++;

  return self->n_losses < MAX_LOSSES && self->n_losses_in_a_row < MAX_LOSSES_IN_A_ROW
         && self->client->can_reconnect && BANYAN_LIVE (self->client->reconnect_delay_s) > 0;
}

static gboolean
throw_loss (Operation *self, GError **error)
{
  if (self->error != ESHUTDOWN)
    self->error = EIO;
  return throw_range (self, self->error == EIO ? "the connection was lost: " : "", error);
}

static gboolean BANYAN_COROUTINE
run_on_connection (Operation *self, NbdConnection *connection, GError **error)
{
  gboolean is_flush = self->type == NBD_CMD_FLUSH;

  for (;;)
    {
      if (!nbd_connection_wait (connection, error) || (is_flush && !may_flush (self, error)))
        return FALSE;
      if (!call (self, connection->link))
        {
          if (may_send_again (self))
            continue;
          return (!is_flush || may_flush (self, error)) && throw_loss (self, error);
        }
      if (self->error == 0)
        return TRUE;
      if (self->error == EPROTO)
        return throw_range (self, "in more pieces than can be told apart: ", error);
      if (self->error != EAGAIN)
        return throw_range (self, "", error);
    }
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
  gboolean done = own != NULL && nbd_connection_has_link (own)
                      ? run_on_connection (self, own, error)
                      : banyan_co_run_on (self->client->home->loop, run_at_home, self, error);

  g_clear_pointer (&self->message, g_free);
  return done;
}

/* -- Data. -- */

static Operation
operation_for (NbdClient *client, guint16 type, const BanyanRequest *request)
{
  return (Operation){ .client = client,
                      .type = type,
                      .offset = request->offset,
                      .length = request->length,
                      .data = request,
                      .flags = request->flags & BANYAN_REQUEST_FUA ? NBD_CMD_FLAG_FUA : 0 };
}

gboolean
nbd_request_read (NbdClient *client, const BanyanRequest *request, GError **error)
{
  gboolean is_prefetch = (request->flags & BANYAN_REQUEST_PREFETCH) && request->iov == NULL;
  Operation operation = operation_for (client, is_prefetch ? NBD_CMD_CACHE : NBD_CMD_READ, request);

  operation.flags = 0;
  return run (&operation, error);
}

gboolean
nbd_request_write (NbdClient *client, const BanyanRequest *request, GError **error)
{
  Operation operation = operation_for (client, NBD_CMD_WRITE, request);

  return run (&operation, error);
}

static gboolean BANYAN_COROUTINE
send_flush (NbdClient *client, GError **error)
{
  Operation operation = { .client = client, .type = NBD_CMD_FLUSH };

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
  Operation operation = operation_for (client, NBD_CMD_TRIM, request);

  if (!(client->info.abilities & NBD_CAN_TRIM))
    return BANYAN_UNSUPPORTED;
  return run (&operation, error) ? BANYAN_DONE : BANYAN_FAILED;
}

BanyanAnswer
nbd_request_write_zeroes (NbdClient *client, const BanyanRequest *request, GError **error)
{
  gboolean is_fast = (request->flags & BANYAN_REQUEST_NO_FALLBACK) != 0;
  Operation operation = operation_for (client, NBD_CMD_WRITE_ZEROES, request);
  g_autoptr (GError) failed = NULL;

  if (!(client->info.abilities & NBD_CAN_ZERO)
      || (is_fast && !(client->info.abilities & NBD_CAN_FAST_ZERO)))
    return BANYAN_UNSUPPORTED;

  operation.flags |= is_fast ? NBD_CMD_FLAG_FAST_ZERO : 0;
  operation.flags |= request->flags & BANYAN_REQUEST_MAY_UNMAP ? 0 : NBD_CMD_FLAG_NO_HOLE;
  if (run (&operation, &failed))
    return BANYAN_DONE;
  if (operation.error == ENOTSUP || operation.error == EOPNOTSUPP)
    return BANYAN_UNSUPPORTED;

  g_propagate_error (error, g_steal_pointer (&failed));
  return BANYAN_FAILED;
}

/* -- Block status. -- */

static guint
flags_of_extent (const NbdClient *client, guint64 extent_flags)
{
  guint flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED;

  /* Depths above 1 are all the same here. */
  if (strcmp (client->target.context, "qemu:allocation-depth") == 0)
    extent_flags = MIN (extent_flags, 2);
  flags |= extent_flags & NBD_STATE_HOLE ? 0 : BANYAN_BLOCK_DATA;
  flags |= extent_flags & NBD_STATE_ZERO ? BANYAN_BLOCK_ZERO : 0;
  return flags;
}

BanyanAnswer
nbd_request_block_status (NbdClient *client, guint64 offset, guint64 length,
                          BanyanBlockStatus *status, GError **error)
{
  Operation operation = { .client = client,
                          .type = NBD_CMD_BLOCK_STATUS,
                          .offset = offset,
                          .length = length,
                          .flags = NBD_CMD_FLAG_REQ_ONE };

  status->leaf = client->node;
  status->leaf_offset = offset;
  status->length = length;
  status->flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED | BANYAN_BLOCK_DATA;
  if (!(client->info.abilities & NBD_CAN_BLOCK_STATUS))
    return BANYAN_DONE;

  if (!run (&operation, error))
    return BANYAN_FAILED;
  status->length = operation.extent_length;
  status->flags = flags_of_extent (client, operation.extent_flags);
  return BANYAN_DONE;
}

/* -- Length. -- */

/* Extension RESIZE: the offset is the new length. To make it shorter is refused by all, since
 * others may use the end; and a server that comes back shorter is no server of ours. */
BanyanAnswer
nbd_request_resize (NbdClient *client, const BanyanResize *resize, GError **error)
{
  guint64 length = banyan_node_get_length (client->node);
  Operation operation = { .client = client, .type = NBD_CMD_RESIZE, .offset = resize->length };

  if (resize->length == length || (resize->length < length && !resize->exact))
    return BANYAN_DONE;
  if (!(client->info.abilities & NBD_CAN_RESIZE) || resize->length < length
      || resize->preallocation != BANYAN_PREALLOCATION_OFF)
    return BANYAN_UNSUPPORTED;
  if (resize->length % client->info.minimum != 0)
    {
      banyan_throw_errno (
          error, EINVAL, "%s: resizing to %" G_GUINT64_FORMAT " bytes: the server's blocks have %u",
          banyan_object_get_id (BANYAN_OBJECT (client->node)), resize->length,
          client->info.minimum);
      return BANYAN_FAILED;
    }

  if (!run (&operation, error))
    return BANYAN_FAILED;
  nbd_client_note_length (client, resize->length);
  return BANYAN_DONE;
}
