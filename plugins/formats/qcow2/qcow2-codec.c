/* qcow2-codec.c - compressing and decompressing clusters, on threads of the pool
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-codec.h"

#include "qcow2-format.h"

#include <zlib.h>
#include <zstd.h>

/* QEMU unpacks with so large a window, and fails with a larger one. */
#define PACK_WINDOW_BITS -12
#define UNPACK_WINDOW_BITS -15
#define PACK_MEMORY_LEVEL 9

typedef struct
{
  z_stream inflater;
  z_stream deflater;
  gboolean has_inflater;
  gboolean has_deflater;
  ZSTD_DCtx *zstd_unpacker; /* (owned) (nullable) */
  ZSTD_CCtx *zstd_packer;   /* (owned) (nullable) */
} Codec;

struct _Qcow2Codecs
{
  guint8 method;
  GMutex mutex;
  GPtrArray *idle; /* (owned) (element-type Codec) */
};

static void
codec_free (gpointer data)
{
  Codec *codec = data;

  if (codec->has_inflater)
    inflateEnd (&codec->inflater);
  if (codec->has_deflater)
    deflateEnd (&codec->deflater);
  ZSTD_freeDCtx (codec->zstd_unpacker);
  ZSTD_freeCCtx (codec->zstd_packer);
  g_free (codec);
}

Qcow2Codecs *
qcow2_codecs_new (guint8 method)
{
  Qcow2Codecs *self = g_new0 (Qcow2Codecs, 1);

  self->method = method;
  g_mutex_init (&self->mutex);
  self->idle = g_ptr_array_new_with_free_func (codec_free);
  return self;
}

void
qcow2_codecs_free (Qcow2Codecs *self)
{
  if (self == NULL)
    return;

  g_ptr_array_unref (self->idle);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static Codec *
take_codec (Qcow2Codecs *self)
{
  Codec *codec = NULL;

  g_mutex_lock (&self->mutex);
  if (self->idle->len > 0)
    codec = g_ptr_array_steal_index_fast (self->idle, self->idle->len - 1);
  g_mutex_unlock (&self->mutex);
  return codec != NULL ? codec : g_new0 (Codec, 1);
}

static void
give_codec (Qcow2Codecs *self, Codec *codec)
{
  g_mutex_lock (&self->mutex);
  g_ptr_array_add (self->idle, codec);
  g_mutex_unlock (&self->mutex);
}

/* -- Unpacking: what follows the data in its last sector is not looked at. -- */

typedef struct
{
  Qcow2Codecs *codecs;
  const guint8 *input;
  gsize input_size;
  guint8 *output;
  gsize output_size;
} Job;

static gboolean
unpack_zlib (Codec *codec, const Job *job)
{
  z_stream *stream = &codec->inflater;
  int result;

  if (codec->has_inflater ? inflateReset (stream) != Z_OK
                          : inflateInit2 (stream, UNPACK_WINDOW_BITS) != Z_OK)
    return FALSE;

  codec->has_inflater = TRUE;
  stream->next_in = (guint8 *) job->input;
  stream->avail_in = job->input_size;
  stream->next_out = job->output;
  stream->avail_out = job->output_size;
  result = inflate (stream, Z_FINISH);
  return (result == Z_STREAM_END || result == Z_BUF_ERROR) && stream->avail_out == 0;
}

static gboolean
unpack_zstd (Codec *codec, const Job *job)
{
  ZSTD_inBuffer in = { job->input, job->input_size, 0 };
  ZSTD_outBuffer out = { job->output, job->output_size, 0 };

  if (codec->zstd_unpacker == NULL && (codec->zstd_unpacker = ZSTD_createDCtx ()) == NULL)
    return FALSE;

  ZSTD_DCtx_reset (codec->zstd_unpacker, ZSTD_reset_session_only);
  while (out.pos < out.size)
    {
      gsize before = in.pos + out.pos;

      if (ZSTD_isError (ZSTD_decompressStream (codec->zstd_unpacker, &out, &in))
          || in.pos + out.pos == before)
        return FALSE;
    }
  return TRUE;
}

static gssize
run_unpack (gpointer data)
{
  const Job *job = data;
  Codec *codec = take_codec (job->codecs);
  gboolean done
      = (job->codecs->method == QCOW2_COMPRESSION_ZSTD ? unpack_zstd : unpack_zlib) (codec, job);

  give_codec (job->codecs, codec);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_codecs_unpack (Qcow2Codecs *self, const guint8 *input, gsize input_size, guint8 *output,
                     gsize output_size)
{
  Job job = { self, input, input_size, output, output_size };

  return banyan_co_compute (run_unpack, &job) > 0;
}

/* -- Packing. -- */

static gsize
pack_zlib (Codec *codec, const Job *job)
{
  z_stream *stream = &codec->deflater;

  if (codec->has_deflater ? deflateReset (stream) != Z_OK
                          : deflateInit2 (stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                          PACK_WINDOW_BITS, PACK_MEMORY_LEVEL, Z_DEFAULT_STRATEGY)
                                != Z_OK)
    return 0;

  codec->has_deflater = TRUE;
  stream->next_in = (guint8 *) job->input;
  stream->avail_in = job->input_size;
  stream->next_out = job->output;
  stream->avail_out = job->output_size;
  return deflate (stream, Z_FINISH) == Z_STREAM_END ? job->output_size - stream->avail_out : 0;
}

static gsize
pack_zstd (Codec *codec, const Job *job)
{
  ZSTD_inBuffer in = { job->input, job->input_size, 0 };
  ZSTD_outBuffer out = { job->output, job->output_size, 0 };

  if (codec->zstd_packer == NULL && (codec->zstd_packer = ZSTD_createCCtx ()) == NULL)
    return 0;

  ZSTD_CCtx_reset (codec->zstd_packer, ZSTD_reset_session_only);
  return ZSTD_compressStream2 (codec->zstd_packer, &out, &in, ZSTD_e_end) == 0 ? out.pos : 0;
}

static gssize
run_pack (gpointer data)
{
  const Job *job = data;
  Codec *codec = take_codec (job->codecs);
  gsize size = (job->codecs->method == QCOW2_COMPRESSION_ZSTD ? pack_zstd : pack_zlib) (codec, job);

  give_codec (job->codecs, codec);
  return size;
}

gsize BANYAN_COROUTINE
qcow2_codecs_pack (Qcow2Codecs *self, const guint8 *input, gsize input_size, guint8 *output,
                   gsize output_size)
{
  Job job = { self, input, input_size, output, output_size };

  return banyan_co_compute (run_pack, &job);
}
