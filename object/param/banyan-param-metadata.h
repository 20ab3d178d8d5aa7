/* banyan-param-metadata.h - what GParamSpec has no room for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-param.h>

G_BEGIN_DECLS

/* Metadata hangs on the pspec, so a property that an interface or another library declared simply
 * has none and gets the defaults. It is written while the class is made and only read afterwards.
 */
typedef struct
{
  BanyanUnit unit;
  BanyanParamKind kind;
  BanyanMutability mutability;
  guint offset;
  gboolean is_required;
  gboolean is_secret;
  gboolean is_identifying;
  gboolean is_inherited;
  gboolean is_path;
  gboolean is_completing;
  gboolean is_completable;
  gboolean is_edge;
  char *computed_default;   /* (owned) (nullable) */
  GPtrArray *aliases;       /* (owned): ends with NULL */
  GPtrArray *value_aliases; /* (owned): pairs, the old nick first */
  char *link_target;        /* (owned) (nullable) */
  gboolean has_members;
  char *declared_type;        /* (owned) (nullable) */
  GPtrArray *inline_defaults; /* (owned) (nullable): pairs, the property first */
  GParamSpec *element;        /* (owned) (nullable) */
  char *fault;                /* (owned) (nullable) */
} BanyanParamMetadata;

GQuark banyan_param_metadata_quark (void);

G_END_DECLS
