/* fruits.c - plugin that has two types
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT_OF (Apple, apple, APPLE, BanyanFilter, BANYAN_TYPE_FILTER)
DEFINE_FRUIT_OF (SourCherry, sour_cherry, SOUR_CHERRY, BanyanFormat, BANYAN_TYPE_FORMAT)

static const BanyanPluginType types[] = {
  { "apple", BANYAN_PLUGIN_FILTER, test_apple_register_type, "A fruit that keeps" },
  { "sour_cherry", BANYAN_PLUGIN_FORMAT, test_sour_cherry_register_type, "A fruit that does not" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (fruits, .summary = "Fruits of two kinds", .types = types)
