/* commands-transaction.c - several commands as one change: all of it, or nothing
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <string.h>

/* -- QEMU's properties of a transaction. -- */

#define QMP_TYPE_TRANSACTION_PROPERTIES (qmp_transaction_properties_get_type ())
G_DECLARE_FINAL_TYPE (QmpTransactionProperties, qmp_transaction_properties, QMP,
                      TRANSACTION_PROPERTIES, BanyanStruct)

typedef enum
{
  COMPLETION_INDIVIDUAL,
  COMPLETION_GROUPED,
} CompletionMode;

struct _QmpTransactionProperties
{
  BanyanStruct parent_instance;
  CompletionMode completion_mode;
};

G_DEFINE_FINAL_TYPE (QmpTransactionProperties, qmp_transaction_properties, BANYAN_TYPE_STRUCT)

static GType
completion_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { COMPLETION_INDIVIDUAL, "QMP_COMPLETION_INDIVIDUAL", "individual" },
    { COMPLETION_GROUPED, "QMP_COMPLETION_GROUPED", "grouped" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("QmpActionCompletionMode", values));
  return type;
}

static void
qmp_transaction_properties_class_init (QmpTransactionPropertiesClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  g_object_class_install_property (
      object_class, 1,
      banyan_param_enum ("completion-mode", "Completion mode",
                         "Whether jobs that the actions start end together; either way, changes of "
                         "the graph are one",
                         completion_mode_get_type (), COMPLETION_INDIVIDUAL,
                         G_STRUCT_OFFSET (QmpTransactionProperties, completion_mode)));
}

static void
qmp_transaction_properties_init (QmpTransactionProperties *self)
{
}

/* -- transaction. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanList *actions;                  /* (owned) (element-type BanyanSpec) */
  QmpTransactionProperties *properties; /* (owned) (nullable) */
  guint64 drain_timeout_ms;
} QmpTransaction;

QMP_DEFINE_COMMAND (QmpTransaction, transaction)

static gboolean
add_action (BanyanSpec *action, BanyanMonitor *monitor, BanyanTransaction *transaction,
            GError **error)
{
  const char *type = banyan_spec_lookup_text (action, "type");
  g_autoptr (BanyanCommand) command = NULL;
  guint flags;

  if (type == NULL)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Parameter 'type' is missing");
      return FALSE;
    }

  /* That it is not there is a wrong value of "type". */
  if (!banyan_command_lookup_flags (type, &flags))
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Parameter 'type' does not accept value '%s': there is no such command", type);
      return FALSE;
    }

  command = banyan_command_new (type, banyan_spec_lookup (action, "data"), error);
  return command != NULL && banyan_command_add_steps (command, monitor, transaction, error);
}

static gboolean
transaction_steps (BanyanCommand *command, BanyanMonitor *monitor, BanyanTransaction *transaction,
                   GError **error)
{
  QmpTransaction *self = (QmpTransaction *) command;

  if (self->drain_timeout_ms > 0)
    banyan_transaction_set_drain_timeout_ms (transaction, self->drain_timeout_ms);

  for (guint i = 0; i < banyan_list_get_length (self->actions); i++)
    if (!add_action (g_value_get_boxed (banyan_list_get_value (self->actions, i)), monitor,
                     transaction, error))
      {
        g_prefix_error (error, "action %u: ", i);
        return FALSE;
      }
  return TRUE;
}

static void
transaction_command_class_init (BanyanCommandClass *klass)
{
  klass->add_steps = transaction_steps;
  banyan_command_class_describe (klass, "transaction", 0, "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_list (
                 "actions", "Actions", "Commands as type and data, which take effect together",
                 banyan_param_declaration ("action", "Action", "One of the list", "BanyanCommand",
                                           BANYAN_NO_FIELD),
                 G_STRUCT_OFFSET (QmpTransaction, actions))));
  banyan_command_class_add_argument (
      klass, banyan_param_struct ("properties", "Properties",
                                  "Taken for QEMU's sake: changes of the graph are always one",
                                  QMP_TYPE_TRANSACTION_PROPERTIES,
                                  G_STRUCT_OFFSET (QmpTransaction, properties)));
  banyan_command_class_add_argument (
      klass, banyan_param_uint64 ("drain-timeout", "Drain time-out",
                                  "How long requests in flight may take to end; 0: the default",
                                  BANYAN_UNIT_MS, 0, 3600000, 0,
                                  G_STRUCT_OFFSET (QmpTransaction, drain_timeout_ms)));
}
