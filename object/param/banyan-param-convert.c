/* banyan-param-convert.c - specs to values, by what a property takes, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plain scalar (TEXT) is read as the property's type reads it. What came from JSON, or was
 * quoted, has a kind of its own already, and must be of the right one, as with QEMU. */

#include "banyan-param-private.h"
#include "banyan-spec-private.h"
#include "banyan-struct-private.h"

#include <banyan/banyan-scalar.h>

/* One conversion: what is wanted, of what, and where to complain. */
typedef struct
{
  GParamSpec *pspec;
  BanyanSpec *spec;
  const char *directory; /* (nullable) */
  const char *path;
  BanyanProblems *problems;
} Conversion;

static gboolean complain (const Conversion *self, BanyanConfigError code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
complain (const Conversion *self, BanyanConfigError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  banyan_problems_add (self->problems, code, banyan_spec_get_origin (self->spec), self->path, "%s",
                       text);
  return FALSE;
}

static gboolean
is_scalar (BanyanSpec *spec)
{
  return banyan_spec_get_kind (spec) != BANYAN_SPEC_NULL
         && banyan_spec_get_kind (spec) != BANYAN_SPEC_LIST
         && banyan_spec_get_kind (spec) != BANYAN_SPEC_MAP;
}

const char *
banyan_param_name_of_kind (BanyanSpecKind kind)
{
  static const char *const names[] = {
    [BANYAN_SPEC_NULL] = "null",       [BANYAN_SPEC_TEXT] = "a plain scalar",
    [BANYAN_SPEC_STRING] = "a string", [BANYAN_SPEC_BOOLEAN] = "a boolean",
    [BANYAN_SPEC_NUMBER] = "a number", [BANYAN_SPEC_LIST] = "a list",
    [BANYAN_SPEC_MAP] = "a map",
  };

  return names[kind];
}

static guint64
nanoseconds_of_unit (BanyanUnit unit)
{
  switch (unit)
    {
    case BANYAN_UNIT_NS:
      return 1;
    case BANYAN_UNIT_US:
      return 1000;
    case BANYAN_UNIT_MS:
      return 1000 * 1000;
    case BANYAN_UNIT_S:
      return 1000 * 1000 * 1000;
    default:
      return 0;
    }
}

static gboolean
parse_magnitude (const Conversion *self, const char *text, gboolean has_suffixes,
                 guint64 *magnitude, GError **error)
{
  BanyanUnit unit = banyan_param_get_unit (self->pspec);

  if (has_suffixes && (unit == BANYAN_UNIT_BYTES || unit == BANYAN_UNIT_BYTES_PER_SECOND))
    return banyan_scalar_parse_size (text, magnitude, error);
  if (has_suffixes && nanoseconds_of_unit (unit) > 0)
    return banyan_scalar_parse_duration (text, nanoseconds_of_unit (unit), magnitude, error);

  return banyan_scalar_parse_uint64 (text, magnitude, error);
}

/* What stands in quotes is a string, and a number or a boolean is none. YAML needs no more than its
 * quotes left out; in JSON a number has no unit, either. */
static char *
describe_way_out_of_quotes (const Conversion *self)
{
  GType type = G_TYPE_FUNDAMENTAL (self->pspec->value_type);
  guint64 magnitude;

  if (banyan_spec_get_kind (self->spec) != BANYAN_SPEC_STRING || type < G_TYPE_BOOLEAN
      || type > G_TYPE_DOUBLE)
    return g_strdup ("");
  if (banyan_spec_get_origin (self->spec)->kind == BANYAN_ORIGIN_DOCUMENT)
    return g_strdup ("; leave out the quotes");
  if (type == G_TYPE_BOOLEAN || type == G_TYPE_DOUBLE
      || !parse_magnitude (self, banyan_spec_get_text (self->spec), TRUE, &magnitude, NULL))
    return g_strdup ("");

  return g_strdup_printf ("; write %" G_GUINT64_FORMAT " without quotes", magnitude);
}

static gboolean
complain_of_kind (const Conversion *self, const char *wanted)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  g_autofree char *way_out = NULL;
  g_autofree char *quoted = NULL;

  if (!is_scalar (self->spec) || banyan_param_is_secret (self->pspec))
    return complain (self, BANYAN_CONFIG_ERROR_TYPE, "%s was given where %s is wanted",
                     banyan_param_name_of_kind (kind), wanted);

  quoted = banyan_spec_quote (banyan_spec_get_text (self->spec));
  way_out = describe_way_out_of_quotes (self);
  return complain (self, BANYAN_CONFIG_ERROR_TYPE, "%s is %s where %s is wanted%s", quoted,
                   banyan_param_name_of_kind (kind), wanted, way_out);
}

static gboolean
complain_of_error (const Conversion *self, GError *error)
{
  complain (self, error->code, "%s", error->message);
  g_error_free (error);
  return FALSE;
}

/* -- Scalars. -- */

static gboolean
convert_boolean (const Conversion *self, GValue *value)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  GError *error = NULL;
  gboolean truth;

  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_BOOLEAN)
    return complain_of_kind (self, "true or false");
  if (!banyan_scalar_parse_boolean (banyan_spec_get_text (self->spec), &truth, &error))
    return complain_of_error (self, error);

  g_value_set_boolean (value, truth);
  return TRUE;
}

/* All whole numbers are read as a sign and 64 bits, so that every type's own range can be told to
 * whoever went beyond it. */
typedef struct
{
  gboolean is_negative;
  guint64 magnitude;
} Whole;

/* In JSON it is a number of the unit, whatever a document may write instead. */
static const char *
name_of_whole (const Conversion *self)
{
  BanyanUnit unit = banyan_param_get_unit (self->pspec);

  if (banyan_spec_get_origin (self->spec)->kind != BANYAN_ORIGIN_DOCUMENT)
    return "an integer";
  if (unit == BANYAN_UNIT_BYTES || unit == BANYAN_UNIT_BYTES_PER_SECOND)
    return "a size";

  return nanoseconds_of_unit (unit) > 0 ? "a duration" : "an integer";
}

static gboolean
has_sign (const char *text)
{
  return text[0] == '-' && g_ascii_isdigit (text[1]);
}

/* What is no size or duration at all is told so, for the quotes are not what is wrong with it.
 * Those in a document are, since it can do without. */
static gboolean
complain_of_no_whole (const Conversion *self)
{
  gboolean is_of_program = banyan_spec_get_kind (self->spec) == BANYAN_SPEC_STRING
                           && banyan_spec_get_origin (self->spec)->kind != BANYAN_ORIGIN_DOCUMENT;
  gboolean may_quote = banyan_param_get_unit (self->pspec) != BANYAN_UNIT_NONE
                       && !banyan_param_is_secret (self->pspec);
  const char *text = is_of_program ? banyan_spec_get_text (self->spec) : NULL;
  GError *error = NULL;
  guint64 magnitude;

  if (text != NULL && may_quote
      && !parse_magnitude (self, text + has_sign (text), TRUE, &magnitude, &error))
    return complain_of_error (self, error);

  return complain_of_kind (self, name_of_whole (self));
}

static gboolean
read_whole (const Conversion *self, Whole *whole)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  const char *text;
  GError *error = NULL;

  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_NUMBER)
    return complain_of_no_whole (self);

  text = banyan_spec_get_text (self->spec);
  whole->is_negative = has_sign (text);
  if (!parse_magnitude (self, text + whole->is_negative, kind == BANYAN_SPEC_TEXT,
                        &whole->magnitude, &error))
    return complain_of_error (self, error);

  whole->is_negative = whole->is_negative && whole->magnitude > 0;
  return TRUE;
}

static char *
format_whole (GParamSpec *pspec, const Whole *whole)
{
  g_autofree char *magnitude = banyan_param_format_uint (pspec, whole->magnitude);

  return g_strconcat (whole->is_negative ? "-" : "", magnitude, NULL);
}

static gboolean
complain_of_range (const Conversion *self, char *given, gboolean is_too_much)
{
  g_autofree char *minimum = NULL;
  g_autofree char *maximum = NULL;

  banyan_param_format_range (self->pspec, &minimum, &maximum);
  if (is_too_much)
    complain (self, BANYAN_CONFIG_ERROR_RANGE, "%s is too much; the limit is %s", given, maximum);
  else
    complain (self, BANYAN_CONFIG_ERROR_RANGE, "%s is too little; the minimum is %s", given,
              minimum);

  g_free (given);
  return FALSE;
}

static gboolean
convert_unsigned (const Conversion *self, guint64 minimum, guint64 maximum, guint64 *number)
{
  Whole whole;

  if (!read_whole (self, &whole))
    return FALSE;
  if (whole.is_negative || whole.magnitude < minimum)
    return complain_of_range (self, format_whole (self->pspec, &whole), FALSE);
  if (whole.magnitude > maximum)
    return complain_of_range (self, format_whole (self->pspec, &whole), TRUE);

  *number = whole.magnitude;
  return TRUE;
}

static gboolean
convert_signed (const Conversion *self, gint64 minimum, gint64 maximum, gint64 *number)
{
  Whole whole;

  if (!read_whole (self, &whole))
    return FALSE;

  /* Negating an unsigned number is defined, and gives G_MININT64 for its magnitude. */
  *number = whole.is_negative ? (gint64) -whole.magnitude : (gint64) whole.magnitude;
  if (whole.is_negative && (whole.magnitude > (guint64) G_MAXINT64 + 1 || *number < minimum))
    return complain_of_range (self, format_whole (self->pspec, &whole), FALSE);
  if (!whole.is_negative && (whole.magnitude > G_MAXINT64 || *number > maximum))
    return complain_of_range (self, format_whole (self->pspec, &whole), TRUE);
  if (*number < minimum)
    return complain_of_range (self, format_whole (self->pspec, &whole), FALSE);
  if (*number > maximum)
    return complain_of_range (self, format_whole (self->pspec, &whole), TRUE);

  return TRUE;
}

static gboolean
convert_integer (const Conversion *self, GValue *value)
{
  GParamSpec *pspec = self->pspec;
  guint64 positive = 0;
  gint64 number = 0;
  gboolean converted;

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_INT:
      converted = convert_signed (self, G_PARAM_SPEC_INT (pspec)->minimum,
                                  G_PARAM_SPEC_INT (pspec)->maximum, &number);
      g_value_set_int (value, number);
      return converted;
    case G_TYPE_INT64:
      converted = convert_signed (self, G_PARAM_SPEC_INT64 (pspec)->minimum,
                                  G_PARAM_SPEC_INT64 (pspec)->maximum, &number);
      g_value_set_int64 (value, number);
      return converted;
    case G_TYPE_UINT:
      converted = convert_unsigned (self, G_PARAM_SPEC_UINT (pspec)->minimum,
                                    G_PARAM_SPEC_UINT (pspec)->maximum, &positive);
      g_value_set_uint (value, positive);
      return converted;
    default:
      converted = convert_unsigned (self, G_PARAM_SPEC_UINT64 (pspec)->minimum,
                                    G_PARAM_SPEC_UINT64 (pspec)->maximum, &positive);
      g_value_set_uint64 (value, positive);
      return converted;
    }
}

static gboolean
convert_double (const Conversion *self, GValue *value)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  GParamSpecDouble *pspec = G_PARAM_SPEC_DOUBLE (self->pspec);
  GError *error = NULL;
  double number;

  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_NUMBER)
    return complain_of_kind (self, "a number");
  if (!banyan_scalar_parse_double (banyan_spec_get_text (self->spec), &number, &error))
    return complain_of_error (self, error);
  if (!(number >= pspec->minimum))
    return complain_of_range (self, banyan_param_format_double (self->pspec, number), FALSE);
  if (!(number <= pspec->maximum))
    return complain_of_range (self, banyan_param_format_double (self->pspec, number), TRUE);

  g_value_set_double (value, number);
  return TRUE;
}

static gboolean
convert_string (const Conversion *self, GValue *value)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  const char *text;

  if (kind == BANYAN_SPEC_NULL && !banyan_param_is_required (self->pspec))
    return TRUE;
  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_STRING)
    return complain_of_kind (self, banyan_param_is_path (self->pspec) ? "a path" : "a string");

  text = banyan_spec_get_text (self->spec);
  if (banyan_param_is_path (self->pspec) && self->directory && *text && !g_path_is_absolute (text))
    g_value_take_string (value, g_build_filename (self->directory, text, NULL));
  else
    g_value_set_string (value, text);
  return TRUE;
}

/* -- Choices. -- */

static gboolean
complain_of_nick (const Conversion *self, BanyanSpec *spec)
{
  g_autofree char *quoted = banyan_spec_quote (banyan_spec_get_text (spec));
  g_autofree char *choices = banyan_param_describe_range (self->pspec);
  g_auto (GStrv) nicks = g_strsplit (choices, ", ", -1);
  const char *nearest
      = banyan_did_you_mean (banyan_spec_get_text (spec), (const char *const *) nicks);
  Conversion here = *self;

  here.spec = spec;
  if (nearest)
    return complain (&here, BANYAN_CONFIG_ERROR_RANGE, "there is no %s; did you mean \"%s\"?",
                     quoted, nearest);

  return complain (&here, BANYAN_CONFIG_ERROR_RANGE, "there is no %s; choose from: %s", quoted,
                   choices);
}

static const char *
find_nick (const Conversion *self, BanyanSpec *spec)
{
  const char *text = banyan_spec_get_text (spec);
  const char *nick = banyan_param_lookup_value_alias (self->pspec, text);

  return nick ? nick : text;
}

static gboolean
is_nick (BanyanSpec *spec)
{
  return banyan_spec_get_kind (spec) == BANYAN_SPEC_TEXT
         || banyan_spec_get_kind (spec) == BANYAN_SPEC_STRING;
}

static gboolean
convert_enum (const Conversion *self, GValue *value)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (self->pspec->value_type);
  GEnumValue *choice;

  if (!is_nick (self->spec))
    return complain_of_kind (self, "one of a few words");

  choice = g_enum_get_value_by_nick ((GEnumClass *) klass, find_nick (self, self->spec));
  if (!choice)
    return complain_of_nick (self, self->spec);

  g_value_set_enum (value, choice->value);
  return TRUE;
}

static gboolean
add_flag (const Conversion *self, BanyanSpec *spec, GFlagsClass *klass, guint *flags)
{
  Conversion here = *self;
  GFlagsValue *choice;

  here.spec = spec;
  if (!is_nick (spec))
    return complain_of_kind (&here, "one of a few words");

  choice = g_flags_get_value_by_nick (klass, find_nick (self, spec));
  if (!choice)
    return complain_of_nick (self, spec);

  *flags |= choice->value;
  return TRUE;
}

static gboolean
convert_flags (const Conversion *self, GValue *value)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (self->pspec->value_type);
  gboolean converted = TRUE;
  guint flags = 0;

  if (is_nick (self->spec))
    converted = add_flag (self, self->spec, (GFlagsClass *) klass, &flags);
  else if (banyan_spec_get_kind (self->spec) != BANYAN_SPEC_LIST)
    return complain_of_kind (self, "a list of words");
  else
    for (guint i = 0; i < banyan_spec_get_length (self->spec); i++)
      converted
          &= add_flag (self, banyan_spec_get_item (self->spec, i), (GFlagsClass *) klass, &flags);

  g_value_set_flags (value, flags);
  return converted;
}

/* -- Values with parts. -- */

static gboolean
convert_struct (const Conversion *self, GValue *value)
{
  BanyanStruct *instance;

  if (banyan_spec_get_kind (self->spec) == BANYAN_SPEC_NULL
      && !banyan_param_is_required (self->pspec))
    return TRUE;

  instance = banyan_struct_convert (self->pspec->value_type, self->spec, self->directory,
                                    self->path, self->problems);
  g_value_take_object (value, instance);
  return instance != NULL;
}

static gboolean
convert_items (const Conversion *self, GArray *values)
{
  GParamSpec *element = banyan_param_get_element (self->pspec);
  gboolean is_map = banyan_spec_get_kind (self->spec) == BANYAN_SPEC_MAP;
  gboolean converted = TRUE;

  for (guint i = 0; i < banyan_spec_get_length (self->spec); i++)
    {
      g_autofree char *path
          = is_map ? g_strdup_printf ("%s.%s", self->path, banyan_spec_get_key (self->spec, i))
                   : g_strdup_printf ("%s.%u", self->path, i);
      GValue *value;

      g_array_set_size (values, values->len + 1);
      value = &g_array_index (values, GValue, values->len - 1);
      if (!banyan_param_convert (element, banyan_spec_get_item (self->spec, i), self->directory,
                                 path, value, self->problems))
        {
          g_array_set_size (values, values->len - 1);
          converted = FALSE;
        }
    }

  return converted;
}

static GArray *
values_new (void)
{
  GArray *values = g_array_new (FALSE, TRUE, sizeof (GValue));

  g_array_set_clear_func (values, (GDestroyNotify) g_value_unset);
  return values;
}

static gboolean
convert_container (const Conversion *self, GValue *value)
{
  gboolean is_map = banyan_param_is_map (self->pspec);
  GType element_type = banyan_param_get_element (self->pspec)->value_type;
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  g_autoptr (GArray) values = values_new ();
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);

  if (kind == BANYAN_SPEC_NULL && !banyan_param_is_required (self->pspec))
    return TRUE;
  if (kind != (is_map ? BANYAN_SPEC_MAP : BANYAN_SPEC_LIST))
    return complain_of_kind (self, is_map ? "a map" : "a list");
  if (!convert_items (self, values))
    return FALSE;

  for (guint i = 0; is_map && i < values->len; i++)
    g_ptr_array_add (keys, (gpointer) banyan_spec_get_key (self->spec, i));

  if (is_map)
    g_value_take_boxed (value, banyan_map_new (element_type, (const char *const *) keys->pdata,
                                               (GValue *) values->data, values->len));
  else
    g_value_take_boxed (value,
                        banyan_list_new (element_type, (GValue *) values->data, values->len));
  return TRUE;
}

/* What is in it is checked by the class that it declares an object of. */
static gboolean
convert_declaration (const Conversion *self, GValue *value)
{
  if (banyan_param_get_declared_type (self->pspec)
      && banyan_spec_get_kind (self->spec) != BANYAN_SPEC_MAP)
    return complain_of_kind (self, "a map");

  g_value_set_boxed (value, self->spec);
  return TRUE;
}

static gboolean
convert (const Conversion *self, GValue *value)
{
  GParamSpec *pspec = self->pspec;

  if (pspec->value_type == BANYAN_TYPE_SPEC)
    return convert_declaration (self, value);
  if (banyan_param_is_struct (pspec))
    return convert_struct (self, value);
  if (banyan_param_is_list (pspec) || banyan_param_is_map (pspec))
    return convert_container (self, value);

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      return convert_boolean (self, value);
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
      return convert_integer (self, value);
    case G_TYPE_DOUBLE:
      return convert_double (self, value);
    case G_TYPE_STRING:
      return convert_string (self, value);
    case G_TYPE_ENUM:
      return convert_enum (self, value);
    case G_TYPE_FLAGS:
      return convert_flags (self, value);
    default:
      return complain (self, BANYAN_CONFIG_ERROR_TYPE, "%s %s cannot be declared",
                       banyan_param_article (g_type_name (pspec->value_type)),
                       g_type_name (pspec->value_type));
    }
}

gboolean
banyan_param_convert (GParamSpec *pspec, BanyanSpec *spec, const char *directory, const char *path,
                      GValue *value, BanyanProblems *problems)
{
  const Conversion conversion = { pspec, spec, directory, path, problems };

  g_value_init (value, pspec->value_type);
  if (convert (&conversion, value))
    return TRUE;

  g_value_unset (value);
  return FALSE;
}

/**
 * banyan_param_value_from_spec:
 * @pspec: a property
 * @spec: what was written for it
 * @path: (not nullable): what messages call the property
 * @value: (out caller-allocates): where to put the value; not initialized
 * @problems: where to report what is wrong
 *
 * Converts @spec to what the property takes. Links cannot be converted here, since only a mapper
 * knows what they may lead to.
 *
 * Returns: whether @value has been set
 */
gboolean
banyan_param_value_from_spec (GParamSpec *pspec, BanyanSpec *spec, const char *path, GValue *value,
                              BanyanProblems *problems)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), FALSE);
  g_return_val_if_fail (spec != NULL && path != NULL && problems != NULL, FALSE);

  return banyan_param_convert (pspec, spec, NULL, path, value, problems);
}
