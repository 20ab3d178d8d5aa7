/* banyan-frontend-private.h - what the control path asks a frontend
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-frontend.h>

G_BEGIN_DECLS

/* The loop of its iothread, which is open before the frontend is; else the graph's. */
BanyanLoop *banyan_frontend_find_loop (BanyanFrontend *self, BanyanGraph *graph);
/* A closed frontend uses no iothread. */
void banyan_frontend_clear_links (BanyanFrontend *self);

G_END_DECLS
