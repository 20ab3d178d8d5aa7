/* banyan-mapper-order.c - puts targets before what links to them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A search in depth with a stack of its own: a chain of references is as long as whoever wrote the
 * document likes. */

#include "banyan-mapper-private.h"

#define MAX_STEPS 8

static void
report_loop (BanyanMapper *self, GPtrArray *path, BanyanLinkValue *closing)
{
  g_autoptr (GString) loop = g_string_new (NULL);
  guint first;

  g_ptr_array_find (path, closing->target, &first);
  for (guint i = first; i < path->len && i < first + MAX_STEPS; i++)
    {
      BanyanDeclaration *step = path->pdata[i];

      g_string_append_printf (loop, "%s -> ", step->id);
    }
  if (path->len - first > MAX_STEPS)
    g_string_append (loop, "... -> ");

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT,
                       banyan_spec_get_origin (closing->spec), closing->path,
                       "the links lead in a circle: %s%s", loop->str, closing->target->id);
}

/* One step of the search: into a target not seen yet, or back. */
static void
step (BanyanMapper *self, GPtrArray *path, GPtrArray *order)
{
  BanyanDeclaration *last = path->pdata[path->len - 1];
  BanyanLinkValue *link;

  if (last->next_link == last->links->len)
    {
      last->mark = BANYAN_ORDERED;
      g_ptr_array_add (order, last);
      g_ptr_array_remove_index (path, path->len - 1);
      return;
    }

  link = last->links->pdata[last->next_link++];
  if (link->target->mark == BANYAN_ON_PATH)
    {
      report_loop (self, path, link);
      last->is_wrong = TRUE;
    }
  else if (link->target->mark == BANYAN_UNSEEN)
    {
      link->target->mark = BANYAN_ON_PATH;
      g_ptr_array_add (path, link->target);
    }
}

GPtrArray *
banyan_mapper_order (BanyanMapper *self)
{
  GPtrArray *order = g_ptr_array_new ();
  g_autoptr (GPtrArray) path = g_ptr_array_new ();

  for (guint i = 0; i < self->declarations->len; i++)
    {
      BanyanDeclaration *declaration = self->declarations->pdata[i];

      if (declaration->mark != BANYAN_UNSEEN)
        continue;

      declaration->mark = BANYAN_ON_PATH;
      g_ptr_array_add (path, declaration);
      while (path->len > 0)
        step (self, path, order);
    }

  return order;
}
