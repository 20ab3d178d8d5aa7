/* banyan-transaction-part.c - one object on its way into the graph, or through a change
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

#include "banyan-frontend-private.h"

#include <banyan/banyan-job.h>
#include <banyan/banyan-node.h>
#include <string.h>

static void
free_part (gpointer data)
{
  BanyanPart *self = data;

  g_clear_pointer (&self->change, banyan_change_free);
  g_free (self);
}

/* What others link to comes first, and what serves clients last. */
static guint
rank (BanyanObject *object)
{
  if (!BANYAN_IS_ELEMENT (object))
    return 0;
  if (BANYAN_IS_NODE (object))
    return 1;
  if (BANYAN_IS_JOB (object))
    return 2;

  return BANYAN_IS_FRONTEND (object) ? 4 : 3;
}

BanyanPart *
banyan_part_new (BanyanViewObject *object)
{
  BanyanPart *self = g_new0 (BanyanPart, 1);

  self->object = object;
  self->grown_from = self->shrunk_from = G_MAXUINT64;
  self->was_in_tree = banyan_object_get_parent (object->object) != NULL;
  if (object->is_added)
    return self;

  self->change
      = banyan_change_new (banyan_view_object_get_proposal (object), object->used, object->shared);
  for (guint i = 0; i < object->settings->len; i++)
    banyan_change_touch (self->change,
                         ((BanyanViewSetting *) object->settings->pdata[i])->pspec->name);
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (edge->is_new || edge->is_removed || edge->node != edge->child->node
          || object->is_reordered)
        banyan_change_touch (self->change, g_intern_string (edge->child->role));
    }
  return self;
}

/* What lacks its file joins when that is known. */
static gboolean
takes_part (BanyanViewObject *object)
{
  return (object->is_added && !object->is_partial)
         || (!object->is_removed && (object->is_changed || object->settings->len > 0));
}

/* Lower ones first. What is no element has no edges, and the order in which it was added is the one
 * that its links need. */
GPtrArray *
banyan_parts_new (BanyanGraphView *view)
{
  GPtrArray *parts = g_ptr_array_new_with_free_func (free_part);

  for (guint i = 0; i < view->objects->len; i++)
    {
      BanyanViewObject *object = view->objects->pdata[i];

      if (rank (object->object) == 0 && takes_part (object))
        g_ptr_array_add (parts, banyan_part_new (object));
    }

  for (guint wanted = 1; wanted <= 4; wanted++)
    for (guint i = view->order->len; i-- > 0;)
      {
        BanyanViewObject *object = view->order->pdata[i];

        if (rank (object->object) == wanted && takes_part (object))
          g_ptr_array_add (parts, banyan_part_new (object));
      }

  return parts;
}

/* -- Opening what is new. -- */

static gboolean
enter_tree (BanyanPart *self, GError **error)
{
  BanyanViewObject *object = self->object;

  if (!self->was_in_tree && banyan_object_get_parent (object->object) == NULL
      && !banyan_object_add_successor (object->parent, object->object, error))
    return FALSE;

  for (guint i = 0; i < object->settings->len; i++)
    {
      BanyanViewSetting *setting = object->settings->pdata[i];

      banyan_object_put (object->object, setting->pspec, &setting->value, setting->spec);
    }
  return TRUE;
}

void
banyan_transaction_bind_edge (BanyanTransaction *self, BanyanPart *part, BanyanViewEdge *edge)
{
  BanyanElement *element = BANYAN_ELEMENT (part->object->object);
  const BanyanRole *role
      = banyan_element_class_find_role (BANYAN_ELEMENT_GET_CLASS (element), edge->child->role);

  if (edge->is_new)
    banyan_element_adopt_edge (element, edge->child);
  edge->is_new = FALSE;
  if (role->is_backend && edge->child->backend == NULL)
    edge->child->backend = banyan_backend_new_for_edge (
        element, edge->child, banyan_element_get_home (element, self->graph));
  banyan_transaction_switch_edge (self, edge);
  edge->child->manager
      = edge->implied != NULL ? *banyan_spec_get_origin (edge->implied) : self->manager;
  banyan_child_update_route (edge->child);
  if (edge->implied != NULL)
    banyan_transaction_declare_implied (part, edge);
}

/* What the command line adds to a document that is loaded does not answer to the document, nor does
 * what an image names. */
const BanyanOrigin *
banyan_transaction_get_manager (BanyanTransaction *self, BanyanElement *element)
{
  BanyanSpec *declared = banyan_object_get_declaration (BANYAN_OBJECT (element));
  const BanyanOrigin *origin = declared != NULL ? banyan_spec_get_origin (declared) : NULL;

  return origin != NULL
                 && (origin->kind == BANYAN_ORIGIN_COMMAND_LINE
                     || origin->kind == BANYAN_ORIGIN_IMAGE)
             ? origin
             : &self->manager;
}

/* Nobody uses a new object yet, so its edges need no gates. */
static void
bind_edges (BanyanTransaction *self, BanyanPart *part)
{
  BanyanViewObject *object = part->object;
  BanyanElement *element = BANYAN_ELEMENT (object->object);

  banyan_element_set_in_force (element, object->used, object->shared);
  banyan_element_set_manager (element, banyan_transaction_get_manager (self, element));
  for (guint i = 0; i < object->edges->len; i++)
    if (!banyan_transaction_is_partial (self, object->edges->pdata[i]))
      banyan_transaction_bind_edge (self, part, object->edges->pdata[i]);
  banyan_element_bind_fields (element);
  if (BANYAN_IS_NODE (element))
    banyan_node_update_limits (BANYAN_NODE (element));
  part->is_bound = TRUE;
}

static gboolean
open_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  if (klass->open != NULL && !klass->open (element, error))
    return FALSE;

  if (BANYAN_IS_NODE (element))
    banyan_node_attach_here (BANYAN_NODE (element));
  return TRUE;
}

static gboolean
open_element (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  BanyanElement *element = BANYAN_ELEMENT (part->object->object);

  banyan_object_set_state (part->object->object, BANYAN_OBJECT_CONFIGURED);
  bind_edges (self, part);
  if (!banyan_transaction_may_go_on (self, error)
      || !banyan_co_transaction_hook (self, element, open_hook, NULL, error))
    return FALSE;

  part->is_open = TRUE;
  if (BANYAN_IS_NODE (element))
    banyan_node_update_limits (BANYAN_NODE (element));
  banyan_object_set_state (part->object->object, BANYAN_OBJECT_OPEN);
  return TRUE;
}

static gboolean
open_part (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  g_autofree char *path = NULL;
  gboolean opened;

  if (!enter_tree (part, error))
    return FALSE;

  if (BANYAN_IS_ELEMENT (part->object->object))
    opened = open_element (self, part, error);
  else
    opened = part->is_open
        = banyan_transaction_may_go_on (self, error)
          && banyan_co_object_open (part->object->object,
                                    self->task ? g_task_get_cancellable (self->task) : NULL, error);
  if (opened)
    {
      banyan_graph_view_check_found_read_only (self->view, part->object);
      return banyan_problems_check (self->view->problems, error);
    }

  path = banyan_view_object_dup_path (part->object);
  g_prefix_error (error, "%s: ", path);
  banyan_part_blame (part, error);
  return FALSE;
}

gboolean
banyan_co_part_open_late (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  return part->is_open || !banyan_view_object_waits (part->object) || open_part (self, part, error);
}

/* -- Changing what was there. -- */

static gboolean
prepare_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  return klass->prepare == NULL || klass->prepare (element, data, error);
}

gboolean
banyan_co_part_prepare (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  if (part->object->is_added)
    return banyan_view_object_waits (part->object) || part->is_open
           || open_part (self, part, error);
  if (!part->object->is_changed)
    return TRUE;

  if (!banyan_transaction_may_go_on (self, error)
      || !banyan_co_transaction_hook (self, BANYAN_ELEMENT (part->object->object), prepare_hook,
                                      part->change, error))
    {
      g_autofree char *path = banyan_view_object_dup_path (part->object);

      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }

  part->is_prepared = TRUE;
  return TRUE;
}

static gboolean
settle_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  return klass->settle == NULL || klass->settle (element, data, error);
}

gboolean
banyan_co_part_settle (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  BanyanViewObject *object = part->object;

  if (!BANYAN_IS_ELEMENT (object->object) || (!object->is_added && !object->is_changed))
    return TRUE;

  /* What was opened has no change yet; now it may write. */
  if (part->change == NULL)
    part->change = banyan_change_new (banyan_view_object_get_proposal (object), object->used,
                                      object->shared);

  if (banyan_transaction_may_go_on (self, error)
      && banyan_co_transaction_hook (self, BANYAN_ELEMENT (object->object), settle_hook,
                                     part->change, error))
    return TRUE;

  g_autofree char *path = banyan_view_object_dup_path (object);
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* -- Undoing. -- */

static gboolean
close_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  if (BANYAN_IS_NODE (element))
    banyan_node_detach_here (BANYAN_NODE (element));
  if (klass->close != NULL)
    klass->close (element);
  return TRUE;
}

/* As it was: made, not open, and able to be tried again. */
static void
leave (BanyanTransaction *self, BanyanPart *part)
{
  BanyanObject *object = part->object->object;

  if (BANYAN_IS_ELEMENT (object))
    {
      if (part->is_open)
        banyan_co_transaction_hook (self, BANYAN_ELEMENT (object), close_hook, NULL, NULL);
      if (part->is_bound)
        banyan_co_element_unbind (BANYAN_ELEMENT (object));
      banyan_part_forget_implied (part);
      banyan_object_set_state (object, BANYAN_OBJECT_CONSTRUCTED);
    }
  else if (part->is_open)
    banyan_co_object_close (object, NULL);

  if (!part->was_in_tree && banyan_object_get_parent (object) == part->object->parent)
    banyan_object_remove_child (part->object->parent, object);
}

void
banyan_co_part_undo (BanyanTransaction *self, BanyanPart *part)
{
  BanyanElementClass *klass;

  banyan_co_part_ungrow (self, part);
  if (part->object->is_added)
    {
      leave (self, part);
      return;
    }
  if (!part->is_prepared)
    return;

  klass = BANYAN_ELEMENT_GET_CLASS (part->object->object);
  if (klass->abort != NULL)
    klass->abort (BANYAN_ELEMENT (part->object->object), part->change);
  banyan_change_clear_data (part->change);
}

/* -- The switch. -- */

void
banyan_transaction_switch_edge (BanyanTransaction *self, BanyanViewEdge *edge)
{
  BanyanChild *child = edge->child;

  /* What it counted until now goes with the view. */
  if (edge->is_recounted)
    {
      BanyanStatistics *old = child->statistics;

      child->statistics = edge->statistics;
      edge->statistics = old;
      edge->is_recounted = FALSE;
    }

  /* Requests look at what was taken: an edge that keeps it is not drained, and not written to. */
  if (child->used != edge->used || child->shared != edge->shared)
    {
      child->used = edge->used;
      child->shared = edge->shared;
    }
  if (edge->node == child->node)
    return;

  BanyanNode *old = banyan_child_switch (child, edge->node);
  if (old != NULL)
    g_ptr_array_add (self->dropped, old);
  banyan_child_set_target (child, edge->node);
  child->manager = edge->implied != NULL ? *banyan_spec_get_origin (edge->implied) : self->manager;
}

static void
switch_members (BanyanTransaction *self, BanyanViewObject *object)
{
  BanyanElement *element = BANYAN_ELEMENT (object->object);

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (edge->is_new)
        banyan_element_adopt_edge (element, edge->child);
      edge->is_new = FALSE;
      if (!edge->is_removed)
        continue;

      edge->node = NULL;
      banyan_transaction_switch_edge (self, edge);
      banyan_element_drop_edge (element, edge->child);
      g_ptr_array_add (self->dropped_edges, edge->child);
    }
}

static BanyanViewEdge *
find_role_edge (BanyanViewObject *object, const char *role)
{
  for (guint i = 0; i < object->edges->len; i++)
    if (g_str_equal (((BanyanViewEdge *) object->edges->pdata[i])->child->role, role))
      return object->edges->pdata[i];

  return NULL;
}

/* Whether one of the edges of a list leads elsewhere than it did. */
static gboolean
has_moved_member (BanyanViewObject *object, const char *role)
{
  gsize length = strlen (role);

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (strncmp (edge->child->role, role, length) == 0 && edge->child->role[length] == '.'
          && (edge->is_moved || edge->is_removed))
        return TRUE;
    }
  return FALSE;
}

/* What storage says is said by nobody else as long as it is so. (transfer full) */
static BanyanSpec *
declare_role (BanyanTransaction *self, BanyanViewObject *object, GParamSpec *pspec)
{
  BanyanViewEdge *edge = find_role_edge (object, pspec->name);
  BanyanSpec *declared
      = banyan_spec_lookup (banyan_object_get_declaration (object->object), pspec->name);
  g_autoptr (BanyanSpec) spec = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  if (edge != NULL && edge->implied != NULL)
    return banyan_spec_ref (edge->implied);

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (object->object), pspec->name, &value);
  spec = banyan_param_value_to_spec (pspec, &value, &self->manager);
  if (declared != NULL && banyan_spec_get_origin (declared)->kind == BANYAN_ORIGIN_IMAGE
      && (edge != NULL ? !edge->is_moved : !has_moved_member (object, pspec->name)))
    return banyan_spec_ref (declared);
  return g_steal_pointer (&spec);
}

/* A person who asks what was declared gets what is there. */
static void
declare_roles (BanyanTransaction *self, BanyanViewObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_autoptr (BanyanSpec) declared = NULL;
      g_autoptr (BanyanSpec) spec = NULL;

      if (banyan_param_get_role (pspecs[i]) == NULL)
        continue;

      spec = declare_role (self, object, pspecs[i]);
      if (banyan_spec_lookup (banyan_object_get_declaration (object->object), pspecs[i]->name)
              == NULL
          && banyan_spec_get_kind (spec) == BANYAN_SPEC_NULL)
        continue;

      declared = banyan_spec_with (banyan_object_get_declaration (object->object), pspecs[i]->name,
                                   spec);
      banyan_object_set_declaration (object->object, declared);
      g_object_notify_by_pspec (G_OBJECT (object->object), pspecs[i]);
    }
}

static gboolean
moves_edges (BanyanViewObject *object)
{
  if (object->is_reordered)
    return TRUE;

  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanViewEdge *edge = object->edges->pdata[i];

      if (edge->is_new || edge->is_removed || edge->node != edge->child->node)
        return TRUE;
    }

  return FALSE;
}

/* From now on it is what its id means. Whoever owns a part knows it, however it came to be one. */
static void
take_place (BanyanTransaction *self, BanyanViewObject *object)
{
  BanyanViewObject *owner = banyan_graph_view_find (self->view, object->parent);

  banyan_object_take_id (object->object);
  if (owner != NULL)
    banyan_object_note_member (owner->object, object->object, TRUE);
}

static guint
place_of (BanyanViewObject *object, BanyanChild *child)
{
  guint i = 0;

  while (((BanyanViewEdge *) object->edges->pdata[i])->child != child)
    i++;
  return i;
}

static gint
compare_places (gconstpointer a, gconstpointer b, gpointer object)
{
  return (gint) place_of (object, *(BanyanChild *const *) a)
         - (gint) place_of (object, *(BanyanChild *const *) b);
}

static void
switch_edges (BanyanTransaction *self, BanyanViewObject *object)
{
  switch_members (self, object);
  if (object->is_reordered)
    banyan_element_sort_edges (BANYAN_ELEMENT (object->object), compare_places, object);
  for (guint i = 0; i < object->edges->len; i++)
    banyan_transaction_switch_edge (self, object->edges->pdata[i]);
  banyan_element_bind_fields (BANYAN_ELEMENT (object->object));
  declare_roles (self, object);
}

static void
undeclare (BanyanViewObject *object)
{
  for (guint i = 0; i < object->resets->len; i++)
    {
      g_autoptr (BanyanSpec) declared = banyan_spec_with (
          banyan_object_get_declaration (object->object), object->resets->pdata[i], NULL);

      banyan_object_set_declaration (object->object, declared);
    }
}

/* Values, edges and permissions of what was there before. Its class sees them as they are now when
 * its commit is called. */
void
banyan_part_switch (BanyanTransaction *self, BanyanPart *part)
{
  BanyanViewObject *object = part->object;

  if (object->is_added)
    {
      take_place (self, object);
      return;
    }

  for (guint i = 0; i < object->settings->len; i++)
    {
      BanyanViewSetting *setting = object->settings->pdata[i];

      banyan_object_put (object->object, setting->pspec, &setting->value, setting->spec);
    }
  if (BANYAN_IS_ELEMENT (object->object))
    banyan_element_set_in_force (BANYAN_ELEMENT (object->object), object->used, object->shared);
  if (BANYAN_IS_ELEMENT (object->object) && moves_edges (object))
    switch_edges (self, object);
  undeclare (object);
}

void
banyan_part_commit (BanyanPart *part)
{
  BanyanElementClass *klass;

  if (!part->is_prepared)
    return;

  klass = BANYAN_ELEMENT_GET_CLASS (part->object->object);
  if (klass->commit != NULL)
    klass->commit (BANYAN_ELEMENT (part->object->object), part->change);
}

/* -- Afterwards. -- */

static gboolean
finish_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  if (klass->finish != NULL)
    klass->finish (element, data);
  return TRUE;
}

void
banyan_co_part_finish (BanyanTransaction *self, BanyanPart *part)
{
  if (part->is_prepared)
    banyan_co_transaction_hook (self, BANYAN_ELEMENT (part->object->object), finish_hook,
                                part->change, NULL);
  if (part->change != NULL)
    banyan_change_clear_data (part->change);
}

static gboolean
start_hook (BanyanElement *element, gpointer data, GError **error)
{
  BANYAN_ELEMENT_GET_CLASS (element)->start (element);
  return TRUE;
}

void
banyan_co_part_start (BanyanTransaction *self, BanyanPart *part)
{
  BanyanObject *object = part->object->object;

  if (part->object->is_added && BANYAN_IS_ELEMENT (object)
      && BANYAN_ELEMENT_GET_CLASS (object)->start != NULL)
    banyan_co_transaction_hook (self, BANYAN_ELEMENT (object), start_hook, NULL, NULL);
}
