/* inspect.h - the parts of `banyan inspect`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* One line of a type's properties: a property, or a field of one that has parts. The tree of a
 * description is flattened, so that "cache.direct" stands where people look for it. */
typedef struct
{
  char *name;          /* "cache.direct", "rules[].error", "exports.ID.node" */
  BanyanSpec *facts;   /* (unowned): the description has it, or @made */
  BanyanSpec *made;    /* (owned) (nullable): of what no class declares */
  const char *variant; /* (unowned) (nullable): the kind of struct that alone has it */
  gboolean is_field;   /* of a struct, which is replaced whole: it has no changes of its own */
} InspectProperty;

typedef enum
{
  INSPECT_OWN,       /* configuration that the class itself declares */
  INSPECT_INHERITED, /* configuration that its parents declare */
  INSPECT_STATE,
  INSPECT_STATISTIC,
  N_INSPECT_GROUPS,
} InspectGroup;

/* (element-type InspectProperty) */
GPtrArray *inspect_list_properties (BanyanSpec *description, InspectGroup group);
GPtrArray *inspect_list_parts (BanyanSpec *description, const char *outer);
/* @name may be an alias. NULL: there is none. (transfer full) */
InspectProperty *inspect_find_property (BanyanSpec *description, const char *name);
/* What may have been meant. (transfer full) (nullable) */
char *inspect_find_nearest (BanyanSpec *description, const char *name);
void inspect_property_free (InspectProperty *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (InspectProperty, inspect_property_free)

/* An enumeration's values, also of a list's elements. (nullable) */
BanyanSpec *inspect_get_choices (BanyanSpec *facts);
/* "duration, 0 to 600000 ms" */
char *inspect_describe_value (BanyanSpec *facts);
/* NULL: none, or not worth a word. */
char *inspect_describe_default (BanyanSpec *facts);
/* "live", "by reopening", "before opening" */
const char *inspect_describe_mutability (const InspectProperty *property);
/* The blurb with what else there is to know. */
char *inspect_describe_meaning (const InspectProperty *property);
/* "data, metadata; required" */
char *inspect_describe_role (BanyanSpec *role);
/* What the class implements of the requests: "read, write". NULL: not a node. */
char *inspect_describe_operations (BanyanSpec *description);

/* inspect-type.c */
CliStatus inspect_print_type (BanyanTypeInfo *type, gboolean as_json);
CliStatus inspect_print_property (BanyanTypeInfo *type, const char *name, gboolean as_json);

/* inspect-lists.c */
CliStatus inspect_print_types (gboolean as_json);
CliStatus inspect_print_plugins (gboolean as_json);
guint inspect_count_broken (void);

/* inspect-markdown.c */
CliStatus inspect_print_markdown (BanyanTypeInfo *type);

G_END_DECLS
