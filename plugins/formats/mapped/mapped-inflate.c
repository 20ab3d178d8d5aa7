/* mapped-inflate.c - what zlib has packed, unpacked on a thread of the pool
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "mapped-inflate.h"

#include <zlib.h>

/* As large as the format allows: what was packed with less can be unpacked with it. */
#define WINDOW_BITS 15

typedef struct _Stream Stream;
struct _Stream
{
  z_stream zlib;
  Stream *next;
};

struct _MappedInflater
{
  int window_bits;
  GMutex mutex;
  Stream *idle; /* (owned) (nullable) */
};

typedef struct
{
  MappedInflater *inflater;
  const guint8 *input;
  gsize input_size;
  guint8 *output;
  gsize output_size;
} Work;

MappedInflater *
mapped_inflater_new (gboolean is_bare)
{
  MappedInflater *self = g_new0 (MappedInflater, 1);

  self->window_bits = is_bare ? -WINDOW_BITS : WINDOW_BITS;
  g_mutex_init (&self->mutex);
  return self;
}

void
mapped_inflater_free (MappedInflater *self)
{
  if (self == NULL)
    return;

  while (self->idle != NULL)
    {
      Stream *stream = self->idle;

      self->idle = stream->next;
      inflateEnd (&stream->zlib);
      g_free (stream);
    }
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static Stream *
take_stream (MappedInflater *self)
{
  Stream *stream;

  g_mutex_lock (&self->mutex);
  stream = self->idle;
  if (stream != NULL)
    self->idle = stream->next;
  g_mutex_unlock (&self->mutex);
  if (stream != NULL)
    {
      inflateReset (&stream->zlib);
      return stream;
    }

  stream = g_new0 (Stream, 1);
  if (inflateInit2 (&stream->zlib, self->window_bits) == Z_OK)
    return stream;
  g_free (stream);
  return NULL;
}

static void
give_stream (MappedInflater *self, Stream *stream)
{
  g_mutex_lock (&self->mutex);
  stream->next = self->idle;
  self->idle = stream;
  g_mutex_unlock (&self->mutex);
}

/* Where the output is full, the stream may have more to come that is no output: its checksum. */
static gssize
run (gpointer data)
{
  const Work *work = data;
  Stream *stream = take_stream (work->inflater);
  gssize size = -1;
  int result;

  if (stream == NULL)
    return -1;

  stream->zlib.next_in = (guint8 *) work->input;
  stream->zlib.avail_in = work->input_size;
  stream->zlib.next_out = work->output;
  stream->zlib.avail_out = work->output_size;
  result = inflate (&stream->zlib, Z_FINISH);
  if (result == Z_STREAM_END || (result == Z_BUF_ERROR && stream->zlib.avail_out == 0))
    size = work->output_size - stream->zlib.avail_out;
  give_stream (work->inflater, stream);
  return size;
}

gssize BANYAN_COROUTINE
mapped_inflate (MappedInflater *self, const guint8 *input, gsize input_size, guint8 *output,
                gsize output_size)
{
  Work work = { self, input, input_size, output, output_size };

  return banyan_co_compute (run, &work);
}
