/* banyan-transaction-run.c - the phases of a transaction, one after the other
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prepare opens what is new and prepares what changes, lower objects before those above. Where what
 * has been opened names children itself, an image its backing file, these join the change and are
 * opened next (banyan-transaction-imply.c). The gates
 * of all that is concerned are closed; settle does the I/O that wants nothing else in flight: who
 * leaves a node to others is flushed and inactivated, and those others, which had to wait for that,
 * are opened; nodes grow, and last of all are shortened, which nobody can take back. Until then
 * everything can fail, and is undone in the opposite order. The switch moves pointers and cannot
 * fail. Then the gates open, and finish lets go of what is old, closes what was removed and starts
 * what is new. */

#include "banyan-transaction-private.h"

#include <banyan/banyan-frontend.h>
#include <banyan/banyan-node.h>

/* -- Hooks. -- */

typedef struct
{
  BanyanTransaction *transaction;
  BanyanElement *element;
  BanyanHookFunc func;
  gpointer data;
} Hook;

/* The cancellable is asked: the main loop may not have come to tell us yet. */
static gboolean
is_cancelled (BanyanTransaction *self)
{
  return g_cancellable_is_cancelled (g_task_get_cancellable (self->task));
}

/* A cancellation that came before the hook was noted found nobody to tell. */
static void
note_hook (BanyanTransaction *self, BanyanCoroutine *hook)
{
  g_mutex_lock (&self->lock);
  self->hook = hook;
  g_mutex_unlock (&self->lock);

  if (hook != NULL && is_cancelled (self))
    banyan_coroutine_cancel (hook);
}

static gboolean
run_hook (gpointer data, GError **error)
{
  Hook *hook = data;
  gboolean is_cancellable
      = hook->transaction->phase == BANYAN_PHASE_PREPARE && !hook->transaction->is_in_force;
  gboolean done;

  if (is_cancellable)
    note_hook (hook->transaction, banyan_coroutine_self ());
  done = hook->func (hook->element, hook->data, error);
  if (is_cancellable)
    note_hook (hook->transaction, NULL);

  return done;
}

gboolean
banyan_co_transaction_hook (BanyanTransaction *self, BanyanElement *element, BanyanHookFunc func,
                            gpointer data, GError **error)
{
  Hook hook = { self, element, func, data };
  gpointer pass = banyan_co_swap_pass (banyan_pass_for_transaction ());
  gboolean done = banyan_co_run_on (banyan_graph_get_loop (self->graph), run_hook, &hook, error);

  banyan_co_swap_pass (pass);
  if (!done && error != NULL && *error == NULL)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                 "%s failed without saying why", G_OBJECT_TYPE_NAME (element));
  return done;
}

gboolean
banyan_transaction_may_go_on (BanyanTransaction *self, GError **error)
{
  if (self->is_in_force)
    return TRUE;
  if (self->phase == BANYAN_PHASE_PREPARE && is_cancelled (self))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The change was cancelled");
      return FALSE;
    }
  if (!self->fails || self->fail_phase != self->phase || self->fail_countdown-- > 0)
    return TRUE;

  self->fails = FALSE;
  g_set_error (error, BANYAN_ERRNO, EIO, "A test wants phase %u to fail here", self->phase);
  return FALSE;
}

/* -- Phases. -- */

static gboolean
prepare (BanyanTransaction *self, GError **error)
{
  guint n_new;

  self->phase = BANYAN_PHASE_PREPARE;
  for (guint i = 0; i < self->parts->len; i += n_new == 0)
    {
      self->n_parts_done = i;
      if (!banyan_co_part_prepare (self, self->parts->pdata[i], error)
          || !banyan_transaction_imply (self, i, &n_new, error))
        return FALSE;
    }

  return banyan_transaction_may_go_on (self, error);
}

static void
note_gates_open (BanyanTransaction *self)
{
  self->drained_us += g_get_monotonic_time () - self->gates_closed_us;
  banyan_transaction_tell_drain (self, FALSE);
}

static gboolean
close_gates (BanyanTransaction *self, GError **error)
{
  self->phase = BANYAN_PHASE_CLOSE_GATES;
  if (!banyan_transaction_may_go_on (self, error))
    return FALSE;

  if (self->view->backends->len == 0)
    return TRUE;

  self->gates_closed_us = g_get_monotonic_time ();
  banyan_transaction_tell_drain (self, TRUE);
  if (banyan_co_close_gates (self->view->backends, self->view->drained, self->drain_timeout_ms,
                             error))
    return TRUE;

  note_gates_open (self);
  return FALSE;
}

static void
open_gates (BanyanTransaction *self)
{
  if (self->view->backends->len == 0)
    return;

  banyan_co_open_gates (self->view->backends, self->view->drained);
  note_gates_open (self);
}

static gboolean
settle (BanyanTransaction *self, GError **error)
{
  guint n_new;

  self->phase = BANYAN_PHASE_SETTLE;
  self->n_parts_done = 0;
  if (!banyan_co_transaction_inactivate (self, error))
    return FALSE;

  /* Who is above sees how long what is below will be. */
  for (guint i = 0; i < self->parts->len; i += n_new == 0)
    {
      self->n_parts_done = i;
      if (!banyan_co_part_open_late (self, self->parts->pdata[i], error)
          || !banyan_transaction_imply (self, i, &n_new, error)
          || (n_new == 0
              && (!banyan_co_part_settle (self, self->parts->pdata[i], error)
                  || !banyan_co_part_grow (self, self->parts->pdata[i], error))))
        return FALSE;
    }

  return TRUE;
}

/* What tests want to fail at the last moment fails before anything is lost. */
static gboolean
settle_for_good (BanyanTransaction *self, GError **error)
{
  self->phase = BANYAN_PHASE_SWITCH;
  if (!banyan_transaction_may_go_on (self, error))
    return FALSE;

  self->phase = BANYAN_PHASE_SETTLE;
  return banyan_co_transaction_shrink (self, error);
}

static void
undo (BanyanTransaction *self, GError **error)
{
  for (guint i = self->parts->len; i-- > 0;)
    banyan_co_part_undo (self, self->parts->pdata[i]);
  banyan_co_transaction_reactivate (self, error);
}

/* Who is drained, or new, sees what is below as it is now; from the leaves up. */
static void
update_routes (BanyanTransaction *self)
{
  for (guint i = self->view->order->len; i-- > 0;)
    {
      BanyanViewObject *object = self->view->order->pdata[i];

      if (!object->is_drained && !object->is_added)
        continue;

      for (guint j = 0; j < object->edges->len; j++)
        banyan_child_update_route (((BanyanViewEdge *) object->edges->pdata[j])->child);
      if (BANYAN_IS_NODE (object->object))
        banyan_node_update_limits (BANYAN_NODE (object->object));
    }

  for (guint i = 0; i < self->view->program_edges->len; i++)
    {
      BanyanViewEdge *edge = self->view->program_edges->pdata[i];
      BanyanViewObject *node
          = edge->node != NULL ? banyan_graph_view_find (self->view, edge->node) : NULL;

      if (edge->is_moved || (node != NULL && node->is_drained))
        banyan_child_update_route (edge->child);
    }
}

/* All give their ids up before one takes another's. */
static void
rename_all (BanyanTransaction *self)
{
  GPtrArray *objects = self->view->objects;

  for (guint i = 0; i < objects->len; i++)
    {
      BanyanViewObject *object = objects->pdata[i];

      if (object->new_id != NULL && !object->is_removed)
        banyan_object_set_id (object->object, object->new_id);
      if (!object->is_removed)
        banyan_object_set_implicit (object->object, object->is_implicit);
    }
  for (guint i = 0; i < objects->len; i++)
    if (((BanyanViewObject *) objects->pdata[i])->new_id != NULL
        && !((BanyanViewObject *) objects->pdata[i])->is_removed)
      banyan_object_take_id (((BanyanViewObject *) objects->pdata[i])->object);
}

static void
redeclare_users (BanyanTransaction *self)
{
  for (guint i = 0; i < self->view->objects->len; i++)
    {
      BanyanViewObject *object = self->view->objects->pdata[i];

      if (object->new_id != NULL && !object->is_removed)
        banyan_object_redeclare_users (object->object);
    }
}

static void
switch_over (BanyanTransaction *self)
{
  self->phase = BANYAN_PHASE_SWITCH;
  rename_all (self);
  for (guint i = 0; i < self->parts->len; i++)
    banyan_part_switch (self, self->parts->pdata[i]);

  /* Permissions may be other ones where nothing else is. */
  for (guint i = 0; i < self->view->order->len; i++)
    {
      GPtrArray *edges = ((BanyanViewObject *) self->view->order->pdata[i])->edges;

      for (guint j = 0; j < edges->len; j++)
        banyan_transaction_switch_edge (self, edges->pdata[j]);
    }
  for (guint i = 0; i < self->view->program_edges->len; i++)
    banyan_transaction_switch_edge (self, self->view->program_edges->pdata[i]);

  redeclare_users (self);
  banyan_transaction_note_lengths (self);
  for (guint i = 0; i < self->parts->len; i++)
    banyan_part_commit (self->parts->pdata[i]);
  banyan_transaction_cut_off (self);
  update_routes (self);
  banyan_co_update_attachments (self->graph);
}

static void
finish (BanyanTransaction *self)
{
  self->phase = BANYAN_PHASE_FINISH;
  for (guint i = 0; i < self->parts->len; i++)
    banyan_co_part_finish (self, self->parts->pdata[i]);

  banyan_co_transaction_close_removed (self);
  for (guint i = 0; i < self->parts->len; i++)
    banyan_co_part_start (self, self->parts->pdata[i]);

  g_ptr_array_set_size (self->dropped_edges, 0);
  g_ptr_array_set_size (self->dropped, 0);
}

/* -- One round: from a view to the graph that it shows. -- */

/* To listen elsewhere. */
static gboolean
is_moving (BanyanViewObject *object)
{
  for (guint i = 0; BANYAN_IS_FRONTEND (object->object) && i < object->settings->len; i++)
    {
      BanyanViewSetting *setting = object->settings->pdata[i];

      if (g_str_equal (setting->pspec->name, "listen"))
        return TRUE;
    }
  return FALSE;
}

/* So that what takes a place knows who is about to give it up. */
static void
tell_leaving (BanyanTransaction *self, gboolean is_leaving)
{
  for (guint i = 0; i < self->view->objects->len; i++)
    {
      BanyanViewObject *object = self->view->objects->pdata[i];

      if ((object->is_removed && BANYAN_IS_ELEMENT (object->object)) || is_moving (object))
        banyan_element_set_leaving (BANYAN_ELEMENT (object->object), is_leaving);
    }
}

static gboolean
put_in_force (BanyanTransaction *self, GError **error)
{
  if (!prepare (self, error) || !close_gates (self, error))
    {
      undo (self, error);
      return FALSE;
    }

  if (!settle (self, error) || !settle_for_good (self, error))
    {
      undo (self, error);
      open_gates (self);
      return FALSE;
    }

  banyan_transaction_gather_news (self);
  switch_over (self);
  self->phase = BANYAN_PHASE_OPEN_GATES;
  open_gates (self);
  finish (self);
  return TRUE;
}

static gboolean
do_round (BanyanTransaction *self, GPtrArray *steps, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  gboolean done;

  self->phase = BANYAN_PHASE_PREPARE;
  self->view = banyan_graph_view_new (self->graph, steps, problems);
  self->parts = banyan_parts_new (self->view);
  tell_leaving (self, TRUE);
  done = banyan_problems_check (problems, error) && put_in_force (self, error);
  tell_leaving (self, FALSE);
  g_clear_pointer (&self->parts, g_ptr_array_unref);
  return done;
}

static void
drop_view (BanyanTransaction *self)
{
  self->n_visits += self->view != NULL ? self->view->n_visits : 0;
  g_clear_pointer (&self->view, banyan_graph_view_free);
}

/* Permissions that only what has just been closed needed are given back in a round of its own: as
 * long as that was open, it may have written. */
static void
give_back (BanyanTransaction *self)
{
  g_autoptr (GPtrArray) steps = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;

  self->is_in_force = TRUE;
  drop_view (self);
  if (!do_round (self, steps, &error))
    g_warning ("Permissions that nobody needs any more could not be given back: %s",
               error->message);
}

gboolean
banyan_co_transaction_run (BanyanTransaction *self, GError **error)
{
  gboolean done;

  if (self->closes_graph)
    banyan_transaction_remove (self, BANYAN_OBJECT (self->graph));
  done = banyan_graph_ensure_loop (self->graph, error) != NULL
         && do_round (self, self->steps, error);

  if (done && self->view->has_lingering && !self->closes_graph)
    give_back (self);
  if (done)
    banyan_transaction_tell_news (self);

  drop_view (self);
  return done;
}
