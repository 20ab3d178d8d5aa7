/* banyan-param-ask.c - tells what was declared of a property
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-metadata.h"
#include "banyan-param-private.h"

#include <banyan/banyan-struct.h>

/* The property itself where a subclass overrides it. */
static GParamSpec *
behind_redirects (GParamSpec *pspec)
{
  GParamSpec *target;

  while ((target = g_param_spec_get_redirect_target (pspec)))
    pspec = target;

  return pspec;
}

static const BanyanParamMetadata *
metadata_peek (GParamSpec *pspec)
{
  return g_param_spec_get_qdata (behind_redirects (pspec), banyan_param_metadata_quark ());
}

const char *
banyan_param_get_fault (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->fault : NULL;
}

/**
 * banyan_param_get_unit:
 * @pspec: a property
 *
 * Returns: what a number counts
 */
BanyanUnit
banyan_param_get_unit (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->unit : BANYAN_UNIT_NONE;
}

/**
 * banyan_param_get_kind:
 * @pspec: a property
 *
 * Returns: whether it is set, is, or was counted
 */
BanyanParamKind
banyan_param_get_kind (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  if (self)
    return self->kind;

  return pspec->flags & G_PARAM_WRITABLE ? BANYAN_PARAM_CONFIGURATION : BANYAN_PARAM_STATE;
}

/**
 * banyan_param_get_mutability:
 * @pspec: a property
 *
 * Returns: when it may change
 */
BanyanMutability
banyan_param_get_mutability (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->mutability : BANYAN_MUTABLE_BEFORE_OPEN;
}

/**
 * banyan_param_is_required:
 * @pspec: a property
 *
 * Returns: whether it has to be given
 */
gboolean
banyan_param_is_required (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_required;
}

gboolean
banyan_param_is_edge (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_edge;
}

gboolean
banyan_param_is_completing (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_completing;
}

gboolean
banyan_param_is_completable (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_completable;
}

/**
 * banyan_param_is_secret:
 * @pspec: a property
 *
 * Returns: whether its value must not be shown
 */
gboolean
banyan_param_is_secret (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_secret;
}

/**
 * banyan_param_is_identifying:
 * @pspec: a property
 *
 * Returns: whether it tells two objects of one type apart
 */
gboolean
banyan_param_is_identifying (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_identifying;
}

/**
 * banyan_param_is_inherited:
 * @pspec: a property
 *
 * Returns: whether objects declared inline get their parent's value
 */
gboolean
banyan_param_is_inherited (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_inherited;
}

/**
 * banyan_param_describe_inline_defaults:
 * @pspec: a property
 *
 * Returns: (transfer full) (nullable): a map from properties to what they are in objects that are
 *   declared inline in this link and do not say otherwise; %NULL where that is nothing special
 */
BanyanSpec *
banyan_param_describe_inline_defaults (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_INHERITED };
  BanyanSpecBuilder *map;

  if (!self || !self->inline_defaults)
    return NULL;

  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  for (guint i = 0; i < self->inline_defaults->len; i += 2)
    banyan_spec_builder_take (
        map, self->inline_defaults->pdata[i],
        banyan_spec_new_scalar (BANYAN_SPEC_TEXT, self->inline_defaults->pdata[i + 1], &origin));
  return banyan_spec_builder_end (map);
}

/**
 * banyan_param_is_path:
 * @pspec: a property
 *
 * Returns: whether it is the path of a file
 */
gboolean
banyan_param_is_path (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->is_path;
}

/**
 * banyan_param_get_computed_default:
 * @pspec: a property
 *
 * Returns: (nullable): a sentence on how the default is found; %NULL where it is a constant
 */
const char *
banyan_param_get_computed_default (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->computed_default : NULL;
}

/**
 * banyan_param_get_aliases:
 * @pspec: a property
 *
 * Returns: (transfer none) (array zero-terminated=1): other keys that documents may use
 */
const char *const *
banyan_param_get_aliases (GParamSpec *pspec)
{
  static const char *const none[] = { NULL };
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->aliases->len > 0 ? (const char *const *) self->aliases->pdata : none;
}

/**
 * banyan_param_get_link_target:
 * @pspec: a property
 *
 * Returns: (nullable): name of the GType that a link may point to; %NULL for what is no link
 */
const char *
banyan_param_get_link_target (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->link_target : NULL;
}

/**
 * banyan_param_get_declared_type:
 * @pspec: a property
 *
 * Returns: (nullable): name of the GType of what a property declares that takes a spec; %NULL if it
 *   takes values, or any spec
 */
const char *
banyan_param_get_declared_type (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->declared_type : NULL;
}

/**
 * banyan_param_has_members:
 * @pspec: a property
 *
 * Returns: whether it is a map of objects that belong to the one that has the property
 */
gboolean
banyan_param_has_members (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self && self->has_members;
}

/**
 * banyan_param_get_element:
 * @pspec: a property
 *
 * Returns: (transfer none) (nullable): what describes one member of a list or map; %NULL for all
 * others
 */
GParamSpec *
banyan_param_get_element (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->element : NULL;
}

/**
 * banyan_param_get_offset: (skip)
 * @pspec: a property
 *
 * Returns: where its field lies in the instance, or %BANYAN_NO_FIELD
 */
guint
banyan_param_get_offset (GParamSpec *pspec)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  return self ? self->offset : BANYAN_NO_FIELD;
}

const char *
banyan_param_get_value_alias (GParamSpec *pspec, guint index, const char **nick)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  if (self == NULL || 2 * index >= self->value_aliases->len)
    return NULL;

  *nick = self->value_aliases->pdata[2 * index + 1];
  return self->value_aliases->pdata[2 * index];
}

const char *
banyan_param_lookup_value_alias (GParamSpec *pspec, const char *old_nick)
{
  const BanyanParamMetadata *self = metadata_peek (pspec);

  for (guint i = 0; self && i < self->value_aliases->len; i += 2)
    if (g_str_equal (self->value_aliases->pdata[i], old_nick))
      return self->value_aliases->pdata[i + 1];

  return NULL;
}

gboolean
banyan_param_is_link (GParamSpec *pspec)
{
  return banyan_param_get_link_target (pspec) != NULL;
}

gboolean
banyan_param_is_struct (GParamSpec *pspec)
{
  return g_type_is_a (pspec->value_type, BANYAN_TYPE_STRUCT);
}

gboolean
banyan_param_is_list (GParamSpec *pspec)
{
  return pspec->value_type == BANYAN_TYPE_LIST && banyan_param_get_element (pspec);
}

gboolean
banyan_param_is_map (GParamSpec *pspec)
{
  return pspec->value_type == BANYAN_TYPE_MAP && banyan_param_get_element (pspec);
}

gboolean
banyan_param_has_links (GParamSpec *pspec)
{
  while (banyan_param_get_element (pspec))
    pspec = banyan_param_get_element (pspec);

  return banyan_param_is_link (pspec);
}

gboolean
banyan_param_has_structs (GParamSpec *pspec)
{
  while (banyan_param_get_element (pspec))
    pspec = banyan_param_get_element (pspec);

  return banyan_param_is_struct (pspec);
}

gboolean
banyan_param_is_readable_field (GParamSpec *pspec)
{
  return banyan_param_get_offset (pspec) != BANYAN_NO_FIELD || (pspec->flags & G_PARAM_READABLE);
}

gboolean
banyan_param_is_settable (GParamSpec *pspec)
{
  return banyan_param_get_kind (pspec) == BANYAN_PARAM_CONFIGURATION
         && (pspec->flags & G_PARAM_WRITABLE) && !(pspec->flags & G_PARAM_CONSTRUCT_ONLY);
}
