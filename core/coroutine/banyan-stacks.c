/* banyan-stacks.c - where the stacks of coroutines come from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* A stack is a mapping of its own:
 *
 *   guard | stack, growing down | BanyanCoroutine | colour
 *
 * Each thread keeps its own pool, without a lock; what it has too many of goes to the spare list
 * that all threads share, with its pages given back. Mappings are never undone: see
 * banyan-coroutine-private.h.
 *
 * Size: requests of NBD clients through eight filters, a window at an odd offset and a direct file
 * touch 12 KiB. bench-coroutine measures how deep ordinary things go. Formatting an error takes 3
 * KiB, name resolution 7, a regular expression of GLib's 21, a request's own frames 220 to 670
 * bytes for each of as many layers as banyan-view-check.c allows. 256 KiB leaves room for what a
 * plugin's libraries do, and costs address space, not memory. Sanitizers multiply frames. */
#if BANYAN_ASAN || BANYAN_TSAN
#define STACK_SIZE_BYTES (2 * 1024 * 1024)
#else
#define STACK_SIZE_BYTES (256 * 1024)
#endif

/* Mappings begin on pages, so without colours the hot ends of all stacks would share the same few
 * sets of the first-level cache. */
#define N_COLOURS 32
#define COLOUR_BYTES 128

/* What a thread keeps for itself when it has nothing to do. */
#define KEEP 256

/* A stack and its guard are two of the mappings that vm.max_map_count allows a process. */
#define MAPPING_BYTES (BANYAN_STACK_GUARD_BYTES + STACK_SIZE_BYTES)
#define DEFAULT_MAX_MAP_COUNT 65530
#define MIN_CAPACITY KEEP
#define MAX_CAPACITY (1u << 18)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static BanyanCoroutine *spare;
static guint n_mapped;
static guint n_taken; /* atomic, changed with the lock: not among the spare ones */
/* How many there can be. Falls where the kernel says no before that. */
static guint capacity; /* atomic; 0: not known yet */

/* All coroutines, pooled ones included; debuggers walk it. */
BanyanCoroutine *banyan_coroutine_registry;

static BanyanCoroutine *
take_spare (guint *colour)
{
  BanyanCoroutine *coroutine;

  pthread_mutex_lock (&lock);
  BANYAN_LIVE_SET (n_taken, n_taken + 1);
  coroutine = spare;
  if (coroutine != NULL)
    {
      spare = coroutine->next;
      coroutine->loop = banyan_thread.loop;
    }
  else
    *colour = n_mapped++ % N_COLOURS;
  pthread_mutex_unlock (&lock);

  return coroutine;
}

static void
enlist (BanyanCoroutine *coroutine)
{
  pthread_mutex_lock (&lock);
  coroutine->loop = banyan_thread.loop;
  coroutine->registered = banyan_coroutine_registry;
  banyan_coroutine_registry = coroutine;
  pthread_mutex_unlock (&lock);
}

/* What the kernel would not give is not asked for again. */
static void
note_failure (void)
{
  pthread_mutex_lock (&lock);
  n_mapped--;
  BANYAN_LIVE_SET (n_taken, n_taken - 1);
  BANYAN_LIVE_SET (capacity, MAX (n_mapped, MIN_CAPACITY));
  pthread_mutex_unlock (&lock);
}

/* (nullable): errno says why. */
static BanyanCoroutine *
map_stack (guint colour)
{
  const gsize guard = BANYAN_STACK_GUARD_BYTES;
  BanyanCoroutine *coroutine;
  char *mapping;
  gsize top;

  mapping = mmap (NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED)
    return NULL;
  if (mprotect (mapping, guard, PROT_NONE) < 0)
    {
      int saved = errno;

      munmap (mapping, MAPPING_BYTES);
      errno = saved;
      return NULL;
    }

  top = STACK_SIZE_BYTES - colour * COLOUR_BYTES - sizeof (BanyanCoroutine);
  coroutine = (BanyanCoroutine *) (mapping + guard + (top & ~(gsize) 63));
  coroutine->stack = mapping + guard;
  banyan_fiber_init (&coroutine->fiber, coroutine->stack,
                     (gsize) ((char *) coroutine - (char *) coroutine->stack));
  enlist (coroutine);
  return coroutine;
}

static guint
read_capacity (void)
{
  g_autofree char *text = NULL;
  guint64 n = DEFAULT_MAX_MAP_COUNT;
  struct rlimit space;

  if (g_file_get_contents ("/proc/sys/vm/max_map_count", &text, NULL, NULL))
    n = g_ascii_strtoull (text, NULL, 10);
  n /= 2;
  /* Others want half of it. */
  if (getrlimit (RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    n = MIN (n, space.rlim_cur / 2 / MAPPING_BYTES);
  return CLAMP (n, MIN_CAPACITY, MAX_CAPACITY);
}

gboolean
banyan_stacks_have_room (const BanyanStacks *stacks, guint percent)
{
  guint limit = BANYAN_LIVE (capacity);

  if (G_UNLIKELY (limit == 0))
    {
      limit = read_capacity ();
      BANYAN_LIVE_SET (capacity, limit);
    }
  return BANYAN_LIVE (n_taken) - (stacks->allocated - stacks->in_use) < limit * percent / 100;
}

/* (nullable): another coroutine for @stacks, not in its pool yet. errno says why there is none. */
BanyanCoroutine *
banyan_stacks_grow (BanyanStacks *stacks, void (*entry) (void))
{
  guint colour = 0;
  BanyanCoroutine *coroutine = take_spare (&colour);

  if (coroutine == NULL)
    coroutine = map_stack (colour);
  if (coroutine == NULL)
    {
      note_failure ();
      return NULL;
    }

  banyan_context_make (&coroutine->context, coroutine->stack,
                       (gsize) ((char *) coroutine - (char *) coroutine->stack), entry);
  banyan_fiber_reset (&coroutine->fiber);
  stacks->allocated++;
  stacks->peak = MAX (stacks->peak, stacks->allocated);
  return coroutine;
}

void
banyan_stacks_init (BanyanStacks *stacks)
{
  *stacks = (BanyanStacks){ 0 };
  banyan_fiber_init_thread (&stacks->fiber);
}

static void
give_back (BanyanStacks *stacks, guint keep)
{
  while (stacks->allocated - stacks->in_use > keep)
    {
      BanyanCoroutine *coroutine = stacks->pool;
      gsize page = (gsize) sysconf (_SC_PAGESIZE);
      gsize used = (gsize) ((char *) coroutine - (char *) coroutine->stack);

      stacks->pool = coroutine->next;
      stacks->allocated--;
      /* The page that holds the coroutine itself stays. */
      madvise (coroutine->stack, used & ~(page - 1), MADV_DONTNEED);

      pthread_mutex_lock (&lock);
      coroutine->next = spare;
      spare = coroutine;
      BANYAN_LIVE_SET (n_taken, n_taken - 1);
      pthread_mutex_unlock (&lock);
    }
}

void
banyan_stacks_trim (BanyanStacks *stacks)
{
  if (G_UNLIKELY (stacks->allocated - stacks->in_use > KEEP))
    give_back (stacks, KEEP);
}

void
banyan_stacks_clear (BanyanStacks *stacks)
{
  g_assert (stacks->in_use == 0);
  give_back (stacks, 0);
}

void
banyan_stacks_foreach (BanyanLoop *loop, void (*func) (BanyanCoroutine *, gpointer), gpointer data)
{
  pthread_mutex_lock (&lock);
  for (BanyanCoroutine *i = banyan_coroutine_registry; i != NULL; i = i->registered)
    if (i->loop == loop && i->state != BANYAN_COROUTINE_POOLED)
      func (i, data);
  pthread_mutex_unlock (&lock);
}

/**
 * banyan_coroutine_get_stats:
 * @stats: (out caller-allocates): the calling thread's stacks
 *
 * Tells how many stacks the calling thread's loop holds. All are 0 on a thread without a loop.
 */
void
banyan_coroutine_get_stats (BanyanCoroutineStats *stats)
{
  BanyanLoop *loop = banyan_thread.loop;

  *stats = (BanyanCoroutineStats){ .stack_size_bytes = STACK_SIZE_BYTES };
  if (loop == NULL)
    return;

  stats->allocated = loop->stacks.allocated;
  stats->in_use = loop->stacks.in_use;
  stats->peak = loop->stacks.peak;
}
