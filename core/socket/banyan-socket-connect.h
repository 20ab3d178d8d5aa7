/* banyan-socket-connect.h - the client's side of socket addresses
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-coroutine.h>
#include <banyan/banyan-socket-address.h>

G_BEGIN_DECLS

/* Connects, within @timeout_ns (G_MAXUINT64: no limit); a name is looked up on a thread of the
 * pool. The socket does not block and is closed on exec; -1 with @error. Cancellable. */
BANYAN_API
int BANYAN_COROUTINE banyan_co_socket_address_connect (BanyanSocketAddress *self,
                                                       guint64 timeout_ns, GError **error);
/* FALSE for a descriptor: who lost that connection cannot have another. */
BANYAN_API
gboolean banyan_socket_address_can_reconnect (BanyanSocketAddress *self);

G_END_DECLS
