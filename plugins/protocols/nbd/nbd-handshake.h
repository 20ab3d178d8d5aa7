/* nbd-handshake.h - haggling with a server until an export is chosen
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "nbd-info.h"

G_BEGIN_DECLS

/* On @fd, a socket that does not block, until the loop's clock shows @until_ns; cancellable.
 * @context: what block status shall tell of. */
gboolean BANYAN_COROUTINE nbd_handshake (int fd, gint64 until_ns, const char *export,
                                         const char *context, NbdInfo *info, GError **error);

G_END_DECLS
