/* shadowing.c - plugin that has a property that its parent class has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Peach, peach, PEACH)

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
}

static void
test_peach_class_init (TestPeachClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = get_property;
  g_object_class_install_property (
      object_class, 1,
      g_param_spec_string ("state", "X", "How far it is on its way to the table", NULL,
                           G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

BANYAN_PLUGIN_DEFINE (peach, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_peach_register_type, .summary = "A fruit")
