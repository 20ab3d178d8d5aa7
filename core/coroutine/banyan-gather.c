/* banyan-gather.c - branches that end together
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-coroutine-private.h"

/* Beyond this share of all stacks, branches have none of their own. */
#define MAX_PERCENT 75

/* A branch takes its arguments from the starter's frame: it is entered before the starter goes on.
 */
typedef struct
{
  BanyanGather *gather;
  BanyanGatherFunc func;
  gpointer data;
} Branch;

static void
branch_main (gpointer data)
{
  Branch branch = *(Branch *) data;
  BanyanGather *gather = branch.gather;
  GError *error = NULL;

  if (!branch.func (branch.data, &error))
    {
      if (gather->error == NULL)
        gather->error = error;
      else
        g_error_free (error);
    }

  if (--gather->running == 0 && gather->waiter != NULL)
    banyan_coroutine_wake (gather->waiter);
}

/**
 * banyan_gather_start: (skip)
 * @gather: holds the branches together
 * @func: what to run
 * @data: its argument
 *
 * Runs @func as a branch of @gather on the calling loop, at once, until it first suspends; to its
 * end, where so many coroutines are in use that there should be no more.
 */
void
banyan_gather_start (BanyanGather *gather, BanyanGatherFunc func, gpointer data)
{
  Branch branch = { gather, func, data };

  gather->running++;
  /* One after the other is slow, but needs no stacks. */
  if (G_LIKELY (banyan_coroutine_may_use (MAX_PERCENT)) || banyan_thread.current == NULL)
    banyan_coroutine_start (branch_main, &branch);
  else
    branch_main (&branch);
}

/**
 * banyan_co_gather: (skip)
 * @gather: holds the branches together
 * @error: where to put the error of the branch that failed first
 *
 * Waits until every branch has ended. @gather can be used again afterwards.
 *
 * Returns: FALSE when a branch has failed
 */
gboolean
banyan_co_gather (BanyanGather *gather, GError **error)
{
  gather->waiter = banyan_thread.current;
  while (gather->running > 0)
    banyan_co_suspend ();
  gather->waiter = NULL;

  if (gather->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&gather->error));
  return FALSE;
}
