/* nbd-options.h - types and rules of the options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef enum
{
  NBD_LOST_WRITES_REPORT,
  NBD_LOST_WRITES_IGNORE,
} NbdLostWrites;

GType nbd_lost_writes_get_type (void);

void nbd_options_check (const BanyanProposal *proposal, BanyanProblems *problems);

G_END_DECLS
