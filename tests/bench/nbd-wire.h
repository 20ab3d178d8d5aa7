/* nbd-wire.h - the parts of the NBD protocol that the benchmark programs speak
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kept apart from the server under measurement: a mistake shared with it would not show. */

#pragma once

#include <stdint.h>

#define NBD_GREETING_MAGIC 0x4e42444d41474943ull
#define NBD_OPTION_MAGIC 0x49484156454f5054ull
#define NBD_OPTION_REPLY_MAGIC 0x0003e889045565a9ull
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u
#define NBD_CHUNK_MAGIC 0x668e33efu

/* Both directions of the handshake use the same two bits. */
#define NBD_FLAG_FIXED_NEWSTYLE 1u
#define NBD_FLAG_NO_ZEROES 2u

enum
{
  NBD_OPT_EXPORT_NAME = 1,
  NBD_OPT_ABORT = 2,
  NBD_OPT_INFO = 6,
  NBD_OPT_GO = 7,
  NBD_OPT_STRUCTURED_REPLY = 8,
};

#define NBD_REP_ACK 1u
#define NBD_REP_INFO 3u
#define NBD_REP_ERR_UNSUP 0x80000001u
#define NBD_REP_IS_ERROR(type) (((type) &0x80000000u) != 0)

enum
{
  NBD_INFO_EXPORT = 0,
  NBD_INFO_BLOCK_SIZE = 3,
};

#define NBD_SEND_HAS_FLAGS (1u << 0)
#define NBD_SEND_READ_ONLY (1u << 1)
#define NBD_SEND_FLUSH (1u << 2)
#define NBD_SEND_FUA (1u << 3)
#define NBD_SEND_TRIM (1u << 5)
#define NBD_SEND_WRITE_ZEROES (1u << 6)
#define NBD_SEND_MULTI_CONN (1u << 8)

enum
{
  NBD_CMD_READ = 0,
  NBD_CMD_WRITE = 1,
  NBD_CMD_DISC = 2,
  NBD_CMD_FLUSH = 3,
  NBD_CMD_TRIM = 4,
  NBD_CMD_WRITE_ZEROES = 6,
};

#define NBD_CMD_FLAG_FUA 1u
#define NBD_CMD_FLAG_NO_HOLE 2u

#define NBD_CHUNK_FLAG_DONE 1u

enum
{
  NBD_CHUNK_NONE = 0,
  NBD_CHUNK_OFFSET_DATA = 1,
  NBD_CHUNK_OFFSET_HOLE = 2,
};

#define NBD_CHUNK_IS_ERROR(type) (((type) &0x8000u) != 0)

#define NBD_EIO 5u
#define NBD_EINVAL 22u

/* All fields are big-endian. */
typedef struct __attribute__ ((packed))
{
  uint64_t magic;
  uint64_t option_magic;
  uint16_t flags;
} NbdGreeting;

typedef struct __attribute__ ((packed))
{
  uint64_t magic;
  uint32_t option;
  uint32_t length;
} NbdOption;

typedef struct __attribute__ ((packed))
{
  uint64_t magic;
  uint32_t option;
  uint32_t type;
  uint32_t length;
} NbdOptionReply;

typedef struct __attribute__ ((packed))
{
  uint16_t info;
  uint64_t size;
  uint16_t flags;
} NbdExportInfo;

typedef struct __attribute__ ((packed))
{
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint64_t offset;
  uint32_t length;
} NbdRequest;

typedef struct __attribute__ ((packed))
{
  uint32_t magic;
  uint32_t error;
  uint64_t cookie;
} NbdSimpleReply;

typedef struct __attribute__ ((packed))
{
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint32_t length;
} NbdChunk;
