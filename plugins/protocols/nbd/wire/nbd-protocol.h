/* nbd-protocol.h - the numbers and headers of the NBD protocol, for its client and its server
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The specification is doc/proto.md of NetworkBlockDevice/nbd, with its extensions RESIZE and
 * EXTENDED_HEADERS. Names are the specification's. Everything on the wire is big-endian. */

#pragma once

#include <banyan/banyan-bytes.h>

G_BEGIN_DECLS

/* -- Handshake. -- */

#define NBD_INIT_MAGIC G_GUINT64_CONSTANT (0x4e42444d41474943)   /* NBDMAGIC */
#define NBD_OPTION_MAGIC G_GUINT64_CONSTANT (0x49484156454f5054) /* IHAVEOPT */
#define NBD_OPTION_REPLY_MAGIC G_GUINT64_CONSTANT (0x0003e889045565a9)

/* What the oldstyle protocol has in place of the second one. */
#define NBD_OLDSTYLE_MAGIC G_GUINT64_CONSTANT (0x00420281861253)

#define NBD_GREETING_SIZE 18
#define NBD_OPTION_SIZE 16
#define NBD_OPTION_REPLY_SIZE 20

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
#define NBD_REP_IS_ERROR(type) (((type) &0x80000000u) != 0)
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

/* Of what follows the option reply's header. */
#define NBD_INFO_EXPORT_SIZE 12
#define NBD_INFO_BLOCK_SIZE_SIZE 14

/* Behind the answer to NBD_OPT_EXPORT_NAME, unless both sides do without. */
#define NBD_EXPORT_NAME_ANSWER_SIZE 10
#define NBD_EXPORT_NAME_ZEROES 124

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

/* "The minimum block size [...] MUST NOT be larger than 2^16". */
#define NBD_MAX_MINIMUM_BLOCK 65536u

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
#define NBD_REPLY_TYPE_IS_ERROR(type) (((type) &0x8000u) != 0)

/* What a chunk has before its data, its extents, its text. */
#define NBD_CHUNK_OFFSET_SIZE 8
#define NBD_CHUNK_HOLE_SIZE 12
#define NBD_CHUNK_ERROR_SIZE 6

/* "Servers SHOULD NOT send more than 2^20 extents in a single reply chunk". */
#define NBD_MAX_EXTENTS (1u << 20)

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

/* The least that the specification wants everyone to take in one request: what our server takes,
 * and our client sends. */
#define NBD_MAX_PAYLOAD (32u << 20)

/* -- Headers of the transmission phase: compact ones, or extended ones. -- */

typedef struct
{
  guint16 flags;
  guint16 type;
  guint64 cookie;
  guint64 offset;
  guint64 length;
} NbdRequestHeader;

static inline gsize
nbd_request_header_size (gboolean is_extended)
{
  return is_extended ? NBD_EXTENDED_REQUEST_SIZE : NBD_REQUEST_SIZE;
}

/* FALSE: it begins with something else. */
static inline gboolean
nbd_get_request_header (const guint8 *from, gboolean is_extended, NbdRequestHeader *header)
{
  if (banyan_get_be32 (from) != (is_extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC))
    return FALSE;

  header->flags = banyan_get_be16 (from + 4);
  header->type = banyan_get_be16 (from + 6);
  header->cookie = banyan_get_be64 (from + 8);
  header->offset = banyan_get_be64 (from + 16);
  header->length = is_extended ? banyan_get_be64 (from + 24) : banyan_get_be32 (from + 24);
  return TRUE;
}

static inline guint8 *
nbd_put_request_header (guint8 *to, gboolean is_extended, const NbdRequestHeader *header)
{
  to = banyan_put_be32 (to, is_extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
  to = banyan_put_be16 (to, header->flags);
  to = banyan_put_be16 (to, header->type);
  to = banyan_put_be64 (to, header->cookie);
  to = banyan_put_be64 (to, header->offset);
  return is_extended ? banyan_put_be64 (to, header->length) : banyan_put_be32 (to, header->length);
}

/* A chunk of a structured or of an extended reply. */
typedef struct
{
  guint16 flags;
  guint16 type;
  guint64 cookie;
  guint64 offset; /* the request's; extended only */
  guint64 length; /* of what follows */
} NbdChunkHeader;

static inline gsize
nbd_chunk_header_size (gboolean is_extended)
{
  return is_extended ? NBD_EXTENDED_REPLY_SIZE : NBD_STRUCTURED_REPLY_SIZE;
}

/* Behind the magic number, which tells what it is. */
static inline NbdChunkHeader
nbd_get_chunk_header (const guint8 *from, gboolean is_extended)
{
  return (NbdChunkHeader){ .flags = banyan_get_be16 (from + 4),
                           .type = banyan_get_be16 (from + 6),
                           .cookie = banyan_get_be64 (from + 8),
                           .offset = is_extended ? banyan_get_be64 (from + 16) : 0,
                           .length = is_extended ? banyan_get_be64 (from + 24)
                                                 : banyan_get_be32 (from + 16) };
}

static inline guint8 *
nbd_put_chunk_header (guint8 *to, gboolean is_extended, const NbdChunkHeader *header)
{
  to = banyan_put_be32 (to, is_extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC);
  to = banyan_put_be16 (to, header->flags);
  to = banyan_put_be16 (to, header->type);
  to = banyan_put_be64 (to, header->cookie);
  if (!is_extended)
    return banyan_put_be32 (to, header->length);

  to = banyan_put_be64 (to, header->offset);
  return banyan_put_be64 (to, header->length);
}

static inline guint8 *
nbd_put_simple_reply (guint8 *to, guint32 error, guint64 cookie)
{
  to = banyan_put_be32 (to, NBD_SIMPLE_REPLY_MAGIC);
  to = banyan_put_be32 (to, error);
  return banyan_put_be64 (to, cookie);
}

/* -- Headers of the handshake. -- */

typedef struct
{
  guint64 magic;
  guint32 option;
  guint32 type; /* the reply's only */
  guint32 length;
} NbdOptionHeader;

static inline NbdOptionHeader
nbd_get_option (const guint8 *from)
{
  return (NbdOptionHeader){ .magic = banyan_get_be64 (from),
                            .option = banyan_get_be32 (from + 8),
                            .length = banyan_get_be32 (from + 12) };
}

static inline guint8 *
nbd_put_option (guint8 *to, guint32 option, guint32 length)
{
  to = banyan_put_be64 (to, NBD_OPTION_MAGIC);
  to = banyan_put_be32 (to, option);
  return banyan_put_be32 (to, length);
}

static inline NbdOptionHeader
nbd_get_option_reply (const guint8 *from)
{
  return (NbdOptionHeader){ .magic = banyan_get_be64 (from),
                            .option = banyan_get_be32 (from + 8),
                            .type = banyan_get_be32 (from + 12),
                            .length = banyan_get_be32 (from + 16) };
}

static inline guint8 *
nbd_put_option_reply (guint8 *to, guint32 option, guint32 type, guint32 length)
{
  to = banyan_put_be64 (to, NBD_OPTION_REPLY_MAGIC);
  to = banyan_put_be32 (to, option);
  to = banyan_put_be32 (to, type);
  return banyan_put_be32 (to, length);
}

G_END_DECLS
