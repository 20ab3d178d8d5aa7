/* banyan-monitor.h - a control connection: who runs commands on a graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-graph.h>

G_BEGIN_DECLS

/* Main thread only. Holds what belongs to one connection: the name that changes are made in, and
 * descriptors that were passed. A program makes a plain one; a server's clients are subclasses. */
#define BANYAN_TYPE_MONITOR (banyan_monitor_get_type ())
BANYAN_API
G_DECLARE_DERIVABLE_TYPE (BanyanMonitor, banyan_monitor, BANYAN, MONITOR, GObject)

struct _BanyanMonitorClass
{
  GObjectClass parent_class;
  BANYAN_RESERVED (8);
};

BANYAN_API
BanyanMonitor *banyan_monitor_new (BanyanGraph *graph, const char *name);
BANYAN_API
BanyanGraph *banyan_monitor_get_graph (BanyanMonitor *self); /* (transfer none) */
/* What objects and values that it makes have as their origin and manager. */
BANYAN_API
const BanyanOrigin *banyan_monitor_get_origin (BanyanMonitor *self);

/* Descriptors that came with the message being handled (SCM_RIGHTS), oldest first. Put: takes
 * @fd. Take: gives it away; -1 when there is none. */
BANYAN_API
void banyan_monitor_put_fd (BanyanMonitor *self, int fd);
BANYAN_API
int banyan_monitor_take_fd (BanyanMonitor *self);
/* Descriptors that wait under a name for an address that uses them. Takes @fd. */
BANYAN_API
void banyan_monitor_name_fd (BanyanMonitor *self, const char *name, int fd);
BANYAN_API
gboolean banyan_monitor_close_fd (BanyanMonitor *self, const char *name);

/* Runs the command called @name ("blockdev-add") with @arguments (a map, or NULL for none), checked
 * as a document is. */
BANYAN_API
void banyan_monitor_execute_async (BanyanMonitor *self, const char *name, BanyanSpec *arguments,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
/* (transfer full): the command's result; NULL with @error */
BANYAN_API
BanyanSpec *banyan_monitor_execute_finish (BanyanMonitor *self, GAsyncResult *result,
                                           GError **error);
BANYAN_API
BanyanSpec *banyan_monitor_execute (BanyanMonitor *self, const char *name, BanyanSpec *arguments,
                                    GError **error);

G_END_DECLS
