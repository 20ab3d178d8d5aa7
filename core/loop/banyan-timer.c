/* banyan-timer.c - what is to happen at a time
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pairing heap whose members are their owners' memory: adding costs a comparison, and one that is
 * taken back, as most are, costs hardly more. Its loop's thread only. */

#include "banyan-timer.h"

static inline gboolean
is_before (const BanyanTimer *a, const BanyanTimer *b)
{
  return a->time_ns < b->time_ns || (a->time_ns == b->time_ns && a->serial < b->serial);
}

static inline void
attach (BanyanTimer **link, BanyanTimer *timer)
{
  *link = timer;
  timer->link = link;
}

/* Both are roots without siblings; so is the result, which nothing points to yet. */
static BanyanTimer *
meld (BanyanTimer *a, BanyanTimer *b)
{
  BanyanTimer *parent = is_before (b, a) ? b : a;
  BanyanTimer *child = parent == a ? b : a;

  child->next = parent->child;
  if (child->next != NULL)
    child->next->link = &child->next;
  attach (&parent->child, child);
  return parent;
}

/* Makes one root of siblings: in pairs from the left, then all pairs from the right. */
static BanyanTimer *
meld_siblings (BanyanTimer *first)
{
  BanyanTimer *pairs = NULL;
  BanyanTimer *root = NULL;

  while (first != NULL)
    {
      BanyanTimer *a = first;
      BanyanTimer *b = a->next;

      first = b != NULL ? b->next : NULL;
      a->next = NULL;
      if (b != NULL)
        {
          b->next = NULL;
          a = meld (a, b);
        }
      a->next = pairs;
      pairs = a;
    }

  while (pairs != NULL)
    {
      BanyanTimer *pair = pairs;

      pairs = pair->next;
      pair->next = NULL;
      root = root != NULL ? meld (root, pair) : pair;
    }

  return root;
}

static void
add_tree (BanyanTimerHeap *heap, BanyanTimer *tree)
{
  attach (&heap->first, heap->first != NULL ? meld (heap->first, tree) : tree);
}

void
banyan_timer_heap_add (BanyanTimerHeap *heap, BanyanTimer *timer, gint64 time_ns)
{
  g_assert (timer->link == NULL);

  timer->time_ns = time_ns;
  timer->serial = heap->serial++;
  timer->child = NULL;
  timer->next = NULL;
  add_tree (heap, timer);
}

void
banyan_timer_heap_remove (BanyanTimerHeap *heap, BanyanTimer *timer)
{
  BanyanTimer *orphans = meld_siblings (timer->child);

  *timer->link = timer->next;
  if (timer->next != NULL)
    timer->next->link = timer->link;

  timer->link = NULL;
  timer->next = NULL;
  timer->child = NULL;

  if (orphans != NULL)
    add_tree (heap, orphans);
}
