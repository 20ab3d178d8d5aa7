/* exit.c - plugin that ends the process
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <unistd.h>

static void
register_type (GTypeModule *module)
{
  _exit (3);
}

BANYAN_PLUGIN_DEFINE (date, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_type,
                      .summary = "A fruit")
