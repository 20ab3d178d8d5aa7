/* banyan-struct.c - a value with fields: properties, but no id, path or life cycle
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A struct is put together like any object, then frozen by whoever takes it as a value. From then
 * on any thread that holds a reference may read it. */

#include <banyan/banyan-struct.h>

#include "banyan-param-private.h"
#include "banyan-struct-private.h"

#include <string.h>

typedef struct
{
  gint is_frozen;   /* atomic */
  GPtrArray *given; /* (owned) (nullable): what was set of what is required; none of it owned */
} BanyanStructPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanStruct, banyan_struct, G_TYPE_OBJECT)

/* What a class says of itself hangs on its type: class structs have no room that would not be
 * inherited with the rest. */
static G_DEFINE_QUARK (banyan_struct_discriminator, discriminator);
static G_DEFINE_QUARK (banyan_struct_name, name);
static G_DEFINE_QUARK (banyan_struct_short_form, short_form);

static void
banyan_struct_constructed (GObject *object)
{
  banyan_param_init_fields (object);

  G_OBJECT_CLASS (banyan_struct_parent_class)->constructed (object);
}

static void
banyan_struct_finalize (GObject *object)
{
  BanyanStructPrivate *private = banyan_struct_get_instance_private (BANYAN_STRUCT (object));

  banyan_param_clear_fields (object);
  g_clear_pointer (&private->given, g_ptr_array_unref);

  G_OBJECT_CLASS (banyan_struct_parent_class)->finalize (object);
}

static void
banyan_struct_class_init (BanyanStructClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  object_class->constructed = banyan_struct_constructed;
  object_class->finalize = banyan_struct_finalize;
}

static void
banyan_struct_init (BanyanStruct *self)
{
}

/* -- Classes. -- */

static void
note (BanyanStructClass *klass, GQuark what, const char *text)
{
  g_type_set_qdata (G_TYPE_FROM_CLASS (klass), what, (gpointer) g_intern_string (text));
}

static const char *
look_up (BanyanStructClass *klass, GQuark what)
{
  for (GType type = G_TYPE_FROM_CLASS (klass); type != BANYAN_TYPE_STRUCT;
       type = g_type_parent (type))
    if (g_type_get_qdata (type, what))
      return g_type_get_qdata (type, what);

  return NULL;
}

/**
 * banyan_struct_class_set_discriminator: (skip)
 * @klass: an abstract class
 * @key: the key that tells in documents which subclass is meant
 *
 * Says how documents choose among the subclasses: "type" in a socket address.
 */
void
banyan_struct_class_set_discriminator (BanyanStructClass *klass, const char *key)
{
  g_return_if_fail (BANYAN_IS_STRUCT_CLASS (klass));

  note (klass, discriminator_quark (), key);
}

/**
 * banyan_struct_class_set_name: (skip)
 * @klass: a class
 * @name: the discriminator's value that means it
 *
 * Says what documents call a subclass.
 */
void
banyan_struct_class_set_name (BanyanStructClass *klass, const char *name)
{
  g_return_if_fail (BANYAN_IS_STRUCT_CLASS (klass));

  note (klass, name_quark (), name);
}

/**
 * banyan_struct_class_set_short_form: (skip)
 * @klass: a class
 * @property: one of its properties
 *
 * Lets documents write a scalar where the struct is expected. It sets @property and no other.
 */
void
banyan_struct_class_set_short_form (BanyanStructClass *klass, const char *property)
{
  g_return_if_fail (BANYAN_IS_STRUCT_CLASS (klass));

  note (klass, short_form_quark (), property);
}

/**
 * banyan_struct_class_get_discriminator: (skip)
 * @klass: a class
 *
 * Returns: (nullable): the key that tells which subclass is meant; %NULL where there is no choice
 */
const char *
banyan_struct_class_get_discriminator (BanyanStructClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_STRUCT_CLASS (klass), NULL);

  return look_up (klass, discriminator_quark ());
}

/**
 * banyan_struct_class_get_name: (skip)
 * @klass: a class
 *
 * Returns: (nullable): what documents call this very class
 */
const char *
banyan_struct_class_get_name (BanyanStructClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_STRUCT_CLASS (klass), NULL);

  return g_type_get_qdata (G_TYPE_FROM_CLASS (klass), name_quark ());
}

/**
 * banyan_struct_class_get_short_form: (skip)
 * @klass: a class
 *
 * Returns: (nullable): the property that a scalar sets
 */
const char *
banyan_struct_class_get_short_form (BanyanStructClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_STRUCT_CLASS (klass), NULL);

  return look_up (klass, short_form_quark ());
}

static void
collect_variants (GType type, GArray *variants)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  g_autofree GType *children = NULL;
  guint n_children;

  if (!G_TYPE_IS_ABSTRACT (type) && banyan_struct_class_get_name ((BanyanStructClass *) klass))
    g_array_append_val (variants, type);

  children = g_type_children (type, &n_children);
  for (guint i = 0; i < n_children; i++)
    collect_variants (children[i], variants);
}

/**
 * banyan_struct_list_variants:
 * @type: a #BanyanStruct class
 * @n_variants: (out): how many there are
 *
 * Lists the classes that a document may mean where @type is expected: those registered so far that
 * have a name and can be made.
 *
 * Returns: (transfer full) (array length=n_variants): the types
 */
GType *
banyan_struct_list_variants (GType type, guint *n_variants)
{
  GArray *variants;

  g_return_val_if_fail (g_type_is_a (type, BANYAN_TYPE_STRUCT), NULL);
  g_return_val_if_fail (n_variants != NULL, NULL);

  variants = g_array_new (TRUE, FALSE, sizeof (GType));
  collect_variants (type, variants);
  *n_variants = variants->len;
  return (GType *) (gpointer) g_array_free (variants, FALSE);
}

/* -- Values. -- */

/**
 * banyan_struct_freeze:
 * @self: a struct
 *
 * Makes @self a value: from now on nothing in it changes. Setting a property to a struct does this.
 */
void
banyan_struct_freeze (BanyanStruct *self)
{
  BanyanStructPrivate *private = banyan_struct_get_instance_private (self);

  g_return_if_fail (BANYAN_IS_STRUCT (self));

  g_atomic_int_set (&private->is_frozen, TRUE);
}

/**
 * banyan_struct_is_frozen:
 * @self: a struct
 *
 * Returns: whether it cannot change any more
 */
gboolean
banyan_struct_is_frozen (BanyanStruct *self)
{
  BanyanStructPrivate *private = banyan_struct_get_instance_private (self);

  g_return_val_if_fail (BANYAN_IS_STRUCT (self), FALSE);

  return g_atomic_int_get (&private->is_frozen);
}

static void
note_given (BanyanStruct *self, GParamSpec *pspec)
{
  BanyanStructPrivate *private = banyan_struct_get_instance_private (self);

  if (!banyan_param_is_required (pspec))
    return;
  if (!private->given)
  private->given = g_ptr_array_new ();
  if (!g_ptr_array_find (private->given, pspec, NULL))
    g_ptr_array_add (private->given, pspec);
}

/* A number that was set to its default is given, too. Who sets a field by other ways gives it. */
gboolean
banyan_struct_is_given (BanyanStruct *self, GParamSpec *pspec)
{
  BanyanStructPrivate *private = banyan_struct_get_instance_private (self);
  g_auto (GValue) value = G_VALUE_INIT;

  if (!banyan_param_read_value (pspec, self, &value))
    return TRUE;
  if (banyan_value_is_null (&value))
    return FALSE;

  return banyan_param_get_offset (pspec) == BANYAN_NO_FIELD
         || !banyan_value_equal (&value, g_param_spec_get_default_value (pspec))
         || (private->given && g_ptr_array_find (private->given, pspec, NULL));
}

/**
 * banyan_struct_copy:
 * @self: a struct
 *
 * Copies a struct in order to change the copy. Structs inside are shared, as they are frozen.
 *
 * Returns: (transfer full): a copy that is not frozen
 */
BanyanStruct *
banyan_struct_copy (BanyanStruct *self)
{
  g_autofree GParamSpec **pspecs = NULL;
  BanyanStruct *copy;
  guint n_pspecs;

  g_return_val_if_fail (BANYAN_IS_STRUCT (self), NULL);

  copy = g_object_new (G_OBJECT_TYPE (self), NULL);
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      if (banyan_param_read_value (pspecs[i], self, &value) && (pspecs[i]->flags & G_PARAM_WRITABLE)
          && (!banyan_param_is_required (pspecs[i]) || banyan_struct_is_given (self, pspecs[i])))
        g_object_set_property (G_OBJECT (copy), pspecs[i]->name, &value);
    }

  return copy;
}

static gboolean
property_equal (BanyanStruct *self, BanyanStruct *other, GParamSpec *pspec)
{
  g_auto (GValue) one = G_VALUE_INIT;
  g_auto (GValue) two = G_VALUE_INIT;

  return !banyan_param_read_value (pspec, self, &one)
         || !banyan_param_read_value (pspec, other, &two) || banyan_value_equal (&one, &two);
}

/**
 * banyan_struct_equal:
 * @self: a struct
 * @other: another
 *
 * Returns: whether both are the same value: of one class, with equal fields
 */
gboolean
banyan_struct_equal (BanyanStruct *self, BanyanStruct *other)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  g_return_val_if_fail (BANYAN_IS_STRUCT (self), FALSE);
  g_return_val_if_fail (BANYAN_IS_STRUCT (other), FALSE);

  if (self == other)
    return TRUE;
  if (G_OBJECT_TYPE (self) != G_OBJECT_TYPE (other))
    return FALSE;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (!property_equal (self, other, pspecs[i]))
      return FALSE;

  return TRUE;
}

/**
 * banyan_struct_set_field: (skip)
 * @object: a #BanyanStruct
 * @id: not used
 * @value: the new value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.set_property, serves all properties that were declared with a field.
 */
void
banyan_struct_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  g_auto (GValue) old = G_VALUE_INIT;

  if (banyan_param_get_offset (pspec) == BANYAN_NO_FIELD)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  if (banyan_struct_is_frozen (BANYAN_STRUCT (object)))
    {
      g_critical ("%s: %s cannot be set: the struct is frozen; change a banyan_struct_copy() of it",
                  G_OBJECT_TYPE_NAME (object), pspec->name);
      return;
    }

  note_given (BANYAN_STRUCT (object), pspec);
  g_value_init (&old, pspec->value_type);
  banyan_param_read_field (pspec, object, &old);
  if (banyan_value_equal (&old, value))
    return;

  banyan_param_write_field (pspec, object, value);
  g_object_notify_by_pspec (object, pspec);
}

/**
 * banyan_struct_get_field: (skip)
 * @object: a #BanyanStruct
 * @id: not used
 * @value: where to put the value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.get_property, serves all properties that were declared with a field.
 */
void
banyan_struct_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (banyan_param_get_offset (pspec) == BANYAN_NO_FIELD)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }

  banyan_param_read_field (pspec, object, value);
}
