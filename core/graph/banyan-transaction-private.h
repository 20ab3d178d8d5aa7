/* banyan-transaction-private.h - between the files of a transaction, and the graph's queue
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transaction is one coroutine on the main loop (banyan-transaction-run.c), which takes its
 * parts, the objects that come and those that change, through the phases
 * (banyan-transaction-part.c), sees to what one node's user leaves to another
 * (banyan-transaction-handover.c) and to lengths (banyan-transaction-resize.c), tells what has
 * changed (banyan-transaction-news.c) and closes what goes (banyan-transaction-close.c). Whatever
 * may wait runs as a hook on the graph's own iothread. */

#pragma once

#include "banyan-graph-view.h"

G_BEGIN_DECLS

/* One object on its way into the graph, or through a change. */
typedef struct
{
  BanyanViewObject *object; /* (unowned): the view's */
  BanyanChange *change;     /* (owned) (nullable): of those that were there before */
  gboolean was_in_tree;     /* a program put it there */
  gboolean is_bound;        /* its edges lead to their nodes */
  gboolean is_open;         /* this transaction opened it */
  gboolean has_implied;     /* its storage was asked for children */
  gboolean is_prepared;
  guint64 grown_from;  /* bytes; G_MAXUINT64: not grown */
  guint64 shrunk_from; /* bytes; G_MAXUINT64: not shrunk */
} BanyanPart;

struct _BanyanTransaction
{
  GObject parent_instance;

  BanyanGraph *graph; /* (owned) */
  GPtrArray *steps;   /* (owned) (element-type BanyanStep) */
  guint64 drain_timeout_ms;
  BanyanOrigin manager;
  gboolean closes_graph;

  /* While it is put together. */
  BanyanGraphView *draft; /* (owned) (nullable): the graph as the steps so far leave it */
  guint n_drafted;        /* steps that are in it */
  guint64 draft_age;      /* the graph's, when it was made */

  /* Under way. */
  GTask *task;            /* (owned) (nullable): from the commit to its end */
  GSource *cancel_source; /* (owned) (nullable) */
  gboolean is_in_force;   /* what follows can fail no more, nor be cancelled */
  BanyanTransactionPhase phase;
  gint64 queued_us;         /* monotonic */
  BanyanGraphView *view;    /* (owned) (nullable) */
  GPtrArray *parts;         /* (owned) (nullable) (element-type BanyanPart): lower ones first */
  GPtrArray *dropped;       /* (owned) (element-type GObject): nodes that edges led to before */
  GPtrArray *dropped_edges; /* (owned) (element-type BanyanChild) */
  GError *close_error;      /* (owned) (nullable): the first thing that went wrong while closing */

  /* What is told of it. */
  gint64 began_us;        /* monotonic */
  gint64 gates_closed_us; /* monotonic */
  gint64 drained_us;      /* how long gates were closed */
  gint64 duration_us;     /* once it has ended */
  guint n_parts_done;     /* of this phase */
  GPtrArray *news;        /* (owned): of banyan-transaction-news.c */
  guint n_added;
  guint n_removed;
  guint n_edges_changed;
  BanyanSpec *told_steps; /* (owned) (nullable) */
  guint64 n_visits;       /* tests: its views' */

  GMutex lock;
  BanyanCoroutine *hook; /* (unowned) (nullable): what a cancellation ends; under @lock */

  /* Tests. */
  gboolean fails;
  BanyanTransactionPhase fail_phase;
  guint fail_countdown;
};

/* A hook: on the graph's iothread, with the transaction's pass. */
typedef gboolean (*BanyanHookFunc) (BanyanElement *element, gpointer data, GError **error);
gboolean BANYAN_COROUTINE banyan_co_transaction_hook (BanyanTransaction *self,
                                                      BanyanElement *element, BanyanHookFunc func,
                                                      gpointer data, GError **error);
/* Whether to go on: not when it was cancelled or a test wants a failure here. */
gboolean banyan_transaction_may_go_on (BanyanTransaction *self, GError **error);

/* Before the graph changes. */
void banyan_transaction_drop_draft (BanyanTransaction *self);

/* A step: the edges that lead to @node, all the way up, see its limits, and its being read-only,
 * again. */
void banyan_transaction_refresh (BanyanTransaction *self, BanyanNode *node);

/* The coroutine, from prepare to finish. */
gboolean BANYAN_COROUTINE banyan_co_transaction_run (BanyanTransaction *self, GError **error);

/* -- Parts. -- */
GPtrArray *banyan_parts_new (BanyanGraphView *view);
gboolean BANYAN_COROUTINE banyan_co_part_prepare (BanyanTransaction *self, BanyanPart *part,
                                                  GError **error);
gboolean BANYAN_COROUTINE banyan_co_part_settle (BanyanTransaction *self, BanyanPart *part,
                                                 GError **error);
/* Opens what had to wait until others had put back what they held. */
gboolean BANYAN_COROUTINE banyan_co_part_open_late (BanyanTransaction *self, BanyanPart *part,
                                                    GError **error);
/* Who an element that the transaction adds answers to. */
const BanyanOrigin *banyan_transaction_get_manager (BanyanTransaction *self,
                                                    BanyanElement *element);
void banyan_part_switch (BanyanTransaction *self, BanyanPart *part);
void banyan_part_commit (BanyanPart *part);
void BANYAN_COROUTINE banyan_co_part_undo (BanyanTransaction *self, BanyanPart *part);
void BANYAN_COROUTINE banyan_co_part_finish (BanyanTransaction *self, BanyanPart *part);
void BANYAN_COROUTINE banyan_co_part_start (BanyanTransaction *self, BanyanPart *part);
/* An edge's new node and permissions. */
void banyan_transaction_switch_edge (BanyanTransaction *self, BanyanViewEdge *edge);

/* -- Children that storage names (banyan-transaction-imply.c). -- */
/* What the part at @index has opened names them: they are put before it. @n_new: (out): how many
 * there are, which have to be taken through the phase that it is in, and then it once more. */
gboolean banyan_transaction_imply (BanyanTransaction *self, guint index, guint *n_new,
                                   GError **error);
/* Whether what @edge leads to is not known to be opened yet: it is bound later. */
gboolean banyan_transaction_is_partial (BanyanTransaction *self, BanyanViewEdge *edge);
void banyan_transaction_bind_edge (BanyanTransaction *self, BanyanPart *part, BanyanViewEdge *edge);
/* As @edge's role, of @part. */
void banyan_transaction_declare_implied (BanyanPart *part, BanyanViewEdge *edge);
/* They are open. */
void banyan_transaction_bind_implied (BanyanTransaction *self, BanyanPart *part);
/* Undone: the declaration is what it was. */
void banyan_part_forget_implied (BanyanPart *part);
/* Says in @error, of opening @part, who wanted it. */
void banyan_part_blame (BanyanPart *part, GError **error);
BanyanPart *banyan_part_new (BanyanViewObject *object);

/* -- Lengths. -- */
gboolean BANYAN_COROUTINE banyan_co_part_grow (BanyanTransaction *self, BanyanPart *part,
                                               GError **error);
void BANYAN_COROUTINE banyan_co_part_ungrow (BanyanTransaction *self, BanyanPart *part);
gboolean BANYAN_COROUTINE banyan_co_transaction_shrink (BanyanTransaction *self, GError **error);
/* What a resize has gone through to tells its length by its property, too. */
void banyan_transaction_note_lengths (BanyanTransaction *self);

/* -- Handing over. -- */
gboolean BANYAN_COROUTINE banyan_co_transaction_inactivate (BanyanTransaction *self,
                                                            GError **error);
/* What goes wrong is added to @error. */
void BANYAN_COROUTINE banyan_co_transaction_reactivate (BanyanTransaction *self, GError **error);
void banyan_transaction_cut_off (BanyanTransaction *self);
gboolean banyan_node_has_flush (BanyanNode *self);
/* As part of a hook. */
/* Puts what it holds into what is below it; @is_last: and writes nothing from then on. */
gboolean BANYAN_COROUTINE banyan_element_put_back_here (BanyanElement *self, gboolean needs_flush,
                                                        gboolean is_last, GError **error);

/* -- Closing. -- */
void BANYAN_COROUTINE banyan_co_transaction_close_removed (BanyanTransaction *self);
/* Lets go of what @element leads to. */
void BANYAN_COROUTINE banyan_co_element_unbind (BanyanElement *element);
/* Waits for the result of an asynchronous call on an object. */
gboolean BANYAN_COROUTINE banyan_co_object_open (BanyanObject *object, GCancellable *cancellable,
                                                 GError **error);
gboolean BANYAN_COROUTINE banyan_co_object_close (BanyanObject *object, GError **error);

/* -- News (banyan-transaction-news.c), and history (banyan-history.c). -- */
void banyan_news_free (gpointer news);
/* Before the switch. */
void banyan_transaction_gather_news (BanyanTransaction *self);
void banyan_transaction_tell_news (BanyanTransaction *self);
void banyan_transaction_tell_drain (BanyanTransaction *self, gboolean begins);
void banyan_transaction_begin_entry (BanyanTransaction *self);
void banyan_transaction_end_entry (BanyanTransaction *self, const GError *error);
/* (element-type BanyanSpec): the last changes, the oldest first */
GQueue *banyan_graph_get_history (BanyanGraph *self);
/* Somebody listens to the signal "event". */
gboolean banyan_graph_is_watched (BanyanGraph *self);

/* -- The queue (banyan-graph.c). -- */
gboolean banyan_graph_is_changing (BanyanGraph *self);
void banyan_graph_enqueue (BanyanGraph *self, BanyanTransaction *transaction);
void banyan_graph_leave_queue (BanyanGraph *self, BanyanTransaction *transaction);
/* Its coroutine begins. */
void banyan_transaction_begin (BanyanTransaction *self);
/* Its callback is called. */
void banyan_transaction_end (BanyanTransaction *self, GError *error);
BanyanSpec *banyan_transaction_describe (BanyanTransaction *self);
/* The graph's iothread, started when first needed. NULL with @error where it does not start. */
BanyanLoop *banyan_graph_ensure_loop (BanyanGraph *self, GError **error);
gboolean banyan_graph_is_closed (BanyanGraph *self);

G_END_DECLS
