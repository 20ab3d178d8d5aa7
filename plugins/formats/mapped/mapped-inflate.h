/* mapped-inflate.h - what zlib has packed, unpacked on a thread of the pool
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

typedef struct _MappedInflater MappedInflater;

/* @is_bare: deflate without zlib's header. */
MappedInflater *mapped_inflater_new (gboolean is_bare);
void mapped_inflater_free (MappedInflater *self);

/* How many bytes came of it, at most @output_size; what follows their end in @input does not
 * matter. -1: damaged, or there is more than that. On a thread of the pool, which remembers what it
 * needed for the next one. */
gssize BANYAN_COROUTINE mapped_inflate (MappedInflater *self, const guint8 *input, gsize input_size,
                                        guint8 *output, gsize output_size);
