/* missing-library.c - plugin that needs a library that is not there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

void test_gone_register_type (GTypeModule *module);

BANYAN_PLUGIN_DEFINE (melon, .kind = BANYAN_PLUGIN_OBJECT, .register_type = test_gone_register_type,
                      .summary = "A fruit")
