/* banyan-view-handover.c - nodes that pass from one user to another within one change
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node that stays, and has users, while one who writes to it is removed or turns to another node,
 * is handed over. The writer may still hold what belongs there. So with the gates above it closed
 * it is flushed and inactive, with all that go with it, before anybody else sees the node. Whoever
 * is new above the node is not opened in prepare, as others are, but after that. A writer that is
 * not removed and reaches the node as before, by way of a filter or an overlay that is put in
 * between, hands nothing over. */

#include "banyan-graph-view.h"

/* Whether the guest of @from sees @to, where @from itself has nothing. */
static gboolean
shows (BanyanGraphView *self, BanyanNode *from, BanyanNode *to)
{
  while (from != NULL && from != to)
    {
      BanyanViewObject *object = banyan_graph_view_find (self, from);

      from = NULL;
      for (guint i = 0; object != NULL && i < object->edges->len; i++)
        {
          BanyanViewEdge *edge = object->edges->pdata[i];

          if (!edge->is_removed
              && edge->child->role_flags & (BANYAN_CHILD_FILTERED | BANYAN_CHILD_COW))
            from = edge->node;
        }
    }

  return from != NULL;
}

/* Whether @child, which leads to @node, is a writer's that goes. What enters the graph holds
 * nothing back, and matters only to those who come. */
static gboolean
turns_away (BanyanGraphView *self, BanyanChild *child, BanyanViewObject *object)
{
  BanyanViewEdge *edge = banyan_graph_view_find_edge (self, child);
  BanyanNode *node = BANYAN_NODE (object->object);

  if (edge == NULL || !(child->used & BANYAN_PERMISSIONS_WRITING)
      || (child->backend != NULL && !object->has_newcomers))
    return FALSE;

  return edge->is_removed || (edge->parent != NULL && edge->parent->is_removed)
         || !shows (self, edge->node, node);
}

static void
note_newcomers (BanyanGraphView *self)
{
  for (guint i = 0; i < self->order->len; i++)
    {
      BanyanViewObject *object = self->order->pdata[i];

      for (guint j = 0; (object->is_added || object->has_newcomers) && j < object->edges->len; j++)
        {
          BanyanViewEdge *edge = object->edges->pdata[j];

          if (edge->node != NULL && !edge->is_removed)
            banyan_graph_view_find (self, edge->node)->has_newcomers = TRUE;
        }
    }
}

/* -- Who has to be asked to put everything there. -- */

static GPtrArray *
parents_of (BanyanViewObject *object)
{
  return BANYAN_IS_NODE (object->object) ? banyan_node_get_parents (BANYAN_NODE (object->object))
                                         : NULL;
}

/* Those above go too, and first. Twice on the way: to look at what is above, then to be noted. */
static void
note_writer (BanyanGraphView *self, BanyanViewObject *writer)
{
  g_autoptr (GPtrArray) way = g_ptr_array_new ();

  g_ptr_array_add (way, writer);
  while (way->len > 0)
    {
      BanyanViewObject *last = way->pdata[way->len - 1];
      GPtrArray *parents = parents_of (last);

      if (last->mark++ > 0)
        {
          g_ptr_array_set_size (way, way->len - 1);
          if (last->mark == 2)
            g_ptr_array_add (self->writers, last);
          continue;
        }

      for (guint i = 0; parents != NULL && i < parents->len; i++)
        {
          BanyanElement *parent = ((BanyanChild *) parents->pdata[i])->parent;
          BanyanViewObject *above = parent ? banyan_graph_view_find (self, parent) : NULL;

          if (above != NULL && above->is_removed && above->mark == 0)
            g_ptr_array_add (way, above);
        }
    }
}

static void
look_for_writers (BanyanGraphView *self, BanyanViewObject *object)
{
  GPtrArray *parents = parents_of (object);

  for (guint i = 0; parents != NULL && i < parents->len; i++)
    {
      BanyanChild *child = parents->pdata[i];

      if (!turns_away (self, child, object))
        continue;
      object->is_handed_over = TRUE;
      if (child->parent != NULL)
        note_writer (self, banyan_graph_view_find (self, child->parent));
    }
}

/* -- Who waits. -- */

static gboolean
is_above_one (BanyanGraphView *self, BanyanViewObject *object)
{
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];
      BanyanViewObject *below = edge->node != NULL && !edge->is_removed
                                    ? banyan_graph_view_find (self, edge->node)
                                    : NULL;

      if (below != NULL && (below->is_handed_over || below->is_above_handover))
        return TRUE;
    }

  return FALSE;
}

/* A server opens after its exports. */
static void
let_owners_wait (BanyanGraphView *self, BanyanViewObject *object)
{
  BanyanViewObject *owner = banyan_graph_view_find (self, object->parent);

  for (; owner != NULL && owner->is_added; owner = banyan_graph_view_find (self, owner->parent))
    owner->is_above_handover = TRUE;
}

void
banyan_graph_view_hand_over (BanyanGraphView *self)
{
  for (guint i = 0; i < self->objects->len; i++)
    ((BanyanViewObject *) self->objects->pdata[i])->mark = 0;

  note_newcomers (self);
  for (guint i = 0; i < self->order->len; i++)
    if (((BanyanViewObject *) self->order->pdata[i])->users->len > 0)
      look_for_writers (self, self->order->pdata[i]);

  for (guint i = self->order->len; i-- > 0;)
    {
      BanyanViewObject *object = self->order->pdata[i];

      if (is_above_one (self, object))
        {
          object->is_above_handover = TRUE;
          let_owners_wait (self, object);
        }
    }
}

gboolean
banyan_view_object_waits (BanyanViewObject *self)
{
  return self->is_added && self->is_above_handover;
}
