/* qmp-commands.h - what registers the commands, and what they share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

#define QMP_COMMAND(name, function, summary) void function (GTypeModule *module);
#include "qmp-command-list.h"
#undef QMP_COMMAND

/* BANYAN_DEFINE_COMMAND for the class that the list knows as NAME_register_type; its own functions
 * are NAME_command_class_init and so on. */
#define QMP_DEFINE_COMMAND(TypeName, name) \
  BANYAN_DEFINE_COMMAND (TypeName, name##_command) \
  void name##_register_type (GTypeModule *module) { name##_command_register_type (module); }

/* -- commands-find.c: objects by the names that clients give. NULL with @error. (transfer none) --
 */

BanyanNode *qmp_find_node (BanyanMonitor *monitor, const char *name, GError **error);

/* Makes what @spec declares, with what it declares inline, as objects of @collection ("nodes"),
 * and adds them to @transaction. */
gboolean qmp_add_declared (BanyanMonitor *monitor, const char *collection, BanyanSpec *spec,
                           BanyanTransaction *transaction, GError **error);

G_END_DECLS
