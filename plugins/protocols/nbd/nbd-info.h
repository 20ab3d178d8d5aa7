/* nbd-info.h - what a server says of an export
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>
#include <banyan/banyan-socket-connect.h>
#include <libnbd.h>

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
} NbdAbilities;

GType nbd_abilities_get_type (void);

typedef struct
{
  guint64 length;    /* bytes */
  guint32 minimum;   /* bytes: blocks that requests are made of; a power of 2 */
  guint32 preferred; /* bytes; 0: no preference */
  guint32 maximum;   /* bytes of data in one request */
  guint abilities;
} NbdInfo;

/* Asks a handle that has negotiated. @context: what block status is asked of. */
gboolean nbd_info_read (NbdInfo *self, struct nbd_handle *handle, const char *context,
                        GError **error);
/* Whether requests made for @self are right for @later, too, which may be longer and able to do
 * more. */
gboolean nbd_info_allows (const NbdInfo *self, const NbdInfo *later, GError **error);

/* What libnbd says is wrong, on the thread that called it; FALSE. */
gboolean nbd_throw (GError **error, const char *what);

G_END_DECLS
