/* qcow2-abilities.h - checks, snapshots, bitmaps and emptying, as the library asks for them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

void qcow2_checkable_init (gpointer iface, gpointer data);
void qcow2_snapshots_init (gpointer iface, gpointer data);
void qcow2_bitmaps_init (gpointer iface, gpointer data);
void qcow2_emptiable_init (gpointer iface, gpointer data);

typedef struct _Qcow2Image Qcow2Image;

/* The image of a node; the node's length has changed with it. */
Qcow2Image *qcow2_node_get_image (gpointer node);
void qcow2_node_publish_length (gpointer node);
