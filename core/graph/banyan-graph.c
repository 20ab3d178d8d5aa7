/* banyan-graph.c - the root of one storage graph: collections, an iothread, a queue of changes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

#include "banyan-blocking-private.h"
#include "banyan-failures.h"
#include "banyan-loop-private.h"
#include "banyan-mapper-private.h"

#include <banyan/banyan-frontend.h>
#include <banyan/banyan-job.h>

struct _BanyanGraph
{
  BanyanRoot parent_instance;

  BanyanLoop *loop; /* (owned) (nullable): until something opens, and after the end */
  GQueue changes;   /* (owned) (element-type BanyanTransaction): the first is under way */
  GQueue history;   /* (owned) (element-type BanyanSpec): the last changes, the oldest first */
  BanyanDescriptors *descriptors; /* (owned) */
  guint64 age;                    /* changes that were put in force or given up */
  GHashTable *paces;              /* (owned): of failures that are told */
  gboolean is_closed;
  const char *end_reason; /* static: QEMU's word for why it is closed */
};

enum
{
  SIGNAL_EVENT,
  SIGNAL_QUIT,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (BanyanGraph, banyan_graph, BANYAN_TYPE_ROOT)

#define NODE_KINDS \
  (1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT | 1u << BANYAN_PLUGIN_FILTER)

static void
banyan_graph_constructed (GObject *object)
{
  BanyanRoot *root = BANYAN_ROOT (object);

  G_OBJECT_CLASS (banyan_graph_parent_class)->constructed (object);

  banyan_root_add_collection (root, "objects", BANYAN_TYPE_OBJECT, "type",
                              1u << BANYAN_PLUGIN_OBJECT);
  banyan_collection_set_path_advice (
      banyan_root_add_collection (root, "nodes", BANYAN_TYPE_NODE, "driver", NODE_KINDS),
      "a file's name goes into a node of its own, { driver: file, filename: PATH }, below the one "
      "of its format");
  banyan_root_add_collection (root, "frontends", BANYAN_TYPE_FRONTEND, "type",
                              1u << BANYAN_PLUGIN_FRONTEND);
  banyan_root_add_collection (root, "jobs", BANYAN_TYPE_JOB, "type", 1u << BANYAN_PLUGIN_JOB);
}

/* Whoever drops an open graph meant to close it. */
static void
banyan_graph_dispose (GObject *object)
{
  BanyanGraph *self = BANYAN_GRAPH (object);
  g_autoptr (GError) error = NULL;

  /* In a callback it cannot be waited for: the task holds the graph until it is closed. */
  if (self->loop != NULL && g_main_depth () > 0)
    {
      banyan_graph_close_async (self, NULL, NULL, NULL);
      return;
    }
  if (self->loop != NULL && !banyan_graph_close (self, &error))
    g_critical ("A graph that is open was dropped: %s", error->message);

  G_OBJECT_CLASS (banyan_graph_parent_class)->dispose (object);
}

static void
banyan_graph_finalize (GObject *object)
{
  g_assert (g_queue_is_empty (&BANYAN_GRAPH (object)->changes));
  g_queue_clear_full (&BANYAN_GRAPH (object)->history, (GDestroyNotify) banyan_spec_unref);
  g_clear_object (&BANYAN_GRAPH (object)->descriptors);
  g_hash_table_unref (BANYAN_GRAPH (object)->paces);

  G_OBJECT_CLASS (banyan_graph_parent_class)->finalize (object);
}

static void
banyan_graph_class_init (BanyanGraphClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = banyan_graph_constructed;
  object_class->dispose = banyan_graph_dispose;
  object_class->finalize = banyan_graph_finalize;

  /**
   * BanyanGraph::event:
   * @self: the graph
   * @name: what happened, as monitors tell it: "BLOCK_EXPORT_DELETED"
   * @data: (nullable): a map of what is to be said about it
   *
   * Something happened that those who watch the graph from outside may want to know. Emitted on the
   * main thread.
   */
  signals[SIGNAL_EVENT]
      = g_signal_new ("event", BANYAN_TYPE_GRAPH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                      G_TYPE_NONE, 2, G_TYPE_STRING, BANYAN_TYPE_SPEC);
  /**
   * BanyanGraph::quit:
   * @self: the graph
   *
   * A client wants the program to end. Who runs the program closes the graph.
   */
  signals[SIGNAL_QUIT] = g_signal_new ("quit", BANYAN_TYPE_GRAPH, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                       NULL, G_TYPE_NONE, 0);
}

static void
banyan_graph_init (BanyanGraph *self)
{
  g_queue_init (&self->changes);
  g_queue_init (&self->history);
  self->descriptors = banyan_descriptors_new ();
  self->end_reason = "host-ui";
  self->paces = banyan_paces_new ();
}

/**
 * banyan_graph_new:
 *
 * Makes a graph with nothing in it. It has to be closed before it is dropped.
 *
 * Returns: (transfer full): a graph
 */
BanyanGraph *
banyan_graph_new (void)
{
  return g_object_new (BANYAN_TYPE_GRAPH, NULL);
}

/**
 * banyan_graph_get_descriptors:
 * @self: a graph
 *
 * Returns: (transfer none): open files that were passed to it instead of names
 */
BanyanDescriptors *
banyan_graph_get_descriptors (BanyanGraph *self)
{
  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  return self->descriptors;
}

/* -- What those outside are told. -- */

/**
 * banyan_graph_emit_event:
 * @self: a graph
 * @name: what happened
 * @data: (nullable): a map of what is to be said about it
 *
 * Emits #BanyanGraph::event. Main thread.
 */
void
banyan_graph_emit_event (BanyanGraph *self, const char *name, BanyanSpec *data)
{
  g_return_if_fail (BANYAN_IS_GRAPH (self));

  g_signal_emit (self, signals[SIGNAL_EVENT], 0, name, data);
}

/**
 * banyan_graph_ask_to_quit:
 * @self: a graph
 *
 * Emits #BanyanGraph::quit: whoever runs the program is to close the graph and end.
 */
void
banyan_graph_ask_to_quit (BanyanGraph *self)
{
  g_return_if_fail (BANYAN_IS_GRAPH (self));

  banyan_graph_set_end_cause (self, BANYAN_END_BY_CLIENT);
  g_signal_emit (self, signals[SIGNAL_QUIT], 0);
}

/**
 * banyan_graph_set_end_cause:
 * @self: a graph
 * @cause: why it is about to be closed
 *
 * Says what those who watch the graph are told when it is closed. Without it they are told that a
 * client asked, if one did, and else that whoever runs the program did. What a client asked for
 * first stays the reason.
 */
void
banyan_graph_set_end_cause (BanyanGraph *self, BanyanEndCause cause)
{
  static const char *const reasons[] = {
    [BANYAN_END_BY_PROGRAM] = "host-ui",
    [BANYAN_END_BY_CLIENT] = "host-qmp-quit",
    [BANYAN_END_BY_SIGNAL] = "host-signal",
    [BANYAN_END_BY_ERROR] = "host-error",
  };

  g_return_if_fail (BANYAN_IS_GRAPH (self));
  g_return_if_fail (cause < G_N_ELEMENTS (reasons));

  if (strcmp (self->end_reason, reasons[BANYAN_END_BY_CLIENT]) != 0)
    self->end_reason = reasons[cause];
}

gboolean
banyan_graph_is_watched (BanyanGraph *self)
{
  return g_signal_has_handler_pending (self, signals[SIGNAL_EVENT], 0, FALSE);
}

GHashTable *
banyan_graph_get_paces (BanyanGraph *self)
{
  return self->paces;
}

/* Before those who are told of it are closed. */
static void
tell_end (BanyanGraph *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) data = NULL;

  banyan_spec_builder_add_boolean (map, "guest", FALSE);
  banyan_spec_builder_add_string (map, "reason", self->end_reason);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (self, "SHUTDOWN", data);
}

GQueue *
banyan_graph_get_history (BanyanGraph *self)
{
  return &self->history;
}

/* -- Its iothread. -- */

BanyanLoop *
banyan_graph_ensure_loop (BanyanGraph *self, GError **error)
{
  BanyanLoopConfig config = { 0 };

  if (self->loop == NULL)
    self->loop = banyan_loop_start ("graph", &config, error);

  return self->loop;
}

/**
 * banyan_graph_get_loop: (skip)
 * @self: a graph
 *
 * Returns: (transfer none) (nullable): the loop on which nodes open and changes do I/O; %NULL once
 *   the graph is closed, or where the kernel gives us no loop
 */
BanyanLoop *
banyan_graph_get_loop (BanyanGraph *self)
{
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  if (!self->is_closed && banyan_graph_ensure_loop (self, &error) == NULL)
    g_critical ("The graph's iothread did not start: %s", error->message);

  return self->loop;
}

/* -- The queue. -- */

gboolean
banyan_graph_is_closed (BanyanGraph *self)
{
  return self->is_closed;
}

static void
begin_next (BanyanGraph *self)
{
  BanyanTransaction *next = g_queue_peek_head (&self->changes);

  if (next != NULL)
    banyan_transaction_begin (next);
}

gboolean
banyan_graph_is_changing (BanyanGraph *self)
{
  return !g_queue_is_empty (&self->changes);
}

void
banyan_graph_enqueue (BanyanGraph *self, BanyanTransaction *transaction)
{
  g_queue_push_tail (&self->changes, g_object_ref (transaction));
  if (g_queue_get_length (&self->changes) == 1)
    begin_next (self);
}

void
banyan_graph_leave_queue (BanyanGraph *self, BanyanTransaction *transaction)
{
  gboolean was_first = g_queue_peek_head (&self->changes) == transaction;

  if (!g_queue_remove (&self->changes, transaction))
    return;
  self->age++;
  if (was_first)
    begin_next (self);
  g_object_unref (transaction);
}

/**
 * banyan_graph_describe_changes:
 * @self: a graph
 *
 * Tells of each change that is under way or waits: its phase, its manager, for how long it has
 * waited, and what is drained for it.
 *
 * Returns: (transfer full): a list of maps, the change that is under way first
 */
BanyanSpec *
banyan_graph_describe_changes (BanyanGraph *self)
{
  BanyanSpecBuilder *list = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  list = banyan_spec_builder_new_list ();
  for (GList *l = self->changes.head; l != NULL; l = l->next)
    banyan_spec_builder_take (list, NULL, banyan_transaction_describe (l->data));

  return banyan_spec_builder_end (list);
}

/* -- Paths. -- */

/**
 * banyan_graph_get_node:
 * @self: a graph
 * @id: a node's id, or its path
 *
 * Returns: (transfer none) (nullable): the node
 */
BanyanNode *
banyan_graph_get_node (BanyanGraph *self, const char *id)
{
  BanyanObject *nodes;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  if (g_str_has_prefix (id, "/nodes/"))
    id += strlen ("/nodes/");

  nodes = banyan_object_get_child (BANYAN_OBJECT (self), "nodes");
  return (BanyanNode *) banyan_object_get_child (nodes, id);
}

guint64
banyan_graph_get_age (BanyanGraph *self)
{
  return self->age;
}

static void
throw_no_edge (BanyanElement *element, const char *role, GError **error)
{
  g_autoptr (GPtrArray) edges = banyan_element_list_children (element);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *path = banyan_object_dup_name (BANYAN_OBJECT (element));
  g_autofree char *list = NULL;
  const char *near;

  for (guint i = 0; i < edges->len; i++)
    g_ptr_array_add (names, (gpointer) banyan_child_get_role (edges->pdata[i]));
  g_ptr_array_add (names, NULL);

  list = g_strjoinv (", ", (char **) names->pdata);
  near = banyan_did_you_mean (role, (const char *const *) names->pdata);
  if (near != NULL)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "%s has no edge \"%s\"; did you mean \"%s\"?", path, role, near);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "%s has no edge \"%s\"; %s%s", path, role,
                 names->len > 1 ? "there are: " : "it has none at all", list);
}

BanyanChild *
banyan_graph_pick_edge (BanyanObject *object, const char *role, GError **error)
{
  g_autofree char *path = NULL;
  BanyanChild *edge;

  if (!BANYAN_IS_ELEMENT (object))
    {
      path = banyan_object_dup_name (object);
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE, "%s has no edges",
                   path);
      return NULL;
    }

  edge = role != NULL ? banyan_element_get_child (BANYAN_ELEMENT (object), role) : NULL;
  if (edge == NULL)
    throw_no_edge (BANYAN_ELEMENT (object), role != NULL ? role : "", error);
  return edge;
}

/**
 * banyan_graph_resolve_edge:
 * @self: a graph
 * @path: "/nodes/disk0:file", "disk0:file"
 * @error: where to put the error, or %NULL
 *
 * Finds an edge. The part before the colon may be a partial path.
 *
 * Returns: (transfer none): the edge, or %NULL with candidates in @error
 */
BanyanChild *
banyan_graph_resolve_edge (BanyanGraph *self, const char *path, GError **error)
{
  const char *colon = path != NULL ? strrchr (path, ':') : NULL;
  g_autofree char *object_path = NULL;
  BanyanObject *object;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  object_path = colon != NULL ? g_strndup (path, colon - path) : g_strdup (path);
  object = banyan_object_resolve (BANYAN_OBJECT (self), object_path, error);
  return object != NULL ? banyan_graph_pick_edge (object, colon != NULL ? colon + 1 : NULL, error)
                        : NULL;
}

/* -- Programs' edges. -- */

gboolean
banyan_graph_attach (BanyanGraph *self, BanyanChild *edge, BanyanNode *node, GError **error)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (self);

  banyan_transaction_replace_child (transaction, edge, node);
  return banyan_transaction_commit (transaction, error);
}

/* -- The end. -- */

static void
close_done (GObject *object, GAsyncResult *result, gpointer data)
{
  BanyanTransaction *transaction = BANYAN_TRANSACTION (object);
  g_autoptr (GTask) task = data;
  BanyanGraph *self = g_task_get_source_object (task);
  GError *error = NULL;

  banyan_transaction_commit_finish (transaction, result, &error);
  if (error == NULL)
    error = g_steal_pointer (&transaction->close_error);

  if (self->loop != NULL && !self->is_closed)
    banyan_loop_stop (g_steal_pointer (&self->loop));
  self->is_closed = TRUE;

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/**
 * banyan_graph_close_async:
 * @self: a graph
 * @cancellable: (nullable): to give up, as long as other changes are under way
 * @callback: (scope async): called on the main thread when everything is closed
 * @user_data: passed to @callback
 *
 * Closes frontends, then jobs, then nodes, which are flushed, then everything else; waits its turn
 * in the queue of changes. Closing a closed graph does nothing.
 */
void
banyan_graph_close_async (BanyanGraph *self, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (BANYAN_IS_GRAPH (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  if (self->is_closed)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  banyan_paces_flush (self->paces);
  tell_end (self);
  transaction = banyan_transaction_new (self);
  transaction->closes_graph = TRUE;
  banyan_transaction_commit_async (transaction, cancellable, close_done, g_steal_pointer (&task));
}

/**
 * banyan_graph_close_finish:
 * @self: a graph
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether all went well; with an error the graph is closed nevertheless, unless it was
 *   cancelled
 */
gboolean
banyan_graph_close_finish (BanyanGraph *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * banyan_graph_close:
 * @self: a graph
 * @error: where to put the error, or %NULL
 *
 * As banyan_graph_close_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether all went well
 */
gboolean
banyan_graph_close (BanyanGraph *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_graph_close_async (self, NULL, banyan_keep_result, &result);
  return banyan_graph_close_finish (self, banyan_wait_for_result (&result), error);
}
