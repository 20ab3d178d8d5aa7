/* banyan-blocking.c - the blocking form of an asynchronous call
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-blocking-private.h"

gboolean
banyan_claim_main_context (void)
{
  static GThread *owner; /* (unowned), atomic */
  GThread *self = g_thread_self (), *before = NULL;

  return __atomic_compare_exchange_n (&owner, &before, self, FALSE, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)
         || before == self;
}

/* Iterating the main loop below a callback of its own would run other callbacks in the middle of
 * that one, and a callback that waits for what only the loop can bring would wait for ever. */
gboolean
banyan_may_block (const char *what, GError **error)
{
  if (g_main_depth () > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                   "%s() would block the main loop that it was called in; use an asynchronous form",
                   what);
      return FALSE;
    }
  if (banyan_claim_main_context ())
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
               "%s() waits in the main loop, which another thread runs; call it there, or use an "
               "asynchronous form",
               what);
  return FALSE;
}

void
banyan_keep_result (GObject *object, GAsyncResult *result, gpointer data)
{
  GAsyncResult **kept = data;

  *kept = g_object_ref (result);
}

GAsyncResult *
banyan_wait_for_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return *result;
}
