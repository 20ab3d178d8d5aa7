/* pear.c - plugin that has one type
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Pear, pear, PEAR)

BANYAN_PLUGIN_DEFINE (pear, .kind = BANYAN_PLUGIN_OBJECT, .register_type = test_pear_register_type,
                      .summary = "A fruit of one kind", .aliases = "poire, birne")
