/* banyan-param.h - what GParamSpec lacks: units, kinds, mutability, links, structs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-list.h>
#include <banyan/banyan-problems.h>

G_BEGIN_DECLS

typedef enum
{
  BANYAN_UNIT_NONE,
  BANYAN_UNIT_BYTES,
  BANYAN_UNIT_BYTES_PER_SECOND,
  BANYAN_UNIT_NS,
  BANYAN_UNIT_US,
  BANYAN_UNIT_MS,
  BANYAN_UNIT_S,
  BANYAN_UNIT_OPERATIONS,
  BANYAN_UNIT_OPERATIONS_PER_SECOND,
  BANYAN_UNIT_PERCENT,
  BANYAN_UNIT_BITS,
} BanyanUnit;

typedef enum
{
  BANYAN_PARAM_CONFIGURATION, /* what a person sets */
  BANYAN_PARAM_STATE,         /* what is; read-only */
  BANYAN_PARAM_STATISTIC,     /* what was counted; read-only */
} BanyanParamKind;

typedef enum
{
  BANYAN_MUTABLE_BEFORE_OPEN, /* only before opening */
  BANYAN_MUTABLE_REOPEN,      /* by reopening under drain: the class implements the change phases */
  BANYAN_MUTABLE_LIVE,        /* at any time */
  BANYAN_MUTABLE_RESIZE,      /* by resizing under drain: it is the length of its node */
} BanyanMutability;

/* Declaring. Each returns a floating GParamSpec whose field lies at @offset in the instance;
 * banyan_object_set_field() and banyan_object_get_field() serve it. Numbers and booleans are live
 * and strings, structs, lists and links fixed after opening, unless a modifier says otherwise. */

#define BANYAN_NO_FIELD G_MAXUINT /* the class has accessors of its own */

BANYAN_API
GParamSpec *banyan_param_boolean (const char *name, const char *nick, const char *blurb,
                                  gboolean default_value, guint offset);
BANYAN_API
GParamSpec *banyan_param_int (const char *name, const char *nick, const char *blurb,
                              BanyanUnit unit, gint minimum, gint maximum, gint default_value,
                              guint offset);
BANYAN_API
GParamSpec *banyan_param_uint (const char *name, const char *nick, const char *blurb,
                               BanyanUnit unit, guint minimum, guint maximum, guint default_value,
                               guint offset);
BANYAN_API
GParamSpec *banyan_param_int64 (const char *name, const char *nick, const char *blurb,
                                BanyanUnit unit, gint64 minimum, gint64 maximum,
                                gint64 default_value, guint offset);
BANYAN_API
GParamSpec *banyan_param_uint64 (const char *name, const char *nick, const char *blurb,
                                 BanyanUnit unit, guint64 minimum, guint64 maximum,
                                 guint64 default_value, guint offset);
/* What was counted, from nothing on: a statistic. */
BANYAN_API
GParamSpec *banyan_param_counter (const char *name, const char *nick, const char *blurb,
                                  BanyanUnit unit, guint offset);
BANYAN_API
GParamSpec *banyan_param_double (const char *name, const char *nick, const char *blurb,
                                 BanyanUnit unit, double minimum, double maximum,
                                 double default_value, guint offset);
BANYAN_API
GParamSpec *banyan_param_enum (const char *name, const char *nick, const char *blurb,
                               GType enum_type, gint default_value, guint offset);
BANYAN_API
GParamSpec *banyan_param_flags (const char *name, const char *nick, const char *blurb,
                                GType flags_type, guint default_value, guint offset);
BANYAN_API
GParamSpec *banyan_param_string (const char *name, const char *nick, const char *blurb,
                                 const char *default_value, guint offset);
/* @struct_type: a BanyanStruct class; the field is a pointer to an (owned) frozen instance. */
BANYAN_API
GParamSpec *banyan_param_struct (const char *name, const char *nick, const char *blurb,
                                 GType struct_type, guint offset);
/* The field is an (owned) BanyanList or BanyanMap; @element is a pspec that describes one member;
 * its name is not used. */
BANYAN_API
GParamSpec *banyan_param_list (const char *name, const char *nick, const char *blurb,
                               GParamSpec *element, guint offset);
BANYAN_API
GParamSpec *banyan_param_map (const char *name, const char *nick, const char *blurb,
                              GParamSpec *element, guint offset);
/* A link to an object of type @target_type, by GType name, since another plugin may register it.
 * The field is an (owned) pointer. In a list or map of links, @element is such a pspec. */
BANYAN_API
GParamSpec *banyan_param_link (const char *name, const char *nick, const char *blurb,
                               const char *target_type, guint offset);

/* A map of objects that belong to this one: their ids are the map's keys, their parent is this
 * object ("/frontends/nbd0/disk0"), and they are declared inline only. @member_type by GType name:
 * a concrete class, or an abstract one with a "type" key. The field is an (owned) BanyanMap of
 * objects. */
BANYAN_API
GParamSpec *banyan_param_members (const char *name, const char *nick, const char *blurb,
                                  const char *member_type, guint offset);

/* Something that is not a value but declares one: a spec of an object that is yet to be made, of
 * @base_type, by GType name (NULL: any spec). The field is an (owned) BanyanSpec. */
BANYAN_API
GParamSpec *banyan_param_declaration (const char *name, const char *nick, const char *blurb,
                                      const char *base_type, guint offset);

/* -- Modifiers: change @pspec and return it, so that they nest around a declaration. -- */

BANYAN_API
GParamSpec *banyan_param_mutable (GParamSpec *pspec, BanyanMutability mutability);
BANYAN_API
GParamSpec *banyan_param_required (GParamSpec *pspec);
BANYAN_API
GParamSpec *banyan_param_secret (GParamSpec *pspec);
BANYAN_API
GParamSpec *banyan_param_state (GParamSpec *pspec);
BANYAN_API
GParamSpec *banyan_param_statistic (GParamSpec *pspec);
/* The default is not a constant; @sentence says how it is found. */
BANYAN_API
GParamSpec *banyan_param_computed (GParamSpec *pspec, const char *sentence);
BANYAN_API
GParamSpec *banyan_param_alias (GParamSpec *pspec, const char *alias);
/* Enum and flags: @old_nick in a document means the value @nick. */
BANYAN_API
GParamSpec *banyan_param_value_alias (GParamSpec *pspec, const char *old_nick, const char *nick);
/* Tells two objects with the same driver apart when plan matches them: filename, host, ... */
BANYAN_API
GParamSpec *banyan_param_identifying (GParamSpec *pspec);
/* An inline child that does not say otherwise gets its parent's declared value. */
BANYAN_API
GParamSpec *banyan_param_inherited (GParamSpec *pspec);
/* Of a link: an object declared inline in it that does not say otherwise has @value there, not its
 * parent's. */
BANYAN_API
GParamSpec *banyan_param_inline_default (GParamSpec *pspec, const char *property,
                                         const char *value);
/* The string is a path: relative ones are relative to the document. */
BANYAN_API
GParamSpec *banyan_param_path (GParamSpec *pspec);

/* -- Asking. Defaults for a plain GParamSpec. -- */

BANYAN_API
BanyanUnit banyan_param_get_unit (GParamSpec *pspec);
BANYAN_API
BanyanParamKind banyan_param_get_kind (GParamSpec *pspec);
BANYAN_API
BanyanMutability banyan_param_get_mutability (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_is_required (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_is_secret (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_is_identifying (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_is_inherited (GParamSpec *pspec);
/* What objects declared inline in this link have: a map from properties to values. (nullable):
 * nothing of their own */
BANYAN_API
BanyanSpec *banyan_param_describe_inline_defaults (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_is_path (GParamSpec *pspec);
BANYAN_API
const char *banyan_param_get_computed_default (GParamSpec *pspec);
BANYAN_API
const char *const *banyan_param_get_aliases (GParamSpec *pspec);
BANYAN_API
const char *banyan_param_get_link_target (GParamSpec *pspec);
BANYAN_API
gboolean banyan_param_has_members (GParamSpec *pspec);
BANYAN_API
const char *banyan_param_get_declared_type (GParamSpec *pspec);
BANYAN_API
GParamSpec *banyan_param_get_element (GParamSpec *pspec);
BANYAN_API
guint banyan_param_get_offset (GParamSpec *pspec);
/* "boolean", "integer", "size", "duration", "string", "enum", "link to node", "list of string"
 * and so on. */
BANYAN_API
char *banyan_param_describe_type (GParamSpec *pspec);
/* "0 to 600000 ms"; NULL where there is none. */
BANYAN_API
char *banyan_param_describe_range (GParamSpec *pspec);
BANYAN_API
char *banyan_param_describe_default (GParamSpec *pspec);

/* -- Converting. -- */

/* Fills @value (unset on entry) from @spec by @pspec's type: TEXT is converted, JSON kinds are
 * strict. Problems are reported with @path. Links are not resolved here: a link's value is left to
 * the mapper. */
BANYAN_API
gboolean banyan_param_value_from_spec (GParamSpec *pspec, BanyanSpec *spec, const char *path,
                                       GValue *value, BanyanProblems *problems);
BANYAN_API
BanyanSpec *banyan_param_value_to_spec (GParamSpec *pspec, const GValue *value,
                                        const BanyanOrigin *origin);

/* The field accessors that instances of any class share. */
BANYAN_API
void banyan_param_read_field (GParamSpec *pspec, gpointer instance, GValue *value);
BANYAN_API
void banyan_param_write_field (GParamSpec *pspec, gpointer instance, const GValue *value);
/* Frees what the fields of @instance own, of all its classes. */
BANYAN_API
void banyan_param_clear_fields (GObject *instance);

G_END_DECLS
