/* nbd-server.c - a frontend that serves nodes to NBD clients
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One coroutine for each socket accepts on the frontend's loop; connections are dealt out to the
 * iothreads in turn. The tables of exports and connections are used on all of them, and protected
 * by a mutex that nobody holds for more than moments; requests never need it. */

#include "nbd-connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* After this a client that does not take its last answers is cut off. */
#define FAREWELL_MS 2000
#define ACCEPT_RETRY_MS 100

typedef struct
{
  NbdServer *server;
  int fd;
  BanyanCoroutine *coroutine;
} Acceptor;

struct _NbdServer
{
  BanyanFrontend parent_instance;

  BanyanSocketAddress *listen;  /* (owned) (nullable) */
  BanyanMap *exports;           /* (owned) */
  BanyanList *iothreads;        /* (owned) */
  guint max_connections;        /* live */
  guint64 handshake_timeout_ms; /* live */

  GArray *fds; /* (owned) (element-type int): while open */

  GMutex mutex;
  GPtrArray *offered;   /* (owned) (element-type NbdExport) */
  GPtrArray *acceptors; /* (owned) (element-type Acceptor): those at work */
  NbdConnection *first;
  guint n_connections; /* also read without the mutex, atomically */
  guint next_loop;
  gboolean is_closing;
  BanyanCoroutine *closer; /* (nullable): waits for connections or acceptors to end */
};

enum
{
  PROP_0,
  PROP_LISTEN,
  PROP_EXPORTS,
  PROP_IOTHREADS,
  PROP_MAX_CONNECTIONS,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_CONNECTIONS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (NbdServer, nbd_server, BANYAN_TYPE_FRONTEND)

/* -- Exports. -- */

void
nbd_server_add_export (NbdServer *self, NbdExport *export)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_ptr_array_add (self->offered, g_object_ref (export));
}

/* Two of a name: clients reach one of them only. (nullable) */
static char *
describe_clash (NbdExport *one, NbdExport *other)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (other));

  if (strcmp (nbd_export_get_name (one), nbd_export_get_name (other)) == 0)
    return g_strdup_printf ("clients know %s as \"%s\" already; give one of them another name", id,
                            nbd_export_get_name (other));
  if (nbd_export_is_default (one) && nbd_export_is_default (other))
    return g_strdup_printf ("%s is the default already; there is one only", id);
  return NULL;
}

gboolean
nbd_server_check_export (NbdServer *self, NbdExport *export, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (guint i = 0; i < self->offered->len; i++)
    {
      g_autofree char *clash = describe_clash (export, self->offered->pdata[i]);

      if (clash == NULL)
        continue;
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE, "%s: %s",
                   banyan_object_get_id (BANYAN_OBJECT (export)), clash);
      return FALSE;
    }
  return TRUE;
}

static const char *
take_name (GHashTable *names, NbdExport *export)
{
  NbdExport *other = g_hash_table_lookup (names, nbd_export_get_name (export));

  if (other == NULL)
    g_hash_table_insert (names, (gpointer) nbd_export_get_name (export), export);
  return other != NULL ? banyan_object_get_id (BANYAN_OBJECT (other)) : NULL;
}

/* Among those that are declared together. */
static void
nbd_server_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  BanyanMap *exports = g_value_get_boxed (banyan_proposal_get (proposal, "exports"));
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  const char *first_default = NULL;

  for (guint i = 0; i < banyan_map_get_length (exports); i++)
    {
      NbdExport *export = g_value_get_object (banyan_map_get_value (exports, i));
      const char *id = banyan_object_get_id (BANYAN_OBJECT (export));
      const char *other = take_name (names, export);

      if (other != NULL)
        banyan_proposal_problem (proposal, problems, "exports",
                                 "clients know both %s and %s as \"%s\"; give one of them another "
                                 "name",
                                 other, id, nbd_export_get_name (export));
      if (!nbd_export_is_default (export))
        continue;
      if (first_default != NULL)
        banyan_proposal_problem (proposal, problems, "exports",
                                 "both %s and %s are the default; there is one only", first_default,
                                 id);
      first_default = id;
    }
}

GPtrArray *
nbd_server_list_exports (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->offered->len; i++)
    g_ptr_array_add (list, g_object_ref (self->offered->pdata[i]));
  return list;
}

static gboolean
is_meant (NbdServer *self, NbdExport *export, const char *name)
{
  if (strcmp (nbd_export_get_name (export), name) == 0)
    return TRUE;

  return name[0] == '\0' && (self->offered->len == 1 || nbd_export_is_default (export));
}

/* Under the mutex. */
static NbdExport *
find_offered (NbdServer *self, const char *name)
{
  for (guint i = 0; i < self->offered->len; i++)
    if (is_meant (self, self->offered->pdata[i], name))
      return self->offered->pdata[i];
  return NULL;
}

NbdExport *
nbd_server_find_export (NbdServer *self, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  NbdExport *export = find_offered (self, name);

  return export != NULL ? g_object_ref (export) : NULL;
}

/* In one step with the search: who takes an export out of the table finds all its users. */
gboolean
nbd_server_take_export (NbdServer *self, NbdConnection *connection, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return g_set_object (&connection->export, find_offered (self, name));
}

void
nbd_server_release_export (NbdServer *self, NbdConnection *connection)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_clear_object (&connection->export);
  if (self->closer != NULL)
    banyan_coroutine_wake (self->closer);
}

guint64
nbd_server_get_handshake_timeout_ms (NbdServer *self)
{
  return BANYAN_LIVE (self->handshake_timeout_ms);
}

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

/* Who waits, for room or for the end, looks again. Under the mutex. */
static void
wake_waiters (NbdServer *self)
{
  if (self->closer != NULL)
    banyan_coroutine_wake (self->closer);
  for (guint i = 0; i < self->acceptors->len; i++)
    banyan_coroutine_wake (((Acceptor *) self->acceptors->pdata[i])->coroutine);
}

/* The descriptor is closed under the mutex, so that whoever finds the connection in the list can
 * shut it down. */
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

  close (connection->fd);
  BANYAN_LIVE_SET (self->n_connections, self->n_connections - 1);
  wake_waiters (self);
}

static void
connection_free (NbdConnection *self)
{
  NbdServer *server = self->server;

  if (self->channel != NULL)
    banyan_channel_close (self->channel);
  if (self->in != NULL)
    nbd_buffer_pool_give_back (&self->pool, self->in);
  while (self->out_first != NULL)
    {
      NbdChunk *chunk = self->out_first;

      self->out_first = chunk->next;
      if (chunk->buffer != NULL)
        nbd_buffer_pool_give_back (&self->pool, chunk->buffer);
      g_free (chunk);
    }
  while (self->free_chunks != NULL)
    {
      NbdChunk *chunk = self->free_chunks;

      self->free_chunks = chunk->next;
      g_free (chunk);
    }
  nbd_buffer_pool_clear (&self->pool);

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

  self->coroutine = banyan_coroutine_self ();
  if (banyan_co_sleep_ms (nbd_server_get_handshake_timeout_ms (self->connection->server), NULL))
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

  if (nbd_server_get_handshake_timeout_ms (connection->server) == 0)
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

static void
run_connection (gpointer data)
{
  NbdConnection *self = data;

  self->out_last = &self->out_first;
  if (negotiate_in_time (self))
    nbd_connection_transmit (self);
  else
    nbd_output_flush (self);
  connection_free (self);
}

/* -- Accepting. -- */

static BanyanLoop *
choose_loop (NbdServer *self)
{
  guint n = banyan_list_get_length (self->iothreads);

  if (n == 0)
    return banyan_frontend_get_loop (BANYAN_FRONTEND (self));
  return banyan_iothread_get_loop (
      BANYAN_IOTHREAD (banyan_list_get_object (self->iothreads, self->next_loop++ % n)));
}

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

  g_mutex_lock (&self->mutex);
  connection->loop = choose_loop (self);
  enlist (self, connection);
  if (self->is_closing)
    shutdown (fd, SHUT_RDWR);
  g_mutex_unlock (&self->mutex);

  banyan_coroutine_start_on (connection->loop, run_connection, connection);
}

/* FALSE: the server closes. */
static gboolean BANYAN_COROUTINE
wait_for_room (NbdServer *self)
{
  gboolean is_closing;

  g_mutex_lock (&self->mutex);
  while (!self->is_closing && self->n_connections >= BANYAN_LIVE (self->max_connections))
    {
      g_mutex_unlock (&self->mutex);
      banyan_co_suspend ();
      g_mutex_lock (&self->mutex);
    }
  is_closing = self->is_closing;
  g_mutex_unlock (&self->mutex);
  return !is_closing;
}

static void
run_acceptor (gpointer data)
{
  Acceptor *acceptor = data;
  NbdServer *self = acceptor->server;

  g_mutex_lock (&self->mutex);
  acceptor->coroutine = banyan_coroutine_self ();
  g_mutex_unlock (&self->mutex);

  while (wait_for_room (self))
    {
      int fd = banyan_co_accept (acceptor->fd);

      if (fd >= 0)
        take_connection (self, fd);
      else if (fd == -ECANCELED)
        break;
      else
        {
          /* Out of descriptors or memory: others may give some back. */
          g_warning ("%s: accepting a client: %s", banyan_object_get_id (BANYAN_OBJECT (self)),
                     g_strerror (-fd));
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

static void
nbd_server_start (BanyanElement *element)
{
  NbdServer *self = NBD_SERVER (element);

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

/* -- Ending connections: those to @export, or all. -- */

static guint
shut_connections (NbdServer *self, NbdExport *export, int how)
{
  guint n = 0;

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    if (export == NULL || each->export == export)
      {
        shutdown (each->fd, how);
        n++;
      }
  return n;
}

typedef struct
{
  NbdServer *server;
  NbdExport *export;
  BanyanCoroutine *coroutine;
  BanyanCoroutine *waiter;
  gboolean is_over;
} Farewell;

static void
run_farewell (gpointer data)
{
  Farewell *self = data;

  self->coroutine = banyan_coroutine_self ();
  if (banyan_co_sleep_ms (FAREWELL_MS, NULL))
    {
      g_mutex_lock (&self->server->mutex);
      shut_connections (self->server, self->export, SHUT_RDWR);
      g_mutex_unlock (&self->server->mutex);
    }

  self->is_over = TRUE;
  banyan_coroutine_wake (self->waiter);
}

/* What is in flight ends, and its answers go out, to those who take them in time. */
static void BANYAN_COROUTINE
end_connections (NbdServer *self, NbdExport *export)
{
  Farewell farewell = { self, export, NULL, banyan_coroutine_self (), FALSE };

  banyan_coroutine_start (run_farewell, &farewell);
  g_mutex_lock (&self->mutex);
  self->closer = banyan_coroutine_self ();
  while (shut_connections (self, export, SHUT_RD) > 0)
    {
      g_mutex_unlock (&self->mutex);
      banyan_co_suspend ();
      g_mutex_lock (&self->mutex);
    }
  self->closer = NULL;
  g_mutex_unlock (&self->mutex);

  if (!farewell.is_over)
    banyan_coroutine_cancel (farewell.coroutine);
  while (!farewell.is_over)
    banyan_co_suspend ();
}

void BANYAN_COROUTINE
nbd_server_remove_export (NbdServer *self, NbdExport *export)
{
  g_mutex_lock (&self->mutex);
  g_ptr_array_remove (self->offered, export);
  g_mutex_unlock (&self->mutex);

  end_connections (self, export);
}

static void BANYAN_COROUTINE
end_acceptors (NbdServer *self)
{
  g_mutex_lock (&self->mutex);
  self->is_closing = TRUE;
  self->closer = banyan_coroutine_self ();
  for (guint i = 0; i < self->acceptors->len; i++)
    {
      Acceptor *acceptor = self->acceptors->pdata[i];

      if (acceptor->coroutine != NULL)
        banyan_coroutine_cancel (acceptor->coroutine);
    }
  wake_waiters (self);
  while (self->acceptors->len > 0)
    {
      g_mutex_unlock (&self->mutex);
      banyan_co_suspend ();
      g_mutex_lock (&self->mutex);
    }
  self->closer = NULL;
  g_mutex_unlock (&self->mutex);
}

/* -- Opening and closing. -- */

typedef struct
{
  NbdServer *server;
  GError *error;
} ListenJob;

static gssize
run_listen (gpointer data)
{
  ListenJob *job = data;

  return banyan_socket_address_listen (job->server->listen, job->server->fds, &job->error);
}

/* Without an address: the sockets that systemd gave us. */
static gboolean
listen_activated (NbdServer *self, GError **error)
{
  guint n = banyan_socket_activation_get_n_fds ();

  if (n == 0)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_MISSING,
                   "%s: listen is missing, and there is no socket from systemd (LISTEN_FDS)",
                   banyan_object_get_id (BANYAN_OBJECT (self)));
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      int fd = dup (3 + i);

      g_array_append_val (self->fds, fd);
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
nbd_server_open (BanyanElement *element, GError **error)
{
  NbdServer *self = NBD_SERVER (element);
  ListenJob job = { self, NULL };

  self->fds = g_array_new (FALSE, FALSE, sizeof (int));
  if (self->listen == NULL ? listen_activated (self, error)
                           : banyan_co_offload (run_listen, &job) != 0)
    return TRUE;

  if (job.error != NULL)
    {
      g_propagate_error (error, job.error);
      g_prefix_error (error, "%s: ", banyan_object_get_id (BANYAN_OBJECT (self)));
    }
  g_clear_pointer (&self->fds, g_array_unref);
  return FALSE;
}

static void BANYAN_COROUTINE
nbd_server_close (BanyanElement *element)
{
  NbdServer *self = NBD_SERVER (element);

  end_acceptors (self);
  end_connections (self, NULL);
  for (guint i = 0; i < self->fds->len; i++)
    close (g_array_index (self->fds, int, i));
  g_clear_pointer (&self->fds, g_array_unref);
  if (self->listen != NULL)
    banyan_socket_address_forget (self->listen);
}

/* -- The class. -- */

static void
nbd_server_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  NbdServer *self = NBD_SERVER (object);

  if (id == PROP_CONNECTIONS)
    g_value_set_uint (value, BANYAN_LIVE (self->n_connections));
  else
    banyan_element_get_field (object, id, value, pspec);
}

static void
nbd_server_finalize (GObject *object)
{
  NbdServer *self = NBD_SERVER (object);

  g_ptr_array_unref (self->offered);
  g_ptr_array_unref (self->acceptors);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (nbd_server_parent_class)->finalize (object);
}

static void
nbd_server_class_init (NbdServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  object_class->set_property = banyan_element_set_field;
  object_class->get_property = nbd_server_get_property;
  object_class->finalize = nbd_server_finalize;
  BANYAN_OBJECT_CLASS (klass)->check = nbd_server_check;
  element_class->open = nbd_server_open;
  element_class->start = nbd_server_start;
  element_class->close = nbd_server_close;

  /* Maps name it before anybody has made one. */
  g_type_ensure (NBD_TYPE_EXPORT);

  properties[PROP_LISTEN] = banyan_param_struct (
      "listen", "Listen", "Address to accept clients at; without one, systemd's sockets",
      BANYAN_TYPE_SOCKET_ADDRESS, G_STRUCT_OFFSET (NbdServer, listen));
  properties[PROP_EXPORTS]
      = banyan_param_members ("exports", "Exports", "What clients can ask for, by id", "NbdExport",
                              G_STRUCT_OFFSET (NbdServer, exports));
  properties[PROP_IOTHREADS] = banyan_param_list (
      "iothreads", "I/O threads",
      "Threads that connections are dealt out to in turn; without any, the frontend's",
      banyan_param_link ("member", "Thread", "One thread of the list", "BanyanIOThread",
                         BANYAN_NO_FIELD),
      G_STRUCT_OFFSET (NbdServer, iothreads));
  properties[PROP_MAX_CONNECTIONS] = banyan_param_uint (
      "max-connections", "Most connections", "Clients beyond this wait to be accepted",
      BANYAN_UNIT_NONE, 1, G_MAXUINT, 100, G_STRUCT_OFFSET (NbdServer, max_connections));
  properties[PROP_HANDSHAKE_TIMEOUT]
      = banyan_param_uint64 ("handshake-timeout", "Handshake time-out",
                             "Time that a client has to choose an export; 0: any", BANYAN_UNIT_MS,
                             0, 3600000, 10000, G_STRUCT_OFFSET (NbdServer, handshake_timeout_ms));
  properties[PROP_CONNECTIONS] = banyan_param_state (
      banyan_param_uint ("connections", "Connections", "Clients that are connected now",
                         BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
nbd_server_init (NbdServer *self)
{
  self->max_connections = 100;
  self->handshake_timeout_ms = 10000;
  self->offered = g_ptr_array_new_with_free_func (g_object_unref);
  self->acceptors = g_ptr_array_new ();
  g_mutex_init (&self->mutex);
}

BANYAN_PLUGIN_DEFINE (nbd_server, .kind = BANYAN_PLUGIN_FRONTEND,
                      .register_type = nbd_server_register_type,
                      .summary = "Serve nodes to NBD clients")
