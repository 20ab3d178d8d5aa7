/* banyan-debug-event.h - moments in a driver's work, told to whoever debugs it from below
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

/* QEMU's names, for what happens here, too. */
typedef enum
{
  BANYAN_DEBUG_EVENT_NONE, /* not a moment: whoever announces events does so from now on */
  BANYAN_DEBUG_EVENT_READ_AIO,
  BANYAN_DEBUG_EVENT_READ_BACKING_AIO,
  BANYAN_DEBUG_EVENT_READ_COMPRESSED,
  BANYAN_DEBUG_EVENT_WRITE_AIO,
  BANYAN_DEBUG_EVENT_WRITE_COMPRESSED,
  BANYAN_DEBUG_EVENT_COW_READ,
  BANYAN_DEBUG_EVENT_COW_WRITE,
  BANYAN_DEBUG_EVENT_L1_UPDATE,
  BANYAN_DEBUG_EVENT_L1_GROW_ALLOC_TABLE,
  BANYAN_DEBUG_EVENT_L1_GROW_WRITE_TABLE,
  BANYAN_DEBUG_EVENT_L1_GROW_ACTIVATE_TABLE,
  BANYAN_DEBUG_EVENT_L1_SHRINK_FREE_L2_CLUSTERS,
  BANYAN_DEBUG_EVENT_L2_LOAD,
  BANYAN_DEBUG_EVENT_L2_UPDATE,
  BANYAN_DEBUG_EVENT_L2_UPDATE_COMPRESSED,
  BANYAN_DEBUG_EVENT_L2_ALLOC_COW_READ,
  BANYAN_DEBUG_EVENT_L2_ALLOC_WRITE,
  BANYAN_DEBUG_EVENT_REFTABLE_LOAD,
  BANYAN_DEBUG_EVENT_REFTABLE_GROW,
  BANYAN_DEBUG_EVENT_REFBLOCK_LOAD,
  BANYAN_DEBUG_EVENT_REFBLOCK_UPDATE_PART,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_HOOKUP,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE_BLOCKS,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_WRITE_TABLE,
  BANYAN_DEBUG_EVENT_REFBLOCK_ALLOC_SWITCH_TABLE,
  BANYAN_DEBUG_EVENT_CLUSTER_ALLOC,
  BANYAN_DEBUG_EVENT_CLUSTER_ALLOC_BYTES,
  BANYAN_DEBUG_EVENT_CLUSTER_FREE,
  BANYAN_DEBUG_EVENT_EMPTY_IMAGE_PREPARE,
  BANYAN_DEBUG_EVENT_PWRITEV,
  BANYAN_DEBUG_EVENT_PWRITEV_ZERO,
  BANYAN_DEBUG_EVENT_PWRITEV_DONE,
  BANYAN_DEBUG_EVENT_FLUSH_TO_OS,
  BANYAN_DEBUG_EVENT_FLUSH_TO_DISK,
} BanyanDebugEvent;

#define BANYAN_TYPE_DEBUG_EVENT (banyan_debug_event_get_type ())
BANYAN_API
GType banyan_debug_event_get_type (void);

/* Whether anybody below listens. It changes with the graph only, so a driver asks when its limits
 * are asked for, and announces nothing otherwise. */
BANYAN_API
gboolean banyan_child_has_listener (BanyanChild *self);
/* Just before what @event stands for. It may wait there. */
BANYAN_API
void BANYAN_COROUTINE banyan_child_announce (BanyanChild *self, BanyanDebugEvent event);

/* -- Who can hold requests at such a moment, for tests of what else may happen meanwhile. -- */

#define BANYAN_TYPE_BREAKPOINTS (banyan_breakpoints_get_type ())
BANYAN_API
G_DECLARE_INTERFACE (BanyanBreakpoints, banyan_breakpoints, BANYAN, BREAKPOINTS, BanyanNode)

/* Main thread. */
struct _BanyanBreakpointsInterface
{
  GTypeInterface parent_iface;

  void (*add) (BanyanBreakpoints *self, BanyanDebugEvent event, const char *tag);
  gboolean (*remove) (BanyanBreakpoints *self, const char *tag);
  gboolean (*resume) (BanyanBreakpoints *self, const char *tag);
  char **(*list_suspended) (BanyanBreakpoints *self);

  BANYAN_RESERVED (4);
};

BANYAN_API
void banyan_breakpoints_add (BanyanBreakpoints *self, BanyanDebugEvent event, const char *tag);
BANYAN_API
gboolean banyan_breakpoints_remove (BanyanBreakpoints *self, const char *tag);
BANYAN_API
gboolean banyan_breakpoints_resume (BanyanBreakpoints *self, const char *tag);
BANYAN_API
char **banyan_breakpoints_list_suspended (BanyanBreakpoints *self);

G_END_DECLS
