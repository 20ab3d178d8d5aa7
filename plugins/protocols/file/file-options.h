/* file-options.h - types and rules of the options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef enum
{
  FILE_AIO_AUTO,
  FILE_AIO_THREADS,
  FILE_AIO_NATIVE,
  FILE_AIO_IO_URING,
} FileAio;

typedef enum
{
  FILE_LOCKING_AUTO,
  FILE_LOCKING_ON,
  FILE_LOCKING_OFF,
} FileLocking;

GType file_aio_get_type (void);
GType file_locking_get_type (void);
/* What no single option is wrong in. */
void file_options_check (const BanyanProposal *proposal, BanyanProblems *problems);

G_END_DECLS
