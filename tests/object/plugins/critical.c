/* critical.c - plugin that logs a critical when it is loaded
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Lemon, lemon, LEMON)

static void
test_lemon_class_init (TestLemonClass *klass)
{
  g_critical ("lemons are sour");
}

BANYAN_PLUGIN_DEFINE (lemon, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_lemon_register_type, .summary = "A fruit")
