/* banyan-probe.h - which format an image has, by how it begins
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

/* What no format needs more than. */
#define BANYAN_PROBE_BYTES 4096

/* How sure raw is of anything, which has no header. Where it wins, a guest that writes to the image
 * can make it look like something else. */
#define BANYAN_PROBE_ANYTHING 1

/* The name of the format whose driver is surest, and how sure that is, up to 100; NULL: there is
 * none. Loads all formats. Main thread. */
BANYAN_API
const char *banyan_format_probe (const guint8 *head, gsize length, guint *confidence);

G_END_DECLS
