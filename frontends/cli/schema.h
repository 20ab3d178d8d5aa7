/* schema.h - the parts of `banyan schema`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* A schema for the value of a property, from its description. (transfer full) */
BanyanSpec *schema_of_value (BanyanSpec *facts);
/* "properties", "required" and "additionalProperties" for a list of described properties; state and
 * what is in @leave_out (nullable) are left out. */
void schema_add_properties (BanyanSpecBuilder *schema, BanyanSpec *facts, BanyanSpecBuilder *fixed,
                            const char *const *required);

/* What a whole number looks like as a string, with the suffixes of its unit. (transfer full) */
char *schema_make_pattern (BanyanSpec *facts);

/* { "$ref": "#/$defs/NAME" } */
BanyanSpec *schema_reference (const char *name);

G_END_DECLS
