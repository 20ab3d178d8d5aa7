/* banyan-state.c - what a restart has to know of a graph besides its document
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An edge that was moved after the document was put in force may lead to data that the document's
 * own target does not have: a job copied the disk elsewhere and pivoted to the copy, say. To start
 * from the document again would show the guest old data. So edges that answer to somebody else than
 * the document are kept, by what is declared for their property, and a start that would undo that
 * is refused.
 *
 * A value that was changed outside of the document loses nothing, and neither does an object that
 * was taken away: a start brings these back as they were. As whenever a document is applied, it
 * does so where the document still says what it said when it was applied last. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

#include <string.h>

static G_DEFINE_QUARK (banyan_kept_state, kept_state);

/* -- Telling: edges that were moved. -- */

/* Who moved an edge of @pspec's role, or NULL where all are as the document has them. */
static const BanyanOrigin *
find_mover (BanyanElement *element, GParamSpec *pspec)
{
  const BanyanRole *role = banyan_param_get_role (pspec);
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; role != NULL && i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (edge->manager.kind != BANYAN_ORIGIN_DOCUMENT && edge->node != NULL
          && banyan_element_class_find_role (BANYAN_ELEMENT_GET_CLASS (element), edge->role)
                 == role)
        return &edge->manager;
    }
  return NULL;
}

static void
add_moved (BanyanSpecBuilder *map, BanyanObject *object, GParamSpec *pspec)
{
  const BanyanOrigin *mover = find_mover (BANYAN_ELEMENT (object), pspec);
  BanyanSpec *declared = banyan_spec_lookup (banyan_object_get_declaration (object), pspec->name);
  g_autofree char *path = banyan_object_dup_path (object);
  g_autofree char *name = g_strdup_printf ("%s:%s", path, pspec->name);
  g_autofree char *manager = NULL;
  BanyanSpecBuilder *entry;

  if (mover == NULL || declared == NULL)
    return;

  manager = banyan_origin_to_string (mover);
  entry = banyan_spec_builder_new_map ();
  banyan_spec_builder_take (entry, "leads-to", banyan_spec_ref (declared));
  banyan_spec_builder_add_string (entry, "moved-by", manager);
  banyan_spec_builder_take_built (map, name, entry);
}

static gboolean
is_documents (BanyanObject *object)
{
  return BANYAN_IS_ELEMENT (object)
         && banyan_element_get_manager (BANYAN_ELEMENT (object))->kind == BANYAN_ORIGIN_DOCUMENT;
}

static void
add_moved_below (BanyanSpecBuilder *map, BanyanObject *parent)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (parent);

  for (guint i = 0; i < children->len; i++)
    {
      BanyanObject *object = children->pdata[i];
      g_autofree GParamSpec **pspecs = NULL;
      guint n_pspecs;

      pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
      for (guint j = 0; j < n_pspecs && is_documents (object); j++)
        add_moved (map, object, pspecs[j]);
      add_moved_below (map, object);
    }
}

/* -- Telling: values that were changed, and what was taken away. -- */

/* Secrets are not written down, and edges are told of by themselves. */
static gboolean
may_be_kept (GParamSpec *pspec)
{
  return banyan_param_is_settable (pspec) && !banyan_param_is_secret (pspec)
         && !banyan_param_has_members (pspec) && !banyan_param_has_links (pspec);
}

/* What was read from a file has other kinds of scalars than what a document has. */
static gboolean
mean_the_same (BanyanSpec *one, BanyanSpec *other)
{
  g_autofree char *first = one != NULL ? banyan_spec_to_json (one, FALSE) : NULL;
  g_autofree char *second = other != NULL ? banyan_spec_to_json (other, FALSE) : NULL;

  return g_strcmp0 (first, second) == 0;
}

static void
add_changed (BanyanSpecBuilder *map, BanyanObject *object, const char *path, BanyanSpec *applied)
{
  BanyanSpec *declared = banyan_object_get_declaration (object);
  BanyanSpecBuilder *values = banyan_spec_builder_new_map ();
  g_autofree GParamSpec **pspecs = NULL;
  g_autoptr (BanyanSpec) whole = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      BanyanSpec *value = banyan_spec_lookup (declared, pspecs[i]->name);

      if (value != NULL && may_be_kept (pspecs[i])
          && !mean_the_same (value, banyan_spec_lookup (applied, pspecs[i]->name)))
        banyan_spec_builder_add (values, pspecs[i]->name, NULL, value);
    }

  whole = banyan_spec_builder_end (values);
  if (banyan_spec_get_length (whole) > 0)
    banyan_spec_builder_add (map, path, NULL, whole);
}

/* By what was applied last. */
static void
add_outside_changes (BanyanSpecBuilder *map, BanyanGraph *graph, BanyanSpec *applied)
{
  BanyanSpecBuilder *changed = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *removed = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_spec_get_length (applied); i++)
    {
      const char *path = banyan_spec_get_key (applied, i);
      BanyanObject *object = banyan_object_resolve (BANYAN_OBJECT (graph), path, NULL);

      if (object != NULL)
        add_changed (changed, object, path, banyan_spec_get_item (applied, i));
      else
        banyan_spec_builder_add_string (removed, NULL, path);
    }
  banyan_spec_builder_take_built (map, "changed", changed);
  banyan_spec_builder_take_built (map, "removed", removed);
}

/* -- Telling: as a document calls it. -- */

/* What runs in a list keeps its name when others go from there, and so does what was applied; a
 * start numbers anew. */
typedef struct
{
  const char *parent; /* (unowned): id */
  const char *list;   /* (unowned): its property */
  guint position;
} Place;

static void
find_places (GHashTable *places, const char *path, BanyanSpec *declared)
{
  const char *id = strrchr (path, '/') + 1;

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      BanyanSpec *list = banyan_spec_get_item (declared, i);
      g_autofree char *rest = g_strconcat (".", banyan_spec_get_key (declared, i), NULL);

      if (banyan_spec_get_kind (list) != BANYAN_SPEC_LIST)
        continue;
      for (guint j = 0; j < banyan_spec_get_length (list); j++)
        {
          BanyanSpec *item = banyan_spec_get_item (list, j);
          Place place = { id, banyan_spec_get_key (declared, i), j };

          if (banyan_spec_get_kind (item) == BANYAN_SPEC_STRING
              && banyan_births_get_number (banyan_spec_get_text (item), id, rest) >= 0)
            g_hash_table_replace (places, (gpointer) banyan_spec_get_text (item),
                                  g_memdup2 (&place, sizeof place));
        }
    }
}

/* What was born in what has another name goes with that. (transfer full) */
static char *
find_name (GHashTable *places, const char *id)
{
  g_autofree char *above = g_strdup (id);

  while (TRUE)
    {
      Place *place = g_hash_table_lookup (places, above);
      char *dot;

      if (place != NULL)
        {
          g_autofree char *base = find_name (places, place->parent);

          return g_strdup_printf ("%s.%s.%u%s", base, place->list, place->position,
                                  id + strlen (above));
        }
      dot = strrchr (above, '.');
      if (dot == NULL)
        return g_strdup (id);
      *dot = '\0';
    }
}

/* From ids to what they will be. */
static GHashTable *
find_names (BanyanSpec *applied)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);

  for (guint i = 0; i < banyan_spec_get_length (applied); i++)
    find_places (places, banyan_spec_get_key (applied, i), banyan_spec_get_item (applied, i));
  for (guint i = 0; i < banyan_spec_get_length (applied); i++)
    {
      const char *id = strrchr (banyan_spec_get_key (applied, i), '/') + 1;
      char *name = find_name (places, id);

      if (g_str_equal (name, id))
        g_free (name);
      else
        g_hash_table_replace (names, g_strdup (id), name);
    }
  return names;
}

/* "/nodes/q.children.2", or an edge of it. */
static char *
rename_path (const char *path, GHashTable *names)
{
  const char *slash = strrchr (path, '/');
  const char *colon = slash != NULL ? strchr (slash, ':') : NULL;
  g_autofree char *id = slash == NULL   ? NULL
                        : colon != NULL ? g_strndup (slash + 1, colon - slash - 1)
                                        : g_strdup (slash + 1);
  const char *name = id != NULL ? g_hash_table_lookup (names, id) : NULL;

  return name != NULL ? g_strdup_printf ("%.*s/%s%s", (int) (slash - path), path, name,
                                         colon != NULL ? colon : "")
                      : g_strdup (path);
}

static BanyanSpec *
rename_entry (BanyanGraph *graph, const char *path, BanyanSpec *entry, GHashTable *names)
{
  const char *colon = strrchr (path, ':');
  g_autofree char *owner = colon != NULL ? g_strndup (path, colon - path) : g_strdup (path);
  BanyanObject *object = banyan_object_resolve (BANYAN_OBJECT (graph), owner, NULL);
  BanyanSpec *target = colon != NULL ? banyan_spec_lookup (entry, "leads-to") : NULL;
  g_autoptr (BanyanSpec) declared = NULL;
  g_autoptr (BanyanSpec) renamed = NULL;
  BanyanSpecBuilder *map;

  if (object == NULL)
    return banyan_spec_ref (entry);
  if (target == NULL)
    return banyan_births_rename_links (G_OBJECT_GET_CLASS (object), entry, names);

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add (map, colon + 1, NULL, target);
  declared = banyan_spec_builder_end (map);
  renamed = banyan_births_rename_links (G_OBJECT_GET_CLASS (object), declared, names);
  return banyan_spec_with (entry, "leads-to", banyan_spec_lookup (renamed, colon + 1));
}

/* A map from paths, or a list of them. */
static BanyanSpec *
rename_section (BanyanGraph *graph, BanyanSpec *section, GHashTable *names)
{
  gboolean is_map = banyan_spec_get_kind (section) == BANYAN_SPEC_MAP;
  BanyanSpecBuilder *builder
      = is_map ? banyan_spec_builder_new_map () : banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_spec_get_length (section); i++)
    {
      BanyanSpec *item = banyan_spec_get_item (section, i);
      const char *path = is_map ? banyan_spec_get_key (section, i) : banyan_spec_get_text (item);
      g_autofree char *name = rename_path (path, names);

      if (is_map)
        banyan_spec_builder_take (builder, name, rename_entry (graph, path, item, names));
      else
        banyan_spec_builder_add_string (builder, NULL, name);
    }
  return banyan_spec_builder_end (builder);
}

static BanyanSpec *
rename_state (BanyanGraph *graph, BanyanSpec *state)
{
  BanyanSpec *applied = banyan_spec_lookup (state, "applied");
  g_autoptr (GHashTable) names = applied != NULL ? find_names (applied) : NULL;
  BanyanSpecBuilder *map;

  if (names == NULL || g_hash_table_size (names) == 0)
    return banyan_spec_ref (state);

  map = banyan_spec_builder_new_map ();
  for (guint i = 0; i < banyan_spec_get_length (state); i++)
    banyan_spec_builder_take (map, banyan_spec_get_key (state, i),
                              rename_section (graph, banyan_spec_get_item (state, i), names));
  return banyan_spec_builder_end (map);
}

/**
 * banyan_graph_save_state:
 * @self: a graph
 *
 * Tells what is worth keeping over a restart: `applied`, as banyan_graph_get_applied() gives it,
 * `moved`, a map of the edges that were moved outside of the document, from their paths to
 * `leads-to` and `moved-by`, `changed`, from the paths of objects to values that are other than
 * what was applied, and `removed`, the paths of those that are there no more.
 *
 * Returns: (transfer full): a map
 */
BanyanSpec *
banyan_graph_save_state (BanyanGraph *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *moved = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) state = NULL;
  BanyanSpec *applied;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), NULL);

  applied = banyan_graph_get_applied (self);
  if (applied != NULL)
    {
      banyan_spec_builder_take (map, "applied", banyan_spec_ref (applied));
      add_outside_changes (map, self, applied);
    }
  add_moved_below (moved, BANYAN_OBJECT (self));
  banyan_spec_builder_take_built (map, "moved", moved);
  state = banyan_spec_builder_end (map);
  return rename_state (self, state);
}

/* Others have changed what @state says was applied. */
static gboolean
tells_changes (BanyanSpec *state)
{
  static const char *const sections[] = { "moved", "changed", "removed" };

  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      BanyanSpec *section = banyan_spec_lookup (state, sections[i]);

      if (section != NULL && banyan_spec_get_length (section) > 0)
        return TRUE;
    }
  return FALSE;
}

/* What an image names is nobody's declaration, and members have their own. */
static gboolean
has_all_of (BanyanObject *object, BanyanSpec *declared, BanyanSpec *other)
{
  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      const char *key = banyan_spec_get_key (declared, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);
      BanyanSpec *value = banyan_spec_get_item (declared, i);
      BanyanSpec *same = banyan_spec_lookup (other, key);

      if (banyan_spec_get_origin (value)->kind != BANYAN_ORIGIN_IMAGE
          && (pspec == NULL || !banyan_param_has_members (pspec))
          && (same == NULL || !banyan_spec_equal (value, same)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_as_applied (BanyanGraph *graph, BanyanSpec *applied)
{
  for (guint i = 0; applied != NULL && i < banyan_spec_get_length (applied); i++)
    {
      BanyanSpec *last = banyan_spec_get_item (applied, i);
      BanyanObject *object
          = banyan_object_resolve (BANYAN_OBJECT (graph), banyan_spec_get_key (applied, i), NULL);
      BanyanSpec *declared = object != NULL ? banyan_object_get_declaration (object) : NULL;

      if (declared == NULL || !has_all_of (object, declared, last)
          || !has_all_of (object, last, declared))
        return FALSE;
    }
  return TRUE;
}

gboolean
banyan_state_is_as_declared (BanyanGraph *graph)
{
  BanyanSpec *kept = g_object_get_qdata (G_OBJECT (graph), kept_state_quark ());
  BanyanSpecBuilder *builder = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) moved = NULL;

  add_moved_below (builder, BANYAN_OBJECT (graph));
  moved = banyan_spec_builder_end (builder);
  return banyan_spec_get_length (moved) == 0
         && is_as_applied (graph, banyan_graph_get_applied (graph))
         && (kept == NULL || !tells_changes (kept));
}

/* -- Comparing. -- */

/* What the document says of an edge, "/nodes/disk0:file". */
static BanyanSpec *
find_declared (BanyanSpec *declarations, const char *edge, const BanyanOrigin **place)
{
  const char *colon = strrchr (edge, ':');
  g_autofree char *path = colon != NULL ? g_strndup (edge, colon - edge) : NULL;
  BanyanSpec *object = path != NULL ? banyan_spec_lookup (declarations, path) : NULL;
  BanyanSpec *value = object != NULL ? banyan_spec_lookup (object, colon + 1) : NULL;

  *place = value != NULL ? banyan_spec_get_origin (value) : NULL;
  return value;
}

static void
check_edge (BanyanSpec *declarations, const char *edge, BanyanSpec *moved, BanyanProblems *problems)
{
  const BanyanOrigin *place;
  BanyanSpec *wanted = find_declared (declarations, edge, &place);
  BanyanSpec *target = banyan_spec_lookup (moved, "leads-to");
  const char *mover = banyan_spec_lookup_text (moved, "moved-by");
  g_autofree char *from = NULL;
  g_autofree char *to = NULL;

  if (wanted == NULL || target == NULL || mean_the_same (wanted, target))
    return;

  from = banyan_spec_to_json (target, FALSE);
  to = banyan_spec_to_json (wanted, FALSE);
  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_CONFLICT, place, NULL,
                       "%s was moved to %s by %s when this ran last, and would lead to %s again, "
                       "where what was written since may be missing; let the document say what it "
                       "was moved to, or start with --override",
                       edge, g_strstrip (from), mover != NULL ? mover : "a client",
                       g_strstrip (to));
}

/**
 * banyan_graph_check_state:
 * @self: a graph that the document is to be loaded into
 * @state: what banyan_graph_save_state() gave before a restart
 * @text: (array length=length) (element-type guint8): a document
 * @length: in bytes, or -1 where @text ends with a NUL
 * @name: what messages call it
 * @directory: (nullable): what relative paths in it are relative to
 * @problems: where to report
 *
 * Finds out whether to start from a document would undo what was moved outside of it. If not, the
 * next document that is loaded into @self, this one, leaves what was changed and taken away outside
 * of it as it was before the restart, where it still says what it said then.
 *
 * Returns: whether it would not
 */
gboolean
banyan_graph_check_state (BanyanGraph *self, BanyanSpec *state, const char *text, gssize length,
                          const char *name, const char *directory, BanyanProblems *problems)
{
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (BanyanSpec) declarations = NULL;
  BanyanSpec *moved;
  guint n_before;

  g_return_val_if_fail (BANYAN_IS_GRAPH (self), FALSE);
  g_return_val_if_fail (state != NULL && text != NULL && problems != NULL, FALSE);

  n_before = banyan_problems_get_length (problems);
  objects = banyan_document_map (self, text, length, name, directory,
                                 tells_changes (state) ? 0 : BANYAN_MAP_CHECKS, problems);
  if (objects == NULL)
    return FALSE;

  declarations = banyan_applied_with (NULL, self, objects);
  moved = banyan_spec_lookup (state, "moved");
  for (guint i = 0; moved != NULL && i < banyan_spec_get_length (moved); i++)
    check_edge (declarations, banyan_spec_get_key (moved, i), banyan_spec_get_item (moved, i),
                problems);
  if (banyan_problems_get_length (problems) > n_before)
    return FALSE;

  g_object_set_qdata_full (G_OBJECT (self), kept_state_quark (), banyan_spec_ref (state),
                           (GDestroyNotify) banyan_spec_unref);
  return TRUE;
}

/* -- Going on. -- */

typedef struct
{
  BanyanGraph *graph;
  BanyanTransaction *transaction;
  BanyanSpec *applied;
  BanyanSpec *changed; /* (nullable) */
} Restart;

static void
restore_values (const Restart *self, BanyanObject *object, const char *path)
{
  BanyanSpec *last = banyan_spec_lookup (self->applied, path);
  BanyanSpec *values = self->changed != NULL ? banyan_spec_lookup (self->changed, path) : NULL;
  BanyanSpec *declared = banyan_object_get_declaration (object);

  for (guint i = 0; last != NULL && values != NULL && i < banyan_spec_get_length (values); i++)
    {
      const char *key = banyan_spec_get_key (values, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), key);

      if (pspec != NULL && may_be_kept (pspec)
          && mean_the_same (banyan_spec_lookup (declared, key), banyan_spec_lookup (last, key)))
        banyan_transaction_set (self->transaction, object, key, banyan_spec_get_item (values, i));
    }
}

static void
restore_object (const Restart *self, BanyanObject *object)
{
  g_autofree char *path = banyan_applied_path_of (self->graph, object);
  g_autoptr (GPtrArray) members = banyan_object_list_children (object);

  restore_values (self, object, path);
  for (guint i = 0; i < members->len; i++)
    restore_object (self, members->pdata[i]);
}

/* @object, which was taken away, and which the document says the same of and nobody uses. */
static gboolean
stays_away (const Restart *self, BanyanObject *object, BanyanSpec *removed)
{
  g_autofree char *path = banyan_applied_path_of (self->graph, object);
  BanyanSpec *last = banyan_spec_lookup (self->applied, path);

  if (last == NULL || !mean_the_same (last, banyan_object_get_declaration (object))
      || banyan_object_get_first_user (object) != NULL)
    return FALSE;
  for (guint i = 0; i < banyan_spec_get_length (removed); i++)
    if (g_strcmp0 (banyan_spec_get_text (banyan_spec_get_item (removed, i)), path) == 0)
      return TRUE;
  return FALSE;
}

void
banyan_state_leave_away (BanyanGraph *graph, GPtrArray *objects)
{
  BanyanSpec *state = g_object_get_qdata (G_OBJECT (graph), kept_state_quark ());
  BanyanSpec *removed = state != NULL ? banyan_spec_lookup (state, "removed") : NULL;
  Restart restart = { graph, NULL, NULL, NULL };

  if (removed == NULL || banyan_spec_get_kind (removed) != BANYAN_SPEC_LIST)
    return;

  restart.applied = banyan_spec_lookup (state, "applied");
  /* What used another that went is gone from here before it. */
  for (guint i = objects->len; restart.applied != NULL && i-- > 0;)
    if (banyan_object_get_parent (objects->pdata[i]) == NULL
        && stays_away (&restart, objects->pdata[i], removed))
      {
        banyan_object_clear_links (objects->pdata[i]);
        g_ptr_array_remove_index (objects, i);
      }
}

void
banyan_state_restore (BanyanGraph *graph, GPtrArray *objects, BanyanTransaction *transaction)
{
  g_autoptr (BanyanSpec) state = g_object_steal_qdata (G_OBJECT (graph), kept_state_quark ());
  Restart restart = { graph, transaction, NULL, NULL };

  if (state == NULL)
    return;

  restart.applied = banyan_spec_lookup (state, "applied");
  restart.changed = banyan_spec_lookup (state, "changed");
  for (guint i = 0; restart.applied != NULL && i < objects->len; i++)
    if (banyan_object_get_parent (objects->pdata[i]) == NULL)
      restore_object (&restart, objects->pdata[i]);
}
