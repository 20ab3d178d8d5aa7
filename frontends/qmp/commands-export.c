/* commands-export.c - commands about NBD servers and what they export, as QEMU has them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QEMU has one NBD server and a list of exports. Here a server is a frontend like any other, and
 * the one that these commands start is called SERVER_ID; exports of other servers are listed, and
 * can be deleted, too. */

#include "qmp-commands.h"

#include <string.h>

#define SERVER_ID "nbd-server"

static BanyanObject *
find_server (BanyanTransaction *transaction, GError **error)
{
  BanyanObject *server = banyan_transaction_resolve (transaction, "/frontends/" SERVER_ID, NULL);

  if (server == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_ACTIVE,
                 "NBD server not running; nbd-server-start starts one");
  return server;
}

static gboolean
is_export (BanyanObject *object)
{
  return BANYAN_IS_EXPORT (object);
}

typedef gboolean (*ExportFunc) (BanyanObject *export, gpointer data);

/* Until @func says that it is enough: TRUE. (transfer none): the transaction keeps what it adds */
static BanyanObject *
find_export (BanyanMonitor *monitor, BanyanTransaction *transaction, ExportFunc func, gpointer data)
{
  g_autoptr (GPtrArray) frontends
      = banyan_transaction_list_children (transaction, qmp_get_collection (monitor, "frontends"));

  for (guint i = 0; i < frontends->len; i++)
    {
      g_autoptr (GPtrArray) exports
          = banyan_transaction_list_children (transaction, frontends->pdata[i]);

      for (guint j = 0; j < exports->len; j++)
        if (is_export (exports->pdata[j]) && func (exports->pdata[j], data))
          return exports->pdata[j];
    }
  return NULL;
}

static gboolean
has_id (BanyanObject *export, gpointer id)
{
  return strcmp (banyan_object_get_id (export), id) == 0;
}

/* -- nbd-server-start, -stop. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanSpec *addr;      /* (owned) */
  char *tls_creds;       /* (owned) (nullable) */
  char *tls_authz;       /* (owned) (nullable) */
  guint max_connections; /* 0: any number */
  BanyanList *iothreads; /* (owned) (nullable) */
} QmpNbdServerStart;

QMP_DEFINE_COMMAND (QmpNbdServerStart, nbd_server_start)

/* QEMU nests the address for this command: { type, data: { ... } }. */
static BanyanSpec *
flatten_address (BanyanSpec *addr)
{
  BanyanSpec *data = banyan_spec_lookup (addr, "data");
  BanyanSpec *type = banyan_spec_lookup (addr, "type");

  if (data == NULL || type == NULL || banyan_spec_get_kind (data) != BANYAN_SPEC_MAP)
    return banyan_spec_ref (addr);

  return banyan_spec_with (data, "type", type);
}

static void
add_ids (BanyanSpecBuilder *map, const char *key, BanyanList *list)
{
  BanyanSpecBuilder *inner = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_list_get_length (list); i++)
    banyan_spec_builder_add_string (inner, NULL, banyan_list_get_string (list, i));
  banyan_spec_builder_take_built (map, key, inner);
}

static gboolean
nbd_server_start_steps (BanyanCommand *command, BanyanMonitor *monitor,
                        BanyanTransaction *transaction, GError **error)
{
  QmpNbdServerStart *self = (QmpNbdServerStart *) command;
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) spec = NULL;

  if (find_server (transaction, NULL) != NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "NBD server already running");
      return FALSE;
    }
  if (self->tls_creds != NULL || self->tls_authz != NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "TLS is not there yet: leave tls-creds and tls-authz out");
      return FALSE;
    }

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "id", SERVER_ID);
  banyan_spec_builder_add_string (map, "type", "nbd-server");
  banyan_spec_builder_take (map, "listen", flatten_address (self->addr));
  if (self->max_connections > 0)
    banyan_spec_builder_add_uint (map, "max-connections", self->max_connections);
  if (self->iothreads != NULL)
    add_ids (map, "iothreads", self->iothreads);
  spec = banyan_spec_builder_end (map);
  return qmp_add_declared (monitor, "frontends", spec, transaction, error);
}

static void
nbd_server_start_command_class_init (BanyanCommandClass *klass)
{
  g_type_ensure (BANYAN_TYPE_SOCKET_ADDRESS); /* for the description of addr */
  klass->add_steps = nbd_server_start_steps;
  banyan_command_class_describe (klass, "nbd-server-start", 0, "{}");
  qmp_require_declaration (klass, "addr", "Address",
                           "Where to accept clients, flat or with data "
                           "inside as QEMU has it",
                           "BanyanSocketAddress", G_STRUCT_OFFSET (QmpNbdServerStart, addr));
  qmp_add_string (klass, "tls-creds", "TLS credentials", "Refused as long as there is no TLS",
                  G_STRUCT_OFFSET (QmpNbdServerStart, tls_creds));
  qmp_add_string (klass, "tls-authz", "TLS authorization", "Refused as long as there is no TLS",
                  G_STRUCT_OFFSET (QmpNbdServerStart, tls_authz));
  banyan_command_class_add_argument (
      klass,
      banyan_param_uint ("max-connections", "Most connections",
                         "Clients beyond this wait; 0: the server's own default", BANYAN_UNIT_NONE,
                         0, G_MAXUINT, 0, G_STRUCT_OFFSET (QmpNbdServerStart, max_connections)));
  banyan_command_class_add_argument (
      klass,
      banyan_param_list ("iothreads", "I/O threads", "Objects that connections are dealt out to",
                         banyan_param_string ("id", "Id", "One of the list", NULL, BANYAN_NO_FIELD),
                         G_STRUCT_OFFSET (QmpNbdServerStart, iothreads)));
}

typedef struct
{
  BanyanCommand parent_instance;
} QmpNbdServerStop;

QMP_DEFINE_COMMAND (QmpNbdServerStop, nbd_server_stop)

static gboolean
nbd_server_stop_steps (BanyanCommand *command, BanyanMonitor *monitor,
                       BanyanTransaction *transaction, GError **error)
{
  BanyanObject *server = find_server (transaction, error);

  if (server == NULL)
    return FALSE;

  banyan_transaction_remove (transaction, server);
  return TRUE;
}

static void
nbd_server_stop_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = nbd_server_stop_steps;
  banyan_command_class_describe (klass, "nbd-server-stop", 0, "{}");
}

/* -- block-export-add. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *type;      /* (owned) */
  char *id;        /* (owned) */
  char *node_name; /* (owned) */
  char *server;    /* (owned) (nullable) */
  char *iothread;  /* (owned) (nullable) */
  gboolean fixed_iothread;
  gboolean writethrough;
  BanyanSpec *options; /* (owned): the rest is the export's own */
} QmpBlockExportAdd;

QMP_DEFINE_COMMAND (QmpBlockExportAdd, block_export_add)

static BanyanObject *
find_export_server (QmpBlockExportAdd *self, BanyanTransaction *transaction, GError **error)
{
  g_autofree char *path = NULL;
  BanyanObject *server;

  if (strcmp (self->type, "nbd") != 0)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "There are no exports of type '%s'; there is: nbd", self->type);
      return NULL;
    }
  if (self->server == NULL)
    return find_server (transaction, error);

  path = g_strconcat ("/frontends/", self->server, NULL);
  server = banyan_transaction_resolve (transaction, path, NULL);
  if (server == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                 "There is no frontend '%s'", self->server);
  return server;
}

static gboolean
check_threads (QmpBlockExportAdd *self, GError **error)
{
  if (self->iothread == NULL && !self->writethrough)
    return TRUE;

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
               self->iothread != NULL
                   ? "An export runs where its clients are served: give the server iothreads"
                   : "writethrough is a matter of the node: set its cache.no-flush or the file's "
                     "cache");
  return FALSE;
}

static gboolean
block_export_add_steps (BanyanCommand *command, BanyanMonitor *monitor,
                        BanyanTransaction *transaction, GError **error)
{
  QmpBlockExportAdd *self = (QmpBlockExportAdd *) command;
  BanyanObject *server = find_export_server (self, transaction, error);
  g_autoptr (BanyanSpec) node = NULL;
  g_autoptr (BanyanSpec) spec = NULL;

  if (server == NULL || !check_threads (self, error))
    return FALSE;
  if (find_export (monitor, transaction, has_id, self->id) != NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Block export id '%s' is already in use", self->id);
      return FALSE;
    }

  node = banyan_spec_new_scalar (BANYAN_SPEC_STRING, self->node_name,
                                 banyan_monitor_get_origin (monitor));
  spec = banyan_spec_with (self->options, "node", node);
  if (banyan_spec_lookup (spec, "name") == NULL)
    {
      g_autoptr (BanyanSpec) unnamed = g_steal_pointer (&spec);

      spec = banyan_spec_with (unnamed, "name", node);
    }
  return qmp_add_member (server, "exports", self->id, spec, transaction, error);
}

static void
block_export_add_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = block_export_add_steps;
  banyan_command_class_describe (klass, "block-export-add", 0, "{}");
  qmp_require_string (klass, "type", "Type", "Protocol to export by: nbd",
                      G_STRUCT_OFFSET (QmpBlockExportAdd, type));
  qmp_require_string (klass, "id", "Id", "What later commands call the export",
                      G_STRUCT_OFFSET (QmpBlockExportAdd, id));
  qmp_require_string (klass, "node-name", "Node", "What clients see",
                      G_STRUCT_OFFSET (QmpBlockExportAdd, node_name));
  qmp_add_string (klass, "server", "Server",
                  "Frontend to export by; without one, what nbd-server-start started",
                  G_STRUCT_OFFSET (QmpBlockExportAdd, server));
  qmp_add_string (klass, "iothread", "I/O thread", "Refused: threads are the server's",
                  G_STRUCT_OFFSET (QmpBlockExportAdd, iothread));
  qmp_add_boolean (klass, "fixed-iothread", "Fixed I/O thread",
                   "Whether the thread must stay; it always does", FALSE,
                   G_STRUCT_OFFSET (QmpBlockExportAdd, fixed_iothread));
  qmp_add_boolean (klass, "writethrough", "Write through",
                   "Refused where true: caching is the node's", FALSE,
                   G_STRUCT_OFFSET (QmpBlockExportAdd, writethrough));
  qmp_require_declaration (klass, "options", "Options", "Properties of the export itself",
                           "BanyanExport", G_STRUCT_OFFSET (QmpBlockExportAdd, options));
  banyan_command_class_set_flat (klass, "options");
}

/* -- block-export-del. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *id;   /* (owned) */
  char *mode; /* (owned) (nullable) */
} QmpBlockExportDel;

QMP_DEFINE_COMMAND (QmpBlockExportDel, block_export_del)

static guint
count_connections (BanyanObject *export)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (export), "connections");
  g_autoptr (BanyanSpec) value = pspec != NULL ? qmp_describe_value (export, pspec) : NULL;

  return value != NULL ? strtoul (banyan_spec_get_text (value), NULL, 10) : 0;
}

static gboolean
block_export_del_steps (BanyanCommand *command, BanyanMonitor *monitor,
                        BanyanTransaction *transaction, GError **error)
{
  QmpBlockExportDel *self = (QmpBlockExportDel *) command;
  BanyanObject *export = find_export (monitor, transaction, has_id, self->id);

  if (export == NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
                   "Export '%s' is not found", self->id);
      return FALSE;
    }
  if (g_strcmp0 (self->mode, "hard") != 0 && count_connections (export) > 0)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                   "export '%s' still in use: %u clients are connected; mode 'hard' hangs up",
                   self->id, count_connections (export));
      return FALSE;
    }

  banyan_transaction_remove (transaction, export);
  return TRUE;
}

static void
block_export_del_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = block_export_del_steps;
  banyan_command_class_describe (klass, "block-export-del", 0, "{}");
  qmp_require_string (klass, "id", "Id", "Which export to end",
                      G_STRUCT_OFFSET (QmpBlockExportDel, id));
  qmp_add_string (klass, "mode", "Mode",
                  "\"safe\": not while clients are connected; \"hard\": hang up on them",
                  G_STRUCT_OFFSET (QmpBlockExportDel, mode));
}

/* -- query-block-exports. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryBlockExports;

QMP_DEFINE_COMMAND (QmpQueryBlockExports, query_block_exports)

static gboolean
describe_export (BanyanObject *export, gpointer data)
{
  BanyanSpecBuilder *list = data;
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanNode *node = banyan_backend_get_node (banyan_export_get_backend (BANYAN_EXPORT (export)));

  banyan_spec_builder_add_string (map, "id", banyan_object_get_id (export));
  banyan_spec_builder_add_string (map, "type", "nbd");
  banyan_spec_builder_add_string (map, "node-name",
                                  node != NULL ? banyan_object_get_id (BANYAN_OBJECT (node)) : "");
  banyan_spec_builder_add_boolean (map, "shutting-down", FALSE);
  banyan_spec_builder_add_string (map, "server",
                                  banyan_object_get_id (banyan_object_get_parent (export)));
  banyan_spec_builder_take_built (list, NULL, map);
  return FALSE;
}

static BanyanSpec *
query_block_exports_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanTransaction) nothing
      = banyan_transaction_new (banyan_monitor_get_graph (monitor));

  find_export (monitor, nothing, describe_export, list);
  return banyan_spec_builder_end (list);
}

static void
query_block_exports_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_block_exports_run;
  banyan_command_class_describe (
      klass, "query-block-exports", 0,
      "[{ id: str, type: str, node-name: str, shutting-down: bool, server: str }]");
}
