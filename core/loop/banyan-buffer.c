/* banyan-buffer.c - memory for the data of requests, from a pool of the thread's own
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a request needs, the one before it has just given back: it is at hand, without a lock, and a
 * cache still holds it. Where many gave back at once, the system has all but some of it again. */

#include "banyan-loop-core.h"

#include "banyan-buffer.h"

#include <sys/mman.h>

#if BANYAN_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (void) 0
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (void) 0
#endif

#define N_CLASSES 5

static const gsize class_size[N_CLASSES] = { 4096, 16384, 65536, 262144, 1048576 };

/* What a thread keeps of each class, in bytes. */
#define KEEP (4u << 20)

typedef struct _Buffer Buffer;
struct _Buffer
{
  BanyanBuffer public;
  Buffer *next; /* in the pool */
  guint size_class;
};

/* Coroutines do not migrate, so who takes and who gives back are mostly one thread. */
static __thread struct
{
  Buffer *first[N_CLASSES];
  guint n[N_CLASSES];
} pool;

static guint
find_class (gsize size)
{
  guint found = 0;

  while (found < N_CLASSES && size > class_size[found])
    found++;
  return found;
}

static Buffer *
map_buffer (gsize size, guint size_class)
{
  gsize page = BANYAN_BUFFER_ALIGNMENT;
  gsize mapped = size_class < N_CLASSES ? class_size[size_class] : (size + page - 1) & ~(page - 1);
  gpointer data = MAP_FAILED;
  Buffer *self;

  if (mapped >= size)
    data = mmap (NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return NULL;

  self = g_new0 (Buffer, 1);
  self->public = (BanyanBuffer){ .data = data, .size = mapped };
  self->size_class = size_class;
  return self;
}

static void
unmap_buffer (Buffer *self)
{
  ASAN_UNPOISON_MEMORY_REGION (self->public.data, self->public.size);
  munmap (self->public.data, self->public.size);
  g_free (self);
}

/**
 * banyan_buffer_new: (skip)
 * @size: bytes, at least 1
 *
 * Memory for the data of a request, at a multiple of %BANYAN_BUFFER_ALIGNMENT. Guests decide how
 * much that is: memory that cannot be had is their failure, not the program's end.
 *
 * Returns: (transfer full) (nullable): a buffer, or %NULL where there is no memory
 */
BanyanBuffer *
banyan_buffer_new (gsize size)
{
  guint size_class = find_class (size);
  Buffer *self;

  if (size_class < N_CLASSES && pool.first[size_class] != NULL)
    {
      self = pool.first[size_class];
      pool.first[size_class] = self->next;
      pool.n[size_class]--;
      ASAN_UNPOISON_MEMORY_REGION (self->public.data, self->public.size);
    }
  else
    self = map_buffer (size, size_class);

  if (self == NULL)
    return NULL;
  self->public.references = 1;
  return &self->public;
}

/**
 * banyan_buffer_ref: (skip)
 * @self: a buffer
 *
 * For another user of @self on the same thread.
 *
 * Returns: (transfer full): @self
 */
BanyanBuffer *
banyan_buffer_ref (BanyanBuffer *self)
{
  self->references++;
  return self;
}

/**
 * banyan_buffer_unref: (skip)
 * @self: (transfer full): a buffer
 *
 * Gives @self to the thread's pool with the last reference.
 */
void
banyan_buffer_unref (BanyanBuffer *self)
{
  Buffer *buffer = (Buffer *) self;
  guint size_class = buffer->size_class;

  if (--self->references > 0)
    return;

  if (size_class == N_CLASSES || pool.n[size_class] == KEEP / class_size[size_class])
    {
      unmap_buffer (buffer);
      return;
    }
  ASAN_POISON_MEMORY_REGION (self->data, self->size);
  buffer->next = pool.first[size_class];
  pool.first[size_class] = buffer;
  pool.n[size_class]++;
}

/* When the thread ends. */
void
banyan_buffers_clear (void)
{
  for (guint i = 0; i < N_CLASSES; i++)
    while (pool.first[i] != NULL)
      {
        Buffer *buffer = pool.first[i];

        pool.first[i] = buffer->next;
        pool.n[i]--;
        unmap_buffer (buffer);
      }
}
