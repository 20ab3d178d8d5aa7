/* nbd-accept.c - clients: how they come in
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One coroutine for each socket accepts on the frontend's loop; connections are dealt out to the
 * iothreads in turn. */

#include "nbd-server-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_RETRY_MS 100

/* The share of all stacks that clients may use, with what they have in flight. Each may then begin
 * one request more: that leaves some for the rest of the process. */
#define MAX_PERCENT 50

/* -- Connections. -- */

static void
enlist (NbdServer *self, NbdConnection *connection)
{
  connection->next = self->first;
  if (self->first != NULL)
    self->first->previous = connection;
  self->first = connection;
  BANYAN_LIVE_SET (self->n_connections, self->n_connections + 1);
}

void
nbd_server_wake_waiters (NbdServer *self)
{
  if (self->closer != NULL)
    banyan_coroutine_wake (self->closer);
  for (guint i = 0; i < self->acceptors->len; i++)
    {
      Acceptor *acceptor = self->acceptors->pdata[i];

      if (acceptor->coroutine != NULL)
        banyan_coroutine_wake (acceptor->coroutine);
    }
}

/* The descriptor is closed under the mutex, so that whoever finds the connection in the list can
 * shut it down. */
static void
leave_place (NbdServer *self, NbdConnection *connection)
{
  if (connection->fd < 0)
    return;
  close (connection->fd);
  connection->fd = -1;
  connection->stays = FALSE;
  BANYAN_LIVE_SET (self->n_connections, self->n_connections - 1);
}

void
nbd_server_give_up_place (NbdServer *self, NbdConnection *connection)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  leave_place (self, connection);
  nbd_server_wake_waiters (self);
}

static void
delist (NbdServer *self, NbdConnection *connection)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  if (connection->previous != NULL)
    connection->previous->next = connection->next;
  else
    self->first = connection->next;
  if (connection->next != NULL)
    connection->next->previous = connection->previous;

  leave_place (self, connection);
  nbd_server_wake_waiters (self);
}

static void
connection_free (NbdConnection *self)
{
  NbdServer *server = self->server;

  if (self->channel != NULL)
    banyan_channel_close (self->channel);
  if (self->in != NULL)
    banyan_buffer_unref (self->in);
  while (self->out_first != NULL)
    {
      NbdChunk *chunk = self->out_first;

      self->out_first = chunk->next;
      if (chunk->buffer != NULL)
        banyan_buffer_unref (chunk->buffer);
      g_free (chunk);
    }
  while (self->free_chunks != NULL)
    {
      NbdChunk *chunk = self->free_chunks;

      self->free_chunks = chunk->next;
      g_free (chunk);
    }
  banyan_co_mutex_clear (&self->turn);

  delist (server, self);
  g_clear_object (&self->export);
  g_clear_object (&self->contexts_of);
  g_free (self);
  g_object_unref (server);
}

/* Cuts a client off that does not come to the point. */
typedef struct
{
  NbdConnection *connection;
  BanyanCoroutine *coroutine;
  BanyanCoroutine *waiter;
  gboolean is_over;
} Watchdog;

static void
run_watchdog (gpointer data)
{
  Watchdog *self = data;

  guint64 seconds = BANYAN_LIVE (self->connection->server->handshake_max_seconds);

  self->coroutine = banyan_coroutine_self ();
  if (banyan_co_sleep_ms (seconds * 1000, NULL))
    shutdown (self->connection->fd, SHUT_RDWR);

  self->is_over = TRUE;
  if (self->waiter != NULL)
    banyan_coroutine_wake (self->waiter);
}

static gboolean BANYAN_COROUTINE
negotiate_in_time (NbdConnection *connection)
{
  Watchdog watchdog = { .connection = connection };
  gboolean chosen;

  if (BANYAN_LIVE (connection->server->handshake_max_seconds) == 0)
    return nbd_connection_negotiate (connection);

  banyan_coroutine_start (run_watchdog, &watchdog);
  chosen = nbd_connection_negotiate (connection);
  watchdog.waiter = banyan_coroutine_self ();
  if (!watchdog.is_over)
    banyan_coroutine_cancel (watchdog.coroutine);
  while (!watchdog.is_over)
    banyan_co_suspend ();
  return chosen;
}

static BanyanLoop *
choose_loop (NbdServer *self)
{
  if (self->loops->len == 0)
    return banyan_frontend_get_loop (BANYAN_FRONTEND (self));
  return self->loops->pdata[self->next_loop++ % self->loops->len];
}

static void run_elsewhere (gpointer data);

/* Nothing is on its way, and no coroutine but this one knows of the connection. */
static void
go_elsewhere (NbdConnection *self)
{
  NbdServer *server = self->server;
  BanyanLoop *loop;

  g_clear_pointer (&self->channel, banyan_channel_close);
  g_mutex_lock (&server->mutex);
  self->has_left = FALSE;
  BANYAN_LIVE_SET (self->is_leaving, FALSE);
  self->loop = loop = choose_loop (server);
  nbd_server_wake_waiters (server);
  g_mutex_unlock (&server->mutex);

  banyan_coroutine_start_on (loop, run_elsewhere, self);
}

static void BANYAN_COROUTINE
serve (NbdConnection *self)
{
  nbd_connection_transmit (self);
  if (self->has_left)
    go_elsewhere (self);
  else
    connection_free (self);
}

static void
run_elsewhere (gpointer data)
{
  NbdConnection *self = data;

  self->channel
      = banyan_backend_open_channel (banyan_export_get_backend (BANYAN_EXPORT (self->export)));
  if (self->channel != NULL)
    serve (self);
  else
    connection_free (self);
}

static void
run_connection (gpointer data)
{
  NbdConnection *self = data;

  self->out_last = &self->out_first;
  if (negotiate_in_time (self))
    {
      serve (self);
      return;
    }

  nbd_output_flush (self);
  connection_free (self);
}

/* -- Accepting. -- */

static void
take_connection (NbdServer *self, int fd)
{
  NbdConnection *connection = g_new0 (NbdConnection, 1);
  int yes = 1;

  /* Fails for sockets that have no such thing. */
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);

  connection->server = g_object_ref (self);
  connection->fd = fd;
  connection->out_last = &connection->out_first;
  banyan_co_mutex_init (&connection->turn);

  g_mutex_lock (&self->mutex);
  connection->loop = choose_loop (self);
  enlist (self, connection);
  if (self->is_closing)
    shutdown (fd, SHUT_RDWR);
  g_mutex_unlock (&self->mutex);

  banyan_coroutine_start_on (connection->loop, run_connection, connection);
}

static gboolean
is_full (NbdServer *self)
{
  guint max = BANYAN_LIVE (self->max_connections);

  return max != 0 && self->n_connections >= max;
}

/* FALSE: the server closes. Who was accepted while it moves is let in, room or not. */
static gboolean BANYAN_COROUTINE
wait_for_room (NbdServer *self)
{
  gboolean is_closing;

  g_mutex_lock (&self->mutex);
  while (!self->is_closing && !self->is_moving)
    {
      gboolean full = is_full (self);

      if (!full && banyan_coroutine_may_use (MAX_PERCENT))
        break;
      g_mutex_unlock (&self->mutex);
      /* Nobody tells when there are stacks again. */
      if (full)
        banyan_co_suspend ();
      else
        banyan_co_sleep_ms (ACCEPT_RETRY_MS, NULL);
      g_mutex_lock (&self->mutex);
    }
  is_closing = self->is_closing;
  g_mutex_unlock (&self->mutex);
  return !is_closing;
}

static gboolean
is_moving (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return self->is_moving;
}

static void
run_acceptor (gpointer data)
{
  Acceptor *acceptor = data;
  NbdServer *self = acceptor->server;
  gboolean has_warned = FALSE;

  g_mutex_lock (&self->mutex);
  acceptor->coroutine = banyan_coroutine_self ();
  g_mutex_unlock (&self->mutex);

  while (wait_for_room (self) && !is_moving (self))
    {
      int fd = banyan_co_accept (acceptor->fd);

      /* Another socket's may have taken the last place meanwhile. */
      if (fd >= 0)
        has_warned = FALSE;
      if (fd >= 0 && wait_for_room (self))
        take_connection (self, fd);
      else if (fd >= 0)
        close (fd);
      else if (fd == -ECANCELED)
        break;
      else
        {
          /* Out of descriptors or memory: others may give some back. Told once, as it may last. */
          if (!has_warned)
            g_warning ("%s: accepting a client: %s", banyan_object_get_id (BANYAN_OBJECT (self)),
                       g_strerror (-fd));
          has_warned = TRUE;
          if (!banyan_co_sleep_ms (ACCEPT_RETRY_MS, NULL))
            break;
        }
    }

  g_mutex_lock (&self->mutex);
  g_ptr_array_remove_fast (self->acceptors, acceptor);
  if (self->closer != NULL)
    banyan_coroutine_wake (self->closer);
  g_mutex_unlock (&self->mutex);
  g_free (acceptor);
}

void
nbd_server_start_acceptors (NbdServer *self)
{
  for (guint i = 0; i < self->fds->len; i++)
    {
      Acceptor *acceptor = g_new0 (Acceptor, 1);

      acceptor->server = self;
      acceptor->fd = g_array_index (self->fds, int, i);
      g_mutex_lock (&self->mutex);
      g_ptr_array_add (self->acceptors, acceptor);
      g_mutex_unlock (&self->mutex);
      banyan_coroutine_start_on (banyan_frontend_get_loop (BANYAN_FRONTEND (self)), run_acceptor,
                                 acceptor);
    }
}

/* -- Ending acceptors. -- */

/* Under the mutex. */
static void BANYAN_COROUTINE
wait_for_acceptors (NbdServer *self)
{
  self->closer = banyan_coroutine_self ();
  for (guint i = 0; i < self->acceptors->len; i++)
    {
      Acceptor *acceptor = self->acceptors->pdata[i];

      if (acceptor->coroutine != NULL)
        banyan_coroutine_cancel (acceptor->coroutine);
    }
  nbd_server_wake_waiters (self);
  while (self->acceptors->len > 0)
    {
      g_mutex_unlock (&self->mutex);
      banyan_co_suspend ();
      g_mutex_lock (&self->mutex);
    }
  self->closer = NULL;
}

void BANYAN_COROUTINE
nbd_server_pause_acceptors (NbdServer *self)
{
  g_mutex_lock (&self->mutex);
  self->is_moving = TRUE;
  wait_for_acceptors (self);
  self->is_moving = FALSE;
  g_mutex_unlock (&self->mutex);
}

void BANYAN_COROUTINE
nbd_server_end_acceptors (NbdServer *self)
{
  g_mutex_lock (&self->mutex);
  self->is_closing = TRUE;
  wait_for_acceptors (self);
  g_mutex_unlock (&self->mutex);
}
