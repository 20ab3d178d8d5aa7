/* plan.h - the parts of `banyan plan` and `banyan apply`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli-connect.h"
#include "live.h"

G_BEGIN_DECLS

/* How far an apply is, on one line of a terminal that standard error is; nowhere else. */
typedef struct _PlanProgress PlanProgress;

/* While @connection waits for its answer. NULL: nobody would see it. */
PlanProgress *plan_progress_begin (CliConnection *connection);
/* Takes the line away. */
void plan_progress_end (PlanProgress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlanProgress, plan_progress_end)

G_END_DECLS
