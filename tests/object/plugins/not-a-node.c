/* not-a-node.c - plugin that says it is a filter, and is a plain object
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Sloe, sloe, SLOE)

BANYAN_PLUGIN_DEFINE (sloe, .kind = BANYAN_PLUGIN_FILTER, .register_type = test_sloe_register_type,
                      .summary = "A fruit")
