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

/* -- Arguments, in short. -- */

static inline void
qmp_add_string (BanyanCommandClass *klass, const char *name, const char *nick, const char *blurb,
                guint offset)
{
  banyan_command_class_add_argument (klass, banyan_param_string (name, nick, blurb, NULL, offset));
}

static inline void
qmp_require_string (BanyanCommandClass *klass, const char *name, const char *nick,
                    const char *blurb, guint offset)
{
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_string (name, nick, blurb, NULL, offset)));
}

static inline void
qmp_add_boolean (BanyanCommandClass *klass, const char *name, const char *nick, const char *blurb,
                 gboolean default_value, guint offset)
{
  banyan_command_class_add_argument (
      klass, banyan_param_boolean (name, nick, blurb, default_value, offset));
}

static inline void
qmp_require_declaration (BanyanCommandClass *klass, const char *name, const char *nick,
                         const char *blurb, const char *base_type, guint offset)
{
  banyan_command_class_add_argument (klass, banyan_param_required (banyan_param_declaration (
                                                name, nick, blurb, base_type, offset)));
}

/* -- That a path leads to no object, or a name to no type: what QEMU has a class of errors for. --
 */

#define QMP_PATH_ERROR (qmp_path_error_quark ())
GQuark qmp_path_error_quark (void);

typedef enum
{
  QMP_PATH_ERROR_NOT_FOUND,
} QmpPathError;

/* -- commands-find.c: objects by the names that clients give. NULL with @error. (transfer none) --
 */

/* By any path, whole or partial. */
BanyanObject *qmp_find_object (BanyanMonitor *monitor, const char *path, GError **error);
GParamSpec *qmp_find_property (BanyanObject *object, const char *name, GError **error);
/* In a command's steps: as the steps before leave the graph. */
BanyanNode *qmp_draft_node (BanyanTransaction *transaction, const char *name, GError **error);
BanyanObject *qmp_draft_object (BanyanTransaction *transaction, const char *path, GError **error);
/* "/nodes/disk0:file" */
BanyanChild *qmp_draft_edge (BanyanTransaction *transaction, const char *path, GError **error);
/* Every edge that leads to a node. */
typedef void (*QmpEdgeFunc) (BanyanChild *edge, gpointer data);
void qmp_foreach_edge (BanyanMonitor *monitor, QmpEdgeFunc func, gpointer data);
BanyanObject *qmp_get_collection (BanyanMonitor *monitor, const char *name);
/* (transfer full): the type's document name, or its class's where it has none */
char *qmp_name_type (gpointer object);

/* Makes what @spec declares, with what it declares inline, as objects of @collection ("nodes"),
 * and adds them to @transaction. */
gboolean qmp_add_declared (BanyanMonitor *monitor, const char *collection, BanyanSpec *spec,
                           BanyanTransaction *transaction, GError **error);

/* As a member of @owner. */
gboolean qmp_add_member (BanyanObject *owner, const char *property, const char *id,
                         BanyanSpec *spec, BanyanTransaction *transaction, GError **error);
/* The value in force of a property. (transfer full) */
BanyanSpec *qmp_describe_value (BanyanObject *object, GParamSpec *pspec);
/* The same in two steps. @value: not initialized */
void qmp_get_value (BanyanObject *object, GParamSpec *pspec, GValue *value);
BanyanSpec *qmp_write_value (GParamSpec *pspec, const GValue *value);

G_END_DECLS
