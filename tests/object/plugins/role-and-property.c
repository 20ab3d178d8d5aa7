/* role-and-property.c - plugin whose class declares a property that is called as its child role is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (TestRoleAndProperty, test_role_and_property, TEST, ROLE_AND_PROPERTY,
                      BanyanFilter)

struct _TestRoleAndProperty
{
  BanyanFilter parent_instance;
};

BANYAN_DEFINE_DRIVER (TestRoleAndProperty, test_role_and_property, BANYAN_TYPE_FILTER)

static void
test_role_and_property_class_init (TestRoleAndPropertyClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that serves the request", BANYAN_NO_FIELD);
  g_object_class_install_property (G_OBJECT_CLASS (klass), 1,
                                   banyan_param_uint ("file", "File", "Number of the one to open",
                                                      BANYAN_UNIT_NONE, 0, 9, 0, BANYAN_NO_FIELD));
}

static void
test_role_and_property_init (TestRoleAndProperty *self)
{
}

BANYAN_PLUGIN_DEFINE (roleandproperty, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = test_role_and_property_register_type, .summary = "A filter")
