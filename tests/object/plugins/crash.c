/* crash.c - plugin that crashes when it registers its type
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <signal.h>

static void
register_type (GTypeModule *module)
{
  raise (SIGSEGV);
}

BANYAN_PLUGIN_DEFINE (durian, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_type,
                      .summary = "A fruit")
