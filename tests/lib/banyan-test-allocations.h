/* banyan-test-allocations.h - how often the program has asked for memory
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* FALSE under sanitizers: memory is theirs to give. */
gboolean banyan_test_counts_allocations (void);
/* By all threads, since the program began. */
guint64 banyan_test_get_allocations (void);

G_END_DECLS
