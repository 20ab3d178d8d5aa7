/* nbd-server.h - a frontend that serves nodes to NBD clients
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* -- One export. -- */

#define NBD_TYPE_EXPORT (nbd_export_get_type ())
G_DECLARE_FINAL_TYPE (NbdExport, nbd_export, NBD, EXPORT, BanyanExport)

/* Fixed while it is open; any thread. */
const char *nbd_export_get_name (NbdExport *self);
gboolean nbd_export_is_default (NbdExport *self);
gboolean nbd_export_is_resizable (NbdExport *self);
guint nbd_export_get_max_connections (NbdExport *self); /* 0: any number */
/* Held while a client makes the node longer. */
BanyanCoMutex *nbd_export_get_resize_mutex (NbdExport *self);

/* -- The server. -- */

#define NBD_TYPE_SERVER (nbd_server_get_type ())
G_DECLARE_FINAL_TYPE (NbdServer, nbd_server, NBD, SERVER, BanyanFrontend)

/* The table of what is offered; any thread. An export adds itself when it starts and takes itself
 * out before it closes, which ends the connections to it. */
void nbd_server_add_export (NbdServer *self, NbdExport *export);
/* Whether @export can be offered beside those that are. */
gboolean nbd_server_check_export (NbdServer *self, NbdExport *export, GError **error);
void BANYAN_COROUTINE nbd_server_remove_export (NbdServer *self, NbdExport *export);

/* By name; the empty one means the only export, or the one marked default. What is found may be
 * going away: it may be named, not used. (transfer full) (nullable) */
NbdExport *nbd_server_find_export (NbdServer *self, const char *name);
/* (transfer full) (element-type NbdExport) */
GPtrArray *nbd_server_list_exports (NbdServer *self);

typedef enum
{
  NBD_TAKEN,
  NBD_IS_UNKNOWN, /* there is no such export (any more) */
  NBD_IS_FULL,    /* it has as many clients as it may have */
} NbdTaken;

/* Makes @connection a user of the export that @name means: until it lets go, or is shut down, the
 * export and its backend stay open. Who only looks at it (not @stays) does not count as a client.
 */
typedef struct _NbdConnection NbdConnection;
NbdTaken nbd_server_take_export (NbdServer *self, NbdConnection *connection, const char *name,
                                 gboolean stays);
void nbd_server_release_export (NbdServer *self, NbdConnection *connection);
/* Lets others come in the place of @connection, whose peer has gone. Its descriptor is closed. */
void nbd_server_give_up_place (NbdServer *self, NbdConnection *connection);
guint64 nbd_server_get_farewell_seconds (NbdServer *self);
/* Who is to be woken when @connection is cut off; NULL: nobody any more. */
void nbd_server_set_owner (NbdServer *self, NbdConnection *connection, BanyanCoroutine *owner);

G_END_DECLS
