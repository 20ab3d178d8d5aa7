/* undocumented.c - plugin that has a property that it does not explain
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Mango, mango, MANGO)

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
}

static void
test_mango_class_init (TestMangoClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = get_property;
  g_object_class_install_property (
      object_class, 1,
      g_param_spec_string ("ripeness", "X", NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

BANYAN_PLUGIN_DEFINE (mango, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_mango_register_type, .summary = "A fruit")
