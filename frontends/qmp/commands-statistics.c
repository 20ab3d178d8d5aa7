/* commands-statistics.c - what has been counted where requests enter the graph, and along edges
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A backend always counts how long requests took, in buckets that are at most a quarter of their
 * time wide. A histogram with boundaries that a client chose is read off those: each bucket counts
 * where it ends, and what was counted before the client asked is taken away. */

#include "qmp-commands.h"

#include <string.h>

typedef struct
{
  BanyanStatisticKind kind;
  const char *prefix;
} KindName;

static const KindName kinds[] = {
  { BANYAN_STATISTIC_READ, "rd" },
  { BANYAN_STATISTIC_WRITE, "wr" },
  { BANYAN_STATISTIC_FLUSH, "flush" },
  { BANYAN_STATISTIC_DISCARD, "unmap" },
  { BANYAN_STATISTIC_WRITE_ZEROES, "zeroes" },
};

/* -- Histograms. -- */

/* An export's, from the time it was asked for. */
typedef struct
{
  GArray *boundaries[BANYAN_N_STATISTICS]; /* (owned) (nullable) (element-type guint64): ns */
  guint64 before[BANYAN_N_STATISTICS][BANYAN_LATENCY_BUCKETS];
} Histograms;

static G_DEFINE_QUARK (qmp_histograms, histograms)

                           static void histograms_free (gpointer data)
{
  Histograms *self = data;

  for (guint i = 0; i < BANYAN_N_STATISTICS; i++)
    g_clear_pointer (&self->boundaries[i], g_array_unref);
  g_free (self);
}

static guint
find_bin (GArray *boundaries, guint64 end_ns)
{
  guint bin = 0;

  while (bin < boundaries->len && g_array_index (boundaries, guint64, bin) < end_ns)
    bin++;
  return bin;
}

static void
add_histogram (BanyanSpecBuilder *map, const Histograms *self, const KindName *kind,
               const BanyanStatistics *statistics)
{
  GArray *boundaries = self->boundaries[kind->kind];
  g_autofree char *name = g_strconcat (kind->prefix, "_latency_histogram", NULL);
  g_autofree guint64 *bins = NULL;
  BanyanSpecBuilder *histogram, *list;

  if (boundaries == NULL)
    return;

  bins = g_new0 (guint64, boundaries->len + 1);
  for (guint i = 0; i < BANYAN_LATENCY_BUCKETS; i++)
    bins[find_bin (boundaries, banyan_latency_bucket_end_ns (i))]
        += statistics->latency[kind->kind][i] - self->before[kind->kind][i];

  histogram = banyan_spec_builder_new_map ();
  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < boundaries->len; i++)
    banyan_spec_builder_add_uint (list, NULL, g_array_index (boundaries, guint64, i));
  banyan_spec_builder_take_built (histogram, "boundaries", list);
  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i <= boundaries->len; i++)
    banyan_spec_builder_add_uint (list, NULL, bins[i]);
  banyan_spec_builder_take_built (histogram, "bins", list);
  banyan_spec_builder_take_built (map, name, histogram);
}

static void
add_histograms (BanyanSpecBuilder *map, BanyanObject *owner, const BanyanStatistics *statistics)
{
  Histograms *histograms = g_object_get_qdata (G_OBJECT (owner), histograms_quark ());

  for (guint i = 0; histograms != NULL && i < G_N_ELEMENTS (kinds); i++)
    add_histogram (map, histograms, &kinds[i], statistics);
}

/* -- query-blockstats. -- */

typedef struct
{
  BanyanCommand parent_instance;
  gboolean query_nodes;
} QmpQueryBlockstats;

QMP_DEFINE_COMMAND (QmpQueryBlockstats, query_blockstats)

static void
add_count (BanyanSpecBuilder *map, const char *prefix, const char *suffix, guint64 count)
{
  g_autofree char *key = g_strconcat (prefix, suffix, NULL);

  banyan_spec_builder_add_uint (map, key, count);
}

/* Each request as long as the middle of its bucket. */
static guint64
estimate_time_ns (const BanyanStatistics *statistics, BanyanStatisticKind kind)
{
  guint64 start_ns = 0, total_ns = 0;

  for (guint i = 0; i < BANYAN_LATENCY_BUCKETS; i++)
    {
      guint64 end_ns = i < BANYAN_LATENCY_BUCKETS - 1 ? banyan_latency_bucket_end_ns (i) : start_ns;

      total_ns += statistics->latency[kind][i] * (start_ns / 2 + end_ns / 2);
      start_ns = end_ns;
    }
  return total_ns;
}

static void
add_kind (BanyanSpecBuilder *map, const BanyanStatistics *statistics, const KindName *kind)
{
  g_autofree char *failed = g_strconcat ("failed_", kind->prefix, NULL);
  g_autofree char *invalid = g_strconcat ("invalid_", kind->prefix, NULL);

  if (kind->kind != BANYAN_STATISTIC_FLUSH)
    {
      add_count (map, kind->prefix, "_bytes", statistics->bytes[kind->kind]);
      add_count (map, kind->prefix, "_merged", 0);
    }
  add_count (map, kind->prefix, "_operations", statistics->operations[kind->kind]);
  add_count (map, kind->prefix, "_total_time_ns", estimate_time_ns (statistics, kind->kind));
  add_count (map, failed, "_operations", statistics->failed[kind->kind]);
  add_count (map, invalid, "_operations", 0);
}

static BanyanSpecBuilder *
describe_statistics (const BanyanStatistics *statistics)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    add_kind (map, statistics, &kinds[i]);
  banyan_spec_builder_add_boolean (map, "account_invalid", TRUE);
  banyan_spec_builder_add_boolean (map, "account_failed", TRUE);
  banyan_spec_builder_take_built (map, "timed_stats", banyan_spec_builder_new_list ());
  banyan_spec_builder_add_uint (map, "in_flight", statistics->in_flight);
  return map;
}

static void
describe_backend (BanyanSpecBuilder *list, BanyanObject *owner)
{
  BanyanBackend *backend
      = BANYAN_IS_EXPORT (owner) ? banyan_export_get_backend (BANYAN_EXPORT (owner)) : NULL;
  g_autofree BanyanStatistics *statistics = NULL;
  g_autofree char *path = NULL;
  BanyanSpecBuilder *map, *stats;
  BanyanNode *node;

  if (backend == NULL || (node = banyan_backend_get_node (backend)) == NULL)
    return;

  statistics = g_new0 (BanyanStatistics, 1);
  banyan_backend_get_statistics (backend, statistics);
  path = banyan_object_dup_path (owner);
  map = banyan_spec_builder_new_map ();
  stats = describe_statistics (statistics);
  add_histograms (stats, owner, statistics);
  banyan_spec_builder_add_string (map, "device", banyan_object_get_id (owner));
  banyan_spec_builder_add_string (map, "qdev", path);
  banyan_spec_builder_add_string (map, "node-name", banyan_object_get_id (BANYAN_OBJECT (node)));
  banyan_spec_builder_take_built (map, "stats", stats);
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
describe_backends (BanyanSpecBuilder *list, BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);

  describe_backend (list, object);
  for (guint i = 0; i < children->len; i++)
    describe_backends (list, children->pdata[i]);
}

/* -- Nodes: the sum of the edges to each that count. -- */

typedef struct
{
  BanyanStatistics statistics;
  BanyanSpecBuilder *edges; /* (owned) */
} NodeCount;

static void
count_edge (BanyanChild *edge, gpointer data)
{
  g_autofree BanyanStatistics *own = g_new0 (BanyanStatistics, 1);
  NodeCount *count = g_hash_table_lookup (data, banyan_child_get_node (edge));
  g_autofree char *path = NULL;
  BanyanSpecBuilder *map;

  if (count == NULL || !banyan_child_get_statistics (edge, own))
    return;

  for (gsize i = 0; i < sizeof *own / sizeof (guint64); i++)
    ((guint64 *) &count->statistics)[i] += ((guint64 *) own)[i];
  path = banyan_child_dup_path (edge);
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_take_built (map, "stats", describe_statistics (own));
  banyan_spec_builder_take_built (count->edges, NULL, map);
}

static void
describe_node (BanyanSpecBuilder *list, BanyanObject *node, NodeCount *count)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "node-name", banyan_object_get_id (node));
  banyan_spec_builder_take_built (map, "stats", describe_statistics (&count->statistics));
  banyan_spec_builder_take_built (map, "edges", g_steal_pointer (&count->edges));
  banyan_spec_builder_take_built (list, NULL, map);
}

static void
describe_nodes (BanyanSpecBuilder *list, BanyanMonitor *monitor)
{
  g_autoptr (GPtrArray) nodes = banyan_object_list_children (qmp_get_collection (monitor, "nodes"));
  g_autoptr (GHashTable) counts = g_hash_table_new_full (NULL, NULL, NULL, g_free);

  for (guint i = 0; i < nodes->len; i++)
    {
      NodeCount *count = g_new0 (NodeCount, 1);

      count->edges = banyan_spec_builder_new_list ();
      g_hash_table_insert (counts, nodes->pdata[i], count);
    }
  qmp_foreach_edge (monitor, count_edge, counts);
  for (guint i = 0; i < nodes->len; i++)
    describe_node (list, nodes->pdata[i], g_hash_table_lookup (counts, nodes->pdata[i]));
}

static BanyanSpec *
query_blockstats_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  if (((QmpQueryBlockstats *) command)->query_nodes)
    describe_nodes (list, monitor);
  else
    describe_backends (list, qmp_get_collection (monitor, "frontends"));
  return banyan_spec_builder_end (list);
}

#define KIND_RESULT(kind) \
  kind "_operations: int, " kind "_total_time_ns: int, failed_" kind \
       "_operations: int, invalid_" kind "_operations: int, '*" kind \
       "_latency_histogram': { boundaries: [int], bins: [int] }"
#define DATA_RESULT(kind) KIND_RESULT (kind) ", " kind "_bytes: int, " kind "_merged: int"
#define STATS_RESULT \
  "{ " DATA_RESULT ("rd") ", " DATA_RESULT ("wr") ", " KIND_RESULT ("flush") ", " DATA_RESULT ( \
      "unmap") ", " DATA_RESULT ("zeroes") ", account_invalid: bool, account_failed: bool, " \
                                           "timed_stats: [any], in_flight: int }"

static void
query_blockstats_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_blockstats_run;
  banyan_command_class_describe (klass, "query-blockstats", 0,
                                 "[{ '*device': str, '*qdev': str, node-name: str, "
                                 "stats: " STATS_RESULT
                                 ", '*edges': [{ path: str, stats: " STATS_RESULT " }] }]");
  qmp_add_boolean (klass, "query-nodes", "Nodes",
                   "Whether to tell of nodes instead of who uses them; see edge-statistics", FALSE,
                   G_STRUCT_OFFSET (QmpQueryBlockstats, query_nodes));
}

/* -- block-latency-histogram-set. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *id;                     /* (owned) */
  BanyanList *boundaries;       /* (owned) (nullable) */
  BanyanList *boundaries_read;  /* (owned) (nullable) */
  BanyanList *boundaries_write; /* (owned) (nullable) */
  BanyanList *boundaries_flush; /* (owned) (nullable) */
} QmpHistogramSet;

QMP_DEFINE_COMMAND (QmpHistogramSet, block_latency_histogram_set)

static gboolean
take_boundaries (Histograms *self, BanyanStatisticKind kind, BanyanList *given, GError **error)
{
  guint64 last = 0;

  if (given == NULL)
    return TRUE;

  self->boundaries[kind] = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (guint i = 0; i < banyan_list_get_length (given); i++)
    {
      guint64 boundary = g_value_get_uint64 (banyan_list_get_value (given, i));

      if (boundary <= last)
        {
          g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                       "Boundaries must grow from one to the next, and begin above 0");
          return FALSE;
        }
      g_array_append_val (self->boundaries[kind], boundary);
      last = boundary;
    }
  return TRUE;
}

static BanyanObject *
find_export (BanyanMonitor *monitor, const char *id, GError **error)
{
  BanyanObject *object = qmp_find_object (monitor, id, error);

  if (object == NULL || BANYAN_IS_EXPORT (object))
    return object;

  g_set_error (error, QMP_PATH_ERROR, QMP_PATH_ERROR_NOT_FOUND,
               "Device '%s' is no export; histograms are kept where requests enter the graph", id);
  return NULL;
}

static BanyanSpec *
block_latency_histogram_set_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpHistogramSet *self = (QmpHistogramSet *) command;
  BanyanObject *export = find_export (monitor, self->id, error);
  Histograms *histograms = g_new0 (Histograms, 1);
  g_autofree BanyanStatistics *now = g_new0 (BanyanStatistics, 1);
  BanyanList *all = self->boundaries;

#define OWN_OR_ALL(own) ((own) != NULL ? (own) : all)
  if (export == NULL
      || !take_boundaries (histograms, BANYAN_STATISTIC_READ, OWN_OR_ALL (self->boundaries_read),
                           error)
      || !take_boundaries (histograms, BANYAN_STATISTIC_WRITE, OWN_OR_ALL (self->boundaries_write),
                           error)
      || !take_boundaries (histograms, BANYAN_STATISTIC_FLUSH, OWN_OR_ALL (self->boundaries_flush),
                           error))
    {
      histograms_free (histograms);
      return NULL;
    }
#undef OWN_OR_ALL

  banyan_backend_get_statistics (banyan_export_get_backend (BANYAN_EXPORT (export)), now);
  memcpy (histograms->before, now->latency, sizeof now->latency);
  g_object_set_qdata_full (G_OBJECT (export), histograms_quark (), histograms, histograms_free);
  return banyan_command_return_nothing ();
}

static void
add_boundaries (BanyanCommandClass *klass, const char *name, const char *nick, const char *blurb,
                guint offset)
{
  banyan_command_class_add_argument (
      klass,
      banyan_param_list (name, nick, blurb,
                         banyan_param_uint64 ("boundary", "Boundary", "One of the list",
                                              BANYAN_UNIT_NS, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD),
                         offset));
}

static void
block_latency_histogram_set_command_class_init (BanyanCommandClass *klass)
{
  klass->run = block_latency_histogram_set_run;
  banyan_command_class_describe (klass, "block-latency-histogram-set", 0, "{}");
  qmp_require_string (klass, "id", "Id", "Export whose requests are to be sorted by their time",
                      G_STRUCT_OFFSET (QmpHistogramSet, id));
  add_boundaries (klass, "boundaries", "Boundaries",
                  "Times between the bins, growing; without any there is no histogram any more",
                  G_STRUCT_OFFSET (QmpHistogramSet, boundaries));
  add_boundaries (klass, "boundaries-read", "Boundaries for reads", "Others for reads",
                  G_STRUCT_OFFSET (QmpHistogramSet, boundaries_read));
  add_boundaries (klass, "boundaries-write", "Boundaries for writes", "Others for writes",
                  G_STRUCT_OFFSET (QmpHistogramSet, boundaries_write));
  add_boundaries (klass, "boundaries-flush", "Boundaries for flushes", "Others for flushes",
                  G_STRUCT_OFFSET (QmpHistogramSet, boundaries_flush));
}

/* -- edge-statistics. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *edge; /* (owned) */
  gboolean enable;
} QmpEdgeStatistics;

QMP_DEFINE_COMMAND (QmpEdgeStatistics, edge_statistics)

static gboolean
edge_statistics_steps (BanyanCommand *command, BanyanMonitor *monitor,
                       BanyanTransaction *transaction, GError **error)
{
  QmpEdgeStatistics *self = (QmpEdgeStatistics *) command;
  BanyanChild *edge = qmp_draft_edge (transaction, self->edge, error);

  if (edge == NULL)
    return FALSE;

  banyan_transaction_set_statistics (transaction, edge, self->enable);
  return TRUE;
}

static void
edge_statistics_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = edge_statistics_steps;
  banyan_command_class_describe (klass, "edge-statistics", 0, "{}");
  qmp_require_string (klass, "edge", "Edge", "Path of the one that is to count: /nodes/disk0:file",
                      G_STRUCT_OFFSET (QmpEdgeStatistics, edge));
  qmp_add_boolean (klass, "enable", "Enable", "Whether it counts; that costs a little", TRUE,
                   G_STRUCT_OFFSET (QmpEdgeStatistics, enable));
}
