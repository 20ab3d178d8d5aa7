/* cli-types.c - types by name, as people write it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

typedef struct
{
  const char *name;
  const char *heading;
  const char *section;
} Kind;

static const Kind kinds[] = {
  [BANYAN_PLUGIN_PROTOCOL] = { "protocol", "Protocols", "nodes" },
  [BANYAN_PLUGIN_FORMAT] = { "format", "Formats", "nodes" },
  [BANYAN_PLUGIN_FILTER] = { "filter", "Filters", "nodes" },
  [BANYAN_PLUGIN_FRONTEND] = { "frontend", "Frontends", "frontends" },
  [BANYAN_PLUGIN_JOB] = { "job", "Jobs", "jobs" },
  [BANYAN_PLUGIN_OBJECT] = { "object", "Objects", "objects" },
  [BANYAN_PLUGIN_COMMAND] = { "command", "Commands", NULL },
  [BANYAN_PLUGIN_IMAGE] = { "image", "Images", NULL },
};

const char *
cli_kind_to_string (BanyanPluginKind kind)
{
  return kinds[kind].name;
}

const char *
cli_kind_to_heading (BanyanPluginKind kind)
{
  return kinds[kind].heading;
}

const char *
cli_kind_to_section (BanyanPluginKind kind)
{
  return kinds[kind].section;
}

CliTypes *
cli_types_list (void)
{
  return banyan_registry_list_types (banyan_registry_get_default ());
}

void
cli_types_free (CliTypes *types)
{
  for (guint i = 0; types[i] != NULL; i++)
    banyan_type_info_unref (types[i]);
  g_free (types);
}
