/* other-abi.c - plugin that was built for an ABI that is yet to come
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

__attribute__ ((
    visibility ("default"))) extern const BanyanPluginDescriptor banyan_plugin_descriptor;

const BanyanPluginDescriptor banyan_plugin_descriptor
    = { .abi = BANYAN_PLUGIN_ABI + 1, .size = sizeof (BanyanPluginDescriptor), .name = "kiwi" };
