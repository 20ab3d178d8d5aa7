/* banyan-describe-private.h - how descriptions of types are put together
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-registry-private.h"

G_BEGIN_DECLS

/* These add to a map what banyan_spec_builder_add_boolean() and the like would, but nothing where
 * that is FALSE or an empty list: what is left out is not so. */
void banyan_describe_true (BanyanSpecBuilder *map, const char *key, gboolean value);
void banyan_describe_strings (BanyanSpecBuilder *map, const char *key, const char *const *strings);
void banyan_describe_built (BanyanSpecBuilder *map, const char *key, BanyanSpecBuilder *builder);

/* The properties of @klass as a list under @key. */
void banyan_describe_properties (BanyanSpecBuilder *map, const char *key, GObjectClass *klass);

/* Everything about a loaded class. (transfer full) */
BanyanSpec *banyan_describe_type (BanyanTypeInfo *info);

G_END_DECLS
