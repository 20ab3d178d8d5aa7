/* qmp-answer.c - what goes back to a client: results and errors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-client.h"
#include "qmp-commands.h"

#include <string.h>

/* -- Errors: QMP's classes for programs that know QEMU, and the exact code beside them. -- */

/* QEMU has a class for commands and one for paths; what else is missing or stopped is a plain error
 * to it. */
static const char *
class_of (const GError *error)
{
  if (error->domain == QMP_PATH_ERROR)
    return "DeviceNotFound";

  return g_error_matches (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_FOUND)
             ? "CommandNotFound"
             : "GenericError";
}

static const char *const config_codes[] = {
  [BANYAN_CONFIG_ERROR_SYNTAX] = "syntax",
  [BANYAN_CONFIG_ERROR_UNKNOWN_KEY] = "unknown-key",
  [BANYAN_CONFIG_ERROR_UNKNOWN_TYPE] = "unknown-type",
  [BANYAN_CONFIG_ERROR_TYPE] = "type",
  [BANYAN_CONFIG_ERROR_RANGE] = "range",
  [BANYAN_CONFIG_ERROR_MISSING] = "missing",
  [BANYAN_CONFIG_ERROR_DUPLICATE] = "duplicate",
  [BANYAN_CONFIG_ERROR_REFERENCE] = "reference",
  [BANYAN_CONFIG_ERROR_CONFLICT] = "conflict",
  [BANYAN_CONFIG_ERROR_STATE] = "state",
  [BANYAN_CONFIG_ERROR_PLUGIN] = "plugin",
  [BANYAN_CONFIG_ERROR_BUSY] = "busy",
  [BANYAN_CONFIG_ERROR_TIMEOUT] = "timeout",
};

static const char *const command_codes[] = {
  [BANYAN_COMMAND_ERROR_NOT_FOUND] = "no-command",
  [BANYAN_COMMAND_ERROR_NO_OBJECT] = "no-object",
  [BANYAN_COMMAND_ERROR_NOT_ACTIVE] = "not-active",
  [BANYAN_COMMAND_ERROR_ARGUMENT] = "argument",
};

static const char *
name_config_code (guint code)
{
  return code < G_N_ELEMENTS (config_codes) ? config_codes[code] : "errno";
}

/* Stable: programs may decide by it. */
static const char *
code_of (const GError *error)
{
  guint code = error->code;

  if (error->domain == BANYAN_CONFIG_ERROR)
    return name_config_code (code);
  if (error->domain == QMP_PATH_ERROR)
    return command_codes[BANYAN_COMMAND_ERROR_NO_OBJECT];
  if (error->domain == BANYAN_COMMAND_ERROR && code < G_N_ELEMENTS (command_codes))
    return command_codes[code];
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return "cancelled";
  return "errno";
}

/* The subject of a problem in a declaration, "nodes.disk0.file", is an object's id with dots of its
 * own, maybe, and a property: the longest id that there is, else up to the next dot. */
static void
add_subject (BanyanSpecBuilder *map, BanyanGraph *graph, const char *subject)
{
  g_autofree char *collection_id = g_strndup (subject, strcspn (subject, "."));
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (graph), collection_id);
  const char *rest = subject + strlen (collection_id);
  g_autofree char *id = NULL;
  g_autofree char *path = NULL;

  if (collection == NULL || *rest != '.')
    {
      banyan_spec_builder_add_string (map, "property", *rest == '.' ? rest + 1 : NULL);
      return;
    }

  id = g_strdup (++rest);
  while (banyan_object_get_child (collection, id) == NULL && strchr (id, '.') != NULL)
    *strrchr (id, '.') = '\0';
  path = g_strdup_printf ("/%s/%s", collection_id, id);
  banyan_spec_builder_add_string (map, "path", path);
  if (rest[strlen (id)] == '.')
    banyan_spec_builder_add_string (map, "property", rest + strlen (id) + 1);
}

/* What a message begins with is what it is about, and behind a semicolon it says what would do;
 * neither has the colon or the bracket that it stands in. */
static void
add_text_parts (BanyanSpecBuilder *map, const char *text, gboolean has_subject)
{
  g_autofree char *first = g_strndup (text, strcspn (text, " "));
  const char *semicolon = strstr (text, "; ");
  g_autofree char *hint = semicolon != NULL ? g_strdup (semicolon + 2) : NULL;

  if (g_str_has_suffix (first, ":"))
    first[strlen (first) - 1] = '\0';
  if (!has_subject && first[0] == '/')
    banyan_spec_builder_add_string (map, "path", first);
  if (hint != NULL && g_str_has_suffix (hint, ")") && strchr (hint, '(') == NULL)
    hint[strlen (hint) - 1] = '\0';
  banyan_spec_builder_add_string (map, "hint", hint);
}

static void
add_problem_parts (BanyanSpecBuilder *map, BanyanGraph *graph, BanyanProblems *problems,
                   guint index)
{
  const BanyanOrigin *origin = banyan_problems_get_origin (problems, index);
  const char *subject = banyan_problems_get_path (problems, index);
  g_autofree char *place = origin != NULL ? banyan_origin_to_string (origin) : NULL;

  if (subject != NULL)
    add_subject (map, graph, subject);
  banyan_spec_builder_add_string (map, "origin", place);
  add_text_parts (map, banyan_problems_get_text (problems, index), subject != NULL);
}

static void
add_parts (BanyanSpecBuilder *map, BanyanGraph *graph, const GError *error)
{
  BanyanProblems *problems = banyan_problems_of_error (error);

  if (problems != NULL)
    add_problem_parts (map, graph, problems, 0);
  else
    add_text_parts (map, error->message, FALSE);
}

BanyanSpec *
qmp_describe_problems (BanyanGraph *graph, const GError *error)
{
  BanyanProblems *problems = banyan_problems_of_error (error);
  guint n = problems != NULL ? banyan_problems_get_length (problems) : 1;
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < n; i++)
    {
      BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
      const char *code = problems != NULL
                             ? name_config_code (banyan_problems_get_code (problems, i))
                             : code_of (error);

      banyan_spec_builder_add_string (map, "code", code);
      banyan_spec_builder_add_string (
          map, "desc", problems != NULL ? banyan_problems_get_text (problems, i) : error->message);
      if (problems != NULL)
        add_problem_parts (map, graph, problems, i);
      else
        add_text_parts (map, error->message, FALSE);
      banyan_spec_builder_take_built (list, NULL, map);
    }
  return banyan_spec_builder_end (list);
}

static BanyanSpec *
describe_error (BanyanGraph *graph, const GError *error)
{
  BanyanProblems *problems = banyan_problems_of_error (error);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  const char *code = code_of (error);

  banyan_spec_builder_add_string (map, "class", class_of (error));
  banyan_spec_builder_add_string (map, "desc", error->message);
  banyan_spec_builder_add_string (map, "code", code);
  if (strcmp (code, "errno") == 0)
    banyan_spec_builder_add_int (map, "errno", banyan_error_get_errno (error));
  add_parts (map, graph, error);
  if (problems != NULL)
    banyan_spec_builder_take (map, "problems", qmp_describe_problems (graph, error));
  return banyan_spec_builder_end (map);
}

static BanyanSpec *
wrap (const char *key, BanyanSpec *value, BanyanSpec *id)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_take (map, key, value);
  if (id != NULL)
    banyan_spec_builder_take (map, "id", banyan_spec_ref (id));
  return banyan_spec_builder_end (map);
}

BanyanSpec *
qmp_answer_new (BanyanGraph *graph, BanyanSpec *result, const GError *error, BanyanSpec *id)
{
  return error != NULL ? wrap ("error", describe_error (graph, error), id)
                       : wrap ("return", banyan_spec_ref (result), id);
}

/* -- What begins a connection. -- */

/* The interface that clients look for features by. */
static BanyanSpec *
describe_version (void)
{
  BanyanSpecBuilder *qemu = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *version = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_uint (qemu, "major", QMP_INTERFACE_MAJOR);
  banyan_spec_builder_add_uint (qemu, "minor", QMP_INTERFACE_MINOR);
  banyan_spec_builder_add_uint (qemu, "micro", 0);
  banyan_spec_builder_take_built (version, "qemu", qemu);
  banyan_spec_builder_add_string (version, "package", "Banyan " BANYAN_PLUGIN_VERSION);
  return banyan_spec_builder_end (version);
}

BanyanSpec *
qmp_version (void)
{
  return describe_version ();
}

BanyanSpec *
qmp_greeting (void)
{
  static const char *const capabilities[] = { "oob", NULL };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_take (map, "version", describe_version ());
  banyan_spec_builder_add_strings (map, "capabilities", capabilities);
  return wrap ("QMP", banyan_spec_builder_end (map), NULL);
}

BanyanSpec *
qmp_event_new (const char *name, BanyanSpec *data)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *timestamp = banyan_spec_builder_new_map ();
  gint64 now_us = g_get_real_time ();

  banyan_spec_builder_add_int (timestamp, "seconds", now_us / G_USEC_PER_SEC);
  banyan_spec_builder_add_int (timestamp, "microseconds", now_us % G_USEC_PER_SEC);
  banyan_spec_builder_take_built (map, "timestamp", timestamp);
  banyan_spec_builder_add_string (map, "event", name);
  if (data != NULL)
    banyan_spec_builder_take (map, "data", banyan_spec_ref (data));
  return banyan_spec_builder_end (map);
}
