/* memory-store.h - sparse bytes in memory, used by any number of threads
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct _MemoryStore MemoryStore;

/* Two terabytes short of what three levels of pages can name: a length that keeps arithmetic safe.
 */
#define MEMORY_STORE_MAX_LENGTH (G_GUINT64_CONSTANT (1) << 51)

/* Memory is taken, and given back, so many bytes at a time. */
#define MEMORY_STORE_CHUNK (G_GUINT64_CONSTANT (1) << 16)

/* What is done at a time where it may be more than one wants to wait for: about as much work as to
 * clear so many bytes, or to look at so many chunks. */
#define MEMORY_STORE_STEP (256 * 1024)
#define MEMORY_STORE_MAX_LOOKS 16384

typedef enum
{
  MEMORY_STORE_HOLE,
  MEMORY_STORE_ZEROES, /* kept for whoever will write there */
  MEMORY_STORE_DATA,
} MemoryStoreState;

MemoryStore *memory_store_new (void);
void memory_store_free (MemoryStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemoryStore, memory_store_free)

/* The calls below are safe beside each other, for any ranges, without locks. Where a read overlaps
 * a write, or two writes each other, each byte is of one of them. */
void memory_store_read (MemoryStore *self, guint64 offset, guint8 *to, gsize length);
/* FALSE: no memory; what fitted has been written. */
gboolean memory_store_write (MemoryStore *self, guint64 offset, const guint8 *from, gsize length);
/* Where the bytes of a range lie, to be read only: as much of it as @n_iov pieces name. They stay
 * there as long as the store does, and a write to them shows. */
guint memory_store_point_at (MemoryStore *self, guint64 offset, gsize length, struct iovec *iov,
                             guint n_iov);
/* With @gives_back whole chunks give their memory back to the system, and what has none takes none.
 * Else what has memory keeps it, as data, and what has none is given some, that nobody touches
 * yet. How far it came in one step; 0 when there is no memory. */
guint64 memory_store_zero (MemoryStore *self, guint64 offset, guint64 length, gboolean gives_back);
/* How far from @offset on, at most @length bytes, the store is seen to be in one state. */
guint64 memory_store_extent (MemoryStore *self, guint64 offset, guint64 length,
                             MemoryStoreState *state);
/* Bytes of chunks that hold data or are kept. */
guint64 memory_store_get_allocated (MemoryStore *self);

G_END_DECLS
