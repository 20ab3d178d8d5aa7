/* glib-for-tsan.c - tells the thread sanitizer what GLib's locks order
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Debian's GLib is not instrumented, and its locks are futexes of its own, so the sanitizer sees no
 * order where there is one and reports races that are none. These functions stand before GLib's in
 * builds with -Db_sanitize=thread, and only there: each does what GLib's does, and says so. */

#include <dlfcn.h>
#include <glib-object.h>
#include <sanitizer/tsan_interface.h>

#undef g_once_init_enter
#undef g_once_init_leave

#define EXPORTED __attribute__ ((visibility ("default")))

/* Each function that stands before GLib's is named once here; real.NAME is GLib's. */
#define FUNCTIONS(X) \
  X (g_mutex_lock) \
  X (g_mutex_trylock) \
  X (g_mutex_unlock) \
  X (g_rec_mutex_lock) \
  X (g_rec_mutex_trylock) \
  X (g_rec_mutex_unlock) \
  X (g_rw_lock_writer_lock) \
  X (g_rw_lock_writer_unlock) \
  X (g_rw_lock_reader_lock) \
  X (g_rw_lock_reader_unlock) \
  X (g_cond_wait) \
  X (g_cond_wait_until) \
  X (g_once_init_enter) \
  X (g_once_init_leave) \
  X (g_async_queue_push) \
  X (g_async_queue_pop) \
  X (g_async_queue_try_pop) \
  X (g_async_queue_timeout_pop) \
  X (g_atomic_ref_count_dec) \
  X (g_object_unref)

static struct
{
#define FIELD(name) __typeof__ (&name) name;
  FUNCTIONS (FIELD)
} real;

static void
find_real_functions (void)
{
#define FIND(name) real.name = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name);
  FUNCTIONS (FIND)
}

/* GObject's constructor is the first to call, before ours could run and before there are threads.
 */
#define REAL(name) (G_LIKELY (real.name) ? real.name : (find_real_functions (), real.name))

/* -- Locks: who takes one sees what was done by those who gave it back. -- */

#define LOCK(name, Type) \
  EXPORTED void name (Type *lock) \
  { \
    REAL (name) (lock); \
    __tsan_acquire (lock); \
  }

#define TRYLOCK(name, Type) \
  EXPORTED gboolean name (Type *lock) \
  { \
    gboolean taken = REAL (name) (lock); \
\
    if (taken) \
      __tsan_acquire (lock); \
    return taken; \
  }

#define UNLOCK(name, Type) \
  EXPORTED void name (Type *lock) \
  { \
    __tsan_release (lock); \
    REAL (name) (lock); \
  }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rec_mutex_lock, GRecMutex)
TRYLOCK (g_rec_mutex_trylock, GRecMutex)
UNLOCK (g_rec_mutex_unlock, GRecMutex)
LOCK (g_rw_lock_writer_lock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)
LOCK (g_rw_lock_reader_lock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)

EXPORTED void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

EXPORTED gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean woken;

  __tsan_release (mutex);
  woken = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return woken;
}

EXPORTED gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return first;
}

EXPORTED void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* -- Queues: who takes an item sees what was done before it was put in. -- */

EXPORTED void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  __tsan_release (queue);
  REAL (g_async_queue_push) (queue, data);
}

EXPORTED gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer data = REAL (g_async_queue_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

EXPORTED gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
  gpointer data = REAL (g_async_queue_try_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

EXPORTED gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer data = REAL (g_async_queue_timeout_pop) (queue, timeout);

  __tsan_acquire (queue);
  return data;
}

/* -- References: who drops the last one sees what all the others did before they dropped theirs. --
 */

EXPORTED gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

/* Finalizing happens inside, so the order is there before it is known who drops the last. */
EXPORTED void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref) (object);
}
