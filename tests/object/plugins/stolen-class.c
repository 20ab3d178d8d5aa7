/* stolen-class.c - plugin that has a class that a library has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Fig, fig, FIG)

static void
test_fig_class_init (TestFigClass *klass)
{
}

static void
register_stolen (GTypeModule *module)
{
  const GTypeInfo info
      = { .class_size = sizeof (BanyanObjectClass), .instance_size = sizeof (BanyanObject) };

  banyan_plugin_register_type (module, BANYAN_TYPE_OBJECT, "BanyanPlugin", &info);
  test_fig_register_type (module);
}

BANYAN_PLUGIN_DEFINE (fig, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_stolen,
                      .summary = "A fruit")
