/* banyan-object-values.c - the properties of an object: what is declared and what is in force
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values in force lie in the fields of the instance. Two ways lead there: g_object_set(), which has
 * to be accepted and fills the declaration, and banyan_object_put(), by which a transaction or the
 * mapper puts in force what it has already checked. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"

/* -- Links: their targets know their users. -- */

static void
use_one (BanyanObject *self, GParamSpec *pspec, BanyanObject *target, gboolean in_use)
{
  if (!target)
    return;

  if (in_use)
    banyan_object_add_user (target, self, pspec->name);
  else
    banyan_object_remove_user (target, self, pspec->name);
}

static void
use_contents (BanyanObject *self, GParamSpec *pspec, const GValue *value, gboolean in_use)
{
  if (G_VALUE_HOLDS (value, BANYAN_TYPE_LIST))
    {
      BanyanList *list = g_value_get_boxed (value);

      for (guint i = 0; i < banyan_list_get_length (list); i++)
        use_contents (self, pspec, banyan_list_get_value (list, i), in_use);
    }
  else if (G_VALUE_HOLDS (value, BANYAN_TYPE_MAP))
    {
      BanyanMap *map = g_value_get_boxed (value);

      for (guint i = 0; i < banyan_map_get_length (map); i++)
        use_contents (self, pspec, banyan_map_get_value (map, i), in_use);
    }
  else if (G_VALUE_HOLDS (value, BANYAN_TYPE_OBJECT))
    use_one (self, pspec, g_value_get_object (value), in_use);
}

/* Records users of the links in @value, or takes the record back. */
static void
use_links (BanyanObject *self, GParamSpec *pspec, const GValue *value, gboolean in_use)
{
  /* Members are parts, not users' targets: they go with their owner. */
  if (banyan_param_has_links (pspec) && !banyan_param_has_members (pspec))
    use_contents (self, pspec, value, in_use);
}

/* What a dying object linked to may die of that, and what that linked to: a chain as long as a
 * document. So whoever comes first releases for all, and nobody recurses. */
static _Thread_local GArray *released; /* (owned) (nullable): of GValue */

static void
release_later (GValue *value)
{
  g_array_append_val (released, *value);
  *value = (GValue) G_VALUE_INIT;
}

static void
release_all (void)
{
  while (released->len > 0)
    {
      GValue value = g_array_index (released, GValue, released->len - 1);

      g_array_set_size (released, released->len - 1);
      g_value_unset (&value);
    }

  g_clear_pointer (&released, g_array_unref);
}

static void
clear_link (BanyanObject *self, GParamSpec *pspec)
{
  g_auto (GValue) none = G_VALUE_INIT;
  GValue old = G_VALUE_INIT;

  g_value_init (&old, pspec->value_type);
  g_value_init (&none, pspec->value_type);
  banyan_param_read_field (pspec, self, &old);
  use_links (self, pspec, &old, FALSE);
  banyan_param_write_field (pspec, self, &none);
  release_later (&old);
}

void
banyan_object_clear_links (BanyanObject *self)
{
  gboolean is_first = !released;
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  if (is_first)
    released = g_array_new (FALSE, FALSE, sizeof (GValue));

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_has_links (pspecs[i])
        && banyan_param_get_offset (pspecs[i]) != BANYAN_NO_FIELD)
      clear_link (self, pspecs[i]);

  if (is_first)
    release_all ();
}

/* -- Setting. -- */

static void
declare (BanyanObject *self, GParamSpec *pspec, BanyanSpec *value)
{
  g_autoptr (BanyanSpec) changed
      = banyan_spec_with (banyan_object_get_declaration (self), pspec->name, value);

  banyan_object_set_declaration (self, changed);
}

static gboolean
is_live_scalar (GParamSpec *pspec)
{
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_STRING:
    case G_TYPE_OBJECT:
    case G_TYPE_BOXED:
      return FALSE;
    default:
      return banyan_param_get_mutability (pspec) == BANYAN_MUTABLE_LIVE;
    }
}

static void
refuse_setter (BanyanObject *self, GParamSpec *pspec)
{
  g_autofree char *name = banyan_object_dup_name (self);

  switch (banyan_object_get_state (self))
    {
    case BANYAN_OBJECT_CLOSED:
      g_critical ("%s: %s cannot be set: the object is closed and stays so; make a new one", name,
                  pspec->name);
      break;
    case BANYAN_OBJECT_CONFIGURED:
      g_critical ("%s: %s cannot be set with g_object_set() while the object is being opened; use "
                  "banyan_object_set() once it is open",
                  name, pspec->name);
      break;
    default:
      g_critical ("%s: %s cannot be set with g_object_set() on an open object; use "
                  "banyan_object_set() or banyan_object_set_async()",
                  name, pspec->name);
    }
}

/**
 * banyan_object_accept_set:
 * @self: an object
 * @value: what a setter was given
 * @pspec: for which property
 *
 * What a property setter of one's own asks first. Before opening everything may be set, and the
 * declaration is filled; after it, live numbers and booleans only.
 *
 * Returns: whether to go on; if not, a critical has named the right call
 */
gboolean
banyan_object_accept_set (BanyanObject *self, const GValue *value, GParamSpec *pspec)
{
  g_autoptr (BanyanSpec) spec = NULL;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  if (*banyan_object_get_putting (self) > 0)
    return TRUE;

  if (banyan_object_get_state (self) != BANYAN_OBJECT_CONSTRUCTED
      && (banyan_object_get_state (self) == BANYAN_OBJECT_CLOSED || !is_live_scalar (pspec)))
    {
      refuse_setter (self, pspec);
      return FALSE;
    }

  spec = banyan_param_value_to_spec (pspec, value, banyan_object_get_setter_origin (self));
  declare (self, pspec, spec);
  return TRUE;
}

static void
change_field (BanyanObject *self, GParamSpec *pspec, const GValue *value)
{
  g_auto (GValue) old = G_VALUE_INIT;

  g_value_init (&old, pspec->value_type);
  banyan_param_read_field (pspec, self, &old);
  if (banyan_value_equal (&old, value))
    return;

  use_links (self, pspec, value, TRUE);
  banyan_param_write_field (pspec, self, value);
  use_links (self, pspec, &old, FALSE);
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

/**
 * banyan_object_set_field: (skip)
 * @object: a #BanyanObject
 * @id: not used
 * @value: the new value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.set_property, serves all properties that were declared with a field.
 */
void
banyan_object_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanObject *self = BANYAN_OBJECT (object);

  if (banyan_param_get_offset (pspec) == BANYAN_NO_FIELD)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }

  if (banyan_object_accept_set (self, value, pspec))
    change_field (self, pspec, value);
}

/**
 * banyan_object_get_field: (skip)
 * @object: a #BanyanObject
 * @id: not used
 * @value: where to put the value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.get_property, serves all properties that were declared with a field.
 */
void
banyan_object_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (banyan_param_get_offset (pspec) == BANYAN_NO_FIELD)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }

  banyan_param_read_field (pspec, object, value);
}

/**
 * banyan_object_put: (skip)
 * @self: an object
 * @pspec: one of its properties
 * @value: the value, checked
 * @spec: (nullable): what the declaration says from now on, or %NULL to leave it
 *
 * Puts a value in force without asking whether the object's state allows it. For the phases of a
 * transaction.
 */
void
banyan_object_put (BanyanObject *self, GParamSpec *pspec, const GValue *value, BanyanSpec *spec)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));

  if (spec)
    declare (self, pspec, spec);

  if (banyan_param_get_offset (pspec) != BANYAN_NO_FIELD)
    {
      change_field (self, pspec, value);
      return;
    }

  ++*banyan_object_get_putting (self);
  g_object_set_property (G_OBJECT (self), pspec->name, value);
  --*banyan_object_get_putting (self);
}

/**
 * banyan_object_get_origin:
 * @self: an object
 * @property: the name of a property
 * @origin: (out caller-allocates): where to put the answer
 *
 * Tells where the value in force comes from: whoever declared it, or the class's default.
 */
void
banyan_object_get_origin (BanyanObject *self, const char *property, BanyanOrigin *origin)
{
  BanyanSpec *value;

  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (property != NULL && origin != NULL);

  value = banyan_spec_lookup (banyan_object_get_declaration (self), property);
  *origin
      = value ? *banyan_spec_get_origin (value) : (BanyanOrigin){ .kind = BANYAN_ORIGIN_DEFAULT };
}

/* -- Keys of documents. -- */

GParamSpec *
banyan_object_class_find_key (GObjectClass *klass, const char *key)
{
  GParamSpec *pspec = g_object_class_find_property (klass, key);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  if (pspec && g_str_equal (pspec->name, key))
    return pspec;

  /* GLib takes "read_only" for "read-only"; a document may not, unless it is an alias. */
  pspecs = g_object_class_list_properties (klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (g_strv_contains (banyan_param_get_aliases (pspecs[i]), key))
      return pspecs[i];

  return NULL;
}

const char **
banyan_object_class_list_keys (GObjectClass *klass)
{
  g_autofree GParamSpec **pspecs = NULL;
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  guint n_pspecs;

  pspecs = g_object_class_list_properties (klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_settable (pspecs[i]))
      g_ptr_array_add (keys, (gpointer) pspecs[i]->name);

  g_ptr_array_add (keys, NULL);
  return (const char **) g_ptr_array_steal (keys, NULL);
}
