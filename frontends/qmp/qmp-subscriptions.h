/* qmp-subscriptions.h - what one client wants to be told, beyond what all are
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef struct _QmpSubscriptions QmpSubscriptions;

/* Where events go, and whether they can. */
typedef struct
{
  void (*send) (gpointer client, const char *name, BanyanSpec *data);
  gboolean (*has_room) (gpointer client);
} QmpSink;

/* @client: a GObject that has it as long as it lives. */
QmpSubscriptions *qmp_subscriptions_new (GObject *client, BanyanGraph *graph, const QmpSink *sink);
void qmp_subscriptions_free (QmpSubscriptions *self);

/* Events about @path and what is below it: those in @events (nullable: all). */
gboolean qmp_subscriptions_add (QmpSubscriptions *self, const char *path, BanyanList *events,
                                GError **error);
/* @path NULL: all. FALSE: there is none. */
gboolean qmp_subscriptions_remove (QmpSubscriptions *self, const char *path);
/* Whether the client is to be told. */
gboolean qmp_subscriptions_want (QmpSubscriptions *self, const char *event, BanyanSpec *data);
/* A change is about to be summed up: what it changed is told before, if it was quiet. */
void qmp_subscriptions_catch_up (QmpSubscriptions *self);
/* There is room again. */
void qmp_subscriptions_flush (QmpSubscriptions *self);

G_END_DECLS
