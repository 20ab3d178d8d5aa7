/* twice.c - plugin whose class declares one property twice
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Quince, quince, QUINCE)

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
}

static void
test_quince_class_init (TestQuinceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = get_property;
  for (guint id = 1; id <= 2; id++)
    g_object_class_install_property (
        object_class, id,
        g_param_spec_string ("ripeness", "Ripeness", "How many days to wait before eating", NULL,
                             G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

BANYAN_PLUGIN_DEFINE (quince, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_quince_register_type, .summary = "A fruit")
