/* banyan-child-private.h - what the parts of the request path share about edges
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-node-private.h"

G_BEGIN_DECLS

/* Anything that is not right as it is. No branches: all of it is rare. */
static inline gboolean
banyan_route_needs_care (const BanyanRoute *route, const BanyanRequest *request)
{
  guint64 end = request->offset + request->length;
  guint64 bits = ((request->offset | request->length) & route->align_mask)
                 | (request->flags & route->slow_flags);

  /* A length of 0 wraps around. */
  return (bits != 0) | (request->length - 1 >= route->max_transfer)
         | (request->n_iov > route->max_vectors) | (end < request->offset)
         | (end > __atomic_load_n (route->length, __ATOMIC_ACQUIRE));
}

/* The same, for whatever kind of request. */
gboolean BANYAN_COROUTINE
banyan_child_read_with_care (BanyanChild *self, const BanyanRequest *request, GError **error);
gboolean BANYAN_COROUTINE
banyan_child_write_with_care (BanyanChild *self, const BanyanRequest *request, GError **error);
/* Data that is known to be zero is written as it is. */
gboolean BANYAN_COROUTINE
banyan_child_write_zero_data (BanyanChild *self, const BanyanRequest *request, GError **error);

/* FALSE with EINVAL beyond the end, or ENOMEDIUM where the edge leads nowhere. */
gboolean banyan_child_check_range (BanyanChild *self, const BanyanRoute *route, guint64 offset,
                                   guint64 length, GError **error);
gboolean banyan_child_throw_unsupported (BanyanChild *self, const char *what, GError **error);

/* The operation of a filter that leaves it out but cannot be passed by. */
gpointer banyan_child_pass_op (BanyanOp op);
/* The flush of a node that has none of its own and filters nothing: all children but those that are
 * only read. */
gpointer banyan_child_get_flush_of_all (void);

/* -- Statistics (banyan-child-statistics.c): an edge that counts never takes the fast path, so that
 * one that does not count pays nothing there. -- */

gint64 banyan_child_begin_counted (BanyanChild *self);
void banyan_child_end_counted (BanyanChild *self, guint kind, guint64 bytes, gboolean succeeded,
                               gint64 started_ns);

/* -1: nobody counts. */
static inline gint64
banyan_child_begin (BanyanChild *self)
{
  return G_LIKELY (self->statistics == NULL) ? -1 : banyan_child_begin_counted (self);
}

static inline void
banyan_child_end (BanyanChild *self, guint kind, guint64 bytes, gboolean succeeded,
                  gint64 started_ns)
{
  if (G_UNLIKELY (started_ns >= 0))
    banyan_child_end_counted (self, kind, bytes, succeeded, started_ns);
}

/* -- Helpers for ranges. Alignments are powers of 2. -- */

static inline guint64
banyan_round_down (guint64 number, guint64 alignment)
{
  return number & ~(alignment - 1);
}

static inline guint64
banyan_round_up (guint64 number, guint64 alignment)
{
  return (number + alignment - 1) & ~(alignment - 1);
}

G_END_DECLS
