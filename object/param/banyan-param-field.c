/* banyan-param-field.c - values of properties: in instances, and compared
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-private.h"

#include <banyan/banyan-struct.h>
#include <string.h>

/* Numbers are read by iothreads while the main thread writes them, so each is one relaxed atomic
 * access. Whatever is owned is exchanged on the main thread only. */

/* An atomic needs an integer: the same bits, then. */
static double
double_of_bits (guint64 bits)
{
  double number;

  memcpy (&number, &bits, sizeof number);
  return number;
}

static guint64
bits_of_double (double number)
{
  guint64 bits;

  memcpy (&bits, &number, sizeof bits);
  return bits;
}

static gpointer
field_of (GParamSpec *pspec, gpointer instance)
{
  return G_STRUCT_MEMBER_P (instance, banyan_param_get_offset (pspec));
}

/**
 * banyan_param_read_field: (skip)
 * @pspec: a property declared with a field
 * @instance: the instance that has it
 * @value: initialized for the property's type
 *
 * Gets a property's value from its field.
 */
void
banyan_param_read_field (GParamSpec *pspec, gpointer instance, GValue *value)
{
  gpointer field;

  g_return_if_fail (banyan_param_get_offset (pspec) != BANYAN_NO_FIELD);

  field = field_of (pspec, instance);
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, BANYAN_LIVE (*(gboolean *) field));
      break;
    case G_TYPE_INT:
      g_value_set_int (value, BANYAN_LIVE (*(gint *) field));
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, BANYAN_LIVE (*(guint *) field));
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, BANYAN_LIVE (*(gint64 *) field));
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, BANYAN_LIVE (*(guint64 *) field));
      break;
    case G_TYPE_DOUBLE:
      g_value_set_double (value, double_of_bits (BANYAN_LIVE (*(guint64 *) field)));
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, BANYAN_LIVE (*(gint *) field));
      break;
    case G_TYPE_FLAGS:
      g_value_set_flags (value, BANYAN_LIVE (*(guint *) field));
      break;
    case G_TYPE_STRING:
      g_value_set_string (value, *(char **) field);
      break;
    case G_TYPE_OBJECT:
      g_value_set_object (value, *(gpointer *) field);
      break;
    case G_TYPE_BOXED:
      g_value_set_boxed (value, *(gpointer *) field);
      break;
    default:
      g_critical ("%s: a %s cannot be a field", pspec->name, g_type_name (pspec->value_type));
    }
}

static void
free_owned (GType type, gpointer owned)
{
  if (!owned)
    return;

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_STRING:
      g_free (owned);
      break;
    case G_TYPE_OBJECT:
      g_object_unref (owned);
      break;
    default:
      g_boxed_free (type, owned);
    }
}

/* The old value is freed last: the new one may be kept alive by it, and freeing may call back. */
static void
replace_owned (GType type, gpointer *field, gpointer value)
{
  gpointer old = *field;

  *field = value;
  free_owned (type, old);
}

static gpointer
dup_struct_or_object (const GValue *value)
{
  gpointer object = g_value_dup_object (value);

  if (object && BANYAN_IS_STRUCT (object))
    banyan_struct_freeze (object);

  return object;
}

/**
 * banyan_param_write_field: (skip)
 * @pspec: a property declared with a field
 * @instance: the instance that has it
 * @value: a value of the property's type
 *
 * Puts a property's value into its field. A struct is frozen by that.
 */
void
banyan_param_write_field (GParamSpec *pspec, gpointer instance, const GValue *value)
{
  gpointer field;

  g_return_if_fail (banyan_param_get_offset (pspec) != BANYAN_NO_FIELD);

  field = field_of (pspec, instance);
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      BANYAN_LIVE_SET (*(gboolean *) field, g_value_get_boolean (value));
      break;
    case G_TYPE_INT:
      BANYAN_LIVE_SET (*(gint *) field, g_value_get_int (value));
      break;
    case G_TYPE_UINT:
      BANYAN_LIVE_SET (*(guint *) field, g_value_get_uint (value));
      break;
    case G_TYPE_INT64:
      BANYAN_LIVE_SET (*(gint64 *) field, g_value_get_int64 (value));
      break;
    case G_TYPE_UINT64:
      BANYAN_LIVE_SET (*(guint64 *) field, g_value_get_uint64 (value));
      break;
    case G_TYPE_DOUBLE:
      BANYAN_LIVE_SET (*(guint64 *) field, bits_of_double (g_value_get_double (value)));
      break;
    case G_TYPE_ENUM:
      BANYAN_LIVE_SET (*(gint *) field, g_value_get_enum (value));
      break;
    case G_TYPE_FLAGS:
      BANYAN_LIVE_SET (*(guint *) field, g_value_get_flags (value));
      break;
    case G_TYPE_STRING:
      replace_owned (pspec->value_type, field, g_value_dup_string (value));
      break;
    case G_TYPE_OBJECT:
      replace_owned (pspec->value_type, field, dup_struct_or_object (value));
      break;
    case G_TYPE_BOXED:
      replace_owned (pspec->value_type, field, g_value_dup_boxed (value));
      break;
    default:
      g_critical ("%s: a %s cannot be a field", pspec->name, g_type_name (pspec->value_type));
    }
}

static gboolean
field_is_owned (GParamSpec *pspec)
{
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_STRING:
    case G_TYPE_OBJECT:
    case G_TYPE_BOXED:
      return banyan_param_get_offset (pspec) != BANYAN_NO_FIELD;
    default:
      return FALSE;
    }
}

/**
 * banyan_param_clear_fields: (skip)
 * @instance: an instance that is being finalized
 *
 * Frees what the fields of @instance own, of all its classes.
 */
void
banyan_param_clear_fields (GObject *instance)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (instance), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (field_is_owned (pspecs[i]))
      replace_owned (pspecs[i]->value_type, field_of (pspecs[i], instance), NULL);
}

/* A fresh instance is all zeroes, so only what differs has to be written. */
void
banyan_param_init_fields (GObject *instance)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (instance), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      const GValue *value = g_param_spec_get_default_value (pspecs[i]);

      if (banyan_param_get_offset (pspecs[i]) != BANYAN_NO_FIELD && value->data[0].v_uint64 != 0)
        banyan_param_write_field (pspecs[i], instance, value);
    }
}

/* -- Comparing. -- */

static gboolean
lists_equal (BanyanList *one, BanyanList *other)
{
  guint length = banyan_list_get_length (one);

  if (length != banyan_list_get_length (other))
    return FALSE;

  for (guint i = 0; i < length; i++)
    if (!banyan_value_equal (banyan_list_get_value (one, i), banyan_list_get_value (other, i)))
      return FALSE;

  return TRUE;
}

/* The order of keys means nothing to who looks a value up. */
static gboolean
maps_equal (BanyanMap *one, BanyanMap *other)
{
  guint length = banyan_map_get_length (one);

  if (length != banyan_map_get_length (other))
    return FALSE;

  for (guint i = 0; i < length; i++)
    {
      const GValue *match = banyan_map_lookup (other, banyan_map_get_key (one, i));

      if (!match || !banyan_value_equal (banyan_map_get_value (one, i), match))
        return FALSE;
    }

  return TRUE;
}

static gboolean
objects_equal (gpointer one, gpointer other)
{
  if (one == other)
    return TRUE;
  if (!one || !other || !BANYAN_IS_STRUCT (one) || !BANYAN_IS_STRUCT (other))
    return FALSE;

  return banyan_struct_equal (one, other);
}

gboolean
banyan_param_read_value (GParamSpec *pspec, gpointer instance, GValue *value)
{
  g_value_init (value, pspec->value_type);
  if (banyan_param_get_offset (pspec) != BANYAN_NO_FIELD)
    banyan_param_read_field (pspec, instance, value);
  else if (pspec->flags & G_PARAM_READABLE)
    g_object_get_property (G_OBJECT (instance), pspec->name, value);
  else
    return FALSE;

  return TRUE;
}

gboolean
banyan_value_is_null (const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_STRING:
    case G_TYPE_OBJECT:
    case G_TYPE_BOXED:
      return g_value_peek_pointer (value) == NULL;
    default:
      return FALSE;
    }
}

gboolean
banyan_value_equal (const GValue *one, const GValue *other)
{
  GType type = G_VALUE_TYPE (one);

  if (G_VALUE_HOLDS (one, BANYAN_TYPE_LIST) && G_VALUE_HOLDS (other, BANYAN_TYPE_LIST))
    return lists_equal (g_value_get_boxed (one), g_value_get_boxed (other));
  if (G_VALUE_HOLDS (one, BANYAN_TYPE_MAP) && G_VALUE_HOLDS (other, BANYAN_TYPE_MAP))
    return maps_equal (g_value_get_boxed (one), g_value_get_boxed (other));
  if (G_VALUE_HOLDS_OBJECT (one) && G_VALUE_HOLDS_OBJECT (other))
    return objects_equal (g_value_get_object (one), g_value_get_object (other));
  if (type != G_VALUE_TYPE (other))
    return FALSE;

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_STRING:
      return g_strcmp0 (g_value_get_string (one), g_value_get_string (other)) == 0;
    case G_TYPE_DOUBLE:
      return bits_of_double (g_value_get_double (one))
             == bits_of_double (g_value_get_double (other));
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
      return one->data[0].v_uint64 == other->data[0].v_uint64;
    case G_TYPE_BOXED:
      return g_value_get_boxed (one) == g_value_get_boxed (other);
    default:
      return one->data[0].v_uint == other->data[0].v_uint;
    }
}
