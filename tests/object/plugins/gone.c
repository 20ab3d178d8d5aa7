/* gone.c - library whose file does not have the name that it goes by
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

BANYAN_API
void test_gone_register_type (GTypeModule *module);

void
test_gone_register_type (GTypeModule *module)
{
}
