/* mapped-cache.h - pieces of an image in memory, as many as there is room for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

typedef struct _MappedSlot MappedSlot;

/* Fills a slot with what @key stands for. */
typedef gboolean (*MappedLoadFunc) (gpointer data, guint64 key, guint8 *bytes, GError **error);

typedef struct
{
  gsize slot_size; /* bytes */
  guint n_sets;    /* a power of 2 */
  guint n_ways;
  MappedSlot *slots; /* (owned) (nullable): not in use */
  guint8 *memory;    /* (owned): reserved, and taken from the system as it is used */
  gsize memory_size;
  guint32 time;        /* atomic: how many were loaded */
  gint n_waiting;      /* atomic: who waits for a slot that nobody looks at */
  BanyanCoMutex mutex; /* of what the slots are, except for their users */
  BanyanCoCond changed;
} MappedCache;

/* Room for @memory_size bytes, but for @min_slots in any case. */
gboolean mapped_cache_init (MappedCache *self, gsize slot_size, gsize memory_size, guint min_slots,
                            GError **error);
void mapped_cache_clear (MappedCache *self);

/* A few bytes of what @key stands for, from @skip on, if it is there. Never waits. */
gboolean mapped_cache_peek (MappedCache *self, guint64 key, gsize skip, gpointer bytes,
                            gsize length);

/* What @key stands for; nobody overwrites it before it is put back. A hit takes no lock. */
MappedSlot *BANYAN_COROUTINE mapped_cache_get (MappedCache *self, guint64 key, MappedLoadFunc load,
                                               gpointer data, GError **error);
void BANYAN_COROUTINE mapped_cache_put (MappedCache *self, MappedSlot *slot);
const guint8 *mapped_slot_get_bytes (const MappedSlot *slot);
