/* live-session.c - a running graph, and names of what is in it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "live.h"

#include <string.h>

LiveSession *
live_session_new (const LiveOptions *options, CliStatus *status)
{
  g_autoptr (CliConnection) connection = cli_connect (status);
  BanyanSpec *description;
  LiveSession *self;

  if (connection == NULL)
    return NULL;

  description = cli_call_or_say (connection, "query-graph", NULL, status);
  if (description == NULL)
    return NULL;

  self = g_new0 (LiveSession, 1);
  self->options = options;
  self->connection = g_steal_pointer (&connection);
  self->description = description;
  self->graph = graph_model_new (description);
  return self;
}

void
live_session_free (LiveSession *self)
{
  graph_model_free (self->graph);
  banyan_spec_unref (self->description);
  cli_connection_free (self->connection);
  g_free (self);
}

/* -- Names. -- */

/* "disk0" and "nodes/disk0" are ends of "/nodes/disk0", "0" is none. */
static gboolean
ends_with (const char *path, const char *name)
{
  gsize length = strlen (path), end = strlen (name);

  return length > end && strcmp (path + length - end, name) == 0 && path[length - end - 1] == '/';
}

const char *
live_name_type (GraphObject *object)
{
  const char *type = banyan_spec_lookup_text (object->facts, "type");

  return type != NULL ? type : banyan_spec_lookup_text (object->facts, "gtype");
}

GraphObject *
live_look_up (GraphModel *graph, const char *name, guint *n_found)
{
  GraphObject *found = graph_model_find (graph, name);

  *n_found = found != NULL;
  for (guint i = 0; found == NULL && i < graph->objects->len; i++)
    {
      GraphObject *object = graph->objects->pdata[i];

      if (!ends_with (object->path, name))
        continue;
      (*n_found)++;
      found = object;
      for (guint j = i + 1; j < graph->objects->len; j++)
        *n_found += ends_with (((GraphObject *) graph->objects->pdata[j])->path, name);
    }

  return *n_found == 1 ? found : NULL;
}

static CliStatus
complain_of_many (LiveSession *self, const char *name)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  g_autofree char *all = NULL;

  for (guint i = 0; i < self->graph->objects->len; i++)
    {
      GraphObject *object = self->graph->objects->pdata[i];

      if (ends_with (object->path, name))
        g_ptr_array_add (paths, (gpointer) object->path);
    }
  g_ptr_array_add (paths, NULL);

  all = g_strjoinv (", ", (char **) paths->pdata);
  return cli_fail (CLI_USAGE, "\"%s\" may be any of: %s", name, all);
}

static CliStatus
complain_of_none (LiveSession *self, const char *name)
{
  gboolean is_path = strchr (name, '/') != NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; i < self->graph->objects->len; i++)
    {
      GraphObject *object = self->graph->objects->pdata[i];

      g_ptr_array_add (names, (gpointer) (is_path ? object->path
                                                  : banyan_spec_lookup_text (object->facts, "id")));
    }
  g_ptr_array_add (names, NULL);

  nearest = banyan_did_you_mean (name, (const char *const *) names->pdata);
  return nearest != NULL ? cli_fail (
             CLI_NOT_FOUND, "nothing is called \"%s\"; did you mean \"%s\"?", name, nearest)
                         : cli_fail (CLI_NOT_FOUND,
                                     "nothing is called \"%s\"; banyan inspect ls and tree tell "
                                     "what there is",
                                     name);
}

GraphObject *
live_find (LiveSession *self, const char *name, CliStatus *status)
{
  guint n_found;
  GraphObject *object = live_look_up (self->graph, name, &n_found);

  if (object == NULL)
    *status = n_found > 0 ? complain_of_many (self, name) : complain_of_none (self, name);
  return object;
}

GraphObject *
live_look_up_property (GraphModel *graph, const char *name, const char **property, guint *n_found)
{
  GraphObject *object = NULL;
  g_autofree char *path = g_strdup (name);
  char *dot;

  *n_found = 0;
  *property = NULL;
  while (object == NULL && *n_found == 0 && (dot = strrchr (path, '.')) != NULL)
    {
      *dot = '\0';
      *property = name + strlen (path) + 1;
      object = live_look_up (graph, path, n_found);
    }
  return object;
}

GraphObject *
live_find_property (LiveSession *self, const char *name, const char **property, CliStatus *status)
{
  guint n_found;
  GraphObject *object = live_look_up_property (self->graph, name, property, &n_found);

  if (*property == NULL)
    *status = cli_fail (CLI_USAGE, "\"%s\" names no property; write PATH.PROPERTY", name);
  else if (object == NULL)
    {
      g_autofree char *path = g_strndup (name, *property - name - 1);

      live_find (self, path, status);
    }
  return object;
}

/* -- Calls. -- */

BanyanSpec *
live_call_path (LiveSession *self, const char *command, const char *path, CliStatus *status)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "path", path);
  return cli_call_or_say (self->connection, command, banyan_spec_builder_end (map), status);
}

static gboolean
is_child (BanyanSpec *entry)
{
  return g_str_has_prefix (banyan_spec_lookup_text (entry, "type"), "child<");
}

/* NULL: there is one of that name, or no object, and something else was wrong. (transfer full) */
static char *
describe_missing_property (LiveSession *self, const char *path, const char *property)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *first = g_strndup (property, strcspn (property, "."));
  g_autoptr (BanyanSpec) list = NULL;
  const char *nearest;
  CliStatus status;

  banyan_spec_builder_add_string (map, "path", path);
  list = cli_call (self->connection, "qom-list", banyan_spec_builder_end (map), &status, NULL);
  for (guint i = 0; i < cli_spec_count (list); i++)
    if (!is_child (banyan_spec_get_item (list, i)))
      g_ptr_array_add (names,
                       (gpointer) banyan_spec_lookup_text (banyan_spec_get_item (list, i), "name"));
  g_ptr_array_add (names, NULL);

  if (list == NULL || g_strv_contains ((const char *const *) names->pdata, first))
    return NULL;

  nearest = banyan_did_you_mean (property, (const char *const *) names->pdata);
  if (nearest != NULL)
    return g_strdup_printf ("%s has no property \"%s\"; did you mean \"%s\"?", path, property,
                            nearest);

  return g_strdup_printf ("%s has no property \"%s\"; `show %s` tells those there are", path,
                          property, path);
}

const char *
live_skip_place (const char *message)
{
  const char *end = g_str_has_prefix (message, "client ") ? strstr (message, ": ") : NULL;

  return end != NULL ? end + 2 : message;
}

BanyanSpec *
live_call_property (LiveSession *self, const char *command, const char *path, const char *property,
                    BanyanSpec *value, CliStatus *status)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = NULL;
  BanyanSpec *answer;

  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "property", property);
  if (value != NULL)
    cli_add (map, "value", value);
  answer = cli_call (self->connection, command, banyan_spec_builder_end (map), status, &error);
  if (answer != NULL)
    return answer;

  if (*status == CLI_NOT_FOUND)
    missing = describe_missing_property (self, path, property);
  cli_message ("%s", missing != NULL ? missing : live_skip_place (error->message));
  return NULL;
}
