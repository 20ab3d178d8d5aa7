/* banyan-births.c - names of what was born in a list
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An inline child is called by its place, "q.children.1", and keeps that name for life, also when
 * those before it in the list have gone. A document numbers anew each time. So what it declares
 * inside of a list is found without regard to names (banyan-plan-match.c), and then called here as
 * the running object is; what is new in the list gets the number of its place, or one that has not
 * been used yet. What was born below goes with the name of what it was born in. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-private.h"

#include <string.h>

typedef struct
{
  BanyanObject *object; /* (unowned) */
  BanyanObject *parent; /* (unowned): in which it was declared */
  char *rest;           /* (owned): ".image" behind the parent's id; ".children" for a list */
  GPtrArray *siblings;  /* (owned) (nullable) (element-type Birth): all of the list, in order */
  guint position;       /* in the list that its parent declares */
  char *id;             /* (owned) (nullable): what it will be called */
} Birth;

struct _BanyanBirths
{
  GHashTable *births;   /* (owned): object to its Birth */
  GHashTable *implicit; /* (owned): id to object */
  GPtrArray *objects;   /* (owned) (element-type BanyanObject): their members, too */
  BanyanPlan *plan;     /* (unowned) */
};

static void
birth_free (gpointer data)
{
  Birth *self = data;

  g_clear_pointer (&self->siblings, g_ptr_array_unref);
  g_free (self->rest);
  g_free (self->id);
  g_free (self);
}

/* -- Finding them. -- */

static void
collect (BanyanBirths *self, BanyanObject *object)
{
  g_autoptr (GPtrArray) members = banyan_object_list_children (object);

  g_ptr_array_add (self->objects, object);
  if (banyan_object_is_implicit (object))
    g_hash_table_insert (self->implicit, (gpointer) banyan_object_get_id (object), object);
  for (guint i = 0; i < members->len; i++)
    collect (self, members->pdata[i]);
}

gint64
banyan_births_get_number (const char *id, const char *base, const char *rest)
{
  gsize n_base = strlen (base), n_rest = strlen (rest);
  guint64 number;

  if (strncmp (id, base, n_base) != 0 || strncmp (id + n_base, rest, n_rest) != 0
      || id[n_base + n_rest] != '.'
      || !g_ascii_string_to_unsigned (id + n_base + n_rest + 1, 10, 0, G_MAXINT32, &number, NULL))
    return -1;
  return number;
}

static gboolean
is_born_as (BanyanObject *object, BanyanObject *parent, const char *rest, gboolean is_in_list)
{
  const char *id = banyan_object_get_id (object), *base = banyan_object_get_id (parent);
  gsize n_base = strlen (base);

  if (is_in_list)
    return banyan_births_get_number (id, base, rest) >= 0;
  return strncmp (id, base, n_base) == 0 && g_str_equal (id + n_base, rest);
}

static void
note_link (BanyanBirths *self, BanyanObject *parent, BanyanSpec *declared, const char *rest,
           GPtrArray *siblings, guint position)
{
  BanyanSpecKind kind = banyan_spec_get_kind (declared);
  BanyanObject *object = kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING
                             ? g_hash_table_lookup (self->implicit, banyan_spec_get_text (declared))
                             : NULL;
  Birth *birth;

  if (object == NULL || g_hash_table_contains (self->births, object)
      || !is_born_as (object, parent, rest, siblings != NULL))
    return;

  birth = g_new0 (Birth, 1);
  birth->object = object;
  birth->parent = parent;
  birth->rest = g_strdup (rest);
  birth->siblings = siblings != NULL ? g_ptr_array_ref (siblings) : NULL;
  birth->position = position;
  g_hash_table_insert (self->births, object, birth);
  if (siblings != NULL)
    g_ptr_array_add (siblings, birth);
}

static void
note_links (BanyanBirths *self, BanyanObject *parent, BanyanSpec *declared, const char *rest)
{
  g_autoptr (GPtrArray) siblings = NULL;

  if (banyan_spec_get_kind (declared) == BANYAN_SPEC_LIST)
    siblings = g_ptr_array_new ();
  else if (banyan_spec_get_kind (declared) != BANYAN_SPEC_MAP)
    {
      note_link (self, parent, declared, rest, NULL, 0);
      return;
    }

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      BanyanSpec *item = banyan_spec_get_item (declared, i);

      if (siblings != NULL)
        note_link (self, parent, item, rest, siblings, i);
      else
        {
          g_autofree char *longer
              = g_strconcat (rest, ".", banyan_spec_get_key (declared, i), NULL);

          note_links (self, parent, item, longer);
        }
    }
}

static void
note_births (BanyanBirths *self, BanyanObject *parent)
{
  BanyanSpec *declaration = banyan_object_get_declaration (parent);

  for (guint i = 0; i < banyan_spec_get_length (declaration); i++)
    {
      const char *key = banyan_spec_get_key (declaration, i);
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (parent), key);
      g_autofree char *rest = g_strconcat (".", key, NULL);

      if (pspec != NULL && banyan_param_has_links (pspec) && !banyan_param_has_members (pspec))
        note_links (self, parent, banyan_spec_get_item (declaration, i), rest);
    }
}

BanyanBirths *
banyan_births_new (BanyanPlan *plan)
{
  BanyanBirths *self = g_new0 (BanyanBirths, 1);

  self->births = g_hash_table_new_full (NULL, NULL, NULL, birth_free);
  self->implicit = g_hash_table_new (g_str_hash, g_str_equal);
  self->objects = g_ptr_array_new ();
  self->plan = plan;
  for (guint i = 0; i < plan->twins->len; i++)
    if (banyan_object_get_parent (plan->twins->pdata[i]) == NULL)
      collect (self, plan->twins->pdata[i]);
  for (guint i = 0; i < self->objects->len; i++)
    note_births (self, self->objects->pdata[i]);
  return self;
}

void
banyan_births_free (BanyanBirths *self)
{
  g_hash_table_unref (self->births);
  g_hash_table_unref (self->implicit);
  g_ptr_array_unref (self->objects);
  g_free (self);
}

gboolean
banyan_births_is_in_list (BanyanBirths *self, BanyanObject *object)
{
  Birth *birth;

  while ((birth = g_hash_table_lookup (self->births, object)) != NULL)
    {
      if (birth->siblings != NULL)
        return TRUE;
      object = birth->parent;
    }
  return FALSE;
}

/* -- Numbers. -- */

/* What is called so by its place in the list of what its parent is; -1: nothing yet. */
static gint64
kept_number (BanyanBirths *self, const Birth *birth)
{
  BanyanObject *object = g_hash_table_lookup (self->plan->objects, birth->object);
  BanyanObject *parent = g_hash_table_lookup (self->plan->objects, birth->parent);

  if (object == NULL || parent == NULL || !banyan_object_is_implicit (object))
    return -1;
  return banyan_births_get_number (banyan_object_get_id (object), banyan_object_get_id (parent),
                                   birth->rest);
}

/* What the last document was given in this place: as long as it has not gone from there, or
 * somebody else has taken it away, the document means that. */
static gint64
last_number (BanyanBirths *self, const Birth *birth)
{
  BanyanObject *parent = g_hash_table_lookup (self->plan->objects, birth->parent);
  g_autofree char *path = parent != NULL ? banyan_object_dup_path (parent) : NULL;
  BanyanSpec *last = path != NULL ? banyan_applied_lookup (self->plan->graph, path) : NULL;
  BanyanSpec *list = last != NULL ? banyan_spec_lookup (last, birth->rest + 1) : NULL;
  BanyanSpec *now
      = banyan_spec_lookup (banyan_object_get_declaration (birth->parent), birth->rest + 1);
  BanyanSpec *item;

  if (list == NULL || banyan_spec_get_kind (list) != BANYAN_SPEC_LIST
      || banyan_spec_get_length (list) != banyan_spec_get_length (now))
    return -1;

  item = banyan_spec_get_item (list, birth->position);
  return banyan_spec_get_kind (item) == BANYAN_SPEC_STRING ? banyan_births_get_number (
             banyan_spec_get_text (item), banyan_object_get_id (parent), birth->rest)
                                                           : -1;
}

/* Above all that were ever used there. */
static gint64
new_number (BanyanBirths *self, const Birth *birth, GHashTable *used)
{
  BanyanObject *parent = g_hash_table_lookup (self->plan->objects, birth->parent);
  GPtrArray *edges = parent != NULL && BANYAN_IS_ELEMENT (parent)
                         ? banyan_element_get_edges (BANYAN_ELEMENT (parent))
                         : NULL;
  gint64 number = banyan_spec_get_length (
      banyan_spec_lookup (banyan_object_get_declaration (birth->parent), birth->rest + 1));

  for (guint i = 0; edges != NULL && i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      number = MAX (number, 1 + banyan_births_get_number (edge->role, "", birth->rest + 1));
      if (edge->target != NULL)
        number = MAX (number, 1
                                  + banyan_births_get_number (
                                      banyan_object_get_id (BANYAN_OBJECT (edge->target)),
                                      banyan_object_get_id (parent), birth->rest));
    }
  while (g_hash_table_contains (used, GINT_TO_POINTER (number)))
    number++;
  return number;
}

static gint64
choose_number (BanyanBirths *self, const Birth *birth, GHashTable *used)
{
  gint64 last = last_number (self, birth);

  if (last >= 0 && !g_hash_table_contains (used, GINT_TO_POINTER (last)))
    return last;
  if (!g_hash_table_contains (used, GUINT_TO_POINTER (birth->position)))
    return birth->position;
  return new_number (self, birth, used);
}

static void
call (Birth *self, const char *base, gint64 number)
{
  self->id = g_strdup_printf ("%s%s.%" G_GINT64_FORMAT, base, self->rest, number);
}

/* Those that stay keep their numbers, whatever the others get. */
static void
name_list (BanyanBirths *self, GPtrArray *siblings, const char *base)
{
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < siblings->len; i++)
    {
      Birth *birth = siblings->pdata[i];
      gint64 number = kept_number (self, birth);

      if (number >= 0 && g_hash_table_add (used, GINT_TO_POINTER (number)))
        call (birth, base, number);
    }
  for (guint i = 0; i < siblings->len; i++)
    {
      Birth *birth = siblings->pdata[i];
      gint64 number;

      if (birth->id != NULL)
        continue;
      number = choose_number (self, birth, used);
      g_hash_table_add (used, GINT_TO_POINTER (number));
      call (birth, base, number);
    }
}

static const char *
find_name (BanyanBirths *self, BanyanObject *object)
{
  Birth *birth = g_hash_table_lookup (self->births, object);
  const char *base;

  if (birth == NULL)
    return banyan_object_get_id (object);
  if (birth->id != NULL)
    return birth->id;

  base = find_name (self, birth->parent);
  if (birth->siblings != NULL)
    name_list (self, birth->siblings, base);
  else
    birth->id = g_strconcat (base, birth->rest, NULL);
  return birth->id;
}

/* -- Renaming. -- */

/* Twins' old ids to new ones. */
static GHashTable *
find_names (BanyanBirths *self)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < self->objects->len; i++)
    {
      const char *old = banyan_object_get_id (self->objects->pdata[i]);
      const char *name = banyan_births_is_in_list (self, self->objects->pdata[i])
                             ? find_name (self, self->objects->pdata[i])
                             : old;

      if (!g_str_equal (old, name))
        g_hash_table_insert (names, g_strdup (old), g_strdup (name));
    }
  return names;
}

static BanyanSpec *
rename_link (BanyanSpec *declared, GHashTable *names)
{
  BanyanSpecKind kind = banyan_spec_get_kind (declared);
  const BanyanOrigin *origin = banyan_spec_get_origin (declared);
  BanyanSpecBuilder *builder;
  const char *name;

  if (kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING)
    {
      name = g_hash_table_lookup (names, banyan_spec_get_text (declared));
      return name != NULL ? banyan_spec_new_scalar (kind, name, origin)
                          : banyan_spec_ref (declared);
    }
  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    return banyan_spec_ref (declared);

  builder = banyan_spec_builder_new (kind, origin);
  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      g_autoptr (BanyanSpec) item = rename_link (banyan_spec_get_item (declared, i), names);

      banyan_spec_builder_add (
          builder, kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (declared, i) : NULL,
          kind == BANYAN_SPEC_MAP ? banyan_spec_get_key_origin (declared, i) : NULL, item);
    }
  return banyan_spec_builder_end (builder);
}

BanyanSpec *
banyan_births_rename_links (GObjectClass *klass, BanyanSpec *declaration, GHashTable *names)
{
  BanyanSpec *renamed = banyan_spec_ref (declaration);

  for (guint i = 0; i < banyan_spec_get_length (declaration); i++)
    {
      const char *key = banyan_spec_get_key (declaration, i);
      GParamSpec *pspec = g_object_class_find_property (klass, key);
      g_autoptr (BanyanSpec) value = NULL;
      BanyanSpec *next;

      if (pspec == NULL || !banyan_param_has_links (pspec) || banyan_param_has_members (pspec))
        continue;

      value = rename_link (banyan_spec_get_item (declaration, i), names);
      next = banyan_spec_with (renamed, key, value);
      banyan_spec_unref (renamed);
      renamed = next;
    }
  return renamed;
}

/* The twins are called as what runs, in all that the document says. */
void
banyan_births_keep_names (BanyanBirths *self)
{
  g_autoptr (GHashTable) names = find_names (self);

  for (guint i = 0; g_hash_table_size (names) > 0 && i < self->objects->len; i++)
    {
      BanyanObject *twin = self->objects->pdata[i];
      g_autoptr (BanyanSpec) declared = banyan_births_rename_links (
          G_OBJECT_GET_CLASS (twin), banyan_object_get_declaration (twin), names);
      const char *name = banyan_births_is_in_list (self, twin) ? find_name (self, twin) : NULL;

      banyan_object_set_declaration (twin, declared);
      if (name != NULL && !g_str_equal (name, banyan_object_get_id (twin)))
        banyan_object_set_id (twin, name);
    }
}
