/* commands-explain.c - commands that explain: who uses an object, what a property is and may be,
 * what stands in the way
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-client.h"
#include "qmp-commands.h"

#include <string.h>

/* -- query-refs. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path; /* (owned) */
} QmpQueryRefs;

QMP_DEFINE_COMMAND (QmpQueryRefs, query_refs)

typedef struct
{
  BanyanObject *object;
  BanyanSpecBuilder *list;
  GPtrArray *edges; /* (owned) (element-type utf8): paths of those found */
} RefSearch;

static void
add_edge (BanyanChild *edge, gpointer data)
{
  RefSearch *search = data;
  BanyanSpecBuilder *map;
  char *path;

  if ((gpointer) banyan_child_get_node (edge) != search->object)
    return;

  path = banyan_child_dup_path (edge);
  g_ptr_array_add (search->edges, path);
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "kind", "edge");
  banyan_spec_builder_take (map, "perm", banyan_permissions_to_spec (banyan_child_get_used (edge)));
  banyan_spec_builder_take (map, "shared-perm",
                            banyan_permissions_to_spec (banyan_child_get_shared (edge)));
  banyan_spec_builder_take_built (search->list, NULL, map);
}

/* A role is a link, too: "/nodes/q:children.0" has been found as an edge. */
static gboolean
is_edge (GPtrArray *edges, const char *path, const char *property)
{
  g_autofree char *edge = g_strdup_printf ("%s:%s", path, property);
  gsize length = strlen (edge);

  for (guint i = 0; i < edges->len; i++)
    {
      const char *found = edges->pdata[i];

      if (strncmp (found, edge, length) == 0 && (found[length] == '\0' || found[length] == '.'))
        return TRUE;
    }
  return FALSE;
}

/* "/nodes/disk0 (throttle-group)". */
static void
add_link (BanyanSpecBuilder *list, GPtrArray *edges, const char *user)
{
  const char *end = strstr (user, " (");
  g_autofree char *path = g_strndup (user, end - user);
  g_autofree char *property = g_strndup (end + 2, strlen (end) - 3);
  BanyanSpecBuilder *map;

  if (is_edge (edges, path, property))
    return;

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "kind", "link");
  banyan_spec_builder_add_string (map, "property", property);
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
describe_refs (BanyanMonitor *monitor, BanyanObject *object)
{
  g_autoptr (GPtrArray) edges = g_ptr_array_new_with_free_func (g_free);
  RefSearch search = { object, banyan_spec_builder_new_list (), edges };
  g_auto (GStrv) users = banyan_object_describe_users (object);

  qmp_foreach_edge (monitor, add_edge, &search);
  for (guint i = 0; users[i] != NULL; i++)
    add_link (search.list, edges, users[i]);
  return banyan_spec_builder_end (search.list);
}

static BanyanSpec *
query_refs_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanObject *object = qmp_find_object (monitor, ((QmpQueryRefs *) command)->path, error);

  return object != NULL ? describe_refs (monitor, object) : NULL;
}

#define REF_RESULT \
  "{ path: str, kind: 'edge|link', '*property': str, '*perm': [str], '*shared-perm': [str] }"

static void
query_refs_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_refs_run;
  banyan_command_class_describe (klass, "query-refs", 0, "[" REF_RESULT "]");
  qmp_require_string (klass, "path", "Path", "Object whose users to tell",
                      G_STRUCT_OFFSET (QmpQueryRefs, path));
}

/* -- qom-describe. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path;     /* (owned) */
  char *property; /* (owned) (nullable) */
} QmpQomDescribe;

QMP_DEFINE_COMMAND (QmpQomDescribe, qom_describe)

static BanyanSpec *
find_declared_property (BanyanSpec *description, const char *name)
{
  BanyanSpec *list = description != NULL ? banyan_spec_lookup (description, "properties") : NULL;

  for (guint i = 0; list != NULL && i < banyan_spec_get_length (list); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (list, i);

      if (g_strcmp0 (banyan_spec_lookup_text (property, "name"), name) == 0)
        return property;
    }
  return NULL;
}

static void
add_nicks (BanyanSpecBuilder *map, BanyanSpec *values)
{
  BanyanSpecBuilder *list;

  if (values == NULL)
    return;

  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < banyan_spec_get_length (values); i++)
    banyan_spec_builder_add_string (
        list, NULL, banyan_spec_lookup_text (banyan_spec_get_item (values, i), "nick"));
  banyan_spec_builder_take_built (map, "values", list);
}

/* What the class says. */
static void
add_class_parts (BanyanSpecBuilder *map, GParamSpec *pspec, BanyanSpec *declared)
{
  static const char *const kinds[] = { "configuration", "state", "statistic" };
  static const char *const mutabilities[] = { "before-open", "reopen", "live", "resize" };
  BanyanParamKind kind = banyan_param_get_kind (pspec);
  g_autofree char *type = banyan_param_describe_type (pspec);
  g_autofree char *range = banyan_param_describe_range (pspec);
  g_autofree char *standard = banyan_param_describe_default (pspec);

  banyan_spec_builder_add_string (map, "type", type);
  banyan_spec_builder_add_string (map, "description", g_param_spec_get_blurb (pspec));
  banyan_spec_builder_add_string (map, "kind", kinds[kind]);
  if (kind == BANYAN_PARAM_CONFIGURATION)
    {
      banyan_spec_builder_add_string (map, "mutability",
                                      mutabilities[banyan_param_get_mutability (pspec)]);
      banyan_spec_builder_add_string (map, "default", standard);
    }
  banyan_spec_builder_add_string (map, "range", range);
  if (declared != NULL)
    {
      banyan_spec_builder_add_string (map, "unit", banyan_spec_lookup_text (declared, "unit"));
      add_nicks (map, banyan_spec_lookup (declared, "values"));
    }
}

static void
describe_property (BanyanSpecBuilder *list, BanyanObject *object, GParamSpec *pspec,
                   BanyanSpec *description)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpec *declaration = banyan_object_get_declaration (object);
  BanyanSpec *declared = declaration != NULL ? banyan_spec_lookup (declaration, pspec->name) : NULL;
  g_autofree char *origin_text = NULL;
  BanyanOrigin origin;

  banyan_object_get_origin (object, pspec->name, &origin);
  origin_text = banyan_origin_to_string (&origin);
  banyan_spec_builder_add_string (map, "name", pspec->name);
  banyan_spec_builder_take (map, "value", qmp_describe_value (object, pspec));
  if (declared != NULL && !banyan_param_is_secret (pspec))
    banyan_spec_builder_take (map, "declared", banyan_spec_ref (declared));
  banyan_spec_builder_add_string (map, "origin", origin_text);
  add_class_parts (map, pspec, find_declared_property (description, pspec->name));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
qom_describe_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpQomDescribe *self = (QmpQomDescribe *) command;
  BanyanObject *object = qmp_find_object (monitor, self->path, error);
  g_autofree char *type_name = object != NULL ? qmp_name_type (object) : NULL;
  g_autoptr (BanyanTypeInfo) type = NULL;
  g_autoptr (BanyanSpec) description = NULL;
  g_autofree GParamSpec **pspecs = NULL;
  BanyanSpecBuilder *list;
  guint n;

  if (object == NULL
      || (self->property != NULL && qmp_find_property (object, self->property, error) == NULL))
    return NULL;

  type = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, type_name);
  description = type != NULL ? banyan_type_info_describe (type) : NULL;
  list = banyan_spec_builder_new_list ();
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n);
  for (guint i = 0; i < n; i++)
    if (self->property == NULL || strcmp (pspecs[i]->name, self->property) == 0)
      describe_property (list, object, pspecs[i], description);
  return banyan_spec_builder_end (list);
}

static void
qom_describe_command_class_init (BanyanCommandClass *klass)
{
  klass->run = qom_describe_run;
  banyan_command_class_describe (
      klass, "qom-describe", 0,
      "[{ name: str, value: any, '*declared': any, origin: str, type: str, description: str, "
      "kind: 'configuration|state|statistic', '*mutability': 'before-open|reopen|live|resize', "
      "'*default': str, '*range': str, '*unit': str, '*values': [str] }]");
  qmp_require_string (klass, "path", "Path", "Object whose properties to explain",
                      G_STRUCT_OFFSET (QmpQomDescribe, path));
  qmp_add_string (klass, "property", "Property", "The only one wanted",
                  G_STRUCT_OFFSET (QmpQomDescribe, property));
}

/* -- why: what stands in the way of a change, and what it would hold up. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *command;         /* (owned) (nullable) */
  BanyanSpec *arguments; /* (owned) (nullable) */
  char *path;            /* (owned) (nullable) */
  char *verb;            /* (owned) (nullable) */
} QmpWhy;

QMP_DEFINE_COMMAND (QmpWhy, why)

/* What a verb is as a command, and which of its arguments the path is. */
typedef struct
{
  const char *verb;
  const char *command;
  const char *key;
  const char *edge_key; /* (nullable): where the path is that of an edge */
} Verb;

static const Verb verbs[] = {
  { "remove", NULL, NULL, NULL },
  { "replace", "edge-replace", "edge", "edge" },
  { "insert", "filter-insert", "above", "edge" },
  { "add", "child-add", "parent", NULL },
  { "set", "qom-set", "path", NULL },
  { "resize", "block_resize", "node-name", NULL },
};

static const Verb *
find_verb (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (name, verbs[i].verb))
      return &verbs[i];
  return NULL;
}

/* A filter is declared by the arguments as they are. */
static BanyanCommand *
make_command (QmpWhy *self, const Verb *verb, GError **error)
{
  gboolean is_edge = strchr (self->path, ':') != NULL;
  const char *key = is_edge && verb->edge_key != NULL ? verb->edge_key : verb->key;
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) arguments = NULL;
  guint n = self->arguments != NULL ? banyan_spec_get_length (self->arguments) : 0;

  banyan_spec_builder_add_string (map, key, self->path);
  if (g_str_equal (verb->verb, "insert") && self->arguments != NULL)
    banyan_spec_builder_take (map, "filter", banyan_spec_ref (self->arguments));
  else
    for (guint i = 0; i < n; i++)
      banyan_spec_builder_add (map, banyan_spec_get_key (self->arguments, i), NULL,
                               banyan_spec_get_item (self->arguments, i));

  arguments = banyan_spec_builder_end (map);
  return banyan_command_new (verb->command, arguments, error);
}

static gboolean
add_removal (QmpWhy *self, BanyanMonitor *monitor, BanyanTransaction *transaction, GError **error)
{
  gboolean has_role = strchr (self->path, ':') != NULL;
  BanyanChild *edge = has_role ? qmp_draft_edge (transaction, self->path, error) : NULL;
  BanyanObject *object = has_role ? NULL : qmp_draft_object (transaction, self->path, error);

  if (edge == NULL && object == NULL)
    return FALSE;

  if (edge == NULL)
    banyan_transaction_remove (transaction, object);
  else if (banyan_child_get_role_flags (edge) & BANYAN_CHILD_MANY)
    banyan_transaction_remove_child (transaction, edge);
  else
    banyan_transaction_replace_child (transaction, edge, NULL);
  return TRUE;
}

static gboolean
check_arguments (QmpWhy *self, GError **error)
{
  if ((self->command == NULL) == (self->path == NULL))
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "Need exactly one of 'command' and 'path'");
  else if (self->verb != NULL && self->path == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "Parameter 'verb' needs 'path', not 'command'");
  else if (self->verb != NULL && find_verb (self->verb) == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "There is no verb '%s'; there are: remove, replace, insert, add, set, resize, and "
                 "everything else by 'command'",
                 self->verb);
  else
    return TRUE;

  return FALSE;
}

static gboolean
add_wanted (QmpWhy *self, BanyanMonitor *monitor, BanyanTransaction *transaction, GError **error)
{
  const Verb *verb = find_verb (self->verb != NULL ? self->verb : "remove");
  g_autoptr (BanyanCommand) command = NULL;

  if (self->path != NULL && verb->command == NULL)
    return add_removal (self, monitor, transaction, error);

  command = self->path != NULL ? make_command (self, verb, error)
                               : banyan_command_new (self->command, self->arguments, error);
  return command != NULL && banyan_command_add_steps (command, monitor, transaction, error);
}

static void
add_strings (BanyanSpecBuilder *map, const char *key, char **strings)
{
  static const char *const none[] = { NULL };

  banyan_spec_builder_add_strings (map, key,
                                   strings != NULL ? (const char *const *) strings : none);
}

/* Who uses what the first problem is about. */
static BanyanSpec *
describe_users (BanyanMonitor *monitor, BanyanSpec *problems)
{
  BanyanSpec *first
      = banyan_spec_get_length (problems) > 0 ? banyan_spec_get_item (problems, 0) : NULL;
  const char *path = first != NULL ? banyan_spec_lookup_text (first, "path") : NULL;
  BanyanObject *object = path != NULL ? qmp_find_object (monitor, path, NULL) : NULL;

  return object != NULL ? describe_refs (monitor, object)
                        : banyan_spec_builder_end (banyan_spec_builder_new_list ());
}

static BanyanSpec *
why_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpWhy *self = (QmpWhy *) command;
  BanyanGraph *graph = banyan_monitor_get_graph (monitor);
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (graph);
  g_autoptr (BanyanSpec) problems = NULL;
  g_autoptr (GError) reason = NULL;
  g_auto (GStrv) gates = NULL;
  BanyanSpecBuilder *map;

  if (!check_arguments (self, error))
    return NULL;

  if (add_wanted (self, monitor, transaction, &reason))
    gates = banyan_transaction_plan (transaction, &reason);
  problems = reason != NULL ? qmp_describe_problems (graph, reason)
                            : banyan_spec_builder_end (banyan_spec_builder_new_list ());
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_boolean (map, "possible", reason == NULL);
  banyan_spec_builder_take (map, "problems", banyan_spec_ref (problems));
  banyan_spec_builder_take (map, "users", describe_users (monitor, problems));
  add_strings (map, "drained", gates);
  return banyan_spec_builder_end (map);
}

static void
why_command_class_init (BanyanCommandClass *klass)
{
  klass->run = why_run;
  banyan_command_class_describe (
      klass, "why", 0,
      "{ possible: bool, problems: [{ code: str, desc: str, '*path': str, '*property': str, "
      "'*origin': str, '*hint': str }], users: [" REF_RESULT "], drained: [str] }");
  qmp_add_string (klass, "command", "Command", "What would be told to do it: blockdev-del",
                  G_STRUCT_OFFSET (QmpWhy, command));
  banyan_command_class_add_argument (
      klass,
      banyan_param_declaration ("arguments", "Arguments",
                                "The command's, as it would have them; or what the verb needs "
                                "beside the path: node, property and value, size, or the filter",
                                NULL, G_STRUCT_OFFSET (QmpWhy, arguments)));
  qmp_add_string (klass, "path", "Path", "Object, or edge, that it would be about",
                  G_STRUCT_OFFSET (QmpWhy, path));
  qmp_add_string (klass, "verb", "Verb",
                  "What would be done to it: remove, as without one, replace, insert, add, set or "
                  "resize",
                  G_STRUCT_OFFSET (QmpWhy, verb));
}
