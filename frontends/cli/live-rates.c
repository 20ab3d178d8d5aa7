/* live-rates.c - what happens a second, out of two counts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

static void
rate_free (gpointer data)
{
  LiveRate *self = data;

  g_free (self->path);
  g_free (self->node);
  g_free (self);
}

static double
read_count (BanyanSpec *stats, const char *key)
{
  const char *text = banyan_spec_lookup_text (stats, key);

  return text != NULL ? g_ascii_strtod (text, NULL) : 0;
}

/* A count that went down was begun anew. */
static double
count_between (BanyanSpec *before, BanyanSpec *after, const char *key)
{
  return MAX (read_count (after, key) - read_count (before, key), 0);
}

static double
average_us (BanyanSpec *before, BanyanSpec *after, const char *time_key, const char *count_key)
{
  double n = count_between (before, after, count_key);

  return n > 0 && cli_spec_get (after, time_key) != NULL
             ? count_between (before, after, time_key) / n / 1000
             : -1;
}

/* What the entries of two answers have in common. */
static const char *
name_of (BanyanSpec *entry)
{
  const char *path = banyan_spec_lookup_text (entry, "qdev");

  return path != NULL ? path : banyan_spec_lookup_text (entry, "node-name");
}

static BanyanSpec *
find_stats (BanyanSpec *answer, const char *name)
{
  for (guint i = 0; i < cli_spec_count (answer); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (answer, i);

      if (g_strcmp0 (name_of (entry), name) == 0)
        return cli_spec_get (entry, "stats");
    }

  return NULL;
}

static LiveRate *
rate_new (BanyanSpec *before, BanyanSpec *entry, double seconds)
{
  LiveRate *self = g_new0 (LiveRate, 1);
  BanyanSpec *after = cli_spec_get (entry, "stats");

  self->path = g_strdup (name_of (entry));
  self->node = g_strdup (banyan_spec_lookup_text (entry, "node-name"));
  self->in_flight = read_count (after, "in_flight");
  self->read_us = self->write_us = -1;
  if (before == NULL || seconds <= 0)
    return self;

  self->reads = count_between (before, after, "rd_operations") / seconds;
  self->writes = count_between (before, after, "wr_operations") / seconds;
  self->others = (count_between (before, after, "flush_operations")
                  + count_between (before, after, "unmap_operations")
                  + count_between (before, after, "zeroes_operations"))
                 / seconds;
  self->read_bytes = count_between (before, after, "rd_bytes") / seconds;
  self->write_bytes = count_between (before, after, "wr_bytes") / seconds;
  self->read_us = average_us (before, after, "rd_total_time_ns", "rd_operations");
  self->write_us = average_us (before, after, "wr_total_time_ns", "wr_operations");
  return self;
}

GPtrArray *
live_rates_new (BanyanSpec *before, BanyanSpec *after, double seconds)
{
  GPtrArray *rates = g_ptr_array_new_with_free_func (rate_free);

  for (guint i = 0; i < cli_spec_count (after); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (after, i);

      g_ptr_array_add (rates, rate_new (find_stats (before, name_of (entry)), entry, seconds));
    }

  return rates;
}

char *
live_format_bytes (double bytes)
{
  static const char letters[] = " KMGT";
  guint power = 0;

  while (bytes >= 1000 && power + 2 < sizeof letters)
    {
      bytes /= 1024;
      power++;
    }

  return power == 0 ? g_strdup_printf ("%.0f", bytes)
                    : g_strdup_printf ("%.1f%c", bytes, letters[power]);
}

char *
live_format_us (double microseconds)
{
  if (microseconds < 0)
    return g_strdup ("-");
  if (microseconds < 1000)
    return g_strdup_printf ("%.0fus", microseconds);
  if (microseconds < 1000000)
    return g_strdup_printf ("%.1fms", microseconds / 1000);
  return g_strdup_printf ("%.1fs", microseconds / 1000000);
}
