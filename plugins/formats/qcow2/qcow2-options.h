/* qcow2-options.h - images that are to be made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

void qcow2_options_register (GTypeModule *module);

/* How clusters may be compressed. */
GType qcow2_compression_get_type (void);
