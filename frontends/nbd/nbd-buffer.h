/* nbd-buffer.h - memory for payload, kept by a connection for its next request
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pool belongs to one connection, so no buffer that held one client's data reaches another. All
 * of it is used on the connection's thread. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define NBD_BUFFER_CLASSES 5

typedef struct _NbdBuffer NbdBuffer;
struct _NbdBuffer
{
  NbdBuffer *next;
  guint references;
  guint size_class; /* NBD_BUFFER_CLASSES: too large to keep */
  gsize size;       /* bytes at data */
  guint8 *data;     /* page-aligned */
};

typedef struct
{
  NbdBuffer *free[NBD_BUFFER_CLASSES];
  guint n_free[NBD_BUFFER_CLASSES];
} NbdBufferPool;

/* At least @size bytes, contents undefined; NULL when there is no memory. */
NbdBuffer *nbd_buffer_pool_take (NbdBufferPool *self, gsize size);
NbdBuffer *nbd_buffer_ref (NbdBuffer *self);
void nbd_buffer_pool_give_back (NbdBufferPool *self, NbdBuffer *buffer);
void nbd_buffer_pool_clear (NbdBufferPool *self);

G_END_DECLS
