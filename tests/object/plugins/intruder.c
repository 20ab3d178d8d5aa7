/* intruder.c - plugin that writes where the scanner reports
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
register_type (GTypeModule *module)
{
  char noise[4096];

  memset (noise, 0x55, sizeof noise);
  if (write (3, noise, sizeof noise) < 0)
    abort ();
  for (;;)
    pause ();
}

BANYAN_PLUGIN_DEFINE (raisin, .kind = BANYAN_PLUGIN_OBJECT, .register_type = register_type,
                      .summary = "A fruit")
