/* quorum-reports.h - what went wrong, counted, and told on the main thread
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef enum
{
  QUORUM_READ,
  QUORUM_WRITE,
  QUORUM_WRITE_ZEROES,
  QUORUM_FLUSH,
} QuorumOperation;

typedef struct _QuorumReports QuorumReports;

typedef struct
{
  guint64 bad_votes;      /* versions that were outvoted */
  guint64 child_failures; /* requests that a child failed */
  guint64 failures;       /* requests that failed for lack of votes */
  guint64 rewritten;      /* bad versions that were overwritten */
} QuorumCounts;

/* Declares the signals "report-bad" and "failure". */
void quorum_reports_add_signals (GType type);

/* @owner has them to its end, and emits the signals. */
QuorumReports *quorum_reports_new (gpointer owner);
void quorum_reports_free (QuorumReports *self);

/* Any thread. @child: whose fault it was, NULL for the whole; @error: NULL for an outvoted version.
 * Reports of one kind about one child are told as one. */
void quorum_reports_add (QuorumReports *self, BanyanChild *child, QuorumOperation operation,
                         guint64 offset, guint64 length, const GError *error);
void quorum_reports_add_rewritten (QuorumReports *self);
QuorumCounts quorum_reports_get_counts (QuorumReports *self);

G_END_DECLS
