/* banyan-child-statistics.c - what goes along one edge, counted on request
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several iothreads may count at once, with atomic additions; who asks for that pays for it.
 * Counting begins and ends in a switch, when nothing is in flight on the edge. */

#include "banyan-channel-private.h"
#include "banyan-child-private.h"

static void
add (guint64 *counter, guint64 amount)
{
  __atomic_fetch_add (counter, amount, __ATOMIC_RELAXED);
}

gint64
banyan_child_begin_counted (BanyanChild *self)
{
  add (&self->statistics->in_flight, 1);
  return banyan_loop_now_ns (banyan_loop_current ());
}

void
banyan_child_end_counted (BanyanChild *self, guint kind, guint64 bytes, gboolean succeeded,
                          gint64 started_ns)
{
  BanyanStatistics *statistics = self->statistics;
  gint64 took_ns = banyan_loop_now_ns (banyan_loop_current ()) - started_ns;

  add (&statistics->operations[kind], 1);
  if (succeeded)
    add (&statistics->bytes[kind], bytes);
  else
    add (&statistics->failed[kind], 1);
  add (&statistics->latency[kind][banyan_latency_bucket (MAX (took_ns, 0))], 1);
  add (&statistics->in_flight, -G_GUINT64_CONSTANT (1));
}

/**
 * banyan_child_get_statistics:
 * @self: an edge
 * @statistics: (out caller-allocates): where to put what it has counted
 *
 * On the main thread. Edges count from a transaction with banyan_transaction_set_statistics() on; a
 * backend counts always, see banyan_backend_get_statistics().
 *
 * Returns: whether it counts
 */
gboolean
banyan_child_get_statistics (BanyanChild *self, BanyanStatistics *statistics)
{
  g_return_val_if_fail (self != NULL && statistics != NULL, FALSE);

  *statistics = (BanyanStatistics){ 0 };
  if (self->statistics != NULL)
    banyan_statistics_add (statistics, self->statistics);
  return self->statistics != NULL;
}
