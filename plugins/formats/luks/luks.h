/* luks.h - what an open LUKS image is, to what changes its key slots
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "luks-volume.h"

G_BEGIN_DECLS

LuksVolume *luks_node_get_volume (gpointer node);
EncryptionSectors *luks_node_get_sectors (gpointer node); /* (nullable): it is locked */

/* luks-image.c */
void luks_image_register (GTypeModule *module);

G_END_DECLS
