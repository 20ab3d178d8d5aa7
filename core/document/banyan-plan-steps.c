/* banyan-plan-steps.c - what a plan makes anew, and who has to lead there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-graph-private.h"
#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-plan-private.h"

/* -- Twins in earnest: declared again, with links to what stays. -- */

static BanyanSpec *
with_type (BanyanObject *twin, BanyanCollection *collection)
{
  g_autoptr (BanyanSpec) whole = banyan_object_declare_whole (twin);
  g_autoptr (BanyanSpec) name = banyan_spec_new_scalar (
      BANYAN_SPEC_STRING,
      banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (twin)),
      banyan_spec_get_origin (whole));

  return banyan_spec_with (whole, banyan_collection_get_type_key (collection), name);
}

static void
declare_addition (BanyanPlan *self, BanyanMapper *mapper, BanyanAddition *addition)
{
  const char *id = banyan_object_get_id (addition->twin);
  BanyanCollection *collection;
  g_autoptr (BanyanSpec) spec = NULL;

  if (addition->owner != NULL)
    {
      spec = banyan_object_declare_whole (addition->twin);
      banyan_mapper_declare_member (mapper, addition->owner, addition->property, id, spec);
      return;
    }

  collection = banyan_root_get_collection_for_type (BANYAN_ROOT (self->graph),
                                                    G_OBJECT_TYPE (addition->twin));
  spec = with_type (addition->twin, collection);
  banyan_mapper_declare (mapper, collection, id, banyan_spec_get_origin (spec), spec);
}

/* -- Objects and their additions. -- */

static char *
key_of (BanyanObject *object, BanyanObject *owner)
{
  return g_strdup_printf ("%p %s %s", (void *) owner, G_OBJECT_TYPE_NAME (object),
                          banyan_object_get_id (object));
}

/* By what is made of them. */
static GHashTable *
index_additions (BanyanPlan *self)
{
  GHashTable *index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->additions->len; i++)
    {
      BanyanAddition *addition = &g_array_index (self->additions, BanyanAddition, i);

      self->n_visits++;
      g_hash_table_insert (index, key_of (addition->twin, addition->owner), addition);
    }
  return index;
}

/* Edges of what stays, and of programs, lead to the new node where they led to the old. */
static void
take_over_edges (BanyanPlan *self, BanyanNode *old, BanyanNode *new)
{
  GPtrArray *edges = banyan_node_get_parents (old);

  for (guint i = 0; i < edges->len; i++)
    banyan_transaction_replace_child (self->transaction, edges->pdata[i], new);
}

static void
add_object (BanyanPlan *self, GHashTable *index, BanyanObject *object, BanyanObject *owner)
{
  g_autofree char *key = key_of (object, owner);
  BanyanAddition *addition = g_hash_table_lookup (index, key);

  self->n_visits++;
  if (addition != NULL && banyan_object_is_implicit (addition->twin))
    banyan_object_set_implicit (object, TRUE);
  banyan_transaction_add (self->transaction, object, owner);
  if (addition != NULL && addition->replaced != NULL && BANYAN_IS_NODE (addition->replaced))
    take_over_edges (self, BANYAN_NODE (addition->replaced), BANYAN_NODE (object));
}

/* What stays, by what it will be called. */
static GHashTable *
name_renamed (BanyanPlan *self)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->renamings->len; i++)
    {
      BanyanObject *twin = self->renamings->pdata[i];
      BanyanObject *object = g_hash_table_lookup (self->objects, twin);

      g_hash_table_insert (
          names,
          g_strdup_printf ("%s/%s", banyan_object_get_id (banyan_object_get_parent (object)),
                           banyan_object_get_id (twin)),
          object);
    }
  return names;
}

void
banyan_plan_add_new (BanyanPlan *self, BanyanProblems *problems)
{
  g_autoptr (BanyanMapper) mapper
      = banyan_mapper_new (BANYAN_ROOT (self->graph), self->directory, problems);
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (GHashTable) names = NULL;
  g_autoptr (GHashTable) index = index_additions (self);

  banyan_mapper_set_replaces (mapper, TRUE);
  banyan_mapper_set_completes (mapper, TRUE);
  names = name_renamed (self);
  banyan_mapper_set_candidates (mapper, names);
  for (guint i = 0; i < self->additions->len; i++)
    declare_addition (self, mapper, &g_array_index (self->additions, BanyanAddition, i));

  objects = banyan_mapper_build (mapper);
  for (guint i = 0; objects != NULL && i < objects->len; i++)
    add_object (self, index, objects->pdata[i],
                banyan_mapper_get_owner (mapper, objects->pdata[i]));
}
