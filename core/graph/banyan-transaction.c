/* banyan-transaction.c - a change of the graph, done whole or not at all: how it is put together
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

#include "banyan-blocking-private.h"
#include "banyan-param-private.h"

G_DEFINE_FINAL_TYPE (BanyanTransaction, banyan_transaction, G_TYPE_OBJECT)

#define DEFAULT_DRAIN_TIMEOUT_MS 30000

static void
free_step (gpointer data)
{
  BanyanStep *self = data;

  g_clear_object (&self->object);
  g_clear_object (&self->other);
  g_clear_pointer (&self->edge, banyan_child_unref);
  g_clear_pointer (&self->value, banyan_spec_unref);
  g_free (self->key);
  g_free (self);
}

static void
banyan_transaction_finalize (GObject *object)
{
  BanyanTransaction *self = BANYAN_TRANSACTION (object);

  g_assert (self->task == NULL && self->view == NULL);
  banyan_transaction_drop_draft (self);
  g_ptr_array_unref (self->steps);
  g_ptr_array_unref (self->dropped);
  g_ptr_array_unref (self->dropped_edges);
  g_ptr_array_unref (self->news);
  g_clear_pointer (&self->told_steps, banyan_spec_unref);
  g_clear_error (&self->close_error);
  g_clear_object (&self->graph);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (banyan_transaction_parent_class)->finalize (object);
}

static void
banyan_transaction_class_init (BanyanTransactionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = banyan_transaction_finalize;
}

static void
banyan_transaction_init (BanyanTransaction *self)
{
  self->steps = g_ptr_array_new_with_free_func (free_step);
  self->dropped = g_ptr_array_new_with_free_func (g_object_unref);
  self->dropped_edges = g_ptr_array_new_with_free_func (banyan_element_free_edge);
  self->news = g_ptr_array_new_with_free_func (banyan_news_free);
  self->drain_timeout_ms = DEFAULT_DRAIN_TIMEOUT_MS;
  self->manager.kind = BANYAN_ORIGIN_PROGRAM;
  g_mutex_init (&self->lock);
}

/**
 * banyan_transaction_new:
 * @graph: a graph
 *
 * Begins to put a change together. Nothing happens before it is committed. The steps are done one
 * on top of the other, and what comes out at the end is checked.
 *
 * Returns: (transfer full): a transaction without steps
 */
BanyanTransaction *
banyan_transaction_new (BanyanGraph *graph)
{
  BanyanTransaction *self;

  g_return_val_if_fail (BANYAN_IS_GRAPH (graph), NULL);

  self = g_object_new (BANYAN_TYPE_TRANSACTION, NULL);
  self->graph = g_object_ref (graph);
  return self;
}

/* -- Steps. -- */

static BanyanStep *
add_step (BanyanTransaction *self, BanyanStepKind kind, gpointer object, gpointer other)
{
  BanyanStep *step = g_new0 (BanyanStep, 1);

  step->kind = kind;
  step->object = object != NULL ? g_object_ref (object) : NULL;
  step->other = other != NULL ? g_object_ref (other) : NULL;
  g_ptr_array_add (self->steps, step);
  return step;
}

/**
 * banyan_transaction_add:
 * @self: a transaction
 * @object: an object that is not open yet
 * @parent: (nullable): what it becomes a part of; %NULL for the collection of its type
 *
 * Opens @object, with the objects that are parts of it. What it links to is open already, or added
 * by the same transaction.
 */
void
banyan_transaction_add (BanyanTransaction *self, BanyanObject *object, BanyanObject *parent)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_OBJECT (object));

  add_step (self, BANYAN_STEP_ADD, object, parent);
}

/**
 * banyan_transaction_remove:
 * @self: a transaction
 * @object: an open object
 *
 * Closes @object with its parts. Refused while someone else uses it. Nodes that were declared
 * inline and lose their last user go, too.
 */
void
banyan_transaction_remove (BanyanTransaction *self, BanyanObject *object)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_OBJECT (object));

  add_step (self, BANYAN_STEP_REMOVE, object, NULL);
}

/**
 * banyan_transaction_rename:
 * @self: a transaction
 * @object: an open object of a collection: a node, for instance
 * @id: what it is to be called
 * @implicit: whether it goes with its last user from then on, as what is declared inline does
 *
 * Gives an object another id. It stays open, and who links to it does so as before; nobody has to
 * wait. The id may be one that the same transaction takes from another object.
 */
void
banyan_transaction_rename (BanyanTransaction *self, BanyanObject *object, const char *id,
                           gboolean implicit)
{
  BanyanStep *step;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_OBJECT (object));
  g_return_if_fail (id != NULL);

  step = add_step (self, BANYAN_STEP_RENAME, object, NULL);
  step->key = g_strdup (id);
  step->is_on = implicit;
}

/**
 * banyan_transaction_replace_child:
 * @self: a transaction
 * @edge: an edge
 * @node: (nullable): where it should lead; %NULL to detach
 *
 * Makes @edge lead to @node.
 */
void
banyan_transaction_replace_child (BanyanTransaction *self, BanyanChild *edge, BanyanNode *node)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (edge != NULL);

  add_step (self, BANYAN_STEP_REPLACE_CHILD, edge->parent, node)->edge = banyan_child_ref (edge);
}

/**
 * banyan_transaction_insert_on_edge:
 * @self: a transaction
 * @filter: a filter that the same transaction adds, whose filtered role is empty
 * @edge: an edge
 *
 * Puts @filter between @edge and the node that it leads to.
 */
void
banyan_transaction_insert_on_edge (BanyanTransaction *self, BanyanNode *filter, BanyanChild *edge)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_NODE (filter));
  g_return_if_fail (edge != NULL);

  add_step (self, BANYAN_STEP_INSERT_ON_EDGE, edge->parent, filter)->edge = banyan_child_ref (edge);
}

/**
 * banyan_transaction_insert_above:
 * @self: a transaction
 * @filter: a filter that the same transaction adds, whose filtered role is empty
 * @node: a node
 *
 * Puts @filter between @node and all who use it.
 */
void
banyan_transaction_insert_above (BanyanTransaction *self, BanyanNode *filter, BanyanNode *node)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_NODE (filter));
  g_return_if_fail (BANYAN_IS_NODE (node));

  add_step (self, BANYAN_STEP_INSERT_ABOVE, filter, node);
}

/**
 * banyan_transaction_remove_filter:
 * @self: a transaction
 * @filter: an open filter
 *
 * Makes all users of @filter use the node that it filters, and closes @filter.
 */
void
banyan_transaction_remove_filter (BanyanTransaction *self, BanyanNode *filter)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_NODE (filter));

  add_step (self, BANYAN_STEP_REMOVE_FILTER, filter, NULL);
}

/**
 * banyan_transaction_set:
 * @self: a transaction
 * @object: an object
 * @key: the name or an alias of a property; `cache.direct` means a field of a struct
 * @value: the new value, as a document would give it; for a link or a role, an id or null
 *
 * Sets one property of an object.
 */
void
banyan_transaction_set (BanyanTransaction *self, BanyanObject *object, const char *key,
                        BanyanSpec *value)
{
  BanyanStep *step;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_OBJECT (object));
  g_return_if_fail (key != NULL && value != NULL);

  step = add_step (self, BANYAN_STEP_SET, object, NULL);
  step->key = g_strdup (key);
  step->value = banyan_spec_ref (value);
}

/* What the property is where nobody says anything. */
static BanyanSpec *
default_of (GParamSpec *pspec, const BanyanOrigin *origin)
{
  if (banyan_param_has_links (pspec))
    return banyan_spec_new_null (origin);

  return banyan_param_value_to_spec (pspec, g_param_spec_get_default_value (pspec), origin);
}

/**
 * banyan_transaction_reset:
 * @self: a transaction
 * @object: an object
 * @key: the name of a property
 *
 * Makes one property of an object what it is where nobody declares it, and takes it out of the
 * declaration. What is required has to be set by another step then.
 */
void
banyan_transaction_reset (BanyanTransaction *self, BanyanObject *object, const char *key)
{
  GParamSpec *pspec;
  BanyanStep *step;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_OBJECT (object));
  g_return_if_fail (key != NULL);

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);
  g_return_if_fail (pspec != NULL);

  step = add_step (self, BANYAN_STEP_SET, object, NULL);
  step->key = g_strdup (key);
  step->value = default_of (pspec, &self->manager);
  step->is_on = TRUE;
}

/**
 * banyan_transaction_add_child:
 * @self: a transaction
 * @parent: an element
 * @role: a role of it that takes many
 * @node: a node
 *
 * Gives @parent one more child.
 */
void
banyan_transaction_add_child (BanyanTransaction *self, BanyanElement *parent, const char *role,
                              BanyanNode *node)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_ELEMENT (parent));
  g_return_if_fail (BANYAN_IS_NODE (node));
  g_return_if_fail (role != NULL);

  add_step (self, BANYAN_STEP_ADD_CHILD, parent, node)->key = g_strdup (role);
}

/**
 * banyan_transaction_remove_child:
 * @self: a transaction
 * @edge: an edge of a role that takes many, or may be empty
 *
 * Takes a child from its parent.
 */
void
banyan_transaction_remove_child (BanyanTransaction *self, BanyanChild *edge)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (edge != NULL);

  add_step (self, BANYAN_STEP_REMOVE_CHILD, edge->parent, NULL)->edge = banyan_child_ref (edge);
}

/**
 * banyan_transaction_resize:
 * @self: a transaction
 * @node: a node
 * @length: in bytes
 *
 * Makes a node shorter or longer, with nothing in flight. Refused where a user of the node counts
 * on its length; those that a frontend serves bear that it grows. What a shorter node loses is
 * lost, so this is the last thing that the transaction does before it succeeds.
 */
void
banyan_transaction_resize (BanyanTransaction *self, BanyanNode *node, guint64 length)
{
  g_autofree char *text = NULL;
  BanyanStep *step;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (BANYAN_IS_NODE (node));

  text = g_strdup_printf ("%" G_GUINT64_FORMAT, length);
  step = add_step (self, BANYAN_STEP_RESIZE, node, NULL);
  step->length = length;
  step->value = banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, text, &self->manager);
}

/**
 * banyan_transaction_set_statistics:
 * @self: a transaction
 * @edge: an edge of a node
 * @enabled: whether it shall count
 *
 * Makes @edge count what goes along it, from nothing on, or stop that and forget it. An edge that
 * counts costs some time for each request; one that does not costs nothing. A backend counts
 * always.
 */
void
banyan_transaction_set_statistics (BanyanTransaction *self, BanyanChild *edge, gboolean enabled)
{
  BanyanStep *step;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (edge != NULL);

  step = add_step (self, BANYAN_STEP_COUNT, edge->parent, NULL);
  step->edge = banyan_child_ref (edge);
  step->is_on = enabled;
}

void
banyan_transaction_refresh (BanyanTransaction *self, BanyanNode *node)
{
  add_step (self, BANYAN_STEP_REFRESH, node, NULL);
}

/**
 * banyan_transaction_set_drain_timeout_ms:
 * @self: a transaction
 * @timeout_ms: how long requests in flight may take to end; 0 for 30 seconds
 *
 * A drain that takes longer ends the transaction, and everything stays as it was.
 */
void
banyan_transaction_set_drain_timeout_ms (BanyanTransaction *self, guint64 timeout_ms)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));

  self->drain_timeout_ms = timeout_ms != 0 ? timeout_ms : DEFAULT_DRAIN_TIMEOUT_MS;
}

/**
 * banyan_transaction_set_manager:
 * @self: a transaction
 * @manager: who makes the change
 *
 * Notes on what the transaction adds and on the edges that it moves whom they answer to. Without
 * it, that is the program.
 */
void
banyan_transaction_set_manager (BanyanTransaction *self, const BanyanOrigin *manager)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));
  g_return_if_fail (manager != NULL);

  self->manager = *manager;
}

/**
 * banyan_transaction_fail_at: (skip)
 * @self: a transaction
 * @phase: prepare, close-gates, settle or switch
 * @nth: which step of that phase, from 0
 *
 * For tests: makes that step fail as if its driver had. Nothing happens where there are fewer
 * steps.
 */
void
banyan_transaction_fail_at (BanyanTransaction *self, BanyanTransactionPhase phase, guint nth)
{
  g_return_if_fail (BANYAN_IS_TRANSACTION (self));

  self->fails = TRUE;
  self->fail_phase = phase;
  self->fail_countdown = nth;
}

/**
 * banyan_transaction_get_phase:
 * @self: a transaction
 *
 * Returns: how far it is
 */
BanyanTransactionPhase
banyan_transaction_get_phase (BanyanTransaction *self)
{
  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), BANYAN_PHASE_DONE);

  return self->phase;
}

/* -- Asking beforehand. -- */

/**
 * banyan_transaction_plan:
 * @self: a transaction
 * @error: where to put the error, or %NULL
 *
 * Checks the change as the graph is now, and touches nothing. All that is wrong is in @error, one
 * problem a line.
 *
 * Returns: (transfer full) (array zero-terminated=1): the paths of the root edges at which requests
 *   would wait while the change is put in force
 */
char **
banyan_transaction_plan (BanyanTransaction *self, GError **error)
{
  g_autoptr (BanyanProblems) problems = NULL;
  g_autoptr (BanyanGraphView) view = NULL;
  char **paths;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), NULL);

  problems = banyan_problems_new ();
  view = banyan_graph_view_new (self->graph, self->steps, problems);
  if (!banyan_problems_check (problems, error))
    return NULL;

  paths = g_new0 (char *, view->backends->len + 1);
  for (guint i = 0; i < view->backends->len; i++)
    paths[i] = banyan_backend_dup_path (view->backends->pdata[i]);
  return paths;
}

/**
 * banyan_transaction_check:
 * @self: a transaction
 * @problems: where to report
 *
 * Checks the change as the graph is now, and touches nothing.
 *
 * Returns: whether nothing was found to be wrong
 */
gboolean
banyan_transaction_check (BanyanTransaction *self, BanyanProblems *problems)
{
  g_autoptr (BanyanGraphView) view = NULL;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), FALSE);
  g_return_val_if_fail (problems != NULL, FALSE);

  view = banyan_graph_view_new (self->graph, self->steps, problems);
  return banyan_graph_view_is_right (view);
}

/* -- Committing. -- */

/* A coroutine's hook lives while it is noted, which the lock protects. */
static gboolean
cancel (GCancellable *cancellable, gpointer data)
{
  BanyanTransaction *self = data;

  if (self->phase == BANYAN_PHASE_QUEUED)
    {
      banyan_graph_leave_queue (self->graph, self);
      banyan_transaction_end (
          self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "The change was cancelled"));
      return G_SOURCE_REMOVE;
    }

  g_mutex_lock (&self->lock);
  if (self->hook != NULL)
    banyan_coroutine_cancel (self->hook);
  g_mutex_unlock (&self->lock);
  return G_SOURCE_REMOVE;
}

static void
heed_cancellable (BanyanTransaction *self, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  self->cancel_source = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancel_source, G_SOURCE_FUNC (cancel), self, NULL);
  g_source_attach (self->cancel_source, NULL);
}

void
banyan_transaction_end (BanyanTransaction *self, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);

  self->phase = BANYAN_PHASE_DONE;
  if (self->began_us != 0)
    self->duration_us = g_get_monotonic_time () - self->began_us;
  if (self->cancel_source != NULL)
    g_source_destroy (self->cancel_source);
  g_clear_pointer (&self->cancel_source, g_source_unref);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
run (gpointer data)
{
  g_autoptr (BanyanTransaction) self = data;
  GError *error = NULL;

  /* The main loop may not have come to tell us of a cancellation yet. */
  if (!g_cancellable_set_error_if_cancelled (g_task_get_cancellable (self->task), &error))
    banyan_co_transaction_run (self, &error);
  banyan_transaction_end_entry (self, error);
  banyan_graph_leave_queue (self->graph, self);
  banyan_transaction_end (self, error);
}

void
banyan_transaction_begin (BanyanTransaction *self)
{
  self->phase = BANYAN_PHASE_PREPARE;
  banyan_transaction_begin_entry (self);
  banyan_coroutine_start_on (banyan_loop_get_main (), run, g_object_ref (self));
}

/**
 * banyan_transaction_commit_async:
 * @self: a transaction that has not been committed before
 * @cancellable: (nullable): to give up, as long as it waits or prepares
 * @callback: (scope async): called on the main thread when all is in force, or nothing is
 * @user_data: passed to @callback
 *
 * Does the change. One change of a graph is done at a time, in the order of the calls.
 */
void
banyan_transaction_commit_async (BanyanTransaction *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (BANYAN_IS_TRANSACTION (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  if (self->graph == NULL)
    {
      g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                               "The transaction has no graph; make it with "
                               "banyan_transaction_new()");
      return;
    }
  if (self->queued_us != 0 || banyan_graph_is_closed (self->graph))
    {
      g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                               self->queued_us != 0
                                   ? "The transaction has been committed; make a new one"
                                   : "The graph is closed and stays so; make a new one");
      return;
    }

  banyan_transaction_drop_draft (self);
  self->queued_us = g_get_monotonic_time ();
  self->task = g_steal_pointer (&task);
  heed_cancellable (self, cancellable);
  banyan_graph_enqueue (self->graph, self);
}

/**
 * banyan_transaction_commit_finish:
 * @self: a transaction
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether the change is in force
 */
gboolean
banyan_transaction_commit_finish (BanyanTransaction *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * banyan_transaction_commit:
 * @self: a transaction that has not been committed before
 * @error: where to put the error, or %NULL
 *
 * As banyan_transaction_commit_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether the change is in force
 */
gboolean
banyan_transaction_commit (BanyanTransaction *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_TRANSACTION (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_transaction_commit_async (self, NULL, banyan_keep_result, &result);
  return banyan_transaction_commit_finish (self, banyan_wait_for_result (&result), error);
}
