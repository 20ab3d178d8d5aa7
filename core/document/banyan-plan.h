/* banyan-plan.h - what stands between a running graph and a document, and the way there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-document.h>

G_BEGIN_DECLS

/**
 * BanyanPlanFlags:
 * @BANYAN_PLAN_OVERRIDE: what was changed outside the document gives way to it, too
 *
 * How a plan is made.
 */
typedef enum
{
  BANYAN_PLAN_OVERRIDE = 1 << 0,
} BanyanPlanFlags;

/* Made on the main thread, applied at most once. */
#define BANYAN_TYPE_PLAN (banyan_plan_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanPlan, banyan_plan, BANYAN, PLAN, GObject)

/* Compares @graph with a document; touches nothing. @problems (nullable) has them one by one. */
BANYAN_API
BanyanPlan *banyan_plan_new (BanyanGraph *graph, const char *text, gssize length, const char *name,
                             const char *directory, guint flags, BanyanProblems *problems,
                             GError **error);
BANYAN_API
gboolean banyan_plan_is_empty (BanyanPlan *self);
/* (transfer full): changes, drift and what is drained, as `banyan plan --json` prints them */
BANYAN_API
BanyanSpec *banyan_plan_describe (BanyanPlan *self);

/* (transfer none): what will be committed */
BANYAN_API
BanyanTransaction *banyan_plan_get_transaction (BanyanPlan *self);

/* All of it, in one transaction, or nothing. */
BANYAN_API
void banyan_plan_apply_async (BanyanPlan *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_plan_apply_finish (BanyanPlan *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_plan_apply (BanyanPlan *self, GError **error);

/* The running graph as a document: what was declared, nothing that was not. (transfer full) */
BANYAN_API
BanyanSpec *banyan_graph_export (BanyanGraph *self, const char *directory);

/* What the last document that was put in force declared, object by object; kept by whoever wants a
 * restart to know it. */
BANYAN_API
BanyanSpec *banyan_graph_get_applied (BanyanGraph *self); /* (transfer none) (nullable) */
BANYAN_API
void banyan_graph_set_applied (BanyanGraph *self, BanyanSpec *applied);

/* What a restart has to know besides: what was applied, and edges that were moved since. (transfer
 * full) */
BANYAN_API
BanyanSpec *banyan_graph_save_state (BanyanGraph *self);
/* Whether a start from the document would not undo any of it. */
BANYAN_API
gboolean banyan_graph_check_state (BanyanGraph *self, BanyanSpec *state, const char *text,
                                   gssize length, const char *name, const char *directory,
                                   BanyanProblems *problems);

G_END_DECLS
