/* banyan-param-keys.c - which properties the keys of a map mean
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#include <string.h>

static void
report_unknown (GObjectClass *klass, const char *label, BanyanSpec *map, guint index,
                const char *path, BanyanProblems *problems)
{
  static const char *const names[] = { "node-name", NULL };
  g_autofree const char **keys = banyan_object_class_list_keys (klass);
  const char *key = banyan_spec_get_key (map, index);
  const char *nearest = banyan_did_you_mean (key, keys);
  g_autofree char *quoted = banyan_spec_quote (key);

  /* Which a node may have, though it is no property of its. */
  if (nearest == NULL && banyan_spec_lookup (map, "driver") != NULL)
    nearest = banyan_did_you_mean (key, names);
  if (nearest)
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
                         banyan_spec_get_key_origin (map, index), path,
                         "%s has no property %s; did you mean \"%s\"?", label, quoted, nearest);
  else
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
                         banyan_spec_get_key_origin (map, index), path, "%s has no property %s",
                         label, quoted);
}

static void
report_read_only (GParamSpec *pspec, const char *label, BanyanSpec *map, guint index,
                  const char *path, BanyanProblems *problems)
{
  const char *what = banyan_param_get_kind (pspec) == BANYAN_PARAM_STATISTIC
                         ? "tells what was counted"
                         : "tells what is";

  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
                       banyan_spec_get_key_origin (map, index), path,
                       "the property \"%s\" of %s %s and cannot be set", pspec->name, label, what);
}

static void
report_twice (GParamSpec *pspec, BanyanSpec *map, guint first, guint second, const char *path,
              BanyanProblems *problems)
{
  g_autofree char *place = banyan_origin_to_string (banyan_spec_get_key_origin (map, first));
  const char *key = banyan_spec_get_key (map, second);

  if (g_str_equal (key, pspec->name))
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_DUPLICATE,
                         banyan_spec_get_key_origin (map, second), path,
                         "\"%s\" is what \"%s\" means, which %s gives already", key,
                         banyan_spec_get_key (map, first), place);
  else
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_DUPLICATE,
                         banyan_spec_get_key_origin (map, second), path,
                         "\"%s\" means \"%s\", which %s gives already", key, pspec->name, place);
}

/* -- Aliases with a dot: "limits.iops-total" is what stands in a map of that name. -- */

static gboolean
has_aliases_in (GObjectClass *klass, const char *key)
{
  g_autofree GParamSpec **pspecs = NULL;
  gsize length = strlen (key);
  guint n_pspecs;

  pspecs = g_object_class_list_properties (klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    for (const char *const *alias = banyan_param_get_aliases (pspecs[i]); *alias; alias++)
      if (strncmp (*alias, key, length) == 0 && (*alias)[length] == '.')
        return TRUE;

  return FALSE;
}

/* What is there already keeps its place: the map stays as it is then, and is told to be unknown. */
static void
add_inner (BanyanSpecBuilder *flat, const char *key, const BanyanOrigin *place, BanyanSpec *inner)
{
  for (guint i = 0; i < banyan_spec_get_length (inner); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%s", key, banyan_spec_get_key (inner, i));

      if (!banyan_spec_builder_add (flat, name, banyan_spec_get_key_origin (inner, i),
                                    banyan_spec_get_item (inner, i)))
        banyan_spec_builder_add (flat, key, place, inner);
    }
}

BanyanSpec *
banyan_param_flatten_keys (GObjectClass *klass, BanyanSpec *map)
{
  BanyanSpecBuilder *flat = banyan_spec_builder_new (BANYAN_SPEC_MAP, banyan_spec_get_origin (map));

  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    {
      const char *key = banyan_spec_get_key (map, i);
      BanyanSpec *item = banyan_spec_get_item (map, i);

      if (banyan_spec_get_kind (item) == BANYAN_SPEC_MAP
          && !banyan_object_class_find_key (klass, key) && has_aliases_in (klass, key))
        add_inner (flat, key, banyan_spec_get_key_origin (map, i), item);
      else
        banyan_spec_builder_add (flat, key, banyan_spec_get_key_origin (map, i), item);
    }

  if (banyan_spec_is_partial (map))
    banyan_spec_builder_set_partial (flat);
  return banyan_spec_builder_end (flat);
}

GPtrArray *
banyan_param_match_keys (GObjectClass *klass, const char *label, BanyanSpec *map,
                         const char *const *skip, const char *path, BanyanProblems *problems)
{
  GPtrArray *matches = g_ptr_array_sized_new (banyan_spec_get_length (map));

  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    {
      const char *key = banyan_spec_get_key (map, i);
      GParamSpec *pspec = banyan_object_class_find_key (klass, key);
      guint first;

      g_ptr_array_add (matches, NULL);
      if (skip && g_strv_contains (skip, key))
        continue;

      if (!pspec)
        report_unknown (klass, label, map, i, path, problems);
      else if (!banyan_param_is_settable (pspec))
        report_read_only (pspec, label, map, i, path, problems);
      else if (g_ptr_array_find (matches, pspec, &first))
        report_twice (pspec, map, first, i, path, problems);
      else
        matches->pdata[i] = pspec;
    }

  return matches;
}

void
banyan_param_report_lack (GParamSpec *pspec, const char *label, const BanyanOrigin *place,
                          const char *path, BanyanProblems *problems)
{
  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_MISSING, place, path,
                       "%s needs the property \"%s\"", label, pspec->name);
}

void
banyan_param_report_missing (GObjectClass *klass, const char *label, GPtrArray *given,
                             const BanyanOrigin *place, const char *path, BanyanProblems *problems)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_required (pspecs[i]) && !g_ptr_array_find (given, pspecs[i], NULL))
      banyan_param_report_lack (pspecs[i], label, place, path, problems);
}
