/* banyan-node-options.h - types of the properties that every node has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/**
 * BanyanDiscardMode:
 * @BANYAN_DISCARD_IGNORE: discards are accepted and not carried out
 * @BANYAN_DISCARD_UNMAP: discards are passed on
 *
 * What becomes of discards.
 */
typedef enum
{
  BANYAN_DISCARD_IGNORE,
  BANYAN_DISCARD_UNMAP,
} BanyanDiscardMode;

/**
 * BanyanDetectZeroes:
 * @BANYAN_DETECT_ZEROES_OFF: data is written as it is
 * @BANYAN_DETECT_ZEROES_ON: a write of zeroes becomes a write_zeroes
 * @BANYAN_DETECT_ZEROES_UNMAP: the same, and it may give up space
 *
 * What becomes of writes whose data is all zero.
 */
typedef enum
{
  BANYAN_DETECT_ZEROES_OFF,
  BANYAN_DETECT_ZEROES_ON,
  BANYAN_DETECT_ZEROES_UNMAP,
} BanyanDetectZeroes;

#define BANYAN_TYPE_DISCARD_MODE (banyan_discard_mode_get_type ())
BANYAN_API
GType banyan_discard_mode_get_type (void);
#define BANYAN_TYPE_DETECT_ZEROES (banyan_detect_zeroes_get_type ())
BANYAN_API
GType banyan_detect_zeroes_get_type (void);

/* The value of a node's "cache". */
#define BANYAN_TYPE_CACHE (banyan_cache_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanCache, banyan_cache, BANYAN, CACHE, BanyanStruct)

/* Past the host's page cache. */
BANYAN_API
gboolean banyan_cache_get_direct (BanyanCache *self);
/* Flushes are not carried out. */
BANYAN_API
gboolean banyan_cache_get_no_flush (BanyanCache *self);

G_END_DECLS
