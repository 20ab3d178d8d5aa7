/* memory-store.c - sparse bytes in memory, used by any number of threads
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A radix tree of three levels leads to chunks of 64 KiB. Tables and chunks are installed by
 * compare-and-swap, and neither is ever moved or freed while the store lives, so a reader follows
 * plain pointers and needs no lock. To zero a whole chunk clears its DATA bit and gives its pages
 * back with MADV_DONTNEED; the address stays good for whoever is still reading it.
 *
 * A chunk without DATA holds nothing but zeroes, and what writers under way have put there so far.
 * Therefore whoever empties a chunk clears DATA first, and DATA is not set again before the old
 * bytes are gone: both take the chunk's mutex. Everybody else goes by the bit alone:
 *
 * - A reader who finds no DATA has zeroes. One who found it, and is overtaken, has bytes of before,
 *   of after, or both, and was under way all the time.
 * - A writer sets DATA after its bytes are in place. Set first, it would show what was there before
 *   the chunk was zeroed. If DATA is there already, the write may end at once: who clears it from
 *   then on zeroes after the write. If it has to be set and somebody is emptying the chunk, the
 *   bytes may go too, even of a write that began after another zeroing was answered. That is right:
 *   to empty a chunk is to zero all of it, and it began before the write ended and ends after it
 *   began, so the zeroes may come last.
 * - Who zeroes the chunk or a part of it and finds no DATA has nothing to do, even while somebody
 *   else is emptying it: what is left in there will never show.
 *
 * A chunk that is KEPT is taken though nothing may be in it: somebody wanted no hole there. That
 * says nothing about its bytes, so to set it needs no mutex. */

#include "memory-store.h"

#include <string.h>
#include <sys/mman.h>

#define CHUNK_BITS 16
#define CHUNK_SIZE MEMORY_STORE_CHUNK
G_STATIC_ASSERT (CHUNK_SIZE == 1 << CHUNK_BITS);
#define LEVEL_BITS 12
#define LEVEL_SIZE (1u << LEVEL_BITS)

/* The system gives memory for this many chunks at a time: a huge page, or several. */
#define SLAB_CHUNKS 64
#define SLAB_SIZE (SLAB_CHUNKS * CHUNK_SIZE)

/* In the low bits of a leaf's entry. With either of them the chunk counts as allocated. */
#define CHUNK_DATA ((guintptr) 1)
#define CHUNK_KEPT ((guintptr) 2)
#define CHUNK_TAKEN (CHUNK_DATA | CHUNK_KEPT)

/* To look at an entry, to take a chunk, or to give it back takes about as long as to clear so many
 * bytes. */
#define LOOK_WORK 128
#define KEEP_WORK 1024
#define GIVE_BACK_WORK 8192

/* Slabs of which chunks were given back are mappings of their own until there are so many. */
#define MAX_PLAIN_SLABS 256

/* Enough that two threads, each at a chunk of its own, seldom meet. */
#define N_MUTEXES 64

typedef struct
{
  guintptr entry[LEVEL_SIZE]; /* atomic: a Table, or a chunk and its bits in the last level */
} Table;

struct _MemoryStore
{
  Table root;

  GMutex mutex;      /* protects the slabs */
  GPtrArray *slabs;  /* (owned) (element-type guint8) */
  guint slab_used;   /* chunks taken of the last slab */
  GHashTable *plain; /* (owned) (element-type guint8): slabs that are not in huge pages any more */
  gboolean is_plain; /* atomic: no slab is in huge pages */
  guint64 allocated; /* atomic: bytes in chunks that are taken */

  GMutex chunk_mutexes[N_MUTEXES]; /* see above; by the chunk's address */
};

static void
slab_free (gpointer slab)
{
  munmap (slab, SLAB_SIZE);
}

/* NULL if there is no memory. */
static guint8 *
map_memory (guint8 *wanted, gsize length)
{
  guint8 *memory = mmap (wanted, length, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return memory != MAP_FAILED ? memory : NULL;
}

/* Right below another slab: the two become one mapping, of which a process may have 65530. */
static guint8 *
map_below (guint8 *neighbour)
{
  guint8 *slab = map_memory (neighbour - SLAB_SIZE, SLAB_SIZE);

  if (slab == NULL || slab == neighbour - SLAB_SIZE)
    return slab;
  munmap (slab, SLAB_SIZE);
  return NULL;
}

static guint8 *
map_anywhere (void)
{
  guint8 *twice = map_memory (NULL, 2 * SLAB_SIZE);
  guint8 *slab;

  if (twice == NULL)
    return NULL;

  slab = (guint8 *) (((guintptr) twice + SLAB_SIZE - 1) & ~(guintptr) (SLAB_SIZE - 1));
  if (slab > twice)
    munmap (twice, slab - twice);
  munmap (slab + SLAB_SIZE, twice + SLAB_SIZE - slab);
  return slab;
}

/* In huge pages where there are any: random requests otherwise miss the processor's table of pages
 * each time. Chunks are taken one after the other, so little more than one page is ever unused. */
static guint8 *
slab_new (guint8 *neighbour, gboolean is_plain)
{
  guint8 *slab = neighbour != NULL ? map_below (neighbour) : NULL;

  if (slab == NULL)
    slab = map_anywhere ();
  if (slab != NULL)
    madvise (slab, SLAB_SIZE, is_plain ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
  return slab;
}

/* Slabs lie at multiples of their size. */
static guint8 *
chunk_slab (guint8 *chunk)
{
  return (guint8 *) ((guintptr) chunk & ~(guintptr) (SLAB_SIZE - 1));
}

MemoryStore *
memory_store_new (void)
{
  MemoryStore *self = g_new0 (MemoryStore, 1);

  g_mutex_init (&self->mutex);
  for (guint i = 0; i < N_MUTEXES; i++)
    g_mutex_init (&self->chunk_mutexes[i]);
  self->slabs = g_ptr_array_new_with_free_func (slab_free);
  self->plain = g_hash_table_new (NULL, NULL);
  return self;
}

static void
table_free (Table *table, guint level)
{
  if (table == NULL)
    return;
  for (guint i = 0; level > 0 && i < LEVEL_SIZE; i++)
    table_free ((Table *) table->entry[i], level - 1);
  g_free (table);
}

void
memory_store_free (MemoryStore *self)
{
  for (guint i = 0; i < LEVEL_SIZE; i++)
    table_free ((Table *) self->root.entry[i], 1);

  g_ptr_array_unref (self->slabs);
  g_hash_table_unref (self->plain);
  g_mutex_clear (&self->mutex);
  for (guint i = 0; i < N_MUTEXES; i++)
    g_mutex_clear (&self->chunk_mutexes[i]);
  g_free (self);
}

static guint8 *
chunk_new (MemoryStore *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  guint8 *slab = self->slabs->len > 0 ? self->slabs->pdata[self->slabs->len - 1] : NULL;

  if (slab == NULL || self->slab_used == SLAB_CHUNKS)
    {
      slab = slab_new (slab, self->is_plain);
      if (slab == NULL)
        return NULL;
      g_ptr_array_add (self->slabs, slab);
      self->slab_used = 0;
    }

  return slab + self->slab_used++ * CHUNK_SIZE;
}

static guint
level_index (guint64 offset, guint level)
{
  return (offset >> (CHUNK_BITS + level * LEVEL_BITS)) & (LEVEL_SIZE - 1);
}

/* The leaf entry for @offset. Without @create NULL when there is no table for it; then @gap is what
 * such an absent table stands for, in bytes. */
static guintptr *
find_entry (MemoryStore *self, guint64 offset, gboolean create, guint64 *gap)
{
  Table *table = &self->root;

  for (guint level = 2; level > 0; level--)
    {
      guintptr *entry = &table->entry[level_index (offset, level)];
      Table *next = (Table *) __atomic_load_n (entry, __ATOMIC_ACQUIRE);

      if (next == NULL)
        {
          guintptr expected = 0;

          if (!create)
            {
              *gap = G_GUINT64_CONSTANT (1) << (CHUNK_BITS + level * LEVEL_BITS);
              return NULL;
            }
          next = g_try_new0 (Table, 1);
          if (next == NULL)
            return NULL;
          if (!__atomic_compare_exchange_n (entry, &expected, (guintptr) next, FALSE,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            {
              g_free (next);
              next = (Table *) expected;
            }
        }
      table = next;
    }

  *gap = CHUNK_SIZE;
  return &table->entry[level_index (offset, 0)];
}

static guint8 *
entry_chunk (guintptr entry)
{
  return (guint8 *) (entry & ~CHUNK_TAKEN);
}

/* The chunk for @entry, made if need be. Of two threads that make one, the later leaves its own
 * unused: it stays in the slab, never touched. */
static guint8 *
entry_ensure_chunk (MemoryStore *self, guintptr *entry)
{
  guintptr present = __atomic_load_n (entry, __ATOMIC_ACQUIRE);
  guint8 *chunk;

  if (entry_chunk (present) != NULL)
    return entry_chunk (present);

  chunk = chunk_new (self);
  if (chunk == NULL)
    return NULL;
  present = 0;
  if (__atomic_compare_exchange_n (entry, &present, (guintptr) chunk, FALSE, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE))
    return chunk;
  return entry_chunk (present);
}

/* Guests may overlap their requests; what they then read is theirs to sort out, so these copies are
 * not for the thread sanitizer. */
#if defined(__SANITIZE_THREAD__)
#define NO_TSAN __attribute__ ((no_sanitize ("thread"), noinline))
#else
#define NO_TSAN
#endif

static NO_TSAN void
copy_bytes (guint8 *to, const guint8 *from, gsize length)
{
#if defined(__SANITIZE_THREAD__)
  for (gsize i = 0; i < length; i++)
    to[i] = from[i];
#else
  memcpy (to, from, length);
#endif
}

void
memory_store_read (MemoryStore *self, guint64 offset, guint8 *to, gsize length)
{
  while (length > 0)
    {
      guint64 within = offset & (CHUNK_SIZE - 1);
      gsize piece = MIN (length, CHUNK_SIZE - within);
      guint64 gap;
      guintptr *entry = find_entry (self, offset, FALSE, &gap);
      guintptr present = entry != NULL ? __atomic_load_n (entry, __ATOMIC_ACQUIRE) : 0;

      if (present & CHUNK_DATA)
        copy_bytes (to, entry_chunk (present) + within, piece);
      else
        memset (to, 0, piece);

      offset += piece;
      to += piece;
      length -= piece;
    }
}

guint
memory_store_point_at (MemoryStore *self, guint64 offset, gsize length, struct iovec *iov,
                       guint n_iov)
{
  static guint8 zeroes[CHUNK_SIZE];
  guint n = 0;

  for (; n < n_iov && length > 0; n++)
    {
      guint64 within = offset & (CHUNK_SIZE - 1);
      gsize piece = MIN (length, CHUNK_SIZE - within);
      guint64 gap;
      guintptr *entry = find_entry (self, offset, FALSE, &gap);
      guintptr present = entry != NULL ? __atomic_load_n (entry, __ATOMIC_ACQUIRE) : 0;
      guint8 *chunk = present & CHUNK_DATA ? entry_chunk (present) : zeroes;

      iov[n] = (struct iovec){ chunk + within, piece };
      offset += piece;
      length -= piece;
    }

  return n;
}

static GMutex *
chunk_mutex (MemoryStore *self, const guint8 *chunk)
{
  return &self->chunk_mutexes[((guintptr) chunk >> CHUNK_BITS) % N_MUTEXES];
}

static void
set_bits (MemoryStore *self, guintptr *entry, guintptr bits)
{
  if (!(__atomic_fetch_or (entry, bits, __ATOMIC_ACQ_REL) & CHUNK_TAKEN))
    __atomic_fetch_add (&self->allocated, CHUNK_SIZE, __ATOMIC_RELAXED);
}

/* Returns what was set. */
static guintptr
clear_bits (MemoryStore *self, guintptr *entry, guintptr bits)
{
  guintptr before = __atomic_fetch_and (entry, ~bits, __ATOMIC_ACQ_REL) & CHUNK_TAKEN;

  if (before != 0 && (before & ~bits) == 0)
    __atomic_fetch_sub (&self->allocated, CHUNK_SIZE, __ATOMIC_RELAXED);
  return before;
}

static void
set_data (MemoryStore *self, guintptr *entry, const guint8 *chunk)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (chunk_mutex (self, chunk));

  set_bits (self, entry, CHUNK_DATA);
}

gboolean
memory_store_write (MemoryStore *self, guint64 offset, const guint8 *from, gsize length)
{
  while (length > 0)
    {
      guint64 within = offset & (CHUNK_SIZE - 1);
      gsize piece = MIN (length, CHUNK_SIZE - within);
      guint64 gap;
      guintptr *entry = find_entry (self, offset, TRUE, &gap);
      guint8 *chunk = entry != NULL ? entry_ensure_chunk (self, entry) : NULL;

      if (chunk == NULL)
        return FALSE;

      copy_bytes (chunk + within, from, piece);
      /* The compiler must not look before it has copied; for the processor see empty_chunk(). */
      __atomic_signal_fence (__ATOMIC_SEQ_CST);
      if (!(__atomic_load_n (entry, __ATOMIC_ACQUIRE) & CHUNK_DATA))
        set_data (self, entry, chunk);

      offset += piece;
      from += piece;
      length -= piece;
    }

  return TRUE;
}

static NO_TSAN void
zero_bytes (guint8 *bytes, gsize length)
{
#if defined(__SANITIZE_THREAD__)
  for (gsize i = 0; i < length; i++)
    bytes[i] = 0;
#else
  memset (bytes, 0, length);
#endif
}

/* Each slab lies right below the one before it, if it could: as few calls as that allows. */
static void
make_all_plain (MemoryStore *self)
{
  guint8 *const *slabs = (guint8 *const *) self->slabs->pdata;

  for (guint first = 0, next; first < self->slabs->len; first = next)
    {
      for (next = first + 1; next < self->slabs->len; next++)
        if (slabs[next] != slabs[next - 1] - SLAB_SIZE)
          break;
      madvise (slabs[next - 1], (next - first) * SLAB_SIZE, MADV_NOHUGEPAGE);
    }
}

/* A huge page of which a part was given back is not one any more; else the kernel, where it finds
 * that the rest is in use, fills that part in again in a while. What differs from its neighbour is
 * a mapping of its own, of which there are not enough for all the slabs of a large disk. */
static void
make_plain (MemoryStore *self, guint8 *slab)
{
  g_autoptr (GMutexLocker) locker = NULL;

  if (__atomic_load_n (&self->is_plain, __ATOMIC_RELAXED))
    return;

  locker = g_mutex_locker_new (&self->mutex);
  if (self->is_plain || !g_hash_table_add (self->plain, slab))
    return;

  madvise (slab, SLAB_SIZE, MADV_NOHUGEPAGE);
  if (g_hash_table_size (self->plain) < MAX_PLAIN_SLABS)
    return;

  __atomic_store_n (&self->is_plain, TRUE, __ATOMIC_RELAXED);
  make_all_plain (self);
  g_hash_table_remove_all (self->plain);
}

/* To take pages away interrupts the processors that use them. That also orders what a writer there
 * has copied before its look at DATA, without a fence in every write. */
static void
empty_chunk (MemoryStore *self, guintptr *entry)
{
  guint8 *chunk = entry_chunk (__atomic_load_n (entry, __ATOMIC_ACQUIRE));
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (chunk_mutex (self, chunk));

  if (clear_bits (self, entry, CHUNK_TAKEN) == 0)
    return;
  make_plain (self, chunk_slab (chunk));
  /* Refused for memory that the process has locked: the next write to the chunk would bring back
   * what is left in it. */
  if (madvise (chunk, CHUNK_SIZE, MADV_DONTNEED) != 0)
    zero_bytes (chunk, CHUNK_SIZE);
}

/* Zeroes all of a chunk and gives it back. One that was only kept may have got pages with its
 * neighbour, in a huge one. */
static guint64
give_back (MemoryStore *self, guintptr *entry, guintptr present)
{
  if (!(present & CHUNK_TAKEN))
    return 0;

  empty_chunk (self, entry);
  return GIVE_BACK_WORK;
}

/* A chunk that nobody has written to is zero already: its pages are not touched. */
static gboolean
keep (MemoryStore *self, guintptr *entry, guint64 *work)
{
  if (entry == NULL || entry_ensure_chunk (self, entry) == NULL)
    return FALSE;

  set_bits (self, entry, CHUNK_KEPT);
  *work += KEEP_WORK;
  return TRUE;
}

guint64
memory_store_zero (MemoryStore *self, guint64 offset, guint64 length, gboolean gives_back)
{
  guint64 done = 0, work = 0;

  while (done < length && work < MEMORY_STORE_STEP)
    {
      guint64 gap;
      guintptr *entry = find_entry (self, offset + done, !gives_back, &gap);
      guintptr present = entry != NULL ? __atomic_load_n (entry, __ATOMIC_ACQUIRE) : 0;
      guint64 within, piece;

      if (!gives_back && !(present & CHUNK_TAKEN) && !keep (self, entry, &work))
        break;

      within = (offset + done) & (gap - 1);
      piece = MIN (length - done, gap - within);
      if (gives_back && piece == CHUNK_SIZE)
        work += give_back (self, entry, present);
      else if (present & CHUNK_DATA)
        {
          zero_bytes (entry_chunk (present) + within, piece);
          work += piece;
        }

      done += piece;
      work += LOOK_WORK;
    }

  return done;
}

static MemoryStoreState
state_of (const guintptr *entry)
{
  guintptr present = entry != NULL ? __atomic_load_n (entry, __ATOMIC_ACQUIRE) : 0;

  return present & CHUNK_DATA   ? MEMORY_STORE_DATA
         : present & CHUNK_KEPT ? MEMORY_STORE_ZEROES
                                : MEMORY_STORE_HOLE;
}

guint64
memory_store_extent (MemoryStore *self, guint64 offset, guint64 length, MemoryStoreState *state)
{
  guint64 extent = 0;

  for (guint looks = 0; extent < length && looks < MEMORY_STORE_MAX_LOOKS; looks++)
    {
      guint64 gap;
      MemoryStoreState found = state_of (find_entry (self, offset + extent, FALSE, &gap));

      if (extent == 0)
        *state = found;
      else if (*state != found)
        return extent;

      extent += gap - ((offset + extent) & (gap - 1));
    }

  return MIN (extent, length);
}

guint64
memory_store_get_allocated (MemoryStore *self)
{
  return __atomic_load_n (&self->allocated, __ATOMIC_RELAXED);
}
