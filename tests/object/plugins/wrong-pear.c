/* wrong-pear.c - plugin that has a class that another plugin has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Pear, pear, PEAR)

BANYAN_PLUGIN_DEFINE (plum, .kind = BANYAN_PLUGIN_OBJECT, .register_type = test_pear_register_type,
                      .summary = "A fruit")
