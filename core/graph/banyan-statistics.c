/* banyan-statistics.c - sums of counters, and the buckets of latencies
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-channel-private.h"

/* The annotations of BanyanStatistics have these numbers, by which bindings make room for it. */
G_STATIC_ASSERT (BANYAN_N_STATISTICS == 6 && BANYAN_N_STATISTICS * BANYAN_LATENCY_BUCKETS == 768);

/* The structure is nothing but counters. */
#define N_COUNTERS (sizeof (BanyanStatistics) / sizeof (guint64))

/* The first bucket ends here; from there on four share each doubling. */
#define FIRST_END_BITS 8

void
banyan_statistics_add (BanyanStatistics *sum, const BanyanStatistics *other)
{
  guint64 *to = (guint64 *) sum;
  const guint64 *from = (const guint64 *) other;

  for (gsize i = 0; i < N_COUNTERS; i++)
    to[i] += __atomic_load_n (&from[i], __ATOMIC_RELAXED);
}

guint
banyan_latency_bucket (guint64 ns)
{
  guint bits = 63 - __builtin_clzll (ns | 1);
  guint bucket;

  if (bits < FIRST_END_BITS)
    return 0;

  bucket = 1 + 4 * (bits - FIRST_END_BITS) + ((ns >> (bits - 2)) & 3);
  return MIN (bucket, BANYAN_LATENCY_BUCKETS - 1);
}

/**
 * banyan_latency_bucket_end_ns:
 * @bucket: less than %BANYAN_LATENCY_BUCKETS
 *
 * Returns: the time, in nanoseconds, that is just too long for @bucket; the last has no such end
 */
guint64
banyan_latency_bucket_end_ns (guint bucket)
{
  g_return_val_if_fail (bucket < BANYAN_LATENCY_BUCKETS, 0);

  if (bucket == 0)
    return G_GUINT64_CONSTANT (1) << FIRST_END_BITS;
  if (bucket == BANYAN_LATENCY_BUCKETS - 1)
    return G_MAXUINT64;

  return (guint64) (4 + (bucket - 1) % 4 + 1) << (FIRST_END_BITS - 2 + (bucket - 1) / 4);
}
