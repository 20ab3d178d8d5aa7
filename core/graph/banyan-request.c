/* banyan-request.c - the data of a request
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-request.h>

#include <string.h>

/* Goes through the window of a request, one piece of memory at a time. */
typedef struct
{
  const struct iovec *iov;
  gsize skip;
  guint64 left;
} Walk;

static inline Walk
walk_from (const BanyanRequest *request, guint64 start, guint64 length)
{
  BanyanRequest slice;

  g_assert (start <= request->length && length <= request->length - start);

  slice = banyan_request_slice (request, start, length, 0);
  return (Walk){ .iov = slice.iov, .skip = slice.skip, .left = length };
}

static inline gboolean
walk_next (Walk *walk, struct iovec *piece)
{
  while (walk->left > 0 && walk->skip >= walk->iov->iov_len)
    {
      walk->skip -= walk->iov->iov_len;
      walk->iov++;
    }
  if (walk->left == 0)
    return FALSE;

  piece->iov_base = (guint8 *) walk->iov->iov_base + walk->skip;
  piece->iov_len = MIN (walk->iov->iov_len - walk->skip, walk->left);
  walk->left -= piece->iov_len;
  walk->skip = 0;
  walk->iov++;
  return TRUE;
}

/**
 * banyan_request_flatten: (skip)
 * @request: a request with data
 * @iov: (out caller-allocates) (array length=max): where to put the vector
 * @max: how many entries there is room for
 * @covered: (out): how many bytes of the window the entries cover, from its beginning
 *
 * For leaves: describes the window as system calls want it.
 *
 * Returns: the number of entries
 */
guint
banyan_request_flatten (const BanyanRequest *request, struct iovec *iov, guint max,
                        guint64 *covered)
{
  Walk walk = walk_from (request, 0, request->length);
  guint n = 0;

  *covered = 0;
  while (n < max && walk_next (&walk, &iov[n]))
    *covered += iov[n++].iov_len;

  return n;
}

/**
 * banyan_request_fill: (skip)
 * @request: a read
 * @start: where in the window to begin
 * @byte: what to fill with
 * @length: how many bytes to fill
 *
 * Sets bytes of the request's buffers.
 */
void
banyan_request_fill (const BanyanRequest *request, guint64 start, guint8 byte, guint64 length)
{
  Walk walk = walk_from (request, start, length);
  struct iovec piece;

  while (walk_next (&walk, &piece))
    memset (piece.iov_base, byte, piece.iov_len);
}

/**
 * banyan_request_copy_in: (skip)
 * @request: a read
 * @start: where in the window to begin
 * @from: (array length=length): the data
 * @length: how many bytes to copy
 *
 * Copies into the request's buffers.
 */
void
banyan_request_copy_in (const BanyanRequest *request, guint64 start, gconstpointer from,
                        gsize length)
{
  Walk walk = walk_from (request, start, length);
  const guint8 *data = from;
  struct iovec piece;

  while (walk_next (&walk, &piece))
    {
      memcpy (piece.iov_base, data, piece.iov_len);
      data += piece.iov_len;
    }
}

/**
 * banyan_request_copy_out: (skip)
 * @request: a write
 * @start: where in the window to begin
 * @to: (out caller-allocates) (array length=length): where to put the data
 * @length: how many bytes to copy
 *
 * Copies out of the request's buffers.
 */
void
banyan_request_copy_out (const BanyanRequest *request, guint64 start, gpointer to, gsize length)
{
  Walk walk = walk_from (request, start, length);
  guint8 *data = to;
  struct iovec piece;

  while (walk_next (&walk, &piece))
    {
      memcpy (data, piece.iov_base, piece.iov_len);
      data += piece.iov_len;
    }
}

/**
 * banyan_request_is_zero: (skip)
 * @request: a write
 *
 * Returns: whether all of its data is zero
 */
gboolean
banyan_request_is_zero (const BanyanRequest *request)
{
  Walk walk = walk_from (request, 0, request->length);
  struct iovec piece;

  while (walk_next (&walk, &piece))
    {
      const guint8 *data = piece.iov_base;

      /* All bytes are equal to their neighbours, and the first is 0. */
      if (data[0] != 0 || memcmp (data, data + 1, piece.iov_len - 1) != 0)
        return FALSE;
    }

  return TRUE;
}
