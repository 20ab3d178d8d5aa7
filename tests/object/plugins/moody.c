/* moody.c - plugin that loads only where the environment says so
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <stdlib.h>

DEFINE_FRUIT (Durian, durian, DURIAN)

__attribute__ ((constructor)) static void
look_around (void)
{
  if (getenv ("TEST_DURIANS_WELCOME") == NULL)
    _Exit (5);
}

BANYAN_PLUGIN_DEFINE (durian, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_durian_register_type, .summary = "A fruit")
