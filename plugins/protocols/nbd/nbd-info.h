/* nbd-info.h - what a server says of an export
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "nbd-protocol.h"

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef enum
{
  NBD_CAN_WRITE = 1 << 0,
  NBD_CAN_FLUSH = 1 << 1,
  NBD_CAN_FUA = 1 << 2,
  NBD_CAN_TRIM = 1 << 3,
  NBD_CAN_ZERO = 1 << 4,
  NBD_CAN_FAST_ZERO = 1 << 5,
  NBD_CAN_CACHE = 1 << 6,
  NBD_CAN_MULTI_CONN = 1 << 7,
  NBD_CAN_BLOCK_STATUS = 1 << 8,
  NBD_CAN_STRUCTURED_REPLIES = 1 << 9,
  NBD_CAN_EXTENDED_HEADERS = 1 << 10,
  NBD_CAN_RESIZE = 1 << 11,
  NBD_CAN_UNFRAGMENTED = 1 << 12,
} NbdAbilities;

GType nbd_abilities_get_type (void);

typedef struct
{
  guint64 length;    /* bytes */
  guint32 minimum;   /* bytes: blocks that requests are made of; a power of 2 */
  guint32 preferred; /* bytes; 0: no preference */
  guint32 maximum;   /* bytes of data in one request */
  guint abilities;
  guint32 context; /* by which number what block status tells is known, where it can be asked */
} NbdInfo;

/* What the export is said to be: its length, and the transmission flags. */
void nbd_info_set_export (NbdInfo *self, guint64 length, guint16 flags);
/* The three of NBD_INFO_BLOCK_SIZE; without them, what everyone takes. */
void nbd_info_set_blocks (NbdInfo *self, guint32 minimum, guint32 preferred, guint32 maximum);
/* When all has been said: makes up what was not, and refuses what cannot be. */
gboolean nbd_info_settle (NbdInfo *self, GError **error);
/* Whether requests made for @self are right for @later, too, which may be longer and able to do
 * more. */
gboolean nbd_info_allows (const NbdInfo *self, const NbdInfo *later, GError **error);

G_END_DECLS
