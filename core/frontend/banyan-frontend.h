/* banyan-frontend.h - what makes nodes usable from outside
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-backend.h>
#include <banyan/banyan-graph.h>
#include <banyan/banyan-socket-address.h>

G_BEGIN_DECLS

/* Opens last and closes first: open acquires (binds the socket), start begins to serve once the
 * whole transaction has succeeded, close ends it and waits for its clients to go. Properties of
 * every frontend: iothread (optional). A property "listen" of a class that has relisten may change
 * while it is open. */
#define BANYAN_TYPE_FRONTEND (banyan_frontend_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanFrontend, banyan_frontend, BANYAN, FRONTEND, BanyanElement)
struct _BanyanFrontendClass
{
  BanyanElementClass parent_class;

  /* The graph's iothread, once the change is in force: accept clients at @fds (transfer full)
   * instead of the sockets that it has, which it unlistens. Those who are connected stay. */
  void (*relisten) (BanyanFrontend *self, GArray *fds);

  BANYAN_RESERVED (7);
};

/* The iothread's loop, or the graph's; while open. */
BANYAN_API
BanyanLoop *banyan_frontend_get_loop (BanyanFrontend *self);

/* Sockets at @address, or systemd's where that is NULL, appended to @fds (element-type int): those
 * of the frontend whose place @self takes, where it has the same. For open and close. */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_co_frontend_listen (BanyanFrontend *self,
                                                     BanyanSocketAddress *address, GArray *fds,
                                                     GError **error);
BANYAN_API
void banyan_frontend_unlisten (BanyanFrontend *self, GArray *fds);

/* One thing that a server offers: a child of the frontend, with a backend. */
#define BANYAN_TYPE_EXPORT (banyan_export_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanExport, banyan_export, BANYAN, EXPORT, BanyanElement)
struct _BanyanExportClass
{
  BanyanElementClass parent_class;
  BANYAN_RESERVED (8);
};
/* Properties of every export: node (required), writable (false), description. */
BANYAN_API
BanyanBackend *banyan_export_get_backend (BanyanExport *self);
BANYAN_API
gboolean banyan_export_is_writable (BanyanExport *self);
BANYAN_API
const char *banyan_export_get_description (BanyanExport *self);

G_END_DECLS
