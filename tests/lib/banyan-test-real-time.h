/* banyan-test-real-time.h - graphs for tests with the real clock
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

/* As banyan_test_graph_new(), for nodes that talk to a peer: a virtual clock goes on while they
 * wait for it. */
BanyanTestGraph *banyan_test_graph_new_in_real_time (const char *nodes, GError **error);

G_END_DECLS
