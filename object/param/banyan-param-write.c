/* banyan-param-write.c - values of properties as specs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-private.h"

#include <banyan/banyan-object.h>
#include <banyan/banyan-scalar.h>
#include <banyan/banyan-struct.h>

static BanyanSpec *
take_scalar (BanyanSpecKind kind, char *text, const BanyanOrigin *origin)
{
  BanyanSpec *spec = banyan_spec_new_scalar (kind, text, origin);

  g_free (text);
  return spec;
}

static BanyanSpec *
string_or_null (const char *text, const BanyanOrigin *origin)
{
  return text ? banyan_spec_new_scalar (BANYAN_SPEC_STRING, text, origin)
              : banyan_spec_new_null (origin);
}

static BanyanSpec *
write_enum (const GValue *value, const BanyanOrigin *origin)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  GEnumValue *choice = g_enum_get_value ((GEnumClass *) klass, g_value_get_enum (value));

  return string_or_null (choice ? choice->value_nick : NULL, origin);
}

/* A value of several bits stands for them, if it is declared before them. */
static BanyanSpec *
write_flags (const GValue *value, const BanyanOrigin *origin)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, origin);
  guint flags = g_value_get_flags (value);
  GFlagsValue *choice;

  while (flags && (choice = g_flags_get_first_value ((GFlagsClass *) klass, flags)))
    {
      g_autoptr (BanyanSpec) nick
          = banyan_spec_new_scalar (BANYAN_SPEC_STRING, choice->value_nick, origin);

      banyan_spec_builder_add (builder, NULL, NULL, nick);
      flags &= ~choice->value;
    }

  return banyan_spec_builder_end (builder);
}

static BanyanSpec *
write_list (GParamSpec *pspec, BanyanList *list, const BanyanOrigin *origin)
{
  BanyanSpecBuilder *builder;

  if (!list)
    return banyan_spec_new_null (origin);

  builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, origin);
  for (guint i = 0; i < banyan_list_get_length (list); i++)
    {
      g_autoptr (BanyanSpec) item = banyan_param_value_to_spec (
          banyan_param_get_element (pspec), banyan_list_get_value (list, i), origin);

      banyan_spec_builder_add (builder, NULL, NULL, item);
    }

  return banyan_spec_builder_end (builder);
}

static BanyanSpec *
write_map (GParamSpec *pspec, BanyanMap *map, const BanyanOrigin *origin)
{
  BanyanSpecBuilder *builder;

  if (!map)
    return banyan_spec_new_null (origin);

  builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  for (guint i = 0; i < banyan_map_get_length (map); i++)
    {
      g_autoptr (BanyanSpec) item = banyan_param_value_to_spec (
          banyan_param_get_element (pspec), banyan_map_get_value (map, i), origin);

      banyan_spec_builder_add (builder, banyan_map_get_key (map, i), origin, item);
    }

  return banyan_spec_builder_end (builder);
}

static BanyanSpec *
write_object (gpointer object, const BanyanOrigin *origin)
{
  if (object && BANYAN_IS_STRUCT (object))
    return banyan_struct_to_spec (object, origin);
  if (object && BANYAN_IS_OBJECT (object))
    return string_or_null (banyan_object_get_id (object), origin);

  return banyan_spec_new_null (origin);
}

/**
 * banyan_param_value_to_spec:
 * @pspec: a property
 * @value: a value that it takes
 * @origin: (nullable): where the value comes from
 *
 * Writes a value as a document would have it. A link is the id of its target, and a secret is not
 * told.
 *
 * Returns: (transfer full): the spec
 */
BanyanSpec *
banyan_param_value_to_spec (GParamSpec *pspec, const GValue *value, const BanyanOrigin *origin)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);
  g_return_val_if_fail (G_IS_VALUE (value), NULL);

  if (banyan_param_is_secret (pspec))
    return banyan_spec_new_scalar (BANYAN_SPEC_STRING, BANYAN_REDACTED, origin);
  if (banyan_param_is_list (pspec))
    return write_list (pspec, g_value_get_boxed (value), origin);
  if (banyan_param_is_map (pspec))
    return write_map (pspec, g_value_get_boxed (value), origin);

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      return banyan_spec_new_scalar (BANYAN_SPEC_BOOLEAN,
                                     g_value_get_boolean (value) ? "true" : "false", origin);
    case G_TYPE_INT:
      return take_scalar (BANYAN_SPEC_NUMBER, g_strdup_printf ("%d", g_value_get_int (value)),
                          origin);
    case G_TYPE_UINT:
      return take_scalar (BANYAN_SPEC_NUMBER, g_strdup_printf ("%u", g_value_get_uint (value)),
                          origin);
    case G_TYPE_INT64:
      return take_scalar (BANYAN_SPEC_NUMBER,
                          g_strdup_printf ("%" G_GINT64_FORMAT, g_value_get_int64 (value)), origin);
    case G_TYPE_UINT64:
      return take_scalar (BANYAN_SPEC_NUMBER,
                          g_strdup_printf ("%" G_GUINT64_FORMAT, g_value_get_uint64 (value)),
                          origin);
    case G_TYPE_DOUBLE:
      return take_scalar (BANYAN_SPEC_NUMBER,
                          banyan_scalar_format_double (g_value_get_double (value)), origin);
    case G_TYPE_STRING:
      return string_or_null (g_value_get_string (value), origin);
    case G_TYPE_ENUM:
      return write_enum (value, origin);
    case G_TYPE_FLAGS:
      return write_flags (value, origin);
    case G_TYPE_OBJECT:
      return write_object (g_value_get_object (value), origin);
    default:
      return banyan_spec_new_null (origin);
    }
}
