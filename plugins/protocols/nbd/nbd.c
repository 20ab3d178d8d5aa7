/* nbd.c - protocol for what an NBD server exports
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-request.h"

#include <errno.h>

#define USUAL_CONTEXT "base:allocation"
#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
/* Trims and zeroes carry no data. */
#define MAX_SPACE (1u << 30)

G_DECLARE_FINAL_TYPE (BanyanNbd, banyan_nbd, BANYAN, NBD, BanyanProtocol)

struct _BanyanNbd
{
  BanyanProtocol parent_instance;

  BanyanSocketAddress *server; /* (owned) */
  char *export;                /* (owned) (nullable) */
  char *tls_creds;             /* (owned) (nullable) */
  char *tls_hostname;          /* (owned) (nullable) */
  char *dirty_bitmap;          /* (owned) (nullable) */
  guint64 open_timeout_s;
  guint connections;

  NbdClient client;
};

enum
{
  PROP_0,
  PROP_SERVER,
  PROP_EXPORT,
  PROP_TLS_CREDS,
  PROP_TLS_HOSTNAME,
  PROP_DIRTY_BITMAP,
  PROP_RECONNECT_DELAY,
  PROP_OPEN_TIMEOUT,
  PROP_SILENCE_TIMEOUT,
  PROP_CONNECTIONS,
  PROP_LOST_WRITES,
  PROP_CONNECTED,
  PROP_OPEN_CONNECTIONS,
  PROP_RECONNECTS,
  PROP_ABILITIES,
  PROP_MINIMUM_BLOCK,
  PROP_PREFERRED_BLOCK,
  PROP_MAXIMUM_PAYLOAD,
  PROP_LAST_ERROR,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanNbd, banyan_nbd, BANYAN_TYPE_PROTOCOL)

static NbdClient *
client_of (BanyanNode *node)
{
  return &BANYAN_NODE_SELF (BanyanNbd, node)->client;
}

/* -- Operations. -- */

static gboolean BANYAN_COROUTINE
banyan_nbd_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return nbd_request_read (client_of (node), request, error);
}

static gboolean BANYAN_COROUTINE
banyan_nbd_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return nbd_request_write (client_of (node), request, error);
}

static gboolean BANYAN_COROUTINE
banyan_nbd_flush (BanyanNode *node, GError **error)
{
  return nbd_request_flush (client_of (node), error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_nbd_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return nbd_request_discard (client_of (node), request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_nbd_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return nbd_request_write_zeroes (client_of (node), request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_nbd_block_status (BanyanNode *node, guint64 offset, guint64 length,
                         BanyanBlockStatus *status, GError **error)
{
  return nbd_request_block_status (client_of (node), offset, length, status, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_nbd_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  return nbd_request_resize (client_of (node), resize, error);
}

static const BanyanNodeOps banyan_nbd_ops = {
  .size = sizeof banyan_nbd_ops,
  .read = banyan_nbd_read,
  .write = banyan_nbd_write,
  .flush = banyan_nbd_flush,
  .discard = banyan_nbd_discard,
  .write_zeroes = banyan_nbd_write_zeroes,
  .block_status = banyan_nbd_block_status,
  .resize = banyan_nbd_resize,
};

/* Asked once before it is open, too. A server without a flush makes all writes durable. */
static guint
banyan_nbd_get_capabilities (BanyanNode *node, guint inherited)
{
  static const struct
  {
    guint of_server;
    guint of_node;
  } known[] = {
    { NBD_CAN_FUA, BANYAN_CAN_FUA },           { NBD_CAN_TRIM, BANYAN_CAN_DISCARD },
    { NBD_CAN_ZERO, BANYAN_CAN_WRITE_ZEROES }, { NBD_CAN_FAST_ZERO, BANYAN_CAN_FAST_ZERO },
    { NBD_CAN_CACHE, BANYAN_CAN_PREFETCH },    { NBD_CAN_BLOCK_STATUS, BANYAN_CAN_BLOCK_STATUS },
    { NBD_CAN_RESIZE, BANYAN_CAN_RESIZE },
  };
  NbdClient *client = client_of (node);
  /* With one connection for all, a flush covers all; with several, the server says so. */
  guint capabilities = BANYAN_CAN_MULTI_CONN;

  for (guint i = 0; client->home != NULL && i < G_N_ELEMENTS (known); i++)
    if (client->info.abilities & known[i].of_server)
      capabilities |= known[i].of_node;
  return capabilities;
}

static void
banyan_nbd_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  NbdClient *client = client_of (node);

  if (client->home == NULL)
    return;

  limits->request_alignment = client->info.minimum;
  limits->preferred_size = client->info.preferred;
  limits->max_transfer = client->info.maximum;
  limits->discard_alignment = limits->zeroes_alignment = client->info.minimum;
  limits->max_discard = limits->max_zeroes = MAX_SPACE;
}

static void
banyan_nbd_attach (BanyanNode *node, BanyanLoop *loop)
{
  nbd_client_attach (client_of (node), loop);
}

static void
banyan_nbd_detach (BanyanNode *node, BanyanLoop *loop)
{
  nbd_client_detach (client_of (node), loop);
}

/* -- Opening and changing. -- */

static void
banyan_nbd_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  BANYAN_OBJECT_CLASS (banyan_nbd_parent_class)->check (object, proposal, problems);
  nbd_options_check (proposal, problems);
}

static gboolean
allows_read_only (BanyanNbd *self, gboolean read_only, gboolean auto_read_only, GError **error)
{
  if ((self->client.info.abilities & NBD_CAN_WRITE) || read_only || auto_read_only)
    return TRUE;

  return banyan_throw_errno (error, EACCES,
                             "the server exports \"%s\" read-only; set read-only, or "
                             "auto-read-only",
                             self->client.target.export);
}

static void
set_target (BanyanNbd *self)
{
  NbdTarget *target = &self->client.target;

  target->server = g_object_ref (self->server);
  target->export = g_strdup (self->export != NULL ? self->export : "");
  target->context = g_strdup (self->dirty_bitmap != NULL ? self->dirty_bitmap : USUAL_CONTEXT);
  target->node = BANYAN_NODE (self);
  target->silence_s = &self->client.silence_s;
  target->answers = self->client.answers;
  self->client.max_connections = self->connections;
}

/* What can be known only once there is a connection. */
static gboolean
suits (BanyanNbd *self, GError **error)
{
  BanyanNode *node = BANYAN_NODE (self);

  if (self->dirty_bitmap != NULL && !(self->client.info.abilities & NBD_CAN_BLOCK_STATUS))
    return banyan_throw_errno (error, EINVAL, "the server cannot tell about x-dirty-bitmap \"%s\"",
                               self->dirty_bitmap);
  return allows_read_only (self, banyan_node_is_read_only (node),
                           banyan_node_is_auto_read_only (node), error);
}

static gboolean BANYAN_COROUTINE
banyan_nbd_open (BanyanElement *element, GError **error)
{
  BanyanNbd *self = BANYAN_NODE_SELF (BanyanNbd, element);

  set_target (self);
  if (!nbd_client_open (&self->client, self->open_timeout_s * NS_PER_S, error))
    return FALSE;

  banyan_node_publish_length (BANYAN_NODE (self), self->client.info.length);
  if (!suits (self, error))
    {
      nbd_client_close (&self->client);
      return FALSE;
    }
  banyan_node_publish_read_only (BANYAN_NODE (self),
                                 !(self->client.info.abilities & NBD_CAN_WRITE));
  return TRUE;
}

static void BANYAN_COROUTINE
banyan_nbd_close (BanyanElement *element)
{
  nbd_client_close (&BANYAN_NODE_SELF (BanyanNbd, element)->client);
}

static gboolean
banyan_nbd_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);

  return allows_read_only (BANYAN_NODE_SELF (BanyanNbd, element),
                           g_value_get_boolean (banyan_proposal_get (proposal, "read-only")),
                           g_value_get_boolean (banyan_proposal_get (proposal, "auto-read-only")),
                           error);
}

static void
banyan_nbd_drain_begin (BanyanElement *element)
{
  nbd_client_drain_begin (&BANYAN_NODE_SELF (BanyanNbd, element)->client);
}

static void
banyan_nbd_drain_end (BanyanElement *element)
{
  nbd_client_drain_end (&BANYAN_NODE_SELF (BanyanNbd, element)->client);
}

/* -- The class. -- */

static void
banyan_nbd_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  NbdClient *client = &BANYAN_NODE_SELF (BanyanNbd, object)->client;
  NbdInfo info = nbd_client_get_info (client);

  switch (id)
    {
    case PROP_CONNECTED:
      g_value_set_boolean (value, BANYAN_LIVE (client->n_connected) > 0);
      break;
    case PROP_OPEN_CONNECTIONS:
      g_value_set_uint (value, BANYAN_LIVE (client->n_connected));
      break;
    case PROP_RECONNECTS:
      g_value_set_uint64 (value, BANYAN_LIVE (client->n_reconnects));
      break;
    case PROP_ABILITIES:
      g_value_set_flags (value, info.abilities);
      break;
    case PROP_MINIMUM_BLOCK:
      g_value_set_uint (value, info.minimum);
      break;
    case PROP_PREFERRED_BLOCK:
      g_value_set_uint (value, info.preferred);
      break;
    case PROP_MAXIMUM_PAYLOAD:
      g_value_set_uint (value, info.maximum);
      break;
    case PROP_LAST_ERROR:
      g_value_take_string (value, nbd_client_dup_last_error (client));
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

static GParamSpec *
before_open (GParamSpec *pspec)
{
  return banyan_param_mutable (pspec, BANYAN_MUTABLE_BEFORE_OPEN);
}

static void
install_options (void)
{
  properties[PROP_SERVER] = before_open (banyan_param_required (banyan_param_identifying (
      banyan_param_struct ("server", "Server", "Where the server listens",
                           BANYAN_TYPE_SOCKET_ADDRESS, G_STRUCT_OFFSET (BanyanNbd, server)))));
  properties[PROP_EXPORT] = before_open (banyan_param_identifying (
      banyan_param_string ("export", "Export", "Name of the export; without one, the default", NULL,
                           G_STRUCT_OFFSET (BanyanNbd, export))));
  properties[PROP_TLS_CREDS] = before_open (banyan_param_string (
      "tls-creds", "TLS credentials", "Credentials for TLS, which is not there yet: it is refused",
      NULL, G_STRUCT_OFFSET (BanyanNbd, tls_creds)));
  properties[PROP_TLS_HOSTNAME] = before_open (
      banyan_param_string ("tls-hostname", "TLS host name",
                           "Name in the server's certificate; TLS is not there yet: it is refused",
                           NULL, G_STRUCT_OFFSET (BanyanNbd, tls_hostname)));
  properties[PROP_DIRTY_BITMAP] = before_open (banyan_param_string (
      "x-dirty-bitmap", "Dirty bitmap",
      "Metadata context that block status shows in place of base:allocation, such as "
      "qemu:dirty-bitmap:NAME; for looking at it, not for copying by it",
      NULL, G_STRUCT_OFFSET (BanyanNbd, dirty_bitmap)));
  properties[PROP_RECONNECT_DELAY] = banyan_param_uint64 (
      "reconnect-delay", "Reconnect delay",
      "How long requests wait for a lost connection to come back; 0: they fail", BANYAN_UNIT_S, 0,
      G_MAXUINT32, 0, G_STRUCT_OFFSET (BanyanNbd, client.reconnect_delay_s));
  properties[PROP_OPEN_TIMEOUT] = before_open (banyan_param_uint64 (
      "open-timeout", "Open timeout", "How long opening tries to connect; 0: once", BANYAN_UNIT_S,
      0, G_MAXUINT32, 0, G_STRUCT_OFFSET (BanyanNbd, open_timeout_s)));
  properties[PROP_SILENCE_TIMEOUT] = banyan_param_uint64 (
      "silence-timeout", "Silence timeout",
      "How long a server that owes answers may say nothing, before its connection counts as lost; "
      "0: for ever",
      BANYAN_UNIT_S, 0, G_MAXUINT32, 0, G_STRUCT_OFFSET (BanyanNbd, client.silence_s));
  properties[PROP_CONNECTIONS] = before_open (banyan_param_uint (
      "connections", "Connections",
      "Most connections to the server, where it allows several: one for the graph and one for each "
      "other iothread that uses the node",
      BANYAN_UNIT_NONE, 1, BANYAN_LOOP_MAX, 4, G_STRUCT_OFFSET (BanyanNbd, connections)));
  properties[PROP_LOST_WRITES] = banyan_param_enum (
      "lost-writes", "Lost writes",
      "What becomes of the first flush after a connection was lost with writes answered and not "
      "flushed, which a server that was started anew has forgotten: it fails, or all is taken to "
      "be well",
      nbd_lost_writes_get_type (), NBD_LOST_WRITES_REPORT,
      G_STRUCT_OFFSET (BanyanNbd, client.on_lost_writes));
}

static void
install_state (void)
{
  properties[PROP_CONNECTED] = banyan_param_state (banyan_param_boolean (
      "connected", "Connected", "Whether there is a connection now", FALSE, BANYAN_NO_FIELD));
  properties[PROP_OPEN_CONNECTIONS] = banyan_param_state (
      banyan_param_uint ("open-connections", "Open connections", "How many there are now",
                         BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  properties[PROP_RECONNECTS] = banyan_param_statistic (
      banyan_param_uint64 ("reconnects", "Reconnects", "Connections that were lost and came back",
                           BANYAN_UNIT_NONE, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
  properties[PROP_ABILITIES] = banyan_param_state (
      banyan_param_flags ("abilities", "Abilities", "What the server can do with the export",
                          nbd_abilities_get_type (), 0, BANYAN_NO_FIELD));
  properties[PROP_MINIMUM_BLOCK] = banyan_param_state (
      banyan_param_uint ("minimum-block", "Minimum block", "What requests are multiples of",
                         BANYAN_UNIT_BYTES, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  properties[PROP_PREFERRED_BLOCK] = banyan_param_state (banyan_param_uint (
      "preferred-block", "Preferred block", "What requests are best multiples of",
      BANYAN_UNIT_BYTES, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  properties[PROP_MAXIMUM_PAYLOAD] = banyan_param_state (
      banyan_param_uint ("maximum-payload", "Maximum payload", "Most data in one request",
                         BANYAN_UNIT_BYTES, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  properties[PROP_LAST_ERROR] = banyan_param_state (banyan_param_string (
      "last-error", "Last error", "Why a connection was lost, or could not be made, most recently",
      NULL, BANYAN_NO_FIELD));
}

static void
banyan_nbd_finalize (GObject *object)
{
  nbd_client_clear (&BANYAN_NODE_SELF (BanyanNbd, object)->client);
  G_OBJECT_CLASS (banyan_nbd_parent_class)->finalize (object);
}

static void
banyan_nbd_class_init (BanyanNbdClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_nbd_get_property;
  object_class->finalize = banyan_nbd_finalize;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_nbd_check;
  element_class->open = banyan_nbd_open;
  element_class->close = banyan_nbd_close;
  element_class->prepare = banyan_nbd_prepare;
  element_class->drain_begin = banyan_nbd_drain_begin;
  element_class->drain_end = banyan_nbd_drain_end;
  node_class->attach = banyan_nbd_attach;
  node_class->detach = banyan_nbd_detach;
  node_class->get_capabilities = banyan_nbd_get_capabilities;
  node_class->get_limits = banyan_nbd_get_limits;
  banyan_node_class_set_ops (node_class, &banyan_nbd_ops);

  install_options ();
  install_state ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_nbd_init (BanyanNbd *self)
{
  nbd_client_init (&self->client, BANYAN_NODE (self));
}

BANYAN_PLUGIN_DEFINE (nbd, .kind = BANYAN_PLUGIN_PROTOCOL,
                      .register_type = banyan_nbd_register_type,
                      .summary = "What an NBD server exports")
