/* presumptuous.c - plugin that has a property with a name that is kept for the base classes
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
  g_object_class_install_property (object_class, 1,
                                   g_param_spec_string ("banyan-age", "X",
                                                        "How long it has been on its tree", NULL,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

BANYAN_PLUGIN_DEFINE (quince, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_quince_register_type, .summary = "A fruit")
