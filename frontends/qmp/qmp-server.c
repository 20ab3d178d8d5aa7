/* qmp-server.c - a frontend that lets programs control the graph, in QEMU's monitor protocol
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * It listens where it says, but clients are served on the main loop, where the graph is changed:
 * opening and closing go there and back. */

#include "qmp-client.h"
#include "qmp-commands.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_RETRY_MS 100

#define QMP_TYPE_SERVER (qmp_server_get_type ())
G_DECLARE_FINAL_TYPE (QmpServer, qmp_server, QMP, SERVER, BanyanFrontend)

struct _QmpServer
{
  BanyanFrontend parent_instance;

  BanyanSocketAddress *listen; /* (owned) */
  guint max_clients;           /* live */

  GArray *fds; /* (owned) (element-type int): while open */

  /* Main thread. */
  GPtrArray *sources; /* (owned) (element-type GSource): one a socket, while there is room */
  GPtrArray *clients; /* (owned) (element-type QmpClient) */
  guint retry;        /* source that accepts again, or 0 */
  guint n_served;     /* each client has a name of its own */
  gboolean is_started;
};

enum
{
  PROP_0,
  PROP_LISTEN,
  PROP_MAX_CLIENTS,
  PROP_CLIENTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (QmpServer, qmp_server, BANYAN_TYPE_FRONTEND)

static void update_accepting (QmpServer *self);

/* -- Clients: main thread. -- */

static void
client_ended (QmpClient *client, gpointer data)
{
  QmpServer *self = data;

  g_ptr_array_remove_fast (self->clients, client);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CLIENTS]);
  update_accepting (self);
}

static void
take_client (QmpServer *self, int fd)
{
  BanyanObject *root = banyan_object_get_root (BANYAN_OBJECT (self));
  g_autofree char *name
      = g_strdup_printf ("%s.%u", banyan_object_get_id (BANYAN_OBJECT (self)), self->n_served++);
  QmpClient *client = qmp_client_new (BANYAN_GRAPH (root), name, fd, client_ended, self);

  if (client == NULL)
    return;

  g_ptr_array_add (self->clients, client);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CLIENTS]);
  update_accepting (self);
}

static gboolean
on_retry (gpointer data)
{
  QmpServer *self = data;

  self->retry = 0;
  update_accepting (self);
  return G_SOURCE_REMOVE;
}

/* Out of descriptors or memory: others may give some back. The client that waits would make the
 * socket readable all the time. */
static void
retry_later (QmpServer *self)
{
  self->retry = g_timeout_add (ACCEPT_RETRY_MS, on_retry, self);
  update_accepting (self);
}

static gboolean
on_connecting (int listener, GIOCondition condition, gpointer data)
{
  int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd >= 0)
    take_client (data, fd);
  else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    retry_later (data);
  return G_SOURCE_CONTINUE;
}

static void
destroy_source (gpointer data)
{
  g_source_destroy (data);
  g_source_unref (data);
}

static void
start_accepting (QmpServer *self)
{
  for (guint i = 0; i < self->fds->len; i++)
    {
      GSource *source = g_unix_fd_source_new (g_array_index (self->fds, int, i), G_IO_IN);

      g_source_set_callback (source, G_SOURCE_FUNC (on_connecting), self, NULL);
      g_source_attach (source, NULL);
      g_ptr_array_add (self->sources, source);
    }
}

static void
update_accepting (QmpServer *self)
{
  gboolean wanted = self->is_started && self->retry == 0 && self->clients->len < self->max_clients;

  if (!wanted)
    g_ptr_array_set_size (self->sources, 0);
  else if (self->sources->len == 0)
    start_accepting (self);
}

static gboolean
start_on_main (gpointer data, GError **error)
{
  QmpServer *self = data;

  self->is_started = TRUE;
  update_accepting (self);
  return TRUE;
}

static gboolean
stop_on_main (gpointer data, GError **error)
{
  QmpServer *self = data;
  g_autoptr (GArray) fds = g_steal_pointer (&self->fds);

  self->is_started = FALSE;
  g_clear_handle_id (&self->retry, g_source_remove);
  update_accepting (self);
  while (self->clients->len > 0)
    qmp_client_let_go (self->clients->pdata[self->clients->len - 1]);
  banyan_frontend_unlisten (BANYAN_FRONTEND (self), fds);
  return TRUE;
}

/* -- Opening and closing. -- */

static gboolean BANYAN_COROUTINE
qmp_server_open (BanyanElement *element, GError **error)
{
  QmpServer *self = QMP_SERVER (element);

  self->fds = g_array_new (FALSE, FALSE, sizeof (int));
  if (banyan_co_frontend_listen (BANYAN_FRONTEND (self), self->listen, self->fds, error))
    return TRUE;

  g_clear_pointer (&self->fds, g_array_unref);
  return FALSE;
}

static void BANYAN_COROUTINE
qmp_server_start (BanyanElement *element)
{
  banyan_co_run_on (banyan_loop_get_main (), start_on_main, element, NULL);
}

typedef struct
{
  QmpServer *server;
  GArray *fds; /* (owned): the new ones */
} Move;

static gboolean
move_on_main (gpointer data, GError **error)
{
  Move *move = data;
  QmpServer *self = move->server;
  g_autoptr (GArray) old = g_steal_pointer (&self->fds);

  self->fds = move->fds;
  g_ptr_array_set_size (self->sources, 0);
  update_accepting (self);
  banyan_frontend_unlisten (BANYAN_FRONTEND (self), old);
  return TRUE;
}

static void BANYAN_COROUTINE
qmp_server_relisten (BanyanFrontend *frontend, GArray *fds)
{
  Move move = { QMP_SERVER (frontend), fds };

  banyan_co_run_on (banyan_loop_get_main (), move_on_main, &move, NULL);
}

static void BANYAN_COROUTINE
qmp_server_close (BanyanElement *element)
{
  QmpServer *self = QMP_SERVER (element);

  banyan_co_run_on (banyan_loop_get_main (), stop_on_main, self, NULL);
}

/* -- The class. -- */

static void
qmp_server_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  QmpServer *self = QMP_SERVER (object);

  if (id == PROP_CLIENTS)
    g_value_set_uint (value, self->clients->len);
  else
    banyan_element_get_field (object, id, value, pspec);
}

/* Who waits to be accepted may have a place now. */
static void
qmp_server_notify (GObject *object, GParamSpec *pspec)
{
  if (pspec == properties[PROP_MAX_CLIENTS])
    update_accepting (QMP_SERVER (object));
}

static void
qmp_server_finalize (GObject *object)
{
  QmpServer *self = QMP_SERVER (object);

  g_ptr_array_unref (self->sources);
  g_ptr_array_unref (self->clients);
  G_OBJECT_CLASS (qmp_server_parent_class)->finalize (object);
}

static void
qmp_server_class_init (QmpServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  object_class->set_property = banyan_element_set_field;
  object_class->get_property = qmp_server_get_property;
  object_class->notify = qmp_server_notify;
  object_class->finalize = qmp_server_finalize;
  element_class->open = qmp_server_open;
  element_class->start = qmp_server_start;
  element_class->close = qmp_server_close;
  BANYAN_FRONTEND_CLASS (klass)->relisten = qmp_server_relisten;

  properties[PROP_LISTEN]
      = banyan_param_mutable (banyan_param_required (banyan_param_struct (
                                  "listen", "Listen", "Address to accept clients at",
                                  BANYAN_TYPE_SOCKET_ADDRESS, G_STRUCT_OFFSET (QmpServer, listen))),
                              BANYAN_MUTABLE_REOPEN);
  properties[PROP_MAX_CLIENTS] = banyan_param_uint (
      "max-clients", "Most clients", "Programs beyond this wait to be accepted", BANYAN_UNIT_NONE,
      1, 65536, 100, G_STRUCT_OFFSET (QmpServer, max_clients));
  properties[PROP_CLIENTS] = banyan_param_state (
      banyan_param_uint ("clients", "Clients", "Programs that are connected now", BANYAN_UNIT_NONE,
                         0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
qmp_server_init (QmpServer *self)
{
  self->sources = g_ptr_array_new_with_free_func (destroy_source);
  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
}

static const BanyanPluginType types[] = {
  { "qmp", BANYAN_PLUGIN_FRONTEND, qmp_server_register_type,
    "Let programs control the graph in QEMU's monitor protocol", NULL },
#define QMP_COMMAND(name, function, summary) \
  { name, BANYAN_PLUGIN_COMMAND, function, summary, NULL },
#include "qmp-command-list.h"
#undef QMP_COMMAND
  { NULL },
};

BANYAN_PLUGIN_DEFINE (qmp, .kind = BANYAN_PLUGIN_FRONTEND, .types = types,
                      .summary = "Let programs control the graph in QEMU's monitor protocol")
