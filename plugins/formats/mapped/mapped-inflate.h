/* mapped-inflate.h - what zlib has packed, unpacked on a thread of the pool
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

typedef struct _MappedInflater MappedInflater;

/* @is_bare: deflate without zlib's header. */
MappedInflater *mapped_inflater_new (gboolean is_bare);
void mapped_inflater_free (MappedInflater *self);

/* Whether exactly @output_size bytes come of it; what follows their end in @input does not matter.
 * Any thread; remembers what it needed for the next one. */
gboolean BANYAN_COROUTINE mapped_inflate (MappedInflater *self, const guint8 *input,
                                          gsize input_size, guint8 *output, gsize output_size);
