/* banyan-plan-compare.c - twins against what runs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

#include <banyan/banyan-frontend.h>
#include <banyan/banyan-node.h>

#include <string.h>

/* Two objects, of which one is as the document has it. */
typedef struct
{
  BanyanPlan *plan;
  BanyanObject *twin;
  BanyanObject *object;
  char *path;       /* (owned) */
  BanyanSpec *last; /* (unowned) (nullable): what the last document said */
} Pair;

static BanyanSpec *
declared_for (BanyanSpec *declaration, const char *key)
{
  return declaration != NULL ? banyan_spec_lookup (declaration, key) : NULL;
}

/* -- Values. -- */

static gboolean
has_same_value (const Pair *self, GParamSpec *pspec)
{
  g_auto (GValue) wanted = G_VALUE_INIT;
  g_auto (GValue) present = G_VALUE_INIT;

  if (banyan_param_is_secret (pspec) || !(pspec->flags & G_PARAM_READABLE))
    return FALSE;

  g_value_init (&wanted, pspec->value_type);
  g_value_init (&present, pspec->value_type);
  g_object_get_property (G_OBJECT (self->twin), pspec->name, &wanted);
  g_object_get_property (G_OBJECT (self->object), pspec->name, &present);
  return banyan_value_equal (&wanted, &present);
}

static gboolean
is_null (BanyanSpec *spec)
{
  return spec == NULL || banyan_spec_get_kind (spec) == BANYAN_SPEC_NULL;
}

/* What the document calls that which an id means now. NULL: the id means something else there. */
static const char *
translate_id (const Pair *self, GParamSpec *pspec, const char *id)
{
  BanyanObject *target = banyan_plan_find_target (self->plan, pspec, id);
  BanyanObject *twin = target != NULL ? g_hash_table_lookup (self->plan->twins_of, target) : NULL;

  if (twin != NULL)
    return banyan_object_get_id (twin);
  if (target == NULL || g_hash_table_contains (self->plan->replaced, target))
    return id;

  return g_hash_table_contains (self->plan->twin_ids, id) ? NULL : id;
}

/* @declared with the ids that the document has for what it names. (transfer full) */
static BanyanSpec *
translate (const Pair *self, GParamSpec *pspec, BanyanSpec *declared)
{
  BanyanSpecKind kind = banyan_spec_get_kind (declared);
  const BanyanOrigin *origin = banyan_spec_get_origin (declared);
  BanyanSpecBuilder *builder;

  if (kind == BANYAN_SPEC_NULL)
    return banyan_spec_ref (declared);
  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    {
      const char *id = translate_id (self, pspec, banyan_spec_get_text (declared));

      return id != NULL ? banyan_spec_new_scalar (BANYAN_SPEC_STRING, id, origin)
                        : banyan_spec_new_null (origin);
    }

  builder = banyan_spec_builder_new (kind, origin);
  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    banyan_spec_builder_take (
        builder, kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (declared, i) : NULL,
        translate (self, banyan_param_get_element (pspec), banyan_spec_get_item (declared, i)));
  return banyan_spec_builder_end (builder);
}

static gboolean
leads_the_same_way (const Pair *self, GParamSpec *pspec, BanyanSpec *wanted, BanyanSpec *present)
{
  g_autoptr (BanyanSpec) translated = NULL;

  if (is_null (wanted) || is_null (present))
    return is_null (wanted) && is_null (present);

  translated = translate (self, pspec, present);
  return banyan_spec_equal (wanted, translated);
}

static gboolean
is_named_by_image (const Pair *self, GParamSpec *pspec)
{
  return banyan_param_get_role (pspec) != NULL
         && banyan_element_implies (BANYAN_ELEMENT (self->object), pspec->name);
}

/* The file of a backing, which the image above names. */
static gboolean
is_completed (GParamSpec *pspec, BanyanSpec *wanted, BanyanSpec *present)
{
  return banyan_param_is_completable (pspec) && wanted == NULL && present != NULL
         && banyan_spec_get_origin (present)->kind == BANYAN_ORIGIN_IMAGE;
}

/* Links are compared by what they lead to, everything else by what it means. A child that an image
 * names is nobody's declaration; where one is named, to say nothing and to say null are not the
 * same. */
static gboolean
is_same (const Pair *self, GParamSpec *pspec, BanyanSpec *wanted, BanyanSpec *present)
{
  if (is_completed (pspec, wanted, present))
    return TRUE;
  if (is_named_by_image (self, pspec) && (wanted == NULL || present == NULL))
    return wanted == present
           || (present != NULL
               && banyan_element_is_implied (BANYAN_ELEMENT (self->object), pspec->name));
  if (banyan_param_has_links (pspec))
    return leads_the_same_way (self, pspec, wanted, present);
  if (wanted != NULL && present != NULL && banyan_spec_equal (wanted, present))
    return TRUE;

  return has_same_value (self, pspec);
}

static gboolean
is_declared_as (BanyanSpec *one, BanyanSpec *other)
{
  return one != NULL && other != NULL ? banyan_spec_equal (one, other) : one == other;
}

/* The document has said so before, and still does: somebody else has changed it since. Where nobody
 * has, an id means another object now. */
static gboolean
is_drift (const Pair *self, const char *key, BanyanSpec *wanted, BanyanSpec *present)
{
  BanyanSpec *last = declared_for (self->last, key);

  return self->last != NULL && is_declared_as (wanted, last) && !is_declared_as (present, last);
}

static const char *
tell_how (GParamSpec *pspec)
{
  switch (banyan_param_get_mutability (pspec))
    {
    case BANYAN_MUTABLE_LIVE:
      return "live";
    case BANYAN_MUTABLE_RESIZE:
      return "resize";
    default:
      return "reopen";
    }
}

/* Names of files as the twin has them: a transaction knows no folder that they are relative to.
 * (transfer full) */
static BanyanSpec *
with_whole_names (const Pair *self, GParamSpec *pspec, BanyanSpec *wanted)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (!banyan_param_is_path (pspec) && !g_type_is_a (pspec->value_type, BANYAN_TYPE_STRUCT))
    return banyan_spec_ref (wanted);

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (self->twin), pspec->name, &value);
  return banyan_param_value_to_spec (pspec, &value, banyan_spec_get_origin (wanted));
}

static void
add_setting (const Pair *self, GParamSpec *pspec, BanyanSpec *wanted)
{
  BanyanPlanSetting setting = { g_object_ref (self->object), g_intern_string (pspec->name),
                                wanted != NULL ? with_whole_names (self, pspec, wanted) : NULL };

  g_array_append_val (self->plan->settings, setting);
  if (wanted == NULL || setting.value == wanted)
    return;

  setting.object = g_object_ref (self->object);
  setting.value = banyan_spec_ref (wanted);
  g_array_append_val (self->plan->words, setting);
}

/* -- Properties. -- */

static gboolean
needs_replacing (GParamSpec *pspec)
{
  return banyan_param_get_mutability (pspec) == BANYAN_MUTABLE_BEFORE_OPEN
         && banyan_param_get_role (pspec) == NULL;
}

static gboolean
is_declared_so (BanyanSpec *wanted, BanyanSpec *present)
{
  const BanyanOrigin *one, *other;

  if (wanted == NULL || present == NULL)
    return wanted == present;

  one = banyan_spec_get_origin (wanted);
  other = banyan_spec_get_origin (present);
  return banyan_spec_equal (wanted, present) && one->kind == other->kind && one->name == other->name
         && one->line == other->line && one->column == other->column;
}

/* The same value, in the words of this document from now on. */
static void
note_words (const Pair *self, GParamSpec *pspec, BanyanSpec *wanted, BanyanSpec *present)
{
  BanyanPlanSetting setting = { NULL, g_intern_string (pspec->name), NULL };

  if (is_declared_so (wanted, present))
    return;

  setting.object = g_object_ref (self->object);
  setting.value = wanted != NULL ? banyan_spec_ref (wanted) : NULL;
  g_array_append_val (self->plan->words, setting);
}

static gboolean
has_identity (BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_identifying (pspecs[i]))
      return TRUE;
  return FALSE;
}

/* Why another object takes the place of @object, and what that costs. A leaf that is nowhere else
 * is not found again there. */
static const char *
tell_loss (BanyanObject *object)
{
  if (BANYAN_IS_FRONTEND (object) || BANYAN_IS_EXPORT (object))
    return "can be set before opening only; its clients are disconnected";
  if (BANYAN_IS_PROTOCOL (object) && !has_identity (object))
    return "can be set before opening only; the new one begins empty";

  return "can be set before opening only";
}

/* FALSE: it can only be had by putting another object in the place of this one. */
static gboolean
compare_property (const Pair *self, GParamSpec *pspec)
{
  BanyanSpec *wanted = declared_for (banyan_object_get_declaration (self->twin), pspec->name);
  BanyanSpec *present = declared_for (banyan_object_get_declaration (self->object), pspec->name);

  if (is_same (self, pspec, wanted, present))
    {
      if (wanted != NULL
          || !(is_named_by_image (self, pspec) || is_completed (pspec, wanted, present)))
        note_words (self, pspec, wanted, present);
      return TRUE;
    }
  if (is_drift (self, pspec->name, wanted, present) && !(self->plan->flags & BANYAN_PLAN_OVERRIDE))
    {
      banyan_plan_note (self->plan, BANYAN_DIFFERENCE_DRIFT, self->path, pspec->name, present,
                        wanted, "kept");
      return TRUE;
    }
  if (needs_replacing (pspec))
    {
      banyan_plan_note (self->plan, BANYAN_DIFFERENCE_REPLACE, self->path, pspec->name, present,
                        wanted, tell_loss (self->object));
      return FALSE;
    }

  banyan_plan_note (self->plan, BANYAN_DIFFERENCE_SET, self->path, pspec->name, present, wanted,
                    tell_how (pspec));
  add_setting (self, pspec, wanted);
  return TRUE;
}

/* In the order of the class. Those of one that is to be replaced need not be set, but all are
 * told. */
static gboolean
compare_properties (const Pair *self)
{
  g_autofree GParamSpec **pspecs = NULL;
  gboolean stays = TRUE;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_settable (pspecs[i]) && !banyan_param_has_members (pspecs[i])
        && (declared_for (banyan_object_get_declaration (self->twin), pspecs[i]->name) != NULL
            || declared_for (banyan_object_get_declaration (self->object), pspecs[i]->name)
                   != NULL))
      stays &= compare_property (self, pspecs[i]);
  return stays;
}

/* -- Objects. -- */

static gboolean
is_documents (BanyanObject *object)
{
  const BanyanOrigin *origin
      = BANYAN_IS_ELEMENT (object)
            ? banyan_element_get_manager (BANYAN_ELEMENT (object))
            : banyan_spec_get_origin (banyan_object_get_declaration (object));

  return origin->kind == BANYAN_ORIGIN_DOCUMENT;
}

static void
add_twin (BanyanPlan *plan, BanyanObject *twin, BanyanObject *owner, const char *property,
          BanyanObject *replaced)
{
  BanyanAddition addition = { twin, owner, property, replaced };

  g_array_append_val (plan->additions, addition);
}

static void compare_object (BanyanPlan *plan, BanyanObject *twin, BanyanObject *object,
                            BanyanObject *owner, const char *property);

/* What has its id now, as another object of the document perhaps. */
static BanyanObject *
find_namesake (BanyanPlan *plan, BanyanObject *twin, BanyanObject *owner)
{
  if (owner == NULL)
    owner = BANYAN_OBJECT (
        banyan_root_get_collection_for_type (BANYAN_ROOT (plan->graph), G_OBJECT_TYPE (twin)));
  return banyan_object_get_child (owner, banyan_object_get_id (twin));
}

static void
note_new (BanyanPlan *plan, BanyanObject *twin, BanyanObject *owner, const char *property)
{
  g_autofree char *path = banyan_applied_path_of (plan->graph, twin);
  BanyanSpec *last = banyan_applied_lookup (plan->graph, path);
  g_autoptr (BanyanSpec) whole = banyan_object_declare_whole (twin);

  if (last != NULL && find_namesake (plan, twin, owner) == NULL
      && !(plan->flags & BANYAN_PLAN_OVERRIDE)
      && banyan_spec_equal (last, banyan_object_get_declaration (twin)))
    {
      banyan_plan_note (plan, BANYAN_DIFFERENCE_DRIFT, path, NULL, NULL, whole,
                        "was removed, and stays so");
      return;
    }

  banyan_plan_note (plan, BANYAN_DIFFERENCE_ADD, path, NULL, NULL, whole, NULL);
  add_twin (plan, twin, owner, property, NULL);
}

static void
note_gone (BanyanPlan *plan, BanyanObject *object)
{
  g_autofree char *path = banyan_object_dup_path (object);

  banyan_plan_note (plan, BANYAN_DIFFERENCE_REMOVE, path, NULL,
                    banyan_object_get_declaration (object), NULL, NULL);
  g_ptr_array_add (plan->removals, g_object_ref (object));
}

static gboolean
is_wanted (BanyanPlan *plan, BanyanObject *object)
{
  return g_hash_table_contains (plan->twins_of, object)
         || g_hash_table_contains (plan->replaced, object);
}

/* What the document created and has no more. Inline children go with their last user. */
static void
remove_unwanted (BanyanPlan *plan, BanyanObject *parent)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (parent);

  for (guint i = 0; i < children->len; i++)
    {
      BanyanObject *child = children->pdata[i];

      if (!is_wanted (plan, child) && is_documents (child) && !banyan_object_is_implicit (child))
        note_gone (plan, child);
    }
}

static const char *
find_members_property (BanyanObject *owner)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (owner), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_has_members (pspecs[i]))
      return pspecs[i]->name;
  return NULL;
}

/* What @twin is, or what has to give its id up for it. */
static BanyanObject *
find_running (BanyanPlan *plan, BanyanObject *twin, BanyanObject *parent)
{
  BanyanObject *object = g_hash_table_lookup (plan->objects, twin);

  if (object == NULL)
    object = banyan_object_get_child (parent, banyan_object_get_id (twin));
  return object != NULL && g_hash_table_lookup (plan->objects, twin) != object
                 && g_hash_table_contains (plan->twins_of, object)
             ? NULL
             : object;
}

static void
compare_members (BanyanPlan *plan, BanyanObject *twin, BanyanObject *object)
{
  g_autoptr (GPtrArray) members = banyan_object_list_children (twin);
  const char *property = find_members_property (object);

  if (property == NULL)
    return;

  for (guint i = 0; i < members->len; i++)
    compare_object (plan, members->pdata[i], find_running (plan, members->pdata[i], object), object,
                    property);
  remove_unwanted (plan, object);
}

static void
replace_object (BanyanPlan *plan, BanyanObject *twin, BanyanObject *object, BanyanObject *owner,
                const char *property)
{
  g_ptr_array_add (plan->removals, g_object_ref (object));
  g_hash_table_add (plan->replaced, object);
  add_twin (plan, twin, owner, property, object);
}

/* What it was called, and whether it was declared inside of what uses it. */
static void
compare_name (Pair *self)
{
  const char *old = banyan_object_get_id (self->object), *new = banyan_object_get_id (self->twin);
  gboolean is_implicit = banyan_object_is_implicit (self->twin);
  gboolean moves = banyan_object_is_implicit (self->object) != is_implicit;
  const BanyanOrigin *origin = &self->plan->manager;
  g_autoptr (BanyanSpec) from = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, old, origin);
  g_autoptr (BanyanSpec) to = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, new, origin);

  if (!moves && g_str_equal (old, new))
    return;

  g_ptr_array_add (self->plan->renamings, self->twin);
  banyan_plan_note (self->plan, BANYAN_DIFFERENCE_RENAME, self->path, "id", from, to,
                    !moves        ? "stays open"
                    : is_implicit ? "stays open; declared inside of its user"
                                  : "stays open; declared by itself");
}

static void
compare_pair (Pair *self, BanyanObject *owner, const char *property)
{
  if (G_OBJECT_TYPE (self->twin) != G_OBJECT_TYPE (self->object))
    {
      banyan_plan_note (self->plan, BANYAN_DIFFERENCE_REPLACE, self->path, NULL, NULL, NULL,
                        "is of another type");
      replace_object (self->plan, self->twin, self->object, owner, property);
    }
  else if (compare_properties (self))
    {
      compare_name (self);
      compare_members (self->plan, self->twin, self->object);
    }
  else
    replace_object (self->plan, self->twin, self->object, owner, property);
}

static void
compare_object (BanyanPlan *plan, BanyanObject *twin, BanyanObject *object, BanyanObject *owner,
                const char *property)
{
  Pair pair = { plan, twin, object, NULL, NULL };

  if (object == NULL)
    {
      note_new (plan, twin, owner, property);
      return;
    }

  pair.path = banyan_object_dup_path (object);
  pair.last = banyan_applied_lookup (plan->graph, pair.path);
  compare_pair (&pair, owner, property);
  g_free (pair.path);
}

/* -- The whole. -- */

void
banyan_plan_compare (BanyanPlan *self)
{
  g_autoptr (GPtrArray) collections = banyan_object_list_children (BANYAN_OBJECT (self->graph));

  for (guint i = 0; i < self->twins->len; i++)
    {
      BanyanObject *twin = self->twins->pdata[i];
      BanyanCollection *collection;

      if (banyan_object_get_parent (twin) != NULL)
        continue; /* its owner's affair */

      collection
          = banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph), G_OBJECT_TYPE (twin));
      compare_object (self, twin, find_running (self, twin, BANYAN_OBJECT (collection)), NULL,
                      NULL);
    }

  for (guint i = 0; i < collections->len; i++)
    remove_unwanted (self, collections->pdata[i]);
}
