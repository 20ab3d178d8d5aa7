/* commands-schema.c - query-qmp-schema: all commands and events, and the types of all they have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"
#include "qmp-schema.h"

#include <string.h>

typedef struct
{
  BanyanCommand parent_instance;
} QmpQuerySchema;

QMP_DEFINE_COMMAND (QmpQuerySchema, query_qmp_schema)

static void
describe_command (QmpSchema *schema, BanyanSpec *description)
{
  const char *name = banyan_spec_lookup_text (description, "command");
  gboolean is_out_of_band
      = g_strcmp0 (banyan_spec_lookup_text (description, "out-of-band"), "true") == 0;
  g_autofree char *arguments = g_strconcat (name, "-arg", NULL);
  g_autofree char *result = g_strconcat (name, "-ret", NULL);
  BanyanSpecBuilder *entry = qmp_schema_new_entry (name, "command");

  banyan_spec_builder_add_string (entry, "arg-type",
                                  qmp_schema_arguments (schema, arguments, description));
  banyan_spec_builder_add_string (
      entry, "ret-type",
      qmp_schema_notation (schema, result, banyan_spec_lookup_text (description, "result")));
  banyan_spec_builder_add_boolean (entry, "allow-oob", is_out_of_band);
  banyan_spec_builder_add_string (entry, "description",
                                  banyan_spec_lookup_text (description, "summary"));
  qmp_schema_add (schema, entry);
}

static void
describe_commands (QmpSchema *schema)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());

  for (guint i = 0; types[i] != NULL; i++)
    {
      if (banyan_type_info_get_kind (types[i]) == BANYAN_PLUGIN_COMMAND)
        {
          g_autoptr (BanyanSpec) description = banyan_type_info_describe (types[i]);

          describe_command (schema, description);
        }
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
}

static void
describe_event (QmpSchema *schema, const char *name, const char *data, const char *summary)
{
  g_autofree char *type_name = g_strconcat (name, "-data", NULL);
  BanyanSpecBuilder *entry = qmp_schema_new_entry (name, "event");

  banyan_spec_builder_add_string (entry, "arg-type", qmp_schema_notation (schema, type_name, data));
  banyan_spec_builder_add_string (entry, "description", summary);
  qmp_schema_add (schema, entry);
}

static BanyanSpec *
query_qmp_schema_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpSchema schema = { banyan_spec_builder_new_list (), g_hash_table_new (NULL, NULL) };

  describe_commands (&schema);
#define QMP_EVENT(name, is_for_all, data, summary) describe_event (&schema, name, data, summary);
#include "qmp-event-list.h"
#undef QMP_EVENT
  g_hash_table_unref (schema.names);
  return banyan_spec_builder_end (schema.list);
}

static void
query_qmp_schema_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_qmp_schema_run;
  banyan_command_class_describe (
      klass, "query-qmp-schema", 0,
      "[{ name: str, meta-type: 'builtin|enum|array|object|alternate|command|event', "
      "'*description': str, '*json-type': str, '*element-type': str, "
      "'*members': [{ '*name': str, '*type': str, '*default': any, '*description': str, "
      "'*range': str, '*unit': str, '*mutability': str }], '*values': [str], '*tag': str, "
      "'*variants': [{ case: str, type: str }], '*arg-type': str, '*ret-type': str, "
      "'*allow-oob': bool }]");
}
