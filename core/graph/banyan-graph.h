/* banyan-graph.h - the root of one storage graph, and the changes it goes through
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-backend.h>
#include <banyan/banyan-descriptors.h>
#include <banyan/banyan-root.h>

G_BEGIN_DECLS

/* Has the collections /objects, /nodes, /frontends and /jobs, an iothread of its own, and the one
 * queue of changes. */
#define BANYAN_TYPE_GRAPH (banyan_graph_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanGraph, banyan_graph, BANYAN, GRAPH, BanyanRoot)

BANYAN_API
BanyanGraph *banyan_graph_new (void);
/* The iothread on which nodes open and changes do I/O, and which serves who asked for no other. */
BANYAN_API
BanyanLoop *banyan_graph_get_loop (BanyanGraph *self);
/* Closes frontends, then jobs, then nodes, flushing them. Idempotent. */
BANYAN_API
void banyan_graph_close_async (BanyanGraph *self, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_graph_close_finish (BanyanGraph *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_graph_close (BanyanGraph *self, GError **error);

/* Open files that were passed instead of names. (transfer none) */
BANYAN_API
BanyanDescriptors *banyan_graph_get_descriptors (BanyanGraph *self);

/* What those who watch the graph from outside are told, and what they may ask of the program: the
 * signals "event" and "quit". */
BANYAN_API
void banyan_graph_emit_event (BanyanGraph *self, const char *name, BanyanSpec *data);
BANYAN_API
void banyan_graph_ask_to_quit (BanyanGraph *self);

/**
 * BanyanEndCause:
 * @BANYAN_END_BY_PROGRAM: whoever runs the program wants it to end
 * @BANYAN_END_BY_CLIENT: a client of a monitor asked
 * @BANYAN_END_BY_SIGNAL: a signal came
 * @BANYAN_END_BY_ERROR: the program cannot go on
 *
 * Why a graph is closed. No guest can ask for it: guests reach what is exported, and nothing else.
 */
typedef enum
{
  BANYAN_END_BY_PROGRAM,
  BANYAN_END_BY_CLIENT,
  BANYAN_END_BY_SIGNAL,
  BANYAN_END_BY_ERROR,
} BanyanEndCause;

BANYAN_API
void banyan_graph_set_end_cause (BanyanGraph *self, BanyanEndCause cause);

/* Objects and edges by path: "/nodes/disk0", "disk0", "/nodes/disk0:file". */
BANYAN_API
BanyanNode *banyan_graph_get_node (BanyanGraph *self, const char *id);
BANYAN_API
BanyanChild *banyan_graph_resolve_edge (BanyanGraph *self, const char *path, GError **error);

/* -- Transactions: done whole or not at all. Built on the main thread, committed once. -- */

#define BANYAN_TYPE_TRANSACTION (banyan_transaction_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanTransaction, banyan_transaction, BANYAN, TRANSACTION, GObject)

BANYAN_API
BanyanTransaction *banyan_transaction_new (BanyanGraph *graph);
/* Opens @object (and the inline children it was built with, added before it) as a member of its
 * collection, or of @parent. */
BANYAN_API
void banyan_transaction_add (BanyanTransaction *self, BanyanObject *object, BanyanObject *parent);
/* Closes it; refused while someone else uses it: the message says who. Implicit children that lose
 * their last user go too. */
BANYAN_API
void banyan_transaction_remove (BanyanTransaction *self, BanyanObject *object);
/* Makes @edge lead to @node (NULL: detach, where the role is optional). */
BANYAN_API
void banyan_transaction_replace_child (BanyanTransaction *self, BanyanChild *edge,
                                       BanyanNode *node);
/* @filter, an added node whose filtered role is empty, goes onto @edge: edge -> filter -> old node.
 */
BANYAN_API
void banyan_transaction_insert_on_edge (BanyanTransaction *self, BanyanNode *filter,
                                        BanyanChild *edge);
/* The same on all edges that lead to @node now. */
BANYAN_API
void banyan_transaction_insert_above (BanyanTransaction *self, BanyanNode *filter,
                                      BanyanNode *node);
/* All edges to @filter lead to its filtered child; then @filter is removed. */
BANYAN_API
void banyan_transaction_remove_filter (BanyanTransaction *self, BanyanNode *filter);
/* One property, by spec; links and child roles included (a reference or null). */
BANYAN_API
void banyan_transaction_set (BanyanTransaction *self, BanyanObject *object, const char *key,
                             BanyanSpec *value);
/* Called otherwise, and whether it goes with its last user; it stays open as it is. */
BANYAN_API
void banyan_transaction_rename (BanyanTransaction *self, BanyanObject *object, const char *id,
                                gboolean implicit);
/* Back to what it is where nobody declares it. */
BANYAN_API
void banyan_transaction_reset (BanyanTransaction *self, BanyanObject *object, const char *key);
/* Children of a MANY role. */
BANYAN_API
void banyan_transaction_add_child (BanyanTransaction *self, BanyanElement *parent, const char *role,
                                   BanyanNode *node);
BANYAN_API
void banyan_transaction_remove_child (BanyanTransaction *self, BanyanChild *edge);
/* To shrink is a change of the graph. */
BANYAN_API
void banyan_transaction_resize (BanyanTransaction *self, BanyanNode *node, guint64 length);

/* -- What there is once the steps so far are done, for who adds the next one. -- */

BANYAN_API
BanyanObject *banyan_transaction_resolve (BanyanTransaction *self, const char *path,
                                          GError **error);
BANYAN_API
BanyanNode *banyan_transaction_get_node (BanyanTransaction *self, const char *id);
BANYAN_API
BanyanChild *banyan_transaction_resolve_edge (BanyanTransaction *self, const char *path,
                                              GError **error);
BANYAN_API
BanyanNode *banyan_transaction_get_edge_node (BanyanTransaction *self, BanyanChild *edge);
BANYAN_API
GPtrArray *banyan_transaction_list_children (BanyanTransaction *self, BanyanObject *parent);
BANYAN_API
BanyanMapper *banyan_transaction_new_mapper (BanyanTransaction *self, BanyanProblems *problems);

/* Whether @edge counts what goes along it; see banyan_child_get_statistics(). */
BANYAN_API
void banyan_transaction_set_statistics (BanyanTransaction *self, BanyanChild *edge,
                                        gboolean enabled);

/* 0: the graph's default, 30 s. */
BANYAN_API
void banyan_transaction_set_drain_timeout_ms (BanyanTransaction *self, guint64 timeout_ms);
BANYAN_API
void banyan_transaction_set_manager (BanyanTransaction *self, const BanyanOrigin *manager);

/* Checks and computes, touching nothing: the problems, the final graph's permissions, and what
 * would be drained. (transfer full): paths of backends, NULL-terminated */
BANYAN_API
char **banyan_transaction_plan (BanyanTransaction *self, GError **error);

/* The same, into @problems. */
BANYAN_API
gboolean banyan_transaction_check (BanyanTransaction *self, BanyanProblems *problems);
/* (transfer full): the objects and edges that there would be: what `banyan graph FILE` draws. */
BANYAN_API
BanyanSpec *banyan_transaction_describe_graph (BanyanTransaction *self, BanyanProblems *problems);

BANYAN_API
void banyan_transaction_commit_async (BanyanTransaction *self, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_transaction_commit_finish (BanyanTransaction *self, GAsyncResult *result,
                                           GError **error);
BANYAN_API
gboolean banyan_transaction_commit (BanyanTransaction *self, GError **error);

typedef enum
{
  BANYAN_PHASE_QUEUED,
  BANYAN_PHASE_PREPARE,
  BANYAN_PHASE_CLOSE_GATES,
  BANYAN_PHASE_SETTLE,
  BANYAN_PHASE_SWITCH,
  BANYAN_PHASE_OPEN_GATES,
  BANYAN_PHASE_FINISH,
  BANYAN_PHASE_DONE,
} BanyanTransactionPhase;

BANYAN_API
BanyanTransactionPhase banyan_transaction_get_phase (BanyanTransaction *self);
/* Queue and drains, visible: (transfer full) specs that describe owner, phase, age, what is drained
 * and what it waits for. */
BANYAN_API
BanyanSpec *banyan_graph_describe_changes (BanyanGraph *self);
/* The last changes, how they ended, and what was refused, the oldest first: (transfer full) */
BANYAN_API
BanyanSpec *banyan_graph_describe_history (BanyanGraph *self);
/* For tests: the @nth step fails in @phase as if its driver had. */
BANYAN_API
void banyan_transaction_fail_at (BanyanTransaction *self, BanyanTransactionPhase phase, guint nth);

G_END_DECLS
