/* banyan-co-connect.h - connecting within a time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-loop.h>

G_BEGIN_DECLS

/* As banyan_co_connect(); -ETIMEDOUT once @timeout_ns has passed (G_MAXUINT64: no limit), after
 * which @fd can only be closed. */
int BANYAN_COROUTINE banyan_co_connect_within (int fd, const struct sockaddr *address,
                                               socklen_t length, guint64 timeout_ns);

G_END_DECLS
