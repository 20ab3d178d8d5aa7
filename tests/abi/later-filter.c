/* later-filter.c - filter of a later Banyan, which has more operations than we know
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (LaterFilter, later_filter, LATER, FILTER, BanyanFilter)

struct _LaterFilter
{
  BanyanFilter parent_instance;

  BanyanChild *file;
};

BANYAN_DEFINE_DRIVER (LaterFilter, later_filter, BANYAN_TYPE_FILTER)

typedef struct
{
  BanyanNodeOps known;
  gboolean (*unheard_of[4]) (void);
} LaterOps;

static gboolean
never_called (void)
{
  g_assert_not_reached ();
}

static gboolean BANYAN_COROUTINE
later_filter_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  if (!banyan_child_read (BANYAN_NODE_SELF (LaterFilter, node)->file, request, error))
    return FALSE;

  banyan_request_fill (request, 0, 'l', 1);
  return TRUE;
}

static const LaterOps later_filter_ops = {
  .known = { .size = sizeof later_filter_ops, .read = later_filter_read },
  .unheard_of = { never_called, never_called, never_called, never_called },
};

static void
later_filter_class_init (LaterFilterClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;

  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &later_filter_ops.known);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node whose data is shown, but for its first byte",
                                    G_STRUCT_OFFSET (LaterFilter, file));
}

static void
later_filter_init (LaterFilter *self)
{
}

BANYAN_PLUGIN_DEFINE (later_filter, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = later_filter_register_type,
                      .summary = "Mark the first byte of what is read")
