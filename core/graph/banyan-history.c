/* banyan-history.c - the last changes of a graph: who made them, what they were, how they ended
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Steps are described when the change begins, as what they name may be gone at its end. Of what is
 * secret only the name is kept. */

#include "banyan-transaction-private.h"

/* Of a change with more steps, the rest is counted. */
#define MAX_STEPS 64
#define MAX_ENTRIES 256

/* -- Steps. -- */

static const char *const step_words[] = {
  [BANYAN_STEP_ADD] = "add",
  [BANYAN_STEP_REMOVE] = "remove",
  [BANYAN_STEP_REPLACE_CHILD] = "replace-child",
  [BANYAN_STEP_INSERT_ON_EDGE] = "insert-on-edge",
  [BANYAN_STEP_INSERT_ABOVE] = "insert-above",
  [BANYAN_STEP_REMOVE_FILTER] = "remove-filter",
  [BANYAN_STEP_SET] = "set",
  [BANYAN_STEP_ADD_CHILD] = "add-child",
  [BANYAN_STEP_REMOVE_CHILD] = "remove-child",
  [BANYAN_STEP_RESIZE] = "resize",
  [BANYAN_STEP_REFRESH] = "refresh",
  [BANYAN_STEP_COUNT] = "count",
};

/* What is not in the tree yet has its id only. */
static void
add_object (BanyanSpecBuilder *map, const char *key, BanyanObject *object)
{
  g_autofree char *path = object != NULL ? banyan_object_dup_path (object) : NULL;

  if (object != NULL)
    banyan_spec_builder_add_string (map, key, path != NULL ? path : banyan_object_get_id (object));
}

static void
add_value (BanyanSpecBuilder *map, BanyanStep *step)
{
  g_autofree char *name = g_strndup (step->key, strcspn (step->key, "."));
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (step->object), name);

  if (pspec != NULL && !banyan_param_is_secret (pspec))
    banyan_spec_builder_take (map, "value", banyan_spec_ref (step->value));
}

static BanyanSpecBuilder *
describe_step (BanyanStep *step)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *edge = step->edge != NULL ? banyan_child_dup_path (step->edge) : NULL;

  banyan_spec_builder_add_string (map, "step", step_words[step->kind]);
  add_object (map, "object", step->object);
  banyan_spec_builder_add_string (map, "edge", edge);
  add_object (map, "other", step->other);
  banyan_spec_builder_add_string (map, "key", step->key);
  if (step->kind == BANYAN_STEP_SET && step->value != NULL)
    add_value (map, step);
  if (step->kind == BANYAN_STEP_RESIZE)
    banyan_spec_builder_add_uint (map, "length", step->length);
  return map;
}

static BanyanSpec *
describe_steps (GPtrArray *steps)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < MIN (steps->len, MAX_STEPS); i++)
    banyan_spec_builder_take_built (list, NULL, describe_step (steps->pdata[i]));
  return banyan_spec_builder_end (list);
}

/* -- Entries. -- */

void
banyan_transaction_begin_entry (BanyanTransaction *self)
{
  self->began_us = g_get_monotonic_time ();
  self->told_steps = describe_steps (self->steps);
}

static BanyanSpec *
describe_entry (BanyanTransaction *self, const GError *error)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *owner = banyan_origin_to_string (&self->manager);
  gint64 now_us = g_get_real_time ();

  banyan_spec_builder_add_string (map, "owner", owner);
  banyan_spec_builder_add_int (map, "time-us", now_us);
  banyan_spec_builder_add_string (map, "result", error == NULL ? "done" : "refused");
  banyan_spec_builder_add_string (map, "error", error != NULL ? error->message : NULL);
  banyan_spec_builder_add_int (map, "duration-us", g_get_monotonic_time () - self->began_us);
  banyan_spec_builder_add_int (map, "drained-us", self->drained_us);
  banyan_spec_builder_take (map, "steps", g_steal_pointer (&self->told_steps));
  if (self->steps->len > MAX_STEPS)
    banyan_spec_builder_add_uint (map, "more-steps", self->steps->len - MAX_STEPS);
  return banyan_spec_builder_end (map);
}

void
banyan_transaction_end_entry (BanyanTransaction *self, const GError *error)
{
  GQueue *history = banyan_graph_get_history (self->graph);

  if (self->told_steps == NULL)
    return;

  g_queue_push_tail (history, describe_entry (self, error));
  if (g_queue_get_length (history) > MAX_ENTRIES)
    banyan_spec_unref (g_queue_pop_head (history));
}

/**
 * banyan_graph_describe_history:
 * @self: a graph
 *
 * Tells of the last changes: who made each, when it ended and how, how long it took and how long
 * requests had to wait for it, and its steps. There are 256 at most; secrets are left out.
 *
 * Returns: (transfer full): a list of maps, the oldest first
 */
BanyanSpec *
banyan_graph_describe_history (BanyanGraph *self)
{
  BanyanSpecBuilder *list;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  list = banyan_spec_builder_new_list ();
  for (GList *l = banyan_graph_get_history (self)->head; l != NULL; l = l->next)
    banyan_spec_builder_take (list, NULL, banyan_spec_ref (l->data));
  return banyan_spec_builder_end (list);
}
