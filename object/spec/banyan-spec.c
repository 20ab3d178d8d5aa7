/* banyan-spec.c - the neutral option tree
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A spec is one allocation: a header of 32 bytes, followed by the text of a scalar, the items of a
 * list or the entries of a map. It never changes once it is built, so subtrees are shared: by the
 * aliases of a YAML document, by the copies that banyan_spec_with() makes, by threads.
 *
 * A map keeps its entries in the order written. A large one has an index beside them: the
 * positions of its entries in the order of their keys, searched by halving. A hash table would
 * save a comparison or two and could be flooded with colliding keys by whoever wrote the text. */

#include "banyan-spec-private.h"

#include <string.h>

/* Up to here, looking at every key is as fast as searching. */
#define MAX_UNINDEXED 16

struct _BanyanSpec
{
  gint references; /* atomic */
  guint kind : 3;
  guint is_partial : 1;
  guint length : 28; /* items, entries, or bytes of text */
  BanyanOrigin origin;
};

typedef struct
{
  BanyanSpec base;
  char text[];
} BanyanSpecScalar;

typedef struct
{
  BanyanSpec base;
  BanyanSpec *items[]; /* (owned) */
} BanyanSpecList;

typedef struct
{
  char *key; /* (owned): a GRefString, NULL in a list's builder */
  BanyanOrigin key_origin;
  BanyanSpec *value; /* (owned) */
} BanyanSpecEntry;

typedef struct
{
  BanyanSpec base;
  guint *order; /* (owned) (nullable): positions of the entries, sorted by key */
  BanyanSpecEntry entries[];
} BanyanSpecMap;

/* Reference counted only because bindings must be able to copy a boxed value. */
struct _BanyanSpecBuilder
{
  int references;
  BanyanSpecKind kind;
  gboolean is_partial;
  BanyanOrigin origin;
  GArray *entries; /* (owned): BanyanSpecEntry */
  GTree *index;    /* (owned) (nullable): borrowed key → position, for a large map */
};

G_DEFINE_BOXED_TYPE (BanyanSpec, banyan_spec, banyan_spec_ref, banyan_spec_unref)
G_DEFINE_BOXED_TYPE (BanyanSpecBuilder, banyan_spec_builder, banyan_spec_builder_ref,
                     banyan_spec_builder_free)

#define ENUM_VALUE(value, nick) \
  { \
    value, #value, nick \
  }

GType
banyan_spec_kind_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    ENUM_VALUE (BANYAN_SPEC_NULL, "null"),     ENUM_VALUE (BANYAN_SPEC_TEXT, "text"),
    ENUM_VALUE (BANYAN_SPEC_STRING, "string"), ENUM_VALUE (BANYAN_SPEC_BOOLEAN, "boolean"),
    ENUM_VALUE (BANYAN_SPEC_NUMBER, "number"), ENUM_VALUE (BANYAN_SPEC_LIST, "list"),
    ENUM_VALUE (BANYAN_SPEC_MAP, "map"),       { 0 },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanSpecKind", values));

  return type;
}

static gboolean
is_container (BanyanSpecKind kind)
{
  return kind == BANYAN_SPEC_LIST || kind == BANYAN_SPEC_MAP;
}

static BanyanOrigin
origin_or_program (const BanyanOrigin *origin)
{
  return origin ? *origin : (BanyanOrigin){ .kind = BANYAN_ORIGIN_PROGRAM };
}

static gpointer
spec_alloc (BanyanSpecKind kind, gsize size, guint length, const BanyanOrigin *origin)
{
  BanyanSpec *self = g_malloc (size);

  self->references = 1;
  self->kind = kind;
  self->length = length;
  self->origin = origin_or_program (origin);
  return self;
}

/**
 * banyan_spec_ref:
 * @self: a spec
 *
 * Returns: (transfer full): @self, with one more reference
 */
BanyanSpec *
banyan_spec_ref (BanyanSpec *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_int_inc (&self->references);
  return self;
}

gboolean
banyan_spec_is_shared (BanyanSpec *self)
{
  return g_atomic_int_get (&self->references) > 1;
}

static void
clear_entry (BanyanSpecEntry *entry)
{
  g_clear_pointer (&entry->key, g_ref_string_release);
  g_clear_pointer (&entry->value, banyan_spec_unref);
}

static void
free_list (BanyanSpecList *list)
{
  for (guint i = 0; i < list->base.length; i++)
    banyan_spec_unref (list->items[i]);
}

static void
free_map (BanyanSpecMap *map)
{
  for (guint i = 0; i < map->base.length; i++)
    clear_entry (&map->entries[i]);
  g_free (map->order);
}

/**
 * banyan_spec_unref:
 * @self: (transfer full): a spec
 *
 * Gives a reference back; any thread may.
 */
void
banyan_spec_unref (BanyanSpec *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_int_dec_and_test (&self->references))
    return;

  if (self->kind == BANYAN_SPEC_LIST)
    free_list ((BanyanSpecList *) self);
  else if (self->kind == BANYAN_SPEC_MAP)
    free_map ((BanyanSpecMap *) self);
  g_free (self);
}

static BanyanSpec *
new_scalar (BanyanSpecKind kind, const char *text, const BanyanOrigin *origin)
{
  gsize length = strlen (text);
  BanyanSpecScalar *scalar
      = spec_alloc (kind, sizeof (BanyanSpecScalar) + length + 1, length, origin);

  memcpy (scalar->text, text, length + 1);
  return &scalar->base;
}

/**
 * banyan_spec_new_null: (constructor)
 * @origin: (nullable): where it comes from; NULL: the program
 *
 * Returns: (transfer full): the value that says "nothing", which is not the same as saying nothing
 */
BanyanSpec *
banyan_spec_new_null (const BanyanOrigin *origin)
{
  return new_scalar (BANYAN_SPEC_NULL, "null", origin);
}

static gboolean
suits_kind (BanyanSpecKind kind, const char *text)
{
  switch (kind)
    {
    case BANYAN_SPEC_TEXT:
    case BANYAN_SPEC_STRING:
      return TRUE;
    case BANYAN_SPEC_BOOLEAN:
      return banyan_spec_text_is_boolean (text);
    case BANYAN_SPEC_NUMBER:
      return banyan_spec_text_is_json_number (text);
    default:
      return FALSE;
    }
}

/**
 * banyan_spec_new_scalar: (constructor)
 * @kind: text, string, boolean or number
 * @text: the value as it would be written; a boolean is "true" or "false", a number is a number
 *   in JSON
 * @origin: (nullable): where it comes from; NULL: the program. Its name must be interned
 *
 * Returns: (transfer full): a scalar
 */
BanyanSpec *
banyan_spec_new_scalar (BanyanSpecKind kind, const char *text, const BanyanOrigin *origin)
{
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (suits_kind (kind, text), NULL);
  g_return_val_if_fail (strlen (text) < 1u << 29, NULL);

  return new_scalar (kind, text, origin);
}

/* -- The builder -- */

/**
 * banyan_spec_builder_new: (constructor)
 * @kind: list or map
 * @origin: (nullable): where it comes from; NULL: the program. Its name must be interned
 *
 * Returns: (transfer full): a builder of an empty list or map
 */
BanyanSpecBuilder *
banyan_spec_builder_new (BanyanSpecKind kind, const BanyanOrigin *origin)
{
  BanyanSpecBuilder *self;

  g_return_val_if_fail (is_container (kind), NULL);

  self = g_new0 (BanyanSpecBuilder, 1);
  self->references = 1;
  self->kind = kind;
  self->origin = origin_or_program (origin);
  self->entries = g_array_new (FALSE, FALSE, sizeof (BanyanSpecEntry));
  g_array_set_clear_func (self->entries, (GDestroyNotify) clear_entry);
  return self;
}

/**
 * banyan_spec_builder_ref: (skip)
 * @self: a builder
 *
 * Only for bindings: the references share one builder.
 *
 * Returns: (transfer full): @self
 */
BanyanSpecBuilder *
banyan_spec_builder_ref (BanyanSpecBuilder *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  self->references++;
  return self;
}

/**
 * banyan_spec_builder_free:
 * @self: (transfer full): a builder
 *
 * Frees a builder that is not to be ended.
 */
void
banyan_spec_builder_free (BanyanSpecBuilder *self)
{
  g_return_if_fail (self != NULL);

  if (--self->references > 0)
    return;

  g_clear_pointer (&self->index, g_tree_unref);
  g_array_unref (self->entries);
  g_free (self);
}

static BanyanSpecEntry *
builder_entry (BanyanSpecBuilder *self, guint position)
{
  return &g_array_index (self->entries, BanyanSpecEntry, position);
}

static BanyanSpecEntry *
builder_find_entry (BanyanSpecBuilder *self, const char *key)
{
  gpointer position;

  if (self->index)
    return g_tree_lookup_extended (self->index, key, NULL, &position)
               ? builder_entry (self, GPOINTER_TO_UINT (position))
               : NULL;

  for (guint i = 0; i < self->entries->len; i++)
    if (g_str_equal (builder_entry (self, i)->key, key))
      return builder_entry (self, i);

  return NULL;
}

const BanyanOrigin *
banyan_spec_builder_find (BanyanSpecBuilder *self, const char *key)
{
  BanyanSpecEntry *entry = builder_find_entry (self, key);

  return entry ? &entry->key_origin : NULL;
}

static void
index_entry (BanyanSpecBuilder *self, guint position)
{
  g_tree_insert (self->index, builder_entry (self, position)->key, GUINT_TO_POINTER (position));
}

static void
index_last_entry (BanyanSpecBuilder *self)
{
  guint length = self->entries->len;

  if (self->index)
    index_entry (self, length - 1);
  else if (length > MAX_UNINDEXED)
    {
      self->index = g_tree_new ((GCompareFunc) strcmp);
      for (guint i = 0; i < length; i++)
        index_entry (self, i);
    }
}

/* Consumes @key. */
static void
builder_append (BanyanSpecBuilder *self, char *key, const BanyanOrigin *key_origin,
                BanyanSpec *value)
{
  BanyanSpecEntry entry = { key, *key_origin, banyan_spec_ref (value) };

  g_array_append_val (self->entries, entry);
  if (key)
    index_last_entry (self);
}

/**
 * banyan_spec_builder_add:
 * @self: a builder
 * @key: (nullable): the key in a map; NULL in a list
 * @key_origin: (nullable): where the key stands; NULL: where the value does
 * @value: (transfer none): the value, of which the builder takes a reference
 *
 * Adds to the end.
 *
 * Returns: FALSE, with nothing added, when the map has @key already
 */
gboolean
banyan_spec_builder_add (BanyanSpecBuilder *self, const char *key, const BanyanOrigin *key_origin,
                         BanyanSpec *value)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);
  g_return_val_if_fail ((key != NULL) == (self->kind == BANYAN_SPEC_MAP), FALSE);
  g_return_val_if_fail (self->entries->len < (1u << 29) - 1, FALSE);

  if (key && builder_find_entry (self, key))
    return FALSE;

  builder_append (self, key ? g_ref_string_new (key) : NULL,
                  key_origin ? key_origin : &value->origin, value);
  return TRUE;
}

static gboolean
append_position (gpointer key, gpointer position, gpointer data)
{
  guint **end = data;

  *(*end)++ = GPOINTER_TO_UINT (position);
  return FALSE;
}

static guint *
builder_take_order (BanyanSpecBuilder *self)
{
  guint *order, *end;

  if (!self->index)
    return NULL;

  order = end = g_new (guint, self->entries->len);
  g_tree_foreach (self->index, append_position, &end);
  g_clear_pointer (&self->index, g_tree_unref);
  return order;
}

static BanyanSpec *
builder_end_list (BanyanSpecBuilder *self)
{
  guint length = self->entries->len;
  BanyanSpecList *list = spec_alloc (
      BANYAN_SPEC_LIST, sizeof *list + length * sizeof list->items[0], length, &self->origin);

  for (guint i = 0; i < length; i++)
    list->items[i] = g_steal_pointer (&builder_entry (self, i)->value);

  return &list->base;
}

static BanyanSpec *
builder_end_map (BanyanSpecBuilder *self)
{
  guint length = self->entries->len;
  gsize size = length * sizeof (BanyanSpecEntry);
  BanyanSpecMap *map = spec_alloc (BANYAN_SPEC_MAP, sizeof *map + size, length, &self->origin);

  map->order = builder_take_order (self);
  if (length > 0)
    {
      memcpy (map->entries, self->entries->data, size);
      memset (self->entries->data, 0, size);
    }

  return &map->base;
}

/**
 * banyan_spec_builder_end:
 * @self: (transfer full): a builder
 *
 * Returns: (transfer full): what was built, which no longer changes
 */
BanyanSpec *
banyan_spec_builder_end (BanyanSpecBuilder *self)
{
  BanyanSpec *spec;

  g_return_val_if_fail (self != NULL, NULL);

  spec = self->kind == BANYAN_SPEC_LIST ? builder_end_list (self) : builder_end_map (self);
  spec->is_partial = self->is_partial;
  g_array_set_size (self->entries, 0);
  banyan_spec_builder_free (self);
  return spec;
}

void
banyan_spec_builder_set_partial (BanyanSpecBuilder *self)
{
  self->is_partial = TRUE;
}

/* -- Reading -- */

gboolean
banyan_spec_is_partial (BanyanSpec *self)
{
  return self->is_partial;
}

/**
 * banyan_spec_get_kind:
 * @self: a spec
 *
 * Returns: what kind of value it is
 */
BanyanSpecKind
banyan_spec_get_kind (BanyanSpec *self)
{
  g_return_val_if_fail (self != NULL, BANYAN_SPEC_NULL);

  return self->kind;
}

/**
 * banyan_spec_get_origin:
 * @self: a spec
 *
 * A value that a YAML alias stands for has the place of its anchor, where it is written.
 *
 * Returns: (transfer none): where the value came from
 */
const BanyanOrigin *
banyan_spec_get_origin (BanyanSpec *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->origin;
}

/**
 * banyan_spec_get_text:
 * @self: a scalar
 *
 * Returns: (transfer none): its text as written; "null" for null, however that was written
 */
const char *
banyan_spec_get_text (BanyanSpec *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (!is_container (self->kind), NULL);

  return ((BanyanSpecScalar *) self)->text;
}

/**
 * banyan_spec_get_length:
 * @self: a list or map
 *
 * Returns: how many items or entries it has
 */
guint
banyan_spec_get_length (BanyanSpec *self)
{
  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (is_container (self->kind), 0);

  return self->length;
}

/**
 * banyan_spec_get_item:
 * @self: a list or map
 * @index: a position below its length
 *
 * Returns: (transfer none): the value there
 */
BanyanSpec *
banyan_spec_get_item (BanyanSpec *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (is_container (self->kind), NULL);
  g_return_val_if_fail (index < self->length, NULL);

  return self->kind == BANYAN_SPEC_LIST ? ((BanyanSpecList *) self)->items[index]
                                        : ((BanyanSpecMap *) self)->entries[index].value;
}

/**
 * banyan_spec_get_key:
 * @self: a map
 * @index: a position below its length
 *
 * Returns: (transfer none): the key there, in the order written
 */
const char *
banyan_spec_get_key (BanyanSpec *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (self->kind == BANYAN_SPEC_MAP, NULL);
  g_return_val_if_fail (index < self->length, NULL);

  return ((BanyanSpecMap *) self)->entries[index].key;
}

/**
 * banyan_spec_get_key_origin:
 * @self: a map
 * @index: a position below its length
 *
 * Returns: (transfer none): where the key stands
 */
const BanyanOrigin *
banyan_spec_get_key_origin (BanyanSpec *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (self->kind == BANYAN_SPEC_MAP, NULL);
  g_return_val_if_fail (index < self->length, NULL);

  return &((BanyanSpecMap *) self)->entries[index].key_origin;
}

static BanyanSpec *
search_map (BanyanSpecMap *map, const char *key)
{
  guint low = 0, high = map->base.length;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      BanyanSpecEntry *entry = &map->entries[map->order[middle]];
      int order = strcmp (key, entry->key);

      if (order == 0)
        return entry->value;
      if (order < 0)
        high = middle;
      else
        low = middle + 1;
    }

  return NULL;
}

/**
 * banyan_spec_lookup:
 * @self: a map
 * @key: a key
 *
 * Returns: (transfer none) (nullable): its value, or NULL when the map does not have it. A key
 *   that is present and null has a value of the kind null.
 */
BanyanSpec *
banyan_spec_lookup (BanyanSpec *self, const char *key)
{
  BanyanSpecMap *map = (BanyanSpecMap *) self;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (self->kind == BANYAN_SPEC_MAP, NULL);
  g_return_val_if_fail (key != NULL, NULL);

  if (map->order)
    return search_map (map, key);

  for (guint i = 0; i < self->length; i++)
    if (g_str_equal (map->entries[i].key, key))
      return map->entries[i].value;

  return NULL;
}

/* -- Changing and comparing -- */

static gboolean
replace_entry (BanyanSpecBuilder *builder, const BanyanSpecEntry *entry, const char *key,
               BanyanSpec *value)
{
  gboolean is_it = g_str_equal (entry->key, key);

  if (!is_it || value)
    builder_append (builder, g_ref_string_acquire (entry->key), &entry->key_origin,
                    is_it ? value : entry->value);

  return is_it;
}

/**
 * banyan_spec_with:
 * @self: a map
 * @key: a key
 * @value: (nullable): its new value, or NULL to leave the key out
 *
 * Makes a map that differs from @self in one key. A key that was there keeps its position and the
 * origin of the key; a new one goes to the end.
 *
 * Returns: (transfer full): the map; the entries that stay are shared with @self
 */
BanyanSpec *
banyan_spec_with (BanyanSpec *self, const char *key, BanyanSpec *value)
{
  BanyanSpecMap *map = (BanyanSpecMap *) self;
  BanyanSpecBuilder *builder;
  gboolean found = FALSE;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (self->kind == BANYAN_SPEC_MAP, NULL);
  g_return_val_if_fail (key != NULL, NULL);

  builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->origin);
  for (guint i = 0; i < self->length; i++)
    found |= replace_entry (builder, &map->entries[i], key, value);
  if (!found && value)
    builder_append (builder, g_ref_string_new (key), &value->origin, value);

  return banyan_spec_builder_end (builder);
}

static gboolean
lists_are_equal (BanyanSpecList *a, BanyanSpecList *b)
{
  for (guint i = 0; i < a->base.length; i++)
    if (!banyan_spec_equal (a->items[i], b->items[i]))
      return FALSE;

  return TRUE;
}

static gboolean
maps_are_equal (BanyanSpecMap *a, BanyanSpec *b)
{
  for (guint i = 0; i < a->base.length; i++)
    {
      BanyanSpec *other = banyan_spec_lookup (b, a->entries[i].key);

      if (!other || !banyan_spec_equal (a->entries[i].value, other))
        return FALSE;
    }

  return TRUE;
}

static gboolean
kinds_are_comparable (BanyanSpec *a, BanyanSpec *b)
{
  if (is_container (a->kind) || is_container (b->kind))
    return a->kind == b->kind && a->length == b->length;

  return a->kind == b->kind || a->kind == BANYAN_SPEC_TEXT || b->kind == BANYAN_SPEC_TEXT;
}

/**
 * banyan_spec_equal:
 * @self: a spec
 * @other: another
 *
 * Compares values. Origins and the order of keys do not count; the order of a list does. Text,
 * whose meaning only a property's type decides, equals a string, number, boolean or null of the
 * same text, so this is no equivalence: the text 1 equals the string "1" and the number 1, which
 * do not equal each other.
 *
 * Returns: TRUE when they say the same
 */
gboolean
banyan_spec_equal (BanyanSpec *self, BanyanSpec *other)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (other != NULL, FALSE);

  if (self == other)
    return TRUE;
  if (!kinds_are_comparable (self, other))
    return FALSE;
  if (self->kind == BANYAN_SPEC_LIST)
    return lists_are_equal ((BanyanSpecList *) self, (BanyanSpecList *) other);
  if (self->kind == BANYAN_SPEC_MAP)
    return maps_are_equal ((BanyanSpecMap *) self, other);

  return g_str_equal (banyan_spec_get_text (self), banyan_spec_get_text (other));
}
