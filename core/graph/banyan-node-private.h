/* banyan-node-private.h - what the request path knows about nodes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-graph-private.h"

#include <banyan/banyan-co-sync.h>
#include <banyan/banyan-node-options.h>

G_BEGIN_DECLS

typedef struct
{
  /* Any thread, atomically. */
  guint64 length;               /* bytes */
  const guint64 *length_source; /* where to read it: a filter that publishes none has its child's */
  gboolean publishes_length;
  gboolean found_read_only;
  gint told; /* news is on its way to the main thread */

  /* Any thread. */
  BanyanRangeLock writes;

  /* Written by the main thread, gates closed. */
  BanyanLimits limits;   /* what users should know */
  BanyanLimits enforced; /* what edges see to: a filter's children see to theirs themselves */
  guint capabilities;
  BanyanChild *filtered; /* (nullable) (unowned): bound; only filters have one */

  /* Main thread. */
  GPtrArray *parents; /* (owned) (element-type BanyanChild) */
  guint64 passed_length;
  gboolean wants_refresh; /* atomic */
  BanyanTask news;

  /* Properties. */
  gboolean read_only;
  gboolean auto_read_only;
  gboolean force_share;
  BanyanDiscardMode discard;
  BanyanDetectZeroes detect_zeroes;
  BanyanCache *cache; /* (owned) (nullable) */
} BanyanNodePrivate;

/* The offset is negative, and the same in all nodes. */
extern gint banyan_node_private_offset;

static inline BanyanNodePrivate *
banyan_node_private (BanyanNode *self)
{
  return G_STRUCT_MEMBER_P (self, banyan_node_private_offset);
}

/* "/nodes/disk0" is for people who ask; messages on the request path have the id. */
const char *banyan_node_get_name (BanyanNode *self);

gboolean banyan_node_discards (BanyanNode *self);
gboolean banyan_node_drops_flushes (BanyanNode *self);
/* What the driver has published, whatever the property says. */
gboolean banyan_node_found_read_only (BanyanNode *self);

/* What the class calls its length. (nullable) */
GParamSpec *banyan_node_find_length_property (BanyanObject *object);
/* Makes that say how long the node is. */
void banyan_node_note_length (BanyanNode *self, const BanyanOrigin *origin);

/* Main thread: the length or the limits have changed (banyan-node-news.c). */
void banyan_node_tell (BanyanNode *self);

G_END_DECLS
