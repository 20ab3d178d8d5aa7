/* undefined-symbol.c - plugin that needs a function that nothing has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

void test_function_that_nothing_has (GTypeModule *module);

BANYAN_PLUGIN_DEFINE (lime, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_function_that_nothing_has, .summary = "A fruit")
