/* blkdebug-config.h - a file of rules, as QEMU's blkdebug reads it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* Sections [inject-error] and [set-state] of lines `key = "value"`; they become values of the
 * properties @inject_pspec and @set_state_pspec (transfer full). Reads a file: for a thread that
 * may wait. */
gboolean blkdebug_config_load (const char *path, GParamSpec *inject_pspec,
                               GParamSpec *set_state_pspec, BanyanList **inject,
                               BanyanList **set_state, GError **error);

G_END_DECLS
