/* banyan-bitmap.c - which parts of a disk something holds for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-bitmap.h>

#include <banyan/banyan-error.h>

#include <errno.h>
#include <string.h>

#define CHUNK_BITS (BANYAN_BITMAP_CHUNK_BYTES * 8)

struct _BanyanBitmap
{
  guint64 length;
  guint granularity_bits;
  guint64 n_granules;
  guint64 n_chunks;
  guint8 **chunks; /* (owned); NULL: nothing in there is set */
};

/**
 * banyan_bitmap_new: (skip)
 * @length: of the disk, in bytes
 * @granularity: bytes of a granule, a power of 2 from 512 to 2 GiB
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full): a bitmap in which nothing is set; %NULL with @error, EINVAL or EFBIG
 */
BanyanBitmap *
banyan_bitmap_new (guint64 length, guint64 granularity, GError **error)
{
  g_autoptr (BanyanBitmap) self = g_new0 (BanyanBitmap, 1);

  if (granularity < 512 || granularity > G_GUINT64_CONSTANT (1) << 31
      || (granularity & (granularity - 1)) != 0)
    {
      banyan_throw_errno (error, EINVAL,
                          "a bitmap's granularity is %" G_GUINT64_FORMAT
                          " bytes; it can be a power of 2 from 512 to 2147483648",
                          granularity);
      return NULL;
    }

  self->length = length;
  self->granularity_bits = g_bit_nth_lsf (granularity, -1);
  self->n_granules = length / granularity + (length % granularity != 0);
  if (self->n_granules > BANYAN_BITMAP_MAX_GRANULES)
    {
      banyan_throw_errno (error, EFBIG,
                          "a bitmap for %" G_GUINT64_FORMAT " bytes needs a granularity of at "
                          "least %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT,
                          length,
                          G_GUINT64_CONSTANT (1)
                              << g_bit_storage ((length - 1) / BANYAN_BITMAP_MAX_GRANULES),
                          granularity);
      return NULL;
    }
  self->n_chunks = (self->n_granules + CHUNK_BITS - 1) / CHUNK_BITS;
  self->chunks = g_new0 (guint8 *, self->n_chunks);
  return g_steal_pointer (&self);
}

/**
 * banyan_bitmap_free: (skip)
 * @self: (transfer full): a bitmap
 */
void
banyan_bitmap_free (BanyanBitmap *self)
{
  for (guint64 i = 0; self->chunks != NULL && i < self->n_chunks; i++)
    g_free (self->chunks[i]);
  g_free (self->chunks);
  g_free (self);
}

/**
 * banyan_bitmap_get_granularity: (skip)
 * @self: a bitmap
 *
 * Returns: how many bytes a granule has
 */
guint64
banyan_bitmap_get_granularity (BanyanBitmap *self)
{
  return G_GUINT64_CONSTANT (1) << self->granularity_bits;
}

/**
 * banyan_bitmap_count_granules: (skip)
 * @self: a bitmap
 *
 * Returns: how many granules the disk has, set or not
 */
guint64
banyan_bitmap_count_granules (BanyanBitmap *self)
{
  return self->n_granules;
}

/* -- Setting. -- */

static guint8 *
ensure_chunk (BanyanBitmap *self, guint64 index)
{
  if (self->chunks[index] == NULL)
    self->chunks[index] = g_malloc0 (BANYAN_BITMAP_CHUNK_BYTES);
  return self->chunks[index];
}

/* Bits from @first on, @n of them, of one chunk. */
static void
set_bits (guint8 *chunk, guint first, guint n)
{
  for (; n > 0 && first % 8 != 0; first++, n--)
    chunk[first / 8] |= 1u << first % 8;
  memset (chunk + first / 8, 0xff, n / 8);
  first += n / 8 * 8;
  for (n %= 8; n > 0; first++, n--)
    chunk[first / 8] |= 1u << first % 8;
}

/**
 * banyan_bitmap_set: (skip)
 * @self: a bitmap
 * @offset: where the range begins, in bytes
 * @length: how long it is, in bytes; what lies beyond the disk does not count
 *
 * Sets all granules that the range touches.
 */
void
banyan_bitmap_set (BanyanBitmap *self, guint64 offset, guint64 length)
{
  guint64 granule, end;

  if (length == 0 || offset >= self->length)
    return;

  granule = offset >> self->granularity_bits;
  end = ((offset + MIN (length, self->length - offset) - 1) >> self->granularity_bits) + 1;
  while (granule < end)
    {
      guint first = granule % CHUNK_BITS;
      guint n = MIN (CHUNK_BITS - first, end - granule);

      set_bits (ensure_chunk (self, granule / CHUNK_BITS), first, n);
      granule += n;
    }
}

/**
 * banyan_bitmap_merge: (skip)
 * @self: a bitmap
 * @other: another one, perhaps of another granularity
 *
 * Sets what is set in @other, too.
 */
void
banyan_bitmap_merge (BanyanBitmap *self, BanyanBitmap *other)
{
  guint64 length;

  for (guint64 offset = 0; banyan_bitmap_find (other, &offset, &length); offset += length)
    banyan_bitmap_set (self, offset, length);
}

/* -- Finding. -- */

/* The first granule from @granule on that is @set; the number of granules where there is none. */
static guint64
find_granule (BanyanBitmap *self, guint64 granule, gboolean set)
{
  guint8 dull = set ? 0 : 0xff; /* a byte that has none */

  while (granule < self->n_granules)
    {
      const guint8 *chunk = self->chunks[granule / CHUNK_BITS];
      guint bit = granule % CHUNK_BITS;

      if (chunk == NULL && !set)
        return granule;
      if (chunk == NULL)
        granule += CHUNK_BITS - bit;
      else if (bit % 8 == 0 && chunk[bit / 8] == dull)
        granule += 8;
      else if (((chunk[bit / 8] >> bit % 8 & 1) != 0) == set)
        return granule;
      else
        granule++;
    }
  return self->n_granules;
}

/**
 * banyan_bitmap_find: (skip)
 * @self: a bitmap
 * @offset: (inout): where to begin, in bytes; then where what was found begins
 * @length: (out): how long that is, in bytes; whole granules, but for the end of the disk
 *
 * Finds the first run of granules that are set.
 *
 * Returns: whether there is one
 */
gboolean
banyan_bitmap_find (BanyanBitmap *self, guint64 *offset, guint64 *length)
{
  guint64 first, end;

  if (*offset >= self->length)
    return FALSE;

  first = find_granule (self, *offset >> self->granularity_bits, TRUE);
  if (first == self->n_granules)
    return FALSE;

  end = find_granule (self, first, FALSE);
  *offset = MAX (*offset, first << self->granularity_bits);
  *length = (end == self->n_granules ? self->length : end << self->granularity_bits) - *offset;
  return TRUE;
}

/* -- As bytes. -- */

/**
 * banyan_bitmap_get_chunk: (skip)
 * @self: a bitmap
 * @index: which 32,768 granules
 *
 * Returns: (nullable): %BANYAN_BITMAP_CHUNK_BYTES, the bits behind the disk's end clear; %NULL:
 * nothing is set there, or that is beyond the end
 */
const guint8 *
banyan_bitmap_get_chunk (BanyanBitmap *self, guint64 index)
{
  return index < self->n_chunks ? self->chunks[index] : NULL;
}

static gboolean
is_clear (const guint8 *bytes, gsize n)
{
  return n == 0 || (bytes[0] == 0 && memcmp (bytes, bytes + 1, n - 1) == 0);
}

/**
 * banyan_bitmap_set_bytes: (skip)
 * @self: a bitmap
 * @at: the first byte's number among those of the whole bitmap
 * @bytes: eight granules each, the first in the lowest bit
 * @n: how many
 *
 * Sets what is set in @bytes. What is beyond the disk's end does not count.
 */
void
banyan_bitmap_set_bytes (BanyanBitmap *self, guint64 at, const guint8 *bytes, gsize n)
{
  guint64 n_bytes = (self->n_granules + 7) / 8;

  if (at >= n_bytes)
    return;

  n = MIN (n, n_bytes - at);
  while (n > 0)
    {
      guint first = at % BANYAN_BITMAP_CHUNK_BYTES;
      gsize here = MIN (n, BANYAN_BITMAP_CHUNK_BYTES - first);

      if (!is_clear (bytes, here))
        {
          guint8 *chunk = ensure_chunk (self, at / BANYAN_BITMAP_CHUNK_BYTES);

          for (gsize i = 0; i < here; i++)
            chunk[first + i] |= bytes[i];
        }
      at += here;
      bytes += here;
      n -= here;
    }
  if (at == n_bytes && self->n_granules % 8 != 0 && self->chunks[self->n_chunks - 1] != NULL)
    self->chunks[self->n_chunks - 1][(at - 1) % BANYAN_BITMAP_CHUNK_BYTES]
        &= (1u << self->n_granules % 8) - 1;
}
