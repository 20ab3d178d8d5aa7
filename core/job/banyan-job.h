/* banyan-job.h - a long-running operation on the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-backend.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_JOB (banyan_job_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanJob, banyan_job, BANYAN, JOB, BanyanElement)
struct _BanyanJobClass
{
  BanyanElementClass parent_class;
  BANYAN_RESERVED (8);
};

G_END_DECLS
