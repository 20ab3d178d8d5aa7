/* banyan-node-news.c - what drivers find out about their storage, told to the main thread
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Iothreads see a new length at once, as it is an atomic. The rest of the graph, limits above all,
 * is the main thread's to change: it learns that there is news by a message, one at a time for each
 * node, and looks what it is. */

#include "banyan-channel-private.h"

#include "banyan-transaction-private.h"

/* What it publishes comes here as news of its own. */
static void
tell_node (BanyanNode *above, BanyanChild *edge)
{
  BanyanNodeClass *klass = BANYAN_NODE_GET_CLASS (above);

  if (klass->child_length_changed != NULL
      && banyan_object_get_state (BANYAN_OBJECT (above)) == BANYAN_OBJECT_OPEN)
    klass->child_length_changed (above, edge);
}

/* A filter without a length of its own has its child's: who uses it learns of the change, too. */
static void
pass_length (BanyanNode *self, GPtrArray *pending)
{
  BanyanNodePrivate *private = banyan_node_private (self);
  guint64 before = private->passed_length;
  guint64 length = banyan_node_get_length (self);

  if (length == before)
    return;

  private->passed_length = length;
  g_object_notify (G_OBJECT (self), "length");

  for (guint i = 0; i < private->parents->len; i++)
    {
      BanyanChild *edge = private->parents->pdata[i];

      if (edge->backend != NULL)
        banyan_backend_note_length (edge->backend, length);
      if (edge->parent == NULL || !BANYAN_IS_NODE (edge->parent))
        continue;
      tell_node (BANYAN_NODE (edge->parent), edge);
      if (banyan_node_get_filtered (BANYAN_NODE (edge->parent)) == edge)
        g_ptr_array_add (pending, g_object_ref (edge->parent));
    }
}

/* A change of the graph that is under way knows better what comes of it. */
static void
note_property (BanyanNode *self)
{
  BanyanObject *root = banyan_object_get_root (BANYAN_OBJECT (self));
  BanyanOrigin origin
      = { .kind = BANYAN_ORIGIN_PROGRAM, .name = g_intern_string (banyan_node_get_name (self)) };

  if (banyan_object_get_state (BANYAN_OBJECT (self)) == BANYAN_OBJECT_OPEN && root != NULL
      && BANYAN_IS_GRAPH (root) && !banyan_graph_is_changing (BANYAN_GRAPH (root)))
    banyan_node_note_length (self, &origin);
}

static void
pass_length_up (BanyanNode *self)
{
  g_autoptr (GPtrArray) pending = g_ptr_array_new ();

  g_ptr_array_add (pending, g_object_ref (self));
  while (pending->len > 0)
    {
      g_autoptr (BanyanNode) node = g_ptr_array_steal_index (pending, pending->len - 1);

      pass_length (node, pending);
    }
}

/* -- Limits: a change of the graph like any other, which drains what is above the node. -- */

static void
refresh_done (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (BanyanNode) self = data;
  g_autoptr (GError) error = NULL;

  if (banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &error)
      || banyan_object_get_state (BANYAN_OBJECT (self)) != BANYAN_OBJECT_OPEN)
    return;

  /* The next news of the node, and the next change that drains it, try again. */
  g_warning ("%s: its new limits are not in force yet: %s", banyan_node_get_name (self),
             error->message);
  __atomic_store_n (&banyan_node_private (self)->wants_refresh, TRUE, __ATOMIC_RELEASE);
}

/* A node that is being opened is asked when that is done. */
static void
refresh (BanyanNode *self)
{
  BanyanObject *root = banyan_object_get_root (BANYAN_OBJECT (self));
  BanyanOrigin manager
      = { .kind = BANYAN_ORIGIN_PROGRAM, .name = g_intern_string (banyan_node_get_name (self)) };
  g_autoptr (BanyanTransaction) transaction = NULL;

  if (root == NULL || !BANYAN_IS_GRAPH (root)
      || banyan_object_get_state (BANYAN_OBJECT (self)) != BANYAN_OBJECT_OPEN)
    return;

  transaction = banyan_transaction_new (BANYAN_GRAPH (root));
  banyan_transaction_set_manager (transaction, &manager);
  banyan_transaction_refresh (transaction, self);
  banyan_transaction_commit_async (transaction, NULL, refresh_done, g_object_ref (self));
}

/* -- The message. -- */

static void
hear (BanyanTask *task)
{
  BanyanNodePrivate *private
      = (BanyanNodePrivate *) ((char *) task - G_STRUCT_OFFSET (BanyanNodePrivate, news));
  BanyanNode *self = (BanyanNode *) ((char *) private - banyan_node_private_offset);

  /* What comes after this needs another message. */
  __atomic_store_n (&private->told, 0, __ATOMIC_SEQ_CST);
  pass_length_up (self);
  note_property (self);
  if (__atomic_exchange_n (&private->wants_refresh, FALSE, __ATOMIC_ACQ_REL))
    refresh (self);

  g_object_unref (self);
}

void
banyan_node_tell (BanyanNode *self)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  if (__atomic_exchange_n (&private->told, 1, __ATOMIC_SEQ_CST) != 0)
    return;

  g_object_ref (self);
  private->news.func = hear;
  banyan_loop_post (banyan_loop_get_main (), &private->news);
}
