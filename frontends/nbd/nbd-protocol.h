/* nbd-protocol.h - the numbers of the NBD protocol
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The specification is doc/proto.md of NetworkBlockDevice/nbd, with its extensions RESIZE and
 * EXTENDED_HEADERS. Names are the specification's. Everything on the wire is big-endian. */

#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* -- Handshake. -- */

#define NBD_INIT_MAGIC G_GUINT64_CONSTANT (0x4e42444d41474943)   /* NBDMAGIC */
#define NBD_OPTION_MAGIC G_GUINT64_CONSTANT (0x49484156454f5054) /* IHAVEOPT */
#define NBD_OPTION_REPLY_MAGIC G_GUINT64_CONSTANT (0x0003e889045565a9)

#define NBD_FLAG_FIXED_NEWSTYLE (1 << 0)
#define NBD_FLAG_NO_ZEROES (1 << 1)
#define NBD_FLAG_C_FIXED_NEWSTYLE (1 << 0)
#define NBD_FLAG_C_NO_ZEROES (1 << 1)

enum
{
  NBD_OPT_EXPORT_NAME = 1,
  NBD_OPT_ABORT = 2,
  NBD_OPT_LIST = 3,
  NBD_OPT_PEEK_EXPORT = 4,
  NBD_OPT_STARTTLS = 5,
  NBD_OPT_INFO = 6,
  NBD_OPT_GO = 7,
  NBD_OPT_STRUCTURED_REPLY = 8,
  NBD_OPT_LIST_META_CONTEXT = 9,
  NBD_OPT_SET_META_CONTEXT = 10,
  NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ERROR(n) (0x80000000u + (n))
enum
{
  NBD_REP_ACK = 1,
  NBD_REP_SERVER = 2,
  NBD_REP_INFO = 3,
  NBD_REP_META_CONTEXT = 4,
};
#define NBD_REP_ERR_UNSUP NBD_REP_ERROR (1)
#define NBD_REP_ERR_POLICY NBD_REP_ERROR (2)
#define NBD_REP_ERR_INVALID NBD_REP_ERROR (3)
#define NBD_REP_ERR_PLATFORM NBD_REP_ERROR (4)
#define NBD_REP_ERR_TLS_REQD NBD_REP_ERROR (5)
#define NBD_REP_ERR_UNKNOWN NBD_REP_ERROR (6)
#define NBD_REP_ERR_SHUTDOWN NBD_REP_ERROR (7)
#define NBD_REP_ERR_BLOCK_SIZE_REQD NBD_REP_ERROR (8)
#define NBD_REP_ERR_TOO_BIG NBD_REP_ERROR (9)
#define NBD_REP_ERR_EXT_HEADER_REQD NBD_REP_ERROR (10)

enum
{
  NBD_INFO_EXPORT = 0,
  NBD_INFO_NAME = 1,
  NBD_INFO_DESCRIPTION = 2,
  NBD_INFO_BLOCK_SIZE = 3,
};

#define NBD_FLAG_HAS_FLAGS (1 << 0)
#define NBD_FLAG_READ_ONLY (1 << 1)
#define NBD_FLAG_SEND_FLUSH (1 << 2)
#define NBD_FLAG_SEND_FUA (1 << 3)
#define NBD_FLAG_ROTATIONAL (1 << 4)
#define NBD_FLAG_SEND_TRIM (1 << 5)
#define NBD_FLAG_SEND_WRITE_ZEROES (1 << 6)
#define NBD_FLAG_SEND_DF (1 << 7)
#define NBD_FLAG_CAN_MULTI_CONN (1 << 8)
#define NBD_FLAG_SEND_RESIZE (1 << 9)
#define NBD_FLAG_SEND_CACHE (1 << 10)
#define NBD_FLAG_SEND_FAST_ZERO (1 << 11)
#define NBD_FLAG_BLOCK_STATUS_PAYLOAD (1 << 12)

/* Strings: "The maximum length is 4096 bytes". */
#define NBD_MAX_STRING 4096

/* -- Transmission. -- */

#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_EXTENDED_REQUEST_MAGIC 0x21e41c71u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efu
#define NBD_EXTENDED_REPLY_MAGIC 0x6e8a278cu

#define NBD_REQUEST_SIZE 28
#define NBD_EXTENDED_REQUEST_SIZE 32
#define NBD_SIMPLE_REPLY_SIZE 16
#define NBD_STRUCTURED_REPLY_SIZE 20
#define NBD_EXTENDED_REPLY_SIZE 32

enum
{
  NBD_CMD_READ = 0,
  NBD_CMD_WRITE = 1,
  NBD_CMD_DISC = 2,
  NBD_CMD_FLUSH = 3,
  NBD_CMD_TRIM = 4,
  NBD_CMD_CACHE = 5,
  NBD_CMD_WRITE_ZEROES = 6,
  NBD_CMD_BLOCK_STATUS = 7,
  NBD_CMD_RESIZE = 8,
};

#define NBD_CMD_FLAG_FUA (1 << 0)
#define NBD_CMD_FLAG_NO_HOLE (1 << 1)
#define NBD_CMD_FLAG_DF (1 << 2)
#define NBD_CMD_FLAG_REQ_ONE (1 << 3)
#define NBD_CMD_FLAG_FAST_ZERO (1 << 4)
#define NBD_CMD_FLAG_PAYLOAD_LEN (1 << 5)

#define NBD_REPLY_FLAG_DONE (1 << 0)

enum
{
  NBD_REPLY_TYPE_NONE = 0,
  NBD_REPLY_TYPE_OFFSET_DATA = 1,
  NBD_REPLY_TYPE_OFFSET_HOLE = 2,
  NBD_REPLY_TYPE_BLOCK_STATUS = 5,
  NBD_REPLY_TYPE_BLOCK_STATUS_EXT = 6,
  NBD_REPLY_TYPE_ERROR = 0x8001,
  NBD_REPLY_TYPE_ERROR_OFFSET = 0x8002,
};

#define NBD_STATE_HOLE (1 << 0)
#define NBD_STATE_ZERO (1 << 1)

enum
{
  NBD_SUCCESS = 0,
  NBD_EPERM = 1,
  NBD_EIO = 5,
  NBD_ENOMEM = 12,
  NBD_EINVAL = 22,
  NBD_ENOSPC = 28,
  NBD_EOVERFLOW = 75,
  NBD_ENOTSUP = 95,
  NBD_ESHUTDOWN = 108,
};

/* What we take in one request, and say in NBD_INFO_BLOCK_SIZE: the least that the specification
 * wants everyone to take. */
#define NBD_MAX_PAYLOAD (32u << 20)

/* -- Reading and writing the wire. -- */

static inline guint16
nbd_get16 (const guint8 *from)
{
  guint16 value;

  memcpy (&value, from, sizeof value);
  return GUINT16_FROM_BE (value);
}

static inline guint32
nbd_get32 (const guint8 *from)
{
  guint32 value;

  memcpy (&value, from, sizeof value);
  return GUINT32_FROM_BE (value);
}

static inline guint64
nbd_get64 (const guint8 *from)
{
  guint64 value;

  memcpy (&value, from, sizeof value);
  return GUINT64_FROM_BE (value);
}

/* These return where to go on writing. */

static inline guint8 *
nbd_put16 (guint8 *to, guint16 value)
{
  value = GUINT16_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return to + sizeof value;
}

static inline guint8 *
nbd_put32 (guint8 *to, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return to + sizeof value;
}

static inline guint8 *
nbd_put64 (guint8 *to, guint64 value)
{
  value = GUINT64_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return to + sizeof value;
}

G_END_DECLS
