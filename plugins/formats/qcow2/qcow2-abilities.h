/* qcow2-abilities.h - checks, snapshots, bitmaps and emptying, as the library asks for them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

void qcow2_checkable_init (gpointer iface, gpointer data);
void qcow2_snapshots_init (gpointer iface, gpointer data);
void qcow2_bitmaps_init (gpointer iface, gpointer data);
void qcow2_emptiable_init (gpointer iface, gpointer data);
