/* banyan-test-allocations.c - allocations are counted where they are made
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program's own malloc() goes before the C library's, whoever calls it. */

#include "banyan-test-allocations.h"

#include <errno.h>

static guint64 n_allocations; /* atomic */

guint64
banyan_test_get_allocations (void)
{
  return __atomic_load_n (&n_allocations, __ATOMIC_RELAXED);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

gboolean
banyan_test_counts_allocations (void)
{
  return FALSE;
}

#else

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *old, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);

gboolean
banyan_test_counts_allocations (void)
{
  return TRUE;
}

static void
count (void)
{
  __atomic_fetch_add (&n_allocations, 1, __ATOMIC_RELAXED);
}

void *
malloc (size_t size)
{
  count ();
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  count ();
  return __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  count ();
  return __libc_realloc (old, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  count ();
  return __libc_memalign (alignment, size);
}

int
posix_memalign (void **memory, size_t alignment, size_t size)
{
  count ();
  *memory = __libc_memalign (alignment, size);
  return *memory != NULL ? 0 : ENOMEM;
}

#endif
