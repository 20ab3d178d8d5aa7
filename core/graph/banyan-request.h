/* banyan-request.h - one operation on a range of bytes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-coroutine.h>
#include <banyan/banyan-error.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/**
 * BanyanRequestFlags:
 * @BANYAN_REQUEST_FUA: on stable storage before the answer
 * @BANYAN_REQUEST_MAY_UNMAP: zeroes may be written by giving up space
 * @BANYAN_REQUEST_NO_FALLBACK: unsupported rather than slower than writing zeroes by hand
 * @BANYAN_REQUEST_PREFETCH: a read whose data nobody wants; it may go to a cache
 * @BANYAN_REQUEST_COMPRESSED: a write whose data should be stored compressed; for nodes that can
 */
typedef enum
{
  BANYAN_REQUEST_FUA = 1 << 0,
  BANYAN_REQUEST_MAY_UNMAP = 1 << 1,
  BANYAN_REQUEST_NO_FALLBACK = 1 << 2,
  BANYAN_REQUEST_PREFETCH = 1 << 3,
  BANYAN_REQUEST_COMPRESSED = 1 << 4,
} BanyanRequestFlags;

/* Const to the callee, and on its maker's stack. The data is a window of @length bytes that begins
 * @skip bytes into @iov[0]; @iov may be longer. Operations without data have no @iov. Made with
 * the initializers below, so that @size is right. */
typedef struct
{
  guint32 size;
  guint32 flags;
  guint64 offset; /* bytes */
  guint64 length; /* bytes */
  const struct iovec *iov;
  gsize skip;
  guint32 n_iov;
  guint32 reserved;
} BanyanRequest;

#define BANYAN_REQUEST(offset_, length_, iov_, n_iov_) \
  ((BanyanRequest){ .size = sizeof (BanyanRequest), \
                    .offset = (offset_), \
                    .length = (length_), \
                    .iov = (iov_), \
                    .n_iov = (n_iov_) })

/* The part of @request from @start on, @length bytes long, at another @offset. */
static inline BanyanRequest
banyan_request_slice (const BanyanRequest *request, guint64 start, guint64 length, guint64 offset)
{
  BanyanRequest slice = *request;

  slice.size = sizeof slice;
  slice.offset = offset;
  slice.length = length;
  slice.skip += start;
  while (slice.n_iov > 1 && slice.skip >= slice.iov->iov_len)
    {
      slice.skip -= slice.iov->iov_len;
      slice.iov++;
      slice.n_iov--;
    }
  return slice;
}

/* Leaves: a flat vector of the window, at most @max entries; returns their number, and in
 * @covered how many bytes they cover. */
BANYAN_API
guint banyan_request_flatten (const BanyanRequest *request, struct iovec *iov, guint max,
                              guint64 *covered);
BANYAN_API
void banyan_request_fill (const BanyanRequest *request, guint64 start, guint8 byte, guint64 length);
BANYAN_API
void banyan_request_copy_in (const BanyanRequest *request, guint64 start, gconstpointer from,
                             gsize length); /* into the request's buffers */
BANYAN_API
void banyan_request_copy_out (const BanyanRequest *request, guint64 start, gpointer to,
                              gsize length); /* out of them */
BANYAN_API
gboolean banyan_request_is_zero (const BanyanRequest *request);

/* What an optional operation answers. Unsupported comes without a GError. */
typedef enum
{
  BANYAN_FAILED = 0,
  BANYAN_DONE = 1,
  BANYAN_UNSUPPORTED = 2,
} BanyanAnswer;

/**
 * BanyanBlockStatusFlags:
 * @BANYAN_BLOCK_DATA: reading goes to storage
 * @BANYAN_BLOCK_ZERO: reads as zeroes
 * @BANYAN_BLOCK_ALLOCATED: decided in this layer, not in what it is backed by
 * @BANYAN_BLOCK_LOCATED: @leaf and @leaf_offset say where the data lies
 * @BANYAN_BLOCK_COMPRESSED: stored compressed
 * @BANYAN_BLOCK_END: the extent ends at the end of the node
 */
typedef enum
{
  BANYAN_BLOCK_DATA = 1 << 0,
  BANYAN_BLOCK_ZERO = 1 << 1,
  BANYAN_BLOCK_ALLOCATED = 1 << 2,
  BANYAN_BLOCK_LOCATED = 1 << 3,
  BANYAN_BLOCK_COMPRESSED = 1 << 4,
  BANYAN_BLOCK_END = 1 << 5,
} BanyanBlockStatusFlags;

typedef struct _BanyanNode BanyanNode;

typedef struct
{
  guint32 size;
  guint32 flags;
  guint64 length;      /* bytes from the offset asked for to which this applies; above 0 */
  BanyanNode *leaf;    /* (unowned) (nullable) */
  guint64 leaf_offset; /* bytes */
} BanyanBlockStatus;

/**
 * BanyanPreallocation:
 * @BANYAN_PREALLOCATION_OFF: none
 * @BANYAN_PREALLOCATION_METADATA: the format's tables
 * @BANYAN_PREALLOCATION_FALLOC: space reserved
 * @BANYAN_PREALLOCATION_FULL: zeroes written
 */
typedef enum
{
  BANYAN_PREALLOCATION_OFF,
  BANYAN_PREALLOCATION_METADATA,
  BANYAN_PREALLOCATION_FALLOC,
  BANYAN_PREALLOCATION_FULL,
} BanyanPreallocation;

typedef struct
{
  guint32 size;
  BanyanPreallocation preallocation;
  guint64 length; /* bytes wanted */
  gboolean exact; /* FALSE: a larger node will do */
} BanyanResize;

G_END_DECLS
