/* banyan-graph-private.h - what the request path and the control path of the graph share
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The graph's pointers are written by the main thread only, in a transaction's switch, when the
 * gates of all backends above are closed on every iothread. The messages that close and open the
 * gates order those writes before the requests that follow, so the request path reads plain
 * pointers. What it reads lies in BanyanChild, together, and nowhere else. */

#pragma once

#include <banyan/banyan-graph.h>

G_BEGIN_DECLS

typedef enum
{
  BANYAN_OP_READ,
  BANYAN_OP_WRITE,
  BANYAN_OP_FLUSH,
  BANYAN_OP_DISCARD,
  BANYAN_OP_WRITE_ZEROES,
  BANYAN_OP_BLOCK_STATUS,
  BANYAN_OP_RESIZE,
  BANYAN_OP_COPY_RANGE,
  BANYAN_OP_SEND,
  BANYAN_OP_EVENT,
  BANYAN_N_OPS,
} BanyanOp;

/**
 * BanyanRouteModifiers:
 * @BANYAN_ROUTE_NO_DISCARD: discards are ignored, and zeroes do not unmap
 * @BANYAN_ROUTE_NO_FLUSH: FUA means nothing
 * @BANYAN_ROUTE_DETECT_ZEROES: zeroes that are written become write_zeroes
 * @BANYAN_ROUTE_DETECT_UNMAP: which may unmap, too
 * @BANYAN_ROUTE_LOCK: writes take the node's range lock
 *
 * What the nodes that a route goes by and leads to want done with a request.
 */
typedef enum
{
  BANYAN_ROUTE_NO_DISCARD = 1 << 0,
  BANYAN_ROUTE_NO_FLUSH = 1 << 1,
  BANYAN_ROUTE_DETECT_ZEROES = 1 << 2,
  BANYAN_ROUTE_DETECT_UNMAP = 1 << 3,
  BANYAN_ROUTE_LOCK = 1 << 4,
} BanyanRouteModifiers;

/* For one operation: the next node below an edge that implements it, how, and what requests it
 * takes as they are. A request takes the slow path whose offset | length has a bit of align_mask,
 * whose length is 0 or above max_transfer, that has more vectors than max_vectors, whose flags have
 * a bit of slow_flags, or that ends beyond *length. */
typedef struct
{
  BanyanNode *node; /* (unowned) */
  union
  {
    gpointer any; /* NULL: nobody does */
    gboolean (*read) (BanyanNode *, const BanyanRequest *, GError **);
    gboolean (*write) (BanyanNode *, const BanyanRequest *, GError **);
    gboolean (*flush) (BanyanNode *, GError **);
    BanyanAnswer (*discard) (BanyanNode *, const BanyanRequest *, GError **);
    BanyanAnswer (*write_zeroes) (BanyanNode *, const BanyanRequest *, GError **);
    BanyanAnswer (*block_status) (BanyanNode *, guint64, guint64, BanyanBlockStatus *, GError **);
    BanyanAnswer (*resize) (BanyanNode *, const BanyanResize *, GError **);
    BanyanAnswer (*copy_range) (BanyanNode *, const BanyanRequest *, BanyanNode *, guint64,
                                GError **);
    BanyanAnswer (*send) (BanyanNode *, guint64, gsize, int, gsize *);
    void (*event) (BanyanNode *, guint);
  };
  const guint64 *length; /* atomic; bytes */
  guint64 align_mask;
  guint64 max_transfer;
  guint32 max_vectors;
  guint32 slow_flags;
  guint32 modifiers;
} BanyanRoute;

/* An edge. Exists from its parent's configuration to its end; its node changes in a switch. */
struct _BanyanChild
{
  /* Request path. */
  BanyanRoute route[BANYAN_N_OPS];
  gboolean read_only; /* the node is, or what it passes to */

  /* Control path. */
  BanyanNode *node;       /* (owned) (nullable): bound while the parent is open */
  BanyanNode *target;     /* (owned) (nullable): as configured; banyan-element.c's */
  BanyanElement *parent;  /* (unowned) (nullable): none for a program's backend */
  BanyanBackend *backend; /* (unowned) (nullable): of a root edge */
  char *role;             /* (owned): "file", "children.0" */
  gatomicrefcount references;
  guint role_flags;
  guint used;
  guint shared;
  BanyanOrigin manager;
  BanyanStatistics *statistics; /* (owned) (nullable): on request; then max_transfer is 0 */
};

/* Whether its user may write. */
static inline gboolean
banyan_child_is_writable (BanyanChild *self)
{
  const guint either = BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_WRITE_UNCHANGED;

  return !self->read_only && (self->used & either);
}

/* -- Edges and nodes: request path's side (banyan-child.c, banyan-node.c). -- */

BanyanChild *banyan_child_new (BanyanElement *parent, const char *role, guint role_flags);
/* Whose edge it is has one, and each step that waits for its turn: it may find the edge gone, but
 * must find it. */
BanyanChild *banyan_child_ref (BanyanChild *self);
/* Leads nowhere by the last time. */
void banyan_child_unref (BanyanChild *self);
/* Of one that is no element's yet. */
void banyan_child_set_role (BanyanChild *self, const char *role);
/* Pointers only: the old node is returned, for finish to drop. Keeps the node's list of parents. */
BanyanNode *banyan_child_switch (BanyanChild *self, BanyanNode *node) G_GNUC_WARN_UNUSED_RESULT;
/* Recomputes the route and alignment of @self from the nodes below, whose own edges are right. */
void banyan_child_update_route (BanyanChild *self);
/* Recomputes a node's limits and capabilities from its children's. */
void banyan_node_update_limits (BanyanNode *self);
/* (transfer none) (element-type BanyanChild): the edges that lead to @self */
GPtrArray *banyan_node_get_parents (BanyanNode *self);
/* The child that a filter passes to, or NULL. */
BanyanChild *banyan_node_get_filtered (BanyanNode *self);
/* "read", ... as implemented by the class, for the browser. */
const BanyanNodeOps *banyan_node_class_get_ops (BanyanNodeClass *klass);
/* The commit hook: nodes whose attachments to iothreads must change after a switch; main loop's
 * coroutine, gates closed. Posts to each iothread concerned and waits. */
void BANYAN_COROUTINE banyan_co_update_attachments (BanyanGraph *graph);
/* For a loop on which a node gets requests without a channel (the graph's own, from the node's
 * opening on to its end); on that loop's thread. Counted. */
void banyan_node_attach_here (BanyanNode *self);
void banyan_node_detach_here (BanyanNode *self);

/* -- Gates (banyan-gate.c): called in a coroutine on the main loop. -- */

/* Closes the gates of all @backends (element-type BanyanBackend) on all iothreads, calls
 * drain_begin of @elements (nodes to be drained, top down), cuts sleeps, and waits until nothing is
 * in flight. When that takes longer than @timeout_ms (0: for ever) the gates are opened again and
 * @error names the backends still busy, with what is in flight and for how long. Gates count who
 * closed them. */
gboolean BANYAN_COROUTINE banyan_co_close_gates (GPtrArray *backends, GPtrArray *elements,
                                                 guint64 timeout_ms, GError **error);
void BANYAN_COROUTINE banyan_co_open_gates (GPtrArray *backends, GPtrArray *elements);
/* A drain as seen from outside: (transfer full) map of owner, age, in-flight. */
BanyanSpec *banyan_backend_describe_gate (BanyanBackend *self);

/* A pass of the transaction: lets a coroutine do I/O below closed gates. */
gpointer banyan_pass_for_transaction (void);
/* The same, and it sleeps nowhere: a change and a shutdown wait for storage, not for a delay. */
gpointer banyan_pass_for_hurry (void);

/* Backends' side of an edge (banyan-backend.c). */
BanyanBackend *banyan_backend_new_for_edge (BanyanElement *owner, BanyanChild *edge,
                                            BanyanLoop *home);
/* No new channels; waits until the channels have been closed by their users. */
void BANYAN_COROUTINE banyan_co_backend_shut (BanyanBackend *self);
/* For good: whoever closes it waits for storage, not for a delay. */
void BANYAN_COROUTINE banyan_co_backend_hurry (BanyanBackend *self);

/* An edge of @object by its role; NULL: none was named. */
BanyanChild *banyan_graph_pick_edge (BanyanObject *object, const char *role, GError **error);
/* Another once a change is over. */
guint64 banyan_graph_get_age (BanyanGraph *self);

/* -- Elements (banyan-element.c): control path. -- */

/* The role's edges of an element, in order of declaration. (transfer none) (element-type
 * BanyanChild) */
GPtrArray *banyan_element_get_edges (BanyanElement *self);

/* Makes a program's edge (without a parent; its used and shared are what it asks for) lead to
 * @node, or to nothing: a transaction of one step, permissions checked. Blocks as
 * banyan_transaction_commit() does. */
gboolean banyan_graph_attach (BanyanGraph *self, BanyanChild *edge, BanyanNode *node,
                              GError **error);

G_END_DECLS
