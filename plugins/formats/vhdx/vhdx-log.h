/* vhdx-log.h - changes of tables that were not made when the image was last closed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mapped.h"

/* In what units the log has data, and the file gets it. */
#define VHDX_LOG_SECTOR 4096
#define VHDX_GUID_SIZE 16

typedef struct
{
  GArray *changes;  /* (owned): in the order in which they are to be made */
  guint64 file_end; /* bytes: how long the file is, or will be */
} VhdxLog;

/* What the log of @length bytes at @offset, with entries that have @guid, says: the newest sequence
 * of entries that is whole. Nothing is written: whoever reads tables applies it. */
VhdxLog *BANYAN_COROUTINE vhdx_log_read (Mapped *mapped, guint64 offset, guint64 length,
                                         const guint8 *guid, GError **error);
void vhdx_log_free (VhdxLog *self);

/* The sector of the file at @offset, as it should be: whatever @sector has is replaced, if the log
 * has something for it. */
gboolean BANYAN_COROUTINE vhdx_log_apply (const VhdxLog *self, Mapped *mapped, guint64 offset,
                                          guint8 *sector, GError **error);
/* Whether it changes anything there. */
gboolean vhdx_log_touches (const VhdxLog *self, guint64 offset, guint64 length);
