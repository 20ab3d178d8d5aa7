/* banyan-presence.c - which nodes are in use on which loop
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A channel attaches all nodes that its requests can reach. It looks for them on its loop's thread
 * while its gate is open, so the main thread cannot be changing what it looks at; or on the main
 * thread's request, behind the gate. A loop counts who attached a node, and tells the node of the
 * first and the last. */

#include "banyan-channel-private.h"

static BanyanPresence presences[BANYAN_LOOP_MAX];

BanyanPresence *
banyan_presence_here (void)
{
  return &presences[banyan_loop_get_index (banyan_loop_current ())];
}

static guint
change_count (BanyanPresence *presence, BanyanNode *node, int change)
{
  guint users;

  if (presence->attached == NULL)
    presence->attached = g_hash_table_new (NULL, NULL);

  users = GPOINTER_TO_UINT (g_hash_table_lookup (presence->attached, node));
  g_assert (change > 0 || users > 0);
  users += change;
  if (users > 0)
    g_hash_table_insert (presence->attached, node, GUINT_TO_POINTER (users));
  else
    g_hash_table_remove (presence->attached, node);

  if (g_hash_table_size (presence->attached) == 0)
    g_clear_pointer (&presence->attached, g_hash_table_unref);
  return users;
}

void
banyan_node_attach_here (BanyanNode *self)
{
  BanyanNodeClass *klass = BANYAN_NODE_GET_CLASS (self);

  if (change_count (banyan_presence_here (), self, 1) == 1 && klass->attach != NULL)
    klass->attach (self, banyan_loop_current ());
}

void
banyan_node_detach_here (BanyanNode *self)
{
  BanyanNodeClass *klass = BANYAN_NODE_GET_CLASS (self);

  if (change_count (banyan_presence_here (), self, -1) == 0 && klass->detach != NULL)
    klass->detach (self, banyan_loop_current ());
}

static void
collect (GHashTable *nodes, BanyanNode *node)
{
  g_autoptr (GPtrArray) pending = g_ptr_array_new ();

  g_ptr_array_add (pending, node);
  while (pending->len > 0)
    {
      BanyanNode *next = g_ptr_array_steal_index_fast (pending, pending->len - 1);
      GPtrArray *edges;

      if (next == NULL || !g_hash_table_add (nodes, next))
        continue;
      edges = banyan_element_get_edges (BANYAN_ELEMENT (next));
      for (guint i = 0; i < edges->len; i++)
        g_ptr_array_add (pending, ((BanyanChild *) edges->pdata[i])->node);
    }
}

static void
foreach_node (GHashTable *nodes, void (*func) (BanyanNode *))
{
  GHashTableIter iter;
  gpointer node;

  g_hash_table_iter_init (&iter, nodes);
  while (g_hash_table_iter_next (&iter, &node, NULL))
    func (node);
}

/* New ones first: what stays is never without a user. */
void
banyan_channel_attach (BanyanChannel *self)
{
  g_autoptr (GHashTable) before = g_steal_pointer (&self->nodes);

  self->nodes = g_hash_table_new (NULL, NULL);
  collect (self->nodes, self->edge->node);
  foreach_node (self->nodes, banyan_node_attach_here);
  if (before != NULL)
    foreach_node (before, banyan_node_detach_here);
}

void
banyan_channel_detach (BanyanChannel *self)
{
  if (self->nodes != NULL)
    foreach_node (self->nodes, banyan_node_detach_here);
  g_clear_pointer (&self->nodes, g_hash_table_unref);
}

/* -- After a switch. -- */

static void
attach_anew (BanyanTask *task)
{
  BanyanDrainMessage *message = (BanyanDrainMessage *) task;

  banyan_drain_foreach_here (message->drain, banyan_channel_attach);
  banyan_drain_answer (message);
}

/* Only those whose gates are closed can reach anything else than before. */
void
banyan_co_update_attachments (BanyanGraph *graph)
{
  g_autoptr (GPtrArray) closed = g_ptr_array_new_with_free_func (g_object_unref);
  GPtrArray *all;
  BanyanDrain drain;

  banyan_backends_lock ();
  all = banyan_backends_get_all ();
  for (guint i = 0; i < all->len; i++)
    if (((BanyanBackend *) all->pdata[i])->gates > 0)
      g_ptr_array_add (closed, g_object_ref (all->pdata[i]));
  banyan_backends_unlock ();

  banyan_drain_init (&drain, closed);
  banyan_co_drain_round (&drain, attach_anew);
  banyan_drain_clear (&drain);
}
