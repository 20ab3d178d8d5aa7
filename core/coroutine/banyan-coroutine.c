/* banyan-coroutine.c - starting, suspending and waking
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-loop-core.h"

/* A thread runs its loop on its own stack, and coroutines on theirs. Whoever starts or resumes one
 * waits underneath it until it suspends, so those that are "running" form a chain from the current
 * one (through `back`) to the loop. Everything in here is plain memory of one thread; only a wake
 * from elsewhere is an atomic flag and a message home. */

__thread BanyanThread banyan_thread __attribute__ ((tls_model ("initial-exec")));

static void wake_posted (BanyanTask *task);

/* Both are part of whoever calls them. A function of their own would be called on one stack and
 * return on the other, and each such return is predicted wrongly: measured, that doubles the cost
 * of a start. */
static inline __attribute__ ((always_inline)) void
enter (BanyanCoroutine *coroutine)
{
  BanyanCoroutine *starter = banyan_thread.current;
  BanyanStacks *stacks = &coroutine->loop->stacks;

  coroutine->state = BANYAN_COROUTINE_RUNNING;
  coroutine->back = starter;
  banyan_thread.current = coroutine;

  if (starter == NULL)
    {
      banyan_fiber_leave (&stacks->fiber, &coroutine->fiber);
      banyan_context_switch (&stacks->base, &coroutine->context);
      banyan_fiber_arrive (&stacks->fiber);
    }
  else
    {
      banyan_fiber_leave (&starter->fiber, &coroutine->fiber);
      banyan_context_switch (&starter->context, &coroutine->context);
      banyan_fiber_arrive (&starter->fiber);
    }

  banyan_thread.current = starter;
}

static inline __attribute__ ((always_inline)) void
leave (BanyanCoroutine *coroutine)
{
  BanyanCoroutine *back = coroutine->back;
  BanyanStacks *stacks = &coroutine->loop->stacks;

  if (back == NULL)
    {
      banyan_fiber_leave (&coroutine->fiber, &stacks->fiber);
      banyan_context_switch (&coroutine->context, &stacks->base);
    }
  else
    {
      banyan_fiber_leave (&coroutine->fiber, &back->fiber);
      banyan_context_switch (&coroutine->context, &back->context);
    }
  banyan_fiber_arrive (&coroutine->fiber);
}

/* The loop's turn of coroutines: those who are ready, up to the budget, which calls on the spot use
 * up as well: whoever makes many has others wait who are not ready yet, and become so only when the
 * ring is looked at. */
BANYAN_CONTEXT_SWITCHES void
banyan_coroutines_run (BanyanLoop *loop)
{
  for (guint i = 0; i < loop->budget && loop->ready_first != NULL; i++)
    {
      BanyanCoroutine *coroutine = loop->ready_first;

      loop->ready_first = coroutine->next;
      enter (coroutine);
      if (loop->inline_left == 0)
        break;
    }
}

/* A stack stays in this loop for life: what it runs next needs no preparation. */
static void G_GNUC_NORETURN
coroutine_main (void)
{
  BanyanCoroutine *self = banyan_thread.current;

  BANYAN_CONTEXT_OUTERMOST ();
  banyan_fiber_arrive (&self->fiber);

  for (;;)
    {
      BanyanStacks *stacks = &self->loop->stacks;

      self->func (self->data);

      self->state = BANYAN_COROUTINE_POOLED;
      self->next = stacks->pool;
      stacks->pool = self;
      stacks->in_use--;
      leave (self);
    }
}

static __attribute__ ((noinline)) BanyanCoroutine *
grow (BanyanStacks *stacks)
{
  BanyanCoroutine *coroutine = banyan_stacks_grow (stacks, coroutine_main);

  if (coroutine != NULL)
    coroutine->wake.func = wake_posted;
  return coroutine;
}

static __attribute__ ((noinline)) BanyanCoroutine *
must_grow (BanyanStacks *stacks)
{
  BanyanCoroutine *coroutine = grow (stacks);

  if (coroutine == NULL)
    g_error ("no memory for the stack of a coroutine: %s", g_strerror (errno));
  return coroutine;
}

static inline BanyanCoroutine *
new_coroutine (BanyanLoop *loop, BanyanCoroutineFunc func, gpointer data, gpointer pass)
{
  BanyanStacks *stacks = &loop->stacks;
  BanyanCoroutine *coroutine = stacks->pool;

  if (G_LIKELY (coroutine != NULL))
    stacks->pool = coroutine->next;
  else
    coroutine = must_grow (stacks);

  stacks->in_use++;
  coroutine->func = func;
  coroutine->data = data;
  coroutine->pass = pass;
  coroutine->hook = NULL;
  coroutine->woken = FALSE;
  __atomic_store_n (&coroutine->cancelled, FALSE, __ATOMIC_RELAXED);
  return coroutine;
}

/**
 * banyan_coroutine_may_use: (skip)
 * @percent: the share of all stacks that the caller may use up
 *
 * Asks before coroutines are started for somebody who may want any number of them: too many would
 * leave none for what has to go on. To be called on a loop's thread.
 *
 * Returns: whether less than @percent of the stacks that this process can have are in use, and
 * there is one for the next coroutine that is started on this loop
 */
gboolean
banyan_coroutine_may_use (guint percent)
{
  BanyanStacks *stacks = &banyan_thread.loop->stacks;
  BanyanCoroutine *coroutine;

  if (!banyan_stacks_have_room (stacks, percent))
    return FALSE;
  if (G_LIKELY (stacks->pool != NULL))
    return TRUE;

  coroutine = grow (stacks);
  if (coroutine == NULL)
    return FALSE;
  coroutine->next = NULL;
  stacks->pool = coroutine;
  return TRUE;
}

/**
 * banyan_coroutine_start: (skip)
 * @func: what to run
 * @data: its argument
 *
 * Runs @func on the calling loop at once, until it first suspends; then returns. The coroutine
 * inherits the caller's pass. It may be called inside or outside a coroutine, on a loop's thread
 * only.
 */
BANYAN_CONTEXT_SWITCHES void
banyan_coroutine_start (BanyanCoroutineFunc func, gpointer data)
{
  BanyanLoop *loop = banyan_thread.loop;
  BanyanCoroutine *self = banyan_thread.current;

  g_assert (loop != NULL);
  enter (new_coroutine (loop, func, data, self != NULL ? self->pass : NULL));
}

typedef struct
{
  BanyanTask task;
  BanyanCoroutineFunc func;
  gpointer data;
} StartMessage;

static BANYAN_CONTEXT_SWITCHES void
start_posted (BanyanTask *task)
{
  StartMessage *message = (StartMessage *) task;
  BanyanCoroutineFunc func = message->func;
  gpointer data = message->data;

  g_free (message);
  enter (new_coroutine (banyan_thread.loop, func, data, NULL));
}

/**
 * banyan_coroutine_start_on: (skip)
 * @loop: where to run it
 * @func: what to run
 * @data: its argument
 *
 * Runs @func on @loop, later even if that is the calling thread's. It inherits no pass.
 */
void
banyan_coroutine_start_on (BanyanLoop *loop, BanyanCoroutineFunc func, gpointer data)
{
  StartMessage *message;

  if (loop == banyan_thread.loop)
    {
      BanyanCoroutine *coroutine = new_coroutine (loop, func, data, NULL);

      coroutine->state = BANYAN_COROUTINE_SUSPENDED;
      banyan_coroutine_wake_here (coroutine);
      return;
    }

  message = g_new (StartMessage, 1);
  message->task.func = start_posted;
  message->func = func;
  message->data = data;
  banyan_loop_post (loop, &message->task);
}

/**
 * banyan_coroutine_self: (skip)
 *
 * Returns: (nullable): the running coroutine, or NULL outside one
 */
BanyanCoroutine *
banyan_coroutine_self (void)
{
  return banyan_thread.current;
}

static void
run_hook (BanyanCoroutine *self)
{
  GFunc hook = self->hook;

  self->hook = NULL;
  hook (self->hook_data, self->hook_user_data);
}

/**
 * banyan_co_suspend:
 *
 * Waits until someone calls banyan_coroutine_wake(). A wake that comes first is not lost: the next
 * suspend returns at once. Loop over what you wait for: wakes may be spurious.
 */
BANYAN_CONTEXT_SWITCHES void
banyan_co_suspend (void)
{
  BanyanCoroutine *self = banyan_thread.current;

  g_assert (self != NULL);

  if (!self->woken && G_UNLIKELY (self->hook != NULL))
    run_hook (self);

  if (self->woken)
    {
      self->woken = FALSE;
      return;
    }

  self->state = BANYAN_COROUTINE_SUSPENDED;
  leave (self);
}

/* The home thread's part of a wake. */
void
banyan_coroutine_wake_here (BanyanCoroutine *coroutine)
{
  if (coroutine->state != BANYAN_COROUTINE_SUSPENDED)
    {
      coroutine->woken = TRUE;
      return;
    }

  coroutine->state = BANYAN_COROUTINE_READY;
  banyan_loop_push_ready (coroutine->loop, coroutine);
}

static void
wake_posted (BanyanTask *task)
{
  BanyanCoroutine *coroutine
      = (BanyanCoroutine *) ((char *) task - G_STRUCT_OFFSET (BanyanCoroutine, wake));

  /* From here on another wake needs another message. Who found the flag still set has written
   * what this coroutine will look at before. */
  __atomic_exchange_n (&coroutine->posted, 0, __ATOMIC_ACQ_REL);
  banyan_coroutine_wake_here (coroutine);
}

/**
 * banyan_coroutine_wake: (skip)
 * @coroutine: who waits
 *
 * Makes @coroutine runnable, from any thread. It never runs on the caller's stack.
 */
void
banyan_coroutine_wake (BanyanCoroutine *coroutine)
{
  if (coroutine->loop == banyan_thread.loop)
    banyan_coroutine_wake_here (coroutine);
  else if (__atomic_exchange_n (&coroutine->posted, 1, __ATOMIC_ACQ_REL) == 0)
    banyan_loop_post (coroutine->loop, &coroutine->wake);
}

/**
 * banyan_co_yield:
 *
 * Lets everyone else who is runnable on this loop go first.
 */
BANYAN_CONTEXT_SWITCHES void
banyan_co_yield (void)
{
  BanyanCoroutine *self = banyan_thread.current;

  g_assert (self != NULL);

  if (G_UNLIKELY (self->hook != NULL))
    run_hook (self);

  self->state = BANYAN_COROUTINE_READY;
  banyan_loop_push_ready (self->loop, self);
  leave (self);
}

/**
 * banyan_coroutine_cancel: (skip)
 * @coroutine: who shall give up
 *
 * Asks @coroutine to give up cancellable waits (sleeps, polls, receives) with
 * %G_IO_ERROR_CANCELLED, now and from now on. May be called from any thread; the caller makes sure
 * that @coroutine lives.
 */
void
banyan_coroutine_cancel (BanyanCoroutine *coroutine)
{
  __atomic_store_n (&coroutine->cancelled, TRUE, __ATOMIC_RELEASE);
  banyan_coroutine_wake (coroutine);
}

/**
 * banyan_co_is_cancelled:
 *
 * Returns: whether the running coroutine was asked to give up
 */
gboolean
banyan_co_is_cancelled (void)
{
  return banyan_coroutine_is_cancelled (banyan_thread.current);
}

/**
 * banyan_co_on_suspend: (skip)
 * @func: (nullable): what to call, or NULL for nothing
 * @data: its first argument
 * @user_data: its second argument
 *
 * Calls @func once, on the coroutine's own stack, just before the running coroutine next suspends,
 * and forgets it. @func must not suspend.
 *
 * Returns: whether an earlier one was still set
 */
gboolean
banyan_co_on_suspend (GFunc func, gpointer data, gpointer user_data)
{
  BanyanCoroutine *self = banyan_thread.current;
  gboolean was_set = self->hook != NULL;

  self->hook = func;
  self->hook_data = data;
  self->hook_user_data = user_data;
  return was_set;
}

/**
 * banyan_co_get_pass: (skip)
 *
 * Returns: (nullable): the running coroutine's right to be inside backends
 */
gpointer
banyan_co_get_pass (void)
{
  return banyan_thread.current->pass;
}

/**
 * banyan_co_swap_pass: (skip)
 * @pass: (nullable): the new one
 *
 * Returns: (nullable): the one before
 */
gpointer
banyan_co_swap_pass (gpointer pass)
{
  gpointer before = banyan_thread.current->pass;

  banyan_thread.current->pass = pass;
  return before;
}
