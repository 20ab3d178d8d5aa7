/* larger.c - plugin that was built when descriptors have become longer
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Nectarine, nectarine, NECTARINE)

typedef struct
{
  BanyanPluginDescriptor known;
  const char *unheard_of[4];
} NewDescriptor;

__attribute__ ((visibility ("default"))) extern const NewDescriptor banyan_plugin_descriptor;

const NewDescriptor banyan_plugin_descriptor = {
  { 1, sizeof (NewDescriptor), "nectarine", "7.0", "MIT", BANYAN_PLUGIN_OBJECT,
    test_nectarine_register_type, "A fruit to come" },
  { "a", "b", "c", "d" },
};
