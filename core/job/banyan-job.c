/* banyan-job.c - what all jobs have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-job.h>

G_DEFINE_ABSTRACT_TYPE (BanyanJob, banyan_job, BANYAN_TYPE_ELEMENT)

static void
banyan_job_class_init (BanyanJobClass *klass)
{
}

static void
banyan_job_init (BanyanJob *self)
{
}
