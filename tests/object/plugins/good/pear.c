/* pear.c - plugin of the plainest kind: one type
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-registry.h>

G_DECLARE_FINAL_TYPE (TestPear, test_pear, TEST, PEAR, GObject)

struct _TestPear
{
  GObject parent_instance;
};

BANYAN_DEFINE_DRIVER (TestPear, test_pear, G_TYPE_OBJECT)

static void
test_pear_class_init (TestPearClass *klass)
{
}

static void
test_pear_init (TestPear *self)
{
}

BANYAN_PLUGIN_DEFINE (pear, .kind = BANYAN_PLUGIN_OBJECT, .register_type = test_pear_register_type,
                      .summary = "A fruit of one kind", .aliases = "poire, birne")
