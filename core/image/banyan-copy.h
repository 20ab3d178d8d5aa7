/* banyan-copy.h - one node's data into another, several pieces at a time
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-backend.h>

G_BEGIN_DECLS

/**
 * BanyanCopyFlags:
 * @BANYAN_COPY_IN_ORDER: writes go from the beginning to the end, one at a time
 * @BANYAN_COPY_COMPRESSED: data is written so that it is stored compressed
 * @BANYAN_COPY_OFFLOAD: data is copied by storage itself, where that can
 * @BANYAN_COPY_TARGET_IS_ZERO: all of the target's range is known to read as zeroes
 * @BANYAN_COPY_FULLY: zeroes are written as data is, so that all of it has its space
 * @BANYAN_COPY_TOP_ONLY: what the source has from its backing is left out: the target has it, too
 * @BANYAN_COPY_SALVAGE: what cannot be read is zeroes
 *
 * How data is copied.
 */
typedef enum
{
  BANYAN_COPY_IN_ORDER = 1 << 0,
  BANYAN_COPY_COMPRESSED = 1 << 1,
  BANYAN_COPY_OFFLOAD = 1 << 2,
  BANYAN_COPY_TARGET_IS_ZERO = 1 << 3,
  BANYAN_COPY_FULLY = 1 << 4,
  BANYAN_COPY_TOP_ONLY = 1 << 5,
  BANYAN_COPY_SALVAGE = 1 << 6,
} BanyanCopyFlags;

#define BANYAN_COPY_MAX_WORKERS 16

typedef struct _BanyanCopy BanyanCopy;

/* One copy: who asks fills in what it wants; 0 stands for what is usual. */
struct _BanyanCopy
{
  guint32 size;
  guint32 flags; /* BanyanCopyFlags */
  guint64 source_offset;
  guint64 target_offset;
  guint64 length;
  guint32 n_workers;   /* pieces in flight */
  guint32 piece_bytes; /* a multiple of @zero_bytes */
  guint32 zero_bytes;  /* a power of 2: what is all zeroes in a run of so many, aligned, is none of
                        * the data */
  guint64 bytes_per_second; /* of data; 0: no limit */

  /* (nullable): with SALVAGE, what could not be read. In a coroutine of any of the loops, one call
   * at a time. */
  void (*lost) (BanyanCopy *self, guint64 source_offset, guint64 length, const GError *why);
  gpointer data;

  /* Any thread reads it, and may ask for an end. */
  guint64 done;   /* atomic: bytes */
  gint cancelled; /* atomic */
};

#define BANYAN_COPY_INIT \
  { \
    .size = sizeof (BanyanCopy) \
  }

/* The ranges lie within both nodes. G_IO_ERROR_CANCELLED once @cancelled was set: then, as on any
 * failure, part of the data is there. Nothing is flushed. */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_copy_run (BanyanCopy *self, BanyanBackend *source,
                                           BanyanBackend *target, BanyanLoop *const *loops,
                                           guint n_loops, GError **error);
BANYAN_API
guint64 banyan_copy_get_done (BanyanCopy *self);
BANYAN_API
void banyan_copy_cancel (BanyanCopy *self);

/* The length of the run at @data, of zeroes or of anything else, that is told in whole blocks of
 * @block bytes. */
BANYAN_API
gsize banyan_data_find_run (gconstpointer data, gsize length, gsize block, gboolean *is_zero);

G_END_DECLS
