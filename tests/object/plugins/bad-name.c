/* bad-name.c - plugin that has a type whose name no document could have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Orange, orange, ORANGE)

BANYAN_PLUGIN_DEFINE (Blood Orange, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_orange_register_type, .summary = "A fruit")
