/* qcow2-cache.h - slices of tables in memory
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading what is there takes no lock and writes nothing that others read. A slice has a sequence
 * number, odd while the slice is exchanged; who reads a word looks at the number before and after,
 * and goes the long way if it was odd or has changed. */

#pragma once

#include "qcow2-overlap.h"

#include <banyan/banyan-plugin.h>

typedef struct _Qcow2Image Qcow2Image;
typedef struct _Qcow2Cache Qcow2Cache;

typedef struct
{
  guint32 sequence; /* atomic */
  guint32 used;     /* atomic: the cache's time when it was last asked for */
  guint8 state;     /* under the mutex, as are those below */
  gboolean writing; /* nobody else writes it, or what was written last would not be known */
  guint pins;
  guint64 key;
  guint64 *words; /* (unowned): atomic, in the image's byte order */
} Qcow2Slot;

struct _Qcow2Cache
{
  Qcow2Image *image;
  /* Where the slice with @key lies in file; 0: nowhere, it is all zeroes. */
  guint64 (*locate) (Qcow2Image *image, guint64 key);
  /* Looks at what was read, before anyone uses it. */
  gboolean (*check) (Qcow2Image *image, guint64 key, const guint64 *words, GError **error);
  /* Makes slices clean that were not. */
  gboolean (*clean) (Qcow2Image *image, GError **error);

  /* Of the tables. */
  Qcow2Meta kind;
  /* What is announced before a slice is read, and written. */
  BanyanDebugEvent load_event;
  BanyanDebugEvent update_event;

  gsize slice_size;
  guint n_sets; /* a power of 2 */
  guint n_ways;
  guint stride;     /* of keys, so that a set begins where a line of the processor's cache does */
  guint64 *keys;    /* (owned): atomic: key + 1, or 0 */
  Qcow2Slot *slots; /* (owned) */
  guint64 *dirty;   /* (owned): atomic: one bit a slot */
  guint n_writing;  /* atomic */
  guint failures;   /* atomic: slices that could not be written */
  guint8 *memory;   /* (owned): mapped; pages come when they are used */
  gsize memory_size;
  guint32 time;  /* atomic: counts slices that were read */
  guint32 swept; /* under the mutex: when idle ones were forgotten last */
  guint n_held;  /* atomic: slots that hold a slice */

  BanyanCoMutex mutex;
  BanyanCoCond changed;
};

/* At most @size bytes of memory, and at least two slices. */
gboolean qcow2_cache_init (Qcow2Cache *self, Qcow2Image *image, guint64 size, gsize slice_size,
                           GError **error);
void qcow2_cache_clear (Qcow2Cache *self);

/* Pins the slice with @key in memory; NULL on failure. */
Qcow2Slot *BANYAN_COROUTINE qcow2_cache_get (Qcow2Cache *self, guint64 key, GError **error);
void BANYAN_COROUTINE qcow2_cache_put (Qcow2Cache *self, Qcow2Slot *slot);

/* Writes all slices that have changed, and waits for those that others write. Who changes one
 * meanwhile either keeps out, or does not mind that storage has some of it already. */
gboolean BANYAN_COROUTINE qcow2_cache_write_all (Qcow2Cache *self, GError **error);
gboolean qcow2_cache_is_dirty (Qcow2Cache *self);
/* Bytes of slices that are in memory. */
guint64 qcow2_cache_get_held (Qcow2Cache *self);
/* Forgets what is clean and was not used since the last call; nothing waits. */
void BANYAN_COROUTINE qcow2_cache_forget_idle (Qcow2Cache *self);
/* Forgets everything, as storage has it otherwise; nothing has changed here. */
void BANYAN_COROUTINE qcow2_cache_drop (Qcow2Cache *self);
/* Forgets everything, changes included: nobody is inside. */
void qcow2_cache_forget_all (Qcow2Cache *self);

static inline guint64
qcow2_slot_load (const Qcow2Slot *slot, guint word)
{
  return GUINT64_FROM_BE (__atomic_load_n (&slot->words[word], __ATOMIC_ACQUIRE));
}

static inline void
qcow2_slot_store (Qcow2Slot *slot, guint word, guint64 value)
{
  __atomic_store_n (&slot->words[word], GUINT64_TO_BE (value), __ATOMIC_RELEASE);
}

/* Two words that belong together: readers see both, or go the long way. One at a time, pinned. */
void qcow2_slot_store_pair (Qcow2Slot *slot, guint word, guint64 first, guint64 second);

static inline void
qcow2_cache_mark_dirty (Qcow2Cache *self, const Qcow2Slot *slot)
{
  guint index = slot - self->slots;

  __atomic_fetch_or (&self->dirty[index / 64], G_GUINT64_CONSTANT (1) << (index % 64),
                     __ATOMIC_RELEASE);
}

/* Whether the slice is at hand, and if so, its @n words from @word on, in host order. */
static inline gboolean
qcow2_cache_peek (Qcow2Cache *self, guint64 key, guint word, guint n, guint64 *values)
{
  guint set = key & (self->n_sets - 1);
  const guint64 *keys = self->keys + (gsize) set * self->stride;

  for (guint way = 0; way < self->n_ways; way++)
    {
      Qcow2Slot *slot;
      guint32 sequence, now;

      if (__atomic_load_n (&keys[way], __ATOMIC_ACQUIRE) != key + 1)
        continue;

      slot = &self->slots[set * self->n_ways + way];
      sequence = __atomic_load_n (&slot->sequence, __ATOMIC_ACQUIRE);
      if ((sequence & 1) != 0 || __atomic_load_n (&keys[way], __ATOMIC_ACQUIRE) != key + 1)
        return FALSE;
      for (guint i = 0; i < n; i++)
        values[i] = qcow2_slot_load (slot, word + i);
      if (__atomic_load_n (&slot->sequence, __ATOMIC_RELAXED) != sequence)
        return FALSE;

      now = __atomic_load_n (&self->time, __ATOMIC_RELAXED);
      if (__atomic_load_n (&slot->used, __ATOMIC_RELAXED) != now)
        __atomic_store_n (&slot->used, now, __ATOMIC_RELAXED);
      return TRUE;
    }

  return FALSE;
}
