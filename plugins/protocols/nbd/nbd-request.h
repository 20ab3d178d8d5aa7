/* nbd-request.h - the operations, as commands to a server
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "nbd-client.h"

G_BEGIN_DECLS

gboolean BANYAN_COROUTINE nbd_request_read (NbdClient *client, const BanyanRequest *request,
                                            GError **error);
gboolean BANYAN_COROUTINE nbd_request_write (NbdClient *client, const BanyanRequest *request,
                                             GError **error);
gboolean BANYAN_COROUTINE nbd_request_flush (NbdClient *client, GError **error);
BanyanAnswer BANYAN_COROUTINE nbd_request_discard (NbdClient *client, const BanyanRequest *request,
                                                   GError **error);
BanyanAnswer BANYAN_COROUTINE
nbd_request_write_zeroes (NbdClient *client, const BanyanRequest *request, GError **error);
BanyanAnswer BANYAN_COROUTINE nbd_request_block_status (NbdClient *client, guint64 offset,
                                                        guint64 length, BanyanBlockStatus *status,
                                                        GError **error);
BanyanAnswer BANYAN_COROUTINE nbd_request_resize (NbdClient *client, const BanyanResize *resize,
                                                  GError **error);

G_END_DECLS
