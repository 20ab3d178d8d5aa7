/* banyan-applied.c - what the last document declared, kept apart from what is declared now
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-plan-private.h"

static G_DEFINE_QUARK (banyan_applied, applied);

/**
 * banyan_graph_get_applied:
 * @self: a graph
 *
 * Returns: (transfer none) (nullable): a map from paths to what the last document that was put in
 *   force declared there
 */
BanyanSpec *
banyan_graph_get_applied (BanyanGraph *self)
{
  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  return g_object_get_qdata (G_OBJECT (self), applied_quark ());
}

/**
 * banyan_graph_set_applied:
 * @self: a graph
 * @applied: (nullable): as banyan_graph_get_applied() gave it, before a restart for instance
 *
 * Notes what the last document declared.
 */
void
banyan_graph_set_applied (BanyanGraph *self, BanyanSpec *applied)
{
  g_return_if_fail (BANYAN_IS_GRAPH (self));

  g_object_set_qdata_full (G_OBJECT (self), applied_quark (),
                           applied != NULL ? banyan_spec_ref (applied) : NULL,
                           (GDestroyNotify) banyan_spec_unref);
}

BanyanSpec *
banyan_applied_lookup (BanyanGraph *graph, const char *path)
{
  BanyanSpec *applied = banyan_graph_get_applied (graph);

  return applied != NULL ? banyan_spec_lookup (applied, path) : NULL;
}

/* Members are what the object has that is not declared anywhere else. */
static BanyanSpec *
declare_members (BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  for (guint i = 0; i < children->len; i++)
    banyan_spec_builder_take (map, banyan_object_get_id (children->pdata[i]),
                              banyan_object_declare_whole (children->pdata[i]));
  return banyan_spec_builder_end (map);
}

static void
add_members (BanyanSpecBuilder *map, BanyanObject *object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_has_members (pspecs[i]) && banyan_object_get_n_children (object) > 0)
      banyan_spec_builder_take (map, pspecs[i]->name, declare_members (object));
}

BanyanSpec *
banyan_object_declare_whole (BanyanObject *object)
{
  BanyanSpec *declared = banyan_object_get_declaration (object);
  BanyanSpecBuilder *map
      = banyan_spec_builder_new (BANYAN_SPEC_MAP, banyan_spec_get_origin (declared));

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      if (pspec == NULL || !banyan_param_has_members (pspec))
        banyan_spec_builder_add (map, key, banyan_spec_get_key_origin (declared, i),
                                 banyan_spec_get_item (declared, i));
    }
  add_members (map, object);
  return banyan_spec_builder_end (map);
}

char *
banyan_applied_path_of (BanyanGraph *graph, BanyanObject *object)
{
  BanyanObject *parent = banyan_object_get_parent (object);
  g_autofree char *above = NULL;

  if (parent == NULL)
    parent = BANYAN_OBJECT (
        banyan_root_get_collection_for_type (BANYAN_ROOT (graph), G_OBJECT_TYPE (object)));
  above = BANYAN_IS_COLLECTION (parent) ? banyan_object_dup_path (parent)
                                        : banyan_applied_path_of (graph, parent);
  return g_strconcat (above, "/", banyan_object_get_id (object), NULL);
}

static void
add_object (BanyanSpecBuilder *map, BanyanGraph *graph, BanyanObject *object)
{
  g_autoptr (GPtrArray) members = banyan_object_list_children (object);
  g_autofree char *path = banyan_applied_path_of (graph, object);

  /* What the command line adds to a document is not the document's, and stays when that changes. */
  if (banyan_spec_get_origin (banyan_object_get_declaration (object))->kind
      == BANYAN_ORIGIN_COMMAND_LINE)
    return;

  banyan_spec_builder_add (map, path, NULL, banyan_object_get_declaration (object));
  for (guint i = 0; i < members->len; i++)
    add_object (map, graph, members->pdata[i]);
}

BanyanSpec *
banyan_applied_with (BanyanSpec *applied, BanyanGraph *graph, GPtrArray *objects)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  for (guint i = 0; i < objects->len; i++)
    add_object (map, graph, objects->pdata[i]);
  for (guint i = 0; applied != NULL && i < banyan_spec_get_length (applied); i++)
    banyan_spec_builder_add (map, banyan_spec_get_key (applied, i), NULL,
                             banyan_spec_get_item (applied, i));
  return banyan_spec_builder_end (map);
}
