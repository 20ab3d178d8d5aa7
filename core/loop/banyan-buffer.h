/* banyan-buffer.h - memory for the data of requests, from a pool of the thread's own
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-coroutine.h>

G_BEGIN_DECLS

/* Where each buffer begins: as aligned as any device asks for. */
#define BANYAN_BUFFER_ALIGNMENT 4096

/* What it holds is whatever was there before. */
typedef struct
{
  guint8 *data;
  gsize size; /* bytes at data: at least what was asked for */
  guint references;
} BanyanBuffer;

BANYAN_API
BanyanBuffer *banyan_buffer_new (gsize size);
BANYAN_API
BanyanBuffer *banyan_buffer_ref (BanyanBuffer *self);
BANYAN_API
void banyan_buffer_unref (BanyanBuffer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanBuffer, banyan_buffer_unref)

G_END_DECLS
