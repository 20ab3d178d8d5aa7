/* banyan-frontend-private.h - what the control path asks a frontend
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-frontend.h>

G_BEGIN_DECLS

/* The loop of its iothread, which is open before the frontend is; else the graph's. */
BanyanLoop *banyan_frontend_find_loop (BanyanFrontend *self, BanyanGraph *graph);
/* A closed frontend uses no iothread. */
void banyan_frontend_clear_links (BanyanFrontend *self);

/* Phases of a change (banyan-listening.c): new sockets first, then the old go. */
gboolean BANYAN_COROUTINE banyan_frontend_prepare (BanyanElement *element, BanyanChange *change,
                                                   GError **error);
void banyan_frontend_abort (BanyanElement *element, BanyanChange *change);
void BANYAN_COROUTINE banyan_frontend_finish (BanyanElement *element, BanyanChange *change);

G_END_DECLS
