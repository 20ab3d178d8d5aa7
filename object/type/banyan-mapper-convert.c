/* banyan-mapper-convert.c - one value for one property of an object that is there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#include <string.h>

static GParamSpec *
find_first (GObjectClass *klass, const char *key, const char **rest)
{
  gsize length = strcspn (key, ".");
  g_autofree char *first = g_strndup (key, length);
  GParamSpec *pspec = banyan_object_class_find_key (klass, first);

  *rest = key[length] == '.' ? key + length + 1 : NULL;
  if (pspec || !*rest)
    return pspec;

  *rest = NULL;
  return banyan_object_class_find_key (klass, key);
}

/**
 * banyan_object_declare_nested: (skip)
 * @self: an object
 * @key: a property, or something inside one: `cache.direct`
 * @value: what is declared for it
 *
 * Says what the declaration will have for the property that @key begins with.
 *
 * Returns: (transfer full): @value, or what is declared now with the rest of @key replaced
 */
BanyanSpec *
banyan_object_declare_nested (BanyanObject *self, const char *key, BanyanSpec *value)
{
  GParamSpec *pspec;
  BanyanSpec *declared;
  BanyanSpec *changed;
  const char *rest;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);
  g_return_val_if_fail (key != NULL && value != NULL, NULL);

  pspec = find_first (G_OBJECT_GET_CLASS (self), key, &rest);
  if (pspec && banyan_param_is_secret (pspec))
    return banyan_spec_new_scalar (BANYAN_SPEC_STRING, BANYAN_REDACTED,
                                   banyan_spec_get_origin (value));
  if (!pspec || !rest)
    return banyan_spec_ref (value);

  declared = banyan_spec_lookup (banyan_object_get_declaration (self), pspec->name);
  changed = banyan_spec_with_nested (declared, rest, value);
  return changed ? changed : banyan_spec_ref (value);
}

/* What is in force, with a part of it replaced. */
static BanyanSpec *
complete (BanyanObject *object, GParamSpec *pspec, const char *rest, BanyanSpec *spec)
{
  g_auto (GValue) current = G_VALUE_INIT;
  g_autoptr (BanyanSpec) whole = NULL;

  if (!rest)
    return banyan_spec_ref (spec);

  g_value_init (&current, pspec->value_type);
  g_object_get_property (G_OBJECT (object), pspec->name, &current);
  whole = banyan_param_value_to_spec (pspec, &current, banyan_spec_get_origin (spec));
  return banyan_spec_with_nested (whole, rest, spec);
}

static void
report_key (BanyanObject *object, const char *key, BanyanSpec *spec, BanyanProblems *problems)
{
  g_autofree char *subject = banyan_object_dup_subject (object);
  const char *label
      = banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (object));
  g_autofree char *fallback = banyan_param_name_of_type (G_OBJECT_TYPE_NAME (object));
  BanyanSpecBuilder *builder
      = banyan_spec_builder_new (BANYAN_SPEC_MAP, banyan_spec_get_origin (spec));
  g_autoptr (BanyanSpec) map = NULL;
  g_autofree char *first = g_strndup (key, strcspn (key, "."));

  banyan_spec_builder_add (builder, first, banyan_spec_get_origin (spec), spec);
  map = banyan_spec_builder_end (builder);
  g_ptr_array_unref (banyan_param_match_keys (G_OBJECT_GET_CLASS (object), label ? label : fallback,
                                              map, NULL, subject, problems));
}

static gboolean
convert_link (BanyanRoot *root, GHashTable *candidates, GParamSpec *pspec, BanyanSpec *spec,
              const char *path, GValue *value, BanyanProblems *problems)
{
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (root, NULL, problems);
  BanyanLinkValue *link = banyan_link_value_new (pspec, spec, path);
  gboolean converted;

  mapper->candidates = candidates;
  converted = banyan_mapper_expand_link (mapper, NULL, link, "")
              && banyan_mapper_resolve_link (mapper, NULL, link)
              && banyan_link_value_get (link, value);
  banyan_link_value_free (link);
  return converted;
}

/**
 * banyan_mapper_convert: (skip)
 * @root: (nullable): where links are resolved
 * @candidates: (nullable) (element-type utf8 BanyanObject): what is about to be found there, by
 *   "nodes/disk0"
 * @object: an object
 * @key: the name or alias of a property, or something inside one: `cache.direct`
 * @spec: what is written for it
 * @pspec: (out): the property
 * @value: (out caller-allocates): where to put its value; not initialized
 * @problems: where to report what is wrong
 *
 * Converts one value for a property of an object that exists.
 *
 * Returns: whether @pspec and @value have been set
 */
gboolean
banyan_mapper_convert (BanyanRoot *root, GHashTable *candidates, BanyanObject *object,
                       const char *key, BanyanSpec *spec, GParamSpec **pspec, GValue *value,
                       BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) whole = NULL;
  g_autofree char *subject = NULL;
  g_autofree char *path = NULL;
  const char *rest;

  g_return_val_if_fail (BANYAN_IS_OBJECT (object), FALSE);
  g_return_val_if_fail (key != NULL && spec != NULL && problems != NULL, FALSE);

  *pspec = find_first (G_OBJECT_GET_CLASS (object), key, &rest);
  if (!*pspec || !banyan_param_is_settable (*pspec))
    {
      report_key (object, key, spec, problems);
      return FALSE;
    }

  subject = banyan_object_dup_subject (object);
  path = g_strconcat (subject, ".", (*pspec)->name, NULL);
  if (rest && ((*pspec)->flags & G_PARAM_READABLE) && G_TYPE_IS_OBJECT ((*pspec)->value_type))
    whole = complete (object, *pspec, rest, spec);
  else if (!rest)
    whole = banyan_spec_ref (spec);
  if (!whole)
    {
      banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY, banyan_spec_get_origin (spec),
                           path, "there is no \"%s\" in it that could be set", rest);
      return FALSE;
    }

  if (banyan_param_has_links (*pspec))
    return convert_link (root, candidates, *pspec, whole, path, value, problems);

  return banyan_param_convert (*pspec, whole, NULL, path, value, problems);
}
