/* banyan-route.c - where an edge sends each operation, and in what form
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each edge has, for each operation, the next node below that implements it, so a filter that
 * leaves an operation out costs nothing. All of this runs on the main thread with the gates above
 * closed; nodes are visited from the leaves up, so what lies below an edge is right already.
 *
 * What a node asks of its requests is seen to on the edges that lead to it. A filter's users are
 * told the limits of what lies below, but its edges do not enforce them: the edge at which the
 * limit arises does, once, and under the one lock that all who write there share. */

#include "banyan-node-private.h"

#include "banyan-child-private.h"

#include <banyan/banyan-buffer.h>

static const BanyanLimits no_limits
    = { .size = sizeof (BanyanLimits), .request_alignment = 1, .memory_alignment = 1 };

static const guint64 no_length = 0;

/* -- Limits and capabilities. -- */

static guint64
sane_alignment (guint64 alignment)
{
  g_return_val_if_fail ((alignment & (alignment - 1)) == 0, G_GUINT64_CONSTANT (1) << 12);

  return MAX (alignment, 1);
}

/* A maximum has to let at least one aligned unit through. */
static guint64
sane_maximum (guint64 maximum, guint64 alignment)
{
  return maximum == 0 ? 0 : MAX (maximum - maximum % alignment, alignment);
}

static void
sanitize (BanyanLimits *limits)
{
  limits->size = sizeof *limits;
  limits->request_alignment = sane_alignment (limits->request_alignment);
  limits->memory_alignment
      = MIN (sane_alignment (limits->memory_alignment), BANYAN_BUFFER_ALIGNMENT);
  limits->max_transfer = sane_maximum (limits->max_transfer, limits->request_alignment);
  limits->discard_alignment
      = MAX (sane_alignment (limits->discard_alignment), limits->request_alignment);
  limits->zeroes_alignment
      = MAX (sane_alignment (limits->zeroes_alignment), limits->request_alignment);
  limits->max_discard = sane_maximum (limits->max_discard, limits->discard_alignment);
  limits->max_zeroes = sane_maximum (limits->max_zeroes, limits->zeroes_alignment);
}

static BanyanLimits
ask_limits (BanyanNode *self, const BanyanLimits *from)
{
  BanyanLimits limits = *from;

  if (BANYAN_NODE_GET_CLASS (self)->get_limits != NULL)
    BANYAN_NODE_GET_CLASS (self)->get_limits (self, &limits);
  sanitize (&limits);
  return limits;
}

static guint
capabilities_of_ops (BanyanNode *self)
{
  const BanyanNodeOps *ops = banyan_node_class_get_ops (BANYAN_NODE_GET_CLASS (self));

  return (ops->discard != NULL ? BANYAN_CAN_DISCARD : 0)
         | (ops->write_zeroes != NULL ? BANYAN_CAN_WRITE_ZEROES : 0)
         | (ops->block_status != NULL ? BANYAN_CAN_BLOCK_STATUS : 0)
         | (ops->resize != NULL ? BANYAN_CAN_RESIZE : 0)
         | (ops->copy_range != NULL ? BANYAN_CAN_COPY_RANGE : 0);
}

static guint
ask_capabilities (BanyanNode *self, BanyanNode *below)
{
  guint capabilities;

  if (BANYAN_IS_FILTER (self))
    capabilities = below != NULL ? banyan_node_get_capabilities (below) : 0;
  else
    capabilities = capabilities_of_ops (self);

  if (BANYAN_NODE_GET_CLASS (self)->get_capabilities != NULL)
    capabilities = BANYAN_NODE_GET_CLASS (self)->get_capabilities (self, capabilities);

  /* FUA that nobody waits for is no work at all. */
  return capabilities | (banyan_node_drops_flushes (self) ? BANYAN_CAN_FUA : 0);
}

void
banyan_node_update_limits (BanyanNode *self)
{
  BanyanNodePrivate *private = banyan_node_private (self);
  BanyanNode *below = NULL;
  const guint64 *source = &private->length;

  private->filtered = banyan_node_get_filtered (self);
  if (private->filtered != NULL)
    below = private->filtered->node;

  if (below != NULL && !__atomic_load_n (&private->publishes_length, __ATOMIC_RELAXED))
    source = banyan_node_private (below)->length_source;
  __atomic_store_n (&private->length_source, source, __ATOMIC_RELEASE);

  private->limits = ask_limits (self, below != NULL ? banyan_node_get_limits (below) : &no_limits);
  private->enforced = ask_limits (self, &no_limits);
  private->capabilities = ask_capabilities (self, below);
}

/* -- Routes. -- */

static gpointer
op_of_class (BanyanNode *node, BanyanOp op)
{
  const BanyanNodeOps *ops = banyan_node_class_get_ops (BANYAN_NODE_GET_CLASS (node));

  switch (op)
    {
    case BANYAN_OP_READ:
      return ops->read;
    case BANYAN_OP_WRITE:
      return ops->write;
    case BANYAN_OP_FLUSH:
      return ops->flush;
    case BANYAN_OP_DISCARD:
      return ops->discard;
    case BANYAN_OP_WRITE_ZEROES:
      return ops->write_zeroes;
    case BANYAN_OP_BLOCK_STATUS:
      return ops->block_status;
    case BANYAN_OP_RESIZE:
      return ops->resize;
    case BANYAN_OP_COPY_RANGE:
      return ops->copy_range;
    case BANYAN_OP_SEND:
      return ops->send;
    case BANYAN_OP_EVENT:
      return ops->event;
    default:
      g_assert_not_reached ();
    }
}

static gboolean
writes_in_place (BanyanOp op)
{
  return op == BANYAN_OP_WRITE || op == BANYAN_OP_WRITE_ZEROES || op == BANYAN_OP_DISCARD
         || op == BANYAN_OP_COPY_RANGE;
}

/* A route that ends at @node. */
static BanyanRoute
route_to (BanyanNode *node, BanyanOp op, gpointer any)
{
  const BanyanLimits *limits = &banyan_node_private (node)->enforced;
  guint capabilities = banyan_node_get_capabilities (node);
  BanyanRoute route = { .node = node, .any = any };

  route.length = banyan_node_private (node)->length_source;
  route.align_mask = limits->request_alignment - 1;
  route.max_transfer = limits->max_transfer != 0 ? limits->max_transfer : G_MAXUINT64;
  route.max_vectors = limits->max_vectors != 0 ? limits->max_vectors : G_MAXUINT32;

  if (op == BANYAN_OP_READ && !(capabilities & BANYAN_CAN_PREFETCH))
    route.slow_flags |= BANYAN_REQUEST_PREFETCH;
  if (op != BANYAN_OP_READ && !(capabilities & BANYAN_CAN_FUA))
    route.slow_flags |= BANYAN_REQUEST_FUA;
  if (limits->request_alignment > 1 && writes_in_place (op))
    route.modifiers |= BANYAN_ROUTE_LOCK;

  /* Who has to be locked, or to have every piece of memory looked at, is never fast. */
  if (any == NULL || limits->memory_alignment > 1 || (route.modifiers & BANYAN_ROUTE_LOCK))
    route.max_transfer = 0;

  return route;
}

static void
apply_properties (BanyanRoute *route, BanyanNode *node, BanyanOp op)
{
  BanyanDetectZeroes detect = banyan_node_private (node)->detect_zeroes;

  if ((op == BANYAN_OP_DISCARD || op == BANYAN_OP_WRITE_ZEROES) && !banyan_node_discards (node))
    route->modifiers |= BANYAN_ROUTE_NO_DISCARD;

  if (op == BANYAN_OP_WRITE && detect != BANYAN_DETECT_ZEROES_OFF)
    {
      route->modifiers |= BANYAN_ROUTE_DETECT_ZEROES;
      if (detect == BANYAN_DETECT_ZEROES_UNMAP)
        route->modifiers |= BANYAN_ROUTE_DETECT_UNMAP;
      route->max_transfer = 0;
    }

  if (!banyan_node_drops_flushes (node))
    return;

  if (op == BANYAN_OP_FLUSH)
    route->any = NULL;
  route->slow_flags |= BANYAN_REQUEST_FUA;
  route->modifiers |= BANYAN_ROUTE_NO_FLUSH;
}

static gboolean
enforces_nothing (const BanyanLimits *limits)
{
  return limits->request_alignment == 1 && limits->memory_alignment == 1 && limits->max_vectors == 0
         && limits->max_transfer == 0 && limits->discard_alignment <= 1 && limits->max_discard == 0
         && limits->zeroes_alignment <= 1 && limits->max_zeroes == 0;
}

/* A filter with demands of its own is not passed by: somebody has to see to them. Nor is an edge
 * that counts. */
static gboolean
may_pass_by (BanyanNode *filter)
{
  BanyanNodePrivate *private = banyan_node_private (filter);

  return enforces_nothing (&private->enforced) && private->filtered->statistics == NULL;
}

/* Whoever does something to what is read must not be passed by unread, and edges that count do not
 * see what is not asked for by reading. */
static gboolean
stops_here (BanyanNode *node, BanyanOp op)
{
  BanyanNodePrivate *private = banyan_node_private (node);

  return op == BANYAN_OP_SEND && private->filtered != NULL
         && (op_of_class (node, BANYAN_OP_READ) != NULL || !may_pass_by (node));
}

static BanyanRoute
make_route (BanyanNode *node, BanyanOp op)
{
  BanyanNodePrivate *private = banyan_node_private (node);
  gpointer own = op_of_class (node, op);
  BanyanRoute route;

  /* Who forgets to write it shall not lose what was promised to be safe. */
  if (own == NULL && op == BANYAN_OP_FLUSH && private->filtered == NULL)
    own = banyan_child_get_flush_of_all ();

  if (own != NULL || private->filtered == NULL || private->filtered->node == NULL
      || stops_here (node, op))
    route = route_to (node, op, own);
  else if (op == BANYAN_OP_EVENT || may_pass_by (node))
    route = private->filtered->route[op];
  else
    route = route_to (node, op, banyan_child_pass_op (op));

  apply_properties (&route, node, op);
  return route;
}

void
banyan_child_update_route (BanyanChild *self)
{
  for (guint op = 0; op < BANYAN_N_OPS; op++)
    if (self->node != NULL)
      self->route[op] = make_route (self->node, op);
    else
      self->route[op] = (BanyanRoute){ .length = &no_length };

  self->read_only = self->node != NULL && banyan_node_is_read_only (self->node);
  if (self->statistics != NULL)
    self->route[BANYAN_OP_READ].max_transfer = self->route[BANYAN_OP_WRITE].max_transfer = 0;
}
