/* qcow2-codec.h - compressing and decompressing clusters, on threads of the pool
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

/* States of zlib and zstd, kept for the next one who needs one. */
typedef struct _Qcow2Codecs Qcow2Codecs;

Qcow2Codecs *qcow2_codecs_new (guint8 method);
void qcow2_codecs_free (Qcow2Codecs *self);

/* FALSE: the data is damaged. @input may be longer than the compressed data. */
gboolean BANYAN_COROUTINE qcow2_codecs_unpack (Qcow2Codecs *self, const guint8 *input,
                                               gsize input_size, guint8 *output, gsize output_size);
/* The size of the compressed data; 0 where that is not below @output_size. */
gsize BANYAN_COROUTINE qcow2_codecs_pack (Qcow2Codecs *self, const guint8 *input, gsize input_size,
                                          guint8 *output, gsize output_size);
