/* qcow2-cache.c - slices of tables in memory
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A set of slots for each remainder of the key, so that neighbours do not get into each other's
 * way. The slot of a set that was not used for longest is given up first; one that has changed
 * cannot be, until it has been written. */

#include "qcow2-cache.h"

#include "qcow2-image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIN_WAYS 8

enum
{
  SLOT_EMPTY,
  SLOT_LOADING,
  SLOT_READY,
};

gboolean
qcow2_cache_init (Qcow2Cache *self, Qcow2Image *image, guint64 size, gsize slice_size,
                  GError **error)
{
  guint64 n_slots = MAX (MIN (size / slice_size, G_MAXINT32 / 16), 2);

  self->image = image;
  self->slice_size = slice_size;
  self->n_sets = 1;
  while (n_slots / (self->n_sets * 2) >= MIN_WAYS)
    self->n_sets *= 2;
  self->n_ways = n_slots / self->n_sets;
  self->stride = (self->n_ways + 7) & ~7u;
  n_slots = (guint64) self->n_sets * self->n_ways;

  self->memory_size = n_slots * slice_size;
  self->memory = mmap (NULL, self->memory_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (self->memory == MAP_FAILED)
    {
      self->memory = NULL;
      return banyan_throw_errno (error, errno, "%s: a cache of %" G_GSIZE_FORMAT " bytes",
                                 image->name, self->memory_size);
    }

  self->keys = g_new0 (guint64, (gsize) self->n_sets * self->stride);
  self->slots = g_new0 (Qcow2Slot, n_slots);
  self->dirty = g_new0 (guint64, (n_slots + 63) / 64);
  for (guint i = 0; i < n_slots; i++)
    self->slots[i].words = (guint64 *) (self->memory + i * slice_size);
  banyan_co_mutex_init (&self->mutex);
  banyan_co_cond_init (&self->changed);
  return TRUE;
}

void
qcow2_cache_clear (Qcow2Cache *self)
{
  if (self->memory == NULL)
    return;

  munmap (self->memory, self->memory_size);
  self->memory = NULL;
  self->n_held = 0;
  g_clear_pointer (&self->keys, g_free);
  g_clear_pointer (&self->slots, g_free);
  g_clear_pointer (&self->dirty, g_free);
}

static guint
n_slots (const Qcow2Cache *self)
{
  return self->n_sets * self->n_ways;
}

static gboolean
is_dirty (Qcow2Cache *self, guint index)
{
  return (__atomic_load_n (&self->dirty[index / 64], __ATOMIC_ACQUIRE) >> (index % 64)) & 1;
}

/* Returns whether it was. */
static gboolean
clear_dirty (Qcow2Cache *self, guint index)
{
  guint64 bit = G_GUINT64_CONSTANT (1) << (index % 64);

  return (__atomic_fetch_and (&self->dirty[index / 64], ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

static void
set_key (Qcow2Cache *self, guint index, guint64 key)
{
  guint set = index / self->n_ways, way = index % self->n_ways;

  __atomic_store_n (&self->keys[(gsize) set * self->stride + way], key, __ATOMIC_RELEASE);
}

/* -- Words. -- */

void
qcow2_slot_store_pair (Qcow2Slot *slot, guint word, guint64 first, guint64 second)
{
  guint32 sequence;

  do
    sequence = __atomic_load_n (&slot->sequence, __ATOMIC_RELAXED) & ~1u;
  while (!__atomic_compare_exchange_n (&slot->sequence, &sequence, sequence + 1, FALSE,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));

  qcow2_slot_store (slot, word, first);
  qcow2_slot_store (slot, word + 1, second);
  __atomic_store_n (&slot->sequence, sequence + 2, __ATOMIC_RELEASE);
}

static void
copy_words (guint64 *to, const guint64 *from, gsize size)
{
  for (gsize i = 0; i < size / sizeof *to; i++)
    __atomic_store_n (&to[i], from[i], __ATOMIC_RELEASE);
}

/* -- Getting. -- */

static Qcow2Slot *
find (Qcow2Cache *self, guint64 key)
{
  Qcow2Slot *slot = &self->slots[(key & (self->n_sets - 1)) * self->n_ways];

  for (guint way = 0; way < self->n_ways; way++, slot++)
    if (slot->state != SLOT_EMPTY && slot->key == key)
      return slot;
  return NULL;
}

/* What can be given up at once. @may_clean: whether one could be if it were written. */
static Qcow2Slot *
find_victim (Qcow2Cache *self, guint64 key, gboolean *may_clean)
{
  Qcow2Slot *slot = &self->slots[(key & (self->n_sets - 1)) * self->n_ways];
  guint32 now = __atomic_load_n (&self->time, __ATOMIC_RELAXED);
  Qcow2Slot *victim = NULL;
  guint32 age = 0;

  *may_clean = FALSE;
  for (guint way = 0; way < self->n_ways; way++, slot++)
    {
      guint32 its_age = now - __atomic_load_n (&slot->used, __ATOMIC_RELAXED);

      if (slot->state == SLOT_EMPTY)
        return slot;
      if (slot->state == SLOT_LOADING || slot->pins > 0)
        continue;
      if (is_dirty (self, slot - self->slots))
        *may_clean = TRUE;
      else if (victim == NULL || its_age > age)
        victim = slot, age = its_age;
    }
  return victim;
}

static gboolean BANYAN_COROUTINE
read_slice (Qcow2Cache *self, guint64 key, guint64 *words, GError **error)
{
  guint64 offset = self->locate (self->image, key);
  guint64 end = banyan_child_get_length (self->image->file);
  gsize there = offset < end ? MIN (self->slice_size, end - offset) : 0;

  if (offset == 0)
    there = 0;
  memset ((guint8 *) words + there, 0, self->slice_size - there);
  if (there > 0)
    qcow2_image_announce (self->image, self->load_event);
  if (there > 0 && !banyan_child_pread (self->image->file, offset, words, there, error))
    return FALSE;
  return self->check == NULL || self->check (self->image, key, words, error);
}

/* Reads into memory of its own, since others may still be looking at what the slot had. */
static gboolean BANYAN_COROUTINE
load (Qcow2Cache *self, Qcow2Slot *slot, guint64 key, GError **error)
{
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (self->slice_size);
  guint index = slot - self->slots;
  gboolean loaded = FALSE;

  if (buffer == NULL)
    banyan_throw_errno (error, ENOMEM, "%s: no memory to read a table", self->image->name);
  else
    loaded = read_slice (self, key, (guint64 *) buffer->data, error);

  banyan_co_mutex_lock (&self->mutex);
  if (loaded)
    {
      copy_words (slot->words, (guint64 *) buffer->data, self->slice_size);
      __atomic_fetch_add (&self->n_held, 1, __ATOMIC_RELAXED);
    }
  else
    set_key (self, index, 0);
  slot->state = loaded ? SLOT_READY : SLOT_EMPTY;
  slot->pins = loaded ? 1 : 0;
  __atomic_store_n (&slot->used, __atomic_add_fetch (&self->time, 1, __ATOMIC_RELAXED),
                    __ATOMIC_RELAXED);
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELEASE);
  banyan_co_cond_broadcast (&self->changed);
  banyan_co_mutex_unlock (&self->mutex);
  qcow2_sweeper_note (self->image);
  return loaded;
}

/* Under the mutex: nobody finds in the slot what it had, and nobody finds the new. */
static void
begin_loading (Qcow2Cache *self, Qcow2Slot *slot, guint64 key)
{
  if (slot->state == SLOT_READY)
    __atomic_fetch_sub (&self->n_held, 1, __ATOMIC_RELAXED);
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELAXED);
  set_key (self, slot - self->slots, key + 1);
  slot->key = key;
  slot->state = SLOT_LOADING;
}

/* Under the mutex, which it gives up for as long as it waits. FALSE: cleaning failed. */
static gboolean BANYAN_COROUTINE
wait_for_slot (Qcow2Cache *self, gboolean may_clean, GError **error)
{
  gboolean cleaned;

  if (!may_clean)
    {
      banyan_co_cond_wait (&self->changed, &self->mutex);
      return TRUE;
    }

  banyan_co_mutex_unlock (&self->mutex);
  cleaned = self->clean (self->image, error);
  banyan_co_mutex_lock (&self->mutex);
  return cleaned;
}

Qcow2Slot *BANYAN_COROUTINE
qcow2_cache_get (Qcow2Cache *self, guint64 key, GError **error)
{
  banyan_co_mutex_lock (&self->mutex);
  while (TRUE)
    {
      Qcow2Slot *slot = find (self, key);
      gboolean may_clean = FALSE;

      if (slot != NULL && slot->state == SLOT_READY)
        {
          slot->pins++;
          __atomic_store_n (&slot->used, __atomic_load_n (&self->time, __ATOMIC_RELAXED),
                            __ATOMIC_RELAXED);
          banyan_co_mutex_unlock (&self->mutex);
          return slot;
        }
      if (slot == NULL && (slot = find_victim (self, key, &may_clean)) != NULL)
        {
          begin_loading (self, slot, key);
          banyan_co_mutex_unlock (&self->mutex);
          return load (self, slot, key, error) ? slot : NULL;
        }
      if (!wait_for_slot (self, may_clean, error))
        {
          banyan_co_mutex_unlock (&self->mutex);
          return NULL;
        }
    }
}

void BANYAN_COROUTINE
qcow2_cache_put (Qcow2Cache *self, Qcow2Slot *slot)
{
  banyan_co_mutex_lock (&self->mutex);
  if (--slot->pins == 0)
    banyan_co_cond_broadcast (&self->changed);
  banyan_co_mutex_unlock (&self->mutex);
}

/* -- Writing. -- */

static gboolean BANYAN_COROUTINE
write_slot (Qcow2Cache *self, Qcow2Slot *slot, BanyanBuffer *buffer, GError **error)
{
  guint64 *words = (guint64 *) buffer->data;
  guint64 offset = self->locate (self->image, slot->key);

  for (gsize i = 0; i < self->slice_size / sizeof *words; i++)
    words[i] = __atomic_load_n (&slot->words[i], __ATOMIC_ACQUIRE);
  qcow2_image_announce (self->image, self->update_event);
  if (offset != 0
      && qcow2_image_write_table (self->image, self->kind, offset, words, self->slice_size, error))
    return TRUE;
  if (offset == 0)
    banyan_throw_errno (error, EIO, "%s: a table lost its place", self->image->name);

  qcow2_cache_mark_dirty (self, slot);
  __atomic_fetch_add (&self->failures, 1, __ATOMIC_RELEASE);
  return FALSE;
}

/* Pinned, it does not become another while it is written. */
static gboolean BANYAN_COROUTINE
write_if_dirty (Qcow2Cache *self, guint index, BanyanBuffer *buffer, GError **error)
{
  Qcow2Slot *slot = &self->slots[index];
  gboolean written = TRUE;

  banyan_co_mutex_lock (&self->mutex);
  while (slot->writing)
    banyan_co_cond_wait (&self->changed, &self->mutex);
  if (slot->state == SLOT_READY && clear_dirty (self, index))
    {
      slot->pins++;
      slot->writing = TRUE;
      __atomic_fetch_add (&self->n_writing, 1, __ATOMIC_RELAXED);
      banyan_co_mutex_unlock (&self->mutex);

      written = write_slot (self, slot, buffer, error);

      banyan_co_mutex_lock (&self->mutex);
      slot->pins--;
      slot->writing = FALSE;
      __atomic_fetch_sub (&self->n_writing, 1, __ATOMIC_RELAXED);
      banyan_co_cond_broadcast (&self->changed);
    }
  banyan_co_mutex_unlock (&self->mutex);
  return written;
}

static void BANYAN_COROUTINE
wait_for_writers (Qcow2Cache *self)
{
  banyan_co_mutex_lock (&self->mutex);
  while (__atomic_load_n (&self->n_writing, __ATOMIC_RELAXED) > 0)
    banyan_co_cond_wait (&self->changed, &self->mutex);
  banyan_co_mutex_unlock (&self->mutex);
}

static gboolean BANYAN_COROUTINE
write_dirty_ones (Qcow2Cache *self, BanyanBuffer *buffer, GError **error)
{
  for (guint i = 0; i < n_slots (self); i++)
    {
      if (i % 64 == 0 && __atomic_load_n (&self->dirty[i / 64], __ATOMIC_ACQUIRE) == 0)
        i += 63;
      else if (is_dirty (self, i) && !write_if_dirty (self, i, buffer, error))
        return FALSE;
    }

  wait_for_writers (self);
  return TRUE;
}

/* What somebody else could not write meanwhile is still ours to write. */
gboolean BANYAN_COROUTINE
qcow2_cache_write_all (Qcow2Cache *self, GError **error)
{
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (self->slice_size);
  guint failures;

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to write a table", self->image->name);

  do
    {
      failures = __atomic_load_n (&self->failures, __ATOMIC_ACQUIRE);
      if (!write_dirty_ones (self, buffer, error))
        return FALSE;
    }
  while (__atomic_load_n (&self->failures, __ATOMIC_ACQUIRE) != failures);
  return TRUE;
}

gboolean
qcow2_cache_is_dirty (Qcow2Cache *self)
{
  for (guint i = 0; i < (n_slots (self) + 63) / 64; i++)
    if (__atomic_load_n (&self->dirty[i], __ATOMIC_ACQUIRE) != 0)
      return TRUE;
  return FALSE;
}

/* -- Forgetting. -- */

guint64
qcow2_cache_get_held (Qcow2Cache *self)
{
  return (guint64) __atomic_load_n (&self->n_held, __ATOMIC_RELAXED) * self->slice_size;
}

/* The memory goes back to the system, and reads as zeroes for whoever still looks at it. */
static void
forget (Qcow2Cache *self, Qcow2Slot *slot)
{
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELAXED);
  set_key (self, slot - self->slots, 0);
  slot->state = SLOT_EMPTY;
  __atomic_fetch_sub (&self->n_held, 1, __ATOMIC_RELAXED);
  if (self->slice_size % 4096 == 0)
    madvise (slot->words, self->slice_size, MADV_DONTNEED);
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELEASE);
}

void BANYAN_COROUTINE
qcow2_cache_forget_idle (Qcow2Cache *self)
{
  banyan_co_mutex_lock (&self->mutex);
  for (guint i = 0; i < n_slots (self); i++)
    {
      Qcow2Slot *slot = &self->slots[i];

      if (slot->state == SLOT_READY && slot->pins == 0 && !is_dirty (self, i)
          && (gint32) (__atomic_load_n (&slot->used, __ATOMIC_RELAXED) - self->swept) < 0)
        forget (self, slot);
    }
  self->swept = __atomic_add_fetch (&self->time, 1, __ATOMIC_RELAXED);
  banyan_co_mutex_unlock (&self->mutex);
}

void BANYAN_COROUTINE
qcow2_cache_drop (Qcow2Cache *self)
{
  banyan_co_mutex_lock (&self->mutex);
  for (guint i = 0; i < n_slots (self); i++)
    {
      Qcow2Slot *slot = &self->slots[i];

      while (slot->state == SLOT_LOADING || slot->pins > 0)
        banyan_co_cond_wait (&self->changed, &self->mutex);
      if (slot->state == SLOT_READY)
        forget (self, slot);
    }
  banyan_co_mutex_unlock (&self->mutex);
}

void
qcow2_cache_forget_all (Qcow2Cache *self)
{
  for (guint i = 0; i < n_slots (self); i++)
    {
      clear_dirty (self, i);
      if (self->slots[i].state == SLOT_READY)
        forget (self, &self->slots[i]);
    }
}
