/* quorum-reports.c - what went wrong, counted, and told on the main thread
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quorum-reports.h"

/* There are no more kinds of reports than children and operations; a broken disk makes millions of
 * one kind. */
typedef struct
{
  char *node; /* (owned) (nullable): id of the child, or none for the whole */
  QuorumOperation operation;
  guint64 offset; /* of the first */
  guint64 length;
  guint64 count;
  char *error; /* (owned) (nullable): of the first */
} Report;

struct _QuorumReports
{
  GObject *owner; /* (unowned): referenced while the message is on its way */
  GMutex mutex;   /* protects what follows */
  QuorumCounts counts;
  GPtrArray *pending; /* (owned) (element-type Report) */
  gboolean is_posted;
  BanyanTask message;
};

static guint report_bad_signal;
static guint failure_signal;

/* Classes live for ever, and so may their signals. */
void
quorum_reports_add_signals (GType type)
{
  report_bad_signal = g_signal_new ("report-bad", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 6, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING,
                                    G_TYPE_UINT64, G_TYPE_UINT64, G_TYPE_UINT64);
  failure_signal
      = g_signal_new ("failure", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                      G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_UINT64, G_TYPE_UINT64);
}

static void
report_free (gpointer data)
{
  Report *self = data;

  g_free (self->node);
  g_free (self->error);
  g_free (self);
}

QuorumReports *
quorum_reports_new (gpointer owner)
{
  QuorumReports *self = g_new0 (QuorumReports, 1);

  self->owner = owner;
  g_mutex_init (&self->mutex);
  self->pending = g_ptr_array_new_with_free_func (report_free);
  return self;
}

void
quorum_reports_free (QuorumReports *self)
{
  g_mutex_clear (&self->mutex);
  g_ptr_array_unref (self->pending);
  g_free (self);
}

/* -- Telling. -- */

/* In QEMU's words, to those who watch the graph. */
static void
tell_graph (GObject *owner, const Report *report, const char *operation)
{
  BanyanObject *root = banyan_object_get_root (BANYAN_OBJECT (owner));
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) data = NULL;

  if (root == NULL)
    return;

  map = banyan_spec_builder_new_map ();
  if (report->node != NULL)
    banyan_spec_builder_add_string (map, "type", operation);
  banyan_spec_builder_add_string (map, "error", report->error);
  banyan_spec_builder_add_string (
      map, report->node != NULL ? "node-name" : "reference",
      report->node != NULL ? report->node : banyan_object_get_id (BANYAN_OBJECT (owner)));
  banyan_spec_builder_add_uint (map, "sector-num", report->offset / 512);
  banyan_spec_builder_add_uint (map, "sectors-count", report->length / 512);
  banyan_spec_builder_add_uint (map, "count", report->count);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (BANYAN_GRAPH (root),
                           report->node != NULL ? "QUORUM_REPORT_BAD" : "QUORUM_FAILURE", data);
}

static void
emit (GObject *owner, const Report *report)
{
  static const char *const names[] = { [QUORUM_READ] = "read",
                                       [QUORUM_WRITE] = "write",
                                       [QUORUM_WRITE_ZEROES] = "write-zeroes",
                                       [QUORUM_FLUSH] = "flush" };
  const char *operation = names[report->operation];

  if (report->node != NULL)
    g_signal_emit (owner, report_bad_signal, 0, report->node, operation, report->error,
                   report->offset, report->length, report->count);
  else
    g_signal_emit (owner, failure_signal, 0, operation, report->offset, report->length,
                   report->count);
  tell_graph (owner, report, operation);
}

static void
deliver (BanyanTask *task)
{
  QuorumReports *self
      = (QuorumReports *) ((char *) task - G_STRUCT_OFFSET (QuorumReports, message));
  g_autoptr (GObject) owner = self->owner;
  g_autoptr (GPtrArray) pending = NULL;

  g_mutex_lock (&self->mutex);
  pending = g_steal_pointer (&self->pending);
  self->pending = g_ptr_array_new_with_free_func (report_free);
  self->is_posted = FALSE;
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < pending->len; i++)
    emit (owner, pending->pdata[i]);
}

static void
post (QuorumReports *self)
{
  g_object_ref (self->owner);
  self->message.func = deliver;
  banyan_loop_post (banyan_loop_get_main (), &self->message);
}

static void
count (QuorumCounts *counts, BanyanChild *child, const GError *error)
{
  if (child == NULL)
    counts->failures++;
  else if (error != NULL)
    counts->child_failures++;
  else
    counts->bad_votes++;
}

static Report *
find (QuorumReports *self, const char *node, QuorumOperation operation, gboolean has_error)
{
  for (guint i = 0; i < self->pending->len; i++)
    {
      Report *report = self->pending->pdata[i];

      if (g_strcmp0 (report->node, node) == 0 && report->operation == operation
          && (report->error != NULL) == has_error)
        return report;
    }

  return NULL;
}

static void
note (QuorumReports *self, const char *node, QuorumOperation operation, guint64 offset,
      guint64 length, const GError *error)
{
  Report *report = find (self, node, operation, error != NULL);

  if (report == NULL)
    {
      report = g_new0 (Report, 1);
      report->node = g_strdup (node);
      report->operation = operation;
      report->offset = offset;
      report->length = length;
      report->error = error != NULL ? g_strdup (error->message) : NULL;
      g_ptr_array_add (self->pending, report);
    }
  report->count++;
}

void
quorum_reports_add (QuorumReports *self, BanyanChild *child, QuorumOperation operation,
                    guint64 offset, guint64 length, const GError *error)
{
  const char *node
      = child != NULL ? banyan_object_get_id (BANYAN_OBJECT (banyan_child_get_node (child))) : NULL;
  gboolean is_first;

  g_mutex_lock (&self->mutex);
  count (&self->counts, child, error);
  note (self, node, operation, offset, length, error);
  is_first = !self->is_posted;
  self->is_posted = TRUE;
  g_mutex_unlock (&self->mutex);

  if (is_first)
    post (self);
}

void
quorum_reports_add_rewritten (QuorumReports *self)
{
  g_mutex_lock (&self->mutex);
  self->counts.rewritten++;
  g_mutex_unlock (&self->mutex);
}

QuorumCounts
quorum_reports_get_counts (QuorumReports *self)
{
  QuorumCounts counts;

  g_mutex_lock (&self->mutex);
  counts = self->counts;
  g_mutex_unlock (&self->mutex);
  return counts;
}
