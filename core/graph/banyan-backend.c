/* banyan-backend.c - the root edge of a frontend, a job or a program
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-blocking-private.h"
#include "banyan-channel-private.h"

#include <banyan/banyan-graph.h>
#include <unistd.h>

G_DEFINE_FINAL_TYPE (BanyanBackend, banyan_backend, G_TYPE_OBJECT)

static GMutex backends_lock;
static GPtrArray *backends; /* (owned) (nullable): none of them owned */

void
banyan_backends_lock (void)
{
  g_mutex_lock (&backends_lock);
}

void
banyan_backends_unlock (void)
{
  g_mutex_unlock (&backends_lock);
}

GPtrArray *
banyan_backends_get_all (void)
{
  if (backends == NULL)
    backends = g_ptr_array_new ();

  return backends;
}

/* -- Making them. -- */

BanyanBackend *
banyan_backend_new_for_edge (BanyanElement *owner, BanyanChild *edge, BanyanLoop *home)
{
  BanyanBackend *self = g_object_new (BANYAN_TYPE_BACKEND, NULL);

  self->owner = owner;
  self->edge = edge;
  self->home = home;
  edge->backend = self;
  return self;
}

/**
 * banyan_backend_new:
 * @node: an open node of a graph
 * @name: how refusals name the user
 * @used: the #BanyanPermissions that it takes
 * @shared: the #BanyanPermissions that it lets others have
 * @error: where to put the error
 *
 * Makes a way into the graph for a program, which belongs to no element. Attaching it is a change
 * of the graph, for which this waits, as banyan_transaction_commit() does. It keeps the graph until
 * it is closed; who drops it without closing it closes it.
 *
 * Returns: (transfer full): a backend, to be closed with banyan_backend_close(), or NULL
 */
BanyanBackend *
banyan_backend_new (BanyanNode *node, const char *name, guint used, guint shared, GError **error)
{
  g_autoptr (BanyanBackend) self = NULL;
  BanyanObject *root;
  BanyanChild *edge;

  g_return_val_if_fail (BANYAN_IS_NODE (node), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  root = banyan_object_get_root (BANYAN_OBJECT (node));
  g_return_val_if_fail (root != NULL && BANYAN_IS_GRAPH (root), NULL);

  edge = banyan_child_new (NULL, name, 0);
  edge->used = used;
  edge->shared = shared;
  self = banyan_backend_new_for_edge (NULL, edge, banyan_graph_get_loop (BANYAN_GRAPH (root)));
  self->is_programs = TRUE;

  if (!banyan_graph_attach (BANYAN_GRAPH (root), edge, node, error))
    return NULL;

  self->graph = g_object_ref (BANYAN_GRAPH (root));
  banyan_backend_note_length (self, banyan_node_get_length (node));
  return g_steal_pointer (&self);
}

/* -- Closing. -- */

void
banyan_co_backend_shut (BanyanBackend *self)
{
  gboolean is_empty;

  banyan_co_backend_hurry (self);
  do
    {
      banyan_backends_lock ();
      self->is_shut = TRUE;
      is_empty = self->channels->len == 0;
      self->shutter = is_empty ? NULL : banyan_coroutine_self ();
      banyan_backends_unlock ();
      if (!is_empty)
        banyan_co_suspend ();
    }
  while (!is_empty);
}

typedef struct
{
  BanyanBackend *backend; /* (owned) */
  gboolean is_done;
} Shutting;

static void
shut_main (gpointer data)
{
  Shutting *shutting = data;

  banyan_co_backend_shut (shutting->backend);
  shutting->is_done = TRUE;
}

/**
 * banyan_backend_close:
 * @self: a program's backend
 *
 * Waits for what is in flight, and lets go of the node. Runs the main loop meanwhile, so it is not
 * for callbacks of that loop, nor for another thread than the one that runs it.
 */
void
banyan_backend_close (BanyanBackend *self)
{
  Shutting shutting = { .backend = self };
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanGraph) graph = NULL;

  g_return_if_fail (BANYAN_IS_BACKEND (self));
  g_return_if_fail (self->is_programs);
  g_return_if_fail (g_main_depth () == 0);
  g_return_if_fail (banyan_claim_main_context ());

  graph = g_steal_pointer (&self->graph);
  if (self->edge->node == NULL)
    return;

  banyan_coroutine_start_on (banyan_loop_get_main (), shut_main, &shutting);
  while (!shutting.is_done)
    g_main_context_iteration (NULL, TRUE);

  if (!banyan_graph_attach (graph, self->edge, NULL, &error))
    g_critical ("%s cannot be closed: %s", self->edge->role, error->message);
}

/* -- Asking. -- */

/**
 * banyan_backend_get_child:
 * @self: a backend
 *
 * Returns: (transfer none): the edge that it is
 */
BanyanChild *
banyan_backend_get_child (BanyanBackend *self)
{
  g_return_val_if_fail (BANYAN_IS_BACKEND (self), NULL);

  return self->edge;
}

/**
 * banyan_backend_get_node:
 * @self: a backend
 *
 * On the main thread.
 *
 * Returns: (transfer none) (nullable): where requests go to
 */
BanyanNode *
banyan_backend_get_node (BanyanBackend *self)
{
  g_return_val_if_fail (BANYAN_IS_BACKEND (self), NULL);

  return self->edge->node;
}

/**
 * banyan_backend_dup_path:
 * @self: a backend
 *
 * Returns: (transfer full): the path of its edge, "/frontends/nbd0/disk0:node"
 */
char *
banyan_backend_dup_path (BanyanBackend *self)
{
  g_return_val_if_fail (BANYAN_IS_BACKEND (self), NULL);

  return banyan_child_dup_path (self->edge);
}

void
banyan_backend_note_length (BanyanBackend *self, guint64 length)
{
  __atomic_store_n (&self->length, length, __ATOMIC_RELAXED);
}

guint64
banyan_backend_count_in_flight (BanyanBackend *self)
{
  guint64 in_flight = 0;

  for (guint i = 0; i < self->channels->len; i++)
    in_flight += __atomic_load_n (&((BanyanChannel *) self->channels->pdata[i])->in_flight,
                                  __ATOMIC_RELAXED);

  return in_flight;
}

/**
 * banyan_backend_get_statistics:
 * @self: a backend
 * @statistics: (out caller-allocates): where to put the sums
 *
 * Adds up what all channels counted, those included that were closed. Channels go on counting
 * meanwhile.
 */
void
banyan_backend_get_statistics (BanyanBackend *self, BanyanStatistics *statistics)
{
  g_return_if_fail (BANYAN_IS_BACKEND (self));

  banyan_backends_lock ();
  *statistics = self->past;
  for (guint i = 0; i < self->channels->len; i++)
    banyan_statistics_add (statistics, &((BanyanChannel *) self->channels->pdata[i])->statistics);
  statistics->in_flight = banyan_backend_count_in_flight (self);
  banyan_backends_unlock ();
}

/* -- Life. -- */

/* An edge that still leads somewhere is left to its node, with the backend. */
static void
drop_done (GObject *transaction, GAsyncResult *result, gpointer data)
{
  BanyanBackend *self = data;
  g_autoptr (GError) error = NULL;

  if (!banyan_transaction_commit_finish (BANYAN_TRANSACTION (transaction), result, &error)
      && self->edge->node != NULL)
    g_critical ("%s was dropped, and cannot be closed: %s", self->edge->role, error->message);
  else
    g_object_unref (self);
}

static gboolean
drop_later (gpointer data)
{
  BanyanBackend *self = data;
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (self->graph);

  banyan_transaction_replace_child (transaction, self->edge, NULL);
  banyan_transaction_commit_async (transaction, NULL, drop_done, self);
  return G_SOURCE_REMOVE;
}

/* Collectors of garbage let go of things in any callback and on any thread. Requests and channels
 * hold a reference, so there are none; what is left to do can wait for the main loop. */
static void
drop (BanyanBackend *self)
{
  if (getpid () == gettid () && g_main_depth () == 0)
    {
      banyan_backend_close (self);
      return;
    }

  banyan_backends_lock ();
  self->is_shut = TRUE;
  banyan_backends_unlock ();
  g_idle_add_full (G_PRIORITY_DEFAULT, drop_later, g_object_ref (self), NULL);
}

static void
banyan_backend_dispose (GObject *object)
{
  BanyanBackend *self = BANYAN_BACKEND (object);

  if (self->is_programs && self->graph != NULL && self->edge->node != NULL)
    drop (self);
  if (self->edge == NULL || !self->is_programs || self->edge->node == NULL)
    g_clear_object (&self->graph);

  G_OBJECT_CLASS (banyan_backend_parent_class)->dispose (object);
}

static void
banyan_backend_finalize (GObject *object)
{
  BanyanBackend *self = BANYAN_BACKEND (object);

  banyan_backends_lock ();
  g_ptr_array_remove_fast (banyan_backends_get_all (), self);
  banyan_backends_unlock ();

  g_assert (self->channels->len == 0);
  banyan_failures_clear (&self->failures);
  g_ptr_array_unref (self->channels);
  if (self->is_programs)
    banyan_child_unref (self->edge);

  G_OBJECT_CLASS (banyan_backend_parent_class)->finalize (object);
}

static void
banyan_backend_class_init (BanyanBackendClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = banyan_backend_dispose;
  G_OBJECT_CLASS (klass)->finalize = banyan_backend_finalize;
}

static void
banyan_backend_init (BanyanBackend *self)
{
  self->channels = g_ptr_array_new ();
  banyan_failures_init (&self->failures);

  banyan_backends_lock ();
  g_ptr_array_add (banyan_backends_get_all (), self);
  banyan_backends_unlock ();
}
