/* role-twice.c - plugin whose class declares one child role twice
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (TestRoleTwice, test_role_twice, TEST, ROLE_TWICE, BanyanFilter)

struct _TestRoleTwice
{
  BanyanFilter parent_instance;
};

BANYAN_DEFINE_DRIVER (TestRoleTwice, test_role_twice, BANYAN_TYPE_FILTER)

static void
test_role_twice_class_init (TestRoleTwiceClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that serves the request", BANYAN_NO_FIELD);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that serves the request", BANYAN_NO_FIELD);
}

static void
test_role_twice_init (TestRoleTwice *self)
{
}

BANYAN_PLUGIN_DEFINE (roletwice, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = test_role_twice_register_type, .summary = "A filter")
