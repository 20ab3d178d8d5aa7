/* commands-config.c - commands that compare the graph with a document, and make it so
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#define PLAN_RESULT \
  "changes: [{ change: 'add|remove|replace|rename|set', path: str, '*property': str, '*from': " \
  "any, " \
  "'*to': any, '*how': str }], drift: [{ change: 'drift', path: str, '*property': str, " \
  "'*from': any, '*to': any, '*how': str }], drained: [str]"

/* Both have the same arguments. */
typedef struct
{
  BanyanCommand parent_instance;
  char *document;  /* (owned) */
  char *name;      /* (owned) (nullable) */
  char *directory; /* (owned) (nullable) */
  gboolean override;
} QmpPlan;

static void
add_arguments (BanyanCommandClass *klass)
{
  qmp_require_string (klass, "document", "Document", "YAML text that declares the graph",
                      G_STRUCT_OFFSET (QmpPlan, document));
  qmp_add_string (klass, "name", "Name", "What messages call the document; its file's name",
                  G_STRUCT_OFFSET (QmpPlan, name));
  qmp_add_string (klass, "directory", "Directory",
                  "Folder that file names in the document are relative to",
                  G_STRUCT_OFFSET (QmpPlan, directory));
  qmp_add_boolean (klass, "override", "Override",
                   "Whether what was changed outside the document gives way to it", FALSE,
                   G_STRUCT_OFFSET (QmpPlan, override));
}

static BanyanPlan *
make_plan (QmpPlan *self, BanyanMonitor *monitor, GError **error)
{
  return banyan_plan_new (banyan_monitor_get_graph (monitor), self->document, -1,
                          self->name != NULL ? self->name : "document", self->directory,
                          self->override ? BANYAN_PLAN_OVERRIDE : 0, NULL, error);
}

/* -- plan. -- */

QMP_DEFINE_COMMAND (QmpPlan, plan)

static BanyanSpec *
plan_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  g_autoptr (BanyanPlan) plan = make_plan ((QmpPlan *) command, monitor, error);

  return plan != NULL ? banyan_plan_describe (plan) : NULL;
}

static void
plan_command_class_init (BanyanCommandClass *klass)
{
  klass->run = plan_run;
  banyan_command_class_describe (klass, "plan", 0, "{ " PLAN_RESULT " }");
  add_arguments (klass);
}

/* -- apply. -- */

typedef QmpPlan QmpApply;

QMP_DEFINE_COMMAND (QmpApply, apply)

static void
applied (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (banyan_plan_apply_finish (BANYAN_PLAN (object), result, &error))
    g_task_return_pointer (task, banyan_plan_describe (BANYAN_PLAN (object)),
                           (GDestroyNotify) banyan_spec_unref);
  else
    g_task_return_error (task, error);
}

static void
apply_run_async (BanyanCommand *command, BanyanMonitor *monitor, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (command, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr (BanyanPlan) plan = make_plan ((QmpPlan *) command, monitor, &error);

  g_task_set_check_cancellable (task, FALSE);
  if (plan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  banyan_plan_apply_async (plan, cancellable, applied, g_steal_pointer (&task));
}

static BanyanSpec *
apply_run_finish (BanyanCommand *command, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
apply_command_class_init (BanyanCommandClass *klass)
{
  klass->run_async = apply_run_async;
  klass->run_finish = apply_run_finish;
  banyan_command_class_describe (klass, "apply", 0,
                                 "{ " PLAN_RESULT ", drained-us: int, duration-us: int }");
  add_arguments (klass);
}

/* -- export-config. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *directory; /* (owned) (nullable) */
} QmpExportConfig;

QMP_DEFINE_COMMAND (QmpExportConfig, export_config)

static BanyanSpec *
export_config_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  g_autoptr (BanyanSpec) document = banyan_graph_export (banyan_monitor_get_graph (monitor),
                                                         ((QmpExportConfig *) command)->directory);
  g_autofree char *text = banyan_spec_to_yaml (document);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "document", text);
  return banyan_spec_builder_end (map);
}

static void
export_config_command_class_init (BanyanCommandClass *klass)
{
  klass->run = export_config_run;
  banyan_command_class_describe (klass, "export-config", 0, "{ document: str }");
  qmp_add_string (klass, "directory", "Directory",
                  "Folder that file names are to be relative to; without one they are absolute",
                  G_STRUCT_OFFSET (QmpExportConfig, directory));
}
