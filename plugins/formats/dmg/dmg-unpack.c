/* dmg-unpack.c - what the chunks of Apple's disk images are packed by
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmg.h"

#include <bzlib.h>
#include <lzma.h>
#include <string.h>

/* For the largest of its usual settings, whose dictionary has 64 MiB. */
#define MAX_LZMA_MEMORY (80 * 1024 * 1024)

typedef struct
{
  const guint8 *packed;
  guint packed_size;
  guint8 *unit;
  guint unit_size;
} Work;

static gssize
unpack_bzip2 (gpointer data)
{
  const Work *work = data;
  guint size = work->unit_size;

  return BZ2_bzBuffToBuffDecompress ((char *) work->unit, &size, (char *) work->packed,
                                     work->packed_size, 0, 0)
                 == BZ_OK
             ? (gssize) size
             : -1;
}

/* What Apple calls lzma are files of xz. */
static gssize
unpack_lzma (gpointer data)
{
  const Work *work = data;
  guint64 memory = MAX_LZMA_MEMORY;
  gsize taken = 0, size = 0;

  return lzma_stream_buffer_decode (&memory, 0, NULL, work->packed, &taken, work->packed_size,
                                    work->unit, &size, work->unit_size)
                 == LZMA_OK
             ? (gssize) size
             : -1;
}

/* -- ADC: bytes as they are, and bytes that were there before. -- */

#define ADC_IS_PLAIN 0x80
#define ADC_IS_LONG 0x40

typedef struct
{
  guint n_head; /* bytes that say the rest */
  guint length;
  guint distance; /* 0: the byte before */
} AdcCopy;

static AdcCopy
read_copy (const guint8 *at)
{
  if (*at & ADC_IS_LONG)
    return (AdcCopy){ 3, (*at & 0x3f) + 4, at[1] << 8 | at[2] };
  return (AdcCopy){ 2, (*at >> 2 & 0xf) + 3, (*at & 3) << 8 | at[1] };
}

/* Byte by byte: a copy may reach into what it writes. */
static gboolean
copy_back (guint8 *unit, guint *done, guint unit_size, AdcCopy copy)
{
  if (copy.distance >= *done || copy.length > unit_size - *done)
    return FALSE;

  for (guint i = 0; i < copy.length; i++, (*done)++)
    unit[*done] = unit[*done - copy.distance - 1];
  return TRUE;
}

static gssize
unpack_adc (gpointer data)
{
  const Work *work = data;
  const guint8 *at = work->packed, *end = at + work->packed_size;
  guint done = 0;

  while (done < work->unit_size && at < end)
    if (*at & ADC_IS_PLAIN)
      {
        guint n = (*at & 0x7f) + 1;

        if (n > end - at - 1 || n > work->unit_size - done)
          return -1;
        memcpy (work->unit + done, at + 1, n);
        done += n;
        at += 1 + n;
      }
    else
      {
        AdcCopy copy;

        if (end - at < (*at & ADC_IS_LONG ? 3 : 2))
          return -1;
        copy = read_copy (at);
        if (!copy_back (work->unit, &done, work->unit_size, copy))
          return -1;
        at += copy.n_head;
      }
  return done;
}

gboolean BANYAN_COROUTINE
dmg_unpack (BanyanDmg *self, const Mapping *mapping, const guint8 *packed, guint8 *unit)
{
  Work work = { packed, mapping->packed_size, unit, mapping->unit_size };
  gssize size;

  switch (mapping->codec)
    {
    case DMG_BZIP2:
      size = banyan_co_compute (unpack_bzip2, &work);
      break;
    case DMG_LZMA:
      size = banyan_co_compute (unpack_lzma, &work);
      break;
    case DMG_ADC:
      size = banyan_co_compute (unpack_adc, &work);
      break;
    default:
      size
          = mapped_inflate (self->inflater, packed, mapping->packed_size, unit, mapping->unit_size);
    }
  return size == (gssize) mapping->unit_size;
}
