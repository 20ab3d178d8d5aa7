/* banyan-param-private.h - what the parts of the object model share about properties
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-param.h>

G_BEGIN_DECLS

/* What is wrong with the declaration itself (a default outside its range), or NULL. Kept until
 * banyan_object_class_check(), so that a bad plugin is refused with a reason and not by a crash. */
const char *banyan_param_get_fault (GParamSpec *pspec);

/* The nick that @old_nick stands for, or NULL. */
const char *banyan_param_lookup_value_alias (GParamSpec *pspec, const char *old_nick);

/* The old nick number @index and the one that it stands for, or NULL after the last. */
const char *banyan_param_get_value_alias (GParamSpec *pspec, guint index, const char **nick);

gboolean banyan_param_is_link (GParamSpec *pspec);
gboolean banyan_param_is_struct (GParamSpec *pspec);
gboolean banyan_param_is_list (GParamSpec *pspec);
gboolean banyan_param_is_map (GParamSpec *pspec);
/* A link, or a list or map that has links somewhere in it. */
gboolean banyan_param_has_links (GParamSpec *pspec);

/* What a person may set, whatever g_object_set() thinks. */
gboolean banyan_param_is_settable (GParamSpec *pspec);

/* "BanyanThrottleGroup" is "throttle-group" to people. */
char *banyan_param_name_of_type (const char *type_name);
/* "a" or "an", before the name of a type. */
const char *banyan_param_article (const char *name);

/* Sets the fields of a new instance to their properties' defaults, without asking setters. */
void banyan_param_init_fields (GObject *instance);

/* Whether there is nothing where a string, a value or an object may be. */
gboolean banyan_value_is_null (const GValue *value);
/* Whether the value can be asked of an instance: a secret has no way out but its field. */
gboolean banyan_param_is_readable_field (GParamSpec *pspec);
/* Makes @value what is in force in @instance; FALSE where it cannot be asked: it is initialized
 * all the same. */
gboolean banyan_param_read_value (GParamSpec *pspec, gpointer instance, GValue *value);
/* Whether it is a struct, or a list or map of them. */
gboolean banyan_param_has_structs (GParamSpec *pspec);

/* Compares values, those inside structs, lists and maps included. */
gboolean banyan_value_equal (const GValue *one, const GValue *other);

/* As banyan_param_value_from_spec(), with relative paths made absolute against @directory
 * (nullable), at any depth. */
gboolean banyan_param_convert (GParamSpec *pspec, BanyanSpec *spec, const char *directory,
                               const char *path, GValue *value, BanyanProblems *problems);

/* "a list", "a string": what someone wrote, in a message. */
const char *banyan_param_name_of_kind (BanyanSpecKind kind);

/* @map with the maps that stand for dotted aliases written out: "limits: { iops-total: 5 }" becomes
 * "limits.iops-total: 5". (transfer full) */
BanyanSpec *banyan_param_flatten_keys (GObjectClass *klass, BanyanSpec *map);

/* The property that each key of @map means, NULL for those in @skip (nullable) and those that are
 * wrong, which are reported: unknown, given twice, not to be set. @label: what people call the
 * class. (transfer container) */
GPtrArray *banyan_param_match_keys (GObjectClass *klass, const char *label, BanyanSpec *map,
                                    const char *const *skip, const char *path,
                                    BanyanProblems *problems);
/* Reports that @pspec is required. */
void banyan_param_report_lack (GParamSpec *pspec, const char *label, const BanyanOrigin *place,
                               const char *path, BanyanProblems *problems);
/* Reports what is required and not among @given. */
void banyan_param_report_missing (GObjectClass *klass, const char *label, GPtrArray *given,
                                  const BanyanOrigin *place, const char *path,
                                  BanyanProblems *problems);

/* A link whose owner may find, once it is open, what an object lacks that is declared inline in it;
 * and the required link that may lack there. */
GParamSpec *banyan_param_completing (GParamSpec *pspec);
GParamSpec *banyan_param_completable (GParamSpec *pspec);
/* A link that is an edge of the graph, where it is seen to that a required one leads somewhere. */
GParamSpec *banyan_param_edge (GParamSpec *pspec);
gboolean banyan_param_is_edge (GParamSpec *pspec);
gboolean banyan_param_is_completing (GParamSpec *pspec);
gboolean banyan_param_is_completable (GParamSpec *pspec);

/* What stands in specs and messages for the value of a secret. */
#define BANYAN_REDACTED "(secret)"

/* "600000 ms", "64 KiB", "5000" */
char *banyan_param_format_uint (GParamSpec *pspec, guint64 number);
char *banyan_param_format_int (GParamSpec *pspec, gint64 number);
char *banyan_param_format_double (GParamSpec *pspec, double number);
/* The range's ends, formatted; FALSE for types without a range. */
gboolean banyan_param_format_range (GParamSpec *pspec, char **minimum, char **maximum);

G_END_DECLS
