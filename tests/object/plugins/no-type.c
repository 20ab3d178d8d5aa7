/* no-type.c - plugin that registers nothing
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

static void
register_type (GTypeModule *module)
{
}

BANYAN_PLUGIN_DEFINE (grape, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_type,
                      .summary = "A fruit")
