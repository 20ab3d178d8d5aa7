/* mapped-cache.c - pieces of an image in memory, as many as there is room for
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sets of slots, by the key's hash. A slot counts its users; who finds that number at -1 finds
 * nothing there, and only at -1 are the key and the bytes written. So a reader that has raised the
 * number and still finds its key may read, without a lock. Who wants a few bytes does not even
 * count as a user, but copies them, and sees by the slot's sequence that nobody has written
 * meanwhile. All else is under the mutex. */

#include "mapped-cache.h"

#include <errno.h>
#include <sys/mman.h>

#define MAX_WAYS 8
#define NOBODYS -1

typedef enum
{
  SLOT_EMPTY,
  SLOT_LOADING,
  SLOT_READY,
} SlotState;

struct _MappedSlot
{
  guint64 key;      /* atomic */
  gint n_users;     /* atomic */
  guint32 used;     /* atomic: the cache's time */
  guint32 sequence; /* atomic: odd while the key and the bytes are written */
  SlotState state;
  guint8 *bytes;
};

gboolean
mapped_cache_init (MappedCache *self, gsize slot_size, gsize memory_size, guint min_slots,
                   GError **error)
{
  guint n_slots = MAX (MIN (memory_size / slot_size, 65536), min_slots);

  *self = (MappedCache){ .slot_size = slot_size, .n_sets = 1 };
  while (n_slots / (self->n_sets * 2) >= MAX_WAYS)
    self->n_sets *= 2;
  self->n_ways = n_slots / self->n_sets;
  n_slots = self->n_sets * self->n_ways;

  self->memory_size = n_slots * slot_size;
  self->memory = mmap (NULL, self->memory_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (self->memory == MAP_FAILED)
    return banyan_throw_errno (error, errno, "%" G_GSIZE_FORMAT " bytes for a cache",
                               self->memory_size);

  self->slots = g_new0 (MappedSlot, n_slots);
  for (guint i = 0; i < n_slots; i++)
    {
      self->slots[i].n_users = NOBODYS;
      self->slots[i].bytes = self->memory + i * slot_size;
    }
  banyan_co_mutex_init (&self->mutex);
  banyan_co_cond_init (&self->changed);
  return TRUE;
}

void
mapped_cache_clear (MappedCache *self)
{
  if (self->slots == NULL)
    return;

  banyan_co_mutex_clear (&self->mutex);
  munmap (self->memory, self->memory_size);
  g_clear_pointer (&self->slots, g_free);
}

const guint8 *
mapped_slot_get_bytes (const MappedSlot *slot)
{
  return slot->bytes;
}

/* -- Without a lock. -- */

static MappedSlot *
get_set (MappedCache *self, guint64 key)
{
  guint64 hash = key * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return &self->slots[(hash >> 32 & (self->n_sets - 1)) * self->n_ways];
}

static gboolean
join (MappedSlot *slot)
{
  gint n = __atomic_load_n (&slot->n_users, __ATOMIC_RELAXED);

  while (n != NOBODYS)
    if (__atomic_compare_exchange_n (&slot->n_users, &n, n + 1, TRUE, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
      return TRUE;
  return FALSE;
}

/* The order of these two, and that of those in find_room (), makes one of both sides see the other:
 * either the last user finds who waits, or who waits finds the slot without users. */
void BANYAN_COROUTINE
mapped_cache_put (MappedCache *self, MappedSlot *slot)
{
  if (__atomic_sub_fetch (&slot->n_users, 1, __ATOMIC_SEQ_CST) > 0
      || __atomic_load_n (&self->n_waiting, __ATOMIC_SEQ_CST) == 0)
    return;

  banyan_co_mutex_lock (&self->mutex);
  banyan_co_cond_broadcast (&self->changed);
  banyan_co_mutex_unlock (&self->mutex);
}

static void
touch (MappedCache *self, MappedSlot *slot)
{
  guint32 now = __atomic_load_n (&self->time, __ATOMIC_RELAXED);

  if (__atomic_load_n (&slot->used, __ATOMIC_RELAXED) != now)
    __atomic_store_n (&slot->used, now, __ATOMIC_RELAXED);
}

static gboolean
copy_unless_written (const MappedSlot *slot, guint64 key, gsize skip, guint8 *bytes, gsize length)
{
  guint32 sequence = __atomic_load_n (&slot->sequence, __ATOMIC_ACQUIRE);

  if (sequence % 2 != 0 || __atomic_load_n (&slot->n_users, __ATOMIC_RELAXED) == NOBODYS
      || __atomic_load_n (&slot->key, __ATOMIC_RELAXED) != key)
    return FALSE;

  for (gsize i = 0; i < length; i++)
    bytes[i] = __atomic_load_n (&slot->bytes[skip + i], __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_ACQUIRE);
  return __atomic_load_n (&slot->sequence, __ATOMIC_RELAXED) == sequence;
}

gboolean
mapped_cache_peek (MappedCache *self, guint64 key, gsize skip, gpointer bytes, gsize length)
{
  MappedSlot *slot = get_set (self, key);

  for (guint way = 0; way < self->n_ways; way++, slot++)
    if (__atomic_load_n (&slot->key, __ATOMIC_RELAXED) == key
        && copy_unless_written (slot, key, skip, bytes, length))
      {
        touch (self, slot);
        return TRUE;
      }
  return FALSE;
}

static MappedSlot *BANYAN_COROUTINE
find_at_once (MappedCache *self, guint64 key)
{
  MappedSlot *slot = get_set (self, key);

  for (guint way = 0; way < self->n_ways; way++, slot++)
    {
      if (__atomic_load_n (&slot->key, __ATOMIC_RELAXED) != key || !join (slot))
        continue;
      if (__atomic_load_n (&slot->key, __ATOMIC_RELAXED) == key)
        {
          touch (self, slot);
          return slot;
        }
      mapped_cache_put (self, slot);
    }
  return NULL;
}

/* -- Under the mutex. -- */

static MappedSlot *
find (MappedCache *self, guint64 key)
{
  MappedSlot *slot = get_set (self, key);

  for (guint way = 0; way < self->n_ways; way++, slot++)
    if (slot->state != SLOT_EMPTY && slot->key == key)
      return slot;
  return NULL;
}

static gboolean
take_over (MappedSlot *slot)
{
  gint nobody = 0;

  return slot->state == SLOT_EMPTY
         || __atomic_compare_exchange_n (&slot->n_users, &nobody, NOBODYS, FALSE, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
}

/* The slot of the set that was not used for longest. NULL: all of them are looked at. */
static MappedSlot *
find_room (MappedCache *self, guint64 key)
{
  MappedSlot *set = get_set (self, key);
  MappedSlot *oldest = NULL;
  guint32 now = self->time, oldest_age = 0;

  for (guint way = 0; way < self->n_ways; way++)
    {
      MappedSlot *slot = &set[way];
      guint32 age = slot->state == SLOT_EMPTY
                        ? G_MAXUINT32
                        : now - __atomic_load_n (&slot->used, __ATOMIC_RELAXED);

      if (slot->state == SLOT_LOADING || __atomic_load_n (&slot->n_users, __ATOMIC_SEQ_CST) > 0)
        continue;
      if (oldest == NULL || age > oldest_age)
        oldest = slot, oldest_age = age;
    }
  return oldest != NULL && take_over (oldest) ? oldest : NULL;
}

static gboolean BANYAN_COROUTINE
fill (MappedCache *self, MappedSlot *slot, guint64 key, MappedLoadFunc load, gpointer data,
      GError **error)
{
  gboolean loaded;

  slot->state = SLOT_LOADING;
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_RELEASE);
  __atomic_store_n (&slot->key, key, __ATOMIC_RELAXED);
  banyan_co_mutex_unlock (&self->mutex);

  loaded = load (data, key, slot->bytes, error);

  banyan_co_mutex_lock (&self->mutex);
  slot->state = loaded ? SLOT_READY : SLOT_EMPTY;
  __atomic_store_n (&slot->used, __atomic_add_fetch (&self->time, 1, __ATOMIC_RELAXED),
                    __ATOMIC_RELAXED);
  __atomic_store_n (&slot->sequence, slot->sequence + 1, __ATOMIC_RELEASE);
  __atomic_store_n (&slot->n_users, loaded ? 1 : NOBODYS, __ATOMIC_RELEASE);
  banyan_co_cond_broadcast (&self->changed);
  banyan_co_mutex_unlock (&self->mutex);
  return loaded;
}

/* Those who want the same while it is loaded wait for the one who loads it, and try for themselves
 * if that failed. */
MappedSlot *BANYAN_COROUTINE
mapped_cache_get (MappedCache *self, guint64 key, MappedLoadFunc load, gpointer data,
                  GError **error)
{
  MappedSlot *slot = find_at_once (self, key);

  if (G_LIKELY (slot != NULL))
    return slot;

  banyan_co_mutex_lock (&self->mutex);
  while (TRUE)
    {
      slot = find (self, key);
      if (slot != NULL && slot->state == SLOT_READY && join (slot))
        {
          banyan_co_mutex_unlock (&self->mutex);
          return slot;
        }
      __atomic_add_fetch (&self->n_waiting, 1, __ATOMIC_SEQ_CST);
      if (slot == NULL && (slot = find_room (self, key)) != NULL)
        {
          __atomic_sub_fetch (&self->n_waiting, 1, __ATOMIC_SEQ_CST);
          return fill (self, slot, key, load, data, error) ? slot : NULL;
        }
      banyan_co_cond_wait (&self->changed, &self->mutex);
      __atomic_sub_fetch (&self->n_waiting, 1, __ATOMIC_SEQ_CST);
    }
}
