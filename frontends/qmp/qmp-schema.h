/* qmp-schema.h - the list of all types, commands and events, as query-qmp-schema answers it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each of these makes sure that a type is in the list, with all that it refers to, and gives the
 * name by which others refer to it: interned. */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef struct
{
  BanyanSpecBuilder *list; /* (owned): what has been described */
  GHashTable *names;       /* (owned): its names, interned */
} QmpSchema;

/* FALSE: it is there, or being described. */
gboolean qmp_schema_begin (QmpSchema *self, const char *name);
/* An entry of the list, to be filled and added. */
BanyanSpecBuilder *qmp_schema_new_entry (const char *name, const char *meta_type);
void qmp_schema_add (QmpSchema *self, BanyanSpecBuilder *entry);
/* @types: up to a NULL */
void qmp_schema_add_alternate (QmpSchema *self, const char *name, const char *const *types);

/* "str", "int", "number", "bool", "null", "any" */
const char *qmp_schema_builtin (QmpSchema *self, const char *name);
const char *qmp_schema_array (QmpSchema *self, const char *element);
/* @values: (element-type utf8) */
const char *qmp_schema_enum (QmpSchema *self, const char *name, GPtrArray *values);
/* Of what commands and events answer, written in short: qmp-schema-notation.c. */
const char *qmp_schema_notation (QmpSchema *self, const char *name, const char *text);
void qmp_schema_add_case (BanyanSpecBuilder *variants, const char *name, const char *type);
/* Of nobody's property. */
void qmp_schema_add_plain_member (BanyanSpecBuilder *members, const char *name, const char *type,
                                  gboolean is_optional, const char *description);
/* @members, @variants: (transfer full) */
void qmp_schema_add_object (QmpSchema *self, const char *name, BanyanSpecBuilder *members);
void qmp_schema_add_union (QmpSchema *self, const char *name, BanyanSpecBuilder *members,
                           const char *tag, BanyanSpecBuilder *variants);

/* -- What properties take: qmp-schema-property.c. @property: as types' descriptions have it. -- */

const char *qmp_schema_value (QmpSchema *self, const char *name, BanyanSpec *property);
/* Adds a member of an object. */
void qmp_schema_member (QmpSchema *self, BanyanSpecBuilder *members, const char *owner,
                        BanyanSpec *property);
gboolean qmp_schema_is_settable (BanyanSpec *property);

/* -- What is declared: qmp-schema-options.c. -- */

/* By GType name: "BanyanNode"; NULL: anything. */
const char *qmp_schema_declaration (QmpSchema *self, const char *base_type);
/* A node by name or inline. */
const char *qmp_schema_node_ref (QmpSchema *self, gboolean may_be_null);
const char *qmp_schema_arguments (QmpSchema *self, const char *name, BanyanSpec *description);

G_END_DECLS
