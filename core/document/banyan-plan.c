/* banyan-plan.c - what stands between a running graph and a document, and the way there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-plan-private.h"

#include "banyan-blocking-private.h"
#include "banyan-object-private.h"
#include "banyan-transaction-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (BanyanPlan, banyan_plan, G_TYPE_OBJECT)

static void
difference_free (gpointer data)
{
  BanyanDifference *self = data;

  g_clear_pointer (&self->from, banyan_spec_unref);
  g_clear_pointer (&self->to, banyan_spec_unref);
  g_free (self->path);
  g_free (self);
}

static void
setting_clear (gpointer data)
{
  BanyanPlanSetting *self = data;

  g_object_unref (self->object);
  g_clear_pointer (&self->value, banyan_spec_unref);
}

static void
banyan_plan_finalize (GObject *object)
{
  BanyanPlan *self = BANYAN_PLAN (object);

  g_clear_object (&self->transaction);
  g_clear_pointer (&self->births, banyan_births_free);
  g_clear_pointer (&self->twins, g_ptr_array_unref);
  g_clear_pointer (&self->applied, banyan_spec_unref);
  g_hash_table_unref (self->objects);
  g_hash_table_unref (self->twins_of);
  g_hash_table_unref (self->twin_ids);
  g_hash_table_unref (self->replaced);
  g_ptr_array_unref (self->renamings);
  g_ptr_array_unref (self->differences);
  g_ptr_array_unref (self->removals);
  g_array_unref (self->settings);
  g_array_unref (self->words);
  g_array_unref (self->additions);
  g_strfreev (self->drained);
  g_free (self->directory);
  g_clear_object (&self->graph);

  G_OBJECT_CLASS (banyan_plan_parent_class)->finalize (object);
}

static void
banyan_plan_class_init (BanyanPlanClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = banyan_plan_finalize;
}

static void
banyan_plan_init (BanyanPlan *self)
{
  self->objects = g_hash_table_new (NULL, NULL);
  self->twins_of = g_hash_table_new (NULL, NULL);
  self->twin_ids = g_hash_table_new (g_str_hash, g_str_equal);
  self->replaced = g_hash_table_new (NULL, NULL);
  self->renamings = g_ptr_array_new ();
  self->differences = g_ptr_array_new_with_free_func (difference_free);
  self->removals = g_ptr_array_new_with_free_func (g_object_unref);
  self->additions = g_array_new (FALSE, TRUE, sizeof (BanyanAddition));
  self->settings = g_array_new (FALSE, TRUE, sizeof (BanyanPlanSetting));
  g_array_set_clear_func (self->settings, setting_clear);
  self->words = g_array_new (FALSE, TRUE, sizeof (BanyanPlanSetting));
  g_array_set_clear_func (self->words, setting_clear);
}

static BanyanSpec *
ref_or_null (BanyanSpec *spec)
{
  return spec != NULL ? banyan_spec_ref (spec) : NULL;
}

void
banyan_plan_note (BanyanPlan *self, BanyanDifferenceKind kind, const char *path,
                  const char *property, BanyanSpec *from, BanyanSpec *to, const char *how)
{
  BanyanDifference *difference = g_new0 (BanyanDifference, 1);

  difference->kind = kind;
  difference->path = g_strdup (path);
  difference->property = g_intern_string (property);
  difference->from = ref_or_null (from);
  difference->to = ref_or_null (to);
  difference->how = how;
  g_ptr_array_add (self->differences, difference);
}

/* -- Making one. -- */

static void
add_renamings (BanyanPlan *self)
{
  for (guint i = 0; i < self->renamings->len; i++)
    {
      BanyanObject *twin = self->renamings->pdata[i];

      banyan_transaction_rename (self->transaction, g_hash_table_lookup (self->objects, twin),
                                 banyan_object_get_id (twin), banyan_object_is_implicit (twin));
    }
}

/* What is new comes first, so that what is set can lead to it; what goes is last. */
static void
fill_transaction (BanyanPlan *self, BanyanProblems *problems)
{
  banyan_plan_add_new (self, problems);
  add_renamings (self);
  for (guint i = 0; i < self->settings->len; i++)
    {
      BanyanPlanSetting *setting = &g_array_index (self->settings, BanyanPlanSetting, i);

      if (setting->value != NULL)
        banyan_transaction_set (self->transaction, setting->object, setting->key, setting->value);
      else
        banyan_transaction_reset (self->transaction, setting->object, setting->key);
    }
  for (guint i = 0; i < self->removals->len; i++)
    banyan_transaction_remove (self->transaction, self->removals->pdata[i]);
}

static void
check (BanyanPlan *self, BanyanProblems *problems)
{
  if (banyan_problems_get_length (problems) == 0
      && banyan_transaction_check (self->transaction, problems))
    self->drained = banyan_transaction_plan (self->transaction, NULL);
}

/* Twins use what runs, and must not stand in the way of its end. */
static void
drop_twins (BanyanPlan *self)
{
  for (guint i = 0; i < self->twins->len; i++)
    banyan_object_clear_links (self->twins->pdata[i]);
  g_array_set_size (self->additions, 0);
  g_ptr_array_set_size (self->renamings, 0);
  g_hash_table_remove_all (self->twin_ids);
  g_hash_table_remove_all (self->objects);
  g_hash_table_remove_all (self->twins_of);
  g_clear_pointer (&self->births, banyan_births_free);
  g_clear_pointer (&self->twins, g_ptr_array_unref);
}

static void
compare (BanyanPlan *self, BanyanProblems *problems)
{
  self->transaction = banyan_transaction_new (self->graph);
  banyan_transaction_set_manager (self->transaction, &self->manager);
  self->births = banyan_births_new (self);
  banyan_plan_match (self);
  self->applied = banyan_applied_with (NULL, self->graph, self->twins);
  banyan_plan_compare (self);
  fill_transaction (self, problems);
  drop_twins (self);
  check (self, problems);
}

/**
 * banyan_plan_new:
 * @graph: a graph
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @flags: #BanyanPlanFlags
 * @problems: (nullable): where to report, one by one
 * @error: where to put them all, one a line, or %NULL
 *
 * Finds out what would have to happen for @graph to be as a document says, and whether it could.
 * What other managers made is left alone. What they changed of what the last document declared is
 * kept where the document still says what it said then, unless the flags override that.
 *
 * Returns: (transfer full): the plan; %NULL with problems: the document is wrong, or the change
 * would be refused
 */
BanyanPlan *
banyan_plan_new (BanyanGraph *graph, const char *text, gssize length, const char *name,
                 const char *directory, guint flags, BanyanProblems *problems, GError **error)
{
  g_autoptr (BanyanProblems) found = NULL;
  g_autoptr (BanyanPlan) self = NULL;

  g_return_val_if_fail (BANYAN_IS_GRAPH (graph), NULL);
  g_return_val_if_fail (text != NULL, NULL);

  found = problems != NULL ? banyan_problems_ref (problems) : banyan_problems_new ();
  self = g_object_new (BANYAN_TYPE_PLAN, NULL);
  self->graph = g_object_ref (graph);
  self->directory = g_strdup (directory);
  self->flags = flags;
  self->manager.kind = BANYAN_ORIGIN_DOCUMENT;
  self->manager.name = g_intern_string (name != NULL ? name : "");
  self->twins = banyan_document_map (graph, text, length, name, directory,
                                     BANYAN_MAP_REPLACES | BANYAN_MAP_CHECKS, found);
  if (self->twins != NULL)
    compare (self, found);

  return banyan_problems_check (found, error) ? g_steal_pointer (&self) : NULL;
}

/* -- Telling. -- */

static gboolean
is_change (const BanyanDifference *difference)
{
  return difference->kind != BANYAN_DIFFERENCE_DRIFT;
}

/**
 * banyan_plan_is_empty:
 * @self: a plan
 *
 * Returns: whether the graph is as the document says already, drift that is kept aside
 */
gboolean
banyan_plan_is_empty (BanyanPlan *self)
{
  g_return_val_if_fail (BANYAN_IS_PLAN (self), TRUE);

  for (guint i = 0; i < self->differences->len; i++)
    if (is_change (self->differences->pdata[i]))
      return FALSE;
  return TRUE;
}

static BanyanSpecBuilder *
describe_difference (const BanyanDifference *self)
{
  static const char *const kinds[] = { "add", "remove", "replace", "set", "rename", "drift" };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "change", kinds[self->kind]);
  banyan_spec_builder_add_string (map, "path", self->path);
  banyan_spec_builder_add_string (map, "property", self->property);
  banyan_spec_builder_take (map, "from", ref_or_null (self->from));
  banyan_spec_builder_take (map, "to", ref_or_null (self->to));
  banyan_spec_builder_add_string (map, "how", self->how);
  return map;
}

static BanyanSpecBuilder *
describe_differences (BanyanPlan *self, gboolean changes)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < self->differences->len; i++)
    if (is_change (self->differences->pdata[i]) == changes)
      banyan_spec_builder_take_built (list, NULL,
                                      describe_difference (self->differences->pdata[i]));
  return list;
}

/**
 * banyan_plan_describe:
 * @self: a plan
 *
 * Tells what a plan would do: `changes`, each with `change` (add, remove, replace, rename, set),
 * `path`, and where there are such `property`, `from`, `to` and `how` (live, reopen, or why an
 * object is replaced); `drift`, which is what was changed outside the document and is kept;
 * `drained`, the paths of those who would have to wait for a moment. Of one that has been applied
 * it tells besides how long that took, `duration-us`, and how long requests had to wait,
 * `drained-us`.
 *
 * Returns: (transfer full): a map
 */
BanyanSpec *
banyan_plan_describe (BanyanPlan *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  g_return_val_if_fail (BANYAN_IS_PLAN (self), NULL);

  banyan_spec_builder_take_built (map, "changes", describe_differences (self, TRUE));
  banyan_spec_builder_take_built (map, "drift", describe_differences (self, FALSE));
  banyan_spec_builder_add_strings (map, "drained", (const char *const *) self->drained);
  if (self->is_applied)
    {
      banyan_spec_builder_add_int (map, "drained-us", self->transaction->drained_us);
      banyan_spec_builder_add_int (map, "duration-us", self->transaction->duration_us);
    }
  return banyan_spec_builder_end (map);
}

/**
 * banyan_plan_get_transaction:
 * @self: a plan
 *
 * Gives the transaction that applying commits, to set how long it may wait, for instance, or to see
 * how far it is.
 *
 * Returns: (transfer none): the transaction
 */
BanyanTransaction *
banyan_plan_get_transaction (BanyanPlan *self)
{
  g_return_val_if_fail (BANYAN_IS_PLAN (self), NULL);

  return self->transaction;
}

/* -- Doing it. -- */

/* Edges that were moved to where the document has them now, too, are its own again. */
static void
adopt_edges (BanyanPlan *self, BanyanObject *object, const char *property)
{
  GPtrArray *edges
      = BANYAN_IS_ELEMENT (object) ? banyan_element_get_edges (BANYAN_ELEMENT (object)) : NULL;

  for (guint i = 0; edges != NULL && i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (g_str_has_prefix (edge->role, property)
          && (edge->role[strlen (property)] == '\0' || edge->role[strlen (property)] == '.'))
        edge->manager = self->manager;
    }
}

/* What an image named is the document's once that says the same. */
static void
adopt_named (BanyanPlan *self, BanyanObject *object)
{
  if (BANYAN_IS_ELEMENT (object)
      && banyan_element_get_manager (BANYAN_ELEMENT (object))->kind == BANYAN_ORIGIN_IMAGE)
    banyan_element_set_manager (BANYAN_ELEMENT (object), &self->manager);
}

/* Everything that the document says is declared by it now, spelt as there, at its lines. */
static void
note_applied (BanyanPlan *self)
{
  for (guint i = 0; i < self->words->len; i++)
    {
      BanyanPlanSetting *words = &g_array_index (self->words, BanyanPlanSetting, i);
      g_autoptr (BanyanSpec) declared = banyan_spec_with (
          banyan_object_get_declaration (words->object), words->key, words->value);

      banyan_object_set_declaration (words->object, declared);
      adopt_edges (self, words->object, words->key);
      adopt_named (self, words->object);
    }
  banyan_graph_set_applied (self->graph, self->applied);
  self->is_applied = TRUE;
}

static void
applied (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BanyanPlan *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (!banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  note_applied (self);
  g_task_return_boolean (task, TRUE);
}

/**
 * banyan_plan_apply_async:
 * @self: a plan
 * @cancellable: (nullable): to give up, as long as nothing is in force
 * @callback: (scope async): called on the main thread when all is done, or nothing
 * @user_data: passed to @callback
 *
 * Does what a plan says, in one transaction. A graph that has changed since may refuse it.
 */
void
banyan_plan_apply_async (BanyanPlan *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GTask *task;

  g_return_if_fail (BANYAN_IS_PLAN (self));
  g_return_if_fail (!self->is_used);

  self->is_used = TRUE;
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  if (banyan_plan_is_empty (self))
    {
      note_applied (self);
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  banyan_transaction_commit_async (self->transaction, cancellable, applied, task);
}

/**
 * banyan_plan_apply_finish:
 * @self: a plan
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether the graph is as the document says; if not, nothing has changed
 */
gboolean
banyan_plan_apply_finish (BanyanPlan *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * banyan_plan_apply:
 * @self: a plan
 * @error: where to put the error, or %NULL
 *
 * As banyan_plan_apply_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether the graph is as the document says; if not, nothing has changed
 */
gboolean
banyan_plan_apply (BanyanPlan *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_PLAN (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_plan_apply_async (self, NULL, banyan_keep_result, &result);
  return banyan_plan_apply_finish (self, banyan_wait_for_result (&result), error);
}
