/* no-summary.c - plugin that does not say what it is for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Papaya, papaya, PAPAYA)

BANYAN_PLUGIN_DEFINE (papaya, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_papaya_register_type)
