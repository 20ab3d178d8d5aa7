/* file-image.h - regular files that are to be made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

void file_image_register (GTypeModule *module);
