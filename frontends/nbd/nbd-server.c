/* nbd-server.c - a frontend that serves nodes to NBD clients
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-server-private.h"

enum
{
  PROP_0,
  PROP_LISTEN,
  PROP_EXPORTS,
  PROP_IOTHREADS,
  PROP_MAX_CONNECTIONS,
  PROP_HANDSHAKE_MAX_SECONDS,
  PROP_FAREWELL_MAX_SECONDS,
  PROP_LISTENING,
  PROP_CONNECTIONS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (NbdServer, nbd_server, BANYAN_TYPE_FRONTEND)

/* -- What is declared. -- */

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

/* -- Opening and closing. -- */

static void
note_listening (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_ptr_array_set_size (self->listening, 0);
  for (guint i = 0; i < self->fds->len; i++)
    g_ptr_array_add (self->listening, banyan_socket_get_name (g_array_index (self->fds, int, i)));
}

static gboolean BANYAN_COROUTINE
nbd_server_open (BanyanElement *element, GError **error)
{
  NbdServer *self = NBD_SERVER (element);

  nbd_server_note_loops (self);
  self->fds = g_array_new (FALSE, FALSE, sizeof (int));
  if (banyan_co_frontend_listen (BANYAN_FRONTEND (self), self->listen, self->fds, error))
    {
      note_listening (self);
      return TRUE;
    }

  g_prefix_error (error, "%s: ", banyan_object_get_id (BANYAN_OBJECT (self)));
  g_clear_pointer (&self->fds, g_array_unref);
  return FALSE;
}

static void
nbd_server_start (BanyanElement *element)
{
  nbd_server_start_acceptors (NBD_SERVER (element));
}

static void BANYAN_COROUTINE
nbd_server_relisten (BanyanFrontend *frontend, GArray *fds)
{
  NbdServer *self = NBD_SERVER (frontend);
  g_autoptr (GArray) old = g_steal_pointer (&self->fds);

  nbd_server_pause_acceptors (self);
  self->fds = fds;
  note_listening (self);
  nbd_server_start_acceptors (self);
  banyan_frontend_unlisten (frontend, old);
}

static void BANYAN_COROUTINE
nbd_server_finish (BanyanElement *element, BanyanChange *change)
{
  NbdServer *self = NBD_SERVER (element);

  if (banyan_change_touches (change, "iothreads"))
    {
      nbd_server_note_loops (self);
      nbd_server_move_connections (self);
    }
  BANYAN_ELEMENT_CLASS (nbd_server_parent_class)->finish (element, change);
}

static void BANYAN_COROUTINE
nbd_server_close (BanyanElement *element)
{
  NbdServer *self = NBD_SERVER (element);

  nbd_server_end_acceptors (self);
  nbd_server_end_connections (self, NULL);
  g_mutex_lock (&self->mutex);
  g_ptr_array_set_size (self->listening, 0);
  g_mutex_unlock (&self->mutex);
  banyan_frontend_unlisten (BANYAN_FRONTEND (self), self->fds);
  g_clear_pointer (&self->fds, g_array_unref);
}

/* -- The class. -- */

static void
get_listening (NbdServer *self, GValue *value)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  g_autoptr (GArray) names = g_array_new (FALSE, TRUE, sizeof (GValue));

  g_array_set_clear_func (names, (GDestroyNotify) g_value_unset);
  g_array_set_size (names, self->listening->len);
  for (guint i = 0; i < names->len; i++)
    {
      GValue *name = g_value_init (&g_array_index (names, GValue, i), G_TYPE_STRING);

      g_value_set_string (name, self->listening->pdata[i]);
    }
  g_value_take_boxed (value, banyan_list_new (G_TYPE_STRING, (GValue *) names->data, names->len));
}

/* Who waits for room sees whether there is more. */
static void
nbd_server_notify (GObject *object, GParamSpec *pspec)
{
  NbdServer *self = NBD_SERVER (object);

  if (pspec != properties[PROP_MAX_CONNECTIONS])
    return;

  g_mutex_lock (&self->mutex);
  nbd_server_wake_waiters (self);
  g_mutex_unlock (&self->mutex);
}

static void
nbd_server_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  NbdServer *self = NBD_SERVER (object);

  if (id == PROP_CONNECTIONS)
    g_value_set_uint (value, BANYAN_LIVE (self->n_connections));
  else if (id == PROP_LISTENING)
    get_listening (self, value);
  else
    banyan_element_get_field (object, id, value, pspec);
}

static void
nbd_server_finalize (GObject *object)
{
  NbdServer *self = NBD_SERVER (object);

  g_ptr_array_unref (self->loops);
  g_ptr_array_unref (self->offered);
  g_ptr_array_unref (self->acceptors);
  g_ptr_array_unref (self->listening);
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
  object_class->notify = nbd_server_notify;
  object_class->finalize = nbd_server_finalize;
  BANYAN_OBJECT_CLASS (klass)->check = nbd_server_check;
  element_class->open = nbd_server_open;
  element_class->start = nbd_server_start;
  element_class->finish = nbd_server_finish;
  element_class->close = nbd_server_close;
  BANYAN_FRONTEND_CLASS (klass)->relisten = nbd_server_relisten;

  /* Maps name it before anybody has made one. */
  g_type_ensure (NBD_TYPE_EXPORT);

  properties[PROP_LISTEN] = banyan_param_mutable (
      banyan_param_struct ("listen", "Listen",
                           "Address to accept clients at; without one, systemd's sockets",
                           BANYAN_TYPE_SOCKET_ADDRESS, G_STRUCT_OFFSET (NbdServer, listen)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_EXPORTS]
      = banyan_param_members ("exports", "Exports", "What clients can ask for, by id", "NbdExport",
                              G_STRUCT_OFFSET (NbdServer, exports));
  properties[PROP_IOTHREADS] = banyan_param_mutable (
      banyan_param_list (
          "iothreads", "I/O threads",
          "Threads that connections are dealt out to in turn; without any, the frontend's",
          banyan_param_link ("member", "Thread", "One thread of the list", "BanyanIOThread",
                             BANYAN_NO_FIELD),
          G_STRUCT_OFFSET (NbdServer, iothreads)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_MAX_CONNECTIONS] = banyan_param_uint (
      "max-connections", "Most connections",
      "Clients beyond this wait to be accepted; 0: any number", BANYAN_UNIT_NONE, 0, G_MAXUINT, 100,
      G_STRUCT_OFFSET (NbdServer, max_connections));
  properties[PROP_HANDSHAKE_MAX_SECONDS] = banyan_param_uint64 (
      "handshake-max-seconds", "Longest handshake",
      "Time that a client has to choose an export; 0: any time", BANYAN_UNIT_S, 0, 86400, 10,
      G_STRUCT_OFFSET (NbdServer, handshake_max_seconds));
  properties[PROP_FAREWELL_MAX_SECONDS] = banyan_param_uint64 (
      "farewell-max-seconds", "Longest farewell",
      "Time that clients have to take their last answers when an export or the server closes",
      BANYAN_UNIT_S, 0, 3600, 2, G_STRUCT_OFFSET (NbdServer, farewell_max_seconds));
  properties[PROP_LISTENING] = banyan_param_state (banyan_param_list (
      "listening", "Listening", "Where clients can connect, with the port that was found free",
      banyan_param_string ("member", "Address", "One address of the list", NULL, BANYAN_NO_FIELD),
      BANYAN_NO_FIELD));
  properties[PROP_CONNECTIONS] = banyan_param_state (
      banyan_param_uint ("connections", "Connections", "Clients that are connected now",
                         BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
nbd_server_init (NbdServer *self)
{
  self->max_connections = 100;
  self->handshake_max_seconds = 10;
  self->farewell_max_seconds = 2;
  self->listening = g_ptr_array_new_with_free_func (g_free);
  self->loops = g_ptr_array_new ();
  self->offered = g_ptr_array_new_with_free_func (g_object_unref);
  self->acceptors = g_ptr_array_new ();
  g_mutex_init (&self->mutex);
}

BANYAN_PLUGIN_DEFINE (nbd_server, .kind = BANYAN_PLUGIN_FRONTEND,
                      .register_type = nbd_server_register_type,
                      .summary = "Serve nodes to NBD clients")
