/* noise.c - plugin that prints on standard output when it is loaded
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

#include <stdio.h>

DECLARE_FRUIT (Berry, berry, BERRY)

static void
test_berry_class_init (TestBerryClass *klass)
{
  puts ("# a berry was here"); /* a comment where a test has it within its own output */
  fflush (stdout);
}

BANYAN_PLUGIN_DEFINE (berry, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_berry_register_type, .summary = "A fruit")
