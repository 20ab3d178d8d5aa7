/* banyan-struct-spec.c - structs from specs and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-private.h"
#include "banyan-spec-private.h"
#include "banyan-struct-private.h"

/* One struct on its way from a spec. */
typedef struct
{
  BanyanSpec *spec;
  const char *directory; /* (nullable) */
  const char *path;
  BanyanProblems *problems;
} Reading;

static char *
label_of (BanyanStructClass *klass)
{
  const char *name = banyan_struct_class_get_name (klass);

  return name ? g_strdup (name)
              : banyan_param_name_of_type (g_type_name (G_TYPE_FROM_CLASS (klass)));
}

/* -- Which class. -- */

/* (transfer container): ends with NULL */
static const char **
list_names (const GType *variants, guint n_variants)
{
  const char **names = g_new0 (const char *, n_variants + 1);

  for (guint i = 0; i < n_variants; i++)
    {
      g_autoptr (GTypeClass) klass = g_type_class_ref (variants[i]);

      names[i] = banyan_struct_class_get_name ((BanyanStructClass *) klass);
    }

  return names;
}

static void
report_no_variant (const char *key, const char *const *names, const BanyanOrigin *place,
                   const char *path, BanyanProblems *problems)
{
  g_autofree char *choices = g_strjoinv (", ", (char **) names);

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_MISSING, place, path,
                       "needs the key \"%s\": %s", key, choices);
}

static void
report_variant (const Reading *self, const char *key, BanyanSpec *given, const char *const *names)
{
  g_autofree char *choices = g_strjoinv (", ", (char **) names);
  g_autofree char *quoted = NULL;
  const char *nearest;

  if (!given)
    {
      report_no_variant (key, names, banyan_spec_get_origin (self->spec), self->path,
                         self->problems);
      return;
    }

  if (banyan_spec_get_kind (given) != BANYAN_SPEC_TEXT
      && banyan_spec_get_kind (given) != BANYAN_SPEC_STRING)
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (given),
                           self->path, "%s was given for \"%s\", which is one of: %s",
                           banyan_param_name_of_kind (banyan_spec_get_kind (given)), key, choices);
      return;
    }

  quoted = banyan_spec_quote (banyan_spec_get_text (given));
  nearest = banyan_did_you_mean (banyan_spec_get_text (given), names);
  if (nearest)
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                         banyan_spec_get_origin (given), self->path,
                         "there is no %s %s; did you mean \"%s\"?", key, quoted, nearest);
  else
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                         banyan_spec_get_origin (given), self->path,
                         "there is no %s %s; choose from: %s", key, quoted, choices);
}

static GType
choose_variant (const Reading *self, GType base, const char *key)
{
  g_autofree GType *variants = NULL;
  g_autofree const char **names = NULL;
  BanyanSpec *given = banyan_spec_lookup (self->spec, key);
  guint n_variants;

  variants = banyan_struct_list_variants (base, &n_variants);
  names = list_names (variants, n_variants);
  for (guint i = 0; given && i < n_variants; i++)
    if ((banyan_spec_get_kind (given) == BANYAN_SPEC_TEXT
         || banyan_spec_get_kind (given) == BANYAN_SPEC_STRING)
        && g_str_equal (banyan_spec_get_text (given), names[i]))
      return variants[i];

  report_variant (self, key, given, names);
  return G_TYPE_INVALID;
}

/* -- Its values. -- */

/* What a name is relative to; NULL: it is taken as it is. */
static const char *
directory_for (const Reading *self, BanyanStruct *instance, GParamSpec *pspec)
{
  BanyanStructClass *klass = BANYAN_STRUCT_GET_CLASS (instance);

  if (banyan_param_is_path (pspec) && klass->is_file_name != NULL
      && !klass->is_file_name (instance, pspec->name))
    return NULL;
  return self->directory;
}

static gboolean
set_property (const Reading *self, BanyanStruct *instance, GParamSpec *pspec, BanyanSpec *spec)
{
  g_autofree char *path = g_strconcat (self->path, ".", pspec->name, NULL);
  g_auto (GValue) value = G_VALUE_INIT;

  if (!banyan_param_convert (pspec, spec, directory_for (self, instance, pspec), path, &value,
                             self->problems))
    return FALSE;

  g_object_set_property (G_OBJECT (instance), pspec->name, &value);
  return TRUE;
}

static void
fill (const Reading *self, BanyanStruct *instance, const char *discriminator)
{
  GObjectClass *klass = G_OBJECT_GET_CLASS (instance);
  const char *skip[] = { discriminator, NULL };
  g_autofree char *label = label_of (BANYAN_STRUCT_GET_CLASS (instance));
  g_autoptr (GPtrArray) pspecs
      = banyan_param_match_keys (klass, label, self->spec, skip, self->path, self->problems);

  /* Paths last: what they are may depend on the others. */
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < pspecs->len; i++)
      if (pspecs->pdata[i] && banyan_param_is_path (pspecs->pdata[i]) == (pass == 1))
        set_property (self, instance, pspecs->pdata[i], banyan_spec_get_item (self->spec, i));

  if (!banyan_spec_is_partial (self->spec))
    banyan_param_report_missing (klass, label, pspecs, banyan_spec_get_origin (self->spec),
                                 self->path, self->problems);
}

static BanyanStruct *
finish (const Reading *self, BanyanStruct *instance, guint n_problems)
{
  BanyanStructClass *klass = BANYAN_STRUCT_GET_CLASS (instance);

  if (banyan_problems_get_length (self->problems) == n_problems && klass->check)
    klass->check (instance, banyan_spec_get_origin (self->spec), self->path, self->problems);
  if (banyan_problems_get_length (self->problems) > n_problems)
    g_clear_object (&instance);
  else
    banyan_struct_freeze (instance);

  return instance;
}

/* The class that a scalar means where @type is expected: itself, or the variant that says so. */
static GType
find_short_form (GType type, const char **property)
{
  g_autofree GType *variants = NULL;
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  guint n_variants;

  *property = banyan_struct_class_get_short_form ((BanyanStructClass *) klass);
  if (*property && !G_TYPE_IS_ABSTRACT (type))
    return type;

  variants = banyan_struct_list_variants (type, &n_variants);
  for (guint i = 0; i < n_variants; i++)
    {
      g_autoptr (GTypeClass) variant = g_type_class_ref (variants[i]);

      *property = banyan_struct_class_get_short_form ((BanyanStructClass *) variant);
      if (*property && g_object_class_find_property ((GObjectClass *) variant, *property))
        return variants[i];
    }

  return G_TYPE_INVALID;
}

static BanyanStruct *
read_short_form (const Reading *self, GType base)
{
  guint n_problems = banyan_problems_get_length (self->problems);
  BanyanStruct *instance;
  const char *property;
  GParamSpec *pspec;
  GType type = find_short_form (base, &property);

  if (type == G_TYPE_INVALID)
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE,
                           banyan_spec_get_origin (self->spec), self->path,
                           "%s was given where a map is wanted",
                           banyan_param_name_of_kind (banyan_spec_get_kind (self->spec)));
      return NULL;
    }

  instance = g_object_new (type, NULL);
  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (instance), property);
  set_property (self, instance, pspec, self->spec);
  return finish (self, instance, n_problems);
}

static BanyanStruct *
read_map (const Reading *self, GType type)
{
  guint n_problems = banyan_problems_get_length (self->problems);
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  const char *discriminator = banyan_struct_class_get_discriminator ((BanyanStructClass *) klass);
  BanyanStruct *instance;

  if (discriminator)
    type = choose_variant (self, type, discriminator);
  if (type == G_TYPE_INVALID)
    return NULL;

  g_return_val_if_fail (!G_TYPE_IS_ABSTRACT (type), NULL);

  instance = g_object_new (type, NULL);
  fill (self, instance, discriminator);
  return finish (self, instance, n_problems);
}

BanyanStruct *
banyan_struct_convert (GType type, BanyanSpec *spec, const char *directory, const char *path,
                       BanyanProblems *problems)
{
  const Reading reading = { spec, directory, path, problems };

  if (banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP)
    return read_map (&reading, type);

  return read_short_form (&reading, type);
}

/**
 * banyan_struct_from_spec:
 * @type: a #BanyanStruct class
 * @spec: a map of its properties, with the discriminator where there is one; or a scalar where the
 *   class has a short form
 * @path: (not nullable): what messages call the value
 * @problems: where to report what is wrong
 *
 * Makes a struct of what a document says.
 *
 * Returns: (transfer full) (nullable): the struct, frozen, or %NULL if there were problems
 */
BanyanStruct *
banyan_struct_from_spec (GType type, BanyanSpec *spec, const char *path, BanyanProblems *problems)
{
  g_return_val_if_fail (g_type_is_a (type, BANYAN_TYPE_STRUCT), NULL);
  g_return_val_if_fail (spec != NULL && path != NULL && problems != NULL, NULL);

  return banyan_struct_convert (type, spec, NULL, path, problems);
}

/* -- What was made in code. -- */

/* A class that documents tell by a key, and that no value of the key means. */
static gboolean
has_variant (BanyanStruct *self, const BanyanOrigin *place, const char *path,
             BanyanProblems *problems)
{
  BanyanStructClass *klass = BANYAN_STRUCT_GET_CLASS (self);
  const char *key = banyan_struct_class_get_discriminator (klass);
  g_autofree GType *variants = NULL;
  g_autofree const char **names = NULL;
  guint n_variants;

  if (!key || banyan_struct_class_get_name (klass))
    return TRUE;

  variants = banyan_struct_list_variants (G_OBJECT_TYPE (self), &n_variants);
  names = list_names (variants, n_variants);
  report_no_variant (key, names, place, path, problems);
  return FALSE;
}

static void
check_members (BanyanStruct *self, const BanyanOrigin *place, const char *path,
               BanyanProblems *problems)
{
  g_autofree char *label = label_of (BANYAN_STRUCT_GET_CLASS (self));
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_autofree char *inner = g_strconcat (path, ".", pspecs[i]->name, NULL);
      g_auto (GValue) value = G_VALUE_INIT;

      if (!banyan_param_is_settable (pspecs[i]))
        continue;
      if (banyan_param_is_required (pspecs[i]) && !banyan_struct_is_given (self, pspecs[i]))
        banyan_param_report_lack (pspecs[i], label, place, path, problems);
      if (!banyan_param_has_structs (pspecs[i]) || !banyan_param_is_readable_field (pspecs[i]))
        continue;

      banyan_param_read_value (pspecs[i], self, &value);
      banyan_struct_check_value (&value, place, inner, problems);
    }
}

static void
check_struct (BanyanStruct *self, const BanyanOrigin *place, const char *path,
              BanyanProblems *problems)
{
  const BanyanOrigin program = { .kind = BANYAN_ORIGIN_PROGRAM };
  BanyanStructClass *klass = BANYAN_STRUCT_GET_CLASS (self);
  guint n_problems = banyan_problems_get_length (problems);

  if (has_variant (self, place, path, problems))
    check_members (self, place, path, problems);
  if (banyan_problems_get_length (problems) == n_problems && klass->check)
    klass->check (self, place ? place : &program, path, problems);
}

void
banyan_struct_check_value (const GValue *value, const BanyanOrigin *place, const char *path,
                           BanyanProblems *problems)
{
  if (G_VALUE_HOLDS (value, BANYAN_TYPE_STRUCT) && g_value_get_object (value))
    check_struct (g_value_get_object (value), place, path, problems);
  else if (G_VALUE_HOLDS (value, BANYAN_TYPE_LIST))
    {
      BanyanList *list = g_value_get_boxed (value);

      for (guint i = 0; list && i < banyan_list_get_length (list); i++)
        {
          g_autofree char *inner = g_strdup_printf ("%s.%u", path, i);

          banyan_struct_check_value (banyan_list_get_value (list, i), place, inner, problems);
        }
    }
  else if (G_VALUE_HOLDS (value, BANYAN_TYPE_MAP))
    {
      BanyanMap *map = g_value_get_boxed (value);

      for (guint i = 0; map && i < banyan_map_get_length (map); i++)
        {
          g_autofree char *inner = g_strconcat (path, ".", banyan_map_get_key (map, i), NULL);

          banyan_struct_check_value (banyan_map_get_value (map, i), place, inner, problems);
        }
    }
}

/* -- And back. -- */

static void
write_property (BanyanStruct *self, GParamSpec *pspec, BanyanSpecBuilder *builder,
                const BanyanOrigin *origin)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) spec = NULL;

  if (!banyan_param_is_settable (pspec))
    return;

  banyan_param_read_value (pspec, self, &value);

  /* A required one is written whatever it is: without it the spec would be refused. */
  if (!banyan_param_is_required (pspec)
      && banyan_value_equal (&value, g_param_spec_get_default_value (pspec)))
    return;

  spec = banyan_param_value_to_spec (pspec, &value, origin);
  banyan_spec_builder_add (builder, pspec->name, origin, spec);
}

/**
 * banyan_struct_to_spec:
 * @self: a struct
 * @origin: (nullable): where the value comes from
 *
 * Writes a struct as a document would have it: the discriminator, and what is not the default.
 * Secrets are not told.
 *
 * Returns: (transfer full): a map
 */
BanyanSpec *
banyan_struct_to_spec (BanyanStruct *self, const BanyanOrigin *origin)
{
  g_autofree GParamSpec **pspecs = NULL;
  BanyanStructClass *klass;
  BanyanSpecBuilder *builder;
  guint n_pspecs;

  g_return_val_if_fail (BANYAN_IS_STRUCT (self), NULL);

  klass = BANYAN_STRUCT_GET_CLASS (self);
  builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  if (banyan_struct_class_get_discriminator (klass) && banyan_struct_class_get_name (klass))
    {
      g_autoptr (BanyanSpec) name = banyan_spec_new_scalar (
          BANYAN_SPEC_STRING, banyan_struct_class_get_name (klass), origin);

      banyan_spec_builder_add (builder, banyan_struct_class_get_discriminator (klass), origin,
                               name);
    }

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    write_property (self, pspecs[i], builder, origin);

  return banyan_spec_builder_end (builder);
}
