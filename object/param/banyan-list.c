/* banyan-list.c - immutable lists and maps of values
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-list.h>
#include <banyan/banyan-struct.h>

/* One block of values behind a count of users. Nothing changes after _new, so a list may be lent to
 * any thread that holds a reference. */
struct _BanyanList
{
  gatomicrefcount references;
  GType element_type;
  guint length;
  GValue *values; /* (owned) */
};

struct _BanyanMap
{
  gatomicrefcount references;
  GType element_type;
  guint length;
  char **keys;       /* (owned): in the order given */
  GValue *values;    /* (owned) */
  GHashTable *index; /* (owned): key (unowned) to its position */
};

G_DEFINE_BOXED_TYPE (BanyanList, banyan_list, banyan_list_ref, banyan_list_unref)
G_DEFINE_BOXED_TYPE (BanyanMap, banyan_map, banyan_map_ref, banyan_map_unref)

static GValue *
copy_values (GType element_type, const GValue *values, guint n_values)
{
  GValue *copies = g_new0 (GValue, n_values);

  for (guint i = 0; i < n_values; i++)
    {
      g_value_init (&copies[i], element_type);
      g_value_copy (&values[i], &copies[i]);

      /* A list is a value as a whole: what is in it must not change either. */
      if (g_type_is_a (element_type, BANYAN_TYPE_STRUCT) && g_value_get_object (&copies[i]))
        banyan_struct_freeze (g_value_get_object (&copies[i]));
    }

  return copies;
}

static void
free_values (GValue *values, guint n_values)
{
  for (guint i = 0; i < n_values; i++)
    g_value_unset (&values[i]);
  g_free (values);
}

static gboolean
all_hold (GType element_type, const GValue *values, guint n_values)
{
  for (guint i = 0; i < n_values; i++)
    if (!G_VALUE_HOLDS (&values[i], element_type))
      return FALSE;

  return TRUE;
}

/**
 * banyan_list_new:
 * @element_type: what every element is, or is derived from
 * @values: (array length=n_values) (nullable): the elements
 * @n_values: how many there are
 *
 * Makes a list of copies of @values. Elements that are structs are frozen.
 *
 * Returns: (transfer full): the list
 */
BanyanList *
banyan_list_new (GType element_type, const GValue *values, guint n_values)
{
  BanyanList *self;

  g_return_val_if_fail (G_TYPE_IS_VALUE (element_type), NULL);
  g_return_val_if_fail (all_hold (element_type, values, n_values), NULL);

  self = g_new0 (BanyanList, 1);
  g_atomic_ref_count_init (&self->references);
  self->element_type = element_type;
  self->length = n_values;
  self->values = copy_values (element_type, values, n_values);
  return self;
}

/**
 * banyan_list_ref:
 * @self: a list
 *
 * Returns: (transfer full): @self
 */
BanyanList *
banyan_list_ref (BanyanList *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->references);
  return self;
}

/**
 * banyan_list_unref:
 * @self: (transfer full): a list
 *
 * Gives a reference back; the last one frees the list.
 */
void
banyan_list_unref (BanyanList *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->references))
    return;

  free_values (self->values, self->length);
  g_free (self);
}

/**
 * banyan_list_get_element_type:
 * @self: a list
 *
 * Returns: the type that all elements have or are derived from
 */
GType
banyan_list_get_element_type (BanyanList *self)
{
  g_return_val_if_fail (self != NULL, G_TYPE_INVALID);

  return self->element_type;
}

/**
 * banyan_list_get_length:
 * @self: (nullable): a list
 *
 * Returns: the number of elements; 0 for %NULL, which a property holds that was never set
 */
guint
banyan_list_get_length (BanyanList *self)
{
  return self ? self->length : 0;
}

/**
 * banyan_list_get_value:
 * @self: a list
 * @index: below the length
 *
 * Returns: (transfer none): the element
 */
const GValue *
banyan_list_get_value (BanyanList *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->length, NULL);

  return &self->values[index];
}

/**
 * banyan_list_get_string:
 * @self: a list of strings
 * @index: below the length
 *
 * Returns: (transfer none) (nullable): the element
 */
const char *
banyan_list_get_string (BanyanList *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->length, NULL);
  g_return_val_if_fail (self->element_type == G_TYPE_STRING, NULL);

  return g_value_get_string (&self->values[index]);
}

/**
 * banyan_list_get_object:
 * @self: a list of objects or structs
 * @index: below the length
 *
 * Returns: (transfer none) (type GObject) (nullable): the element
 */
gpointer
banyan_list_get_object (BanyanList *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->length, NULL);
  g_return_val_if_fail (g_type_is_a (self->element_type, G_TYPE_OBJECT), NULL);

  return g_value_get_object (&self->values[index]);
}

static GHashTable *
index_keys (char **keys, guint n_keys)
{
  GHashTable *index = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < n_keys; i++)
    g_hash_table_insert (index, keys[i], GUINT_TO_POINTER (i));

  return index;
}

/**
 * banyan_map_new:
 * @element_type: what every element is, or is derived from
 * @keys: (array length=n_values) (nullable): the keys, each another
 * @values: (array length=n_values) (nullable): the elements
 * @n_values: how many there are
 *
 * Makes a map of copies of @keys and @values, which keeps their order. Elements that are structs
 * are frozen.
 *
 * Returns: (transfer full): the map
 */
BanyanMap *
banyan_map_new (GType element_type, const char *const *keys, const GValue *values, guint n_values)
{
  BanyanMap *self;

  g_return_val_if_fail (G_TYPE_IS_VALUE (element_type), NULL);
  g_return_val_if_fail (all_hold (element_type, values, n_values), NULL);

  self = g_new0 (BanyanMap, 1);
  g_atomic_ref_count_init (&self->references);
  self->element_type = element_type;
  self->length = n_values;
  self->keys = g_new0 (char *, n_values + 1);
  for (guint i = 0; i < n_values; i++)
    self->keys[i] = g_strdup (keys[i]);
  self->values = copy_values (element_type, values, n_values);
  self->index = index_keys (self->keys, n_values);

  if (g_hash_table_size (self->index) != n_values)
    {
      g_critical ("%s: a key is given twice", G_STRFUNC);
      g_clear_pointer (&self, banyan_map_unref);
    }
  return self;
}

/**
 * banyan_map_ref:
 * @self: a map
 *
 * Returns: (transfer full): @self
 */
BanyanMap *
banyan_map_ref (BanyanMap *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->references);
  return self;
}

/**
 * banyan_map_unref:
 * @self: (transfer full): a map
 *
 * Gives a reference back; the last one frees the map.
 */
void
banyan_map_unref (BanyanMap *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_hash_table_unref (self->index);
  free_values (self->values, self->length);
  g_strfreev (self->keys);
  g_free (self);
}

/**
 * banyan_map_get_element_type:
 * @self: a map
 *
 * Returns: the type that all elements have or are derived from
 */
GType
banyan_map_get_element_type (BanyanMap *self)
{
  g_return_val_if_fail (self != NULL, G_TYPE_INVALID);

  return self->element_type;
}

/**
 * banyan_map_get_length:
 * @self: (nullable): a map
 *
 * Returns: the number of elements; 0 for %NULL, which a property holds that was never set
 */
guint
banyan_map_get_length (BanyanMap *self)
{
  return self ? self->length : 0;
}

/**
 * banyan_map_get_key:
 * @self: a map
 * @index: below the length
 *
 * Returns: (transfer none): the key at that place in the order given
 */
const char *
banyan_map_get_key (BanyanMap *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->length, NULL);

  return self->keys[index];
}

/**
 * banyan_map_get_value:
 * @self: a map
 * @index: below the length
 *
 * Returns: (transfer none): the element at that place in the order given
 */
const GValue *
banyan_map_get_value (BanyanMap *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->length, NULL);

  return &self->values[index];
}

/**
 * banyan_map_lookup:
 * @self: (nullable): a map
 * @key: a key
 *
 * Returns: (transfer none) (nullable): the element of that key, or %NULL if there is none
 */
const GValue *
banyan_map_lookup (BanyanMap *self, const char *key)
{
  gpointer position;

  g_return_val_if_fail (key != NULL, NULL);

  if (!self || !g_hash_table_lookup_extended (self->index, key, NULL, &position))
    return NULL;

  return &self->values[GPOINTER_TO_UINT (position)];
}
