/* qmp-client.h - one client of a QMP server
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qmp-reader.h"
#include "qmp-subscriptions.h"

G_BEGIN_DECLS

/* QEMU's version whose commands and shapes these are. */
#define QMP_INTERFACE_MAJOR 7
#define QMP_INTERFACE_MINOR 2

#define QMP_TYPE_CLIENT (qmp_client_get_type ())
G_DECLARE_FINAL_TYPE (QmpClient, qmp_client, QMP, CLIENT, BanyanMonitor)

/* Main thread. @ended is called, once, when the connection is gone or let go. Takes @fd. */
QmpClient *qmp_client_new (BanyanGraph *graph, const char *name, int fd,
                           void (*ended) (QmpClient *self, gpointer data), gpointer data);
/* Sends what can be sent at once, and hangs up. Commands that are under way go on. */
void qmp_client_close (QmpClient *self);
/* The same, once the command that runs has been answered; nothing more is read. */
void qmp_client_let_go (QmpClient *self);
/* Agreed by qmp_capabilities. */
void qmp_client_set_ready (QmpClient *self, gboolean is_out_of_band);
/* (transfer none) */
QmpSubscriptions *qmp_client_get_subscriptions (QmpClient *self);

/* -- qmp-answer.c. (transfer full) -- */

/* @graph: where paths are looked up. */
BanyanSpec *qmp_answer_new (BanyanGraph *graph, BanyanSpec *result, const GError *error,
                            BanyanSpec *id);
/* What @error is made of: a list of maps, of one where it is a single thing. */
BanyanSpec *qmp_describe_problems (BanyanGraph *graph, const GError *error);
BanyanSpec *qmp_greeting (void);
BanyanSpec *qmp_version (void);
BanyanSpec *qmp_event_new (const char *name, BanyanSpec *data);

G_END_DECLS
