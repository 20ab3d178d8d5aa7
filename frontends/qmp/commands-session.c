/* commands-session.c - commands about the connection and the program
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-client.h"
#include "qmp-commands.h"

#include <string.h>

/* -- qmp_capabilities. -- */

typedef struct
{
  BanyanCommand parent_instance;
  BanyanList *enable; /* (owned) (nullable) */
} QmpCapabilities;

QMP_DEFINE_COMMAND (QmpCapabilities, qmp_capabilities)

static BanyanSpec *
qmp_capabilities_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpCapabilities *self = (QmpCapabilities *) command;

  for (guint i = 0; i < banyan_list_get_length (self->enable); i++)
    if (strcmp (banyan_list_get_string (self->enable, i), "oob") != 0)
      {
        g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                     "Capability '%s' is not available; there is: oob",
                     banyan_list_get_string (self->enable, i));
        return NULL;
      }

  if (QMP_IS_CLIENT (monitor))
    qmp_client_set_ready (QMP_CLIENT (monitor), banyan_list_get_length (self->enable) > 0);
  return banyan_command_return_nothing ();
}

static void
qmp_capabilities_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qmp_capabilities_run;
  banyan_command_class_describe (klass, "qmp_capabilities", BANYAN_COMMAND_BEFORE_CAPABILITIES,
                                 "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_list ("enable", "Enable",
                                "Abilities that the client wants, of those that the "
                                "greeting offers",
                                banyan_param_string ("ability", "Ability", "One of the list", NULL,
                                                     BANYAN_NO_FIELD),
                                G_STRUCT_OFFSET (QmpCapabilities, enable)));
}

/* -- query-version. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryVersion;

QMP_DEFINE_COMMAND (QmpQueryVersion, query_version)

static BanyanSpec *
query_version_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  return qmp_version ();
}

static void
query_version_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_version_run;
  banyan_command_class_describe (klass, "query-version", 0,
                                 "{ qemu: { major: int, minor: int, micro: int }, package: str }");
}

/* -- query-commands. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryCommands;

QMP_DEFINE_COMMAND (QmpQueryCommands, query_commands)

static void
add_command (BanyanSpecBuilder *list, BanyanTypeInfo *type)
{
  g_autoptr (BanyanSpec) description = NULL;
  BanyanSpecBuilder *map;

  if (banyan_type_info_get_kind (type) != BANYAN_PLUGIN_COMMAND)
    return;

  description = banyan_type_info_describe (type);
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "name", banyan_spec_lookup_text (description, "command"));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
query_commands_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; types[i] != NULL; i++)
    {
      add_command (list, types[i]);
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
  return banyan_spec_builder_end (list);
}

static void
query_commands_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_commands_run;
  banyan_command_class_describe (klass, "query-commands", 0, "[{ name: str }]");
}

/* -- quit. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQuit;

QMP_DEFINE_COMMAND (QmpQuit, quit)

static BanyanSpec *
quit_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  banyan_graph_ask_to_quit (banyan_monitor_get_graph (monitor));
  return banyan_command_return_nothing ();
}

static void
quit_command_class_init (BanyanCommandClass *klass)
{
  klass->run = quit_run;
  banyan_command_class_describe (klass, "quit", BANYAN_COMMAND_OUT_OF_BAND, "{}");
}
