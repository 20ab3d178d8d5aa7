/* banyan-offload.c - blocking calls on threads of a pool, and calls on other loops
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-sync.h"
#include "banyan-loop-core.h"

#include <time.h>

/* One pool for all loops. It is not GLib's: that one allocates for each call, and its locks are
 * invisible to ThreadSanitizer. Threads come with use, and go when they had nothing to do. There
 * can be many more than work well together: a call on storage that hangs keeps its thread, and who
 * makes such calls limits them for each storage, so that others find a thread. */
#define MAX_THREADS 512
#define MAX_COMPUTING 32
#define LINGER_SECONDS 10

typedef struct _Offload Offload;
struct _Offload
{
  Offload *next;
  BanyanOffloadFunc func;
  gpointer data;
  gssize result;
  BanyanCoroutine *coroutine;
  gint done; /* atomic */
};

static struct
{
  pthread_mutex_t lock;
  pthread_cond_t filled;
  Offload *first;
  Offload *last;
  guint n_threads;
  guint n_idle;
  guint n_queued;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
initialize_pool (void)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&pool.filled, &attributes);
  pthread_condattr_destroy (&attributes);
}

/* Under the lock. NULL when there was nothing for long enough. */
static Offload *
take (void)
{
  struct timespec until;
  Offload *offload;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_sec += LINGER_SECONDS;

  pool.n_idle++;
  while (pool.first == NULL)
    if (pthread_cond_timedwait (&pool.filled, &pool.lock, &until) == ETIMEDOUT)
      break;
  pool.n_idle--;

  offload = pool.first;
  if (offload != NULL)
    {
      pool.first = offload->next;
      pool.n_queued--;
    }
  return offload;
}

static void *
pool_main (void *data)
{
  Offload *offload;

  pthread_setname_np (pthread_self (), "banyan-pool");

  pthread_mutex_lock (&pool.lock);
  while ((offload = take ()) != NULL)
    {
      BanyanCoroutine *coroutine = offload->coroutine;

      pthread_mutex_unlock (&pool.lock);
      offload->result = offload->func (offload->data);
      __atomic_store_n (&offload->done, 1, __ATOMIC_RELEASE); /* gone from here on */
      banyan_coroutine_wake (coroutine);
      pthread_mutex_lock (&pool.lock);
    }
  pool.n_threads--;
  pthread_mutex_unlock (&pool.lock);
  return NULL;
}

/* Under the lock. */
static void
add_thread (void)
{
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t before;

  banyan_loop_block_signals (&before);
  pthread_attr_init (&attributes);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);

  if (pthread_create (&thread, &attributes, pool_main, NULL) == 0)
    pool.n_threads++;

  pthread_attr_destroy (&attributes);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

/* Under the lock. */
static void
append (Offload *offload)
{
  offload->next = NULL;
  if (pool.first == NULL)
    pool.first = offload;
  else
    pool.last->next = offload;
  pool.last = offload;
  pool.n_queued++;
}

/* FALSE when there is no thread, and none can be had. */
static gboolean
push (Offload *offload)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  gboolean has_threads;

  pthread_once (&once, initialize_pool);

  pthread_mutex_lock (&pool.lock);
  if (pool.n_queued >= pool.n_idle && pool.n_threads < MAX_THREADS)
    add_thread ();
  has_threads = pool.n_threads > 0;
  if (has_threads)
    append (offload);
  pthread_cond_signal (&pool.filled);
  pthread_mutex_unlock (&pool.lock);
  return has_threads;
}

/**
 * banyan_co_offload: (skip)
 * @func: what may block
 * @data: its argument
 *
 * Runs @func on a thread of the pool while the coroutine waits. Where the system has no thread to
 * give, @func runs on the spot, and the loop waits with it.
 *
 * Returns: what @func returned
 */
gssize
banyan_co_offload (BanyanOffloadFunc func, gpointer data)
{
  BanyanLoop *loop = banyan_thread.loop;
  Offload offload = { .func = func, .data = data, .coroutine = banyan_thread.current };

  g_assert (offload.coroutine != NULL);

  if (!push (&offload))
    return func (data);

  loop->in_flight++;
  while (!__atomic_load_n (&offload.done, __ATOMIC_ACQUIRE))
    banyan_co_suspend ();
  loop->in_flight--;

  return offload.result;
}

/**
 * banyan_co_compute: (skip)
 * @func: what computes, and does not wait
 * @data: its argument
 *
 * Runs @func as banyan_co_offload() does, not more of them at once than processors can have good
 * of.
 *
 * Returns: what @func returned
 */
gssize
banyan_co_compute (BanyanOffloadFunc func, gpointer data)
{
  static BanyanCoSemaphore places = { .available = MAX_COMPUTING };
  gssize result;

  banyan_co_semaphore_acquire (&places);
  result = banyan_co_offload (func, data);
  banyan_co_semaphore_release (&places);
  return result;
}

typedef struct
{
  BanyanTask task;
  BanyanGatherFunc func;
  gpointer data;
  GError *error;
  gpointer pass;
  BanyanCoroutine *caller;
  gboolean result;
  gint done; /* atomic */
} Errand;

static void
errand_main (gpointer data)
{
  Errand *errand = data;
  BanyanCoroutine *caller = errand->caller;

  banyan_co_swap_pass (errand->pass);
  errand->result = errand->func (errand->data, &errand->error);
  __atomic_store_n (&errand->done, 1, __ATOMIC_RELEASE); /* gone from here on */
  banyan_coroutine_wake (caller);
}

static void
errand_arrived (BanyanTask *task)
{
  banyan_coroutine_start (errand_main, task);
}

/**
 * banyan_co_run_on: (skip)
 * @loop: where to run it
 * @func: what to run
 * @data: its argument
 * @error: where to put the error of @func
 *
 * Runs @func as a coroutine on @loop, with the pass of the calling one, which waits. On the
 * caller's own loop that is a function call.
 *
 * Returns: what @func returned
 */
gboolean
banyan_co_run_on (BanyanLoop *loop, BanyanGatherFunc func, gpointer data, GError **error)
{
  BanyanLoop *home = banyan_thread.loop;
  Errand errand = { .task.func = errand_arrived,
                    .func = func,
                    .data = data,
                    .pass = banyan_co_get_pass (),
                    .caller = banyan_thread.current };

  if (loop == home)
    return func (data, error);

  home->in_flight++;
  banyan_loop_post (loop, &errand.task);
  while (!__atomic_load_n (&errand.done, __ATOMIC_ACQUIRE))
    banyan_co_suspend ();
  home->in_flight--;

  if (errand.error != NULL)
    g_propagate_error (error, errand.error);
  return errand.result;
}
