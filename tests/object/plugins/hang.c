/* hang.c - plugin that never comes back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <unistd.h>

static void
register_type (GTypeModule *module)
{
  for (;;)
    pause ();
}

BANYAN_PLUGIN_DEFINE (quince, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_type,
                      .summary = "A fruit")
