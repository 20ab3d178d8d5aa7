/* banyan-param-describe.c - says in words what a property takes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-private.h"

#include <float.h>
#include <string.h>

char *
banyan_param_name_of_type (const char *type_name)
{
  GString *name = g_string_new (NULL);

  if (g_str_has_prefix (type_name, "Banyan") && g_ascii_isupper (type_name[6]))
    type_name += 6;
  if (g_str_equal (type_name, "IOThread")) /* one word to QEMU, and in documents */
    return g_string_free (g_string_assign (name, "iothread"), FALSE);

  for (const char *p = type_name; *p; p++)
    {
      /* "NBDServer" is "nbd-server": a word begins where lower case ends or begins. */
      gboolean begins = g_ascii_isupper (*p) && p > type_name
                        && (!g_ascii_isupper (p[-1]) || g_ascii_islower (p[1]));

      if (begins && name->len > 0)
        g_string_append_c (name, '-');
      g_string_append_c (name, g_ascii_tolower (*p));
    }

  return g_string_free (name, FALSE);
}

/* None of our names begins with a "u" that is no "you": unix, uint. */
const char *
banyan_param_article (const char *name)
{
  return *name != '\0' && strchr ("AEIOaeio", *name) ? "an" : "a";
}

static char *
describe_number (GParamSpec *pspec)
{
  switch (banyan_param_get_unit (pspec))
    {
    case BANYAN_UNIT_BYTES:
      return g_strdup ("size");
    case BANYAN_UNIT_BYTES_PER_SECOND:
      return g_strdup ("size per second");
    case BANYAN_UNIT_NS:
    case BANYAN_UNIT_US:
    case BANYAN_UNIT_MS:
    case BANYAN_UNIT_S:
      return g_strdup ("duration");
    default:
      return g_strdup (G_IS_PARAM_SPEC_DOUBLE (pspec) ? "number" : "integer");
    }
}

static char *
describe_with_name (const char *what, const char *type_name)
{
  g_autofree char *name = banyan_param_name_of_type (type_name);

  return g_strconcat (what, " ", name, NULL);
}

static char *
describe_container (const char *what, GParamSpec *pspec)
{
  g_autofree char *element = banyan_param_describe_type (banyan_param_get_element (pspec));

  return g_strconcat (what, " of ", element, NULL);
}

/**
 * banyan_param_describe_type:
 * @pspec: a property
 *
 * Says what a property takes: "size", "link to node", "list of string".
 *
 * Returns: (transfer full): a word or a few
 */
char *
banyan_param_describe_type (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  if (banyan_param_is_link (pspec))
    return describe_with_name ("link to", banyan_param_get_link_target (pspec));
  if (banyan_param_is_struct (pspec))
    return describe_with_name ("struct", g_type_name (pspec->value_type));
  if (banyan_param_is_list (pspec))
    return describe_container ("list", pspec);
  if (banyan_param_is_map (pspec))
    return describe_container ("map", pspec);
  if (banyan_param_is_path (pspec))
    return g_strdup ("path");
  if (banyan_param_get_declared_type (pspec))
    return describe_with_name ("declaration of", banyan_param_get_declared_type (pspec));

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      return g_strdup ("boolean");
    case G_TYPE_STRING:
      return g_strdup ("string");
    case G_TYPE_ENUM:
      return g_strdup ("enum");
    case G_TYPE_FLAGS:
      return g_strdup ("flags");
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
    case G_TYPE_DOUBLE:
      return describe_number (pspec);
    default:
      return banyan_param_name_of_type (g_type_name (pspec->value_type));
    }
}

/* -- Numbers with their unit. -- */

static const char *
suffix_of_unit (BanyanUnit unit)
{
  switch (unit)
    {
    case BANYAN_UNIT_NS:
      return " ns";
    case BANYAN_UNIT_US:
      return " us";
    case BANYAN_UNIT_MS:
      return " ms";
    case BANYAN_UNIT_S:
      return " s";
    case BANYAN_UNIT_OPERATIONS:
      return " operations";
    case BANYAN_UNIT_OPERATIONS_PER_SECOND:
      return " operations/s";
    case BANYAN_UNIT_PERCENT:
      return " %";
    case BANYAN_UNIT_BITS:
      return " bits";
    default:
      return "";
    }
}

/* Exact, since it may be the limit that someone missed by one: "64 KiB", but "65537 B". */
static char *
format_bytes (guint64 number, const char *sign, const char *rest)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  guint unit = 0;

  while (number != 0 && number % 1024 == 0 && unit + 1 < G_N_ELEMENTS (units))
    {
      number /= 1024;
      unit++;
    }

  return g_strdup_printf ("%s%" G_GUINT64_FORMAT " %s%s", sign, number, units[unit], rest);
}

static char *
format_magnitude (GParamSpec *pspec, guint64 number, const char *sign)
{
  BanyanUnit unit = banyan_param_get_unit (pspec);

  if (unit == BANYAN_UNIT_BYTES)
    return format_bytes (number, sign, "");
  if (unit == BANYAN_UNIT_BYTES_PER_SECOND)
    return format_bytes (number, sign, "/s");

  return g_strdup_printf ("%s%" G_GUINT64_FORMAT "%s", sign, number, suffix_of_unit (unit));
}

char *
banyan_param_format_uint (GParamSpec *pspec, guint64 number)
{
  return format_magnitude (pspec, number, "");
}

char *
banyan_param_format_int (GParamSpec *pspec, gint64 number)
{
  /* The magnitude of G_MININT64 fits an unsigned number only. */
  if (number < 0)
    return format_magnitude (pspec, -(guint64) number, "-");

  return format_magnitude (pspec, number, "");
}

char *
banyan_param_format_double (GParamSpec *pspec, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.15g", number);
  return g_strconcat (digits, suffix_of_unit (banyan_param_get_unit (pspec)), NULL);
}

gboolean
banyan_param_format_range (GParamSpec *pspec, char **minimum, char **maximum)
{
#define FORMAT(TYPE, Type, format) \
  if (G_IS_PARAM_SPEC_##TYPE (pspec)) \
    { \
      *minimum = banyan_param_format_##format (pspec, ((GParamSpec##Type *) pspec)->minimum); \
      *maximum = banyan_param_format_##format (pspec, ((GParamSpec##Type *) pspec)->maximum); \
      return TRUE; \
    }

  FORMAT (INT, Int, int)
  FORMAT (UINT, UInt, uint)
  FORMAT (INT64, Int64, int)
  FORMAT (UINT64, UInt64, uint)
  FORMAT (DOUBLE, Double, double)
#undef FORMAT

  return FALSE;
}

/* Whether either end of the range is narrower than the C type. */
static gboolean
is_bounded (GParamSpec *pspec, gboolean *below, gboolean *above)
{
#define BOUND(TYPE, Type, least, most) \
  if (G_IS_PARAM_SPEC_##TYPE (pspec)) \
    { \
      *below = ((GParamSpec##Type *) pspec)->minimum > (least); \
      *above = ((GParamSpec##Type *) pspec)->maximum < (most); \
      return *below || *above; \
    }

  BOUND (INT, Int, G_MININT, G_MAXINT)
  BOUND (UINT, UInt, 0, G_MAXUINT)
  BOUND (INT64, Int64, G_MININT64, G_MAXINT64)
  BOUND (UINT64, UInt64, 0, G_MAXUINT64)
  BOUND (DOUBLE, Double, -DBL_MAX, DBL_MAX)
#undef BOUND

  return FALSE;
}

static char *
describe_nicks (GType type, guint only, gboolean use_only)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  g_autoptr (GPtrArray) nicks = g_ptr_array_new ();

  if (G_IS_ENUM_CLASS (klass))
    for (guint i = 0; i < ((GEnumClass *) klass)->n_values; i++)
      g_ptr_array_add (nicks, (gpointer) ((GEnumClass *) klass)->values[i].value_nick);
  else
    for (guint i = 0; i < ((GFlagsClass *) klass)->n_values; i++)
      if (!use_only || (((GFlagsClass *) klass)->values[i].value & only))
        g_ptr_array_add (nicks, (gpointer) ((GFlagsClass *) klass)->values[i].value_nick);

  g_ptr_array_add (nicks, NULL);
  return g_strjoinv (", ", (char **) nicks->pdata);
}

/**
 * banyan_param_describe_range:
 * @pspec: a property
 *
 * Says which values are allowed: "0 to 600000 ms", "at least 1", or the choices of an enumeration.
 *
 * Returns: (transfer full) (nullable): the range, or %NULL where all values are allowed
 */
char *
banyan_param_describe_range (GParamSpec *pspec)
{
  g_autofree char *minimum = NULL;
  g_autofree char *maximum = NULL;
  gboolean below, above;

  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  if (G_IS_PARAM_SPEC_ENUM (pspec) || G_IS_PARAM_SPEC_FLAGS (pspec))
    return describe_nicks (pspec->value_type, 0, FALSE);
  if (banyan_param_get_element (pspec))
    return banyan_param_describe_range (banyan_param_get_element (pspec));
  if (!is_bounded (pspec, &below, &above) || !banyan_param_format_range (pspec, &minimum, &maximum))
    return NULL;
  if (!above)
    return g_strdup_printf ("at least %s", minimum);

  /* One unit is enough where both ends have the same: "0 to 600000 ms". */
  if (g_str_has_suffix (minimum, suffix_of_unit (banyan_param_get_unit (pspec))))
    minimum[strlen (minimum) - strlen (suffix_of_unit (banyan_param_get_unit (pspec)))] = '\0';
  if (g_str_equal (minimum, "0 B") || g_str_equal (minimum, "0 B/s"))
    minimum[1] = '\0';

  return g_strdup_printf ("%s to %s", minimum, maximum);
}

/**
 * banyan_param_describe_default:
 * @pspec: a property
 *
 * Says what the value is when nothing is set: a constant as people write it, or a sentence on how
 * it is found.
 *
 * Returns: (transfer full) (nullable): the default, or %NULL for none
 */
char *
banyan_param_describe_default (GParamSpec *pspec)
{
  const GValue *value;

  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  if (banyan_param_get_computed_default (pspec))
    return g_strdup (banyan_param_get_computed_default (pspec));
  if (banyan_param_is_required (pspec)
      || banyan_param_get_kind (pspec) != BANYAN_PARAM_CONFIGURATION)
    return NULL;

  value = g_param_spec_get_default_value (pspec);
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      return g_strdup (g_value_get_boolean (value) ? "true" : "false");
    case G_TYPE_INT:
      return banyan_param_format_int (pspec, g_value_get_int (value));
    case G_TYPE_UINT:
      return banyan_param_format_uint (pspec, g_value_get_uint (value));
    case G_TYPE_INT64:
      return banyan_param_format_int (pspec, g_value_get_int64 (value));
    case G_TYPE_UINT64:
      return banyan_param_format_uint (pspec, g_value_get_uint64 (value));
    case G_TYPE_DOUBLE:
      return banyan_param_format_double (pspec, g_value_get_double (value));
    case G_TYPE_STRING:
      return g_value_dup_string (value);
    case G_TYPE_ENUM:
      {
        g_autoptr (GTypeClass) klass = g_type_class_ref (pspec->value_type);
        GEnumValue *choice = g_enum_get_value ((GEnumClass *) klass, g_value_get_enum (value));

        return g_strdup (choice ? choice->value_nick : NULL);
      }
    case G_TYPE_FLAGS:
      return describe_nicks (pspec->value_type, g_value_get_flags (value), TRUE);
    default:
      return NULL;
    }
}
