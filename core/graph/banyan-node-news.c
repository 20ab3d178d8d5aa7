/* banyan-node-news.c - what drivers find out about their storage, told to the main thread
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Iothreads see a new length at once, as it is an atomic. The rest of the graph, limits above all,
 * is the main thread's to change: it learns that there is news by a message, one at a time for each
 * node, and looks what it is. */

#include "banyan-channel-private.h"

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
pass_length_up (BanyanNode *self)
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
        pass_length_up (BANYAN_NODE (edge->parent));
    }
}

/* -- Limits. -- */

static void
collect_backends (BanyanNode *node, GHashTable *seen, GPtrArray *backends)
{
  GPtrArray *parents = banyan_node_get_parents (node);

  if (!g_hash_table_add (seen, node))
    return;

  for (guint i = 0; i < parents->len; i++)
    {
      BanyanChild *edge = parents->pdata[i];

      if (edge->backend != NULL && !g_ptr_array_find (backends, edge->backend, NULL))
        g_ptr_array_add (backends, g_object_ref (edge->backend));
      else if (edge->parent != NULL && BANYAN_IS_NODE (edge->parent))
        collect_backends (BANYAN_NODE (edge->parent), seen, backends);
    }
}

static GPtrArray *
list_backends_above (BanyanNode *node)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GPtrArray *backends = g_ptr_array_new_with_free_func (g_object_unref);

  collect_backends (node, seen, backends);
  return backends;
}

static gboolean
covers (GPtrArray *closed, GPtrArray *needed)
{
  for (guint i = 0; i < needed->len; i++)
    if (!g_ptr_array_find (closed, needed->pdata[i], NULL))
      return FALSE;

  return TRUE;
}

/* From the leaf up; a node with two ways down is done once more, which changes nothing. */
static void
update_upwards (BanyanNode *node)
{
  GPtrArray *parents = banyan_node_get_parents (node);

  banyan_node_update_limits (node);
  for (guint i = 0; i < parents->len; i++)
    {
      BanyanChild *edge = parents->pdata[i];

      banyan_child_update_route (edge);
      if (edge->parent != NULL && BANYAN_IS_NODE (edge->parent))
        update_upwards (BANYAN_NODE (edge->parent));
    }
}

void
banyan_co_node_refresh (BanyanNode *self)
{
  gboolean is_done = FALSE;

  while (!is_done)
    {
      g_autoptr (GPtrArray) backends = list_backends_above (self);
      g_autoptr (GPtrArray) now = NULL;

      banyan_co_close_gates (backends, NULL, 0, NULL);

      /* A transaction may have put others above meanwhile. */
      now = list_backends_above (self);
      is_done = covers (backends, now);
      if (is_done)
        update_upwards (self);
      banyan_co_open_gates (backends, NULL);
    }
}

static void
refresh_main (gpointer data)
{
  BanyanNode *self = data;

  banyan_co_node_refresh (self);
  g_object_unref (self);
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
  if (__atomic_exchange_n (&private->wants_refresh, FALSE, __ATOMIC_ACQ_REL))
    banyan_coroutine_start (refresh_main, g_object_ref (self));

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
