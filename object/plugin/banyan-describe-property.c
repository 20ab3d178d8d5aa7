/* banyan-describe-property.c - describes properties as specs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-describe-private.h"
#include "banyan-param-private.h"

#include <banyan/banyan-struct.h>
#include <float.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_DEFAULT };

static void describe_value (BanyanSpecBuilder *map, GParamSpec *pspec, GSList *outer);

static void
describe_unit (BanyanSpecBuilder *map, GParamSpec *pspec)
{
  static const char *const units[] = {
    [BANYAN_UNIT_BYTES] = "bytes",
    [BANYAN_UNIT_BYTES_PER_SECOND] = "bytes/s",
    [BANYAN_UNIT_NS] = "ns",
    [BANYAN_UNIT_US] = "us",
    [BANYAN_UNIT_MS] = "ms",
    [BANYAN_UNIT_S] = "s",
    [BANYAN_UNIT_OPERATIONS] = "operations",
    [BANYAN_UNIT_OPERATIONS_PER_SECOND] = "operations/s",
    [BANYAN_UNIT_PERCENT] = "percent",
    [BANYAN_UNIT_BITS] = "bits",
  };
  BanyanUnit unit = banyan_param_get_unit (pspec);

  if ((guint) unit < G_N_ELEMENTS (units))
    banyan_spec_builder_add_string (map, "unit", units[unit]);
}

/* One word for programs; "type-text" has more words for people. */
static const char *
name_type (GParamSpec *pspec)
{
  GType type = G_PARAM_SPEC_VALUE_TYPE (pspec);

  if (banyan_param_has_members (pspec))
    return "members";
  if (type == BANYAN_TYPE_LIST)
    return "list";
  if (type == BANYAN_TYPE_MAP)
    return "map";
  if (banyan_param_get_link_target (pspec) != NULL)
    return "link";
  if (g_type_is_a (type, BANYAN_TYPE_STRUCT))
    return "struct";
  if (type == BANYAN_TYPE_SPEC)
    return "declaration";

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_BOOLEAN:
      return "boolean";
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_LONG:
    case G_TYPE_ULONG:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
      return "integer";
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
      return "number";
    case G_TYPE_STRING:
      return "string";
    case G_TYPE_ENUM:
      return "enum";
    case G_TYPE_FLAGS:
      return "flags";
    default:
      return "other";
    }
}

/* -- Ranges. -- */

static void
describe_signed (BanyanSpecBuilder *map, gint64 minimum, gint64 maximum)
{
  banyan_spec_builder_add_int (map, "minimum", minimum);
  banyan_spec_builder_add_int (map, "maximum", maximum);
}

static void
describe_unsigned (BanyanSpecBuilder *map, guint64 minimum, guint64 maximum)
{
  banyan_spec_builder_add_uint (map, "minimum", minimum);
  banyan_spec_builder_add_uint (map, "maximum", maximum);
}

/* The largest double is how a GParamSpec says that there is no limit. */
static void
describe_double (BanyanSpecBuilder *map, double minimum, double maximum)
{
  if (minimum > -DBL_MAX)
    banyan_spec_builder_add_double (map, "minimum", minimum);
  if (maximum < DBL_MAX)
    banyan_spec_builder_add_double (map, "maximum", maximum);
}

static void
describe_range (BanyanSpecBuilder *map, GParamSpec *pspec)
{
  if (G_IS_PARAM_SPEC_INT (pspec))
    describe_signed (map, G_PARAM_SPEC_INT (pspec)->minimum, G_PARAM_SPEC_INT (pspec)->maximum);
  else if (G_IS_PARAM_SPEC_UINT (pspec))
    describe_unsigned (map, G_PARAM_SPEC_UINT (pspec)->minimum, G_PARAM_SPEC_UINT (pspec)->maximum);
  else if (G_IS_PARAM_SPEC_INT64 (pspec))
    describe_signed (map, G_PARAM_SPEC_INT64 (pspec)->minimum, G_PARAM_SPEC_INT64 (pspec)->maximum);
  else if (G_IS_PARAM_SPEC_UINT64 (pspec))
    describe_unsigned (map, G_PARAM_SPEC_UINT64 (pspec)->minimum,
                       G_PARAM_SPEC_UINT64 (pspec)->maximum);
  else if (G_IS_PARAM_SPEC_DOUBLE (pspec))
    describe_double (map, G_PARAM_SPEC_DOUBLE (pspec)->minimum,
                     G_PARAM_SPEC_DOUBLE (pspec)->maximum);
}

/* -- Values of enumerations. -- */

/* Other nicks that documents may use for @nick. */
static void
describe_nick_aliases (BanyanSpecBuilder *map, GParamSpec *pspec, const char *nick)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  const char *alias, *meant;

  for (guint i = 0; (alias = banyan_param_get_value_alias (pspec, i, &meant)) != NULL; i++)
    if (g_str_equal (meant, nick))
      banyan_spec_builder_add_string (list, NULL, alias);

  banyan_describe_built (map, "aliases", list);
}

static void
add_nick (BanyanSpecBuilder *list, GParamSpec *pspec, const char *nick, guint number)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "nick", nick);
  banyan_spec_builder_add_int (map, "value", (int) number);
  describe_nick_aliases (map, pspec, nick);
  banyan_describe_built (list, NULL, map);
}

static void
describe_nicks (BanyanSpecBuilder *map, GParamSpec *pspec)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  if (G_IS_PARAM_SPEC_ENUM (pspec))
    {
      GEnumClass *klass = G_PARAM_SPEC_ENUM (pspec)->enum_class;

      for (guint i = 0; i < klass->n_values; i++)
        add_nick (list, pspec, klass->values[i].value_nick, (guint) klass->values[i].value);
    }
  else if (G_IS_PARAM_SPEC_FLAGS (pspec))
    {
      GFlagsClass *klass = G_PARAM_SPEC_FLAGS (pspec)->flags_class;

      for (guint i = 0; i < klass->n_values; i++)
        add_nick (list, pspec, klass->values[i].value_nick, klass->values[i].value);
    }

  banyan_describe_built (map, "values", list);
}

/* -- Structs. -- */

static void describe_property (BanyanSpecBuilder *list, GParamSpec *pspec, GSList *outer);

static void
describe_fields (BanyanSpecBuilder *map, const char *key, GObjectClass *klass, GSList *outer)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (klass, &n);

  for (guint i = 0; i < n; i++)
    describe_property (list, pspecs[i], outer);

  banyan_describe_built (map, key, list);
}

static void
describe_variant (BanyanSpecBuilder *list, GType type, GSList *outer)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanStructClass *klass = g_type_class_ref (type);

  banyan_spec_builder_add_string (map, "name", banyan_struct_class_get_name (klass));
  banyan_spec_builder_add_string (map, "gtype", g_type_name (type));
  banyan_spec_builder_add_string (map, "short-form", banyan_struct_class_get_short_form (klass));
  describe_fields (map, "fields", G_OBJECT_CLASS (klass), outer);
  banyan_describe_built (list, NULL, map);
  g_type_class_unref (klass);
}

/* With a discriminator the fields are those of the variants, each of which has the common ones too.
 */
static void
describe_struct (BanyanSpecBuilder *owner, GType type, GSList *outer)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  BanyanStructClass *klass = g_type_class_ref (type);
  GSList here = { GSIZE_TO_POINTER (type), outer };
  guint n = 0;
  g_autofree GType *variants = NULL;

  banyan_spec_builder_add_string (map, "gtype", g_type_name (type));
  banyan_spec_builder_add_string (map, "discriminator",
                                  banyan_struct_class_get_discriminator (klass));
  banyan_spec_builder_add_string (map, "short-form", banyan_struct_class_get_short_form (klass));

  /* A struct within itself, as in a tree of rules, is described once. */
  if (g_slist_find (outer, GSIZE_TO_POINTER (type)) != NULL)
    banyan_describe_true (map, "recursive", TRUE);
  else if (banyan_struct_class_get_discriminator (klass) != NULL)
    variants = banyan_struct_list_variants (type, &n);
  else
    describe_fields (map, "fields", G_OBJECT_CLASS (klass), &here);

  for (guint i = 0; i < n; i++)
    describe_variant (list, variants[i], &here);
  banyan_describe_built (map, "variants", list);
  banyan_describe_built (owner, "struct", map);
  g_type_class_unref (klass);
}

/* -- Properties. -- */

/* Members are declared where their owner is, so what they have belongs to its description. */
static void
describe_members (BanyanSpecBuilder *map, GParamSpec *element, GSList *outer)
{
  GType type = g_type_from_name (banyan_param_get_link_target (element));
  GSList here = { GSIZE_TO_POINTER (type), outer };
  GObjectClass *klass;

  if (type == G_TYPE_INVALID || g_slist_find (outer, GSIZE_TO_POINTER (type)) != NULL)
    return;

  klass = g_type_class_ref (type);
  describe_fields (map, "properties", klass, &here);
  g_type_class_unref (klass);
}

/* Objects have types of their own to be looked up; a struct is told where it is declared. */
static void
describe_declared (BanyanSpecBuilder *map, GParamSpec *pspec, GSList *outer)
{
  const char *name = banyan_param_get_declared_type (pspec);
  GType type = name != NULL ? g_type_from_name (name) : G_TYPE_INVALID;
  BanyanStructClass *klass;

  banyan_spec_builder_add_string (map, "declares", name);
  if (!g_type_is_a (type, BANYAN_TYPE_STRUCT))
    return;

  klass = g_type_class_ref (type);
  if (banyan_struct_class_get_discriminator (klass) != NULL)
    describe_struct (map, type, outer);
  g_type_class_unref (klass);
}

static void
describe_element (BanyanSpecBuilder *owner, GParamSpec *pspec, GSList *outer)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  GParamSpec *element = banyan_param_get_element (pspec);

  describe_value (map, element, outer);
  if (banyan_param_has_members (pspec))
    describe_members (map, element, outer);
  banyan_describe_built (owner, "element", map);
}

/* What can be said of a list's element as of a property. */
static void
describe_value (BanyanSpecBuilder *map, GParamSpec *pspec, GSList *outer)
{
  g_autofree char *text = banyan_param_describe_type (pspec);
  g_autofree char *range = banyan_param_describe_range (pspec);
  GType type = G_PARAM_SPEC_VALUE_TYPE (pspec);

  banyan_spec_builder_add_string (map, "type", name_type (pspec));
  banyan_spec_builder_add_string (map, "type-text", text);
  describe_unit (map, pspec);
  describe_range (map, pspec);
  banyan_spec_builder_add_string (map, "range-text", range);
  describe_nicks (map, pspec);
  banyan_describe_true (map, "path", banyan_param_is_path (pspec));
  banyan_spec_builder_add_string (map, "target", banyan_param_get_link_target (pspec));
  describe_declared (map, pspec, outer);
  if (g_type_is_a (type, BANYAN_TYPE_STRUCT))
    describe_struct (map, type, outer);
  if (banyan_param_get_element (pspec) != NULL)
    describe_element (map, pspec, outer);
}

/* In the notation of documents; what has none (links, structs, lists) begins as null or empty. */
static void
describe_default (BanyanSpecBuilder *map, GParamSpec *pspec)
{
  const char *computed = banyan_param_get_computed_default (pspec);
  g_autofree char *text = banyan_param_describe_default (pspec);
  g_autoptr (BanyanSpec) spec = NULL;

  if (banyan_param_is_required (pspec) || banyan_param_is_secret (pspec)
      || banyan_param_get_kind (pspec) != BANYAN_PARAM_CONFIGURATION)
    return;

  banyan_spec_builder_add_string (map, "computed-default", computed);
  banyan_spec_builder_add_string (map, "default-text", text);
  if (computed != NULL)
    return;

  spec = banyan_param_value_to_spec (pspec, g_param_spec_get_default_value (pspec), &origin);
  if (spec != NULL && banyan_spec_get_kind (spec) != BANYAN_SPEC_NULL)
    banyan_spec_builder_add (map, "default", &origin, spec);
}

static void
describe_property (BanyanSpecBuilder *list, GParamSpec *pspec, GSList *outer)
{
  static const char *const kinds[] = { "configuration", "state", "statistic" };
  static const char *const mutabilities[] = { "before-open", "reopen", "live", "resize" };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanParamKind kind = banyan_param_get_kind (pspec);

  banyan_spec_builder_add_string (map, "name", pspec->name);
  banyan_spec_builder_add_string (map, "nick", g_param_spec_get_nick (pspec));
  banyan_spec_builder_add_string (map, "blurb", g_param_spec_get_blurb (pspec));
  banyan_describe_strings (map, "aliases", banyan_param_get_aliases (pspec));
  describe_value (map, pspec, outer);
  describe_default (map, pspec);
  banyan_spec_builder_add_string (map, "kind", kinds[kind]);
  /* A field changes as its struct does. */
  if (kind == BANYAN_PARAM_CONFIGURATION && !g_type_is_a (pspec->owner_type, BANYAN_TYPE_STRUCT))
    banyan_spec_builder_add_string (map, "mutability",
                                    mutabilities[banyan_param_get_mutability (pspec)]);
  banyan_describe_true (map, "required", banyan_param_is_required (pspec));
  banyan_describe_true (map, "secret", banyan_param_is_secret (pspec));
  banyan_describe_true (map, "identifying", banyan_param_is_identifying (pspec));
  banyan_describe_true (map, "inherited", banyan_param_is_inherited (pspec));
  banyan_spec_builder_add_string (map, "defined-by", g_type_name (pspec->owner_type));
  banyan_describe_built (list, NULL, map);
}

void
banyan_describe_properties (BanyanSpecBuilder *map, const char *key, GObjectClass *klass)
{
  describe_fields (map, key, klass, NULL);
}
