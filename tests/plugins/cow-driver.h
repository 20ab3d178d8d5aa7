/* cow-driver.h - a format that shows its backing where nothing was written, for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>

G_BEGIN_DECLS

#define COW_BLOCK 4096

/* "test-cow": children "file", whose length it has, and "backing". What is written is in blocks of
 * COW_BLOCK bytes; which ones are is known in memory only. */
void cow_driver_register (void);

gboolean cow_driver_has_block (BanyanNode *node, guint64 offset);

G_END_DECLS
