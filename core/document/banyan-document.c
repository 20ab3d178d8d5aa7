/* banyan-document.c - a graph as a YAML file
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A document is parsed, its plugins are loaded, and what it declares is mapped to objects that are
 * not open yet. They are opened in one transaction. Everything that is wrong is reported together:
 * where something cannot be mapped, the rest is still looked at for conflicts of permissions. */

#include "banyan-plan-private.h"

#include "banyan-graph-view.h"
#include "banyan-mapper-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#include "banyan-blocking-private.h"

#include <banyan/banyan-scalar.h>

#define ALL_KINDS G_MAXUINT

static const char *const sections[] = { "objects", "nodes", "frontends", "jobs", NULL };

/* -- Its outside. -- */

static void
check_keys (BanyanSpec *document, BanyanProblems *problems)
{
  static const char *const known[]
      = { "version", "plugins", "objects", "nodes", "frontends", "jobs", NULL };

  for (guint i = 0; i < banyan_spec_get_length (document); i++)
    {
      const char *key = banyan_spec_get_key (document, i);
      const char *near = banyan_did_you_mean (key, known);

      if (g_strv_contains (known, key))
        continue;
      if (near != NULL)
        banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
                             banyan_spec_get_key_origin (document, i), NULL,
                             "a document has no \"%s\"; did you mean \"%s\"?", key, near);
      else
        banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
                             banyan_spec_get_key_origin (document, i), NULL,
                             "a document has no \"%s\"; it has version, plugins, objects, nodes, "
                             "frontends and jobs",
                             key);
    }
}

/* Other readers take 1, 1.0 and "1" for nearly the same, so what was found is told. */
static void
refuse_version (BanyanSpec *version, BanyanProblems *problems)
{
  BanyanSpecKind kind = banyan_spec_get_kind (version);
  gboolean is_scalar
      = kind != BANYAN_SPEC_NULL && kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP;
  g_autofree char *quoted = is_scalar ? banyan_spec_quote (banyan_spec_get_text (version)) : NULL;
  gboolean is_quoted_right
      = kind == BANYAN_SPEC_STRING && g_str_equal (banyan_spec_get_text (version), "1");

  if (is_quoted_right)
    banyan_problems_add (
        problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (version), "version",
        "this Banyan reads version: 1, and %s is a string; leave out the quotes", quoted);
  else
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, banyan_spec_get_origin (version),
                         "version", "this Banyan reads version: 1, not %s",
                         is_scalar ? quoted : banyan_param_name_of_kind (kind));
}

static void
check_version (BanyanSpec *document, BanyanProblems *problems)
{
  BanyanSpec *version = banyan_spec_lookup (document, "version");
  BanyanSpecKind kind;
  guint64 number;

  if (version == NULL)
    {
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_MISSING, banyan_spec_get_origin (document),
                           NULL,
                           "a document begins with its version; this Banyan reads version: 1");
      return;
    }

  kind = banyan_spec_get_kind (version);
  if ((kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_NUMBER)
      || !banyan_scalar_parse_uint64 (banyan_spec_get_text (version), &number, NULL) || number != 1)
    refuse_version (version, problems);
}

static void
load_plugin (BanyanSpec *name, BanyanProblems *problems)
{
  BanyanSpecKind kind = banyan_spec_get_kind (name);
  g_autoptr (GError) error = NULL;

  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_STRING)
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (name),
                         "plugins", "the name of a type is wanted, such as qcow2");
  else if (banyan_registry_get_type_by_name (banyan_registry_get_default (), ALL_KINDS,
                                             banyan_spec_get_text (name), &error)
           == G_TYPE_INVALID)
    banyan_problems_add (problems, error->code, banyan_spec_get_origin (name), "plugins", "%s",
                         error->message);
}

/* What the document does not mention itself, but a sandboxed process may need later. */
static void
load_plugins (BanyanSpec *document, BanyanProblems *problems)
{
  BanyanSpec *plugins = banyan_spec_lookup (document, "plugins");

  if (plugins == NULL || banyan_spec_get_kind (plugins) == BANYAN_SPEC_NULL)
    return;
  if (banyan_spec_get_kind (plugins) != BANYAN_SPEC_LIST)
    {
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (plugins),
                           "plugins", "a list of names is wanted, such as [qcow2, nbd]");
      return;
    }

  for (guint i = 0; i < banyan_spec_get_length (plugins); i++)
    load_plugin (banyan_spec_get_item (plugins, i), problems);
}

/* -- Its inside. -- */

/* "nodes:" with nothing after it is an empty section. */
static void
declare_section (BanyanMapper *mapper, BanyanGraph *graph, const char *name, BanyanSpec *section,
                 BanyanProblems *problems)
{
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (graph), name);

  if (banyan_spec_get_kind (section) == BANYAN_SPEC_NULL)
    return;
  if (banyan_spec_get_kind (section) == BANYAN_SPEC_TEXT && *banyan_spec_get_text (section) == '\0')
    return;
  if (banyan_spec_get_kind (section) != BANYAN_SPEC_MAP)
    {
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (section),
                           name, "a map is wanted, from ids to what each of them is");
      return;
    }

  for (guint i = 0; i < banyan_spec_get_length (section); i++)
    banyan_mapper_declare (mapper, BANYAN_COLLECTION (collection), banyan_spec_get_key (section, i),
                           banyan_spec_get_key_origin (section, i),
                           banyan_spec_get_item (section, i));
}

/* The objects, unless there are problems; then those of what could be made are added. What was
 * changed outside of the document may keep it free of conflicts that it has by itself. */
static GPtrArray *
build_and_check (BanyanGraph *graph, BanyanMapper *mapper, guint flags, BanyanProblems *problems)
{
  g_autoptr (GHashTable) stand_ins = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) objects = banyan_mapper_build_part (mapper, stand_ins);

  if (banyan_problems_get_length (problems) == 0)
    return g_steal_pointer (&objects);

  if (banyan_state_is_as_declared (graph))
    banyan_graph_view_free (banyan_graph_view_new_part (
        graph, objects, stand_ins, (flags & BANYAN_MAP_REPLACES) != 0, problems));
  g_clear_pointer (&objects, g_ptr_array_unref);
  banyan_mapper_drop (mapper);
  return NULL;
}

static GPtrArray *
map_document (BanyanGraph *graph, BanyanSpec *document, const char *directory, guint flags,
              BanyanProblems *problems)
{
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (BANYAN_ROOT (graph), directory, problems);

  banyan_mapper_set_replaces (mapper, (flags & BANYAN_MAP_REPLACES) != 0);
  check_keys (document, problems);
  check_version (document, problems);
  load_plugins (document, problems);
  for (guint i = 0; sections[i] != NULL; i++)
    {
      BanyanSpec *section = banyan_spec_lookup (document, sections[i]);

      if (section != NULL)
        declare_section (mapper, graph, sections[i], section, problems);
    }

  return flags & BANYAN_MAP_CHECKS ? build_and_check (graph, mapper, flags, problems)
                                   : banyan_mapper_build (mapper);
}

static GPtrArray *
map_spec (BanyanGraph *graph, BanyanSpec *document, const char *directory, guint flags,
          BanyanProblems *problems)
{
  if (banyan_spec_get_kind (document) == BANYAN_SPEC_MAP)
    return map_document (graph, document, directory, flags, problems);

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (document), NULL,
                       "a document is a map that begins with version: 1");
  return NULL;
}

GPtrArray *
banyan_document_map (BanyanGraph *graph, const char *text, gssize length, const char *name,
                     const char *directory, guint flags, BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) document = banyan_spec_parse_yaml (text, length, name, problems);

  return document != NULL ? map_spec (graph, document, directory, flags, problems) : NULL;
}

/**
 * banyan_graph_map:
 * @self: a graph
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @problems: where to report
 *
 * Makes the objects that a document declares, without opening them.
 *
 * Returns: (transfer full) (nullable) (element-type BanyanObject): the objects, what is linked to
 *   before what links to it; %NULL where something is wrong
 */
GPtrArray *
banyan_graph_map (BanyanGraph *self, const char *text, gssize length, const char *name,
                  const char *directory, BanyanProblems *problems)
{
  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);
  g_return_val_if_fail (text != NULL && problems != NULL, NULL);

  return banyan_document_map (self, text, length, name, directory, 0, problems);
}

/* -- Loading and checking. -- */

/* @objects: (transfer full) (nullable): what a document was mapped to. @applied: (out) (nullable):
 * what the last document will have been, afterwards. */
static BanyanTransaction *
prepare_transaction (BanyanGraph *self, GPtrArray *objects, const char *name, BanyanSpec **applied)
{
  BanyanOrigin manager
      = { .kind = BANYAN_ORIGIN_DOCUMENT, .name = g_intern_string (name != NULL ? name : "") };
  BanyanTransaction *transaction;

  if (objects == NULL)
    return NULL;

  transaction = banyan_transaction_new (self);
  banyan_transaction_set_manager (transaction, &manager);
  if (applied != NULL)
    {
      *applied = banyan_applied_with (banyan_graph_get_applied (self), self, objects);
      banyan_state_leave_away (self, objects);
    }
  for (guint i = 0; i < objects->len; i++)
    banyan_transaction_add (transaction, objects->pdata[i], NULL);
  if (applied != NULL)
    banyan_state_restore (self, objects, transaction);
  g_ptr_array_unref (objects);
  return transaction;
}

/**
 * banyan_graph_check:
 * @self: a graph
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @problems: where to report
 *
 * Finds out whether a document could be added to @self, without opening anything: its notation, its
 * properties and links, the rules of its classes, cycles and permissions.
 *
 * Returns: whether nothing was found to be wrong
 */
gboolean
banyan_graph_check (BanyanGraph *self, const char *text, gssize length, const char *name,
                    const char *directory, BanyanProblems *problems)
{
  g_autoptr (BanyanTransaction) transaction = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);
  g_return_val_if_fail (text != NULL && problems != NULL, FALSE);

  transaction = prepare_transaction (
      self, banyan_document_map (self, text, length, name, directory, BANYAN_MAP_CHECKS, problems),
      name, NULL);
  return transaction != NULL && banyan_transaction_check (transaction, problems);
}

/**
 * banyan_graph_check_spec:
 * @self: a graph
 * @document: a document, read already
 * @directory: (nullable): what relative paths in it are relative to
 * @problems: where to report
 *
 * As banyan_graph_check(), for a document that was read, or put together, by the caller.
 *
 * Returns: whether nothing was found to be wrong
 */
gboolean
banyan_graph_check_spec (BanyanGraph *self, BanyanSpec *document, const char *directory,
                         BanyanProblems *problems)
{
  g_autoptr (BanyanTransaction) transaction = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);
  g_return_val_if_fail (document != NULL && problems != NULL, FALSE);

  transaction = prepare_transaction (
      self, map_spec (self, document, directory, BANYAN_MAP_CHECKS, problems), NULL, NULL);
  return transaction != NULL && banyan_transaction_check (transaction, problems);
}

static void
commit_done (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (!banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  banyan_graph_set_applied (g_task_get_source_object (task), g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

/* @objects: (transfer full) (nullable): what the document was mapped to */
static void
commit_objects (BanyanGraph *self, GPtrArray *objects, const char *name, BanyanProblems *problems,
                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  BanyanSpec *applied = NULL;
  g_autoptr (BanyanTransaction) transaction = prepare_transaction (self, objects, name, &applied);
  GError *error = NULL;

  g_task_set_check_cancellable (task, FALSE);
  if (applied != NULL)
    g_task_set_task_data (task, applied, (GDestroyNotify) banyan_spec_unref);
  if (!banyan_problems_check (problems, &error))
    g_task_return_error (task, error);
  else
    banyan_transaction_commit_async (transaction, cancellable, commit_done,
                                     g_steal_pointer (&task));
}

/**
 * banyan_graph_load_async:
 * @self: a graph
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @cancellable: (nullable): to give up, as long as nothing is in force
 * @callback: (scope async): called on the main thread when all is open, or nothing is
 * @user_data: passed to @callback
 *
 * Adds what a document declares to @self, in one transaction.
 */
void
banyan_graph_load_async (BanyanGraph *self, const char *text, gssize length, const char *name,
                         const char *directory, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  g_return_if_fail (BANYAN_IS_GRAPH (self));
  g_return_if_fail (text != NULL);

  commit_objects (
      self, banyan_document_map (self, text, length, name, directory, BANYAN_MAP_CHECKS, problems),
      name, problems, cancellable, callback, user_data);
}

/**
 * banyan_graph_load_spec_async:
 * @self: a graph
 * @document: a document, read already
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @cancellable: (nullable): to give up, as long as nothing is in force
 * @callback: (scope async): called on the main thread when all is open, or nothing is
 * @user_data: passed to @callback
 *
 * As banyan_graph_load_async(), for a document that was read, or put together, by the caller. What
 * has an origin on the command line is relative to the working directory, and is not taken for a
 * part of the document when another one is applied. End it with banyan_graph_load_finish().
 */
void
banyan_graph_load_spec_async (BanyanGraph *self, BanyanSpec *document, const char *name,
                              const char *directory, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  g_return_if_fail (BANYAN_IS_GRAPH (self));
  g_return_if_fail (document != NULL);

  commit_objects (self, map_spec (self, document, directory, BANYAN_MAP_CHECKS, problems), name,
                  problems, cancellable, callback, user_data);
}

/**
 * banyan_graph_load_finish:
 * @self: a graph
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether everything in the document is open; if not, nothing of it is
 */
gboolean
banyan_graph_load_finish (BanyanGraph *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * banyan_graph_load:
 * @self: a graph
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @error: where to put the error, or %NULL
 *
 * As banyan_graph_load_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether everything in the document is open; if not, nothing of it is
 */
gboolean
banyan_graph_load (BanyanGraph *self, const char *text, gssize length, const char *name,
                   const char *directory, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_graph_load_async (self, text, length, name, directory, NULL, banyan_keep_result, &result);
  return banyan_graph_load_finish (self, banyan_wait_for_result (&result), error);
}

/**
 * banyan_graph_load_file:
 * @self: a graph
 * @path: (type filename): a YAML file
 * @error: where to put the error, or %NULL
 *
 * As banyan_graph_load(), with what is in a file. Paths in it are relative to the file.
 *
 * Returns: whether everything in the document is open; if not, nothing of it is
 */
gboolean
banyan_graph_load_file (BanyanGraph *self, const char *path, GError **error)
{
  g_autofree char *directory = NULL;
  g_autofree char *absolute = NULL;
  g_autofree char *text = NULL;
  gsize length;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  if (!g_file_get_contents (path, &text, &length, error))
    return FALSE;

  absolute = g_canonicalize_filename (path, NULL);
  directory = g_path_get_dirname (absolute);
  return banyan_graph_load (self, text, length, path, directory, error);
}
