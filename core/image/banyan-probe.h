/* banyan-probe.h - which format an image has, by how it begins or ends
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

/* What no format needs more than. */
#define BANYAN_PROBE_BYTES 4096

/* How sure raw is of anything, which has no header. Where it wins, a guest that writes to the image
 * can make it look like something else. */
#define BANYAN_PROBE_ANYTHING 1

/* How sure a format can be by the end of an image. A guest that has a raw disk can write its last
 * sectors, too, and unlike the first ones it does not need them: who goes by them says so. */
#define BANYAN_PROBE_END 40
#define BANYAN_PROBE_END_BYTES 1024

/* The name of the format whose driver is surest, and how sure that is, up to 100; NULL: there is
 * none. Loads all formats. Main thread. */
BANYAN_API
const char *banyan_format_probe (const guint8 *head, gsize length, guint *confidence);
/* Likewise by the end, for an image whose beginning tells nothing. NULL: neither does that. */
BANYAN_API
const char *banyan_format_probe_end (const guint8 *tail, gsize length, guint64 image_length,
                                     guint *confidence);

G_END_DECLS
