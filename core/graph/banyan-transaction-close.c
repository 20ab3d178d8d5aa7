/* banyan-transaction-close.c - closing what a transaction removed
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frontends go first, so that nobody comes in any more; then their exports, jobs, and nodes from
 * the top down, each flushed before it closes, by a flush of its own or by that of all its users;
 * what others link to goes last. */

#include "banyan-transaction-private.h"

#include "banyan-frontend-private.h"

#include <banyan/banyan-job.h>
#include <banyan/banyan-node.h>

/* -- Asynchronous calls from a coroutine. -- */

typedef struct
{
  BanyanCoroutine *waiter;
  GAsyncResult *result; /* (owned) (nullable) */
} Call;

static void
call_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Call *call = data;

  call->result = g_object_ref (result);
  banyan_coroutine_wake (call->waiter);
}

static void
wait_for_call (Call *call)
{
  while (call->result == NULL)
    banyan_co_suspend ();
}

gboolean
banyan_co_object_open (BanyanObject *object, GCancellable *cancellable, GError **error)
{
  Call call = { banyan_coroutine_self (), NULL };
  gboolean opened;

  banyan_object_open_async (object, cancellable, call_done, &call);
  wait_for_call (&call);
  opened = banyan_object_open_finish (object, call.result, error);
  g_object_unref (call.result);
  return opened;
}

gboolean
banyan_co_object_close (BanyanObject *object, GError **error)
{
  Call call = { banyan_coroutine_self (), NULL };
  gboolean closed;

  banyan_object_close_async (object, NULL, call_done, &call);
  wait_for_call (&call);
  closed = banyan_object_close_finish (object, call.result, error);
  g_object_unref (call.result);
  return closed;
}

/* -- One element. -- */

void
banyan_co_element_unbind (BanyanElement *element)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];
      BanyanBackend *backend = edge->backend;
      BanyanNode *old;

      if (backend != NULL)
        banyan_co_backend_shut (backend);
      old = banyan_child_switch (edge, NULL);
      edge->backend = NULL;
      g_clear_object (&backend);
      g_clear_object (&old);
    }

  banyan_element_bind_fields (element);
}

static gboolean
needs_flush (BanyanViewObject *object)
{
  return BANYAN_IS_NODE (object->object) && (!object->is_flushed || object->is_written);
}

/* What is to be written at the end is written now; closing writes nothing. */
static gboolean
end_writing (BanyanElement *element, BanyanViewObject *object, GError **error)
{
  return object->is_inactive
         || banyan_element_put_back_here (element, needs_flush (object), TRUE, error);
}

static gboolean
close_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);
  BanyanViewObject *object = data;

  object->ended_well = end_writing (element, object, error);
  if (BANYAN_IS_NODE (element))
    banyan_node_detach_here (BANYAN_NODE (element));
  if (klass->close != NULL)
    klass->close (element);
  return object->ended_well;
}

/* A flush reaches what a filter shows and what an image is in, so such a node needs no flush of its
 * own when its users were all flushed. Whether it reaches other children is the driver's choice. */
static gboolean
reaches_below (BanyanViewObject *object)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (object->object);

  return object->ended_well && !object->is_inactive && klass->inactivate == NULL
         && BANYAN_IS_NODE (object->object)
         && (!needs_flush (object) || banyan_node_has_flush (BANYAN_NODE (object->object)));
}

static void
note_flush (BanyanTransaction *self, BanyanChild *edge, gboolean is_flushed)
{
  BanyanViewObject *below
      = edge->node != NULL ? banyan_graph_view_find (self->view, edge->node) : NULL;

  if (below == NULL || edge->role_flags & BANYAN_CHILD_COW)
    return;
  if (is_flushed && edge->role_flags & (BANYAN_CHILD_FILTERED | BANYAN_CHILD_PRIMARY))
    below->is_flushed = TRUE;
  else if (edge->used & BANYAN_PERMISSIONS_WRITING)
    below->is_written = TRUE;
}

static void
note_flushes (BanyanTransaction *self, BanyanViewObject *object)
{
  GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (object->object));

  for (guint i = 0; i < edges->len; i++)
    note_flush (self, edges->pdata[i], reaches_below (object));
}

static void
note_error (BanyanTransaction *self, BanyanObject *object, GError *error)
{
  g_autofree char *name = banyan_object_dup_name (object);

  g_prefix_error (&error, "%s: ", name);
  g_warning ("%s", error->message);
  if (self->close_error == NULL)
    self->close_error = error;
  else
    g_error_free (error);
}

static void
clear_links (BanyanElement *element)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    banyan_child_set_target (edges->pdata[i], NULL);
  if (BANYAN_IS_FRONTEND (element))
    banyan_frontend_clear_links (BANYAN_FRONTEND (element));
}

static void
close_element (BanyanTransaction *self, BanyanElement *element)
{
  BanyanViewObject *object = banyan_graph_view_find (self->view, element);
  GError *error = NULL;

  if (!banyan_co_transaction_hook (self, element, close_hook, object, &error))
    note_error (self, BANYAN_OBJECT (element), error);
  note_flushes (self, object);
  banyan_co_element_unbind (element);
  clear_links (element);
  banyan_object_set_state (BANYAN_OBJECT (element), BANYAN_OBJECT_CLOSED);
}

static void
close_object (BanyanTransaction *self, BanyanObject *object)
{
  BanyanObject *parent = banyan_object_get_parent (object);
  GError *error = NULL;

  if (BANYAN_IS_ELEMENT (object))
    close_element (self, BANYAN_ELEMENT (object));
  else if (!banyan_co_object_close (object, &error))
    note_error (self, object, error);

  if (parent == NULL)
    return;
  if (banyan_object_get_state (parent) == BANYAN_OBJECT_OPEN)
    banyan_object_note_member (parent, object, FALSE);
  banyan_object_remove_child (parent, object);
}

/* -- All that go. -- */

static gboolean
is_frontend (BanyanObject *object)
{
  return BANYAN_IS_FRONTEND (object);
}

static gboolean
is_other_user (BanyanObject *object)
{
  return BANYAN_IS_ELEMENT (object) && !BANYAN_IS_NODE (object);
}

static gboolean
is_unused_node (BanyanObject *object)
{
  return BANYAN_IS_NODE (object) && banyan_node_get_parents (BANYAN_NODE (object))->len == 0;
}

static gboolean
is_unused_object (BanyanObject *object)
{
  return !BANYAN_IS_ELEMENT (object) && banyan_object_get_n_users (object) == 0;
}

typedef gboolean (*IsDue) (BanyanObject *object);

static gboolean
may_close (BanyanTransaction *self, BanyanViewObject *object, IsDue is_due)
{
  self->view->n_visits++;
  return object != NULL && object->is_removed
         && banyan_object_get_state (object->object) == BANYAN_OBJECT_OPEN
         && is_due (object->object);
}

/* (transfer container) (element-type BanyanViewObject): what has one user less when @object goes */
static GPtrArray *
list_used (BanyanTransaction *self, BanyanViewObject *object)
{
  GPtrArray *used = g_ptr_array_new ();

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanNode *node = ((BanyanViewEdge *) object->edges->pdata[i])->child->node;

      if (node != NULL)
        g_ptr_array_add (used, banyan_graph_view_find (self->view, node));
    }
  return used;
}

/* @object, and what becomes due by that. TRUE if something was closed. */
static gboolean
close_with_used (BanyanTransaction *self, BanyanViewObject *object, IsDue is_due)
{
  g_autoptr (GPtrArray) pending = g_ptr_array_new ();
  gboolean has_closed = FALSE;

  g_ptr_array_add (pending, object);
  while (pending->len > 0)
    {
      BanyanViewObject *next = g_ptr_array_steal_index (pending, pending->len - 1);
      g_autoptr (GPtrArray) used = NULL;

      if (!may_close (self, next, is_due))
        continue;
      used = list_used (self, next);
      close_object (self, next->object);
      g_ptr_array_extend (pending, used, NULL, NULL);
      has_closed = TRUE;
    }
  return has_closed;
}

/* All that are due, the last that was added first. TRUE if there were any. */
static gboolean
close_due (BanyanTransaction *self, IsDue is_due)
{
  gboolean has_closed = FALSE;

  for (guint i = self->view->objects->len; i-- > 0;)
    has_closed |= close_with_used (self, self->view->objects->pdata[i], is_due);
  return has_closed;
}

static void
detach_programs (BanyanTransaction *self)
{
  for (guint i = 0; i < self->view->program_edges->len; i++)
    {
      BanyanChild *edge = ((BanyanViewEdge *) self->view->program_edges->pdata[i])->child;
      BanyanNode *old;

      banyan_co_backend_shut (edge->backend);
      note_flush (self, edge, FALSE);
      old = banyan_child_switch (edge, NULL);
      banyan_child_set_target (edge, NULL);
      g_clear_object (&old);
    }
}

/* What was declared inline in a link goes when nobody links to it any more. */
static void
close_unused_implicit (BanyanTransaction *self)
{
  for (guint i = self->view->objects->len; i-- > 0;)
    {
      BanyanObject *object = ((BanyanViewObject *) self->view->objects->pdata[i])->object;

      if (banyan_object_get_state (object) == BANYAN_OBJECT_OPEN
          && banyan_object_is_implicit (object) && is_unused_object (object))
        close_object (self, object);
    }
}

static void
hurry (BanyanElement *element)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (edge->backend != NULL)
        banyan_co_backend_hurry (edge->backend);
    }
}

/* A frontend ends what came in through its members, too, so all are told first. */
static void
hurry_removed (BanyanTransaction *self)
{
  for (guint i = 0; i < self->view->objects->len; i++)
    {
      BanyanViewObject *object = self->view->objects->pdata[i];

      if (object->is_removed && BANYAN_IS_ELEMENT (object->object))
        hurry (BANYAN_ELEMENT (object->object));
    }
}

/* Copies are flushed when they close, each by itself, so that those above need not ask them to:
 * where copies are made of copies, each way down would flush what it leads to once more. Between
 * copies no order matters; other children may be flushed to keep one. */
static void
flush_copies_once (BanyanTransaction *self)
{
  const guint meant = BANYAN_CHILD_DATA | BANYAN_CHILD_MANY;
  const guint others
      = BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY | BANYAN_CHILD_FILTERED | BANYAN_CHILD_COW;

  for (guint i = 0; i < self->view->objects->len; i++)
    {
      BanyanViewObject *object = self->view->objects->pdata[i];

      for (guint j = 0; object->is_removed && j < object->edges->len; j++)
        {
          BanyanChild *edge = ((BanyanViewEdge *) object->edges->pdata[j])->child;
          BanyanViewObject *below
              = edge->node != NULL ? banyan_graph_view_find (self->view, edge->node) : NULL;

          if (below == NULL || !below->is_removed || (edge->role_flags & (meant | others)) != meant)
            continue;
          below->is_written = TRUE;
          edge->route[BANYAN_OP_FLUSH].any = NULL;
        }
    }
}

void
banyan_co_transaction_close_removed (BanyanTransaction *self)
{
  hurry_removed (self);
  close_due (self, is_frontend);
  close_due (self, is_other_user);
  if (self->closes_graph)
    detach_programs (self);

  /* Whoever is about to close is on no iothread any more, but the one that closes it. */
  banyan_co_update_attachments (self->graph);
  flush_copies_once (self);
  close_due (self, is_unused_node);
  close_unused_implicit (self);
  while (close_due (self, is_unused_object))
    ;
}
