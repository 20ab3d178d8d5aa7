/* second-pear.c - plugin that has a type of a name that another plugin has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Nashi, nashi, NASHI)

BANYAN_PLUGIN_DEFINE (pear, .kind = BANYAN_PLUGIN_OBJECT, .register_type = test_nashi_register_type,
                      .summary = "A fruit")
