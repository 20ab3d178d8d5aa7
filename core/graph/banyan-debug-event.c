/* banyan-debug-event.c - moments in a driver's work, told to whoever debugs it from below
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-debug-event.h>

#include "banyan-child-private.h"

/**
 * banyan_debug_event_get_type: (skip)
 *
 * Returns: the type of enumeration whose nicks are QEMU's names
 */
GType
banyan_debug_event_get_type (void)
{
#define EVENT(name, nick) \
  { \
    BANYAN_DEBUG_EVENT_##name, "BANYAN_DEBUG_EVENT_" #name, nick \
  }
  static const GEnumValue values[] = {
    EVENT (NONE, "none"),
    EVENT (READ_AIO, "read_aio"),
    EVENT (READ_BACKING_AIO, "read_backing_aio"),
    EVENT (READ_COMPRESSED, "read_compressed"),
    EVENT (WRITE_AIO, "write_aio"),
    EVENT (WRITE_COMPRESSED, "write_compressed"),
    EVENT (COW_READ, "cow_read"),
    EVENT (COW_WRITE, "cow_write"),
    EVENT (L1_UPDATE, "l1_update"),
    EVENT (L1_GROW_ALLOC_TABLE, "l1_grow_alloc_table"),
    EVENT (L1_GROW_WRITE_TABLE, "l1_grow_write_table"),
    EVENT (L1_GROW_ACTIVATE_TABLE, "l1_grow_activate_table"),
    EVENT (L1_SHRINK_FREE_L2_CLUSTERS, "l1_shrink_free_l2_clusters"),
    EVENT (L2_LOAD, "l2_load"),
    EVENT (L2_UPDATE, "l2_update"),
    EVENT (L2_UPDATE_COMPRESSED, "l2_update_compressed"),
    EVENT (L2_ALLOC_COW_READ, "l2_alloc_cow_read"),
    EVENT (L2_ALLOC_WRITE, "l2_alloc_write"),
    EVENT (REFTABLE_LOAD, "reftable_load"),
    EVENT (REFTABLE_GROW, "reftable_grow"),
    EVENT (REFBLOCK_LOAD, "refblock_load"),
    EVENT (REFBLOCK_UPDATE_PART, "refblock_update_part"),
    EVENT (REFBLOCK_ALLOC, "refblock_alloc"),
    EVENT (REFBLOCK_ALLOC_WRITE, "refblock_alloc_write"),
    EVENT (REFBLOCK_ALLOC_HOOKUP, "refblock_alloc_hookup"),
    EVENT (REFBLOCK_ALLOC_WRITE_BLOCKS, "refblock_alloc_write_blocks"),
    EVENT (REFBLOCK_ALLOC_WRITE_TABLE, "refblock_alloc_write_table"),
    EVENT (REFBLOCK_ALLOC_SWITCH_TABLE, "refblock_alloc_switch_table"),
    EVENT (CLUSTER_ALLOC, "cluster_alloc"),
    EVENT (CLUSTER_ALLOC_BYTES, "cluster_alloc_bytes"),
    EVENT (CLUSTER_FREE, "cluster_free"),
    EVENT (EMPTY_IMAGE_PREPARE, "empty_image_prepare"),
    EVENT (PWRITEV, "pwritev"),
    EVENT (PWRITEV_ZERO, "pwritev_zero"),
    EVENT (PWRITEV_DONE, "pwritev_done"),
    EVENT (FLUSH_TO_OS, "flush_to_os"),
    EVENT (FLUSH_TO_DISK, "flush_to_disk"),
    { 0 },
  };
#undef EVENT
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanDebugEvent", values));
  return type;
}

/**
 * banyan_child_has_listener:
 * @self: an edge
 *
 * Tells whether a filter below listens to what is announced. That changes only while the gates are
 * closed.
 *
 * Returns: whether to announce anything
 */
gboolean
banyan_child_has_listener (BanyanChild *self)
{
  return self->route[BANYAN_OP_EVENT].any != NULL;
}

/**
 * banyan_child_announce: (skip)
 * @self: an edge
 * @event: what comes next
 *
 * Tells the nearest filter below that listens, which may hold the caller for as long as it likes, a
 * drain excepted. What a request does next is not struck by it but as any other request.
 */
void
banyan_child_announce (BanyanChild *self, BanyanDebugEvent event)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_EVENT];

  if (route->any != NULL)
    route->event (route->node, event);
}

/* -- Breakpoints. -- */

G_DEFINE_INTERFACE (BanyanBreakpoints, banyan_breakpoints, BANYAN_TYPE_NODE)

static void
banyan_breakpoints_default_init (BanyanBreakpointsInterface *iface)
{
}

/**
 * banyan_breakpoints_add:
 * @self: a node
 * @event: a moment
 * @tag: a name for the request
 *
 * The next request that comes to @event is held there, and is called @tag.
 */
void
banyan_breakpoints_add (BanyanBreakpoints *self, BanyanDebugEvent event, const char *tag)
{
  BANYAN_BREAKPOINTS_GET_IFACE (self)->add (self, event, tag);
}

/**
 * banyan_breakpoints_remove:
 * @self: a node
 * @tag: a name
 *
 * Holds nobody by that name any more, and lets go who is held.
 *
 * Returns: whether there was anything by that name
 */
gboolean
banyan_breakpoints_remove (BanyanBreakpoints *self, const char *tag)
{
  return BANYAN_BREAKPOINTS_GET_IFACE (self)->remove (self, tag);
}

/**
 * banyan_breakpoints_resume:
 * @self: a node
 * @tag: a name
 *
 * Lets the request go that was held last of those called @tag.
 *
 * Returns: whether one was held
 */
gboolean
banyan_breakpoints_resume (BanyanBreakpoints *self, const char *tag)
{
  return BANYAN_BREAKPOINTS_GET_IFACE (self)->resume (self, tag);
}

/**
 * banyan_breakpoints_list_suspended:
 * @self: a node
 *
 * The node's property "suspended" has the same, and is notified when it changes.
 *
 * Returns: (transfer full): the names of requests that are held, in the order in which they came
 */
char **
banyan_breakpoints_list_suspended (BanyanBreakpoints *self)
{
  return BANYAN_BREAKPOINTS_GET_IFACE (self)->list_suspended (self);
}
